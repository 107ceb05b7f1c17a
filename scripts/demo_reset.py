"""Forget what the demo keeps in its data folder, so that its next start is its first. Part of `make demo-reset`."""

import shutil
import sys
from pathlib import Path

import psutil

from app.settings import load

KEPT = ("postgres", "sandbox", "demo.json")


def running(folder: Path) -> bool:
    """Whether the demo's PostgreSQL runs, that is, the demo itself."""
    pid_file = folder / "postgres" / "postmaster.pid"
    return pid_file.exists() and psutil.pid_exists(int(pid_file.read_text().split()[0]))


def main() -> int:
    """Remove what the demo made, and nothing else; 1 when the demo still runs."""
    folder = load().folder
    if running(folder):
        print(f"The demo runs on {folder.name}; stop it first (Ctrl-C).", file=sys.stderr)
        return 1
    for path in (folder / name for name in KEPT):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    print(f"Forgot the demo's data in {folder.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
