"""Bank transactions, transfers and the chart of accounts at the sandbox's Xero."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.test_xero_credits import said
from tests.sandbox.xero_people import Person

LINE = {"Description": "Stripe fee", "Quantity": 1, "UnitAmount": "12.00", "AccountCode": "404"}


def spend(person: Person, **changes: Any) -> Any:
    wire = {"Type": "SPEND", "Contact": {"Name": "Stripe"}, "BankAccount": {"Code": "615"}, "LineItems": [LINE]}
    return person.api("PUT", "/BankTransactions", {**wire, **changes})


def transfer(person: Person, **changes: Any) -> Any:
    wire = {"FromBankAccount": {"Code": "615"}, "ToBankAccount": {"Code": "090"}, "Amount": "40.00"}
    return person.api("PUT", "/BankTransfers", {**wire, **changes})


@pytest.mark.parametrize("wrong", [{"UnitAmount": "0"}, {"Quantity": -1}, {"AccountCode": "999"}, {"Description": ""}])
def test_a_fee_needs_a_whole_line(hannah: Person, wrong: dict[str, Any]) -> None:
    """Description, amount, quantity and an account of the chart, each."""
    assert said(spend(hannah, LineItems=[{**LINE, **wrong}]))


def test_a_fee_is_edited_until_it_is_deleted(hannah: Person) -> None:
    """POST changes what is given and keeps the rest; a deleted one stays as it is."""
    id = spend(hannah, Reference="po_1").json()["BankTransactions"][0]["BankTransactionID"]
    bigger = {"LineItems": [{**LINE, "UnitAmount": "15.50"}]}
    changed = hannah.api("POST", f"/BankTransactions/{id}", bigger).json()["BankTransactions"][0]
    assert (15.5, "po_1", "AUTHORISED") == (changed["Total"], changed["Reference"], changed["Status"])
    listed = hannah.api(
        "POST", "/BankTransactions", {"BankTransactions": [{"BankTransactionID": id, "Reference": "x"}]}
    )
    assert listed.json()["BankTransactions"][0]["Reference"] == "x"
    hannah.api("POST", f"/BankTransactions/{id}", {"Status": "DELETED"})
    assert said(hannah.api("POST", f"/BankTransactions/{id}", bigger)) == ["This bank transaction cannot be edited"]
    assert hannah.api("POST", f"/BankTransactions/{hannah.tenant}", bigger).status_code == 404


def test_a_locked_period_keeps_its_fees_and_transfers(hannah: Person) -> None:
    """Nothing in it is made, edited or deleted."""
    fee = spend(hannah, Date="2026-10-31").json()["BankTransactions"][0]["BankTransactionID"]
    moved = transfer(hannah, Date="2026-10-31").json()["BankTransfers"][0]["BankTransferID"]
    hannah.sandbox.control("POST", "/_xero/organisations/harrow/lock", {"period_lock": "2026-10-31"})
    gone = {"Status": "DELETED"}
    for answer in (
        spend(hannah, Date="2026-10-31"),
        transfer(hannah, Date="2026-10-31"),
        hannah.api("POST", f"/BankTransactions/{fee}", gone),
        hannah.api("POST", f"/BankTransfers/{moved}", gone),
        hannah.api("POST", "/BankTransfers", {"BankTransfers": [{"BankTransferID": moved, **gone}]}),
    ):
        assert "period lock date" in said(answer)[0]


def test_a_transfer_is_read_and_deleted(hannah: Person) -> None:
    """One by its id; deleted it is listed only when asked for; it cannot be deleted twice."""
    id = transfer(hannah).json()["BankTransfers"][0]["BankTransferID"]
    assert hannah.get(f"/BankTransfers/{id}")["BankTransfers"][0]["Amount"] == 40
    gone = hannah.api("POST", f"/BankTransfers/{id}", {"Status": "DELETED"}).json()["BankTransfers"][0]
    assert gone["Status"] == "DELETED"
    assert hannah.get("/BankTransfers")["BankTransfers"] == []
    assert [id] == [
        row["BankTransferID"] for row in hannah.get("/BankTransfers", includeDeleted="true")["BankTransfers"]
    ]
    assert said(hannah.api("POST", f"/BankTransfers/{id}", {"Status": "DELETED"}))


def test_both_ends_of_a_transfer_are_bank_accounts(hannah: Person) -> None:
    """An account that merely takes payments is none, nor is the same one twice."""
    assert said(transfer(hannah, ToBankAccount={"Code": "881"}))
    assert said(transfer(hannah, ToBankAccount={"Code": "615"}))


def test_accounts_are_made_renamed_archived_and_deleted(hannah: Person) -> None:
    """One per request; archiving goes alone; a system account stays; one in use is not deleted."""
    new = {"Name": "Clearing two", "Type": "BANK", "BankAccountNumber": "0209087654616", "Code": "616"}
    made = hannah.api("PUT", "/Accounts", new).json()["Accounts"][0]
    place = f"/Accounts/{made['AccountID']}"
    assert said(hannah.api("PUT", "/Accounts", {**new, "Name": "X", "Code": "1", "BankAccountType": "PAYPAL"}))
    assert said(hannah.api("PUT", "/Accounts", {"Name": "Y", "Code": "2", "Type": "NONSENSE"}))
    assert hannah.api("POST", place, {"Name": "Clearing 2"}).json()["Accounts"][0]["Name"] == "Clearing 2"
    assert said(hannah.api("POST", place, {"Name": "Z", "Status": "ARCHIVED"}))
    assert hannah.api("POST", place, {"Status": "ARCHIVED"}).json()["Accounts"][0]["Status"] == "ARCHIVED"
    assert hannah.api("DELETE", place).json()["Accounts"][0]["Status"] == "DELETED"
    rows = {row["Code"]: row["AccountID"] for row in hannah.get("/Accounts")["Accounts"]}
    assert said(hannah.api("POST", f"/Accounts/{rows['610']}", {"Status": "ARCHIVED"}))
    assert "in use" in said(hannah.api("DELETE", f"/Accounts/{rows['090']}"))[0]


def test_history_and_files_hang_on_every_paper(hannah: Person) -> None:
    """A fee takes a note and a receipt like an invoice does."""
    place = f"/BankTransactions/{spend(hannah).json()['BankTransactions'][0]['BankTransactionID']}"
    noted = hannah.api("PUT", f"{place}/History", {"HistoryRecords": [{"Details": "From the payout"}]})
    file = {"content": b"\x89PNG\r\n\x1a\n0000", "headers": {"content-type": "image/png"}}
    assert (200, 200) == (noted.status_code, hannah.api("PUT", f"{place}/Attachments/fee.png", **file).status_code)
    row = hannah.get(place)["BankTransactions"][0]
    assert row["HasAttachments"] is True
    assert ["Attached a file", "Note"] == [one["Changes"] for one in hannah.get(f"{place}/History")["HistoryRecords"]]
    assert f"{place}/Attachments/fee.png" in hannah.get(f"{place}/Attachments")["Attachments"][0]["Url"]


def test_what_an_app_reads_to_set_itself_up(hannah: Person) -> None:
    """Users, one tax rate, reminders; a single currency bars UseMulticurrency, a spent plan approving."""
    assert {"hannah@harrowfinch.example"} < {row["EmailAddress"] for row in hannah.get("/Users")["Users"]}
    assert '"EffectiveRate":20.0000' in hannah.api("GET", "/TaxRates/OUTPUT2").text
    assert hannah.get("/InvoiceReminders/Settings")["InvoiceReminders"] == [{"Enabled": False}]
    wren = Person(hannah.sandbox).connect("Wren & Marlow Physio Pty Ltd")
    hannah.sandbox.control("POST", "/_xero/organisations/wren/plan", {"approvals": "0"})
    barred = {row["Name"] for row in wren.get("/Organisation/Actions")["Actions"] if row["Status"] == "NOT-ALLOWED"}
    assert barred == {"UseMulticurrency", "CreateApprovedInvoice"}
