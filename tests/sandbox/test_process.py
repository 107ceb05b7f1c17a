"""The sandbox as a process: what it prints, and that it never outlives whoever started it."""

from __future__ import annotations

import asyncio
import html
import re
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.app import create_app
from sandbox.store import Obj, Store
from sandbox.world import World
from tests.sandbox.process import Sandbox

SOURCES = Path(__file__).parents[2] / "src"
COMMAND = [sys.executable, "-m", "sandbox", "--port", "0", "--smtp-port", "0", "--until-eof", "--data-dir"]
Process = subprocess.Popen[str]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    """Started as the demo starts it, with a pipe for its standard input."""
    pipe = subprocess.PIPE
    made = subprocess.Popen([*COMMAND, str(tmp_path)], stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=SOURCES)
    yield made
    made.kill()
    made.wait(10)
    for stream in (made.stdin, made.stdout, made.stderr):
        assert stream is not None
        stream.close()


def addresses(process: Process) -> tuple[int, str]:
    assert process.stdout is not None
    mail, ready = process.stdout.readline(), process.stdout.readline()
    assert mail.startswith("mail smtp://localhost:")
    assert ready.startswith("ready http://localhost:")
    return int(mail.rsplit(":", 1)[1]), ready.split()[1]


def test_it_ends_with_its_standard_input(process: Process) -> None:
    """When the other end of its standard input closes, as when its owner is killed, it ends in order."""
    addresses(process)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(10) == 0


def test_it_ends_in_order_while_its_owner_lives(process: Process) -> None:
    """Told to end with its standard input still open, as when the demo is stopped: no word, no failure."""
    addresses(process)
    process.terminate()
    assert process.wait(10) == 0
    assert process.stderr is not None
    assert "" == process.stderr.read()


def test_it_says_two_lines_and_no_more(process: Process) -> None:
    """Mails, requests, refusals and wrong addresses leave nothing on its outputs."""
    port, url = addresses(process)
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@shop.example", "b@customer.example", "Invoice"
    with smtplib.SMTP("localhost", port, local_hostname="localhost") as smtp:
        smtp.send_message(message)
    with httpx.Client(base_url=url) as client:
        for path in ("/", "/nothing", "/xero/api/connections", "/stripe/v1/balance", "/_truth"):
            client.get(path)
        assert client.post("/_faults", content=b"{").status_code == 400
    process.terminate()
    assert ("", "") == process.communicate(timeout=10)


@pytest.mark.filterwarnings("ignore::litestar.exceptions.LitestarDeprecationWarning")
async def test_a_stop_cuts_short_what_is_under_way(tmp_path: Path) -> None:
    """What is under way when it stops (a webhook that nobody answers) is cut short before the store closes, and runs again."""
    store = Store(tmp_path / "sandbox.db")
    world = World(store, "http://localhost:1")
    app: Any = create_app(world)
    said, told = asyncio.Queue[Any](), asyncio.Queue[Any]()
    begun, ended = asyncio.Event(), []

    async def deliver(_payload: Obj) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cut short")
            raise

    world.clock.on("test.deliver", deliver)
    running = asyncio.create_task(
        app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, told.get, said.put)
    )
    await told.put({"type": "lifespan.startup"})
    assert "lifespan.startup.complete" == (await said.get())["type"]
    world.clock.after(0, "test.deliver", {})
    await asyncio.wait_for(begun.wait(), 20)
    await told.put({"type": "lifespan.shutdown"})
    assert "lifespan.shutdown.complete" == (await asyncio.wait_for(said.get(), 20))["type"]
    await running
    assert ["cut short"] == ended
    again = Store(tmp_path / "sandbox.db")
    assert ["test.deliver"] == [row["kind"] for row in again.all("_schedule") if row["kind"].startswith("test")]
    again.close()


def until_refused(port: int) -> None:
    """Wait until nobody listens any more."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            socket.create_connection(("localhost", port), timeout=1).close()
        except OSError:
            return
        time.sleep(0.1)
    pytest.fail("somebody still listens")


def test_each_platform_may_have_a_port_of_its_own(tmp_path: Path) -> None:
    """For clients that take no path: each platform's own paths answer at the root of a port that its line names."""
    command, pipe = [*COMMAND, str(tmp_path), "--xero-port", "0", "--stripe-port", "0"], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=SOURCES) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().split() for _ in range(4)]
        where = {line[0]: line[-1] for line in lines}
        assert ["mail", "xero", "stripe", "ready"] == [line[0] for line in lines]
        assert 3 == len({where["xero"], where["stripe"], where["ready"]})
        assert 401 == httpx.get(f"{where['stripe']}/v1/balance").status_code
        assert 401 == httpx.get(f"{where['xero']}/api.xro/2.0/Organisation").status_code
        assert 200 == httpx.get(f"{where['xero']}/.well-known/openid-configuration").status_code
        process.terminate()


def test_a_killed_demo_leaves_no_sandbox(tmp_path: Path) -> None:
    """After SIGKILL of the demo its sandbox is gone within seconds, and its port is free."""
    script = (
        "import sys, time\nfrom dataclasses import replace\nfrom app.cli import demo\nfrom app.settings import Settings\n"
        "chosen = replace(Settings(), data_dir=sys.argv[1], sandbox_port='0')\n"
        "with demo._sandbox(chosen) as mail:\n    print(mail, flush=True)\n    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=SOURCES) as demo:
        assert demo.stdout is not None
        port = int(demo.stdout.readline().rsplit(":", 1)[1])
        socket.create_connection(("localhost", port)).close()
        demo.kill()
    until_refused(port)


def test_its_snippets_point_clients_at_it(sandbox: Sandbox) -> None:
    """The lines of ``payportal sandbox --snippets`` are the console's, and run as they stand: the SDKs reach this sandbox."""
    command = [sys.executable, "-m", "app.cli", "sandbox", "--snippets", "--port", str(sandbox.port)]
    said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=SOURCES).stdout
    names_and_codes = re.split(r"^# (.+)\n\n", said, flags=re.MULTILINE)[1:]
    parts = {name: code.strip() for name, code in zip(names_and_codes[::2], names_and_codes[1::2], strict=True)}
    shown = html.unescape(sandbox.http.get("/").text)
    assert [] == [name for name, code in parts.items() if code not in shown]
    assert list(parts) == re.findall(r"<summary>(.+)</summary>", shown)
    script = "\n".join(
        (
            "from xero_python.api_client import ApiClient\napi_client = ApiClient()",
            parts["xero-python"],
            parts["stripe (Python)"],
            "print(accounting.base_url, identity.base_url, TokenApi.refresh_token_url, TokenApi.revoke_token_url)",
            "print(client.v1.balance.retrieve().object, stripe.Balance.retrieve().object)",
        )
    )
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, capture_output=True, text=True)
    api, identity = f"{sandbox.url}/xero/api", f"{sandbox.url}/xero/identity/connect"
    assert [f"{api}/api.xro/2.0", api, f"{identity}/token", f"{identity}/revocation"] == ran.stdout.split()[:4]
    assert ["balance", "balance"] == ran.stdout.split()[4:]


def test_snippets_for_no_port_are_refused() -> None:
    """Port 0 would be another one with every start: no client can be pointed at it."""
    command = [sys.executable, "-m", "sandbox", "--snippets", "--port", "0"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=SOURCES)
    assert (2, "") == (done.returncode, done.stdout)
    assert "--snippets needs the port" in done.stderr
