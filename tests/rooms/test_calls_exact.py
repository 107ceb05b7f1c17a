"""One call to Xero with one or more elements, to the letter: what is committed before, what is known after, whatever happens."""

from collections.abc import Sequence
from typing import Any

import pytest

from app.books.writeback.calls import send_together
from app.books.writeback.rows import Fenced, Item
from app.books.writeback.timing import TIMING
from app.books.writeback.verdict import Verdicts
from app.clients.xero_wire import PaymentAnswer
from app.core import db
from app.core.clock import from_now
from app.core.errors import Upstream
from app.core.work import Postpone
from tests.fixtures.xero_says import XeroSays
from tests.rooms.shelf import Shelf, write_back
from tests.rooms.writing import due, quiet, states, told

Answers = list[str] | Exception
BAD = Upstream("The account is archived.", permanent=True, code="validation")


class Call:
    """Gives these answers, one for each call, and keeps what it saw: the rows, their keys, and what was judged."""

    def __init__(self, *answers: Answers) -> None:
        self._answers = list(answers)
        self.put_items: list[list[Item]] = []
        self.keys: list[str] = []
        self.rows: list[list[Any]] = []
        self.judged: list[tuple[list[Item], list[str]]] = []

    async def put(self, items: Sequence[Item], key: str) -> list[str]:
        self.put_items.append(list(items))
        self.keys.append(key)
        self.rows.append([await write_back(item.claim.id) for item in items])
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def judge(self, items: list[Item], answers: list[str]) -> None:
        self.judged.append((items, answers))


async def send(xero: XeroSays, items: list[Item], call: Call) -> Verdicts:
    verdicts = Verdicts()
    await send_together(await xero.tenant(), items, verdicts, call.put, call.judge)
    return verdicts


async def test_all_are_sent_in_one_call(xero: XeroSays, shelf: Shelf, noon: object):
    """Marked as sent, with the key of the call, before it begins; the answers are judged in the order of the rows."""
    items = [await due(shelf) for _ in range(3)]
    call = Call(["a", "b", "c"])
    verdicts = await send(xero, items, call)
    assert [items] == call.put_items
    ((first, *rest),) = call.rows
    assert {("sending", noon, call.keys[0])} == {
        (row["state"], row["sent_at"], row["idempotency_key"]) for row in (first, *rest)
    }
    assert call.keys[0].startswith("batch-")
    assert ([(items, ["a", "b", "c"])], {}) == (call.judged, verdicts.said)


async def test_one_is_sent_under_its_own_key(xero: XeroSays, shelf: Shelf, noon: object):
    """Which stands in its row before the call."""
    item = await due(shelf)
    call = Call(["a"])
    await send(xero, [item], call)
    assert call.keys[0] == call.rows[0][0]["idempotency_key"]
    assert call.keys[0].startswith(f"{item.reference.split()[-1]}-1-v7-")


@pytest.mark.parametrize("error", [
    Postpone(from_now(60), "Xero's limit of calls is reached."),
    Upstream("Xero's limit of calls is reached.", code="rate_minute", retry_after=17),
    Upstream("Xero cannot be reached.", code="unreachable"),
], ids=["no calls left", "a limit", "nobody there"])  # fmt: skip
async def test_what_surely_did_not_leave_is_as_if_never_sent(xero: XeroSays, shelf: Shelf, error: Exception):
    """All of the call go back to the start without a trace, and the error goes on as it is."""
    items = [await due(shelf) for _ in range(2)]
    call = Call(error)
    with pytest.raises(type(error)) as raised:
        await send(xero, items, call)
    assert raised.value is error
    for item in items:
        row = await write_back(item.claim.id)
        assert ("intended", None, "") == (row["state"], row["sent_at"], row["idempotency_key"])
    assert (1, []) == (len(call.keys), call.judged)


@pytest.mark.parametrize("answer", [
    Upstream("Xero did not answer.", code="no_answer", unknown=True),
    Upstream("Xero could not do this.", code="server", status=500, unknown=True),
    Upstream("Xero's limit of calls is reached.", code="rate_minute", retry_after=17, unknown=True),
    Upstream("Xero's answer could not be read.", code="unreadable"),
    RuntimeError("out of the blue"),
    ["a"],
    ["a", "b", "c"],
    [],
], ids=["none", "500", "a limit perhaps", "unreadable", "our own fault", "too few", "too many", "empty"])  # fmt: skip
async def test_a_lost_answer_leaves_all_of_them_unclear(xero: XeroSays, shelf: Shelf, noon: object, answer: Answers):
    """Bytes may have left: each is unknown, keeps the time it was sent, and is looked for after the quiet; none is judged."""
    items = [await due(shelf) for _ in range(2)]
    call = Call(answer)
    verdicts = await send(xero, items, call)
    for item in items:
        row = await write_back(item.claim.id)
        assert ("unknown", noon, call.keys[0]) == (row["state"], row["sent_at"], row["idempotency_key"])
    assert {item.claim.id: quiet() for item in items} == verdicts.said
    assert (1, []) == (len(call.keys), call.judged)


@pytest.mark.parametrize(("words", "reason"), [
    ("The account is archived.", "account_archived"), ("The payment exceeds the amount outstanding.", "other"), ("Why?", "other"),
])  # fmt: skip
async def test_one_that_was_refused_waits_for_the_merchant(xero: XeroSays, shelf: Shelf, words: str, reason: str):
    """With the reason that Xero's words tell, in Xero's words, and nothing more to do."""
    item = await due(shelf)
    call = Call(Upstream(words, permanent=True, code="validation"))
    verdicts = await send(xero, [item], call)
    assert ("parked", reason, words) == await told(item)
    assert ({item.claim.id: None}, []) == (verdicts.said, call.judged)


async def test_one_bad_element_does_not_spoil_the_others(xero: XeroSays, shelf: Shelf, noon: object):
    """A call that was refused is taken apart: each alone, in order, under a key of its own, with an outcome of its own."""
    items = [await due(shelf) for _ in range(3)]
    call = Call(BAD, ["a"], BAD, Upstream("Lost.", unknown=True))
    verdicts = await send(xero, items, call)
    assert [items, *([item] for item in items)] == call.put_items
    assert 4 == len(set(call.keys))
    assert all(row["idempotency_key"] == key for key, rows in zip(call.keys, call.rows, strict=True) for row in rows)
    # those whose turn has not come are as if never sent
    assert [(items[:1], ["a"])] == call.judged
    assert ["sending", "parked", "unknown"] == await states(*items)
    assert ("parked", "account_archived", BAD.message) == await told(items[1])
    assert {items[1].claim.id: None, items[2].claim.id: quiet()} == verdicts.said


async def test_those_whose_turn_has_not_come_are_free_to_wait(xero: XeroSays, shelf: Shelf):
    """When the calls end in the middle of a call that is taken apart, the rest has never been sent."""
    items = [await due(shelf) for _ in range(3)]
    no_more = Postpone(from_now(60), "No more calls.")
    with pytest.raises(Postpone):
        await send(xero, items, Call(BAD, ["a"], no_more))
    assert ["sending", "intended", "intended"] == await states(*items)


async def payments_put(xero: XeroSays, items: list[Item], before: str) -> None:
    """Send these while something happens between the commit and the first byte."""
    tenant = await xero.tenant()

    async def put(_: Sequence[Item], key: str) -> list[PaymentAnswer]:
        await db.fetch(before, items[0].claim.id)
        return await tenant.put_payments(b"{}", key)

    async def judge(_: list[Item], answers: list[PaymentAnswer]) -> None:
        raise AssertionError(answers)

    await send_together(tenant, items, Verdicts(), put, judge)


@pytest.mark.parametrize("what", ["fence = fence + 1", "lease_until = now() - interval '1 second'"])
async def test_nothing_leaves_for_a_row_that_is_not_ours_any_more(xero: XeroSays, shelf: Shelf, what: str):
    """Whoever lost a row, or held it too long, is stopped before the first byte."""
    items = [await due(shelf) for _ in range(2)]
    with pytest.raises(Fenced):
        await payments_put(xero, items, f"UPDATE write_back SET {what} WHERE id = $1")
    assert [] == xero.asked


@pytest.mark.parametrize("wait", ["leave", "answer"])
async def test_what_took_too_long_does_not_leave(
    xero: XeroSays, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, wait: str
):
    """Between the commit and the first byte, or while the database was asked: it goes back to the start instead."""
    monkeypatch.setattr(TIMING, wait, -1.0)
    item = await due(shelf)
    with pytest.raises(Fenced):
        await payments_put(xero, [item], "SELECT $1::bigint")
    assert ([], ["intended"]) == (xero.asked, await states(item))
