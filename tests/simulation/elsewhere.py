"""What people do at Stripe and in Xero: customers on Stripe's page, banks, Stripe's dashboard, the bookkeeper.

Each function is one step, and done at once. Whoever asks for something impossible is refused, and that is fine.
"""

from typing import Any

from tests.simulation.shops import STALLS
from tests.simulation.story import Story

BANKS = {stall.currency.lower(): stall.bank for stall in STALLS if stall.bank}
HOWS: list[dict[str, Any]] = [
    {},
    {},
    {},
    {"card": "4000000000000002"},
    {"card": "4000002760003184"},
    {"card": "4000002760003184", "challenge": "fail"},
    {"card": None},  # by bank debit, where there is one
    {"card": None},
]

# ---- customers and their banks


async def pays(story: Story) -> None:
    """A customer who was shown Stripe's page pays there, or tries to."""
    sessions = [one for one in story.house.rows("stripe.checkout.session") if one.get("url") in story.urls]
    if sessions:
        session = story.rng.choice(sessions[-3:])
        how = dict(story.rng.choice(HOWS))
        if "card" in how and how["card"] is None:
            bank = BANKS.get(session["currency"])
            how = {"card": None, "bank": bank} if bank else {}
        await story.house.control("/_stripe/pay", {"session": session["id"], **how})


async def bank_decides(story: Story) -> None:
    """A bank debit arrives, fails, or is taken back after it arrived."""
    charges = [one for one in story.house.rows("stripe.charge") if one["status"] != "failed"]
    if charges:
        body = {
            "charge": story.rng.choice(charges)["id"],
            "outcome": story.rng.choice(("succeed", "fail", "fail_late")),
        }
        await story.house.control("/_stripe/debits", body)


# ---- the merchant and the bookkeeper in Xero


async def works_in_xero(story: Story) -> None:
    """Void, edit, credit, or book a payment made elsewhere."""
    shop = story.shop()
    target = story.rng.choice(shop.xero_ids)
    deed: str = story.rng.choice(("void", "change", "credit", "pay", "pay"))
    amount = shop.share_of(story.rng.choice((5, 20, 60, 100)))
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
    await story.house.control(f"/_xero/organisations/{story.shop().key}/lock", {"period_lock": day})


async def archives_account(story: Story) -> None:
    """The clearing account is archived, or restored."""
    clearing, deed = story.shop().accounts["Stripe clearing"], story.rng.choice(("archive", "restore"))
    await story.house.control(f"/_xero/accounts/{clearing}/{deed}")


async def leaves_xero(story: Story) -> None:
    """Somebody disconnects us from Xero's side."""
    await story.house.control(f"/_xero/organisations/{story.shop().key}/disconnect")


# ---- Stripe's dashboard


async def refunds_in_stripe(story: Story) -> None:
    """A refund in Stripe's dashboard, all or a part."""
    charge = _charge(story)
    if charge:
        part = {} if story.rng.random() < 0.5 else {"amount": max(10, charge["amount"] // 30 * 10)}
        await story.house.control("/_stripe/refunds", {"charge": charge["id"], **part})


async def ends_refund(story: Story) -> None:
    """A refund that was made fails after all, or goes another way than at once."""
    made = story.house.rows("stripe.refund")
    if made:
        outcome = story.rng.choice(("failed", "failed", "succeeded", "requires_action"))
        await story.house.control(f"/_stripe/refunds/{story.rng.choice(made)['id']}", {"outcome": outcome})


async def disputes(story: Story) -> None:
    """A customer disputes a payment or asks their bank about it, or a bank decides."""
    still = [one for one in story.house.rows("stripe.dispute") if "needs_response" in one["status"]]
    charge = _charge(story)
    if still and story.rng.random() < 0.6:
        outcome = story.rng.choice(("won", "lost", "won", "lost", "escalated", "appeal"))
        await story.house.control(f"/_stripe/disputes/{still[0]['id']}", {"outcome": outcome})
    elif charge:
        kind: dict[str, Any] = story.rng.choice(({}, {}, {}, {"inquiry": True}, {"prevented": True}))
        await story.house.control("/_stripe/disputes", {"charge": charge["id"], **kind})


async def pays_out(story: Story) -> None:
    """Stripe pays out; a payout arrives or comes back."""
    made = story.house.rows("stripe.payout")
    if made and story.rng.random() < 0.5:
        outcome = story.rng.choice(("paid", "failed"))
        await story.house.control(f"/_stripe/payouts/{story.rng.choice(made[-2:])['id']}", {"outcome": outcome})
    else:
        arrive = story.rng.choice(("paid", None))
        await pay_out(story, story.rng.choice(accounts(story)), arrive)


async def pay_out(story: Story, account: str, arrive: str | None) -> None:
    """Everything that this account holds, in each currency."""
    await story.house.control("/_stripe/payouts", {"account": account, "include_pending": True, "arrive": arrive})


def accounts(story: Story) -> list[str]:
    """Every account at Stripe of the merchants in this life, those they left too."""
    ours = {str(shop.merchant_id) for shop in story.shops}
    return [row["id"] for row in story.house.rows("stripe.v2.core.account") if row["metadata"].get("merchant") in ours]


async def leaves_stripe(story: Story) -> None:
    """A merchant takes our access to their account away in Stripe, or gives it back there."""
    account = story.rng.choice(accounts(story))
    story.left.add(account)
    action = story.rng.choice(("deauthorise", "deauthorise", "reconnect"))
    await story.house.control(f"/_stripe/accounts/{account}", {"action": action})


def _charge(story: Story) -> Any:
    good = [one for one in story.house.rows("stripe.charge") if one["status"] == "succeeded"]
    return story.rng.choice(good) if good else None
