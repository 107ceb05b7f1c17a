"""What a caller that pins an older API version may still send, and how it is answered.

``Stripe-Version`` decides for a request, an endpoint's ``api_version`` for the events it is sent. Only what touches the
operations spoken here is kept apart. Source: docs.stripe.com/changelog (dahlia 2026-03-25, endive 2026-09-30).
"""

import re
from typing import Any

from sandbox.store import Obj
from sandbox.stripe_errors import StripeError, invalid

# The first month of each release whose breaking changes are known here.
DAHLIA, ENDIVE = "2026-03-25", "2026-09-30"
_VERSION = re.compile(r"20\d{2}-(0[1-9]|1[0-2])-([0-2]\d|3[01])(\.[a-z]+)?")
_NEW_UI_MODES = {"hosted": "hosted_page", "embedded": "embedded_page", "custom": "elements"}
_OLD_UI_MODES = {new: old for old, new in _NEW_UI_MODES.items()}


def check(version: str) -> None:
    """Raises 400 for what is no version at all."""
    if not _VERSION.fullmatch(version):
        raise invalid("Stripe-Version", f"Invalid Stripe API version: {version}")


def asked(given: Obj, version: str) -> Obj:
    """Parameters as the newest version would write them. Raises 400 for what that caller's version took away."""
    if version < ENDIVE and "payment_method_types" in given:
        given["allowed_payment_method_types"] = given.pop("payment_method_types")
    if "payment_method_types" in given:
        raise StripeError(
            400,
            "`payment_method_types` is no longer supported. Payment methods are chosen dynamically; use "
            "`allowed_payment_method_types` or `excluded_payment_method_types` to filter them.",
            code="payment_method_types_no_longer_supported",
            param="payment_method_types",
        )
    if version < DAHLIA and given.get("ui_mode") in _NEW_UI_MODES:
        given["ui_mode"] = _NEW_UI_MODES[given["ui_mode"]]
    return given


def told(answer: Any, version: str) -> Any:
    """An answer as that version wrote it, objects inside others included."""
    if version >= DAHLIA:
        return answer
    if isinstance(answer, list):
        return [told(one, version) for one in answer]
    if not isinstance(answer, dict):
        return answer
    shown = {name: told(value, version) for name, value in answer.items()}
    if shown.get("object") == "checkout.session":
        shown["ui_mode"] = _OLD_UI_MODES.get(shown["ui_mode"], shown["ui_mode"])
    return shown
