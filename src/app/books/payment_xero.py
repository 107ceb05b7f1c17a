"""What a change of a payment's money means for Xero: less to write, something to take back, or a person's decision.

Every function runs inside the transaction that holds the payment's invoice, attempt and row. Part of the room `payments`.
"""

from app.books import credit_notes, intents, ledger
from app.books.payment_telling import Row, tell
from app.core import db, jobs
from app.core.clock import from_now
from app.core.money import Money


async def follow(payment: Row) -> None:
    """Bring what is meant for Xero to what is left of the money: after a refund, a bounce, a lost dispute, or their end."""
    written = await intents.of_payment(payment["id"], "payment")
    if written is None:
        return
    left = await left_of(payment)
    over = await intents.of_payment(payment["id"], "overpayment")
    if over:
        left = await _beside_over(payment, written, over, left)
        if left.minor == written["amount_minor"] and written["state"] != "reversed":
            reversal = await intents.of_payment(payment["id"], "reversal")
            await credit_notes.catch_up(payment, written["amount_minor"], left, reversal)  # one of them may have failed
            await _stay(reversal, "The refund did not go through.")
            return
    if written["state"] == "reversed":
        await _missing(payment, written, left)
    elif written["state"] == "abandoned":
        await _meant_again(payment, written, left)
    elif written["state"] in {"intended", "parked"} and written["sent_at"] is None:
        await _not_there_yet(payment, written, left)
    else:
        await _there_already(payment, written, left)


async def left_of(payment: Row) -> Money:
    """What of the money did not go back to the customer."""
    gone = payment["amount_minor"] if payment["state"] == "failed" else payment["refunded_minor"]
    if payment["state"] == "dispute_lost":
        gone += (await ledger.balances(payment["id"])).get((ledger.DISPUTES, payment["currency"]), 0)
    return Money(max(payment["amount_minor"] - gone, 0), payment["currency"])


async def _beside_over(payment: Row, written: Row, over: Row, left: Money) -> Money:
    """What goes back comes out of the overpayment first; what is left for the payment beside it."""
    whole = written["state"] == "abandoned" and written["reason"] == intents.OVERPAID
    share = Money(0 if whole else min(left.minor, written["amount_minor"]), left.currency)
    rest = left - share
    if over["state"] in {"intended", "parked"} and over["sent_at"] is None:
        await (intents.resize(over["id"], rest) if rest.minor else intents.give_up(over["id"], "The money went back."))
    elif over["state"] == "abandoned" and over["reason"] == intents.WITHDRAWN and rest.minor:
        await intents.ask_again(over["id"], source="abandoned")
        await intents.resize(over["id"], rest)
    elif over["state"] != "abandoned":
        await _over_there(payment, Money(over["amount_minor"], rest.currency) - rest)
    return Money(written["amount_minor"], left.currency) if whole else share


async def _over_there(payment: Row, back: Money) -> None:
    """Xero takes no overpayment back through its API: a person records there that it went back, once."""
    told = await intents.of_payment(payment["id"], "overpayment_back")
    if back.minor > 0:
        if told is None or (told["reason"], told["amount_minor"]) != (intents.BY_HAND, back.minor):
            why = "overpayment_disputed" if payment["state"] == "dispute_lost" else "overpayment_refunded"
            await intents.put_before_merchant(payment, "overpayment_back", back, why)
        return
    if told and told["state"] == "parked":
        await intents.give_up(told["id"], "The refund did not go through.")


async def _missing(payment: Row, written: Row, left: Money) -> None:
    """Taken back in Xero, and then the money did not go back after all: the merchant says how it gets there again."""
    if not left.minor or not await intents.reopen(written["id"], left, "refund_failed"):
        return
    await _note_exception(payment, "refund_failed")
    await jobs.ask("merchant.alert", payment["merchant"], at=from_now(30))
    await tell(
        payment, "attention", "A refund did not go through",
        f"{left} was taken back in Xero, but you still have the money. Record it there again.",
    )  # fmt: skip


async def _meant_again(payment: Row, written: Row, left: Money) -> None:
    """Withdrawn because the money had gone back; there again, it is written. What a person booked stays theirs."""
    if written["reason"] == intents.BY_HAND:
        await _beside_by_hand(payment, Money(written["amount_minor"] - left.minor, left.currency))
        return
    withdrawn = written["reason"] == intents.WITHDRAWN
    if left.minor and withdrawn and await intents.ask_again(written["id"], source="abandoned"):
        await intents.resize(written["id"], left)


async def _beside_by_hand(payment: Row, back: Money) -> None:
    """A payment that a person booked went back: they book that, too."""
    reversal = await intents.of_payment(payment["id"], "reversal")
    if back.minor <= 0:
        await _stay(reversal, "The refund did not go through.")
        await _booked_in_vain(payment, reversal)
        return
    reversal_id = reversal["id"] if reversal else await intents.intend_reversal(payment)
    assert reversal_id is not None
    await intents.park(reversal_id, "refund_by_hand")
    await intents.resize(reversal_id, back)


async def _not_there_yet(payment: Row, written: Row, left: Money) -> None:
    """Xero has not heard of it: what is left is written, or nothing, and nothing beside it for what went back."""
    await credit_notes.withdraw(payment)
    await _stay(await intents.of_payment(payment["id"], "reversal"), "The money went back before it was recorded.")
    if not left.minor:
        await intents.give_up(written["id"], "The money went back before it was recorded.")
        if written["reason"] == "refund_failed":
            await _note_exception(payment, "")
        return
    await intents.resize(written["id"], left)
    if written["state"] == "parked" and written["reason"] == "overpaid":
        await intents.ask_again(written["id"])


async def _there_already(payment: Row, written: Row, left: Money) -> None:
    """What went back stands beside it as credit notes, or it is taken back: as the merchant chose."""
    reversal = await intents.of_payment(payment["id"], "reversal")
    rest = await intents.of_payment(payment["id"], "rest")
    booked = rest["amount_minor"] if rest and rest["reason"] == intents.BY_HAND else 0
    stands = written["amount_minor"] + booked
    credited = await credit_notes.catch_up(payment, stands, left, reversal)
    if payment["state"] == "dispute_lost":
        return  # the rest is a person's to decide: not every bank's decision is the last
    missing = Money(stands - left.minor - credited, left.currency)
    await _rest(payment, rest, missing, booked)
    if missing.minor <= 0:
        await _stay(reversal, "A credit note stands for it." if credited else "The refund did not go through.")
        await _booked_in_vain(payment, reversal)
    elif left.minor or credited:
        await _part(payment, reversal, missing)
    else:
        await _whole(payment, reversal, stands)


async def _rest(payment: Row, rest: Row | None, missing: Money, booked: int) -> None:
    """A refund failed after only what it had left was recorded: a person says what becomes of the rest, once."""
    if missing.minor < 0:
        amount = Money(booked - missing.minor, missing.currency)
        await intents.put_before_merchant(payment, "rest", amount, "rest_unrecorded")
    elif rest and rest["state"] == "parked":
        await intents.give_up(rest["id"], "The money went back.")


async def _booked_in_vain(payment: Row, reversal: Row | None) -> None:
    """A refund that a person has booked in Xero failed: they are told, once."""
    if reversal is None or reversal["reason"] != intents.BY_HAND:
        return
    if await intents.of_payment(payment["id"], "refund_back") is None:
        amount = Money(reversal["amount_minor"], reversal["currency"])
        await intents.put_before_merchant(payment, "refund_back", amount, "refund_undone")


async def _part(payment: Row, reversal: Row | None, missing: Money) -> None:
    """A payment cannot be taken back in part: a person says how it is recorded, and what they began only they go on with."""
    if reversal is None:
        reversal_id = await intents.intend_reversal(payment)
        if reversal_id:
            await intents.resize(reversal_id, missing)
            await intents.park(reversal_id, "refund_part")
        return
    if reversal["state"] in {"abandoned", "reversed"}:
        await intents.park(reversal["id"], "refund_more" if reversal["reason"] == intents.BY_HAND else "refund_part")
    if reversal["reason"] in {"refund_part", "refund_more"} or reversal["state"] in {"abandoned", "reversed"}:
        await intents.resize(reversal["id"], missing)


async def _whole(payment: Row, reversal: Row | None, stands: int) -> None:
    """All of it went back: it is taken back, unless a person has booked a part of that."""
    if reversal is None:
        await intents.intend_reversal(payment)
    elif reversal["reason"] in {intents.BY_HAND, "refund_more"}:
        await _part(payment, reversal, Money(stands, payment["currency"]))
    elif reversal["state"] in {"abandoned", "reversed"} or reversal["reason"] == "refund_part":
        await intents.resize(reversal["id"], Money(stands, payment["currency"]))
        await intents.ask_again(reversal["id"], source=reversal["state"])


async def _stay(reversal: Row | None, why: str) -> None:
    """What stands in Xero is right as it is: a refund came back before Xero was touched, or is settled in another way.

    Where Xero may have been touched, the reversal's own turn finds out, and what is missing then is told (`follow`).
    """
    if reversal and reversal["state"] in {"intended", "parked"} and reversal["sent_at"] is None:
        await intents.give_up(reversal["id"], why)


async def _note_exception(payment: Row, exception: str) -> None:
    await db.fetch("UPDATE payment SET exception = $2 WHERE id = $1", payment["id"], exception)
