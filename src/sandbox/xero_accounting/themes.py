"""Branding themes: what an invoice looks like, and which payment service it offers."""

from __future__ import annotations

from typing import Any

from litestar import get
from litestar.types import ControllerRouterHandler

from sandbox.store import Obj
from sandbox.xero_accounting import API, Kit
from sandbox.xero_call import Call
from sandbox.xero_refusals import Answer, Web, not_found
from sandbox.xero_wire import instant


def _theme(row: Obj) -> dict[str, Any]:
    return {
        "BrandingThemeID": row["id"],
        "Name": row["name"],
        "Type": "INVOICE",
        "SortOrder": row["sort"],
        "CreatedDateUTC": instant(row["created"]),
    }


def routes(kit: Kit) -> list[ControllerRouterHandler]:
    """``/BrandingThemes``."""

    @get(f"{API}/BrandingThemes")
    async def themes(request: Web) -> Answer:
        def act(call: Call) -> Answer:
            rows = sorted(call.rows("xero.theme"), key=lambda row: row["sort"])
            return call.answer("BrandingThemes", [_theme(row) for row in rows])

        return kit.door.read(request, "accounting.settings", act)

    @get(f"{API}/BrandingThemes/{{theme_id:str}}")
    async def theme(request: Web, theme_id: str) -> Answer:
        def act(call: Call) -> Answer:
            row = call.mine("xero.theme", theme_id)
            if row is None:
                raise not_found()
            return call.answer("BrandingThemes", [_theme(row)])

        return kit.door.read(request, "accounting.settings", act)

    return [themes, theme]
