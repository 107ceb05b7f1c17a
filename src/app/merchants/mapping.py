"""Where payments and fees go in an organisation's books: what the accounts page offers, and what came back from it.

Accounts come from Xero's own list at that moment. A likely clearing account is suggested; the merchant confirms it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any
from uuid import UUID

from babel import Locale

from app.books import accounts
from app.clients.xero_wire import XeroAccount
from app.core import db
from app.core.errors import Refused
from app.core.money import Money, from_decimal
from app.merchants.details import Errors

Row = Mapping[str, Any]
Options = list[tuple[str, str]]

# The organisation's own currency first, then those its invoices and its payouts are in.
_CURRENCIES = """
SELECT currency FROM invoice WHERE connection = $1 AND status IN ('DRAFT', 'SUBMITTED', 'AUTHORISED', 'PAID')
UNION SELECT currency FROM account_choice WHERE connection = $1 AND kind = 'payments'
UNION SELECT o.currency FROM payout o JOIN connection c ON c.merchant = o.merchant WHERE c.id = $1
"""
_PAID_OUT = "SELECT DISTINCT currency FROM payout WHERE merchant = $1"


@dataclass(frozen=True, slots=True)
class Currency:
    """One line of the table: where payments in this currency are recorded."""

    code: str
    name: str
    options: Options
    chosen: str

    @property
    def field(self) -> str:
        """The name of its form field."""
        return f"account_{self.code.lower()}"


@dataclass(frozen=True, slots=True)
class Bank:
    """Where payouts in a currency are recorded; the organisation's own currency comes first."""

    code: str
    options: Options
    chosen: str
    field: str


@dataclass(frozen=True, slots=True)
class Example:
    """What Xero will show for a payment of a round amount."""

    invoice: str
    amount: Money
    fee: Money
    net: Money
    account: str
    fee_account: str


@dataclass(frozen=True, slots=True)
class Shown:
    """All that the accounts page shows of one organisation; `first_time` until something was chosen."""

    currencies: list[Currency]
    fee_options: Options
    fee_account: str
    tax_options: Options
    fee_tax: str
    fees_by_payout: bool
    refund_options: Options
    refund_account: str
    refund_tax_options: Options
    refund_tax: str
    banks: list[Bank]
    first_time: bool
    example: Example | None


async def read(connection: Row, known: accounts.Chart) -> Shown:
    """The page's content, with accounts and tax rates as Xero listed them."""
    payment, fee, rates = known.payments, known.fees, known.fee_rates
    chosen = await accounts.chosen(connection["id"])
    currencies = [_currency(code, connection, payment, chosen) for code in await _codes(connection)]
    first_time = not any(kind == "payments" for kind, _ in chosen)
    fees, refunds = chosen.get(("fees", "")), chosen.get(("refunds", ""))
    fee_account = fees["xero_account_id"] if fees else _suggest(fee, ("stripe", "merchant fee")) if first_time else ""
    return Shown(
        currencies=currencies,
        fee_options=_with_chosen([(account.id, words(account)) for account in fee], fees),
        fee_account=fee_account,
        tax_options=[(rate.tax_type, rate.name) for rate in rates],
        fee_tax=fees["tax_type"] if fees else next((r.tax_type for r in rates if r.tax_type == "NONE"), ""),
        fees_by_payout=bool(fees and fees["by_payout"]),
        refund_options=_with_chosen([(account.id, words(account)) for account in known.refunds], refunds),
        refund_account=refunds["xero_account_id"] if refunds else "",
        refund_tax_options=[(rate.tax_type, rate.name) for rate in known.refund_rates],
        refund_tax=refunds["tax_type"] if refunds else "",
        banks=await _banks(connection, payment, chosen),
        first_time=first_time,
        example=_example(connection["base_currency"], currencies, {a.id: words(a) for a in fee}, fee_account),
    )


async def save(
    merchant_id: UUID, connection_id: UUID, known: accounts.Chart, shown: Shown, form: Mapping[str, str]
) -> Errors:
    """Store what was chosen among what was shown; answers what is wrong, by field."""
    errors: Errors = {}
    for currency in shown.currencies:
        wanted = form.get(currency.field, "")
        if not wanted:
            errors[currency.field] = f"Choose an account, or payments in {currency.code} cannot be recorded."
            continue
        try:
            await accounts.choose(merchant_id, connection_id, known, "payments", currency.code, wanted)
        except Refused as no:
            errors[currency.field] = no.message
    errors |= await _save_fees(merchant_id, connection_id, known, form)
    errors |= await _save_refunds(merchant_id, connection_id, known, form)
    for bank in shown.banks:
        errors |= await _save_bank(merchant_id, connection_id, known, bank, form)
    return errors


def context(shown: Shown) -> dict[str, Any]:
    """The page's content by the names its template uses."""
    return {field.name: getattr(shown, field.name) for field in fields(shown)}


def typed(shown: Shown, form: Mapping[str, str]) -> Shown:
    """The same page with what was chosen on it."""
    currencies = [replace(currency, chosen=form.get(currency.field, "")) for currency in shown.currencies]
    return replace(
        shown,
        currencies=currencies,
        fee_account=form.get("fee_account", ""),
        fee_tax=form.get("fee_tax", ""),
        fees_by_payout=bool(form.get("fees_by_payout")),
        refund_account=form.get("refund_account", ""),
        refund_tax=form.get("refund_tax", ""),
        banks=[replace(bank, chosen=form.get(bank.field, "")) for bank in shown.banks],
    )


async def _save_fees(merchant_id: UUID, connection_id: UUID, known: accounts.Chart, form: Mapping[str, str]) -> Errors:
    wanted = form.get("fee_account", "") if form.get("separate_fees") else ""
    if not wanted:
        await accounts.forget(merchant_id, connection_id, "fees")
        return {}
    try:
        tax = form.get("fee_tax", "")
        by_payout = bool(form.get("fees_by_payout"))
        await accounts.choose(merchant_id, connection_id, known, "fees", "", wanted, tax, by_payout=by_payout)
    except Refused as no:
        return {"fee_tax" if "tax" in no.message else "fee_account": no.message}
    return {}


async def _save_refunds(
    merchant_id: UUID, connection_id: UUID, known: accounts.Chart, form: Mapping[str, str]
) -> Errors:
    wanted = form.get("refund_account", "")
    if not wanted:
        await accounts.forget(merchant_id, connection_id, "refunds")
        return {}
    try:
        await accounts.choose(merchant_id, connection_id, known, "refunds", "", wanted, form.get("refund_tax", ""))
    except Refused as no:
        return {"refund_tax" if "tax" in no.message else "refund_account": no.message}
    return {}


async def _save_bank(
    merchant_id: UUID, connection_id: UUID, known: accounts.Chart, bank: Bank, form: Mapping[str, str]
) -> Errors:
    wanted = form.get(bank.field, "")
    if not wanted:
        await accounts.forget(merchant_id, connection_id, "bank", bank.code)
        return {}
    if wanted == form.get(f"account_{bank.code.lower()}"):
        return {bank.field: "Choose another account than the one that payments are recorded in."}
    try:
        await accounts.choose(merchant_id, connection_id, known, "bank", bank.code, wanted)
    except Refused as no:
        return {bank.field: no.message}
    return {}


async def _codes(connection: Row) -> list[str]:
    rows = await db.fetch(_CURRENCIES, connection["id"])
    base = connection["base_currency"]
    return [base, *sorted({row["currency"] for row in rows} - {base, ""})]


def words(account: XeroAccount) -> str:
    """An account as people know it: Stripe clearing (610)."""
    return f"{account.name} ({account.code})" if account.code else account.name


def _currency(
    code: str, connection: Row, payment: Sequence[XeroAccount], chosen: Mapping[tuple[str, str], Row]
) -> Currency:
    """Accounts kept in this currency, in the organisation's own, or in none."""
    fitting = [account for account in payment if account.currency in {"", code, connection["base_currency"]}]
    own = [account for account in fitting if account.currency in {"", code}]
    row = chosen.get(("payments", code))
    return Currency(
        code=code,
        name=Locale("en", "GB").currencies.get(code, code),
        options=[(account.id, words(account)) for account in fitting],
        chosen=row["xero_account_id"] if row else _suggest(own, ("stripe", "clearing")),
    )


async def _banks(connection: Row, found: Sequence[XeroAccount], chosen: Mapping[tuple[str, str], Row]) -> list[Bank]:
    """For the organisation's own currency, and each other one that Stripe has paid out in: the bank accounts kept in it."""
    base = connection["base_currency"]
    paid_out = {row["currency"] for row in await db.fetch(_PAID_OUT, connection["merchant"])}
    return [_bank(code, base, found, chosen.get(("bank", code))) for code in [base, *sorted(paid_out - {base})]]


def _bank(code: str, base: str, found: Sequence[XeroAccount], row: Row | None) -> Bank:
    fitting = [one for one in found if one.type == "BANK" and one.currency in ({"", code} if code == base else {code})]
    options = _with_chosen([(account.id, words(account)) for account in fitting], row)
    field = "bank_account" if code == base else f"bank_account_{code.lower()}"
    return Bank(code, options, row["xero_account_id"] if row else "", field)


def _with_chosen(options: Options, row: Row | None) -> Options:
    """Also the one that was chosen and cannot be any more: else the form would quietly choose nothing instead."""
    if row is None or any(row["xero_account_id"] == account_id for account_id, _ in options):
        return options
    return [*options, (row["xero_account_id"], f"{row['name']} (no longer usable)")]


def _suggest(found: Sequence[XeroAccount], signs: Sequence[str]) -> str:
    """The account that is most likely meant, by its name; empty when none is."""
    likely = (account.id for sign in signs for account in found if sign in account.name.lower())
    return next(likely, "")


def _example(base: str, currencies: Sequence[Currency], fees: Mapping[str, str], fee_account: str) -> Example | None:
    own = currencies[0]
    if not own.chosen or fee_account not in fees:
        return None
    amount, fee = from_decimal(100, base), from_decimal(2, base)
    account = dict(own.options).get(own.chosen, "")
    return Example("INV-0001", amount, fee, amount - fee, account, fees[fee_account])
