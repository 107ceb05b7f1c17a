"""Structured logs: one JSON object a line in production, readable lines on a terminal; secrets and personal data cut."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

CUT = "[cut]"
_SECRET_KEY = re.compile(r"token|secret|password|authorization|cookie|email|code_verifier|^raw$|body", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r"(?:sk_(?:test|live)_|rk_(?:test|live)_|whsec_|Bearer\s+|eyJ)[A-Za-z0-9_\-.=]+"
    r"|[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}"
    r"|(?<=/)(?:p|now)/[^/?\s\"']+(?:[ +][0-9A-Za-z]{4})*"  # pay links and Pay now addresses, also when typed with spaces
    r"|(?<=[?&])(?:code|state|cs)=[^&\s\"']+",
    re.IGNORECASE,
)


def redact(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace anything that looks like a secret, an e-mail address or a pay link, however deep."""
    for key, value in event.items():
        event[key] = CUT if key != "event" and _SECRET_KEY.search(key) else _cut(value)
    return event


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return _SECRET_TEXT.sub(CUT, value)
    if isinstance(value, dict):
        return {key: CUT if _SECRET_KEY.search(str(key)) else _cut(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_cut(inner) for inner in value]
    return value


class _Cutting(logging.Filter):
    """The same for what the libraries log."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = _cut(record.getMessage()), ()
        return True


def configure(level: str = "INFO", *, pretty: bool = False) -> None:
    """Set up structlog and the standard logging of the libraries; called once, by a door."""
    renderer: Any = structlog.dev.ConsoleRenderer(colors=False) if pretty else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            redact,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(name)s %(levelname)s %(message)s", force=True
    )
    for handler in logging.getLogger().handlers:
        handler.addFilter(_Cutting())
    for name in ("httpx", "httpcore", "authlib", "stripe"):
        logging.getLogger(name).setLevel(logging.WARNING)  # their DEBUG lines carry tokens
