"""Whole exchanges with the platforms, kept when asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.process import Sandbox
from tests.sandbox.xero_people import Person


@pytest.fixture
def recording(sandbox: Sandbox, hannah: Person) -> Iterator[Sandbox]:
    """A sandbox that records from here on."""
    sandbox.control("POST", "/_record", {"on": True})
    yield sandbox
    sandbox.control("POST", "/_record", {"on": False})


def test_an_exchange_is_kept_whole(recording: Sandbox, hannah: Person) -> None:
    """What was sent and what was answered can be read back, in the order of the requests."""
    invoice = hannah.invoice("INV-2041")
    paid = hannah.pay("INV-2041", "10.00", params={"summarizeErrors": "false"}, headers={"Idempotency-Key": "k-1"})

    read, _, write = recording.control("GET", "/_record?path=/xero/api")

    assert ("GET", "/xero/api/api.xro/2.0/Invoices/INV-2041") == (read["method"], read["path"])
    assert invoice["InvoiceID"] in read["answer"]["body"]
    assert ("PUT", "summarizeErrors=false", "k-1") == (
        write["method"],
        write["query"],
        write["headers"]["idempotency-key"],
    )
    assert '"Amount": "10.00"' in write["body"]
    assert (200, paid.text) == (write["answer"]["status"], write["answer"]["body"])


def test_no_credentials_are_kept(recording: Sandbox, hannah: Person) -> None:
    """A token in a header is not part of a recording, only that there was one."""
    hannah.get("/Organisation")

    (row,) = recording.control("GET", "/_record")

    assert "Bearer …" == row["headers"]["authorization"]
    assert hannah.tokens["access_token"] not in str(row)


def test_a_picture_is_only_counted(recording: Sandbox, hannah: Person) -> None:
    """A body that is no text is kept as its length."""
    png = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    hannah.api("PUT", "/Invoices/INV-2041/Attachments/a.png", content=png, headers={"content-type": "image/png"})

    row = recording.control("GET", "/_record")[-1]

    assert (None, len(png)) == (row["body"], row["bytes"])


def test_nothing_is_recorded_unless_asked_for(sandbox: Sandbox, hannah: Person) -> None:
    """Switched off it hears nothing, and what was heard before stays until it is switched on again."""
    sandbox.control("POST", "/_record", {"on": True})
    hannah.get("/Organisation")
    sandbox.control("POST", "/_record", {"on": False})
    hannah.get("/Accounts")

    assert ["/xero/api/api.xro/2.0/Organisation"] == [row["path"] for row in sandbox.control("GET", "/_record")]
    sandbox.control("POST", "/_record", {"on": True})
    assert [] == sandbox.control("GET", "/_record")
    sandbox.control("POST", "/_record", {"on": False})
