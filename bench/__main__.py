"""`make bench`: every measurement, or those named, alone or by group (`make bench ARGS="pay webhooks"`, `ARGS=quick`)."""

import logging
import sys

import structlog

from bench import backlog, importing, latency, pay, sandbox, size, spread, webhooks
from bench.table import machine, show

QUICK = {
    "paid": latency.measure,
    "pay": pay.measure,
    "webhooks": webhooks.measure,
    "import": importing.measure,
    "sandbox": sandbox.measure,
}
SCALE = {"backlog": backlog.measure, "spread": spread.measure, "size": size.measure}
ALL = QUICK | SCALE
GROUPS = {"quick": list(QUICK), "scale": list(SCALE)}


def main() -> None:
    """Run and print; a measurement that breaks says so and does not stop the others."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asked = [name for word in sys.argv[1:] for name in GROUPS.get(word, [word])]
    named = [name for name in asked if name in ALL] or list(ALL)
    print(machine(), flush=True)
    for name in named:
        try:
            show(ALL[name]())
        except Exception as error:  # noqa: BLE001 - the others are still worth having
            print(f"\n{name}: could not be measured: {type(error).__name__}: {error}", flush=True)


main()
