"""What people do, in the words of the pages: Hannah sets up and asks for money, a customer pays. Real clicks, no sleeps."""

import re
from typing import Any

import httpx
from playwright.async_api import Locator, Page, expect

GOOD_CARD, DECLINED_CARD = "4242424242424242", "4000000000000002"
ORGANISATION = "Harrow & Finch Joinery Ltd"
DETAILS = {
    "Legal name": ORGANISATION,
    "Address line 1": "14 Albion Yard",
    "Town or city": "Bristol",
    "Postcode": "BS2 0QX",
    "First name": "Hannah",
    "Last name": "Finch",
    "Email": "accounts@harrowfinch.example",
}


class Hannah:
    """A merchant's owner at her browser, on the product at `url` beside the sandbox at `sandbox`."""

    def __init__(self, page: Page, url: str, sandbox: str) -> None:
        self.page, self.url, self.sandbox = page, url, sandbox

    def button(self, name: str) -> Locator:
        """The first button of that name."""
        return self.page.get_by_role("button", name=name).first

    async def sign_in(self) -> None:
        """Step 1: from the landing page through Xero's sign-in to the checklist."""
        await self.page.goto(self.url)
        await self.page.get_by_role("link", name="Sign in with Xero").first.click()
        await self.button("Continue as Hannah Finch").click()
        await self.button("Allow access").click()
        await self.page.wait_for_url(re.compile(r"/setup$"))

    async def verify(self) -> None:
        """Step 2: the business details, on one page of ours."""
        await self.page.get_by_role("link", name="Confirm details").click()
        for label, value in DETAILS.items():
            await self.page.get_by_label(label, exact=True).fill(value)
        await self.page.get_by_label("Kind of business").select_option("company")
        await self.page.get_by_label("Country").select_option("GB")
        await self.page.get_by_label(re.compile("Registration number")).fill("98765432")
        await self.page.locator("main form button[type=submit]").first.click()
        await self.page.wait_for_url(re.compile(r"/setup$"))

    async def enable_payments(self) -> None:
        """Step 3: Stripe's onboarding, then what customers may pay."""
        await self.button("Continue with Stripe").click()
        await self.button("Fill in with test values").click()
        await self.button("Born 1902: verified at once").click()
        await self.button("Finish").click()
        await self.page.wait_for_url(re.compile(re.escape(self.url)))
        if not self.page.url.endswith("/setup/payments/options"):
            await expect(self.page.locator(".step--done", has_text="Enable payments")).to_be_visible(timeout=20_000)
            await self.page.goto(f"{self.url}/setup/payments/options")
        await self.page.locator("main form button[type=submit]").first.click()
        await self.page.wait_for_url(re.compile(r"/setup$"))

    async def connect(self) -> None:
        """Step 4: consent in Xero, choose the organisation, choose the clearing account."""
        await self.button("Connect to Xero").click()
        await self.page.get_by_role("radio", name=ORGANISATION).check()
        await self.button("Allow access").click()
        await self.page.wait_for_url(re.compile(r"/setup/organisation$"))
        await self.page.get_by_role("radio", name=ORGANISATION).check()
        await self.button("Connect organisation").click()
        await self.page.wait_for_url(re.compile(r"/settings/accounts"))
        choice = self.page.get_by_label(re.compile("GBP|Pound")).first
        clearing = await choice.locator("option", has_text="Stripe clearing").first.get_attribute("value")
        await choice.select_option(clearing)
        await self.button("Save").click()

    async def set_up(self) -> None:
        """Steps 1 to 4."""
        await self.sign_in()
        await self.verify()
        await self.enable_payments()
        await self.connect()

    async def open_invoice(self, number: str) -> None:
        """Step 5 has done its work: the invoice is in the list."""
        await self.page.goto(f"{self.url}/invoices?q={number}")
        link = self.page.get_by_role("link", name=number).first
        await expect(link).to_be_visible(timeout=20_000)
        await link.click()
        await expect(self.page.get_by_role("heading", level=1, name=number)).to_be_visible()

    async def request_payment(self, number: str) -> str:
        """Step 6: one click, a mail to the customer; the pay link."""
        await self.open_invoice(number)
        await self.page.get_by_role("link", name="Request payment").last.click()
        await self.button("Send request").click()
        await self.open_invoice(number)
        return str(await self.page.get_by_role("textbox", name="Payment link").input_value())


class Customer:
    """Whoever was sent the link."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def open(self, link: str) -> None:
        """Open the pay page."""
        await self.page.goto(link)

    async def press_pay(self) -> None:
        """The one button, to Stripe's page."""
        pressed = self.page.locator("button:visible", has_text=re.compile("^(Pay|Try again)")).first
        await pressed.click()
        await expect(self.page.get_by_role("heading", name="Payment details")).to_be_visible()

    async def card(self, number: str) -> None:
        """Type a card on Stripe's page and pay."""
        await self.page.get_by_label("Email").fill("aroha@pemberley-interiors.example")
        await self.page.get_by_label("Card number").fill(number)
        await self.page.get_by_label("Expiry date").fill("12 / 34")
        await self.page.get_by_label("Security code").fill("123")
        await self.page.get_by_label("Name on card").fill("Aroha Tamihana")
        await self.page.locator("button.wide", has_text="Pay").click()

    async def pay(self, link: str, number: str = GOOD_CARD) -> None:
        """Open, press, type, pay."""
        await self.open(link)
        await self.press_pay()
        await self.card(number)


def in_xero(sandbox: str, number: str) -> dict[str, Any]:
    """The invoice and its payments as Xero really has them, told by the sandbox's truth."""
    truth: dict[str, Any] = httpx.get(f"{sandbox}/_truth", timeout=20).json()
    return truth


def mails(sandbox: str) -> list[dict[str, Any]]:
    """Every mail that arrived at the sandbox."""
    found: list[dict[str, Any]] = httpx.get(f"{sandbox}/_mail", timeout=10).json()
    return found
