"""Writes that wait for a person, and rows that workers hold: who may do what with them, and in which order."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.books import intents
from app.books.writeback import keys, parked, rows, verdict
from app.books.writeback.timing import LARGEST_BATCH, TIMING
from app.books.writeback.verdict import Later, Verdicts
from app.books.writeback.words import REASONS
from app.core import db
from app.core.clock import from_now, now
from app.core.errors import NotFound, Refused
from app.core.money import Money
from tests.fixtures.clock import NOON
from tests.rooms.shelf import PAID_AT, Row, Shelf, bring, held, put, write_back


async def waiting(shelf: Shelf, reason: str = "other", state: str = "parked", **columns: Any) -> Row:
    return await bring((await shelf.meant())["id"], state, reason=reason, next_at=None, **columns)


# ---- what a merchant sees and does


async def test_what_waits_is_shown_in_the_order_it_came(shelf: Shelf):
    """Parked, or put aside by the worker; not what is done, under way or somebody else's; of one invoice where asked."""
    first = await waiting(shelf, "period_locked")
    second = await waiting(shelf, "", "unknown", dead_at=now())
    for state, columns in (("confirmed", {}), ("intended", {}), ("confirmed", {"dead_at": now()})):
        await waiting(shelf, "", state, **columns)
    other = await Shelf().open()
    await waiting(other)
    shown = await parked.attention(shelf.merchant)
    assert [(first["id"], REASONS["period_locked"]), (second["id"], REASONS["unavailable"])] == [
        (row["id"], words) for row, words in shown
    ]
    assert ("INV-1", "Pemberley", first["reference"]) == tuple(
        shown[0][0][name] for name in ("number", "contact_name", "reference")
    )
    assert 2 == len(await parked.attention(shelf.merchant, shelf.invoice))
    assert [] == await parked.attention(shelf.merchant, uuid4())


async def test_a_retry_begins_anew_with_what_waits_beside_it(shelf: Shelf):
    """The row and its fee that waits for the same reason; not what waits for another one, or of another payment."""
    await shelf.choose("fees")
    mine = await waiting(shelf, "account_archived")
    payment = await shelf.reread(mine["payment"])
    fee = await intents.intend_fee(payment, Money(76, "GBP"))
    back = await intents.intend_reversal(payment)
    other = await waiting(shelf, "account_archived")
    await bring(fee, "parked", reason="account_archived")
    await bring(back, "parked", reason="other")
    await parked.retry(shelf.merchant, mine["id"])
    states = [(await write_back(row_id))["state"] for row_id in (mine["id"], fee, back, other["id"])]
    assert ["intended", "intended", "parked", "parked"] == states


async def test_a_retry_of_what_a_worker_gave_up(shelf: Shelf):
    """Due now, counted from nothing, noted in the audit trail; its neighbour is not touched."""
    row, other = [await waiting(shelf, "", "unknown", dead_at=now(), attempts=9) for _ in range(2)]
    await parked.retry(shelf.merchant, row["id"])
    again = await write_back(row["id"])
    assert ("unknown", None, 0) == (again["state"], again["dead_at"], again["attempts"])
    assert again["next_at"] <= from_now(0)
    assert ("write_back_retried", f"write_back:{row['id']}", {}) == (await shelf.trail())[-1]
    assert 9 == (await write_back(other["id"]))["attempts"]


async def test_a_retry_that_is_of_no_use_is_refused(shelf: Shelf):
    """With the way out; what is on its way is left alone, and nobody touches what is not theirs."""
    row = await waiting(shelf, "invoice_voided")
    with pytest.raises(Refused) as refused:
        await parked.retry(shelf.merchant, row["id"])
    assert f"Trying again does not help here. {REASONS['invoice_voided'].way_out}" == refused.value.message
    await bring(row["id"], "intended")
    with pytest.raises(Refused, match=r"^This is already on its way to Xero\.$"):
        await parked.retry(shelf.merchant, row["id"])
    for merchant, row_id in ((uuid4(), row["id"]), (shelf.merchant, 10**9)):
        for deed in (parked.retry(merchant, row_id), parked.abandon(merchant, row_id, "Tom")):
            with pytest.raises(NotFound, match=r"^No such write-back\.$"):
                await deed


@pytest.mark.parametrize(("kind", "name"), [("payment", "Payment"), ("reversal", "Refund")])
async def test_what_was_booked_by_hand_is_done(shelf: Shelf, kind: str, name: str):
    """The row with who said so, and a line that names what it was."""
    row = await waiting(shelf, "other", dead_at=now())
    if kind == "reversal":
        made = await intents.intend_reversal(await shelf.reread(row["payment"]))
        row = await bring(made, "parked", reason="other", dead_at=now())
    await parked.abandon(shelf.merchant, row["id"], "Hannah Finch")
    after = await write_back(row["id"])
    told = tuple(after[name] for name in ("state", "reason", "message", "next_at", "dead_at"))
    assert ("abandoned", "by_hand", "Marked as done by Hannah Finch.", None, None) == told
    assert [("recorded", "Marked as done", f"{name} booked by hand, says Hannah Finch")] == await shelf.lines()
    for state in ("abandoned", "intended", "confirmed"):
        await bring(row["id"], state)
        with pytest.raises(Refused, match=r"^This is not waiting for you any more\.$"):
            await parked.abandon(shelf.merchant, row["id"], "Hannah Finch")


async def test_what_mends_itself_is_not_marked_as_done(shelf: Shelf):
    """The way out is said instead; a payout has no line."""
    row = await waiting(shelf, "disconnected")
    with pytest.raises(Refused) as refused:
        await parked.abandon(shelf.merchant, row["id"], "Hannah")
    assert REASONS["disconnected"].way_out == refused.value.message
    await shelf.choose("bank", "GBP")
    made = await intents.intend_transfer(await shelf.payout(5), shelf.connection)
    await bring(made, "parked", reason="payout_failed")
    await parked.abandon(shelf.merchant, made or 0, "Hannah")
    assert [] == await shelf.lines()


async def test_after_a_reconnect_everything_goes_on_in_order(shelf: Shelf, noon: datetime):
    """What waited for the connection, a hundredth of a second apart; nothing else, and nobody else's."""
    mine = [await waiting(shelf, reason) for reason in ("disconnected", "scope", "disconnected")]
    rest = [await waiting(shelf, "other"), await waiting(shelf, "disconnected", "confirmed")]
    theirs = await waiting(await Shelf().open(), "disconnected")
    assert 3 == await parked.resume(shelf.connection)
    assert 0 == await parked.resume(shelf.connection)
    planned = [(await write_back(row["id"]))["next_at"] for row in mine]
    assert [noon + timedelta(milliseconds=10 * place) for place in range(3)] == planned
    assert {None} == {(await write_back(row["id"]))["next_at"] for row in [*rest, theirs]}


async def test_after_accounts_were_chosen_everything_goes_on(shelf: Shelf):
    """What waited for an account; how many."""
    mine = [await waiting(shelf, reason) for reason in ("account_missing", "account_archived")]
    other, theirs = await waiting(shelf, "other"), await waiting(await Shelf().open(), "account_missing")
    assert 2 == await parked.account_chosen(shelf.connection)
    assert ["intended"] * 2 == [(await write_back(row["id"]))["state"] for row in mine]
    assert ["parked"] * 2 == [(await write_back(row["id"]))["state"] for row in (other, theirs)]


# ---- what a worker holds


async def test_rows_are_read_as_they_are_in_the_order_of_their_claims(shelf: Shelf):
    """With what is needed to write them: invoice, connection, token, and when the money moved."""
    grant, user = uuid4(), uuid4()
    await put("app_user", id=user, xero_userid=str(user))
    await put("xero_grant", id=grant, app_user=user, version=7, xero_userid=str(user))
    await db.fetch("UPDATE connection SET xero_grant = $2 WHERE id = $1", shelf.connection, grant)
    first, second = [await held((await shelf.meant(minor))["id"]) for minor in (4007, 100)]
    loaded = await rows.load([second.claim, first.claim])
    assert [second.claim, first.claim] == [item.claim for item in loaded]
    item = loaded[1]
    assert ("40.07", first.row["reference"], shelf.xero_invoice_id) == (
        str(item.amount),
        item.reference,
        item.invoice_id,
    )
    assert ("INV-1", "connected", 7, PAID_AT) == tuple(
        item.row[name] for name in ("number", "connection_state", "token_version", "moved_at")
    )
    assert (False, True) == (item.unclear, replace(item, row=dict(item.row) | {"sent_at": NOON}).unclear)


async def test_followers_are_due_unsent_free_and_alike(shelf: Shelf):
    """Of this organisation and kind, never sent, due and held by nobody: taken under a new fence, at most a batch of them."""
    due = [await shelf.meant() for _ in range(3)]
    rest = [
        await bring((await shelf.meant())["id"], "intended", **columns)
        for columns in ({"sent_at": now()}, {"next_at": from_now(60)}, {"next_at": None}, {"lease_until": from_now(60)})
    ]
    await waiting(shelf)
    await intents.intend_reversal(await shelf.payment())
    await (await Shelf().open()).meant()
    await db.fetch("UPDATE write_back SET lease_until = now() - interval '1 second' WHERE id = $1", due[1]["id"])
    taken = await rows.claim_followers(shelf.connection, "payment")
    assert [row["id"] for row in due] == [item.claim.id for item in taken]
    assert {("write_back", 1, 1)} == {(item.claim.table, item.claim.fence, item.claim.attempts) for item in taken}
    for item in taken:
        assert (
            timedelta(0)
            < item.row["lease_until"] - await db.fetch_value("SELECT now()")
            <= timedelta(seconds=TIMING.lease)
        )
    assert {0} == {(await write_back(row["id"]))["fence"] for row in rest}
    assert [] == await rows.claim_followers(shelf.connection, "payment")


async def test_no_more_follow_than_fit_into_a_batch(shelf: Shelf):
    """With the one that leads them they are forty."""
    for _ in range(LARGEST_BATCH + 1):
        await shelf.meant()
    assert 40 == LARGEST_BATCH == 1 + len(await rows.claim_followers(shelf.connection, "payment"))


async def test_what_is_held_stays_held(shelf: Shelf, monkeypatch: pytest.MonkeyPatch):
    """The leases are renewed while the work goes on, only of rows that are still ours, and no longer."""
    monkeypatch.setattr(TIMING, "renew", 0.01)
    mine, lost, free = [await held((await shelf.meant())["id"]) for _ in range(3)]
    await db.fetch("UPDATE write_back SET fence = fence + 1, lease_until = $2 WHERE id = $1", lost.claim.id, PAID_AT)
    await db.fetch("UPDATE write_back SET lease_until = NULL WHERE id = $1", free.claim.id)

    async def lease(item: rows.Item) -> Any:
        return (await write_back(item.claim.id))["lease_until"]

    async with rows.kept([mine, lost, free]):
        for _ in range(2):  # at once, and again and again
            begun = await lease(mine)
            assert begun - await db.fetch_value("SELECT now()") <= timedelta(seconds=TIMING.lease)
            while await lease(mine) == begun:  # asking the database lets the keeper work
                continue
    assert (PAID_AT, None) == (await lease(lost), await lease(free))
    await asyncio.sleep(0.05)  # what would still be renewed is not
    ended = await lease(mine)
    await asyncio.sleep(0.05)
    assert ended == await lease(mine)


async def test_columns_are_set_under_the_fence(shelf: Shelf):
    """By whoever holds the row, with or without a change of state; along edges that are a worker's, not a person's."""
    item = await held((await shelf.meant())["id"])
    assert NOON == (await rows.move(item, "sending", sent_at=NOON, idempotency_key="k"))["sent_at"]
    await rows.note(item, absent_at=NOON, last_error="e")
    row = await write_back(item.claim.id)
    assert ("sending", "k", NOON, "e") == (row["state"], row["idempotency_key"], row["absent_at"], row["last_error"])
    with pytest.raises(rows.Fenced):
        await rows.move(item, "abandoned")
    await bring(item.claim.id, "parked")
    with pytest.raises(rows.Fenced):  # from there only a person asks again
        await rows.move(item, "intended")
    await held(item.claim.id)
    for deed in (rows.note(item, last_error="x"), rows.move(item, "confirmed")):
        with pytest.raises(rows.Fenced) as fenced:
            await deed
    assert "Another worker holds it." == fenced.value.why
    assert ("parked", "e") == (
        (await write_back(item.claim.id))["state"],
        (await write_back(item.claim.id))["last_error"],
    )


# ---- verdicts and keys


async def test_absent_twice_a_while_apart(shelf: Shelf, noon: datetime):
    """The first absence is noted, the second counts only when enough time lies between."""
    item, verdicts = await held((await shelf.meant())["id"]), Verdicts()
    assert not await verdict.absent(item, verdicts)
    again = Later(noon + timedelta(seconds=TIMING.apart), "Not in Xero; looking once more.")
    assert ({item.claim.id: again}, noon) == (verdicts.said, (await write_back(item.claim.id))["absent_at"])
    for seconds, sure in ((TIMING.apart - 1, False), (TIMING.apart, True)):
        seen = replace(item, row=dict(item.row) | {"absent_at": noon - timedelta(seconds=seconds)})
        verdicts = Verdicts()
        assert sure is await verdict.absent(seen, verdicts)
        later = Later(noon + timedelta(seconds=1), "Not in Xero; looking once more.")
        assert ({} if sure else {item.claim.id: later}) == verdicts.said


async def test_a_lost_answer_is_given_time(shelf: Shelf, noon: datetime):
    """Counted from when it was sent; from now where that is not known."""
    item = await held((await shelf.meant())["id"])
    sent = replace(item, row=dict(item.row) | {"sent_at": PAID_AT})
    quiet = timedelta(seconds=TIMING.quiet)
    assert (noon + quiet, PAID_AT + quiet) == (verdict.quiet_until(item), verdict.quiet_until(sent))


async def test_verdicts_are_kept_by_row(shelf: Shelf):
    """Done, later, or not come to."""
    done, later, rest = [await held((await shelf.meant())["id"]) for _ in range(3)]
    verdicts = Verdicts()
    verdicts.done(done)
    verdicts.later(later, NOON, "Why.")
    assert {done.claim.id: None, later.claim.id: Later(NOON, "Why.")} == verdicts.said
    assert [rest] == verdicts.open([done, later, rest])


async def test_keys_are_kept_while_xero_keeps_them(shelf: Shelf, noon: datetime):
    """A new one for each turn and token; the first one again while it may be honoured, with the same token, after a send."""
    item = await held((await shelf.meant())["id"])
    stamp, name = int(noon.timestamp()), item.reference.split()[-1]
    assert f"{name}-1-v0-{stamp}" == keys.key_for([item])

    def sent(key: str, **columns: Any) -> rows.Item:
        return replace(item, row=dict(item.row) | {"sent_at": noon, "idempotency_key": key, **columns})

    young, old = f"{name}-9-v0-{stamp - int(TIMING.same_key) + 1}", f"{name}-9-v0-{stamp - int(TIMING.same_key)}"
    assert young == keys.key_for([sent(young)])
    fresh = f"{name}-1-v0-{stamp}"
    for other in (sent(old), sent(""), sent("a-b"), sent(f"{young}-x"), sent(young, sent_at=None)):
        assert fresh == keys.key_for([other])
    assert f"{name}-1-v3-{stamp}" == keys.key_for([sent(young, token_version=3)])
    kept = young.replace("-v0-", "-v3-")
    assert kept == keys.key_for([sent(kept, token_version=3)])


async def test_a_batch_has_one_key(shelf: Shelf):
    """Of what is in it and under which fences, in its order; never longer than Xero takes."""
    items = [await held((await shelf.meant())["id"]) for _ in range(2)]
    key = keys.key_for(items)
    assert key == keys.key_for(items)
    assert key.startswith("batch-")
    assert 46 == len(key)
    again = replace(items[0], claim=replace(items[0].claim, fence=9))
    assert 3 == len({key, keys.key_for([again, items[1]]), keys.key_for(items[::-1])})
