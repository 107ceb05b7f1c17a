"""A door of the product in a forked process: what `python -m app.cli` does, without reading the product anew."""

import os
from collections.abc import Mapping

from app.cli import main


def live(env: Mapping[str, str], door: str) -> None:
    """Be that door, with these settings, until killed."""
    os.environ.update(env)
    main([door])
