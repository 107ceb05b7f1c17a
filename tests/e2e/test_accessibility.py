"""Every page can be read and used by everybody: axe finds nothing, no page is wider than a phone, keys are enough."""

import re
from typing import NamedTuple

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.e2e.people import DECLINED_CARD
from tests.e2e.shop import SOON, Shop, cookies_of
from tests.fixtures.browser import DESKTOP, PHONE, NewContext
from tests.walker import Reader
from tests.world import HARROW, Customer, Merchant, option, truth, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

SIZES = pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
THEMES = pytest.mark.parametrize("scheme", ["light", "dark"])
NARROW = {"width": 360, "height": 800}
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


async def faults(page: Page, name: str) -> list[str]:
    """What axe finds on the page as it stands, and whether it scrolls sideways on a small phone."""
    report = await Axe().run(page)
    found = [
        f"{name}: {rule['id']} {node['html'][:160]}" for rule in report.response["violations"] for node in rule["nodes"]
    ]
    size = page.viewport_size or DESKTOP
    await page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    over = await page.evaluate(WIDER)
    await page.set_viewport_size({"width": size["width"], "height": size["height"]})
    return [*found, *([f"{name}: {over} px wider than a small phone"] if over > 0 else [])]


async def faults_of(page: Page, base: str, paths: list[str]) -> list[str]:
    """The faults of several pages."""
    found = []
    for path in paths:
        await page.goto(base + path)
        found += await faults(page, path)
    return found


# What each state of a pay link says.
SAYS = {
    "open": "Next: enter your details on Stripe’s secure page.",
    "part": "paid so far",
    "failed": "Your payment did not go through",
    "left": "You have not paid yet.",
    "slow": "Your payment is on its way",
    "paid": "Paid, thank you",
    "void": "Nothing to pay",
    "off": "This link is switched off",
    "old": "This link has expired",
    "confirming": "We are confirming your payment",
    "receipt": "Paid in full",
    "mistyped": "Check that you copied all of the link",
}


class Links(NamedTuple):
    """A pay link in each of its states, and an invoice of the merchant's in some of them."""

    pages: dict[str, str]
    open: str
    paid_invoice: str
    open_invoice: str
    connection: str


def pay(link: str, card: str = "4242424242424242", amount: str = "") -> Customer:
    """Somebody pays, or tries to."""
    customer = Customer()
    customer.pay(link, card, amount)
    return customer


def pay_by_bank(link: str) -> None:
    """Somebody starts a bank debit."""
    customer = Customer()
    customer.open(link)
    customer.press("Pay")
    customer.follow("Bank debit")
    fields = {"email": "aroha@pemberley-interiors.example", "name": "Aroha Tamihana", "account": "00012345"}
    customer.press("Pay", **fields)


def leave_stripe(link: str) -> str:
    """Somebody opens Stripe's page and does nothing there; the id of the session."""
    customer = Customer()
    customer.open(link)
    customer.press("Pay")
    return customer.path.rpartition("/")[2]


@pytest.fixture(scope="module")
async def links(shop: Shop) -> Links:
    """Links in all states, made once."""
    shop.stripe("modes", bank_debit_seconds=864_000)
    made: dict[str, tuple[str, str]] = {}
    for name in ("open", "part", "failed", "left", "slow", "paid", "void", "off", "old"):
        await shop.a_minute_later()
        invoice, link = shop.link()
        made[name] = invoice["id"], link
        if name == "part":
            pay(link, amount="40")
        elif name == "failed":
            pay(link, DECLINED_CARD)
        elif name == "slow":
            pay_by_bank(link)
        elif name == "paid":
            pay(link)
            until(lambda number=invoice["number"]: shop.in_xero(number)["status"] == "PAID", "the payment in Xero")
            paid_invoice = shop.hannah.invoice_path(invoice["number"])
        elif name == "void":
            shop.xero(f"invoices/{invoice['id']}/void")
        elif name == "off":
            shop.hannah.press("Save", active="")
        elif name == "old":
            shop.hannah.follow("Replace link")
            shop.hannah.press("Replace link")
        elif name == "open":
            open_invoice = shop.hannah.invoice_path(invoice["number"])
    session = leave_stripe(made["left"][1])
    url = {name: link for name, (_, link) in made.items()}
    pages = url | {
        "failed": f"{url['failed']}?cancelled=1",
        "left": f"{url['left']}?cancelled=1",
        "confirming": f"{url['left']}/return?cs={session}",
        "receipt": f"{url['paid']}/receipt",
        "mistyped": f"{shop.url}/p/AAAA-BBBB-CCCC-DDDD",
    }
    shop.hannah.open(f"{shop.url}/settings/xero")
    connection = next(
        re.findall(r"disconnect=([^\"&]+)", href)[0]
        for _, href in Reader(shop.hannah.text).links
        if "disconnect=" in href
    )
    return Links(pages, url["open"], paid_invoice, open_invoice, connection)


@SIZES
@THEMES
async def test_pay_pages(
    shop: Shop, links: Links, new_context: NewContext, viewport: dict[str, int], scheme: str
) -> None:
    """Every state of a pay link, light and dark."""
    page = await (await new_context(viewport=viewport, color_scheme=scheme)).new_page()
    found = []
    for name, address in links.pages.items():
        await page.goto(address)
        await expect(page.get_by_text(SAYS[name]).first).to_be_visible()
        found += await faults(page, name)
    assert [] == found


@SIZES
async def test_wrong_amount(shop: Shop, links: Links, new_context: NewContext, viewport: dict[str, int]) -> None:
    """The pay page with a mistake in the amount says so at the field, in its title, and to those who listen."""
    page = await (await new_context(viewport=viewport)).new_page()
    await page.goto(links.open)
    await page.get_by_label("Another amount").check()
    await page.get_by_label("Amount to pay now (GBP)").fill("9999")
    await page.get_by_role("button", name="Pay this amount").first.click()
    field = page.get_by_label("Amount to pay now (GBP)")
    await expect(field).to_have_accessible_description("Enter £100.00 or less, the amount still due.")
    await expect(field).to_be_focused()
    await expect(page).to_have_title(re.compile("^Error: "))
    assert [] == await faults(page, "wrong amount")


@SIZES
async def test_merchant_pages(shop: Shop, links: Links, new_context: NewContext, viewport: dict[str, int]) -> None:
    """Every page of the merchant's, signed in."""
    page = await (await new_context(viewport=viewport, storage_state=shop.signed_in())).new_page()
    places = ["/invoices", "/invoices?status=overdue", "/invoices?q=nothing-like-it", "/payments", "/customers"]
    places += ["/settings/branding", "/settings/accounts", "/settings/payments", "/settings/xero"]
    places += [f"/settings/xero?disconnect={links.connection}", links.open_invoice, links.paid_invoice]
    places += [f"{links.open_invoice}/{name}" for name in ("request", "replace-link", "poster", "insert")]
    places += ["/setup", "/setup/business", "/setup/payments/options", "/setup/organisation"]
    assert [] == await faults_of(page, shop.url, places)


@SIZES
async def test_public_pages(shop: Shop, new_context: NewContext, viewport: dict[str, int]) -> None:
    """What can be read without signing in."""
    page = await (await new_context(viewport=viewport)).new_page()
    places = ["/", "/help", "/security", "/privacy", "/terms", "/no-such-page"]
    places += [f"/auth/problem?reason={reason}" for reason in ("cancelled", "refused", "expired")]
    assert [] == await faults_of(page, shop.url, places)


@SIZES
async def test_forms_with_mistakes(shop: Shop, new_context: NewContext, viewport: dict[str, int]) -> None:
    """A form that was not accepted says so in its title and in a summary that has the focus."""
    page = await (await new_context(viewport=viewport, storage_state=shop.signed_in())).new_page()
    found = []
    for place, label, wrong in [
        ("/setup/business", "Postcode", ""),
        ("/settings/branding", "Contact email", "nobody"),
        ("/settings/payments", "Smallest part (GBP)", "much"),
    ]:
        await page.goto(shop.url + place)
        await page.get_by_label(label).fill(wrong)
        await page.locator("main form button[type=submit]").first.click()
        await expect(page).to_have_title(re.compile("^Error: "))
        await expect(page.locator(".notice--bad")).to_be_focused()
        found += await faults(page, place)
    assert [] == found


@SIZES
async def test_dialogs(shop: Shop, links: Links, new_context: NewContext, viewport: dict[str, int]) -> None:
    """Dialogs keep the focus inside, close with Escape and give it back to what opened them."""
    page = await (await new_context(viewport=viewport, storage_state=shop.signed_in())).new_page()
    await page.goto(shop.url + links.open_invoice)
    found = []
    for opener, title in [("Send again", "Send again"), ("Replace link", "Replace the payment link?")]:
        button = page.get_by_role("main").get_by_role("link", name=opener)
        await button.focus()
        await page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name=title)
        await expect(dialog).to_be_visible(timeout=SOON)
        found += await faults(page, title)
        for _ in range(12):
            await page.keyboard.press("Tab")
            assert await page.evaluate(
                "document.activeElement === document.body || dialog.contains(document.activeElement)"
            )
        await page.keyboard.press("Escape")
        await expect(dialog).to_be_hidden()
        await expect(button).to_be_focused()
    assert [] == found


async def test_bulk_bar(shop: Shop, links: Links, new_context: NewContext) -> None:
    """Choosing invoices shows how many and how much, and can be done with keys."""
    page = await (await new_context(storage_state=shop.signed_in())).new_page()
    await page.goto(f"{shop.url}/invoices?status=new")
    boxes = page.get_by_role("checkbox", name=re.compile("^Select INV-"))
    await boxes.nth(0).focus()
    await page.keyboard.press("Space")
    await boxes.nth(1).focus()
    await page.keyboard.press("Space")
    await expect(page.get_by_role("region", name="Selected invoices")).to_contain_text("2 selected")
    assert [] == await faults(page, "chosen invoices")


async def test_keys_on_the_pay_page(links: Links, new_context: NewContext) -> None:
    """The order of keys is the order of reading: skip, amount, pay, PDF, contact."""
    page = await (await new_context()).new_page()
    await page.goto(links.open)
    reached = []
    for _ in range(7):
        await page.keyboard.press("Tab")
        reached.append(
            await page.evaluate(
                "(e => (e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent)"
                ".trim().replace(/\\s+/g, ' '))(document.activeElement)"
            )
        )
    assert reached[0] == "Skip to content"
    assert reached[1].startswith("Full amount")
    assert reached[2].startswith("Pay £100.00")
    assert reached[3].startswith("Download invoice INV-")
    assert reached[4].startswith("Email ")
    assert reached[5].startswith("Is this page genuine?")


def begin_at_stripe(shop: Shop, person: Merchant) -> str:
    """Somebody goes to Stripe's pages and comes back with nothing done; the account's id."""
    person.open(f"{shop.url}/setup")
    person.press("Continue with Stripe")
    person.press("Save for later")
    person.open(f"{shop.url}/setup/payments/return")
    accounts = truth(shop.sandbox.url)["stripe"]["accounts"]
    return str(accounts[-1]["id"])


@SIZES
async def test_setup_step_by_step(shop: Shop, new_context: NewContext, viewport: dict[str, int]) -> None:
    """The checklist in each of its states, for somebody new, and the choice of an organisation that is taken."""
    await shop.a_minute_later()
    person = Merchant(shop.url, "Priya Shah" if viewport is DESKTOP else "Tom Harrow")
    organisation, mark = (HARROW, "In use") if viewport is DESKTOP else ("Demo Company (UK)", "Demo")
    context = await new_context(viewport=viewport)
    page = await context.new_page()
    found = []

    async def look(name: str, path: str = "/setup", says: str = "") -> None:
        await context.add_cookies(cookies_of(person)["cookies"])  # type: ignore[arg-type]
        await page.goto(shop.url + path)
        await expect(page.get_by_role("main")).to_contain_text(says)
        found.extend(await faults(page, name))

    person.sign_in()
    await look("new", says="Welcome")
    await look("the details", "/setup/business")
    person.verify()
    await look("verified", says="Continue with Stripe")
    account = begin_at_stripe(shop, person)
    await look("needs something", says="Needs something")
    shop.stripe(f"accounts/{account}", action="complete")
    until(lambda: "Your customers can pay by card" in person.open(f"{shop.url}/setup").text, "the account to be ready")
    await look("payments", says="Your customers can pay by card")
    await look("payment options", "/setup/payments/options")
    person.open(f"{shop.url}/xero/connect")
    person.press("Allow access", tenant=option(person.text, organisation))
    await look("organisation", "/setup/organisation", says=mark)
    shop.stripe(f"accounts/{account}", action="restrict")
    until(lambda: "Your customers can pay by card" not in person.open(f"{shop.url}/setup").text, "the stop")
    await look("restricted", says="Needs something")
    assert [] == found
