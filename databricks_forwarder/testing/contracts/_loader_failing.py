"""
How a loader fails, and does nothing: L5 and L6.
"""

from __future__ import annotations

import pytest

from databricks_forwarder.model import LoadResult, StagedFile
from databricks_forwarder.testing.contracts._clause import clause
from databricks_forwarder.testing.contracts._loader_hooks import (
    FATES,
    TABLE,
    LoaderHooks,
)
from databricks_forwarder.testing.contracts._samples import LOAD, NARROW, NEXT, rows

__all__ = ["Failing"]


class Failing(LoaderHooks):
    """
    Tests of files that can't be loaded, and of none.
    """

    @clause("L5")
    def test_l5_a_missing_file_has_a_fate(self) -> None:
        """
        A staged file that is gone comes out as an error with a fate.
        """
        loader = self.open()
        loader.prepare(TABLE, NARROW)
        staged = self.staged(LOAD, rows(0, 3))
        gone = StagedFile(
            load_id=LOAD,
            table=TABLE,
            uri=f"{staged.uri}.gone",
            row_count=3,
            size_bytes=1,
        )

        with pytest.raises(FATES):
            loader.load(LOAD, TABLE, [gone])

    @clause("L5")
    def test_l5_a_damaged_file_has_a_fate(self) -> None:
        """
        A staged file that is no Parquet comes out as an error with a fate.
        """
        loader = self.open()
        loader.prepare(TABLE, NARROW)

        with pytest.raises(FATES):
            loader.load(NEXT, TABLE, [self._no_parquet()])

    @clause("L5")
    def test_l5_a_failed_load_can_be_done_later(self) -> None:
        """
        A load that failed is loaded when its files are mended, as no repeat.
        """
        loader = self.open()
        loader.prepare(TABLE, NARROW)
        with pytest.raises(FATES):
            loader.load(NEXT, TABLE, [self._no_parquet()])
        result = loader.load(NEXT, TABLE, [self.staged(NEXT, rows(0, 2, load_id=NEXT))])

        assert (LoadResult(2), [0, 1]) == (result, self.held_ids())

    @clause("L6")
    def test_l6_no_files_have_no_effect(self) -> None:
        """
        Loading no files does nothing, and is not taken for the load.
        """
        loader = self.open()
        nothing = loader.load(LOAD, TABLE, [])
        loader.prepare(TABLE, NARROW)
        loader.load(LOAD, TABLE, [])
        result = loader.load(LOAD, TABLE, [self.staged(LOAD, rows(0, 2))])

        assert (LoadResult(0), LoadResult(2), [0, 1]) == (
            nothing,
            result,
            self.held_ids(),
        )
