"""Mail out over SMTP. smtps:// speaks TLS from the start; smtp:// begins TLS before anything else is said.

Only a mail server on this machine that wants no password may do without: an offer of TLS can be struck out on the way.
"""

import ssl
from email.message import EmailMessage
from functools import cache
from urllib.parse import unquote, urlsplit

import aiosmtplib

from app.core import db
from app.core.errors import Upstream

TIMEOUT = 30.0


class Mailer:
    """The configured mail server; one connection for each mail."""

    def __init__(self, smtp_url: str) -> None:
        self._url = urlsplit(smtp_url)

    @property
    def _needs_tls(self) -> bool | None:
        """None: only when the server offers it."""
        at_home = self._url.hostname in {"localhost", "127.0.0.1", "::1"}
        return None if at_home and not self._url.username else True

    async def send(self, message: EmailMessage) -> None:
        """Hand the mail over. Raises Upstream: permanent when the server will never take it, else to be tried again."""
        if not self._url.hostname:
            raise Upstream("No mail server is configured (SMTP_URL).", permanent=True, code="not_configured")
        db.refuse_in_transaction("SMTP")
        secure = self._url.scheme == "smtps"
        try:
            await aiosmtplib.send(
                message,
                hostname=self._url.hostname,
                port=self._url.port or (465 if secure else 587),
                username=unquote(self._url.username) if self._url.username else None,
                password=unquote(self._url.password) if self._url.password else None,
                use_tls=secure,
                start_tls=False if secure else self._needs_tls,
                tls_context=_trusted(),
                timeout=TIMEOUT,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            final = all(500 <= one.code < 600 for one in error.recipients)
            raise Upstream("The mail server refused the address.", permanent=final, code="recipient") from error
        except aiosmtplib.SMTPResponseException as error:
            final = 500 <= error.code < 600
            raise Upstream(
                f"The mail server answered {error.code}.", permanent=final, code=f"smtp_{error.code}"
            ) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Upstream(
                f"The mail server failed ({type(error).__name__}).", code="no_answer", unknown=True
            ) from error


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates this machine trusts, read once: that takes long enough to hold up everything else on the loop."""
    return ssl.create_default_context()
