"""Xero's identity service: OpenID Connect with PKCE, through Authlib and joserfc (facts §1).

Discovery and keys are read once for a process: Xero's firewall turns away apps that ask each time. Endpoints come from
discovery only; issuer and endpoints stand on different hosts.
"""

import asyncio
import time
import warnings
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import extract_compact
from joserfc.jwt import JWTClaimsRegistry

from app.clients.http import HOOKS, TIMEOUT, retry_after
from app.core.clock import from_now, now
from app.core.errors import PayportalError, Upstream

with warnings.catch_warnings():
    from authlib.deprecate import AuthlibDeprecationWarning  # switches its own warnings on when first imported

    warnings.simplefilter("ignore", AuthlibDeprecationWarning)  # Authlib would rather have httpx2; stripe has httpx
    from authlib.integrations.base_client import OAuthError
    from authlib.integrations.httpx_client import AsyncOAuth2Client

LEEWAY = 60
_KEYS_AGAIN = 300.0
_UNREADABLE = "Xero's token answer could not be read."


class BadIdentity(PayportalError):
    """An id_token that must not sign anybody in; the text is for the log."""


@dataclass(frozen=True, slots=True)
class TokenSet:
    """What the token endpoint gave. `refresh_token` is "" without offline_access."""

    access_token: str
    refresh_token: str
    id_token: str
    expires_at: datetime
    scopes: str

    def __repr__(self) -> str:
        return f"TokenSet(expires_at={self.expires_at.isoformat()}, scopes={self.scopes!r})"


@dataclass(frozen=True, slots=True)
class IdClaims:
    """Who signed in. Xero does not vouch for the e-mail address: people are known by `xero_userid` only."""

    xero_userid: str
    email: str
    given_name: str
    family_name: str


class Discovery(msgspec.Struct):
    """The fields we use of Xero's discovery document."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    revocation_endpoint: str = ""


class XeroIdentity:
    """Our app at Xero's identity service. Authlib's own refreshing is never used: see books.access."""

    def __init__(self, issuer: str, client_id: str, client_secret: str) -> None:
        self._issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._oauth = AsyncOAuth2Client(
            client_id, client_secret, code_challenge_method="S256", timeout=TIMEOUT, event_hooks=HOOKS
        )
        self._lock = asyncio.Lock()
        self._discovery: Discovery | None = None
        self._keys: KeySet | None = None
        self._keys_at = 0.0

    async def close(self) -> None:
        """Close the connections."""
        await self._oauth.aclose()

    async def authorize_url(self, redirect_uri: str, scopes: str, state: str, nonce: str, verifier: str) -> str:
        """Where to send the browser: code flow with S256 PKCE, state and nonce."""
        discovery = await self.discover()
        url, _ = self._oauth.create_authorization_url(
            discovery.authorization_endpoint,
            state=state,
            code_verifier=verifier,
            nonce=nonce,
            scope=scopes,
            redirect_uri=redirect_uri,
        )
        return str(url)

    async def exchange(self, code: str, redirect_uri: str, verifier: str) -> TokenSet:
        """Tokens for a code (single use, five minutes). Raises Upstream, code invalid_grant for a bad code."""
        return await self._token(
            "fetch_token", grant_type="authorization_code", code=code, redirect_uri=redirect_uri, code_verifier=verifier
        )

    async def refresh(self, refresh_token: str) -> TokenSet:
        """New tokens, for all tenants of the user; the old refresh token stays good for 30 minutes.

        Raises Upstream: invalid_grant (permanent), or anything else to be tried again with the same token.
        """
        tokens = await self._token("refresh_token", refresh_token=refresh_token, withhold_token=True)
        if not tokens.refresh_token:  # saved, it would cut the merchant off; the old one is good for half an hour
            raise Upstream(_UNREADABLE, code="unreadable", unknown=True)
        return tokens

    async def revoke(self, refresh_token: str) -> None:
        """Give the grant back. Removes ALL of the user's connections to us: only with the last one."""
        discovery = await self.discover()
        if not discovery.revocation_endpoint:
            raise Upstream("Xero names no revocation endpoint.", permanent=True, code="no_endpoint")
        auth = self._oauth.client_auth("client_secret_basic")
        form = {"token": refresh_token, "token_type_hint": "refresh_token"}
        reply = await self._ask("POST", discovery.revocation_endpoint, data=form, auth=auth)
        if reply.status_code >= 400:
            raise _refused(reply)

    async def verify_id_token(self, id_token: str, nonce: str) -> IdClaims:
        """The person behind a fresh id_token: RS256 by a key of Xero's, exact issuer, our audience, our nonce, in time.

        Raises BadIdentity, and Upstream when the keys cannot be read.
        """
        discovery = await self.discover()
        try:
            keys = await self._key_set(discovery, _kid(id_token))
            token = jwt.decode(id_token, keys, algorithms=["RS256"])
            rules = JWTClaimsRegistry(
                leeway=LEEWAY,
                iss={"essential": True, "value": discovery.issuer},
                aud={"essential": True, "value": self._client_id},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
                xero_userid={"essential": True},
            )
            rules.validate(token.claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise BadIdentity(f"The id_token was refused: {type(error).__name__}.") from error
        said = {name: str(token.claims.get(name) or "") for name in IdClaims.__slots__}
        if not said["xero_userid"]:
            raise BadIdentity("The id_token names nobody.")
        return IdClaims(**said)

    async def issuer(self) -> str:
        """The issuer Xero names; raises Upstream when it cannot be read."""
        return (await self.discover()).issuer

    async def discover(self) -> Discovery:
        """Xero's discovery document, read once."""
        if self._discovery is None:
            async with self._lock:
                if self._discovery is None:
                    self._discovery = await self._read_discovery()
        return self._discovery

    async def _read_discovery(self) -> Discovery:
        reply = await self._ask("GET", f"{self._issuer}/.well-known/openid-configuration")
        found: Discovery = _read(reply, Discovery)
        if found.issuer.rstrip("/") != self._issuer:
            raise Upstream("Xero's discovery document names another issuer.", permanent=True, code="issuer")
        return found

    async def _key_set(self, discovery: Discovery, kid: str) -> KeySet:
        """The keys; read again when one is missing (Xero changed keys), at most every five minutes."""
        async with self._lock:
            known = self._keys is not None and any(key.kid == kid for key in self._keys.keys)
            stale = time.monotonic() - self._keys_at > _KEYS_AGAIN
            if self._keys is None or (not known and stale):
                reply = await self._ask("GET", discovery.jwks_uri)
                self._keys = KeySet.import_key_set(_read(reply, dict[str, Any]))
                self._keys_at = time.monotonic()
            return self._keys

    async def _token(self, method: str, **form: Any) -> TokenSet:
        discovery = await self.discover()
        try:
            answer = dict(await getattr(self._oauth, method)(discovery.token_endpoint, **form))
        except OAuthError as error:
            raise Upstream(
                f"Xero refused: {error.error}.", permanent=True, code=str(error.error), status=400
            ) from error
        except httpx.HTTPStatusError as error:
            raise _refused(error.response) from error
        except httpx.HTTPError as error:
            raise _no_answer(error) from error
        except (ValueError, TypeError, AttributeError) as error:
            # no JSON, or not the object that Authlib takes for granted
            raise Upstream(_UNREADABLE, code="unreadable", unknown=True) from error
        finally:
            self._oauth.token = None  # Authlib remembers the last token; it belongs to one user, not to us
        return _token_set(answer)

    async def _ask(self, method: str, url: str, **more: Any) -> httpx.Response:
        try:
            reply: httpx.Response = await self._oauth.request(method, url, withhold_token=True, **more)
        except httpx.HTTPError as error:
            raise _no_answer(error) from error
        return reply


def _token_set(answer: dict[str, Any]) -> TokenSet:
    scope = answer.get("scope") or ""
    try:
        lifetime = float(answer.get("expires_in") or 0)
    except (ValueError, TypeError) as error:
        raise Upstream(_UNREADABLE, code="unreadable", unknown=True) from error
    access = answer.get("access_token")
    if not isinstance(access, str) or not access:
        raise Upstream(_UNREADABLE, code="unreadable", unknown=True)
    return TokenSet(
        access_token=access,
        refresh_token=str(answer.get("refresh_token") or ""),
        id_token=str(answer.get("id_token") or ""),
        expires_at=from_now(lifetime) if lifetime > 0 else now(),
        scopes=" ".join(scope) if isinstance(scope, list) else str(scope),
    )


def _kid(id_token: str) -> str:
    """Which key the token says it was signed with; the signature still has to prove it."""
    return str(extract_compact(id_token.encode()).headers().get("kid", ""))


def _read(reply: httpx.Response, kind: Any) -> Any:
    if reply.status_code >= 300:
        raise _refused(reply)
    try:
        return msgspec.json.decode(reply.content, type=kind)
    except msgspec.DecodeError as error:
        raise Upstream("Xero's identity answer could not be read.", code="unreadable") from error


def _refused(reply: httpx.Response) -> Upstream:
    pause = retry_after(reply.headers, 30) if reply.status_code in {403, 429} else None
    status = reply.status_code
    return Upstream(f"Xero's identity service answered {status}.", code="identity", status=status, retry_after=pause)


def _no_answer(error: httpx.HTTPError) -> Upstream:
    sent = not isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
    return Upstream(f"Xero's identity service did not answer ({type(error).__name__}).", code="no_answer", unknown=sent)
