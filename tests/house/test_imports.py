"""One street: imports go down only, and the contract names every room."""

import tomllib

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from tests.fixtures.process import ROOT

CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
STREET = next(contract for contract in CONFIG["contracts"] if contract["id"] == "street")
# Piccolo's own files: they are read by it, and import tables only.
ASIDE = {"app.piccolo_app", "app.piccolo_migrations"}


def test_contract_is_kept(capsys, monkeypatch):
    """No import goes up the street, across to a sibling, into the sandbox, or past app.clients to the outside."""
    monkeypatch.chdir(ROOT)
    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert EXIT_STATUS_SUCCESS == status, capsys.readouterr().out


def test_contract_names_every_room():
    """A room that the contract forgets would be free to import anything."""
    named = {name.strip() for layer in STREET["layers"] for name in layer.split("|")}
    rooms = {
        f"app.{path.stem}" for path in (ROOT / "src" / "app").iterdir() if not path.name.startswith(("_", "."))
    } | {"payportal"}
    assert rooms <= named | ASIDE


def test_house_shows_the_contract():
    """The layer map in docs/house.md is the contract that is checked."""
    house = (ROOT / "docs" / "house.md").read_text()
    assert "\n".join(STREET["layers"]) in house
