"""
How a loader loads: L1 to L3.
"""

from __future__ import annotations

import pyarrow as pa
import pytest

from databricks_forwarder.errors import SchemaError
from databricks_forwarder.model import LoadResult
from databricks_forwarder.testing.contracts._clause import clause
from databricks_forwarder.testing.contracts._loader_hooks import (
    FATES,
    OTHER,
    TABLE,
    LoaderHooks,
)
from databricks_forwarder.testing.contracts._samples import (
    DEEP,
    LOAD,
    NARROW,
    NEXT,
    at_once,
    rows,
)

__all__ = ["Loading"]


class Loading(LoaderHooks):
    """
    Tests of rows that are loaded, once, whatever becomes of other tables.
    """

    @clause("L1")
    def test_l1_every_row_of_every_file_is_there(self) -> None:
        """
        After a load of two files, all their rows are in the table, as written.
        """
        loader = self.open()
        loader.prepare(TABLE, NARROW)
        files = [
            self.staged(LOAD, rows(0, 3)),
            self.staged(LOAD, rows(3, 2), part=1),
        ]
        result = loader.load(LOAD, TABLE, files)

        assert (LoadResult(5), rows(0, 3) + rows(3, 2)) == (result, self.held())

    @clause("L1")
    def test_l1_a_second_load_adds_its_rows(self) -> None:
        """
        Rows of an earlier load stay when the next one is loaded.
        """
        loader = self.open()
        loader.prepare(TABLE, NARROW)
        loader.load(LOAD, TABLE, [self.staged(LOAD, rows(0, 3))])
        loader.load(NEXT, TABLE, [self.staged(NEXT, rows(3, 2, load_id=NEXT))])

        assert rows(0, 3) + rows(3, 2, load_id=NEXT) == self.held()

    @clause("L1")
    def test_l1_a_narrower_file_reads_as_null_where_it_has_nothing(self) -> None:
        """
        A file without columns that its table has, at any depth, loads as nulls.
        """
        loader = self.open()
        loader.prepare(TABLE, DEEP)
        loader.load(LOAD, TABLE, [self.staged(LOAD, rows(0, 3))])
        row = self.held()[0]

        assert (None, None, None, None, None) == (
            row["extra"],
            row["data"]["more"],
            row["data"]["action"]["is_new"],
            row["data"]["products"][0]["quantity"],
            dict(row["identities"])["email"]["created"],
        )

    @clause("L1")
    def test_l1_loads_at_once_are_all_there(self) -> None:
        """
        Two loads into one table at the same time both have their rows in it.
        """
        self.open().prepare(TABLE, NARROW)
        first = self.staged(LOAD, rows(0, 3))
        second = self.staged(NEXT, rows(3, 3, load_id=NEXT))
        at_once(
            lambda: self.open().load(LOAD, TABLE, [first]),
            lambda: self.open().load(NEXT, TABLE, [second]),
        )

        assert [0, 1, 2, 3, 4, 5] == self.held_ids()

    @clause("L2")
    def test_l2_loading_again_changes_nothing(self) -> None:
        """
        A repeat says how many rows there are and that they were there.
        """
        loader = self.open()
        loader.prepare(TABLE, NARROW)
        files = [self.staged(LOAD, rows(0, 3))]
        loader.load(LOAD, TABLE, files)
        result = loader.load(LOAD, TABLE, files)

        assert (LoadResult(3, was_repeat=True), [0, 1, 2]) == (result, self.held_ids())

    @clause("L2")
    def test_l2_another_process_changes_nothing(self) -> None:
        """
        A new process that prepares and loads again finds the load done.
        """
        files = [self.staged(LOAD, rows(0, 3))]
        results = []
        for loader in (self.open(), self.open()):
            loader.prepare(TABLE, NARROW)
            results.append(loader.load(LOAD, TABLE, files).was_repeat)

        assert ([False, True], [0, 1, 2]) == (results, self.held_ids())

    @clause("L2")
    def test_l2_an_older_load_is_no_repeat_of_a_newer(self) -> None:
        """
        A load with lower offsets that comes after a newer one is loaded, once.
        """
        loader = self.open()
        loader.prepare(TABLE, NARROW)
        loader.load(NEXT, TABLE, [self.staged(NEXT, rows(3, 2, load_id=NEXT))])
        files = [self.staged(LOAD, rows(0, 3))]
        loader.load(LOAD, TABLE, files)
        loader.load(LOAD, TABLE, files)

        assert [0, 1, 2, 3, 4] == self.held_ids()

    @clause("L2")
    def test_l2_a_load_is_once_for_each_of_its_tables(self) -> None:
        """
        The same load id in two tables is two things to do.
        """
        loader = self.open()
        for table in (TABLE, OTHER):
            loader.prepare(table, NARROW)
            files = [self.staged(LOAD, rows(0, 2), table=table)]
            loader.load(LOAD, table, files)
            loader.load(LOAD, table, files)

        assert ([0, 1], [0, 1]) == (self.held_ids(), self.held_ids(OTHER))

    @clause("L2")
    def test_l2_the_same_load_at_once_is_once(self) -> None:
        """
        Two holders that load the same at the same time load it once.
        """
        self.open().prepare(TABLE, NARROW)
        files = [self.staged(LOAD, rows(0, 3))]
        loaders = [self.open(), self.open()]
        at_once(
            lambda: loaders[0].load(LOAD, TABLE, files),
            lambda: loaders[1].load(LOAD, TABLE, files),
        )

        assert [0, 1, 2] == self.held_ids()

    @clause("L3")
    def test_l3_a_refused_schema_leaves_other_tables_to_load(self) -> None:
        """
        After one table was refused, another one loads.
        """
        loader = self.open()
        loader.prepare(TABLE, NARROW)
        with pytest.raises(SchemaError):
            loader.prepare(TABLE, pa.schema({"id": pa.string()}))
        loader.prepare(OTHER, NARROW)
        loader.load(LOAD, OTHER, [self.staged(LOAD, rows(0, 2), table=OTHER)])

        assert [0, 1] == self.held_ids(OTHER)

    @clause("L3")
    def test_l3_a_failed_load_leaves_all_tables_valid(self) -> None:
        """
        A load that fails has none of its rows in its table; others keep theirs.
        """
        loader = self.open()
        for table in (TABLE, OTHER):
            loader.prepare(table, NARROW)
            loader.load(LOAD, table, [self.staged(LOAD, rows(0, 2), table=table)])
        good = self.staged(NEXT, rows(2, 2, load_id=NEXT))
        with pytest.raises(FATES):
            loader.load(NEXT, TABLE, [good, self._no_parquet()])

        assert ([0, 1], [0, 1]) == (self.held_ids(), self.held_ids(OTHER))
