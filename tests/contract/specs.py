"""Recorded exchanges, and the published descriptions they are held against.

The descriptions are Xero's OpenAPI files and the types of Stripe's own library, in ../shared/specs beside the repository.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SPECS = ROOT.parent / "shared" / "specs"
needs_specs = pytest.mark.skipif(
    not SPECS.exists(), reason="the platforms' specs (../shared/specs) are not beside this checkout"
)


@dataclass(frozen=True)
class Exchange:
    """A request and its answer, as the sandbox recorded them."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str | None
    status: int
    answer_headers: dict[str, str]
    answer: str | None

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Exchange":
        """From a row of the sandbox's recording."""
        sent, told = row["headers"], row["answer"]
        return cls(
            row["method"], row["path"], row["query"], sent, row["body"], told["status"], told["headers"], told["body"]
        )

    @property
    def params(self) -> list[tuple[str, str]]:
        """The query's parameters, in their order."""
        return parse_qsl(self.query, keep_blank_values=True)

    def __str__(self) -> str:
        return f"{self.method} {self.path}{'?' if self.query else ''}{self.query[:200]} → {self.status}"


def read_yaml(name: str) -> Any:
    """One of Xero's OpenAPI files."""
    return yaml.load((SPECS / "xero" / name).read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def read_json(name: str) -> Any:
    """One of the files about Stripe."""
    return json.loads((SPECS / "stripe" / name).read_text())


def json_of(text: str) -> Any:
    """The JSON in a body; the text itself when it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def nothing_wrong(problems: Iterable[str]) -> None:
    """AssertionError with every "exchange: rule" there is, each once."""
    found = sorted(set(problems))
    assert not found, "\n" + "\n".join(found)
