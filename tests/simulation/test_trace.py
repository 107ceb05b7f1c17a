"""What makes a finding worth having: it can be lived again, and what should be found is found."""

import asyncio
from collections.abc import Callable

import pytest

from tests.faults import safeguards
from tests.simulation.life import Outcome
from tests.simulation.running import live_all


def _lived(url: str, seeds: list[int]) -> list[Outcome]:
    lives: list[Outcome] = []
    live_all(url, seeds, lives.append, shrink=False)
    return lives


@pytest.mark.timeout(300)
def test_the_same_seed_is_the_same_life(new_database: Callable[[], str]):
    """A seed lived again, after others and in another house, repeats every step, request, statement and end to the letter."""
    first = _lived(new_database(), [3, 4, 3])
    again = _lived(new_database(), [4, 3])
    assert first[0].trace == first[2].trace == again[1].trace
    assert first[1].trace == again[0].trace
    assert first[0].trace != first[1].trace


@pytest.mark.timeout(300)
def test_a_life_without_the_search_is_found_out(new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch):
    """With the search before sending switched off, a seed whose answer gets lost ends with a payment twice in Xero."""
    asyncio.run(safeguards.no_search(None, monkeypatch))  # type: ignore[arg-type]  # it asks nothing of a till
    (life,) = _lived(new_database(), [8])
    assert any(line.startswith("2 in Xero") for line in life.found), life.found


@pytest.mark.timeout(300)
def test_a_life_without_separate_merchants_is_found_out(
    new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
):
    """With whose a thing is not looked at any more, a seed in which a merchant meddles ends with what a stranger could do."""
    asyncio.run(safeguards.no_tenants(None, monkeypatch))  # type: ignore[arg-type]  # it asks nothing of a till
    (life,) = _lived(new_database(), [3])
    assert any(line.startswith("a stranger could") for line in life.found), life.found
