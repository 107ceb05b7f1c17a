"""Break the money rooms on purpose, a little at a time, and count what no test notices: `make mutation`.

ROOM names one room (default: all), SAMPLE how many of its mutants are tried (drawn by SEED; 0: every one), CHILDREN how many at
a time. mutmut makes the mutants and runs, for each, the tests that reach the function it changed. All happens in a copy of
the committed tree, beside one PostgreSQL and one sandbox that serve every mutant. What survived is left in
build/mutation/<room>.txt; docs/mutation.md holds the last report and what was thought of the survivors.
"""

import ast
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mutmut.configuration import reset_config
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.stats import status_by_exit_code
from mutmut.utils.format_utils import get_mutant_name

from tests.fixtures.database import TEMPLATE, migrate, serving
from tests.fixtures.process import ROOT
from tests.fixtures.sandbox import running

CAUGHT = {"killed", "timeout", "segfault"}
ALSO = "bench docs requirements scripts static templates piccolo_conf.py Makefile README.md CHANGELOG.md"


@dataclass(frozen=True)
class Room:
    """Files to break, and the tests that are to notice (paths under tests/)."""

    files: str
    tests: str


ROOMS = {
    "money": Room("app/core/money payportal/amounts", "unit/test_money unit/test_core properties/test_money"),
    "signature": Room(
        "app/clients/stripe_webhooks app/web/webhooks:signed_by_xero app/core/tokens app/core/crypto "
        "app/merchants/pay_now app/core/http:read_form,_posted,check_origin",
        "unit/test_signatures unit/test_clients_stripe unit/test_core rooms/test_business",
    ),
    "states": Room("app/core/states", "rooms/test_states rooms/test_states_exact unit/test_core"),
    "ledger": Room(
        "app/books/ledger app/books/payouts",
        "rooms/test_ledger_exact rooms/test_payouts_exact rooms/test_unheard_exact rooms/test_ledger rooms/test_payouts",
    ),
    "intents": Room(
        "app/books/intents app/books/intents_requests",
        "rooms/test_intents_exact rooms/test_requests_exact rooms/test_foreign_exact rooms/test_payouts_exact "
        "rooms/test_crediting_exact",
    ),
    "outcome": Room(
        "app/books/writeback/classify app/books/writeback/keys app/books/writeback/outcome app/books/writeback/parked "
        "app/books/writeback/rows app/books/writeback/verdict app/books/writeback/words",
        "rooms/test_outcome_exact rooms/test_parked_exact unit/test_writeback_words",
    ),
    "writeback": Room(
        "app/books/writeback/beside app/books/writeback/calls app/books/writeback/crediting app/books/writeback/paying "
        "app/books/writeback/reversals app/books/writeback/search app/books/writeback/sending app/books/writeback/twins",
        "rooms/test_beside_exact rooms/test_calls_exact rooms/test_crediting_exact rooms/test_giving_back_exact "
        "rooms/test_looking_exact rooms/test_paying_exact rooms/test_reversals_exact rooms/test_sending_exact "
        "rooms/test_twins_exact",
    ),
    "choices": Room("app/books/writeback/choices", "rooms/test_choices_exact rooms/test_redating_exact"),
}


def main() -> int:
    """Try the rooms that the environment names, one after another."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # told to stop, nothing is left running
    chosen = os.environ.get("ROOM", "").split() or list(ROOMS)
    with tempfile.TemporaryDirectory() as scratch, _servers(Path(scratch)):
        copy = Path(scratch) / "copy"
        copy.mkdir()
        archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
        subprocess.run(["tar", "-x"], cwd=copy, check=True, input=archive)
        (copy / ".venv").symlink_to(Path(sys.prefix))
        os.chdir(copy)
        for name in chosen:
            _try_room(name, ROOMS[name])
    return 0


@contextmanager
def _servers(folder: Path) -> Iterator[None]:
    """One PostgreSQL and one sandbox for all mutants; the fixtures find them in the environment."""
    with serving() as postgres, running(folder) as sandbox:
        postgres.run(f'CREATE DATABASE "{TEMPLATE}"')
        migrate(postgres.url(TEMPLATE), folder)
        os.environ |= {"TEST_POSTGRES": str(postgres.folder), "TEST_SANDBOX": f"{sandbox.url} {sandbox.smtp_url}"}
        yield


def _try_room(name: str, room: Room) -> None:
    started = time.monotonic()
    _configure(room)
    found = [one for file in room.files.split() for one in _mutants(*file.partition(":")[::2])]
    size, seed = (int(os.environ.get(key) or 0) for key in ("SAMPLE", "SEED"))
    tried = sorted(random.Random(seed).sample(found, size)) if 0 < size < len(found) else found  # noqa: S311 - a draw, no secret
    command = [
        str(Path(sys.executable).with_name("mutmut")),
        "run",
        "--max-children",
        os.environ.get("CHILDREN") or "1",
    ]
    subprocess.run([*command, *tried], check=True)
    _report(name, found, tried, time.monotonic() - started)
    subprocess.run(["rm", "-rf", "mutants"], check=True)


def _sources(file: str) -> list[Path]:
    return sorted(path for path in Path("src").glob(f"{file}.py") if path.name != "__init__.py")


def _mutants(file: str, functions: str) -> Iterator[str]:
    """The mutants of a file (of those functions, if any are named), without those that cannot be told from the original."""
    reset_config()
    for path in _sources(file):
        made = mutate_file_contents(str(path), path.read_text())
        bodies = {
            node.name: node
            for node in ast.walk(ast.parse(made.code))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        for name in made.mutant_names:
            function = name.rpartition("__mutmut_")[0]
            wanted = not functions or function.removeprefix("x_") in functions.split(",")
            if wanted and not _same_sql(bodies[f"{function}__mutmut_orig"], bodies[name]):
                yield get_mutant_name(path, name)


def _same_sql(original: ast.AST, mutant: ast.AST) -> bool:
    """Whether they differ by nothing but the case of SQL, in which PostgreSQL sees no difference outside of quotes."""
    words = [
        [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        for tree in (original, mutant)
    ]
    if len(words[0]) != len(words[1]):
        return False
    changed = [(old, new) for old, new in zip(*words, strict=True) if old != new]
    quoted = re.compile(r"'[^']*'")
    return bool(changed) and all(
        re.search(r"\b(SELECT|UPDATE|INSERT|RETURNING|WHERE|FOR NO KEY)\b", old)
        and old.lower() == new.lower()
        and quoted.findall(old) == quoted.findall(new)
        for old, new in changed
    )


def _configure(room: Room) -> None:
    """What mutmut is to do in a room, into the copy's pyproject.toml. Lines that only log are left alone."""
    files = [str(path) for file in room.files.split() for path in _sources(file.partition(":")[0])]
    tests = [
        path for test in room.tests.split() for path in (f"tests/{test}.py", f"tests/{test}") if Path(path).exists()
    ]
    settings = {
        "source_paths": ["src"], "only_mutate": files, "also_copy": ALSO.split(),
        "pytest_add_cli_args_test_selection": tests, "pytest_add_cli_args": ["-p", "no:cacheprovider"],
        "do_not_mutate_patterns": [r"^\s*log\."], "use_git_change_detection": False, "track_dependencies": False,
        "timeout_multiplier": 4.0, "timeout_constant": 15.0,
    }  # fmt: skip
    plain = Path("pyproject.toml").read_text().partition("\n[tool.mutmut]")[0]
    lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in settings.items())
    Path("pyproject.toml").write_text(f"{plain}\n[tool.mutmut]\n{lines}\n")


def _report(name: str, found: list[str], tried: list[str], seconds: float) -> None:
    verdicts: dict[str, str] = {}
    for meta in Path("mutants").rglob("*.meta"):
        codes = json.loads(meta.read_text())["exit_code_by_key"]
        verdicts |= {key: status_by_exit_code[code] for key, code in codes.items() if key in set(tried)}
    killed = [key for key in tried if verdicts[key] in CAUGHT]
    left = [key for key in tried if verdicts[key] not in CAUGHT]
    share = 100 * len(killed) / max(len(tried), 1)
    line = f"{name}: {len(found)} mutants, {len(tried)} tried, {len(killed)} killed ({share:.1f} %), {seconds:.0f} s"
    folder = ROOT / "build" / "mutation"
    folder.mkdir(parents=True, exist_ok=True)
    told = "\n".join(f"{key}: {verdicts[key]}\n{get_diff_for_mutant(key)}" for key in left)
    (folder / f"{name}.txt").write_text(f"{line}\n\n{told}")
    counts = dict.fromkeys(sorted({key.rpartition(".")[0] for key in tried}), (0, 0))
    for key in tried:
        path = key.rpartition(".")[0]
        counts[path] = (counts[path][0] + 1, counts[path][1] + (key in killed))
    (folder / f"{name}.json").write_text(json.dumps({"line": line, "modules": counts, "verdicts": verdicts}, indent=1))
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
