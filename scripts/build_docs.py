"""Write the pages that the code knows best: .env.example, the settings table, docs/states.md.

Run `make docs`; `python scripts/build_docs.py --check` only says which page is out of date (a test does).
"""

import dataclasses
import importlib
import re
import sys
from pathlib import Path

from app.core.states import Machine, render
from app.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
ENV_HEAD = """\
# Every variable Payportal reads. Written by `make docs` from src/app/settings.py.
# A line that begins with # shows the default. `make demo` needs none of them. How to get each: docs/operations.md
"""


def settings() -> list[tuple[str, str, str, bool]]:
    """Variable, what it means, its default and whether it is a secret; in the order of the code."""
    return [
        (item.name.upper(), item.metadata["doc"], str(item.default), item.metadata["secret"])
        for item in dataclasses.fields(Settings)
    ]


def env_example() -> str:
    """The whole of .env.example."""
    parts = [ENV_HEAD]
    for name, doc, default, _ in settings():
        parts.append(f"# {doc}\n{f'# {name}={default}' if default else f'{name}='}\n")
    return "\n".join(parts)


def settings_table() -> str:
    """The settings as a Markdown table."""
    rows = ["| Variable | What it is | Default |", "|---|---|---|"]
    for name, doc, default, secret in settings():
        shown = f"`{default}`" if default else "secret" if secret else "unset"
        rows.append(f"| `{name}` | {doc} | {shown} |")
    return "\n".join(rows)


def machines() -> list[Machine]:
    """Every state machine of the product, by table."""
    found: dict[str, Machine] = {}
    for path in sorted((ROOT / "src").glob("*/**/*.py")):
        if "Machine(" in path.read_text():  # import only who has some
            module = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
            values = vars(importlib.import_module(module)).values()
            found |= {value.table: value for value in values if isinstance(value, Machine)}
    return [found[table] for table in sorted(found)]


def between(text: str, name: str, content: str) -> str:
    """The text with what stands between the markers of `name` replaced; ValueError when it has no such markers."""
    pattern = re.compile(rf"(<!-- {name}: begin[^>]*-->\n).*?(<!-- {name}: end -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"no markers for {name}")
    return pattern.sub(lambda match: f"{match[1]}{content}\n{match[2]}", text)


def pages() -> dict[Path, str]:
    """What each generated page should hold."""
    operations = ROOT / "docs" / "operations.md"
    return {
        ROOT / ".env.example": env_example(),
        operations: between(operations.read_text(), "settings", settings_table()),
        ROOT / "docs" / "states.md": render(machines()),
    }


def main(arguments: list[str]) -> int:
    """Write what is out of date; with --check only name it, and answer 1."""
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text() != text]
    for path in stale:
        print(f"{'Out of date' if '--check' in arguments else 'Wrote'}: {path.relative_to(ROOT)}")
        if "--check" not in arguments:
            path.write_text(pages()[path])
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
