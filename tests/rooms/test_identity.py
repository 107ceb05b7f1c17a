"""Signing in with Xero: bound to a browser, once, in time; sessions end when they should."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from app.core import db
from app.merchants import identity, sessions
from tests.rooms.xero_desk import PRIYA, TOM, Desk, open_desk, the_row


@pytest.fixture
async def desk(sandbox: str, database_url: str) -> AsyncIterator[Desk]:
    async with open_desk(sandbox, database_url) as made:
        await db.fetch("TRUNCATE app_user, merchant, sign_in_flow, xero_budget, job CASCADE")
        yield made


async def refused(desk: Desk, query: dict[str, str], browser: str = "browser") -> str:
    """Why this answer of Xero's signs nobody in."""
    with pytest.raises(identity.NotSignedIn) as error:
        await identity.finish(desk.clients, query, browser)
    assert 0 == await db.fetch_value("SELECT count(*) FROM app_user")
    return error.value.reason


async def begin(desk: Desk, purpose: identity.Purpose = "sign_in", next_path: str = "") -> str:
    return await identity.begin(desk.clients, purpose, next_path, "browser")


async def test_sign_in(desk: Desk) -> None:
    """Signing in makes a user and a merchant, and stores no grant."""
    signed = await desk.sign_in("sign_in")
    user = await the_row("SELECT * FROM app_user WHERE id = $1", signed.user_id)

    assert ("Hannah", "Finch") == (user["given_name"], user["family_name"])
    assert not signed.connected
    assert 0 == await db.fetch_value("SELECT count(*) FROM xero_grant")


async def test_sign_in_again(desk: Desk) -> None:
    """The same person is the same user, whatever the e-mail address was before."""
    first = await desk.sign_in("sign_in")
    await db.fetch("UPDATE app_user SET email = 'old@example.com'")
    again = await desk.sign_in("sign_in")

    assert (first.user_id, first.merchant_id) == (again.user_id, again.merchant_id)
    assert "hannah@harrowfinch.example" == await db.fetch_value("SELECT email FROM app_user")


async def test_two_people(desk: Desk) -> None:
    """Two people are two users of two merchants."""
    one, other = await desk.sign_in("sign_in"), await desk.sign_in("sign_in", person=TOM)
    assert one.user_id != other.user_id
    assert one.merchant_id != other.merchant_id


async def test_connect(desk: Desk) -> None:
    """Consenting to the books stores one encrypted grant, for the same user and merchant as before."""
    before = await desk.sign_in("sign_in")
    signed = await desk.sign_in("connect")
    grant = await the_row("SELECT * FROM xero_grant WHERE app_user = $1", signed.user_id)

    assert (before.user_id, before.merchant_id) == (signed.user_id, signed.merchant_id)
    assert signed.connected
    assert grant["refresh_token"].startswith("gAAAA")
    assert "accounting.payments" in grant["scopes"]


async def test_sign_in_keeps_the_grant(desk: Desk) -> None:
    """Signing in later, with less scope, leaves the books' grant alone."""
    signed = await desk.sign_in("connect")
    before = await the_row("SELECT * FROM xero_grant WHERE app_user = $1", signed.user_id)
    await desk.sign_in("sign_in")
    after = await the_row("SELECT * FROM xero_grant WHERE app_user = $1", signed.user_id)
    assert tuple(before) == tuple(after)


async def test_next_path(desk: Desk) -> None:
    """After signing in one goes on to where one wanted, but never to another host."""
    for wanted, kept in {"/invoices?q=1": "/invoices?q=1", "//evil.example": "", "https://evil.example": ""}.items():
        query = desk.consent(await begin(desk, next_path=wanted))
        assert kept == (await identity.finish(desk.clients, query, "browser")).next_path


async def test_state_works_once(desk: Desk) -> None:
    """The same answer of Xero's cannot be used twice."""
    query = desk.consent(await begin(desk))
    await identity.finish(desk.clients, query, "browser")
    with pytest.raises(identity.NotSignedIn) as error:
        await identity.finish(desk.clients, query, "browser")
    assert "expired" == error.value.reason


async def test_foreign_browser(desk: Desk) -> None:
    """A victim who is made to finish an attacker's trip is not signed in, nor can the trip be finished later."""
    query = desk.consent(await begin(desk))
    assert "mismatch" == await refused(desk, query, "another browser")
    assert "expired" == await refused(desk, query)
    assert "mismatch" == await refused(desk, desk.consent(await begin(desk)), "")


@pytest.mark.parametrize("state", ["", "made-up", "x" * 5000])
async def test_unknown_state(desk: Desk, state: str) -> None:
    """An answer without a trip of ours signs nobody in."""
    assert "expired" == await refused(desk, {"state": state, "code": "abc"})


async def test_old_state(desk: Desk) -> None:
    """A trip that took more than ten minutes has expired."""
    query = desk.consent(await begin(desk))
    await db.fetch("UPDATE sign_in_flow SET created_at = now() - interval '601 seconds'")
    assert "expired" == await refused(desk, query)


async def test_cancelled(desk: Desk) -> None:
    """Pressing Cancel at Xero is told apart from being turned away."""
    for said, reason in {"access_denied": "cancelled", "server_error": "denied"}.items():
        state = desk.consent(await begin(desk))["state"]
        assert reason == await refused(desk, {"state": state, "error": said})


async def test_replayed_code(desk: Desk) -> None:
    """A code that was used before, put into a fresh trip, signs nobody in: PKCE binds it to its own."""
    used = desk.consent(await begin(desk))
    fresh = desk.consent(await begin(desk))
    assert "expired" == await refused(desk, {**fresh, "code": used["code"]})


async def test_swapped_nonce(desk: Desk) -> None:
    """An id_token that was made for another trip is refused."""
    query = desk.consent(await begin(desk))
    await db.fetch("UPDATE sign_in_flow SET nonce = 'another'")
    assert "mismatch" == await refused(desk, query)


async def test_xero_away(desk: Desk) -> None:
    """When Xero does not answer, the person is told so and nobody is signed in."""
    query = desk.consent(await begin(desk))
    desk.fault("/xero/identity/connect/token", {"status": 503})
    assert "unavailable" == await refused(desk, query)


async def test_nothing_readable_is_stored(desk: Desk) -> None:
    """State, browser and verifier are not to be read from the database."""
    url = await begin(desk)
    row = await the_row("SELECT * FROM sign_in_flow")
    assert row["verifier"].startswith("gAAAA")
    assert row["state_hash"] not in url
    assert "browser" not in row["browser_hash"]


async def test_bookkeeper(desk: Desk) -> None:
    """A bookkeeper with several organisations connects the one that was chosen at Xero."""
    signed = await desk.sign_in(person=PRIYA)
    assert signed.connected


async def test_session(desk: Desk) -> None:
    """A session's token signs in until it is ended; the database keeps only its hash."""
    signed, keys = await desk.sign_in("sign_in"), desk.clients.keys
    token = await sessions.start(keys, signed.user_id, signed.merchant_id)
    session = await sessions.read(keys, token)
    assert session
    assert (signed.user_id, signed.merchant_id) == (session.user_id, session.merchant_id)
    assert token not in str(tuple(await the_row("SELECT * FROM web_session")))

    await sessions.end(keys, token)
    assert await sessions.read(keys, token) is None
    assert await sessions.read(replace(keys, session=b"other"), token) is None


@pytest.mark.parametrize("change", ["seen_at = now() - interval '12 hours'", "expires_at = now()"])
async def test_session_ends_by_itself(desk: Desk, change: str) -> None:
    """After twelve idle hours or fourteen days one signs in again."""
    signed, keys = await desk.sign_in("sign_in"), desk.clients.keys
    token = await sessions.start(keys, signed.user_id, signed.merchant_id)
    await db.fetch(f"UPDATE web_session SET {change}")
    assert await sessions.read(keys, token) is None
    await sessions.prune()
    assert 0 == await db.fetch_value("SELECT count(*) FROM web_session")


async def test_sign_out_everywhere(desk: Desk) -> None:
    """All of a user's sessions can be ended at once."""
    signed, keys = await desk.sign_in("sign_in"), desk.clients.keys
    tokens = [await sessions.start(keys, signed.user_id, signed.merchant_id) for _ in range(3)]
    await sessions.end_all(signed.user_id)
    assert [None, None, None] == [await sessions.read(keys, token) for token in tokens]
