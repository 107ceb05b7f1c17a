"""The look of a merchant's pages: logos drawn again, colours that read, words within their limits."""

import asyncio
import io
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from uuid import UUID

import pytest
from PIL import Image

from app.core import brand, db
from app.core.errors import NotFound, Refused
from app.merchants import branding, business, details, logo
from app.merchants.letterhead import letterhead
from payportal.views import merchant_view
from tests.world import DETAILS

GOOD = {
    "colour": "#1E6B52",
    "display_name": "Harrow & Finch",
    "email": "a@harrow.example",
    "phone": "",
    "thank_you": "",
}


@pytest.fixture
async def merchant_id(new_database: Callable[[], str]) -> AsyncIterator[UUID]:
    """A merchant whose legal name is known."""
    db.configure(new_database())
    await db.open_pool(2)
    user = await db.fetch_value("INSERT INTO app_user (xero_userid) VALUES ('hannah') RETURNING id")
    made = await business.ensure(user)
    await db.fetch(
        "UPDATE merchant SET legal_name = 'Harrow Ltd', contact_email = 'h@harrow.example' WHERE id = $1", made
    )
    yield made
    await db.close_pool()


def picture(size: tuple[int, int] = (400, 100), kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "#1e6b52").save(out, kind, **options)
    return out.getvalue()


def bomb() -> bytes:
    """A small PNG whose first lines promise 50,000 × 50,000 pixels."""
    raw = picture()
    size = b"IHDR" + struct.pack(">II", 50_000, 50_000) + raw[24:29]
    return raw[:12] + size + struct.pack(">I", zlib.crc32(size)) + raw[33:]


def huge_canvas() -> bytes:
    """A WebP whose canvas was made huge by a few flipped bits."""
    notes = Image.Exif()
    notes[0x010E] = "so that it has a canvas of its own"
    raw = picture(kind="WEBP", exif=notes)
    return raw[:24] + b"\xff\x7f\x00\xff\x7f\x00" + raw[30:]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_kinds(kind: str) -> None:
    """PNG, JPEG and WebP come out as a PNG for dense screens, with the size it is shown at."""
    made = logo.make(picture(kind=kind))

    shown = Image.open(io.BytesIO(made.png))
    assert ("PNG", (352, 88)) == (shown.format, shown.size)
    assert (176, 44) == (made.width, made.height)


@pytest.mark.parametrize(("size", "width"), [((4000, 100), 240), ((30, 30), 44), ((1, 900), 1)])
def test_shapes(size: tuple[int, int], width: int) -> None:
    """Very wide, small and very tall pictures all come out 44 high and at most 240 wide."""
    assert (width, 44) == (logo.make(picture(size)).width, logo.make(picture(size)).height)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script/></svg>', "SVG files cannot be used"),
        (b"  <SVG onload=alert(1)>", "SVG files cannot be used"),
        (b"GIF89a" + b"\x00" * 50, "not a picture we can read"),
        (picture()[:200], "not a picture we can read"),
        (b"", "not a picture we can read"),
        (picture((2001, 1000)), "2 million pixels"),
        (b"\x89PNG" + b"\x00" * 1_000_001, "1 MB or less"),
        (bomb(), "2 million pixels"),
        (huge_canvas(), "2 million pixels"),
    ],
    ids=["svg", "svg in capitals", "gif", "cut off", "empty", "too many pixels", "too many bytes", "bomb", "canvas"],
)
def test_refused(raw: bytes, words: str) -> None:
    """What is no small picture is refused in words that say what to do."""
    with pytest.raises(Refused, match=words):
        logo.make(raw)


def test_nothing_survives() -> None:
    """Whatever else a file holds (a script after the picture, notes about a place) is not kept."""
    notes = Image.Exif()
    notes[0x010E] = "a secret place"
    raw = picture(kind="JPEG", exif=notes) + b"<script>alert(1)</script>"

    made = logo.make(raw).png

    assert b"secret" not in made
    assert b"script" not in made


def test_light_weight() -> None:
    """A busy picture still weighs little enough for a pay page on a slow line."""
    noise = Image.effect_noise((960, 176), 90).convert("RGB")
    out = io.BytesIO()
    noise.save(out, "PNG")

    assert len(logo.make(out.getvalue()).png) < 60_000


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"colour": "#fff"}, "colour"),
        ({"colour": "#1e6b52;}body{display:none"}, "colour"),
        ({"display_name": ""}, "display_name"),
        ({"display_name": "x" * 81}, "display_name"),
        ({"email": ""}, "email"),
        ({"phone": "ring me"}, "phone"),
        ({"thank_you": "x" * 121}, "thank_you"),
        ({"display_name": "Harrow \u202etfosorciM"}, "display_name"),
        ({"display_name": "Har\u200brow"}, "display_name"),
        ({"display_name": "Pay at evil.com"}, "display_name"),
        ({"display_name": "Harrow ｗｗｗ．evil．ｅxample"}, "display_name"),
        ({"thank_you": "See https://evil.example"}, "thank_you"),
        ({"thank_you": "Claim at evil.example/refund"}, "thank_you"),
        ({"thank_you": "Hi\u2066 there"}, "thank_you"),
    ],
)
def test_wrong_words(change: dict[str, str], field: str) -> None:
    """A wrong answer is told at its own field."""
    assert [field] == list(branding.check(GOOD | change)[1])


@pytest.mark.parametrize(
    "name", ["J.R.Smith & Sons", "St. John's", "Müller GmbH & Co. KG", "森ビル", "No.7", "3.5 mm Ltd."]
)
def test_good_names(name: str) -> None:
    """Names with dots, and in any script, are fine."""
    assert {} == branding.check(GOOD | {"display_name": name})[1]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"legal_name": "Harrow\u202e Ltd"}, "legal_name"),
        ({"legal_name": "www.evil.example"}, "legal_name"),
        ({"first_name": "https://evil.example"}, "first_name"),
        ({"city": "Bris\x07tol"}, "city"),
        ({"email": "a\u200b@harrow.example"}, "email"),
    ],
)
def test_wrong_details(change: dict[str, str], field: str) -> None:
    """Hidden signs and web addresses are told at the field of the business details; a registered name may hold a dot."""
    assert [field] == list(details.check(DETAILS | change)[1])
    assert {} == details.check(DETAILS | {"legal_name": "Harrow.com Ltd", "website": "www.harrow.example"})[1]


async def test_legal_name_of_xero(merchant_id: UUID) -> None:
    """What Xero calls the organisation goes before what was typed here, in mails as on the pay page."""
    assert (await letterhead(merchant_id)).legal_line.startswith("Harrow Ltd")
    await db.fetch(
        "INSERT INTO connection (id, merchant, xero_tenant_id, name, legal_name) "
        "VALUES (gen_random_uuid(), $1, 'tenant', 'Harrow', 'Harrow & Finch Joinery Ltd')", merchant_id
    )  # fmt: skip
    assert (await letterhead(merchant_id)).legal_line.startswith("Harrow & Finch Joinery Ltd")

    typed = dict.fromkeys(
        "id address_line1 address_line2 city region postal_code registration_number tax_number contact_email contact_phone "
        "colour logo_hash logo_width display_name".split(), ""
    ) | {"legal_name": "Stripe Support", "xero_legal_name": "Harrow & Finch Joinery Ltd", "xero_name": "Harrow"}  # fmt: skip
    shown = merchant_view(typed)
    assert ("Harrow & Finch Joinery Ltd",) * 2 == (shown.legal_name, shown.name)
    assert "Stripe Support" == merchant_view(typed | {"xero_legal_name": ""}).legal_name


@pytest.mark.parametrize("colour", ["#ffe600", "#1e6b52", "#000000", "#ffffff", "#ff00aa"])
def test_readability(colour: str) -> None:
    """Every colour is shown with ratios that are enough to read by."""
    button, link, dark = (ratio for _, ratio in branding.readability(colour))

    assert button >= 4.5
    assert link >= 4.5
    assert dark >= 3


async def test_before_anything(merchant_id: UUID) -> None:
    """Without branding of its own a merchant has its legal name, its contact and the product's colour."""
    look = await branding.look(merchant_id)

    assert ("Harrow Ltd", "h@harrow.example", branding.DEFAULT_COLOUR) == (
        look.display_name,
        look.contact_email,
        look.colour,
    )
    assert "" == look.logo_src


async def test_save(merchant_id: UUID) -> None:
    """A saved colour and logo have addresses of their own, which change with them."""
    before = await branding.look(merchant_id)
    values, _ = branding.check(GOOD)
    made = logo.make(picture())

    await branding.save(merchant_id, values, made)

    look = await branding.look(merchant_id)
    assert "#1e6b52" == look.colour
    assert before.css_href != look.css_href
    assert look.css_href.endswith(f"{brand.stylesheet_name('#1e6b52')}.css")
    assert made.png == await branding.logo_png(merchant_id, look.logo_hash)


def test_endless_passes() -> None:
    """A JPEG that is drawn over and over is refused before anything of it is drawn."""
    with pytest.raises(Refused, match="takes too long to read"):
        logo.make(picture(kind="JPEG", progressive=True) + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" * 200)
    assert 44 == logo.make(picture(kind="JPEG", progressive=True)).height


async def test_drawn_beside_the_loop() -> None:
    """While pictures are drawn or refused the loop goes round, so that everybody else is answered."""
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    turning = asyncio.create_task(turn())
    large = picture((2_000, 1_000), kind="JPEG")
    drawn = await asyncio.gather(*(logo.draw(raw) for raw in [large, bomb()] * 3), return_exceptions=True)
    turning.cancel()
    assert 3 == sum(isinstance(one, logo.Logo) for one in drawn)
    assert 3 == sum(isinstance(one, Refused) for one in drawn)
    assert turns > 20


async def test_logo_stays(merchant_id: UUID) -> None:
    """Saving words keeps the logo; ticking remove takes it away."""
    values, _ = branding.check(GOOD)
    await branding.save(merchant_id, values, logo.make(picture()))

    await branding.save(merchant_id, values, None)
    kept = (await branding.look(merchant_id)).logo_hash
    await branding.save(merchant_id, values, None, remove_logo=True)

    assert kept
    assert "" == (await branding.look(merchant_id)).logo_src
    with pytest.raises(NotFound):
        await branding.logo_png(merchant_id, kept)


async def test_name_alone(merchant_id: UUID) -> None:
    """Giving the name during setup keeps everything else as it is."""
    await branding.begin(merchant_id)
    await branding.set_name(merchant_id, "Harrow & Finch")

    look = await branding.look(merchant_id)
    assert ("Harrow & Finch", "h@harrow.example") == (look.display_name, look.contact_email)
