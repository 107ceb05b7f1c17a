"""`make bench`: every measurement, or those named (`make bench ARGS="pay webhooks"`)."""

import sys

from bench import importing, latency, pay, size, webhooks
from bench.table import machine, show

ALL = {
    "paid": latency.measure,
    "pay": pay.measure,
    "webhooks": webhooks.measure,
    "import": importing.measure,
    "size": size.measure,
}


def main() -> None:
    """Run and print; a measurement that breaks says so and does not stop the others."""
    named = [name for name in sys.argv[1:] if name in ALL] or list(ALL)
    print(machine(), flush=True)
    for name in named:
        try:
            show(ALL[name]())
        except Exception as error:  # noqa: BLE001 - the others are still worth having
            print(f"\n{name}: could not be measured: {type(error).__name__}: {error}", flush=True)


main()
