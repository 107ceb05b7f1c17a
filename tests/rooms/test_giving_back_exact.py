"""A turn of the write-back that does not end well, to the letter: how each row is given back, or put before the merchant."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.books import access
from app.books.writeback.timing import PATIENCE, TIMING
from app.core import db
from app.core.clock import from_now, now
from app.core.errors import Upstream
from tests.fixtures.turn import SEND, Turn
from tests.fixtures.xero_says import Says
from tests.rooms.shelf import PAID_AT, put, write_back
from tests.rooms.writing import LOST, invoices, payment

# ---- how it is given back


async def test_who_was_taken_along_comes_back_when_its_verdict_says(turn: Turn):
    """And the leader by what is said of it."""
    for _ in range(3):
        await turn.due()
    turn.xero.when(turn.look, invoices(turn.paper()))
    turn.xero.when(SEND, Says(status=500))
    assert (from_now(TIMING.quiet), LOST) == await turn.postponed()
    assert [("unknown", "")] * 3 == await turn.became()
    assert [(from_now(TIMING.quiet), LOST, 0)] * 2 == await turn.given_back()


@pytest.mark.parametrize(("says", "seconds", "words"), [
    (Says(status=429, headers={"Retry-After": "17"}), 17, "Xero's limit of calls is reached."),
    (Says({"Message": "Away."}, 503), 5, "Away."),
])  # fmt: skip
async def test_when_xero_cannot_be_asked_all_come_back(turn: Turn, says: Says, seconds: float, words: str):
    """After Xero's own pause, or a short one; the error goes on for the leader."""
    for _ in range(2):
        await turn.due()
    turn.xero.when(turn.look, says)
    with pytest.raises(Upstream, match=words):
        await turn.send()
    assert [("intended", "")] * 2 == await turn.became()
    assert [(from_now(seconds), words, 0)] == await turn.given_back()


async def test_when_no_call_is_left_all_come_back_then(turn: Turn):
    """At the same moment, for the same reason, to the millisecond."""
    for _ in range(2):
        await turn.due()
    until = now() + timedelta(seconds=0.25)
    times = {"minute_start": now(), "day_start": now(), "blocked_until": until}
    await put("xero_budget", id=uuid4(), xero_tenant_id=turn.xero.tenant_id, **times)
    assert (until, "Xero's limit of calls is reached.") == await turn.postponed()
    assert [(until, "Xero's limit of calls is reached.", 0)] == await turn.given_back()


@pytest.mark.parametrize(("used", "goes"), [(59, True), (60, False)])
async def test_money_may_use_all_of_xeros_calls(turn: Turn, used: int, goes: bool):
    """Syncing and pages leave room for it, it leaves none."""
    await turn.due()
    times = {"minute_start": now(), "minute_used": used, "day_start": now()}
    await put("xero_budget", id=uuid4(), xero_tenant_id=turn.xero.tenant_id, **times)
    turn.takes()
    await turn.postponed()
    assert [turn.look][: int(goes)] == turn.xero.calls


# ---- what Xero refuses for good, or for too long


async def test_a_permission_that_is_missing(turn: Turn):
    """The connection is broken, and every row waits for the merchant with the way out."""
    for _ in range(2):
        await turn.due()
    turn.xero.when(turn.look, Says(status=401, headers={"WWW-Authenticate": 'error="insufficient_scope"'}))
    await turn.send()
    assert [("parked", "scope")] * 2 == await turn.became()
    assert [access.Broken("scope").message] * 2 == [(await write_back(row["id"]))["message"] for row in turn.rows]
    assert [(None, "", 0)] == await turn.given_back()
    assert "broken" == await db.fetch_value("SELECT state FROM connection WHERE id = $1", turn.shelf.connection)


async def test_an_organisation_that_was_disconnected_in_xero(turn: Turn):
    """In the same way."""
    await turn.due()
    turn.xero.when(turn.look, Says({"Detail": "AuthenticationUnsuccessful"}, 403))
    turn.xero.when("GET /xero/api/connections", Says([]))
    await turn.send()
    assert [("parked", "disconnected")] == await turn.became()
    assert access.Broken("removed").message == (await write_back(turn.rows[0]["id"]))["message"]


@pytest.mark.parametrize(("words", "reason"), [("The account is archived.", "account_archived"), ("No.", "other")])
async def test_a_look_that_is_refused_for_good(turn: Turn, words: str, reason: str):
    """Every row of the call waits for the merchant, in Xero's words."""
    for _ in range(2):
        await turn.due()
    turn.xero.when(turn.look, Says({"Message": words}, 400))
    await turn.send()
    assert [("parked", reason)] * 2 == await turn.became()
    assert [words] * 2 == [(await write_back(row["id"]))["message"] for row in turn.rows]
    assert [(None, "", 0)] == await turn.given_back()


async def test_what_was_decided_before_stays_so(turn: Turn):
    """One that was found is recorded, although the call for the other one is refused for good."""
    await turn.due()
    await turn.due()
    turn.xero.when(turn.look, invoices(turn.paper("60.00", payment(turn.rows[0]["reference"], "old"))))
    turn.xero.when(SEND, Says(status=401, headers={"WWW-Authenticate": 'error="insufficient_scope"'}))
    await turn.send()
    assert [("confirmed", ""), ("parked", "scope")] == await turn.became()


@pytest.mark.parametrize(("state", "columns", "reason"), [
    ("intended", {}, "unavailable"), ("intended", {"sent_at": PAID_AT}, "unclear"), ("unknown", {"sent_at": PAID_AT}, "unclear"),
])  # fmt: skip
async def test_after_many_tries_it_waits_for_the_merchant(turn: Turn, state: str, columns: dict[str, Any], reason: str):
    """With the trace of what may be in Xero."""
    await turn.due(state, attempts=PATIENCE - 1, **columns)
    turn.xero.when(turn.look, Says({"Message": "Away."}, 503))
    await turn.send()
    row = await write_back(turn.rows[0]["id"])
    assert ("parked", reason, "Away.") == (row["state"], row["reason"], row["message"])
    assert columns.get("sent_at") == row["sent_at"]


async def test_only_the_one_that_was_tried_so_often_waits(turn: Turn):
    """Whoever was taken along comes back in a moment."""
    await turn.due(attempts=PATIENCE - 1)
    await turn.due()
    turn.xero.when(turn.look, Says(status=503))
    await turn.send()
    assert [("parked", "unavailable"), ("intended", "")] == await turn.became()
    assert [(from_now(5), "Not come to.", 0)] == await turn.given_back()


async def test_each_of_those_taken_along_is_given_back(turn: Turn):
    """Also when the one before it was not come to."""
    await turn.due(attempts=PATIENCE - 1)
    await turn.due()
    await turn.due(request="", request_sha256="")
    await turn.due()
    await db.fetch("DELETE FROM account_choice WHERE connection = $1", turn.shelf.connection)
    turn.xero.when(turn.look, Says(status=503))
    await turn.send()
    assert ["unavailable", "", "account_missing", ""] == [one[1] for one in await turn.became()]
    not_come_to = (from_now(5), "Not come to.", 0)
    assert [not_come_to, (None, "", 0), not_come_to] == await turn.given_back()


@pytest.mark.parametrize(("before", "says"), [
    (PATIENCE - 2, Says(status=503)), (PATIENCE, Says(status=429, headers={"Retry-After": "17"})),
])  # fmt: skip
async def test_what_may_pass_is_tried_again(turn: Turn, before: int, says: Says):
    """Until then; and where Xero itself says when to come back, however often."""
    await turn.due(attempts=before)
    turn.xero.when(turn.look, says)
    with pytest.raises(Upstream):
        await turn.send()
    assert [("intended", "")] == await turn.became()


async def test_a_refusal_keeps_the_trace_of_what_may_be_there(turn: Turn):
    """A retry then searches before it sends; the reason is Xero's."""
    await turn.due("unknown", sent_at=PAID_AT)
    turn.xero.when(turn.look, Says({"Message": "No."}, 400))
    await turn.send()
    row = await write_back(turn.rows[0]["id"])
    assert ("parked", "other", PAID_AT) == (row["state"], row["reason"], row["sent_at"])
