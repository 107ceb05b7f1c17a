"""Questions that open as a dialog with scripts, and as a page without."""

from typing import Any

from litestar import Response
from litestar.enums import MediaType

from app.clients.bundle import Clients
from app.core.http import AnyRequest, see_other
from app.web.render import page, render
from app.web.viewer import Viewer, form_token


def in_dialog(request: AnyRequest) -> bool:
    """Whether htmx asks for the content of a dialog."""
    return request.headers.get("hx-request") == "true"


def elsewhere(request: AnyRequest, path: str, words: str) -> Response[Any]:
    """To another page with one line; from a dialog the browser itself must go there."""
    response = see_other(path, words)
    if not in_dialog(request):
        return response
    going: Response[Any] = Response("", media_type=MediaType.HTML, headers={"HX-Redirect": path})
    going.cookies = response.cookies
    return going


async def either(
    request: AnyRequest, viewer: Viewer, clients: Clients, name: str, status: int, context: dict[str, Any]
) -> Response[Any]:
    """The content of a dialog for htmx, else a page with its frame."""
    if not context["in_dialog"]:
        return await page(request, name, viewer=viewer, status_code=status, **context)
    html = render(request, name, csrf_token=form_token(clients, viewer), **context)
    return Response(html, status_code=status, media_type=MediaType.HTML)
