"""Id tokens and the identity service: a small one of our own on a real socket, which can be as hostile as we like."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from app.clients.xero_identity import BadIdentity, XeroIdentity
from app.core.clock import now
from app.core.errors import Upstream

CLIENT, NONCE = "CLIENT0ID", "a-nonce"
GOOD = RSAKey.generate_key(2048, {"kid": "one"})
FOREIGN = RSAKey.generate_key(2048, {"kid": "one"})
NEW = RSAKey.generate_key(2048, {"kid": "two"})


class Identity(ThreadingHTTPServer):
    """Answers discovery, keys and tokens; counts what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://localhost:{self.server_port}/identity"
        self.issuer, self.keys = self.url, [GOOD]
        self.asked: list[str] = []
        self.token: tuple[int, str] = (200, "{}")

    def discovery(self) -> dict[str, Any]:
        """Endpoints stand elsewhere than the issuer."""
        other = self.url.replace("/identity", "/elsewhere")
        names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        return {"issuer": self.issuer} | {name: f"{other}/{path}" for name, path in names.items()}


class _Handler(BaseHTTPRequestHandler):
    server: Identity

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        keys = {"keys": [key.as_dict(private=False) for key in self.server.keys]}
        self._say(200, json.dumps(keys if self.path.endswith("/keys") else self.server.discovery()))

    def do_POST(self) -> None:
        self.server.asked.append(self.path)
        self.rfile.read(int(self.headers["content-length"]))
        self._say(*self.server.token)

    def _say(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def server() -> Iterator[Identity]:
    made = Identity()
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
async def identity(server: Identity) -> AsyncIterator[XeroIdentity]:
    made = XeroIdentity(server.url, CLIENT, "secret")
    yield made
    await made.close()


def claims(server: Identity, **changed: Any) -> dict[str, Any]:
    moment = int(now().timestamp())
    standard = {"iss": server.url, "aud": CLIENT, "iat": moment, "nbf": moment, "exp": moment + 300, "nonce": NONCE}
    found = standard | {"xero_userid": "u-1", "email": "a@example.com"} | changed
    return {name: value for name, value in found.items() if value is not None}


def token(said: dict[str, Any], key: RSAKey = GOOD, **header: str) -> str:
    return jwt.encode({"alg": "RS256", "kid": str(key.kid), **header}, said, key)


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def test_good_token(server: Identity, identity: XeroIdentity) -> None:
    """A fresh token of Xero's for us, with our nonce, says who signed in."""
    found = await identity.verify_id_token(token(claims(server)), NONCE)
    assert ("u-1", "a@example.com", "") == (found.xero_userid, found.email, found.given_name)


async def test_clocks_may_differ_a_little(server: Identity, identity: XeroIdentity) -> None:
    """A minute of difference between the clocks is allowed."""
    moment = int(now().timestamp())
    assert await identity.verify_id_token(token(claims(server, exp=moment - 50, nbf=moment + 50)), NONCE)


WRONG: list[dict[str, Any]] = [
    {"iss": "https://evil.example"},
    {"iss": None},
    {"aud": "another-client"},
    {"aud": None},
    {"nonce": "another"},
    {"nonce": None},
    {"exp": 1_700_000_000},
    {"exp": None},
    {"nbf": 4_000_000_000},
    {"iat": 4_000_000_000},
    {"xero_userid": None},
    {"xero_userid": ""},
]


@pytest.mark.parametrize("changed", WRONG, ids=str)
async def test_wrong_claims(server: Identity, identity: XeroIdentity, changed: dict[str, Any]) -> None:
    """A token for somebody else, of somebody else, too old, too young or about nobody is refused."""
    with pytest.raises(BadIdentity):
        await identity.verify_id_token(token(claims(server, **changed)), NONCE)


async def test_unsigned(server: Identity, identity: XeroIdentity) -> None:
    """A token with the algorithm "none" is refused."""
    forged = f"{segment({'alg': 'none', 'kid': 'one'})}.{segment(claims(server))}."
    with pytest.raises(BadIdentity):
        await identity.verify_id_token(forged, NONCE)


async def test_signed_with_the_public_key(server: Identity, identity: XeroIdentity) -> None:
    """A token whose HMAC secret is the public key is refused."""
    body = f"{segment({'alg': 'HS256', 'kid': 'one'})}.{segment(claims(server))}"
    mac = hmac.new(GOOD.as_pem(private=False), body.encode(), hashlib.sha256).digest()
    with pytest.raises(BadIdentity):
        await identity.verify_id_token(f"{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}", NONCE)


async def test_foreign_key(server: Identity, identity: XeroIdentity) -> None:
    """A token signed by another key is refused, also when it names an address to find that key at."""
    for header in ({}, {"jku": "https://evil.example/keys"}):
        with pytest.raises(BadIdentity):
            await identity.verify_id_token(token(claims(server), FOREIGN, **header), NONCE)


@pytest.mark.parametrize("text", ["", "abc", "a.b.c", "....", "ü.ü.ü", f"{segment([])}.{segment({})}.x"])
async def test_no_token(identity: XeroIdentity, text: str) -> None:
    """What is not a token signs nobody in."""
    with pytest.raises(BadIdentity):
        await identity.verify_id_token(text, NONCE)


async def test_read_once(server: Identity, identity: XeroIdentity) -> None:
    """Discovery and keys are read once, however many sign in; made-up key names cause no further reading."""
    for _ in range(3):
        await identity.verify_id_token(token(claims(server)), NONCE)
    with pytest.raises(BadIdentity):
        await identity.verify_id_token(token(claims(server), NEW), NONCE)
    assert 2 == len(server.asked)


async def test_new_keys(server: Identity, identity: XeroIdentity) -> None:
    """When Xero changes its keys, they are read again."""
    await identity.verify_id_token(token(claims(server)), NONCE)
    server.keys = [NEW]
    identity._keys_at -= 301
    assert await identity.verify_id_token(token(claims(server), NEW), NONCE)


async def test_another_issuer(server: Identity, identity: XeroIdentity) -> None:
    """A discovery document that names another issuer is not followed."""
    server.issuer = "https://evil.example"
    with pytest.raises(Upstream, match="another issuer"):
        await identity.discover()


async def test_authorize_url(server: Identity, identity: XeroIdentity) -> None:
    """The browser is sent to discovery's address with state, nonce and a hashed verifier."""
    url = await identity.authorize_url("http://localhost/cb", "openid email", "s", NONCE, "v" * 43)
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    challenge = base64.urlsafe_b64encode(hashlib.sha256(b"v" * 43).digest()).rstrip(b"=").decode()

    assert "/elsewhere/authorize" == urlsplit(url).path
    assert {"response_type": "code", "state": "s", "nonce": NONCE, "scope": "openid email"}.items() <= query.items()
    assert (challenge, "S256") == (query["code_challenge"], query["code_challenge_method"])


@pytest.mark.parametrize(
    ("status", "body", "code", "permanent"),
    [
        (400, '{"error":"invalid_grant"}', "invalid_grant", True),
        (400, '{"error":"invalid_client"}', "invalid_client", True),
        (503, "busy", "identity", False),
        (429, "<html>", "identity", False),
        (403, "<html>Access Denied", "identity", False),
        (200, "<html>", "unreadable", False),
        (200, "{}", "unreadable", False),
        (200, "[1]", "unreadable", False),
        (200, '{"access_token":"a","expires_in":"soon"}', "unreadable", False),
        (200, '{"access_token":null,"refresh_token":null,"expires_in":null}', "unreadable", False),
        (200, '{"access_token":"a","refresh_token":null,"expires_in":1800}', "unreadable", False),
    ],
)
async def test_refused_tokens(
    server: Identity, identity: XeroIdentity, status: int, body: str, code: str, permanent: bool
) -> None:
    """Only Xero's own word ends a grant; anything else may be tried again."""
    server.token = (status, body)
    with pytest.raises(Upstream) as error:
        await identity.refresh("r")
    assert (code, permanent) == (error.value.code, error.value.permanent)


async def test_refresh(server: Identity, identity: XeroIdentity) -> None:
    """New tokens come with their end; nothing of them stays in the client, nor shows in a log."""
    server.token = (
        200,
        '{"access_token":"at","refresh_token":"rt","expires_in":1800,"scope":["a","b"],"token_type":"Bearer"}',
    )
    found = await identity.refresh("r")
    assert ("at", "rt", "a b") == (found.access_token, found.refresh_token, found.scopes)
    assert 1790 < (found.expires_at - now()).total_seconds() <= 1800
    assert "at" not in repr(found).replace("expires_at", "")
    assert not identity._oauth.token
