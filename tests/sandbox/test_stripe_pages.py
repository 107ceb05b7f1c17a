"""Stripe's hosted pages as a customer without JavaScript meets them: plain forms and redirects."""

import re
from typing import Any

import httpx
import pytest

from tests.sandbox.stripe_people import Platform

GOOD = {"email": "payer@example.com", "number": "4242 4242 4242 4242", "expiry": "12/34", "cvc": "123", "name": "P"}


async def page_of(platform: Platform, **changes: Any) -> str:
    """The path of a fresh session's page."""
    session = await platform.session(platform.account("GB"), currency="gbp", **changes)
    return httpx.URL(str(session.url)).path


def said(platform: Platform, path: str) -> str:
    """The alert on the page, or nothing."""
    found = re.search(r'role="alert"[^>]*>([^<]*)', platform.sandbox.http.get(path).text)
    return found[1] if found else ""


async def test_the_page_shows_who_what_and_how_much(platform: Platform) -> None:
    """Merchant, line, amount and the way back are on the page, without a script or inline style."""
    html = platform.sandbox.http.get(await page_of(platform)).text
    for words in ("Test Business", "Invoice INV-1", "123.45 GBP", "https://pay.example.com/p/1", "Bank debit"):
        assert words in html
    assert not re.search(r"<script|style=|\son\w+=", html)


async def test_paying_redirects_with_the_sessions_id(platform: Platform) -> None:
    """A typed card pays and goes to the success URL with the placeholder filled in."""
    path = await page_of(platform)
    paid = platform.sandbox.http.post(f"{path}/card", data=GOOD)
    assert 303 == paid.status_code
    assert f"https://pay.example.com/back?cs={path.rsplit('/', 1)[1]}" == paid.headers["location"]
    assert "You have paid" in platform.sandbox.http.get(path).text


async def test_a_decline_is_said_on_the_page_and_can_be_mended(platform: Platform) -> None:
    """A declined card leads back to the page with the reason and the e-mail kept; a good one then pays."""
    path = await page_of(platform)
    declined = platform.sandbox.http.post(f"{path}/card", data=GOOD | {"number": "4000000000009995"})
    assert path == declined.headers["location"]
    assert "Your card has insufficient funds." == said(platform, path)
    assert "payer@example.com" in platform.sandbox.http.get(path).text
    assert "pay.example.com" in platform.sandbox.http.post(f"{path}/card", data=GOOD).headers["location"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"number": "4242 4242 4242 4241"}, "Your card number is invalid."),
        ({"number": ""}, "Your card number is invalid."),
        ({"expiry": "12/20"}, "expiration date"),
        ({"expiry": "13/40"}, "expiration date"),
        ({"cvc": "1"}, "security code is incomplete"),
    ],
)
async def test_typing_errors_reach_no_bank(platform: Platform, change: dict[str, str], words: str) -> None:
    """A mistyped card makes no payment intent at all."""
    path = await page_of(platform)
    platform.sandbox.http.post(f"{path}/card", data=GOOD | change)
    assert words in said(platform, path).replace("&#39;", "'")
    truth = platform.sandbox.control("GET", "/_truth")["stripe"]
    assert [] == truth["payment_intents"]


async def test_3d_secure_is_a_page_of_its_own(platform: Platform) -> None:
    """The step can fail, with the reason said, and be completed on the next try."""
    path = await page_of(platform)
    data = GOOD | {"number": "4000002760003184"}
    assert f"{path}/3ds" == platform.sandbox.http.post(f"{path}/card", data=data).headers["location"]
    assert "Complete" in platform.sandbox.http.get(f"{path}/3ds").text
    assert path == platform.sandbox.http.post(f"{path}/3ds", data={"outcome": "fail"}).headers["location"]
    assert "unable to authenticate" in said(platform, path)
    platform.sandbox.http.post(f"{path}/card", data=data)
    done = platform.sandbox.http.post(f"{path}/3ds", data={"outcome": "complete"})
    assert "pay.example.com/back" in done.headers["location"]


async def test_a_bank_debit_is_agreed_and_returns_at_once(platform: Platform) -> None:
    """The debit leads to the success URL while the session is still unpaid; a wrong account does not."""
    path = await page_of(platform)
    wrong = platform.sandbox.http.post(f"{path}/bank", data={"account": "123", "email": "a@b.example", "name": "P"})
    assert f"{path}?method=bank" == wrong.headers["location"]
    agreed = platform.sandbox.http.post(f"{path}/bank", data={"test": "00012345"})
    assert "pay.example.com/back" in agreed.headers["location"]
    (session,) = platform.sandbox.control("GET", "/_truth")["stripe"]["sessions"]
    assert ("complete", "unpaid") == (session["status"], session["payment_status"])


async def test_a_prefilled_address_is_locked(platform: Platform) -> None:
    """customer_email stands on the page read-only and is the one on the charge, whatever is posted."""
    path = await page_of(platform, customer_email="fixed+location_AU@example.com")
    html = platform.sandbox.http.get(path).text
    assert re.search(r'value="fixed\+location_AU@example.com" readonly', html)
    assert re.search(r'value="AU" selected', html)
    platform.sandbox.http.post(f"{path}/card", data=GOOD)
    (charge,) = platform.sandbox.control("GET", "/_truth")["stripe"]["charges"]
    assert "fixed+location_AU@example.com" == charge["billing_details"]["email"]


async def test_cancel_leaves_the_session_payable(platform: Platform) -> None:
    """Going back is only a link: the page still takes payment afterwards."""
    path = await page_of(platform)
    platform.sandbox.http.get(path)
    assert "pay.example.com" in platform.sandbox.http.post(f"{path}/card", data=GOOD).headers["location"]


async def test_paying_twice_from_two_tabs_charges_once(platform: Platform) -> None:
    """The second tab's post finds the session complete and makes no second charge."""
    path = await page_of(platform)
    for _ in range(2):
        platform.sandbox.http.post(f"{path}/card", data=GOOD)
    assert 1 == len(platform.sandbox.control("GET", "/_truth")["stripe"]["charges"])


async def test_an_expired_page_takes_no_money(platform: Platform) -> None:
    """After a day the page says it timed out and a post charges nothing."""
    path = await page_of(platform)
    platform.advance(86_401)
    assert "timed out" in platform.sandbox.http.get(path).text
    platform.sandbox.http.post(f"{path}/card", data=GOOD)
    assert [] == platform.sandbox.control("GET", "/_truth")["stripe"]["charges"]


async def test_console_buttons_make_the_call_they_show(platform: Platform) -> None:
    """The payment's page offers a refund; pressing it refunds, and a refusal is said in words."""
    account = platform.account("GB")
    charge: Any = await platform.charge(account, currency="gbp")
    place = f"/console/stripe/{account}/{charge.id}"
    assert f"POST /_stripe/refunds {{&#34;charge&#34;:&#34;{charge.id}&#34;," in platform.sandbox.http.get(place).text
    order = {"path": "/_stripe/refunds", "body": f'{{"charge":"{charge.id}"}}', "back": place}
    for _ in range(2):
        pressed = platform.sandbox.http.post("/console/stripe/do", data=order)
    assert "already%20been%20refunded" in pressed.headers["location"].replace("+", "%20")


async def test_a_receipt_page_stands_behind_the_charge(platform: Platform) -> None:
    """charge.receipt_url opens and names the amount."""
    charge: Any = await platform.charge(platform.account("GB"), currency="gbp")
    assert "123.45 GBP" in platform.sandbox.http.get(httpx.URL(charge.receipt_url).path).text


async def test_everything_survives_a_restart(platform: Platform) -> None:
    """Killed while a bank debit is under way, the sandbox settles it after it came back."""
    account = platform.account("GB")
    session = await platform.session(account, currency="gbp")
    platform.control("pay", session=session.id, bank="00012345")
    platform.sandbox.kill()
    platform.sandbox.start()
    platform.advance(25)
    again = await platform.client.v1.checkout.sessions.retrieve_async(session.id, options={"stripe_account": account})
    assert "paid" == again.payment_status
