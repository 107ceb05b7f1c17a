"""`payportal verify`: walks every audit chain and the ledger, and names what is broken."""

from app.books import audit, ledger
from app.core import db


async def examine() -> int:
    """Print what was read and every flaw; 0 when all is whole, 1 otherwise."""
    await db.open_pool(2, statement_timeout_ms=600_000)
    try:
        read, flaws = await audit.verify()
        breaches = await ledger.invariants()
    finally:
        await db.close_pool()
    for flaw in flaws:
        print(f"  broken  audit trail of merchant {flaw.merchant_id}: row {flaw.number} {flaw.what}.")
    for breach in breaches:
        print(f"  broken  {breach.invariant}: {breach.what} (merchant {breach.merchant_id or 'none in particular'}).")
    bad = len(flaws) + len(breaches)
    what = "1 row" if read == 1 else f"{read:,} rows"
    print(f"{what} of audit trails read. {'All is whole.' if not bad else f'{bad} broken.'}")
    return 1 if bad else 0
