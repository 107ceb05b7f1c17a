"""The dashboard: everything that templates/app/invoices shows."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

from app.merchants.figures import figures
from app.merchants.invoice_list import Asked, listing
from app.merchants.places import Home, home, in_xero
from app.merchants.troubles import disconnected, failures, needs
from app.settings import Settings


async def dashboard(settings: Settings, merchant_id: UUID, ask: Asked) -> dict[str, Any]:
    """The page's context, without the frame; `is_new` while no organisation was ever connected."""
    place = await home(merchant_id)
    rows, pager = await listing(place, ask)
    kpis, counts = await figures(place)
    importing = sync_strip(place)
    attention, href = await needs(place)
    first = place.live[0] if place.live else None
    return {
        "is_new": not place.connections,
        "state": _state(ask, rows, kpis, importing),
        "q": ask.q,
        "status": ask.status,
        "sort": ask.sort,
        "page": pager.page,
        "today": place.today,
        "now": place.now,
        "sync": importing,
        "checked_at": checked_at(place),
        "disconnected": disconnected(place),
        "attention": attention,
        "attention_href": href,
        "failures": await failures(merchant_id),
        "kpis": kpis,
        "counts": counts,
        "currency": place.currency,
        "rows": rows,
        "pager": pager,
        "xero_new_invoice": in_xero(settings, first["short_code"]) if first else "/setup",
    }


def _state(
    ask: Asked, rows: list[SimpleNamespace], kpis: SimpleNamespace | None, importing: SimpleNamespace | None
) -> str:
    if rows:
        return "list"
    if ask.q or (ask.status and kpis):
        return "no_match"
    return "loading" if importing else "empty"


def sync_strip(place: Home) -> SimpleNamespace | None:
    """How far the first import has come, over all organisations that have one going; None when none has."""
    going = [one for one in place.live if one["imported_at"] is None and one["state"] == "connected"]
    if not going:
        return None
    done = sum(one["import_done"] for one in going)
    total = sum(one["import_total"] for one in going)
    state = "running" if done or len(going) < len(place.live) else "first"
    return SimpleNamespace(state=state, done=done, total=max(total, done) or None)


def checked_at(place: Home) -> Any:
    """When every live organisation had last been asked, on the merchant's own clock; None before that."""
    moments = [one["synced_at"] for one in place.live if one["synced_at"]]
    return place.local(min(moments)) if moments else None
