"""
Each clause of the batcher's contract finds a batcher that breaks it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from broken_batchers import BROKEN, RecallsNothing
from contract_runner import failing_clauses
from memory_examination import MemoryBatcherExamination

from databricks_forwarder.batchers.memory import MemoryBatcher

if TYPE_CHECKING:
    from pathlib import Path


def _examination_of(kind: type[MemoryBatcher]) -> type:
    return type("Examination", (MemoryBatcherExamination,), {"part": kind})


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_batcher_fails_the_tests_of_its_clause(
    name: str, tmp_path: Path
) -> None:
    """
    A batcher with one fault fails where that clause is examined.
    """
    failing = failing_clauses(_examination_of(BROKEN[name]), tmp_path)

    assert name in failing
    assert failing != set(BROKEN)


@pytest.mark.parametrize("kind", [MemoryBatcher, RecallsNothing])
def test_a_whole_batcher_fails_no_clause(
    kind: type[MemoryBatcher], tmp_path: Path
) -> None:
    """
    The same examination finds nothing in a batcher without a fault.
    """
    failing = failing_clauses(_examination_of(kind), tmp_path)

    assert set() == failing


def test_each_clause_has_a_test() -> None:
    """
    The contract carries a test for each clause that can be broken here.
    """
    examination = MemoryBatcherExamination
    tests = [getattr(examination, name) for name in dir(examination)]
    clauses = {test.clause for test in tests if hasattr(test, "clause")}

    assert set(BROKEN) == clauses
