"""A till for the tests of money: a merchant set up beside the sandbox, customers who pay, and a worker run by hand."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx

from app.books import (
    accounts,
    attempts,
    connections,
    grants,
    invoices,
    payments,
    reconciliation,
    refunds,
    stripe_events,
)
from app.books.writeback import send
from app.books.writeback.timing import TIMING
from app.clients.bundle import Clients, open_clients
from app.core import db, inbox, jobs
from app.core.broker import Sweep
from app.core.money import Money, to_stripe
from app.core.work import Claim, Lane
from app.settings import Settings

CALLBACK = "http://localhost:9/auth/xero/callback"
HARROW = "Harrow & Finch Joinery Ltd"
LIFTED = {"concurrent": 5, "minute": None, "day": None, "app_minute": None}
Row = Mapping[str, Any]


def settings_beside(sandbox: str, database_url: str) -> Settings:
    """The product's settings for the sandbox's own default app and platform."""
    return Settings(
        app_env="test",
        database_url=database_url,
        secret_key="a-test-secret-that-is-long-enough-for-everything",
        token_keys="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        xero_client_id="SANDBOX0XERO0CLIENT0ID0000000001",
        xero_client_secret="sandbox-xero-client-secret",
        xero_identity_url=f"{sandbox}/xero/identity",
        xero_api_url=f"{sandbox}/xero/api",
        stripe_secret_key="sk_test_sandbox",
        stripe_api_url=f"{sandbox}/stripe",
    )


class Till:
    """One merchant with one organisation and one Stripe account; `work` does everything that is due."""

    # Whose it is: the organisation (name, and key at the sandbox's desk), who signs in to Xero, where, and in which currency.
    organisation, key, person, country, currency = HARROW, "harrow", "Hannah Finch", "GB", "GBP"

    def __init__(self, sandbox: str, clients: Clients) -> None:
        self.clients = clients
        self.http = httpx.AsyncClient(base_url=sandbox, timeout=30)
        self.merchant_id = uuid4()
        self.user_id = uuid4()
        self.connection_id = UUID(int=0)
        self.account = ""
        self.accounts: dict[str, str] = {}
        lanes = [
            Lane("inbox", self._inbox, "inbox"),
            Lane("write_back", self._write_back, "writeback", max_faults=50),
            Lane("job", self._job, "jobs"),
        ]
        self.sweep = Sweep(lanes)
        self.asked: list[tuple[str, str]] = []

    # ---- setting up

    async def open(self) -> "Till":
        stripe = {"limits": {"second": None, "live_second": None, "endpoint_second": None}}
        await self.control("/_config", {"xero": {"redirect_uris": [CALLBACK], "limits": LIFTED}, "stripe": stripe})
        made = "INSERT INTO merchant (id, legal_name, country) VALUES ($1, $2, $3)"
        await db.fetch(made, self.merchant_id, self.organisation, self.country)
        await db.fetch("INSERT INTO app_user (id, xero_userid) VALUES ($1, $2)", self.user_id, str(self.user_id))
        await db.fetch("INSERT INTO member (merchant, app_user) VALUES ($1, $2)", self.merchant_id, self.user_id)
        await self._stripe()
        await self.connect()
        await self.choose()
        return self

    async def _stripe(self) -> None:
        made = await self.control("/_stripe/accounts", {"country": self.country, "currency": self.currency.lower()})
        self.account = made["id"]
        await db.fetch(
            "INSERT INTO stripe_account (id, merchant, stripe_account_id, card_payments, created_at) "
            "VALUES ($1, $2, $3, 'active', now())",
            uuid4(),
            self.merchant_id,
            self.account,
        )

    async def connect(self) -> None:
        """Through Xero's consent to a connection, as often as asked."""
        tokens = await self._consent()
        await grants.store_grant(self.clients, self.user_id, str(self.user_id), tokens)
        listed = await self.clients.xero.connections(tokens.access_token)
        chosen = next(one for one in listed if one.name == self.organisation)
        self.connection_id = await connections.connect(self.clients, self.merchant_id, self.user_id, chosen.id)
        await db.fetch("UPDATE job SET next_at = NULL WHERE kind LIKE 'connection.%'")

    async def _consent(self) -> Any:
        verifier = secrets.token_urlsafe(48)
        scopes = f"openid profile email offline_access {self.clients.settings.xero_scopes}"
        address = await self.clients.identity.authorize_url(CALLBACK, scopes, "st", "no", verifier)
        page = await self._follow(await self.http.get(address))
        user = re.search(rf'name="user" value="([^"]+)"[^>]*>Continue as {re.escape(self.person)}<', page.text)
        if user:
            back = re.search(r'name="return_url" value="([^"]+)"', page.text)
            assert back
            form = {"user": user[1], "return_url": back[1].replace("&amp;", "&")}
            page = await self._follow(await self.http.post("/xero/login/identity/user/login", data=form))
        if not page.is_redirect:
            pending = re.search(r'name="id" value="([^"]+)"', page.text)
            text = page.text.replace("&amp;", "&")
            tenant = re.search(rf'name="tenant" value="([^"]+)"[^>]*>\s*<span>{re.escape(self.organisation)}', text)
            assert pending, page.text
            form = {"id": pending[1], "choice": "allow"} | ({"tenant": tenant[1]} if tenant else {})
            page = await self._follow(await self.http.post("/xero/login/identity/consent", data=form))
        code = parse_qs(urlsplit(page.headers["location"]).query)["code"][0]
        return await self.clients.identity.exchange(code, CALLBACK, verifier)

    async def _follow(self, answer: httpx.Response) -> httpx.Response:
        while answer.is_redirect and not answer.headers["location"].startswith(CALLBACK):
            answer = await self.http.get(answer.headers["location"])
        return answer

    async def choose(self, fees: bool = False) -> None:
        """Say which account takes payments in the organisation's currency, and which one the fees."""
        known = await accounts.chart(self.clients, self.connection_id)
        for one in known.payments:
            self.accounts[one.name] = one.id
        clearing = self.accounts["Stripe clearing"]
        await accounts.choose(self.merchant_id, self.connection_id, known, "payments", self.currency, clearing)
        if fees:
            spent = next(one for one in known.fees if "fee" in one.name.lower())
            await accounts.choose(self.merchant_id, self.connection_id, known, "fees", "", spent.id, "NONE")

    # ---- what people do

    async def control(self, path: str, body: Any = None) -> Any:
        """A call to the sandbox's control API."""
        answer = await self.http.post(path, json={} if body is None else body)
        assert answer.status_code < 300, f"{path}: {answer.text}"
        return answer.json() if answer.content else None

    async def fault(self, fault: Any, path: str = "/xero/api/*/Payments", method: str = "PUT", **when: Any) -> None:
        """Put a fault in force at the sandbox."""
        await self.control("/_faults", {"match": {"method": method, "path": path}, "fault": fault, **when})

    async def invoice(self, amount: str = "100.00", currency: str = "") -> UUID:
        """A fresh approved invoice in Xero, in the organisation's currency unless told, known to the product."""
        wanted = {"amount": amount} | ({"currency": currency} if currency else {})
        made = await self.control(f"/_xero/organisations/{self.key}/invoices", wanted)
        found = await invoices.pull(self.clients, self.connection_id, made["id"])
        assert found is not None
        return UUID(str(found))

    async def xero_id(self, invoice_id: UUID) -> str:
        return str(await db.fetch_value("SELECT xero_invoice_id FROM invoice WHERE id = $1", invoice_id))

    async def attempt(self, invoice_id: UUID, amount: str = "40.00", pay_link_id: UUID | None = None) -> Row:
        """A customer presses Pay."""
        money = Money(int(amount.replace(".", "")), "GBP")

        def build(attempt_id: UUID, expires_at: datetime) -> dict[str, Any]:
            item = {"currency": "gbp", "unit_amount": to_stripe(money), "product_data": {"name": "Invoice"}}
            return {
                "mode": "payment",
                "line_items": [{"price_data": item, "quantity": 1}],
                "client_reference_id": str(attempt_id),
                "metadata": {"payportal_attempt": str(attempt_id)},
                "success_url": "http://localhost:9/return?cs={CHECKOUT_SESSION_ID}",
                "expires_at": int(expires_at.timestamp()),
            }

        return await attempts.open_attempt(
            self.clients,
            merchant_id=self.merchant_id,
            invoice_id=invoice_id,
            pay_link_id=pay_link_id,
            stripe_account_id=self.account,
            amount=money,
            build=build,
        )

    async def pay(self, attempt: Row, **how: Any) -> Any:
        """The customer pays on Stripe's page (by card unless `bank` is given)."""
        return await self.control("/_stripe/pay", {"session": attempt["stripe_session_id"], **how})

    async def paid(self, invoice_id: UUID, amount: str = "40.00") -> Row:
        """A payment by card, known to the product and not yet in Xero."""
        attempt = await self.attempt(invoice_id, amount)
        await self.pay(attempt)
        payment_id = await payments.settle_session(self.clients, self.account, attempt["stripe_session_id"])
        assert payment_id is not None
        row = await payments.one(payment_id)
        assert row is not None
        return row

    # ---- the worker

    async def work(self, rounds: int = 30) -> None:
        """Do everything that is due, until nothing is."""
        for _ in range(rounds):
            if not await self.sweep.once():
                return
            await asyncio.sleep(0)

    async def work_until(self, true: Any, seconds: float = 10) -> None:
        """Keep working until `true` answers so."""
        async with asyncio.timeout(seconds):
            while not await true():
                await self.work()
                await asyncio.sleep(0.05)

    async def wait_until(self, true: Any, turns: int = 500) -> None:
        """Wait, without working, until `true` answers so."""
        for _ in range(turns):
            if await true():
                return
            await asyncio.sleep(0.02)
        raise AssertionError("Waited in vain.")

    async def hear(self) -> int:
        """Fetch what Stripe has to tell, as the poll does, and act on it."""
        found = await reconciliation.catch_up(self.clients)
        await self.work()
        return found

    async def _inbox(self, held: Claim) -> None:
        await stripe_events.handle(self.clients, await inbox.read(held.id))

    async def _write_back(self, held: Claim) -> None:
        await send(self.clients, held)

    async def _job(self, held: Claim) -> None:
        kind, subject, _ = await jobs.read(held.id)
        self.asked.append((kind, subject))
        if kind == "payment.fee":
            await payments.book_fee(self.clients, UUID(subject))
        elif kind == "attempt.check":
            await reconciliation.check_attempt(self.clients, UUID(subject))
        elif kind == "refund.send":
            await refunds.send(self.clients, UUID(subject))
        elif kind == "invoice.pull":
            connection, xero_id = subject.split(":")
            await invoices.pull(self.clients, UUID(connection), xero_id)

    # ---- what is true

    async def truth(self) -> Any:
        return (await self.http.get("/_truth")).json()

    async def in_xero(self, invoice_id: UUID) -> list[Any]:
        """The live payments on an invoice, as Xero has them."""
        target = await self.xero_id(invoice_id)
        found = (await self.truth())["xero"]["payments"]
        return [one for one in found if one["target"] == target and one["status"] == "AUTHORISED"]

    async def struck(self) -> bool:
        """Whether a fault has struck."""
        return any(rule["struck"] for rule in (await self.http.get("/_faults")).json())

    async def calls(self, method: str, path: str) -> int:
        """How often the product called a path of Xero's API."""
        rows = (await self.http.get("/_log")).json()
        return sum(row["method"] == method and row["path"].endswith(path) for row in rows)

    async def row(self, sql: str, *args: Any) -> Any:
        """The one row that must be there."""
        found = await db.fetch_row(sql, *args)
        assert found is not None, sql
        return found

    async def write_back(self, payment: Row, kind: str = "payment") -> Row:
        row: Row | None = await db.fetch_row(
            "SELECT * FROM write_back WHERE payment = $1 AND kind = $2", payment["id"], kind
        )
        assert row is not None
        return row

    async def lines(self, invoice_id: UUID) -> list[str]:
        """The titles of the invoice's timeline, oldest first."""
        rows = await db.fetch("SELECT title FROM happening WHERE invoice = $1 ORDER BY id", invoice_id)
        return [row["title"] for row in rows]


@asynccontextmanager
async def open_till(sandbox: str, database_url: str) -> AsyncIterator[Till]:
    """A till with a database and clients of its own, and short waits."""
    db.configure(database_url)
    await db.open_pool(30)
    clients = await open_clients(settings_beside(sandbox, database_url))
    before = (TIMING.quiet, TIMING.apart, TIMING.waiting)
    TIMING.quiet, TIMING.apart, TIMING.waiting = 0.4, 0.2, 0.2
    till = Till(sandbox, clients)
    try:
        yield await till.open()
    finally:
        TIMING.quiet, TIMING.apart, TIMING.waiting = before
        await till.http.aclose()
        await clients.close()
        await db.close_pool()
