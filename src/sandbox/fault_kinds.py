"""The words of ``/_faults``: what a rule matches, when it strikes, and how a request, a webhook or a whole Xero goes wrong.

A rule has exactly one of ``fault`` and ``mode``:
``{"match": {"method", "path", "tenant", "account", "channel"}, "nth" | "every" | "p" + "seed", "times", "fault": {…}}`` or
``{"mode": "offline" | {"idem_ttl": 86400}, "match": {"tenant"}}``.
"""

from __future__ import annotations

import re
from datetime import date
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

import msgspec

Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FORBIDDEN_IN_HEADERS = re.compile(r"[^\t\x20-\x7e\x80-\xff]")


class Match(msgspec.Struct, forbid_unknown_fields=True):
    """What a request must be like; None matches everything.

    ``path`` is a shell pattern (``/xero/api/*/Payments``), or a prefix when it has no wildcard. ``tenant`` is
    xero-tenant-id, ``account`` Stripe-Account. Of a webhook: ``channel`` (xero, stripe), and the path it is sent to.
    """

    method: str | None = None
    path: str | None = None
    tenant: str | None = None
    account: str | None = None
    channel: Literal["xero", "stripe"] | None = None

    def fits(self, method: str, path: str, tenant: str | None, account: str | None, channel: str | None = None) -> bool:
        """Whether a request (``channel`` None) or a webhook fits."""
        return (
            self.method in (None, method)
            and (self.path is None or _path_fits(self.path, path))
            and self.tenant in (None, tenant)
            and self.account in (None, account)
            and self.channel in (None, channel)
        )


class RateLimit(msgspec.Struct, forbid_unknown_fields=True):
    """A 429: Xero's headers for ``problem`` (minute, day, concurrent, appminute), or Stripe's answer under ``/stripe``.

    ``retry_after`` is sent as written, whatever form it has; ``retry_after_date`` writes an HTTP date that many seconds
    from the sandbox's now (a negative number is one gone by); with neither the header is missing.
    """

    problem: str = "minute"
    retry_after: str | None = None
    retry_after_date: Annotated[int, msgspec.Meta(ge=-86_400_000, le=86_400_000)] | None = None

    def __post_init__(self) -> None:
        if self.retry_after is not None and self.retry_after_date is not None:
            raise ValueError("retry_after or retry_after_date, not both")
        _check_headers({"x": self.problem, "y": self.retry_after or ""})


class Delivery(msgspec.Struct, forbid_unknown_fields=True):
    """How one webhook goes wrong; exactly one: never sent, sent again, late, held until ``reorder`` wait, badly signed."""

    drop: bool = False
    duplicate: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    delay: Seconds = 0.0
    reorder: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    forge: bool = False

    def __post_init__(self) -> None:
        if sum(bool(getattr(self, name)) for name in self.__struct_fields__) != 1:
            raise ValueError("a webhook fault has exactly one of its kinds")


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """One way to fail; exactly one of the fields is set (``body`` and ``headers`` go with ``status``).

    - ``status`` (with ``body``, ``headers``): answered instead of the handler, nothing happens inside
    - ``delay``: the handler runs after that many seconds
    - ``reset_before_commit``: the TCP connection is reset, nothing happens inside
    - ``commit_then_reset``: it happens, is on disk, and the connection is reset without an answer
    - ``commit_then_delay``: it happens, the answer comes that many seconds late
    - ``drip``: it happens, the answer's body comes bit by bit over that many seconds
    - ``truncate``: the body stops after so many bytes and the connection closes
    - ``html``: it happens, the answer is a gateway's HTML page with status 200
    - ``charset``: the body is written in this encoding while its header keeps saying UTF-8
    - ``duplicate_keys``: every key of the JSON comes twice, first with its value, then with null
    - ``gzip_bomb``: the answer grows by that many spaces in front when it is unpacked
    - ``rate_limit``: a 429; nothing happens inside
    - ``webhook``: the rule is about webhooks on their way to the product, not about requests
    """

    status: Annotated[int, msgspec.Meta(ge=200, le=599)] | None = None
    body: str = ""
    headers: dict[str, str] = {}
    delay: Seconds | None = None
    reset_before_commit: bool = False
    commit_then_reset: bool = False
    commit_then_delay: Seconds | None = None
    drip: Seconds | None = None
    truncate: Annotated[int, msgspec.Meta(ge=0)] | None = None
    html: bool = False
    charset: str | None = None
    duplicate_keys: bool = False
    gzip_bomb: Annotated[int, msgspec.Meta(ge=1, le=2_000_000_000)] | None = None
    rate_limit: RateLimit | None = None
    webhook: Delivery | None = None

    def __post_init__(self) -> None:
        kinds = [name for name in self.__struct_fields__ if name not in ("body", "headers")]
        if sum(getattr(self, name) not in (None, False) for name in kinds) != 1:
            raise ValueError("a fault has exactly one of its kinds")
        _check_headers(self.headers)
        if self.charset is not None:
            _check_charset(self.charset)


class Mode(msgspec.Struct, forbid_unknown_fields=True):
    """Another Xero, as long as the rule stands: any of these.

    ``idem_ttl`` seconds an Idempotency-Key lives, ``idem_scope`` whose it is, ``cache_errors`` whether refusals are
    replayed, ``refresh_grace`` seconds a rotated refresh token still works, ``search_lag`` seconds until a list shows a
    change, ``filter_broken`` every ``where`` finds nothing, ``lock_date`` the period up to that day (``today``: the
    organisation's own) is locked, ``archived_account`` the account with that code is archived, ``offline`` 503.
    """

    idem_ttl: Annotated[int, msgspec.Meta(ge=0)] | None = None
    idem_scope: Literal["app", "token"] | None = None
    cache_errors: bool | None = None
    refresh_grace: Annotated[int, msgspec.Meta(ge=0)] | None = None
    search_lag: Annotated[int, msgspec.Meta(ge=0)] | None = None
    filter_broken: bool | None = None
    lock_date: str | None = None
    archived_account: str | None = None
    offline: bool | None = None

    def __post_init__(self) -> None:
        if self.lock_date not in (None, "today"):
            date.fromisoformat(self.lock_date)

    def patch(self) -> dict[str, Any]:
        """What it changes, by the names of ``config.XeroModes``."""
        given = {name: getattr(self, name) for name in self.__struct_fields__}
        return {_CONFIG_NAMES.get(name, name): value for name, value in given.items() if value is not None}


_CONFIG_NAMES = {
    "idem_ttl": "idempotency_seconds",
    "idem_scope": "idempotency_scope",
    "refresh_grace": "refresh_grace_seconds",
    "search_lag": "search_lag_seconds",
}
# What a mode means when only its name is given: the side on which a client is caught out.
USUAL = {
    "idem_ttl": Mode(idem_ttl=86_400),
    "idem_scope": Mode(idem_scope="token"),
    "cache_errors": Mode(cache_errors=True),
    "refresh_grace": Mode(refresh_grace=0),
    "search_lag": Mode(search_lag=60),
    "filter_broken": Mode(filter_broken=True),
    "lock_date": Mode(lock_date="today"),
    "archived_account": Mode(archived_account="615"),
    "offline": Mode(offline=True),
}
ModeName = Literal[
    "idem_ttl",
    "idem_scope",
    "cache_errors",
    "refresh_grace",
    "search_lag",
    "filter_broken",
    "lock_date",
    "archived_account",
    "offline",
]


class Rule(msgspec.Struct, forbid_unknown_fields=True):
    """A ``fault`` and when it strikes: the ``nth`` match, ``every`` so many, with probability ``p``, or always.

    At most ``times``. Or a ``mode`` (by name, or with its values), which holds for a tenant or for all.
    """

    fault: Fault | None = None
    mode: ModeName | Mode | None = None
    match: Match = msgspec.field(default_factory=Match)
    nth: Count | None = None
    every: Count | None = None
    p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    seed: int = 0
    times: Count | None = None

    def __post_init__(self) -> None:
        if (self.fault is None) == (self.mode is None):
            raise ValueError("a rule has a fault or a mode")
        if sum(value is not None for value in (self.nth, self.every, self.p)) > 1:
            raise ValueError("nth, every or p: only one")
        if self.mode is not None and self.match != Match(tenant=self.match.tenant):
            raise ValueError("a mode matches a tenant or everything")

    def patch(self) -> dict[str, Any]:
        """What a mode changes; empty for a fault."""
        if self.mode is None:
            return {}
        return (USUAL[self.mode] if isinstance(self.mode, str) else self.mode).patch()


def _path_fits(pattern: str, path: str) -> bool:
    return fnmatchcase(path, pattern) if any(c in pattern for c in "*?[") else path.startswith(pattern)


def _check_headers(headers: dict[str, str]) -> None:
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or _FORBIDDEN_IN_HEADERS.search(value):
            raise ValueError(f"not a header: {name}")


def _check_charset(name: str) -> None:
    try:
        "a".encode(name)
    except (LookupError, ValueError) as problem:
        raise ValueError(f"no such charset: {name}") from problem
