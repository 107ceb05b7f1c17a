"""A customer who asks to be forgotten is forgotten, and the books stay whole."""

import os
import subprocess
import sys
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.books import audit, erasing, invoices, ledger
from app.core import db
from app.core.errors import NotFound, Refused
from tests.fixtures.process import ROOT
from tests.rooms.till import Till

AROHA, NAME = "aroha@pemberley.example", "Pemberley Interiors"
_TEXTS = """
SELECT table_name, column_name, data_type FROM information_schema.columns c
JOIN information_schema.tables t USING (table_schema, table_name)
WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND data_type IN ('text', 'bytea', 'jsonb', 'character varying')
"""


async def where_it_stands(word: str) -> set[str]:
    """Every column of every table that holds the word."""
    found = set()
    for row in await db.fetch(_TEXTS):
        table, column = row["table_name"], row["column_name"]
        text = f"encode({column}, 'escape')" if row["data_type"] == "bytea" else f"{column}::text"
        sql = f"SELECT 1 FROM {table} WHERE position($1 IN lower({text})) > 0"
        if await db.fetch_value(sql, word.lower()):
            found.add(f"{table}.{column}")
    return found


async def a_customer(till: Till) -> tuple[UUID, str]:
    """Somebody with a paid invoice, a request and a receipt by mail, whose address is all over the place."""
    invoice_id = await till.invoice()
    contact = await db.fetch_value("SELECT contact_id FROM invoice WHERE id = $1", invoice_id)
    payment = await till.paid(invoice_id, "100.00")
    await till.work()
    sql = "UPDATE invoice SET contact_email = $2, contact_name = $3, reference = $3, content = $4::jsonb WHERE id = $1"
    await db.fetch(sql, invoice_id, AROHA, NAME, '{"lines": [{"description": "For Pemberley Interiors"}]}')
    await db.fetch("UPDATE payment SET customer_email = $2 WHERE id = $1", payment["id"], AROHA)
    await till.row(
        "INSERT INTO pay_link (id, merchant, invoice, token_hash, requested_to) VALUES ($1, $2, $3, 'x', $4) RETURNING id",
        uuid4(), till.merchant_id, invoice_id, AROHA,
    )  # fmt: skip
    await till.row(
        "INSERT INTO happening (merchant, invoice, kind, title, detail, at) VALUES ($1, $2, 'requested', 'Payment requested', "
        "$3, now()) RETURNING id", till.merchant_id, invoice_id, f"Sent to {AROHA}",
    )  # fmt: skip
    await till.row(
        "INSERT INTO mail (id, merchant, invoice, kind, unique_key, to_addresses, subject, text, html, created_at, sent_at) "
        "VALUES ($1, $2, $3, 'receipt', 'r', $4, 'Receipt', $5, $5, now(), now()) RETURNING id",
        uuid4(), till.merchant_id, invoice_id, AROHA, f"Thank you, {NAME}",
    )  # fmt: skip
    await till.row(
        "INSERT INTO mail (id, merchant, kind, unique_key, to_addresses, subject, text, html, created_at, sent_at) "
        "VALUES ($1, $2, 'attention', 'a', 'hannah@example.com', '1 payment', $3, $3, now(), now()) RETURNING id",
        uuid4(), till.merchant_id, f"Hello Hannah,\n\n- INV-1, payment of GBP 1.00 from {NAME}\n  Because it is locked.",
    )  # fmt: skip
    await till.row(
        "INSERT INTO inbox (source, account, event_id, type, body, received_at) "
        "VALUES ('stripe', $1, 'evt_1', 'checkout.session.completed', $2, now()) RETURNING id",
        till.account, f'{{"email": "{AROHA}"}}'.encode(),
    )  # fmt: skip
    return invoice_id, str(contact)


async def test_a_customer_is_forgotten_everywhere(till: Till):
    """After it no table names the customer, Xero's next word does not bring the name back, and the books hold."""
    invoice_id, contact = await a_customer(till)
    everywhere = await where_it_stands(AROHA)
    columns = "invoice.contact_email payment.customer_email pay_link.requested_to mail.to_addresses happening.detail inbox.body"
    assert set(columns.split()) == everywhere

    would = await erasing.erase(till.merchant_id, AROHA.upper(), rehearse=True)
    assert everywhere == await where_it_stands(AROHA)
    done = await erasing.erase(till.merchant_id, AROHA.upper())
    assert would == done
    assert [contact] == list(done.contacts)
    assert set() == await where_it_stands(AROHA)
    assert set() == await where_it_stands(NAME)

    await invoices.pull(till.clients, till.connection_id, await till.xero_id(invoice_id))
    row = await till.row("SELECT contact_name, contact_email, total_minor FROM invoice WHERE id = $1", invoice_id)
    assert ("Erased contact", "", 10_000) == tuple(row)
    assert 1 == len(await till.in_xero(invoice_id))
    assert [] == await ledger.invariants()
    noted = await till.row("SELECT actor, action, details FROM audit ORDER BY id DESC LIMIT 1")
    assert ("operator", "customer_erased", True) == (noted["actor"], noted["action"], contact in noted["details"])
    assert [] == (await audit.verify())[1]


async def event(till: Till, body: str, **columns: Any) -> Any:
    """Something that Stripe told us; its row."""
    row = await till.row(
        "INSERT INTO inbox (source, account, event_id, type, body, received_at) VALUES ('stripe', $1, $2, 'x', $3, now()) "
        "RETURNING id", columns.get("account", till.account), uuid4().hex, body.encode(),
    )  # fmt: skip
    return row["id"]


async def kept(event_id: int) -> bool:
    """Whether we still have what Stripe told us."""
    return not bytes(await db.fetch_value("SELECT body FROM inbox WHERE id = $1", event_id)).startswith(b"sha256:")


async def test_events_are_forgotten_exactly(till: Till):
    """Every spelling of the address goes, and no longer address that contains it."""
    await a_customer(till)
    gone = [
        await event(till, '{"data": [{"to": "Aroha <AROHA@pemberley.example>"}]}'),
        await event(till, '{"email": "aroha\\u0040pemberley.example"}'),
        await event(till, f"not JSON, {AROHA}"),
    ]
    others = [
        await event(till, '{"email": "maroha@pemberley.example"}'),
        await event(till, '{"email": "aroha@pemberley.example.org"}'),
        await event(till, f'{{"email": "{AROHA}"}}', account="acct_of_somebody_else"),
    ]
    await erasing.erase(till.merchant_id, AROHA)
    assert [False] * 3 == [await kept(one) for one in gone]
    assert [True] * 3 == [await kept(one) for one in others]


async def test_by_the_contacts_id(till: Till):
    """Asked for by Xero's id, what Stripe told of the contact's payments goes as well, whatever address was typed there."""
    invoice_id, contact = await a_customer(till)
    paid = await till.row("SELECT stripe_payment_intent_id AS id FROM payment WHERE invoice = $1", invoice_id)
    mine = await event(till, f'{{"payment_intent": "{paid["id"]}", "email": "sister@example.com"}}')
    other = await event(till, '{"payment_intent": "pi_of_another", "email": "sister@example.com"}')
    await db.fetch("UPDATE inbox SET next_at = now() WHERE id = $1", mine)
    with pytest.raises(Refused, match="just told us"):
        await erasing.erase(till.merchant_id, contact)
    await db.fetch("UPDATE inbox SET next_at = NULL WHERE id = $1", mine)
    await erasing.erase(till.merchant_id, contact)
    assert (False, True) == (await kept(mine), await kept(other))


async def test_alerts_that_name_them_are_emptied(till: Till):
    """Mails to the merchant's people lose their words when they name the customer; one not sent yet is made anew without."""
    await a_customer(till)
    insert = (
        "INSERT INTO mail (id, merchant, kind, unique_key, to_addresses, text, html, created_at) "
        "VALUES (gen_random_uuid(), $1, 'attention', $2, 'hannah@example.com', $3, $3, now())"
    )
    for key, name in (("unsent", NAME), ("another", f"New {NAME}"), ("longer", f"{NAME} Ltd")):
        await db.fetch(insert, till.merchant_id, key, f"- No number, payment of GBP 1.00 from {name}")
    assert 2 == (await erasing.erase(till.merchant_id, AROHA)).rows["alert"]
    left = await db.fetch("SELECT unique_key FROM mail WHERE kind = 'attention' AND text <> '' ORDER BY unique_key")
    assert ["another", "longer"] == [row["unique_key"] for row in left]
    taken_back = "SELECT count(*) FROM mail WHERE unique_key LIKE 'unsent:erased:%' AND cancelled_at IS NOT NULL"
    assert 1 == await db.fetch_value(taken_back)
    assert 1 == await db.fetch_value("SELECT count(*) FROM job WHERE kind = 'merchant.alert' AND next_at IS NOT NULL")


async def test_stripes_next_word_brings_nobody_back(till: Till):
    """A refund after the erasing reads the charge again; the payer's address stays away."""
    invoice_id, _ = await a_customer(till)
    await erasing.erase(till.merchant_id, AROHA)
    await db.fetch("UPDATE payment SET customer_email = $2 WHERE invoice = $1", invoice_id, AROHA)
    assert "" == await db.fetch_value("SELECT customer_email FROM payment WHERE invoice = $1", invoice_id)


async def test_nobody_is_forgotten_while_something_is_open(till: Till):
    """An invoice to pay keeps its customer; a business we do not know has none; another's customers are left alone."""
    invoice_id, contact = await a_customer(till)
    other = uuid4()
    await db.fetch("INSERT INTO merchant (id) VALUES ($1)", other)
    assert [] == list((await erasing.erase(other, contact)).contacts)
    assert await where_it_stands(AROHA)
    with pytest.raises(NotFound):
        await erasing.erase(uuid4(), contact)
    await db.fetch("UPDATE invoice SET status = 'AUTHORISED', due_minor = 1 WHERE id = $1", invoice_id)
    with pytest.raises(Refused, match="still open"):
        await erasing.erase(till.merchant_id, contact)


async def test_nobody_else_is_forgotten_with_them(till: Till):
    """Neither a blank in place of an address, nor one that ends like another's, forgets anybody it does not name."""
    invoice_id, _ = await a_customer(till)
    nameless = await till.invoice()
    await db.fetch(
        "UPDATE invoice SET contact_email = '', contact_id = 'c2', contact_name = $2 WHERE id = $1", nameless, NAME
    )
    for blank in ("", "  "):
        assert [] == await erasing.merchants_of(blank)
        with pytest.raises(Refused, match="whom"):
            await erasing.erase(till.merchant_id, blank)
    shorter = AROHA[1:]
    assert [] == await erasing.merchants_of(shorter)
    await erasing.erase(till.merchant_id, shorter)
    assert {"invoice.contact_name", "mail.to_addresses", "pay_link.requested_to", "happening.detail"} <= (
        await where_it_stands(NAME) | await where_it_stands(AROHA)
    )
    assert AROHA == await db.fetch_value("SELECT contact_email FROM invoice WHERE id = $1", invoice_id)


async def test_the_command_shows_before_it_erases(till: Till):
    """`payportal erase` names whose customer it is, then what would go, and erases only when it is told to."""
    await a_customer(till)

    def said(*more: str) -> str:
        command = [sys.executable, "-m", "app.cli", "erase", AROHA, *more]
        env = os.environ | {
            "DATABASE_URL": till.clients.settings.database_url,
            "APP_ENV": "test",
            "PYTHONPATH": str(ROOT / "src"),
        }
        return subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=50).stdout

    assert str(till.merchant_id) in said()
    assert "This would go: 1 invoice, 1 payment" in said("--merchant", str(till.merchant_id))
    assert await where_it_stands(AROHA)
    assert "Erased: 1 invoice" in said("--merchant", str(till.merchant_id), "--yes")
    assert set() == await where_it_stands(AROHA)
