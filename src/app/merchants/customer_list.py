"""The contacts with invoices, most owed first: templates/app/customers."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from app.books.invoices_status import LISTED, OPEN
from app.core import db
from app.core.money import Money
from app.merchants.invoice_list import like, pages
from app.merchants.places import home, mine

_WHERE = f"{mine('$1', '$2')} AND {LISTED} AND i.contact_name ILIKE (SELECT $3)"

_CONTACTS = f"""
SELECT i.connection, i.contact_id, min(i.contact_name) AS name, max(i.contact_email) AS email, max(i.paid_on) AS last_paid,
  count(*) FILTER (WHERE {OPEN}) AS open
FROM invoice i WHERE {_WHERE} GROUP BY i.connection, i.contact_id
ORDER BY COALESCE(sum(i.due_minor) FILTER (WHERE {OPEN}), 0) DESC, min(lower(i.contact_name)), i.contact_id
"""

_OWED = f"""
SELECT i.connection, i.contact_id, i.currency, sum(i.due_minor)::bigint AS due,
  COALESCE(sum(i.due_minor) FILTER (WHERE i.due_on < $2), 0)::bigint AS overdue
FROM invoice i WHERE i.merchant = (SELECT $1::uuid) AND {OPEN} AND i.contact_id = ANY((SELECT $3::text[])::text[])
GROUP BY i.connection, i.contact_id, i.currency
ORDER BY due DESC
"""


async def customers(merchant_id: UUID, q: str, page: int) -> dict[str, Any]:
    """The page's context, without the frame."""
    place = await home(merchant_id)
    args: list[Any] = [merchant_id, place.shown, f"%{like(q)}%"]
    counted = (
        f"SELECT count(*) FROM (SELECT 1 FROM invoice i WHERE {_WHERE} GROUP BY i.connection, i.contact_id) AS contact"
    )
    pager = pages(await db.fetch_value(counted, *args), page)
    found = await db.fetch(f"{_CONTACTS} {pager.window}", *args)
    owed = await db.fetch(_OWED, merchant_id, place.today, [row["contact_id"] for row in found])
    rows = [_row(row, [one for one in owed if _same(one, row)]) for row in found]
    return {"q": q, "page": pager.page, "pager": pager, "rows": rows}


def _same(one: Any, other: Any) -> bool:
    return bool((one["connection"], one["contact_id"]) == (other["connection"], other["contact_id"]))


def _row(contact: Any, owed: Sequence[Any]) -> SimpleNamespace:
    return SimpleNamespace(
        name=contact["name"],
        email=contact["email"],
        invoices=contact["open"],
        outstanding=[Money(one["due"], one["currency"]) for one in owed],
        overdue=[Money(one["overdue"], one["currency"]) for one in owed if one["overdue"]],
        last_paid=contact["last_paid"],
    )
