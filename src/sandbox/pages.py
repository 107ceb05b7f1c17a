"""Rendering of the sandbox's own pages: Jinja2 with autoescape, strict headers, no script."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Response
from litestar.response import Redirect

HERE = Path(__file__).parent
# No form-action: browsers apply it to redirects too, and consent and payment pages redirect to the product.
CSP = "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' data:; frame-src 'self'; base-uri 'none'"
HEADERS = {
    "content-security-policy": f"{CSP}; frame-ancestors 'none'",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}

_environment = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    undefined=StrictUndefined,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _moment(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%d %b %Y, %H:%M:%S")


def _money(cents: int, currency: str = "") -> str:
    return f"{currency} {cents / 100:,.2f}".strip()


_environment.filters.update(moment=_moment, money=_money)


def page(template: str, *, status: int = 200, **values: object) -> Response[str]:
    """Render ``templates/<template>``; filters: ``moment`` for epoch seconds, ``money`` for cents."""
    html = _environment.get_template(template).render(**values)
    return Response(html, status_code=status, media_type="text/html", headers=dict(HEADERS))


def see_other(path: str) -> Redirect:
    """303 to a path of this sandbox or an address elsewhere, after a form was posted."""
    return Redirect(path, status_code=303)
