"""
The table of deaths in `docs/explanation/delivery.md` against the walk itself.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "explanation" / "delivery.md"
PIPELINE = ROOT / "databricks_forwarder" / "_pipeline.py"
# The walk, and what it has in rooms of their own.
WALK = (
    PIPELINE,
    PIPELINE.with_name("_announcing.py"),
    PIPELINE.with_name("_leftovers.py"),
)

PARTS = ("batcher.", "router.", "stager.", "loader.")
# What hands parts on, or writes files and notes itself.
BY_NAME = {
    "ask",
    "suppressions_of",
    "write_rows",
    "try_tables",
    "set_aside",
    "remove_folders",
    "remove_others",
}
NOTES = {"load.note", "load.note_staged", "load.failed"}
CRASHES = ROOT / "tests" / "journeys" / "test_crashes.py"
# Calls that the walk makes by another's hand.
BY_ANOTHER = {
    "batcher.erasures": "suppressions_of",
    "batcher.note": "load.note",
    "router.route": "ask",
}
# They have no effect of their own.
NAMED_ONLY = {"batcher.id", "router.group"}


def functions() -> list[ast.FunctionDef]:
    """
    List all functions of the walk.
    """
    return [
        node
        for path in WALK
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    ]


def effects(function: ast.FunctionDef) -> Iterator[str]:
    """
    Give what *function* calls, or hands on to be called, that has an effect.
    """
    for node in ast.walk(function):
        is_name = isinstance(node, (ast.Attribute, ast.Name))
        spelled = ast.unparse(node).removeprefix("self.") if is_name else ""
        is_of_a_part = spelled.startswith(PARTS) and spelled not in NAMED_ONLY
        if is_of_a_part or spelled in NOTES | BY_NAME:
            yield spelled


def rows() -> set[tuple[str, str]]:
    """
    Read the table: function and effect.
    """
    told = set()
    for cell in re.findall(r"^\| (`.+?) \|", PAGE.read_text(), re.MULTILINE):
        spelled = re.findall(r"`(?:self\.)?([^`]+)`", cell.partition(":")[0])
        names = {each.name for each in functions()}
        told |= {
            (function, effect)
            for function in spelled
            for effect in spelled
            if function in names and effect not in names
        }
    return told


def test_the_table_has_each_line_where_a_death_may_fall() -> None:
    """
    The table of deaths names each effect of the walk, where it stands.
    """
    expected = {
        (function.name, effect)
        for function in functions()
        for effect in effects(function)
    }

    assert expected == rows()


def test_each_call_that_is_died_beside_is_told() -> None:
    """
    The table has each call beside which the crash tests have a process die.
    """
    (calls,) = (
        ast.literal_eval(node.value)
        for node in ast.parse(CRASHES.read_text()).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CALLS"
    )
    spelled = [f"{part}.{method}" for part, method in calls]
    told = {effect for _, effect in rows()}

    assert [] == [each for each in spelled if BY_ANOTHER.get(each, each) not in told]


def test_a_step_can_be_read_in_one_sitting() -> None:
    """
    No function of the walk is over 25 lines, its docstring aside.
    """
    lengths = {}
    for function in functions():
        said = ast.get_docstring(function, clean=False)
        body = function.body[1:] if said else function.body
        last = function.end_lineno or 0
        lengths[function.name] = last - body[0].lineno + 1

    assert [] == [name for name, length in lengths.items() if length > 25]
    assert len(PIPELINE.read_text().splitlines()) <= 300
