"""The command line: reads the settings, finds the database, opens one door."""

import argparse
import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import uvicorn
from litestar import Litestar

from app import clock, worker
from app.asgi import create_app, secured
from app.books import environment, machines
from app.cli import demo, doctor, erase, verify
from app.core import db, faultpoint, log, migrate
from app.core.embedded import EmbeddedServer
from app.core.live import Hub
from app.core.states import guard_sql
from app.settings import BadSettings, Settings, check_database, check_plain, load, require


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The DSN of the configured database; an embedded server is started when none is named, and stopped afterwards."""
    if settings.database_url:
        db.configure(settings.database_url)
        yield settings.database_url
        return
    server = EmbeddedServer(settings.folder / "postgres")
    db.configure(server.dsn)
    try:
        yield server.dsn
    finally:
        server.stop()


def run_migrations() -> None:
    """Bring the configured database up to date, triggers included."""
    asyncio.run(migrate.migrate([guard_sql(machine) for machine in machines.ALL]))


class Server(uvicorn.Server):
    """uvicorn, which also lets the open live pages go when it is told to stop; it would wait for them otherwise."""

    def __init__(self, config: uvicorn.Config, app: Litestar) -> None:
        super().__init__(config)
        self._app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called for SIGTERM and SIGINT."""
        hub: Hub | None = getattr(self._app.state, "hub", None)
        if hub:
            hub.let_go()
        super().handle_exit(sig, frame)


def serve(settings: Settings) -> None:
    """Serve the web until SIGTERM or SIGINT."""
    app = create_app(settings)
    config = uvicorn.Config(
        secured(app),
        host=settings.host,
        port=int(settings.port),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # how many proxies to trust is TRUSTED_PROXIES' business
        timeout_graceful_shutdown=5,
        limit_concurrency=2_000,
        h11_max_incomplete_event_size=65_536,
    )
    Server(config, app).run()


def _claim(settings: Settings) -> None:
    """Go no further with another environment's database: it knows another Xero and another Stripe."""
    if problems := asyncio.run(environment.claim(settings)):
        raise BadSettings(problems)


def _web(settings: Settings) -> None:
    with database(require(settings)):
        _claim(settings)
        serve(settings)


def _worker(settings: Settings) -> None:
    with database(require(settings)):
        _claim(settings)
        worker.main(settings)


def _clock(settings: Settings) -> None:
    with database(require(settings)):
        _claim(settings)
        clock.main()


def _migrate(settings: Settings) -> None:
    if problems := check_database(settings):
        raise BadSettings(problems)
    with database(settings):
        run_migrations()
    print("The database is up to date.")


def _adopt(settings: Settings) -> None:
    with database(require(settings)):
        asyncio.run(environment.adopt(settings))
    print("The database is this environment's now.")


def _doctor(settings: Settings) -> None:
    with database(settings):
        sys.exit(asyncio.run(doctor.examine(settings)))


def _verify(settings: Settings) -> None:
    if problems := check_database(settings):
        raise BadSettings(problems)
    with database(settings):
        sys.exit(asyncio.run(verify.examine()))


def _erase(settings: Settings, asked: argparse.Namespace) -> None:
    if problems := check_database(settings):
        raise BadSettings(problems)
    with database(settings):
        sys.exit(asyncio.run(erase.examine(asked.who, asked.merchant, sure=asked.yes)))


def _sandbox(arguments: Sequence[str]) -> int:
    return subprocess.call([sys.executable, "-m", "sandbox", *arguments])


def _demo(settings: Settings) -> None:
    with database(settings):
        run_migrations()
        _claim(settings)
        demo.run(settings, serve)


DOORS = {
    "demo": _demo,
    "web": _web,
    "worker": _worker,
    "clock": _clock,
    "migrate": _migrate,
    "adopt": _adopt,
    "doctor": _doctor,
    "verify": _verify,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the command `payportal`."""
    parser = argparse.ArgumentParser(prog="payportal", description="Turns Xero invoices into paid invoices.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("demo", "the whole product on this machine, with the sandbox"),
        ("web", "serve the pages (and, without a broker, do the work)"),
        ("worker", "do the work, beside web processes"),
        ("clock", "plan what repeats, beside workers"),
        ("migrate", "bring the database up to date"),
        ("adopt", "use a database of another environment here, from now on"),
        ("doctor", "check the configuration and reach everything it names"),
        ("verify", "walk every audit trail and the ledger, and name what is broken"),
        ("erase", "forget a merchant's customer who asked for it"),
        ("sandbox", "Xero and Stripe on this machine, for developers"),
    ):
        commands.add_parser(name, help=text, add_help=name != "sandbox")
    commands.choices["demo"].add_argument("--reset", action="store_true", help="forget the demo's data, start nothing")
    erasing = commands.choices["erase"]
    erasing.add_argument("who", help="the customer's mail address, or the contact's id in Xero")
    erasing.add_argument("--merchant", default="", help="the merchant's id; without it, lists whose customer it is")
    erasing.add_argument("--yes", action="store_true", help="erase, instead of showing what would go")
    chosen, rest = parser.parse_known_args(arguments)
    if chosen.command == "sandbox":
        sys.exit(_sandbox(rest))
    if rest:
        parser.error(f"unknown arguments: {' '.join(rest)}")
    if chosen.command == "demo" and chosen.reset:
        print(demo.forget(load()))
        return
    settings = demo.settings(load()) if chosen.command == "demo" else load()
    if problems := check_plain(settings):
        sys.exit(_cannot_start(problems))
    log.configure(settings.log_level, pretty=sys.stderr.isatty())
    faultpoint.configure(settings.app_env, settings.faultpoint)
    # uvicorn raises the signal again once it has stopped; without this, what is around it could not tidy up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        if chosen.command == "erase":
            _erase(settings, chosen)
            return
        DOORS[chosen.command](settings)
    except KeyboardInterrupt:
        sys.exit(0)
    except BadSettings as bad:
        sys.exit(_cannot_start(bad.problems))


def _cannot_start(problems: list[str]) -> str:
    return "Payportal cannot start:\n" + "\n".join(f"  {problem}" for problem in problems)
