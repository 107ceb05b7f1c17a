"""Errors as Stripe words them: one exception that carries status, type, code and parameter.

Raised anywhere below the routes and rendered once, by ``stripe_http``. Shapes: the v1 error object
``{"error": {type, code, message, param, doc_url, request_log_url}}`` of docs.stripe.com/api/errors; v2 answers use
the same envelope without ``doc_url``.
"""

from typing import Any

DOCS = "https://stripe.com/docs/error-codes/"


class StripeError(Exception):
    """A refusal: HTTP status, and the fields of Stripe's error object."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.type, self.code, self.param = status, message, type, code, param
        self.extra = extra or {}

    def body(self) -> dict[str, Any]:
        """The JSON object sent to the caller; absent fields are left out, as Stripe leaves them out."""
        error: dict[str, Any] = {"message": self.message, "type": self.type}
        if self.code:
            error |= {"code": self.code, "doc_url": DOCS + self.code.replace("_", "-")}
        if self.param:
            error["param"] = self.param
        return {"error": error | self.extra}


def unknown(param: str) -> StripeError:
    """400 for a parameter this endpoint does not take."""
    return StripeError(400, f"Received unknown parameter: {param}", code="parameter_unknown", param=param)


def missing(param: str) -> StripeError:
    """400 for a required parameter that is absent."""
    return StripeError(400, f"Missing required param: {param}.", code="parameter_missing", param=param)


def invalid(param: str, message: str, code: str | None = None) -> StripeError:
    """400 for a parameter whose value is not accepted."""
    return StripeError(400, message, code=code, param=param)


def no_such(kind: str, id: str, param: str = "id", status: int = 404) -> StripeError:
    """404 (or 400 when the id stood in a parameter) for an object this account does not have."""
    return StripeError(status, f"No such {kind}: '{id}'", code="resource_missing", param=param)


def key_missing() -> StripeError:
    """401 when no secret key was sent."""
    return StripeError(
        401,
        "You did not provide an API key. You need to provide your API key in the Authorization header, "
        "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
    )


def key_invalid(key: str) -> StripeError:
    """401 when the key is not one of this sandbox's."""
    shown = key[:8] + "*" * max(0, len(key) - 12) + key[-4:] if len(key) > 12 else "*" * len(key)
    return StripeError(401, f"Invalid API Key provided: {shown}")


def account_invalid(key: str, account: str) -> StripeError:
    """403 for an account that is not connected (any more) to the platform whose key was used."""
    return StripeError(
        403,
        f"The provided key '{key[:8]}***{key[-4:]}' does not have access to account '{account}' "
        "(or that account does not exist). Application access may have been revoked.",
        code="account_invalid",
    )


def key_reused(key: str) -> StripeError:
    """400 idempotency_error: the same key came with other parameters, method or path."""
    return StripeError(
        400,
        "Keys for idempotent requests can only be used with the same parameters they were first used with. "
        f"Try using a key other than '{key}' if you meant to execute a different request.",
        type="idempotency_error",
    )


def key_in_use(key: str) -> StripeError:
    """409 while another request with the same key is still being answered."""
    return StripeError(
        409,
        "There is currently another in-progress request using this Idempotent Key "
        f"(that probably means you submitted twice, and the other request is still going through): {key}. "
        "Please try again later.",
        type="idempotency_error",
        code="idempotency_key_in_use",
    )


def unrecognised(method: str, path: str) -> StripeError:
    """404 for a URL Stripe (or this sandbox) does not have."""
    return StripeError(
        404,
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs "
        "or we can help at https://support.stripe.com/.",
    )
