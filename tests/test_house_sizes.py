"""
How large modules and functions of the package may be.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

import pytest

PACKAGE = Path(__file__).parents[1] / "databricks_forwarder"
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))

MOST_LINES = 300
MOST_LINES_OF_A_BODY = 25

# Module → most lines, and why it is not parted.
LARGE = {
    "_forwarder.py": (400, "the front door, and what puts its parts together"),
    "batchers/sqlite.py": (400, "layout and invariants are told where they are kept"),
    "mparticle/batch.py": (730, "the only description of a batch"),
    "abilities.py": (650, "what parts may offer besides, on one page"),
    "protocols.py": (410, "the specification, to be read in one sitting"),
    "model.py": (520, "the values in the order of the walk, on one page"),
    "facts.py": (590, "one catalogue of all that observers are told"),
    "settings.py": (490, "what a user fills in, each check beside its field"),
}


def line_count(module: str) -> int:
    """
    Count the lines of a module of the package.
    """
    return len((PACKAGE / module).read_text().splitlines())


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """
    Count the lines of a function's body behind its docstring.
    """
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    if not body:
        return 0
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def bodies() -> Iterator[int]:
    """
    Count the lines of the body of each function of the package that has one.
    """
    for module in MODULES:
        for node in ast.walk(ast.parse((PACKAGE / module).read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = body_lines(node)
                if lines:
                    yield lines


@pytest.mark.parametrize("module", MODULES)
def test_a_module_fits_its_room(module: str) -> None:
    """
    A module has 300 lines at most, or what an exception with a reason allows.
    """
    most, _ = LARGE.get(module, (MOST_LINES, ""))

    assert line_count(module) <= most


@pytest.mark.parametrize("module", LARGE)
def test_no_exception_outlives_its_need(module: str) -> None:
    """
    A module that fits, or is gone, is excepted no more.
    """
    assert line_count(module) > MOST_LINES


def test_nine_functions_of_ten_fit_a_screen() -> None:
    """
    Nine functions of ten have a body of 25 lines at most.
    """
    *_, ninth = quantiles(bodies(), n=10)

    assert ninth <= MOST_LINES_OF_A_BODY


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ('def f():\n    """\n    Nothing.\n    """\n', 0),
        ('def f():\n    """\n    One.\n    """\n    return (\n        1\n    )\n', 3),
        ("async def f():\n    a = 1\n\n    return a\n", 3),
    ],
)
def test_a_body_is_what_follows_the_docstring(source: str, lines: int) -> None:
    """
    Of a function's lines those of its signature and docstring do not count.
    """
    (function,) = ast.parse(source).body
    assert isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))

    assert lines == body_lines(function)
