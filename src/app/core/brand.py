"""One merchant colour in, a full set of contrast-safe colour roles out, for light and for dark pages.

Worked out in OKLCH so that the hue stays the merchant's own. Ratios are those of WCAG 2.2: 4.5 for text (1.4.3) and
3 for the edges of controls (1.4.11). Success, warning, error and focus colours never follow the brand.
"""

import hashlib
import math
import re
from functools import lru_cache

# Surfaces the brand colour has to live on: page, card, highest container.
SURFACES = {"light": ("#ffffff", "#f8fafd", "#f0f4f9"), "dark": ("#131314", "#1b1b1b", "#282a2c")}
TEXT, EDGE = 4.5, 3.0
INK, BLACK, WHITE = "#1f1f1f", "#000000", "#ffffff"
COLOUR = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)

Roles = dict[str, str]
Triple = tuple[float, float, float]


def is_colour(text: str) -> bool:
    """Whether `text` is a colour code of the form #rgb or #rrggbb."""
    return COLOUR.fullmatch(text) is not None


def rgb(colour: str) -> Triple:
    """Red, green and blue between 0 and 1; raises ValueError for anything but #rgb or #rrggbb."""
    if not is_colour(colour):
        raise ValueError(f"{colour!r} is not a colour code such as #1e6b52.")
    digits = colour[1:]
    digits = "".join(d * 2 for d in digits) if len(digits) == 3 else digits
    red, green, blue = (int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return red, green, blue


def to_hex(channels: Triple) -> str:
    """The colour code, with channels out of range cut to it."""
    return "#" + "".join(f"{round(min(1, max(0, value)) * 255):02x}" for value in channels)


def luminance(colour: str) -> float:
    """Relative luminance as WCAG defines it, 0 to 1."""
    red, green, blue = (_linear(value) for value in rgb(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio as WCAG defines it, 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def to_oklch(colour: str) -> Triple:
    """Lightness, chroma and hue (in radians) in Björn Ottosson's OKLab space."""
    red, green, blue = (_linear(value) for value in rgb(colour))
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    medium = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    light = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return light, math.hypot(a, b), math.atan2(b, a)


def from_oklch(light: float, chroma: float, hue: float) -> str:
    """The nearest colour a screen can show: chroma is reduced, never hue or lightness."""
    light = min(1.0, max(0.0, light))
    low, high = (chroma, chroma) if _in_gamut(_convert(light, chroma, hue)) else (0.0, chroma)
    for _ in range(24 if low != high else 0):
        middle = (low + high) / 2
        low, high = (middle, high) if _in_gamut(_convert(light, middle, hue)) else (low, middle)
    red, green, blue = (_gamma(max(0.0, value)) for value in _convert(light, low, hue))
    return to_hex((red, green, blue))


@lru_cache(maxsize=1024)
def on_colour(fill: str) -> str:
    """White if it reads on `fill`, else near-black, else black: one always passes, for √21 = 4.58 is the worst case."""
    if contrast(fill, WHITE) >= TEXT:
        return WHITE
    return INK if contrast(fill, INK) >= TEXT else BLACK


def shade(fill: str, label: str, step: float) -> str:
    """The fill when hovered or pressed: darker while its label still reads, else lighter, so yellow stays yellow."""
    light, chroma, hue = to_oklch(fill)
    darker, lighter = light - step, max(light, 0.2) + step
    # Near black a darker fill cannot be told from the fill itself.
    for target in (darker, lighter) if light > 0.22 else (lighter,):
        out = from_oklch(target, chroma, hue)
        if abs(to_oklch(out)[0] - light) >= step * 0.6 and contrast(out, label) >= TEXT:
            return out
    return fill


def reach(colour: str, backs: tuple[str, ...], ratio: float, direction: int, max_chroma: float = 1.0) -> str:
    """The same hue, walked lighter (+1) or darker (-1) until `ratio` holds on every background."""
    light, chroma, hue = to_oklch(colour)
    for step in range(201):
        out = from_oklch(light + direction * step * 0.005, min(chroma, max_chroma), hue)
        if all(contrast(out, back) >= ratio for back in backs):
            return out
    return WHITE if direction > 0 else BLACK


def theme(colour: str) -> dict[str, Roles]:
    """The roles for "light" and "dark" pages made from the merchant's one colour."""
    return {mode: _roles(colour, backs, dark=mode == "dark") for mode, backs in SURFACES.items()}


@lru_cache(maxsize=1024)
def stylesheet(colour: str) -> str:
    """The merchant's stylesheet: light roles, and dark ones where the page follows the visitor's setting."""
    roles = theme(colour)
    light, dark = (_block(roles[mode]) for mode in ("light", "dark"))
    return (
        f":root{{{light}}}\n"
        f"@media (prefers-color-scheme:dark){{:root[data-theme=auto]{{{dark}}}}}\n"
        f":root[data-theme=dark]{{{dark}}}\n"
    )


@lru_cache(maxsize=1024)
def stylesheet_name(colour: str) -> str:
    """The hash under which this colour's stylesheet is served: another colour, or another rule, is another address."""
    return hashlib.sha256(stylesheet(colour).encode()).hexdigest()[:16]


def _block(roles: Roles) -> str:
    return "".join(f"--{name}:{value};" for name, value in roles.items())


def _roles(colour: str, backs: tuple[str, ...], *, dark: bool) -> Roles:
    toward = 1 if dark else -1
    # Light pages carry the merchant's exact colour; dark ones lighten it only where it would vanish.
    fill = reach(colour, backs, EDGE, +1) if dark else to_hex(rgb(colour))
    label = on_colour(fill)
    wash = _wash(colour, dark=dark)
    seen = all(contrast(fill, back) >= EDGE for back in backs)
    return {
        "brand": fill,
        "on-brand": label,
        "brand-hover": shade(fill, label, 0.05),
        "brand-pressed": shade(fill, label, 0.09),
        "brand-edge": fill if seen else reach(colour, backs, EDGE, toward),
        "brand-ink": reach(colour, (*backs, wash), TEXT, toward),
        "brand-container": wash,
        "on-brand-container": reach(colour, (wash,), 7.0, toward, 0.12),
    }


def _wash(colour: str, *, dark: bool) -> str:
    """The quiet tint behind headers; yellows need more chroma than greens to look like themselves, not like mud."""
    _, chroma, hue = to_oklch(colour)
    if dark:
        return from_oklch(0.29, min(chroma, 0.05), hue)
    warm = max(0.0, math.cos(hue - math.radians(95))) ** 2
    return from_oklch(0.96, min(chroma, 0.024 + 0.036 * warm), hue)


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def _gamma(value: float) -> float:
    return 12.92 * value if value <= 0.0031308 else float(1.055 * value ** (1 / 2.4) - 0.055)


def _in_gamut(channels: Triple) -> bool:
    return all(-1e-4 <= value <= 1 + 1e-4 for value in channels)


def _convert(light: float, chroma: float, hue: float) -> Triple:
    """OKLCH to linear sRGB."""
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (light - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
