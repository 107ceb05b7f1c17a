"""Rendered pay pages, kept for as long as everything they were made from is the same.

The rows are read anew for every request, so nothing shown is ever older than the database; only rendering is spared when a
customer opens, reloads or polls the same unchanged page.
"""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import Any


class Memo:
    """The last `size` pages by key, for at most `seconds`; a page whose inputs changed is made again."""

    def __init__(self, size: int = 512, seconds: float = 600) -> None:
        self._size = size
        self._seconds = seconds
        self._pages: OrderedDict[str, tuple[tuple[Any, ...], str, float]] = OrderedDict()

    def page(self, key: str, inputs: tuple[Any, ...], make: Callable[[], str]) -> str:
        """The page made from `inputs`: the kept one when they are equal to what it was made from."""
        kept = self._pages.get(key)
        if kept is not None and kept[0] == inputs and kept[2] > monotonic():
            return kept[1]
        html = make()
        self._pages[key] = (inputs, html, monotonic() + self._seconds)
        self._pages.move_to_end(key)
        self._forget_old()
        return html

    def _forget_old(self) -> None:
        """Pages hold names and amounts: none is kept longer than it is of use. The oldest stand first."""
        while self._pages and (len(self._pages) > self._size or next(iter(self._pages.values()))[2] < monotonic()):
            self._pages.popitem(last=False)
