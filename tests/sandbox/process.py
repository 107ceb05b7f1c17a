"""The sandbox as a process of its own, driven over its control API."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]


class Sandbox:
    """A running ``python -m sandbox``; ``kill`` and ``start`` make a restart on the same data."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir, self.port = data_dir, 0
        self.browsers: list[httpx.Client] = []
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "sandbox", "--port", str(self.port), "--data-dir", str(self.data_dir)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT / "src")
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("mail "):
                self.smtp_port = int(line.rsplit(":", 1)[1])
            if line.startswith("ready "):
                self.url = line.removeprefix("ready ").strip()
                self.port = int(self.url.rsplit(":", 1)[1])
                break
        self.http = httpx.Client(base_url=self.url, timeout=30, verify=False)

    def browser(self) -> httpx.Client:
        """A cookie jar of its own; closed with the test."""
        self.browsers.append(httpx.Client(base_url=self.url, timeout=30, verify=False))
        return self.browsers[-1]

    def close_browsers(self) -> None:
        while self.browsers:
            self.browsers.pop().close()

    def kill(self) -> None:
        """Kill it as the worst day would."""
        self.process.kill()
        self._gone()

    def stop(self) -> None:
        """SIGTERM and wait."""
        self.process.terminate()
        self._gone()

    def _gone(self) -> None:
        self.process.wait(10)
        self.http.close()
        self.close_browsers()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """A call to the control API that must succeed."""
        answer = self.http.request(method, path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def config(self, **xero: Any) -> None:
        """Change the Xero app's registration."""
        self.control("POST", "/_config", {"xero": xero})
