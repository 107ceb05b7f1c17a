"""Named points at which a test may kill the process, on the way from "Stripe says paid" to "Xero shows paid".

In every other run they do nothing. A door calls `configure` once; the points themselves stand in the rooms.
"""

import os
import signal
from collections.abc import Callable


class _Plan:
    """Which point kills, and how many times it lets the process pass before that; or who is told of every point."""

    name = ""
    passes = 0
    signal = signal.SIGKILL
    watcher: Callable[[str], None] | None = None


def configure(app_env: str, text: str) -> None:
    """Arm one point: its name, or `name:n` for the n-th time it is reached. Only where `app_env` is "test".

    `name:n:stop` freezes the process there, until somebody wakes it.
    """
    name, turn, how = (f"{text}::" if app_env == "test" else "::").split(":")[:3]
    _Plan.name = name
    _Plan.passes = int(turn or 1) - 1
    _Plan.signal = signal.SIGSTOP if how == "stop" else signal.SIGKILL


def watch(watcher: Callable[[str], None] | None) -> None:
    """Tell `watcher` of every point reached; what it raises ends the turn there. For a simulator of many processes in one."""
    _Plan.watcher = watcher


def faultpoint(name: str) -> None:
    """End the process as a power cut would (SIGKILL), or freeze it, if this is the armed point."""
    if _Plan.watcher is not None:
        _Plan.watcher(name)
    if name != _Plan.name:
        return
    if _Plan.passes > 0:
        _Plan.passes -= 1
        return
    _Plan.name = ""
    os.kill(os.getpid(), _Plan.signal)
