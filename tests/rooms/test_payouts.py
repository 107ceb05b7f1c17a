"""Every payout is explained to the penny, and moved in Xero once where the merchant wants it."""

from typing import Any
from uuid import uuid4

import pytest

from app.books import accounts, intents, ledger, payouts, refunds, writeback
from app.core import db
from app.core.errors import NotFound
from app.core.money import Money
from app.merchants import payout_list
from tests.rooms.till import Till

TRANSFERS = "/xero/api/*/BankTransfers"


async def with_bank(till: Till) -> None:
    """The merchant has fees and payouts recorded."""
    await till.choose(fees=True)
    known = await accounts.chart(till.clients, till.connection_id)
    bank = next(one for one in known.banks if "bank" in one.name.lower())
    await accounts.choose(till.merchant_id, till.connection_id, known, "bank", "GBP", bank.id)


async def pay_out(till: Till, arrive: str | None = "paid") -> None:
    """Stripe pays out everything there is, and has listed what is in it."""
    await till.control("/_clock", {"advance": 5})
    await till.hear()
    await till.control("/_stripe/payouts", {"account": till.account, "include_pending": True, "arrive": arrive})
    await till.control("/_clock", {"advance": 5})
    await till.hear()


async def end(till: Till, outcome: str) -> None:
    """The bank has it, or sends it back."""
    payout_id = await db.fetch_value("SELECT stripe_payout_id FROM payout ORDER BY created_at DESC LIMIT 1")
    await till.control(f"/_stripe/payouts/{payout_id}", {"outcome": outcome})
    await till.hear()


async def transfers(till: Till) -> list[Any]:
    """The live transfers, as Xero has them."""
    return [one for one in (await till.truth())["xero"]["bank_transfers"] if one["status"] == "AUTHORISED"]


async def explained(till: Till) -> dict[str, Any]:
    """The page of the only payout."""
    row = await till.row("SELECT id FROM payout")
    return await payout_list.explained(till.merchant_id, row["id"])


async def test_a_payout_is_explained_and_moved_in_xero(till: Till):
    """Payments less fees less a refund are the bank's line, nothing is left over, and Xero has one transfer of it."""
    await with_bank(till)
    first, second = [await till.paid(await till.invoice(), amount) for amount in ("40.00", "60.00")]
    await till.hear()
    await refunds.ask(till.merchant_id, first["id"], Money(1500, "GBP"), "Hannah Finch", uuid4())
    await till.hear()
    await pay_out(till)
    page = await explained(till)
    sums = {one.words: one.amount.minor for one in page["sums"]}
    fees = await db.fetch_value("SELECT sum(fee_minor)::int FROM payment")
    assert {"Payments": 10000, "Stripe’s fees": -fees, "Refunds": -1500} == sums
    assert (0, 8500 - fees) == (page["residue"].minor, page["payout"].amount.minor)
    assert {str(first["invoice"]), str(second["invoice"])} == {line.invoice_id for line in page["lines"]}
    assert ("In your bank", "recorded") == (page["payout"].words, page["payout"].xero)
    (moved,) = await transfers(till)
    assert 8500 - fees == moved["amount"]
    assert [] == await ledger.invariants()
    held = await db.fetch_value("SELECT sum(amount_minor)::int FROM ledger_entry WHERE account = $1", ledger.CLEARING)
    assert 0 == held


async def test_told_twenty_times_it_is_one_transfer(till: Till):
    """However often Stripe tells of a payout, its lines are stored once and one transfer is written."""
    await with_bank(till)
    await till.paid(await till.invoice())
    await pay_out(till)
    known = await till.row("SELECT stripe_payout_id FROM payout")
    for _ in range(3):
        await payouts.follow(till.clients, till.merchant_id, till.account, known["stripe_payout_id"])
    await till.work()
    assert (1, 2) == (len(await transfers(till)), await db.fetch_value("SELECT count(*) FROM payout_line"))


@pytest.mark.parametrize("fault", [{"commit_then_reset": True}, {"reset_before_commit": True}])
async def test_a_lost_answer_leaves_one_transfer(till: Till, fault: dict[str, bool]):
    """Xero's answer to a transfer is lost: it is looked for before it is sent again."""
    await with_bank(till)
    await till.paid(await till.invoice())
    await till.fault(fault, path=TRANSFERS, nth=1)
    await pay_out(till)

    async def there() -> bool:
        return bool(await db.fetch_value("SELECT 1 FROM write_back WHERE kind = 'transfer' AND state = 'confirmed'"))

    await till.work_until(there)
    assert 1 == len(await transfers(till))


async def test_without_a_bank_account_nothing_is_written(till: Till):
    """A merchant who chose no bank account for payouts reads what is in them, and Xero is left alone."""
    await till.paid(await till.invoice())
    await pay_out(till)
    page = await explained(till)
    assert (0, True, "") == (page["residue"].minor, page["payout"].explained, page["payout"].xero)
    assert [] == await transfers(till)


async def test_a_payout_on_its_way_waits(till: Till):
    """Nothing is moved in Xero before the bank has the money."""
    await with_bank(till)
    await till.paid(await till.invoice())
    await pay_out(till, arrive=None)
    assert [] == await transfers(till)
    assert "On its way to your bank" == (await explained(till))["payout"].words
    await end(till, "paid")
    assert 1 == len(await transfers(till))


async def test_a_payout_the_bank_sends_back_waits_for_the_merchant(till: Till):
    """A payout may fail after it arrived: its transfer is put before the merchant, and the next payout explains itself."""
    await with_bank(till)
    await till.paid(await till.invoice())
    await pay_out(till)
    await end(till, "failed")
    ((row, words),) = await writeback.attention(till.merchant_id)
    assert ("transfer_back", "the bank sent the payout back to Stripe") == (row["kind"], words.short)
    assert "Sent back by the bank" == (await explained(till))["payout"].words
    await writeback.abandon(till.merchant_id, row["id"], "Hannah Finch")
    assert [] == await writeback.attention(till.merchant_id)
    await db.fetch("UPDATE payout SET arrives_on = arrives_on - 1")
    await pay_out(till)
    newest = await till.row("SELECT * FROM payout ORDER BY arrives_on DESC LIMIT 1")
    page = await payout_list.explained(till.merchant_id, newest["id"])
    assert ("Earlier payouts", 0) == (page["sums"][-1].words, page["residue"].minor)
    held = await db.fetch_value("SELECT sum(amount_minor)::int FROM ledger_entry WHERE account = $1", ledger.CLEARING)
    assert 0 == held


async def test_a_payout_that_fails_on_its_way_is_never_written(till: Till):
    """A payout the bank refuses before it arrived leaves nothing in Xero and nothing to do."""
    await with_bank(till)
    await till.paid(await till.invoice())
    await pay_out(till, arrive=None)
    await end(till, "failed")
    assert ([], []) == (await transfers(till), await writeback.attention(till.merchant_id))


async def by_payout(till: Till) -> None:
    """The merchant has payouts recorded, and their fees with them."""
    await with_bank(till)
    known = await accounts.chart(till.clients, till.connection_id)
    spent = next(one for one in known.fees if "fee" in one.name.lower())
    await accounts.choose(till.merchant_id, till.connection_id, known, "fees", "", spent.id, "NONE", by_payout=True)


async def fees(till: Till) -> list[Any]:
    """The fees of ours in Xero."""
    rows = (await till.truth())["xero"]["bank_transactions"]
    return [one for one in rows if one["reference"].startswith("Payportal") and one["status"] == "AUTHORISED"]


async def test_fees_are_recorded_once_for_a_payout(till: Till):
    """Where the merchant wants it so, all fees in a payout are one entry, on the day the bank had it, and nothing is left."""
    await by_payout(till)
    for amount in ("40.00", "60.00"):
        await till.paid(await till.invoice(), amount)
    await pay_out(till)
    total = await db.fetch_value("SELECT sum(fee_minor)::int FROM payment")
    (spent,) = await fees(till)
    arrives_on = await db.fetch_value("SELECT arrives_on FROM payout")
    assert (total, arrives_on.isoformat()) == (spent["total"], spent["date"])
    assert 10000 - total == (await transfers(till))[0]["amount"]
    known = await till.row("SELECT stripe_payout_id FROM payout")
    await payouts.follow(till.clients, till.merchant_id, till.account, known["stripe_payout_id"])
    await till.work()
    assert 1 == len(await fees(till))


async def test_a_fee_that_was_recorded_by_payment_is_not_recorded_again(till: Till):
    """The merchant changed their mind between two payments: each fee is in Xero once."""
    await with_bank(till)
    await till.paid(await till.invoice(), "40.00")
    await till.control("/_clock", {"advance": 5})
    await till.hear()
    await by_payout(till)
    await till.paid(await till.invoice(), "60.00")
    await pay_out(till)
    booked = sorted(one["total"] for one in await fees(till))
    assert sorted(row["fee_minor"] for row in await db.fetch("SELECT fee_minor FROM payment")) == booked


async def test_fees_that_were_to_come_with_a_payout_are_not_forgotten(till: Till):
    """The merchant changes their mind before it came: each of them is in Xero once, whatever is saved in between."""
    await by_payout(till)
    for amount in ("40.00", "60.00"):
        await till.paid(await till.invoice(), amount)
    await by_payout(till)
    await till.choose(fees=True)
    await till.paid(await till.invoice(), "50.00")
    await pay_out(till)
    booked = sorted(one["total"] for one in await fees(till))
    assert sorted(row["fee_minor"] for row in await db.fetch("SELECT fee_minor FROM payment")) == booked
    assert [] == await ledger.invariants()


async def by_hand(till: Till, amount: int) -> str:
    """Somebody pays out by hand in Stripe's dashboard; the payout's id."""
    made = await till.http.post(
        "/stripe/v1/payouts",
        data={"amount": amount, "currency": "gbp"},
        headers={"authorization": "Bearer sk_test_sandbox", "stripe-account": till.account},
    )
    assert 200 == made.status_code, made.text
    await till.hear()
    return str(made.json()["id"])


async def test_a_payout_by_hand_is_moved_but_not_itemised(till: Till):
    """Stripe lists nothing of a payout by hand: the page says so, Xero has its transfer, and the next one explains itself."""
    await with_bank(till)
    attempt = await till.attempt(await till.invoice(), "40.00")
    await till.pay(attempt, card="4000000000000077")
    await till.control("/_clock", {"advance": 5})
    await till.hear()
    payout_id = await by_hand(till, 1500)
    assert [] == await transfers(till)
    await till.control(f"/_stripe/payouts/{payout_id}", {"outcome": "paid"})
    await till.hear()
    page = await explained(till)
    assert (False, False, "recorded") == (page["payout"].automatic, page["payout"].explained, page["payout"].xero)
    assert [1500] == [one["amount"] for one in await transfers(till)]
    await db.fetch("UPDATE payout SET arrives_on = arrives_on - 1")
    await pay_out(till)
    newest = await till.row("SELECT * FROM payout ORDER BY arrives_on DESC LIMIT 1")
    page = await payout_list.explained(till.merchant_id, newest["id"])
    sums = {one.words: one.amount.minor for one in page["sums"]}
    assert (-1500, 0) == (sums["Earlier payouts"], page["residue"].minor)
    held = await db.fetch_value("SELECT sum(amount_minor)::int FROM ledger_entry WHERE account = $1", ledger.CLEARING)
    assert 0 == held
    assert [] == await ledger.invariants()


async def test_a_payout_by_hand_that_fails_waits_for_a_person(till: Till):
    """A payout by hand that the bank sends back after it arrived is put before the merchant, once, and ends with one press."""
    await with_bank(till)
    attempt = await till.attempt(await till.invoice(), "40.00")
    await till.pay(attempt, card="4000000000000077")
    await till.control("/_clock", {"advance": 5})
    await till.hear()
    payout_id = await by_hand(till, 1500)
    for outcome in ("paid", "failed"):
        await till.control(f"/_stripe/payouts/{payout_id}", {"outcome": outcome})
        await till.hear()
    ((row, words),) = await writeback.attention(till.merchant_id)
    assert ("transfer_back", "payout_failed", True) == (row["kind"], row["reason"], words.by_hand)
    assert "Sent back by the bank" == (await explained(till))["payout"].words
    await writeback.abandon(till.merchant_id, row["id"], "Hannah Finch")
    await payouts.follow(till.clients, till.merchant_id, till.account, payout_id)
    assert [] == await writeback.attention(till.merchant_id)


async def test_what_stripe_collects_from_the_bank_is_moved_the_other_way(till: Till):
    """A negative payout is money from the bank to the clearing account; none of nothing is written."""
    await with_bank(till)
    payout = await till.row(
        "INSERT INTO payout (id, merchant, stripe_account_id, stripe_payout_id, amount_minor, currency, arrives_on, created_at) "
        "VALUES (gen_random_uuid(), $1, $2, 'po_minus', -2500, 'GBP', now()::date, now()) RETURNING *",
        till.merchant_id,
        till.account,
    )
    await intents.intend_transfer(payout, till.connection_id)
    await till.work()
    (moved,) = await transfers(till)
    assert (2500, till.accounts["Stripe clearing"]) == (moved["amount"], moved["to"])


async def test_disputes_and_what_is_not_ours_have_names(till: Till):
    """A dispute with its fee is named, and so is money that came from elsewhere; nothing is left unexplained."""
    await till.paid(await till.invoice("900.00"), "900.00")
    payment = await till.paid(await till.invoice(), "40.00")
    await till.control("/_stripe/disputes", {"charge": payment["stripe_charge_id"]})
    await pay_out(till)
    page = await explained(till)
    sums = {one.words: one.amount.minor for one in page["sums"]}
    assert (-4000, 0) == (sums["Disputes"], page["residue"].minor)
    held = await db.fetch_value("SELECT sum(amount_minor)::int FROM ledger_entry WHERE account = $1", ledger.CLEARING)
    assert 0 == held


async def test_a_stranger_finds_no_payout(till: Till):
    """Nobody else sees a payout, by any address."""
    await till.paid(await till.invoice())
    await pay_out(till)
    row = await till.row("SELECT id FROM payout")
    with pytest.raises(NotFound):
        await payout_list.explained(till.user_id, row["id"])
    other = uuid4()
    await db.fetch("INSERT INTO merchant (id, legal_name, country) VALUES ($1, 'Other', 'GB')", other)
    assert [] == (await payout_list.listed(other, 1))["rows"]
