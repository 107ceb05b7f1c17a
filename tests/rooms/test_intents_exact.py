"""What is meant for Xero, byte for byte, and how the row that means it may change before anything is sent."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.books import intents
from app.core import db
from app.core.clock import now
from app.core.money import Money
from tests.rooms.shelf import PAID_AT, Row, Shelf, bring, one, write_back

POUND = Money(100, "GBP")


def frozen(row: Row, text: str) -> bool:
    """Whether the row's request is this text, with its digest."""
    assert text == row["request"]
    return bool(hashlib.sha256(text.encode()).hexdigest() == row["request_sha256"])


async def meant(shelf: Shelf, **columns: Any) -> Row:
    """A payment with an account, meant for Xero."""
    await shelf.choose("payments", "GBP")
    return await write_back(await intents.intend_payment(await shelf.payment(**columns)))


def test_references_are_derived():
    """The reference of a payment is the same in every book that was ever restored, and another one for each kind."""
    assert "Payportal T48TKA23FDHZ8G6RDFTRKT3PRE" == intents.reference_of("acct_1", "pi_1", "payment")
    others = [("acct_2", "pi_1", "payment"), ("acct_1", "pi_2", "payment"), ("acct_1", "pi_1", "fee")]
    assert 4 == len(
        {intents.reference_of("acct_1", "pi_1", "payment"), *(intents.reference_of(*one) for one in others)}
    )
    assert {36} == {len(intents.reference_of(*one)) for one in others}


async def test_a_payment_is_meant_once(shelf: Shelf):
    """One row, with the payment's own amount and reference, due at once, its request frozen; the second time there is none."""
    payment = await shelf.payment(4007)
    await shelf.choose("payments", "GBP")
    row_id = await intents.intend_payment(payment)
    assert await intents.intend_payment(payment) is None
    row = await write_back(row_id)
    reference = intents.reference_of(payment["stripe_account_id"], payment["stripe_payment_intent_id"], "payment")
    expected = {
        "merchant": shelf.merchant, "connection": shelf.connection, "invoice": shelf.invoice, "payment": payment["id"],
        "payout": None, "kind": "payment", "reference": reference, "amount_minor": 4007, "currency": "GBP",
        "state": "intended", "reason": "", "message": "", "sent_at": None, "fence": 0,
    }  # fmt: skip
    assert expected == {name: row[name] for name in expected}
    assert row["next_at"] <= now()
    assert frozen(
        row,
        f'{{"Invoice":{{"InvoiceID":"{shelf.xero_invoice_id}"}},"Account":{{"AccountID":"payments-account"}},'
        f'"Date":"2026-03-01","Amount":40.07,"Reference":"{reference}"}}',
    )


@pytest.mark.parametrize(
    ("zone", "day"), [("Pacific/Auckland", "2026-03-02"), ("America/New_York", "2026-03-01"), ("", "2026-03-01")]
)
async def test_the_day_is_the_organisations(shelf: Shelf, zone: str, day: str):
    """A payment of late evening in London was paid the next day in Auckland, and it is dated so."""
    await db.fetch("UPDATE connection SET timezone = $2 WHERE id = $1", shelf.connection, zone)
    assert f'"Date":"{day}"' in (await meant(shelf, paid_at=PAID_AT))["request"]


async def test_without_an_account_nothing_is_frozen(shelf: Shelf):
    """A payment whose currency has no account is meant, and its request made once there is one; a frozen one stays."""
    await shelf.choose("payments", "EUR")
    row_id = await intents.intend_payment(await shelf.payment())
    assert row_id is not None
    assert ("", "") == ((await write_back(row_id))["request"], (await write_back(row_id))["request_sha256"])
    assert await intents.freeze(row_id) is None
    await shelf.choose("payments", "GBP")
    made = await intents.freeze(row_id)
    assert made is not None
    assert frozen(await write_back(row_id), made["request"])
    await db.fetch("UPDATE account_choice SET xero_account_id = 'another' WHERE connection = $1", shelf.connection)
    assert await intents.freeze(row_id) is None
    assert made["request"] == (await write_back(row_id))["request"]
    assert await intents.freeze(10**9) is None


async def test_a_fee_is_meant_where_it_is_wanted(shelf: Shelf):
    """Only with an account for fees, and only if there is a fee."""
    payment = await shelf.payment()
    assert await intents.intend_fee(payment, Money(76, "GBP")) is None
    await shelf.choose("fees")
    for minor in (0, -5):
        assert await intents.intend_fee(payment, Money(minor, "GBP")) is None
    assert await intents.intend_fee(payment, Money(1, "GBP")) is not None
    assert await intents.intend_fee(payment, Money(1, "GBP")) is None


@pytest.mark.parametrize(("columns", "line"), [
    ({"code": "404", "tax_type": "INPUT2"}, '"AccountCode":"404","TaxType":"INPUT2"'),
    ({"code": "404"}, '"AccountCode":"404"'),
    ({"tax_type": "NONE"}, '"AccountID":"fees-account","TaxType":"NONE"'),
])  # fmt: skip
async def test_a_fee_is_spent_from_the_account_that_takes_payments(shelf: Shelf, columns: dict[str, str], line: str):
    """The whole request, with the account by its code where it has one, and the tax rate that was chosen."""
    await shelf.choose("payments", "GBP")
    await shelf.choose("fees", **columns)
    payment = await shelf.payment()
    row = await write_back(await intents.intend_fee(payment, Money(76, "GBP")))
    assert ("fee", 76, payment["id"]) == (row["kind"], row["amount_minor"], row["payment"])
    assert frozen(
        row,
        '{"Type":"SPEND","Contact":{"Name":"Stripe"},"LineAmountTypes":"Inclusive","LineItems":[{"Description":'
        f'"Stripe fee for invoice INV-1","Quantity":1,"UnitAmount":0.76,{line}}}],"BankAccount":{{"AccountID":'
        f'"payments-account"}},"Date":"2026-03-01","Reference":"{row["reference"]}"}}',
    )


async def test_a_fee_needs_both_accounts(shelf: Shelf):
    """Without one that takes payments, or without one for fees any more, its request is not made."""
    await shelf.choose("fees")
    first = await intents.intend_fee(await shelf.payment(), POUND)
    assert "" == (await write_back(first))["request"]
    await shelf.choose("payments", "GBP")
    second = await intents.intend_fee(await shelf.payment(), POUND)
    await db.fetch("UPDATE write_back SET request = '' WHERE id = $1", second)
    await db.fetch("DELETE FROM account_choice WHERE connection = $1 AND kind = 'fees'", shelf.connection)
    assert second is not None
    assert await intents.freeze(second) is None


async def test_a_reversal_deletes(shelf: Shelf):
    """Taking back is deleting the payment, for the whole of it, whatever accounts there are."""
    payment = await shelf.payment(4100)
    row = await write_back(await intents.intend_reversal(payment))
    assert ("reversal", 4100, "GBP") == (row["kind"], row["amount_minor"], row["currency"])
    assert frozen(row, '{"Status":"DELETED"}')
    assert await intents.intend_reversal(payment) is None


async def test_a_transfer_moves_a_payout_to_the_bank(shelf: Shelf):
    """From the account that takes payments to the bank, on the day the bank had it; only where a bank was chosen."""
    payout = await shelf.payout(123456)
    await shelf.choose("payments", "GBP")
    await shelf.choose("bank", "EUR")
    assert await intents.intend_transfer(payout, shelf.connection) is None
    await shelf.choose("bank", "GBP")
    row = await write_back(await intents.intend_transfer(payout, shelf.connection))
    assert await intents.intend_transfer(payout, shelf.connection) is None
    expected = {
        "merchant": shelf.merchant, "connection": shelf.connection, "invoice": None, "payment": None, "payout": payout["id"],
        "kind": "transfer", "amount_minor": 123456, "currency": "GBP",
        "reference": intents.reference_of(payout["stripe_account_id"], payout["stripe_payout_id"], "transfer"),
    }  # fmt: skip
    assert expected == {name: row[name] for name in expected}
    assert frozen(
        row,
        '{"FromBankAccount":{"AccountID":"payments-account"},"ToBankAccount":{"AccountID":"bank-account"},'
        f'"Amount":1234.56,"Date":"2026-03-04","Reference":"{row["reference"]}"}}',
    )


@pytest.mark.parametrize("missing", ["payments", "bank"])
async def test_a_transfer_needs_both_accounts(shelf: Shelf, missing: str):
    """Without either account its request is not made."""
    for kind in ("payments", "bank"):
        await shelf.choose(kind, "GBP")
    row_id = await intents.intend_transfer(await shelf.payout(100), shelf.connection)
    await db.fetch("UPDATE write_back SET request = '' WHERE id = $1", row_id)
    await db.fetch("DELETE FROM account_choice WHERE connection = $1 AND kind = $2", shelf.connection, missing)
    assert row_id is not None
    assert await intents.freeze(row_id) is None


async def transfer(shelf: Shelf) -> tuple[Row, int]:
    await shelf.choose("payments", "GBP")
    await shelf.choose("bank", "GBP")
    payout = await shelf.payout(5000)
    row_id = await intents.intend_transfer(payout, shelf.connection)
    assert row_id is not None
    return payout, row_id


@pytest.mark.parametrize("state", ["intended", "parked"])
async def test_a_payout_sent_back_is_not_transferred(shelf: Shelf, state: str):
    """What was not sent yet is let go, with words; there is nothing to take out."""
    payout, row_id = await transfer(shelf)
    await bring(row_id, state)
    await intents.untransfer(payout)
    row = await write_back(row_id)
    words = (row["state"], row["reason"], row["message"], row["next_at"])
    assert ("abandoned", "withdrawn", "The bank sent the payout back.", None) == words
    await intents.untransfer(payout)
    assert 1 == await db.fetch_value("SELECT count(*) FROM write_back WHERE payout = $1", payout["id"])


@pytest.mark.parametrize("state", ["intended", "parked", "unknown", "confirmed", "abandoned"])
async def test_a_transfer_that_may_be_in_xero_is_put_before_the_merchant(shelf: Shelf, state: str):
    """What may be in Xero is left there and shown as a task, once, and the merchant is told by mail."""
    payout, row_id = await transfer(shelf)
    await bring(row_id, state, sent_at=now(), reason="by_hand")
    for _ in range(2):
        await intents.untransfer(payout)
    assert state == (await write_back(row_id))["state"]
    back = await one("SELECT * FROM write_back WHERE payout = $1 AND kind = 'transfer_back'", payout["id"])
    expected = {
        "merchant": shelf.merchant, "connection": shelf.connection, "invoice": None, "payment": None, "state": "parked",
        "reason": "payout_failed", "message": "", "amount_minor": 5000, "currency": "GBP", "next_at": None,
        "reference": intents.reference_of(payout["stripe_account_id"], payout["stripe_payout_id"], "transfer_back"),
    }  # fmt: skip
    assert expected == {name: back[name] for name in expected}
    assert ("merchant.alert", str(shelf.merchant)) in await shelf.asked()


async def test_nothing_was_transferred_and_nothing_is_taken_back(shelf: Shelf):
    """A payout that was never meant for Xero leaves no task."""
    payout = await shelf.payout(100)
    await intents.untransfer(payout)
    assert 0 == await db.fetch_value("SELECT count(*) FROM write_back WHERE payout = $1", payout["id"])


async def test_a_row_is_put_aside_with_its_reason(shelf: Shelf):
    """Parked: the reason, at most a thousand letters of what Xero said, and nobody works on it any more."""
    row = await meant(shelf)
    assert await intents.park(row["id"], "other", "x" * 1200)
    row = await write_back(row["id"])
    assert ("parked", "other", "x" * 1000, None) == (row["state"], row["reason"], row["message"], row["next_at"])
    assert not await intents.park(row["id"], "unclear")
    assert "other" == (await write_back(row["id"]))["reason"]


async def test_only_what_never_left_is_given_up(shelf: Shelf):
    """An intended row may be let go; one that is being sent may not."""
    row = await meant(shelf)
    await bring(row["id"], "sending")
    assert not await intents.give_up(row["id"], "Gone.")
    await bring(row["id"], "intended")
    assert await intents.give_up(row["id"], "Gone.")
    row = await write_back(row["id"])
    told = (row["state"], row["reason"], row["message"], row["next_at"])
    assert ("abandoned", intents.WITHDRAWN, "Gone.", None) == told


async def test_asked_again_it_begins_anew(shelf: Shelf):
    """What Xero never had is frozen anew, due now, counted from nothing, out of the hands of whoever held it."""
    row = await meant(shelf)
    await bring(
        row["id"], "parked", reason="other", message="m", absent_at=now(), attempts=7, dead_at=now(), lease_until=now(),
        idempotency_key="key", fence=4, next_at=None,
    )  # fmt: skip
    assert not await intents.ask_again(row["id"], source="reversed")
    assert await intents.ask_again(row["id"])
    row = await write_back(row["id"])
    expected = {
        "state": "intended", "reason": "", "message": "", "absent_at": None, "attempts": 0, "dead_at": None,
        "lease_until": None, "request": "", "request_sha256": "", "idempotency_key": "", "fence": 5,
    }  # fmt: skip
    assert expected == {name: row[name] for name in expected}
    assert timedelta(0) <= now() - row["next_at"] < timedelta(minutes=5)
    assert not await intents.ask_again(row["id"])
    assert 5 == (await write_back(row["id"]))["fence"]


async def test_asked_again_later_with_its_bytes(shelf: Shelf):
    """What Xero may have keeps its bytes and key, and comes back when it is told to."""
    row = await meant(shelf)
    at = datetime(2030, 1, 1, tzinfo=UTC)
    await bring(row["id"], "reversed", sent_at=now(), idempotency_key="key")
    assert await intents.ask_again(row["id"], at, source="reversed")
    again = await write_back(row["id"])
    assert (row["request"], "key", at) == (again["request"], again["idempotency_key"], again["next_at"])
    assert again["sent_at"] is not None


async def test_what_nobody_plans_is_planned(shelf: Shelf):
    """Open rows without a time are due now and counted; what is done, put aside or planned is left alone."""
    rows = {}
    for state in ("intended", "sending", "unknown", "parked", "confirmed"):
        row_id = await intents.intend_reversal(await shelf.payment())
        rows[state] = await bring(row_id, state, next_at=None)
    dead = await bring(await intents.intend_reversal(await shelf.payment()), "intended", next_at=None, dead_at=now())
    planned = await bring(await intents.intend_reversal(await shelf.payment()), "intended", next_at=PAID_AT)
    assert 3 == await intents.unwedge()
    assert 0 == await intents.unwedge()
    due = {state for state, row in rows.items() if (await write_back(row["id"]))["next_at"]}
    assert {"intended", "sending", "unknown"} == due
    assert (await write_back(dead["id"]))["next_at"] is None
    assert PAID_AT == (await write_back(planned["id"]))["next_at"]


@pytest.mark.parametrize(
    ("state", "reason", "goes"),
    [("parked", "payment_waits", True), ("parked", "other", False), ("intended", "", False)],
)
async def test_a_taking_back_goes_on_when_its_payment_stands(shelf: Shelf, state: str, reason: str, goes: bool):
    """Only one that waited for the payment itself."""
    payment = await shelf.payment()
    await intents.go_on_taking_back(payment["id"])
    row_id = await intents.intend_reversal(payment)
    before = await bring(row_id, state, reason=reason, fence=1)
    await intents.go_on_taking_back(payment["id"])
    after = await write_back(row_id)
    assert (("intended", 2) if goes else (before["state"], 1)) == (after["state"], after["fence"])


async def test_a_row_of_a_payment_is_found_by_its_kind(shelf: Shelf):
    """Of the payment and the kind that was asked for; inside a transaction it is held."""
    payment, other = await shelf.payment(), await shelf.payment()
    row_id = await intents.intend_reversal(payment)
    await intents.intend_reversal(other)
    found = await intents.of_payment(payment["id"], "reversal")
    assert found is not None
    assert row_id == found["id"]
    assert await intents.of_payment(payment["id"], "payment") is None
    locks = (
        "SELECT count(*) FROM pg_locks WHERE relation = 'write_back'::regclass AND mode = $1 AND pid = pg_backend_pid()"
    )
    async with db.transaction():
        await intents.of_payment(payment["id"], "reversal")
        assert 1 == await db.fetch_value(locks, "RowShareLock")


async def test_a_payment_taken_back_can_be_written_again(shelf: Shelf):
    """A clean sheet with the new amount, before the merchant; the taking back may be asked for once more."""
    payment = await shelf.payment()
    await shelf.choose("payments", "GBP")
    row_id, reversal = await intents.intend_payment(payment), await intents.intend_reversal(payment)
    assert row_id is not None
    assert not await intents.reopen(row_id, POUND, "refund_failed")
    await bring(
        row_id, "reversed", xero_id="x", sent_at=now(), absent_at=now(), confirmed_at=now(), message="m", idempotency_key="k",
    )  # fmt: skip
    await bring(reversal, "confirmed", sent_at=now())
    assert await intents.reopen(row_id, POUND, "refund_failed")
    row = await write_back(row_id)
    expected = {
        "state": "parked", "reason": "refund_failed", "message": "", "amount_minor": 100, "request": "", "request_sha256": "",
        "idempotency_key": "", "xero_id": "", "sent_at": None, "absent_at": None, "confirmed_at": None, "next_at": None,
    }  # fmt: skip
    assert expected == {name: row[name] for name in expected}
    back = await write_back(reversal)
    assert ("reversed", None) == (back["state"], back["sent_at"])


@pytest.mark.parametrize(("state", "sent", "can"), [
    ("intended", False, True), ("parked", False, True), ("intended", True, False), ("sending", False, False),
    ("confirmed", False, False),
])  # fmt: skip
async def test_only_what_never_left_changes_its_amount(shelf: Shelf, state: str, sent: bool, can: bool):
    """Another amount is frozen anew; what Xero may have seen keeps its own."""
    row = await meant(shelf)
    other = await meant_beside(shelf)
    await bring(row["id"], state, sent_at=now() if sent else None)
    assert can is await intents.resize(row["id"], POUND)
    after = await write_back(row["id"])
    assert ((100, "", "") if can else (4000, row["request"], row["request_sha256"])) == (
        after["amount_minor"], after["request"], after["request_sha256"],
    )  # fmt: skip
    assert other["request"] == (await write_back(other["id"]))["request"]


async def meant_beside(shelf: Shelf) -> Row:
    return await write_back(await intents.intend_payment(await shelf.payment(9900)))


async def test_an_account_is_the_one_that_was_chosen(shelf: Shelf):
    """By organisation, kind and currency, with what is needed to name it."""
    await shelf.choose("payments", "GBP", xero_account_id="a", code="090", name="Clearing", tax_type="NONE")
    found = await intents.chosen(shelf.connection, "payments", "GBP")
    assert found is not None
    assert ("a", "090", "Clearing", "NONE") == tuple(found)
    for where in (
        (shelf.connection, "payments", "EUR"),
        (shelf.connection, "bank", "GBP"),
        (shelf.merchant, "payments", "GBP"),
    ):
        assert await intents.chosen(*where) is None


def test_a_payout_has_references_of_its_own():
    """By account and payout, for each of its kinds."""
    payout = {"stripe_account_id": "acct_1", "stripe_payout_id": "po_1", "arrives_on": date(2026, 1, 1)}
    assert intents.reference_of("acct_1", "po_1", "transfer") == intents._sent(payout, "transfer")
