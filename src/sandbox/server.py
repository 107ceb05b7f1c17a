"""The web server: uvicorn, taught to reset a connection when a fault asks for it."""

from __future__ import annotations

import asyncio
import signal
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sandbox.gate import Gate


class Protocol(HttpToolsProtocol):
    """Gives each request's scope an ``abort(rudely)``: RST (rudely) or a plain early close."""

    def on_message_begin(self) -> None:
        """Called by the parser when a request starts."""
        super().on_message_begin()
        self.scope["extensions"] = {"sandbox.abort": self._abort}  # type: ignore[dict-item]

    def _abort(self, rudely: bool) -> None:
        if self.transport.is_closing():
            return
        if rudely:
            handle = self.transport.get_extra_info("socket")
            # Lingering for zero seconds makes close() send RST instead of FIN: the peer sees "connection reset".
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        else:
            self.transport.close()


class StoppableServer(Server):
    """Ends in order on SIGINT and SIGTERM, so that the process exits with 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Instead of uvicorn's, which raises the signal again once the server has stopped."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self._stop)
        yield

    def _stop(self) -> None:
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start serving and say so."""
        await super().startup(sockets)
        if self.started:
            print(self.ready, flush=True)

    ready = ""


def listen(host: str, port: int) -> socket.socket:
    """Bind before serving, so that port 0 is known; raises OSError when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Naming the protocol matters: asyncio sets TCP_NODELAY only on sockets that say they are TCP.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    sock.listen(2048)
    return sock


async def serve(app: Gate, sockets: list[socket.socket], ready: str) -> None:
    """Serve on each of these until SIGINT or SIGTERM; prints ``ready`` once requests are taken."""
    config = Config(
        app,
        http=Protocol,
        loop="none",
        log_level="warning",
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=2,
        server_header=False,
    )
    server = StoppableServer(config)
    server.ready = ready
    await server.serve(sockets=sockets)
