"""`payportal demo`: the whole product on one machine. Secrets are made once and kept; the sandbox is a process of its own."""

import contextlib
import json
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

from cryptography.fernet import Fernet

from app.core.embedded import EmbeddedServer
from app.settings import Settings

Serve = Callable[[Settings], None]


def settings(base: Settings) -> Settings:
    """The demo's settings: what the environment says, with kept secrets and free ports where it says nothing."""
    folder = base.folder
    folder.mkdir(parents=True, exist_ok=True)
    kept = _kept(folder / "demo.json")
    port = _free(int(base.port), "PORT")
    sandbox_port = _free(int(base.sandbox_port), "SANDBOX_PORT", not_port=port)
    origin = f"http://localhost:{sandbox_port}"
    defaults = {
        "app_env": "demo",
        "data_dir": str(folder),
        "port": str(port),
        "sandbox_port": str(sandbox_port),
        "base_url": f"http://localhost:{port}",
        "xero_identity_url": f"{origin}/xero/identity",
        "xero_api_url": f"{origin}/xero/api",
        "xero_login_url": origin,
        "xero_app_url": f"{origin}/xero",
        "stripe_api_url": f"{origin}/stripe",
        "stripe_pages_url": origin,
        "stripe_connect_url": origin,
        "log_level": "WARNING" if base.log_level == "INFO" else base.log_level,
    }
    return replace(base, **defaults, **kept)


def forget(base: Settings) -> str:
    """Remove what the demo kept, and nothing else; says what happened."""
    folder = base.folder
    if not (folder / "demo.json").exists():
        return "There is no demo data here."
    if (folder / "postgres").exists():
        server = EmbeddedServer(folder / "postgres")
        shared = server.shared
        server.stop()
        if shared:
            return "The demo is running; stop it first (Ctrl-C)."
    for name in ("postgres", "sandbox"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "demo.json").unlink()
    return "The demo's data is gone; `make demo` starts afresh."


def run(chosen: Settings, serve: Serve) -> None:
    """Start the sandbox, tell it where the product lives, serve until interrupted."""
    with _sandbox(chosen) as smtp:
        ready = replace(chosen, smtp_url=smtp)
        threading.Thread(target=_introduce, args=(ready,), daemon=True).start()
        serve(ready)


def _kept(path: Path) -> dict[str, str]:
    """The demo's secrets, made at the first start."""
    if not path.exists():
        made = {
            "secret_key": secrets.token_urlsafe(48),
            "token_keys": Fernet.generate_key().decode(),
            "xero_client_id": secrets.token_hex(16).upper(),
            "xero_client_secret": secrets.token_urlsafe(36),
            "xero_webhook_key": secrets.token_urlsafe(64),
            "stripe_secret_key": f"sk_test_{secrets.token_hex(24)}",
            "stripe_webhook_secret": f"whsec_{secrets.token_hex(24)}",
            "stripe_thin_webhook_secret": f"whsec_{secrets.token_hex(24)}",
        }
        path.write_text(json.dumps(made, indent=1))
        path.chmod(0o600)
    kept: dict[str, str] = json.loads(path.read_text())
    return kept


def _free(wanted: int, name: str, not_port: int = 0) -> int:
    """The wanted port, or the next free one, saying so."""
    for port in range(wanted, wanted + 200):
        if port != not_port and _can_listen(port):
            if port != wanted:
                print(f"Port {wanted} ({name}) is taken; using {port}.", flush=True)
            return port
    sys.exit(f"No free port from {wanted} on; set {name}.")


def _can_listen(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.2):
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextlib.contextmanager
def _sandbox(chosen: Settings) -> Iterator[str]:
    """The sandbox as a process in a session of its own (so that Ctrl-C reaches it through us); yields its mail address.

    It ends with its standard input, so that a demo killed without a chance to say goodbye leaves none behind.
    """
    command = [sys.executable, "-m", "sandbox", "--port", chosen.sandbox_port, "--smtp-port", "0", "--until-eof"]
    process = subprocess.Popen(
        [*command, "--data-dir", str(chosen.folder / "sandbox")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield _addresses(process)
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()


def _addresses(process: "subprocess.Popen[str]") -> str:
    smtp = ""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("mail "):
            smtp = line.split()[1]
        if line.startswith("ready "):
            threading.Thread(target=_drain, args=(process.stdout,), daemon=True).start()
            return smtp
    sys.exit("The sandbox did not start; its message is above.")


def _drain(stream: Iterator[str]) -> None:
    for _ in stream:
        pass


def _introduce(chosen: Settings) -> None:
    """When the product answers: register it with the sandbox, then say that it is ready."""
    if not _wait_for(f"{chosen.base_url}/health/live"):
        print("The product did not come up within a minute; see the messages above.", flush=True)
        return
    _post(f"http://localhost:{chosen.sandbox_port}/_config", registration(asdict(chosen)))
    print(
        f"\nready {chosen.base_url}\n\n"
        f"  Open it and choose “Sign in with Xero”, then “Continue as Hannah Finch”: no password, it is a sandbox.\n"
        f"  The other side (Xero, Stripe and the mails): http://localhost:{chosen.sandbox_port}\n"
        f"  Stop with Ctrl-C; what you did is kept in {chosen.folder.name}.\n",
        flush=True,
    )


def registration(known: dict[str, str]) -> dict[str, object]:
    """What the sandbox must know about the product: what one types into Xero's and Stripe's portals."""
    base = known["base_url"]
    return {
        "xero": {
            "client_id": known["xero_client_id"],
            "client_secret": known["xero_client_secret"],
            "redirect_uris": [f"{base}/auth/xero/callback"],
            "webhook_url": f"{base}/webhooks/xero",
            "webhook_key": known["xero_webhook_key"],
        },
        "stripe": {
            "secret_key": known["stripe_secret_key"],
            "endpoints": [
                {"url": f"{base}/webhooks/stripe", "secret": known["stripe_webhook_secret"], "payload": "snapshot"},
                {
                    "url": f"{base}/webhooks/stripe/thin",
                    "secret": known["stripe_thin_webhook_secret"],
                    "payload": "thin",
                },
            ],
        },
        "product_url": base,
    }


def _wait_for(url: str) -> bool:
    for _ in range(600):
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return True
        time.sleep(0.1)
    return False


def _post(url: str, body: dict[str, object]) -> None:
    data = json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10):
        pass
