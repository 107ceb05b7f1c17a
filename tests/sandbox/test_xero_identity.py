"""Signing in and consenting at the sandbox's Xero, and its tokens."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.sandbox.process import Sandbox
from tests.sandbox.xero_people import CALLBACK, CLIENT_ID, CLIENT_SECRET, Person

HARROW = "Harrow & Finch Joinery Ltd"


def claims(person: Person, token: str) -> dict[str, Any]:
    discovery = person.browser.get("/xero/identity/.well-known/openid-configuration").json()
    keys = KeySet.import_key_set(person.browser.get(discovery["jwks_uri"]).json())
    return jwt.decode(token, keys, algorithms=["RS256"]).claims


def test_discovery_endpoints_live_elsewhere_than_the_issuer(sandbox: Sandbox) -> None:
    """Two discovery documents share the issuer, and their endpoints differ from it and from each other."""
    one = sandbox.http.get("/xero/identity/.well-known/openid-configuration").json()
    two = sandbox.http.get("/xero/login/identity/.well-known/openid-configuration").json()
    assert one["issuer"] == two["issuer"] == f"{sandbox.url}/xero/identity"
    assert not one["authorization_endpoint"].startswith(one["issuer"])
    assert one["token_endpoint"] != two["token_endpoint"]


def test_a_sign_in_gives_an_identity_that_verifies(sandbox: Sandbox) -> None:
    """The id_token is RS256, lives five minutes, is for our client, with our nonce, and claims no verified e-mail."""
    person = Person(sandbox)
    tokens = person.redeem(person.code(scope="openid profile email")).json()
    told = claims(person, tokens["id_token"])
    assert ("no-1", CLIENT_ID, 300) == (told["nonce"], told["aud"], told["exp"] - told["iat"])
    assert ("Hannah", "hannah@harrowfinch.example") == (told["given_name"], told["email"])
    assert "xero_userid" in told
    assert "email_verified" not in told
    assert "refresh_token" not in tokens


def test_the_access_token_is_for_the_resource_with_scopes_as_an_array(hannah: Person) -> None:
    """The access token lives 30 minutes, its audience is the literal resource and its scope a list."""
    told = claims(hannah, hannah.tokens["access_token"])
    assert told["aud"] == "https://identity.xero.com/resources"
    assert "accounting.invoices" in told["scope"]
    assert (1800, 1800) == (told["exp"] - told["nbf"], hannah.tokens["expires_in"])
    assert isinstance(hannah.tokens["scope"], str)


def test_the_second_sign_in_goes_straight_through(sandbox: Sandbox) -> None:
    """OpenID scopes are consented to once."""
    person = Person(sandbox)
    person.code(scope="openid profile email")
    assert person.authorize("openid profile email").headers["location"].startswith(CALLBACK)


def test_cancelling_comes_back_as_access_denied(sandbox: Sandbox) -> None:
    """A user who cancels returns to the callback with error and state, and nothing is connected."""
    person = Person(sandbox)
    page = person.consent(person.sign_in(person.authorize()), HARROW, choice="cancel")
    query = parse_qs(urlsplit(page.headers["location"]).query)
    assert (["access_denied"], ["st-1"]) == (query["error"], query["state"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scope": "openid accounting.transactions offline_access"}, "Invalid scope for client"),
        ({"scope": "openid paymentservices"}, "Invalid scope for client"),
        ({"client_id": "nobody"}, "Unknown client"),
        ({"redirect_uri": CALLBACK + "/"}, "Invalid redirect_uri"),
        ({"response_type": "token"}, "Response type not supported"),
    ],
)
def test_the_apps_mistakes_never_reach_the_callback(sandbox: Sandbox, changes: dict[str, str], said: str) -> None:
    """A broad, restricted or unknown scope, client or redirect address ends on Xero's own error page."""
    page = Person(sandbox).authorize(**changes)
    assert page.status_code == 500
    assert said in page.text


def test_pages_refuse_framing(sandbox: Sandbox) -> None:
    """Login and consent cannot be put into a frame."""
    page = Person(sandbox).authorize()
    assert page.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


def test_one_organisation_per_consent_must_be_chosen(sandbox: Sandbox) -> None:
    """Consent to accounting scopes without an organisation asks again; only the chosen one is connected."""
    person = Person(sandbox)
    page = person.consent(person.sign_in(person.authorize()), None)
    assert "Choose an organisation" in page.text
    person.connect("Kōwhai Coast Electrical Ltd")
    assert ["Kōwhai Coast Electrical Ltd"] == [row["tenantName"] for row in person.connections()]


def test_a_code_is_used_once(sandbox: Sandbox) -> None:
    """Redeeming a code again is invalid_grant, without any description."""
    person = Person(sandbox)
    code = person.code(HARROW)
    assert person.redeem(code).status_code == 200
    again = person.redeem(code)
    assert (400, {"error": "invalid_grant"}) == (again.status_code, again.json())


def test_a_code_lives_five_minutes(sandbox: Sandbox) -> None:
    """After five minutes and a second a code is worth nothing."""
    person = Person(sandbox)
    code = person.code(HARROW)
    sandbox.control("POST", "/_clock", {"advance": 301})
    assert person.redeem(code).json() == {"error": "invalid_grant"}


def test_the_pkce_verifier_must_fit(sandbox: Sandbox) -> None:
    """A code bound to a challenge is not redeemed without its verifier, nor with another."""
    for verifier in ("x" * 43, ""):
        person = Person(sandbox)
        code = person.code(HARROW)
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        answer = person.token(**form, **({"code_verifier": verifier} if verifier else {}))
        assert answer.json() == {"error": "invalid_grant"}


def test_client_authentication_by_header_or_form(sandbox: Sandbox) -> None:
    """Basic and form credentials are both taken; wrong ones are invalid_client, JSON is invalid_request."""
    person = Person(sandbox)
    form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code": person.code(HARROW)}
    form |= {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "code_verifier": person.verifier}
    url = "/xero/identity/connect/token"
    assert person.browser.post(url, data={**form, "client_secret": "no"}).json() == {"error": "invalid_client"}
    assert person.browser.post(url, json=form).json() == {"error": "invalid_request"}
    assert "access_token" in person.browser.post(url, data=form).json()


def test_refresh_rotates_with_thirty_minutes_of_grace(hannah: Person) -> None:
    """The old refresh token works for half an hour after its first use, then never again."""
    old = hannah.tokens["refresh_token"]
    hannah.refresh()
    assert hannah.tokens["refresh_token"] != old
    assert hannah.token(grant_type="refresh_token", refresh_token=old).status_code == 200
    hannah.sandbox.control("POST", "/_clock", {"advance": 1801})
    assert hannah.token(grant_type="refresh_token", refresh_token=old).json() == {"error": "invalid_grant"}


def test_revocation_drops_all_connections_of_the_user(hannah: Person) -> None:
    """Revoking one refresh token ends every connection and every refresh token of that user."""
    hannah.connect("Wren & Marlow Physio Pty Ltd")
    auth = (CLIENT_ID, CLIENT_SECRET)
    form = {"token": hannah.tokens["refresh_token"]}
    answer = hannah.browser.post("/xero/identity/connect/revocation", data=form, auth=auth)
    assert (200, b"") == (answer.status_code, answer.content)
    assert hannah.connections() == []
    again = hannah.token(grant_type="refresh_token", refresh_token=form["token"])
    assert again.json() == {"error": "invalid_grant"}


def test_connections_are_an_array_with_seven_digit_dates(hannah: Person) -> None:
    """Dates of /connections have seven fractional digits and no zone; the filter keeps one consent's rows."""
    hannah.connect("Wren & Marlow Physio Pty Ltd")
    rows = hannah.connections()
    assert len(rows) == 2
    assert len(rows[0]["createdDateUtc"].split(".")[1]) == 7
    event = claims(hannah, hannah.tokens["access_token"])["authentication_event_id"]
    kept = hannah.browser.get("/xero/api/connections", params={"authEventId": event}, headers=hannah.bearer).json()
    assert ["Wren & Marlow Physio Pty Ltd"] == [row["tenantName"] for row in kept]


def test_deleting_a_connection_takes_its_id_not_the_tenants(hannah: Person) -> None:
    """DELETE wants the connection's id, leaves the tokens valid, and the tenant answers 403 from then on."""
    row = hannah.connections()[0]
    url = "/xero/api/connections/"
    assert hannah.browser.delete(url + row["tenantId"], headers=hannah.bearer).status_code == 404
    assert hannah.browser.delete(url + row["id"], headers=hannah.bearer).status_code == 204
    assert hannah.connections() == []
    refused = hannah.api("GET", "/Organisation")
    assert (403, "AuthenticationUnsuccessful") == (refused.status_code, refused.json()["Detail"])


def test_tenant_scope_and_expiry_fail_differently(sandbox: Sandbox) -> None:
    """403 means tenant, 401 AuthorizationUnsuccessful means scope, 401 TokenExpired means refresh."""
    person = Person(sandbox).connect(HARROW, "openid profile email offline_access accounting.invoices.read")
    assert person.api("GET", "/Invoices").status_code == 200
    assert person.api("GET", "/Invoices", headers={"xero-tenant-id": ""}).status_code == 403
    scope = person.api("GET", "/Accounts")
    assert (401, "AuthorizationUnsuccessful") == (scope.status_code, scope.json()["Detail"])
    assert "insufficient_scope" in scope.headers["www-authenticate"]
    assert person.api("PUT", "/Invoices", {"Type": "ACCREC"}).status_code == 401
    sandbox.control("POST", "/_clock", {"advance": 1801})
    expired = person.api("GET", "/Invoices")
    assert expired.status_code == 401
    assert expired.json()["Detail"].startswith("TokenExpired: token expired at ")


def test_a_stranger_reaches_only_what_they_may(sandbox: Sandbox) -> None:
    """A user without an organisation cannot pick it, and another tenant's id is a 403."""
    hannah = Person(sandbox).connect(HARROW)
    tom = Person(sandbox, "Tom Harrow")
    page = tom.sign_in(tom.authorize())
    assert "Harrow &amp; Finch" not in page.text
    tom.connect("Demo Company (UK)")
    assert tom.api("GET", "/Invoices", headers={"xero-tenant-id": hannah.tenant}).status_code == 403
    number = hannah.invoice("INV-2041")["InvoiceID"]
    assert tom.api("GET", f"/Invoices/{number}").status_code == 404


def test_a_new_app_may_connect_five_organisations(sandbox: Sandbox) -> None:
    """The connection limit shows on the consent page."""
    sandbox.config(connections_max=1)
    person = Person(sandbox).connect(HARROW)
    page = person.consent(person.authorize(), "Wren & Marlow Physio Pty Ltd")
    assert "reached its limit" in page.text


def test_the_app_itself_may_manage_connections_only(hannah: Person) -> None:
    """client_credentials gives a token without a user for app.connections; it opens no organisation."""
    token = hannah.token(grant_type="client_credentials", scope="app.connections").json()
    assert {"access_token", "expires_in", "token_type", "scope"} == set(token)
    bearer = {"authorization": f"Bearer {token['access_token']}"}
    rows = hannah.browser.get("/xero/api/connections", headers=bearer).json()
    assert [hannah.tenant] == [row["tenantId"] for row in rows]
    refused = hannah.api("GET", "/Organisation", headers=bearer)
    assert (403, "AuthenticationUnsuccessful") == (refused.status_code, refused.json()["Detail"])
    assert hannah.browser.get("/xero/identity/connect/userinfo", headers=bearer).status_code == 401
    gone = hannah.browser.delete(f"/xero/api/connections/{rows[0]['id']}", headers=bearer)
    assert (204, []) == (gone.status_code, hannah.connections())


def test_client_credentials_are_refused_as_documented(hannah: Person) -> None:
    """A scope the app does not have is invalid_scope; an app type without the grant is unauthorized_client."""
    for scope in ("accounting.payments", "app.connections accounting.invoices"):
        refused = hannah.token(grant_type="client_credentials", scope=scope)
        assert (400, {"error": "invalid_scope"}) == (refused.status_code, refused.json())
    hannah.sandbox.config(client_credentials_scopes=[])
    refused = hannah.token(grant_type="client_credentials", scope="app.connections")
    hannah.sandbox.config(client_credentials_scopes=["app.connections"])
    assert (400, {"error": "unauthorized_client"}) == (refused.status_code, refused.json())


def test_two_uncertified_apps_per_organisation(sandbox: Sandbox) -> None:
    """An organisation with two uncertified apps takes no third, unless the app is certified."""
    person = Person(sandbox)
    sandbox.control("POST", "/_xero/organisations/harrow/other_apps", {"count": "2"})
    page = person.sign_in(person.authorize())
    refused = person.consent(page, "Harrow & Finch Joinery Ltd")
    assert "already connected to two uncertified apps" in refused.text
    sandbox.config(certified=True)
    connected = Person(sandbox).connect("Harrow & Finch Joinery Ltd")
    sandbox.config(certified=False)
    assert len(connected.connections()) == 1
