"""Mail out over SMTP. smtp:// uses STARTTLS when the server offers it, smtps:// speaks TLS from the start."""

import ssl
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib

from app.core import db
from app.core.errors import Upstream

TIMEOUT = 30.0


class Mailer:
    """The configured mail server; one connection for each mail."""

    def __init__(self, smtp_url: str) -> None:
        self._url = urlsplit(smtp_url)

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
                start_tls=None if not secure else False,
                tls_context=ssl.create_default_context(),
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
