"""Thousands of lives: `SEEDS=2000 FIRST_SEED=1 python -m tests.simulation`. One line for each finding, exit status 1 if any.

`TRACE=1` prints everything that happened in the last life, which is how one seed is looked at. Seeds repeat over processes:
the order in which sets of text are walked is fixed as well.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from tests.fixtures.database import TEMPLATE, migrate, serving
from tests.simulation.life import Outcome
from tests.simulation.running import live_all, told


def say(line: str) -> None:
    """One line, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Live as the environment orders."""
    first, count = int(os.environ.get("FIRST_SEED") or 1), int(os.environ.get("SEEDS") or 2000)
    began, bad, last = time.monotonic(), 0, []

    def tell(outcome: Outcome) -> None:
        nonlocal bad, last
        last = outcome.trace
        if outcome.found:
            bad += 1
            say(told(outcome))

    with serving() as postgres, tempfile.TemporaryDirectory() as folder:
        postgres.run(f'CREATE DATABASE "{TEMPLATE}"')
        migrate(postgres.url(TEMPLATE), Path(folder))
        live_all(postgres.url(TEMPLATE), range(first, first + count), tell)
    if os.environ.get("TRACE"):
        say("\n".join(last))
    say(f"simulation: seeds {first} to {first + count - 1}, {bad} with findings, {time.monotonic() - began:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [sys.executable, "-m", "tests.simulation"], {**os.environ, "PYTHONHASHSEED": "0"})
    sys.exit(main())
