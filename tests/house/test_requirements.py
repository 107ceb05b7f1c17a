"""Every dependency is wished for once, pinned, and known by its hash."""

import re

import pytest
from packaging.requirements import Requirement

from tests.fixtures.process import ROOT

LISTS = ("base", "node", "test", "dev")


def wishes(name: str) -> list[Requirement]:
    """What requirements/<name>.in asks for."""
    lines = (line.split("#")[0].strip() for line in (ROOT / f"requirements/{name}.in").read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def pins(name: str) -> dict[str, str]:
    """Package → its whole entry in requirements/<name>.txt."""
    text = (ROOT / f"requirements/{name}.txt").read_text()
    entries = re.split(r"\n(?=[a-z0-9])", re.sub(r"(?m)^#.*\n", "", text).strip())
    return {re.split(r"[=\s]", entry, maxsplit=1)[0]: entry for entry in entries}


@pytest.mark.parametrize("name", LISTS)
def test_every_pin_has_a_hash(name):
    """Each line of a list is one exact version with the hashes of its files."""
    for package, entry in pins(name).items():
        assert re.match(rf"{package}==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry


@pytest.mark.parametrize("name", LISTS)
def test_lists_name_no_registry_and_no_machine(name):
    """A list works with whatever registry the machine uses."""
    text = (ROOT / f"requirements/{name}.txt").read_text()
    assert [] == re.findall(r"(?:https?|file)://\S+|--(?:index|extra-index|find-links|trusted-host)\S*|@ /\S+", text)


@pytest.mark.parametrize("name", LISTS)
def test_every_wish_is_pinned(name):
    """Nothing is wished for without being pinned."""
    pinned = pins(name)
    assert [] == [wish.name for wish in wishes(name) if wish.name.lower().replace("_", "-") not in pinned]


@pytest.mark.parametrize(("short", "long"), [("base", "test"), ("test", "dev")])
def test_longer_lists_agree_with_shorter_ones(short, long):
    """What is tested and checked is what runs."""
    shorter, longer = pins(short), pins(long)
    assert {name: entry.split(" ")[0] for name, entry in shorter.items()} == {
        name: longer[name].split(" ")[0] for name in shorter
    }
