"""Xero's tokens: the signing key, access and identity tokens (RS256), refresh tokens that rotate with a grace period.

Lifetimes (Xero's token documentation, 2026): code 5 min, id_token 5 min, access token 30 min, refresh token 60 days.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any, cast

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from sandbox.store import Obj
from sandbox.world import World

CODE_SECONDS = 300
ID_TOKEN_SECONDS = 300
ACCESS_SECONDS = 1800
# The literal at the real Xero, whatever host answers: an access token is for Xero's resources, not for the app.
AUDIENCE = "https://identity.xero.com/resources"
REFRESH_SECONDS = 60 * 24 * 3600
_VERIFIED_KEPT = 5_000


class Tokens:
    """Issues and checks tokens for one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._key = self._load_key()
        self._verified: dict[str, dict[str, Any]] = {}

    @property
    def issuer(self) -> str:
        """The ``iss``: a host of its own at the real Xero, a path of its own here; endpoints live elsewhere."""
        return self._world.url("/xero/identity")

    def jwks(self) -> dict[str, Any]:
        """The public key set."""
        public = dict(self._key.as_dict(private=False))
        return {"keys": [{**public, "use": "sig", "alg": "RS256"}]}

    def access(self, user: Obj, scopes: list[str], client_id: str, event_id: str) -> str:
        """A 30-minute bearer token; its audience is the literal resource, its scope an array."""
        now = int(self._world.clock.timestamp())
        claims = {
            "nbf": now,
            "exp": now + ACCESS_SECONDS,
            "iss": self.issuer,
            "aud": AUDIENCE,
            "client_id": client_id,
            "sub": user["sub"],
            "auth_time": now,
            "idp": "local",
            "xero_userid": user["id"],
            "global_session_id": user["session"],
            "sid": user["session"],
            "jti": self._world.ids.token("", 32, "0123456789ABCDEF"),
            "authentication_event_id": event_id,
            "scope": scopes,
            "amr": ["pwd"],
        }
        return self._sign(claims)

    def machine(self, scopes: list[str], client_id: str) -> str:
        """A 30-minute bearer token of the app itself: no user, no tenant."""
        now = int(self._world.clock.timestamp())
        claims = {"nbf": now, "exp": now + ACCESS_SECONDS, "iss": self.issuer, "aud": AUDIENCE}
        jti = self._world.ids.token("", 32, "0123456789ABCDEF")
        return self._sign({**claims, "client_id": client_id, "jti": jti, "scope": scopes})

    def identity(self, user: Obj, scopes: list[str], client_id: str, access: str, nonce: str | None) -> str:
        """A 5-minute id_token; e-mail and names only with their scopes, never ``email_verified``."""
        now = int(self._world.clock.timestamp())
        claims: dict[str, Any] = {
            "nbf": now,
            "exp": now + ID_TOKEN_SECONDS,
            "iss": self.issuer,
            "aud": client_id,
            "iat": now,
            "at_hash": _half_hash(access),
            "sid": user["session"],
            "sub": user["sub"],
            "auth_time": now,
            "idp": "local",
            "xero_userid": user["id"],
            "global_session_id": user["session"],
            "amr": ["pwd"],
        }
        if nonce is not None:
            claims["nonce"] = nonce
        return self._sign(claims | named(user, scopes))

    def refresh(self, user_id: str, scopes: list[str], client_id: str, event_id: str) -> str:
        """A new refresh token, stored."""
        token = self._world.ids.token("", 43)
        row = {
            "id": token,
            "user": user_id,
            "client_id": client_id,
            "scopes": scopes,
            "event": event_id,
            "issued": self._world.clock.timestamp(),
            "replaced_at": None,
            "revoked": False,
        }
        self._world.store.put("xero.refresh", token, row)
        return token

    def live_refresh(self, token: str) -> Obj | None:
        """The row of a refresh token that may still be used: current, or replaced within the grace period."""
        row = self._world.store.get("xero.refresh", token)
        now = self._world.clock.timestamp()
        if row is None or row["revoked"] or now - row["issued"] > REFRESH_SECONDS:
            return None
        grace = self._world.xero_modes().refresh_grace_seconds
        if row["replaced_at"] is not None and now - row["replaced_at"] >= grace:
            return None
        return row

    def verify(self, token: str) -> dict[str, Any] | None:
        """The claims of an access token with a good signature, expired or not; None for anything else."""
        if token in self._verified:
            return self._verified[token]
        try:
            claims = jwt.decode(token, self._key, algorithms=["RS256"]).claims
        except (JoseError, ValueError):
            return None
        if claims.get("aud") != AUDIENCE:
            return None
        if len(self._verified) >= _VERIFIED_KEPT:
            self._verified.clear()
        self._verified[token] = claims
        return claims

    def _sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "RS256", "typ": "JWT", "kid": str(self._key.kid)}, claims, self._key)

    def _load_key(self) -> RSAKey:
        row = self._world.store.get("_keys", "xero.rsa")
        if row is None:
            key = RSAKey.generate_key(2048, private=True, auto_kid=True)
            row = cast("Obj", dict(key.as_dict(private=True)))
            self._world.store.put("_keys", "xero.rsa", row)
        return RSAKey.import_key(cast("dict[str, str | list[str]]", row))


def named(user: Obj, scopes: list[str]) -> dict[str, Any]:
    """The claims about a person that the scopes allow."""
    claims: dict[str, Any] = {}
    if "profile" in scopes:
        claims |= {
            "preferred_username": user["email"],
            "given_name": user["given_name"],
            "family_name": user["family_name"],
            "name": f"{user['given_name']} {user['family_name']}",
        }
    if "email" in scopes:
        claims["email"] = user["email"]
    return claims


def _half_hash(token: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()[:16]).rstrip(b"=").decode()
