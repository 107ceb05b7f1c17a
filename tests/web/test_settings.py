"""The settings: branding, accounts, payments and the connection to Xero, of one's own business only."""

import io
import re
import struct
import zlib
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image

from tests.fixtures.database import Postgres
from tests.fixtures.product import Product
from tests.fixtures.sandbox import SandboxServer
from tests.walker import Reader
from tests.world import HARROW, Merchant, until

LOGO = ("logo.png", "image/png")
WORDS = {
    "colour": "#1e6b52",
    "display_name": "Harrow & Finch",
    "email": "a@harrow.example",
    "phone": "",
    "thank_you": "Thank you.",
}


@pytest.fixture
def owner(site: Product, hannah: Merchant) -> Merchant:
    """Hannah with her organisation connected and its accounts chosen."""
    hannah.open(f"{site.url}/settings/xero")
    if HARROW.replace("&", "&amp;") not in hannah.text:
        hannah.connect()
    return hannah


@pytest.fixture
def sandbox(_sandbox: SandboxServer) -> str:
    """The sandbox beside this module's product, as it stands."""
    return _sandbox.url


def token(merchant: Merchant) -> str:
    return next(form.fields["_csrf_token"] for form in Reader(merchant.text).forms if "_csrf_token" in form.fields)


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (300, 90), "#1e6b52").save(out, "PNG")
    return out.getvalue()


def brand(merchant: Merchant, raw: bytes | None, **words: str) -> httpx.Response:
    """Send the branding form, with a file when there is one."""
    merchant.open(f"{merchant.url}/settings/branding")
    files = {"logo": (LOGO[0], raw or b"", LOGO[1])}
    data = {**WORDS, **words, "_csrf_token": token(merchant)}
    merchant.page = merchant.http.post(
        f"{merchant.url}/settings/branding", data=data, files=files, headers={"origin": merchant.url}
    )
    return merchant.page


def test_branding(hannah: Merchant) -> None:
    """A new logo and colour are saved, said so once, and shown."""
    page = brand(hannah, picture())

    assert "Saved. Your pay pages have changed." in page.text
    logo = re.search(r'src="(/brand/[^"]+\.png)"', page.text)
    assert logo
    shown = hannah.http.get(f"{hannah.url}{logo[1]}")
    assert ("image/png", True) == (shown.headers["content-type"], "immutable" in shown.headers["cache-control"])
    assert "sandbox" in shown.headers["content-security-policy"]
    assert "Saved." not in hannah.open(f"{hannah.url}/settings/branding").text


def test_branding_wrong(hannah: Merchant) -> None:
    """A colour that is none and a file that is no picture are told at their fields, and what was typed stays."""
    page = brand(hannah, b"<svg></svg>", colour="green", display_name="Finch & Co")

    assert 422 == page.status_code
    assert "SVG files cannot be used" in page.text
    assert "Enter a colour code such as #1e6b52." in page.text
    assert 'value="Finch &amp; Co"' in page.text


def test_branding_bomb(hannah: Merchant) -> None:
    """A small file that promises 50,000 × 50,000 pixels is told at its field; the page does not fail."""
    raw = picture()
    size = b"IHDR" + struct.pack(">II", 50_000, 50_000) + raw[24:29]
    page = brand(hannah, raw[:12] + size + struct.pack(">I", zlib.crc32(size)) + raw[33:])

    assert 422 == page.status_code
    assert "2 million pixels at most" in page.text


def test_payments(hannah: Merchant) -> None:
    """What customers may pay is kept, with the smallest part as typed in the merchant's currency."""
    hannah.open(f"{hannah.url}/settings/payments")
    hannah.press("Save", allow="part", minimum="12.50", display_name="Harrow & Finch")

    assert "/settings/payments" == hannah.path
    assert 'value="12.50"' in hannah.text
    assert "Not set up yet" in hannah.text


def test_accounts_need_an_organisation(tom: Merchant) -> None:
    """Before an organisation is connected the accounts lead there."""
    tom.open(f"{tom.url}/settings/accounts")

    assert "/settings/xero" == tom.path
    assert "No organisation is connected yet." in tom.text


def test_accounts(owner: Merchant) -> None:
    """The chosen accounts are shown chosen; leaving one out is told with a summary that links to it."""
    owner.open(f"{owner.url}/settings/accounts")
    assert re.search(r'<option value="[^"]+" selected>Stripe clearing', owner.text)

    owner.press("Save", account_gbp="")

    assert 422 == owner.page.status_code
    assert 'href="#account_gbp"' in owner.text
    assert "Choose an account, or payments in GBP cannot be recorded." in owner.text


def test_accounts_ask_xero_once(owner: Merchant, sandbox: str) -> None:
    """Opening the page reads Xero's accounts and tax rates once each; so does saving it, and the page that follows."""

    def asked(path: str) -> int:
        return len(httpx.get(f"{sandbox}/_log", params={"path": f"/xero/api/api.xro/2.0/{path}"}).json())

    before = asked("Accounts"), asked("TaxRates")
    owner.open(f"{owner.url}/settings/accounts")
    assert (before[0] + 1, before[1] + 1) == (asked("Accounts"), asked("TaxRates"))
    owner.press("Save")
    assert "Saved." in owner.text
    assert (before[0] + 3, before[1] + 3) == (asked("Accounts"), asked("TaxRates"))


def test_credit_notes(owner: Merchant) -> None:
    """An account for credit notes is chosen with its tax rate, kept, and can be taken away again."""
    owner.open(f"{owner.url}/settings/accounts")
    form = next(form for form in Reader(owner.text).forms if "/settings/accounts" in form.action)
    sales = re.search(r'<option value="([^"]+)"[^>]*>Sales \(200\)', owner.text)
    assert sales
    owner.send(form, form.fields | {"refund_account": sales[1], "refund_tax": "OUTPUT2"})
    again = next(form for form in Reader(owner.text).forms if "/settings/accounts" in form.action)
    assert (sales[1], "OUTPUT2") == (again.fields["refund_account"], again.fields["refund_tax"])
    owner.send(again, again.fields | {"refund_account": ""})
    last = next(form for form in Reader(owner.text).forms if "/settings/accounts" in form.action)
    assert "" == last.fields["refund_account"]


def test_habits(owner: Merchant) -> None:
    """The switches keep what they were set to."""
    owner.open(f"{owner.url}/settings/accounts")
    form = next(form for form in Reader(owner.text).forms if "/settings/accounts" in form.action)
    fields = {name: value for name, value in form.fields.items() if name != "mail_on_trouble"}
    owner.send(form, fields | {"link_every_invoice": "on"})

    again = next(form for form in Reader(owner.text).forms if "/settings/accounts" in form.action)
    assert "link_every_invoice" in again.fields
    assert "mail_on_trouble" not in again.fields


def test_xero(owner: Merchant) -> None:
    """The connected organisation, when it was last synced, and the address for Pay now are on one page."""

    def synced() -> bool:
        return "Last synced" in owner.open(f"{owner.url}/settings/xero").text

    until(synced, "the first import")
    assert HARROW.replace("&", "&amp;") in owner.text
    assert (
        "invoiceNo=[INVOICENUMBER]&amp;currency=[CURRENCY]&amp;amount=[AMOUNTDUE]&amp;shortCode=[SHORTCODE]"
        in owner.text
    )

    old = re.search(r"/now/(\w+)", owner.text)
    owner.press("Make a new address")
    new = re.search(r"/now/(\w+)", owner.text)
    assert old
    assert new
    assert old[1] != new[1]


def test_sync_now(owner: Merchant) -> None:
    """Sync now says that it does."""
    owner.open(f"{owner.url}/settings/xero")
    owner.press(f"Sync {HARROW} now")

    assert "Syncing from Xero." in owner.text


def test_stranger(owner: Merchant, tom: Merchant) -> None:
    """A stranger gets a 404 for every address that names somebody else's organisation."""
    owner.open(f"{owner.url}/settings/accounts")
    connection = next(
        form.fields["connection_id"] for form in Reader(owner.text).forms if "connection_id" in form.fields
    )
    tom.open(f"{tom.url}/setup")
    sent = {"_csrf_token": token(tom)}

    pages = [tom.http.get(f"{tom.url}/settings/accounts", params={"connection": connection})]
    pages += [
        tom.http.post(f"{tom.url}/settings/xero/{connection}/{deed}", data=sent, headers={"origin": tom.url})
        for deed in ("sync", "disconnect", "reconnect")
    ]
    pages += [
        tom.http.post(
            f"{tom.url}/settings/accounts", data=sent | {"connection_id": connection}, headers={"origin": tom.url}
        )
    ]
    pages += [tom.http.post(f"{tom.url}/writebacks/1/retry", data=sent, headers={"origin": tom.url})]

    assert [404] * 6 == [page.status_code for page in pages]


def test_disconnect(owner: Merchant) -> None:
    """Disconnecting asks first, then leaves at Xero too, and offers to connect again."""
    owner.open(f"{owner.url}/settings/xero")
    owner.follow("Disconnect")
    assert f"Disconnect {HARROW.replace('&', '&amp;')}?" in owner.text

    owner.press("Disconnect from Xero")

    assert "is disconnected." in owner.text
    assert "Reconnect to Xero" in owner.text
    owner.press(f"Reconnect {HARROW}")
    assert "xero" in str(owner.page.url)


def test_the_trail_names_who_did_it(owner: Merchant, postgres: Postgres, database_url: str) -> None:
    """What is changed on a page is in the audit trail under the person who was signed in."""
    brand(owner, None, colour="#14532d")
    said = postgres.run(
        "SELECT a.actor = 'user:' || m.app_user FROM audit a JOIN member m ON m.merchant = a.merchant "
        "WHERE a.action = 'branding_changed' ORDER BY a.id DESC LIMIT 1",
        urlsplit(database_url).path.lstrip("/"),
    )
    assert "t" == said
