"""The whole product as processes, with a Redis and a durable PostgreSQL of its own, each of which can be killed."""

import asyncio
import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import psutil

from app.books.stripe_events import HANDLED
from app.core.embedded import EmbeddedServer
from tests.fixtures.database import migrate
from tests.fixtures.process import ROOT, Process, free_port, wait_until
from tests.fixtures.product import environment, registration
from tests.fixtures.proxy import Proxy
from tests.fixtures.redis import RedisServer
from tests.fixtures.sandbox import SandboxServer

DOORS = {"web": "web", "worker 1": "worker", "worker 2": "worker", "clock": "clock"}
# Calls to Xero are counted as ever, but the minute never fills up: the limit has tests of its own.
LIFT = "UPDATE xero_budget SET minute_used = 0, day_used = 0; DELETE FROM allowance"


class Fleet:
    """Everything that runs. `kill` is a power cut for one of `targets`; `mend` starts it again.

    `wire` is what the calls to Xero and Stripe go through.

    `redis=False`: it never runs, though the product is told of one. `door`: what is started as web, worker and clock.
    """

    def __init__(
        self,
        folder: Path,
        sandbox: SandboxServer,
        *,
        redis: bool = True,
        door: str = "tests.chaos.door",
        **settings: str,
    ) -> None:
        self.sandbox = sandbox
        self.postgres = EmbeddedServer(folder / "pg")
        migrate(self.postgres.dsn, folder)
        self.redis = RedisServer(folder)
        at = urlsplit(sandbox.url)
        self.wire = Proxy((at.hostname or "", at.port or 80)).start()
        over = f"http://localhost:{self.wire.port}"
        more = {"REDIS_URL": self.redis.url, "XERO_API_URL": f"{over}/xero/api", "STRIPE_API_URL": f"{over}/stripe"}
        self.env = environment(sandbox, self.postgres.dsn, free_port(), **more | settings)
        self.url = self.env["BASE_URL"]
        self.doors: dict[str, Process] = {}
        self.with_redis, self._door = redis, door

    @property
    def targets(self) -> list[str]:
        """What can be killed."""
        return [*DOORS, "redis", "postgres"]

    def start(self) -> None:
        """Everything, registered with the sandbox; the pages answer when this returns."""
        httpx.post(f"{self.sandbox.url}/_config", json=_registered(self.url), timeout=20).raise_for_status()
        for name in [*DOORS, "redis"] if self.with_redis else DOORS:
            self.mend(name)
        wait_until(self.answers, 60, f"the product:\n{self.output()}")

    def answers(self) -> bool:
        """Whether the product is ready to serve, its database included."""
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/health/ready", timeout=2).status_code == 200
        return False

    def kill(self, name: str) -> None:
        """SIGKILL; of PostgreSQL the postmaster and all its backends."""
        if name == "postgres":
            self._kill_postgres()
        elif name == "redis":
            if self.redis._process:
                self.redis._process.kill()
        else:
            self.doors[name].kill()

    def freeze(self, name: str, seconds: float) -> None:
        """Stop it like dead for a while: its connections stand, and nobody answers on them."""
        stopped = [one for one in self._family(name) if _stop(one)]
        timer = threading.Timer(seconds, _wake, (stopped,))
        timer.daemon = True
        timer.start()

    def mend(self, name: str) -> None:
        """Start again what was killed."""
        if name == "postgres":
            wait_until(self._postgres_runs, 120, "PostgreSQL")
        elif name == "redis":
            self.redis.start()
        else:
            args = [sys.executable, "-m", self._door, DOORS[name]]
            path = f"{ROOT / 'src'}:{ROOT}"
            self.doors[name] = Process(args, env=self.env | {"PYTHONPATH": path})

    def supervise(self) -> None:
        """As a supervisor does: start again what ended by itself, as a door does that finds no database at its start."""
        for name, process in list(self.doors.items()):
            if not process.running:
                self.mend(name)

    def stop(self) -> None:
        """All of it, politely."""
        for process in self.doors.values():
            process.stop()
        self.redis.stop()
        self.postgres.stop()
        self.wire.stop()

    def output(self) -> str:
        """What the doors that run now printed."""
        return "\n".join(f"{name}: {line}" for name, process in self.doors.items() for line in process.lines)

    def sql(self, statement: str) -> list[dict[str, Any]]:
        """Rows of one statement; raises when the database is away."""
        return [dict(row) for row in asyncio.run(self._with(lambda it: it.fetch(statement)))]

    def lift_limits(self) -> None:
        """As if a minute had passed at Xero, if the database is there."""
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            asyncio.run(self._with(lambda it: it.execute(LIFT)))

    async def _with(self, do: Callable[[Any], Awaitable[Any]]) -> Any:
        connection = await asyncpg.connect(self.postgres.dsn, timeout=5)
        try:
            return await do(connection)
        finally:
            await connection.close()

    def _postgres_runs(self) -> bool:
        """Start it; it may still be busy with what the kill left behind when its helper's patience ends."""
        with contextlib.suppress(subprocess.SubprocessError):
            self.postgres._server.ensure_postgres_running()
            return True
        return False

    def _family(self, name: str) -> list[psutil.Process]:
        """The process and its children; none when it does not run."""
        if name == "postgres":
            pid = self.postgres._server.get_postmaster_info().pid
        else:
            pid = self.redis._process.pid if name == "redis" and self.redis._process else self.doors[name].pid
        with contextlib.suppress(psutil.NoSuchProcess):
            first = psutil.Process(pid)
            return [first, *first.children(recursive=True)]
        return []

    def _kill_postgres(self) -> None:
        info = self.postgres._server.get_postmaster_info()
        family = self._family("postgres")
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        wait_until(lambda: not any(_alive(process) for process in family), 10, "PostgreSQL's end")
        # where nobody reaps orphans, the dead postmaster's number looks alive to the next one
        data = self.postgres._server.pgdata
        for lock in (data / "postmaster.pid", *Path(info.socket_dir or data).glob(".s.PGSQL.*.lock")):
            lock.unlink(missing_ok=True)


def _stop(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.suspend()
        return True
    return False


def _wake(stopped: list[psutil.Process]) -> None:
    for process in stopped:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()


def _alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def _registered(url: str) -> dict[str, Any]:
    """As one sets it up for good: Stripe tells of the events that are listened to, and of no others."""
    made: dict[str, Any] = registration(url)
    for endpoint in made["stripe"]["endpoints"]:
        endpoint["events"] = list(HANDLED) if endpoint["payload"] == "snapshot" else ["*"]
    return made


@contextlib.contextmanager
def fleet(folder: Path, **settings: Any) -> Iterator[Fleet]:
    """A running product beside a running sandbox; both end with the block."""
    process = Process(
        [sys.executable, "-m", "sandbox", "--port", "0", "--smtp-port", "0", "--data-dir", folder / "sandbox"],
        env={"PYTHONPATH": str(ROOT / "src")},
    )
    made: Fleet | None = None
    try:
        made = Fleet(folder, SandboxServer(process), **settings)
        made.start()
        yield made
    finally:
        if made:
            made.stop()
        process.stop()


def until(true: Any, seconds: float, every: float = 0.5) -> bool:
    """Whether it came true in time; what raises meanwhile is not yet true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError, httpx.HTTPError, asyncpg.PostgresError, asyncpg.InterfaceError):
            if true():
                return True
        time.sleep(every)
    return False
