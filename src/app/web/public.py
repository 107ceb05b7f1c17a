"""Pages for everybody: the landing page, help, security, privacy and terms."""

from typing import Any

from litestar import Controller, Response, get
from litestar.enums import MediaType

from app.clients.bundle import Clients
from app.core.http import AnyRequest
from app.web.render import page
from app.web.viewer import NotSignedIn, Viewer, provide_viewer

Html = Response[str]


class PublicController(Controller):
    """GET /, /help, /security, /privacy, /terms."""

    @get("/")
    async def landing(self, request: AnyRequest, clients: Clients) -> Html:
        """What the product does, and the way in."""
        viewer = await visitor(request, clients)
        return await page(request, "app/landing", signed_in=viewer is not None)

    @get("/robots.txt", media_type=MediaType.TEXT)
    async def robots(self) -> str:
        """Only the landing page is for search engines."""
        return "User-agent: *\nAllow: /$\nDisallow: /\n"

    @get("/help")
    async def help_page(self, request: AnyRequest, clients: Clients) -> Html:
        """Answers to what merchants and their customers ask."""
        return await _text(request, clients, "app/help")

    @get("/security")
    async def security_page(self, request: AnyRequest, clients: Clients) -> Html:
        """How money and data are kept safe."""
        return await _text(request, clients, "app/security")

    @get("/privacy")
    async def privacy_page(self, request: AnyRequest, clients: Clients) -> Html:
        """What is kept, why and for how long."""
        return await _text(request, clients, "app/privacy")

    @get("/terms")
    async def terms_page(self, request: AnyRequest, clients: Clients) -> Html:
        """What we promise and what we ask."""
        return await _text(request, clients, "app/terms")


async def visitor(request: AnyRequest, clients: Clients) -> Viewer | None:
    """The signed-in viewer of a public page, or None."""
    try:
        return await provide_viewer(request, clients)
    except NotSignedIn:
        return None


async def _text(request: AnyRequest, clients: Clients, name: str) -> Html:
    viewer = await visitor(request, clients)
    nobody: dict[str, Any] = {} if viewer else {"csrf_token": "", "shell": None}
    return await page(request, name, viewer=viewer, **nobody)
