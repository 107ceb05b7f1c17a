"""`make bench`: every measurement, or those named (`make bench ARGS="pay webhooks"`)."""

import logging
import sys

import structlog

from bench import backlog, importing, latency, pay, sandbox, size, spread, webhooks
from bench.table import machine, show

ALL = {
    "paid": latency.measure,
    "pay": pay.measure,
    "webhooks": webhooks.measure,
    "import": importing.measure,
    "sandbox": sandbox.measure,
    "backlog": backlog.measure,
    "spread": spread.measure,
    "size": size.measure,
}


def main() -> None:
    """Run and print; a measurement that breaks says so and does not stop the others."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    named = [name for name in sys.argv[1:] if name in ALL] or list(ALL)
    print(machine(), flush=True)
    for name in named:
        try:
            show(ALL[name]())
        except Exception as error:  # noqa: BLE001 - the others are still worth having
            print(f"\n{name}: could not be measured: {type(error).__name__}: {error}", flush=True)


main()
