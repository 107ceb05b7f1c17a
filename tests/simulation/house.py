"""The product and the platforms of a simulation, set up once and set back before each life.

Real: the runtime's table of work, every room behind it, the webhooks' controller, PostgreSQL, the sandbox with its rules. Two
workers, each with clients of its own, and a web process share the database as in production. Several businesses are ready to be
paid; those that are not in a life have left Xero and Stripe before it begins.
"""

import logging
import time
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from email.utils import formatdate
from random import Random
from typing import Any

import httpx
import msgspec
from litestar import Litestar
from litestar.di import Provide
from litestar.exceptions import LitestarDeprecationWarning

from app.books import invoices
from app.clients.bundle import Clients, open_clients
from app.core import clock, db, faultpoint
from app.runtime import ticks
from app.runtime.dispatch import Runtime
from app.runtime.workers import drain
from app.settings import Settings
from app.web.webhooks import WebhooksController
from sandbox.app import create_app
from sandbox.store import Store
from sandbox.world import Seed, World
from tests.rooms.till import CALLBACK
from tests.simulation.database import Database
from tests.simulation.scheduler import ACTOR, Scheduler
from tests.simulation.shops import STALLS, Shop, plant
from tests.simulation.virtual import MICRO, VirtualLoop, seeded
from tests.simulation.wire import Wire

SANDBOX, PRODUCT = "http://sandbox", "http://product"
SETTINGS = Settings(
    app_env="test",
    base_url=PRODUCT,
    secret_key="a-test-secret-that-is-long-enough-for-everything",
    token_keys="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    xero_client_id="SANDBOX0XERO0CLIENT0ID0000000001",
    xero_client_secret="sandbox-xero-client-secret",
    xero_webhook_key="a-webhook-key-of-the-simulation",
    xero_identity_url=f"{SANDBOX}/xero/identity",
    xero_api_url=f"{SANDBOX}/xero/api",
    stripe_secret_key="sk_test_sandbox",
    stripe_api_url=f"{SANDBOX}/stripe",
    stripe_webhook_secret="whsec_snapshot_of_the_simulation",
    stripe_thin_webhook_secret="whsec_thin_of_the_simulation0000",
)
REGISTERED = {
    "xero": {
        "redirect_uris": [CALLBACK],
        "webhook_url": f"{PRODUCT}/webhooks/xero",
        "webhook_key": SETTINGS.xero_webhook_key,
    },
    "stripe": {
        "endpoints": [
            {"url": f"{PRODUCT}/webhooks/stripe", "secret": SETTINGS.stripe_webhook_secret, "payload": "snapshot"},
            {
                "url": f"{PRODUCT}/webhooks/stripe/thin",
                "secret": SETTINGS.stripe_thin_webhook_secret,
                "payload": "thin",
            },
        ]
    },
}
WEB, WORKERS = "web", ("worker 1", "worker 2")
PROCESSES = (WEB, *WORKERS)
SYNC = 0.2  # seconds by which the sandbox's clock may lag behind
_ABSENT = (
    "UPDATE connection SET state = 'disconnected', disconnected_at = now() WHERE merchant = ANY($1)",
    "UPDATE stripe_account SET disconnected_at = now() WHERE merchant = ANY($1)",
)


class House:
    """Everything that stands while lives pass through it."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.scheduler = Scheduler(loop)
        self.wire = Wire(self.scheduler)
        self.database = Database(self.scheduler)
        self.world = World(Store(":memory:"), SANDBOX)
        self.runtimes: dict[str, Runtime] = {}
        self.web: Clients
        self.shops: list[Shop] = []
        self.skew: dict[str, timedelta] = {}  # by how much a process's own clock is wrong
        self.http = httpx.AsyncClient(base_url=SANDBOX)

    async def open(self, url: str) -> None:
        """The merchants, each connected to an organisation and ready to be paid; remembered for every life."""
        await self.database.open(url)
        self.web = await open_clients(SETTINGS)
        self._serve()
        self.wire.before = self._sync
        self.world.seed(Seed(seed=0, size=2, at=self.loop.now(), rate=0))
        self.world.configure(REGISTERED)
        for name in WORKERS:
            self.runtimes[name] = Runtime(SETTINGS, with_clock=False)
            self.runtimes[name].clients = await open_clients(SETTINGS)
        for stall in STALLS:
            plant(self.world, stall)
            self.shops.append(await Shop(SANDBOX, self.web, stall).prepare())
        self.world.configure({"xero": {"limits": {"minute": 60, "day": 5000, "app_minute": 10000}}})
        await db.fetch("UPDATE job SET next_at = now() WHERE kind = 'connection.import'")
        await ticks.tick()
        await drain(self.runtimes[WORKERS[0]])
        self.loop.advance(120 * MICRO)
        await self._sync()
        self.wire.letters.clear()
        await self.database.keep()
        self._store = {
            kind: [(id, msgspec.json.encode(row)) for id, row in rows.items()]
            for kind, rows in self.world.store._kinds.items()
        }
        self._began = self.loop.micros

    def _serve(self) -> None:
        given = {"clients": Provide(self._clients)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LitestarDeprecationWarning)  # how a dependency is named in version 3
            self.wire.hosts["sandbox"] = self._dated(create_app(self.world))
            self.wire.hosts["product"] = Litestar(
                [WebhooksController], dependencies=given, openapi_config=None, logging_config=None
            )

    async def back(self, seed: int, rng: Random, present: list[Shop]) -> None:
        """As it was when everything was ready, with these shops; what comes from now on follows from the seed."""
        self.scheduler.begin(rng)
        self.loop.micros = self._began
        for process in PROCESSES:
            self.forget(process)
        self.skew.clear()
        self.wire.begin()
        self.world.store.clear()
        for kind, rows in self._store.items():
            for id, row in rows:
                self.world.store.put(kind, id, msgspec.json.decode(row))
        self.world.clock.reload()
        self.world.ids.reseed(seed)
        self.world.log.clear()
        await self.database.back(seed)
        await self._without([shop for shop in self.shops if shop not in present])

    async def _without(self, absent: list[Shop]) -> None:
        """These have left Xero and Stripe, and nothing of theirs is planned."""
        ids = [shop.merchant_id for shop in absent]
        for sql in _ABSENT:
            await db.fetch(sql, ids)
        named = [f"{name}%" for shop in absent for name in (shop.merchant_id, shop.connection_id, shop.account)]
        await db.fetch("DELETE FROM job WHERE subject LIKE ANY($1)", named)

    def now(self) -> datetime:
        """The time, as the clock of whoever asks has it."""
        actor = ACTOR.get() if self.skew else None
        return self.loop.now() + (self.skew.get(actor.process, timedelta()) if actor else timedelta())

    def forget(self, process: str) -> None:
        """What a process keeps in its memory only is gone."""
        clients = self.web if process == WEB else self.runtimes[process].clients
        assert clients is not None
        clients.identity._discovery = clients.identity._keys = None
        if process == WEB:
            invoices._refreshing.clear()
            invoices._failed.clear()

    async def control(self, path: str, body: Any = None, method: str = "POST") -> Any:
        """What people do at Xero and Stripe; None when those refuse it."""
        answer = await self.http.request(method, path, json={} if body is None else body)
        assert answer.status_code < 500, f"{path}: {answer.text}"
        return answer.json() if answer.status_code < 400 and answer.content else None

    def rows(self, kind: str) -> list[Any]:
        """The sandbox's own rows, in the order they were made."""
        return self.world.store.all(kind)

    async def _clients(self) -> Clients:
        return self.web

    async def _sync(self) -> None:
        moment = self.loop.now()
        if (moment - self.world.clock.now()).total_seconds() >= SYNC:
            await self.world.clock.change(set_to=moment)

    def _dated(self, app: Any) -> Any:
        """The sandbox as its server serves it: every answer says its time."""

        async def dated(scope: Any, receive: Any, send: Any) -> None:
            async def also_date(message: Any) -> None:
                if message["type"] == "http.response.start":
                    date = formatdate(self.world.clock.timestamp(), usegmt=True).encode()
                    message["headers"] = [*message["headers"], (b"date", date)]
                await send(message)

            await app(scope, receive, also_date)

        return dated


@asynccontextmanager
async def house(loop: VirtualLoop, url: str) -> AsyncIterator[House]:
    """A house on this loop, over this (migrated, otherwise empty) database; the process's time is the loop's in here."""
    opened, real = House(loop), time.time
    clock.install(clock.Source(opened.now, loop.time))
    time.time = lambda: loop.now().timestamp()  # the sandbox and Stripe's library ask for it when they sign and verify
    logging.disable(logging.WARNING)  # libraries tell of every request; the trace does that
    with opened.wire.installed():
        try:
            with seeded(0):
                await opened.open(url)
            yield opened
        finally:
            faultpoint.watch(None)
            await db.close_pool()
            opened.database.close()
            clock.install(clock.REAL)
            time.time = real
            logging.disable(logging.NOTSET)
