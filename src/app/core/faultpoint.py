"""Named points at which a test may kill the process, on the way from "Stripe says paid" to "Xero shows paid".

In every other run they do nothing. A door calls `configure` once; the points themselves stand in the rooms.
"""

import os
import signal


class _Plan:
    """Which point kills, and how many times it lets the process pass before that."""

    name = ""
    passes = 0
    signal = signal.SIGKILL


def configure(app_env: str, text: str) -> None:
    """Arm one point: its name, or `name:n` for the n-th time it is reached. Only where `app_env` is "test".

    `name:n:stop` freezes the process there, until somebody wakes it.
    """
    name, turn, how = (f"{text}::" if app_env == "test" else "::").split(":")[:3]
    _Plan.name = name
    _Plan.passes = int(turn or 1) - 1
    _Plan.signal = signal.SIGSTOP if how == "stop" else signal.SIGKILL


def faultpoint(name: str) -> None:
    """End the process as a power cut would (SIGKILL), or freeze it, if this is the armed point."""
    if name != _Plan.name:
        return
    if _Plan.passes > 0:
        _Plan.passes -= 1
        return
    _Plan.name = ""
    os.kill(os.getpid(), _Plan.signal)
