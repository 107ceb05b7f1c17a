"""The sandbox's console in a browser: everybody can read and use it, at a desk and on a phone, with keys alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.async_api import Locator, Page, expect

from tests.e2e.test_accessibility import faults
from tests.fixtures.browser import DESKTOP, PHONE, NewContext
from tests.sandbox.process import Sandbox
from tests.sandbox.test_console import shop

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox of its own."""
    made = Sandbox(tmp_path_factory.mktemp("console"))
    yield made
    made.stop()


async def test_every_page_of_the_console_can_be_used(console: Sandbox, new_context: NewContext) -> None:
    """Axe finds nothing on any page, and none scrolls sideways on a small phone."""
    account, charge = shop(console)
    unready = console.control("POST", "/_stripe/accounts", {"country": "US", "ready": False})["id"]
    invoice = console.control("GET", "/_xero/organisations/harrow/invoices")[0]["id"]
    session = next(one for one in console.control("GET", "/_truth")["stripe"]["sessions"] if one["status"] == "open")
    paths = ["/", "/console/faults", "/console/clock", "/console/log", "/console/mail", "/console/webhooks"]
    paths += ["/console/xero/harrow", f"/console/xero/invoices/{invoice}", "/console/stripe"]
    paths += [f"/console/stripe/{account}", f"/console/stripe/{account}/{charge}", f"/console/stripe/{unready}"]
    paths += [session["url"].removeprefix(console.url), f"{session['url'].removeprefix(console.url)}?method=bank"]
    found = []
    for viewport, looked_at in ((DESKTOP, paths), (PHONE, [f"/console/stripe/{account}/{charge}"])):
        page = await (await new_context(viewport=viewport)).new_page()
        for path in looked_at:
            await page.goto(console.url + path)
            found += await faults(page, path)
    assert [] == found


async def test_a_payment_is_refunded_and_disputed_with_keys_alone(console: Sandbox, new_context: NewContext) -> None:
    """From the list to the payment, an amount, a refund, a dispute: Tab and Enter are enough."""
    account, _ = shop(console)
    page = await (await new_context(viewport=DESKTOP)).new_page()
    await page.goto(f"{console.url}/console/stripe/{account}")
    await _press(page, page.get_by_role("region", name="Payments").get_by_role("link").first)
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Payment of 123.45 GBP")
    amount = page.get_by_label("Amount in the smallest unit")
    await amount.focus()
    await amount.fill("2345")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("region", name="Refunds")).to_contain_text("23.45 GBP")
    await _press(page, page.get_by_role("button", name="Inquiry"))
    await expect(page.get_by_role("region", name="Disputes")).to_contain_text("warning needs response")


async def _press(page: Page, target: Locator) -> None:
    """Go there by Tab, as somebody without a mouse does, and press Enter."""
    for _ in range(80):
        await page.keyboard.press("Tab")
        if await target.evaluate("node => node === document.activeElement"):
            await page.keyboard.press("Enter")
            return
    raise AssertionError("it cannot be reached with the keyboard")
