"""A stranger gets a 404: every page with an id of somebody else's answers as if it did not exist."""

import re
import uuid

import httpx
import pytest

from app.web.routes import ROUTES
from tests.fixtures.product import Product
from tests.walker import Reader
from tests.world import Merchant

WRITEBACK = re.compile(r"writeback")


def paths_with_ids() -> list[tuple[str, str]]:
    """(method, path) of every handler of the merchant's side whose path holds an id."""
    found = []
    for controller in ROUTES:
        base = getattr(controller, "path", "") or ""
        for handler in (vars(controller) if isinstance(controller, type) else {}).values():
            for path in getattr(handler, "paths", []):
                whole = f"{base}/{path.strip('/')}".rstrip("/")
                methods: set[str] = getattr(handler, "http_methods", set())
                found += [(method, whole) for method in methods if "{" in whole and method in {"GET", "POST"}]
    return sorted(set(found))


@pytest.mark.timeout(180)
def test_stranger_gets_404_everywhere(product: Product, sandbox: str):
    """Tom, signed in and set up to sign forms, reaches nothing of Hannah's, by any address, and nobody signed out does."""
    hannah = Merchant(product.url).set_up()
    invoice_id = hannah.invoice_path("INV-2041").rpartition("/")[2]
    hannah.open(f"{product.url}/settings/xero")
    connection = re.search(r"/settings/xero/([0-9a-f-]{36})/", hannah.text)
    assert connection
    tom = Merchant(product.url, "Tom Harrow")
    tom.sign_in()
    token = next(form.fields["_csrf_token"] for form in _form_pages(tom) if "_csrf_token" in form.fields)
    tried = 0
    for method, path in paths_with_ids():
        if path.startswith("/brand"):  # public by design: the address holds a hash
            continue
        own = connection[1] if "connection" in path else invoice_id
        own = "1" if WRITEBACK.search(path) else own
        url = product.url + re.sub(r"\{[^}]+\}", own, path)
        answer = _ask(tom, method, url, token)
        assert 404 == answer.status_code, f"{method} {path}: {answer.status_code}"
        tried += 1
    assert tried >= 12


def _form_pages(person: Merchant) -> list:
    person.open(f"{person.url}/setup/business")
    return Reader(person.text).forms


def _ask(person: Merchant, method: str, url: str, token: str) -> httpx.Response:
    headers = {"origin": person.url, "sec-fetch-site": "same-origin"}
    data = {"_csrf_token": token} if method == "POST" else None
    return person.http.request(method, url, data=data, headers=headers, follow_redirects=False)


@pytest.mark.timeout(120)
def test_signed_out_reaches_nothing(product: Product):
    """Whoever is not signed in is sent to the landing page from every merchant page."""
    for path in ("/setup", "/invoices", "/payments", "/customers", "/settings/xero", f"/invoices/{uuid.uuid4()}"):
        answer = httpx.get(product.url + path, follow_redirects=False)
        assert (303, "/") == (answer.status_code, answer.headers["location"]), path
