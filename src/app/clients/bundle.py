"""Everything we talk out with, made once for each event loop and handed on as an argument."""

from dataclasses import dataclass

import httpx

from app.clients.http import open_http
from app.clients.mail import Mailer
from app.clients.stripe import Stripe
from app.clients.xero import Xero
from app.clients.xero_identity import XeroIdentity
from app.core.crypto import Vault, derive
from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Keys:
    """One derived key for each use (bytes), so that no two uses share one."""

    link: bytes
    session: bytes
    flow: bytes
    csrf: bytes
    now: bytes
    find: bytes

    def __repr__(self) -> str:
        return "Keys(…)"


@dataclass(frozen=True, slots=True, repr=False)
class Clients:
    """Xero, Stripe, mail, and the keys that belong to talking: sealed tokens and derived secrets."""

    settings: Settings
    vault: Vault
    keys: Keys
    identity: XeroIdentity
    xero: Xero
    stripe: Stripe
    mail: Mailer
    http: httpx.AsyncClient

    async def close(self) -> None:
        """Close every connection; nothing may call afterwards."""
        await self.identity.close()
        await self.stripe.close()
        await self.http.aclose()


def make_keys(secret_key: str) -> Keys:
    """The keys derived from SECRET_KEY."""
    return Keys(**{name: derive(secret_key, name) for name in Keys.__slots__})


async def open_clients(settings: Settings) -> Clients:
    """Clients for the running loop. Opens no connection yet."""
    http = open_http()
    return Clients(
        settings=settings,
        vault=Vault(settings.keys),
        keys=make_keys(settings.secret_key),
        identity=XeroIdentity(settings.xero_identity_url, settings.xero_client_id, settings.xero_client_secret),
        xero=Xero(http, settings.xero_api_url),
        stripe=Stripe(settings),
        mail=Mailer(settings.smtp_url),
        http=http,
    )
