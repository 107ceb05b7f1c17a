"""Stripe's side of the books, made up from a seed: balance transactions of every kind, in several currencies, and payouts.

All amounts are Stripe's integers. What each event means is added up here a second time, by itself and in the simplest way,
so that the product's books have something to be held against.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID, uuid4

from app.clients.stripe_wire import LineView
from app.core.money import from_stripe

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
# Two, none and three digits, and the one that is sent in hundredths it does not have.
SETTLED_IN = ("gbp", "jpy", "kwd", "isk")
PAID_IN = (*SETTLED_IN, "usd", "eur", "huf", "mga", "ugx")
_WHOLE = {"isk": 100, "ugx": 100}
_PER_POUND = {
    "gbp": 100,
    "jpy": 190,
    "kwd": 400,
    "isk": 17000,
    "usd": 130,
    "eur": 118,
    "huf": 46000,
    "mga": 5900,
    "ugx": 480000,
}
_OTHERS = (
    "charge",
    "payment",
    "refund",
    "adjustment",
    "stripe_fee",
    "stripe_fx_fee",
    "transfer",
    "topup",
    "reserve_transaction",
)
Told = tuple[str, tuple[Any, ...]]


@dataclass(slots=True)
class Sale:
    """One payment of ours: its row, and what is told about it, in order (the ledger's function and its arguments)."""

    row: dict[str, Any]
    told: list[Told] = field(default_factory=list)


@dataclass(slots=True)
class Life:
    """A merchant's life at Stripe. `due`: what each currency's next payout will hold. `books`: what must come out."""

    rng: Random
    merchant: UUID
    row: dict[str, Any]
    due: dict[str, list[LineView]] = field(default_factory=lambda: {code: [] for code in SETTLED_IN})
    books: Counter[tuple[str, str]] = field(default_factory=Counter)
    events: int = 0
    number: int = 0

    def sale(self) -> Sale:
        """A customer pays; what becomes of it is the seed's to say."""
        paid_in, settled_in = self.rng.choice(PAID_IN), self.rng.choice(SETTLED_IN)
        if self.rng.random() < 0.7:
            paid_in = settled_in
        self.number += 1
        amount = self._amount(paid_in)
        gross = self._changed(amount, paid_in, settled_in)
        fee = self._part(gross, settled_in, 0.029)
        paid, settled = from_stripe(amount, paid_in), from_stripe(gross, settled_in)
        sale = Sale(self.row | {
            "id": uuid4(), "stripe_payment_intent_id": f"pi_{self.merchant}_{self.number}", "state": "succeeded", "paid_at": AT,
            "amount_minor": paid.minor, "currency": paid.currency, "settled_minor": settled.minor,
            "settlement_currency": settled.currency, "refunded_minor": 0,
        })  # fmt: skip
        kind = self.rng.choice(("charge", "payment"))
        line = self._line(sale, kind, gross, fee, settled_in, amount, paid_in)
        settling: Told = ("settled", (line.id, settled, from_stripe(fee, settled_in)))
        sale.told.append(("received", ()))
        self.books["received", paid.currency] += paid.minor
        late = self.rng.random() < 0.1
        if not late:
            sale.told.append(settling)
        self._afterwards(sale, amount, paid_in, gross, settled_in)
        if late:
            sale.told.append(settling)
        return sale

    def _afterwards(self, sale: Sale, amount: int, paid_in: str, gross: int, settled_in: str) -> None:
        chance = self.rng.random()
        if chance < 0.12:
            self._refunds(sale, amount, paid_in, gross, settled_in)
        elif chance < 0.17:
            self._dispute(sale, amount, paid_in, gross, settled_in)
        elif chance < 0.2:
            sale.told.append(("bounced", ()))
            sale.row["state"] = "failed"
            self.books["refunds", paid_in.upper()] += from_stripe(amount, paid_in).minor
            self._line(sale, "payment_failure_refund", -gross, 0, settled_in, amount, paid_in)

    def _refunds(self, sale: Sale, amount: int, paid_in: str, gross: int, settled_in: str) -> None:
        """In parts down to the last unit, at other rates, and some of them come back."""
        left = amount
        for _ in range(self.rng.randint(1, 4)):
            part = left if self.rng.random() < 0.3 else self._part(left, paid_in, self.rng.random())
            if not part:
                break
            moved = self._changed(part, paid_in, settled_in) if paid_in != settled_in else part
            self._refund(sale, part, paid_in, -moved, settled_in)
            if self.rng.random() < 0.15:
                self._refund(sale, -part, paid_in, moved, settled_in)
            else:
                left -= part

    def _refund(self, sale: Sale, part: int, paid_in: str, moved: int, settled_in: str) -> None:
        money = from_stripe(part, paid_in)
        sale.told.append(("refunded", (money.minor,)))
        sale.row["refunded_minor"] += money.minor
        self.books["refunds", money.currency] += money.minor
        self._line(sale, "refund" if part > 0 else "refund_failure", moved, 0, settled_in, abs(part), paid_in)

    def _dispute(self, sale: Sale, amount: int, paid_in: str, gross: int, settled_in: str) -> None:
        """Held with a fee; given back when it is won, the fee now and then as well."""
        fee = 100 * self.rng.randint(1, 20)
        money = from_stripe(amount, paid_in)
        sale.told.append(("disputed", (money, False)))
        self._line(sale, "adjustment", -gross, fee, settled_in, amount, paid_in, "du_1")
        if self.rng.random() < 0.5:
            sale.told.append(("disputed", (money, True)))
            self._line(sale, "adjustment", gross, self.rng.choice((0, -fee)), settled_in, amount, paid_in, "du_1")
        else:
            self.books["disputes", money.currency] += money.minor

    def other(self) -> None:
        """A movement that is of no payment of ours."""
        code, kind = self.rng.choice(SETTLED_IN), self.rng.choice(_OTHERS)
        gross = self._amount(code) * self.rng.choice((1, -1))
        self._line(None, kind, gross, self._part(abs(gross), code, self.rng.random() / 10), code)

    def pay_out(self, code: str) -> tuple[dict[str, Any], list[LineView], bool]:
        """All that is due in a currency, whichever way it goes: the payout, its lines, and whether the bank sends it back."""
        lines, self.due[code] = self.due[code], []
        self.number += 1
        amount, name = sum(line.net for line in lines), f"po_{self.merchant}_{self.number}"
        self.events += 1
        own = LineView(f"txn_{name}", "payout", -amount, 0, -amount, code, name, "", "Payout", AT)
        money, back = from_stripe(amount, code), self.rng.random() < 0.1
        if back:
            self._own_back(code, amount, name)
        else:
            self.books["bank", money.currency] += money.minor
        row = {"stripe_payout_id": name, "amount_minor": money.minor, "currency": money.currency}
        return row, [own, *lines], back

    def _own_back(self, code: str, amount: int, name: str) -> None:
        self.events += 1
        self.due[code].append(
            LineView(f"txn_back_{name}", "payout_failure", amount, 0, amount, code, name, "", "Back", AT)
        )

    def _line(
        self, sale: Sale | None, kind: str, gross: int, fee: int, code: str, paid: int = 0, paid_in: str = "", source: str = "x",
    ) -> LineView:  # fmt: skip
        self.events += 1
        intent = sale.row["stripe_payment_intent_id"] if sale else ""
        name = f"txn_{self.merchant}_{self.events}"
        line = LineView(name, kind, gross, fee, gross - fee, code, source, intent, kind, AT, paid, paid_in)
        self.due[code].append(line)
        currency = code.upper()
        if sale is None:
            self.books["other", currency] -= from_stripe(gross - fee, code).minor
        else:
            self.books["fees", currency] += from_stripe(fee, code).minor
        return line

    def _amount(self, code: str) -> int:
        """From a few units to tens of thousands, most of them odd."""
        step = _WHOLE.get(code, 1)
        return step * max(1, int(_PER_POUND[code] / step * 10 ** self.rng.uniform(0.1, 4)) + self.rng.randint(0, 9))

    def _changed(self, amount: int, source: str, target: str) -> int:
        """At a rate that moves a little, as Stripe rounds it: to the unit, away from anything we could work out."""
        if source == target:
            return amount
        step = _WHOLE.get(target, 1)
        exact = amount / _PER_POUND[source] * _PER_POUND[target] * self.rng.uniform(0.97, 1.03)
        return step * max(1, round(exact / step))

    def _part(self, amount: int, code: str, share: float) -> int:
        step = _WHOLE.get(code, 1)
        return int(amount * share / step) * step

    def live(self, events: int) -> Iterator[Sale | tuple[dict[str, Any], list[LineView], bool]]:
        """Sales and payouts until that many events have happened; at the end everything is paid out."""
        while self.events < events:
            if self.rng.random() < 0.25:
                self.other()
            else:
                yield self.sale()
            for code in SETTLED_IN:
                if len(self.due[code]) > 1500 or (self.rng.random() < 0.002 and self.due[code]):
                    yield self.pay_out(code)
        while any(self.due.values()):
            for code in SETTLED_IN:
                if self.due[code]:
                    yield self.pay_out(code)
