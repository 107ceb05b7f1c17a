"""The connected account: made once from a stored request, linked to freshly, read again, in words."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from app.core import db
from app.core.clock import now
from app.core.errors import Refused, Upstream
from app.core.work import Postpone
from app.merchants import account_request, business, payments_setup, requirements
from tests.rooms.xero_desk import Desk, open_desk
from tests.walker import Walker
from tests.world import DETAILS


@pytest.fixture
async def desk(sandbox: str, new_database: Callable[[], str]) -> AsyncIterator[Desk]:
    async with open_desk(sandbox, new_database()) as made:
        yield made


@pytest.fixture
async def merchant_id(desk: Desk) -> UUID:
    """A merchant with confirmed details."""
    user = await db.fetch_value("INSERT INTO app_user (xero_userid) VALUES ('hannah') RETURNING id")
    made = await business.ensure(user)
    assert {} == (await business.confirm(made, DETAILS))[1]
    return made


async def account_of(merchant_id: UUID) -> str:
    row = await payments_setup.of(merchant_id)
    assert row is not None
    return str(row["stripe_account_id"])


def act(desk: Desk, account: str, action: str, **order: object) -> None:
    """Something happens at Stripe."""
    body = {"action": action, **order}
    httpx.post(f"{desk.url}/_stripe/accounts/{account}", json=body, timeout=20).raise_for_status()


def accounts(desk: Desk) -> int:
    """How many connected accounts there are at Stripe."""
    return len(httpx.get(f"{desk.url}/_truth", timeout=20).json()["stripe"]["accounts"])


async def standing(desk: Desk, merchant_id: UUID) -> str:
    return payments_setup.standing(await payments_setup.refresh(desk.clients, merchant_id))


async def test_request(desk: Desk, merchant_id: UUID) -> None:
    """The account is asked for with the confirmed details; Stripe collects its fees and bears the losses."""
    request = account_request.build(await business.one(merchant_id))

    assert "full" == request["dashboard"]
    assert {"fees_collector": "stripe", "losses_collector": "stripe"} == request["defaults"]["responsibilities"]
    assert ("gb", "company") == (request["identity"]["country"], request["identity"]["entity_type"])
    assert [{"type": "gb_crn", "value": "98765432"}] == request["identity"]["business_details"]["id_numbers"]
    assert request["configuration"]["merchant"]["capabilities"] == {"card_payments": {"requested": True}}


async def test_sole_trader(desk: Desk, merchant_id: UUID) -> None:
    """A sole trader is described as a person; the business address is not passed off as a home."""
    await business.confirm(merchant_id, DETAILS | {"kind": "individual", "registration_number": ""})
    identity = account_request.build(await business.one(merchant_id))["identity"]

    assert {"given_name": "Hannah", "surname": "Finch", "email": DETAILS["email"]} == identity["individual"]
    assert "business_details" not in identity


async def test_details_first(desk: Desk) -> None:
    """Without confirmed details nothing is asked of Stripe."""
    user = await db.fetch_value("INSERT INTO app_user (xero_userid) VALUES ('new') RETURNING id")
    merchant = await business.ensure(user)

    with pytest.raises(Refused, match="Confirm your business details first"):
        await payments_setup.start(desk.clients, merchant)
    assert [] == desk.calls("/stripe/v2/core/accounts")


async def test_start(desk: Desk, merchant_id: UUID) -> None:
    """Each click mints a new link to the one account."""
    first = await payments_setup.start(desk.clients, merchant_id)
    second = await payments_setup.start(desk.clients, merchant_id)

    assert first != second
    assert 1 == len([call for call in desk.calls("/stripe/v2/core/accounts") if call["method"] == "POST"])
    row = await payments_setup.of(merchant_id)
    assert row is not None
    assert "gb" == json.loads(row["request"])["identity"]["country"]
    assert "needs" == payments_setup.standing(row)


async def test_two_clicks_at_once(desk: Desk, merchant_id: UUID) -> None:
    """Two first clicks at once open one account."""
    before = accounts(desk)

    await asyncio.gather(*(payments_setup.start(desk.clients, merchant_id) for _ in range(2)))

    assert before + 1 == accounts(desk)


async def test_lost_answer(desk: Desk, merchant_id: UUID) -> None:
    """When Stripe's answer is lost, the next click sends the same request under the same key and finds the same account."""
    desk.fault("/stripe/v2/core/accounts", {"commit_then_reset": True})
    with pytest.raises(Upstream):
        await payments_setup.start(desk.clients, merchant_id)
    before, made = await payments_setup.of(merchant_id), accounts(desk)
    desk.heal()

    await payments_setup.start(desk.clients, merchant_id)

    assert made == accounts(desk)

    after = await payments_setup.of(merchant_id)
    assert before is not None
    assert after is not None
    assert before["idempotency_key"] == after["idempotency_key"]
    assert before["request"] == after["request"]


async def test_onboarding(desk: Desk, merchant_id: UUID) -> None:
    """From Stripe's page to active: coming back proves nothing, reading the account does."""
    url = await payments_setup.start(desk.clients, merchant_id)
    assert "needs" == await standing(desk, merchant_id)
    hannah = Walker()
    with closing(hannah.http):
        hannah.open(url)
        hannah.press("Fill in with test values")
        hannah.press("Born 1902")
        hannah.http.follow_redirects = False
        hannah.press("Finish")

    assert "active" == await standing(desk, merchant_id)
    row = await payments_setup.of(merchant_id)
    assert row is not None
    assert row["activated_at"] is not None
    assert ("gbp", "GB") == (row["currency"].lower(), row["country"].upper())


async def test_requirements_in_words(desk: Desk, merchant_id: UUID) -> None:
    """What Stripe asks for later is told in words, with who must act and by when."""
    await payments_setup.start(desk.clients, merchant_id)
    account = await account_of(merchant_id)
    act(desk, account, "complete")
    assert "active" == await standing(desk, merchant_id)

    act(desk, account, "require", description="identity.individual.documents.primary_verification", days=14)
    row = await payments_setup.refresh(desk.clients, merchant_id)

    assert row is not None
    assert ["An identity document"] == requirements.of_merchant(payments_setup.asked(row))
    assert timedelta(days=13) < row["deadline_at"] - now() < timedelta(days=15)


async def test_restricted(desk: Desk, merchant_id: UUID) -> None:
    """When Stripe stops an active account for want of something, the merchant sees what."""
    await payments_setup.start(desk.clients, merchant_id)
    act(desk, await account_of(merchant_id), "complete")
    act(desk, await account_of(merchant_id), "restrict", description="identity.business_details.address.line1")

    assert "needs" == await standing(desk, merchant_id)


async def test_rejected(desk: Desk, merchant_id: UUID) -> None:
    """A rejected account says so."""
    await payments_setup.start(desk.clients, merchant_id)
    act(desk, await account_of(merchant_id), "reject")

    assert "rejected" == await standing(desk, merchant_id)


async def test_deauthorised(desk: Desk, merchant_id: UUID) -> None:
    """An account that left the platform is disconnected; the next click opens another one."""
    await payments_setup.start(desk.clients, merchant_id)
    old = await account_of(merchant_id)
    act(desk, old, "deauthorise")
    assert "disconnected" == await standing(desk, merchant_id)

    await payments_setup.start(desk.clients, merchant_id)

    assert old != await account_of(merchant_id)
    assert "needs" == await standing(desk, merchant_id)


async def test_deauthorised_on_the_way(desk: Desk, merchant_id: UUID) -> None:
    """When the account left and we have not heard of it, the click itself opens another one."""
    await payments_setup.start(desk.clients, merchant_id)
    old = await account_of(merchant_id)
    act(desk, old, "deauthorise")

    await payments_setup.start(desk.clients, merchant_id)

    assert old != await account_of(merchant_id)


async def test_page_view(desk: Desk, merchant_id: UUID) -> None:
    """A page reads the account again when our copy is older than fifteen seconds, and shows the copy when Stripe is away."""
    await payments_setup.start(desk.clients, merchant_id)
    before = len(desk.calls("/stripe/v2/core/accounts"))
    await payments_setup.fresh(desk.clients, merchant_id)
    assert before == len(desk.calls("/stripe/v2/core/accounts"))

    await db.fetch("UPDATE stripe_account SET checked_at = now() - interval '16 seconds'")
    desk.fault("/stripe/v2/core/accounts", {"status": 503})
    row = await payments_setup.fresh(desk.clients, merchant_id)
    desk.heal()

    assert before < len(desk.calls("/stripe/v2/core/accounts"))
    assert "needs" == payments_setup.standing(row)


async def test_job(desk: Desk, merchant_id: UUID) -> None:
    """The account is looked at every minute while it is being set up, then once a day."""
    await payments_setup.start(desk.clients, merchant_id)
    with pytest.raises(Postpone) as soon:
        await payments_setup.keep_checking(desk.clients, merchant_id)
    act(desk, await account_of(merchant_id), "complete")
    with pytest.raises(Postpone) as daily:
        await payments_setup.keep_checking(desk.clients, merchant_id)

    assert soon.value.at - now() < timedelta(minutes=2)
    assert timedelta(hours=23) < daily.value.at - now() < timedelta(hours=25)


def test_unknown_requirement() -> None:
    """A requirement we have no words for is shown in Stripe's, readably, and nothing is left out."""
    entries = [
        {"what": "identity.new_thing.small_print", "who": "user"},
        {"what": "defaults.payout_methods", "who": "user"},
    ]

    assert ["Identity, new thing, small print", "A bank account for payouts"] == requirements.of_merchant(
        requirements.read(entries)
    )


def test_many_requirements() -> None:
    """A long list is cut after six, and the rest counted."""
    asked = [requirements.Asked(f"Thing {at}", "user") for at in range(10)]

    assert "4 more, which Stripe will show you" == requirements.of_merchant(asked)[-1]


async def test_again(desk: Desk, merchant_id: UUID) -> None:
    """Stripe's way back mints a link for whoever was on its pages, and for nobody else; it never opens an account."""
    before = accounts(desk)
    assert "" == await payments_setup.again(desk.clients, merchant_id)
    desk.fault("/stripe/v2/core/accounts", {"status": 503})
    with pytest.raises(Upstream):
        await payments_setup.start(desk.clients, merchant_id)  # a row without an account
    desk.heal()
    assert "" == await payments_setup.again(desk.clients, merchant_id)
    assert before == accounts(desk)

    first = await payments_setup.start(desk.clients, merchant_id)
    assert await payments_setup.again(desk.clients, merchant_id) not in {"", first}
    act(desk, await account_of(merchant_id), "deauthorise")
    assert "" == await payments_setup.again(desk.clients, merchant_id)
    assert before + 1 == accounts(desk)
