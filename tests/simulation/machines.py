"""What machines do in a life: workers, sweeps, the clock, the post, upstream faults, power cuts. Each function is one step."""

from datetime import timedelta
from typing import Any

from app.core import db, work
from app.runtime import ticks
from sandbox.stripe_events import signature
from tests.simulation.house import SETTINGS, WEB, WORKERS
from tests.simulation.scheduler import LEAVES
from tests.simulation.story import Story

FAULTS: list[dict[str, Any]] = [
    {"commit_then_reset": True},
    {"commit_then_reset": True},
    {"commit_then_reset": True},
    {"reset_before_commit": True},
    {"status": 500},
    {"status": 503, "headers": {"Retry-After": "7"}},
    {"html": True},
    {"truncate": 30},
    {"duplicate_keys": True},
    {"delay": 40},
    {"commit_then_delay": 45},
    {"rate_limit": {"problem": "minute", "retry_after": "9"}},
    {"rate_limit": {"problem": "concurrent"}},
]
PATHS = [
    ("PUT", "/xero/api/*/Payments"),
    ("PUT", "/xero/api/*/Payments"),
    ("PUT", "/xero/api/*/Payments"),
    ("PUT", "/xero/api/*/Payments"),
    ("POST", "/xero/api/*/Payments/*"),
    ("GET", "/xero/api/*/Payments"),
    ("GET", "/xero/api/*/Invoices*"),
    ("PUT", "/xero/api/*/BankTransactions"),
    ("PUT", "/xero/api/*/CreditNotes"),
    ("PUT", "/xero/api/*/BankTransfers"),
    ("POST", "/xero/identity/connect/token"),
    ("POST", "/stripe/v1/checkout/sessions*"),
    ("POST", "/stripe/v1/refunds"),
    ("GET", "/stripe/v1/*"),
]
MODES: list[Any] = ["search_lag", "filter_broken", "offline", "idem_scope", "cache_errors", {"idem_ttl": 0}]
POINTS = tuple(f"K{number:02}" for number in range(1, 21))
_DUE = " UNION ALL ".join(
    f"(SELECT '{name}' AS work, id FROM {name} WHERE next_at <= now() AND (lease_until IS NULL OR lease_until < now()) "
    "ORDER BY next_at, id)"
    for name in ("inbox", "write_back", "job")
)
PAUSES = (3.0, 20.0, 130.0, 700.0, 4000.0, 30_000.0, 200_000.0)


async def works(story: Story) -> None:
    """A worker takes a row that is due, as a message or its own sweep led it there; now and then two take the same."""
    found = await due(story)
    if found:
        table, row_id = story.rng.choice(found)
        first, second = story.rng.sample(WORKERS, 2)
        for process in (first, second) if story.rng.random() < 0.15 else (first,):
            await take(story, process, table, row_id)


async def due(story: Story) -> list[tuple[str, int]]:
    """Every row that could be worked on now, in one question."""
    return [(row["work"], row["id"]) for row in await db.fetch(_DUE)]


async def take(story: Story, process: str, table: str, row_id: int) -> None:
    """One worker's turn with one row, through the runtime's own dispatch."""
    lane = next(one for one in story.house.runtimes[process].lanes if one.table == table)
    await story.scheduler.start(f"{process}, {table} {row_id}", process, work.run(lane, row_id))


async def stands_still(story: Story) -> None:
    """A worker's machine is stopped in the middle of a turn until its leases have run out; the others go on, then it wakes."""
    scheduler = story.scheduler
    turns = [one for one in scheduler.waiting if one.actor.process in WORKERS and not one.what.startswith(LEAVES)]
    if not turns:
        return
    actor = story.rng.choice(turns).actor
    if any(one.actor is actor and one.what.startswith(LEAVES) for one in scheduler.waiting):
        return  # what it has sent beside would arrive late, which is not what is tried here
    other = next(one for one in WORKERS if one != actor.process)
    scheduler.say(f"{actor.name} stands still")
    scheduler.held.add(actor)
    await scheduler.finish()
    await scheduler.jump(story.rng.choice((17.0, 40.0, 130.0, 400.0)))
    for table, row_id in await due(story):
        await take(story, other, table, row_id)
        for _ in range(story.rng.choice((5, 60, 400))):
            await scheduler.move()
    scheduler.held.discard(actor)


async def sweeps(story: Story) -> None:
    """A worker's sweep does everything that is due, one after the other."""
    process = story.rng.choice(WORKERS)
    await story.scheduler.start(f"{process}, sweep", process, story.house.runtimes[process].sweep.once())


async def ticks_once(story: Story) -> None:
    """The clock process makes sure that everything that repeats is planned."""
    await story.scheduler.start("clock", "clock", ticks.tick())


async def brings_letters(story: Story) -> None:
    """The post: mostly in order, sometimes overtaken, twice, or never."""
    for _ in range(story.rng.choice((1, 1, 3))):
        letters = story.house.wire.letters
        if not letters:
            return
        place = 0 if story.rng.random() < 0.6 else story.rng.randrange(len(letters))
        fate = story.rng.random()
        letter = letters[place] if fate < 0.15 else letters.pop(place)
        if fate < 0.9:
            await story.scheduler.start("post", WEB, post(story, letter))


async def post(story: Story, letter: Any) -> None:
    """One letter, signed as it leaves; what was not taken comes again, what was refused does not."""
    answer, (url, body, headers) = 503, letter
    if "stripe-signature" in headers:
        secret = SETTINGS.stripe_thin_webhook_secret if url.endswith("/thin") else SETTINGS.stripe_webhook_secret
        moment = int(story.house.loop.now().timestamp())
        headers = {**headers, "stripe-signature": signature(body, [secret], moment, test=True)}
    try:
        answer = await story.house.wire.deliver((url, body, headers))
    finally:
        if answer >= 500:
            story.house.wire.letters.append(letter)
        elif answer != 200:
            story.house.wire.broken.append(f"{url} was answered with {answer}: {body[:80]!r}")


async def time_passes(story: Story) -> None:
    """Seconds or days, also for whoever is in the middle of something."""
    await story.scheduler.jump(story.rng.choice(PAUSES))


async def clock_jumps(story: Story) -> None:
    """A worker's clock goes wrong, or is put right; what is on its way arrives first."""
    await story.scheduler.jump(0)
    story.house.skew[story.rng.choice(WORKERS)] = timedelta(seconds=story.rng.choice((-600, -90, -20, 0, 20, 90, 600)))


async def upstream_fails(story: Story) -> None:
    """One of the next requests of a kind goes wrong, or Xero behaves oddly for a while."""
    if story.rng.random() < 0.2:
        await story.house.control("/_faults", {"mode": story.rng.choice(MODES)})
        return
    method, path = story.rng.choice(PATHS)
    times = {"times": story.rng.randint(1, 3)} if story.rng.random() < 0.4 else {"nth": story.rng.randint(1, 2)}
    fault = story.rng.choice(FAULTS)
    await story.house.control("/_faults", {"match": {"method": method, "path": path}, "fault": fault, **times})


async def upstream_heals(story: Story) -> None:
    """Nothing goes wrong any more."""
    await story.house.control("/_faults", method="DELETE")


async def power_fails(story: Story) -> None:
    """A process ends where it stands, or at the next fault point of a name."""
    if story.rng.random() < 0.5:
        story.armed = story.rng.choice(POINTS)
    else:
        process = story.rng.choice((WEB, *WORKERS))
        await story.scheduler.cut(process)
        story.house.forget(process)
