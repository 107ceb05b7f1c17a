"""The invoice pages, as the merchant uses them: with and without scripts, and as others may not."""

import io
import re
import threading
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
import zxingcpp
from PIL import Image

from tests.fixtures.database import Postgres
from tests.fixtures.product import Product
from tests.fixtures.sandbox import SandboxServer
from tests.walker import Reader
from tests.web.shops import database_of
from tests.world import Merchant, until

HTMX = {"hx-request": "true"}


@pytest.fixture(scope="module")
def owner(site: Product) -> Iterator[Merchant]:
    """Hannah, with everything set up and synced."""
    made = Merchant(site.url)
    with closing(made.http):
        made.set_up()
        made.invoice_path("INV-2041")
        yield made


@pytest.fixture(autouse=True)
def _calls_to_spare(site: Product, postgres: Postgres) -> None:
    """Tests hurry more than people: Xero's minute begins anew before each."""
    postgres.run("UPDATE xero_budget SET minute_used = 0", database_of(site.env["DATABASE_URL"]))


@pytest.fixture
def desk(_sandbox: SandboxServer) -> str:
    """Where somebody works in Xero."""
    return f"{_sandbox.url}/_xero"


def new_invoice(desk: str, **fields: str) -> dict:
    """An invoice made in Xero just now."""
    reply = httpx.post(f"{desk}/organisations/harrow/invoices", json={"amount": "100.00"} | fields, timeout=20)
    return reply.raise_for_status().json()


def ask(owner: Merchant, path: str, *, html: bool = True) -> httpx.Response:
    return owner.http.get(owner.url + path, headers={} if html else HTMX)


def test_list(owner: Merchant) -> None:
    """The dashboard names each invoice with customer, amount and what can be done."""
    owner.open("/invoices")

    assert 200 == owner.page.status_code
    assert re.search(r"<h1[^>]*>Invoices</h1>", owner.text)
    for words in ("Collected in", "Waiting to be paid", "Overdue", "Not requested", "INV-2041", "Pemberley Interiors"):
        assert words in owner.text


def test_filters(owner: Merchant) -> None:
    """Search and chips are addresses, so that Back works; nothing found is said kindly."""
    assert "INV-2041" in ask(owner, "/invoices?q=2041").text
    assert "Nothing matches “zebra”" in ask(owner, "/invoices?q=zebra").text
    for query in ("?status=overdue", "?status=nonsense", "?page=99", "?sort=-amount", "?q=%00%27", "?page=-3&sort=;"):
        assert 200 == ask(owner, f"/invoices{query}").status_code


def test_live_part(owner: Merchant) -> None:
    """The live part is the list alone, without the frame."""
    reply = ask(owner, "/invoices/live?q=2041", html=False)

    assert "INV-2041" in reply.text
    assert "<html" not in reply.text


def test_an_invoice(owner: Merchant, desk: str) -> None:
    """One invoice shows its amount, its history and the way into Xero."""
    made = new_invoice(desk, amount="432.10", reference="Gate posts")
    owner.open(owner.invoice_path(made["number"]))

    for words in (
        "£432.10",
        "Gate posts",
        "Synced from Xero",
        "Last seen in Xero",
        "Make a payment link",
        "View in Xero",
    ):
        assert words in owner.text
    there = next(href for words, href in Reader(owner.text).links if words == "View in Xero")
    assert made["number"] in httpx.get(there, follow_redirects=True).text


def test_change_arrives_by_itself(owner: Merchant, desk: str) -> None:
    """An invoice changed in Xero rings the open page, and shows."""
    made = new_invoice(desk, amount="100.00")
    path = owner.invoice_path(made["number"])
    heard = threading.Event()
    ready = threading.Event()

    def listen() -> None:
        with httpx.stream("GET", f"{owner.url}/events", headers=_cookies(owner), timeout=20) as reply:
            for line in reply.iter_lines():
                ready.set()
                if line.startswith("data"):
                    heard.set()
                    return

    ear = threading.Thread(target=listen, daemon=True)
    ear.start()
    assert ready.wait(10)
    httpx.post(f"{desk}/invoices/{made['id']}/change", json={"amount": "150.00"}, timeout=20).raise_for_status()

    assert heard.wait(15)
    until(lambda: "£150.00" in owner.open(path).text, "the new amount")
    assert "Changed in Xero" in owner.text
    ear.join(5)


def _cookies(owner: Merchant) -> dict[str, str]:
    return {"cookie": "; ".join(f"{name}={value}" for name, value in owner.cookies.items())}


def test_request_without_scripts(owner: Merchant, desk: str) -> None:
    """The request is a page with the contact's address; sent, it says so, and the mail arrives with the link."""
    made = new_invoice(desk, amount="88.00")
    path = owner.invoice_path(made["number"])
    owner.open(f"{path}/request")
    assert re.search(r"<h1[^>]*>Request payment</h1>", owner.text)
    owner.press("Send request", subject=f"Please pay {made['number']}")

    assert re.search(r"<h1[^>]*>Payment requested</h1>", owner.text)
    link = re.search(r'value="([^"]+/p/[^"]+)"', owner.text)
    assert link
    mails = desk.replace("/_xero", "/_mail")
    until(lambda: any(made["number"] in mail["subject"] for mail in httpx.get(mails).json()), "the mail")
    (mail,) = [mail for mail in httpx.get(mails).json() if made["number"] in mail["subject"]]
    assert link[1] in mail["text"]
    assert [f"{made['number']}.pdf"] == mail["attachments"]
    until(lambda: "Sent to" in owner.open(path).text, "the line in the history")
    assert "Send again" in owner.text


def test_undo(owner: Merchant, desk: str) -> None:
    """A request can be taken back at once."""
    made = new_invoice(desk)
    path = owner.invoice_path(made["number"])
    owner.open(f"{path}/request")
    owner.press("Send request")
    owner.press("Undo")

    assert "Request taken back. No mail was sent." in owner.text
    assert path == owner.path


def test_no_address(owner: Merchant, desk: str) -> None:
    """Without an address the field says what to do, and keeps what was typed."""
    made = new_invoice(desk)
    owner.open(f"{owner.invoice_path(made['number'])}/request")
    owner.press("Send request", to="", message="My own words")

    assert 422 == owner.page.status_code
    assert "Add an email address, or copy the link instead." in owner.text
    assert "My own words" in owner.text


def test_dialog(owner: Merchant, desk: str) -> None:
    """For htmx the request is the content of a dialog, errors and success too."""
    path = owner.invoice_path(new_invoice(desk)["number"])

    reply = ask(owner, f"{path}/request", html=False)
    assert "<html" not in reply.text
    (form,) = Reader(reply.text).forms
    headers = HTMX | {"origin": owner.url}
    wrong = owner.http.post(f"{owner.url}{path}/request", data=form.fields | {"to": "x"}, headers=headers)
    assert (422, False) == (wrong.status_code, "<html" in wrong.text)
    done = owner.http.post(f"{owner.url}{path}/request", data=form.fields | {"to": "a@b.example"}, headers=headers)
    assert (200, False, True) == (done.status_code, "<html" in done.text, "Payment requested" in done.text)


def test_several(owner: Merchant, desk: str) -> None:
    """Ticked invoices are requested together; none ticked is said kindly."""
    numbers = [new_invoice(desk)["number"] for _ in range(3)]
    ids = [owner.invoice_path(number).rpartition("/")[2] for number in numbers]
    owner.open("/invoices")
    form = next(form for form in Reader(owner.text).forms if form.action == "/invoices/request")
    token = {"_csrf_token": form.fields["_csrf_token"]}

    reply = owner.http.post(f"{owner.url}/invoices/request", data=token | {"id": ids}, headers={"origin": owner.url})
    assert "3 payments requested" in reply.text
    reply = owner.http.post(f"{owner.url}/invoices/request", data=token, headers={"origin": owner.url})
    assert "Choose at least one invoice." in reply.text


def test_link_and_switches(owner: Merchant, desk: str) -> None:
    """A link can be made without a mail, switched off and on, and counts as requested."""
    number = new_invoice(desk)["number"]
    path = owner.invoice_path(number)
    link = owner.pay_link(number)
    assert "Send again" in owner.text

    form = next(form for form in Reader(owner.text).forms if "active" in form.fields)
    owner.send(form, {"_csrf_token": form.fields["_csrf_token"], "action": "save", "allow_part": "on"})
    assert "Saved." in owner.text
    assert "This link is switched off." in owner.text
    assert "Make a payment link" not in owner.text
    owner.send(form, form.fields | {"action": "save"})
    assert "This link is switched off." not in owner.text
    assert link in owner.open(path).text


def test_link_does_nothing_unasked(owner: Merchant, desk: str) -> None:
    """A post that does not say what to do, or says something unknown, leaves the link as it is."""
    number = new_invoice(desk)["number"]
    owner.pay_link(number)
    form = next(form for form in Reader(owner.text).forms if "active" in form.fields)
    for said in ({}, {"action": "sav"}):
        owner.send(form, {"_csrf_token": form.fields["_csrf_token"]} | said)
        assert 422 == owner.page.status_code
        assert "Nothing was changed" in owner.text

    owner.open(owner.invoice_path(number))
    assert "This link is switched off." not in owner.text


def test_code(owner: Merchant, desk: str) -> None:
    """The QR code is read back as the link in capitals; as SVG it carries its name; nothing is made by looking."""
    number = new_invoice(desk)["number"]
    path = owner.invoice_path(number)
    assert [404, 404] == [ask(owner, f"{path}/{name}").status_code for name in ("qr.png", "poster")]

    link = owner.pay_link(number)
    png, svg = ask(owner, f"{path}/qr.png"), ask(owner, f"{path}/qr.svg")
    assert [link.upper()] == [one.text for one in zxingcpp.read_barcodes(Image.open(io.BytesIO(png.content)))]
    assert ("image/png", "image/svg+xml") == (
        png.headers["content-type"],
        svg.headers["content-type"].partition(";")[0],
    )
    assert f"QR code that opens {link.partition('://')[2]}" in svg.text


def test_paper(owner: Merchant, desk: str) -> None:
    """Poster and insert name the invoice, the amount and the address."""
    number = new_invoice(desk, amount="77.00")["number"]
    link = owner.pay_link(number)
    path = owner.invoice_path(number)

    for sheet, words in (("poster", "Scan to pay"), ("insert", "Pay this invoice online")):
        text = ask(owner, f"{path}/{sheet}").text
        for said in (words, number, "£77.00", link.rpartition("/")[2]):
            assert said in text


def test_check_again(owner: Merchant, desk: str) -> None:
    """Checking again reads the invoice from Xero, or says that Xero did not answer."""
    number = new_invoice(desk)["number"]
    owner.open(owner.invoice_path(number))
    owner.press("Check again")

    assert "Up to date with Xero." in owner.text


@pytest.mark.parametrize(
    "path", ["/invoices/not-a-uuid", "/invoices/00000000-0000-0000-0000-000000000000", "/payments?page=x"]
)
def test_other_addresses(owner: Merchant, path: str) -> None:
    """An address that names nothing is not found; a strange page number is the first page."""
    assert ask(owner, path).status_code == (200 if "payments" in path else 404)


def test_lists(owner: Merchant) -> None:
    """Payments and customers have their pages."""
    assert "No payments yet" in ask(owner, "/payments").text
    assert "Pemberley Interiors" in ask(owner, "/customers?q=pember").text
