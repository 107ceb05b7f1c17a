"""Settings: the only reader of the environment. Frozen, typed, documented field by field.

`docs/operations.md` and `.env.example` list every field; a test holds them together.
"""

import base64
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from urllib.parse import urlsplit

DEFAULT_SCOPES = (
    "accounting.invoices accounting.payments accounting.banktransactions accounting.contacts.read "
    "accounting.settings.read accounting.attachments"
)


class BadSettings(Exception):
    """The configuration cannot be used; `problems` says why, one sentence each, naming the variable."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


def _doc(text: str, default: object = "", *, secret: bool = False) -> str:
    result: str = field(default=default, repr=not secret, metadata={"doc": text, "secret": secret})  # type: ignore[assignment]
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a process needs to know. Names are the environment's, in lower case."""

    app_env: str = _doc(
        "Where this runs: production, demo or test. Only production insists on real secrets.", "production"
    )
    base_url: str = _doc(
        "Public address of the product, without a slash at the end. https in production.", "http://localhost:8000"
    )
    host: str = _doc("Address the web server listens on.", "127.0.0.1")
    port: str = _doc("Port the web server listens on.", "8000")
    sandbox_port: str = _doc("Port of the sandbox that `payportal demo` starts.", "8100")
    data_dir: str = _doc("Folder for the embedded PostgreSQL and the demo's own files.", "")
    database_url: str = _doc("PostgreSQL to use. Unset: an embedded PostgreSQL in DATA_DIR.", secret=True)
    redis_url: str = _doc(
        "Redis that carries wake-ups between processes. Unset: the worker lives in the web process.", secret=True
    )
    amqp_url: str = _doc("RabbitMQ instead of Redis.", secret=True)
    secret_key: str = _doc(
        "At least 32 random characters. Sessions, form tokens and pay links are derived from it.", secret=True
    )
    token_keys: str = _doc(
        "Fernet keys, separated by commas, that encrypt Xero's tokens. The first encrypts, all decrypt.", secret=True
    )
    xero_client_id: str = _doc("Client id of your Xero app.")
    xero_client_secret: str = _doc("Client secret of your Xero app.", secret=True)
    xero_webhook_key: str = _doc(
        "Signing key of your Xero app's webhook, as shown in Xero's developer portal.", secret=True
    )
    xero_scopes: str = _doc("Accounting scopes asked for when an organisation is connected.", DEFAULT_SCOPES)
    xero_identity_url: str = _doc("Xero's identity service (issuer).", "https://identity.xero.com")
    xero_api_url: str = _doc("Xero's API.", "https://api.xero.com")
    xero_login_url: str = _doc(
        "Origin of Xero's sign-in pages, named in the pages' security policy.", "https://login.xero.com"
    )
    xero_app_url: str = _doc("Origin of Xero's own pages, for links to an invoice there.", "https://go.xero.com")
    stripe_secret_key: str = _doc("Secret or restricted key of your Stripe platform.", secret=True)
    stripe_webhook_secret: str = _doc("Signing secret of the Connect webhook endpoint (snapshot events).", secret=True)
    stripe_thin_webhook_secret: str = _doc("Signing secret of the thin event destination (accounts v2).", secret=True)
    stripe_api_url: str = _doc("Stripe's API.", "https://api.stripe.com")
    stripe_pages_url: str = _doc(
        "Origin of Stripe's hosted checkout pages, named in the pages' security policy.", "https://checkout.stripe.com"
    )
    stripe_connect_url: str = _doc(
        "Origin of Stripe's onboarding pages, named in the pages' security policy.", "https://connect.stripe.com"
    )
    smtp_url: str = _doc("Mail server, as smtp://user:password@host:587 or smtps://…", secret=True)
    mail_from: str = _doc("Sender of the product's mails.", "Payportal <payments@localhost>")
    support_email: str = _doc("Address shown where people can get help.", "help@localhost")
    trusted_proxies: str = _doc(
        "How many proxies in front of us add to X-Forwarded-For. 0: the connection's own address counts.", "0"
    )
    log_level: str = _doc("DEBUG, INFO, WARNING or ERROR.", "INFO")
    faultpoint: str = _doc("Tests only (APP_ENV=test): the named point at which the process kills itself.")

    @property
    def strict(self) -> bool:
        """Whether nothing weak may be used: in production, and wherever real money moves."""
        return self.app_env == "production" or self.live

    @property
    def live(self) -> bool:
        """Whether real money moves."""
        return self.stripe_secret_key.startswith(("sk_live_", "rk_live_"))

    @property
    def folder(self) -> Path:
        """The data folder; by default `.data` below where the process runs."""
        return Path(self.data_dir or ".data").resolve()

    @property
    def keys(self) -> list[str]:
        """The Fernet keys, newest first."""
        return [key.strip() for key in self.token_keys.split(",") if key.strip()]

    @property
    def secure(self) -> bool:
        """Whether the product is served over https."""
        return self.base_url.startswith("https://")


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment, not yet checked. Unknown variables are ignored, empty ones count as unset."""
    source = os.environ if environ is None else environ
    known = {item.name: source[item.name.upper()] for item in fields(Settings) if source.get(item.name.upper())}
    os.environ.setdefault("PICCOLO_CONF", "app.piccolo_app")  # where Piccolo's migrations look for engine and apps
    return Settings(**known)


def check(settings: Settings) -> list[str]:
    """What is wrong with the settings, in plain sentences that name the variable; empty when all is well."""
    problems = [*check_plain(settings), *_check_secrets(settings), *check_database(settings)]
    if settings.app_env not in {"production", "demo", "test"}:
        problems.append("APP_ENV must be production, demo or test.")
    if settings.strict and not settings.secure:
        problems.append("BASE_URL must start with https:// in production.")
    if urlsplit(settings.base_url).path not in {"", "/"} or settings.base_url.endswith("/"):
        problems.append(
            "BASE_URL must be an origin such as https://pay.example.com, without a path or a slash at the end."
        )
    if "xero" in urlsplit(settings.base_url).netloc.lower():
        problems.append("BASE_URL must not contain the word xero: Xero refuses such links on invoices.")
    if settings.redis_url and settings.amqp_url:
        problems.append("Set REDIS_URL or AMQP_URL, not both.")
    return problems


def check_plain(settings: Settings) -> list[str]:
    """Values that no process could even start with: numbers that are none, words nobody knows."""
    problems = [
        f"{name.upper()} must be a whole number."
        for name in ("port", "sandbox_port", "trusted_proxies")
        if not re.fullmatch(r"[0-9]{1,5}", getattr(settings, name))
    ]
    if settings.log_level not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        problems.append("LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR.")
    return problems


def check_database(settings: Settings) -> list[str]:
    """In production the database must be named: an embedded one would be another on every machine."""
    return [] if settings.database_url or not settings.strict else ["DATABASE_URL is missing."]


REQUIRED = (
    "secret_key",
    "xero_client_id",
    "xero_client_secret",
    "xero_webhook_key",
    "stripe_secret_key",
    "stripe_webhook_secret",
    "stripe_thin_webhook_secret",
    "token_keys",
)
LEAST = {
    "secret_key": 32,
    "xero_client_secret": 24,
    "xero_webhook_key": 24,
    "stripe_webhook_secret": 24,
    "stripe_thin_webhook_secret": 24,
}


def _check_secrets(settings: Settings) -> list[str]:
    problems = [f"{name.upper()} is missing." for name in REQUIRED if not getattr(settings, name)]
    problems += [f"TOKEN_KEYS has an entry that is no Fernet key (number {at})." for at in _bad_keys(settings.keys)]
    if not settings.strict:
        return problems
    if settings.stripe_secret_key and not re.fullmatch(r"[rs]k_(live|test)_\w{10,}", settings.stripe_secret_key):
        problems.append("STRIPE_SECRET_KEY does not look like a Stripe key (sk_live_… or rk_live_…).")
    problems += [
        f"{name.upper()} is too short or a well-known default; use at least {least} random characters."
        for name, least in LEAST.items()
        if _weak(getattr(settings, name), least)
    ]
    return problems if settings.smtp_url else [*problems, "SMTP_URL is missing."]


def _bad_keys(keys: list[str]) -> list[int]:
    """Which keys are not 32 bytes in URL-safe base64 (cryptography.io/fernet), counted from one."""
    wrong = []
    for at, key in enumerate(keys, start=1):
        try:
            wrong += [at] if len(base64.urlsafe_b64decode(key)) != 32 else []
        except ValueError:
            wrong.append(at)
    return wrong


def _weak(value: str, least: int) -> bool:
    """Whether a secret that is set is short, monotonous or copied from an example."""
    known = any(word in value.lower() for word in ("demo", "change", "example", "secret"))
    return bool(value) and (len(value) < least or len(set(value)) < 8 or known)


def require(settings: Settings) -> Settings:
    """The same settings; raises BadSettings when the process must not start with them."""
    problems = check(settings)
    if problems:
        raise BadSettings(problems)
    return settings
