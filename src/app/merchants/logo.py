"""A logo as it may be shown: always decoded and drawn again as a small PNG, so that nothing else a file may hold survives.

Bytes in, a picture or a refusal in words out. SVG is refused: it is a document with scripts, not a picture. Size and number
of passes are looked at before anything is decoded, and decoding happens beside the event loop, two pictures at a time.
"""

import asyncio
import hashlib
import io
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from PIL import Image, ImageOps

from app.core.errors import Refused

MAX_BYTES = 1_000_000
MAX_PIXELS = 2_000_000
HEIGHT, WIDTH = 44, 240  # as shown, in CSS pixels
_SHARP = 2  # drawn at twice the shown size, for dense screens
_BUDGET = 20_000
_FORMATS = ("PNG", "JPEG", "WEBP")
# A progressive JPEG is drawn once for each of its passes, and a small file can promise a hundred thousand of them.
MAX_PASSES, _PASS = 100, b"\xff\xda"
_DRAWERS = ThreadPoolExecutor(2, thread_name_prefix="logo")
_TOO_MANY = "Choose a smaller picture: 2 million pixels at most, such as 2000 × 1000."


@dataclass(frozen=True, slots=True)
class Logo:
    """A PNG with the size it is shown at, in CSS pixels, and the hash under which it is served."""

    png: bytes
    width: int
    height: int
    hash: str


async def draw(raw: bytes) -> Logo:
    """`make`, beside the event loop: other requests are answered meanwhile, and at most two pictures are drawn at once."""
    return await asyncio.get_running_loop().run_in_executor(_DRAWERS, make, raw)


def make(raw: bytes) -> Logo:
    """The uploaded picture as a PNG, 44 CSS pixels high and at most 240 wide; raises Refused in words for the form."""
    if len(raw) > MAX_BYTES:
        raise Refused("Choose a picture of 1 MB or less.")
    if raw.count(_PASS) > MAX_PASSES:
        raise Refused("This picture takes too long to read. Save it as PNG and choose that file.")
    if _looks_like_svg(raw):
        raise Refused("SVG files cannot be used. Save the logo as PNG, JPG or WebP and choose that file.")
    image = _framed(_open(raw))
    png = _encode(image)
    return Logo(png, round(image.width / _SHARP), HEIGHT, hashlib.sha256(png).hexdigest()[:16])


def _looks_like_svg(raw: bytes) -> bool:
    head = raw[:1024].lstrip().lower()
    return head.startswith(b"<") and (b"<svg" in head or b"<?xml" in head or b"<!doctype" in head)


def _open(raw: bytes) -> Image.Image:
    """The picture, upright, in RGBA; the number of pixels is looked at before any of them is decoded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image: Image.Image = Image.open(io.BytesIO(raw), formats=_FORMATS)
            if image.width * image.height > MAX_PIXELS:
                raise Refused(_TOO_MANY)
            image.load()
            return ImageOps.exif_transpose(image).convert("RGBA")
    except Refused:
        raise
    except Image.DecompressionBombError as error:  # it says how large it is before we could look
        raise Refused(_TOO_MANY) from error
    except Exception as error:  # decoders fed with damaged files raise whatever they like
        raise Refused("This file is not a picture we can read. Choose a PNG, JPG or WebP file.") from error


def _framed(image: Image.Image) -> Image.Image:
    """Fitted to the shown height, with clear space above and below a very wide one; pages give its size beforehand."""
    drawn = ImageOps.contain(image, (WIDTH * _SHARP, HEIGHT * _SHARP), Image.Resampling.LANCZOS)
    frame = Image.new("RGBA", (max(drawn.width, _SHARP), HEIGHT * _SHARP))
    frame.paste(drawn, (0, (frame.height - drawn.height) // 2))
    return frame


def _encode(image: Image.Image) -> bytes:
    """PNG, with a palette when full colour would make it heavy."""
    full = _png(image)
    return full if len(full) <= _BUDGET else _png(image.quantize(256, Image.Quantize.FASTOCTREE))


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()
