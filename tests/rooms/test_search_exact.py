"""A fee whose answer was lost is found by looking, not by luck: the key that Xero would honour is of no help here."""

import pytest

from app.books.writeback.timing import TIMING
from app.core import db
from tests.rooms.till import Till


async def test_a_fee_is_found_on_the_first_page(till: Till, monkeypatch: pytest.MonkeyPatch):
    """With no key kept, what stands in Xero is adopted by its reference and not sent a second time."""
    monkeypatch.setattr(TIMING, "same_key", 0)
    await till.choose(fees=True)
    await till.control("/_stripe/modes", {"balance_seconds": 0})
    await till.fault({"commit_then_reset": True}, path="/xero/api/*/BankTransactions", nth=1)
    await till.paid(await till.invoice())
    await till.control("/_clock", {"advance": 60})
    await till.hear()

    async def there() -> bool:
        return bool(await db.fetch_value("SELECT 1 FROM write_back WHERE kind = 'fee' AND state = 'confirmed'"))

    await till.work_until(there, seconds=40)
    assert 1 == len((await till.truth())["xero"]["bank_transactions"])
