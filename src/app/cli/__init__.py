"""The command `payportal`: demo, web, worker, clock, migrate, doctor, verify, erase, sandbox."""

from app.cli.main import main

__all__ = ["main"]
