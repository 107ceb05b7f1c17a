"""One turn of the write-back, to the letter: who is taken along, what is written, and how each row is given back."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.books import access, breaches, intents
from app.books.breaches import TWICE
from app.books.ledger import Breach
from app.books.writeback.sending import send
from app.books.writeback.timing import PATIENCE, TIMING
from app.core import db, work
from app.core.clock import from_now, now
from app.core.errors import Upstream
from app.core.money import Money
from app.core.work import Claim, Postpone
from tests.fixtures.xero_says import Says, XeroSays
from tests.rooms.shelf import PAID_AT, Row, Shelf, bring, put, write_back
from tests.rooms.writing import LOOKING, LOST, ONCE_MORE, entry, invoices, moved, no, payment, payments, spent

SEND, SEARCH = "PUT /Payments", "GET /Payments"
HOUR = timedelta(hours=1)


class Turn:
    """Rows that are due, and turns with the first of them."""

    def __init__(self, xero: XeroSays, shelf: Shelf) -> None:
        self.xero, self.shelf = xero, shelf
        self.look = f"GET /Invoices/{shelf.xero_invoice_id}"
        self.rows: list[Row] = []

    async def due(self, state: str = "intended", **columns: Any) -> Row:
        """A payment that is due."""
        return await self.bring((await self.shelf.meant())["id"], state, **columns)

    async def bring(self, row_id: int | None, state: str = "intended", **columns: Any) -> Row:
        self.rows.append(await bring(row_id, state, **columns))
        return self.rows[-1]

    async def send(self) -> Claim:
        """A turn with the first row, as a worker takes it."""
        claim = await work.claim("write_back", self.rows[0]["id"], 15)
        assert claim
        await send(self.xero.clients, claim)
        return claim

    async def postponed(self) -> tuple[datetime, str]:
        """A turn that ends in a pause: until when, and why."""
        with pytest.raises(Postpone) as raised:
            await self.send()
        return raised.value.at, raised.value.why

    async def became(self) -> list[tuple[str, str]]:
        """State and reason of each row."""
        found = [await write_back(row["id"]) for row in self.rows]
        return [(row["state"], row["reason"]) for row in found]

    async def given_back(self) -> list[tuple[datetime | None, str, int]]:
        """When each row that was taken along comes next, why, and how many tries count; nobody holds it."""
        found = [await write_back(row["id"]) for row in self.rows[1:]]
        assert [None] * len(found) == [row["lease_until"] for row in found]
        return [(row["next_at"], row["last_error"], row["attempts"]) for row in found]

    def takes(self, due: str = "1000.00") -> None:
        """Xero takes every payment."""
        self.xero.when(self.look, invoices(self.paper(due)))
        self.xero.when(SEND, payments(*(payment(row["reference"], f"pay-{row['id']}") for row in self.rows)))

    def paper(self, due: str = "1000.00", *shown: Any) -> dict[str, Any]:
        paper = {"InvoiceID": self.shelf.xero_invoice_id, "Status": "AUTHORISED", "CurrencyCode": "GBP"}
        return paper | {"AmountDue": due, "Payments": list(shown)}


@pytest.fixture
def turn(xero: XeroSays, shelf: Shelf, noon: datetime) -> Turn:
    """The shelf's rows at noon."""
    return Turn(xero, shelf)


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
