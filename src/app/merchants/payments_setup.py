"""The merchant's connected account at Stripe: made, linked to, read again. The only writer of stripe_account.

The account is made on the way to Stripe's own pages, from a request that was frozen and stored with its key first.
What we say about it always comes from reading it again: arriving at the return address proves nothing
(facts: docs.stripe.com/connect/accounts-v2, Accounts v2 with `include`).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from app.clients.bundle import Clients
from app.clients.stripe_accounts import AccountView
from app.core import db, jobs, live
from app.core.clock import from_now, now
from app.core.crypto import random_token
from app.core.errors import Refused, Upstream
from app.core.work import Postpone
from app.merchants import account_request, business, requirements
from app.merchants.requirements import Asked

Row = Mapping[str, Any]
STALE = timedelta(seconds=15)
DAY = 86_400.0
GONE = frozenset({"disconnected", "resource_missing"})  # the account left our platform, or was never on it

_OF = "SELECT * FROM stripe_account WHERE merchant = $1"

_PREPARE = """
INSERT INTO stripe_account (id, merchant, request, idempotency_key, created_at)
VALUES (gen_random_uuid(), $1, $2, $3, now())
ON CONFLICT (merchant) DO UPDATE SET request = EXCLUDED.request, idempotency_key = EXCLUDED.idempotency_key,
  stripe_account_id = NULL, card_payments = '', payouts = '', requirements = '[]', deadline_at = NULL,
  checked_at = NULL, activated_at = NULL, disconnected_at = NULL, onboarding_started_at = NULL
WHERE stripe_account.disconnected_at IS NOT NULL OR stripe_account.request = ''
"""

_STORE = """
UPDATE stripe_account SET card_payments = $3, payouts = $4, requirements = $5::jsonb, deadline_at = $6, checked_at = $7,
  currency = COALESCE(NULLIF($8, ''), currency), country = COALESCE(NULLIF($9, ''), country),
  activated_at = COALESCE(activated_at, CASE WHEN $3 = 'active' THEN now() END)
WHERE merchant = $1 AND stripe_account_id = $2 AND disconnected_at IS NULL AND (checked_at IS NULL OR checked_at <= $7)
RETURNING id
"""


async def of(merchant_id: UUID) -> Row | None:
    """The account as it was last read; None before anybody went to Stripe."""
    row: Row | None = await db.fetch_row(_OF, merchant_id)
    return row


async def start(clients: Clients, merchant_id: UUID) -> str:
    """The address of Stripe's own setup pages, minted now: it works once, for minutes. Makes the account if need be.

    Raises Refused when the details are not confirmed or Stripe will not have them, Upstream when it does not answer.
    """
    account_id = await _account(clients, merchant_id)
    try:
        url = await _link(clients, account_id)
    except Upstream as error:
        if error.code not in GONE:
            raise
        await _disconnected(merchant_id, account_id)
        account_id = await _account(clients, merchant_id)
        url = await _link(clients, account_id)
    sql = "UPDATE stripe_account SET onboarding_started_at = COALESCE(onboarding_started_at, now()) WHERE merchant = $1"
    await db.fetch(sql, merchant_id)
    return url


async def again(clients: Clients, merchant_id: UUID) -> str:
    """Another link for whoever has been on Stripe's pages already; empty for anybody else. Never makes an account.

    Raises Upstream when Stripe does not answer.
    """
    row = await of(merchant_id)
    if row is None or not row["stripe_account_id"] or not row["onboarding_started_at"] or row["disconnected_at"]:
        return ""
    try:
        return await _link(clients, row["stripe_account_id"])
    except Upstream as error:
        if error.code not in GONE:
            raise
        await _disconnected(merchant_id, row["stripe_account_id"])
        return ""


async def refresh(clients: Clients, merchant_id: UUID) -> Row | None:
    """Read the account at Stripe and keep what it says; tells open pages when something changed."""
    before = await of(merchant_id)
    if before is None or not before["stripe_account_id"] or before["disconnected_at"]:
        return before
    started = now()
    try:
        view = await clients.stripe.account(before["stripe_account_id"])
    except Upstream as error:
        if error.code not in GONE:
            raise
        await _disconnected(merchant_id, before["stripe_account_id"])
        return await of(merchant_id)
    await _store(merchant_id, before, view, started)
    return await of(merchant_id)


async def fresh(clients: Clients, merchant_id: UUID) -> Row | None:
    """For a page: the account, read again when our copy is old; the copy when Stripe does not answer."""
    row = await of(merchant_id)
    if row is None or not _is_old(row):
        return row
    try:
        return await refresh(clients, merchant_id)
    except Upstream:
        return row


async def keep_checking(clients: Clients, merchant_id: UUID) -> None:
    """The job `stripe.account`: read it again, then come back: soon while Stripe is checking, else once a day."""
    row = await refresh(clients, merchant_id)
    if row and row["stripe_account_id"] and not row["disconnected_at"]:
        raise Postpone(_next_check(row))


def standing(row: Row | None) -> str:
    """Where the account stands: none, open, needs, checking, active, rejected or disconnected."""
    if row is None or not row["stripe_account_id"]:
        return "none"
    if row["disconnected_at"]:
        return "disconnected"
    if row["card_payments"] in {"active", "rejected"}:
        return str(row["card_payments"])
    if row["card_payments"] == "unsupported":
        return "rejected"
    if not row["onboarding_started_at"]:
        return "open"
    return "needs" if requirements.of_merchant(asked(row)) else "checking"


def asked(row: Row) -> list[Asked]:
    """What Stripe asks for, in words, with who must act."""
    return requirements.read(msgspec.json.decode(row["requirements"]))


async def _account(clients: Clients, merchant_id: UUID) -> str:
    """The connected account's id; makes the account when there is none that works."""
    row = await of(merchant_id)
    if row is None or row["disconnected_at"] or not row["request"]:
        row = await _prepare(merchant_id)
    if row["stripe_account_id"]:
        return str(row["stripe_account_id"])
    started = now()
    try:
        view = await clients.stripe.create_account(msgspec.json.decode(row["request"]), row["idempotency_key"])
    except Upstream as error:
        if not error.permanent:
            raise
        # Refused for good: other details make another request, under another key.
        await db.fetch("UPDATE stripe_account SET request = '' WHERE id = $1 AND stripe_account_id IS NULL", row["id"])
        raise Refused(f"Stripe could not open an account with these details: {error.message}") from error
    return await _made(merchant_id, row, view, started)


async def _prepare(merchant_id: UUID) -> Row:
    merchant = await business.one(merchant_id)
    if not merchant["details_confirmed_at"]:
        raise Refused("Confirm your business details first. Stripe needs them to open your account.")
    body = msgspec.json.encode(account_request.build(merchant)).decode()
    await db.fetch(_PREPARE, merchant_id, body, f"account-{merchant_id}-{random_token(9)}")
    rows: list[Row] = await db.fetch(_OF, merchant_id)
    return rows[0]


async def _made(merchant_id: UUID, row: Row, view: AccountView, started: datetime) -> str:
    async with db.transaction():
        sql = "UPDATE stripe_account SET stripe_account_id = $2 WHERE id = $1 AND stripe_account_id IS NULL"
        await db.fetch(sql, row["id"], view.id)
        await jobs.ask("stripe.account", merchant_id, at=from_now(60))
    await _store(merchant_id, row, view, started)
    return view.id


async def _link(clients: Clients, account_id: str) -> str:
    base = clients.settings.base_url
    back = (f"{base}/setup/payments/refresh", f"{base}/setup/payments/return")
    return await clients.stripe.account_link(account_id, *back)


async def _store(merchant_id: UUID, before: Row, view: AccountView, started: datetime) -> None:
    entries = msgspec.json.encode(view.requirements).decode()
    facts = (view.card_payments, view.payouts, entries, view.deadline_at, started, view.currency, view.country)
    async with db.transaction():
        if await db.fetch_value(_STORE, merchant_id, view.id, *facts) is None:
            return
        known = (before["card_payments"], before["payouts"], msgspec.json.decode(before["requirements"]))
        if known != (view.card_payments, view.payouts, msgspec.json.decode(entries)):
            await live.announce(merchant_id)


async def _disconnected(merchant_id: UUID, account_id: str) -> None:
    async with db.transaction():
        sql = (
            "UPDATE stripe_account SET disconnected_at = now(), card_payments = '', payouts = '' "
            "WHERE merchant = $1 AND stripe_account_id = $2 AND disconnected_at IS NULL RETURNING id"
        )
        if await db.fetch_value(sql, merchant_id, account_id):
            await live.announce(merchant_id)


def _is_old(row: Row) -> bool:
    age = now() - row["checked_at"] if row["checked_at"] else timedelta.max
    return age > (timedelta(seconds=DAY) if row["card_payments"] == "active" else STALE)


def _next_check(row: Row) -> datetime:
    begun = row["onboarding_started_at"]
    if row["card_payments"] == "active" or not begun:
        return from_now(DAY)
    return from_now(60 if now() - begun < timedelta(hours=1) else 3600)
