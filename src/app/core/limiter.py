"""Fixed-window allowances in PostgreSQL, shared by every process; never open when something fails."""

from app.core import db

_TAKE = """
INSERT INTO allowance (key, window_start, used) VALUES ($1, now(), $3)
ON CONFLICT (key) DO UPDATE SET
  used = CASE WHEN allowance.window_start < now() - make_interval(secs => $2) THEN $3 ELSE allowance.used + $3 END,
  window_start = CASE WHEN allowance.window_start < now() - make_interval(secs => $2) THEN now()
                      ELSE allowance.window_start END
RETURNING used
"""


async def take(key: str, limit: int, seconds: float, amount: int = 1) -> bool:
    """Use `amount` of `limit` in the window of `seconds`; False when they are used up."""
    used: int = await db.fetch_value(_TAKE, key, seconds, amount)
    return used <= limit


async def left(key: str, limit: int, seconds: float) -> bool:
    """Whether anything is left, without using it."""
    sql = "SELECT used FROM allowance WHERE key = $1 AND window_start >= now() - make_interval(secs => $2)"
    return (await db.fetch_value(sql, key, seconds) or 0) < limit


async def prune() -> None:
    """Forget windows that ended long ago."""
    await db.fetch("DELETE FROM allowance WHERE window_start < now() - interval '1 day'")
