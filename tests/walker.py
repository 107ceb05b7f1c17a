"""A browser without scripts and without pictures: follows links, fills forms, keeps cookies. Quick enough for every test."""

import re
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

Fields = dict[str, str]


class Form:
    """A form on a page: where it goes, what it would send, which buttons it has."""

    def __init__(self, action: str, method: str) -> None:
        self.action, self.method = action, method
        self.fields: Fields = {}
        self.buttons: list[tuple[str, str, str]] = []  # words, name, value


class Reader(HTMLParser):
    """Collects forms, radio labels and the words of buttons."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.by_id: dict[str, Form] = {}
        self._form: Form | None = None
        self._button: tuple[Form, str, str, str] | None = None
        self._select = ""
        self._first = False
        self._area = ""
        self.links: list[tuple[str, str]] = []
        self._link: list[str] | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(found.get("action", ""), found.get("method", "get"))
            self.forms.append(self._form)
            self.by_id[found.get("id", "")] = self._form
        elif tag == "a":
            self._link = [found.get("href", ""), ""]
        form = self.by_id.get(found.get("form", "-"), self._form)
        if form is not None:
            self._field(form, tag, found)

    def _field(self, form: Form, tag: str, found: Fields) -> None:
        name, kind = found.get("name", ""), found.get("type", "text")
        if tag == "input" and name and (kind not in {"radio", "checkbox"} or "checked" in found):
            form.fields[name] = found.get("value", "on" if kind == "checkbox" else "")
        elif tag == "button":
            self._button = (form, name, found.get("value", ""), found.get("aria-label", ""))
        elif tag == "select":
            self._select, self._first = name, True
            form.fields[name] = ""
        elif tag == "option" and self._select and ("selected" in found or self._first):
            form.fields[self._select], self._first = found.get("value", ""), False
        elif tag == "textarea":
            self._area = name
            form.fields[name] = ""

    def handle_data(self, data: str) -> None:
        if self._button:
            form, name, value, words = self._button
            self._button = (form, name, value, words + data)
        if self._area and self._form:
            self._form.fields[self._area] += data
        if self._link:
            self._link[1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "button" and self._button:
            form, name, value, words = self._button
            form.buttons.append((" ".join(words.split()), name, value))
            self._button = None
        elif tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._area = ""
        elif tag == "a" and self._link:
            self.links.append((" ".join(self._link[1].split()), self._link[0]))
            self._link = None


class Walker:
    """Somebody at a browser. `page` is the last answer, redirects followed."""

    def __init__(self) -> None:
        hooks: dict[str, list[Any]] = {"request": [self._send_cookies], "response": [self._keep_cookies]}
        one_by_one = httpx.Limits(max_keepalive_connections=0)  # nothing to close when the walk is over
        self.http = httpx.Client(follow_redirects=True, timeout=30, event_hooks=hooks, limits=one_by_one)
        self.cookies: Fields = {}
        self.page: httpx.Response = httpx.Response(200)

    def _send_cookies(self, request: httpx.Request) -> None:
        """As browsers do, who treat http://localhost as a safe place for Secure cookies; httpx does not."""
        request.headers.pop("cookie", None)
        if self.cookies:
            request.headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def _keep_cookies(self, response: httpx.Response) -> None:
        for line in response.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.coded_value

    @property
    def text(self) -> str:
        return self.page.text

    @property
    def path(self) -> str:
        return self.page.url.path

    def open(self, url: str) -> httpx.Response:
        """Go to an address, absolute or on the page's host."""
        self.page = self.http.get(self._absolute(url))
        return self.page

    def follow(self, words: str) -> httpx.Response:
        """Follow the first link with these words in it."""
        for said, href in Reader(self.text).links:
            if words in said:
                return self.open(href)
        raise AssertionError(f"No link {words!r} on {self.page.url}")

    def press(self, words: str, **fields: str) -> httpx.Response:
        """Press the first button whose words begin so, with the form as it stands and these fields typed in."""
        for form in Reader(self.text).forms:
            for said, name, value in form.buttons:
                if re.match(re.escape(words), said):
                    sent = form.fields | ({name: value} if name else {}) | fields
                    return self.send(form, sent)
        raise AssertionError(f"No button {words!r} on {self.page.url} ({self.page.status_code}):\n{self.text[:3000]}")

    def send(self, form: Form, fields: Fields) -> httpx.Response:
        """Send a form as a browser would, with the headers that tell where it came from."""
        here = urlsplit(str(self.page.url))
        url = self._absolute(form.action or str(self.page.url))
        headers = {"origin": f"{here.scheme}://{here.netloc}", "sec-fetch-site": "same-origin"}
        if form.method.lower() == "post":
            self.page = self.http.post(url, data=fields, headers=headers)
        else:
            self.page = self.http.get(url, params=fields)
        return self.page

    def _absolute(self, url: str) -> str:
        return urljoin(str(self.page.request.url), url) if self._started else url

    @property
    def _started(self) -> bool:
        try:
            return bool(self.page.request)
        except RuntimeError:
            return False
