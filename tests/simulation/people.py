"""What people do through the product: customers, the merchants, and merchants who meddle with what is another's.

Each function is one step: an actor in the web process, which may wait and end anywhere. Whoever asks for something impossible is
refused, and that is fine. What people do in Xero and at Stripe is in `elsewhere`.
"""

from collections.abc import Coroutine
from contextlib import suppress
from typing import Any
from uuid import UUID

import httpx

from app.books import accounts, connections, invoices, payouts, refunds, writeback
from app.core import db
from app.core.errors import NotFound, Refused, Upstream
from app.core.money import Money, exponent
from app.core.work import Postpone
from payportal import checkout, find
from tests.simulation.house import WEB
from tests.simulation.shops import Shop
from tests.simulation.story import Story


async def _refusable(work: Coroutine[Any, Any, Any]) -> None:
    with suppress(Refused, Upstream, Postpone):
        await work


async def through_web(story: Story, name: str, work: Coroutine[Any, Any, Any]) -> None:
    """Somebody asks something of the web process."""
    await story.scheduler.start(name, WEB, _refusable(work))


# ---- customers


async def presses_pay(story: Story) -> None:
    """A customer presses Pay; now and then in two tabs at once."""
    invoice = story.rng.choice(story.shop().invoices)
    for tab in range(story.rng.choice((1, 1, 1, 2))):
        share = story.rng.choice((1.0, 0.5, 0.31))
        await through_web(story, f"customer, tab {tab + 1}", _press(story, invoice, share))


async def _press(story: Story, invoice: UUID, share: float) -> None:
    clients = story.house.web
    await invoices.now_due(clients, invoice)
    found = await find.by_invoice(clients, invoice)
    amount = Money(max(_payable(found.still_due.minor * share, found.still_due.currency), 1), found.still_due.currency)
    story.urls.append(await checkout.start(clients, found, amount))


async def buys(story: Story) -> None:
    """A customer goes all the way without anything in between: presses Pay and pays by card, a part or all."""
    invoice, share = story.rng.choice(story.shop().invoices), story.rng.choice((1.0, 0.5, 0.31, 0.2))
    known = len(story.urls)
    await through_web(story, "customer", _press(story, invoice, share))
    while len(story.urls) == known and await story.scheduler.move():
        pass
    for session in story.house.rows("stripe.checkout.session"):
        if len(story.urls) > known and session.get("url") == story.urls[-1]:
            await story.house.control("/_stripe/pay", {"session": session["id"]})


# ---- the merchant in Payportal


async def asks_for_refund(story: Story) -> None:
    """The merchant presses Refund, and perhaps presses it again."""
    sql = "SELECT * FROM payment WHERE state IN ('succeeded', 'refunded_part') AND merchant = $1"
    shop = story.shop()
    rows = await db.fetch(sql, shop.merchant_id)
    if rows:
        row = story.rng.choice(sorted(rows, key=lambda one: str(one["id"])))
        left = row["amount_minor"] - row["refunded_minor"]
        amount = Money(
            left if story.rng.random() < 0.5 else max(_payable(left / 3, row["currency"]), 1), row["currency"]
        )
        form = UUID(int=story.rng.getrandbits(128))
        for _ in range(story.rng.choice((1, 1, 2))):
            asked = refunds.ask(shop.merchant_id, row["id"], amount, shop.person, form)
            await through_web(story, "merchant refunds", asked)


def _payable(minor: float, currency: str) -> int:
    """The amount as a card can be charged it: where there are three decimals, the last one is nought."""
    return int(minor) // 10 * 10 if exponent(currency) == 3 else int(minor)


async def resolves(story: Story) -> None:
    """A merchant presses a button under Needs attention."""
    await resolve(story, story.shop())


async def resolve(story: Story, shop: Shop) -> None:
    """This merchant does."""
    waiting = await writeback.attention(shop.merchant_id)
    if not waiting:
        return
    row, reason = story.rng.choice(waiting)
    of = (shop.merchant_id, row["id"])
    ways: list[Coroutine[Any, Any, Any]] = [writeback.abandon(*of, shop.person)]
    if reason.retry:
        ways += [writeback.retry(*of) for _ in range(4)]
    if reason.overpay:
        ways += [writeback.overpay(story.house.web, *of) for _ in range(2)]
    if writeback.may_credit(row):
        ways += [writeback.credit(*of) for _ in range(2)]
    if writeback.may_redate(row):
        ways += [writeback.redate(story.house.web, *of) for _ in range(2)]
    chosen = story.rng.choice(ways)
    for way in ways:
        if way is not chosen:
            way.close()
    await through_web(story, "merchant resolves", chosen)


async def chooses_accounts(story: Story) -> None:
    """A merchant saves the accounts once more: what waited for one goes on."""
    await choose(story, story.shop())


async def choose(story: Story, shop: Shop) -> None:
    """This merchant does."""
    await through_web(story, "merchant chooses", _choose(shop))


async def _choose(shop: Shop) -> None:
    known = await accounts.chart(shop.clients, shop.connection_id)
    chosen = next((one.id for one in known.payments if one.name == "Stripe clearing"), None)
    if chosen:
        of = (shop.merchant_id, shop.connection_id, known)
        await accounts.choose(*of, "payments", shop.currency, chosen)
        await writeback.account_chosen(shop.connection_id)


async def signs_in_again(story: Story) -> None:
    """A merchant consents at Xero once more: a connection that was lost or left comes back."""
    await sign_in(story, story.shop())


async def sign_in(story: Story, shop: Shop) -> None:
    """This merchant does."""
    await through_web(story, "merchant reconnects", _consent(shop))


async def _consent(shop: Shop) -> None:
    with suppress(AssertionError, KeyError, httpx.HTTPError):  # the browser shows no page to agree on: Xero is away
        await shop.consent()


async def disconnects_xero(story: Story) -> None:
    """A merchant leaves Xero by our own button."""
    shop = story.shop()
    leaving = connections.disconnect(story.house.web, shop.merchant_id, shop.connection_id)
    await through_web(story, "merchant disconnects", leaving)


async def returns_to_stripe(story: Story) -> None:
    """A merchant presses Connect to Stripe: with a new account, where the old one left."""
    await through_web(story, "merchant connects Stripe", _open_account(story.shop()))


async def _open_account(shop: Shop) -> None:
    with suppress(httpx.HTTPError):  # the browser gives up waiting
        await shop.open_account()


# ---- a merchant where they have no business


async def meddles(story: Story) -> None:
    """A merchant sends us the ids of what is another's: each is answered as if there were no such thing."""
    stranger, owner = story.rng.sample(story.shops, 2)
    payment = await _one_of("payment", owner)
    written, payout = await _one_of("write_back", owner), await _one_of("payout", owner)
    me, web = stranger.merchant_id, story.house.web
    form = UUID(int=story.rng.getrandbits(128))
    tries: dict[str, Coroutine[Any, Any, Any]] = {"disconnect": connections.disconnect(web, me, owner.connection_id)}
    if payment:
        tries["refund"] = refunds.ask(me, payment["id"], Money(10, payment["currency"]), stranger.person, form)
    if written:
        tries["retry"] = writeback.retry(me, written["id"])
        tries["abandon"] = writeback.abandon(me, written["id"], stranger.person)
        tries["credit"] = writeback.credit(me, written["id"])
        tries["overpay"] = writeback.overpay(web, me, written["id"])
        tries["redate"] = writeback.redate(web, me, written["id"])
    for what, deed in tries.items():
        await story.scheduler.start(f"stranger, {what}", WEB, _refused(story, what, deed))
    if payout and await payouts.one(me, payout["id"]) is not None:
        story.trespasses.append("a stranger could read a payout")


async def _one_of(table: str, owner: Shop) -> Any:
    return await db.fetch_row(f"SELECT * FROM {table} WHERE merchant = $1 ORDER BY id LIMIT 1", owner.merchant_id)


async def _refused(story: Story, what: str, deed: Coroutine[Any, Any, Any]) -> None:
    try:
        await deed
    except NotFound:
        return
    except (Refused, Upstream, Postpone) as told:
        story.trespasses.append(f"a stranger's {what} was answered with {told!r}")
        return
    story.trespasses.append(f"a stranger could {what}")
