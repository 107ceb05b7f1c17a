"""Check what no linter knows: the house's own rules for the tracked files. Part of `make check`, and a test.

Run `python scripts/check_tree.py`: one line per breach and exit status 1, or the figures of the house and 0.
"""

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE_LINES, FUNCTION_LINES = 350, 50
CODE = ("src/", "tests/", "scripts/", "bench/")
GENERATED = ("/piccolo_migrations/", "requirements/")

# Inline code would need holes in the content security policy. Mails are read by programs that know no style sheets.
INLINE = {
    "inline style": re.compile(r"\sstyle\s*=|<style[\s>]", re.IGNORECASE),
    "inline handler": re.compile(r"<[^>]*\son[a-z]+\s*=", re.IGNORECASE),
    "inline script": re.compile(r"<script(?![^>]*\ssrc\s*=)[^>]*>", re.IGNORECASE),
}
# Split, so that this file does not find itself.
FOREIGN = re.compile(
    "|".join(
        (
            r"(?<![\w.$}/])/(?:" + r"work|root|home|Users)/\w",
            r"/t" + r"mp/\w",
            r"files\.python" + r"hosted\.org",
            r"pypi" + r"\.org",
            r"registry\.npmjs" + r"\.org",
            r"registry\.yarnpkg" + r"\.com",
            r"deb\.debian" + r"\.org",
        )
    )
)
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")


def tracked() -> list[str]:
    """The paths Git knows, and new ones it would take, that still exist."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return sorted({path for path in listed if (ROOT / path).is_file()})


def text_of(path: str) -> str | None:
    """The file's text; None for pictures and other bytes."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def is_ours(path: str) -> bool:
    """Whether people keep this file by hand as code."""
    return path.startswith(CODE) and path.endswith(".py") and not any(part in f"/{path}" for part in GENERATED)


def functions(path: str) -> Iterator[tuple[str, int, int]]:
    """Name, first line and length in lines of each function, its decorators left out."""
    for node in ast.walk(ast.parse(text_of(path) or "")):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1


def long_files(paths: list[str]) -> Iterator[str]:
    """Files that want to be split by noun."""
    for path in filter(is_ours, paths):
        length = len((text_of(path) or "").splitlines())
        if length > FILE_LINES:
            yield f"{path}: {length} lines, at most {FILE_LINES}"


def long_functions(paths: list[str]) -> Iterator[str]:
    """Functions that do more than one thing."""
    for path in filter(is_ours, paths):
        for name, line, length in functions(path):
            if length > FUNCTION_LINES:
                yield f"{path}:{line}: {name} has {length} lines, at most {FUNCTION_LINES}"


def inline_code(paths: list[str]) -> Iterator[str]:
    """Styles and scripts written into a page."""
    for path in paths:
        if path.endswith((".html", ".svg")) and "templates/" in path and "templates/emails/" not in path:
            yield from _lines_with(path, INLINE)


def foreign_names(paths: list[str]) -> Iterator[str]:
    """Addresses of one person's machine or of one package registry."""
    for path in paths:
        yield from _lines_with(path, {"machine path or registry": FOREIGN})


def unfinished(paths: list[str]) -> Iterator[str]:
    """Promises to finish something later."""
    for path in paths:
        yield from _lines_with(path, {"unfinished": UNFINISHED})


def _lines_with(path: str, patterns: dict[str, re.Pattern[str]]) -> Iterator[str]:
    for number, line in enumerate((text_of(path) or "").splitlines(), start=1):
        for name, pattern in patterns.items():
            if pattern.search(line):
                yield f"{path}:{number}: {name}: {line.strip()[:100]}"


RULES = (long_files, long_functions, inline_code, foreign_names, unfinished)


def figures(paths: list[str]) -> str:
    """How large files and functions of src are, in one line."""
    ours = [path for path in paths if is_ours(path) and path.startswith("src/")]
    files = [len((text_of(path) or "").splitlines()) for path in ours]
    sizes = sorted(length for path in ours for _, _, length in functions(path))
    if not sizes:
        return "no code yet"
    under = 100 * sum(size <= 30 for size in sizes) // len(sizes)
    return (
        f"{len(files)} files, median {statistics.median(files):.0f} lines; "
        f"{len(sizes)} functions, median {statistics.median(sizes):.0f} lines, {under} % within 30"
    )


def main() -> int:
    """Print every breach; 1 when there is one."""
    paths = tracked()
    breaches = [breach for rule in RULES for breach in rule(paths)]
    print("\n".join(breaches) if breaches else figures(paths))
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
