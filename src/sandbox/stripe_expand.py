"""Expansion: ids that become objects when asked, up to four levels deep.

``expand[]=latest_charge.balance_transaction`` on a payment intent, ``data.source`` on a list. Some fields exist only when
asked for (``line_items`` of a session, ``refunds`` of a charge). Source: docs.stripe.com/api/expanding_objects.
"""

from sandbox import stripe_errors
from sandbox.store import Obj
from sandbox.stripe_world import Stripe, render

ANY = "*"
FIELDS: dict[str, dict[str, str]] = {
    "checkout.session": {"payment_intent": "payment_intent", "customer": "", "invoice": "", "payment_link": ""}
    | {"setup_intent": "", "subscription": ""},
    "payment_intent": {"latest_charge": "charge", "payment_method": "payment_method", "customer": "", "review": ""}
    | {"application": "", "on_behalf_of": ""},
    "charge": {
        "balance_transaction": "balance_transaction",
        "payment_intent": "payment_intent",
        "application_fee": "application_fee",
        "failure_balance_transaction": "balance_transaction",
        "customer": "",
        "review": "",
        "application": "",
        "transfer": "",
        "on_behalf_of": "",
        "source_transfer": "",
    },
    "balance_transaction": {"source": ANY},
    "refund": {
        "charge": "charge",
        "payment_intent": "payment_intent",
        "balance_transaction": "balance_transaction",
        "failure_balance_transaction": "balance_transaction",
        "payment_method": "payment_method",
        "customer": "",
        "transfer_reversal": "",
        "source_transfer_reversal": "",
    },
    "radar.early_fraud_warning": {"charge": "charge", "payment_intent": "payment_intent"},
    "dispute": {"charge": "charge", "payment_intent": "payment_intent"},
    "payout": {
        "balance_transaction": "balance_transaction",
        "failure_balance_transaction": "balance_transaction",
        "destination": "",
        "application_fee": "",
        "original_payout": "payout",
        "reversed_by": "payout",
    },
    "application_fee": {
        "charge": "charge",
        "originating_transaction": "charge",
        "balance_transaction": "balance_transaction",
        "account": "",
        "application": "",
    },
}
INCLUDED = {"checkout.session": ("line_items",), "charge": ("refunds",)}
_SOURCES = ("charge", "refund", "payout", "dispute", "application_fee")


def expanded(stripe: Stripe, obj: Obj, paths: list[str]) -> Obj:
    """The rendered object with every path replaced by what it names. Raises 400 for what cannot be expanded."""
    shown = render(obj)
    for path in paths:
        steps = path.split(".")
        if len([step for step in steps if step != "data"]) > 4:
            raise stripe_errors.invalid("expand", "You cannot expand more than 4 levels of a property.")
        _expand(stripe, shown, steps, path)
    return shown


def _expand(stripe: Stripe, shown: Obj, steps: list[str], path: str) -> None:
    if shown.get("object") == "list":
        if steps[0] != "data" or len(steps) == 1:
            raise _refusal(path, f"data.{path}")
        for item in shown["data"]:
            _expand(stripe, item, steps[1:], path)
        return
    name, rest = steps[0], steps[1:]
    kind = FIELDS.get(shown["object"], {}).get(name)
    if name in INCLUDED.get(shown["object"], ()):
        shown[name] = _included(stripe, shown, name)
    elif kind is None:
        raise _refusal(path)
    elif isinstance(shown.get(name), str):
        shown[name] = _fetch(stripe, kind, shown[name])
    if rest and isinstance(shown.get(name), dict):
        _expand(stripe, shown[name], rest, path)


def _fetch(stripe: Stripe, kind: str, id: str) -> Obj | str:
    kinds = _SOURCES if kind == ANY else (kind,) if kind else ()
    found = next((obj for kind in kinds if (obj := stripe.find(kind, id)) is not None), None)
    return id if found is None else render(found)


def _included(stripe: Stripe, shown: Obj, name: str) -> Obj:
    if name == "line_items":
        session = stripe.find("checkout.session", shown["id"])
        rows = [] if session is None else session["_line_items"]
        url = f"/v1/checkout/sessions/{shown['id']}/line_items"
    else:
        rows = [render(row) for row in reversed(stripe.by("refund", "charge", shown["id"]))][:10]
        url = f"/v1/charges/{shown['id']}/refunds"
    return {"object": "list", "data": rows, "has_more": False, "url": url}


def _refusal(path: str, better: str | None = None) -> stripe_errors.StripeError:
    hint = f" You may want to try expanding '{better}' instead." if better else ""
    return stripe_errors.invalid("expand", f"This property cannot be expanded ({path}).{hint}")
