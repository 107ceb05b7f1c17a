"""Ten facts about Xero that a developer building from memory gets wrong: the wrong way fails here, and where it is shown.

The table leads from each trap to its tests; what had none has one below.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox import test_xero_bank as bank
from tests.sandbox import test_xero_credits as credit
from tests.sandbox import test_xero_identity as identity
from tests.sandbox import test_xero_invoices as invoices
from tests.sandbox import test_xero_limits as limits
from tests.sandbox import test_xero_payments as payments
from tests.sandbox import test_xero_webhooks as webhooks
from tests.sandbox.hooks import events, settle
from tests.sandbox.process import Sandbox
from tests.sandbox.receiver import Receiver
from tests.sandbox.xero_people import CALLBACK, CLIENT_ID, Person

HARROW = "Harrow & Finch Joinery Ltd"
PASTED = "https://pay.example/now/s?n=[INVOICENUMBER]&c=[CURRENCY]&a=[AMOUNTDUE]&s=[SHORTCODE]&i=[INVOICEID]"


def test_a_custom_url_never_pays(hannah: Person, sandbox: Sandbox) -> None:
    """Only the four placeholders are filled in; opening the link leaves the invoice owing until the app writes a payment."""
    sandbox.control("POST", "/_xero/organisations/harrow/payment_url", {"url": PASTED, "text": "Pay now"})
    url = hannah.get("/Invoices/INV-2041/OnlineInvoice")["OnlineInvoices"][0]["OnlineInvoiceUrl"]
    assert "i=[INVOICEID]" in sandbox.http.get(url).text
    assert hannah.invoice("INV-2041")["AmountDue"] == 1284
    hannah.pay("INV-2041", 1284)
    assert hannah.invoice("INV-2041")["Status"] == "PAID"


def test_one_token_set_covers_every_organisation_of_its_user(hannah: Person) -> None:
    """After a second consent one token reaches both; refreshing rotates for both, and a sibling's old token dies."""
    harrow, old = hannah.tenant, hannah.tokens["refresh_token"]
    hannah.connect("Wren & Marlow Physio Pty Ltd")
    for tenant in (harrow, hannah.tenant):
        assert hannah.api("GET", "/Organisation", headers={"xero-tenant-id": tenant}).status_code == 200
    hannah.tokens["refresh_token"] = old
    hannah.refresh()
    hannah.sandbox.control("POST", "/_clock", {"advance": 1_801})
    assert hannah.token(grant_type="refresh_token", refresh_token=old).json() == {"error": "invalid_grant"}


def test_scopes_add_up_and_never_narrow(sandbox: Sandbox) -> None:
    """A later consent for less still gives a token with everything consented to before."""
    person = Person(sandbox).connect(HARROW, "openid offline_access accounting.invoices accounting.settings.read")
    person.connect(HARROW, "openid offline_access accounting.payments.read")
    assert {"accounting.invoices", "accounting.payments.read"} <= set(person.tokens["scope"].split())
    assert person.api("GET", "/Invoices/INV-2041").status_code == 200


def test_events_cover_bills_and_say_neither_type_nor_status(subscribed: Person, receiver: Receiver) -> None:
    """A bill's change is an INVOICE event like a sales invoice's: seven fields, no id of its own."""
    contact = {"ContactID": subscribed.invoice("INV-2041")["Contact"]["ContactID"]}
    line = {"Description": "Timber", "Quantity": 1, "UnitAmount": 10, "AccountCode": "404"}
    bill = {"Type": "ACCPAY", "InvoiceNumber": "T-1", "Contact": contact, "LineItems": [line], "DueDate": "2026-12-31"}
    assert subscribed.api("PUT", "/Invoices", {**bill, "Status": "AUTHORISED"}).status_code == 200
    settle(subscribed.sandbox)
    event = events(receiver)[0]
    named = {"resourceUrl", "resourceId", "tenantId", "tenantType", "eventCategory", "eventType", "eventDateUtc"}
    assert (named, "INVOICE", "CREATE") == (set(event), event["eventCategory"], event["eventType"])


def test_a_local_address_by_number_is_no_redirect(sandbox: Sandbox) -> None:
    """http://localhost may be registered, http://127.0.0.1 may not."""
    by_number = CALLBACK.replace("localhost", "127.0.0.1")
    sandbox.config(redirect_uris=[CALLBACK, by_number])
    assert "Invalid redirect_uri" in Person(sandbox).authorize(redirect_uri=by_number).text


def test_an_app_without_a_secret_must_bring_a_challenge(sandbox: Sandbox) -> None:
    """A PKCE app sends its id in the form and no secret; without a challenge it is stopped at the first page."""
    secret = sandbox.control("GET", "/_config")["xero"]["client_secret"]
    sandbox.config(client_secret="")
    person = Person(sandbox)
    refused = person.authorize(code_challenge=None, code_challenge_method=None)
    form = {"grant_type": "authorization_code", "client_id": CLIENT_ID, "code": person.code(HARROW)}
    form |= {"redirect_uri": CALLBACK, "code_verifier": person.verifier}
    answer = person.browser.post("/xero/identity/connect/token", data=form)
    sandbox.config(client_secret=secret)
    assert "code challenge required" in refused.text
    assert answer.status_code == 200


def test_a_post_by_a_deleted_number_meets_the_deleted_invoice(hannah: Person) -> None:
    """Numbers are no addresses: POST by a deleted draft's number is refused, PUT makes a new invoice of it."""
    contact = {"ContactID": hannah.invoice("INV-2041")["Contact"]["ContactID"]}
    line = {"Description": "Stool", "Quantity": 1, "UnitAmount": 10, "AccountCode": "200"}
    draft = {"Type": "ACCREC", "InvoiceNumber": "D-1", "Contact": contact, "LineItems": [line]}
    made = hannah.api("PUT", "/Invoices", draft).json()["Invoices"][0]
    hannah.api("POST", f"/Invoices/{made['InvoiceID']}", {"Status": "DELETED"})
    assert invoices.said(hannah.api("POST", "/Invoices", draft)) == "Invoice not of valid status for modification"
    again = hannah.api("PUT", "/Invoices", draft).json()["Invoices"][0]
    assert ("D-1", True) == (again["InvoiceNumber"], again["InvoiceID"] != made["InvoiceID"])


def test_contact_details_sent_along_change_the_contact(hannah: Person) -> None:
    """The id alone leaves it as it is; more writes it, and persons left out are gone."""
    id = hannah.invoice("INV-2041")["Contact"]["ContactID"]
    person = {"FirstName": "Jo", "LastName": "Ash", "EmailAddress": "jo@pemberley.example", "IncludeInEmails": True}
    hannah.api("POST", f"/Contacts/{id}", {"ContactPersons": [person]})
    invoices.post(hannah, "INV-2041", Contact={"ContactID": id})
    assert 1 == len(hannah.get(f"/Contacts/{id}")["Contacts"][0]["ContactPersons"])
    invoices.post(hannah, "INV-2041", Contact={"ContactID": id, "EmailAddress": "new@pemberley.example"})
    contact = hannah.get(f"/Contacts/{id}")["Contacts"][0]
    assert ("new@pemberley.example", []) == (contact["EmailAddress"], contact["ContactPersons"])


def test_a_paid_line_takes_words_and_coding_only(hannah: Person) -> None:
    """Sent back with its amounts a line may be described anew; with another amount it is refused."""
    lines = hannah.invoice("INV-2043")["LineItems"]
    reworded = [{**line, "Description": "Shelves for the library"} for line in lines]
    assert invoices.post(hannah, "INV-2043", LineItems=reworded).status_code == 200
    dearer = [{**line, "UnitAmount": 1, "LineAmount": None, "TaxAmount": None} for line in lines]
    assert "cannot be edited" in invoices.said(invoices.post(hannah, "INV-2043", LineItems=dearer))


def test_a_line_without_its_id_is_another_line(hannah: Person) -> None:
    """Sent with its id a line stays itself; without, it is made anew; left out, it is gone."""
    first, second, _ = hannah.invoice("INV-2041")["LineItems"]
    fresh = {name: value for name, value in second.items() if name != "LineItemID"}
    lines = invoices.post(hannah, "INV-2041", LineItems=[first, fresh]).json()["Invoices"][0]["LineItems"]
    assert [True, False] == [a["LineItemID"] == b["LineItemID"] for a, b in zip(lines, (first, second), strict=True)]


def test_when_money_is_expected_is_a_date_like_any(hannah: Person) -> None:
    """Of a sales invoice ExpectedPaymentDate, in Xero's own form."""
    changed = invoices.post(hannah, "INV-2041", ExpectedPaymentDate="2026-12-24").json()["Invoices"][0]
    assert "/Date(1798070400000+0000)/" == changed["ExpectedPaymentDate"]


def test_plans_have_limits_of_their_own(hannah: Person, sandbox: Sandbox) -> None:
    """A spent plan approves nothing more; a partner organisation e-mails nothing; a trial twenty times a day."""
    plan = "/_xero/organisations/harrow/plan"
    sandbox.control("POST", plan, {"approvals": "1"})
    assert invoices.post(hannah, "INV-2048", Status="AUTHORISED").status_code == 200
    refused = invoices.post(hannah, "INV-2049", Status="AUTHORISED")
    assert invoices.said(refused) == "You have reached the limit of invoices you can approve"
    sandbox.control("POST", plan, {"class": "TRIAL"})
    mails = [hannah.api("POST", "/Invoices/INV-2041/Email").status_code for _ in range(21)]
    assert mails == [204] * 20 + [400]
    sandbox.control("POST", plan, {"class": "STANDARD", "edition": "PARTNER"})
    assert "partner" in invoices.said(hannah.api("POST", "/Invoices/INV-2041/Email"))


def test_a_demo_company_comes_back_as_another_tenant(sandbox: Sandbox) -> None:
    """Its old id is a 403 then, it is no longer connected, and connecting it again gives a new id."""
    person = Person(sandbox).connect("Demo Company (UK)")
    old = person.tenant
    sandbox.control("POST", "/_xero/organisations/demo/reset")
    assert (403, []) == (person.api("GET", "/Organisation").status_code, person.connections())
    assert person.connect("Demo Company (UK)").tenant != old
    assert person.get("/Invoices")["Invoices"] == []


def test_a_user_removed_in_xero_has_no_tenant(hannah: Person) -> None:
    """The token lives on, the connection is gone, and they cannot choose the organisation any more."""
    gone = {"user": "hannah@harrowfinch.example"}
    hannah.sandbox.control("POST", "/_xero/organisations/harrow/remove_user", gone)
    assert (403, []) == (hannah.api("GET", "/Organisation").status_code, hannah.connections())
    assert "Harrow &amp; Finch" not in hannah.authorize().text
    hannah.sandbox.control("POST", "/_xero/organisations/harrow/add_user", gone)
    assert hannah.connect(HARROW).api("GET", "/Organisation").status_code == 200


def test_a_list_of_more_than_100_000_must_be_paged(sandbox: Sandbox) -> None:
    """Unpaged it is a 400, paged it is read."""
    sandbox.control("POST", "/_seed", {"name": "huge", "size": 100_100})
    person = Person(sandbox).connect(HARROW)
    assert person.api("GET", "/Invoices").status_code == 400
    assert 100_100 == person.get("/Invoices", page=101, pageSize=1000)["pagination"]["itemCount"]


Trap = Callable[..., Any]
TRAPS: dict[str, list[Trap]] = {
    "1 broad scopes are gone, an ungranted one ends on Xero's page": [
        identity.test_the_apps_mistakes_never_reach_the_callback
    ],
    "2 paymentservices is restricted; a custom URL never pays": [
        invoices.test_payment_services_need_the_restricted_scope,
        test_a_custom_url_never_pays,
        invoices.test_the_online_invoice_shows_pay_now,
    ],
    "3 idempotency keys live six minutes, cache errors, are the app's": [
        payments.test_the_key_is_forgotten_after_six_minutes,
        payments.test_errors_are_cached_under_the_key,
        payments.test_the_same_key_pays_once,
        payments.test_keys_longer_than_128_are_refused,
    ],
    "4 one token set per user; revocation drops all, DELETE one": [
        test_one_token_set_covers_every_organisation_of_its_user,
        identity.test_revocation_drops_all_connections_of_the_user,
        identity.test_deleting_a_connection_takes_its_id_not_the_tenants,
        identity.test_refresh_rotates_with_thirty_minutes_of_grace,
    ],
    "5 webhook key as text, raw bytes, no body, no cookie, no status": [
        webhooks.test_the_public_vector,
        webhooks.test_a_change_in_xero_is_told_in_raw_bytes,
        webhooks.test_intent_fails_for_careless_receivers,
        webhooks.test_an_answer_after_five_seconds_is_none,
        webhooks.test_our_own_writes_echo,
        test_events_cover_bills_and_say_neither_type_nor_status,
    ],
    "6 XML by default; dates are midnight UTC; seven digits": [
        invoices.test_xml_unless_json_is_asked_for,
        invoices.test_numbers_are_fixed_and_dates_are_midnight_utc,
        identity.test_connections_are_an_array_with_seven_digit_dates,
    ],
    "7 PUT creates, POST updates, payments are only deleted, 200 may fail": [
        invoices.test_put_creates_and_post_updates,
        payments.test_deleting_opens_the_invoice_again,
        invoices.test_payment_services_need_the_restricted_scope,
        payments.test_with_summarize_errors_false_failures_come_as_200,
    ],
    "8 403 tenant, 401 scope, 401 expiry": [identity.test_tenant_scope_and_expiry_fail_differently],
    "9 account union, never above AmountDue, credits without payments, inclusive fees": [
        payments.test_bank_or_enabled_is_a_union,
        payments.test_more_than_is_due_is_refused,
        payments.test_credits_lower_what_is_due_without_a_payment,
        credit.test_money_received_beside_an_invoice,
        invoices.test_fees_default_to_tax_inclusive,
    ],
    "10 five connections, 1,000 calls, two uncertified apps, no demo e-mail, demo reset": [
        identity.test_a_new_app_may_connect_five_organisations,
        limits.test_the_day_limit_follows_the_tier,
        identity.test_two_uncertified_apps_per_organisation,
        invoices.test_xeros_own_email,
        test_a_demo_company_comes_back_as_another_tenant,
    ],
}
# The closing list of what a sandbox must reproduce, beyond the ten.
REPRODUCED: dict[str, list[Trap]] = {
    "codes of five minutes, used once": [identity.test_a_code_lives_five_minutes, identity.test_a_code_is_used_once],
    "PKCE": [identity.test_the_pkce_verifier_must_fit, test_an_app_without_a_secret_must_bring_a_challenge],
    "exact redirect": [
        identity.test_the_apps_mistakes_never_reach_the_callback,
        test_a_local_address_by_number_is_no_redirect,
    ],
    "id_token, RS256, keys": [identity.test_a_sign_in_gives_an_identity_that_verifies],
    "audience and scope of the access token": [
        identity.test_the_access_token_is_for_the_resource_with_scopes_as_an_array
    ],
    "two discovery documents": [identity.test_discovery_endpoints_live_elsewhere_than_the_issuer],
    "page clamp, forced pages, seek order, 100,000": [
        invoices.test_pages_are_clamped_silently,
        invoices.test_summary_and_statuses_force_pages,
        invoices.test_ten_thousand_invoices_in_eleven_calls,
        test_a_list_of_more_than_100_000_must_be_paged,
    ],
    "optimised fields only": [invoices.test_filters_work_on_optimised_fields_only],
    "If-Modified-Since to the second": [invoices.test_if_modified_since_is_to_the_second],
    "echo of refused elements": [
        payments.test_more_than_is_due_is_refused,
        payments.test_one_bad_element_fails_the_batch,
    ],
    "recomputation on payment and deletion": [payments.test_deleting_opens_the_invoice_again],
    "online invoice and its four placeholders": [invoices.test_the_online_invoice_shows_pay_now],
    "attachments": [invoices.test_bad_attachments_are_refused, invoices.test_attachments_shown_to_the_customer],
    "e-mail quotas": [invoices.test_xeros_own_email, test_plans_have_limits_of_their_own],
    "locked periods": [
        payments.test_a_locked_period_takes_no_payment,
        bank.test_a_locked_period_keeps_its_fees_and_transfers,
    ],
    "rate headers and every 429": [
        limits.test_every_answer_says_what_remains,
        limits.test_the_minute_limit_says_when_to_come_back,
        limits.test_five_in_flight,
        limits.test_the_whole_app_has_a_limit_too,
    ],
    "retries, disabling, ordered replay": [
        webhooks.test_a_failure_is_retried_at_once_then_every_quarter_of_an_hour,
        webhooks.test_after_a_day_it_is_disabled_and_replayed_in_order,
        webhooks.test_a_disabled_subscription_keeps_everything_in_order,
    ],
    "a number is no address": [test_a_post_by_a_deleted_number_meets_the_deleted_invoice],
    "a user removed, a connection ended": [test_a_user_removed_in_xero_has_no_tenant],
    "scopes add up": [test_scopes_add_up_and_never_narrow],
    "lines by their ids": [test_a_line_without_its_id_is_another_line],
    "three forms of dates": [test_when_money_is_expected_is_a_date_like_any],
    "details change contacts": [test_contact_details_sent_along_change_the_contact],
    "what stays editable once paid": [
        test_a_paid_line_takes_words_and_coding_only,
        invoices.test_a_paid_invoice_keeps_its_lines_but_takes_a_url,
    ],
}


@pytest.mark.parametrize("table", [TRAPS, REPRODUCED], ids=["traps", "reproduced"])
def test_every_trap_leads_to_its_tests(table: dict[str, list[Trap]]) -> None:
    """Each names tests that exist and say in a sentence what they promise."""
    assert [] == [name for name, tests in table.items() if not tests]
    assert [] == [test.__name__ for tests in table.values() for test in tests if not (test.__doc__ or "").strip()]
    assert 10 == len(TRAPS)
