"""Security headers on every answer, errors and static files included; a handler's own header wins."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send


def policy(form_targets: list[str]) -> str:
    """The content security policy of every page: nothing inline, nothing foreign, forms to us and to `form_targets`.

    Chromium also checks the redirect after a form post against form-action, so the vendors' pages must be named.
    """
    targets = " ".join(dict.fromkeys(["'self'", *form_targets]))
    return (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
        f"form-action {targets}; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
    )


UNLISTED = {"x-robots-tag": "noindex, nofollow"}  # every answer below a pay link, errors and files too


class SecurityHeaders:
    """Stands around the whole application, so that even an unknown path is answered with them."""

    def __init__(self, app: ASGIApp, *, csp: str, secure: bool) -> None:
        self._app = app
        self._headers = {
            "content-security-policy": csp,
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cross-origin-opener-policy": "same-origin-allow-popups",
            "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
            "x-frame-options": "DENY",
            "cache-control": "no-store",
        }
        if secure:
            self._headers["strict-transport-security"] = "max-age=31536000; includeSubDomains"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything through, with the headers added to the answer's start."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                wanted = self._headers | (UNLISTED if scope["path"].startswith(("/p/", "/now/")) else {})
                extra = [(n.encode(), v.encode()) for n, v in wanted.items() if n.encode() not in present]
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        await self._app(scope, receive, with_headers)
