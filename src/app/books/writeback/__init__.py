"""Writing into the merchant's books in Xero, with exactly one effect, whatever breaks."""

from app.books.writeback.choices import credit, may_credit, may_redate, overpay, redate
from app.books.writeback.parked import NAMES, abandon, account_chosen, attention, own, resume, retry
from app.books.writeback.sending import send
from app.books.writeback.words import reason_of

__all__ = [
    "NAMES",
    "abandon",
    "account_chosen",
    "attention",
    "credit",
    "may_credit",
    "may_redate",
    "overpay",
    "own",
    "reason_of",
    "redate",
    "resume",
    "retry",
    "send",
]
