"""Reads a page the way the template tests need it: elements in order, with their words."""

from html.parser import HTMLParser
from typing import NamedTuple

VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())


class Tag(NamedTuple):
    """One element with its attributes and the text inside it."""

    name: str
    attrs: dict[str, str | None]
    text: list[str]
    line: int
    in_label: bool

    @property
    def words(self) -> str:
        """What a reader hears: the label, else the text."""
        return self.attrs.get("aria-label") or " ".join("".join(self.text).split())


class Page(HTMLParser):
    """The elements of a page in order; remembers tags that were closed in the wrong order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[Tag] = []
        self.open: list[Tag] = []
        self.crossed: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(Tag(tag, dict(attrs), [], self.getpos()[0], self.is_in_label()))
        if tag not in VOID:
            self.open.append(self.tags[-1])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(Tag(tag, dict(attrs), [], self.getpos()[0], self.is_in_label()))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1].name != tag:
            self.crossed.append(f"{tag} in line {self.getpos()[0]}")
        while self.open and self.open.pop().name != tag:
            pass

    def handle_data(self, data: str) -> None:
        for tag in self.open:
            tag.text.append(data)

    def all(self, *names: str) -> list[Tag]:
        return [tag for tag in self.tags if tag.name in names]

    def words(self, *names: str) -> set[str]:
        return {tag.words for tag in self.all(*names)}

    def is_in_label(self) -> bool:
        return any(tag.name == "label" for tag in self.open)
