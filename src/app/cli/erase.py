"""`payportal erase`: forgets a merchant's customer who asked for it, after showing what would go."""

from collections.abc import Mapping
from uuid import UUID

from app.books import erasing
from app.core import db
from app.core.errors import NotFound, Refused
from app.core.html import counted

_NAMES = "SELECT id, legal_name FROM merchant WHERE id = ANY($1) ORDER BY legal_name, id"


async def examine(who: str, merchant: str, *, sure: bool) -> int:
    """Print what goes (or, without a merchant, whose customer it is); 0 when it was found and nothing stood in the way."""
    await db.open_pool(2, statement_timeout_ms=600_000)
    try:
        return await (_erase(who, merchant, sure=sure) if merchant else _whose(who))
    finally:
        await db.close_pool()


async def _whose(who: str) -> int:
    found = await db.fetch(_NAMES, await erasing.merchants_of(who))
    if not found:
        print("Nobody here has a customer with this address or contact id.")
        return 1
    print("Each of these has this customer. Say which with --merchant:")
    for row in found:
        print(f"  {row['id']}  {row['legal_name'] or 'without a name'}")
    return 0


async def _erase(who: str, merchant: str, *, sure: bool) -> int:
    try:
        done = await erasing.erase(UUID(merchant), who, rehearse=not sure)
    except (NotFound, Refused, ValueError) as no:
        print("Say the merchant's id." if isinstance(no, ValueError) else str(no))
        return 1
    print(f"{'Erased' if sure else 'This would go'}: {_told(done.rows)}.")
    if not sure:
        print("Nothing was changed. Add --yes to erase it; it cannot be brought back.")
    elif done.contacts:
        print("Ask the merchant to erase the contact in Xero, too; until then Xero keeps it.")
    return 0


def _told(rows: Mapping[str, int]) -> str:
    return ", ".join(counted(count, name) for name, count in rows.items())
