"""The lines that point well-known clients at a sandbox, for the console's first page and for ``--snippets``."""

from __future__ import annotations

from string import Template
from urllib.parse import urlsplit

_XERO_PYTHON = """\
from xero_python.accounting import AccountingApi
from xero_python.api_client.oauth2 import TokenApi
from xero_python.identity import IdentityApi

TokenApi.refresh_token_url = "$base/xero/identity/connect/token"
TokenApi.client_credentials_token_url = "$base/xero/identity/connect/token"
TokenApi.revoke_token_url = "$base/xero/identity/connect/revocation"
identity = IdentityApi(api_client, base_url="$base/xero/api")
accounting = AccountingApi(api_client, base_url="$base/xero/api/api.xro/2.0")"""

_XERO_NODE = r"""const axios = require("axios");
const { Issuer } = require("openid-client");

// Before the first call: move the SDK’s two hosts. The SDK itself stays as it is.
const hosts = {
  "https://identity.xero.com": "$base/xero/identity",
  "https://api.xero.com": "$base/xero/api",
};
const moved = (url) => url.replace(/^https:\/\/\w+\.xero\.com/, (host) => hosts[host]);
const discover = Issuer.discover.bind(Issuer);
Issuer.discover = (url) => discover(moved(url));
axios.interceptors.request.use((request) => ({ ...request, url: moved(request.url) }));"""

_STRIPE_PYTHON = """\
import stripe

base = "$base/stripe"

# The client: all four, or OAuth and uploads still go to Stripe.
client = stripe.StripeClient(
    "$key",
    base_addresses={"api": base, "connect": base, "files": base, "meter_events": base},
)

# The older global style.
stripe.api_key = "$key"
stripe.api_base = stripe.connect_api_base = stripe.upload_api_base = stripe.meter_events_api_base = base"""

_STRIPE_NODE = """\
const stripe = new Stripe("$key", {
  protocol: "$scheme", host: "$host", port: $port,
});"""

_HOST_ONLY = """\
$origin/v1/…            Stripe
$origin/v2/…            Stripe
$origin/api.xro/2.0/…   Xero’s API
$origin/connections     Xero’s connections
$origin/connect/token   Xero’s identity"""

_CLIENTS = {
    "xero-python": _XERO_PYTHON,
    "xero-node": _XERO_NODE,
    "stripe (Python)": _STRIPE_PYTHON,
    "stripe (Node)": _STRIPE_NODE,
    "Any client that takes a host and no path": _HOST_ONLY,
}


def snippets(base: str, key: str) -> dict[str, str]:
    """The code for each client, by its name; ``base`` is the sandbox's address, ``key`` Stripe's secret key."""
    place = urlsplit(base)
    port = place.port or (443 if place.scheme == "https" else 80)
    origin = f"{place.scheme}://{place.hostname}:{port}"
    values = {"base": base, "key": key, "scheme": place.scheme, "host": place.hostname, "port": port, "origin": origin}
    return {name: Template(code).substitute(values) for name, code in _CLIENTS.items()}


def printed(base: str, key: str) -> str:
    """All of them as one text, each under its name."""
    return "\n\n".join(f"# {name}\n\n{code}" for name, code in snippets(base, key).items())
