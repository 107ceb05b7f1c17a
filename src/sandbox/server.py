"""The web server: uvicorn, taught to reset a connection when a fault asks for it."""

from __future__ import annotations

import asyncio
import socket
import struct

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


def listen(host: str, port: int) -> socket.socket:
    """Bind before serving, so that port 0 is known; raises OSError when the port is taken."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    sock.listen(2048)
    return sock


async def serve(app: Gate, sock: socket.socket, ready: str) -> None:
    """Serve until SIGINT or SIGTERM; prints ``ready`` once requests are taken."""
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
    server = Server(config)
    task = asyncio.create_task(server.serve(sockets=[sock]))
    while not server.started and not task.done():
        await asyncio.sleep(0.01)
    if server.started:
        print(ready, flush=True)
    await task
