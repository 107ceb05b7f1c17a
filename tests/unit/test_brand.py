"""Any colour a merchant picks gives pages everybody can read."""

import itertools
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.core.brand import EDGE, SURFACES, TEXT, contrast, is_colour, on_colour, rgb, shade, stylesheet, theme

GRID = [f"#{r * 17:02x}{g * 17:02x}{b * 17:02x}" for r, g, b in itertools.product(range(0, 16, 3), repeat=3)]
COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def failing_pairs(colour: str) -> list[str]:
    """The pairs of roles that do not reach their ratio, in either theme."""
    bad = []
    for mode, roles in theme(colour).items():
        wash, fills = roles["brand-container"], ("brand", "brand-hover", "brand-pressed")
        bad += [f"{mode} label on {fill}" for fill in fills if contrast(roles[fill], roles["on-brand"]) < TEXT]
        bad += [f"{mode} edge on {back}" for back in SURFACES[mode] if contrast(roles["brand-edge"], back) < EDGE]
        bad += [
            f"{mode} ink on {back}" for back in (*SURFACES[mode], wash) if contrast(roles["brand-ink"], back) < TEXT
        ]
        bad += [f"{mode} text on wash"] * (contrast(roles["on-brand-container"], wash) < 7)
    return bad


def test_grid_of_colours_is_readable() -> None:
    """Colours from all over the space, pure and grey ones included, pass in light and dark."""
    assert {colour: bad for colour in GRID if (bad := failing_pairs(colour))} == {}


@settings(deadline=None)
@given(COLOURS)
def test_any_colour_is_readable(colour: str) -> None:
    """Whatever the colour, every label, edge, link and wash reaches its ratio."""
    assert failing_pairs(colour) == []


@settings(deadline=None)
@given(COLOURS)
@example("#000101")
@example("#ffffff")
@example("#777777")
def test_states_are_told_apart(colour: str) -> None:
    """A button looks different when it is hovered and again when it is pressed."""
    for roles in theme(colour).values():
        assert len({roles["brand"], roles["brand-hover"], roles["brand-pressed"]}) == 3


@pytest.mark.parametrize("colour", ["#1e6b52", "#ffc629", "#7b2d8e", "#000000", "#ffffff"])
def test_light_pages_carry_the_exact_colour(colour: str) -> None:
    """The merchant's own colour is not touched on light pages."""
    assert theme(colour)["light"]["brand"] == colour


def test_yellow_takes_a_dark_label() -> None:
    """Pale fills get near-black words, strong ones white."""
    assert (on_colour("#ffc629"), on_colour("#1e6b52")) == ("#1f1f1f", "#ffffff")


def test_hover_darkens_what_it_can() -> None:
    """A hovered button grows darker while its label still reads."""
    assert contrast(shade("#1e6b52", "#ffffff", 0.05), "#ffffff") > contrast("#1e6b52", "#ffffff")


@pytest.mark.parametrize(
    ("text", "good"),
    [("#1e6b52", True), ("#abc", True), ("1e6b52", False), ("#1e6b5", False), ("red", False), ("#1e6b52;}", False)],
)
def test_only_colour_codes_pass(text: str, good: bool) -> None:
    """Nothing but a plain colour code is taken, so none can carry CSS into a stylesheet."""
    assert is_colour(text) is good


def test_other_text_is_refused() -> None:
    """A value that is no colour code raises a sentence fit to be shown."""
    with pytest.raises(ValueError, match="not a colour code"):
        rgb("url(x)")


def test_stylesheet_is_small_and_names_every_role() -> None:
    """The merchant's stylesheet sets all eight roles for light, automatic and chosen dark."""
    css = stylesheet("#1e6b52")
    assert css.count("--on-brand-container:") == 3
    assert css.startswith(":root{--brand:#1e6b52;")
    assert len(css) < 1000


def test_random_colours_repeat() -> None:
    """The same colour always gives the same stylesheet, so its address can be kept for ever."""
    colour = f"#{random.Random(7).randrange(1 << 24):06x}"
    assert stylesheet(colour) == stylesheet(colour)
