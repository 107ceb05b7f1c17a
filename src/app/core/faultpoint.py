"""Named points at which a test may kill the process, on the way from "Stripe says paid" to "Xero shows paid".

In every other run they do nothing. A door calls `configure` once; the points themselves stand in the rooms.
"""

import os
import signal


class _Plan:
    """Which point kills, and how many times it lets the process pass before that."""

    name = ""
    passes = 0


def configure(app_env: str, text: str) -> None:
    """Arm one point: its name, or `name:n` for the n-th time it is reached. Only where `app_env` is "test"."""
    name, _, turn = text.partition(":") if app_env == "test" else ("", "", "")
    _Plan.name = name
    _Plan.passes = int(turn or 1) - 1


def faultpoint(name: str) -> None:
    """End the process as a power cut would (SIGKILL), if this is the armed point."""
    if name != _Plan.name:
        return
    if _Plan.passes > 0:
        _Plan.passes -= 1
        return
    os.kill(os.getpid(), signal.SIGKILL)
