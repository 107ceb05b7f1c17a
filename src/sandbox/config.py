"""What the sandbox is told: start-up options (arguments, environment) and the live configuration of ``/_config``.

This module is the only reader of the environment. The live configuration plays the part of the two developer portals:
which Xero app exists and where its webhooks go, which Stripe platform key is good, and which endpoints are registered.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

REPORTS = (
    "aged balancesheet banksummary budgetsummary executivesummary profitandloss tenninetynine trialbalance taxreports"
)
# What every app made since March 2026 may ask for. Not among them: the broad scopes before them, ``paymentservices``
# (approved partners), ``accounting.journals.read`` (advanced tier).
GRANULAR_SCOPES = (
    "openid profile email offline_access accounting.manualjournals accounting.manualjournals.read accounting.budgets.read "
    "accounting.invoices accounting.invoices.read accounting.payments accounting.payments.read "
    "accounting.banktransactions accounting.banktransactions.read accounting.settings accounting.settings.read "
    "accounting.contacts accounting.contacts.read accounting.attachments accounting.attachments.read "
    + " ".join(f"accounting.reports.{report}.read" for report in REPORTS.split())
).split()


class Options(msgspec.Struct, frozen=True):
    """Start-up options; ``port`` and ``smtp_port`` 0 mean a free one is picked, ``until_eof`` ends it with its stdin.

    ``xero_port`` and ``stripe_port`` give that platform an address of its own, for clients that cannot take a path.
    With ``snippets`` nothing is served: the lines for clients of this address are printed.
    """

    port: int
    smtp_port: int
    xero_port: int | None
    stripe_port: int | None
    data_dir: Path
    host: str
    base_url: str | None
    until_eof: bool
    snippets: bool

    def url(self, port: int) -> str:
        """The address others reach it by, when it listens on this port."""
        return self.base_url or f"http://localhost:{port}"


Tier = Literal["starter", "core", "plus", "advanced"]
# Connections of the app, and calls a day for each organisation (Xero's developer pricing since March 2026).
TIERS: dict[str, tuple[int, int]] = {
    "starter": (5, 1_000),
    "core": (50, 5_000),
    "plus": (1_000, 5_000),
    "advanced": (10_000, 5_000),
}


class XeroLimits(msgspec.Struct, forbid_unknown_fields=True):
    """Rate limits per tenant (``app_minute``: over all tenants); None lifts one, ``tier`` is what the app's tier allows."""

    concurrent: int | None = 5
    minute: int | None = 60
    day: int | Literal["tier"] | None = "tier"
    app_minute: int | None = 10_000


class XeroModes(msgspec.Struct, forbid_unknown_fields=True):
    """Doubts about the real platform, each a switch: the product must pass either way.

    ``lock_date`` (a day, or ``today``) and ``archived_account`` (a code) hold for every organisation.
    """

    idempotency_seconds: int = 360
    idempotency_scope: str = "app"
    cache_errors: bool = True
    refresh_grace_seconds: int = 1800
    search_lag_seconds: int = 0
    filter_broken: bool = False
    lock_date: str | None = None
    archived_account: str | None = None
    offline: bool = False


class XeroApp(msgspec.Struct, forbid_unknown_fields=True):
    """The app as registered in Xero's developer portal."""

    tier: Tier = "starter"
    client_id: str = "SANDBOX0XERO0CLIENT0ID0000000001"
    client_secret: str = "sandbox-xero-client-secret"
    app_name: str = "Payportal"
    collaborators: list[str] = msgspec.field(default_factory=lambda: ["developer@payportal.example"])
    redirect_uris: list[str] = msgspec.field(default_factory=list)
    scopes_allowed: list[str] = msgspec.field(default_factory=lambda: list(GRANULAR_SCOPES))
    client_credentials_scopes: list[str] = msgspec.field(default_factory=lambda: ["app.connections"])
    connections_max: int | Literal["tier"] = "tier"
    certified: bool = False
    webhook_url: str | None = None
    webhook_key: str | None = None
    webhook_categories: list[str] = msgspec.field(default_factory=lambda: ["INVOICE", "CONTACT"])
    limits: XeroLimits = msgspec.field(default_factory=XeroLimits)
    modes: XeroModes = msgspec.field(default_factory=XeroModes)

    @property
    def most_connections(self) -> int:
        """How many organisations the app may connect."""
        return TIERS[self.tier][0] if self.connections_max == "tier" else self.connections_max

    @property
    def calls_a_day(self) -> int | None:
        """How many calls a day an organisation takes from the app; None for any number."""
        return TIERS[self.tier][1] if self.limits.day == "tier" else self.limits.day


class StripeEndpoint(msgspec.Struct, forbid_unknown_fields=True):
    """A webhook endpoint or event destination; ``connect`` ones hear connected accounts, others the platform itself.

    ``previous_secret`` signs too, as for the day after a secret was rolled.
    """

    url: str
    secret: str
    previous_secret: str | None = None
    payload: str = "snapshot"
    connect: bool = True
    events: list[str] = msgspec.field(default_factory=lambda: ["*"])


class StripeLimits(msgspec.Struct, forbid_unknown_fields=True):
    """Rate limits per account: a ``second`` (with a live key ``live_second``), of one endpoint, in flight (not published,
    so none), and changes of one payment intent an hour; None lifts one.
    """

    second: int | None = 25
    live_second: int | None = 100
    endpoint_second: int | None = 25
    concurrent: int | None = None
    intent_hour: int | None = 1000


class StripePlatform(msgspec.Struct, forbid_unknown_fields=True):
    """The Stripe platform account the product acts as."""

    secret_key: str = "sk_test_sandbox"
    limits: StripeLimits = msgspec.field(default_factory=StripeLimits)
    endpoints: list[StripeEndpoint] = msgspec.field(default_factory=list)


class Config(msgspec.Struct, forbid_unknown_fields=True):
    """The live configuration; POST ``/_config`` merges into it, key by key, and it survives a restart."""

    xero: XeroApp = msgspec.field(default_factory=XeroApp)
    stripe: StripePlatform = msgspec.field(default_factory=StripePlatform)
    product_url: str = "http://localhost:8000"


def merge(current: Config, patch: dict[str, Any]) -> Config:
    """Return ``current`` with ``patch`` merged in; raises msgspec.ValidationError for unknown or ill-typed keys."""
    return msgspec.convert(_merged(msgspec.to_builtins(current), patch), Config)


def _merged(base: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in patch.items():
        old = out.get(key)
        out[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return out


def parse_options(arguments: Sequence[str]) -> Options:
    """Read the command line; the environment (SANDBOX_PORT, SANDBOX_SMTP_PORT, SANDBOX_DATA_DIR) gives the defaults."""
    env = os.environ
    parser = argparse.ArgumentParser(prog="sandbox", description="Xero and Stripe on this machine.")
    parser.add_argument("--port", type=int, default=int(env.get("SANDBOX_PORT", "8100")))
    parser.add_argument("--smtp-port", type=int, default=int(env.get("SANDBOX_SMTP_PORT", "0")))
    for name in ("xero", "stripe"):
        parser.add_argument(
            f"--{name}-port", type=int, help=f"serve {name.title()}'s own paths on a port of its own, too"
        )
    parser.add_argument("--data-dir", type=Path, default=Path(env.get("SANDBOX_DATA_DIR", ".sandbox")))
    parser.add_argument("--host", default=env.get("SANDBOX_HOST", "127.0.0.1"))
    parser.add_argument("--base-url", default=env.get("SANDBOX_URL"), help="the address others reach this sandbox by")
    parser.add_argument(
        "--until-eof", action="store_true", help="end when standard input closes, however its owner died"
    )
    parser.add_argument(
        "--snippets", action="store_true", help="print the lines that point clients at this address, and start nothing"
    )
    given = parser.parse_args(arguments)
    if given.snippets and not (given.port or given.base_url):
        parser.error("--snippets needs the port (or --base-url): 0 is none that a client could use")
    return Options(**vars(given))
