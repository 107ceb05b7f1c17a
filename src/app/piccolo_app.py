"""Piccolo's view of the house: the engine, this app's tables and where its migrations live."""

from pathlib import Path

from piccolo.conf.apps import AppConfig, AppRegistry

from app.core.db import ENGINE
from app.tables import ALL

APP_CONFIG = AppConfig(
    app_name="app",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=list(ALL),
    migration_dependencies=[],
    commands=[],
)
DB = ENGINE
APP_REGISTRY = AppRegistry(apps=["app.piccolo_app", "payportal.piccolo_app"])
