"""What lets somebody in: signatures of webhooks, tokens of links, the token of a form. Each is pinned, byte for byte."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from litestar import Litestar, post
from litestar.exceptions import ClientException

from app.clients.stripe_webhooks import TOLERANCE, BadSignature, verify
from app.core.clock import now
from app.core.crypto import Vault, WrongKey, derive, digest, random_token, same
from app.core.http import MAX_FIELD, AnyRequest, Form, read_form
from app.core.tokens import ALPHABET, derive_token, grouped, read_token, token_hash
from app.merchants import pay_now
from app.web.webhooks import signed_by_xero

KEY = derive("a secret of at least thirty-two characters", "link")
LINK = "0f8fad5b-d9cb-469f-a165-70867728950e"
SECRET = "whsec_9f8e7d6c5b4a3f2e1d0c"
EVENT = {"id": "evt_1", "type": "charge.updated", "object": "event"}
ORIGIN = "https://pay.example.com"

# ---- keys and tokens: printed codes and stored rows must open for ever


def test_a_printed_link_opens_for_ever():
    """The token of a link and the hash it is found by never change: they stand on paper and in the database."""
    derived = derive("a secret of at least thirty-two characters", "link").hex()
    assert "cc7016901df7e3637cec4e7790bf2dd8e42b0692a6a12a135fa21c4bad39001c" == derived == KEY.hex()
    assert "50QMNY9PQEQGQQ1C" == derive_token(KEY, LINK, 1) == read_token(KEY, "50qm-ny9p qeqg-qqic")
    assert "FR0EVX98V0M43T4Z" == derive_token(KEY, LINK, 2)
    assert "50QM-NY9P-QEQG-QQ1C" == grouped("50QMNY9PQEQGQQ1C")
    assert "52320515c20e01ef3afd9dfca6001db8c12472b38a32804102205d0b24fc65d5" == token_hash(KEY, "50QMNY9PQEQGQQ1C")


@pytest.mark.parametrize("text", [
    "50QMNY9PQEQGQQ1", "50QMNY9PQEQGQQ1CC", "50QMNY9PQEQGQQ1U", "", "50QMNY9PQEQG", "ÅÅQMNY9PQEQGQQ1C", "50QMNY9PQEQGQQ1Å",
    "5OQMNY9PQEQGQQ2C",
])  # fmt: skip
def test_what_is_no_token_is_refused(text):
    """Too short, too long, with letters that no token has, or with a checksum that is wrong."""
    assert read_token(KEY, text) is None


def test_look_alikes_are_read_as_meant():
    """O is read as nought, I and L as one."""
    token = next(t for t in (derive_token(KEY, str(n), 1) for n in range(500)) if "0" in t and "1" in t)
    for one in "IiLl":
        assert token == read_token(KEY, token.replace("1", one).replace("0", "o")) == read_token(KEY, f" {token} -")


@given(st.integers(0, 2000))
def test_every_letter_of_a_token_can_be_typed(number):
    """A token is sixteen letters of the alphabet that nobody mixes up."""
    token = derive_token(KEY, str(number), 1)
    assert (16, True) == (len(token), set(token) <= set(ALPHABET))


def test_the_pay_now_address_opens_for_ever():
    """The address a merchant pasted into Xero keeps working: merchant and digest, in letters that survive any case."""
    keys: Any = SimpleNamespace(now=KEY)
    secret = pay_now.secret(keys, UUID(LINK), 1)
    assert "b6h22w6zzndj7ilfocdhokevb3zcdcr4cknxqqzmg76fvpbawhg2twol" == secret
    assert UUID(LINK) == pay_now._read(secret.upper()) == pay_now._read(secret)
    settings: Any = SimpleNamespace(base_url=ORIGIN)
    query = "invoiceNo=[INVOICENUMBER]&currency=[CURRENCY]&amount=[AMOUNTDUE]&shortCode=[SHORTCODE]"
    assert f"{ORIGIN}/now/{secret}?{query}" == pay_now.address(settings, keys, UUID(LINK), 1)


@pytest.mark.parametrize("text", ["", "b6h22w6z", "b6h22w6zzndj7ilfocdhokevb3zcdcr4cknxqqzmg76fvpbawhg2two!", "ü" * 56])
def test_what_is_no_pay_now_secret_is_refused(text):
    """Of another length, or not base32 at all: no merchant is looked for."""
    assert pay_now._read(text) is None


def test_digests_are_keyed():
    """What is stored under a digest is found by it again, and only with the key."""
    assert "15838e48548b2ae27ab829bd6b42844494e07c86bd1f3bfe0c68d3ac9ce61868" == digest(KEY, "payportal")
    assert digest(b"another", "payportal") != digest(KEY, "payportal")


def test_text_and_bytes_are_compared_as_bytes():
    """The same text is the same, whether it comes as text or as bytes; anything else is not."""
    assert same("ü", "ü".encode())
    assert same("ü".encode(), "ü")
    assert not same("a", "b")
    assert not same(b"a", "")


def test_random_tokens_hold_what_they_promise():
    """A fresh token of n bytes is that long, and no two are alike."""
    assert (43, 22) == (len(random_token()), len(random_token(16)))
    assert 100 == len({random_token() for _ in range(100)})


def test_a_vault_names_the_setting_that_does_not_fit():
    """What no key opens is refused with the name of the setting to look at."""
    sealed = Vault([Fernet.generate_key().decode()]).seal("token")
    with pytest.raises(WrongKey, match=r"^A stored secret cannot be read with TOKEN_KEYS\.$"):
        Vault([Fernet.generate_key().decode()]).open(sealed)


# ---- Xero's signature


def xero_signature(raw: bytes, key: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), raw, hashlib.sha256).digest()).decode()


def test_xeros_signature_is_over_the_raw_bytes():
    """Signed with the key as the text it is; one byte more and it is not."""
    raw = b'{"events": [] }'
    good = xero_signature(raw, "cHJvbWlzZQ==")
    assert signed_by_xero(raw, good, "cHJvbWlzZQ==")
    assert not signed_by_xero(raw + b" ", good, "cHJvbWlzZQ==")
    assert not signed_by_xero(raw, good, "another")
    assert not signed_by_xero(raw, "", "cHJvbWlzZQ==")
    assert not signed_by_xero(raw, "ü", "cHJvbWlzZQ==")


def test_while_the_key_is_changed_both_are_good():
    """Two keys with a comma (and stray spaces) are both good; an empty one is none."""
    raw = b"{}"
    for key in ("old", "new"):
        assert signed_by_xero(raw, xero_signature(raw, key), " old , new,")
    assert not signed_by_xero(raw, xero_signature(raw, ""), " old , ,")
    assert not signed_by_xero(raw, xero_signature(raw, ""), "")


# ---- Stripe's signature


def stripe_header(raw: bytes, secret: str = SECRET, age: float = 0) -> str:
    moment = int(now().timestamp() - age)
    mac = hmac.new(secret.encode(), f"{moment}.".encode() + raw, hashlib.sha256).hexdigest()
    return f"t={moment},v1={mac}"


def test_a_signed_event_is_read():
    """Good bytes, good signature: the event as it stands, also while the secret is rolled and several signatures come."""
    raw = json.dumps(EVENT).encode()
    moment, good = stripe_header(raw).split(",")
    assert EVENT == verify(raw, f"{moment},{good}", SECRET)
    assert EVENT == verify(raw, f"{moment},v1={'0' * 64},{good},v0={'1' * 64},odd,x=a=b", SECRET)


@pytest.mark.parametrize(
    ("age", "good"), [(TOLERANCE - 60, True), (TOLERANCE + 60, False), (60 - TOLERANCE, True), (-TOLERANCE - 60, False)]
)
def test_a_signature_is_good_for_five_minutes(age, good):
    """Neither older nor younger than five minutes, however well it is signed."""
    raw = json.dumps(EVENT).encode()
    assert TOLERANCE == 300
    if good:
        assert EVENT == verify(raw, stripe_header(raw, age=age), SECRET)
    else:
        with pytest.raises(BadSignature, match=r"^The signature is (not good|of the future)\.$"):
            verify(raw, stripe_header(raw, age=age), SECRET)


@pytest.mark.parametrize("header", ["", "garbage", "t=1", "t=,v1=", "v1=abc"])
def test_what_is_no_signature_is_refused(header):
    """A missing or broken header is a bad signature, not an error of ours."""
    with pytest.raises(BadSignature, match=r"^The signature is not good\.$"):
        verify(json.dumps(EVENT).encode(), header, SECRET)


def test_another_secret_or_another_byte_is_refused():
    """Signed by somebody else, or changed on the way."""
    raw = json.dumps(EVENT).encode()
    for body, header in ((raw, stripe_header(raw, "whsec_other")), (raw + b" ", stripe_header(raw))):
        with pytest.raises(BadSignature, match=r"^The signature is not good\.$"):
            verify(body, header, SECRET)


@pytest.mark.parametrize("raw", [
    b"", b"[]", b"nonsense", b'{"id": "evt_1"}', b"[" * 20_000, b"\xff\xfe",
    *(json.dumps(EVENT | {name: value}).encode() for name in EVENT for value in ("", 7, None)),
])  # fmt: skip
def test_what_is_signed_but_no_event_is_refused(raw):
    """Good signatures over something else: refused with words, whatever it is."""
    with pytest.raises(BadSignature, match=r"^The (body is no event|signature is not good)\.$"):
        verify(raw, stripe_header(raw), SECRET)


# ---- the form's own token


@post("/", status_code=200)
async def page(request: AnyRequest) -> dict[str, Any]:
    """A page whose form has the token `good`; says what was read."""
    read = await read_form(request, "good", ORIGIN)
    return {name: read.many(name) for name in read}


@post("/upload", status_code=200)
async def upload(request: AnyRequest) -> dict[str, str]:
    """A page that takes a file of six bytes at most."""
    read = await read_form(request, "good", ORIGIN)
    return {"logo": (await read.file("logo", 6) or b"").decode()}


async def form(body: bytes, headers: Mapping[str, str] = {}, path: str = "/") -> tuple[int, Any]:
    """Post a form to the page: the status, and what was read or said."""
    sent = {"content-type": "application/x-www-form-urlencoded"} | dict(headers)
    app: Any = Litestar([page, upload], logging_config=None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
        answer = await client.post(path, content=body, headers=sent)
        told = answer.json()
        return answer.status_code, told if answer.status_code == 200 else told["detail"]


@pytest.mark.parametrize("headers", [
    {}, {"origin": ORIGIN}, {"origin": "null"}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none", "origin": ORIGIN},
])  # fmt: skip
async def test_a_form_of_ours_is_read(headers):
    """With its token and from our own page: fields without stray spaces, and several values."""
    read = {"name": ["a b"], "many": ["1", "2"], "on": ["On"], "no": ["no"]}
    assert (200, read) == await form(b"_csrf_token=good&name=+a+b+&many=1&many=+2&on=On&no=no", headers)


def test_a_field_sent_twice_is_refused():
    """Who asks for one value is not handed the first of several; a field that was not sent is empty."""
    fields = Form({"name": [" a "], "twice": ["1", "2"], "box": ["TRUE"]})
    assert ("a", "", ["1", "2"], []) == (
        fields.text("name"),
        fields.text("none"),
        fields.many("twice"),
        fields.many("none"),
    )
    assert (True, False, False, 3) == (fields.ticked("box"), fields.ticked("name"), fields.ticked("none"), len(fields))
    with pytest.raises(ClientException, match=r"^400: The field twice was sent more than once\.$"):
        fields.text("twice")


@pytest.mark.parametrize(
    "body", [b"", b"_csrf_token=", b"_csrf_token=bad&name=a", b"_csrf_token=GOOD", b"_csrf_token=bad&_csrf_token=good"]
)
async def test_a_form_without_its_token_is_refused(body):
    """No token, a wrong one, or a wrong one before the right one."""
    assert (403, "This page was open for too long. Go back, reload it and try again.") == await form(body)


@pytest.mark.parametrize("headers", [
    {"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "cross-site", "origin": ORIGIN},
    {"origin": ORIGIN + ".evil.example"},
])  # fmt: skip
async def test_a_form_from_another_site_is_refused(headers):
    """Even with the right token."""
    assert (403, "This request came from another site.") == await form(b"_csrf_token=good", headers)


async def test_a_field_has_an_end_and_no_zeros():
    """A field that is too long is refused by name; a zero byte, which PostgreSQL does not take, is left out."""
    assert (200, ["ab"]) == (await form_field(b"a%00b"))
    assert (200, ["a" * MAX_FIELD]) == await form_field(b"a" * MAX_FIELD)
    assert (400, "The field name is too long.") == await form(b"_csrf_token=good&name=" + b"a" * (MAX_FIELD + 1))


async def form_field(value: bytes) -> tuple[int, Any]:
    status, told = await form(b"_csrf_token=good&name=" + value)
    return status, told["name"]


async def test_an_upload_is_read_beside_the_fields():
    """A file's bytes, no more of them than asked for (and one, to tell that it is too long); None when nothing was chosen."""
    files = {"logo": ("logo.png", b"0123456789", "image/png")}
    body = httpx.Request("POST", ORIGIN, data={"_csrf_token": "good"}, files=files)
    assert (200, {"logo": "0123456"}) == await form(
        body.read(), {"content-type": body.headers["content-type"]}, "/upload"
    )
    assert (200, {"logo": ""}) == await form(b"_csrf_token=good", path="/upload")


async def test_a_body_that_is_no_form_is_a_bad_request():
    """A multipart body without a boundary: 400, not a fault of ours."""
    assert (400, "The form could not be read.") == await form(b"x", {"content-type": "multipart/form-data"})
