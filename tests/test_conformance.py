"""
The table of conformance names tests, and the tests are there.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "conformance.md"
_ROW = re.compile(r"^\| (M\d+) \| (.+?) \| (held|to come) \|(.*?)\|$", re.MULTILINE)
ROWS = {
    line: (state, tests) for line, _, state, tests in _ROW.findall(PAGE.read_text())
}
NAMED = sorted(
    {test for _, tests in ROWS.values() for test in re.findall("`(.+?)`", tests)}
)


@cache
def names_in(path: str) -> frozenset[str]:
    """
    List the tests of a file: ``test``, or ``Class::test``.

    Of a module of the package its classes are asked: a contract inherits tests.
    """
    if path.startswith("databricks_forwarder/"):
        module = import_module(path.removesuffix(".py").replace("/", "."))
        return frozenset(
            f"{name}::{test}"
            for name in module.__all__
            for test in dir(getattr(module, name))
        )
    found = set()
    for node in ast.parse((ROOT / path).read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {
                f"{node.name}::{inner.name}"
                for inner in node.body
                if isinstance(inner, ast.FunctionDef)
            }
    return frozenset(found)


def test_every_line_has_its_row() -> None:
    """
    The table has one row for each line from M1 to M17, in order.
    """
    assert [f"M{number}" for number in range(1, 18)] == list(ROWS)


@pytest.mark.parametrize("line", sorted(ROWS))
def test_a_line_that_is_held_names_a_test(line: str) -> None:
    """
    What is said to be held is held by at least one test.
    """
    state, tests = ROWS[line]

    assert state == "to come" or "::" in tests


@pytest.mark.parametrize("test", NAMED)
def test_each_named_test_is_there(test: str) -> None:
    """
    A test that the table names can be found under its name.
    """
    path, _, name = test.partition("::")

    assert name in names_in(path)
