"""A small real HTTP server that takes webhooks and can be told how to answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Received:
    """One request as it arrived."""

    def __init__(self, headers: dict[str, str], body: bytes) -> None:
        self.headers, self.body = headers, body


class Receiver:
    """``answer`` decides status, body and headers; ``got`` lists what arrived."""

    def __init__(self) -> None:
        self.got: list[Received] = []
        self.answer: Callable[[Received], tuple[int, bytes, dict[str, str]]] = lambda _one: (200, b"", {})
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("content-length", 0))
                one = Received({k.lower(): v for k, v in self.headers.items()}, self.rfile.read(length))
                receiver.got.append(one)
                status, body, headers = receiver.answer(one)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def wait_for(self, count: int, seconds: float = 10) -> list[Received]:
        """The first ``count`` requests; fails when they do not come."""
        end = time.monotonic() + seconds
        while len(self.got) < count:
            assert time.monotonic() < end, f"{len(self.got)} of {count} requests came"
            threading.Event().wait(0.01)
        return self.got[:count]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
