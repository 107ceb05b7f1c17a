"""What a customer meets beside the straight way: slow banks, careful banks, changed minds, changed invoices."""

import asyncio
import html
import io
import re
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from playwright.async_api import expect

from tests.e2e.people import DECLINED_CARD, GOOD_CARD, Customer
from tests.e2e.shop import SOON, Shop
from tests.fixtures.browser import PHONE, NewContext
from tests.world import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90)]

CHALLENGED = "4000002760003184"
PAID, FAILED = "Paid, thank you", "Your payment did not go through"


@pytest.fixture(autouse=True)
def slow_banks(rested: Shop) -> None:
    """Bank debits end when a test says so."""
    rested.stripe("modes", bank_debit_seconds=864_000)


async def arrive(new_context: NewContext, link: str) -> Customer:
    """Somebody opens a link."""
    customer = Customer(await (await new_context()).new_page())
    await customer.open(link)
    return customer


async def shows(customer: Customer, heading: str) -> None:
    """The page says so, or will soon, by itself."""
    await expect(customer.page.get_by_role("heading", name=heading)).to_be_visible(timeout=SOON)


async def shows_failure(customer: Customer) -> None:
    """The pay page, which runs no script, says so as soon as Stripe has told us; whoever is quicker looks again."""
    heading = customer.page.get_by_role("heading", name=FAILED)
    for _ in range(15):
        try:
            await expect(heading).to_be_visible(timeout=1_000)
            break
        except AssertionError:
            await customer.page.reload()
    await expect(heading).to_be_visible()


async def pay_by_bank(customer: Customer) -> None:
    """From the open pay page through Stripe's bank debit."""
    page = customer.page
    await customer.press_pay()
    await page.get_by_role("link", name="Bank debit").click()
    await page.get_by_label("Email").fill("aroha@pemberley-interiors.example")
    await page.get_by_label("Name on account").fill("Aroha Tamihana")
    await page.get_by_label("Account number").fill("00012345")
    await page.locator("button.wide", has_text="Pay").click()
    await shows(customer, "Your payment is on its way")


async def test_bank_debit_arrives(shop: Shop, new_context: NewContext) -> None:
    """A debit under way says so, cannot be paid a second time, and becomes paid when the bank confirms it."""
    invoice, link = shop.link()
    customer, other = await arrive(new_context, link), await arrive(new_context, link)
    await pay_by_bank(customer)
    await expect(customer.page.get_by_text("Please do not pay again.")).to_be_visible()
    await expect(customer.page.get_by_text("about 4 working days")).to_be_visible()

    await other.page.get_by_role("button", name="Pay £100.00").first.click()
    await shows(other, "Your payment is on its way")
    await expect(other.page.get_by_role("button", name=re.compile("^Pay"))).to_have_count(0)
    [charge] = shop.charges(invoice["number"])

    shop.stripe("debits", charge=charge["id"], outcome="succeed")
    until(lambda: shop.in_xero(invoice["number"])["status"] == "PAID", "the invoice in Xero")
    await customer.open(link)
    await shows(customer, PAID)
    assert 1 == len(shop.charges(invoice["number"]))


async def test_bank_debit_fails(shop: Shop, new_context: NewContext) -> None:
    """A debit the bank refuses says why and that no money was taken, and the invoice can be paid by card."""
    invoice, link = shop.link()
    customer = await arrive(new_context, link)
    await pay_by_bank(customer)
    [charge] = shop.charges(invoice["number"])
    shop.stripe("debits", charge=charge["id"], outcome="fail")

    await shows_failure(customer)
    await expect(customer.page.get_by_role("alert")).to_contain_text("insufficient funds")
    await expect(customer.page.get_by_text("No money has been taken.")).to_be_visible()
    await customer.press_pay()
    await customer.card(GOOD_CARD)
    await shows(customer, PAID)


async def test_bank_asks_first(shop: Shop, new_context: NewContext) -> None:
    """A bank that wants a confirmation gets it, and the payment arrives."""
    _, link = shop.link()
    customer = await arrive(new_context, link)
    await customer.press_pay()
    await customer.card(CHALLENGED)
    await customer.page.get_by_role("button", name="Complete").click()
    await shows(customer, PAID)


async def test_confirmation_failed(shop: Shop, new_context: NewContext) -> None:
    """A confirmation that fails takes no money; the pay page says so and takes another card."""
    invoice, link = shop.link()
    customer = await arrive(new_context, link)
    await customer.press_pay()
    await customer.card(CHALLENGED)
    await customer.page.get_by_role("button", name="Fail").click()
    await expect(customer.page.get_by_role("alert")).to_be_visible()
    await customer.page.get_by_role("link", name="Back").click()
    await shows_failure(customer)
    await customer.press_pay()
    await customer.card(GOOD_CARD)
    await shows(customer, PAID)
    assert [10_000] == [row["amount"] for row in shop.charges(invoice["number"]) if row["status"] == "succeeded"]


async def test_voided_meanwhile(shop: Shop, new_context: NewContext) -> None:
    """An invoice voided in Xero while its page is open cannot be paid: there is nothing to pay."""
    invoice, link = shop.link()
    customer = await arrive(new_context, link)
    shop.xero(f"invoices/{invoice['id']}/void")
    await customer.page.get_by_role("button", name="Pay £100.00").first.click()
    await shows(customer, "Nothing to pay")
    await expect(customer.page.get_by_text(f"cancelled invoice {invoice['number']} on")).to_be_visible()
    assert [] == shop.charges(invoice["number"])


async def test_changed_meanwhile(shop: Shop, new_context: NewContext) -> None:
    """An amount changed in Xero between opening and pressing is shown and charged only after another press."""
    invoice, link = shop.link()
    customer = await arrive(new_context, link)
    shop.xero(f"invoices/{invoice['id']}/change", amount="150.00")
    await customer.page.get_by_role("button", name="Pay £100.00").first.click()
    await expect(customer.page.get_by_role("alert")).to_contain_text("The amount due has changed")
    assert [] == shop.charges(invoice["number"])
    await customer.page.get_by_role("button", name="Pay £150.00").first.click()
    await expect(customer.page.get_by_role("heading", name="Payment details")).to_be_visible()
    await customer.card(GOOD_CARD)
    await shows(customer, PAID)
    assert [15_000] == [row["amount"] for row in shop.charges(invoice["number"])]


async def test_double_click(shop: Shop, new_context: NewContext) -> None:
    """Two clicks on the button are one session and one payment."""
    invoice, link = shop.link()
    customer = await arrive(new_context, link)
    await customer.page.get_by_role("button", name="Pay £100.00").first.dblclick()
    await expect(customer.page.get_by_role("heading", name="Payment details")).to_be_visible(timeout=SOON)
    await customer.card(GOOD_CARD)
    await shows(customer, PAID)
    assert 1 == len(shop.charges(invoice["number"]))


async def test_back_after_paying(shop: Shop, new_context: NewContext) -> None:
    """Whoever goes back after paying and presses again is told that it is paid."""
    invoice, link = shop.link()
    customer = await arrive(new_context, link)
    await customer.press_pay()
    await customer.card(GOOD_CARD)
    await shows(customer, PAID)
    await customer.page.goto(link)
    await shows(customer, PAID)
    await customer.page.go_back()
    await customer.page.go_back()
    await customer.page.reload()
    assert 1 == len(shop.charges(invoice["number"]))
    await expect(customer.page.get_by_role("button", name=re.compile("^Pay £"))).to_have_count(0)


async def test_declined_on_a_phone_then_part(shop: Shop, new_context: NewContext) -> None:
    """After a declined card a part can be paid; the page then shows what is paid and what is left."""
    _, link = shop.link()
    customer = Customer(await (await new_context(viewport=PHONE)).new_page())
    await customer.open(link)
    await customer.press_pay()
    await customer.card(DECLINED_CARD)
    await customer.page.get_by_role("link", name="Back").click()
    await shows_failure(customer)
    await customer.page.get_by_label("Another amount").check()
    await customer.page.get_by_label(re.compile("Amount to pay now")).fill("40")
    await customer.press_pay()
    await customer.card(GOOD_CARD)
    await shows(customer, "Thank you, we have received your payment")
    await customer.page.get_by_role("link", name="Pay the rest").click()
    await expect(customer.page.get_by_role("progressbar", name="£40.00 of £100.00 paid")).to_be_visible()
    await expect(customer.page.get_by_role("button", name="Pay £60.00").first).to_be_visible()


async def test_pay_now_in_xero(shop: Shop, new_context: NewContext) -> None:
    """Pay now on Xero's own online invoice, through the pasted address, ends at a short pay page, and is paid there."""
    invoice, link = shop.link(reference="Pay now")
    shop.hannah.open(f"{shop.url}/settings/xero")
    pasted = html.unescape(re.findall(r'value="([^"]+/now/[^"]+)"', shop.hannah.text)[0])
    shop.xero("organisations/harrow/payment_url", name="Payportal", url=pasted, text="Pay now")
    online = shop.online_invoice(invoice["id"])

    customer = await arrive(new_context, online)
    await customer.page.get_by_role("link", name="Pay now").click()
    await customer.page.wait_for_url(re.compile(r"/p/[a-z2-7]{56}$"))
    assert link != customer.page.url
    await expect(customer.page.get_by_role("heading", name=f"Invoice {invoice['number']}")).to_be_visible()
    await expect(customer.page.get_by_text("You came here from Xero")).to_be_visible()
    await expect(customer.page.get_by_text("Pemberley")).to_have_count(0)
    await customer.press_pay()
    await customer.card(GOOD_CARD)
    await shows(customer, PAID)
    until(lambda: shop.in_xero(invoice["number"])["status"] == "PAID", "the invoice in Xero")
    await customer.open(online)
    await expect(customer.page.get_by_text("Nothing to pay")).to_be_visible()


async def test_link_is_everywhere(shop: Shop, new_context: NewContext) -> None:
    """The QR code, the mail and the invoice in Xero all lead to the same pay page."""
    invoice = shop.invoice()
    hannah = await new_context(storage_state=shop.signed_in())
    page = await hannah.new_page()
    await page.goto(f"{shop.url}{shop.hannah.invoice_path(invoice['number'])}")
    await page.get_by_role("link", name="Request payment").last.click()
    await page.get_by_role("button", name="Send request").click()
    await expect(page.get_by_role("heading", name="Payment requested")).to_be_visible(timeout=SOON)
    link = await page.get_by_role("textbox", name="Payment link").input_value()
    await page.get_by_role("link", name="Done").click()
    await page.goto(f"{shop.url}{shop.hannah.invoice_path(invoice['number'])}")
    code = await page.request.get(f"{page.url}/qr.png")
    [read] = zxingcpp.read_barcodes(Image.open(io.BytesIO(await code.body())))
    assert link.casefold() == read.text.casefold()

    mail = await asyncio.to_thread(the_mail, shop, invoice["number"])
    assert link in mail["text"]
    assert link in mail["html"]
    until(lambda: shop.in_xero(invoice["number"])["url"] == link, "the link in Xero", 30)
    reader = await (await new_context()).new_page()
    await reader.goto(f"{shop.sandbox.url}/console/mail/{mail['id']}")
    await reader.locator("main a", has_text="/p/").first.click()
    await expect(reader.get_by_role("heading", level=1, name=f"Invoice {invoice['number']}")).to_be_visible()


def the_mail(shop: Shop, words: str) -> dict[str, Any]:
    """The mail with these words in its subject, waited for."""
    until(lambda: shop.mails(words), f"a mail about {words}", 30)
    return shop.mails(words)[-1]


async def test_replaced_link(shop: Shop, new_context: NewContext) -> None:
    """A link that was replaced says so and mails the new one, which works; the old one shows neither."""
    invoice, link = shop.link()
    page = await (await new_context(storage_state=shop.signed_in())).new_page()
    await page.goto(f"{shop.url}{shop.hannah.invoice_path(invoice['number'])}")
    await page.get_by_role("link", name="Replace link").click()
    dialog = page.get_by_role("dialog", name="Replace the payment link?")
    await dialog.get_by_role("button", name="Replace link").click()
    await expect(page.get_by_text("Your new payment link is ready.")).to_be_visible()
    new = await page.get_by_role("textbox", name="Payment link").input_value()
    assert new != link

    customer = await arrive(new_context, link)
    await shows(customer, "This link has expired")
    await expect(customer.page.get_by_role("button", name=re.compile("^Pay"))).to_have_count(0)
    await customer.page.get_by_role("button", name="Email me a new link").click()
    await shows(customer, "The new link is on its way")
    mail = await asyncio.to_thread(the_mail, shop, f"New link for invoice {invoice['number']}")
    assert new in mail["text"]
    assert new not in await customer.page.content()
    await customer.pay(new)
    await shows(customer, PAID)
    await customer.open(link)
    await shows(customer, PAID)
    await expect(customer.page.get_by_role("link", name="View receipt")).to_have_count(0)


async def test_switched_off_link(shop: Shop, new_context: NewContext) -> None:
    """A link switched off while its page is open takes no money and says whom to ask."""
    invoice, link = shop.link()
    customer = await arrive(new_context, link)
    page = await (await new_context(storage_state=shop.signed_in())).new_page()
    await page.goto(f"{shop.url}{shop.hannah.invoice_path(invoice['number'])}")
    await page.get_by_role("switch", name="Link is active").uncheck()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("This link is switched off.")).to_be_visible()
    await customer.page.get_by_role("button", name="Pay £100.00").first.click()
    await shows(customer, "This link is switched off")
    assert [] == shop.charges(invoice["number"])
