"""The pages tell the truth: generated parts are up to date, verbs and links exist, one image serves every process."""

import dataclasses
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from app.settings import Settings
from scripts import build_docs
from tests.fixtures.process import ROOT, free_port

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
VERBS = set(re.findall(r"(?m)^([a-z-]+):.*## ", (ROOT / "Makefile").read_text()))
NAMES = [item.name.upper() for item in dataclasses.fields(Settings)]


def test_generated_pages_are_up_to_date():
    """What `make docs` would write is what stands there."""
    assert [] == [path.name for path, text in build_docs.pages().items() if path.read_text() != text]


@pytest.mark.parametrize("page", ["docs/operations.md", ".env.example"])
def test_every_setting_is_explained(page):
    """Each variable the code reads is in the operator's page and in the example."""
    text = (ROOT / page).read_text()
    assert [] == [name for name in NAMES if not re.search(rf"\b{name}\b", text)]


def test_every_setting_says_what_it_is():
    """A setting is explained in a sentence or two."""
    assert [] == [name for name, doc, _, _ in build_docs.settings() if len(doc) < 10]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_verbs_exist(page):
    """Each `make …` that a page names is a verb of the Makefile."""
    named = set(re.findall(r"(?m)(?:`|^\s*\$?\s*)make ([a-z-]+)", page.read_text()))
    assert named <= VERBS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    """Each relative link and picture of a page is there."""
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)|<img[^>]+src=\"([^\"]+)\"", page.read_text())
    here = [first or second for first, second in links if "://" not in first + second]
    assert [] == [link for link in here if not (page.parent / link).exists()]


def test_decisions_are_numbered_and_dated():
    """Each decision has its own number, a date and the same headings."""
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert len({path.name[:4] for path in records}) == len(records)
    for path in records:
        text = path.read_text()
        assert re.search(r"\*\*Decided\*\* \d{4}-\d\d-\d\d · \*\*State\*\* ", text), path.name
        assert [] == [head for head in ("Why", "Decision", "Instead of", "Then") if f"## {head}" not in text], path.name


def test_each_process_of_fly_is_a_command():
    """fly.toml starts web, worker and clock, migrates before, and gives them half a minute to stop."""
    fly = tomllib.loads((ROOT / "fly.toml").read_text())
    assert {name: f"payportal {name}" for name in ("web", "worker", "clock")} == fly["processes"]
    assert "payportal migrate" == fly["deploy"]["release_command"]
    assert ("SIGTERM", 30) == (fly["kill_signal"], fly["kill_timeout"])
    assert "/health/ready" == fly["http_service"]["checks"][0]["path"]


def test_image_tells_its_health(tmp_path: Path):
    """Docker is told when the web does not answer; a worker from the same image is well."""
    check = re.search(r"(?m)^HEALTHCHECK .*? CMD (.+)$", (ROOT / "Dockerfile").read_text().replace("\\\n", ""))
    assert check
    assert "/health/live" in check[1]
    env = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PORT": str(free_port())}
    ends = []
    for door in ("web", "worker"):
        (tmp_path / "cmdline").write_text(f"payportal\0{door}")
        shell = ["sh", "-c", check[1].replace("/proc/1/cmdline", "cmdline")]
        ends.append(subprocess.run(shell, check=False, env=env, cwd=tmp_path, capture_output=True).returncode)
    assert [1, 0] == ends


def test_checks_come_to_an_end(tmp_path: Path):
    """A check that hangs is ended, and counts as failed."""
    hangs = tmp_path / "make"
    hangs.write_text("#!/bin/sh\nexec sleep 60\n")
    hangs.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "CI_SECONDS": "1"}
    done = subprocess.run([ROOT / ".ci" / "run"], check=False, env=env, timeout=20)
    assert 124 == done.returncode


def test_image_copies_only_what_exists():
    """The Dockerfile copies paths of this repository, hashed requirements included, and does not run as root."""
    text = (ROOT / "Dockerfile").read_text()
    sources = [path for line in re.findall(r"(?m)^COPY (?!--from)(.+)$", text) for path in line.split()[:-1]]
    assert [] == [path for path in sources if not (ROOT / path).exists()]
    assert text.count("--require-hashes") == text.count("install --require-hashes -r requirements/")
    assert re.findall(r"(?m)^USER (\w+)$", text)[-1] == "payportal"
