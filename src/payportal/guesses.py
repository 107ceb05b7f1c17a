"""Counts wrong links in the process's own memory: guessing must not cost the database anything."""

from time import monotonic


class Guesses:
    """At most `limit` wrong guesses a caller in `seconds`; each process counts for itself."""

    def __init__(self, limit: int, seconds: float, callers: int = 10_000) -> None:
        self._limit = limit
        self._seconds = seconds
        self._callers = callers
        self._seen: dict[str, tuple[float, int]] = {}

    def take(self, caller: str) -> bool:
        """Count one; False when it is too many."""
        began, used = self._seen.get(caller, (monotonic(), 0))
        if monotonic() - began > self._seconds:
            began, used = monotonic(), 0
        self._seen.pop(caller, None)
        self._seen[caller] = (began, used + 1)
        if len(self._seen) > self._callers:
            self._seen.pop(next(iter(self._seen)))
        return used < self._limit
