"""What people and the house do with a merchant's money, link and books is in the trail, with who did it."""

from typing import Any

import msgspec
import pytest

from app.books import accounts, attempts, audit, connections, links
from app.core import db
from app.merchants import branding, business, requests
from tests.rooms.till import Till


async def trail(till: Till) -> list[tuple[str, str, str, dict[str, Any]]]:
    """(actor, action, subject, details), oldest first."""
    rows = await db.fetch("SELECT * FROM audit WHERE merchant = $1 ORDER BY number", till.merchant_id)
    return [(row["actor"], row["action"], row["subject"], msgspec.json.decode(row["details"])) for row in rows]


async def last(till: Till) -> tuple[str, str, str, dict[str, Any]]:
    return (await trail(till))[-1]


@pytest.fixture
async def person(till: Till) -> str:
    """From here on, the till's user does what is done."""
    audit.acting(till.user_id)
    return f"user:{till.user_id}"


async def test_setting_up(till: Till):
    """Connecting an organisation and choosing its accounts are noted, with what was chosen."""
    found = {action: (subject, details) for _, action, subject, details in await trail(till)}
    assert f"connection:{till.connection_id}" == found["connected"][0]
    assert ("payments", "GBP") == tuple(found["account_chosen"][1][name] for name in ("kind", "currency"))


async def test_leaving_and_coming_back(till: Till):
    """Disconnecting and reconnecting are noted with the person who did it, a lost connection with its reason."""
    await connections.mark_broken(till.connection_id, "token")
    assert ("xero", "connection_lost", {"reason": "token"}) == ((said := await last(till))[0], said[1], said[3])
    audit.acting(till.user_id)
    await connections.disconnect(till.clients, till.merchant_id, till.connection_id)
    assert (f"user:{till.user_id}", "disconnected") == (await last(till))[:2]
    await till.connect()
    assert (f"user:{till.user_id}", "reconnected") == (await last(till))[:2]


async def test_choices(till: Till, person: str):
    """Branding, options and accounts that change are noted without names or addresses."""
    words = {"display_name": "Harrow", "colour": "#1e6b52", "email": "a@harrow.example", "phone": "", "thank_you": ""}
    await branding.save(till.merchant_id, words, None)
    assert (person, "branding_changed") == (await last(till))[:2]
    await business.set_options(till.merchant_id, allow_part=False, minimum_part_minor=0)
    assert {"allow_part": False, "minimum_part_minor": 0} == (await last(till))[3]
    await accounts.forget(till.merchant_id, till.connection_id, "payments")
    assert "account_forgotten" == (await last(till))[1]
    assert not await db.fetch("SELECT 1 FROM audit WHERE details LIKE '%@%' OR details LIKE '%Harrow%'")


async def test_the_link(till: Till, person: str):
    """Switching, replacing and handing out a link are noted; pressing Save without a change is not."""
    link = await links.ensure(till.clients.keys, invoice_id := await till.invoice())
    await links.set_active(till.merchant_id, link["id"], False)
    await links.set_active(till.merchant_id, link["id"], False)
    await links.set_active(till.merchant_id, link["id"], True)
    await links.revoke(till.clients.keys, till.merchant_id, link["id"])
    await requests.hand_out(till.clients, till.merchant_id, invoice_id)
    deeds = [(action, subject, details) for actor, action, subject, details in await trail(till) if actor == person]
    assert [
        ("link_switched", f"pay_link:{link['id']}", {"active": False}),
        ("link_switched", f"pay_link:{link['id']}", {"active": True}),
        ("link_replaced", f"pay_link:{link['id']}", {"version": 2}),
        ("payment_requested", f"invoice:{invoice_id}", {"way": "link"}),
    ] == deeds


async def test_writing_to_xero(till: Till):
    """What was recorded in Xero, and what could not be, is noted by the house itself."""
    payment = await till.paid(await till.invoice())
    await till.work()
    row = await till.write_back(payment)
    said = next(one for one in await trail(till) if one[1] == "write_back_confirmed")
    assert (audit.HOUSE, f"write_back:{row['id']}", row["xero_id"], 4000) == (
        said[0], said[2], said[3]["xero_id"], said[3]["minor"],
    )  # fmt: skip
    await accounts.forget(till.merchant_id, till.connection_id, "payments")
    await till.paid(await till.invoice())
    await till.work()
    assert ("write_back_parked", "account_missing") == ((said := await last(till))[1], said[3]["reason"])


async def test_forced_corrections(till: Till):
    """A correction that the ordinary course does not allow is noted with its reason."""
    attempt = await till.attempt(await till.invoice())
    await attempts.mark_expired(attempt["id"])
    await attempts.mark_succeeded(attempt["id"])
    assert ("corrected", f"attempt:{attempt['id']}", {"from": "expired", "to": "succeeded", "why": "late money"}) == (
        await last(till)
    )[1:]
    assert [] == (await audit.verify())[1]
