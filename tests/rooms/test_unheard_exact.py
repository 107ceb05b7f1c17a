"""A payout that is followed, to the letter: what is asked of Stripe, and which payments of ours it brings to light."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest

from app.books import payouts
from app.clients.bundle import Clients
from app.clients.stripe_wire import LineView, PayoutView
from app.core import db
from app.core.clock import now
from app.core.errors import Upstream
from tests.rooms.shelf import ACCOUNT, PAID_AT, Shelf, one, put
from tests.rooms.test_payouts_exact import line, view


@dataclass
class Tells:
    """Stripe that tells of one payout and its lines, and has no word of any payment; `asked` is what it was asked for."""

    payout_told: PayoutView
    lines: list[LineView]
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    async def payout(self, account: str, payout_id: str) -> PayoutView:
        self.asked.append(("payout", account, payout_id))
        return self.payout_told

    async def payout_lines(self, account: str, payout_id: str) -> list[LineView]:
        self.asked.append(("lines", account, payout_id))
        return self.lines

    async def intent(self, account: str, intent_id: str) -> Any:
        self.asked.append(("intent", account, intent_id))
        raise Upstream("Away.")

    async def follow(self, shelf: Shelf) -> None:
        clients = SimpleNamespace(stripe=self, settings=SimpleNamespace(live=False))
        await payouts.follow(cast("Clients", clients), shelf.merchant, ACCOUNT, self.payout_told.id)


async def attempt(shelf: Shelf, minor: int = 4000, currency: str = "GBP", **columns: Any) -> None:
    """A customer went to pay so much, and nothing was heard of it since."""
    values = {
        "id": uuid4(), "merchant": shelf.merchant, "invoice": shelf.invoice, "stripe_account_id": ACCOUNT, "state": "expired",
        "amount_minor": minor, "currency": currency, "idempotency_key": str(uuid4()), "expires_at": PAID_AT,
        "changed_at": now(),
    }  # fmt: skip
    await put("attempt", **values | columns)


async def test_a_payout_is_read_in_whole_once(shelf: Shelf):
    """Its lines are asked for until they are kept, and not again."""
    told = view()
    stripe = Tells(told, [line("charge", 4000)])
    for _ in range(2):
        await stripe.follow(shelf)
    once = [("payout", ACCOUNT, told.id), ("lines", ACCOUNT, told.id)]
    assert [*once, ("payout", ACCOUNT, told.id)] == stripe.asked


@pytest.mark.parametrize("more", [{"automatic": False}, {"explained": False}])
async def test_only_what_stripe_explains_is_read_in_whole(shelf: Shelf, more: dict[str, Any]):
    """A payout of one's own has no lines, and those of the others come a little later."""
    told = view(**more)
    stripe = Tells(told, [])
    await stripe.follow(shelf)
    assert [("payout", ACCOUNT, told.id)] == stripe.asked


@pytest.mark.parametrize(("minor", "currency", "source"), [
    (4000, "GBP", {"source_amount": 4000}),
    (4000, "GBP", {"source_amount": 4000, "source_currency": "gbp"}),
    (5100, "USD", {"source_amount": 5100, "source_currency": "usd"}),
])  # fmt: skip
async def test_a_payment_that_nobody_told_of_is_asked_for(
    shelf: Shelf, minor: int, currency: str, source: dict[str, Any]
):
    """What a customer of ours may have paid, in the currency of the payment; before the payout is booked."""
    await attempt(shelf, minor, currency)
    told = view()
    stripe = Tells(told, [line("charge", 4000, payment_intent="pi_unheard", **source)])
    with pytest.raises(Upstream):
        await stripe.follow(shelf)
    assert ("intent", ACCOUNT, "pi_unheard") == stripe.asked[-1]
    assert 0 == await db.fetch_value("SELECT count(*) FROM payout WHERE stripe_payout_id = $1", told.id)


async def test_what_is_known_or_cannot_be_ours_is_not_asked_for(shelf: Shelf):
    """A payment that we have, a refund, another amount, another merchant's or account's attempt, or one of long ago."""
    known = await shelf.payment(4000)
    other = await Shelf().open()
    await attempt(shelf, 4001)
    await attempt(other)
    await attempt(shelf, stripe_account_id="acct_other")
    await attempt(shelf, 700, changed_at=PAID_AT.replace(year=2020))
    intent = known["stripe_payment_intent_id"]
    lines = [
        line("charge", 4000, source_amount=4000, payment_intent=intent),
        line("charge", 4000, source_amount=4000, payment_intent="pi_theirs"),
        line("charge", 700, source_amount=700, payment_intent="pi_old"),
        line("refund", -4001, source_amount=4001, payment_intent="pi_back"),
        line("charge", 4001, source_amount=4001),
    ]
    stripe = Tells(view(), lines)
    await stripe.follow(shelf)
    assert ["payout", "lines"] == [what for what, *_ in stripe.asked]


@pytest.mark.parametrize(("mixed", "expected"), [(True, ("parked", "payout_mixed", 7)), (False, ("intended", "", 7))])
async def test_fees_of_a_payout_of_two_organisations_wait(shelf: Shelf, mixed: bool, expected: tuple[str, str, int]):
    """A person says where they belong, and is mailed about it; those of one organisation are meant at once."""
    other = uuid4()
    await put("connection", id=other, merchant=shelf.merchant, xero_tenant_id=str(uuid4()), timezone="UTC")
    await shelf.choose("fees", code="404", by_payout=True)
    await shelf.choose("payments", "GBP")
    paid = [await shelf.payment(), *([await shelf.payment(connection=other)] if mixed else [])]
    lines = [line("charge", 4000, 7, payment_intent=row["stripe_payment_intent_id"]) for row in paid]
    payout = await shelf.payout(0, state="paid")
    await payouts._explain(payout, lines)
    await payouts._record(payout["id"])
    meant = await one("SELECT state, reason, amount_minor FROM write_back WHERE payout = $1", payout["id"])
    assert expected == (meant["state"], meant["reason"], meant["amount_minor"])
    assert mixed is (("merchant.alert", str(shelf.merchant)) in await shelf.asked())
