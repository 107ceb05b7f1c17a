"""The security standard's page is complete, says one thing of each requirement, and names what exists."""

import re
from collections import Counter

from tests.fixtures.process import ROOT

# How many requirements of levels 1 and 2 each section of ASVS 5.0.0 has; they are numbered from 1, level 3 coming last.
SECTIONS = {
    "1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2, "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1, "3.2": 2, "3.3": 4, "3.4": 6,
    "3.5": 5, "3.7": 2, "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4, "5.1": 1, "5.2": 3, "5.3": 2, "5.4": 3, "6.1": 3, "6.2": 12,
    "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4, "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2, "8.1": 2,
    "8.2": 3, "8.3": 1, "8.4": 1, "9.1": 3, "9.2": 4, "10.1": 2, "10.2": 2, "10.3": 4, "10.4": 11, "10.5": 5, "10.6": 2,
    "10.7": 3, "11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1, "11.6": 1, "12.1": 3, "12.2": 2, "12.3": 4, "13.1": 1,
    "13.2": 5, "13.3": 2, "13.4": 5, "14.1": 2, "14.2": 4, "14.3": 3, "15.1": 3, "15.2": 3, "15.3": 7, "16.1": 1, "16.2": 5,
    "16.3": 4, "16.4": 3, "16.5": 3,
}  # fmt: skip
ONE = re.compile(r"(\d+\.\d+)\.(\d+)(?:–\d+\.\d+\.(\d+))?")
PATH = re.compile(r"`([\w.]+(?:/[\w.-]+)*)`")


def lines() -> list[list[str]]:
    """The cells of each row of the table."""
    text = (ROOT / "docs/asvs.md").read_text()
    return [
        [cell.strip() for cell in row.strip("|").split("|")] for row in text.splitlines() if re.match(r"\| \d", row)
    ]


def test_every_requirement_once() -> None:
    """All 246 requirements of both levels stand in the table, each in one row."""
    said = Counter(
        f"{section}.{number}"
        for row in lines()
        for section, first, last in ONE.findall(row[0])
        for number in range(int(first), int(last or first) + 1)
    )
    wanted = {f"{section}.{number}" for section, count in SECTIONS.items() for number in range(1, count + 1)}
    assert 246 == len(wanted)
    assert wanted == set(said)
    assert [] == [one for one, times in said.items() if times > 1]


def test_what_is_met_is_shown() -> None:
    """Each row says met, not met, operator or none; what is met names files, and every named file exists."""
    for row in lines():
        assert row[1] in {"met", "not met", "operator", "none"}, row
        assert row[2], row
        shown = PATH.findall(row[3])
        assert bool(shown) == (row[1] == "met"), row
        for path in [*shown, *(one for one in PATH.findall(row[2]) if "/" in one)]:
            assert (ROOT / path).exists(), path
