"""The short view of a pay page, for whoever comes by Xero's Pay now. Pure: tokens in, tokens out.

That address holds an invoice number and an amount, which can be guessed by whoever has seen another invoice of the same
merchant; so it leads to a page that says no more than that: who is paid, the number, the amount, and the button. The token
is signed, so that a wrong one dies before any query; a replaced link ends it with the link's version.
"""

import base64
import binascii
import hashlib
import hmac
from uuid import UUID

from app.core.crypto import same

_ID, _VERSION, _MAC = 16, 2, 17  # bytes; together 56 characters of base32, without padding


def make(key: bytes, link_id: UUID, version: int) -> str:
    """The token of a link's short view: 56 lower-case characters."""
    body = link_id.bytes + (version % 2 ** (8 * _VERSION)).to_bytes(_VERSION)
    return base64.b32encode(body + _mac(key, body)).decode().lower()


def read(key: bytes, text: str) -> UUID | None:
    """The link that a token names, or None for any text that is no token of ours. Whether it is outdated, `make` tells."""
    try:
        raw = base64.b32decode(text.upper().encode("ascii"))
    except (binascii.Error, UnicodeEncodeError):
        return None
    body = raw[: _ID + _VERSION]
    signed = len(raw) == _ID + _VERSION + _MAC and same(_mac(key, body), raw[_ID + _VERSION :])
    return UUID(bytes=raw[:_ID]) if signed else None


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.new(key, b"brief:" + body, hashlib.sha256).digest()[:_MAC]
