"""A backlog of one organisation is searched and sent together; each element keeps its own outcome."""

import asyncio

import pytest

from app.books import attempts, ledger, writeback
from app.core import db
from tests.rooms.till import Till


async def states(till: Till) -> dict[str, int]:
    """How many write-backs are in which state."""
    rows = await db.fetch("SELECT state, count(*) AS n FROM write_back GROUP BY 1")
    return {row["state"]: row["n"] for row in rows}


async def references(till: Till) -> list[str]:
    """Our own references in Xero, one for each live payment."""
    live = [one["reference"] or "" for one in (await till.truth())["xero"]["payments"] if one["status"] == "AUTHORISED"]
    return [reference for reference in live if reference.startswith("Payportal")]


async def all_confirmed(till: Till, count: int) -> None:
    async def there() -> bool:
        return await states(till) == {"confirmed": count}

    await till.work_until(there)
    assert [] == await ledger.invariants()


async def backlog(till: Till, count: int) -> list[str]:
    """Part payments on as many invoices, none of them in Xero yet; the invoices' ids in Xero."""
    paid = [await till.paid(await till.invoice()) for _ in range(count)]
    await till.http.delete("/_log")
    return [await till.xero_id(payment["invoice"]) for payment in paid]


async def test_a_backlog_needs_two_calls(till: Till):
    """Twelve payments to one organisation are one look and one write."""
    await backlog(till, 12)
    await till.sweep.once()
    assert {"confirmed": 12} == await states(till)
    assert (1, 1) == (await till.calls("GET", "/Invoices"), await till.calls("PUT", "/Payments"))
    assert 12 == len(set(await references(till)))


async def test_their_fees_need_two_calls(till: Till):
    """The fees of twelve payments are one look and one write, each with a reference of its own."""
    await till.choose(fees=True)
    await backlog(till, 12)
    await till.control("/_clock", {"advance": 5})
    await till.hear()
    assert {"confirmed": 24} == await states(till)
    calls = [await till.calls(method, "/BankTransactions") for method in ("GET", "PUT")]
    assert calls[0] == calls[1] <= 6  # they may be heard of in parts
    spent = [one["reference"] for one in (await till.truth())["xero"]["bank_transactions"]]
    assert 12 == len({one for one in spent if one.startswith("Payportal")})


async def test_each_element_keeps_its_own_outcome(till: Till):
    """One voided and one paid elsewhere are put before the merchant; their neighbours are recorded."""
    ids = await backlog(till, 5)
    await till.control(f"/_xero/invoices/{ids[1]}/void")
    await till.control(f"/_xero/invoices/{ids[3]}/pay", {})
    await till.work()
    assert {"confirmed": 3, "parked": 2} == await states(till)
    reasons = [row["reason"] for row, _ in await writeback.attention(till.merchant_id)]
    assert ["invoice_voided", "invoice_paid"] == reasons
    assert [] == await ledger.invariants()


async def test_one_that_xero_refuses_does_not_spoil_the_others(till: Till):
    """When Xero refuses one element of the call, the others of the same call are recorded."""
    ids = await backlog(till, 4)
    await till.fault({"delay": 0.6}, nth=1)
    work = asyncio.create_task(till.work())
    await till.wait_until(till.struck)
    await till.control(f"/_xero/invoices/{ids[2]}/void")
    await work
    assert {"confirmed": 3, "parked": 1} == await states(till)
    assert [] == await ledger.invariants()


@pytest.mark.parametrize("fault", [{"commit_then_reset": True}, {"reset_before_commit": True}, {"truncate": 300}])
async def test_a_lost_answer_of_a_batch(till: Till, fault: dict[str, object]):
    """The answer to a whole batch is lost: each payment ends in Xero exactly once."""
    await backlog(till, 6)
    await till.fault(fault, nth=1)
    await all_confirmed(till, 6)
    found = await references(till)
    assert 6 == len(found) == len(set(found))


async def test_parts_of_one_invoice_in_one_batch(till: Till):
    """Several payments of one invoice never ask Xero for more than is due, and add up to the last penny."""
    invoice_id = await till.invoice("100.00")
    for amount in ("33.33", "33.33", "33.34"):
        await till.paid(invoice_id, amount)
    await all_confirmed(till, 3)
    assert 10000 == sum(one["amount"] for one in await till.in_xero(invoice_id))


async def test_the_second_of_two_full_payments_waits(till: Till):
    """When two customers paid all of it, the first is recorded and the second is put before the merchant."""
    invoice_id = await till.invoice("40.00")
    first = await till.attempt(invoice_id, "40.00")
    await attempts.mark_canceled(first["id"])  # given up here, and yet still open at Stripe
    second = await till.attempt(invoice_id, "40.00")
    for attempt in (first, second):
        await till.pay(attempt)
    await till.hear()

    async def settled() -> bool:
        return await states(till) == {"confirmed": 1, "parked": 1}

    await till.work_until(settled)
    assert 1 == len(await till.in_xero(invoice_id))
    assert [] == await ledger.invariants()


async def test_a_pause_of_the_organisation_holds_them_all(till: Till):
    """A rate limit on the batch gives every row back, uncounted, and all are recorded later."""
    await backlog(till, 5)
    await till.fault({"rate_limit": {"problem": "minute", "retry_after": "9"}}, nth=1)
    await till.work()
    assert {"intended": 5} == await states(till)
    assert 0 == await db.fetch_value("SELECT max(attempts) FROM write_back")
    await db.fetch("DELETE FROM xero_budget")
    await db.fetch("UPDATE write_back SET next_at = now()")
    await all_confirmed(till, 5)
