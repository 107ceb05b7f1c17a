"""Xero's accounting API, split by noun. Each module has ``routes(kit)``; the kit is what they share."""

from __future__ import annotations

import msgspec

from sandbox.world import World
from sandbox.xero_call import Door
from sandbox.xero_documents import Documents
from sandbox.xero_ledger import Ledger
from sandbox.xero_webhooks import XeroWebhooks

API = "/xero/api/api.xro/2.0"


class Kit(msgspec.Struct):
    """What the nouns share: the door (authentication, idempotency), the writers, the ledger."""

    world: World
    door: Door
    documents: Documents
    ledger: Ledger
    webhooks: XeroWebhooks
