"""Xero's API: /connections, and one tenant's accounting (`Tenant` in `xero_tenant`)."""

from typing import Any

import httpx

from app.clients.http import call
from app.clients.xero_decode import connection, read_connections
from app.clients.xero_errors import failure
from app.clients.xero_tenant import Gate, Renew, Tenant
from app.clients.xero_wire import XeroConnection


class Xero:
    """What needs no tenant, and the way to one."""

    def __init__(self, http: httpx.AsyncClient, api_url: str) -> None:
        self._http = http
        self._url = api_url.rstrip("/")

    async def connections(self, access_token: str, auth_event_id: str = "") -> list[XeroConnection]:
        """All organisations this user let us into, newest first; with `auth_event_id` only those of that consent."""
        params = {"authEventId": auth_event_id} if auth_event_id else {}
        content = await self._send("GET", "/connections", access_token, params=params)
        found = [connection(one) for one in read_connections(content)]
        return sorted(found, key=lambda one: str(one.updated_at or ""), reverse=True)

    async def delete_connection(self, access_token: str, xero_connection_id: str) -> bool:
        """Leave one organisation; the tokens stay good. False when Xero had it no more."""
        request = self._request("DELETE", f"/connections/{xero_connection_id}", access_token)
        reply = await call(self._http, "Xero", request)
        if reply.status == 404:
            return False
        if reply.status >= 300:
            raise failure(reply, writes=True)
        return True

    def tenant(self, access_token: str, xero_tenant_id: str, gate: Gate, renew: Renew | None = None) -> Tenant:
        """One organisation's accounting, each call let through by `gate`; `renew` replaces an expired token once."""
        return Tenant(self._http, f"{self._url}/api.xro/2.0", access_token, xero_tenant_id, gate, renew)

    async def _send(self, method: str, path: str, access_token: str, **more: Any) -> bytes:
        reply = await call(self._http, "Xero", self._request(method, path, access_token, **more))
        if reply.status >= 300:
            raise failure(reply, writes=method != "GET")
        return reply.content

    def _request(self, method: str, path: str, access_token: str, **more: Any) -> httpx.Request:
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
        return self._http.build_request(method, self._url + path, headers=headers, **more)


__all__ = ["Gate", "Renew", "Tenant", "Xero"]
