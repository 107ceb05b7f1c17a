"""Signing in at the real pages: redirects only, cookies that cannot be planted, and a way on when it did not work."""

from collections.abc import Iterator
from contextlib import closing
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.fixtures.database import Postgres
from tests.fixtures.product import Product
from tests.walker import Reader
from tests.web.shops import rows
from tests.world import Merchant

PROBLEM = "/auth/problem"


@pytest.fixture
def hannah(product: Product) -> Iterator[Merchant]:
    someone = Merchant(product.url)
    yield someone
    someone.http.close()


def bare(product: Product, path: str, **cookies: str) -> httpx.Response:
    """One request, redirects not followed, with exactly these cookies."""
    header = "; ".join(f"{name.replace('host_', '__Host-')}={value}" for name, value in cookies.items())
    return httpx.get(f"{product.url}{path}", headers={"cookie": header}, timeout=20)


def cookie(reply: httpx.Response, name: str) -> str:
    """The Set-Cookie line of this name."""
    return next(line for line in reply.headers.get_list("set-cookie") if line.startswith(f"{name}="))


def test_signing_in(hannah: Merchant, product: Product) -> None:
    """Whoever signs in for the first time comes to the setup page, and stays signed in."""
    hannah.sign_in()
    assert "/setup" == hannah.path
    assert 200 == hannah.open(f"{product.url}/setup").status_code


def test_connecting_first(hannah: Merchant, product: Product) -> None:
    """The App Store's way in signs up and consents in one go, and then asks which organisation."""
    hannah.open(f"{product.url}/xero/connect")
    hannah._through_xero("Harrow & Finch Joinery Ltd")
    assert "/setup/organisation" == hannah.path


def test_the_trip_to_xero(product: Product) -> None:
    """Signing in asks who somebody is, connecting asks for the books; a cookie no other host can set binds the trip."""
    scopes = {}
    for path in ("/auth/xero/login", "/xero/connect"):
        reply = bare(product, path)
        assert 302 == reply.status_code
        scopes[path] = parse_qs(urlsplit(reply.headers["location"]).query)["scope"][0].split()
    assert ["openid", "profile", "email"] == scopes["/auth/xero/login"]
    assert {"offline_access", "accounting.invoices", "accounting.payments"} <= set(scopes["/xero/connect"])
    assert "accounting.transactions" not in scopes["/xero/connect"]
    line = cookie(reply, "__Host-flow").lower()
    assert all(word in line for word in ("secure", "httponly", "samesite=lax", "path=/"))
    assert "domain" not in line


def test_session_cookie_changes(product: Product, hannah: Merchant) -> None:
    """A session that was there before signing in is ended, never taken over."""
    hannah.sign_in()
    first = hannah.cookies["__Host-session"]
    hannah.sign_in()
    second = hannah.cookies["__Host-session"]

    assert first != second
    assert 303 == bare(product, "/setup", host_session=first).status_code
    assert 200 == bare(product, "/setup", host_session=second).status_code


def test_callback_never_shows_a_page(product: Product) -> None:
    """Whatever comes to the callback, it answers 302 without a page and without a session."""
    for query in (
        "",
        "?state=made-up&code=x",
        "?error=access_denied",
        "?state=%00&code=",
        "?state=a&state=b",
        "?code=%ff",
    ):
        reply = bare(product, f"/auth/xero/callback{query}")
        assert (302, b"") == (reply.status_code, reply.content)
        assert f"{PROBLEM}?reason=" in reply.headers["location"]
        assert "__Host-session" not in str(reply.headers)
        assert "no-store" in reply.headers["cache-control"]


def test_foreign_browser(product: Product) -> None:
    """An answer of Xero's that was meant for another browser signs nobody in."""
    state = parse_qs(urlsplit(bare(product, "/auth/xero/login").headers["location"]).query)["state"][0]
    reply = bare(product, f"/auth/xero/callback?state={state}&code=abc", host_flow="mine")
    assert "reason=mismatch" in reply.headers["location"]


def test_cancelling(product: Product, hannah: Merchant) -> None:
    """Whoever presses Cancel at Xero is told that nothing changed, with a way to try again."""
    hannah.open(f"{product.url}/xero/connect")
    if "Continue as" in hannah.text:
        hannah.press("Continue as Hannah Finch")
    hannah.press("Cancel")
    assert PROBLEM == hannah.path
    assert "You cancelled in Xero" in hannah.text
    assert ("Try again", "/xero/connect") in Reader(hannah.text).links


def test_problem_page(product: Product) -> None:
    """Each way of not getting in has a page with a way on, and shows nothing of the address."""
    for reason in ("cancelled", "expired", "denied", "mismatch", "unavailable", "", "<script>"):
        reply = httpx.get(f"{product.url}{PROBLEM}", params={"reason": reason, "purpose": "//evil.example"}, timeout=20)
        assert 200 == reply.status_code
        assert ("Try again", "/auth/xero/login") in Reader(reply.text).links
        assert "evil.example" not in reply.text
        assert "<script>" not in reply.text


def test_xero_away(product: Product, hannah: Merchant, sandbox: str) -> None:
    """When Xero does not answer while one comes back, one is told so; the product does not fall over."""
    hannah.open(f"{product.url}/auth/xero/login")
    httpx.post(f"{sandbox}/_faults", json={"match": {"path": "/xero/identity/connect/token"}, "fault": {"status": 503}})
    hannah._through_xero()
    assert "Xero is not answering" in hannah.text
    httpx.delete(f"{sandbox}/_faults")
    hannah.sign_in()
    assert "/setup" == hannah.path


def test_too_many_trips(product: Product, postgres: Postgres) -> None:
    """One address starts so many sign-ins in ten minutes and is then told to wait; nothing more is stored."""
    replies = [bare(product, path) for path in ("/auth/xero/login", "/xero/connect") * 16]

    away = [reply for reply in replies if PROBLEM not in reply.headers["location"]]
    assert 30 == len(away)
    assert "reason=too_often" in replies[-1].headers["location"]
    assert [["30"]] == rows(postgres, product, "SELECT count(*) FROM sign_in_flow")
    assert "Too many sign-ins for now" in httpx.get(product.url + replies[-1].headers["location"], timeout=20).text


def test_signing_out(product: Product, hannah: Merchant) -> None:
    """Signing out ends the session for good; the old cookie opens nothing."""
    hannah.sign_in()
    token = hannah.cookies["__Host-session"]
    form = next(form for form in Reader(hannah.text).forms if form.action == "/auth/logout")
    hannah.send(form, form.fields)

    assert "/" == hannah.path
    assert "__Host-session" not in hannah.cookies
    assert 303 == bare(product, "/setup", host_session=token).status_code


def test_signing_out_everywhere(product: Product, hannah: Merchant) -> None:
    """Somebody who lost a computer signs out of it from another one; nobody else is signed out."""
    hannah.sign_in()
    there, tom = Merchant(product.url), Merchant(product.url, "Tom Harrow")
    with closing(there.http), closing(tom.http):
        there.sign_in()
        tom.sign_in()
        hannah.open(f"{product.url}/setup")
        hannah.press("Sign out everywhere")

        assert "/" == hannah.path
        assert 303 == bare(product, "/setup", host_session=there.cookies["__Host-session"]).status_code
        assert 200 == bare(product, "/setup", host_session=tom.cookies["__Host-session"]).status_code


def test_signing_out_from_elsewhere(product: Product, hannah: Merchant) -> None:
    """Another site cannot sign anybody out, nor can a link."""
    hannah.sign_in()
    address = f"{product.url}/auth/logout"
    assert 403 == hannah.http.post(address, headers={"origin": "https://evil.example"}).status_code
    assert 403 == hannah.http.post(address, data={"_csrf_token": "wrong"}).status_code
    assert 404 == hannah.http.get(address).status_code
    assert 200 == hannah.open(f"{product.url}/setup").status_code
