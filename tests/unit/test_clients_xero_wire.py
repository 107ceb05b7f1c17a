"""Xero's JSON, read leniently where Xero varies and strictly where money is concerned."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from app.clients.xero_dates import day, header, instant
from app.clients.xero_decode import connection, invoice, organisation, read_connections, read_envelope
from app.clients.xero_wire import money
from app.core.errors import Upstream
from app.core.money import Money


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("/Date(1539993600000+0000)/", datetime(2018, 10, 20, tzinfo=UTC)),
        ("/Date(1539993600000+1300)/", datetime(2018, 10, 20, tzinfo=UTC)),
        ("/Date(-86400000)/", datetime(1969, 12, 31, tzinfo=UTC)),
        ("2019-12-07T18:46:19.5165400", datetime(2019, 12, 7, 18, 46, 19, 516540, tzinfo=UTC)),
        ("2019-11-14 18:10:38+00:00", datetime(2019, 11, 14, 18, 10, 38, tzinfo=UTC)),
        ("/Date(0+0000)/", None),
        ("/Date(99999999999999999999)/", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_instant(text: str | None, moment: datetime | None) -> None:
    """All of Xero's ways to write a time are the same moment in UTC."""
    assert moment == instant(text)


def test_day() -> None:
    """A date is the organisation's calendar date, whatever offset stands beside it."""
    assert date(2018, 10, 20) == day("/Date(1539993600000+1300)/")
    assert date(2026, 3, 1) == day("2026-03-01T00:00:00", "/Date(1539993600000+0000)/")
    assert date(2018, 10, 20) == day("", None, "/Date(1539993600000)/")


def test_header() -> None:
    """If-Modified-Since is UTC to the second, without a zone."""
    assert "2026-11-22T09:00:05" == header(datetime(2026, 11, 22, 9, 0, 5, 900_000, tzinfo=UTC))


INVOICE = b"""{"Invoices":[{"InvoiceID":"i","Type":"ACCREC","Status":"AUTHORISED","InvoiceNumber":"INV-1","Contact":{"ContactID":
"c","Name":"Ana"},"CurrencyCode":"NZD","Total":1025.10,"AmountDue":"25.10","AmountPaid":1000.0000000000,"AmountCredited":0.00,
"DateString":"2026-03-01T00:00:00","DueDate":"/Date(1539993600000+0000)/","Reference":null,"LineItems":null,
"InvoicePaymentServices":[{"odd":1}],"Novelty":{"x":[1]}}]}"""


def test_invoice() -> None:
    """Amounts may be numbers or text, unknown fields are skipped and null means nothing."""
    found = invoice((read_envelope(INVOICE).invoices or [])[0])
    assert (Decimal("1025.10"), Decimal("25.10"), Decimal(1000)) == (found.total, found.due, found.paid)
    assert (date(2026, 3, 1), date(2018, 10, 20)) == (found.issued_on, found.due_on)
    assert ("", "Ana", ()) == (found.reference, found.contact.name, found.lines)


@pytest.mark.parametrize("amount", [b'"NaN"', b'"Infinity"', b'"-Infinity"'])
def test_amount_that_is_no_number(amount: bytes) -> None:
    """An amount that is not a number is no amount: the answer is unreadable."""
    raw = (read_envelope(INVOICE.replace(b'"25.10"', amount)).invoices or [])[0]
    with pytest.raises(Upstream) as error:
        invoice(raw)
    assert "unreadable" == error.value.code


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"Invoices":', b"\xff\xfe", b"[" * 100_000, b'{"Invoices":[1]}'])
def test_unreadable(content: bytes) -> None:
    """What is not Xero's JSON may be asked for again; a write's outcome is unknown."""
    with pytest.raises(Upstream) as error:
        read_envelope(content)
    assert (False, True) == (error.value.permanent, error.value.unknown)


def test_connections() -> None:
    """A connection of long ago may have no name, and its dates no zone."""
    raw = b'[{"id":"a","tenantId":"t","tenantType":"ORGANISATION","createdDateUtc":"2019-12-07T18:46:19.5165400"}]'
    found = connection(read_connections(raw)[0])
    assert ("a", "t", "", UTC) == (found.id, found.tenant_id, found.name, found.created_at and found.created_at.tzinfo)


def test_organisation() -> None:
    """The street address comes first, a missing one leaves blanks."""
    raw = b"""{"Organisations":[{"Name":"A","Addresses":[{"AddressType":"POBOX","City":"Box"},{"AddressType":"STREET","City":
    "Bristol","AddressLine1":"1 Yard"}],"PeriodLockDate":"/Date(1539993600000+0000)/","Class":"NOVELTY"}]}"""
    found = organisation((read_envelope(raw).organisations or [])[0])
    assert ("1 Yard\nBristol", date(2018, 10, 20), "A") == (found.address, found.period_lock_on, found.legal_name)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("12.34", "GBP", 1234),
        ("67760.00", "JPY", 67760),
        ("67760.50", "JPY", 67760),
        ("1.005", "KWD", 1005),
        ("-3.10", "EUR", -310),
    ],
)
def test_money(amount: str, currency: str, minor: int) -> None:
    """Money is exact, and never more than Xero says."""
    assert Money(minor, currency) == money(Decimal(amount), currency)
