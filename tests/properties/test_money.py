"""Money holds for every currency and every amount: what is typed, split, charged, refunded and changed stays exact."""

from decimal import ROUND_HALF_EVEN, Decimal

import msgspec
import pytest
from babel.numbers import list_currencies
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.clients.xero_wire import money as from_xero
from app.core.money import (
    BadAmount,
    Money,
    exponent,
    format_money,
    from_decimal,
    from_stripe,
    minimum_charge,
    to_stripe,
)
from payportal.amounts import WrongAmount, read_amount
from sandbox import stripe_money

# Each way of counting, by one of its currencies, so that none is left to chance; beside them every currency there is.
KINDS = ["GBP", "JPY", "KWD", "ISK", "UGX", "MGA", "HUF", "TWD", "IQD", "LYD", "XPF", "BHD", "KRW", "IDR"]
currencies = st.sampled_from(KINDS) | st.sampled_from(sorted(list_currencies()))
minors = st.integers(1, 10**13)
json = msgspec.json.Encoder(decimal_format="number")


def sayable(money: Money) -> bool:
    """Whether the sandbox, which is held to Stripe's own tables, can say this amount in its integers."""
    wire = money.decimal.scaleb(stripe_money.exponent(money.currency))
    step = (
        100
        if money.currency in stripe_money.WHOLE_SENT_AS_HUNDREDTHS
        else 10
        if money.currency in stripe_money.THREE_DECIMAL
        else 1
    )
    return wire % step == 0


@given(minors, currencies)
def test_stripe_is_told_the_amount_or_nothing(minor, currency):
    """Every amount that Stripe's integers can say arrives as itself; every other one is refused, none is rounded."""
    money = Money(minor, currency)
    if sayable(money):
        wire = to_stripe(money)
        assert wire == money.decimal.scaleb(stripe_money.exponent(currency))
        assert money == from_stripe(wire, currency.lower())
    else:
        with pytest.raises(BadAmount, match=r"cannot be paid by card exactly\.$"):
            to_stripe(money)


@given(minors, currencies)
def test_xero_is_told_the_amount(minor, currency):
    """An amount that leaves as a JSON number is read back as itself, through our own reading as well."""
    money = Money(minor, currency)
    sent = msgspec.json.decode(json.encode(money.decimal), type=Decimal)
    assert money == from_decimal(sent, currency) == from_xero(sent, currency)


@given(minors, currencies)
def test_what_can_be_typed_is_read_as_meant(minor, currency):
    """With commas or without, with the currency before or after, in the digits the currency has."""
    money, least = Money(minor, currency), Money(1, currency)
    assume(minor < 10 ** (12 + exponent(currency)))
    for text in (
        f"{money.decimal}",
        f"{money.decimal:,}",
        f" {money.decimal} {currency}",
        f"{currency}{money.decimal:,}",
        f"£ {money.decimal}",
    ):
        assert money == read_amount(text, money, least)
    with pytest.raises(WrongAmount, match=r"or less, the amount still due\.$"):
        read_amount(str(money.decimal), money - least, least)
    with pytest.raises(WrongAmount, match=r"or more\.$"):
        read_amount(str(money.decimal), money + least, money + least)


@given(minors, currencies)
def test_a_page_shows_every_digit(minor, currency):
    """What a page shows has all digits of the amount, no more and no fewer, and the sign of a negative one."""
    for amount in (minor, -minor):
        shown = format_money(amount, currency)
        assert str(abs(Money(amount, currency).decimal)) == "".join(
            letter for letter in shown.split(currency)[-1] if letter in "0123456789."
        ).strip(".")
        assert (amount < 0) == shown.startswith("-")


@given(st.lists(st.integers(1, 10**10), min_size=1, max_size=40), currencies)
def test_parts_leave_nothing(parts, currency):
    """An invoice paid in parts: what is due after each is exact at Xero's wire, and nothing is left after the last."""
    due = Money(sum(parts), currency)
    for part in parts:
        due -= read_amount(str(Money(part, currency).decimal), due, Money(1, currency))
        assert due == from_xero(due.decimal, currency)
    assert Money(0, currency) == due


@given(st.integers(1, 10**10), st.lists(st.integers(0, 100), max_size=10), currencies)
def test_refunds_in_parts_are_the_whole(amount, shares, currency):
    """Whatever parts are refunded, what is kept and what went back are what was paid, at Stripe's wire as well."""
    kept = paid = from_stripe(amount * (100 if currency in stripe_money.WHOLE_SENT_AS_HUNDREDTHS else 10), currency)
    back = Money(0, currency)
    for share in shares:
        part = Money(kept.minor * share // 100, currency)
        assume(sayable(part))
        kept, back = kept - part, back + from_stripe(to_stripe(part), currency)
    assert paid == kept + back


@given(currencies)
@settings(max_examples=300)
def test_the_least_charge_can_be_charged(currency):
    """In every currency the least that is asked for can be said to Stripe, and one unit less is not enough."""
    least = minimum_charge(currency)
    assert to_stripe(least) > 0
    published = stripe_money.MINIMUM.get(currency)
    assert published is None or published == least.decimal


@given(st.integers(1, 10**9), st.decimals("0.0001", "9999", places=6), currencies, currencies)
def test_a_change_of_currency_keeps_both_sides(amount, rate, paid_in, settled_in):
    """Stripe settles in another currency: fee and net add up to the gross there, whatever the rate was, and nothing mixes."""
    assume(paid_in != settled_in)
    step = 100 if settled_in in stripe_money.WHOLE_SENT_AS_HUNDREDTHS else 1
    gross = int((amount * rate).to_integral_value(ROUND_HALF_EVEN)) * step
    fee = gross * 29 // 1000 // step * step
    told = [from_stripe(wire, settled_in.lower()) for wire in (gross, fee, gross - fee)]
    assert told[0] - told[1] == told[2]
    with pytest.raises(BadAmount):
        told[0] + Money(amount, paid_in)
