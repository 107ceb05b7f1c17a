"""Steps beside the payment page: the bank's 3-D Secure page, and proving a bank account by its micro-deposits.

A payment intent made without a session has its 3-D Secure page too; it leads back to the ``return_url`` it was confirmed
with, and says how it ended, as Stripe does (docs.stripe.com/payments/3d-secure).
"""

from typing import Annotated
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect

from sandbox import stripe_accounts, stripe_checkout, stripe_debits, stripe_money, stripe_payments
from sandbox.pages import page, see_other
from sandbox.store import Obj
from sandbox.stripe_errors import StripeError
from sandbox.stripe_world import Stripe

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]


def _waiting(stripe: Stripe, id: str) -> Obj | None:
    """The payment intent of a session or of its own that waits for 3-D Secure."""
    session = stripe_checkout.open_session(stripe, id)
    intent = stripe.find("payment_intent", session["payment_intent"] if session is not None else id)
    waits = intent is not None and intent["status"] == "requires_action" and not stripe_debits.awaits_proof(intent)
    return intent if waits else None


def _over(intent_id: str) -> Redirect | Response[str]:
    if intent_id.startswith("pi_"):
        words = "This step is over, or was never asked for."
        return page("stripe/closed.html", status=404, heading="Nothing to confirm", words=words, link=None)
    return see_other(f"/stripe/c/pay/{intent_id}")


@get("/stripe/c/pay/{id:str}/3ds")
async def challenge(stripe: Stripe, id: str) -> Response[str] | Redirect:
    """The bank's 3-D Secure page."""
    intent = _waiting(stripe, id)
    if intent is None:
        return _over(id)
    method = stripe.find("payment_method", intent["payment_method"])
    return page(
        "stripe/challenge.html",
        merchant=stripe_accounts.display_name(stripe, intent["_account"]),
        total=stripe_money.display(intent["amount"], intent["currency"]),
        last4=method["card"]["last4"] if method is not None else None,
        path=f"/stripe/c/pay/{id}/3ds",
    )


@post("/stripe/c/pay/{id:str}/3ds")
async def answer(stripe: Stripe, id: str, data: Form) -> Response[str] | Redirect:
    """Complete or fail the step."""
    intent = _waiting(stripe, id)
    if intent is None:
        return _over(id)
    result = stripe_payments.finish_challenge(stripe, intent, passed=data.get("outcome") == "complete")
    session = stripe.find("checkout.session", intent["_session"])
    return await stripe_checkout.go_on(stripe, session, result) if session is not None else _back(intent, result.status)


def _back(intent: Obj, status: str) -> Response[str] | Redirect:
    told = {"payment_intent": intent["id"], "payment_intent_client_secret": intent["client_secret"]}
    told["redirect_status"] = "succeeded" if status == "succeeded" else "failed"
    url = intent.get("_return_url")
    if url is None:
        return page("stripe/closed.html", heading="Done", words="You may close this page.", link=None)
    return see_other(f"{url}{'&' if '?' in url else '?'}{urlencode(told)}")


def _verify_page(stripe: Stripe, intent: Obj, problem: str = "") -> Response[str]:
    action = intent["next_action"]["verify_with_microdeposits"]
    return page(
        "stripe/verify.html",
        merchant=stripe_accounts.display_name(stripe, intent["_account"]),
        total=stripe_money.display(intent["amount"], intent["currency"]),
        path=f"/stripe/verify/{intent['id']}",
        amounts=action["microdeposit_type"] == "amounts",
        right={"amounts": stripe_debits.AMOUNTS, "code": stripe_debits.CODE},
        problem=problem,
    )


@get("/stripe/verify/{intent_id:str}")
async def ask(stripe: Stripe, intent_id: str) -> Response[str] | Redirect:
    """Where the payer says what the micro-deposits were."""
    intent = stripe.find("payment_intent", intent_id)
    waits = intent is not None and stripe_debits.awaits_proof(intent)
    return _verify_page(stripe, intent) if intent is not None and waits else _over(intent_id)


@post("/stripe/verify/{intent_id:str}", status_code=200)
async def prove(stripe: Stripe, intent_id: str, data: Form) -> Response[str] | Redirect:
    """Right, the debit begins; wrong, the page says so and how often one may try again."""
    intent = stripe.find("payment_intent", intent_id)
    if intent is None or not stripe_debits.awaits_proof(intent):
        return _over(intent_id)
    given = [data.get(name, "") for name in ("first", "second")]
    amounts = [int(text) for text in given if text.isascii() and text.isdigit() and len(text) < 6]
    try:
        stripe_debits.verify(stripe, intent, stripe_debits.Proof(amounts, data.get("code", "").strip().upper()))
    except StripeError as refusal:
        return _verify_page(stripe, intent, refusal.message) if stripe_debits.awaits_proof(intent) else _over(intent_id)
    words = "Your account is proved and the payment is on its way."
    return page("stripe/closed.html", heading="Thank you", words=words, link=None)


# ``/stripe/c/pay/…/3ds`` and ``/stripe/verify/…``.
HANDLERS = [challenge, answer, ask, prove]
