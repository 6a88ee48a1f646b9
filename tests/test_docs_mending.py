"""
What the page on mending quotes is what the library says.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from databricks_forwarder._backoff import pause_seconds
from databricks_forwarder.errors import SetupError, TransientError

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/how-to/mend-what-is-wrong.md").read_text(encoding="utf-8")

_SAID = re.compile(r"^\| (`[^|]+) \|", re.MULTILINE)
_QUOTED = re.compile(r"`([^`]+ [^`]+)`")
_WAIT = re.compile(
    r"^\| .*? \| (\d+) seconds? \| .*? \| (\d+) minutes \|$", re.MULTILINE
)


def quoted() -> list[str]:
    """
    List the sentences in the first columns.
    """
    return [each for cell in _SAID.findall(PAGE) for each in _QUOTED.findall(cell)]


def said_in(tree: ast.AST) -> Iterator[str]:
    """
    Give the texts of a module, with a gap where a value is put in.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "\0".join(
                str(each.value)
                for each in node.values
                if isinstance(each, ast.Constant)
            )


SAID = "\0".join(
    text
    for path in sorted((ROOT / "databricks_forwarder").rglob("*.py"))
    for text in said_in(ast.parse(path.read_text(encoding="utf-8")))
)


@pytest.mark.parametrize("sentence", quoted())
def test_each_sentence_that_is_quoted_is_said(sentence: str) -> None:
    """
    Each part between two gaps is in one text of the library.
    """
    parts = [each.strip() for each in sentence.split("…") if each.strip()]

    assert max(map(len, parts)) >= 8
    assert [] == [each for each in parts if each not in SAID]


def test_sentences_are_found_on_the_page() -> None:
    """
    The page has a sentence for each thing that goes wrong.
    """
    assert len(quoted()) > 25


def test_waits_are_those_that_are_told() -> None:
    """
    The first wait and the longest, of what a person must mend and of the rest.
    """
    waits = [
        (
            pause_seconds(error, 1, jitter=1.0),
            pause_seconds(error, 100, jitter=1.0) / 60,
        )
        for error in (SetupError("s"), TransientError("t"))
    ]

    assert waits == [(int(a), int(b)) for a, b in _WAIT.findall(PAGE)]
