"""A Xero user's token set, refreshed by one caller at a time, whatever the number of processes.

Xero rotates the refresh token at every use and one grant covers all the user's organisations, so a lost race would cut
the merchant off. The winner of a lease with a fencing number refreshes and saves before anybody uses the new token; the
others wait for the row's version to move. No row is locked while the network is used.
"""

import asyncio
import random
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from app.books.broken import Broken, mark_grant_broken
from app.clients.bundle import Clients
from app.clients.xero_identity import TokenSet
from app.core import db
from app.core.clock import monotonic, now
from app.core.errors import Upstream
from app.core.faultpoint import faultpoint

log = structlog.get_logger()

EARLY = timedelta(minutes=6)  # refresh at 80 % of a token's 30 minutes …
LAST_USE = timedelta(seconds=30)  # … and do not begin a call with less than this
LEASE = 60.0
REFRESH_TIMEOUT = 20.0
PATIENCE = 25.0
AFTER_FAILURE = 2.0

_STORE = """
INSERT INTO xero_grant (app_user, xero_userid, access_token, refresh_token, expires_at, scopes)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (xero_userid) DO UPDATE SET access_token = EXCLUDED.access_token, refresh_token = EXCLUDED.refresh_token,
  previous_refresh_token = '', rotated_at = now(), expires_at = EXCLUDED.expires_at, version = xero_grant.version + 1,
  scopes = EXCLUDED.scopes, state = 'active', lease_until = NULL, fence = xero_grant.fence + 1, last_error = ''
RETURNING id
"""

_LEASE = """
UPDATE xero_grant SET lease_until = now() + make_interval(secs => $3), fence = fence + 1
WHERE id = $1 AND version = $2 AND state = 'active' AND (lease_until IS NULL OR lease_until < now()) RETURNING fence
"""

_SAVE = """
UPDATE xero_grant SET access_token = $3, refresh_token = $4, previous_refresh_token = $5, rotated_at = now(),
  expires_at = $6, version = version + 1, scopes = COALESCE(NULLIF($7, ''), scopes), lease_until = NULL, last_error = ''
WHERE id = $1 AND fence = $2 RETURNING id
"""


async def store_grant(clients: Clients, user_id: UUID, xero_userid: str, tokens: TokenSet) -> UUID:
    """Keep the tokens of a fresh consent, encrypted; a refresh that is under way with older ones will not be saved."""
    seal = clients.vault.seal
    grant_id: UUID = await db.fetch_value(
        _STORE,
        user_id,
        xero_userid,
        seal(tokens.access_token),
        seal(tokens.refresh_token),
        tokens.expires_at,
        tokens.scopes,
    )
    return grant_id


async def grant_of(user_id: UUID) -> Any | None:
    """The user's grant (id, xero_userid, state, scopes, version), or None before the first consent."""
    return await db.fetch_row(
        "SELECT id, xero_userid, state, scopes, version FROM xero_grant WHERE app_user = $1", user_id
    )


async def access_token(clients: Clients, grant_id: UUID, refused: str = "") -> str:
    """A token with time left; `refused` is one that Xero has just turned away although it looked good.

    Exactly one caller refreshes. Raises Broken when the merchant must connect again, Upstream when Xero is away.
    """
    until = monotonic() + PATIENCE
    while True:
        row = await _read(grant_id)
        token = _usable(clients, row, refused)
        if token and row["expires_at"] - now() > EARLY:
            return token
        fence = await db.fetch_value(_LEASE, grant_id, row["version"], LEASE)
        if fence is not None:
            # Shielded: once Xero has rotated the token, a caller that goes away must not lose the new one.
            turned = await asyncio.shield(_refresh(clients, row, fence, token))
            if turned:
                return turned
        elif token:
            return token
        elif row["last_error"]:
            # The last try failed and the next one is not due or under way: waiting for it would only hold up a page.
            raise Upstream(row["last_error"], code="refreshing", retry_after=5)
        if monotonic() > until:
            raise Upstream("Xero's access is being renewed.", code="refreshing", retry_after=5)
        await asyncio.sleep(random.uniform(0.05, 0.15))  # noqa: S311 - spreading the waiting needs no secrecy


async def forget_tokens(grant_id: UUID) -> None:
    """Drop the tokens of a grant that was given back; the user may consent again at any time."""
    sql = (
        "UPDATE xero_grant SET access_token = '', refresh_token = '', previous_refresh_token = '', version = version + 1, "
        "fence = fence + 1, state = 'needs_reconnect', lease_until = NULL WHERE id = $1"
    )
    await db.fetch(sql, grant_id)


async def refresh_token(clients: Clients, grant_id: UUID) -> str:
    """The newest refresh token, for revoking; raises Broken when there is none."""
    return clients.vault.open((await _read(grant_id))["refresh_token"])


async def _read(grant_id: UUID) -> Any:
    row = await db.fetch_row("SELECT * FROM xero_grant WHERE id = $1", grant_id)
    if row is None or row["state"] != "active" or not row["refresh_token"]:
        raise Broken("token")
    return row


def _usable(clients: Clients, row: Any, refused: str) -> str:
    if not row["access_token"] or row["expires_at"] - now() < LAST_USE:
        return ""
    token = clients.vault.open(row["access_token"])
    return token if token != refused else ""


async def _refresh(clients: Clients, row: Any, fence: int, token: str) -> str:
    """Under the lease: new tokens, saved. "" when somebody else moved the row; the old token when Xero is away and it is good."""
    try:
        tokens = await _ask(clients, row["refresh_token"])
    except Upstream as error:
        if error.code == "invalid_grant":
            return await _with_previous(clients, row, fence)
        return await _not_now(row["id"], fence, token, error)
    return await _save(clients, row, fence, tokens, row["refresh_token"])


async def _with_previous(clients: Clients, row: Any, fence: int) -> str:
    """Xero refused the current refresh token: the row may have moved, or the previous one is still in its grace period."""
    current = await db.fetch_row(
        "SELECT version, rotated_at > now() - interval '30 minutes' AS grace, previous_refresh_token FROM xero_grant "
        "WHERE id = $1",
        row["id"],
    )
    if current is None or current["version"] != row["version"]:
        return ""
    if current["previous_refresh_token"] and current["grace"]:
        try:
            tokens = await _ask(clients, current["previous_refresh_token"])
        except Upstream as error:
            if error.code != "invalid_grant":
                return await _not_now(row["id"], fence, "", error)
        else:
            return await _save(clients, row, fence, tokens, current["previous_refresh_token"])
    await _give_up(row["id"], fence)
    return ""


async def _ask(clients: Clients, sealed: str) -> TokenSet:
    try:
        async with asyncio.timeout(REFRESH_TIMEOUT):
            return await clients.identity.refresh(clients.vault.open(sealed))
    except TimeoutError as error:
        raise Upstream("Xero's identity service did not answer in time.", code="no_answer", unknown=True) from error


async def _save(clients: Clients, row: Any, fence: int, tokens: TokenSet, used: str) -> str:
    """Save before use. "" when the lease had passed to somebody else: their tokens count."""
    faultpoint("K17")
    seal = clients.vault.seal
    saved = await db.fetch_value(
        _SAVE,
        row["id"],
        fence,
        seal(tokens.access_token),
        seal(tokens.refresh_token),
        used,
        tokens.expires_at,
        tokens.scopes,
    )
    if saved is None:
        log.warning("grant.fenced", grant=str(row["id"]), fence=fence)
        return ""
    return tokens.access_token


async def _not_now(grant_id: UUID, fence: int, token: str, error: Upstream) -> str:
    """Let go of the lease after a short pause, so that fifty waiting callers do not ask Xero one after the other."""
    sql = "UPDATE xero_grant SET lease_until = now() + make_interval(secs => $3), last_error = $4 WHERE id = $1 AND fence = $2"
    await db.fetch(sql, grant_id, fence, AFTER_FAILURE, error.message)
    log.warning("grant.not_refreshed", grant=str(grant_id), code=error.code)
    if token:
        return token
    # Whatever it is, it is not the merchant's doing (our own credentials, Xero's health): never permanent.
    raise Upstream(error.message, code=error.code, status=error.status, retry_after=error.retry_after or 30) from error


async def _give_up(grant_id: UUID, fence: int) -> None:
    """Nothing is deleted: only a fresh consent makes the grant active again."""
    sql = (
        "UPDATE xero_grant SET state = 'needs_reconnect', lease_until = NULL, last_error = 'invalid_grant' "
        "WHERE id = $1 AND fence = $2 RETURNING id"
    )
    if await db.fetch_value(sql, grant_id, fence) is not None:
        log.warning("grant.lost", grant=str(grant_id))
        await mark_grant_broken(grant_id)
