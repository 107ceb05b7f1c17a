"""Rows that are made when they are looked at: a world of a million invoices costs nothing until somebody changes one.

A crop knows its rows by number, 0 to ``size`` - 1, and each from its number alone. A row that was changed is ``put`` into
the store like any other and stands there from then on, under the same id.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol
from weakref import WeakValueDictionary

Obj = dict[str, Any]


class Crop(Protocol):
    """One kind's sown rows."""

    size: int

    def id(self, number: int) -> str:
        """The id of a row."""

    def number(self, id: str) -> int | None:
        """Which row has this id, if one has."""

    def row(self, number: int) -> Obj:
        """The row as it was sown."""

    def find(self, index: str, value: Any) -> range:
        """The rows that an index of the store would have under a value."""


class _Row(dict[str, Any]):
    """A dict that can be known without being kept."""

    __slots__ = ("__weakref__",)


class Field:
    """A crop beside the rows already ``taken`` from it into the store."""

    def __init__(self, crop: Crop, taken: dict[str, Obj]) -> None:
        self.crop, self._taken = crop, taken
        self._seen: WeakValueDictionary[str, _Row] = WeakValueDictionary()

    def get(self, id: str) -> Obj | None:
        """A row by id; the same dict for as long as anybody holds it."""
        number = self.crop.number(id)
        return None if number is None or id in self._taken else self._row(id, number)

    def _row(self, id: str, number: int) -> Obj:
        row = self._seen.get(id)
        if row is None:
            row = self._seen[id] = _Row(self.crop.row(number))
        return row

    def numbers(self, among: range | list[int]) -> range | list[int]:
        """Those of the numbers whose rows were not taken."""
        if len(among) < len(self._taken):
            return [number for number in among if self.crop.id(number) not in self._taken]
        gone = {number for id in self._taken if (number := self.crop.number(id)) is not None}
        return [number for number in among if number not in gone] if gone else among

    def rows(self, among: range | list[int]) -> Iterator[Obj]:
        """Rows by their numbers, one after the other."""
        return (self._row(self.crop.id(number), number) for number in among)
