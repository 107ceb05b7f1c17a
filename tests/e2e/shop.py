"""A business that is set up and open, shared by a module of tests; each test makes its own invoices."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
from playwright.async_api import BrowserContext, StorageState

from tests.fixtures.process import free_port
from tests.fixtures.product import Product, environment, registration
from tests.fixtures.sandbox import SandboxServer
from tests.world import Merchant

SOON = 20_000  # milliseconds that a page may take to tell of what happened elsewhere


class Shop:
    """The running product, the sandbox beside it, and Hannah, who has done the four steps."""

    def __init__(self, product: Product, sandbox: SandboxServer) -> None:
        self.product, self.sandbox = product, sandbox
        self.hannah = Merchant(product.url)

    @property
    def url(self) -> str:
        """The product's origin."""
        return self.product.url

    async def a_minute_later(self) -> None:
        """Xero allows 60 calls a minute and the product keeps to it; tests hurry, so between them the minute is over."""
        connection = await asyncpg.connect(self.product.env["DATABASE_URL"])
        try:
            await connection.execute("DELETE FROM xero_budget")
        finally:
            await connection.close()

    def signed_in(self) -> StorageState:
        """Hannah's cookies, for a browser context of hers."""
        return cookies_of(self.hannah)

    def invoice(self, **fields: Any) -> dict[str, Any]:
        """An invoice made in Xero just now, as Xero has it; £100.00 for Pemberley Interiors unless told otherwise."""
        given = {"amount": "100.00", "contact": self.contact("Pemberley"), **fields}
        made: dict[str, Any] = self.xero("organisations/harrow/invoices", **given)
        return made

    def contact(self, name: str) -> str:
        """The id of the customer whose name begins so."""
        rows = httpx.get(f"{self.sandbox.url}/console/xero/harrow", timeout=20).text
        return next(part.split('"')[0] for part in rows.split('<option value="')[1:] if f'">{name}' in part[:80])

    def link(self, **fields: Any) -> tuple[dict[str, Any], str]:
        """A new invoice and its pay link."""
        made = self.invoice(**fields)
        return made, self.hannah.pay_link(made["number"])

    def xero(self, path: str, **fields: Any) -> Any:
        """A deed of somebody working in Xero."""
        return self._post(f"/_xero/{path}", fields)

    def stripe(self, path: str, **fields: Any) -> Any:
        """A deed of a bank, or of Stripe."""
        return self._post(f"/_stripe/{path}", fields)

    def _post(self, path: str, fields: dict[str, Any]) -> Any:
        reply = httpx.post(f"{self.sandbox.url}{path}", json=fields, timeout=20)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def in_xero(self, number: str) -> dict[str, Any]:
        """The invoice as Xero has it now; amounts in cents."""
        rows = httpx.get(f"{self.sandbox.url}/_xero/organisations/harrow/invoices", timeout=20).json()
        found: dict[str, Any] = next(row for row in rows if row["number"] == number)
        return found

    def online_invoice(self, xero_invoice_id: str) -> str:
        """The address of the page on which Xero itself shows the invoice to the customer."""
        url = f"{self.sandbox.url}/_xero/invoices/{xero_invoice_id}/online"
        return str(httpx.get(url, timeout=20).json()["url"])

    def charges(self, number: str) -> list[dict[str, Any]]:
        """What Stripe tried to take for an invoice."""
        rows = httpx.get(f"{self.sandbox.url}/_truth", timeout=30).json()["stripe"]["charges"]
        return [row for row in rows if row["metadata"].get("invoice") == number or number in (row["description"] or "")]

    def mails(self, words: str) -> list[dict[str, Any]]:
        """Mails whose subject has these words, oldest first."""
        rows = httpx.get(f"{self.sandbox.url}/_mail", timeout=20).json()
        return [row for row in rows if words in row["subject"]]


@contextmanager
def open_shop(sandbox: SandboxServer, database_url: str, size: int = 0) -> Iterator[Shop]:
    """A product of its own beside a freshly sown sandbox, with everything set up; `size` invoices instead of a few."""
    sandbox.reset()
    if size:
        httpx.post(f"{sandbox.url}/_seed", json={"size": size}, timeout=60).raise_for_status()
    product = Product(environment(sandbox, database_url, free_port()))
    httpx.post(f"{sandbox.url}/_config", json=registration(product.url), timeout=20).raise_for_status()
    try:
        product.start()
        shop = Shop(product, sandbox)
        shop.hannah.set_up()
        yield shop
    finally:
        product.stop()


def cookies_of(person: Merchant) -> StorageState:
    """Somebody's cookies as a browser keeps them."""
    host = urlsplit(person.url).hostname or ""
    kept = [
        {"name": name, "value": value, "domain": host, "path": "/", "expires": -1, "httpOnly": True, "secure": True}
        | {"sameSite": "Lax"}
        for name, value in person.cookies.items()
        if name.startswith("__Host-")
    ]
    return {"cookies": kept, "origins": []}  # type: ignore[typeddict-item]


async def sideways(context: BrowserContext, url: str, width: int = 360) -> int:
    """By how many pixels a page is wider than a small phone."""
    page = await context.new_page()
    await page.set_viewport_size({"width": width, "height": 800})
    await page.goto(url)
    over = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    await page.close()
    return int(over)
