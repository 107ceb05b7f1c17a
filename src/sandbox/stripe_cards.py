"""Test cards and what becomes of them. Source: docs.stripe.com/testing.

Any future expiry and any CVC do. A number that is no test card is declined the way test mode declines it.
"""

from collections.abc import Sequence

import msgspec

DECLINED = "Your card was declined."
MESSAGES = {
    "generic_decline": DECLINED,
    "insufficient_funds": "Your card has insufficient funds.",
    "lost_card": DECLINED,
    "stolen_card": DECLINED,
    "card_velocity_exceeded": "Your card was declined for making repeated attempts too frequently or exceeding its "
    "amount limit.",
    "fraudulent": DECLINED,
    "test_mode_live_card": "Your card was declined. Your request was in test mode, but used a non test card. "
    "For a list of valid test cards, visit: https://stripe.com/docs/testing.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "incorrect_zip": "The postal code you supplied failed validation.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "incorrect_number": "Your card number is incorrect.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
}


class Card(msgspec.Struct, frozen=True):
    """One test card.

    ``error`` is (code, decline_code) of the refusal; ``challenge`` asks for 3-D Secure first, ``lookup_fails`` when it is
    asked for; ``check`` (cvc, avs) is the check that fails, which declines where the account says so; ``captcha`` asks the
    payer to prove to be human; ``dispute``, ``refund`` and ``risk`` name what happens after (or instead); ``at_once`` puts
    the money straight into the available balance.
    """

    number: str
    label: str
    brand: str = "visa"
    country: str = "US"
    funding: str = "credit"
    error: tuple[str, str | None] | None = None
    challenge: bool = False
    secure: bool = False
    frictionless: bool = False
    lookup_fails: bool = False
    check: str | None = None
    captcha: bool = False
    dispute: str | None = None
    refund: str | None = None
    risk: str = "normal"
    at_once: bool = False


def _declined(number: str, label: str, decline: str) -> Card:
    return Card(number, label, error=("card_declined", decline))


GOOD: Sequence[Card] = (
    Card("4242424242424242", "Visa"),
    Card("4000056655665556", "Visa debit", funding="debit"),
    Card("5555555555554444", "Mastercard", "mastercard"),
    Card("378282246310005", "American Express", "amex"),
    Card("6011111111111117", "Discover", "discover"),
    Card("3056930009020004", "Diners Club", "diners"),
    Card("3566002020360505", "JCB", "jcb", "JP"),
    Card("6200000000000005", "UnionPay", "unionpay", "CN"),
    Card("4000005540000008", "Visa, New Zealand", country="NZ"),
    Card("4000000360000006", "Visa, Australia", country="AU"),
    Card("4000008260000000", "Visa, United Kingdom", country="GB"),
    Card("4000007020000003", "Visa, Singapore", country="SG"),
    Card("4000000000000077", "Money available at once", at_once=True),
    Card("4000003720000278", "Money available at once, Ireland", country="IE", at_once=True),
)
DECLINES: Sequence[Card] = (
    _declined("4000000000000002", "Declined", "generic_decline"),
    _declined("4000000000009995", "Insufficient funds", "insufficient_funds"),
    _declined("4000000000009987", "Lost card", "lost_card"),
    _declined("4000000000009979", "Stolen card", "stolen_card"),
    Card("4000000000000069", "Expired card", error=("expired_card", None)),
    Card("4000000000000127", "Incorrect CVC", error=("incorrect_cvc", None)),
    Card("4000000000000119", "Processing error", error=("processing_error", None)),
    _declined("4000000000006975", "Too many attempts", "card_velocity_exceeded"),
    _declined("4000000000000341", "Accepted, then declined", "generic_decline"),
    Card("4000000000000101", "CVC check fails", error=("incorrect_cvc", None), check="cvc"),
    Card("4000000000000036", "Postal code check fails", error=("incorrect_zip", None), check="avs"),
)
SECURE: Sequence[Card] = (
    Card("4000002500003155", "3-D Secure, unless set up", challenge=True, secure=True),
    Card("4000002760003184", "3-D Secure, always", challenge=True, secure=True),
    Card("4000003800000446", "3-D Secure, already set up", challenge=True, secure=True),
    Card(
        "4000008260003178",
        "3-D Secure, then insufficient funds",
        country="GB",
        challenge=True,
        secure=True,
        error=("card_declined", "insufficient_funds"),
    ),
    Card("4000000000003220", "3-D Secure 2, required", challenge=True, secure=True),
    Card("4000008400000027", "3-D Secure, required", challenge=True, secure=True),
    Card(
        "4000008400001629",
        "3-D Secure, then declined",
        challenge=True,
        secure=True,
        error=("card_declined", "generic_decline"),
    ),
    Card(
        "4000008400001280",
        "3-D Secure lookup fails",
        secure=True,
        lookup_fails=True,
        error=("card_declined", "generic_decline"),
    ),
    Card("4000000000003055", "3-D Secure supported, not required", secure=True),
    Card("4000000000003097", "3-D Secure supported, fails when asked", secure=True, lookup_fails=True),
    Card("4000000032200000", "3-D Secure without a step", secure=True, frictionless=True),
)
RISKY: Sequence[Card] = (
    Card("4100000000000019", "Blocked as fraud", error=("card_declined", "fraudulent"), risk="highest"),
    Card("4000000000004954", "Highest risk", error=("card_declined", "fraudulent"), risk="highest"),
    Card("4000000000009235", "Elevated risk", risk="elevated"),
    Card("4000000000001208", "Asks whether a person pays", captcha=True),
)
AFTERWARDS: Sequence[Card] = (
    Card("4000000000000259", "Disputed as fraud", dispute="fraudulent"),
    Card("4000000000002685", "Disputed, not received", dispute="product_not_received"),
    Card("4000000000001976", "Inquiry", dispute="inquiry"),
    Card("4000000000005423", "Early fraud warning", dispute="warning"),
    Card("4000000404000079", "Disputed twice", dispute="multiple"),
    Card("4000000000007726", "Refund takes a while", refund="pending"),
    Card("4000000000005126", "Refund fails later", refund="fails"),
)
GROUPS: dict[str, Sequence[Card]] = {
    "Pays": GOOD,
    "Declined": DECLINES,
    "3-D Secure": SECURE,
    "Risk": RISKY,
    "Trouble afterwards": AFTERWARDS,
}
CARDS = {card.number: card for group in GROUPS.values() for card in group}
# Payment method ids a developer may use instead of typing a number: pm_card_visa and friends.
TOKENS = {
    "pm_card_visa": "4242424242424242",
    "pm_card_visa_debit": "4000056655665556",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_discover": "6011111111111117",
    "pm_card_diners": "3056930009020004",
    "pm_card_jcb": "3566002020360505",
    "pm_card_unionpay": "6200000000000005",
    "pm_card_nz": "4000005540000008",
    "pm_card_au": "4000000360000006",
    "pm_card_gb": "4000008260000000",
    "pm_card_sg": "4000007020000003",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_chargeDeclinedLostCard": "4000000000009987",
    "pm_card_chargeDeclinedStolenCard": "4000000000009979",
    "pm_card_chargeDeclinedExpiredCard": "4000000000000069",
    "pm_card_chargeDeclinedIncorrectCvc": "4000000000000127",
    "pm_card_chargeDeclinedProcessingError": "4000000000000119",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_cvcCheckFail": "4000000000000101",
    "pm_card_avsZipFail": "4000000000000036",
    "pm_card_threeDSecureRequired": "4000002760003184",
    "pm_card_threeDSecure2Required": "4000000000003220",
    "pm_card_threeDSecureOptional": "4000000000003055",
    "pm_card_threeDSecureRequiredChargeDeclined": "4000008400001629",
    "pm_card_threeDSecureRequiredProcessingError": "4000008400001280",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_authenticationRequiredOnSetup": "4000002500003155",
    "pm_card_authenticationRequiredSetupForOffSession": "4000003800000446",
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": "4000008260003178",
    "pm_card_radarBlock": "4100000000000019",
    "pm_card_riskLevelHighest": "4000000000004954",
    "pm_card_riskLevelElevated": "4000000000009235",
    "pm_card_createDispute": "4000000000000259",
    "pm_card_createDisputeProductNotReceived": "4000000000002685",
    "pm_card_createDisputeInquiry": "4000000000001976",
    "pm_card_createIssuerFraudRecord": "4000000000005423",
    "pm_card_createMultipleDisputes": "4000000404000079",
    "pm_card_pendingRefund": "4000000000007726",
    "pm_card_refundFail": "4000000000005126",
    "pm_card_bypassPending": "4000000000000077",
    "pm_card_bypassPendingInternational": "4000003720000278",
}
# The same with the brand in front: pm_card_visa_chargeDeclined.
TOKENS |= {name.replace("pm_card_", "pm_card_visa_"): number for name, number in TOKENS.items() if "harge" in name}


def luhn(number: str) -> bool:
    """Whether the digits could be a card at all."""
    if not (number.isascii() and number.isdigit() and 12 <= len(number) <= 19):
        return False
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def card(number: str) -> Card:
    """The test card, or one that is declined for not being one. Expects a number that passed :func:`luhn`."""
    return CARDS.get(number) or Card(number, "No test card", error=("card_declined", "test_mode_live_card"))


def message(error: tuple[str, str | None]) -> str:
    """The words a customer is shown for a refusal."""
    code, decline = error
    return MESSAGES.get(decline or "") or MESSAGES.get(code) or DECLINED
