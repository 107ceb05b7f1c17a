"""People who use the sandbox's Xero: a browser for its pages, an app for its API."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.sandbox.process import Sandbox

CALLBACK = "http://localhost:9/auth/xero/callback"
CLIENT_ID, CLIENT_SECRET = "SANDBOX0XERO0CLIENT0ID0000000001", "sandbox-xero-client-secret"
ALL_SCOPES = (
    "openid profile email offline_access accounting.invoices accounting.payments accounting.contacts "
    "accounting.settings accounting.attachments accounting.banktransactions"
)
LIFTED = {"concurrent": None, "minute": None, "day": None, "app_minute": None}


class Person:
    """Someone with a browser and an app: signs in at the sandbox's Xero, then calls its API."""

    def __init__(self, sandbox: Sandbox, name: str = "Hannah Finch") -> None:
        self.sandbox, self.name = sandbox, name
        self.browser = sandbox.browser()
        self.tokens: dict[str, Any] = {}
        self.tenant = ""
        self.verifier = ""

    def authorize(self, scope: str = ALL_SCOPES, **changes: str | None) -> httpx.Response:
        """Open the authorize page; redirects inside the sandbox are followed, the callback is not."""
        self.verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        query: dict[str, str | None] = {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": CALLBACK,
            "scope": scope,
            "state": "st-1",
            "nonce": "no-1",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **changes,
        }
        given = {name: value for name, value in query.items() if value is not None}
        return self.follow(self.browser.get("/xero/login/identity/connect/authorize", params=given))

    def follow(self, answer: httpx.Response) -> httpx.Response:
        while answer.is_redirect and not answer.headers["location"].startswith(CALLBACK):
            answer = self.browser.get(answer.headers["location"])
        return answer

    def sign_in(self, page: httpx.Response) -> httpx.Response:
        """Press "Continue as …" when asked who we are."""
        found = re.search(rf'name="user" value="([^"]+)"[^>]*>Continue as {self.name}<', page.text)
        if found is None:
            return page
        back = re.search(r'name="return_url" value="([^"]+)"', page.text)
        assert back is not None
        form = {"user": found[1], "return_url": back[1].replace("&amp;", "&")}
        return self.follow(self.browser.post("/xero/login/identity/user/login", data=form))

    def consent(self, page: httpx.Response, organisation: str | None, choice: str = "allow") -> httpx.Response:
        """Answer the consent page."""
        pending = re.search(r'name="id" value="([^"]+)"', page.text)
        assert pending is not None, page.text
        form = {"id": pending[1], "choice": choice}
        if organisation is not None:
            text = page.text.replace("&amp;", "&")
            found = re.search(rf'name="tenant" value="([^"]+)"[^>]*>\s*<span>{re.escape(organisation)}', text)
            assert found is not None, text
            form["tenant"] = found[1]
        return self.follow(self.browser.post("/xero/login/identity/consent", data=form))

    def code(self, organisation: str | None = None, scope: str = ALL_SCOPES, **changes: str | None) -> str:
        """Through the pages to the callback; the code that came with it."""
        page = self.sign_in(self.authorize(scope, **changes))
        if not page.is_redirect:
            page = self.consent(page, organisation)
        query = parse_qs(urlsplit(page.headers["location"]).query)
        assert query["state"] == ["st-1"], query
        return query["code"][0]

    def token(self, **form: str) -> httpx.Response:
        """A call to the token endpoint."""
        return self.browser.post("/xero/identity/connect/token", data=form, auth=(CLIENT_ID, CLIENT_SECRET))

    def redeem(self, code: str) -> httpx.Response:
        return self.token(
            grant_type="authorization_code", code=code, redirect_uri=CALLBACK, code_verifier=self.verifier
        )

    def refresh(self) -> None:
        self.tokens = self.token(grant_type="refresh_token", refresh_token=self.tokens["refresh_token"]).json()

    def connect(self, organisation: str, scope: str = ALL_SCOPES) -> Person:
        """Connect an organisation and work in it."""
        answer = self.redeem(self.code(organisation, scope))
        assert answer.status_code == 200, answer.text
        self.tokens = answer.json()
        rows = self.connections()
        self.tenant = next(row["tenantId"] for row in rows if row["tenantName"] == organisation)
        return self

    def connections(self) -> list[dict[str, Any]]:
        answer = self.browser.get("/xero/api/connections", headers=self.bearer)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()
        return rows

    @property
    def bearer(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.tokens['access_token']}"}

    def api(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """A call to the accounting API as a good client makes it; ``headers`` are added to."""
        headers = {
            **self.bearer,
            "xero-tenant-id": self.tenant,
            "accept": "application/json",
            **more.pop("headers", {}),
        }
        if body is not None:
            more["content"], headers["content-type"] = json.dumps(body), "application/json"
        return self.browser.request(method, f"/xero/api/api.xro/2.0{path}", headers=headers, **more)

    def get(self, path: str, **params: Any) -> Any:
        answer = self.api("GET", path, params=params)
        assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
        return answer.json()

    def invoice(self, number: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/Invoices/{number}")["Invoices"][0]
        return found

    def account(self, code: str = "615") -> str:
        rows = self.get("/Accounts")["Accounts"]
        return str(next(row["AccountID"] for row in rows if row["Code"] == code))

    def pay(self, number: str, amount: Any, **more: Any) -> httpx.Response:
        """PUT a payment for an invoice, from the clearing account unless told otherwise."""
        headers, params = more.pop("headers", {}), more.pop("params", {})
        body = {
            "Invoice": {"InvoiceID": self.invoice(number)["InvoiceID"]},
            "Account": {"Code": "615"},
            "Amount": amount,
            "Reference": "test",
            **more,
        }
        return self.api("PUT", "/Payments", body, headers=headers, params=params)
