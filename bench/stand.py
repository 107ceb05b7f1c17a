"""A product to measure: a durable embedded PostgreSQL (fsync on), the sandbox with its limits lifted, one merchant set up."""

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import psutil

from app.core.embedded import EmbeddedServer
from tests.fixtures.database import migrate
from tests.fixtures.process import ROOT, Process, free_port
from tests.fixtures.product import Product, environment, registration
from tests.fixtures.sandbox import SandboxServer
from tests.world import Merchant

SERVER_CPU, LOAD_CPU = 0, 1


@contextlib.contextmanager
def stand(*doors: str, **settings: str) -> Iterator[tuple[Product, SandboxServer]]:
    """A running product beside a running sandbox; both end with the block."""
    with tempfile.TemporaryDirectory(prefix="payportal-bench-", ignore_cleanup_errors=True) as folder:
        server = EmbeddedServer(Path(folder) / "postgres")
        process = Process(
            [sys.executable, "-m", "sandbox", "--port", "0", "--smtp-port", "0", "--data-dir", f"{folder}/sandbox"],
            env={"PYTHONPATH": str(ROOT / "src")},
        )
        try:
            migrate(server.dsn, Path(folder))
            sandbox = SandboxServer(process)
            product = Product(environment(sandbox, server.dsn, free_port(), **settings))
            register(sandbox, product)
            product.start(*doors)
            try:
                yield product, sandbox
            finally:
                product.stop()
        finally:
            process.stop()
            server.stop()


def register(sandbox: SandboxServer, product: Product) -> None:
    """What one types into Xero's and Stripe's portals."""
    httpx.post(f"{sandbox.url}/_config", json=registration(product.url), timeout=20).raise_for_status()


def merchant(product: Product) -> Merchant:
    """Hannah, with everything set up."""
    return Merchant(product.url).set_up()


def fresh_budget(product: Product) -> None:
    """Forget the calls made so far, as a minute's pause would."""

    async def forget() -> None:
        connection = await asyncpg.connect(product.env["DATABASE_URL"])
        await connection.execute("TRUNCATE xero_budget, xero_permit, allowance")
        await connection.close()

    asyncio.run(forget())


def pin(pid: int, cpu: int) -> None:
    """Keep a process on one core, where the machine can do that."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        for thread in psutil.Process(pid).threads():
            os.sched_setaffinity(thread.id, {cpu})


def peak_memory(pid: int) -> float:
    """The most memory a process has had so far, in MB."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return float(psutil.Process(pid).memory_info().rss / 1048576)
