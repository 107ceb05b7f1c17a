"""The fixtures themselves: what they promise to every other test."""

import socket

import asyncpg
import httpx
import pytest
from playwright.async_api import Browser, Page
from redis import Redis
from redis.exceptions import ConnectionError as RedisGone

from tests.fixtures.browser import PHONE, NewContext
from tests.fixtures.database import Postgres
from tests.fixtures.redis import RedisServer
from tests.fixtures.sandbox import SandboxServer


def test_no_test_reaches_another_machine():
    """A test that names or calls another machine fails."""
    with pytest.raises(AssertionError):
        socket.getaddrinfo("example.com", 443)
    with pytest.raises(AssertionError), socket.socket() as sock:
        sock.connect(("192.0.2.1", 443))


async def test_each_database_is_its_own(postgres: Postgres):
    """What is written in one test database is not seen in another."""
    first, second = postgres.create(), postgres.create()
    for url in (first, second):
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE TABLE only_here (id int)")
        await connection.close()
        postgres.drop(url)


async def test_database_is_migrated(database_url: str):
    """A test module's database has the product's tables, and no rows in them."""
    connection = await asyncpg.connect(database_url)
    assert 0 == await connection.fetchval("SELECT count(*) FROM merchant")
    await connection.close()


def test_redis_can_go_away_and_come_back(redis_server: RedisServer):
    """Redis can be stopped, is really gone then, and is empty when it returns."""
    with Redis.from_url(redis_server.url) as connection:
        connection.set("key", "value")
        redis_server.stop()
        with pytest.raises(RedisGone):
            connection.get("key")
        redis_server.start()
        assert connection.get("key") is None


def test_sandbox_is_sown_afresh(sandbox_server: SandboxServer, sandbox: str):
    """Each test meets the sandbox as it was sown, with nothing registered by the one before, and a mailbox."""
    before = httpx.get(f"{sandbox}/_config").json()
    httpx.post(f"{sandbox}/_config", json={"xero": {"client_id": "ANOTHER", "webhook_url": "http://localhost:1/"}})
    sandbox_server.reset()
    assert before == httpx.get(f"{sandbox}/_config").json()
    assert sandbox_server.smtp_url.startswith("smtp://localhost:")


async def test_browser_runs_scripts_and_can_do_without(page: Page, new_context: NewContext, chromium: Browser):
    """A page runs scripts; a context can be a phone without them."""
    await page.set_content("<title>no</title><script>document.title = 'yes'</script>")
    assert await page.title() == "yes"
    phone = await (await new_context(viewport=PHONE, java_script_enabled=False)).new_page()
    await phone.set_content("<title>no</title><script>document.title = 'yes'</script>")
    assert await phone.title() == "no"
    assert len(chromium.contexts) == 2
