"""Rendered pay pages, kept for as long as everything they were made from is the same.

The rows are read anew for every request, so nothing shown is ever older than the database; only rendering is spared when a
customer opens, reloads or polls the same unchanged page.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any


class Memo:
    """The last `size` pages by key; a page whose inputs changed is made again."""

    def __init__(self, size: int = 512) -> None:
        self._size = size
        self._pages: OrderedDict[str, tuple[tuple[Any, ...], str]] = OrderedDict()

    def page(self, key: str, inputs: tuple[Any, ...], make: Callable[[], str]) -> str:
        """The page made from `inputs`: the kept one when they are equal to what it was made from."""
        kept = self._pages.get(key)
        if kept is not None and kept[0] == inputs:
            self._pages.move_to_end(key)
            return kept[1]
        html = make()
        self._pages[key] = (inputs, html)
        if len(self._pages) > self._size:
            self._pages.popitem(last=False)
        return html
