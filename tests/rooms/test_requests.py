"""Requesting payment: one click, one mail, ten seconds to think again."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from app.books import links
from app.core import db
from app.core.errors import NotFound, Refused
from app.merchants import letters, requests
from app.merchants.letters import Letter
from tests.fixtures.sandbox import SandboxServer
from tests.rooms.bookkeeping import Books, open_books, stripe_is_ready

LETTER = Letter("ann@example.com", "Invoice for the gate", "Hello Ann", attach=False)


@pytest.fixture(scope="module")
async def shared(_sandbox: SandboxServer, database_url: str) -> AsyncIterator[Books]:
    async with open_books(_sandbox, database_url) as made:
        await stripe_is_ready(made.merchant_id)
        yield await made.synced()


@pytest.fixture
async def books(shared: Books) -> Books:
    await shared.tidy()
    return shared


@pytest.fixture
async def row(books: Books) -> Any:
    made = books.new_invoice(amount="100.00", reference="Gate")
    await books.poll()
    await books.tidy()
    found = await books.invoice(made["number"])
    return await requests.open_invoice(books.merchant_id, found["id"])


async def test_nobody_is_asked_for_what_is_paid(books: Books, row: Any) -> None:
    """A request whose invoice is settled while its mail waits is taken back, and the timeline says so."""
    await requests.request(books.clients, books.merchant_id, row["id"], LETTER)
    await db.fetch("UPDATE invoice SET due_minor = 0, status = 'PAID' WHERE id = $1", row["id"])
    await books.do("mail.send")
    assert [] == books.letters()
    assert "Payment request taken back" in await books.lines(row["number"])


async def test_suggestion(books: Books, row: Any) -> None:
    """The letter begins with the contact's address from Xero, asked for once."""
    letter, again = await requests.suggest(books.clients, row, "Hannah")
    known = await requests.open_invoice(books.merchant_id, row["id"])

    assert not again
    assert "@" in letter.to
    assert letter.to == known["contact_email"]
    assert row["number"] in letter.subject
    assert letter.message.endswith("Thank you,\nHannah")
    assert {} == letters.check(letter)


async def test_request(books: Books, row: Any) -> None:
    """The mail carries the link and the amount, goes to the address, and the invoice counts as requested."""
    done = await requests.request(books.clients, books.merchant_id, row["id"], LETTER)
    assert 1 == await books.do("mail.send")

    (letter,) = books.letters()
    assert ["ann@example.com"] == letter["to"]
    assert done.link_url in letter["text"]
    assert "£100.00" in letter["html"]
    link = await links.of_invoice(row["id"])
    assert link
    assert "ann@example.com" == link["requested_to"]
    assert "Payment requested" in await books.lines(row["number"])


async def test_late_by_ten_seconds(books: Books, row: Any) -> None:
    """The mail waits for ten seconds."""
    await requests.request(books.clients, books.merchant_id, row["id"], LETTER)

    waits = await db.fetch_value("SELECT extract(epoch FROM next_at - now())::float FROM job WHERE kind = 'mail.send'")
    assert 8 < waits <= 10


async def test_double_click(books: Books, row: Any) -> None:
    """Pressed five times at once, one mail goes out."""
    done = await asyncio.gather(
        *(requests.request(books.clients, books.merchant_id, row["id"], LETTER) for _ in range(5))
    )

    # The clock may pass a full minute just then.
    assert 1 <= len([one for one in done if one.mail_id]) <= 2
    assert len([one for one in done if one.mail_id]) == await books.do("mail.send")


async def test_undo(books: Books, row: Any) -> None:
    """Taken back in time nothing is sent, the invoice is not requested, and it can be requested again."""
    done = await requests.request(books.clients, books.merchant_id, row["id"], LETTER)

    assert await requests.undo(books.merchant_id, row["id"], UUID(done.mail_id))
    await books.do("mail.send")
    link = await links.of_invoice(row["id"])
    assert link
    assert link["requested_at"] is None
    assert [] == books.letters()
    assert (await requests.request(books.clients, books.merchant_id, row["id"], LETTER)).mail_id


async def test_undo_too_late(books: Books, row: Any) -> None:
    """After the mail has gone out it stays requested."""
    done = await requests.request(books.clients, books.merchant_id, row["id"], LETTER)
    await books.do("mail.send")

    assert not await requests.undo(books.merchant_id, row["id"], UUID(done.mail_id))
    link = await links.of_invoice(row["id"])
    assert link
    assert link["requested_at"]


async def test_pdf(books: Books, row: Any) -> None:
    """Xero's PDF of the invoice is attached where wanted."""
    letter = Letter("ann@example.com", "S", "M", attach=True)
    await requests.request(books.clients, books.merchant_id, row["id"], letter)
    await books.do("mail.send")

    (mail,) = books.letters()
    assert [f"{row['number']}.pdf"] == mail["attachments"]


async def test_handed_out(books: Books, row: Any) -> None:
    """A link made to be copied counts as requested, without a mail."""
    url = await requests.hand_out(books.clients, books.merchant_id, row["id"])

    link = await links.of_invoice(row["id"])
    assert link
    assert link["requested_at"]
    assert url == links.address(books.clients.settings, books.clients.keys, link)
    assert 0 == await books.do("mail.send")


async def test_many(books: Books) -> None:
    """Several at once: each contact gets a mail; who has no address gets a link to be copied."""
    one, two = books.new_invoice(amount="10.00"), books.new_invoice(amount="20.00")
    await books.poll()
    rows = [await books.invoice(made["number"]) for made in (one, two)]
    await db.fetch("UPDATE invoice SET contact_email = 'ann@example.com' WHERE id = $1", rows[0]["id"])
    await db.fetch("UPDATE invoice SET contact_email = '', contact_id = '' WHERE id = $1", rows[1]["id"])

    done = await requests.request_all(
        books.clients, books.merchant_id, [rows[0]["id"], rows[1]["id"], rows[0]["id"], books.user_id], "Hannah"
    )

    assert ["", letters.NO_ADDRESS] == [one.problem for one in done]
    assert all("/p/" in one.link_url for one in done)
    assert 1 == await books.do("mail.send")


async def test_so_many_addresses_a_day(books: Books, row: Any) -> None:
    """Addresses are counted, not letters: 100 a day until the first payment has arrived, then 1,000."""
    key = f"request:{books.merchant_id}"
    two = replace(LETTER, to="ann@example.com, bob@example.com")
    await db.fetch("DELETE FROM allowance")
    await requests.request(books.clients, books.merchant_id, row["id"], two)
    assert 2 == await db.fetch_value("SELECT used FROM allowance WHERE key = $1", key)

    await db.fetch("UPDATE allowance SET used = 99 WHERE key = $1", key)
    with pytest.raises(Refused, match="100 addresses a day at most until your first payment has arrived"):
        await requests.request(books.clients, books.merchant_id, row["id"], two)
    (left_out,) = await requests.request_all(books.clients, books.merchant_id, [row["id"]], "Hannah")
    assert "copy the link instead" in left_out.problem
    assert "/p/" in left_out.link_url

    await db.fetch(
        "INSERT INTO payment (id, merchant, connection, invoice, stripe_payment_intent_id, paid_at) "
        "VALUES (gen_random_uuid(), $1, $2, $3, 'pi_first', now())", books.merchant_id, row["connection"], row["id"]
    )  # fmt: skip
    await db.fetch("UPDATE allowance SET used = 998 WHERE key = $1", key)
    assert (await requests.request(books.clients, books.merchant_id, row["id"], two)).to
    with pytest.raises(Refused, match=r"1,000 addresses a day at most\. "):
        await requests.request(books.clients, books.merchant_id, row["id"], two)
    await db.fetch("DELETE FROM allowance")
    await db.fetch("DELETE FROM payment WHERE stripe_payment_intent_id = 'pi_first'")


async def test_nothing_to_pay(books: Books, row: Any) -> None:
    """What is paid or void cannot be requested."""
    there = next(one for one in books.xero_invoices() if one["number"] == row["number"])
    books.xero(f"invoices/{there['id']}/void")
    await books.poll()

    with pytest.raises(Refused):
        await requests.request(books.clients, books.merchant_id, row["id"], LETTER)


async def test_not_before_stripe(books: Books, row: Any) -> None:
    """Nobody is asked to pay what cannot be paid yet."""
    await db.fetch("UPDATE stripe_account SET card_payments = 'pending' WHERE merchant = $1", books.merchant_id)
    try:
        with pytest.raises(Refused):
            await requests.request(books.clients, books.merchant_id, row["id"], LETTER)
    finally:
        await db.fetch("UPDATE stripe_account SET card_payments = 'active' WHERE merchant = $1", books.merchant_id)


async def test_stranger(books: Books, row: Any) -> None:
    """A stranger can neither request, hand out nor undo."""
    done = await requests.request(books.clients, books.merchant_id, row["id"], LETTER)
    for deed in (
        requests.request(books.clients, books.user_id, row["id"], LETTER),
        requests.hand_out(books.clients, books.user_id, row["id"]),
        requests.undo(books.user_id, row["id"], UUID(done.mail_id)),
    ):
        with pytest.raises(NotFound):
            await deed


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"to": ""}, "to", "Add an email address, or copy the link instead."),
        ({"to": "ann"}, "to", "is not an email address"),
        ({"to": "ann@example.com, bob"}, "to", "bob"),
        ({"to": ", ".join(f"a{n}@example.com" for n in range(11))}, "to", "10 addresses or fewer"),
        ({"subject": ""}, "subject", "Enter a subject."),
        ({"subject": "x" * 201}, "subject", "200"),
        ({"message": "x" * 5001}, "message", "5,000"),
    ],
)
def test_check(typed: dict[str, str], field: str, words: str) -> None:
    """What cannot go out is said at its field."""
    errors = letters.check(letters.read({"to": "ann@example.com", "subject": "S", "message": "M"} | typed))

    assert [field] == list(errors)
    assert words in errors[field]
