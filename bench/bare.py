"""The yardstick: one Litestar route, one raw asyncpg query, the same template; nothing else."""

import json
import sys
from pathlib import Path
from typing import Any

import asyncpg
import uvicorn
from litestar import Litestar, Response, get
from litestar.enums import MediaType

from app.clients.bundle import open_clients
from app.core import db, html
from app.core.tokens import read_token, token_hash
from app.settings import load
from payportal.find import by_token
from payportal.views import pay_view

SETTINGS = load()


def make(token: str) -> Litestar:
    """The application for one link."""
    jinja = html.environment()
    kept: dict[str, Any] = {}

    async def start(app: Litestar) -> None:
        db.configure(SETTINGS.database_url)
        await db.open_pool(2)
        clients = await open_clients(SETTINGS)
        kept["view"] = pay_view(clients, await by_token(clients, token), "x" * 64)
        kept["hash"] = token_hash(clients.keys.find, read_token(clients.keys.link, token) or "")
        kept["pool"] = await asyncpg.create_pool(SETTINGS.database_url)

    @get("/")
    async def bare() -> Response[str]:
        sql = "SELECT i.* FROM pay_link l JOIN invoice i ON i.id = l.invoice WHERE l.token_hash = $1"
        row = await kept["pool"].fetchrow(sql, kept["hash"])
        text = jinja.get_template("payportal/pay.html").render(kept["view"] | {"number": row["number"]})
        return Response(text, media_type=MediaType.HTML)

    return Litestar([bare], on_startup=[start], openapi_config=None, logging_config=None)


if __name__ == "__main__":
    token = json.loads(Path(sys.argv[2]).read_text())["token"]
    uvicorn.run(make(token), port=int(sys.argv[1]), log_config=None, access_log=False, server_header=False)
