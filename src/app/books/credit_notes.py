"""Refunds as credit notes: for merchants who chose an account for them, what went back stands beside the payment in Xero.

Each refund of Stripe's gets one credit note and one refund payment of it; the payment itself stays. Every function runs
inside the transaction that holds the payment's invoice, attempt and row. Part of the room `payments`.
"""

from uuid import UUID

from app.books import audit, intents, timeline
from app.books.machines import WRITE_BACK
from app.books.payment_telling import Row
from app.core import db, states
from app.core.money import Money

KINDS = ("credit_note", "credit_refund")
# Stripe's words for a refund whose money is not with the customer, nor will be.
FAILED = frozenset({"failed", "canceled"})
_NOTES = """
SELECT w.*, EXISTS (SELECT 1 FROM write_back b WHERE b.payment = w.payment AND b.stripe_refund_id = w.stripe_refund_id
  AND b.kind = 'credit_back') AS undone
FROM write_back w WHERE w.payment = $1 AND w.kind = 'credit_note' ORDER BY w.id
"""
_REFUNDS = "SELECT * FROM stripe_refund WHERE payment = $1 ORDER BY id"  # as they were made
_OF_REFUND = """
SELECT * FROM write_back WHERE payment = $1 AND stripe_refund_id = $2 AND kind = ANY($3) ORDER BY id FOR NO KEY UPDATE
"""


_DATED = "UPDATE write_back SET dated_on = $2, request = '', request_sha256 = '' WHERE id = $1"


async def by_policy(connection_id: UUID) -> bool:
    """Whether refunds become credit notes in this organisation; else a payment that went back is deleted."""
    return await intents.chosen(connection_id, "refunds", "") is not None


async def catch_up(payment: Row, stands: int, left: Money, reversal: Row | None) -> int:
    """Mean the credit notes that are due, take back those whose refund failed; what all of them stand for, in minor units.

    `stands` is what of the payment is in Xero, in minor units, `left` what of the money did not go back.
    """
    notes: list[Row] = await db.fetch(_NOTES, payment["id"])
    if not notes and not await by_policy(payment["connection"]):
        return 0
    refunds = await db.fetch(_REFUNDS, payment["id"])
    failed = {row["stripe_refund_id"] for row in refunds if row["status"] in FAILED}
    for note in [one for one in notes if one["stripe_refund_id"] in failed and _counts(one)]:
        await _undo(payment, note)
    covered: int = sum(one["amount_minor"] for one in await db.fetch(_NOTES, payment["id"]) if _counts(one))
    if payment["state"] == "failed" or not _open_to_it(reversal) or not await by_policy(payment["connection"]):
        return covered
    live = [row for row in refunds if row["status"] not in FAILED]
    return covered + await _credit(payment, stands, live, stands - left.minor - covered)


def _counts(note: Row) -> bool:
    """Whether a credit note stands, or will, for what went back: also one that a person booked."""
    return not note["undone"] and (note["state"] != "abandoned" or note["reason"] == intents.BY_HAND)


def _open_to_it(reversal: Row | None) -> bool:
    """Not while the payment is being taken back, nor after a person has booked a part: only a person can go on with that."""
    if reversal is None or reversal["state"] == "reversed":
        return True
    if reversal["state"] == "abandoned":
        return reversal["reason"] in {intents.WITHDRAWN, intents.CREDITED}
    return bool(reversal["state"] == "parked" and reversal["reason"] == "refund_part")


async def _credit(payment: Row, stands: int, refunds: list[Row], missing: int) -> int:
    """A credit note for each refund without one, oldest first; not for what went back before Xero heard of the payment."""
    begun, upto, done = payment["amount_minor"] - stands, 0, 0
    for refund in refunds:
        upto += refund["amount_minor"]
        minor = min(refund["amount_minor"], upto - begun, missing - done)
        if minor > 0:
            amount = Money(minor, payment["currency"])
            done += minor if await _note(payment, refund["stripe_refund_id"], amount) else 0
    return done


async def _note(payment: Row, stripe_refund_id: str, amount: Money) -> bool:
    """Mean the credit note of a refund; also one that was withdrawn while the payment was not in Xero. False when it is there."""
    if await intents.intend_of_refund(payment, stripe_refund_id, "credit_note", amount) is not None:
        return True
    (known,) = await db.fetch(_OF_REFUND, payment["id"], stripe_refund_id, ["credit_note"])
    if known["reason"] != intents.WITHDRAWN or not await intents.ask_again(known["id"], source="abandoned"):
        return False
    return await intents.resize(known["id"], amount)


async def noted(payment: Row, note: Row) -> None:
    """The credit note is in Xero: mean the refund of it, out of the account that the payment went to."""
    if await withdrawn(note):
        return
    amount = Money(note["amount_minor"], note["currency"])
    row_id = await intents.intend_of_refund(payment, note["stripe_refund_id"], "credit_refund", amount)
    if row_id is not None and note["dated_on"]:  # the day that a person chose for the note
        await db.fetch(_DATED, row_id, note["dated_on"])
    told = await intents.of_payment(payment["id"], "exchange")
    if told and told["state"] == "parked" and told["reason"] == "refund_rate":  # Xero hears Stripe's own figure instead
        await intents.give_up(told["id"], "Recorded with the refund.")


async def withdraw(payment: Row) -> None:
    """The payment is not in Xero, and will be without what went back: then nothing is to stand beside it for that."""
    for note in await db.fetch(_NOTES, payment["id"]):
        if note["state"] in {"intended", "parked"} and note["sent_at"] is None:
            await intents.give_up(note["id"], "The money went back before the payment was recorded.")


async def stand(payment_id: UUID) -> bool:
    """Whether there is a credit note of this payment, in Xero or on its way."""
    return any(_counts(note) for note in await db.fetch(_NOTES, payment_id))


async def note_of(row: Row) -> str:
    """Xero's id of the credit note that a refund is written for."""
    sql = "SELECT xero_id FROM write_back WHERE payment = $1 AND stripe_refund_id = $2 AND kind = 'credit_note'"
    return str(await db.fetch_value(sql, row["payment"], row["stripe_refund_id"]) or "")


async def withdrawn(row: Row) -> bool:
    """Whether the refund that a row is about has failed, so that nothing of it is to be written any more."""
    sql = "SELECT status FROM stripe_refund WHERE payment = $1 AND stripe_refund_id = $2"
    return await db.fetch_value(sql, row["payment"], row["stripe_refund_id"]) in FAILED


async def absent(row: Row) -> None:
    """A credit note whose refund failed is not in Xero after all: nobody has to remove it."""
    (told,) = await db.fetch(_OF_REFUND, row["payment"], row["stripe_refund_id"], ["credit_back"]) or [None]
    if row["kind"] == "credit_note" and told:
        await intents.give_up(told["id"], "It never was in Xero.")


async def _undo(payment: Row, note: Row) -> None:
    """A refund failed: what is not in Xero is not written, what may be there is a person's to remove."""
    there = False
    for row in await db.fetch(_OF_REFUND, payment["id"], note["stripe_refund_id"], list(KINDS)):
        unsent = row["state"] in {"intended", "parked"} and row["sent_at"] is None
        if unsent:
            await intents.give_up(row["id"], "The refund did not go through.")
        there = there or (not unsent and row["state"] != "abandoned")
        there = there or row["reason"] == intents.BY_HAND
    if there:
        amount = Money(note["amount_minor"], note["currency"])
        row_id = await intents.intend_of_refund(payment, note["stripe_refund_id"], "credit_back", amount)
        if row_id is not None:
            await intents.put_aside(row_id, "credit_refund_failed", payment["merchant"])


async def instead(payment: Row, reversal: Row) -> bool:
    """A person has the refunds recorded as credit notes, because the payment cannot be taken back; False when it may now be.

    Raises nothing: the caller says that there is nothing to choose.
    """
    moved = await states.move(
        WRITE_BACK, reversal["id"], "abandoned", ("parked",), next_at=None, reason=intents.CREDITED,
        message="Recorded as a credit note.",
    )  # fmt: skip
    if moved:
        await audit.note(
            payment["merchant"], audit.actor(), "credit_note_chosen", f"write_back:{reversal['id']}",
            {"payment": payment["id"]},
        )  # fmt: skip
        title = "To be recorded as a credit note"
        await timeline.add(payment["merchant"], payment["invoice"], "recorded", title, "")
    return moved
