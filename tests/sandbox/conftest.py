"""A sandbox process on a free port, and a person who uses it over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.sandbox import contract
from tests.sandbox.hooks import KEY, good, settle
from tests.sandbox.process import Sandbox
from tests.sandbox.receiver import Receiver
from tests.sandbox.stripe_people import OWN_SECRET, SECRET, THIN_SECRET, Ears, Platform
from tests.sandbox.xero_people import CALLBACK, LIFTED, Person


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox process for the whole session."""
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"))
    yield sandbox
    sandbox.stop()


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    """The process with its default world, our callback registered, limits lifted, no webhooks."""
    running.control("POST", "/_reset")
    app = {"redirect_uris": [CALLBACK], "webhook_url": None, "webhook_key": None, "limits": LIFTED}
    modes: dict[str, object] = {
        "offline": False,
        "filter_broken": False,
        "search_lag_seconds": 0,
        "idempotency_seconds": 360,
    }
    modes |= {"idempotency_scope": "app", "cache_errors": True, "refresh_grace_seconds": 1800}
    modes |= {"lock_date": None, "archived_account": None}
    running.config(**app, modes=modes, tier="starter", connections_max="tier", certified=False)
    contract.begin(running)
    yield running
    running.close_browsers()
    problems = contract.broken(running)
    assert not problems, "\n".join(problems)


@pytest.fixture
def hannah(sandbox: Sandbox) -> Person:
    """Connected to Harrow & Finch Joinery with every scope."""
    return Person(sandbox).connect("Harrow & Finch Joinery Ltd")


@pytest.fixture
def ears() -> Iterator[Ears]:
    """A server that hears Stripe's webhooks."""
    ears = Ears()
    yield ears
    ears.close()


@pytest.fixture
async def platform(sandbox: Sandbox, ears: Ears) -> AsyncIterator[Platform]:
    """A Stripe platform with one endpoint for its accounts, one for itself and one for thin events."""
    endpoints = [
        {"url": f"{ears.url}/connect", "secret": SECRET, "connect": True},
        {"url": f"{ears.url}/own", "secret": OWN_SECRET, "connect": False},
        {"url": f"{ears.url}/thin", "secret": THIN_SECRET, "payload": "thin"},
    ]
    limits = {"second": None, "live_second": None, "endpoint_second": None, "concurrent": None}
    sandbox.control(
        "POST", "/_config", {"stripe": {"secret_key": "sk_test_sandbox", "endpoints": endpoints, "limits": limits}}
    )
    platform = Platform(sandbox, ears)
    yield platform
    await platform.close()
    sandbox.control("POST", "/_config", {"stripe": {"endpoints": []}})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    made.answer = good
    yield made
    made.close()


@pytest.fixture
def subscribed(hannah: Person, receiver: Receiver) -> Person:
    """Hannah's app with a healthy webhook."""
    hannah.sandbox.config(webhook_url=receiver.url, webhook_key=KEY)
    receiver.wait_for(4)
    settle(hannah.sandbox)
    assert hannah.sandbox.control("GET", "/_xero/webhook")["state"] == "ok"
    receiver.got.clear()
    return hannah
