"""The business details: asked once, checked per country, prefilled from what Xero knows."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from app.books import connections
from app.core import db
from app.merchants import business, countries, details, pay_now
from app.merchants.options import check as check_options
from tests.rooms.xero_desk import Desk, open_desk
from tests.world import DETAILS, HARROW


@pytest.fixture
async def desk(sandbox: str, new_database: Callable[[], str]) -> AsyncIterator[Desk]:
    async with open_desk(sandbox, new_database()) as made:
        yield made


def test_good_details() -> None:
    """What is typed with stray spaces is tidied, and a registration number loses its blanks."""
    values, errors = details.check(DETAILS | {"legal_name": "  Harrow &  Finch ", "registration_number": "sc 123456"})

    assert {} == errors
    assert ("Harrow & Finch", "SC123456") == (values["legal_name"], values["registration_number"])


def test_everything_missing() -> None:
    """An empty form names each field that must be filled, in the order of the page."""
    _, errors = details.check({})

    needed = [
        "legal_name",
        "kind",
        "country",
        "address_line1",
        "city",
        "postal_code",
        "first_name",
        "last_name",
        "email",
    ]
    assert needed == list(errors)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"registration_number": "1234"}, "registration_number"),
        ({"country": "AU", "region": "NSW", "registration_number": "12 345 678"}, "registration_number"),
        ({"country": "US"}, "region"),
        ({"country": "KP"}, "country"),
        ({"kind": "government_entity"}, "kind"),
        ({"kind": "circus"}, "kind"),
        ({"email": "hannah"}, "email"),
        ({"email": "a@b.example, c@d.example"}, "email"),
        ({"phone": "call me"}, "phone"),
        ({"website": "javascript://x.example"}, "website"),
        ({"website": "nowhere"}, "website"),
        ({"city": "x" * 121}, "city"),
    ],
)
def test_wrong_answers(change: dict[str, str], field: str) -> None:
    """A wrong answer is told at its own field and nowhere else, and what was typed stays."""
    values, errors = details.check(DETAILS | change)

    assert [field] == [name for name in errors if name != "registration_number" or name == field]
    assert values[field].endswith(change.get(field, ""))


@pytest.mark.parametrize(
    ("country", "number", "kind"),
    [
        ("GB", "01234567", "gb_crn"),
        ("NZ", "9429041234567", "nz_bn"),
        ("AU", "51 824 753 556", "au_abn"),
        ("AU", "824-753-556", "au_acn"),
        ("US", "12-3456789", "us_ein"),
        ("JP", "1234567890123", ""),
    ],
)
def test_registration_types(country: str, number: str, kind: str) -> None:
    """Stripe is told the type of a number only where we are sure of it."""
    assert kind == countries.registration_type(country, number)


def test_countries_have_currencies() -> None:
    """Every country offered has a name and a currency that Stripe pays out in."""
    found = {code: countries.currency_of(code) for code, name in countries.choices() if name}

    assert ("GBP", "NZD", "AUD", "EUR", "EUR") == tuple(found[code] for code in ("GB", "NZ", "AU", "BG", "IE"))
    assert all(len(currency) == 3 for currency in found.values())


async def test_one_merchant(desk: Desk) -> None:
    """Signing in twenty times at once makes one merchant with one member."""
    user = await db.fetch_value("INSERT INTO app_user (xero_userid) VALUES ('twenty') RETURNING id")

    made = await asyncio.gather(*(business.ensure(user) for _ in range(20)))

    assert 1 == len(set(made))
    assert 1 == await db.fetch_value("SELECT count(*) FROM member WHERE app_user = $1", user)


async def test_confirm(desk: Desk) -> None:
    """Confirmed details are shown again as they were given, names apart."""
    signed = await desk.sign_in("sign_in")

    await business.confirm(signed.merchant_id, DETAILS | {"first_name": "Mary Ann", "last_name": "de la Cruz"})

    shown, source = await business.form_values(desk.clients, signed.merchant_id, signed.user_id)
    assert ("", "Mary Ann", "de la Cruz") == (source, shown["first_name"], shown["last_name"])
    assert DETAILS["postal_code"] == shown["postal_code"]


async def test_prefilled_from_sign_in(desk: Desk) -> None:
    """Before anything is connected the form knows who signed in."""
    signed = await desk.sign_in("sign_in", "Tom Harrow")

    shown, source = await business.form_values(desk.clients, signed.merchant_id, signed.user_id)

    assert ("Xero", "Tom", "Harrow", "") == (source, shown["first_name"], shown["last_name"], shown["legal_name"])


async def test_prefilled_from_organisation(desk: Desk) -> None:
    """Once an organisation is connected the form knows its name, country, number and address."""
    signed = await desk.sign_in()
    choice = next(one for one in await connections.choices(desk.clients, signed.user_id) if one.name == HARROW)
    await connections.connect(desk.clients, signed.merchant_id, signed.user_id, choice.xero_connection_id)

    shown, _ = await business.form_values(desk.clients, signed.merchant_id, signed.user_id)

    assert (HARROW, "GB") == (shown["legal_name"], shown["country"])
    assert shown["city"]
    assert shown["postal_code"]


async def test_prefill_without_xero(desk: Desk) -> None:
    """When Xero does not answer, the form still opens."""
    signed = await desk.sign_in()
    choice = next(one for one in await connections.choices(desk.clients, signed.user_id) if one.state == "free")
    await connections.connect(desk.clients, signed.merchant_id, signed.user_id, choice.xero_connection_id)
    desk.fault("/Organisation", {"status": 503})
    try:
        shown, _ = await business.form_values(desk.clients, signed.merchant_id, signed.user_id)
    finally:
        desk.heal()

    assert "Hannah" == shown["first_name"]


@pytest.mark.parametrize(
    ("typed", "currency", "minor"),
    [("", "GBP", 0), ("5", "GBP", 500), ("£1,000.50", "GBP", 100_050), ("500", "JPY", 500), ("NZ$ 2.50", "NZD", 250)],
)
def test_smallest_part(typed: str, currency: str, minor: int) -> None:
    """The smallest part is read as people type it, in the currency's own digits."""
    assert ({}, minor) == check_options({"allow": "part", "minimum": typed, "display_name": "H"}, currency)[1:]


@pytest.mark.parametrize(
    ("typed", "currency"), [("-5", "GBP"), ("five", "GBP"), ("1.005", "GBP"), ("0.5", "JPY"), ("1e9", "GBP")]
)
def test_smallest_part_wrong(typed: str, currency: str) -> None:
    """An amount that cannot be read is told at its field, with an example in the right currency."""
    _, errors, _ = check_options({"allow": "part", "minimum": typed, "display_name": "H"}, currency)

    assert ["minimum"] == list(errors)
    assert currency in errors["minimum"]


async def test_pay_now_secret(desk: Desk) -> None:
    """The secret in the Pay now address finds its merchant, in capitals too; a changed letter or an old version does not."""
    signed = await desk.sign_in("sign_in")
    keys = desk.clients.keys
    secret = pay_now.secret(keys, signed.merchant_id, 1)
    wrong = ("b" if secret[0] == "a" else "a") + secret[1:]

    assert 56 == len(secret)
    assert signed.merchant_id == await pay_now.find(keys, secret.upper())
    assert [None] * 4 == [await pay_now.find(keys, text) for text in (wrong, secret[:-1], "ü" * 56, "")]

    await business.rotate_pay_now(signed.merchant_id)
    assert await pay_now.find(keys, secret) is None
    assert signed.merchant_id == await pay_now.find(keys, pay_now.secret(keys, signed.merchant_id, 2))


async def test_pay_now_address(desk: Desk) -> None:
    """Xero's four placeholders stand in the address exactly as Xero wants them."""
    signed = await desk.sign_in("sign_in")

    url = pay_now.address(desk.clients.settings, desk.clients.keys, signed.merchant_id, 1)

    query = "?invoiceNo=[INVOICENUMBER]&currency=[CURRENCY]&amount=[AMOUNTDUE]&shortCode=[SHORTCODE]"
    assert url.startswith(f"{desk.clients.settings.base_url}/now/")
    assert url.endswith(query)
