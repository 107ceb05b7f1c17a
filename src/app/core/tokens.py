"""Pay link tokens: 16 Crockford base32 characters that are derived, never stored.

60 bits come from HMAC(key, link id, version), 20 bits are a keyed checksum over them, so a mistyped or guessed token dies
before any query, a printed code can be shown again at any time, and a database dump alone opens no page.
"""

import hashlib
import hmac

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOKALIKE = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
_BODY, _CHECK = 12, 4


def derive_token(key: bytes, link_id: str, version: int) -> str:
    """The token of a link, upper case, without dashes."""
    mac = hmac.new(key, f"link:{link_id}:{version}".encode(), hashlib.sha256).digest()
    body = _encode(int.from_bytes(mac[:8], "big") >> 4, _BODY)
    return body + _checksum(key, body)


def read_token(key: bytes, text: str) -> str | None:
    """The canonical token a person typed or scanned, or None when its checksum is wrong."""
    token = text.upper().translate(_LOOKALIKE)
    if len(token) != _BODY + _CHECK or not set(token) <= set(ALPHABET):
        return None
    return token if hmac.compare_digest(token[_BODY:], _checksum(key, token[:_BODY])) else None


def token_hash(key: bytes, token: str) -> str:
    """The keyed hash under which the database finds a link."""
    return hmac.new(key, f"find:{token}".encode(), hashlib.sha256).hexdigest()


def grouped(token: str) -> str:
    """The token in groups of four, as people read it: 7K4M-9QXT-2B6H-M3WP."""
    return "-".join(token[at : at + 4] for at in range(0, len(token), 4))


def _checksum(key: bytes, body: str) -> str:
    mac = hmac.new(key, f"check:{body}".encode(), hashlib.sha256).digest()
    return _encode(int.from_bytes(mac[:3], "big") >> 4, _CHECK)


def _encode(number: int, length: int) -> str:
    digits = [ALPHABET[(number >> (5 * at)) & 31] for at in range(length)]
    return "".join(reversed(digits))
