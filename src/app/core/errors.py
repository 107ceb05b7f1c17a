"""Errors that carry the decision: try again later, or show it to a person."""


class PayportalError(Exception):
    """Base of every error of ours; `str()` is fit to be logged (no secrets, no personal data)."""


class Refused(PayportalError):
    """A business rule said no. `message` is in the merchant's or customer's words."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotFound(PayportalError):
    """No such thing for this person; pages answer 404 and say nothing more."""


class Upstream(PayportalError):
    """Another platform failed us.

    `permanent` means that trying again cannot help: show it. Otherwise come back after `retry_after` seconds
    (None: the caller's own back-off). `code` is the vendor's short code, `unknown` says that a write may have happened.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        retry_after: float | None = None,
        code: str = "",
        status: int = 0,
        unknown: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.permanent = permanent
        self.retry_after = retry_after
        self.code = code
        self.status = status
        self.unknown = unknown


class InTransaction(PayportalError):
    """A network call or a wake-up was tried while a database transaction was open."""
