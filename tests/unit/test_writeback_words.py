"""What Xero says is told apart, and each reason has words and a way out."""

from dataclasses import replace
from decimal import Decimal

import pytest

from app.books.writeback.classify import invoice_problem, parked_by, refusal, surely_not_taken
from app.books.writeback.words import REASONS, reason_of
from app.clients import xero_decode
from app.clients.xero_wire import XeroInvoice
from app.core.errors import Upstream

BLANK = xero_decode.invoice(xero_decode.Invoice())
OPEN = replace(BLANK, status="AUTHORISED", due=Decimal("100.00"), currency="GBP")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("The document date cannot be before the period lock date, currently set at 31 March 2026", "period_locked"),
        ("The document date cannot be before the end of year lock date, currently set at 1 May 2026", "period_locked"),
        ("Account could not be found", "account_archived"),
        ("Account type is invalid for making a payment to/from", "account_archived"),
        ("Organisation is not subscribed to currency EUR", "currency_not_enabled"),
        ("Payment amount exceeds the amount outstanding on this document", "recheck"),
        ("Payments can only be made against Authorised documents", "recheck"),
        ("Something new", "other"),
        ("", "other"),
    ],
)
def test_refusals_are_told_apart(text: str, reason: str):
    """Each known text of Xero's has its reason; an unknown one is shown as it is."""
    assert reason == refusal([text])
    assert ("other" if reason == "recheck" else reason) == parked_by(Upstream(text, permanent=True))


@pytest.mark.parametrize(
    ("invoice", "amount", "problem"),
    [
        (OPEN, "100.00", ""),
        (OPEN, "100.01", "overpaid"),
        (replace(OPEN, status="VOIDED", due=Decimal(0)), "1", "invoice_voided"),
        (replace(OPEN, status="PAID", due=Decimal(0)), "1", "invoice_paid"),
        (replace(OPEN, due=Decimal(0)), "1", "invoice_paid"),
        (replace(OPEN, status="DRAFT"), "1", "invoice_not_approved"),
        (replace(OPEN, currency="USD"), "1", "currency_changed"),
        (replace(OPEN, status="DELETED"), "1", "invoice_gone"),
        (None, "1", "invoice_gone"),
    ],
)
def test_what_an_invoice_takes(invoice: XeroInvoice | None, amount: str, problem: str):
    """Only an approved invoice takes money, and never more than is due."""
    assert problem == invoice_problem(invoice, Decimal(amount), "GBP")


def test_neighbours_of_a_batch_count():
    """What others of the same batch take from an invoice is no longer due."""
    assert ("overpaid", "") == tuple(invoice_problem(OPEN, Decimal(60), "GBP", Decimal(taken)) for taken in (41, 40))


@pytest.mark.parametrize(
    ("error", "certain"),
    [
        (Upstream("x", unknown=True), False),
        (Upstream("x", unknown=True, retry_after=5), False),
        (Upstream("x", code="server", status=500, unknown=True), False),
        (Upstream("x", code="rate_minute", status=429, retry_after=17), True),
        (Upstream("x", code="unreachable"), True),
        (Upstream("x", code="token_expired", status=401), True),
        (Upstream("x", code="scope", permanent=True), True),
        (Upstream("x", code="validation", permanent=True), False),
        (Upstream("x"), False),
    ],
)
def test_only_what_is_certain_is_sent_again_as_it_is(error: Upstream, certain: bool):
    """A write counts as not taken only when Xero cannot have taken it."""
    assert certain == surely_not_taken(error)


@pytest.mark.parametrize("code", sorted(REASONS))
def test_each_reason_has_words_and_a_way_out(code: str):
    """A merchant reads why, in a phrase that completes a sentence, and what to do, as a sentence."""
    reason = reason_of(code)
    assert not reason.short.endswith(".")
    assert reason.way_out.endswith(".")
    assert "!" not in reason.short + reason.way_out


def test_an_unknown_reason_still_has_words():
    """A reason nobody foresaw is told as Xero's refusal."""
    assert REASONS["other"] == reason_of("something else")
