"""Xero's addresses are taken in any case; what a client names itself is not touched."""

from __future__ import annotations

import pytest

from sandbox.xero_paths import spelled
from tests.sandbox.xero_people import Person

API = "/xero/api/api.xro/2.0"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("/xero/api/Connections", "/xero/api/connections"),
        ("/xero/api/Connections/Ab1", "/xero/api/connections/Ab1"),
        ("/xero/API/API.XRO/2.0/invoices", f"{API}/Invoices"),
        (f"{API}/invoices/payments/onlineinvoice", f"{API}/Invoices/payments/OnlineInvoice"),
        (f"{API}/Invoices/inv-1/attachments/History", f"{API}/Invoices/inv-1/Attachments/History"),
        (f"{API}/organisation/actions", f"{API}/Organisation/Actions"),
        (f"{API}/nothing", f"{API}/nothing"),
        ("/stripe/v1/Connections", "/stripe/v1/Connections"),
    ],
)
def test_the_spelling_of_paths(given: str, expected: str) -> None:
    """Nouns become canonical; ids, numbers and file names stay as they are."""
    assert expected == spelled(given)


def test_lower_case_works(hannah: Person) -> None:
    """An address in lower case is answered, and a fault for the usual spelling strikes it."""
    assert hannah.api("GET", "/invoices/INV-2041").status_code == 200
    rule = {"match": {"path": f"{API}/Invoices"}, "fault": {"status": 503}}
    hannah.sandbox.control("POST", "/_faults", rule)
    assert hannah.api("GET", "/INVOICES").status_code == 503
