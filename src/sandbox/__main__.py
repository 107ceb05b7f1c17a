"""``python -m sandbox --port P --smtp-port M --data-dir D``: serves until interrupted; prints ``ready http://localhost:P``."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading

from sandbox.app import create_app
from sandbox.config import Config, Options, parse_options
from sandbox.server import listen, serve
from sandbox.snippets import printed
from sandbox.store import Store
from sandbox.world import World


async def run(options: Options) -> None:
    """Open the ports and the store, then serve; raises OSError when a port is taken."""
    sock = listen(options.host, options.port)
    port = sock.getsockname()[1]
    own = {"xero": options.xero_port, "stripe": options.stripe_port}
    roots = {name: listen(options.host, wanted) for name, wanted in own.items() if wanted is not None}
    options.data_dir.mkdir(parents=True, exist_ok=True)
    world = World(Store(options.data_dir / "sandbox.sqlite"), options.url(port))
    app = create_app(world)
    smtp = await world.mail.listen(options.host, options.smtp_port)
    smtp_port = smtp.sockets[0].getsockname()[1]
    print(f"mail smtp://localhost:{smtp_port}", flush=True)
    for name, root in roots.items():
        print(f"{name} http://localhost:{root.getsockname()[1]}", flush=True)
    if options.until_eof:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    try:
        await serve(app, [sock, *roots.values()], f"ready {world.base_url}")
    finally:
        smtp.close()


def _end_with_stdin() -> None:
    """Whoever started us holds the other end: when it closes, also because they were killed, we end in order."""
    while os.read(sys.stdin.fileno(), 4096):  # not through its buffer, whose lock would be held at shutdown
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """The command."""
    logging.basicConfig(level=logging.WARNING)
    for talkative in ("mail.log", "litestar", "asyncio"):  # aiosmtpd tells of every line it hears
        logging.getLogger(talkative).setLevel(logging.WARNING)
    options = parse_options(sys.argv[1:])
    if options.snippets:
        print(printed(options.url(options.port), Config().stripe.secret_key))
        return
    try:
        asyncio.run(run(options))
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as problem:
        sys.exit(f"sandbox: {problem}")


if __name__ == "__main__":
    main()
