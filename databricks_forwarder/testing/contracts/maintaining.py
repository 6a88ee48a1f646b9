"""
What loaders that keep their tables in order must do: L11 to L13.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from databricks_forwarder.errors import SetupError
from databricks_forwarder.maintenance import WORKS
from databricks_forwarder.model import LoadId, TableName
from databricks_forwarder.testing.contracts._clause import clause
from databricks_forwarder.testing.contracts._loads import NOON
from databricks_forwarder.testing.contracts._maintaining_hooks import (
    OTHER,
    SCHEMA,
    TABLE,
    MaintainingHooks,
)
from databricks_forwarder.testing.contracts._samples import at_once, parquet_file

__all__ = ["MaintainingLoaderContract"]


class MaintainingLoaderContract(MaintainingHooks):
    """
    The clauses L11 to L13 of `databricks_forwarder.abilities.MaintainingLoader`.
    """

    @clause("L11")
    def test_l11_every_table_is_told_with_its_files(self) -> None:
        """
        Number, bytes and small ones are those of the files that there are.
        """
        for number in range(3):
            self.loaded(number)
        self.loaded(3, table=OTHER)
        told = self.told()

        assert {TABLE: (3, 3), OTHER: (1, 1)} == {
            name: (each.file_count, each.small_file_count)
            for name, each in told.items()
        }
        assert all(each.size_bytes > 0 for each in told.values())
        assert [None] * 2 == [each.problem for each in told.values()]

    @clause("L11")
    def test_l11_tables_of_others_are_passed_over(self) -> None:
        """
        A table without the columns of this library is not told of.
        """
        self.loaded()
        self.open().prepare(OTHER, pa.schema({"mpid": pa.int64()}))

        assert {TABLE} == set(self.told())

    @clause("L11")
    def test_l11_only_what_is_asked_for_is_told(self) -> None:
        """
        Of the tables that are named those are told that are there.
        """
        self.loaded()
        self.loaded(1, table=OTHER)
        told = self.open().layouts([OTHER, TableName("gone")], at=NOON)

        assert [OTHER] == [each.table for each in told]

    @clause("L11")
    def test_l11_one_that_cant_be_looked_at_holds_back_no_other(self) -> None:
        """
        Its problem is told, and the other table as if nothing were.
        """
        self.loaded()
        self.hide(OTHER)
        told = self.told()

        assert (1, None) == (told[TABLE].file_count, told[TABLE].problem)
        assert OTHER in str(told[OTHER].problem)

    @clause("L11")
    def test_l11_looking_changes_nothing(self) -> None:
        """
        Rows and files are the same after tables were looked at.
        """
        self.loaded()
        before = (self.held(), self.files(TABLE))
        self.told()

        assert before == (self.held(), self.files(TABLE))

    @clause("L11")
    def test_l11_small_files_are_known_without_asking(self) -> None:
        """
        What its loads added is told, and from a look on what that found.
        """
        loader = self.open()
        content = [{"mpid": 1, "_load_id": "0123456789ab-0-0"}]
        load_id = LoadId("0123456789ab-0-0")
        file = parquet_file(self.tmp_path, load_id, TABLE, content, schema=SCHEMA)
        staged = [self.stage(file)]
        loader.prepare(TABLE, SCHEMA)
        told = [loader.small_files()]
        loader.load(load_id, TABLE, staged)
        loader.load(load_id, TABLE, staged)
        told.append(loader.small_files())
        loader.layouts(at=NOON)
        told.append(loader.small_files())

        assert [(None, None, 0), (None, None, 1), (1, NOON, 0)] == [
            (each.found, each.found_at, each.added) for each in told
        ]

    @clause("L12")
    def test_l12_compacting_leaves_fewer_files(self) -> None:
        """
        Of five files one is made, with all rows, and what was done is told.
        """
        for number in range(5):
            self.loaded(number)
        before = self.rows(TABLE)
        done = self.open().maintain(TABLE, "compact")

        assert 1 == self.told()[TABLE].file_count
        assert _sorted(before) == _sorted(self.rows(TABLE))
        assert {"numFilesAdded": 1, "numFilesRemoved": 5} == done.metrics
        assert done.statement_id

    @clause("L12")
    def test_l12_no_work_changes_a_row(self) -> None:
        """
        Whatever is done, and done again, rows are as they were.
        """
        loads = [self.loaded(number) for number in range(3)]
        before = self.rows(TABLE)
        loader = self.open()
        for work in (*WORKS, *WORKS):
            if loader.statement(TABLE, work) is not None:
                loader.maintain(TABLE, work)

        assert _sorted(before) == _sorted(self.rows(TABLE))
        assert [True] * 3 == [load().was_repeat for load in loads]

    @clause("L12")
    def test_l12_a_load_stays_done(self) -> None:
        """
        Loads stay repeats after their files are gone, and new ones are loaded.
        """
        loads = [self.loaded(number) for number in range(3)]
        self.open().maintain(TABLE, "compact")
        self.later(TABLE)
        self.open().maintain(TABLE, "vacuum")
        self.loaded(3)

        assert [True] * 3 == [load().was_repeat for load in loads]
        assert 8 == len(set(self.held())) == len(self.held())

    @clause("L12")
    def test_l12_columns_that_came_later_are_empty_in_older_rows(self) -> None:
        """
        Files from before a column was there are compacted with those after.
        """
        grown = pa.schema([*SCHEMA, ("more", pa.string())])
        self.loaded(0)
        self.loaded(1, schema=grown)
        before = self.rows(TABLE)
        self.open().maintain(TABLE, "compact")
        self.loaded(2)

        assert _sorted(before) == _sorted(
            row for row in self.rows(TABLE) if row["mpid"] < 2
        )
        assert 6 == len(self.held())

    @clause("L12")
    def test_l12_a_load_meanwhile_is_loaded(self) -> None:
        """
        Loads and compacting at once leave all rows, each once.
        """
        for number in range(3):
            self.loaded(number)
        loader = self.open()
        at_once(
            lambda: loader.maintain(TABLE, "compact"),
            lambda: self.loaded(3),
            lambda: self.loaded(4),
        )

        assert 10 == len(set(self.held())) == len(self.held())

    @clause("L13")
    def test_l13_files_go_when_their_time_is_over(self) -> None:
        """
        What compacting took out stays for a week, and is gone after it.
        """
        for number in range(3):
            self.loaded(number)
        self.open().maintain(TABLE, "compact")
        compacted = self.files(TABLE)
        self.open().maintain(TABLE, "vacuum")
        early = self.files(TABLE)
        self.later(TABLE)
        self.open().maintain(TABLE, "vacuum")

        assert (4, compacted, 1) == (len(compacted), early, len(self.files(TABLE)))
        assert 6 == len(self.held())

    @clause("L13")
    def test_l13_a_table_that_keeps_longer_is_obeyed(self) -> None:
        """
        Files of a table that keeps them for thirty days are there after eight.
        """
        self.loaded(0)
        self.loaded(1)
        self.keep(TABLE, "interval 30 days")
        self.open().maintain(TABLE, "compact")
        self.later(TABLE)
        self.open().maintain(TABLE, "vacuum")

        assert 3 == len(self.files(TABLE))

    @clause("L13")
    def test_l13_a_table_that_keeps_for_less_is_not_vacuumed(self) -> None:
        """
        It is refused, nothing is gone; with the advised time it is done.
        """
        self.loaded(0)
        self.loaded(1)
        self.keep(TABLE, "interval 1 hour")
        self.open().maintain(TABLE, "compact")
        self.later(TABLE)
        with pytest.raises(SetupError, match=TABLE):
            self.open().maintain(TABLE, "vacuum")
        refused = len(self.files(TABLE))
        self.open().maintain(TABLE, "retain")
        self.open().maintain(TABLE, "vacuum")

        assert (3, 1) == (refused, len(self.files(TABLE)))


def _sorted(rows: Any) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["_load_id"], row["_position"]))
