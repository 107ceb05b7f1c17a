"""Money in another currency than Stripe settles in: Stripe's own figures in Xero, never a rate of ours, and nothing left over."""

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from app.books import accounts, attempts, intents, invoices, ledger, payments, payouts, writeback
from app.core import db
from app.core.money import Money, to_stripe
from app.merchants import mapping, payout_list, troubles
from tests.rooms.test_payouts import explained, pay_out, transfers, with_bank
from tests.rooms.till import Row, Till


async def euros(till: Till) -> None:
    """Fees and payouts are recorded; payments in euros go to the clearing account, which is kept in pounds."""
    await with_bank(till)
    known = await accounts.chart(till.clients, till.connection_id)
    clearing = till.accounts["Stripe clearing"]
    await accounts.choose(till.merchant_id, till.connection_id, known, "payments", "EUR", clearing)


async def kept_in_euros(till: Till) -> None:
    """As if the account for payments in euros were kept in euros."""
    await euros(till)
    await db.fetch("UPDATE account_choice SET account_currency = 'EUR' WHERE currency = 'EUR'")


async def paid(till: Till, minor: int = 10000) -> Row:
    """A payment in euros of an invoice in euros; Stripe settles in pounds."""
    amount = Money(minor, "EUR")
    made = await till.control(
        "/_xero/organisations/harrow/invoices", {"amount": f"{amount.decimal}", "currency": "EUR"}
    )
    invoice_id = await invoices.pull(till.clients, till.connection_id, made["id"])

    def build(attempt_id: UUID, expires_at: datetime) -> dict[str, Any]:
        item = {"currency": "eur", "unit_amount": to_stripe(amount), "product_data": {"name": "Invoice"}}
        return {
            "mode": "payment", "line_items": [{"price_data": item, "quantity": 1}], "client_reference_id": str(attempt_id),
            "success_url": "http://localhost:9/return", "expires_at": int(expires_at.timestamp()),
        }  # fmt: skip

    assert invoice_id
    attempt = await attempts.open_attempt(
        till.clients, merchant_id=till.merchant_id, invoice_id=invoice_id, pay_link_id=None,
        stripe_account_id=till.account, amount=amount, build=build,
    )  # fmt: skip
    await till.pay(attempt)
    payment_id = await payments.settle_session(till.clients, till.account, attempt["stripe_session_id"])
    return await till.row("SELECT * FROM payment WHERE id = $1", payment_id)


async def left_in_xero(till: Till) -> int:
    """What our writes leave on the clearing account, in pence, as Xero has them."""
    xero = (await till.truth())["xero"]
    came = [
        p["bank_amount"]
        for p in xero["payments"]
        if (p["reference"] or "").startswith("Payportal ") and p["status"] == "AUTHORISED"
    ]
    spent = [one["total"] for one in xero["bank_transactions"] if one["reference"].startswith("Payportal ")]
    return int(sum(came) - sum(spent) - sum(one["amount"] for one in await transfers(till)))


async def held(till: Till) -> dict[str, int]:
    """What the ledger says that Stripe still has, by currency."""
    rows = await db.fetch(
        "SELECT currency, sum(amount_minor)::int AS minor FROM ledger_entry WHERE account = $1 GROUP BY 1",
        ledger.CLEARING,
    )
    return {row["currency"]: row["minor"] for row in rows}


async def test_stripes_own_figure_comes_to_the_account(till: Till):
    """Xero hears what Stripe made of the euros; after fee and payout nothing is left, in Xero and in the ledger."""
    await euros(till)
    payment = await paid(till)
    await pay_out(till)
    (stands,) = await till.in_xero(payment["invoice"])
    settled = await db.fetch_value("SELECT settled_minor FROM payment")
    assert (10000, settled) == (stands["amount"], stands["bank_amount"])
    assert 0 == await left_in_xero(till)
    assert {"EUR": 0, "GBP": 0} == await held(till)
    assert (0, []) == ((await explained(till))["residue"].minor, await writeback.attention(till.merchant_id))
    assert [] == await ledger.invariants()


async def test_no_rate_is_guessed_while_stripe_has_not_said_it(till: Till):
    """Until the money is settled the payment waits by itself; nothing is in Xero and nobody is bothered."""
    await euros(till)
    await till.control("/_stripe/modes", {"balance_seconds": 3600})
    payment = await paid(till)
    await till.work()
    assert ("intended", "") == ((row := await till.write_back(payment))["state"], row["request"])
    assert ([], []) == (await till.in_xero(payment["invoice"]), await writeback.attention(till.merchant_id))
    await db.fetch("UPDATE payment SET paid_at = paid_at - interval '61 minutes'")
    await db.fetch("UPDATE write_back SET next_at = now()")
    await till.work()
    assert "BankAmount" not in (await till.write_back(payment))["request"]
    assert 1 == len(await till.in_xero(payment["invoice"]))


async def test_a_refund_at_another_rate_is_told_to_the_penny(till: Till):
    """All goes back after the rate moved: the page names the difference, the books say it, and a person is asked to book it."""
    await euros(till)
    payment = await paid(till)
    await till.paid(await till.invoice("900.00"), "900.00")
    await till.control("/_clock", {"advance": 5})
    await till.hear()
    await till.control("/_stripe/modes", {"exchange": 1.02})
    await till.control("/_stripe/refunds", {"charge": payment["stripe_charge_id"]})
    await pay_out(till)
    settled = await db.fetch_value("SELECT settled_minor FROM payment WHERE id = $1", payment["id"])
    more = round(settled * 1.02) - settled
    page = await explained(till)
    sums = {one.words: one.amount.minor for one in page["sums"]}
    assert (-settled, -more, 0) == (sums["Refunds"], sums["Exchange differences"], page["residue"].minor)
    (shown,) = await troubles.failures(till.merchant_id)
    assert ("exchange difference", Money(more, "GBP")) == (shown.what, shown.amount)
    assert f"Stripe took {Money(more, 'GBP')} more" in shown.way_out
    assert more == await left_in_xero(till)
    assert {"EUR": 0, "GBP": 0} == await held(till)
    await writeback.abandon(till.merchant_id, int(shown.id), "Hannah Finch")
    assert [] == await ledger.invariants()


async def test_a_part_refund_leaves_nothing_over(till: Till):
    """A part goes back at another rate: the page still comes to the bank's line, and the ledger to nothing."""
    await euros(till)
    payment = await paid(till)
    await till.control("/_clock", {"advance": 5})
    await till.hear()
    await till.control("/_stripe/modes", {"exchange": 0.97})
    await till.control("/_stripe/refunds", {"charge": payment["stripe_charge_id"], "amount": 3333})
    await pay_out(till)
    page = await explained(till)
    assert 0 == page["residue"].minor
    assert 0 < next(one.amount.minor for one in page["sums"] if one.words == "Exchange differences")
    assert {"EUR": 0, "GBP": 0} == await held(till)


async def test_money_that_stripe_changed_is_moved_by_a_person(till: Till):
    """The account for euros is kept in euros, but Stripe pays pounds: the merchant reads how much to move, and is done."""
    await kept_in_euros(till)
    payment = await paid(till)
    await till.control("/_clock", {"advance": 5})
    await till.hear()
    (shown,) = await troubles.failures(till.merchant_id)
    gross = Money(await db.fetch_value("SELECT settled_minor FROM payment"), "GBP")
    assert ("exchange difference", True, False) == (shown.what, shown.by_hand, shown.can_retry)
    assert f"Stripe made {gross} of €100.00." in shown.way_out
    assert "confirmed" == (await till.write_back(payment, "fee"))["state"]
    await writeback.abandon(till.merchant_id, int(shown.id), "Hannah Finch")
    assert [] == await troubles.failures(till.merchant_id)


async def test_a_fee_is_never_spent_in_another_currency(till: Till):
    """Without an account kept in the fee's currency the fee waits, and goes on when one is chosen."""
    await kept_in_euros(till)
    await db.fetch("DELETE FROM account_choice WHERE kind = 'payments' AND currency = 'GBP'")
    payment = await paid(till)
    await till.control("/_clock", {"advance": 5})
    await till.hear()
    assert ("parked", "fee_currency") == ((fee := await till.write_back(payment, "fee"))["state"], fee["reason"])
    await till.choose()
    await writeback.account_chosen(till.connection_id)
    await till.work()
    assert "confirmed" == (await till.write_back(payment, "fee"))["state"]


async def test_a_payout_in_another_currency_is_not_moved_blindly(till: Till):
    """A payout for which no accounts of its currency are chosen waits for a person, once; nothing is written."""
    await with_bank(till)
    await db.fetch("UPDATE account_choice SET currency = 'EUR', account_currency = 'EUR' WHERE kind = 'bank'")
    await till.paid(await till.invoice())
    await pay_out(till)
    ((row, words),) = await writeback.attention(till.merchant_id)
    assert ("transfer", "payout_currency", True) == (row["kind"], row["reason"], words.by_hand)
    assert [] == await transfers(till)
    await writeback.abandon(till.merchant_id, row["id"], "Hannah Finch")
    assert [] == await writeback.attention(till.merchant_id)


async def test_payouts_in_each_currency_have_a_bank_of_their_own(till: Till):
    """Where Stripe pays out euros, an account kept in euros can be chosen, and no other; what waited for it goes on."""
    await with_bank(till)
    known = await accounts.chart(till.clients, till.connection_id)
    pounds = next(one for one in known.banks if "bank" in one.name.lower())
    euros, clearing = replace(pounds, id=str(uuid4()), currency="EUR"), replace(pounds, id=str(uuid4()), currency="EUR")
    known = replace(known, accounts=[*known.accounts, euros, clearing])
    payout = await till.row(
        "INSERT INTO payout (id, merchant, stripe_account_id, stripe_payout_id, amount_minor, currency, arrives_on, created_at) "
        "VALUES (gen_random_uuid(), $1, $2, 'po_eur', 2500, 'EUR', now()::date, now()) RETURNING *",
        till.merchant_id,
        till.account,
    )
    await intents.transfer_by_hand(payout, till.connection_id, "payout_currency")
    connection = await till.row("SELECT * FROM connection WHERE id = $1", till.connection_id)
    shown = await mapping.read(connection, known)
    assert [("GBP", "bank_account"), ("EUR", "bank_account_eur")] == [(bank.code, bank.field) for bank in shown.banks]
    assert {euros.id, clearing.id} == {account_id for account_id, _ in shown.banks[1].options}
    form = {currency.field: currency.chosen for currency in shown.currencies} | {"account_eur": clearing.id}
    form |= {"bank_account": pounds.id, "bank_account_eur": pounds.id}
    save = partial(mapping.save, till.merchant_id, till.connection_id, known, shown)
    assert {"bank_account_eur"} == (await save(form)).keys()
    assert {} == await save(form | {"bank_account_eur": euros.id})
    assert 1 == await writeback.account_chosen(till.connection_id)
    row = await till.row("SELECT * FROM write_back WHERE payout = $1", payout["id"])
    assert ("intended", "") == (row["state"], await intents.obstacle(row["id"]))
    assert {} == await save(form | {"bank_account_eur": ""})
    chosen = await accounts.chosen(till.connection_id)
    assert {("bank", "GBP")} == {one for one in chosen if one[0] == "bank"}


async def test_a_payout_of_two_organisations_shows_their_shares(till: Till):
    """Money of two organisations in one payout: each share is shown, and a person records them."""
    await with_bank(till)
    first, second = [await till.paid(await till.invoice(), amount) for amount in ("40.00", "60.00")]
    await till.control("/_clock", {"advance": 5})
    await till.hear()
    other = await db.fetch_value(
        "INSERT INTO connection (id, merchant, xero_tenant_id, name, base_currency) "
        "VALUES (gen_random_uuid(), $1, 'other', 'Zeta Ltd', 'GBP') RETURNING id",
        till.merchant_id,
    )
    await db.fetch("UPDATE payment SET connection = $2 WHERE id = $1", second["id"], other)
    await pay_out(till)
    page = await explained(till)
    nets = [
        await db.fetch_value("SELECT amount_minor - fee_minor FROM payment WHERE id = $1", one["id"])
        for one in (first, second)
    ]
    assert nets == [share.amount.minor for share in page["shares"]]
    assert [("payout", True)] == [(one.what, one.by_hand) for one in page["failures"]]
    assert [] == await transfers(till)


async def test_what_no_notification_told_of_is_heard_before_its_payout(till: Till):
    """A payout holds a payment we never heard of: it is brought in first, and belongs to its invoice."""
    invoice_id = await till.invoice()
    attempt = await till.attempt(invoice_id)
    await till.pay(attempt)
    await till.control("/_clock", {"advance": 5})
    made = await till.control("/_stripe/payouts", {"account": till.account, "include_pending": True, "arrive": "paid"})
    await till.control("/_clock", {"advance": 5})
    assert 0 == await db.fetch_value("SELECT count(*) FROM payment")
    await payouts.follow(till.clients, till.merchant_id, till.account, made[0]["id"])
    page = await payout_list.explained(till.merchant_id, (await till.row("SELECT id FROM payout"))["id"])
    assert [str(invoice_id)] == [line.invoice_id for line in page["lines"]]
    assert {"GBP": 0} == await held(till)
