"""Organisations are chosen, connected to one merchant at a time, watched over, and left without a trace at Xero."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from app.books import access, connections
from app.books.broken import Broken
from app.core import db
from app.core.errors import NotFound, Refused, Upstream
from app.core.work import Postpone
from app.merchants import identity
from tests.rooms.xero_desk import PRIYA, Desk, open_desk, the_row
from tests.world import HARROW

WREN = "Wren & Marlow Physio Pty Ltd"


@pytest.fixture
async def desk(sandbox: str, database_url: str) -> AsyncIterator[Desk]:
    async with open_desk(sandbox, database_url) as made:
        await db.fetch("TRUNCATE app_user, merchant, xero_budget, xero_permit, job CASCADE")
        yield made


@pytest.fixture
async def signed(desk: Desk) -> identity.SignedIn:
    return await desk.sign_in()


async def first(desk: Desk, signed: identity.SignedIn) -> connections.Choice:
    return (await connections.choices(desk.clients, signed.user_id))[0]


async def connected(desk: Desk, signed: identity.SignedIn) -> UUID:
    choice = await first(desk, signed)
    return await connections.connect(desk.clients, signed.merchant_id, signed.user_id, choice.xero_connection_id)


async def test_choices(desk: Desk, signed: identity.SignedIn) -> None:
    """A choice names the organisation, its country, currency and how many invoices it has."""
    choice = await first(desk, signed)
    assert (HARROW, "GB", "GBP", 30, "free") == (
        choice.name, choice.country, choice.currency, choice.invoices, choice.state
    )  # fmt: skip


async def test_choices_before_consent(desk: Desk) -> None:
    """Whoever has only signed in has nothing to choose from."""
    signed = await desk.sign_in("sign_in")
    assert [] == await connections.choices(desk.clients, signed.user_id)


async def test_choices_while_xero_is_slow(desk: Desk, signed: identity.SignedIn) -> None:
    """An organisation can be chosen by its name even while Xero does not tell more about it."""
    desk.fault("/xero/api/api.xro/*", {"status": 503})
    choice = await first(desk, signed)
    assert (HARROW, "", None) == (choice.name, choice.currency, choice.invoices)


async def test_connect(desk: Desk, signed: identity.SignedIn) -> None:
    """Connecting keeps what Xero says of the organisation and asks for the import in the same breath."""
    connection_id = await connected(desk, signed)
    row = await connections.one(signed.merchant_id, connection_id)
    jobs = await db.fetch("SELECT kind FROM job WHERE subject = $1", str(connection_id))

    assert ("connected", HARROW, "Europe/London", "!hF26q") == (
        row["state"], row["name"], row["timezone"], row["short_code"]
    )  # fmt: skip
    assert {"connection.import", "connection.check"} == {job["kind"] for job in jobs}
    assert "connected" == (await first(desk, signed)).state


async def test_connect_twice(desk: Desk, signed: identity.SignedIn) -> None:
    """Connecting the same organisation twice at once makes one connection."""
    made = await asyncio.gather(*(connected(desk, signed) for _ in range(4)))
    assert 1 == len(set(made)) == await db.fetch_value("SELECT count(*) FROM connection")


async def test_taken(desk: Desk, signed: identity.SignedIn) -> None:
    """An organisation that another business has connected is shown as taken and cannot be connected."""
    await connected(desk, signed)
    bookkeeper = await desk.sign_in(person=PRIYA)
    choice = await first(desk, bookkeeper)

    assert (HARROW, "in_use", connections.TAKEN) == (choice.name, choice.state, choice.reason)
    with pytest.raises(Refused, match="Already connected by another business"):
        await connected(desk, bookkeeper)


async def test_foreign_connection(desk: Desk, signed: identity.SignedIn) -> None:
    """Only organisations of the user's own consent can be connected."""
    with pytest.raises(Refused):
        await connections.connect(desk.clients, signed.merchant_id, signed.user_id, str(uuid4()))


async def test_stranger(desk: Desk, signed: identity.SignedIn) -> None:
    """A stranger's merchant never sees the connection."""
    connection_id = await connected(desk, signed)
    with pytest.raises(NotFound):
        await connections.one(uuid4(), connection_id)
    with pytest.raises(NotFound):
        await connections.disconnect(desk.clients, uuid4(), connection_id)


async def test_disconnect_last(desk: Desk, signed: identity.SignedIn) -> None:
    """Leaving the last organisation deletes the connection at Xero, then revokes, in that order."""
    connection_id = await connected(desk, signed)
    await connections.disconnect(desk.clients, signed.merchant_id, connection_id)
    told = [call["path"] for call in desk.calls("/xero/") if call["method"] in {"DELETE", "POST"}][-2:]
    grant = await the_row("SELECT * FROM xero_grant")

    assert told[0].startswith("/xero/api/connections/")
    assert told[1].endswith("/connect/revocation")
    assert ("", "", "needs_reconnect") == (grant["access_token"], grant["refresh_token"], grant["state"])
    assert [] == await connections.for_merchant(signed.merchant_id)
    assert 0 == await db.fetch_value("SELECT count(*) FROM job WHERE next_at IS NOT NULL")
    with pytest.raises(Broken):
        async with access.tenant(desk.clients, connection_id):
            pass


async def test_disconnect_one_of_two(desk: Desk) -> None:
    """Leaving one of two organisations leaves the other working: nothing is revoked."""
    signed = await desk.sign_in()
    await desk.sign_in(organisation=WREN)
    choices = await connections.choices(desk.clients, signed.user_id)
    made = [
        await connections.connect(desk.clients, signed.merchant_id, signed.user_id, one.xero_connection_id)
        for one in choices
    ]
    await connections.disconnect(desk.clients, signed.merchant_id, made[0])

    assert 2 == len(made)
    async with access.tenant(desk.clients, made[1]) as tenant:
        assert await tenant.organisation()
    assert [] == desk.calls("/xero/identity/connect/revocation")


async def test_disconnect_while_xero_is_away(desk: Desk, signed: identity.SignedIn) -> None:
    """When Xero does not answer, nothing changes here: no connection is left behind there."""
    connection_id = await connected(desk, signed)
    desk.fault("/xero/api/connections", {"status": 503})
    with pytest.raises(Upstream):
        await connections.disconnect(desk.clients, signed.merchant_id, connection_id)
    assert "connected" == (await connections.one(signed.merchant_id, connection_id))["state"]


async def test_disconnect_a_broken_one(desk: Desk, signed: identity.SignedIn) -> None:
    """A connection that Xero has removed already can be left too."""
    connection_id = await connected(desk, signed)
    await db.fetch("UPDATE xero_grant SET state = 'needs_reconnect'")
    await connections.disconnect(desk.clients, signed.merchant_id, connection_id)
    assert "disconnected" == (await connections.one(signed.merchant_id, connection_id))["state"]


async def test_connect_again(desk: Desk, signed: identity.SignedIn) -> None:
    """Whoever comes back finds the same connection with its history."""
    connection_id = await connected(desk, signed)
    await connections.disconnect(desk.clients, signed.merchant_id, connection_id)
    again = await desk.sign_in()
    assert connection_id == await connected(desk, again)
    assert "connected" == (await connections.one(signed.merchant_id, connection_id))["state"]


async def test_connecting_again_resumes(desk: Desk, signed: identity.SignedIn) -> None:
    """A payment that could not be recorded while the connection was broken goes on after connecting again."""
    connection_id = await connected(desk, signed)
    merchant = signed.merchant_id
    invoice = await db.fetch_value(
        "INSERT INTO invoice (merchant, connection, seen_at) VALUES ($1, $2, now()) RETURNING id",
        merchant,
        connection_id,
    )
    payment = await db.fetch_value(
        "INSERT INTO payment (merchant, connection, invoice, started_at) VALUES ($1, $2, $3, now()) RETURNING id",
        merchant, connection_id, invoice,
    )  # fmt: skip
    await db.fetch(
        "INSERT INTO write_back (merchant, connection, invoice, payment, kind, state, reason) "
        "VALUES ($1, $2, $3, $4, 'payment', 'parked', 'disconnected')",
        merchant, connection_id, invoice, payment,
    )  # fmt: skip
    await db.fetch("UPDATE connection SET state = 'broken', state_reason = 'token'")
    await desk.sign_in()

    row = await the_row("SELECT state, next_at FROM write_back")
    assert "intended" == row["state"]
    assert row["next_at"]


async def test_check(desk: Desk, signed: identity.SignedIn) -> None:
    """The daily look notes a new name and plans the next day's."""
    connection_id = await connected(desk, signed)
    await db.fetch("UPDATE connection SET name = 'Old name'")
    with pytest.raises(Postpone):
        await connections.check(desk.clients, connection_id)
    assert HARROW == (await connections.one(signed.merchant_id, connection_id))["name"]


async def test_check_finds_it_removed(desk: Desk, signed: identity.SignedIn) -> None:
    """The daily look notices that the merchant disconnected us in Xero, and stops."""
    connection_id = await connected(desk, signed)
    token = await access.access_token(desk.clients, await desk.grant_id(signed.user_id))
    await desk.clients.xero.delete_connection(token, (await first(desk, signed)).xero_connection_id)
    await connections.check(desk.clients, connection_id)
    row = await connections.one(signed.merchant_id, connection_id)
    assert ("broken", "removed") == (row["state"], row["state_reason"])
