"""The amount a customer typed: read strictly, answered in words at the field."""

import re
from decimal import Decimal, InvalidOperation

from app.core.money import BadAmount, Money, from_decimal


class WrongAmount(Exception):
    """The text is to be shown at the field."""


def read_amount(text: str, due: Money, minimum: Money) -> Money:
    """The typed amount, between `minimum` and `due`. Accepts 1,284.00 and £1284; raises WrongAmount."""
    plain = re.sub(r"[\s£$€¥]", "", text).removesuffix(due.currency).removeprefix(due.currency)
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", plain):
        plain = plain.replace(",", "")
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{0,4})?", plain):
        raise WrongAmount(f"Enter an amount in numbers, such as {due.decimal}.")
    try:
        amount = from_decimal(Decimal(plain), due.currency)
    except (BadAmount, InvalidOperation):
        raise WrongAmount(f"Enter an amount that {due.currency} can be paid in, such as {due.decimal}.") from None
    if amount > due:
        raise WrongAmount(f"Enter {due} or less, the amount still due.")
    if amount < minimum:
        raise WrongAmount(f"Enter {minimum} or more.")
    return amount
