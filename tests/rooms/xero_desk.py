"""Xero beside the rooms: clients that point at the sandbox, and people who consent on its pages."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit
from uuid import UUID

import httpx

from app.clients.bundle import Clients, open_clients
from app.core import db
from app.merchants import identity
from app.settings import Settings
from tests.fixtures.product import SECRETS, registration
from tests.walker import Reader
from tests.world import HARROW, option

BASE = "http://localhost:8999"
HANNAH, TOM, PRIYA = "Hannah Finch", "Tom Harrow", "Priya Shah"


def settings_for(sandbox: str, **more: str) -> Settings:
    """The product's settings beside a sandbox."""
    return Settings(
        app_env="test",
        base_url=BASE,
        xero_identity_url=f"{sandbox}/xero/identity",
        xero_api_url=f"{sandbox}/xero/api",
        stripe_api_url=f"{sandbox}/stripe",
        **{name.lower(): value for name, value in SECRETS.items()},
        **more,
    )


async def the_row(sql: str, *args: Any) -> Any:
    """The row that must be there."""
    found = await db.fetch_row(sql, *args)
    assert found is not None
    return found


class Desk:
    """The sandbox's control API, and our clients beside it."""

    def __init__(self, sandbox: str, clients: Clients) -> None:
        self.url, self.clients = sandbox, clients
        self.config(registration(BASE))

    def config(self, patch: dict[str, Any]) -> None:
        """Change what is registered at Xero and Stripe."""
        httpx.post(f"{self.url}/_config", json=patch, timeout=20).raise_for_status()

    def limits(self, **limits: int | None) -> None:
        """Xero's limits of calls."""
        self.config({"xero": {"limits": limits}})

    def fault(self, path: str, fault: dict[str, Any], **rule: Any) -> None:
        """Make requests to `path` go wrong."""
        body = {"match": {"path": path}, "fault": fault, **rule}
        httpx.post(f"{self.url}/_faults", json=body, timeout=20).raise_for_status()

    async def struck(self) -> None:
        """Wait until a request has met the first fault."""
        while not httpx.get(f"{self.url}/_faults", timeout=20).json()[0]["struck"]:  # noqa: ASYNC110, ASYNC210
            await asyncio.sleep(0.02)

    def heal(self) -> None:
        """No faults any more."""
        httpx.delete(f"{self.url}/_faults", timeout=20).raise_for_status()

    def advance(self, seconds: float) -> None:
        """Let time pass at Xero."""
        httpx.post(f"{self.url}/_clock", json={"advance": seconds}, timeout=20).raise_for_status()

    def calls(self, path: str) -> list[dict[str, Any]]:
        """The requests that came to `path`, oldest first."""
        found: list[dict[str, Any]] = httpx.get(f"{self.url}/_log", params={"path": path}, timeout=20).json()
        return found

    def tokens_asked(self) -> int:
        """How often the token endpoint was called."""
        return len(self.calls("/xero/identity/connect/token"))

    def consent(self, url: str, person: str = HANNAH, organisation: str = HARROW) -> dict[str, str]:
        """Walk from the authorize address back to our callback; the query Xero sends with it."""
        with httpx.Client(timeout=20) as http:
            reply = http.get(url)
            while True:
                if reply.is_redirect:
                    target = urljoin(str(reply.url), reply.headers["location"])
                    if target.startswith(f"{BASE}{identity.CALLBACK}"):
                        return dict(parse_qsl(urlsplit(target).query))
                    reply = http.get(target)
                    continue
                reply = self._answer(http, reply, person, organisation)

    def _answer(self, http: httpx.Client, reply: httpx.Response, person: str, organisation: str) -> httpx.Response:
        for form in Reader(reply.text).forms:
            for words, name, value in form.buttons:
                if words in {f"Continue as {person}", "Allow access"}:
                    fields = form.fields | ({name: value} if name else {})
                    if words == "Allow access" and 'name="tenant"' in reply.text:
                        fields["tenant"] = option(reply.text, organisation)
                    return http.post(urljoin(str(reply.url), form.action), data=fields)
        raise AssertionError(f"Nothing to press in {reply.text[:2000]}")

    async def sign_in(
        self, purpose: identity.Purpose = "connect", person: str = HANNAH, organisation: str = HARROW
    ) -> identity.SignedIn:
        """The whole trip to Xero and back."""
        url = await identity.begin(self.clients, purpose, "", "browser")
        return await identity.finish(self.clients, self.consent(url, person, organisation), "browser")

    async def grant_id(self, user_id: UUID) -> UUID:
        """The user's grant."""
        found: UUID = await db.fetch_value("SELECT id FROM xero_grant WHERE app_user = $1", user_id)
        return found


@asynccontextmanager
async def open_desk(sandbox: str, database_url: str, **more: str) -> AsyncIterator[Desk]:
    """A desk with a database pool and clients on the running loop."""
    db.configure(database_url)
    await db.open_pool(20)
    clients = await open_clients(settings_for(sandbox, **more))
    try:
        yield Desk(sandbox, clients)
    finally:
        await clients.close()
        await db.close_pool()
