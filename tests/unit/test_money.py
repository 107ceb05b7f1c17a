"""Money is exact to the last minor unit in every currency, at both wires, and never a float."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clients.xero_wire import money as from_xero
from app.core.money import (
    STRIPE_MINIMUM,
    STRIPE_THREE,
    STRIPE_WHOLE_HUNDREDS,
    STRIPE_ZERO,
    THREE,
    ZERO,
    BadAmount,
    Money,
    exponent,
    format_money,
    from_decimal,
    from_stripe,
    minimum_charge,
    stripe_exponent,
    to_stripe,
)
from sandbox import stripe_money

CURRENCIES = sorted({*ZERO, *THREE, *STRIPE_ZERO, *STRIPE_THREE, *STRIPE_WHOLE_HUNDREDS, *STRIPE_MINIMUM, "HUF", "TWD"})
currencies = st.sampled_from(CURRENCIES)
minors = st.integers(min_value=0, max_value=10**14)


@given(minors, currencies)
def test_an_amount_survives_being_written(minor: int, currency: str):
    """An amount written as people write it, and read again, is the same amount."""
    money = Money(minor, currency)
    assert money == from_decimal(str(money.decimal), currency)
    assert -exponent(currency) == money.decimal.as_tuple().exponent


@given(minors, currencies)
def test_stripes_wire_is_exact_or_refused(minor: int, currency: str):
    """What Stripe is asked for is exactly the amount; what it cannot say is refused, never rounded."""
    money = Money(minor, currency)
    try:
        wire = to_stripe(money)
    except BadAmount:
        assert currency in STRIPE_THREE | STRIPE_WHOLE_HUNDREDS or exponent(currency) > stripe_exponent(currency)
        return
    assert money == from_stripe(wire, currency.lower())
    assert Decimal(wire) == money.decimal * 10 ** stripe_exponent(currency)


@pytest.mark.parametrize(
    ("minor", "currency", "wire"),
    [
        (128400, "GBP", 128400),
        (67760, "JPY", 67760),
        (500, "ISK", 50000),
        (500, "UGX", 50000),
        (12340, "KWD", 12340),
        (100, "HUF", 100),
        (500, "MGA", 5),
    ],
)
def test_stripes_units_where_they_differ(minor: int, currency: str, wire: int):
    """Known amounts in Stripe's units: ISK and UGX times a hundred, MGA without digits."""
    assert wire == to_stripe(Money(minor, currency))


@pytest.mark.parametrize(("minor", "currency"), [(12345, "KWD"), (501, "MGA")])
def test_what_stripe_cannot_say_is_refused(minor: int, currency: str):
    """A fils more than Stripe can take, or a fraction it has no digits for, is refused with words."""
    with pytest.raises(BadAmount, match="cannot be paid by card exactly"):
        to_stripe(Money(minor, currency))


@given(st.lists(st.integers(min_value=1, max_value=10**9), min_size=1, max_size=50), currencies)
def test_parts_add_up(parts: list[int], currency: str):
    """An invoice paid in parts, to the last minor unit, leaves exactly nothing."""
    due = Money(sum(parts), currency)
    for part in parts:
        due -= Money(part, currency)
    assert Money(0, currency) == due


def test_a_hundred_pennies_are_a_pound():
    """A hundred payments of a penny pay an invoice of a pound."""
    assert from_decimal("1.00", "GBP") == sum((Money(1, "GBP") for _ in range(99)), Money(1, "GBP"))


@given(st.decimals(min_value=0, max_value=10**9, places=2), currencies)
def test_xero_is_never_asked_for_more_than_is_due(due: Decimal, currency: str):
    """What Xero says is due is never rounded up: a fraction that the currency does not have is left."""
    money = from_xero(due, currency)
    assert money.decimal <= due
    assert due - money.decimal < Decimal(10) ** -exponent(currency)


@pytest.mark.parametrize("text", ["1.005", "0.001", "1e-3"])
def test_a_fraction_of_a_penny_is_refused(text: str):
    """An amount that the currency cannot say is refused, not rounded."""
    with pytest.raises(BadAmount, match=rf"^{text} cannot be written exactly in GBP\.$"):
        from_decimal(text, "GBP")


def test_currencies_do_not_mix():
    """Pounds and dollars are neither added nor subtracted."""
    for wrong in (lambda: Money(1, "GBP") + Money(1, "USD"), lambda: Money(1, "GBP") - Money(1, "USD")):
        with pytest.raises(BadAmount, match=r"^Cannot mix GBP and USD\.$"):
            wrong()


@pytest.mark.parametrize("currency", sorted(STRIPE_MINIMUM))
def test_the_smallest_charge_can_be_charged(currency: str):
    """The least a card can be charged is itself an amount Stripe takes."""
    assert STRIPE_MINIMUM[currency] == to_stripe(minimum_charge(currency))


@pytest.mark.parametrize(
    ("minor", "currency"), [(1, "RUR"), (10, "BHD"), (100, "MGA"), (1, "ISK"), (1, "UGX"), (10, "LYD"), (1, "XPF")]
)
def test_the_smallest_charge_where_stripe_names_none(minor: int, currency: str):
    """Where Stripe names no minimum, the smallest amount that can be said to it is the least."""
    assert Money(minor, currency) == minimum_charge(currency)
    assert to_stripe(minimum_charge(currency)) > 0


def test_our_tables_are_stripes():
    """Digits, roundings and minimums are those of the sandbox, which is held to Stripe's published ones."""
    assert (stripe_money.ZERO_DECIMAL, stripe_money.THREE_DECIMAL) == (STRIPE_ZERO, STRIPE_THREE)
    assert stripe_money.WHOLE_SENT_AS_HUNDREDTHS == STRIPE_WHOLE_HUNDREDS
    published = {code: int(least.scaleb(stripe_exponent(code))) for code, least in stripe_money.MINIMUM.items()}
    assert published == STRIPE_MINIMUM


@pytest.mark.parametrize(
    ("minor", "currency", "words"),
    [(128400, "GBP", "£1,284.00"), (316250, "NZD", "$3,162.50"), (67760, "JPY", "¥67,760"), (-500, "GBP", "-£5.00")],
)
def test_amounts_as_people_read_them(minor: int, currency: str, words: str):
    """A symbol, thousands apart, and the currency's own digits."""
    assert words == format_money(minor, currency) == str(Money(minor, currency))
