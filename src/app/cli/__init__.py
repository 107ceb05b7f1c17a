"""The command `payportal`: demo, web, worker, clock, migrate, doctor, verify, sandbox."""

from app.cli.main import main

__all__ = ["main"]
