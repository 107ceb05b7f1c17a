"""The house rules that `make check` enforces hold for every tracked file, and would be noticed if they did not."""

import ast

import pytest

from scripts import check_tree
from tests.fixtures.process import ROOT

PATHS = check_tree.tracked()


@pytest.mark.parametrize("rule", check_tree.RULES, ids=lambda rule: rule.__name__)
def test_rule_holds(rule):
    """No tracked file breaks a rule of the house."""
    assert [] == list(rule(PATHS))


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ('<p style="color:red">', check_tree.inline_code),
        ('<a href="/" onclick="go()">', check_tree.inline_code),
        ("<script>go()</script>", check_tree.inline_code),
        ("root = '/" + "work/main'", check_tree.foreign_names),
        ("log = '/" + "tmp/x.log'", check_tree.foreign_names),
        ("url = 'https://py" + "pi.org/simple'", check_tree.foreign_names),
        ("# TO" + "DO later", check_tree.unfinished),
    ],
)
def test_rule_bites(line, rule, tmp_path, monkeypatch):
    """A line that breaks a rule is found."""
    page = tmp_path / "templates" / "page.html"
    page.parent.mkdir()
    page.write_text(f"<p>fine</p>\n{line}\n")
    monkeypatch.setattr(check_tree, "ROOT", tmp_path)
    assert 1 == len(list(rule(["templates/page.html"])))


@pytest.mark.parametrize(
    "line", ['<script src="/a.js" defer></script>', '<a href="/works/x" data-on="x">', "it is on = 1"]
)
def test_rule_spares_what_is_fine(line, tmp_path, monkeypatch):
    """Scripts with an address, data attributes and plain words are no breach."""
    page = tmp_path / "templates" / "page.html"
    page.parent.mkdir()
    page.write_text(line)
    monkeypatch.setattr(check_tree, "ROOT", tmp_path)
    assert [] == list(check_tree.inline_code(["templates/page.html"]))


def test_every_test_states_a_promise():
    """Each test opens with one sentence that says what it holds true."""
    silent = [
        f"{path}:{node.lineno} {node.name}"
        for path in PATHS
        if path.startswith("tests/") and path.rsplit("/", 1)[-1].startswith("test_")
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not (ast.get_docstring(node) or "").endswith(".")
    ]
    assert [] == silent


def test_only_settings_read_the_environment():
    """One file of the product and one of the sandbox read the environment; everybody else is told."""
    readers = {
        path
        for path in PATHS
        if path.startswith("src/") and path.endswith(".py")
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in {"environ", "getenv"}
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    }
    assert {"src/app/settings.py", "src/sandbox/config.py"} >= readers
