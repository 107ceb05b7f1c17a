"""Who is looking: the signed-in user and the merchant they work for, on every merchant page."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.books import audit
from app.clients.bundle import Clients
from app.core import db
from app.core.crypto import digest
from app.core.http import AnyRequest, Form, read_form
from app.merchants import sessions

COOKIE = "__Host-session"


class NotSignedIn(Exception):
    """Nobody is signed in, or the session ended."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """The signed-in person. Every query of a handler is scoped by `merchant_id`."""

    session_id: UUID
    user_id: UUID
    merchant_id: UUID
    given_name: str
    family_name: str
    email: str

    @property
    def name(self) -> str:
        """Given and family name."""
        return f"{self.given_name} {self.family_name}".strip() or self.email

    @property
    def initials(self) -> str:
        """Two letters for the round picture."""
        return ((self.given_name[:1] + self.family_name[:1]) or self.email[:1]).upper()


_WHO = """
SELECT u.given_name, u.family_name, u.email FROM app_user u JOIN member m ON m.app_user = u.id
WHERE u.id = $1 AND m.merchant = $2
"""


async def provide_clients(request: AnyRequest) -> Clients:
    """The process's clients, opened with the application."""
    clients: Clients = request.app.state.clients
    return clients


async def provide_viewer(request: AnyRequest, clients: Clients) -> Viewer:
    """The signed-in viewer; raises NotSignedIn."""
    token = request.cookies.get(COOKIE, "")
    session: Any = await sessions.read(clients.keys, token) if token else None
    row = await db.fetch_row(_WHO, session.user_id, session.merchant_id) if session else None
    if session is None or row is None:
        raise NotSignedIn
    audit.acting(session.user_id)
    return Viewer(
        session_id=session.id,
        user_id=session.user_id,
        merchant_id=session.merchant_id,
        given_name=row["given_name"],
        family_name=row["family_name"],
        email=row["email"],
    )


def form_token(clients: Clients, viewer: Viewer) -> str:
    """The token every form of this session carries."""
    return digest(clients.keys.csrf, str(viewer.session_id))


async def provide_form(request: AnyRequest, clients: Clients, viewer: Viewer) -> Form:
    """The posted form of a signed-in viewer, with origin and token checked."""
    return await read_form(request, form_token(clients, viewer), clients.settings.base_url)
