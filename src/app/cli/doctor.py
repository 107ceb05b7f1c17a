"""`payportal doctor`: checks the configuration, reaches everything it names, and says what waits for a person, in plain words."""

import smtplib
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import asyncpg
import redis

from app.books import environment, usage
from app.books.condition import condition
from app.clients.bundle import Clients, open_clients
from app.core import db
from app.core.errors import Upstream
from app.core.html import counted
from app.merchants.organisations import size
from app.settings import Settings, check

Check = Callable[[], Awaitable[str]]
Tell = Callable[[], Awaitable[tuple[str, str]]]


async def examine(settings: Settings) -> int:
    """Print one line a check; 0 when all is well, 1 when something is wrong."""
    problems = check(settings)
    for problem in problems:
        print(f"  wrong  {problem}")
    if not problems:
        print("  ok     The settings are complete and no secret is a default.")
    bad = len(problems) + await _owned(settings)
    await db.open_pool(2)
    clients = await open_clients(settings)
    try:
        for name, probe in _checks(settings, clients):
            bad += not await _one(name, probe)
        await _say("The work", _work)
        await _say("Xero's use this month", _use)
    finally:
        await clients.close()
        await db.close_pool()
    print("\nAll is well." if not bad else f"\n{bad} of these need you.")
    return 1 if bad else 0


async def _owned(settings: Settings) -> int:
    """How much says that the database is another environment's."""
    try:
        wrong = await environment.claim(settings, make=False)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):  # the database's own line says it
        return 0
    for problem in wrong:
        print(f"  wrong  {problem}")
    return len(wrong)


async def _one(name: str, probe: Check) -> bool:
    try:
        said = await probe()
    except Exception as error:  # a doctor reports whatever it finds
        reason = error.message if isinstance(error, Upstream) else f"{type(error).__name__}: {error}"
        print(f"  wrong  {name} cannot be reached or refused us. {reason}")
        return False
    print(f"  ok     {name}: {said}")
    return True


async def _say(name: str, tell: Tell) -> None:
    """What is no fault of the configuration: told, and no reason to end with 1."""
    try:
        mark, said = await tell()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):  # the database's own line has said it
        return
    print(f"  {mark:<6} {name}: {said}")


async def _work() -> tuple[str, str]:
    """What the health page does not tell to everybody."""
    now = await condition()
    parts = [f"{name}: {one.late} late, {one.put_aside} put aside" for name, one in now.work.items()]
    parts.append(f"invariants that do not hold: {now.breaches}")
    parts.append(f"fetched today without a notification: {', '.join(f'{n} {c}' for n, c in now.repairs.items())}")
    return "look" if now.degraded else "ok", "; ".join(parts) + "."


async def _use() -> tuple[str, str]:
    """Calls and bytes of the whole app, since Xero charges the app; and who needs most of them."""
    found = await usage.used()
    calls, received = sum(one.calls for one in found), sum(one.bytes for one in found)
    most = [f"{one.xero_tenant_id} {one.calls:,} calls, {size(one.bytes)}" for one in found[:3]]
    today = f"today {sum(one.calls_today for one in found):,} calls, {size(sum(one.bytes_today for one in found))}"
    said = f"{counted(calls, 'call')}, {size(received)} received from {counted(len(found), 'organisation')}; {today}"
    return "ok", f"{said}{'; most: ' + '; '.join(most) if most else ''}."


def _checks(settings: Settings, clients: Clients) -> list[tuple[str, Check]]:
    async def database() -> str:
        return f"PostgreSQL {await db.fetch_value('SHOW server_version')}."

    async def identity() -> str:
        return f"sign-in answers as {await clients.identity.issuer()}."

    async def stripe() -> str:
        return f"the key belongs to {await clients.stripe.whoami()}."

    async def mail() -> str:
        return _mail_server(settings)

    async def broker() -> str:
        redis.Redis.from_url(settings.redis_url, socket_timeout=3).ping()
        return "answers."

    found: list[tuple[str, Check]] = [("The database", database), ("Xero", identity), ("Stripe", stripe)]
    if settings.smtp_url:
        found.append(("The mail server", mail))
    if settings.redis_url:
        found.append(("Redis", broker))
    return found


def _mail_server(settings: Settings) -> str:
    parts = urlsplit(settings.smtp_url)
    kind = smtplib.SMTP_SSL if parts.scheme == "smtps" else smtplib.SMTP
    with kind(parts.hostname or "", parts.port or (465 if parts.scheme == "smtps" else 587), timeout=5) as server:
        code, _ = server.noop()
    return f"{parts.hostname} answers ({code})."
