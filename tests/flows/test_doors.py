"""The doors: the demo comes up, keeps its data and leaves nothing behind; no door opens with settings that must not be used."""

import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.fixtures.process import ROOT, Process, free_port
from tests.fixtures.product import SECRETS, Product
from tests.world import Merchant

PLAIN = {"PYTHONPATH": str(ROOT / "src"), "DATABASE_URL": "", "REDIS_URL": ""}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the embedded PostgreSQL's own user may enter, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix="payportal-doors-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def demo(folder: Path, port: int, sandbox_port: int) -> Process:
    """The demo on these ports, until it says that it is ready."""
    env = {**PLAIN, "DATA_DIR": str(folder), "PORT": str(port), "SANDBOX_PORT": str(sandbox_port)}
    process = Process([sys.executable, "-m", "app.cli", "demo"], env=env)
    process.wait_for("ready http", 60)
    return process


@pytest.mark.timeout(180)
def test_demo_keeps_its_data_and_leaves_nothing_behind(folder: Path):
    """What was done in the demo is there at the next start; after SIGTERM neither sandbox nor PostgreSQL runs on."""
    port, sandbox_port = free_port(), free_port()
    first = demo(folder, port, sandbox_port)
    children = psutil.Process(first.pid).children(recursive=True)
    Merchant(f"http://localhost:{port}").sign_in()
    first.signal(signal.SIGTERM)
    first.stop()
    gone, alive = psutil.wait_procs(children, timeout=10)
    assert (True, []) == (bool(gone), alive)
    second = demo(folder, port, sandbox_port)
    hannah = Merchant(f"http://localhost:{port}")
    hannah.sign_in()
    second.stop()
    assert "/setup" == hannah.path
    assert not (folder / "postgres" / "postmaster.pid").exists()


@pytest.mark.timeout(120)
def test_demo_takes_another_port(folder: Path):
    """A taken port is named, and the next free one is used."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = demo(folder, port, free_port())
        said = [line for line in process.lines if "is taken" in line]
        ready = process.wait_for("ready http").split()[1]
        process.stop()
    assert said, process.lines
    assert f"http://localhost:{port}" != ready


WEAK = [
    ("web", {"SECRET_KEY": ""}, "SECRET_KEY is missing"),
    ("worker", {"SECRET_KEY": "short"}, "SECRET_KEY is too short"),
    (
        "clock",
        {"STRIPE_WEBHOOK_SECRET": "whsec_demo_0123456789abcdefghij"},
        "STRIPE_WEBHOOK_SECRET is too short or a well",
    ),
    ("web", {"BASE_URL": "http://pay.example.com"}, "BASE_URL must start with https"),
    ("web", {"BASE_URL": "https://xero-pay.example.com"}, "BASE_URL must not contain the word xero"),
]


@pytest.mark.parametrize(("door", "change", "named"), WEAK)
def test_production_refuses_weak_secrets(folder: Path, door: str, change: dict[str, str], named: str):
    """In production a missing, short or well-known secret keeps every door shut and is named."""
    env = {**PLAIN, **SECRETS, "APP_ENV": "production", "DATA_DIR": str(folder), "BASE_URL": "https://pay.example.com"}
    process = Process([sys.executable, "-m", "app.cli", door], env={**env, **change})
    process.wait_for("Payportal cannot start", 30)
    process.stop()
    assert any(named in line for line in process.lines), process.lines


def test_doctor_reaches_everything(product: Product):
    """The doctor names what is well, reaches every dependency, and says so with its exit code."""
    process = Process([sys.executable, "-m", "app.cli", "doctor"], env=product.env)
    process.wait_for("All is well", 30)
    process.stop()
    for what in ("The database", "Xero", "Stripe", "The mail server"):
        assert any(what in line and "ok" in line for line in process.lines), process.lines


def test_doctor_names_what_is_wrong(make_product: Callable[..., Product]):
    """An unreachable dependency is named in plain words, and the others are still looked at."""
    made = make_product(STRIPE_API_URL=f"http://localhost:{free_port()}")
    process = Process([sys.executable, "-m", "app.cli", "doctor"], env=made.env)
    process.wait_for("1 of these need", 60)
    process.stop()
    assert any("wrong" in line and "Stripe" in line for line in process.lines), process.lines


def test_health_tells_what_is_missing(product: Product):
    """Health answers when the database does, without cookies."""
    for path in ("/health/live", "/health/ready"):
        answer = httpx.get(product.url + path)
        assert (200, None) == (answer.status_code, answer.headers.get("set-cookie"))
