"""A merchant's colours and logo, served under the hash of their content: fetched once, kept for ever."""

from uuid import UUID

from litestar import Controller, Response, get

from app.core import brand
from app.core.errors import NotFound
from app.merchants import branding

FOR_EVER = {"cache-control": "public, max-age=31536000, immutable"}
PICTURE = FOR_EVER | {"content-security-policy": "default-src 'none'; sandbox"}


class BrandController(Controller):
    """GET /brand/{merchant_id}/{hash}.css and .png."""

    path = "/brand"

    @get("/{merchant_id:uuid}/{name:str}")
    async def file(self, merchant_id: UUID, name: str) -> Response[bytes]:
        """The file under this very hash; 404 for any other."""
        stem, _, kind = name.partition(".")
        if not stem.isalnum():
            raise NotFound("No such file.")
        if kind == "png":
            return Response(await branding.logo_png(merchant_id, stem), media_type="image/png", headers=PICTURE)
        look = await branding.look(merchant_id)
        if kind != "css" or stem != brand.stylesheet_name(look.colour):
            raise NotFound("No such file.")
        sheet = brand.stylesheet(look.colour).encode()
        return Response(sheet, media_type="text/css", headers=FOR_EVER)
