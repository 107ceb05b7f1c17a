"""One turn of the write-back, to the letter: who is taken along, what is written, and how each row is given back."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.books import breaches, intents
from app.books.breaches import TWICE
from app.books.ledger import Breach
from app.books.writeback.timing import PATIENCE, TIMING
from app.core import db
from app.core.clock import from_now, now
from app.core.money import Money
from tests.fixtures.turn import SEARCH, SEND, Turn
from tests.fixtures.xero_says import Says
from tests.rooms.shelf import PAID_AT, Shelf, bring, write_back
from tests.rooms.writing import LOOKING, ONCE_MORE, entry, invoices, moved, no, payment, payments, spent

HOUR = timedelta(hours=1)


# ---- who is taken along


async def test_one_payment_is_sent(turn: Turn):
    """And nothing is left to say."""
    await turn.due()
    turn.takes()
    await turn.send()
    assert ([turn.look, SEND], [("confirmed", "")]) == (turn.xero.calls, await turn.became())


@pytest.mark.parametrize("state", ["parked", "abandoned", "reversed"])
async def test_what_is_settled_is_left_alone(turn: Turn, state: str):
    """Whoever is woken for it does nothing, and takes nobody along."""
    await turn.due(state)
    await turn.due()
    await turn.send()
    assert ([], [state, "intended"]) == (turn.xero.calls, [one[0] for one in await turn.became()])


async def test_others_of_its_kind_go_along(turn: Turn):
    """In the same call; they are done with it, and the pauses of the next time begin anew."""
    for _ in range(3):
        await turn.due()
    turn.takes()
    await turn.send()
    assert [turn.look, SEND] == turn.xero.calls
    assert [("confirmed", "")] * 3 == await turn.became()
    assert [(None, "", 0)] * 2 == await turn.given_back()
    leader = await write_back(turn.rows[0]["id"])
    assert leader["lease_until"] is not None


async def test_fees_go_along_too(turn: Turn):
    """Not with payments: with fees."""
    await turn.shelf.choose("fees")
    await turn.due("confirmed")
    for _ in range(2):
        await turn.bring(await intents.intend_fee(await turn.shelf.payment(), Money(76, "GBP")))
    await turn.due()
    turn.rows = turn.rows[1:]
    turn.xero.when("GET /BankTransactions", spent())
    turn.xero.when("PUT /BankTransactions", spent(*(entry(row["reference"], "x") for row in turn.rows[:2])))
    await turn.send()
    assert ["confirmed", "confirmed", "intended"] == [one[0] for one in await turn.became()]


async def test_payouts_and_takings_back_go_alone(turn: Turn):
    """Each in a turn of its own."""
    await turn.shelf.choose("bank", "GBP")
    await turn.shelf.choose("payments", "GBP")
    for _ in range(2):
        await turn.bring(await intents.intend_transfer(await turn.shelf.payout(900), turn.shelf.connection))
    turn.xero.when("GET /BankTransfers", moved(entry(turn.rows[0]["reference"], "tr-1", "BankTransfer")))
    await turn.send()
    assert ["confirmed", "intended"] == [one[0] for one in await turn.became()]
    turn.rows = [await bring(await intents.intend_reversal(await turn.shelf.payment()), "intended") for _ in range(2)]
    await turn.send()
    assert ["abandoned", "intended"] == [one[0] for one in await turn.became()]


@pytest.mark.parametrize("state", ["unknown", "intended"])
async def test_whoever_is_in_doubt_goes_alone(turn: Turn, state: str):
    """What may have reached Xero is looked for by itself."""
    await turn.due(state, sent_at=now() - HOUR)
    await turn.due()
    turn.xero.when(turn.look, invoices(turn.paper("60.00", payment(turn.rows[0]["reference"], "old"))))
    turn.xero.when(SEARCH, payments())
    await turn.send()
    assert ["confirmed", "intended"] == [one[0] for one in await turn.became()]


async def test_while_it_works_the_rows_are_held(turn: Turn):
    """By leases that are renewed at once."""
    await turn.due()
    await turn.due()
    turn.takes()
    seen: list[Any] = []

    async def look() -> None:
        seen.append([(await write_back(row["id"]))["lease_until"] for row in turn.rows])

    turn.xero.when(turn.look, Says(invoices(turn.paper()), meanwhile=look))
    await turn.send()
    ((first, second),) = seen
    assert first == second  # renewed in one go, whenever they were claimed


# ---- what is not done now


async def test_a_breach_holds_up_what_is_new(turn: Turn):
    """For a while, and says so; Xero is not asked, and nobody is taken along."""
    await turn.due()
    await turn.due()
    await breaches.alarm(Breach(TWICE, turn.shelf.merchant, "write-back 1"))
    assert (from_now(breaches.PAUSE), breaches.PAUSED) == await turn.postponed()
    assert ([], 0) == (turn.xero.calls, (await write_back(turn.rows[1]["id"]))["fence"])


async def test_a_breach_does_not_hide_a_lost_organisation(turn: Turn):
    """What has nowhere to go is put before the merchant, with its way out, also while recording is paused."""
    await turn.due()
    await db.fetch("UPDATE connection SET state = 'broken'")
    await breaches.alarm(Breach(TWICE, turn.shelf.merchant, "write-back 1"))
    await turn.send()
    row = await write_back(turn.rows[0]["id"])
    assert ("parked", "disconnected") == (row["state"], row["reason"])


@pytest.mark.parametrize(("state", "columns"), [
    ("unknown", {"sent_at": PAID_AT}), ("intended", {"sent_at": PAID_AT}), ("confirmed", {"sent_at": PAID_AT}),
])  # fmt: skip
async def test_a_breach_does_not_hold_up_what_was_begun(turn: Turn, state: str, columns: dict[str, Any]):
    """A doubt ends no other way."""
    await turn.due(state, **columns)
    await breaches.alarm(Breach(TWICE, turn.shelf.merchant, "write-back 1"))
    turn.xero.when(turn.look, invoices(turn.paper("60.00", payment(turn.rows[0]["reference"], "old"))))
    turn.xero.when(SEARCH, payments())
    await turn.send()
    assert ["confirmed"] == [one[0] for one in await turn.became()]


async def test_somebody_elses_breach_holds_up_nothing(turn: Turn):
    """Only this merchant's counts."""
    await turn.due()
    other = await Shelf().open()
    await breaches.alarm(Breach(TWICE, other.merchant, f"write-back {uuid4()}"))
    turn.takes()
    await turn.send()
    assert [("confirmed", "")] == await turn.became()


@pytest.mark.parametrize("state", ["sending", "unknown"])
async def test_an_answer_may_still_come(turn: Turn, state: str):
    """Nothing is asked before the quiet is over; whoever died with the answer is unclear from now on."""
    sent_at = now() - timedelta(seconds=TIMING.quiet - 1)
    await turn.due(state, sent_at=sent_at)
    assert (from_now(1), "An answer may still come.") == await turn.postponed()
    assert ([], [("unknown", "")]) == (turn.xero.calls, await turn.became())


@pytest.mark.parametrize("state", ["sending", "unknown"])
async def test_when_the_quiet_is_over_xero_is_asked(turn: Turn, state: str):
    """To the second; what is not there is looked for once more."""
    await turn.due(state, sent_at=now() - timedelta(seconds=TIMING.quiet))
    turn.xero.when(turn.look, invoices(turn.paper()))
    turn.xero.when(SEARCH, payments())
    assert (from_now(TIMING.apart), ONCE_MORE) == await turn.postponed()
    assert [("unknown", "")] == await turn.became()


@pytest.mark.parametrize(("columns", "kept"), [({}, False), ({"sent_at": PAID_AT}, True)])
async def test_without_a_connection_it_waits_for_the_merchant(turn: Turn, columns: dict[str, Any], kept: bool):
    """With the trace of what may be in Xero, and without asking; its neighbours too."""
    await turn.due("unknown" if kept else "intended", **columns)
    await db.fetch("UPDATE connection SET state = 'disconnected' WHERE id = $1", turn.shelf.connection)
    await turn.send()
    assert ([("parked", "disconnected")], []) == (await turn.became(), turn.xero.calls)
    assert kept is ((await write_back(turn.rows[0]["id"]))["sent_at"] is not None)


async def test_everybody_waits_without_a_connection(turn: Turn):
    """Each with its reason, and nothing more to do."""
    for _ in range(3):
        await turn.due()
    await db.fetch("UPDATE connection SET state = 'broken' WHERE id = $1", turn.shelf.connection)
    await turn.send()
    assert [("parked", "disconnected")] * 3 == await turn.became()
    assert [(None, "", 0)] * 2 == await turn.given_back()


async def test_without_an_account_it_waits_for_the_merchant(turn: Turn):
    """Only those that have no frozen request yet: what was frozen goes out as it is."""
    await turn.due(request="", request_sha256="")
    await turn.due()
    await db.fetch("DELETE FROM account_choice WHERE connection = $1", turn.shelf.connection)
    turn.xero.when(turn.look, invoices(turn.paper()))
    turn.xero.when(SEND, payments(payment(turn.rows[1]["reference"], "pay-2")))
    await turn.send()
    assert [("parked", "account_missing"), ("confirmed", "")] == await turn.became()
    assert [(None, "", 0)] == await turn.given_back()


async def test_a_request_is_frozen_before_it_is_sent(turn: Turn):
    """When it could not be made before; the bytes that leave are those that are kept."""
    await turn.due(request="", request_sha256="")
    turn.takes()
    await turn.send()
    row = await write_back(turn.rows[0]["id"])
    assert row["reference"] == turn.xero.sent(SEND)[0]["Payments"][0]["Reference"]
    assert ("confirmed", True) == (row["state"], row["reference"] in row["request"])


async def test_what_stripe_has_not_said_yet_is_waited_for(turn: Turn):
    """A payment in a currency that its account is not kept in: in a while, and nobody waits with it."""
    await turn.shelf.choose("payments", "GBP", account_currency="EUR")
    paid = await turn.shelf.payment(paid_at=now())
    await turn.bring(await intents.intend_payment(paid))
    await turn.due()
    turn.takes()
    turn.xero.when(SEND, payments(payment(turn.rows[1]["reference"], "pay-2")))
    later = (from_now(TIMING.waiting), "Stripe has not said yet what it made of the currency.")
    assert later == await turn.postponed()
    assert [("intended", ""), ("confirmed", "")] == await turn.became()


# ---- what each kind is, and the second look


async def test_each_kind_has_its_way(turn: Turn):
    """A reversal deletes; an overpayment is a bank transaction."""
    await turn.shelf.choose("payments", "GBP")
    paid = await turn.shelf.payment(refunded_minor=4000, state="refunded")
    written = await bring(await intents.intend_payment(paid), "confirmed", xero_id="pay-1")
    await turn.bring(await intents.intend_reversal(paid))
    turn.xero.when("GET /Payments/pay-1", Says(status=404))
    await turn.send()
    assert "reversed" == (await write_back(written["id"]))["state"]
    turn.rows = []
    await turn.bring(await intents.intend_overpayment(await turn.shelf.payment(), Money(500, "GBP")))
    turn.xero.when("GET /BankTransactions", spent(entry(turn.rows[0]["reference"], "over")))
    await turn.send()
    assert "over" == (await write_back(turn.rows[0]["id"]))["xero_id"]


async def test_what_was_sent_twice_is_looked_at_once_more(turn: Turn):
    """First it is recorded and comes back; then it is found once, and nothing more is to do."""
    await turn.due("unknown", sent_at=PAID_AT, absent_at=PAID_AT)
    turn.takes()
    turn.xero.when(SEARCH, payments())
    assert (from_now(TIMING.quiet), LOOKING) == await turn.postponed()
    row = await write_back(turn.rows[0]["id"])
    assert "confirmed" == row["state"]
    await db.fetch("UPDATE write_back SET lease_until = NULL, next_at = now() WHERE id = $1", row["id"])
    before = len(turn.xero.calls)
    await turn.send()
    assert [turn.look, SEARCH, SEARCH] == turn.xero.calls[before:]
    assert [("confirmed", "")] == await turn.became()
    assert 1 == len(turn.xero.sent(SEND))


async def test_a_second_look_needs_a_connection(turn: Turn):
    """Without one it is over, and what is recorded stays so."""
    await turn.due("confirmed", sent_at=PAID_AT)
    await db.fetch("UPDATE connection SET state = 'disconnected' WHERE id = $1", turn.shelf.connection)
    await turn.send()
    assert ([("confirmed", "")], []) == (await turn.became(), turn.xero.calls)


@pytest.mark.parametrize(("before", "says"), [(0, Says({"Message": "No."}, 400)), (PATIENCE - 1, Says(status=503))])
async def test_a_second_look_that_is_refused_is_over(turn: Turn, before: int, says: Says):
    """What is recorded is not put aside again."""
    await turn.due("confirmed", sent_at=PAID_AT, attempts=before)
    turn.xero.when(turn.look, says)
    await turn.send()
    assert [("confirmed", "")] == await turn.became()
    assert [] == await turn.shelf.lines()


async def test_one_element_is_refused_and_nothing_hangs(turn: Turn):
    """The leader waits for the merchant; who came along is done."""
    await turn.due()
    await turn.due()
    turn.takes()
    turn.xero.when(SEND, payments(no("No."), payment(turn.rows[1]["reference"], "b")))
    await turn.send()
    assert [("parked", "other"), ("confirmed", "")] == await turn.became()
    assert [(None, "", 0)] == await turn.given_back()
