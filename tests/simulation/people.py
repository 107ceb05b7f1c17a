"""What people do in a life: customers, the merchant in Payportal and in Xero, their bookkeeper, Stripe's dashboard, banks.

Each function is one step. What a person does in Xero or Stripe is done at once; what goes through the product is an actor in
its web process, which may wait and end anywhere. Whoever asks for something impossible is refused, and that is fine.
"""

from collections.abc import Coroutine
from contextlib import suppress
from typing import Any
from uuid import UUID

import httpx

from app.books import accounts, connections, grants, invoices, refunds, writeback
from app.core import db
from app.core.errors import Refused, Upstream
from app.core.money import Money
from app.core.work import Postpone
from payportal import checkout, find
from tests.simulation.house import WEB
from tests.simulation.story import Story

HOWS: list[dict[str, Any]] = [
    {},
    {},
    {},
    {"card": "4000000000000002"},
    {"card": "4000002760003184"},
    {"card": "4000002760003184", "challenge": "fail"},
    {"card": None, "bank": "00012345"},
    {"card": None, "bank": "00012345"},
]


async def _refusable(work: Coroutine[Any, Any, Any]) -> None:
    with suppress(Refused, Upstream, Postpone):
        await work


async def through_web(story: Story, name: str, work: Coroutine[Any, Any, Any]) -> None:
    """Somebody asks something of the web process."""
    await story.scheduler.start(name, WEB, _refusable(work))


# ---- customers


async def presses_pay(story: Story) -> None:
    """A customer presses Pay; now and then in two tabs at once."""
    invoice = story.rng.choice(story.house.invoices)
    for tab in range(story.rng.choice((1, 1, 1, 2))):
        share = story.rng.choice((1.0, 0.5, 0.31))
        await through_web(story, f"customer, tab {tab + 1}", _press(story, invoice, share))


async def _press(story: Story, invoice: UUID, share: float) -> None:
    clients = story.house.web
    await invoices.now_due(clients, invoice)
    found = await find.by_invoice(clients, invoice)
    amount = Money(max(int(found.still_due.minor * share), 1), found.still_due.currency)
    story.urls.append(await checkout.start(clients, found, amount))


async def buys(story: Story) -> None:
    """A customer goes all the way without anything in between: presses Pay and pays by card, a part or all."""
    invoice, share = story.rng.choice(story.house.invoices), story.rng.choice((1.0, 0.5, 0.31, 0.2))
    known = len(story.urls)
    await through_web(story, "customer", _press(story, invoice, share))
    while len(story.urls) == known and await story.scheduler.move():
        pass
    for session in story.house.rows("stripe.checkout.session"):
        if len(story.urls) > known and session.get("url") == story.urls[-1]:
            await story.house.control("/_stripe/pay", {"session": session["id"]})


async def pays(story: Story) -> None:
    """A customer who was shown Stripe's page pays there, or tries to."""
    sessions = [one for one in story.house.rows("stripe.checkout.session") if one.get("url") in story.urls]
    if sessions:
        session = story.rng.choice(sessions[-3:])
        await story.house.control("/_stripe/pay", {"session": session["id"], **story.rng.choice(HOWS)})


async def bank_decides(story: Story) -> None:
    """A bank debit arrives, fails, or is taken back after it arrived."""
    charges = [one for one in story.house.rows("stripe.charge") if one["status"] != "failed"]
    if charges:
        body = {
            "charge": story.rng.choice(charges)["id"],
            "outcome": story.rng.choice(("succeed", "fail", "fail_late")),
        }
        await story.house.control("/_stripe/debits", body)


# ---- the merchant in Payportal


async def asks_for_refund(story: Story) -> None:
    """The merchant presses Refund, and perhaps presses it again."""
    rows = await db.fetch(
        "SELECT id, amount_minor, refunded_minor FROM payment WHERE state IN ('succeeded', 'refunded_part')"
    )
    if rows:
        row = story.rng.choice(sorted(rows, key=lambda one: str(one["id"])))
        left = row["amount_minor"] - row["refunded_minor"]
        minor = left if story.rng.random() < 0.5 else max(left // 3, 1)
        form = UUID(int=story.rng.getrandbits(128))
        for _ in range(story.rng.choice((1, 1, 2))):
            asked = refunds.ask(story.house.till.merchant_id, row["id"], Money(minor, "GBP"), "Hannah Finch", form)
            await through_web(story, "merchant refunds", asked)


async def resolves(story: Story) -> None:
    """The merchant presses a button under Needs attention."""
    waiting = await writeback.attention(story.house.till.merchant_id)
    if waiting:
        row, reason = story.rng.choice(waiting)
        if reason.retry and story.rng.random() < 0.8:
            work = writeback.retry(story.house.till.merchant_id, row["id"])
        else:
            work = writeback.abandon(story.house.till.merchant_id, row["id"], "Hannah Finch")
        await through_web(story, "merchant resolves", work)


async def chooses_accounts(story: Story) -> None:
    """The merchant saves the accounts once more: what waited for one goes on."""
    await through_web(story, "merchant chooses", _choose(story))


async def _choose(story: Story) -> None:
    till = story.house.till
    known = await accounts.chart(story.house.web, till.connection_id)
    chosen = next((one.id for one in known.payments if one.name == "Stripe clearing"), None)
    if chosen:
        await accounts.choose(till.merchant_id, till.connection_id, known, "payments", "GBP", chosen)


async def signs_in_again(story: Story) -> None:
    """The merchant consents at Xero once more: a lost connection comes back."""
    await through_web(story, "merchant reconnects", _consent(story))


async def _consent(story: Story) -> None:
    till, clients = story.house.till, story.house.web
    try:
        tokens = await till._consent()
    except (AssertionError, KeyError, httpx.HTTPError):  # the browser shows no page to agree on: Xero is away
        return
    await grants.store_grant(clients, till.user_id, str(till.user_id), tokens)
    await connections.revive(clients, till.user_id)


# ---- the merchant and the bookkeeper in Xero


async def works_in_xero(story: Story) -> None:
    """Void, edit, credit, or book a payment made elsewhere."""
    target = story.rng.choice(story.house.xero_ids)
    deed: str = story.rng.choice(("void", "change", "credit", "pay", "pay"))
    amount = story.rng.choice(("5.00", "20.00", "60.00", "100.00"))
    body = {"change": {"amount": amount}, "credit": {"amount": amount}, "pay": {"amount": amount}}.get(deed)
    await story.house.control(f"/_xero/invoices/{target}/{deed}", body)


async def removes_payment(story: Story) -> None:
    """The bookkeeper removes a payment in Xero, or reconciles it."""
    live = [one for one in story.house.rows("xero.payment") if one["status"] == "AUTHORISED" and one["app"]]
    if live:
        payment, deed = story.rng.choice(live), story.rng.choice(("remove", "reconcile"))
        if await story.house.control(f"/_xero/payments/{payment['id']}/{deed}") and deed == "remove":
            story.removed.add(payment["reference"])


async def locks_period(story: Story) -> None:
    """The period up to today is locked, or unlocked again."""
    day = story.rng.choice((story.house.loop.now().date().isoformat(), ""))
    await story.house.control("/_xero/organisations/harrow/lock", {"period_lock": day})


async def archives_account(story: Story) -> None:
    """The clearing account is archived, or restored."""
    clearing, deed = story.house.till.accounts["Stripe clearing"], story.rng.choice(("archive", "restore"))
    await story.house.control(f"/_xero/accounts/{clearing}/{deed}")


async def leaves_xero(story: Story) -> None:
    """Somebody disconnects us from Xero's side."""
    await story.house.control("/_xero/organisations/harrow/disconnect")


# ---- Stripe's dashboard


async def refunds_in_stripe(story: Story) -> None:
    """A refund in Stripe's dashboard, all or a part."""
    charge = _charge(story)
    if charge:
        part = {} if story.rng.random() < 0.5 else {"amount": max(1, charge["amount"] // 3)}
        await story.house.control("/_stripe/refunds", {"charge": charge["id"], **part})


async def ends_refund(story: Story) -> None:
    """A refund that was made fails after all."""
    made = story.house.rows("stripe.refund")
    if made:
        await story.house.control(f"/_stripe/refunds/{story.rng.choice(made)['id']}", {"outcome": "failed"})


async def disputes(story: Story) -> None:
    """A customer disputes a payment, or a dispute is decided."""
    still = [one for one in story.house.rows("stripe.dispute") if one["status"] == "needs_response"]
    charge = _charge(story)
    if still and story.rng.random() < 0.6:
        outcome = story.rng.choice(("won", "lost"))
        await story.house.control(f"/_stripe/disputes/{still[0]['id']}", {"outcome": outcome})
    elif charge:
        await story.house.control("/_stripe/disputes", {"charge": charge["id"]})


async def pays_out(story: Story) -> None:
    """Stripe pays out; a payout arrives or comes back."""
    made = story.house.rows("stripe.payout")
    if made and story.rng.random() < 0.5:
        outcome = story.rng.choice(("paid", "failed"))
        await story.house.control(f"/_stripe/payouts/{made[-1]['id']}", {"outcome": outcome})
    else:
        body = {
            "account": story.house.till.account,
            "include_pending": True,
            "arrive": story.rng.choice(("paid", None)),
        }
        await story.house.control("/_stripe/payouts", body)


def _charge(story: Story) -> Any:
    good = [one for one in story.house.rows("stripe.charge") if one["status"] == "succeeded"]
    return story.rng.choice(good) if good else None
