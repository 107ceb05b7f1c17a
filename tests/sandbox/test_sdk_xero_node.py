"""Xero's official Node SDK against the sandbox: nothing of it is changed but the hosts it talks to.

Runs where Node.js and the package are: ``npm install --no-save xero-node`` in the repository's root.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.sandbox.process import ROOT, Sandbox
from tests.sandbox.xero_people import CALLBACK, CLIENT_ID, CLIENT_SECRET, LIFTED, Person

NODE = shutil.which("node")
SCRIPT = Path(__file__).with_name("sdk_xero.mjs")
REAL_HEADROOM = {**LIFTED, "minute": 60}

pytestmark = pytest.mark.skipif(
    NODE is None or not (ROOT / "node_modules" / "xero-node").is_dir(),
    reason="needs Node.js and the package: npm install --no-save xero-node",
)


def test_a_life_with_the_node_sdk(sandbox: Sandbox) -> None:
    """Sign in, list tenants, refresh, read, invoice, pay, be refused, delete, disconnect and revoke."""
    sandbox.config(limits=REAL_HEADROOM)
    person = Person(sandbox)
    command = [str(NODE), str(SCRIPT), sandbox.url, CLIENT_ID, CLIENT_SECRET, CALLBACK]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as node:
        assert node.stdout is not None
        page = person.sign_in(person.follow(person.browser.get(node.stdout.readline().strip())))
        back = person.consent(page, "Harrow & Finch Joinery Ltd").headers["location"]
        told, _ = node.communicate(f"{back}\n", timeout=60)
    assert node.returncode == 0
    assert json.loads(told) == {
        "email": "hannah@harrowfinch.example",
        "tenant": ["Harrow & Finch Joinery Ltd", "GBP"],
        "rotated": True,
        "found": ["INV-2041", 1284, True],
        "made": ["AUTHORISED", 25, False],
        "paid": ["AUTHORISED", 1200],
        "refused": "Payment amount exceeds the amount outstanding on this document",
        "deleted": "DELETED",
        "left": 0,
    }
