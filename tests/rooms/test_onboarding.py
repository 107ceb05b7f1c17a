"""The checklist: four steps in any sensible order, each told as it really stands."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from uuid import UUID

import pytest

from app.books import accounts, connections
from app.books.broken import mark_broken
from app.books.connections import Choice
from app.core import db
from app.merchants import business, mapping, onboarding, organisations
from app.merchants.identity import SignedIn
from app.merchants.onboarding import Checklist
from tests.rooms.xero_desk import Desk, open_desk
from tests.world import DETAILS, HARROW


@pytest.fixture
async def desk(sandbox: str, new_database: Callable[[], str]) -> AsyncIterator[Desk]:
    async with open_desk(sandbox, new_database()) as made:
        yield made


@pytest.fixture
async def signed(desk: Desk) -> SignedIn:
    """Hannah, who has let us into her organisations."""
    return await desk.sign_in()


async def shown(signed: SignedIn) -> Checklist:
    account = await db.fetch_row("SELECT * FROM stripe_account WHERE merchant = $1", signed.merchant_id)
    merchant = await business.one(signed.merchant_id)
    return await onboarding.checklist(merchant, signed.user_id, "hannah@harrowfinch.example", account)


def states(found: Checklist) -> list[str]:
    return [step.state for step in found.steps]


async def connect(desk: Desk, signed: SignedIn, name: str = HARROW) -> UUID:
    choice = next(one for one in await connections.choices(desk.clients, signed.user_id) if one.name == name)
    return await connections.connect(desk.clients, signed.merchant_id, signed.user_id, choice.xero_connection_id)


async def map_payments(desk: Desk, signed: SignedIn, connection_id: UUID) -> None:
    known = await accounts.chart(desk.clients, connection_id)
    found = next(one for one in known.payments if "Stripe" in one.name)
    await accounts.choose(signed.merchant_id, connection_id, known, "payments", "GBP", found.id)


async def stripe_says(signed: SignedIn, **columns: Any) -> None:
    """The account as Stripe last described it."""
    await db.fetch(
        "INSERT INTO stripe_account (merchant, stripe_account_id, onboarding_started_at) VALUES ($1, 'acct_1', now()) "
        "ON CONFLICT (merchant) DO NOTHING",
        signed.merchant_id,
    )
    for name, value in columns.items():
        await db.fetch(f"UPDATE stripe_account SET {name} = $2 WHERE merchant = $1", signed.merchant_id, value)


async def test_first_visit(desk: Desk) -> None:
    """After signing in, the details are open and the rest can be done too."""
    signed = await desk.sign_in("sign_in")
    found = await shown(signed)

    assert ["done", "open", "todo", "todo"] == states(found)
    assert found.needs_consent
    assert 6 == found.minutes_left


async def test_any_order(desk: Desk, signed: SignedIn) -> None:
    """The organisation may be connected before anything else."""
    connection_id = await connect(desk, signed)
    await map_payments(desk, signed, connection_id)
    found = await shown(signed)

    assert ["done", "open", "todo", "done"] == states(found)
    assert not found.needs_consent


async def test_no_account_chosen(desk: Desk, signed: SignedIn) -> None:
    """A connected organisation without an account for payments needs one, and the way there is named."""
    connection_id = await connect(desk, signed)
    step = (await shown(signed)).steps[3]

    assert ("needs", "Choose accounts") == (step.state, step.action)
    assert str(connection_id) in step.href


@pytest.mark.parametrize(
    ("columns", "state", "item"),
    [
        ({"card_payments": "pending", "requirements": '[{"what": "x", "who": "stripe"}]'}, "checking", ""),
        (
            {"card_payments": "restricted", "requirements": '[{"what": "defaults.payout_methods", "who": "user"}]'},
            "needs",
            "bank",
        ),
        ({"card_payments": "rejected"}, "needs", "does not let"),
        ({"card_payments": "active"}, "done", ""),
    ],
)
async def test_payments(desk: Desk, signed: SignedIn, columns: Mapping[str, str], state: str, item: str) -> None:
    """Enable payments is told as Stripe last said: checking, needs, rejected, done."""
    await business.confirm(signed.merchant_id, DETAILS)
    await stripe_says(signed, **columns)
    step = (await shown(signed)).steps[2]

    assert state == step.state
    assert item in " ".join(step.items)


async def test_active_and_asked(desk: Desk, signed: SignedIn) -> None:
    """An account that works stays done while Stripe asks for more, and says what."""
    await stripe_says(
        signed, card_payments="active", requirements='[{"what": "defaults.payout_methods", "who": "user"}]'
    )
    step = (await shown(signed)).steps[2]

    assert "done" == step.state
    assert "a bank account for payouts" in step.detail


async def test_broken(desk: Desk, signed: SignedIn) -> None:
    """An organisation that Xero no longer lets us into needs to be connected again."""
    connection_id = await connect(desk, signed)
    await map_payments(desk, signed, connection_id)
    await mark_broken(connection_id, "removed")
    step = (await shown(signed)).steps[3]
    overview = await organisations.overview(signed.merchant_id)

    assert ("needs", "Reconnect to Xero") == (step.state, step.action)
    assert ["disconnected"] == [one.state for one in overview]
    assert "removed in Xero" in overview[0].note


async def test_complete(desk: Desk, signed: SignedIn) -> None:
    """All four done: nothing is left."""
    await business.confirm(signed.merchant_id, DETAILS)
    await stripe_says(signed, card_payments="active")
    await map_payments(desk, signed, await connect(desk, signed))
    found = await shown(signed)

    assert found.complete
    assert 0 == found.minutes_left
    assert await onboarding.finished(signed.merchant_id)


def choice(name: str, state: str = "free", *, demo: bool = False) -> Choice:
    return Choice(name, name, name, "GB", "GBP", demo, 1, state, "", None)


def test_suggested() -> None:
    """The organisation with the confirmed name is suggested, else the only one that could be meant, else none."""
    one, two, demo, taken = choice("One Ltd"), choice("Two Ltd"), choice("Demo", demo=True), choice("Mine", "in_use")

    assert "Two Ltd" == onboarding.suggested([one, two, demo], "two ltd")
    assert "One Ltd" == onboarding.suggested([one, demo, taken], "")
    assert "" == onboarding.suggested([one, two], "Other")
    assert "" == onboarding.suggested([demo], "")


async def test_mapping(desk: Desk, signed: SignedIn) -> None:
    """A likely account is suggested, nothing is stored before the merchant says so, and a missing one is told."""
    connection = await connections.one(signed.merchant_id, await connect(desk, signed))

    known = await accounts.chart(desk.clients, connection["id"])
    found = await mapping.read(connection, known)
    own = found.currencies[0]
    errors = await mapping.save(signed.merchant_id, connection["id"], known, found, {})

    assert ("GBP", "Stripe clearing") == (own.code, dict(own.options)[own.chosen].split(" (")[0])
    assert found.first_time
    assert {} == await accounts.chosen(connection["id"])
    assert {"account_gbp": "Choose an account, or payments in GBP cannot be recorded."} == errors


async def test_mapping_fees(desk: Desk, signed: SignedIn) -> None:
    """Fees are recorded where the merchant says, and not at all when it switches that off."""
    connection = await connections.one(signed.merchant_id, await connect(desk, signed))
    known = await accounts.chart(desk.clients, connection["id"])
    found = await mapping.read(connection, known)
    wanted = {
        "account_gbp": found.currencies[0].chosen,
        "fee_account": found.fee_options[0][0],
        "fee_tax": found.fee_tax,
    }

    with_fees = wanted | {"separate_fees": "on"}
    assert {} == await mapping.save(signed.merchant_id, connection["id"], known, found, with_fees)
    assert {("payments", "GBP"), ("fees", "")} == set(await accounts.chosen(connection["id"]))

    assert {} == await mapping.save(signed.merchant_id, connection["id"], known, found, wanted)
    assert {("payments", "GBP")} == set(await accounts.chosen(connection["id"]))


async def test_mapping_free_text(desk: Desk, signed: SignedIn) -> None:
    """An account that Xero does not list is refused at its field."""
    connection = await connections.one(signed.merchant_id, await connect(desk, signed))
    known = await accounts.chart(desk.clients, connection["id"])
    found = await mapping.read(connection, known)

    errors = await mapping.save(signed.merchant_id, connection["id"], known, found, {"account_gbp": "610"})

    assert ["account_gbp"] == list(errors)
