"""Keys, encryption at rest and keyed digests. The database alone must open nothing."""

import hashlib
import hmac
import secrets

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.core.errors import PayportalError


class WrongKey(PayportalError):
    """Something stored cannot be read with the keys configured now."""


class Vault:
    """Encrypts tokens at rest: the first key encrypts, any key decrypts (cryptography.io/fernet)."""

    def __init__(self, keys: list[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, plain: str) -> str:
        """Ciphertext, as text, of `plain`."""
        return self._fernet.encrypt(plain.encode()).decode()

    def open(self, sealed: str) -> str:
        """The plain text; raises WrongKey when no configured key opens it."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise WrongKey("A stored secret cannot be read with TOKEN_KEYS.") from error


def derive(secret: str, purpose: str) -> bytes:
    """A 32-byte key for one purpose, so that no two uses share a key (HKDF-SHA256)."""
    return HKDF(SHA256(), 32, salt=None, info=f"payportal {purpose}".encode()).derive(secret.encode())


def digest(key: bytes, text: str) -> str:
    """Keyed hash (hex) under which a secret may be stored and found again."""
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def same(left: str | bytes, right: str | bytes) -> bool:
    """Compare in constant time."""
    one = left.encode() if isinstance(left, str) else left
    two = right.encode() if isinstance(right, str) else right
    return hmac.compare_digest(one, two)


def random_token(size: int = 32) -> str:
    """A fresh unguessable token of `size` random bytes, URL-safe."""
    return secrets.token_urlsafe(size)
