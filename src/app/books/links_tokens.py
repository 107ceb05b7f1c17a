"""A pay link's token, its address and what its QR code says: derived from the link's id, never stored."""

from typing import Any

from app.clients.bundle import Keys
from app.core.tokens import derive_token, grouped
from app.settings import Settings


def token_of(keys: Keys, link: Any) -> str:
    """The token in groups of four, as it stands in the address: 7K4M-9QXT-2B6H-M3WP."""
    return grouped(derive_token(keys.link, str(link["id"]), link["version"]))


def address(settings: Settings, keys: Keys, link: Any) -> str:
    """The link as people get it."""
    return f"{settings.base_url}/p/{token_of(keys, link)}"


def qr_text(settings: Settings, keys: Keys, link: Any) -> str:
    """The same address in capitals: the QR code stays in alphanumeric mode, small even at level Q."""
    return address(settings, keys, link).upper()
