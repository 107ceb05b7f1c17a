"""Worlds of up to a million invoices: read by page, by change, by filter and one by one like any other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.process import Sandbox
from tests.sandbox.xero_people import CALLBACK, LIFTED, Person

HARROW = "Harrow & Finch Joinery Ltd"
SIZE = 6_000


@pytest.fixture
def big(sandbox: Sandbox) -> Person:
    """Connected to an organisation with six thousand invoices."""
    sandbox.control("POST", "/_seed", {"size": SIZE, "seed": 7})
    return Person(sandbox).connect(HARROW)


def walk(person: Person, **asked: Any) -> Iterator[dict[str, Any]]:
    """All pages, one after the other."""
    number, pages = 1, 1
    while number <= pages:
        told = person.get("/Invoices", page=number, pageSize=1000, **asked)
        yield from told["Invoices"]
        number, pages = number + 1, told["pagination"]["pageCount"]


def moment(invoice: dict[str, Any]) -> int:
    return int(invoice["UpdatedDateUTC"].removeprefix("/Date(").partition("+")[0].partition(")")[0])


def test_a_million_invoices_are_there_at_once(sandbox: Sandbox) -> None:
    """The first and the last page of a million, and one of them by its number."""
    sandbox.control("POST", "/_seed", {"size": 1_000_000})
    person = Person(sandbox).connect(HARROW)
    told = person.get("/Invoices", page=1, pageSize=1000)
    assert (1_000_000, 1000) == (told["pagination"]["itemCount"], told["pagination"]["pageCount"])
    last = person.get("/Invoices", page=1000, pageSize=1000)["Invoices"]
    assert 1000 == len(last)
    found = person.invoice("INV-777777")
    assert ("AUTHORISED", "INV-777777") == (found["Status"], found["InvoiceNumber"])
    assert 400 == person.api("GET", "/Invoices").status_code


def test_every_invoice_comes_once_in_the_order_of_change(big: Person) -> None:
    """Page by page each id comes once, the oldest change first, changed ones among them last."""
    big.pay("INV-100500", 1)
    seen = list(walk(big, where='Type=="ACCREC"'))
    assert SIZE == len({one["InvoiceID"] for one in seen}) == len(seen)
    assert sorted(moment(one) for one in seen) == [moment(one) for one in seen]
    assert "INV-100500" == seen[-1]["InvoiceNumber"]
    assert [one["InvoiceID"] for one in seen] == [one["InvoiceID"] for one in walk(big)]


def test_what_changed_since_a_moment_is_found(big: Person) -> None:
    """If-Modified-Since leaves out what is older, to the second, and finds what was paid since."""
    all_of_them = list(walk(big))
    border = moment(all_of_them[-100]) // 1000
    header = {"if-modified-since": datetime.fromtimestamp(border, UTC).strftime("%Y-%m-%dT%H:%M:%S")}
    told = big.api("GET", "/Invoices", params={"page": 1, "pageSize": 1000}, headers=header).json()["Invoices"]
    expected = [one["InvoiceNumber"] for one in all_of_them if moment(one) // 1000 > border]
    assert expected == [one["InvoiceNumber"] for one in told]
    big.pay("INV-100002", 1)
    told = big.api("GET", "/Invoices", params={"page": 1, "pageSize": 1000}, headers=header).json()["Invoices"]
    assert [*expected, "INV-100002"] == [one["InvoiceNumber"] for one in told]


@pytest.mark.parametrize(
    "asked",
    [
        {"where": 'InvoiceNumber=="INV-100077"'},
        {"InvoiceNumbers": "INV-100077"},
        {"searchTerm": "inv-100077"},
        {"where": 'Status=="AUTHORISED" AND InvoiceNumber=="INV-100077"', "order": "Date DESC"},
    ],
)
def test_one_is_found_among_many(big: Person, asked: dict[str, str]) -> None:
    """By a filter, a list of numbers, a search: the same invoice, whether or not somebody changed it meanwhile."""
    before = big.get("/Invoices", page=1, **asked)["Invoices"]
    big.pay("INV-100077", 1)
    after = big.get("/Invoices", page=1, **asked)["Invoices"]
    assert ["INV-100077"] == [one["InvoiceNumber"] for one in before] == [one["InvoiceNumber"] for one in after]
    assert 0 == before[0]["AmountPaid"] < after[0]["AmountPaid"]
    by_id = big.get("/Invoices", IDs=after[0]["InvoiceID"].upper())["Invoices"]
    assert [after[0]["InvoiceID"]] == [one["InvoiceID"] for one in by_id]


def test_amounts_are_filtered_and_days_ordered(big: Person) -> None:
    """What is due is compared as money; ordered by day, the days come in order."""
    big.pay("INV-100001", big.invoice("INV-100001")["AmountDue"])
    due = list(walk(big, where="AmountDue>0"))
    assert all(one["AmountDue"] > 0 for one in due)
    assert "INV-100001" not in {one["InvoiceNumber"] for one in due}
    days = [one["DateString"] for one in walk(big, order="Date DESC", where='InvoiceNumber>"INV-105"')]
    assert sorted(days, reverse=True) == days


def test_an_unpaid_invoice_among_many_can_be_changed(big: Person) -> None:
    """A new reference stays, the number is taken, and the console shows what was changed last on top."""
    found = big.invoice("INV-100123")
    told = big.api("POST", f"/Invoices/{found['InvoiceID']}", {"Reference": "Second floor"})
    assert 200 == told.status_code, told.text
    assert ("Second floor", found["Total"]) == (
        big.invoice("INV-100123")["Reference"],
        big.invoice("INV-100123")["Total"],
    )
    page = big.sandbox.http.get("/console/xero/harrow").text
    assert page.index("INV-100123") < page.index("INV-105")


def test_a_killed_sandbox_knows_its_big_world(tmp_path: Path) -> None:
    """After a kill the same invoices are there under the same ids, the paid one paid."""
    sandbox = Sandbox(tmp_path)
    try:
        sandbox.config(redirect_uris=[CALLBACK], limits=LIFTED)
        sandbox.control("POST", "/_seed", {"size": 2_000})
        person = Person(sandbox).connect(HARROW)
        person.pay("INV-100010", 1)
        before = [(one["InvoiceID"], one["AmountDue"]) for one in walk(person)]
        sandbox.kill()
        sandbox.start()
        person.browser = sandbox.browser()
        assert before == [(one["InvoiceID"], one["AmountDue"]) for one in walk(person)]
    finally:
        sandbox.stop()
