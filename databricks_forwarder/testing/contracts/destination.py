"""
What a stager and a loader must do together, clause by clause.

D1. What was staged can be loaded. D2. Rows stay after discard. D3. `check`
imitates real work, leaves nothing behind, and tells a set-up mistake in one
sentence that a person can act on.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import pytest

from databricks_forwarder.model import LoadResult, StagedFile, TableName
from databricks_forwarder.testing.contracts._clause import Contract, clause
from databricks_forwarder.testing.contracts._samples import (
    LOAD,
    NARROW,
    Row,
    parquet_file,
    rows,
)

if TYPE_CHECKING:
    from databricks_forwarder.protocols import Loader, Stager

__all__ = ["DestinationContract"]

_TABLE = TableName("ecomm_größe")


class DestinationContract(Contract):
    """
    The clauses D1 to D3.
    """

    @abstractmethod
    def open(self) -> tuple[Stager, Loader]:
        """
        Make both over the test's storage, as a new process sees it.
        """

    @abstractmethod
    def rows(self, table: TableName) -> list[Row]:
        """
        Back door: the rows of *table*, not through the loader.
        """

    @abstractmethod
    def misplaced(self) -> Loader | None:
        """
        Make a loader with a mistake in its set-up; None if none can be made.
        """

    @clause("D1")
    def test_d1_what_was_staged_can_be_loaded(self) -> None:
        """
        The loader reads what the stager staged, at the URI that it gave.
        """
        result = self._carry()

        assert (LoadResult(3), rows(0, 3)) == (result, self._held())

    @clause("D2")
    def test_d2_rows_stay_after_discard(self) -> None:
        """
        A discarded load's rows stay in their table.
        """
        self._carry()
        stager, _ = self.open()
        stager.discard(LOAD)

        assert rows(0, 3) == self._held()

    @clause("D2")
    def test_d2_a_load_staged_again_is_known(self) -> None:
        """
        A load that was loaded and discarded is a repeat when it comes again.
        """
        self._carry()
        stager, _ = self.open()
        stager.discard(LOAD)
        result = self._carry()

        assert (LoadResult(3, was_repeat=True), rows(0, 3)) == (result, self._held())

    @clause("D2")
    def test_d2_a_repeat_needs_no_staged_files(self) -> None:
        """
        A load that was loaded is known when its staged files are gone.
        """
        file = self._staged()
        for _ in range(2):
            stager, loader = self.open()
            loader.prepare(_TABLE, NARROW)
            result = loader.load(LOAD, _TABLE, [file])
            stager.discard(LOAD)

        assert LoadResult(3, was_repeat=True) == result

    @clause("D3")
    def test_d3_check_finds_nothing_wrong_and_leaves_nothing(self) -> None:
        """
        A destination that works has findings without problems, and stays as is.
        """
        self._carry()
        before = self._seen()
        _, loader = self.open()
        findings = loader.check()

        assert (True, [], before) == (
            bool(findings),
            [finding for finding in findings if finding.problem is not None],
            self._seen(),
        )

    @clause("D3")
    def test_d3_check_tells_a_mistake(self) -> None:
        """
        A mistake is told in one line that ends in what to do about it.
        """
        loader = self.misplaced()
        if loader is None:
            pytest.skip("nothing of this destination can be set up wrongly")
        problems = [
            finding.problem for finding in loader.check() if finding.problem is not None
        ]

        assert (True, []) == (
            bool(problems),
            [problem for problem in problems if "\n" in problem or ";" not in problem],
        )

    def _staged(self) -> StagedFile:
        stager, _ = self.open()
        file = parquet_file(self.tmp_path, LOAD, _TABLE, rows(0, 3))
        staged = stager.stage(file)
        file.path.unlink()
        return staged

    def _carry(self) -> LoadResult:
        staged = self._staged()
        _, loader = self.open()
        loader.prepare(_TABLE, NARROW)
        return loader.load(LOAD, _TABLE, [staged])

    def _held(self) -> list[Row]:
        return sorted(self.rows(_TABLE), key=lambda row: int(row["id"]))

    def _seen(self) -> object:
        stager, _ = self.open()
        folders = sorted(path for path in self.tmp_path.rglob("*") if path.is_dir())
        return sorted(stager.staged()), self._held(), folders
