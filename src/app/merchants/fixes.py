"""Where a merchant puts right what keeps a write out of Xero, when that is a page of ours. Pure.

What waits goes on by itself afterwards: after accounts were chosen, and after a reconnect.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_ACCOUNTS = frozenset(
    {"account_missing", "account_archived", "no_bank_account", "fee_currency", "payout_currency", "refunds_account"}
)
_CONSENT = frozenset({"disconnected", "scope"})
# Trying again before these are put right would only fail again.
_FIRST = _CONSENT | {"account_missing", "refunds_account"}


@dataclass(frozen=True, slots=True)
class Fix:
    """A button: its words, and the page it leads to (`href`) or posts to (`post`), one of the two."""

    words: str
    href: str = ""
    post: str = ""


def fix_of(row: Mapping[str, Any]) -> Fix | None:
    """The button for a parked write (reason, state, connection); None where the way out lies elsewhere."""
    if row["state"] != "parked":
        return None
    if row["reason"] in _ACCOUNTS:
        return Fix("Choose an account", href=f"/settings/accounts?connection={row['connection']}")
    if row["reason"] in _CONSENT:
        return Fix("Reconnect to Xero", post=f"/settings/xero/{row['connection']}/reconnect")
    return None


def retry_helps(row: Mapping[str, Any]) -> bool:
    """Whether trying again may help before anything was put right here."""
    return row["state"] != "parked" or row["reason"] not in _FIRST
