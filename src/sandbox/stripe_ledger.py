"""Money inside Stripe: balance transactions are the one truth, balances are sums over them.

A charge's balance transaction appears a moment after the charge (capture is asynchronous), in the account's settlement
currency, with fees and, where currencies differ, an exchange rate. It becomes available two days later at midnight UTC.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from sandbox import stripe_fees, stripe_money
from sandbox.store import Obj
from sandbox.stripe_cards import card
from sandbox.stripe_events import emit
from sandbox.stripe_world import DAY, PLATFORM, Stripe

DELAY_DAYS = 2
_CATEGORY = {
    "payment": "charge",
    "payment_refund": "refund",
    "refund_failure": "refund_failure",
    "payment_failure_refund": "charge_failure",
    "adjustment": "dispute",
    "application_fee": "platform_earning",
    "application_fee_refund": "platform_earning_refund",
    "payout_failure": "payout_reversal",
    "payout_cancel": "payout_reversal",
}


class Line(msgspec.Struct, frozen=True):
    """What to book: ``amount`` in the settlement ``currency``, signed; available at once unless ``available_on`` lies ahead."""

    amount: int
    currency: str
    type: str
    source: str
    description: str | None = None
    fees: Sequence[dict[str, Any]] = ()
    exchange_rate: float | None = None
    available_on: int | None = None
    category: str | None = None


def post(stripe: Stripe, account: str, line: Line) -> Obj:
    """Book one line on an account's balance and return its balance transaction."""
    now = stripe.now()
    fee = sum(part["amount"] for part in line.fees)
    when = line.available_on or now
    prefix = "txn_3" if line.type in ("charge", "payment", "refund", "payment_refund") else "txn_1"
    booked: Obj = {
        "id": stripe.id(prefix),
        "object": "balance_transaction",
        "_account": account,
        "_payout": None,
        "amount": line.amount,
        "available_on": when,
        "balance_type": "payments",
        "created": now,
        "currency": line.currency,
        "description": line.description,
        "exchange_rate": line.exchange_rate,
        "fee": fee,
        "fee_details": list(line.fees),
        "net": line.amount - fee,
        "reporting_category": line.category or _CATEGORY.get(line.type, line.type),
        "source": line.source,
        "status": "available" if when <= now else "pending",
        "type": line.type,
    }
    stripe.put("balance_transaction", booked)
    if when > now:
        _watch(stripe, account, when)
    return booked


def _watch(stripe: Stripe, account: str, when: int) -> None:
    """One action per account and moment, however many lines become available then."""
    name = f"{account}:{when}"
    if stripe.world.store.get("stripe._available", name) is None:
        stripe.world.store.put("stripe._available", name, {"at": when})
        stripe.world.clock.schedule(when, "stripe.available", {"account": account, "at": when})


def midnight_in(stripe: Stripe, days: int) -> int:
    """Midnight UTC that many days from today."""
    return stripe.now() // DAY * DAY + days * DAY


def country_and_currency(stripe: Stripe, account: str) -> tuple[str, str]:
    """The account's country and settlement currency (the platform's are US and usd)."""
    row = stripe.find("v2.core.account", account)
    return ("US", "usd") if row is None else (row["identity"]["country"].upper(), row["defaults"]["currency"])


def convert(stripe: Stripe, account: str, amount: int, currency: str) -> tuple[int, str, float | None]:
    """An amount in the account's settlement currency, that currency, and the rate (None when it is the same)."""
    _, settlement = country_and_currency(stripe, account)
    if settlement == currency:
        return amount, currency, None
    change = stripe.modes.exchange
    rate = float(stripe_money.rate(currency, settlement)) * change
    return round(stripe_money.convert(amount, currency, settlement) * change), settlement, rate


def book_charge(stripe: Stripe, charge: Obj) -> Obj:
    """Give a succeeded charge its balance transaction and application fee, once; emits ``charge.updated``."""
    if charge["balance_transaction"] is not None or charge["status"] != "succeeded":
        return charge
    account, type = charge["_account"], charge["payment_method_details"]["type"]
    gross, currency, rate = convert(stripe, account, charge["amount"], charge["currency"])
    fees = _charge_fees(stripe, charge, gross, currency, rate)
    at_once = type == "card" and card(charge["_number"]).at_once
    line = Line(
        gross,
        currency,
        "charge" if type == "card" else "payment",
        charge["id"],
        charge["description"],
        fees=fees,
        exchange_rate=rate,
        available_on=None if at_once else midnight_in(stripe, DELAY_DAYS),
    )
    previous: Obj = {"balance_transaction": None}
    charge["balance_transaction"] = post(stripe, account, line)["id"]
    if charge["application_fee_amount"]:
        previous["application_fee"] = None
        charge["application_fee"] = _application_fee(stripe, charge)["id"]
    stripe.put("charge", charge)
    emit(stripe, "charge.updated", charge, previous)
    return charge


def _charge_fees(stripe: Stripe, charge: Obj, gross: int, currency: str, rate: float | None) -> list[dict[str, Any]]:
    type = charge["payment_method_details"]["type"]
    country, _ = country_and_currency(stripe, charge["_account"])
    card_country = charge["payment_method_details"]["card"]["country"] if type == "card" else None
    fees = stripe_fees.details(
        gross, currency, country=country, card_country=card_country, method=type, converted=rate is not None
    )
    if charge["application_fee_amount"]:
        ours, _, _ = convert(stripe, charge["_account"], charge["application_fee_amount"], charge["currency"])
        fees.insert(0, stripe_fees.application_line(ours, currency, stripe.application()))
    return fees


def _application_fee(stripe: Stripe, charge: Obj) -> Obj:
    amount, id = charge["application_fee_amount"], stripe.id("fee_1")
    line = post(stripe, PLATFORM, Line(amount, charge["currency"], "application_fee", id))
    fee: Obj = {
        "id": id,
        "object": "application_fee",
        "_account": PLATFORM,
        "account": charge["_account"],
        "amount": amount,
        "amount_refunded": 0,
        "application": stripe.application(),
        "balance_transaction": line["id"],
        "charge": charge["id"],
        "created": stripe.now(),
        "currency": charge["currency"],
        "fee_source": {"charge": charge["id"], "type": "charge"},
        "livemode": stripe.livemode,
        "originating_transaction": charge["id"],
        "refunded": False,
        "refunds": {"object": "list", "data": [], "has_more": False, "url": f"/v1/application_fees/{id}/refunds"},
    }
    stripe.put("application_fee", fee)
    emit(stripe, "application_fee.created", fee)
    return fee


def refund_application_fee(stripe: Stripe, charge: Obj, amount: int) -> Obj | None:
    """Give back the part of the application fee that belongs to a refund of ``amount``; the fee refund, or None."""
    fee = stripe.find("application_fee", charge["application_fee"])
    if fee is None:
        return None
    part = min(fee["amount"] * amount // charge["amount"], fee["amount"] - fee["amount_refunded"])
    id = stripe.id("fr_1")
    line = post(stripe, PLATFORM, Line(-part, fee["currency"], "application_fee_refund", id))
    back: Obj = {
        "id": id,
        "object": "fee_refund",
        "amount": part,
        "balance_transaction": line["id"],
        "created": stripe.now(),
        "currency": fee["currency"],
        "fee": fee["id"],
        "metadata": {},
    }
    fee["amount_refunded"] += part
    fee["refunded"] = fee["amount_refunded"] == fee["amount"]
    fee["refunds"]["data"].insert(0, back)
    stripe.put("application_fee", fee)
    emit(stripe, "application_fee.refunded", fee)
    return back


def balances(stripe: Stripe, account: str) -> dict[str, dict[str, int]]:
    """``{"available": {currency: amount}, "pending": {...}}``: sums of net over the balance transactions."""
    sums: dict[str, dict[str, int]] = {"available": {}, "pending": {}}
    for line in stripe.rows("balance_transaction", account):
        part = sums[line["status"]]
        part[line["currency"]] = part.get(line["currency"], 0) + line["net"]
    return sums


def balance(stripe: Stripe, account: str) -> Obj:
    """The ``balance`` object."""
    _, settlement = country_and_currency(stripe, account)
    sums = balances(stripe, account)

    def entries(part: dict[str, int]) -> list[Obj]:
        rows = part or {settlement: 0}
        return [{"amount": amount, "currency": code, "source_types": {"card": amount}} for code, amount in rows.items()]

    return {
        "object": "balance",
        "available": entries(sums["available"]),
        "livemode": stripe.livemode,
        "pending": entries(sums["pending"]),
    }


def release(stripe: Stripe, account: str, until: int) -> int:
    """Make available what is due by ``until``; emits ``balance.available`` when anything was. Returns how many lines."""
    due = [
        line
        for line in stripe.rows("balance_transaction", account)
        if line["status"] == "pending" and line["available_on"] <= until
    ]
    for line in due:
        line["status"] = "available"
        stripe.put("balance_transaction", line)
    if due:
        emit(stripe, "balance.available", balance(stripe, account), account=account)
    return len(due)
