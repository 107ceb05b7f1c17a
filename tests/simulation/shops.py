"""The businesses of a simulation: each with an organisation, a person and a Stripe account of its own, in other currencies.

Pounds with invoices in euros besides, New Zealand dollars, yen (no decimals), and dinars (three decimals) that Stripe settles in
dirhams. The sandbox's default world has the first two organisations; the others are planted beside them, after its model.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.books import accounts, connections, grants, links
from app.clients.bundle import Clients
from app.core import db
from app.merchants import payments_setup
from sandbox.world import World
from tests.rooms.till import Till

_MODEL = "harrow"
_COPIED = ("xero.taxrate", "xero.account", "xero.theme")
_CONFIRMED = """
UPDATE merchant SET entity_type = 'company', contact_email = 'books@shop.example', contact_name = 'Robin Day',
  contact_family_name = 'Day', address_line1 = '1 High Street', city = 'Town', postal_code = '1000', details_confirmed_at = now()
WHERE id = $1
"""


@dataclass(frozen=True)
class Stall:
    """A business on paper. `also`: a currency that it invoices in besides its own; `whole`: an invoice's usual total."""

    key: str
    name: str
    person: str
    country: str
    currency: str
    also: str = ""
    whole: str = "100.00"
    bank: str = ""  # a bank account at Stripe's test bank that pays


STALLS = (
    Stall("harrow", "Harrow & Finch Joinery Ltd", "Hannah Finch", "GB", "GBP", "EUR", bank="00012345"),
    Stall("kowhai", "Kōwhai Coast Electrical Ltd", "Aroha Reid", "NZ", "NZD", bank="000000010"),
    Stall("asagiri", "Asagiri Pottery KK", "Yuki Mori", "JP", "JPY", whole="10000"),
    Stall("marina", "Marina Dates WLL", "Noor Saleh", "AE", "KWD"),
)


def plant(world: World, stall: Stall) -> None:
    """Let the organisation stand in Xero, and give its person access to it and to nothing else."""
    put, ids = world.store.put, world.ids
    known = {row["key"]: row for row in world.store.all("xero.organisation")}
    tenant = known.get(stall.key)
    if tenant is None:
        model = known[_MODEL]
        own: dict[str, Any] = {
            "id": ids.uuid(),
            "organisation_id": ids.uuid(),
            "key": stall.key,
            "name": stall.name,
            "next_number": 1,
        }
        own |= {"currency": stall.currency, "short_code": ids.token("!", 5)}
        tenant = put("xero.organisation", own["id"], {**model, **own})
        _row(world, "xero.currency", tenant, {"code": stall.currency})
        for kind in _COPIED:
            for row in world.store.by(kind, "tenant", model["id"]):
                kept_in = {"currency": stall.currency} if row.get("currency") else {}
                _row(world, kind, tenant, {**row, **kept_in})
        contact = world.store.by("xero.contact", "tenant", model["id"])[0]
        _row(world, "xero.contact", tenant, {**contact, "name": "A customer", "email": "customer@example.com"})
    if all(f"{row['given_name']} {row['family_name']}" != stall.person for row in world.store.all("xero.user")):
        given, family = stall.person.split()
        id = ids.uuid()
        person = {"id": id, "sub": id.replace("-", ""), "session": ids.uuid(), "tenants": [tenant["id"]], "about": ""}
        put(
            "xero.user",
            id,
            {**person, "given_name": given, "family_name": family, "email": f"{given}@{stall.key}.example"},
        )


def _row(world: World, kind: str, tenant: Any, values: Any) -> None:
    id = world.ids.uuid()
    world.store.put(kind, id, {**values, "id": id, "tenant": tenant["id"]})


class Shop(Till):
    """One such business in the product: connected to its organisation, ready to be paid, its invoices on offer."""

    def __init__(self, sandbox: str, clients: Clients, stall: Stall) -> None:
        super().__init__(sandbox, clients)
        self.stall = stall
        self.organisation, self.key, self.person = stall.name, stall.key, stall.person
        self.country, self.currency = stall.country, stall.currency
        self.invoices: list[UUID] = []
        self.xero_ids: list[str] = []
        self.tenant = ""

    async def prepare(self) -> "Shop":
        """Open, choose where everything goes, and raise the invoices, each with its link."""
        await self.open()
        await self.choose_all()
        whole, also = (self.stall.whole, ""), (self.stall.whole, self.stall.also)
        for amount, currency in (whole, whole, also if self.stall.also else whole):
            invoice_id = await self.invoice(amount, currency)
            await links.ensure(self.clients.keys, invoice_id)
            self.invoices.append(invoice_id)
            self.xero_ids.append(await self.xero_id(invoice_id))
        found = await db.fetch_value("SELECT xero_tenant_id FROM connection WHERE id = $1", self.connection_id)
        self.tenant = str(found)
        return self

    async def choose_all(self) -> None:
        """Payments in each currency, fees, payouts, and credit notes for refunds."""
        await self.choose(fees=True)
        known = await accounts.chart(self.clients, self.connection_id)
        bank = next(one for one in known.banks if "bank" in one.name.lower())
        of, clearing = (self.merchant_id, self.connection_id, known), self.accounts["Stripe clearing"]
        await accounts.choose(*of, "bank", self.currency, bank.id)
        await accounts.choose(*of, "refunds", "", known.refunds[0].id, "NONE")
        if self.stall.also:
            await accounts.choose(*of, "payments", self.stall.also, clearing)

    async def _stripe(self) -> None:
        await db.fetch(_CONFIRMED, self.merchant_id)
        await self.open_account()
        row = await payments_setup.of(self.merchant_id)
        assert row is not None
        assert row["card_payments"] == "active", row
        self.account = row["stripe_account_id"]

    async def open_account(self) -> None:
        """The merchant goes to Stripe's own pages, answers everything there, and comes back."""
        await payments_setup.start(self.clients, self.merchant_id)
        row = await payments_setup.of(self.merchant_id)
        if row and row["stripe_account_id"]:
            await self.http.post(f"/_stripe/accounts/{row['stripe_account_id']}", json={"action": "complete"})
            await payments_setup.refresh(self.clients, self.merchant_id)

    async def consent(self) -> None:
        """The merchant consents at Xero once more: what was lost or left is connected again."""
        tokens = await self._consent()
        await grants.store_grant(self.clients, self.user_id, str(self.user_id), tokens)
        await connections.revive(self.clients, self.user_id)
        left = "SELECT 1 FROM connection WHERE id = $1 AND state = 'disconnected'"
        if await db.fetch_value(left, self.connection_id):
            listed = await self.clients.xero.connections(tokens.access_token)
            chosen = next((one for one in listed if one.tenant_id == self.tenant), None)
            if chosen:
                await connections.connect(self.clients, self.merchant_id, self.user_id, chosen.id)

    def share_of(self, percent: int) -> str:
        """So much of an invoice's usual total, as a bookkeeper types it."""
        whole = Decimal(self.stall.whole)
        return str((whole * percent / 100).quantize(whole))
