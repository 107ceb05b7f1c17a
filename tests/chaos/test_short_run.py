"""A short run of chaos: everything is killed, answers are lost, and no payment is lost or doubled."""

import pytest

from tests.chaos.run import Order, run


@pytest.mark.timeout(420)
def test_nothing_is_lost_or_doubled():
    """Sixty part payments, twelve kills of everything, faults at Xero and Stripe: each payment is in Xero once."""
    report = run(Order(seed=4, payments=60, kills=12))
    assert (0, 0) == (report.verdict.lost, report.verdict.doubled), report.line
    assert [] == report.verdict.books, report.line
    assert (60, 12, True) == (report.verdict.payments, report.kills, report.settled), report.line
