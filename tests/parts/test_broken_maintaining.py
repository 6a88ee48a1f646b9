"""
Each clause of maintaining finds a part that breaks it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
from contract_runner import failing_clauses
from deltalake import DeltaTable
from maintaining import OverLake

from databricks_forwarder.loaders.delta import DeltaLoader
from databricks_forwarder.maintenance import Done, SmallFiles, TableLayout
from databricks_forwarder.model import TableName


class CountsNothing(DeltaLoader):
    """
    L11: knows of no small file.
    """

    def small_files(self) -> SmallFiles:
        """
        Tell nothing.
        """
        return SmallFiles()


class LooksAtOne(DeltaLoader):
    """
    L11: tells of a table only.
    """

    def layouts(self, *args: Any, at: Any) -> Sequence[TableLayout]:
        """
        Leave out all but the first.
        """
        return super().layouts(*args, at=at)[:1]


class StopsAtProblems(DeltaLoader):
    """
    L11: raises what one table has.
    """

    def layouts(self, *args: Any, at: Any) -> Sequence[TableLayout]:
        """
        Raise the first problem.
        """
        found = super().layouts(*args, at=at)
        for each in found:
            if each.problem:
                raise RuntimeError(each.problem)
        return found


class ForgetsRows(DeltaLoader):
    """
    L12: loses rows by compacting.
    """

    def maintain(self, table: TableName, work: Any, /) -> Done:
        """
        Delete the first load's.
        """
        done = super().maintain(table, work)
        if work == "compact":
            DeltaTable(str(self.path(table))).delete("_offset = 0")
        return done


class VacuumsAtOnce(DeltaLoader):
    """
    L13: takes what is unused now.
    """

    def maintain(self, table: TableName, work: Any, /) -> Done:
        """
        Keep nothing.
        """
        if work != "vacuum":
            return super().maintain(table, work)
        DeltaTable(str(self.path(table))).vacuum(
            0, dry_run=False, enforce_retention_duration=False
        )
        return Done()


class CountsTwice(DeltaLoader):
    """
    L11: tells more files than there are.
    """

    def layouts(self, *args: Any, at: Any) -> Sequence[TableLayout]:
        """
        Double them.
        """
        found = super().layouts(*args, at=at)
        return [attrs.evolve(each, file_count=2 * each.file_count) for each in found]


@pytest.mark.parametrize(
    ("part", "clauses"),
    [
        (DeltaLoader, set()),
        (CountsNothing, {"L11"}),
        (CountsTwice, {"L11", "L12"}),
        (LooksAtOne, {"L11"}),
        (StopsAtProblems, {"L11"}),
        (ForgetsRows, {"L12", "L13"}),
        (VacuumsAtOnce, {"L13"}),
    ],
)
def test_a_broken_loader_fails_in_the_clause_it_breaks(
    part: type[DeltaLoader], clauses: set[str], tmp_path: Path
) -> None:
    """
    Each breach is found by the tests of its clause.
    """
    contract = type("Examined", (OverLake,), {"part": part})

    assert clauses == failing_clauses(contract, tmp_path)
