"""The state machines of the books, as data.

PostgreSQL refuses every edge that is not here; docs/states.md shows them. Forced corrections enter the audit trail.
"""

from app.books import audit
from app.core.states import Edge, Machine

ATTEMPT = Machine(
    table="attempt",
    start="created",
    witness=audit.corrected,
    edges=(
        Edge("created", "open", "Stripe made the checkout session"),
        Edge("created", "failed", "Stripe refused to make a session"),
        Edge("created", "expired", "never became a session in time"),
        Edge("created", "processing", "the webhook was faster than our own answer"),
        Edge("created", "succeeded", "the webhook was faster than our own answer"),
        Edge("open", "processing", "the customer chose a method that takes days"),
        Edge("open", "succeeded", "Stripe says paid"),
        Edge("open", "failed", "a method that takes days failed before we heard that it had begun"),
        Edge("open", "expired", "Stripe ended the session"),
        Edge("open", "canceled", "we ended the session: another amount, or nothing left to pay"),
        Edge("processing", "succeeded", "the bank confirmed"),
        Edge("processing", "failed", "the bank refused"),
        Edge("expired", "processing", "late money", forced=True),
        Edge("expired", "succeeded", "late money", forced=True),
        Edge("canceled", "processing", "paid while we ended the session", forced=True),
        Edge("canceled", "succeeded", "paid while we ended the session", forced=True),
        Edge("failed", "succeeded", "Stripe says paid after all", forced=True),
    ),
)

PAYMENT = Machine(
    table="payment",
    start="processing",
    witness=audit.corrected,
    edges=(
        Edge("processing", "succeeded", "Stripe confirmed the money"),
        Edge("processing", "failed", "the bank refused"),
        Edge("succeeded", "failed", "the bank took the money back"),
        Edge("failed", "succeeded", "Stripe says paid after all", forced=True),
        Edge("succeeded", "refunded_part", "part was refunded"),
        Edge("succeeded", "refunded", "all was refunded"),
        Edge("refunded_part", "refunded", "the rest was refunded"),
        Edge("refunded_part", "succeeded", "a refund failed and came back", forced=True),
        Edge("refunded", "succeeded", "a refund failed and came back", forced=True),
        Edge("refunded", "refunded_part", "one of several refunds came back", forced=True),
        Edge("succeeded", "disputed", "the customer's bank disputes it"),
        Edge("refunded_part", "disputed", "the customer's bank disputes it"),
        Edge("disputed", "succeeded", "the dispute was won"),
        Edge("disputed", "refunded_part", "the dispute was won; a part had been refunded before"),
        Edge("disputed", "refunded", "the dispute was won; all had been refunded meanwhile"),
        Edge("refunded", "disputed", "the customer's bank disputes it although it was refunded"),
        Edge("disputed", "dispute_lost", "the dispute was lost"),
        Edge("dispute_lost", "disputed", "the decision is appealed against", forced=True),
        Edge("dispute_lost", "succeeded", "won on appeal", forced=True),
        Edge("dispute_lost", "refunded_part", "won on appeal; a part had been refunded before", forced=True),
        Edge("dispute_lost", "refunded", "won on appeal; all had been refunded meanwhile", forced=True),
    ),
)

WRITE_BACK = Machine(
    table="write_back",
    start="intended",
    witness=audit.corrected,
    edges=(
        Edge("intended", "sending", "about to leave; committed before the first byte"),
        Edge("intended", "confirmed", "found in Xero already"),
        Edge("intended", "parked", "cannot be sent as things are"),
        Edge("intended", "abandoned", "the money went back before it was booked"),
        Edge("sending", "confirmed", "Xero answered with its id"),
        Edge("sending", "intended", "Xero certainly did not take it (rate limit, token)"),
        Edge("sending", "unknown", "no usable answer"),
        Edge("sending", "parked", "Xero refused, for a reason a person can mend"),
        Edge("unknown", "confirmed", "found by searching"),
        Edge("unknown", "sending", "absent twice, a minute apart"),
        Edge("unknown", "parked", "cannot be asked as things are"),
        Edge("parked", "intended", "a person mended it", forced=True),
        Edge("parked", "confirmed", "found in Xero after all"),
        Edge("parked", "abandoned", "a person booked it by hand, or chose an overpayment", forced=True),
        Edge("abandoned", "intended", "a refund that had come back was made again", forced=True),
        Edge("abandoned", "parked", "more was refunded after a person had booked a part", forced=True),
        Edge("confirmed", "reversed", "the payment was taken back in Xero, or the refund that was taken back failed"),
        Edge("reversed", "parked", "the refund failed after the payment was taken back", forced=True),
        Edge("reversed", "intended", "taken back once more", forced=True),
    ),
)

REFUND = Machine(
    table="refund",
    start="asked",
    edges=(
        Edge("asked", "pending", "Stripe took it; the money is on its way"),
        Edge("asked", "succeeded", "Stripe sent the money back"),
        Edge("asked", "failed", "Stripe took it, but the money could not be sent"),
        Edge("asked", "refused", "Stripe did not take it"),
        Edge("pending", "succeeded", "the money was sent back"),
        Edge("pending", "failed", "the money could not be sent, or Stripe was told not to"),
        Edge("succeeded", "failed", "the customer's bank did not take it"),
    ),
)

PAYOUT = Machine(
    table="payout",
    start="pending",
    edges=(
        Edge("pending", "in_transit", "Stripe sent it to the bank"),
        Edge("pending", "paid", "it has arrived"),
        Edge("pending", "failed", "the bank sent it back"),
        Edge("pending", "canceled", "it was cancelled in Stripe"),
        Edge("in_transit", "paid", "it has arrived"),
        Edge("in_transit", "failed", "the bank sent it back"),
        Edge("in_transit", "canceled", "it was cancelled in Stripe"),
        Edge("paid", "failed", "the bank sent it back days later"),
    ),
)

ALL = (ATTEMPT, PAYMENT, WRITE_BACK, REFUND, PAYOUT)
