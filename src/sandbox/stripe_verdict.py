"""How Stripe's check of a merchant ends: the documented test values, and the words of each refusal.

Source: docs.stripe.com/connect/testing. A value that is no test value passes, as this sandbox asks nobody's registers;
the failing ones are Stripe's own. What is read is what was entered on the page or given by the API.
"""

from collections.abc import Callable
from typing import Any

from sandbox import stripe_requirements as wants
from sandbox.store import Obj

OFAC_BIRTH, AT_ONCE_BIRTH = "1900-01-01", "1902-01-01"
DOCUMENT_OK, DOCUMENT_BAD = "file_identity_document_success", "file_identity_document_failure"
TAX_ID, TAX_ID_NON_PROFIT, PERSON_ID, PERSON_ID_SHORT = "000000000", "000000001", "000000000", "0000"
ADDRESS_OK, WEBSITE_OK = "address_full_match", "https://accessible.stripe.com"
SMS_CODE, PHONE = "000-000", "0000000000"
# Routing and account numbers whose payouts fail, with the failure code.
FAILING_BANKS = {("110000000", "000111111116"): "no_account", ("110000000", "000111111113"): "account_closed"}

Problem = tuple[str, str, str]


def verdict(account: Obj) -> list[Problem]:
    """What did not check out: requirement, error code and words; empty for a merchant who passes."""
    return [problem for check in _CHECKS if (problem := check(account)) is not None]


def listed(account: Obj) -> bool:
    """Whether the birthday is the one on a sanctions list, which rejects the account."""
    return wants.birth(account) == OFAC_BIRTH


def _document(account: Obj) -> Problem | None:
    words = "The document could not be read. Upload a clear photo of the whole document."
    bad = wants.document(account) == DOCUMENT_BAD
    return (wants.PERSON_DOCUMENT, "verification_document_failed_other", words) if bad else None


def _tax_id(account: Obj) -> Problem | None:
    given, non_profit = wants.tax_id(account), account["identity"]["entity_type"] == "non_profit"
    wrong = {TAX_ID} if non_profit else {TAX_ID_NON_PROFIT}
    words = "The name of the business does not match this number in the register."
    bad = given in wrong | {"111111111"}
    return (wants.ID_NUMBER, "verification_failed_tax_id_match", words) if bad else None


def _person_id(account: Obj) -> Problem | None:
    words = "The number does not belong to a person of this name and birthday."
    bad = wants.person_id(account) in ("111111111", "1111")
    return (wants.PERSON_ID, "verification_failed_id_number_match", words) if bad else None


def _address(account: Obj) -> Problem | None:
    words = "The address could not be found. Check it, or upload a document that shows it."
    bad = wants.line1(account) == "address_no_match"
    return (wants.ADDRESS, "verification_failed_address_match", words) if bad else None


def _website(account: Obj) -> Problem | None:
    words = "The website could not be opened."
    bad = (wants.website(account) or "").rstrip("/") == "https://inaccessible.stripe.com"
    return (wants.WEBSITE, "invalid_url_website_inaccessible", words) if bad else None


_CHECKS: tuple[Callable[[Any], Problem | None], ...] = (_document, _tax_id, _person_id, _address, _website)
