"""The pages of setup: told as things stand, kept what was typed, the way on without JavaScript."""

import re

import httpx
import pytest

from tests.fixtures.product import Product
from tests.walker import Reader
from tests.world import DETAILS, HARROW, Merchant, option, until


def test_checklist(hannah: Merchant) -> None:
    """The ring, the greeting and the four steps stand on one page."""
    hannah.open(f"{hannah.url}/setup")

    assert "of 4 steps complete" in hannah.text
    assert "Hannah</h1>" in hannah.text
    assert 4 == len(re.findall(r'<li class="step', hannah.text))


def test_details_with_errors(hannah: Merchant) -> None:
    """A form with errors comes back as 422 with a summary that links to the fields, and what was typed stays."""
    hannah.open(f"{hannah.url}/setup/business")
    hannah.press("Confirm details", **(DETAILS | {"email": "hannah", "legal_name": "", "city": "Bristol & Bath"}))

    assert 422 == hannah.page.status_code
    assert "<title>Error: " in hannah.text
    assert 'href="#email"' in hannah.text
    assert 'href="#legal_name"' in hannah.text
    assert 'value="Bristol &amp; Bath"' in hannah.text
    assert 'value="hannah"' in hannah.text


def test_stripe_needs_details(tom: Merchant) -> None:
    """Who goes to Stripe before the details are confirmed confirms them first."""
    tom.open(f"{tom.url}/setup")
    tom.press("Continue with Stripe")

    assert "/setup/business" == tom.path


def test_refresh_address(tom: Merchant) -> None:
    """Stripe's way back for a used link sends who never went there to the checklist."""
    tom.open(f"{tom.url}/setup/payments/refresh")

    assert "/setup" == tom.path


def test_first_consent(tom: Merchant) -> None:
    """Choosing an organisation leads to Xero's consent page when Xero has not shared any."""
    tom.http.follow_redirects = False
    page = tom.open(f"{tom.url}/setup/organisation")

    assert (303, "/xero/connect") == (page.status_code, page.headers["location"])


def test_whole_setup(hannah: Merchant) -> None:
    """Details, Stripe and back, options, organisation, accounts: then all is set."""
    hannah.verify()
    assert "/setup" == hannah.path
    hannah.press("Continue with Stripe")
    hannah.press("Fill in with test values")
    hannah.press("Born 1902")
    hannah.press("Finish")
    assert "/setup/payments/options" == hannah.path

    hannah.press("Save and continue", allow="part", minimum="a lot", display_name="Harrow & Finch")
    assert 422 == hannah.page.status_code
    assert 'value="a lot"' in hannah.text
    hannah.press("Save and continue", allow="part", minimum="5.00", display_name="Harrow & Finch")
    assert "/setup" == hannah.path
    until(lambda: "Your customers can pay by card" in hannah.open(f"{hannah.url}/setup").text, "Stripe's check")

    hannah.open(f"{hannah.url}/xero/connect")
    hannah._through_xero(HARROW)
    chosen = re.findall(r'name="tenant_id"[^>]* checked', hannah.text)
    assert [] == chosen
    hannah.press("Connect organisation")
    assert 422 == hannah.page.status_code
    assert "Choose an organisation." in hannah.text
    hannah.press("Connect organisation", tenant_id=option(hannah.text, HARROW))
    assert "/settings/accounts" == hannah.path

    hannah.choose_account("Stripe clearing")
    assert "/setup" == hannah.path
    assert "You are all set, Hannah" in hannah.text


def test_connected_is_not_chosen_again(hannah: Merchant) -> None:
    """An organisation that is connected already is shown so and cannot be picked."""
    hannah.open(f"{hannah.url}/setup/organisation")
    radio = re.search(
        rf'<input type="radio"[^>]*>(?:(?!<input).)*?{HARROW.replace("&", "&amp;")}', hannah.text, re.DOTALL
    )

    assert radio
    assert "disabled" in radio[0]


def test_forms_need_their_token(site: Product, hannah: Merchant) -> None:
    """A post without the page's token, or from another site, changes nothing."""
    cookie = {"cookie": "; ".join(f"{name}={value}" for name, value in hannah.cookies.items())}
    hannah.open(f"{hannah.url}/setup/business")
    token = next(form.fields["_csrf_token"] for form in Reader(hannah.text).forms if "_csrf_token" in form.fields)

    bare = httpx.post(f"{site.url}/setup/business", data=DETAILS, headers=cookie)
    foreign = {**cookie, "origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    cross = httpx.post(f"{site.url}/setup/business", data={**DETAILS, "_csrf_token": token}, headers=foreign)

    assert (403, 403) == (bare.status_code, cross.status_code)


@pytest.mark.parametrize("path", ["/setup", "/setup/business", "/setup/payments/options"])
def test_no_inline(hannah: Merchant, path: str) -> None:
    """Setup needs no inline script or style."""
    hannah.open(f"{hannah.url}{path}")

    assert 200 == hannah.page.status_code
    assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son\w+=", hannah.text)
