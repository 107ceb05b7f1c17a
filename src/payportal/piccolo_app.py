"""Piccolo's view of the customer's side."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from payportal.tables import Receipt

APP_CONFIG = AppConfig(
    app_name="payportal",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[Receipt],
    migration_dependencies=["app.piccolo_app"],
    commands=[],
)
