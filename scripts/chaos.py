"""Live seeded lives, then kill everything, lose answers, count: `make chaos` (SEED, PAYMENTS, KILLS, SEEDS).

Exit status 1 when money was lost or doubled, or when a seeded life came to a finding.
"""

import os
import signal
import subprocess
import sys

from tests.chaos.run import Order, run
from tests.fixtures.process import ROOT

DEFAULTS = {"seed": 1, "payments": 10_000, "kills": 300}
# A seeded life for every five payments that are asked for, unless SEEDS says how many.
PAYMENTS_OF_A_LIFE = 5


def main() -> int:
    """Run as the environment orders."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # told to stop, nothing is left running
    numbers = {name: int(os.environ.get(name.upper()) or value) for name, value in DEFAULTS.items()}
    lives = int(os.environ.get("SEEDS") or numbers["payments"] // PAYMENTS_OF_A_LIFE)
    whole = lives == 0 or simulate(numbers["seed"], lives)
    report = run(Order(**numbers, patience=900))
    print(report.line)
    return 0 if report.good and whole else 1


def simulate(seed: int, lives: int) -> bool:
    """Live so many lives, others for another seed; whether all of them ended well."""
    paths = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
    first = seed * lives + 1
    env = {**os.environ, "PYTHONPATH": paths, "FIRST_SEED": str(first), "SEEDS": str(lives)}
    return subprocess.run([sys.executable, "-m", "tests.simulation"], env=env, cwd=ROOT, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
