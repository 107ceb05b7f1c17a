"""What a merchant does on ordinary days: looks, finds, changes, undoes, connects, and puts right what went wrong."""

import asyncio
import io
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from PIL import Image
from playwright.async_api import Page, expect

from app.core.clock import now
from tests.e2e.shop import SOON, Shop, open_shop
from tests.fixtures.browser import NewContext
from tests.fixtures.sandbox import SandboxServer
from tests.world import HARROW, Customer, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90)]

WREN = "Wren & Marlow Physio Pty Ltd"
BRAND = "#7a1f5c"
LOGO = re.compile("^Logo")


@pytest.fixture(scope="module")
def shop(_sandbox: SandboxServer, database_url: str) -> Iterator[Shop]:
    """A business with enough invoices for several pages of them."""
    with open_shop(_sandbox, database_url, size=130) as made:
        yield made


@pytest.fixture
async def hannah(rested: Shop, new_context: NewContext) -> Page:
    """Hannah's browser, signed in."""
    return await (await new_context(storage_state=rested.signed_in())).new_page()


def picture(kind: str = "PNG") -> bytes:
    """A small logo."""
    held = io.BytesIO()
    Image.new("RGB", (240, 80), (20, 110, 70)).save(held, kind)
    return held.getvalue()


def pay(shop: Shop, link: str, number: str) -> None:
    """Somebody pays, and Xero has it."""
    Customer().pay(link)
    until(lambda: shop.in_xero(number)["status"] == "PAID", "the payment in Xero")


async def test_branding(shop: Shop, hannah: Page, new_context: NewContext) -> None:
    """A logo and a colour change every pay page at once."""
    made, link = shop.link()
    await hannah.goto(f"{shop.url}/settings/branding")
    logo = {"name": "logo.png", "mimeType": "image/png", "buffer": picture()}
    await hannah.get_by_label(LOGO).set_input_files(logo)  # type: ignore[arg-type]
    await hannah.get_by_label("Colour code").fill(BRAND)
    await hannah.get_by_label("Thank-you message").fill("Enjoy the staircase.")
    await hannah.get_by_role("button", name="Save").click()
    await expect(hannah.get_by_text("Saved. Your pay pages have changed.")).to_be_visible()

    page = await (await new_context()).new_page()
    await page.goto(link)
    await expect(page.get_by_role("img", name=HARROW)).to_be_visible()
    await expect(page.get_by_role("button", name="Pay £100.00").first).to_have_css(
        "background-color", "rgb(122, 31, 92)"
    )
    await asyncio.to_thread(pay, shop, link, made["number"])
    await page.goto(link)
    await expect(page.get_by_text("Enjoy the staircase.")).to_be_visible(timeout=SOON)


async def test_svg_is_refused(shop: Shop, hannah: Page) -> None:
    """An SVG is refused in words, whatever it is called, and nothing changes."""
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>'
    await hannah.goto(f"{shop.url}/settings/branding")
    file = {"name": "logo.png", "mimeType": "image/png", "buffer": drawing}
    await hannah.get_by_label(LOGO).set_input_files(file)  # type: ignore[arg-type]
    await hannah.get_by_role("button", name="Save").click()
    await expect(hannah.get_by_label(LOGO)).to_have_accessible_description(re.compile("^SVG files cannot be used."))
    await expect(hannah).to_have_title(re.compile("^Error: "))


async def test_accounts_summary(shop: Shop, hannah: Page) -> None:
    """Without an account the summary says so and leads to the field."""
    await hannah.goto(f"{shop.url}/settings/accounts")
    field = hannah.get_by_label("Account for GBP")
    await field.select_option("")
    await hannah.get_by_role("button", name="Save").click()
    summary = hannah.get_by_role("link", name="Choose an account, or payments in GBP cannot be recorded.")
    await summary.click()
    await expect(field).to_be_focused()


async def test_search_filter_sort_pages(shop: Shop, hannah: Page) -> None:
    """The list is searched, filtered, sorted and turned over by links, so that Back works."""
    await hannah.goto(f"{shop.url}/invoices")
    rows = hannah.get_by_role("table", name="Invoices").get_by_role("row")
    await expect(hannah.get_by_role("navigation", name="Pages")).to_contain_text("1–50 of")
    await hannah.get_by_role("link", name="Next page").click()
    await expect(hannah.get_by_role("navigation", name="Pages")).to_contain_text("51–100 of")
    await hannah.go_back()
    await expect(hannah.get_by_role("navigation", name="Pages")).to_contain_text("1–50 of")

    await hannah.get_by_role("link", name="Amount due").click()
    await hannah.get_by_role("link", name="Amount due").click()
    header = hannah.get_by_role("columnheader", name="Amount due")
    await expect(header).to_have_attribute("aria-sort", "descending")
    amounts = [pounds(text) for text in await hannah.locator(".c-amt .mid").all_inner_texts()]
    assert sorted(amounts, reverse=True) == amounts

    await (
        hannah.get_by_role("navigation", name="Filter invoices")
        .get_by_role("link", name=re.compile("^Overdue"))
        .click()
    )
    await expect(rows.filter(has_text="Overdue").first).to_be_visible()
    await expect(rows.filter(has_text="Not requested")).to_have_count(0)

    search = hannah.get_by_role("main").get_by_role("searchbox", name="Search invoices")
    if not await search.is_visible():
        search = hannah.get_by_role("searchbox", name="Search invoices and customers")
    await search.fill("INV-2041")
    await search.press("Enter")
    await expect(rows.filter(has_text="INV-2041")).to_have_count(1)
    await search.fill("nothing like it")
    await search.press("Enter")
    await expect(hannah.get_by_role("heading", name="Nothing matches “nothing like it”")).to_be_visible()
    await hannah.get_by_role("link", name="Clear search").click()
    await expect(hannah.get_by_role("navigation", name="Pages")).to_contain_text("1–50 of")


def pounds(text: str) -> float:
    """£1,284.00 as a number."""
    return float(text.replace("£", "").replace(",", ""))


async def test_bulk_request(shop: Shop, hannah: Page) -> None:
    """Several invoices are requested at once; the one without an address gets its link and says what is missing."""
    with_mail = shop.invoice(reference="Bulk", contact=shop.contact("Juniper"))
    without = shop.invoice(reference="Bulk", contact=shop.contact("St Brannock"))
    for made in (with_mail, without):
        shop.hannah.invoice_path(made["number"])
    await hannah.goto(f"{shop.url}/invoices?q=Bulk")
    await hannah.get_by_role("checkbox", name="Select all on this page").check()
    bar = hannah.get_by_role("region", name="Selected invoices")
    await expect(bar).to_contain_text("2 selected")
    await expect(bar).to_contain_text("£200.00")
    await bar.get_by_role("button", name="Request payment").click()
    await expect(hannah.get_by_role("heading", name="Payment requested")).to_be_visible()
    missing = hannah.get_by_role("region", name=without["number"])
    await expect(missing).to_contain_text("Add an email address, or copy the link instead.")
    await expect(hannah.get_by_role("region", name=with_mail["number"])).to_contain_text(
        "To studio@juniperyard.example"
    )


async def test_undo_a_request(shop: Shop, hannah: Page) -> None:
    """A request is taken back within ten seconds: no mail goes out, and the invoice is not requested."""
    invoice = shop.invoice()
    await hannah.goto(shop.url + shop.hannah.invoice_path(invoice["number"]))
    await hannah.get_by_role("main").get_by_role("link", name="Request payment").click()
    await hannah.get_by_role("button", name="Send request").click()
    await hannah.get_by_role("button", name=f"Undo the request for {invoice['number']}").click()
    await expect(hannah.get_by_text("Request taken back. No mail was sent.")).to_be_visible(timeout=SOON)
    await expect(hannah.get_by_text("Not requested").first).to_be_visible()
    assert [] == shop.mails(invoice["number"])


async def test_list_follows_xero(shop: Shop, hannah: Page, new_context: NewContext) -> None:
    """An invoice made, changed and voided in Xero shows so in the open list, by itself, within seconds."""
    await hannah.goto(f"{shop.url}/invoices?q=Follows")
    await expect(hannah.get_by_role("heading", name="Nothing matches “Follows”")).to_be_visible()

    xero = await (await new_context()).new_page()
    await xero.goto(f"{shop.sandbox.url}/console/xero/harrow")
    await xero.get_by_label("Amount").fill("321.00")
    await xero.get_by_label("Reference").fill("Follows")
    await xero.get_by_role("button", name="Create invoice").click()
    await expect(hannah.get_by_text("£321.00").first).to_be_visible(timeout=SOON)

    await xero.locator("tr", has_text="Follows").get_by_role("link").click()
    await xero.get_by_label("Amount").first.fill("654.00")
    await xero.get_by_role("button", name="Save changes").click()
    await expect(hannah.get_by_text("£654.00").first).to_be_visible(timeout=SOON)

    await xero.get_by_role("button", name="Void").click()
    await expect(hannah.get_by_role("cell", name="Void")).to_be_visible(timeout=SOON)


async def test_locked_period(shop: Shop, hannah: Page) -> None:
    """A payment into a locked period needs attention, says why, and is recorded with one press once it is unlocked."""
    invoice, link = shop.link()
    shop.xero("organisations/harrow/lock", period_lock=str(now().date() + timedelta(days=2)))
    await asyncio.to_thread(Customer().pay, link)
    await hannah.goto(f"{shop.url}/invoices")
    trouble = hannah.locator(".notice--bad", has_text="could not be recorded in Xero")
    await expect(trouble).to_contain_text("the period is locked in Xero", timeout=SOON)
    await expect(trouble).to_contain_text("The customer’s payment is safe.")
    await trouble.get_by_role("link", name=invoice["number"], exact=True).first.click()
    await expect(hannah.get_by_text("Needs attention").first).to_be_visible()
    assert shop.in_xero(invoice["number"])["status"] == "AUTHORISED"

    again = hannah.get_by_role("button", name=re.compile("^Fix and try again"))
    await expect(again).to_have_count(2, timeout=SOON)  # the fee waits too, and goes on with it
    shop.xero("organisations/harrow/lock", period_lock="")
    await again.first.click()
    await expect(hannah.get_by_role("heading", name="Paid and up to date in Xero")).to_be_visible(timeout=SOON)
    assert shop.in_xero(invoice["number"])["status"] == "PAID"


async def test_disconnect_and_reconnect(shop: Shop, hannah: Page) -> None:
    """An organisation is disconnected after a question, the pages say so, and consent brings it back with its accounts."""
    await hannah.goto(f"{shop.url}/settings/xero")
    await hannah.get_by_role("link", name=f"Disconnect {HARROW}").click()
    await hannah.get_by_role("button", name=re.compile("^Disconnect")).click()
    await expect(hannah.get_by_text(f"{HARROW} is disconnected.")).to_be_visible()
    await hannah.goto(f"{shop.url}/invoices")
    await expect(
        hannah.get_by_role("heading", name="Xero is disconnected, so invoices are not updating")
    ).to_be_visible()
    await hannah.get_by_role("button", name="Reconnect to Xero").click()
    await hannah.get_by_role("button", name="Continue as Hannah Finch").click()
    await consent(hannah, HARROW)
    await hannah.get_by_role("radio", name=HARROW).check()
    await hannah.get_by_role("button", name="Connect organisation").click()
    await hannah.wait_for_url(re.compile("/settings/accounts"))
    await hannah.goto(f"{shop.url}/settings/xero")
    await expect(hannah.get_by_text("Connected", exact=True).first).to_be_visible(timeout=SOON)
    await asyncio.to_thread(shop.hannah.sign_in)  # consenting began a new session and ended the one both had
    made = shop.invoice(reference="After reconnecting")
    assert await asyncio.to_thread(shop.hannah.invoice_path, made["number"])


async def test_choose_an_organisation(shop: Shop, new_context: NewContext) -> None:
    """None is chosen beforehand, another business's cannot be taken, and choosing none is told at the place."""
    await shop.a_minute_later()
    context = await new_context()
    page = await context.new_page()
    await page.goto(f"{shop.url}/xero/connect")
    await page.get_by_role("button", name="Continue as Priya Shah").click()
    await consent(page, HARROW)
    await expect(page.get_by_role("radio", name=HARROW)).to_be_disabled()
    await expect(page.get_by_text("In use")).to_be_visible()
    await page.get_by_role("button", name="Approve another in Xero").click()
    await consent(page, WREN)
    await expect(page.get_by_role("radio", checked=True)).to_have_count(0)
    await page.get_by_role("button", name="Connect organisation").click()
    await expect(page.get_by_role("alert")).to_contain_text("Choose an organisation.")
    await page.get_by_role("radio", name=WREN).check()
    await page.get_by_role("button", name="Connect organisation").click()
    await expect(page.get_by_label("Account for AUD")).to_be_visible(timeout=SOON)


async def consent(page: Page, organisation: str) -> None:
    """Allow access to one organisation, on Xero's page, and be back on ours."""
    await page.get_by_role("radio", name=organisation).check()
    await page.get_by_role("button", name="Allow access").click()
    await page.wait_for_url(re.compile(r"/setup/organisation$"))


async def test_cancel_at_xero(shop: Shop, new_context: NewContext) -> None:
    """Whoever presses Cancel in Xero lands on a page that says so and leads on."""
    page = await (await new_context()).new_page()
    await page.goto(shop.url)
    await page.get_by_role("link", name="Sign in with Xero").first.click()
    await page.get_by_role("button", name="Continue as Tom Harrow").click()
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_role("heading", name="You cancelled in Xero")).to_be_visible()
    await page.get_by_role("link", name="Try again").click()
    await page.get_by_role("button", name="Allow access").click()
    await expect(page.get_by_role("heading", name="Welcome, Tom")).to_be_visible()


async def test_sign_out(shop: Shop, new_context: NewContext) -> None:
    """Signing out ends the session: the pages ask to sign in again."""
    page = await (await new_context()).new_page()
    await page.goto(f"{shop.url}/auth/xero/login")
    await page.get_by_role("button", name="Continue as Tom Harrow").click()
    await page.get_by_role("button", name="Allow access").or_(page.get_by_role("heading", name="Welcome, Tom")).click()
    await page.wait_for_url(re.compile(r"/setup$"))
    await page.locator("summary", has_text="TH").click()
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await page.goto(f"{shop.url}/setup")
    await expect(page.get_by_role("link", name="Sign in with Xero").first).to_be_visible()
