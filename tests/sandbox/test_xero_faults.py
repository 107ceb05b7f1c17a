"""Faults seen from a client's side, and a sandbox that tells the truth after being killed."""

from __future__ import annotations

import smtplib
import subprocess
import sys
import time
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.sandbox.process import Sandbox
from tests.sandbox.xero_people import CALLBACK, LIFTED, Person

PAYMENTS = "/xero/api/api.xro/2.0/Payments"


def fault(sandbox: Sandbox, fault: dict[str, Any], **rule: Any) -> None:
    match = {"method": "PUT", "path": PAYMENTS}
    sandbox.control("POST", "/_faults", {"match": match, "fault": fault, "times": 1, **rule})


def paid(person: Person) -> float:
    return float(person.invoice("INV-2041")["AmountPaid"])


def test_reset_before_commit_does_nothing(hannah: Person) -> None:
    """The connection is really reset and no payment exists."""
    fault(hannah.sandbox, {"reset_before_commit": True})
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        hannah.pay("INV-2041", 10)
    assert paid(hannah) == 0


def test_commit_then_reset_pays_without_an_answer(hannah: Person) -> None:
    """The connection is reset after the payment was recorded."""
    fault(hannah.sandbox, {"commit_then_reset": True})
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        hannah.pay("INV-2041", 10)
    assert paid(hannah) == 10


def test_commit_then_delay_answers_late(hannah: Person) -> None:
    """A client with less patience times out, and the payment is there."""
    fault(hannah.sandbox, {"commit_then_delay": 1.0})
    body = {"Invoice": {"InvoiceNumber": "INV-2041"}, "Account": {"Code": "615"}, "Amount": 10}
    with pytest.raises(httpx.ReadTimeout):
        hannah.api("PUT", "/Payments", body, timeout=0.3)
    assert paid(hannah) == 10


def test_truncated_and_html_answers(hannah: Person) -> None:
    """Half an answer is a protocol error; a gateway's HTML comes with 200; both paid."""
    fault(hannah.sandbox, {"truncate": 20})
    with pytest.raises(httpx.RemoteProtocolError):
        hannah.pay("INV-2041", 10)
    fault(hannah.sandbox, {"html": True})
    answer = hannah.pay("INV-2041", 10)
    assert (200, True) == (answer.status_code, answer.text.startswith("<!doctype html>"))
    assert paid(hannah) == 20


def test_status_and_rate_limit_faults_do_nothing_inside(hannah: Person) -> None:
    """A 503 and a 429 with any Retry-After come instead of the handler."""
    fault(hannah.sandbox, {"status": 503, "body": "Service Unavailable"})
    assert hannah.pay("INV-2041", 10).status_code == 503
    fault(hannah.sandbox, {"rate_limit": {"problem": "day", "retry_after": "-1"}})
    refused = hannah.pay("INV-2041", 10)
    assert (429, "day", "-1") == (
        refused.status_code,
        refused.headers["x-rate-limit-problem"],
        refused.headers["retry-after"],
    )
    assert paid(hannah) == 0


def test_delay_holds_the_request(hannah: Person) -> None:
    """The handler runs after the wait."""
    fault(hannah.sandbox, {"delay": 0.4})
    started = time.monotonic()
    assert hannah.pay("INV-2041", 10).status_code == 200
    assert time.monotonic() - started >= 0.4


def test_rules_count_their_requests(hannah: Person) -> None:
    """A rule with nth strikes once, every strikes each nth, p repeats with its seed, other tenants are left alone."""
    sandbox = hannah.sandbox
    path = {"path": "/xero/api/api.xro/2.0/Organisation"}

    def statuses(rule: dict[str, Any], match: dict[str, str]) -> list[int]:
        sandbox.control("DELETE", "/_faults")
        sandbox.control("POST", "/_faults", {"match": match, "fault": {"status": 500}, **rule})
        return [hannah.api("GET", "/Organisation").status_code for _ in range(6)]

    assert statuses({"nth": 2}, path) == [200, 500, 200, 200, 200, 200]
    assert statuses({"every": 3}, path) == [200, 200, 500, 200, 200, 500]
    assert statuses({"p": 0.5, "seed": 7}, path) == statuses({"p": 0.5, "seed": 7}, path)
    assert statuses({}, {**path, "tenant": "another"}) == [200] * 6
    assert statuses({"times": 2}, {"path": "/xero/api/*/Organisation"}) == [500, 500, 200, 200, 200, 200]


def test_unknown_faults_are_refused(sandbox: Sandbox) -> None:
    """A rule with two kinds, none, or a misspelt one is a 400."""
    for wrong in ({}, {"status": 500, "html": True}, {"explode": True}):
        assert sandbox.http.post("/_faults", json={"fault": wrong}).status_code == 400


def test_offline_is_a_503(hannah: Person) -> None:
    """An organisation that is offline answers 503 without JSON."""
    hannah.sandbox.config(modes={"offline": True})
    assert hannah.api("GET", "/Organisation").status_code == 503


def test_the_log_tells_which_rule_was_broken(hannah: Person) -> None:
    """Each request is logged with its tenant, and a refused one with its reason."""
    hannah.pay("INV-2041", 99999)
    row = hannah.sandbox.control("GET", f"/_log?path={PAYMENTS}")[-1]
    assert (400, hannah.tenant) == (row["status"], row["tenant"])
    assert "exceeds" in row["broke_rule"]


def test_killed_it_still_tells_the_truth(tmp_path: Path) -> None:
    """After kill -9 and a restart tokens, payments, ids and faults are as they were answered."""
    sandbox = Sandbox(tmp_path)
    sandbox.config(redirect_uris=[CALLBACK], limits=LIFTED)
    person = Person(sandbox).connect("Harrow & Finch Joinery Ltd")
    sandbox.control("POST", "/_clock", {"advance": 60})
    payment = person.pay("INV-2041", "84.00").json()["Payments"][0]["PaymentID"]
    fault(sandbox, {"status": 503})
    truth, tokens, tenant = sandbox.control("GET", "/_truth")["xero"], person.tokens, person.tenant
    sandbox.kill()
    sandbox.start()
    again = Person(sandbox)
    again.tokens, again.tenant = tokens, tenant
    assert truth == sandbox.control("GET", "/_truth")["xero"]
    assert (1200, payment) == (
        again.invoice("INV-2041")["AmountDue"],
        again.invoice("INV-2041")["Payments"][0]["PaymentID"],
    )
    assert again.pay("INV-2041", 1).status_code == 503
    assert again.pay("INV-2041", 1).json()["Payments"][0]["PaymentID"] != payment
    sandbox.stop()
    assert sandbox.process.returncode == 0


def test_mail_is_taken_and_shown(sandbox: Sandbox) -> None:
    """A mail sent over SMTP is in the sink with its text, and its page links what it links; HTML stays in a sandbox."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@shop.example", "b@customer.example", "Invoice INV-1"
    message.set_content("Pay here: https://pay.example/p/7K4M")
    message.add_alternative("<p>Pay <script>alert(1)</script></p>", subtype="html")
    with smtplib.SMTP("localhost", sandbox.smtp_port) as smtp:
        smtp.send_message(message)
    row = sandbox.control("GET", "/_mail")[-1]
    assert ("Invoice INV-1", ["b@customer.example"]) == (row["subject"], row["to"])
    page = sandbox.http.get(f"/console/mail/{row['id']}").text
    assert 'href="https://pay.example/p/7K4M"' in page
    assert "<script>" not in page
    assert "sandbox" in sandbox.http.get(f"/_mail/{row['id']}/html").headers["content-security-policy"]


def test_the_console_works_without_script(sandbox: Sandbox) -> None:
    """Every page opens and carries neither script nor inline style; a button changes Xero and leads back."""
    invoices = sandbox.control("GET", "/_xero/organisations/harrow/invoices")
    id = next(row["id"] for row in invoices if row["number"] == "INV-2041")
    pages = ["/", "/console/xero/harrow", "/console/xero/demo", f"/console/xero/invoices/{id}", "/console/webhooks"]
    for path in [*pages, "/console/mail", "/console/log", "/console/clock"]:
        answer = sandbox.http.get(path)
        assert answer.status_code == 200, path
        assert "<script" not in answer.text
        assert " style=" not in answer.text
    headers = {"accept": "text/html", "referer": f"{sandbox.url}/console/xero/invoices/{id}"}
    done = sandbox.http.post(f"/_xero/invoices/{id}/pay", data={"amount": "84.00"}, headers=headers)
    assert (303, f"/console/xero/invoices/{id}") == (done.status_code, done.headers["location"])
    assert "1,200.00" in sandbox.http.get(f"/console/xero/invoices/{id}").text
    refused = sandbox.http.post(f"/_xero/invoices/{id}/void", headers=headers)
    assert (409, True) == (refused.status_code, "Remove the payments and credits first." in refused.text)
    assert "text/html" in refused.headers["content-type"]
    assert "detail" in sandbox.http.post(f"/_xero/invoices/{id}/void").json()


def test_deep_links_into_xero_open_the_invoice(sandbox: Sandbox) -> None:
    """Xero's own address of an invoice leads to its page in the console."""
    id = sandbox.control("GET", "/_xero/organisations/harrow/invoices")[0]["id"]
    answer = sandbox.http.get(f"/xero/app/!hF26q/invoicing/view/{id}")
    assert (302, f"/console/xero/invoices/{id}") == (answer.status_code, answer.headers["location"])


def test_a_mail_in_no_known_charset_is_taken_too(sandbox: Sandbox) -> None:
    """A sink refuses nothing: what can be read of it is there."""
    raw = b"From: a@shop.example\r\nSubject: Odd\r\nContent-Type: text/plain; charset=klingon\r\n\r\nPay here\r\n"
    with smtplib.SMTP("localhost", sandbox.smtp_port) as smtp:
        smtp.sendmail("a@shop.example", ["b@customer.example"], raw)
    row = sandbox.control("GET", "/_mail")[-1]
    assert ("Odd", "Pay here") == (row["subject"], row["text"].strip())


def test_a_port_that_is_taken_is_said(sandbox: Sandbox, tmp_path: Path) -> None:
    """Starting on a busy port ends with a plain line."""
    command = [sys.executable, "-m", "sandbox", "--port", str(sandbox.port), "--data-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2] / "src", check=False)
    assert done.returncode != 0
    assert "in use" in done.stderr
