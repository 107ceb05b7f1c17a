"""What customers may pay, and under which name: the same few answers in setup and in settings."""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from uuid import UUID

from app.core import db
from app.core.money import BadAmount, Money, from_decimal
from app.merchants import branding, business
from app.merchants.details import Errors, Values

_MOST = 10**12


async def form_values(merchant_id: UUID) -> tuple[Values, str]:
    """What the form shows, and the currency of the smallest part."""
    merchant = await business.one(merchant_id)
    currency = await business.currency(merchant_id)
    minimum = Money(merchant["minimum_part_minor"], currency)
    shown = {
        "allow": "part" if merchant["allow_part"] else "full",
        "minimum": str(minimum.decimal) if minimum.minor else "",
        "display_name": (await branding.look(merchant_id)).display_name,
    }
    return shown, currency


async def save(merchant_id: UUID, form: Mapping[str, str]) -> tuple[Values, Errors, str]:
    """Check the posted answers and store them when nothing is wrong; answers what to show otherwise."""
    currency = await business.currency(merchant_id)
    values, errors, minimum = check(form, currency)
    if not errors:
        async with db.transaction():
            await business.set_options(merchant_id, allow_part=values["allow"] == "part", minimum_part_minor=minimum)
            await branding.set_name(merchant_id, values["display_name"])
    return values, errors, currency


def check(form: Mapping[str, str], currency: str) -> tuple[Values, Errors, int]:
    """What was typed, what is wrong with it, and the smallest part in minor units of `currency` (0: none)."""
    values = {
        "allow": "part" if form.get("allow") == "part" else "full",
        "minimum": form.get("minimum", ""),
        "display_name": " ".join(form.get("display_name", "").split()),
    }
    minimum = read_amount(values["minimum"], currency)
    problems = {
        "minimum": "" if minimum is not None else _minimum_words(currency),
        "display_name": branding.name_problem(values["display_name"]),
    }
    return values, {name: text for name, text in problems.items() if text}, minimum or 0


def read_amount(text: str, currency: str) -> int | None:
    """Minor units of an amount as people type it (1,000.50 or £5); 0 for nothing, None when it cannot be read."""
    if not text:
        return 0
    digits = re.sub(r"^[^\d.,\-−]{0,3}\s?|,(?=\d{3}(?:\D|$))", "", text).strip()
    try:
        minor = from_decimal(Decimal(digits), currency).minor if re.fullmatch(r"[\d.]+", digits) else None
    except (BadAmount, InvalidOperation):
        return None
    return minor if minor is not None and minor < _MOST else None


def _minimum_words(currency: str) -> str:
    return f"Enter an amount in {currency} such as {Money(from_decimal(5, currency).minor, currency).decimal}."
