"""Why a write to Xero waits, in the merchant's words, and the way out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """`short` completes "1 payment could not be recorded in Xero: …"; `way_out` says what to do, as a sentence.

    `retry` says that trying again can help, `by_hand` that the merchant may book it and mark it as done, `refund` that
    sending the money back to the customer settles it, `overpay` that Xero may keep it as the customer's overpayment,
    `redate` that another day settles it, `credit` that a credit note beside the payment does.
    """

    short: str
    way_out: str
    retry: bool = True
    by_hand: bool = False
    refund: bool = False
    overpay: bool = False
    redate: bool = False
    credit: bool = False


REASONS: dict[str, Reason] = {
    "period_locked": Reason(
        "the period is locked in Xero",
        "Record it on the first open day, or move the lock date in Xero to before its own day and try again. If you record it "
        "there yourself, mark this as done.",
        by_hand=True,
        redate=True,
    ),
    "account_missing": Reason(
        "no account is chosen for payments in this currency", "Choose an account; it is recorded by itself then."
    ),
    "account_archived": Reason(
        "an account that you chose no longer takes this in Xero",
        "Choose another account under Settings, or restore it in Xero, then try again.",
    ),
    "invoice_voided": Reason(
        "the invoice was voided in Xero",
        "Refund the customer, or record an overpayment, which is their credit in Xero. If you record the money on another "
        "invoice there, mark this as done.",
        retry=False,
        by_hand=True,
        refund=True,
        overpay=True,
    ),
    "invoice_paid": Reason(
        "the invoice was already paid in Xero",
        "Refund the customer, or record an overpayment, which is their credit in Xero. If the other payment was a mistake, "
        "remove it in Xero and try again.",
        by_hand=True,
        refund=True,
        overpay=True,
    ),
    "invoice_not_approved": Reason(
        "the invoice is not approved in Xero", "Approve the invoice in Xero, then try again."
    ),
    "invoice_gone": Reason(
        "Xero no longer has this invoice",
        "Refund the customer, or record the money elsewhere in Xero and mark this as done.",
        retry=False,
        by_hand=True,
        refund=True,
    ),
    "currency_changed": Reason(
        "the invoice is in another currency in Xero now",
        "Refund the customer, or record the money elsewhere in Xero and mark this as done.",
        retry=False,
        by_hand=True,
        refund=True,
    ),
    "overpaid": Reason(
        "the customer paid more than is left on the invoice",
        "Refund the difference and the rest is recorded by itself, or record the difference as an overpayment, which is their "
        "credit in Xero.",
        by_hand=True,
        refund=True,
        overpay=True,
    ),
    "currency_not_enabled": Reason(
        "this currency is not switched on in Xero", "Add the currency in Xero, then try again."
    ),
    "disconnected": Reason("Xero is disconnected", "Reconnect to Xero; it is recorded by itself then."),
    "scope": Reason("Xero did not give us permission to record it", "Reconnect to Xero and allow what it asks for."),
    "refund_part": Reason(
        "part of the payment was refunded in Stripe",
        "Record a credit note for it, or record the refund in Xero yourself and mark this as done.",
        retry=False,
        by_hand=True,
        credit=True,
    ),
    "refund_more": Reason(
        "more of the payment was refunded after you had recorded a part yourself",
        "Record in Xero what you have not recorded there yet, then mark this as done.",
        retry=False,
        by_hand=True,
    ),
    "refund_by_hand": Reason(
        "a payment that you recorded yourself was refunded in Stripe",
        "Record the refund in Xero, then mark this as done.",
        retry=False,
        by_hand=True,
    ),
    "refund_undone": Reason(
        "a refund did not go through after you had recorded it in Xero yourself",
        "Remove it in Xero, then mark this as done.",
        retry=False,
        by_hand=True,
    ),
    "rest_unrecorded": Reason(
        "a refund did not go through after the rest of the payment was recorded in Xero",
        "Refund it again, or record it in Xero yourself and mark this as done.",
        retry=False,
        by_hand=True,
        refund=True,
    ),
    "credit_used": Reason(
        "the credit note of the refund was changed or used in Xero",
        "Record the refund in Xero, then mark this as done; or restore the credit note there and try again.",
        by_hand=True,
    ),
    "credit_refund_failed": Reason(
        "a refund did not go through after its credit note was recorded in Xero",
        "Remove the credit note and its refund in Xero, then mark this as done.",
        retry=False,
        by_hand=True,
    ),
    "refunds_account": Reason(
        "no account is chosen for credit notes",
        "Choose an account under Settings; it is recorded by itself then.",
        by_hand=True,
    ),
    "overpayment_refunded": Reason(
        "an overpayment that stands in Xero was refunded in Stripe",
        "Record the refund on the overpayment in Xero, then mark this as done.",
        retry=False,
        by_hand=True,
    ),
    "overpayment_disputed": Reason(
        "an overpayment that stands in Xero was lost in a dispute",
        "Record on the overpayment in Xero that the money is gone, then mark this as done.",
        retry=False,
        by_hand=True,
    ),
    "no_bank_account": Reason(
        "the account chosen for payments is no bank account in Xero, and only those take this",
        "Choose a bank account under Settings and try again, or record it in Xero yourself and mark this as done.",
        by_hand=True,
    ),
    "fee_currency": Reason(
        "Stripe’s fee is in another currency than the account chosen for payments",
        "Choose an account kept in that currency under Settings and try again, or record the fee in Xero yourself and mark "
        "this as done.",
        by_hand=True,
    ),
    "payout_currency": Reason(
        "the payout is in another currency than the accounts chosen for it",
        "Choose accounts kept in that currency for payments and payouts under Settings and try again, or record the transfer in "
        "Xero yourself and mark this as done.",
        by_hand=True,
    ),
    "payout_mixed": Reason(
        "the payout holds money of several organisations",
        "Record each organisation’s share in Xero, then mark this as done.",
        retry=False,
        by_hand=True,
    ),
    "exchanged": Reason(
        "Stripe changed the payment into another currency than its account in Xero is kept in",
        "Move it in Xero to the account that takes that currency, then mark this as done. If you choose that account for such "
        "payments under Settings, this is not needed any more.",
        retry=False,
        by_hand=True,
    ),
    "refund_rate": Reason(
        "the exchange rate had changed when Stripe refunded the payment",
        "Record the difference in Xero on the account that takes payments, then mark this as done.",
        retry=False,
        by_hand=True,
    ),
    "refund_locked": Reason(
        "the period of the payment is locked in Xero, so it cannot be taken back",
        "Record a credit note instead, or move the lock date in Xero to before the day of the payment and try again. If you "
        "record the refund there yourself, mark this as done.",
        by_hand=True,
        credit=True,
    ),
    "payment_waits": Reason(
        "the payment that was refunded is not certain in Xero itself",
        "Settle the payment first; this follows by itself. If you booked the payment yourself, book the refund too and mark "
        "this as done.",
        by_hand=True,
    ),
    "refund_failed": Reason(
        "a refund did not go through after the payment was taken back in Xero",
        "Try again to record the payment in Xero once more, or record it there yourself and mark this as done.",
        by_hand=True,
    ),
    "reconciled": Reason(
        "the payment is reconciled in Xero, so it cannot be taken back",
        "Record a credit note instead, or unreconcile it in Xero and try again. If you record the refund there yourself, mark "
        "this as done.",
        by_hand=True,
        credit=True,
    ),
    "payout_failed": Reason(
        "the bank sent the payout back to Stripe",
        "If the transfer is in Xero, delete it there, then mark this as done.",
        retry=False,
        by_hand=True,
    ),
    "unclear": Reason(
        "Xero has not said for a long time whether it took it",
        "Look for the reference in Xero. Try again, or mark this as done if it is there.",
        by_hand=True,
    ),
    "unavailable": Reason("Xero could not be reached for a long time", "Try again."),
    "other": Reason(
        "Xero did not accept it",
        "Put right what Xero says and try again, or record it in Xero yourself and mark this as done.",
        by_hand=True,
    ),
}


def reason_of(code: str) -> Reason:
    """The words for a reason; an unknown code is told as "other"."""
    return REASONS.get(code, REASONS["other"])
