"""Very many plain invoices of one organisation, each made from its number: what ``/_seed`` with a ``size`` plants."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import msgspec

from sandbox.store import Obj

FIRST = 100_001
APART_MS = 7_000
_WORD = 1 << 64
_MIX = 0x9E3779B97F4A7C15  # odd, so that multiplying by it modulo 2**64 can be undone
_UNMIX = pow(_MIX, -1, _WORD)


class Plan(msgspec.Struct):
    """All that a crop is made from; it is what the store keeps of it. ``salt``: 56 bits; ``start``: epoch milliseconds."""

    size: int
    tenant: str
    salt: int
    contacts: list[str]
    start: int
    today: str
    model: Obj


class Glimpse:
    """Reads like the row of ``at`` and makes only the fields that are read: to look through a million for a few."""

    __slots__ = ("_fixed", "_varied", "at")

    def __init__(self, fixed: Obj, varied: dict[str, Callable[[int], Any]]) -> None:
        self._fixed, self._varied, self.at = fixed, varied, 0

    def __getitem__(self, name: str) -> Any:
        of = self._varied.get(name)
        return self._fixed[name] if of is None else of(self.at)


class SownInvoices:
    """A crop of authorised sales invoices of one line, ``INV-100001`` and on, seven seconds apart in the past."""

    def __init__(self, plan: Plan) -> None:
        self.size, self.plan = plan.size, plan
        days = [(date.fromisoformat(plan.today) + timedelta(days=n - 60)).isoformat() for n in range(121)]
        self._fixed = plan.model | {"tenant": plan.tenant}
        self._varied: dict[str, Callable[[int], Any]] = {
            "id": self.id,
            "updated": self.updated,
            "number": lambda number: f"INV-{FIRST + number}",
            "contact": lambda number: plan.contacts[number % len(plan.contacts)],
            "date": lambda number: days[number % 60],
            "due": lambda number: days[30 + number % 90],
            "lines": self._lines,
            "subtotal": self._amount,
            "total": self._amount,
        }

    def id(self, number: int) -> str:
        """A version 4 UUID: the salt around the number, mixed so that neighbours look nothing like each other."""
        return self._uuid(2 * number + 1)

    def _uuid(self, place: int) -> str:
        mixed = (place * _MIX + self.plan.salt) % _WORD
        salt = f"{self.plan.salt:014x}"
        word = f"{mixed:016x}"
        return f"{word[:8]}-{word[8:12]}-4{word[12:15]}-{'89ab'[self.plan.salt & 3]}{word[15]}{salt[:2]}-{salt[2:]}"

    def number(self, id: str) -> int | None:
        """Undoes ``id``."""
        try:
            mixed = int(id[:8] + id[9:13] + id[15:18] + id[20:21], 16)
        except ValueError:
            return None
        place = (mixed - self.plan.salt) * _UNMIX % _WORD
        number = place // 2
        return number if place % 2 and number < self.size and self.id(number) == id else None

    def row(self, number: int) -> Obj:
        """The invoice as it was planted."""
        return self._fixed | {name: of(number) for name, of in self._varied.items()}

    def glimpse(self) -> Glimpse:
        """Something to look through at one row after the other."""
        return Glimpse(self._fixed, self._varied)

    def _amount(self, number: int) -> int:
        return 5_000 + (number * 7_919) % 300_000

    def _lines(self, number: int) -> list[Obj]:
        amount = self._amount(number)
        own = {"id": self._uuid(2 * number), "unit": f"{amount // 100}.{amount % 100:02}", "amount": amount}
        return [{**self.plan.model["lines"][0], **own}]

    def updated(self, number: int) -> int:
        """When it was last changed, in epoch milliseconds; later ones later."""
        return self.plan.start + number * APART_MS

    def find(self, index: str, value: Any) -> range:
        """By tenant all, by number one, by online address none: they have none yet."""
        if index == "tenant" and value == self.plan.tenant:
            return range(self.size)
        if index == "number" and value[:2] == (self.plan.tenant, "ACCREC") and value[2].startswith("INV-"):
            digits = value[2].removeprefix("INV-")
            at = int(digits) - FIRST if digits.isascii() and digits.isdigit() and len(digits) < 9 else -1
            return range(at, at + 1) if 0 <= at < self.size and f"{at + FIRST}" == digits else range(0)
        return range(0)

    def changed_after(self, moment: int) -> int:
        """The first number last changed after ``moment`` (epoch milliseconds)."""
        return min(max((moment - self.plan.start) // APART_MS + 1, 0), self.size)
