"""QR codes: black on white, quiet zone inside, error correction Q, as SVG and PNG."""

import io
from functools import lru_cache

import qrcode
from qrcode.constants import ERROR_CORRECT_Q
from qrcode.image.pil import PilImage

QUIET = 4


def _matrix(text: str) -> list[list[bool]]:
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_Q, border=QUIET)
    code.add_data(text)
    code.make(fit=True)
    return [[bool(cell) for cell in row] for row in code.get_matrix()]


@lru_cache(maxsize=512)
def svg(text: str, title: str) -> str:
    """One SVG path, whole pixels per module; `title` is the accessible name (already plain text)."""
    rows = _matrix(text)
    runs = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, cell in enumerate(row) if cell)
    size = len(rows)
    safe = title.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" shape-rendering="crispEdges" role="img">'
        f'<title>{safe}</title><path fill="#fff" d="M0 0h{size}v{size}H0z"/><path d="{runs}"/></svg>'
    )


@lru_cache(maxsize=128)
def png(text: str, pixels_per_module: int = 10) -> bytes:
    """The same code as a PNG file."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_Q, border=QUIET, box_size=pixels_per_module)
    code.add_data(text)
    out = io.BytesIO()
    code.make_image(image_factory=PilImage).save(out, format="PNG")
    return out.getvalue()
