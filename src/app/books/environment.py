"""Whose books these are: a stamp in the database, so that a copy of it cannot write to another environment's Xero and Stripe.

Made at the first start. A database that was restored, or pointed at by mistake, where any of it differs is refused until
somebody says `payportal adopt`. The only writer of `environment`.
"""

import msgspec

from app.core import db
from app.settings import Settings

_MAKE = "INSERT INTO environment (id, stamp, made_at) VALUES (1, $1, now()) ON CONFLICT (id) DO NOTHING"
_READ = "SELECT stamp FROM environment WHERE id = 1"
_ADOPT = "INSERT INTO environment (id, stamp, made_at) VALUES (1, $1, now()) ON CONFLICT (id) DO UPDATE SET stamp = $1"


def stamp_of(settings: Settings) -> dict[str, str]:
    """What tells this environment from another, by setting. Keys may be rotated; none of them is in here.

    The address counts where real customers use it: a demo may take another port each day.
    """
    said = {
        "APP_ENV": settings.app_env,
        "STRIPE_SECRET_KEY": "a live key" if settings.live else "a test key",
        "XERO_CLIENT_ID": settings.xero_client_id,
    }
    return said | ({"BASE_URL": settings.base_url} if settings.strict else {})


async def claim(settings: Settings, *, make: bool = True) -> list[str]:
    """Make the database this environment's at its first start (unless told to look only); what is wrong when it is
    another's, in sentences.
    """
    ours = stamp_of(settings)
    connection = await db.ENGINE.get_new_connection()
    try:
        if await connection.fetchval("SELECT to_regclass('environment')") is None:
            return ["The database is not up to date. Run payportal migrate first."]
        if make:
            await connection.execute(_MAKE, msgspec.json.encode(ours).decode())
        stamp = await connection.fetchval(_READ)
    finally:
        await connection.close()
    return problems(msgspec.json.decode(stamp, type=dict[str, str]), ours) if stamp else []


def problems(known: dict[str, str], ours: dict[str, str]) -> list[str]:
    """How two stamps differ, and what to do about it; empty when they do not."""
    names = [name for name in ours | known if known.get(name, "") != ours.get(name, "")]
    if not names:
        return []
    told = [
        f"This database belongs to another environment: {name} is {known.get(name) or 'not set'} there and "
        f"{ours.get(name) or 'not set'} here."
        for name in names
    ]
    return [
        *told,
        "If you mean to use it here, stop whatever else uses it or its original, then run payportal adopt.",
    ]


async def adopt(settings: Settings) -> None:
    """From now on the database is this environment's."""
    connection = await db.ENGINE.get_new_connection()
    try:
        await connection.execute(_ADOPT, msgspec.json.encode(stamp_of(settings)).decode())
    finally:
        await connection.close()
