"""Rendering of merchant pages: the frame around every page is gathered here, the handler brings the rest."""

from types import SimpleNamespace
from typing import Any

from jinja2 import Environment
from litestar import Response
from litestar.enums import MediaType

from app.clients.bundle import Clients
from app.core import db
from app.core.http import FLASH, AnyRequest, flash_of
from app.web.viewer import Viewer, form_token

_SHELL = """
SELECT COALESCE(NULLIF(b.display_name, ''), NULLIF(m.legal_name, ''), '') AS name,
  (SELECT count(*) FROM invoice i WHERE i.merchant = m.id AND i.status = 'AUTHORISED' AND i.due_minor > 0) AS open,
  (SELECT CASE WHEN bool_or(c.state = 'broken') THEN 'disconnected' WHEN bool_or(c.state = 'connected') THEN 'connected'
          ELSE 'none' END FROM connection c WHERE c.merchant = m.id AND c.state <> 'disconnected') AS xero
FROM merchant m LEFT JOIN branding b ON b.merchant = m.id WHERE m.id = $1
"""


async def page(
    request: AnyRequest, name: str, *, viewer: Viewer | None = None, status_code: int = 200, **context: Any
) -> Response[str]:
    """The page `name` (a template without its ending) as an HTML answer."""
    clients: Clients = request.app.state.clients
    flash = flash_of(request)
    if viewer:
        context = {"csrf_token": form_token(clients, viewer), "shell": await _shell(viewer, flash)} | context
    html = render(request, name, **context)
    response = Response(html, media_type=MediaType.HTML, status_code=status_code)
    if flash:
        # A __Host- cookie goes only by the attributes it came with; Litestar's delete_cookie leaves Secure out.
        response.set_cookie(FLASH, "", path="/", secure=True, httponly=True, samesite="lax", max_age=0)
    return response


def render(request: AnyRequest, name: str, **context: Any) -> str:
    """A template as text; for fragments and pages that have no frame."""
    jinja: Environment = request.app.state.jinja
    return jinja.get_template(f"{name}.html").render(**context)


async def _shell(viewer: Viewer, flash: str) -> SimpleNamespace:
    row = await db.fetch_row(_SHELL, viewer.merchant_id)
    return SimpleNamespace(
        user_name=viewer.name,
        user_email=viewer.email,
        user_initials=viewer.initials,
        merchant_name=(row and row["name"]) or viewer.name,
        xero=(row and row["xero"]) or "none",
        open_invoices=row["open"] if row else 0,
        flash=flash,
    )
