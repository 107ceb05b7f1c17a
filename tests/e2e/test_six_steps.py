"""The whole product as people live it: from the landing page to PAID, on a desktop and on a phone."""

import asyncio
import re

import pytest
from playwright.async_api import expect

from tests.e2e.people import Customer, Hannah, mails
from tests.fixtures.browser import DESKTOP, PHONE, NewContext
from tests.fixtures.product import Product
from tests.world import truth, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_newcomer_is_paid(product: Product, sandbox: str, new_context: NewContext, viewport: dict[str, int]):
    """A person who has never seen it signs in, sets up, asks for money, is paid, and sees the invoice paid by itself."""
    context = await new_context(viewport=viewport)
    hannah = Hannah(await context.new_page(), product.url, sandbox)
    await hannah.set_up()
    link = await hannah.request_payment("INV-2041")
    await hannah.open_invoice("INV-2041")
    customer = Customer(await (await new_context(viewport=viewport)).new_page())
    await customer.pay(link)
    await expect(customer.page.get_by_role("heading", name="Paid, thank you")).to_be_visible(timeout=20_000)
    # Nobody reloads Hannah's page: it hears of the payment itself.
    await expect(hannah.page.get_by_text("Paid and up to date in Xero")).to_be_visible(timeout=20_000)
    ours = [paid for paid in truth(sandbox)["xero"]["payments"] if paid["invoice_number"] == "INV-2041"]
    assert [128400] == [paid["amount"] for paid in ours if paid["app"]]


async def test_decline_then_good_card(product: Product, sandbox: str, new_context: NewContext):
    """A declined card takes no money; another card on the same page pays."""
    hannah = Hannah(await (await new_context()).new_page(), product.url, sandbox)
    await hannah.set_up()
    link = await hannah.request_payment("INV-2041")
    customer = Customer(await (await new_context()).new_page())
    await customer.pay(link, "4000000000000002")
    await expect(customer.page.get_by_role("alert")).to_contain_text("declined")
    await customer.page.get_by_role("link", name="Back").click()
    declined = customer.page.get_by_role("heading", name="Your payment did not go through")
    for _ in range(40):  # Stripe's word may come a moment later than the customer
        if await declined.is_visible():
            break
        await customer.page.reload()
    await expect(declined).to_be_visible()
    await expect(customer.page.get_by_text("No money has been taken.")).to_be_visible()
    await customer.press_pay()
    await customer.card("4242424242424242")
    await expect(customer.page.get_by_role("heading", name="Paid, thank you")).to_be_visible(timeout=20_000)


async def test_two_tabs_pay_once(product: Product, sandbox: str, new_context: NewContext):
    """Two tabs on the same invoice share one checkout session, so that it cannot be paid twice."""
    hannah = Hannah(await (await new_context()).new_page(), product.url, sandbox)
    await hannah.set_up()
    link = await hannah.request_payment("INV-2041")
    context = await new_context()
    one, two = Customer(await context.new_page()), Customer(await context.new_page())
    await one.open(link)
    await two.open(link)
    await one.press_pay()
    await two.press_pay()
    assert one.page.url == two.page.url
    await one.card("4242424242424242")
    await expect(one.page.get_by_role("heading", name="Paid, thank you")).to_be_visible(timeout=20_000)
    await two.open(link)
    await expect(two.page.get_by_role("heading", name="Paid, thank you")).to_be_visible()
    assert 1 == len(truth(sandbox)["stripe"]["charges"])


async def test_cancel_and_come_back(product: Product, sandbox: str, new_context: NewContext):
    """Leaving Stripe's page is no alarm: the invoice can still be paid, with the same session."""
    hannah = Hannah(await (await new_context()).new_page(), product.url, sandbox)
    await hannah.set_up()
    link = await hannah.request_payment("INV-2041")
    customer = Customer(await (await new_context()).new_page())
    await customer.open(link)
    await customer.press_pay()
    session = customer.page.url
    await customer.page.get_by_role("link", name="Back").click()
    await expect(customer.page.get_by_text("You have not paid yet.")).to_be_visible()
    await customer.press_pay()
    assert session == customer.page.url


async def test_pay_page_without_javascript(product: Product, sandbox: str, new_context: NewContext):
    """A customer without JavaScript pays a part, comes back, and can read the receipt."""
    hannah = Hannah(await (await new_context()).new_page(), product.url, sandbox)
    await hannah.set_up()
    link = await hannah.request_payment("INV-2041")
    token = link.rpartition("/")[2]
    await asyncio.to_thread(
        until, lambda: any(token in str(mail) for mail in mails(sandbox)), "the mail with the link", 30
    )
    customer = Customer(await (await new_context(java_script_enabled=False, viewport=PHONE)).new_page())
    await customer.open(link)
    await customer.page.get_by_label("Another amount").check()
    await customer.page.get_by_label(re.compile("Amount to pay now")).fill("84.00")
    await customer.press_pay()
    await customer.card("4242424242424242")
    done = customer.page.get_by_role("heading", name="Thank you, we have received your payment")
    await expect(done).to_be_visible(timeout=20_000)
    await customer.page.get_by_role("link", name="View receipt").click()
    await expect(customer.page.get_by_text("£84.00").first).to_be_visible()
    await customer.open(link)
    await expect(customer.page.get_by_text("£1,200.00").first).to_be_visible()
