"""Figures as a table people can read and paste."""

import os
import platform
import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Result(NamedTuple):
    """One measurement: a title, rows of (what, figure, aim), and how it was done."""

    title: str
    rows: list[tuple[str, str, str]]
    how: str


def show(result: Result) -> None:
    """Print a result as a Markdown table."""
    print(f"\n## {result.title}\n\n| What | Measured | Aim |\n|---|---|---|")
    for what, figure, aim in result.rows:
        print(f"| {what} | {figure} | {aim} |")
    print(f"\n{result.how}", flush=True)


def machine() -> str:
    """What it ran on, and how busy that was before."""
    what = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"# Figures\n\n{what}; load {os.getloadavg()[0]:.1f} at the start"


def at(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of all lie."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def ms(seconds: float) -> str:
    """Milliseconds, readable."""
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)
