"""What a payment request says: the suggestion, the check of what the merchant made of it, and the mail itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from jinja2 import Environment

from app.books.mails import bad_address, split_addresses
from app.core.clock import date_in
from app.core.html import date_long, environment
from app.core.money import Money
from app.merchants.letterhead import letterhead

MOST_ADDRESSES, MOST_SUBJECT, MOST_MESSAGE = 10, 200, 5_000
NO_ADDRESS = "Add an email address, or copy the link instead."


@dataclass(frozen=True, slots=True)
class Letter:
    """A payment request as typed: `to` with commas between addresses."""

    to: str
    subject: str
    message: str
    attach: bool

    @property
    def addresses(self) -> list[str]:
        """Each address once."""
        return split_addresses(self.to)

    def values(self) -> dict[str, Any]:
        """For the form's fields."""
        return {"to": self.to, "subject": self.subject, "message": self.message, "attach": self.attach}


@lru_cache(maxsize=1)
def _jinja() -> Environment:
    return environment()


async def suggest(row: Any, email: str, by: str, *, again: bool) -> Letter:
    """The request as it stands when the dialog opens: `row` an invoice with its organisation, `by` who writes."""
    sender = await letterhead(row["merchant"])
    late = again and row["due_on"] and row["due_on"] < date_in(row["timezone"])
    what = f"invoice {row['number']}" + (f" for {row['reference']}" if row["reference"] else "")
    opening = (
        f"this is a reminder that {what} was due on {date_long(row['due_on'])}." if late else f"here is your {what}."
    )
    message = f"Hello,\n\n{opening} You can pay online using the secure link below.\n\nThank you,\n{by}"
    return Letter(to=email, subject=f"Invoice {row['number']} from {sender.name}", message=message, attach=True)


def read(form: Mapping[str, str]) -> Letter:
    """The posted form."""
    ticked = form.get("attach", "").lower() in {"1", "on", "true", "yes"}
    return Letter(form.get("to", ""), form.get("subject", ""), form.get("message", "").replace("\r\n", "\n"), ticked)


def check(letter: Letter) -> dict[str, str]:
    """What is wrong: field name to text; empty when it can go out."""
    problems = {"to": _wrong_addresses(letter.addresses), "subject": "", "message": ""}
    if not letter.subject:
        problems["subject"] = "Enter a subject."
    elif len(letter.subject) > MOST_SUBJECT:
        problems["subject"] = f"Use {MOST_SUBJECT} characters or fewer; this has {len(letter.subject)}."
    if len(letter.message) > MOST_MESSAGE:
        problems["message"] = f"Use {MOST_MESSAGE:,} characters or fewer; this has {len(letter.message):,}."
    return {name: text for name, text in problems.items() if text}


def _wrong_addresses(addresses: list[str]) -> str:
    if not addresses:
        return NO_ADDRESS
    if len(addresses) > MOST_ADDRESSES:
        return f"Use {MOST_ADDRESSES} addresses or fewer."
    wrong = next((address for address in addresses if bad_address(address)), "")
    return f"“{wrong[:80]}” is not an email address. Write it like name@example.com." if wrong else ""


async def render(row: Any, letter: Letter, link_url: str) -> tuple[str, str, SimpleNamespace]:
    """Text and HTML of the mail, and the merchant's letterhead."""
    sender = await letterhead(row["merchant"])
    context = {
        "m": sender,
        "subject": letter.subject,
        "message": letter.message,
        "invoice": SimpleNamespace(
            number=row["number"],
            amount_due=Money(row["due_minor"], row["currency"]),
            due=row["due_on"],
            customer=row["contact_name"],
        ),
        "link_url": link_url,
        "attached": letter.attach,
    }
    text, html = (_jinja().get_template(f"emails/payment_request.{kind}").render(context) for kind in ("txt", "html"))
    return text, html, sender
