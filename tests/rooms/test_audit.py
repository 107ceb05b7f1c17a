"""The audit trail: written with its cause, one unbroken chain for each merchant, and honest about tampering."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.books import audit
from app.core import db


@pytest.fixture
async def database(new_database: Callable[[], str]) -> AsyncIterator[str]:
    """An empty database with the running loop's pool open."""
    url = new_database()
    db.configure(url)
    await db.open_pool(20)
    yield url
    await db.close_pool()


async def merchant() -> UUID:
    """A merchant without anything."""
    made: UUID = await db.fetch_value("INSERT INTO merchant (id) VALUES ($1) RETURNING id", uuid4())
    return made


async def chain(merchant_id: UUID) -> list[Any]:
    return await db.fetch("SELECT * FROM audit WHERE merchant = $1 ORDER BY number", merchant_id)


async def some(merchant_id: UUID, count: int = 5) -> None:
    for number in range(count):
        await audit.note(merchant_id, "payportal", "done", f"thing:{number}", {"amount": number})


async def by_hand(*statements: str) -> None:
    """As a superuser who knows how to switch the triggers off."""
    async with db.transaction():
        await db.fetch("SET LOCAL session_replication_role = replica")
        for sql in statements:
            await db.fetch(sql)


async def test_one_chain_for_each_merchant(database: str):
    """Every merchant's rows are numbered from 1, and every chain is whole."""
    ours, theirs = await merchant(), await merchant()
    for _ in range(3):
        await audit.note(ours, "payportal", "done", "thing:1")
        await audit.note(theirs, f"user:{uuid4()}", "done", "thing:2", {"to": "é\n\"'"})
    assert [1, 2, 3] == [row["number"] for row in await chain(ours)]
    assert (6, []) == await audit.verify()


async def test_a_deed_and_its_row_are_one(database: str):
    """What was not done is not in the trail."""
    merchant_id = await merchant()

    async def fail() -> None:
        async with db.transaction():
            await audit.note(merchant_id, "payportal", "done", "thing:1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert [] == await chain(merchant_id)


async def test_many_writers_keep_one_chain(database: str):
    """Twenty at once, holding locks of their own and noting for two merchants in either order, lose and fork nothing."""
    first, second = await merchant(), await merchant()

    async def write(turn: int) -> None:
        for _ in range(5):
            async with db.transaction():
                for merchant_id in (first, second) if turn % 2 else (second, first):
                    await audit.note(merchant_id, "payportal", "done", f"turn:{turn}")
                await db.fetch("SELECT 1 FROM merchant WHERE id = $1 FOR NO KEY UPDATE", (first, second)[turn % 2])

    await asyncio.gather(*(write(turn) for turn in range(20)))
    assert [*range(1, 101)] == [row["number"] for row in await chain(first)]
    assert (200, []) == await audit.verify()


async def test_postgresql_refuses_changes(database: str):
    """Nobody changes or deletes a row of the trail in the ordinary way."""
    await some(await merchant())
    for sql in ("UPDATE audit SET action = 'nothing'", "DELETE FROM audit"):
        with pytest.raises(asyncpg.CheckViolationError):
            await db.fetch(sql)


@pytest.mark.parametrize(
    ("deed", "number", "what"),
    [
        ("UPDATE audit SET subject = 'thing:9' WHERE number = 3", 3, "was changed"),
        ("UPDATE audit SET at = at - interval '1 second' WHERE number = 2", 2, "was changed"),
        ("UPDATE audit SET details = '{}' WHERE number = 5", 5, "was changed"),
        ("UPDATE audit SET hash = repeat('0', 64) WHERE number = 4", 4, "was changed"),
        ("DELETE FROM audit WHERE number = 2", 2, "is missing"),
        ("DELETE FROM audit WHERE number > 3", 4, "is missing"),
        ("DELETE FROM audit", 1, "is missing"),
        ("DELETE FROM audit_head", 6, "is missing"),
    ],
)
async def test_tampering_is_named(database: str, deed: str, number: int, what: str):
    """One row changed or removed by hand, past the triggers, is named with its merchant; other chains stay whole."""
    ours, theirs = await merchant(), await merchant()
    await some(ours)
    await by_hand(deed)
    await some(theirs)
    (flaw,) = (await audit.verify())[1]
    assert (ours, number) == (flaw.merchant_id, flaw.number)
    assert flaw.what.startswith(what)


async def test_a_chain_made_anew_is_noticed(database: str):
    """Somebody who also computes the hashes again still meets the end of the chain that was kept."""
    merchant_id = await merchant()
    await some(merchant_id)
    last = (await chain(merchant_id))[-1]
    before = (await chain(merchant_id))[3]["hash"]
    forged = audit.link(before, merchant_id, 5, last["at"], "payportal", "done", "thing:9", last["details"])
    await by_hand(f"UPDATE audit SET subject = 'thing:9', hash = '{forged}' WHERE number = 5")
    assert ["differs from the end of the chain that was kept"] == [flaw.what for flaw in (await audit.verify())[1]]


async def test_verify_says_where(database: str, tmp_path: Path):
    """`payportal verify` ends with 0 while all is whole, and with 1 and the broken row's number when it is not."""
    merchant_id = await merchant()
    await some(merchant_id)
    assert (0, "5 rows of audit trails read. All is whole.") == await run_verify(database, tmp_path)
    await by_hand("UPDATE audit SET actor = 'user:somebody' WHERE number = 2")
    code, said = await run_verify(database, tmp_path)
    assert 1 == code
    assert f"broken  audit trail of merchant {merchant_id}: row 2 was changed." in said


async def run_verify(url: str, data_dir: Path) -> tuple[int, str]:
    env = {"APP_ENV": "test", "DATABASE_URL": url, "DATA_DIR": str(data_dir)}
    command = [str(Path(sys.executable).with_name("payportal")), "verify"]
    done = await asyncio.to_thread(subprocess.run, command, env=env, capture_output=True, text=True)
    assert "" == done.stderr
    return done.returncode, done.stdout.strip()
