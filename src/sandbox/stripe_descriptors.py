"""What may stand on a customer's bank statement: ``PREFIX* SUFFIX``, 22 characters in all.

Source: docs.stripe.com/get-started/account/statement-descriptors. Letters with accents are refused, as banks differ there.
"""

from sandbox import stripe_errors

SHORTEST, LONGEST = 5, 22
PREFIX_SHORTEST, PREFIX_LONGEST = 2, 10


def check_suffix(words: str, param: str) -> None:
    """The part that changes from payment to payment. Raises 400."""
    _check(words, param, 1, LONGEST)


def check_whole(words: str, param: str) -> None:
    """A descriptor without a prefix. Raises 400."""
    _check(words, param, SHORTEST, LONGEST)


def check_prefix(words: str, param: str) -> None:
    """The account's part. Raises 400."""
    _check(words, param, PREFIX_SHORTEST, PREFIX_LONGEST)


def _check(words: str, param: str, least: int, most: int) -> None:
    if any(char in "<>\\'\"*" for char in words) or not words.isascii():
        raise stripe_errors.invalid(param, "The statement descriptor contains invalid characters: <, >, \\, ', \", *.")
    if not any(char.isalpha() for char in words):
        raise stripe_errors.invalid(param, "The statement descriptor must contain at least one letter.")
    if len(words) > most:
        raise stripe_errors.invalid(param, f"The statement descriptor must be at most {most} characters.")
    if len(words) < least:
        raise stripe_errors.invalid(param, f"The statement descriptor must be at least {least} characters.")


def check_joined(prefix: str, suffix: str | None, param: str) -> None:
    """The bank shows both: together they fit in 22 characters or are refused."""
    joined = f"{prefix}* {suffix}"
    if suffix and len(joined) > LONGEST:
        raise stripe_errors.invalid(param, f"The statement descriptor '{joined}' is longer than {LONGEST} characters.")
