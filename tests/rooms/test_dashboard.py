"""The dashboard: every invoice under its right word, found, counted and summed up; nobody else's among them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.core import db
from app.core.money import Money
from app.merchants.customer_list import customers
from app.merchants.dashboard import dashboard
from app.merchants.invoice_list import PAGE, Asked, asked
from app.merchants.payment_list import payments
from app.merchants.places import home
from app.settings import Settings

SETTINGS = Settings()


@dataclass
class Shop:
    """A merchant with an organisation, written straight into the tables."""

    merchant_id: UUID
    connection_id: UUID

    async def invoice(self, due: int = 5, **fields: Any) -> UUID:
        """An invoice due in so many days; open over £100 unless told otherwise."""
        invoice_id, today = uuid4(), (await home(self.merchant_id)).today
        row = {
            "id": invoice_id, "merchant": self.merchant_id, "connection": self.connection_id,
            "xero_invoice_id": str(invoice_id), "number": f"INV-{str(invoice_id)[:8]}", "status": "AUTHORISED",
            "contact_id": "c1", "contact_name": "Pemberley Interiors Ltd", "currency": "GBP", "total_minor": 10000,
            "due_minor": 10000, "issued_on": today, "due_on": today + timedelta(days=due),
        } | fields  # fmt: skip
        await insert("invoice", row)
        return invoice_id

    async def link(self, invoice_id: UUID, **fields: Any) -> None:
        row = {"id": uuid4(), "merchant": self.merchant_id, "invoice": invoice_id, "token_hash": str(uuid4())}
        await insert("pay_link", row | fields)

    async def payment(self, invoice_id: UUID, state: str = "succeeded", **fields: Any) -> UUID:
        payment_id = uuid4()
        row = {
            "id": payment_id, "merchant": self.merchant_id, "connection": self.connection_id, "invoice": invoice_id,
            "stripe_account_id": "acct_1", "stripe_payment_intent_id": f"pi_{payment_id}", "state": state,
            "amount_minor": 10000, "currency": "GBP", "method_type": "card", "method_brand": "visa", "method_last4": "4242",
        } | fields  # fmt: skip
        await insert("payment", row)
        return payment_id

    async def write_back(self, invoice_id: UUID, payment_id: UUID, state: str, **fields: Any) -> None:
        row = {
            "merchant": self.merchant_id, "connection": self.connection_id, "invoice": invoice_id, "payment": payment_id,
            "kind": "payment", "reference": str(uuid4()), "state": state, "amount_minor": 10000, "currency": "GBP",
        } | fields  # fmt: skip
        await insert("write_back", row)

    async def attempt(self, invoice_id: UUID, **fields: Any) -> None:
        row = {
            "id": uuid4(), "merchant": self.merchant_id, "invoice": invoice_id, "stripe_account_id": "acct_1",
            "amount_minor": 10000, "currency": "GBP", "state": "expired", "idempotency_key": str(uuid4()),
        } | fields  # fmt: skip
        await insert("attempt", row)

    async def page(self, **ask: Any) -> dict[str, Any]:
        return await dashboard(SETTINGS, self.merchant_id, Asked(**ask))

    async def kind(self, invoice_id: UUID) -> str:
        """The word that the list has for this invoice."""
        found = [row.status for row in (await self.page())["rows"] if row.id == str(invoice_id)]
        assert 1 == len(found)
        return str(found[0])


async def insert(table: str, row: dict[str, Any]) -> None:
    places = ", ".join(f"${at}" for at in range(1, len(row) + 1))
    await db.fetch(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", *row.values())


@pytest.fixture(scope="module")
async def pool(database_url: str) -> AsyncIterator[None]:
    db.configure(database_url)
    await db.open_pool(5)
    yield
    await db.close_pool()


@pytest.fixture
async def shop(pool: None) -> Shop:
    merchant_id, connection_id = uuid4(), uuid4()
    await insert("merchant", {"id": merchant_id, "legal_name": "Harrow", "country": "GB"})
    row = {
        "id": connection_id, "merchant": merchant_id, "xero_tenant_id": str(uuid4()), "name": "Harrow", "base_currency": "GBP",
        "timezone": "Europe/London", "short_code": "!abc", "state": "connected",
    }  # fmt: skip
    await insert("connection", row)
    await db.fetch("UPDATE connection SET imported_at = now(), synced_at = now() WHERE id = $1", connection_id)
    return Shop(merchant_id, connection_id)


async def test_words(shop: Shop) -> None:
    """Each invoice is called by the first word that fits."""
    now = await db.fetch_value("SELECT now()")
    assert "new" == await shop.kind(await shop.invoice())
    assert "overdue" == await shop.kind(await shop.invoice(due=-1))
    assert "void" == await shop.kind(await shop.invoice(status="VOIDED"))
    assert "paid" == await shop.kind(await shop.invoice(status="PAID", due_minor=0, paid_minor=10000))
    assert "part" == await shop.kind(await shop.invoice(due=-3, due_minor=4000, paid_minor=6000))
    assert "part" == await shop.kind(await shop.invoice(due_minor=4000, credited_minor=6000))
    requested = await shop.invoice()
    await shop.link(requested, requested_at=now)
    assert "sent" == await shop.kind(requested)
    viewed = await shop.invoice()
    await shop.link(viewed, requested_at=now, viewed_at=now)
    assert "viewed" == await shop.kind(viewed)


async def test_words_of_money(shop: Shop) -> None:
    """Money under way, money not in Xero yet, money that Xero refused, and a declined card have their own words."""
    on_its_way = await shop.invoice()
    await shop.payment(on_its_way, "processing")
    assert "processing" == await shop.kind(on_its_way)

    unwritten = await shop.invoice()
    await shop.write_back(unwritten, await shop.payment(unwritten), "intended")
    assert "processing" == await shop.kind(unwritten)

    parked = await shop.invoice()
    await shop.write_back(parked, await shop.payment(parked), "parked", reason="period_locked")
    assert "attention" == await shop.kind(parked)

    declined = await shop.invoice(due=-9)
    await shop.attempt(declined, failure="Your bank declined the card.")
    assert "failed" == await shop.kind(declined)
    await shop.attempt(declined)
    assert "overdue" == await shop.kind(declined)


async def test_drafts_are_not_shown(shop: Shop) -> None:
    """A draft cannot be paid and is not listed."""
    await shop.invoice(status="DRAFT")
    await shop.invoice(status="SUBMITTED")

    assert "empty" == (await shop.page())["state"]


async def test_filters_agree_with_counts(shop: Shop) -> None:
    """Each chip's number is the length of its list."""
    now = await db.fetch_value("SELECT now()")
    for due in (-3, -2, 4):
        await shop.invoice(due=due)
    for due in (-1, 8):
        await shop.link(await shop.invoice(due=due), requested_at=now)
    await shop.invoice(status="PAID", due_minor=0, paid_minor=10000)

    counts = (await shop.page())["counts"]
    for status in ("new", "sent", "overdue", "paid"):
        page = await shop.page(status=status)
        assert getattr(counts, status) == len(page["rows"]) == page["pager"].total
    assert (3, 2, 3, 1) == (counts.new, counts.sent, counts.overdue, counts.paid)
    assert 5 == len((await shop.page(status="open"))["rows"])


async def test_search(shop: Shop) -> None:
    """Number, reference and customer are searched, whatever signs stand in them."""
    await shop.invoice(number="INV-77", reference="100% oak_wood", contact_name="R. Okonkwo")
    await shop.invoice(number="INV-78", reference="Pine", contact_name="Marlowe & Daughters")

    for q in ("inv-77", "100% oak", "oak_w", "okonkwo"):
        assert ["INV-77"] == [row.number for row in (await shop.page(q=q))["rows"]]
    assert "no_match" == (await shop.page(q="%%"))["state"]
    assert "no_match" == (await shop.page(q="' OR 1=1 --"))["state"]


async def test_sorting(shop: Shop) -> None:
    """Oldest due first; what was settled long ago comes last; other orders as asked."""
    await shop.invoice(due=9, number="C", due_minor=300)
    await shop.invoice(due=-9, number="B", due_minor=100)
    await shop.invoice(due=-90, number="A", status="PAID", due_minor=0)
    await shop.invoice(due=1, number="D", due_minor=200)

    assert "BDCA" == "".join(row.number for row in (await shop.page())["rows"])
    assert "ABCD" == "".join(row.number for row in (await shop.page(sort="number"))["rows"])
    assert "CDBA" == "".join(row.number for row in (await shop.page(sort="-amount"))["rows"])


async def test_pages(shop: Shop) -> None:
    """A page holds fifty; one beyond the end is the last."""
    for n in range(PAGE + 3):
        await shop.invoice(number=f"N{n:03}")

    last = await shop.page(page=99, sort="number")
    assert (2, 51, 53, 53, 2) == (
        last["page"],
        last["pager"].first,
        last["pager"].last,
        last["pager"].total,
        last["pager"].pages,
    )
    assert ["N050", "N051", "N052"] == [row.number for row in last["rows"]]


@pytest.mark.parametrize(
    "query",
    [
        {"page": "-1"},
        {"page": "x"},
        {"page": "1" * 30},
        {"page": "١"},
        {"sort": "id; DROP"},
        {"status": "DRAFT"},
        {"q": "\x00"},
    ],
)
def test_any_address(query: dict[str, str]) -> None:
    """What anybody types into the address falls back to the default."""
    assert Asked() == asked(query)


async def test_numbers(shop: Shop) -> None:
    """Collected, waiting and overdue are summed in the merchant's currency; others stand in the note."""
    now = (await home(shop.merchant_id)).now
    for due, minor in ((-31, 94000), (-4, 147000), (5, 128400)):
        await shop.invoice(due=due, due_minor=minor)
    await shop.invoice(currency="NZD", due_minor=316250)
    paid = await shop.invoice(status="PAID", due_minor=0)
    await shop.payment(paid, paid_at=now, amount_minor=36000, refunded_minor=1000)
    await shop.payment(paid, paid_at=now.replace(day=1) - timedelta(days=1), amount_minor=17500)
    await shop.payment(paid, "failed", paid_at=now, amount_minor=99900)

    kpis = (await shop.page())["kpis"]
    assert Money(35000, "GBP") == kpis.collected
    assert 100 == kpis.change
    assert (Money(369400, "GBP"), 3, 0) == (kpis.waiting, kpis.waiting_count, kpis.waiting_requested)
    assert (Money(241000, "GBP"), 2, 31) == (kpis.overdue, kpis.overdue_count, kpis.overdue_days)
    assert "Other currencies: $3,162.50 NZD waiting" == kpis.note
    assert 11 == len(kpis.weeks)
    assert 0 == kpis.weeks[-1][0].weekday()


async def test_day_of_the_merchant(shop: Shop) -> None:
    """A payment counts on the merchant's own day."""
    await db.fetch("UPDATE connection SET timezone = 'Pacific/Auckland' WHERE id = $1", shop.connection_id)
    place = await home(shop.merchant_id)
    first = place.now.replace(day=1, hour=0, minute=1)
    await shop.payment(await shop.invoice(), paid_at=first)

    assert Money(10000, "GBP") == (await shop.page())["kpis"].collected
    assert isinstance(place.today, date)


async def test_failures(shop: Shop) -> None:
    """A payment that Xero refused is told with invoice, amount and reason."""
    invoice_id = await shop.invoice(number="INV-5")
    await shop.write_back(invoice_id, await shop.payment(invoice_id), "parked", reason="period_locked")

    (failure,) = (await shop.page())["failures"]
    assert ("INV-5", Money(10000, "GBP"), "the period is locked in Xero") == (
        failure.invoice_number, failure.amount, failure.reason,
    )  # fmt: skip


async def test_first_import(shop: Shop) -> None:
    """While the first import runs the page says how far it is; before anything came it shows that it loads."""
    await db.fetch("UPDATE connection SET imported_at = NULL, import_total = 212 WHERE id = $1", shop.connection_id)
    page = await shop.page()
    assert ("loading", "first", 0, 212) == (page["state"], page["sync"].state, page["sync"].done, page["sync"].total)

    await shop.invoice()
    await db.fetch("UPDATE connection SET import_done = 148 WHERE id = $1", shop.connection_id)
    page = await shop.page()
    assert ("list", "running", 148, 212) == (page["state"], page["sync"].state, page["sync"].done, page["sync"].total)


async def test_broken(shop: Shop) -> None:
    """A lost organisation is named, with the way to connect it again."""
    await db.fetch("UPDATE connection SET state = 'broken', state_reason = 'removed' WHERE id = $1", shop.connection_id)

    lost = (await shop.page())["disconnected"]
    assert (str(shop.connection_id), "Harrow") == (lost.connection_id, lost.organisation)


async def test_nobody_elses(shop: Shop) -> None:
    """Another merchant sees none of it."""
    stranger = uuid4()
    await insert("merchant", {"id": stranger, "legal_name": "Other", "country": "GB"})
    invoice_id = await shop.invoice()
    await shop.payment(invoice_id)

    page = await dashboard(SETTINGS, stranger, Asked())
    assert ([], [], True) == (page["rows"], page["failures"], page["is_new"])
    assert [] == (await payments(stranger, 1))["rows"]
    assert [] == (await customers(stranger, "", 1))["rows"]


async def test_payments(shop: Shop) -> None:
    """A payment is listed with its card, its fee and whether Xero has it."""
    now = await db.fetch_value("SELECT now()")
    invoice_id = await shop.invoice(number="INV-6")
    paid = await shop.payment(invoice_id, paid_at=now, fee_minor=194, settlement_currency="GBP")
    await shop.write_back(invoice_id, paid, "parked", reason="other", message="Xero is in a mood.")
    await shop.payment(invoice_id, "refunded_part", refunded_minor=2000, created_at=now - timedelta(days=1))

    first, second = (await payments(shop.merchant_id, 1))["rows"]
    assert ("Visa ending 4242", "paid", "failed") == (first.method, first.status, first.xero)
    assert (Money(194, "GBP"), "Xero said “Xero is in a mood”") == (first.fee, first.failure.reason)
    assert ("attention", "Refunded £20.00", "") == (second.status, second.note, second.xero)


async def test_customers(shop: Shop) -> None:
    """Who owes most stands first, in each currency."""
    await shop.invoice(contact_id="a", contact_name="Ann", due_minor=100)
    await shop.invoice(contact_id="b", contact_name="Bob", due_minor=500, due=-1)
    await shop.invoice(contact_id="b", contact_name="Bob", due_minor=700, currency="NZD")
    await shop.invoice(contact_id="c", contact_name="Cid", status="PAID", due_minor=0, paid_on=date(2026, 11, 2))

    bob, ann, cid = (await customers(shop.merchant_id, "", 1))["rows"]
    assert ("Bob", 2, [Money(700, "NZD"), Money(500, "GBP")]) == (bob.name, bob.invoices, bob.outstanding)
    assert [Money(500, "GBP")] == bob.overdue
    assert ("Ann", "Cid", date(2026, 11, 2)) == (ann.name, cid.name, cid.last_paid)
    assert ["Bob"] == [row.name for row in (await customers(shop.merchant_id, "bo", 1))["rows"]]


async def test_quick_with_many(shop: Shop) -> None:
    """Ten thousand invoices are no reason to wait: the page is there within a second."""
    await db.fetch(
        "INSERT INTO invoice (id, merchant, connection, xero_invoice_id, number, status, contact_name, currency, total_minor, "
        "due_minor, due_on) SELECT gen_random_uuid(), $1, $2, 'x' || n, 'N' || n, "
        "CASE WHEN n % 3 = 0 THEN 'AUTHORISED' ELSE 'PAID' END, "
        "'Customer ' || n % 500, 'GBP', 100, CASE WHEN n % 3 = 0 THEN 100 ELSE 0 END, current_date - 400 + (n % 420)::int "
        "FROM generate_series(1, 10000) AS n",
        shop.merchant_id, shop.connection_id,
    )  # fmt: skip
    await db.fetch("ANALYZE invoice")
    began = await db.fetch_value("SELECT clock_timestamp()")
    await shop.page(q="customer 7")
    await shop.page(status="viewed")

    assert (await db.fetch_value("SELECT clock_timestamp()")) - began < timedelta(seconds=2)
