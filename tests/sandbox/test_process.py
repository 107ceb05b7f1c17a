"""The sandbox as a process: what it prints, and that it never outlives whoever started it."""

from __future__ import annotations

import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

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
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            socket.create_connection(("localhost", port), timeout=1).close()
        except OSError:
            return
        time.sleep(0.1)
    pytest.fail("the sandbox outlived its demo")
