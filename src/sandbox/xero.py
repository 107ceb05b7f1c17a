"""The Xero side put together: identity, consent, connections, the accounting API, online invoices, webhooks."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

from sandbox import xero_connections, xero_consent, xero_desk_pages, xero_desk_routes, xero_identity, xero_online
from sandbox.world import World
from sandbox.xero_accounting import (
    Kit,
    accounts,
    attachments,
    bank,
    batch_payments,
    contacts,
    credit_notes,
    credits,  # noqa: A004 - Xero's word
    history,
    invoice_parts,
    invoice_writes,
    invoices,
    payment_services,
    payments,
    settings,
    themes,
    transfers,
    users,
)
from sandbox.xero_call import Door
from sandbox.xero_documents import Documents
from sandbox.xero_idempotency import Idempotency
from sandbox.xero_ledger import Ledger, declare_indexes, truth
from sandbox.xero_limits import Limits
from sandbox.xero_seed import Seeder
from sandbox.xero_tokens import Tokens
from sandbox.xero_webhooks import XeroWebhooks

SETTINGS = (settings, users, accounts, themes, payment_services, contacts)
MONEY = (invoices, invoice_writes, invoice_parts, payments, batch_payments, bank, transfers, credits, credit_notes)
PAPERS = (history, attachments)
NOUNS = (*SETTINGS, *MONEY, *PAPERS)


def make_kit(world: World) -> tuple[Kit, Tokens]:
    """Wire the parts and hook them into the world (seed, truth, limits)."""
    declare_indexes(world)
    webhooks = XeroWebhooks(world)
    ledger, tokens = Ledger(world, webhooks), Tokens(world)
    door = Door(world, tokens)
    door.idempotency = Idempotency(world)
    world.guards.append(Limits(world))
    world.seeders.append(Seeder(world, ledger).plant)
    world.truths["xero"] = lambda: truth(world)
    return Kit(world, door, Documents(world, ledger), ledger, webhooks), tokens


def routes(kit: Kit, tokens: Tokens) -> list[ControllerRouterHandler]:
    """Every handler under ``/xero``."""
    accounting = [handler for noun in NOUNS for handler in noun.routes(kit)]
    identity = [*xero_identity.routes(tokens), *xero_consent.routes(), *xero_connections.routes(tokens)]
    pages = [*xero_online.routes(kit), *xero_desk_routes.routes(kit), *xero_desk_pages.routes(kit)]
    return [*identity, *accounting, *pages]
