"""A database belongs to the environment that first used it, and no other starts on it by mistake."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from app.books import environment
from app.core import db
from app.settings import Settings
from tests.fixtures.process import ROOT
from tests.fixtures.product import SECRETS

LIVE = Settings(
    app_env="production", base_url="https://pay.example.com", stripe_secret_key="sk_live_x", xero_client_id="A1"
)


@pytest.fixture
def database(new_database: Callable[[], str]) -> str:
    """A migrated database that nobody has used yet."""
    url = new_database()
    db.configure(url)
    return url


async def test_the_first_start_makes_it_ours(database: str):
    """Used for the first time it becomes ours; rotated keys, other secrets and other servers of ours change nothing."""
    assert [] == await environment.claim(LIVE, make=False)
    for settings in (LIVE, LIVE, replace(LIVE, stripe_secret_key="rk_live_other", secret_key="other", port="9")):
        assert [] == await environment.claim(settings)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"app_env": "demo"}, "APP_ENV is production there and demo here"),
        ({"stripe_secret_key": "sk_test_x"}, "STRIPE_SECRET_KEY is a live key there and a test key here"),
        ({"xero_client_id": "B2"}, "XERO_CLIENT_ID is A1 there and B2 here"),
        ({"base_url": "https://staging.example.com"}, "BASE_URL is https://pay.example.com there"),
    ],
)
async def test_another_environment_is_refused_until_it_is_adopted(database: str, change: dict[str, str], name: str):
    """A copy under other settings is refused in words that name them and the way out; adopted, it is refused to the first."""
    await environment.claim(LIVE)
    other = replace(LIVE, **change)
    refused = " ".join(await environment.claim(other))
    assert name in refused
    assert "payportal adopt" in refused
    await environment.adopt(other)
    assert [] == await environment.claim(other)
    assert [] != await environment.claim(LIVE)


async def test_a_demo_may_take_another_port(database: str):
    """Where no customer uses it, the address does not count."""
    demo = replace(LIVE, app_env="demo", stripe_secret_key="sk_test_x", base_url="http://localhost:8000")
    assert [] == await environment.claim(demo)
    assert [] == await environment.claim(replace(demo, base_url="http://localhost:8001"))


@pytest.mark.parametrize("door", ["web", "worker", "clock"])
def test_no_door_opens_on_another_ones_database(database: str, tmp_path: Path, door: str):
    """Each door ends at once and says why; nothing is read or written."""
    asyncio.run(environment.claim(LIVE))
    env = {**SECRETS, "APP_ENV": "test", "DATABASE_URL": database, "DATA_DIR": str(tmp_path)}
    command = [str(Path(sys.executable).with_name("payportal")), door]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, env=env, timeout=60)
    assert 1 == done.returncode
    assert "This database belongs to another environment: APP_ENV is production there and test here." in done.stderr
