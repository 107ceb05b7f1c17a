"""Another Xero, as long as a rule stands: every mode of ``/_faults``, by name and with its values."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.process import Sandbox
from tests.sandbox.xero_people import Person

KEY = {"headers": {"idempotency-key": "k-1"}}


def mode(person: Person, given: Any, **match: str) -> str:
    body = {"mode": given, "match": match}
    return str(person.sandbox.control("POST", "/_faults", body)["id"])


def paid(person: Person) -> float:
    return float(person.invoice("INV-2041")["AmountPaid"])


@pytest.mark.parametrize(("given", "expected"), [("idem_ttl", 10), ({"idem_ttl": 86_400}, 10), ({"idem_ttl": 30}, 20)])
def test_how_long_a_key_lives(hannah: Person, given: Any, expected: int) -> None:
    """An hour later the same key has paid once or twice."""
    mode(hannah, given)
    hannah.pay("INV-2041", 10, **KEY)
    hannah.sandbox.control("POST", "/_clock", {"advance": 1000})
    hannah.pay("INV-2041", 10, **KEY)
    assert paid(hannah) == expected


@pytest.mark.parametrize(("given", "expected"), [("idem_scope", 20), ({"idem_scope": "app"}, 10)])
def test_whose_a_key_is(hannah: Person, given: Any, expected: int) -> None:
    """With keys per token a refresh makes the same key pay again."""
    mode(hannah, given)
    hannah.pay("INV-2041", 10, **KEY)
    hannah.refresh()
    hannah.pay("INV-2041", 10, **KEY)
    assert paid(hannah) == expected


@pytest.mark.parametrize(("given", "status"), [("cache_errors", 400), ({"cache_errors": False}, 200)])
def test_whether_refusals_are_replayed(hannah: Person, given: Any, status: int) -> None:
    """A refused key stays refused, or is free again."""
    mode(hannah, given)
    hannah.pay("INV-2041", 1284)
    payment = hannah.get("/Payments", where='Reference=="test"')["Payments"][0]["PaymentID"]
    assert hannah.pay("INV-2041", 10, **KEY).status_code == 400
    hannah.api("POST", f"/Payments/{payment}", {"Status": "DELETED"})
    assert hannah.pay("INV-2041", 10, **KEY).status_code == status


@pytest.mark.parametrize(("given", "status"), [("refresh_grace", 400), ({"refresh_grace": 60}, 200)])
def test_how_long_an_old_refresh_token_works(hannah: Person, given: Any, status: int) -> None:
    """Without grace a rotated refresh token is dead at once."""
    mode(hannah, given)
    old = hannah.tokens["refresh_token"]
    hannah.refresh()
    assert hannah.token(grant_type="refresh_token", refresh_token=old).status_code == status


def test_a_search_that_lags_or_finds_nothing(hannah: Person) -> None:
    """A payment just made is in no list for a minute; with broken filters in no search at all."""
    lag = mode(hannah, "search_lag")
    hannah.pay("INV-2041", 10)
    assert hannah.get("/Payments", where='Reference=="test"')["Payments"] == []
    hannah.sandbox.control("DELETE", f"/_faults/{lag}")
    assert len(hannah.get("/Payments", where='Reference=="test"')["Payments"]) == 1
    mode(hannah, "filter_broken")
    assert hannah.get("/Payments", where='Reference=="test"')["Payments"] == []


def test_a_locked_period(hannah: Person) -> None:
    """A payment dated in the locked period is refused with Xero's words, and the organisation shows the lock."""
    rule = mode(hannah, "lock_date")
    refused = hannah.pay("INV-2041", 10)
    assert "cannot be before the period lock date" in refused.text
    assert "PeriodLockDate" in hannah.get("/Organisation")["Organisations"][0]
    hannah.sandbox.control("DELETE", f"/_faults/{rule}")
    mode(hannah, {"lock_date": "2020-01-31"})
    assert hannah.pay("INV-2041", 10).status_code == 200
    assert "31 January 2020" in hannah.pay("INV-2041", 10, Date="2020-01-31").text


def test_an_archived_account(hannah: Person) -> None:
    """The clearing account is archived in the chart and takes no payment, until the rule is taken back."""
    rule = mode(hannah, "archived_account")
    accounts = {row["Code"]: row["Status"] for row in hannah.get("/Accounts")["Accounts"]}
    assert ("ARCHIVED", "ACTIVE") == (accounts["615"], accounts["090"])
    assert "archived" in hannah.pay("INV-2041", 10).text
    assert hannah.pay("INV-2041", 10, Account={"Code": "090"}).status_code == 200
    hannah.sandbox.control("DELETE", f"/_faults/{rule}")
    assert hannah.pay("INV-2041", 10).status_code == 200


def test_an_organisation_that_is_offline(hannah: Person) -> None:
    """503 for the tenant named, and for nobody else."""
    mode(hannah, "offline", tenant="another")
    assert hannah.api("GET", "/Organisation").status_code == 200
    mode(hannah, "offline", tenant=hannah.tenant)
    assert hannah.api("GET", "/Organisation").status_code == 503


def test_the_configuration_sets_the_same_modes(hannah: Person, sandbox: Sandbox) -> None:
    """What /_config says holds until a rule says otherwise."""
    sandbox.config(modes={"lock_date": "today", "archived_account": "090"})
    assert "lock date" in hannah.pay("INV-2041", 10).text
    mode(hannah, {"archived_account": "615", "offline": False})
    accounts = {row["Code"]: row["Status"] for row in hannah.get("/Accounts")["Accounts"]}
    assert ("ARCHIVED", "ACTIVE") == (accounts["615"], accounts["090"])
