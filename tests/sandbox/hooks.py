"""What the tests of Xero's webhooks share: the key, a well-behaved receiver, a change that is told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from tests.sandbox.process import Sandbox
from tests.sandbox.receiver import Received, Receiver
from tests.sandbox.xero_people import Person

KEY = "LR+QgKlbRciIPYpi65tTKLaZ3FzLLofCNEQWrRXqWXJeDFrfexzfVI9SmnVuCWDJ4jnjHB9ECtOyxZSofRxwWw=="


def is_signed(one: Received) -> bool:
    digest = hmac.new(KEY.encode(), one.body, hashlib.sha256).digest()
    return one.headers["x-xero-signature"] == base64.b64encode(digest).decode()


def good(one: Received) -> tuple[int, bytes, dict[str, str]]:
    """A receiver as Xero wants it: 200 when signed, 401 when not, never a body."""
    return (200 if is_signed(one) else 401), b"", {}


def settle(sandbox: Sandbox) -> None:
    sandbox.control("POST", "/_settle")


def events(receiver: Receiver) -> list[dict[str, Any]]:
    return [event for one in receiver.got for event in json.loads(one.body)["events"]]


def change(person: Person, number: str = "INV-2041") -> str:
    id = str(person.invoice(number)["InvoiceID"])
    person.sandbox.control("POST", f"/_xero/invoices/{id}/change", {"reference": "changed"})
    return id
