"""Kill everything, lose answers, count: `make chaos` (SEED, PAYMENTS, KILLS). Exit status 1 when money was lost or doubled."""

import os
import signal
import sys

from tests.chaos.run import Order, run


def main() -> int:
    """Run as the environment orders."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # told to stop, nothing is left running
    numbers = {name: int(os.environ.get(name.upper()) or value) for name, value in DEFAULTS.items()}
    report = run(Order(**numbers, patience=900))
    print(report.line)
    return 0 if report.good else 1


DEFAULTS = {"seed": 1, "payments": 10_000, "kills": 300}

if __name__ == "__main__":
    sys.exit(main())
