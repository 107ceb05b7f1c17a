"""The first half of the seeds that every run lives; more: `SEEDS=5000 python -m tests.simulation`."""

from collections.abc import Callable

import pytest

from tests.simulation.running import live_all, told


@pytest.mark.timeout(900)
def test_whatever_happens_the_books_agree(new_database: Callable[[], str]):
    """Whatever order people, platforms, workers, faults and power cuts come in: at rest, books, Stripe and Xero agree."""
    bad: list[str] = []
    live_all(new_database(), range(1, 101), lambda life: bad.append(told(life)) if life.found else None)
    assert [] == bad
