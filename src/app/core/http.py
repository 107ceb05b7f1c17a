"""What both sides' handlers share: checked forms, redirects, the caller's address, one-line notices."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from litestar import Request, Response
from litestar.datastructures import FormMultiDict, UploadFile
from litestar.exceptions import ClientException, PermissionDeniedException
from litestar.response import Redirect

from app.core.crypto import same

FLASH = "__Host-flash"
MAX_FIELD = 20_000
SLOWEST = 10.0
AnyRequest = Request[Any, Any, Any]


class Form(Mapping[str, str]):
    """A posted form: text by name; a name sent twice is refused unless asked for with `many`."""

    def __init__(self, fields: Mapping[str, list[str]], files: Mapping[str, UploadFile] | None = None) -> None:
        self._fields = fields
        self._files = files or {}

    def __getitem__(self, name: str) -> str:
        values = self._fields[name]
        if len(values) != 1:
            raise ClientException(f"The field {name} was sent more than once.")
        return values[0].strip()

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def text(self, name: str) -> str:
        """The field, or empty text when it was not sent."""
        return self[name] if name in self._fields else ""

    def many(self, name: str) -> list[str]:
        """All values of a field that may be ticked several times."""
        return [value.strip() for value in self._fields.get(name, [])]

    def ticked(self, name: str) -> bool:
        """Whether a checkbox or switch was on."""
        return self.text(name).lower() in {"1", "on", "true", "yes"}

    async def file(self, name: str, limit: int) -> bytes | None:
        """An uploaded file's bytes, at most `limit` + 1 of them; None when nothing was chosen."""
        upload = self._files.get(name)
        content = await upload.read(limit + 1) if upload else b""
        return content or None


async def read_form(request: AnyRequest, expected_token: str, origin: str) -> Form:
    """The posted form, once origin and token are right.

    Raises PermissionDeniedException for a post that does not come from our own page.
    """
    check_origin(request, origin)
    data = await _posted(request)
    fields: dict[str, list[str]] = {}
    files: dict[str, UploadFile] = {}
    for name, value in data.multi_items():
        if isinstance(value, UploadFile):
            files[name] = value
        elif isinstance(value, str):
            if len(value) > MAX_FIELD:
                raise ClientException(f"The field {name} is too long.")
            fields.setdefault(name, []).append(value.replace("\x00", ""))
    sent = fields.pop("_csrf_token", [""])[0]
    if not same(sent, expected_token):
        raise PermissionDeniedException("This page was open for too long. Go back, reload it and try again.")
    return Form(fields, files)


async def _posted(request: AnyRequest) -> FormMultiDict:
    """The body as a form; a body that is none is a bad request, not a fault of ours."""
    try:
        async with _in_time():
            return await request.form()
    except (LookupError, UnicodeError, ValueError) as error:
        raise ClientException("The form could not be read.") from error


async def read_body(request: AnyRequest) -> bytes:
    """The raw body. Raises ClientException (408) when it takes longer than ten seconds to arrive."""
    async with _in_time():
        return await request.body()


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    """Nobody holds a request open by sending it slowly."""
    try:
        async with asyncio.timeout(SLOWEST):
            yield
    except TimeoutError as error:
        raise ClientException("This took too long to arrive.", status_code=408) from error


def check_origin(request: AnyRequest, origin: str) -> None:
    """Refuse a state-changing request that another site made the browser send."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    sent = request.headers.get("origin", "")
    # Some browsers say `null` for a form on a no-referrer page; the form token decides then.
    if site == "cross-site" or (sent and sent not in {"null", origin}):
        raise PermissionDeniedException("This request came from another site.")


def see_other(path: str, flash: str = "") -> Response[Any]:
    """303 to a path of ours or a vendor's page; `flash` is one line shown once on the next page."""
    response: Response[Any] = Redirect(path, status_code=303)
    if flash:
        response.set_cookie(FLASH, quote(flash), path="/", secure=True, httponly=True, samesite="lax", max_age=60)
    return response


def flash_of(request: AnyRequest) -> str:
    """The notice left by the last redirect, or empty text."""
    return unquote(request.cookies.get(FLASH, ""))[:200]


def local_path(text: str, fallback: str = "/invoices") -> str:
    """A path on this host that may be redirected to; anything else becomes the fallback."""
    plain = unquote(text)
    try:
        parts = urlsplit(plain)
    except ValueError:
        return fallback
    leads_away = plain.startswith("//") or "\\" in plain or parts.netloc or parts.scheme or not plain.isprintable()
    return text if plain.startswith("/") and not leads_away else fallback


def caller_address(request: AnyRequest, proxies: int) -> str:
    """Who is asking, for allowances: the address, or the /64 network of an IPv6 one, which a single caller owns whole.

    Behind `proxies` trusted proxies it is the entry that the outermost of them wrote; what comes before may be forged.
    """
    direct = request.client.host if request.client else ""
    lines = ",".join(request.headers.getall("x-forwarded-for", []))
    chain = [part.strip() for part in lines.split(",") if part.strip()]
    return _network(chain[-proxies] if proxies and len(chain) >= proxies else direct)


def _network(address: str) -> str:
    try:
        found = ip_address(address)
    except ValueError:
        return address[:64].replace("\x00", "")
    return str(ip_network(f"{found}/64", strict=False)) if found.version == 6 else str(found)
