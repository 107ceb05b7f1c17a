"""The address a merchant pastes into Xero as a custom payment URL, so that "Pay now" on online invoices comes to us.

Xero fills in `[INVOICENUMBER]`, `[CURRENCY]`, `[AMOUNTDUE]` and `[SHORTCODE]`, unsigned and guessable; the secret in the
path is ours. It holds the merchant's id and a keyed digest over id and version, so nothing is stored and a new version
makes the old address useless. Source: developer.xero.com, Payment services (placeholders).
"""

import base64
import binascii
import hashlib
import hmac
from uuid import UUID

from app.clients.bundle import Keys
from app.core import db
from app.core.crypto import same
from app.settings import Settings

_ID, _MAC = 16, 19  # bytes; together 56 characters of base32, without padding
_QUERY = "invoiceNo=[INVOICENUMBER]&currency=[CURRENCY]&amount=[AMOUNTDUE]&shortCode=[SHORTCODE]"


def address(settings: Settings, keys: Keys, merchant_id: UUID, version: int) -> str:
    """The custom payment URL to paste into Xero, with Xero's placeholders as they must stand."""
    return f"{settings.base_url}/now/{secret(keys, merchant_id, version)}?{_QUERY}"


def secret(keys: Keys, merchant_id: UUID, version: int) -> str:
    """The path's secret: 56 lower-case base32 characters, case-insensitive."""
    return base64.b32encode(merchant_id.bytes + _mac(keys, merchant_id, version)).decode().lower()


async def find(keys: Keys, text: str) -> UUID | None:
    """The merchant whose secret this is, or None for a wrong, foreign or outdated one."""
    merchant_id = _read(text)
    if merchant_id is None:
        return None
    version: int | None = await db.fetch_value("SELECT pay_now_version FROM merchant WHERE id = $1", merchant_id)
    expected = secret(keys, merchant_id, version or 0)
    return merchant_id if same(expected, text.lower()) and version is not None else None


def _read(text: str) -> UUID | None:
    try:
        raw = base64.b32decode(text.upper().encode("ascii"))
    except (binascii.Error, UnicodeEncodeError):
        return None
    return UUID(bytes=raw[:_ID]) if len(raw) == _ID + _MAC else None


def _mac(keys: Keys, merchant_id: UUID, version: int) -> bytes:
    return hmac.new(keys.now, f"{merchant_id}:{version}".encode(), hashlib.sha256).digest()[:_MAC]
