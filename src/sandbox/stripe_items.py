"""Line items of a checkout session: priced on the spot, one currency, no subscriptions."""

from decimal import Decimal

from sandbox import stripe_errors, stripe_money
from sandbox.store import Obj
from sandbox.stripe_world import Stripe


def priced(stripe: Stripe, params: Obj) -> tuple[list[Obj], str, int]:
    """The line items of a session, their currency and total; raises 400 for what cannot be sold in payment mode."""
    rows = params.get("line_items")
    if not rows:
        raise stripe_errors.missing("line_items")
    if len(rows) > 100:
        raise stripe_errors.invalid("line_items", "A maximum of 100 line items is allowed.")
    items = [_item(stripe, row, f"line_items[{place}]") for place, row in enumerate(rows)]
    currencies = {item["currency"] for item in items}
    if len(currencies) > 1:
        raise stripe_errors.invalid("line_items", "All line items must have the same currency.")
    currency = currencies.pop()
    if params.get("currency", currency) != currency:
        raise stripe_errors.invalid("currency", f"The currency {params['currency']} does not match the line items.")
    return items, currency, sum(item["amount_total"] for item in items)


def _item(stripe: Stripe, row: Obj, path: str) -> Obj:
    data = row.get("price_data")
    if data is None:
        raise stripe_errors.missing(f"{path}[price_data]")
    if "recurring" in data:
        raise stripe_errors.invalid(
            f"{path}[price_data][recurring]", "You cannot use recurring prices in payment mode."
        )
    if "product_data" not in data:
        raise stripe_errors.missing(f"{path}[price_data][product_data]")
    if "quantity" not in row:
        raise stripe_errors.missing(f"{path}[quantity]")
    currency = stripe_money.check_currency(data["currency"], f"{path}[price_data][currency]")
    unit = _unit(data, f"{path}[price_data]")
    total = unit * row["quantity"]
    return {
        "id": stripe.id("li_1"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": currency,
        "description": data["product_data"]["name"],
        "metadata": row.get("metadata") or {},
        "price": _price(stripe, data, currency, unit),
        "quantity": row["quantity"],
    }


def _unit(data: Obj, path: str) -> int:
    if "unit_amount" in data:
        unit = int(data["unit_amount"])
    elif "unit_amount_decimal" in data:
        unit = int(Decimal(data["unit_amount_decimal"]).to_integral_value())
    else:
        raise stripe_errors.missing(f"{path}[unit_amount]")
    if unit < 0:
        raise stripe_errors.invalid(f"{path}[unit_amount]", "This value must be greater than or equal to 0.")
    return unit


def _price(stripe: Stripe, data: Obj, currency: str, unit: int) -> Obj:
    return {
        "id": stripe.id("price_1"),
        "object": "price",
        "active": False,
        "billing_scheme": "per_unit",
        "created": stripe.now(),
        "currency": currency,
        "custom_unit_amount": None,
        "livemode": stripe.livemode,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": stripe.id("prod_", 14),
        "recurring": None,
        "tax_behavior": data.get("tax_behavior", "unspecified"),
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": unit,
        "unit_amount_decimal": str(unit),
    }
