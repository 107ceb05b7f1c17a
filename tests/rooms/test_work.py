"""Durable work: rows are claimed, held, given back and never lost, whatever becomes of messages and workers."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from app.core import db, jobs, limiter, work
from app.core.broker import Sweep
from app.core.clock import from_now, now
from app.core.errors import InTransaction, Refused, Upstream
from app.core.wake import BELL, wake
from app.core.work import Claim, Lane, Postpone


@pytest.fixture(scope="module", autouse=True)
async def _pool(database_url: str) -> AsyncIterator[None]:
    db.configure(database_url)
    await db.open_pool(12)
    yield
    await db.close_pool()


@pytest.fixture(autouse=True)
async def _clean() -> None:
    await db.fetch("TRUNCATE job, allowance")


async def row(job_id: int) -> Any:
    return await db.fetch_row("SELECT * FROM job WHERE id = $1", job_id)


async def done(_: Claim) -> None:
    """A handler with nothing left to do."""


def failing(error: BaseException):
    async def handle(held: Claim) -> None:
        await jobs.read(held.id)
        raise error

    return handle


async def test_asking_twice_makes_one_row():
    """The same kind and subject asked for many times at once is one job."""
    made = await asyncio.gather(*(jobs.ask("k", "s") for _ in range(20)))
    assert 1 == len(set(made))


async def test_only_one_worker_gets_a_row():
    """Twenty workers that claim the same due row at once: one gets it."""
    job_id = await jobs.ask("k", "s")
    held = await asyncio.gather(*(work.claim("job", job_id, 20) for _ in range(20)))
    assert 1 == sum(claim is not None for claim in held)


async def test_finished_work_is_not_due():
    """What was done is not done again."""
    job_id = await jobs.ask("k", "s")
    await work.run(Lane("job", _read_then(done), "q"), job_id)
    assert [] == await work.due("job")


def _read_then(handler):
    async def handle(held: Claim) -> None:
        await jobs.read(held.id)
        await handler(held)

    return handle


async def test_asked_again_while_it_runs():
    """A job that is asked for while it is being done runs once more."""
    job_id = await jobs.ask("k", "s")

    async def again(_: Claim) -> None:
        await jobs.ask("k", "s")

    await work.run(Lane("job", _read_then(again), "q"), job_id)
    assert [job_id] == [due["id"] for due in await work.due("job")]


async def test_asked_again_while_it_is_postponed():
    """A wake-up that comes while a repeating job plans its next turn is not lost."""
    job_id = await jobs.ask("k", "s")

    async def poll(_: Claim) -> None:
        await jobs.ask("k", "s")
        raise Postpone(from_now(3600))

    await work.run(Lane("job", _read_then(poll), "q"), job_id)
    assert (await row(job_id))["next_at"] <= now()


async def test_stale_claim_changes_nothing():
    """Whoever lost the lease can neither finish the row nor give it back."""
    job_id = await jobs.ask("k", "s")
    old = await work.claim("job", job_id, 20)
    assert old
    await db.fetch("UPDATE job SET lease_until = now() - interval '1 second'")
    new = await work.claim("job", job_id, 20)
    assert new
    assert new.fence > old.fence
    assert not await work.finish(old)
    assert not await work.come_back(old, now(), "late")
    assert await work.finish(new)


async def test_long_work_keeps_its_lease():
    """Work that takes longer than its lease is not taken over while its worker lives."""
    job_id = await jobs.ask("k", "s")
    taken: list[Claim | None] = []

    async def slow(_: Claim) -> None:
        for _turn in range(6):
            await asyncio.sleep(0.1)
            taken.append(await work.claim("job", job_id, 1))

    await work.run(Lane("job", _read_then(slow), "q", lease=0.3), job_id)  # type: ignore[arg-type]
    assert [None] * 6 == taken


async def test_waiting_is_not_trying():
    """A pause the other side asked for does not count as an attempt; a failure does, and comes back later."""
    job_id = await jobs.ask("k", "s")
    await work.run(Lane("job", failing(Postpone(from_now(60), "busy")), "q"), job_id)
    assert (0, "busy") == ((await row(job_id))["attempts"], (await row(job_id))["last_error"])
    await db.fetch("UPDATE job SET next_at = now()")
    await work.run(Lane("job", failing(Upstream("429", retry_after=9)), "q"), job_id)
    assert 0 == (await row(job_id))["attempts"]
    await db.fetch("UPDATE job SET next_at = now()")
    await work.run(Lane("job", failing(ValueError()), "q"), job_id)
    found = await row(job_id)
    assert 1 == found["attempts"]
    assert found["next_at"] > now()


@pytest.mark.parametrize("error", [Upstream("no", permanent=True), Refused("not allowed")])
async def test_what_cannot_work_is_put_aside(error: Exception):
    """What trying again cannot help is put aside with its words, and not due any more."""
    job_id = await jobs.ask("k", "s")
    await work.run(Lane("job", failing(error), "q"), job_id)
    found = await row(job_id)
    assert (True, str(error)) == (found["dead_at"] is not None, found["last_error"])
    assert [] == await work.due("job")


async def test_asked_for_while_it_is_put_aside():
    """A job that is asked for again while it fails for good gets another turn."""
    job_id = await jobs.ask("k", "s")

    async def refuse(held: Claim) -> None:
        await jobs.read(held.id)
        await jobs.ask("k", "s")
        raise Refused("no")

    await work.run(Lane("job", refuse, "q"), job_id)
    found = await row(job_id)
    assert (None, True) == (found["dead_at"], found["next_at"] is not None)


async def test_row_that_kills_its_worker_is_put_aside():
    """Attempts are counted before the work, so that a row that never lets a worker finish ends aside."""
    job_id = await jobs.ask("k", "s")
    lane = Lane("job", done, "q", max_faults=3)
    for _ in range(3):
        assert await work.claim("job", job_id, 20)
        await db.fetch("UPDATE job SET lease_until = now() - interval '1 second'")
    await work.run(lane, job_id)
    assert (await row(job_id))["dead_at"] is not None


async def test_an_outage_never_ends_work():
    """However often the other side is away, the row comes back, in growing pauses; it is never put aside."""
    job_id = await jobs.ask("k", "s")
    lane = Lane("job", failing(Upstream("503")), "q", max_faults=3)
    for _ in range(40):
        await db.fetch("UPDATE job SET next_at = now()")
        await work.run(lane, job_id)
    found = await row(job_id)
    assert (None, 40) == (found["dead_at"], found["attempts"])
    assert found["next_at"] > now()


async def test_repeating_work_forgets_its_old_faults():
    """A job that goes wrong now and then, for ever, is never put aside; and a plan revives one that was."""
    job_id = await jobs.ask("k", "s")
    for _ in range(12):
        await db.fetch("UPDATE job SET next_at = now()")
        await work.run(Lane("job", failing(ValueError()), "q", max_faults=3), job_id)
        await db.fetch("UPDATE job SET next_at = now()")
        await work.run(Lane("job", failing(Postpone(from_now(60))), "q", max_faults=3), job_id)
    assert (await row(job_id))["dead_at"] is None
    await db.fetch("UPDATE job SET next_at = NULL, dead_at = now(), faults = 9")
    await jobs.ask_each_at_least("k", "s", 60)
    found = await row(job_id)
    assert (None, 0) == (found["dead_at"], found["faults"])
    assert found["next_at"] > now()


async def test_a_hanging_handler_is_ended():
    """Work that never ends is ended, and counts as a fault."""
    job_id = await jobs.ask("k", "s")

    async def hang(held: Claim) -> None:
        await jobs.read(held.id)
        await asyncio.sleep(3600)

    await work.run(Lane("job", hang, "q", longest=0), job_id)
    assert 1 == (await row(job_id))["faults"]


async def test_asked_anew_after_it_was_put_aside():
    """Asking for a job that was put aside gives it a new start."""
    job_id = await jobs.ask("k", "s")
    await work.run(Lane("job", failing(Refused("no")), "q"), job_id)
    await jobs.ask("k", "s")
    found = await row(job_id)
    assert (None, 0) == (found["dead_at"], found["attempts"])
    assert found["next_at"] <= now()


async def rolled_back() -> None:
    async with db.transaction():
        wake("job", 1)
        raise ZeroDivisionError


async def test_wake_up_follows_the_commit():
    """Nobody is woken for a row that was rolled back, and only after the commit for one that was not."""
    rung: list[int] = []
    BELL.install(lambda _table, row_id: rung.append(row_id))
    try:
        with pytest.raises(ZeroDivisionError):
            await rolled_back()
        async with db.transaction():
            wake("job", 2)
            await asyncio.sleep(0.05)
            assert [] == rung
        for _ in range(50):
            if rung:
                break
            await asyncio.sleep(0.02)
        assert [2] == rung
    finally:
        BELL.install(None)


async def test_no_call_inside_a_transaction():
    """A network call is refused while a transaction is open, and allowed after it."""
    async with db.transaction():
        with pytest.raises(InTransaction):
            db.refuse_in_transaction("GET")
    db.refuse_in_transaction("GET")


async def cut_off() -> None:
    async with db.transaction():
        await db.fetch("SELECT pg_terminate_backend(pg_backend_pid())")


async def test_failed_transaction_gives_its_connection_back():
    """Errors inside transactions, even on a broken connection, leave the pool whole."""
    for _ in range(15):
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
            await cut_off()
    assert 1 == await db.fetch_value("SELECT 1")
    assert not db.ENGINE.transaction_exists()


async def test_cancelled_begin_gives_its_connection_back():
    """Transactions cancelled while they begin leave no connection taken."""

    async def begin() -> None:
        async with db.transaction():
            await db.fetch("SELECT 1")

    for _ in range(30):
        task = asyncio.create_task(begin())
        for _turn in range(2):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(5):
        assert [1] * 12 == await asyncio.gather(*(db.fetch_value("SELECT 1") for _ in range(12)))


async def test_sweep_finishes_without_messages():
    """Work that no message speaks of is found and done by the sweep alone."""
    seen: list[int] = []

    async def note(held: Claim) -> None:
        await jobs.read(held.id)
        seen.append(held.id)

    sweep = Sweep([Lane("job", note, "q")], every=0.05)
    made = {await jobs.ask("k", str(number)) for number in range(30)}
    await db.fetch("UPDATE job SET next_at = now() - interval '5 seconds'")
    await sweep.start()
    for _ in range(200):
        if len(seen) == 30:
            break
        await asyncio.sleep(0.02)
    await sweep.stop()
    assert made == set(seen)


async def test_allowance_is_shared_and_ends():
    """Of many at once exactly the limit passes, and a new window begins when the old one has ended."""
    passed = await asyncio.gather(*(limiter.take("key", 5, 60) for _ in range(20)))
    assert 5 == sum(passed)
    assert not await limiter.left("key", 5, 60)
    await db.fetch("UPDATE allowance SET window_start = now() - interval '2 minutes'")
    assert await limiter.take("key", 5, 60)
