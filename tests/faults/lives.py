"""Processes made to be killed: forked from one that has read the product already, so that a life costs milliseconds."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from typing import Any

# A process of its own forks them: pytest's has threads and open connections, which no fork survives.
_FORGE = multiprocessing.get_context("forkserver")
_FORGE.set_forkserver_preload(["__main__", "tests.faults.worker", "tests.faults.door"])


class Life:
    """One life of a process: begun when made, over when it is killed, stopped, or has killed itself."""

    def __init__(self, target: Callable[..., None], *args: Any) -> None:
        self._process = _FORGE.Process(target=target, args=args, daemon=True)
        self._process.start()

    @property
    def running(self) -> bool:
        return self._process.is_alive()

    @property
    def killed(self) -> bool:
        """Whether it ended as by a power cut."""
        return self._process.exitcode == -signal.SIGKILL

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def end(self) -> None:
        """Kill it, unless it is over; frozen or not."""
        self._process.kill()
        self._process.join(10)
