"""One token set for each Xero user, refreshed once, saved before use, and never lost to a crash."""

import asyncio
import time
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from app.books import access, connections, grants
from app.books.broken import Broken
from app.core import db
from app.core.errors import Upstream
from app.merchants import identity
from tests.rooms.xero_desk import Desk, open_desk, the_row

TOKEN = "/xero/identity/connect/token"


@pytest.fixture
async def desk(sandbox: str, database_url: str) -> AsyncIterator[Desk]:
    async with open_desk(sandbox, database_url) as made:
        await db.fetch("TRUNCATE app_user, merchant, xero_budget, xero_permit, job CASCADE")
        yield made


@pytest.fixture
async def signed(desk: Desk) -> identity.SignedIn:
    return await desk.sign_in()


@pytest.fixture
async def grant(desk: Desk, signed: identity.SignedIn) -> UUID:
    return await desk.grant_id(signed.user_id)


@pytest.fixture
async def connection(desk: Desk, signed: identity.SignedIn) -> UUID:
    """Hannah's organisation, connected."""
    listed = await connections.choices(desk.clients, signed.user_id)
    return await connections.connect(desk.clients, signed.merchant_id, signed.user_id, listed[0].xero_connection_id)


async def expire(grant: UUID, seconds: float = -1) -> None:
    """Our copy of the access token has this long to live."""
    sql = "UPDATE xero_grant SET expires_at = now() + make_interval(secs => $2) WHERE id = $1"
    await db.fetch(sql, grant, float(seconds))


async def state(grant: UUID) -> str:
    found: str = await db.fetch_value("SELECT state FROM xero_grant WHERE id = $1", grant)
    return found


async def test_single_flight(desk: Desk, grant: UUID) -> None:
    """Fifty callers with an expired token cause exactly one refresh and get the same new token."""
    await expire(grant)
    before = desk.tokens_asked()
    tokens = await asyncio.gather(*(access.access_token(desk.clients, grant) for _ in range(50)))

    assert 1 == len(set(tokens))
    assert 1 == desk.tokens_asked() - before


async def test_refresh_in_good_time(desk: Desk, grant: UUID) -> None:
    """A token near its end is renewed by one caller while the others go on with it."""
    await expire(grant, 120)
    before = desk.tokens_asked()
    desk.fault(TOKEN, {"delay": 0.3})
    tokens = await asyncio.gather(*(access.access_token(desk.clients, grant) for _ in range(20)))

    assert 2 == len(set(tokens))
    assert 1 == desk.tokens_asked() - before


async def test_fresh_token_is_kept(desk: Desk, grant: UUID) -> None:
    """A token with time left is used as it is."""
    before = desk.tokens_asked()
    await access.access_token(desk.clients, grant)
    assert 0 == desk.tokens_asked() - before


async def test_crash_before_the_save(desk: Desk, grant: UUID) -> None:
    """When Xero rotated the token but its answer was lost, the old one still works within the grace period."""
    await expire(grant)
    desk.fault(TOKEN, {"commit_then_reset": True}, times=1)
    with pytest.raises(Upstream) as lost:
        await access.access_token(desk.clients, grant)
    assert not lost.value.permanent
    desk.advance(1_500)
    await db.fetch("UPDATE xero_grant SET lease_until = NULL")

    assert await access.access_token(desk.clients, grant)
    assert "active" == await state(grant)


async def test_previous_token_in_grace(desk: Desk, grant: UUID) -> None:
    """When Xero refuses the newest refresh token, the one before it is tried for thirty minutes."""
    await expire(grant)
    await access.access_token(desk.clients, grant)
    bad = desk.clients.vault.seal("never-issued")
    await db.fetch("UPDATE xero_grant SET refresh_token = $1", bad)
    await expire(grant)

    assert await access.access_token(desk.clients, grant)
    assert "active" == await state(grant)


async def test_lost_grant(desk: Desk, grant: UUID, connection: UUID) -> None:
    """A grant that Xero takes back needs a new consent; nothing is deleted and Xero is not asked again."""
    await desk.clients.identity.revoke(await grants.refresh_token(desk.clients, grant))
    await expire(grant)
    for _ in range(2):
        with pytest.raises(Broken):
            await access.access_token(desk.clients, grant)

    row = await the_row("SELECT state, state_reason FROM connection WHERE id = $1", connection)
    assert "needs_reconnect" == await state(grant)
    assert ("broken", "token") == (row["state"], row["state_reason"])
    asked = desk.tokens_asked()
    with pytest.raises(Broken):
        await access.access_token(desk.clients, grant)
    assert 0 == desk.tokens_asked() - asked


async def test_consent_repairs(desk: Desk, grant: UUID, connection: UUID, signed: identity.SignedIn) -> None:
    """A fresh consent brings the connection back and asks for an import of what was missed."""
    await desk.clients.identity.revoke(await grants.refresh_token(desk.clients, grant))
    await expire(grant)
    with pytest.raises(Broken):
        await access.access_token(desk.clients, grant)
    await db.fetch("DELETE FROM job")
    await desk.sign_in()

    assert "connected" == await db.fetch_value("SELECT state FROM connection WHERE id = $1", connection)
    kinds = {row["kind"] for row in await db.fetch("SELECT kind FROM job WHERE subject = $1", str(connection))}
    assert "connection.import" in kinds


async def test_fencing(desk: Desk, grant: UUID, signed: identity.SignedIn) -> None:
    """A refresh that comes back after the grant was renewed by a new consent is not saved over it."""
    query = desk.consent(await identity.begin(desk.clients, "connect", "", "browser"))
    await expire(grant)
    desk.fault(TOKEN, {"commit_then_delay": 3.0}, nth=1)
    late = asyncio.create_task(access.access_token(desk.clients, grant))
    await desk.struck()
    newer = await identity.finish(desk.clients, query, "browser")
    stored = await the_row("SELECT access_token, refresh_token FROM xero_grant WHERE id = $1", grant)
    token = await late

    after = await the_row("SELECT access_token, refresh_token FROM xero_grant WHERE id = $1", grant)
    assert newer.user_id == signed.user_id
    assert tuple(stored) == tuple(after)
    assert token == desk.clients.vault.open(stored["access_token"])


async def test_caller_leaves(desk: Desk, grant: UUID) -> None:
    """A caller that goes away in mid-refresh does not lose the rotated token."""
    await expire(grant)
    before = desk.tokens_asked()
    desk.fault(TOKEN, {"delay": 0.4}, times=1)
    gone = asyncio.create_task(access.access_token(desk.clients, grant))
    await asyncio.sleep(0.2)
    gone.cancel()
    token = await access.access_token(desk.clients, grant)

    assert token
    assert 1 == desk.tokens_asked() - before
    assert 2 == await db.fetch_value("SELECT version FROM xero_grant WHERE id = $1", grant)


async def test_identity_away(desk: Desk, grant: UUID) -> None:
    """While Xero's identity service is away a token that is still good goes on, and no storm of tries begins."""
    desk.fault(TOKEN, {"status": 503})
    await expire(grant, 120)
    before = desk.tokens_asked()
    assert await access.access_token(desk.clients, grant)
    assert await access.access_token(desk.clients, grant)
    assert 1 == desk.tokens_asked() - before


async def test_identity_away_and_token_expired(desk: Desk, grant: UUID) -> None:
    """With an expired token and Xero's identity service away, everybody is told at once, after one single try."""
    desk.fault(TOKEN, {"status": 503})
    await expire(grant)
    before, began = desk.tokens_asked(), time.monotonic()
    said = await asyncio.gather(*(access.access_token(desk.clients, grant) for _ in range(30)), return_exceptions=True)

    assert all(isinstance(one, Upstream) and not one.permanent for one in said)
    assert 1 == desk.tokens_asked() - before
    assert time.monotonic() - began < 5
    desk.heal()
    await asyncio.sleep(2.1)
    assert await access.access_token(desk.clients, grant)


async def test_our_own_credentials_wrong(desk: Desk, grant: UUID) -> None:
    """A wrong client secret is our trouble: the merchant's grant stays active."""
    await expire(grant)
    desk.config({"xero": {"client_secret": "another-secret-0123456789"}})
    with pytest.raises(Upstream) as error:
        await access.access_token(desk.clients, grant)

    assert "invalid_client" == error.value.code
    assert not error.value.permanent
    assert "active" == await state(grant)


async def test_expired_at_xero(desk: Desk, connection: UUID) -> None:
    """When Xero calls a token expired, twenty requests cause one refresh and each is repeated once."""
    desk.limits(concurrent=None, minute=None, day=None)
    desk.advance(1_900)
    before = desk.tokens_asked()

    async def look() -> str:
        async with access.tenant(desk.clients, connection, "writeback") as tenant:
            return (await tenant.organisation()).name

    names = await asyncio.gather(*(look() for _ in range(20)))
    assert {"Harrow & Finch Joinery Ltd"} == set(names)
    assert 1 == desk.tokens_asked() - before


async def test_removed_in_xero(desk: Desk, connection: UUID, grant: UUID) -> None:
    """An organisation that Xero lists no more is marked as broken, and the page hears why."""
    token = await access.access_token(desk.clients, grant)
    listed = await desk.clients.xero.connections(token)
    await desk.clients.xero.delete_connection(token, listed[0].id)
    for _ in range(2):
        with pytest.raises(Broken) as error:
            async with access.tenant(desk.clients, connection) as tenant:
                await tenant.organisation()
        assert "removed" == error.value.reason

    assert "active" == await state(grant)


async def test_gateway_403(desk: Desk, connection: UUID) -> None:
    """A firewall's HTML 403 does not disconnect anybody."""
    desk.fault("/xero/api/api.xro/*", {"status": 403, "body": "<html>Access Denied</html>"}, times=1)
    with pytest.raises(Upstream) as error:
        async with access.tenant(desk.clients, connection) as tenant:
            await tenant.organisation()

    assert not error.value.permanent
    assert "connected" == await db.fetch_value("SELECT state FROM connection WHERE id = $1", connection)


async def test_missing_scope(desk: Desk, connection: UUID) -> None:
    """A missing permission asks for a new consent instead of being tried again."""
    detail = '{"Type":null,"Title":"Unauthorized","Status":401,"Detail":"AuthorizationUnsuccessful"}'
    desk.fault("/xero/api/api.xro/*", {"status": 401, "body": detail}, times=1)
    before = desk.tokens_asked()
    with pytest.raises(Broken) as error:
        async with access.tenant(desk.clients, connection) as tenant:
            await tenant.organisation()

    assert "scope" == error.value.reason
    assert 0 == desk.tokens_asked() - before
