"""What Piccolo's own command line reads: our engine and the apps whose migrations it makes."""

from app.core.db import configure
from app.piccolo_app import APP_REGISTRY, DB
from app.settings import load

__all__ = ["APP_REGISTRY", "DB"]

configure(load().database_url or "postgresql://localhost/payportal")
