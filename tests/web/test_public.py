"""Pages for everybody, brands and health."""

import re

import httpx
import pytest

from tests.fixtures.product import Product
from tests.world import Merchant


def read(site: Product, path: str) -> httpx.Response:
    return httpx.get(f"{site.url}{path}", timeout=10)


def test_landing(site: Product) -> None:
    """A visitor reads what the product does and finds the way in."""
    page = read(site, "/")

    assert 200 == page.status_code
    assert "<h1>Turn Xero invoices into paid invoices</h1>" in page.text
    assert 'href="/auth/xero/login">Sign in with Xero</a>' in page.text


def test_landing_signed_in(hannah: Merchant) -> None:
    """Who is signed in is led to the invoices instead."""
    hannah.open(f"{hannah.url}/")

    assert "Open Payportal" in hannah.text
    assert "/auth/xero/login" not in hannah.text


@pytest.mark.parametrize("path", ["/help", "/security", "/privacy", "/terms"])
def test_texts(site: Product, path: str) -> None:
    """Help and the legal pages are there for everybody, with one heading and no cookie."""
    page = read(site, path)

    assert 200 == page.status_code
    assert 1 == len(re.findall(r"<h1", page.text))
    assert "set-cookie" not in page.headers


@pytest.mark.parametrize(
    "path", ["/setup", "/setup/business", "/settings/branding", "/settings/xero", "/settings/accounts"]
)
def test_not_signed_in(site: Product, path: str) -> None:
    """Nobody sees a merchant's page without signing in."""
    page = read(site, path)

    assert (303, "/") == (page.status_code, page.headers["location"])


def test_headers(site: Product) -> None:
    """Every page forbids inline scripts, framing and sniffing."""
    headers = read(site, "/").headers

    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"]
    assert "nosniff" == headers["x-content-type-options"]


def test_live(site: Product) -> None:
    """The process says that it runs."""
    assert (200, "live") == (read(site, "/health/live").status_code, read(site, "/health/live").text)


def test_ready(site: Product) -> None:
    """Readiness tells anybody whether pages are served and whether the operator should look, and nothing more."""
    page = read(site, "/health/ready")

    assert (200, {"ready": True, "degraded": False}) == (page.status_code, page.json())


def test_stylesheet(site: Product, hannah: Merchant) -> None:
    """A merchant's colours are served under the hash of their content, for ever; any other hash is not found."""
    hannah.open(f"{hannah.url}/settings/branding")
    found = re.search(r'href="(/brand/[^"]+\.css)"', hannah.text)
    assert found

    page = read(site, found[1])

    assert "text/css; charset=utf-8" == page.headers["content-type"]
    assert "immutable" in page.headers["cache-control"]
    assert "--brand:" in page.text
    assert [404, 404, 404] == [
        read(site, path).status_code
        for path in (
            re.sub(r"\w+\.css", "0123456789abcdef.css", found[1]),
            found[1].replace(".css", ".png"),
            f"/brand/00000000-0000-4000-8000-000000000000/{found[1].rsplit('/', 1)[1]}",
        )
    ]
