"""The customer's pages against whoever tries to misuse them."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import pytest

from tests.fixtures.product import Product
from tests.fixtures.sandbox import SandboxServer
from tests.walker import Reader
from tests.world import Customer, Merchant, until

ODD_PART = b"--x\r\ncontent-disposition: form-data; name=a\r\ncontent-type: text/plain; charset=bogus\r\n\r\nz\r\n--x--"
SHORT_CODE = "!hF26q"  # of Harrow & Finch, as sown
pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def merchant(site: Product) -> Merchant:
    """A merchant with everything set up."""
    return Merchant(site.url).set_up()


@pytest.fixture
def shop(site: Product, merchant: Merchant) -> tuple[Product, Merchant, str]:
    """The product, the merchant, and the pay link of one invoice."""
    return site, merchant, merchant.pay_link("INV-2041")


@pytest.fixture
def sandbox(_sandbox: SandboxServer) -> str:
    """The sandbox beside this module's product, as it stands."""
    return _sandbox.url


def press(link: str, token: str, **fields: str) -> httpx.Response:
    """The pay button, with whatever fields one likes."""
    headers = {"origin": f"http://{urlsplit(link).netloc}", "sec-fetch-site": "same-origin"}
    return httpx.post(f"{link}/pay", data={"_csrf_token": token, **fields}, headers=headers, follow_redirects=False)


def form_token(link: str) -> str:
    form = next(form for form in Reader(httpx.get(link).text).forms if form.action.endswith("/pay"))
    return form.fields["_csrf_token"]


def test_amounts_from_the_form_are_never_believed(shop: tuple[Product, Merchant, str], sandbox: str):
    """Tampered amounts are refused, or the session has the amount that Xero says is due."""
    _, _, link = shop
    token = form_token(link)
    for fields, status in (
        ({"amount_choice": "part", "amount": "1284.01"}, 422),
        ({"amount_choice": "part", "amount": "-1"}, 422),
        ({"amount_choice": "part", "amount": "1e999"}, 422),
        ({"amount_due_minor": "1"}, 409),
        ({"amount_choice": "full", "amount": "0.30"}, 303),
    ):
        assert status == press(link, token, **fields).status_code, fields
    session = press(link, token, amount_choice="full").headers["location"].rpartition("/")[2]
    page = httpx.get(f"{sandbox}/stripe/c/pay/{session}").text
    assert "1,284.00 GBP" in page


def test_a_chosen_part_does_not_depend_on_what_else_was_paid(shop: tuple[Product, Merchant, str]):
    """Whoever chose a part goes on with it although less is due by now than their page says; the whole is asked again."""
    _, _, link = shop
    token = form_token(link)
    older = {"amount_due_minor": "999999"}
    assert 409 == press(link, token, amount_choice="full", **older).status_code
    part = press(link, token, amount_choice="part", amount="20.00", **older)
    assert 303 == part.status_code
    assert "20.00 GBP" in httpx.get(part.headers["location"]).text


def test_a_declined_customer_who_comes_straight_back_is_told_so(shop: tuple[Product, Merchant, str], sandbox: str):
    """Coming back from a declined card says so and that no money was taken, although no notification has come yet."""
    _, merchant, _ = shop
    link = merchant.pay_link("INV-2047")
    lost = {"match": {"channel": "stripe"}, "fault": {"webhook": {"drop": True}}}
    httpx.post(f"{sandbox}/_faults", json=lost, timeout=20).raise_for_status()
    try:
        customer = Customer()
        customer.open(link)
        customer.press("Pay")
        assert "You have not paid yet" in httpx.get(f"{link}?cancelled=1", follow_redirects=True).text
        customer.type_card("4000000000000002")
        assert "declined" in customer.text
        back = httpx.get(f"{link}?cancelled=1", follow_redirects=True).text
    finally:
        httpx.delete(f"{sandbox}/_faults", timeout=20).raise_for_status()
    assert "Your payment did not go through" in back
    assert "No money has been taken." in back
    assert "You have not paid yet" not in back


def test_presses_without_our_form_do_not_count(shop: tuple[Product, Merchant, str]):
    """Whoever posts without the page's token neither reaches Stripe nor uses up the customer's presses."""
    _, _, link = shop
    assert {403} == {press(link, "wrong").status_code for _ in range(30)}
    assert 303 == press(link, form_token(link), amount_choice="full").status_code


def test_another_site_cannot_press(shop: tuple[Product, Merchant, str]):
    """A form on another site cannot press the button, and the operator's log says that one tried."""
    product, _, link = shop
    token = form_token(link)
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        answer = httpx.post(f"{link}/pay", data={"_csrf_token": token}, headers=headers)
        assert 403 == answer.status_code
    until(lambda: "page.turned_away" in product.output(), "the line in the log")
    assert urlsplit(link).path.rpartition("/")[2] not in product.output()


def test_odd_requests_are_refused_not_faults(shop: tuple[Product, Merchant, str]):
    """NULs, huge numbers, broken forms and strange addresses are answered with 4xx."""
    product, hannah, link = shop
    hannah.open(f"{product.url}/settings/xero")
    secret = re.search(r"/now/([a-z2-7]+)", hannah.text)
    assert secret
    now = f"{product.url}/now/{secret[1]}"
    odd = [
        httpx.get(f"{product.url}/p/%00"), httpx.post(f"{product.url}/p/%00/pay"), httpx.get(f"{product.url}/p/%ff%fe"),
        httpx.get(f"{product.url}/brand/{'0' * 8}-0000-0000-0000-{'0' * 12}/%00.png"),
        httpx.get(f"{product.url}/auth/xero/login?next=//["),
        httpx.get(f"{now}?invoiceNo=%00&currency=GBP&amount=1&shortCode=%00"),
        httpx.get(f"{now}?invoiceNo=INV-2041&currency=GBP&amount=1e999999&shortCode=x"),
        httpx.get(f"{now}?invoiceNo=INV-2041&currency=GBP&amount=Infinity&shortCode=x"),
        httpx.post(f"{link}/pay", content=ODD_PART, headers={"content-type": "multipart/form-data; boundary=x"}),
        httpx.get(f"{product.url}/writebacks/99999999999999999999999/retry"),
    ]  # fmt: skip
    assert [] == [(str(answer.url), answer.status_code) for answer in odd if answer.status_code >= 500]


def test_every_answer_carries_the_headers(shop: tuple[Product, Merchant, str]):
    """Pages, errors, unknown addresses, files and wrong methods all carry the security headers."""
    product, _, link = shop
    static = re.search(r'/static/build/[^"]+css', httpx.get(link).text)
    assert static
    for path in (
        "/",
        "/nope",
        "/p/a/b/c",
        "/webhooks/xero",
        static[0],
        urlsplit(link).path,
        "/setup",
        "/events",
        "/robots.txt",
    ):
        headers = httpx.get(product.url + path).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        assert ("nosniff", "no-referrer") == (headers["x-content-type-options"], headers["referrer-policy"]), path
    for path in (urlsplit(link).path, "/p/0000-0000-0000-0000", "/now/x"):
        assert "noindex, nofollow" == httpx.get(product.url + path).headers["x-robots-tag"], path
        assert "no-store" == httpx.get(product.url + path).headers["cache-control"], path


def test_pay_now_tells_no_more_than_it_was_asked(shop: tuple[Product, Merchant, str]):
    """Xero's guessable address leads to number, amount and button: no customer, no lines, no PDF, no way to the whole page."""
    product, hannah, _ = shop
    link = hannah.pay_link("INV-2047")
    whole, token = httpx.get(link).text, link.rpartition("/")[2]
    details = [name for name in ("Issued", "Description", "invoice.pdf", '<p class="for">') if name in whole]
    assert 4 == len(details)
    due = re.search(r'name="amount_due_minor" value="(\d+)"', whole)
    assert due
    asked = {"invoiceNo": "INV-2047", "currency": "GBP", "amount": f"{int(due[1]) / 100:.2f}"}
    hannah.open(f"{product.url}/settings/xero")
    pasted = re.search(r'value="([^"?]+/now/[^"?]+)', hannah.text)
    assert pasted
    short = httpx.get(pasted[1], params=asked | {"shortCode": SHORT_CODE}).headers["location"]
    page = httpx.get(product.url + short).text
    assert "INV-2047" in page
    assert f'value="{due[1]}"' in page
    assert [] == [name for name in [*details, token] if name in page]
    for path in ("/invoice.pdf", "/receipt"):
        assert 404 == httpx.get(f"{product.url}{short}{path}").status_code
    assert 404 == httpx.get(product.url + short[:-1] + ("a" if short[-1] != "a" else "b")).status_code

    mine = press(product.url + short, form_token(product.url + short), amount_choice="full").headers["location"]
    session = httpx.get(mine).text
    assert short in session
    assert token not in session
    theirs = press(link, form_token(link), amount_choice="full").headers["location"]
    assert theirs != mine
    assert short not in httpx.get(theirs).text


def test_replaced_link_is_mailed_never_shown(shop: tuple[Product, Merchant, str], sandbox: str):
    """The old address says that it has expired and mails the new one, readable, to the contact on file."""
    _, hannah, link = shop
    hannah.open(hannah.invoice_path("INV-2041"))
    answer = httpx.get(link)
    assert "Pay" in answer.text
    form = next(form for form in Reader(hannah.text).forms if form.action.endswith("/link"))
    hannah.send(form, form.fields | {"action": "replace"})
    fresh = hannah.pay_link("INV-2041")
    customer = Customer()
    customer.open(link)
    assert "This link has expired" in customer.text
    assert fresh.rpartition("/")[2] not in customer.text
    customer.press("Email me a new link")
    mails: Callable[[], str] = lambda: httpx.get(f"{sandbox}/_mail").text  # noqa: E731 - read it anew each time
    until(lambda: fresh.rpartition("/")[2] in mails(), "the mail with the new link", 30)


def test_wrong_links_look_alike_and_are_limited(shop: tuple[Product, Merchant, str]):
    """Guessed links are answered alike, are limited, and the true link still opens for others."""
    product, _, link = shop
    answers = [httpx.get(f"{product.url}/p/0000-0000-0000-{number:04d}") for number in range(40)]
    assert {404, 429} == {answer.status_code for answer in answers}
    lost = {answer.text for answer in answers if answer.status_code == 404}
    assert 1 == len(lost)
    assert 200 == httpx.get(link).status_code
