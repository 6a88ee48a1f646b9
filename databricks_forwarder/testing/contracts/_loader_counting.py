"""
How a loader counts its rows, if it does: L7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._abilities import offers
from databricks_forwarder.abilities import CountingLoader
from databricks_forwarder.model import LoadId, RowCount, TableName
from databricks_forwarder.testing.contracts._clause import clause
from databricks_forwarder.testing.contracts._loader_hooks import (
    OTHER,
    TABLE,
    LoaderHooks,
)
from databricks_forwarder.testing.contracts._samples import LOAD, NEXT, PLACED, rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from databricks_forwarder.protocols import Loader

__all__ = ["Counting"]


class Counting(LoaderHooks):
    """
    Tests of the rows that are counted by table and load.
    """

    @clause("L7")
    def test_l7_rows_are_counted_by_table_and_load(self) -> None:
        """
        Each table tells each load's rows; one without rows tells of none.
        """
        loader = self.open()
        empty = TableName("empty")
        loader.prepare(empty, PLACED)
        self._place(loader, LOAD, 3)
        self._place(loader, NEXT, 2)
        self._place(loader, LOAD, 4, table=OTHER)
        expected = {
            TABLE: {LOAD: RowCount(3), NEXT: RowCount(2)},
            OTHER: {LOAD: RowCount(4)},
            empty: {},
        }

        assert self._counted(loader, *expected) in (expected, None)

    @clause("L7")
    def test_l7_doubled_rows_are_told(self) -> None:
        """
        Rows of one load with one offset and position are doubled, all but one.
        """
        loader = self.open()
        self._place(loader, LOAD, 3, copies=3)
        self._place(loader, NEXT, 2)
        expected = {TABLE: {LOAD: RowCount(9, doubled=6), NEXT: RowCount(2)}}

        assert self._counted(loader, TABLE) in (expected, None)

    @clause("L7")
    def test_l7_loads_of_other_batchers_are_not_counted(self) -> None:
        """
        Rows of a batcher whose id is another one, or only longer, are not counted.
        """
        loader = self.open()
        self._place(loader, LOAD, 1)
        for other in ("ba9876543210-0-9", "0123456789abc-0-9", "x0123456789ab-0-9"):
            self._place(loader, LoadId(other), 2)
        expected = {TABLE: {LOAD: RowCount(1)}}

        assert self._counted(loader, TABLE) in (expected, None)

    @clause("L7")
    def test_l7_a_table_that_is_not_there_is_left_out(self) -> None:
        """
        Tables that nobody made are no error, and are not in the answer.
        """
        loader = self.open()
        self._place(loader, LOAD, 1)
        expected = {TABLE: {LOAD: RowCount(1)}}

        assert self._counted(loader, TABLE, OTHER) in (expected, None)

    @clause("L7")
    def test_l7_what_others_did_is_counted(self) -> None:
        """
        A loader that has counted before sees what another has loaded since.
        """
        loader = self.open()
        self._place(loader, LOAD, 1)
        self._counted(loader, TABLE, OTHER)
        self._place(self.open(), NEXT, 2)
        self._place(self.open(), NEXT, 1, table=OTHER)
        expected = {
            TABLE: {LOAD: RowCount(1), NEXT: RowCount(2)},
            OTHER: {NEXT: RowCount(1)},
        }

        assert self._counted(loader, TABLE, OTHER) in (expected, None)

    def _place(
        self,
        loader: Loader,
        load_id: LoadId,
        count: int,
        *,
        table: TableName = TABLE,
        copies: int = 1,
    ) -> None:
        content = [
            {**row, "_offset": row["id"] // 2, "_position": row["id"] % 2}
            for row in rows(0, count, load_id=load_id) * copies
        ]
        file = self.staged(load_id, content, table=table, schema=PLACED)
        loader.prepare(table, PLACED)
        loader.load(load_id, table, [file])

    def _counted(
        self, loader: Loader, *tables: TableName
    ) -> Mapping[TableName, Mapping[LoadId, RowCount]] | None:
        """
        What a loader counts; None if it is none that does.
        """
        if not offers(loader, CountingLoader):
            return None
        return loader.count_rows("0123456789ab", tables)
