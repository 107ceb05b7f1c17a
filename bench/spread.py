"""A thousand payments to a hundred organisations at once, all the way from the card to Xero."""

import asyncio
import contextlib
import time
from typing import NamedTuple
from uuid import UUID, uuid4

import httpx

from app.books import access, connections, invoices
from app.core import db
from app.core.work import Postpone
from bench.backlog import REAL
from bench.payers import Row, pay, sessions
from bench.stand import fresh_budget, register, stand
from bench.table import Result, at, ms
from tests.fixtures.product import Product
from tests.fixtures.sandbox import SandboxServer
from tests.rooms.xero_desk import HANNAH, Desk, open_desk
from tests.world import truth

TENANTS, EACH = 100, 10
LONGEST = 240
# More organisations than an app may have before Xero certified it, and no limit of Stripe's test mode.
GROWN = {
    "xero": {"connections_max": TENANTS, "certified": True},
    "stripe": {"limits": {"second": None, "endpoint_second": None}},
}
_OPEN = """
SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY connection ORDER BY id) AS place FROM invoice
  WHERE status = 'AUTHORISED' AND due_minor > 1000) AS open WHERE place <= $1
"""
_CONFIRMED = """
SELECT w.reference, a.stripe_session_id AS session FROM write_back w JOIN payment p ON p.id = w.payment
JOIN attempt a ON a.id = p.attempt WHERE w.kind = 'payment' AND w.state = 'confirmed'
"""
_CHOICE = """
INSERT INTO account_choice (connection, kind, currency, xero_account_id, code, name) VALUES ($1, 'payments', $2, $3, $4, $5)
"""


class Lived(NamedTuple):
    """Seconds from each card to its payment in Xero, ordered; seconds from the first card to the last of them."""

    took: list[float]
    seconds: float


def measure() -> Result:
    """Sessions are open everywhere; then all customers pay as fast as Stripe takes it."""
    with stand() as (product, sandbox):
        product.stop()
        httpx.post(f"{sandbox.url}/_seed", json={"organisations": TENANTS + 4}, timeout=120).raise_for_status()
        listed = httpx.get(f"{sandbox.url}/_xero/organisations", timeout=20).json()
        names = [row["name"] for row in listed if "-" in row["key"]][:TENANTS]
        opened = asyncio.run(_set_up(product, sandbox, names))
        register(sandbox, product)
        httpx.post(f"{sandbox.url}/_config", json={"xero": {"limits": REAL}}, timeout=20).raise_for_status()
        httpx.post(f"{sandbox.url}/_clock", json={"advance": 61}, timeout=60).raise_for_status()
        fresh_budget(product)
        product.start()
        httpx.delete(f"{sandbox.url}/_log", timeout=20)
        lived = asyncio.run(_live(product, sandbox.url, opened))
        log = httpx.get(f"{sandbox.url}/_log", params={"limit": 50_000, "path": "/xero/api"}, timeout=60).json()
    return Result(
        f"{TENANTS * EACH:,} payments to {TENANTS} organisations at once",
        [
            ("in Xero", str(len(lived.took)), str(TENANTS * EACH)),
            ("seconds from the first card to the last payment in Xero", f"{lived.seconds:.1f}", ""),
            ("paid at Stripe to applied in Xero, median", ms(at(lived.took, 0.5)), ""),
            ("p99", ms(at(lived.took, 0.99)), ""),
            ("calls to Xero, everything included", str(len(log)), ""),
            ("answers 429", str(sum(row["status"] == 429 for row in log)), "0"),
        ],
        "Xero's real limits for each organisation; one process (web, worker, clock), the sandbox and the customers on the "
        "same cores.",
    )


async def _set_up(product: Product, sandbox: SandboxServer, names: list[str]) -> list[Row]:
    """A merchant for each organisation, everything imported and chosen; sessions for ten invoices of each."""
    async with open_desk(sandbox.url, product.env["DATABASE_URL"], smtp_url=sandbox.smtp_url) as desk:
        desk.config(GROWN)
        account_of = dict([await _merchant(desk, sandbox.url, name) for name in names])
        await db.fetch("UPDATE job SET next_at = NULL")
        return await sessions(desk.clients, await db.fetch(_OPEN, EACH), account_of, 500)


async def _merchant(desk: Desk, sandbox: str, organisation: str) -> tuple[UUID, str]:
    """One more merchant with this organisation; its id and its Stripe account."""
    signed = await desk.sign_in("connect", HANNAH, organisation)
    merchant_id = uuid4()
    await db.fetch("INSERT INTO merchant (id, legal_name, country) VALUES ($1, $2, 'GB')", merchant_id, organisation)
    async with httpx.AsyncClient(base_url=sandbox, timeout=20) as http:
        made = (await http.post("/_stripe/accounts", json={"country": "GB", "currency": "gbp"})).json()
    await db.fetch(
        "INSERT INTO stripe_account (id, merchant, stripe_account_id, card_payments) VALUES ($1, $1, $2, 'active')",
        merchant_id,
        made["id"],
    )
    found = await connections.choices(desk.clients, signed.user_id)
    chosen = next(one for one in found if one.name == organisation)
    connection_id = await connections.connect(desk.clients, merchant_id, signed.user_id, chosen.xero_connection_id)
    with contextlib.suppress(Postpone):
        await invoices.import_all(desk.clients, connection_id)
    async with access.tenant(desk.clients, connection_id) as tenant:
        clearing = next(one for one in await tenant.accounts() if one.name == "Stripe clearing")
    base = await db.fetch_value("SELECT base_currency FROM connection WHERE id = $1", connection_id)
    await db.fetch(_CHOICE, connection_id, base, clearing.id, clearing.code, clearing.name)
    return merchant_id, made["id"]


async def _live(product: Product, sandbox: str, opened: list[Row]) -> Lived:
    """All pay; then wait, at most four minutes, for the payments in Xero."""
    paid = await pay(sandbox, opened)
    db.configure(product.env["DATABASE_URL"])
    await db.open_pool(1)
    rows = []
    for _ in range(LONGEST):
        rows = await db.fetch(_CONFIRMED)
        if len(rows) == len(opened):
            break
        await asyncio.sleep(1)
    await db.close_pool()
    ahead = _ahead(sandbox)
    told = truth(sandbox)["xero"]["payments"]
    found = {row["reference"]: row["updated"] / 1000 - ahead for row in told if row["app"]}
    arrived = {row["session"]: found[row["reference"]] for row in rows}
    took = sorted(max(moment - paid[session], 0.0) for session, moment in arrived.items())
    return Lived(took, max(arrived.values()) - min(paid.values()))


def _ahead(sandbox: str) -> float:
    """Seconds by which the sandbox's clock, and so Xero's, is before ours."""
    told: float = httpx.get(f"{sandbox}/_clock", timeout=20).json()["timestamp"]
    return told - time.time()
