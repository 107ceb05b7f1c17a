"""Signing in with Xero, and consenting to the books: one trip to Xero and back, bound to the browser that began it.

Code flow with PKCE, state and nonce. The state works once and for ten minutes. People are known by `xero_userid`.
Writer of `sign_in_flow` and `app_user`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import structlog

from app.books import access, audit, connections
from app.clients.bundle import Clients
from app.clients.xero_identity import BadIdentity, IdClaims, TokenSet
from app.core import db
from app.core.crypto import digest, random_token, same
from app.core.errors import PayportalError, Refused, Upstream
from app.core.http import local_path
from app.merchants import business

log = structlog.get_logger()
Purpose = Literal["sign_in", "connect"]
Reason = Literal["cancelled", "expired", "denied", "mismatch", "unavailable"]
CALLBACK = "/auth/xero/callback"
OPENID = "openid profile email"

_BEGIN = """
INSERT INTO sign_in_flow (state_hash, browser_hash, nonce, verifier, purpose, next_path) VALUES ($1, $2, $3, $4, $5, $6)
"""
_USE = """
UPDATE sign_in_flow SET used_at = now()
WHERE state_hash = $1 AND used_at IS NULL AND created_at > now() - interval '10 minutes'
RETURNING browser_hash, nonce, verifier, purpose, next_path
"""
_USER = """
INSERT INTO app_user (xero_userid, email, given_name, family_name) VALUES ($1, $2, $3, $4)
ON CONFLICT (xero_userid) DO UPDATE SET signed_in_at = now(), email = COALESCE(NULLIF($2, ''), app_user.email),
  given_name = COALESCE(NULLIF($3, ''), app_user.given_name), family_name = COALESCE(NULLIF($4, ''), app_user.family_name)
RETURNING id
"""


class NotSignedIn(PayportalError):
    """The trip to Xero did not end in a sign-in; `reason` tells the page what to say, `purpose` how to try again."""

    def __init__(self, reason: Reason, purpose: str = "sign_in") -> None:
        super().__init__(f"The sign-in ended: {reason}.")
        self.reason = reason
        self.purpose = purpose


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who came back. `connected`: Xero also let us into the books. `next_path` is "" unless the flow asked for one."""

    user_id: UUID
    merchant_id: UUID
    connected: bool
    next_path: str
    purpose: str


async def begin(clients: Clients, purpose: Purpose, next_path: str, browser_id: str) -> str:
    """Where to send the browser. `browser_id` is the value of its pre-login cookie. Raises Upstream when Xero is away."""
    state, nonce, verifier = random_token(), random_token(), random_token(48)
    scopes = OPENID if purpose == "sign_in" else f"{OPENID} offline_access {clients.settings.xero_scopes}"
    url = await clients.identity.authorize_url(_callback(clients), scopes, state, nonce, verifier)
    key = clients.keys.flow
    await db.fetch(
        _BEGIN,
        digest(key, state),
        digest(key, browser_id),
        nonce,
        clients.vault.seal(verifier),
        purpose,
        local_path(next_path, ""),
    )
    return url


async def finish(clients: Clients, query: Mapping[str, str], browser_id: str) -> SignedIn:
    """The person Xero sent back. The state is used up whatever comes of it. Raises NotSignedIn."""
    flow = await _use(clients, query.get("state", ""), browser_id)
    purpose = flow["purpose"]
    if query.get("error"):
        raise NotSignedIn("cancelled" if query["error"] == "access_denied" else "denied", purpose)
    try:
        code, verifier = query.get("code", ""), clients.vault.open(flow["verifier"])
        tokens = await clients.identity.exchange(code, _callback(clients), verifier)
        claims = await clients.identity.verify_id_token(tokens.id_token, flow["nonce"])
    except Upstream as error:
        raise NotSignedIn(_reason(error), purpose) from error
    except BadIdentity as error:
        log.warning("signin.bad_identity", why=str(error))
        raise NotSignedIn("mismatch", purpose) from error
    return await _welcome(clients, flow, tokens, claims)


async def prune() -> None:
    """Delete trips that ended long ago."""
    await db.fetch("DELETE FROM sign_in_flow WHERE created_at < now() - interval '1 day'")


def _callback(clients: Clients) -> str:
    return clients.settings.base_url + CALLBACK


async def _use(clients: Clients, state: str, browser_id: str) -> Any:
    flow = await db.fetch_row(_USE, digest(clients.keys.flow, state)) if state else None
    if flow is None:
        raise NotSignedIn("expired")
    if not browser_id or not same(flow["browser_hash"], digest(clients.keys.flow, browser_id)):
        # Somebody else's trip: finishing it would sign this browser in as them.
        raise NotSignedIn("mismatch", flow["purpose"])
    return flow


def _reason(error: Upstream) -> Reason:
    if error.code == "invalid_grant":
        return "expired"
    return "denied" if error.permanent else "unavailable"


async def _welcome(clients: Clients, flow: Any, tokens: TokenSet, claims: IdClaims) -> SignedIn:
    async with db.transaction():
        names = (claims.email, claims.given_name, claims.family_name)
        user_id: UUID = await db.fetch_value(_USER, claims.xero_userid, *names)
        merchant_id = await business.ensure(user_id)
        audit.acting(user_id)
        await audit.note(merchant_id, audit.actor(), "signed_in", f"user:{user_id}", {"purpose": flow["purpose"]})
    # Signing in gives no refresh token; the grant of an earlier consent stays as it is.
    connected = flow["purpose"] == "connect" and bool(tokens.refresh_token)
    if connected:
        await access.store_grant(clients, user_id, claims.xero_userid, tokens)
        await _revive(clients, user_id)
    return SignedIn(user_id, merchant_id, connected, flow["next_path"], flow["purpose"])


async def _revive(clients: Clients, user_id: UUID) -> None:
    """Bring back what a lost grant had broken; when Xero is slow just now, the merchant can do it by hand."""
    try:
        await connections.revive(clients, user_id)
    except (Upstream, Refused) as error:
        log.warning("signin.not_revived", why=str(error))
