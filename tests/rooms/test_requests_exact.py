"""What is meant for Xero, byte for byte: one row for each payment or payout and kind, its request frozen."""

import hashlib
from datetime import date, timedelta
from typing import Any

import pytest

from app.books import intents
from app.core import db
from app.core.clock import from_now, now
from app.core.money import Money
from tests.rooms.shelf import PAID_AT, Row, Shelf, put, write_back

POUND = Money(100, "GBP")


def frozen(row: Row, text: str) -> bool:
    """Whether the row's request is this text, with its digest."""
    assert text == row["request"]
    return bool(hashlib.sha256(text.encode()).hexdigest() == row["request_sha256"])


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
    assert f'"Date":"{day}"' in (await shelf.meant(paid_at=PAID_AT))["request"]


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


async def test_fees_that_no_payout_brought_are_meant_by_payment(shelf: Shelf):
    """Of payments since then whose fee is known; not what came with a payout, was there before, or is another organisation's."""
    other = await Shelf().open()
    for one in (shelf, other):
        await one.choose("fees")
    fee: dict[str, Any] = {"fee_minor": 76, "settlement_currency": "GBP"}
    new, brought = await shelf.payment(**fee), await shelf.payment(**fee)
    old = await shelf.payment(paid_at=PAID_AT - timedelta(seconds=1), **fee)
    rest = [brought, old, await shelf.payment(settlement_currency="GBP"), await other.payment(**fee)]
    payout = await shelf.payout(900)
    await put("payout_line", payout=payout["id"], payment=brought["id"], kind="charge", currency="GBP", at=PAID_AT)
    of = (shelf.merchant, shelf.connection, None, None, payout["id"])
    await intents._mean(of, "fee", Money(76, "GBP"), "Payportal FEES")
    for _ in range(2):
        await intents.intend_fees_left(shelf.connection, PAID_AT)
    meant = await intents.of_payment(new["id"], "fee")
    assert meant is not None
    assert (76, "GBP") == (meant["amount_minor"], meant["currency"])
    assert [None] * 4 == [await intents.of_payment(one["id"], "fee") for one in rest]


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
    assert "account_missing" == await intents.obstacle(second)


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


async def test_an_account_is_the_one_that_was_chosen(shelf: Shelf):
    """By organisation, kind and currency, with what is needed to name it."""
    await shelf.choose("payments", "GBP", xero_account_id="a", code="090", name="Clearing", tax_type="NONE")
    found = await intents.chosen(shelf.connection, "payments", "GBP")
    assert found is not None
    known = {"xero_account_id": "a", "code": "090", "name": "Clearing", "tax_type": "NONE", "kept_in": "GBP"}
    assert known == {name: found[name] for name in known}
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


async def test_a_surplus_is_an_overpayment_of_the_customer(shelf: Shelf):
    """One line without tax, into the account that takes payments, to the invoice's own contact; on a day a person chose."""
    payment = await shelf.payment(4000)
    await shelf.choose("payments", "GBP")
    row_id = await intents.intend_overpayment(payment, Money(1005, "GBP"))
    assert await intents.intend_overpayment(payment, Money(1005, "GBP")) is None
    row = await write_back(row_id)
    request = (
        '{{"Type":"RECEIVE-OVERPAYMENT","Contact":{{"ContactID":"con-1"}},"LineAmountTypes":"NoTax","LineItems":'
        '[{{"Description":"Overpayment of invoice INV-1","LineAmount":10.05}}],"BankAccount":{{"AccountID":"payments-account"}},'
        '"CurrencyCode":"GBP","Date":"{day}","Reference":"{reference}"}}'
    )
    assert ("overpayment", 1005, "GBP") == (row["kind"], row["amount_minor"], row["currency"])
    assert frozen(row, request.format(day="2026-03-01", reference=row["reference"]))
    await db.fetch("UPDATE write_back SET request = '', dated_on = '2026-04-01' WHERE id = $1", row_id)
    assert row_id is not None
    await intents.freeze(row_id)
    assert frozen(await write_back(row_id), request.format(day="2026-04-01", reference=row["reference"]))


async def test_a_transfer_may_be_dated_by_a_person(shelf: Shelf):
    """Where the bank's own day is locked in Xero."""
    for kind in ("payments", "bank"):
        await shelf.choose(kind, "GBP")
    row_id = await intents.intend_transfer(await shelf.payout(100), shelf.connection)
    await db.fetch("UPDATE write_back SET request = '', dated_on = '2026-04-02' WHERE id = $1", row_id)
    assert row_id is not None
    await intents.freeze(row_id)
    assert '"Date":"2026-04-02"' in (await write_back(row_id))["request"]


async def test_what_only_a_person_can_do_is_put_before_them(shelf: Shelf):
    """Parked with its reason and no request, told by mail; the amount follows, and it is asked once more when it was settled."""
    payment, began = await shelf.payment(4000), now()
    await shelf.choose("payments", "GBP")
    for minor in (900, 700):
        await intents.put_before_merchant(payment, "overpayment_back", Money(minor, "GBP"), "refund_part")
        row = await intents.of_payment(payment["id"], "overpayment_back")
        assert row is not None
        told = (row["state"], row["reason"], row["amount_minor"], row["currency"], row["request"], row["next_at"])
        assert ("parked", "refund_part", minor, "GBP", "", None) == told
    soon = await db.fetch_value(
        "SELECT next_at FROM job WHERE kind = 'merchant.alert' AND subject = $1", str(shelf.merchant)
    )
    assert began + timedelta(seconds=30) <= soon <= from_now(30)
    await db.fetch("DELETE FROM job")
    await intents.put_before_merchant(payment, "overpayment_back", Money(700, "GBP"), "refund_part")
    assert set() == await shelf.asked()
