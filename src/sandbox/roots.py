"""For clients that take a host but no path: the platforms' own paths at the root lead to their places here."""

from __future__ import annotations

from sandbox.xero_paths import spelled

_PLACES = {
    "/v1/": "/stripe/v1/",
    "/v2/": "/stripe/v2/",
    "/oauth/": "/stripe/oauth/",
    "/api.xro/": "/xero/api/api.xro/",
    "/connections": "/xero/api/connections",
    "/connect/": "/xero/identity/connect/",
    "/.well-known/": "/xero/identity/.well-known/",
    "/identity/connect/": "/xero/login/identity/connect/",
}


def placed(path: str) -> str:
    """The path under which this sandbox serves what was asked for."""
    lower = path.lower()
    for root, place in _PLACES.items():
        if lower.startswith(root):
            return spelled(place + path[len(root) :])
    return spelled(path)
