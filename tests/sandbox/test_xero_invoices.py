"""Invoices at the sandbox's Xero: reading, changing, and what hangs on them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.sandbox.process import Sandbox
from tests.sandbox.xero_people import Person

PNG = b"\x89PNG\r\n\x1a\n0000"


def post(person: Person, number: str, **fields: Any) -> Any:
    """POST only the id and these fields, as one should."""
    id = person.invoice(number)["InvoiceID"]
    return person.api("POST", f"/Invoices/{id}", {"InvoiceID": id, **fields})


def said(answer: Any) -> str:
    assert answer.status_code == 400, answer.text
    return "; ".join(e["Message"] for element in answer.json()["Elements"] for e in element["ValidationErrors"])


def attach(person: Person, name: str, method: str = "PUT", content: bytes = PNG, kind: str = "image/png") -> Any:
    path = f"/Invoices/INV-2041/Attachments/{name}"
    return person.api(method, path, headers={"content-type": kind}, content=content, params={"IncludeOnline": "true"})


def test_xml_unless_json_is_asked_for(hannah: Person) -> None:
    """Without Accept: application/json answers and errors are XML."""
    answer = hannah.api("GET", "/Organisation", headers={"accept": "*/*"})
    assert answer.headers["content-type"].startswith("text/xml")
    assert "<Organisations><Organisation><Name>Harrow &amp; Finch" in answer.text
    error = hannah.api("GET", "/Invoices", headers={"accept": "*/*"}, params={"where": "nonsense"})
    assert "<ApiException><ErrorNumber>16</ErrorNumber>" in error.text
    refused = hannah.api("PUT", "/Payments", {"Amount": 1}, headers={"accept": "*/*"})
    assert (400, True) == (refused.status_code, "<Elements><DataContractBase><Amount>1</Amount>" in refused.text)
    stranger = hannah.api("GET", "/Organisation", headers={"accept": "*/*", "xero-tenant-id": "nobody"})
    assert (403, True) == (stranger.status_code, "<Detail>AuthenticationUnsuccessful</Detail>" in stranger.text)
    assert hannah.api("PATCH", "/Payments", headers={"accept": "*/*"}).text.startswith("<?xml")


def test_a_place_that_is_none_and_a_body_that_is_no_json(hannah: Person) -> None:
    """An unknown address is an empty 404; a body of a type Xero does not read is a 415."""
    nowhere = hannah.api("GET", "/Nothing")
    assert (404, b"") == (nowhere.status_code, nowhere.content)
    plain = hannah.api("PUT", "/Payments", content=b"{}", headers={"content-type": "text/plain"})
    assert (415, b"") == (plain.status_code, plain.content)


def test_numbers_are_fixed_and_dates_are_midnight_utc(hannah: Person) -> None:
    """Amounts have two places, rates ten, and a date is midnight UTC of the calendar day."""
    text = hannah.api("GET", "/Invoices/INV-2041").text
    assert '"AmountDue":1284.00' in text
    assert '"Quantity":13.0000' in text
    assert '"CurrencyRate":1.0000000000' in text
    invoice = hannah.invoice("INV-2041")
    ms = int(re.fullmatch(r"/Date\((\d+)\+0000\)/", invoice["DueDate"])[1])  # type: ignore[index]
    assert datetime.fromtimestamp(ms / 1000, UTC).isoformat()[:19] == invoice["DueDateString"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00", invoice["UpdatedDateUTCString"])


def test_total_is_due_plus_paid_plus_credited(hannah: Person) -> None:
    """The identity holds for every invoice of the seed."""
    for row in hannah.get("/Invoices", page=1)["Invoices"]:
        if row["Status"] in ("AUTHORISED", "PAID"):
            parts = [Decimal(str(row[name])) for name in ("AmountDue", "AmountPaid", "AmountCredited")]
            assert Decimal(str(row["Total"])) == sum(parts)


def test_pages_are_clamped_silently(hannah: Person) -> None:
    """A page size beyond 1000 or below 1 is clamped; line items come only with pages."""
    answer = hannah.get("/Invoices", page=1, pageSize=5000)
    assert answer["pagination"]["pageSize"] == 1000
    assert hannah.get("/Invoices", page=1, pageSize=-3)["pagination"]["pageSize"] == 1
    assert answer["Invoices"][0]["LineItems"]
    whole = hannah.get("/Invoices")
    assert "pagination" not in whole
    assert whole["Invoices"][0]["LineItems"] == []


def test_summary_and_statuses_force_pages(hannah: Person) -> None:
    """Asking for summaryOnly or Statuses pages the list; a summary has no payments."""
    summary = hannah.get("/Invoices", summaryOnly="true")
    assert summary["pagination"]["page"] == 1
    assert "Payments" not in summary["Invoices"][0]
    drafts = hannah.get("/Invoices", Statuses="DRAFT,SUBMITTED")
    assert {"DRAFT", "SUBMITTED"} == {row["Status"] for row in drafts["Invoices"]}


def test_filters_work_on_optimised_fields_only(hannah: Person) -> None:
    """The documented where works with its operators; other fields and null are a QueryParseException."""
    test = 'Type=="ACCREC" AND Status=="AUTHORISED" AND (AmountDue>=1284 OR Reference="Picture rails")'
    found = {row["InvoiceNumber"] for row in hannah.get("/Invoices", where=test, page=1)["Invoices"]}
    assert "INV-2041" in found
    assert "INV-2047" not in found
    late = hannah.get("/Invoices", where='DueDate<DateTime(2026,01,01) and Status=="AUTHORISED"')["Invoices"]
    assert late == []
    for wrong in ("HasAttachments==true", "Reference==null", "Total>5", 'Status.Contains("A")'):
        answer = hannah.api("GET", "/Invoices", params={"where": wrong})
        assert (400, 16) == (answer.status_code, answer.json()["ErrorNumber"]), wrong
    assert hannah.api("GET", "/Invoices", params={"order": "DueDate"}).status_code == 400


def test_lists_of_ids_numbers_and_words(hannah: Person) -> None:
    """IDs, InvoiceNumbers, ContactIDs and searchTerm narrow the list."""
    one = hannah.invoice("INV-2041")
    for name, value in (
        ("IDs", one["InvoiceID"]),
        ("InvoiceNumbers", "INV-2041"),
        ("searchTerm", "oak stair"),
    ):
        assert ["INV-2041"] == [row["InvoiceNumber"] for row in hannah.get("/Invoices", **{name: value})["Invoices"]]
    mine = hannah.get("/Invoices", ContactIDs=one["Contact"]["ContactID"])["Invoices"]
    assert {one["Contact"]["ContactID"]} == {row["Contact"]["ContactID"] for row in mine}


def test_if_modified_since_is_to_the_second(hannah: Person) -> None:
    """Only what changed after the header's second comes back, oldest change first."""
    post(hannah, "INV-2047", Reference="changed")
    changed = hannah.invoice("INV-2047")["UpdatedDateUTCString"][:19].replace(" ", "T")
    since = {"If-Modified-Since": changed}
    assert hannah.api("GET", "/Invoices", headers=since).json()["Invoices"] == []
    before = {"If-Modified-Since": f"{changed[:-2]}00"}
    hannah.sandbox.control("POST", "/_clock", {"advance": 61})
    post(hannah, "INV-2041", Reference="changed later")
    rows = hannah.api("GET", "/Invoices", headers=since).json()["Invoices"]
    assert ["INV-2041"] == [row["InvoiceNumber"] for row in rows]
    assert "INV-2041" in hannah.api("GET", "/Invoices", headers=before).text
    assert hannah.api("GET", "/Invoices", headers={"If-Modified-Since": "yesterday"}).status_code == 412


def test_ten_thousand_invoices_in_eleven_calls(sandbox: Sandbox) -> None:
    """A big organisation is seeded in a moment and read with page size 1000 by seeking."""
    sandbox.control("POST", "/_seed", {"name": "big", "size": 10_000})
    person = Person(sandbox).connect("Harrow & Finch Joinery Ltd")
    seen, since, calls = set(), "2000-01-01T00:00:00", 0
    while True:
        headers, params = {"If-Modified-Since": since}, {"page": 1, "pageSize": 1000}
        rows = person.api("GET", "/Invoices", headers=headers, params=params).json()["Invoices"]
        calls += 1
        seen |= {row["InvoiceID"] for row in rows}
        if len(rows) < 1000:
            break
        since = rows[-1]["UpdatedDateUTCString"][:19].replace(" ", "T")
    assert (10_000, 11) == (len(seen), calls)


def test_put_creates_and_post_updates(hannah: Person) -> None:
    """PUT makes a new invoice with the next number and refuses a number that exists; POST changes one."""
    line = {"Description": "Stool", "Quantity": 2, "UnitAmount": "45.50", "AccountCode": "200"}
    contact = {"ContactID": hannah.invoice("INV-2041")["Contact"]["ContactID"]}
    wire = {"Type": "ACCREC", "Contact": contact, "LineItems": [line], "DueDate": "2026-12-31", "Status": "AUTHORISED"}
    made = hannah.api("PUT", "/Invoices", wire).json()["Invoices"][0]
    assert (109.2, 18.2) == (made["Total"], made["TotalTax"])
    assert "unique" in said(hannah.api("PUT", "/Invoices", {**wire, "InvoiceNumber": made["InvoiceNumber"]}))
    again = hannah.api("POST", "/Invoices", {"InvoiceID": made["InvoiceID"], "Reference": "new"})
    assert again.json()["Invoices"][0]["Reference"] == "new"


@pytest.mark.parametrize(
    ("number", "status"), [("INV-2048", "VOIDED"), ("INV-2041", "DRAFT"), ("INV-2030", "AUTHORISED")]
)
def test_forbidden_status_changes_are_refused(hannah: Person, number: str, status: str) -> None:
    """Only the documented edges of status exist."""
    assert said(post(hannah, number, Status=status)) == "Invoice not of valid status for modification"


def test_a_paid_invoice_keeps_its_lines_but_takes_a_url(hannah: Person) -> None:
    """With money applied only a few fields may change, and it cannot be voided."""
    line = {"Description": "Other", "Quantity": 1, "UnitAmount": 1, "AccountCode": "200"}
    refusal = "This document cannot be edited as it has a payment or credit note allocated to it."
    assert said(post(hannah, "INV-2043", LineItems=[line])) == refusal
    assert said(post(hannah, "INV-2043", Status="VOIDED")) == refusal
    url = "https://pay.example/p/7K4M-9QXT-2B6H"
    assert post(hannah, "INV-2043", Url=url).json()["Invoices"][0]["Url"] == url
    assert post(hannah, "INV-2035", Url=url).status_code == 200


def test_some_changes_do_not_move_the_date_of_change(hannah: Person) -> None:
    """DueDate on a part-paid invoice changes without moving UpdatedDateUTC."""
    before = hannah.invoice("INV-2043")
    hannah.sandbox.control("POST", "/_clock", {"advance": 5})
    post(hannah, "INV-2043", DueDate="2027-01-31")
    after = hannah.invoice("INV-2043")
    assert (before["UpdatedDateUTC"], "2027-01-31T00:00:00") == (after["UpdatedDateUTC"], after["DueDateString"])


def test_locked_periods_take_no_change(hannah: Person) -> None:
    """Not even a Url can be written to an invoice dated in a locked period."""
    hannah.sandbox.control("POST", "/_xero/organisations/harrow/lock", {"period_lock": "2026-12-31"})
    assert "period lock date" in said(post(hannah, "INV-2041", Url="https://pay.example/p/x"))


def test_what_a_careless_client_sends_is_refused(hannah: Person) -> None:
    """Posting back read-only elements, a Url with xero in it, or a foreign currency fails."""
    assert said(post(hannah, "INV-2041", StatusAttributeString="OK")) == (
        "The element 'StatusAttributeString' was not recognised"
    )
    assert "xero" in said(post(hannah, "INV-2041", Url="https://pay-xero.example/p"))
    assert said(post(hannah, "INV-2041", CurrencyCode="USD")) == "Organisation is not subscribed to currency USD"
    assert "approved" in said(post(hannah, "INV-2048", SentToContact=True))


def test_the_online_invoice_shows_pay_now(hannah: Person, sandbox: Sandbox) -> None:
    """A pasted custom URL becomes a button with the four placeholders filled in and percent-encoded."""
    url = hannah.get("/Invoices/INV-2041/OnlineInvoice")["OnlineInvoices"][0]["OnlineInvoiceUrl"]
    assert re.search(r"/xero/in/\w{40}$", url)
    assert "Pay now" not in sandbox.http.get(url).text
    pasted = "https://pay.example/now/s?invoiceNo=[INVOICENUMBER]&currency=[CURRENCY]&amount=[AMOUNTDUE]&shortCode=[SHORTCODE]"
    sandbox.control("POST", "/_xero/organisations/harrow/payment_url", {"url": pasted, "text": "Pay now"})
    page = sandbox.http.get(url).text.replace("&amp;", "&")
    assert 'href="https://pay.example/now/s?invoiceNo=INV-2041&currency=GBP&amount=1284.00&shortCode=%21hF26q"' in page
    hannah.pay("INV-2041", 1284)
    assert "Pay now" not in sandbox.http.get(url).text
    assert hannah.api("GET", "/Invoices/INV-2048/OnlineInvoice").status_code == 400


def test_attachments_shown_to_the_customer(hannah: Person, sandbox: Sandbox) -> None:
    """IncludeOnline counts on PUT; the same name replaces; the picture is on the online invoice."""
    first = attach(hannah, "pay-INV-2041.png").json()["Attachments"][0]
    second = attach(hannah, "pay-INV-2041.png").json()["Attachments"][0]
    assert (True, first["AttachmentID"]) == (second["IncludeOnline"], second["AttachmentID"])
    assert attach(hannah, "quiet.png", method="POST").json()["Attachments"][0]["IncludeOnline"] is False
    url = hannah.get("/Invoices/INV-2041/OnlineInvoice")["OnlineInvoices"][0]["OnlineInvoiceUrl"]
    page = sandbox.http.get(url).text
    assert "pay-INV-2041.png" in page
    assert "quiet.png" not in page
    assert hannah.api("GET", "/Invoices/INV-2041/Attachments/pay-INV-2041.png").content == PNG
    assert hannah.invoice("INV-2041")["HasAttachments"] is True


@pytest.mark.parametrize("name", ["pay INV.png", "pay+INV.png", "pay:INV.png", "noextension", "pay.exe", "pay.pdf"])
def test_bad_attachments_are_refused(hannah: Person, name: str) -> None:
    """Spaces, forbidden characters, missing or wrong extensions fail."""
    assert attach(hannah, name).status_code == 400


def test_ten_attachments_are_enough(hannah: Person) -> None:
    """The eleventh file is refused."""
    answers = [attach(hannah, f"file-{n}.png").status_code for n in range(11)]
    assert answers == [200] * 10 + [400]


def test_xeros_own_email(hannah: Person, sandbox: Sandbox) -> None:
    """POST Email answers 204 and the mail carries the online invoice; without an address it is an empty 404."""
    assert hannah.api("POST", "/Invoices/INV-2041/Email").status_code == 204
    mail = sandbox.control("GET", "/_mail")[-1]
    assert (["accounts@pemberley-interiors.example"], True) == (mail["to"], "/xero/in/" in mail["text"])
    assert hannah.invoice("INV-2041")["SentToContact"] is True
    nobody = hannah.api("POST", "/Invoices/INV-2047/Email")
    assert (404, b"") == (nobody.status_code, nobody.content)
    demo = Person(sandbox).connect("Demo Company (UK)")
    assert demo.api("POST", "/Invoices/INV-0001/Email").status_code == 400


def test_history_keeps_notes(hannah: Person) -> None:
    """A note appears first, as written by System Generated; more than 2,500 characters are refused."""
    path = "/Invoices/INV-2041/History"
    hannah.api("PUT", path, {"HistoryRecords": [{"Details": "Payment link sent"}]})
    note = hannah.get(path)["HistoryRecords"][0]
    assert ("Payment link sent", "System Generated") == (note["Details"], note["User"])
    assert hannah.api("PUT", path, {"HistoryRecords": [{"Details": "x" * 2501}]}).status_code == 400


def test_the_pdf_is_a_pdf(hannah: Person) -> None:
    """By path and by Accept."""
    assert hannah.api("GET", "/Invoices/INV-2041/pdf").content.startswith(b"%PDF-1.4")
    answer = hannah.api("GET", "/Invoices/INV-2041", headers={"accept": "application/pdf"})
    assert answer.headers["content-type"] == "application/pdf"


def test_payment_services_need_the_restricted_scope(sandbox: Sandbox) -> None:
    """Granted to the app, the scope opens PaymentServices; the last one attached to a theme is taken."""
    allowed = sandbox.control("GET", "/_config")["xero"]["scopes_allowed"]
    sandbox.config(scopes_allowed=[*allowed, "paymentservices"])
    scope = "openid offline_access accounting.invoices accounting.settings paymentservices"
    person = Person(sandbox).connect("Harrow & Finch Joinery Ltd", scope)
    sandbox.config(scopes_allowed=allowed)
    wire = {
        "PaymentServiceName": "Payportal",
        "PaymentServiceUrl": "https://pay.example/now/s",
        "PayNowText": "Pay now",
    }
    made = person.api("PUT", "/PaymentServices", wire).json()["PaymentServices"][0]
    assert made["PaymentServiceType"] == "Custom"
    assert person.api("PUT", "/PaymentServices", wire).status_code == 400
    theme = person.get("/BrandingThemes")["BrandingThemes"][0]["BrandingThemeID"]
    body = {"PaymentServices": [{"PaymentServiceID": made["PaymentServiceID"]}]}
    assert person.api("PUT", f"/BrandingThemes/{theme}/PaymentServices", body).status_code == 501
    assert person.api("POST", f"/BrandingThemes/{theme}/PaymentServices", body).status_code == 200
    assert person.get(f"/BrandingThemes/{theme}/PaymentServices")["PaymentServices"] == [made]


def test_put_on_an_existing_contact_is_a_500(hannah: Person) -> None:
    """An odd input answers 500, as seen at the real Xero."""
    assert hannah.api("PUT", "/Contacts", {"Name": "Pemberley Interiors Ltd"}).status_code == 500


def test_fees_default_to_tax_inclusive(hannah: Person) -> None:
    """SPEND lines are inclusive unless said otherwise, only BANK accounts can pay, and it can be deleted."""
    line = {
        "Description": "Stripe fee",
        "Quantity": 1,
        "UnitAmount": "12.00",
        "AccountCode": "404",
        "TaxType": "INPUT2",
    }
    wire = {"Type": "SPEND", "Contact": {"Name": "Stripe"}, "BankAccount": {"Code": "615"}, "LineItems": [line]}
    made = hannah.api("PUT", "/BankTransactions", wire).json()["BankTransactions"][0]
    assert ("Inclusive", 12, 2) == (made["LineAmountTypes"], made["Total"], made["TotalTax"])
    assert hannah.api("PUT", "/BankTransactions", {**wire, "BankAccount": {"Code": "881"}}).status_code == 400
    gone = hannah.api("POST", f"/BankTransactions/{made['BankTransactionID']}", {"Status": "DELETED"})
    assert gone.json()["BankTransactions"][0]["Status"] == "DELETED"


def test_an_overpayment_is_allocated_without_a_payment(hannah: Person) -> None:
    """RECEIVE-OVERPAYMENT makes a credit; allocated, it lowers AmountDue through AmountCredited."""
    contact = hannah.invoice("INV-2041")["Contact"]["ContactID"]
    wire: dict[str, Any] = {
        "Type": "RECEIVE-OVERPAYMENT",
        "Contact": {"ContactID": contact},
        "BankAccount": {"Code": "615"},
    }
    wire |= {"LineItems": [{"Description": "Paid twice", "LineAmount": "84.00"}]}
    id = hannah.api("PUT", "/BankTransactions", wire).json()["BankTransactions"][0]["OverpaymentID"]
    target = {"InvoiceID": hannah.invoice("INV-2041")["InvoiceID"]}
    body = {"Allocations": [{"Invoice": target, "Amount": "84.00", "Date": "2026-11-22"}]}
    assert hannah.api("PUT", f"/Overpayments/{id}/Allocations", body).status_code == 200
    invoice = hannah.invoice("INV-2041")
    assert (1200, 84, []) == (invoice["AmountDue"], invoice["AmountCredited"], invoice["Payments"])
    over = hannah.get(f"/Overpayments/{id}")["Overpayments"][0]
    assert ("PAID", 0) == (over["Status"], over["RemainingCredit"])
