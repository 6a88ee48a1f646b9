"""
What loaders that keep their tables in order must do: L10 to L12.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from databricks_forwarder._table_columns import schema_of
from databricks_forwarder.errors import SetupError
from databricks_forwarder.maintenance import WORKS
from databricks_forwarder.model import LoadId, LoadResult, TableName
from databricks_forwarder.testing.contracts._clause import Contract, clause
from databricks_forwarder.testing.contracts._loads import NOON
from databricks_forwarder.testing.contracts._samples import at_once, parquet_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from databricks_forwarder.maintenance import TableLayout
    from databricks_forwarder.model import ParquetFile, StagedFile
    from databricks_forwarder.protocols import MaintainingLoader

__all__ = ["MaintainingLoaderContract"]

_TABLE = TableName("event_navigation_größe")
_OTHER = TableName("main_otherevents")
_SCHEMA = schema_of("screen_view")

Places = list[tuple[str, int]]


class MaintainingLoaderContract(Contract):
    """
    The clauses L10 to L12 of `databricks_forwarder.protocols.MaintainingLoader`.
    """

    @abstractmethod
    def open(self) -> MaintainingLoader:
        """
        Make a loader over the test's tables, as a new process sees them.
        """

    @abstractmethod
    def stage(self, file: ParquetFile) -> StagedFile:
        """
        Back door: put *file* where the loader can read it.
        """

    @abstractmethod
    def rows(self, table: TableName) -> list[dict[str, Any]]:
        """
        Back door: the rows of *table*, not through the loader.
        """

    @abstractmethod
    def files(self, table: TableName) -> set[str]:
        """
        Back door: the names of all files of rows in the table's folder.
        """

    @abstractmethod
    def later(self, table: TableName) -> None:
        """
        Back door: let eight days pass since files were taken out of *table*.
        """

    @abstractmethod
    def keep(self, table: TableName, said: str) -> None:
        """
        Back door: set ``delta.deletedFileRetentionDuration`` of *table*.
        """

    @abstractmethod
    def hide(self, table: TableName) -> None:
        """
        Back door: have a *table* of this library that can't be looked at.
        """

    def _load(
        self, number: int = 0, *, table: TableName = _TABLE, schema: pa.Schema = _SCHEMA
    ) -> Callable[[], LoadResult]:
        """
        Load two rows, and give what repeats it.
        """
        load_id = LoadId(f"0123456789ab-{number}-{number}")
        content = [
            {"mpid": number, "_load_id": load_id, "_offset": number, "_position": at}
            for at in (0, 1)
        ]
        file = parquet_file(self.tmp_path, load_id, table, content, schema=schema)
        staged = [self.stage(file)]

        def load() -> LoadResult:
            loader = self.open()
            loader.prepare(table, schema)
            return loader.load(load_id, table, staged)

        load()
        return load

    def _held(self, table: TableName = _TABLE) -> Places:
        return sorted(
            (each["_load_id"], each["_position"]) for each in self.rows(table)
        )

    def _layouts(self) -> Mapping[TableName, TableLayout]:
        return {each.table: each for each in self.open().layouts(at=NOON)}

    @clause("L10")
    def test_l10_every_table_is_told_with_its_files(self) -> None:
        """
        Number, bytes and small ones are those of the files that there are.
        """
        for number in range(3):
            self._load(number)
        self._load(3, table=_OTHER)
        told = self._layouts()

        assert {_TABLE: (3, 3), _OTHER: (1, 1)} == {
            name: (each.file_count, each.small_file_count)
            for name, each in told.items()
        }
        assert all(each.size_bytes > 0 for each in told.values())
        assert [None] * 2 == [each.problem for each in told.values()]

    @clause("L10")
    def test_l10_tables_of_others_are_passed_over(self) -> None:
        """
        A table without the columns of this library is not told of.
        """
        self._load()
        self.open().prepare(_OTHER, pa.schema({"mpid": pa.int64()}))

        assert {_TABLE} == set(self._layouts())

    @clause("L10")
    def test_l10_only_what_is_asked_for_is_told(self) -> None:
        """
        Of the tables that are named those are told that are there.
        """
        self._load()
        self._load(1, table=_OTHER)
        told = self.open().layouts([_OTHER, TableName("gone")], at=NOON)

        assert [_OTHER] == [each.table for each in told]

    @clause("L10")
    def test_l10_one_that_cant_be_looked_at_holds_back_no_other(self) -> None:
        """
        Its problem is told, and the other table as if nothing were.
        """
        self._load()
        self.hide(_OTHER)
        told = self._layouts()

        assert (1, None) == (told[_TABLE].file_count, told[_TABLE].problem)
        assert _OTHER in str(told[_OTHER].problem)

    @clause("L10")
    def test_l10_looking_changes_nothing(self) -> None:
        """
        Rows and files are the same after tables were looked at.
        """
        self._load()
        before = (self._held(), self.files(_TABLE))
        self._layouts()

        assert before == (self._held(), self.files(_TABLE))

    @clause("L10")
    def test_l10_small_files_are_known_without_asking(self) -> None:
        """
        What its loads added is told, and from a look on what that found.
        """
        loader = self.open()
        content = [{"mpid": 1, "_load_id": "0123456789ab-0-0"}]
        load_id = LoadId("0123456789ab-0-0")
        file = parquet_file(self.tmp_path, load_id, _TABLE, content, schema=_SCHEMA)
        staged = [self.stage(file)]
        loader.prepare(_TABLE, _SCHEMA)
        told = [loader.small_files()]
        loader.load(load_id, _TABLE, staged)
        loader.load(load_id, _TABLE, staged)
        told.append(loader.small_files())
        loader.layouts(at=NOON)
        told.append(loader.small_files())

        assert [(None, None, 0), (None, None, 1), (1, NOON, 0)] == [
            (each.found, each.found_at, each.added) for each in told
        ]

    @clause("L11")
    def test_l11_compacting_leaves_fewer_files(self) -> None:
        """
        Of five files one is made, with all rows, and what was done is told.
        """
        for number in range(5):
            self._load(number)
        before = self.rows(_TABLE)
        done = self.open().maintain(_TABLE, "compact")

        assert 1 == self._layouts()[_TABLE].file_count
        assert _sorted(before) == _sorted(self.rows(_TABLE))
        assert {"numFilesAdded": 1, "numFilesRemoved": 5} == done.metrics
        assert done.statement_id

    @clause("L11")
    def test_l11_no_work_changes_a_row(self) -> None:
        """
        Whatever is done, and done again, rows are as they were.
        """
        loads = [self._load(number) for number in range(3)]
        before = self.rows(_TABLE)
        loader = self.open()
        for work in (*WORKS, *WORKS):
            if loader.statement(_TABLE, work) is not None:
                loader.maintain(_TABLE, work)

        assert _sorted(before) == _sorted(self.rows(_TABLE))
        assert [True] * 3 == [load().was_repeat for load in loads]

    @clause("L11")
    def test_l11_a_load_stays_done(self) -> None:
        """
        Loads stay repeats after their files are gone, and new ones are loaded.
        """
        loads = [self._load(number) for number in range(3)]
        self.open().maintain(_TABLE, "compact")
        self.later(_TABLE)
        self.open().maintain(_TABLE, "vacuum")
        self._load(3)

        assert [True] * 3 == [load().was_repeat for load in loads]
        assert 8 == len(set(self._held())) == len(self._held())

    @clause("L11")
    def test_l11_columns_that_came_later_are_empty_in_older_rows(self) -> None:
        """
        Files from before a column was there are compacted with those after.
        """
        grown = pa.schema([*_SCHEMA, ("more", pa.string())])
        self._load(0)
        self._load(1, schema=grown)
        before = self.rows(_TABLE)
        self.open().maintain(_TABLE, "compact")
        self._load(2)

        assert _sorted(before) == _sorted(
            row for row in self.rows(_TABLE) if row["mpid"] < 2
        )
        assert 6 == len(self._held())

    @clause("L11")
    def test_l11_a_load_meanwhile_is_loaded(self) -> None:
        """
        Loads and compacting at once leave all rows, each once.
        """
        for number in range(3):
            self._load(number)
        loader = self.open()
        at_once(
            lambda: loader.maintain(_TABLE, "compact"),
            lambda: self._load(3),
            lambda: self._load(4),
        )

        assert 10 == len(set(self._held())) == len(self._held())

    @clause("L12")
    def test_l12_files_go_when_their_time_is_over(self) -> None:
        """
        What compacting took out stays for a week, and is gone after it.
        """
        for number in range(3):
            self._load(number)
        self.open().maintain(_TABLE, "compact")
        compacted = self.files(_TABLE)
        self.open().maintain(_TABLE, "vacuum")
        early = self.files(_TABLE)
        self.later(_TABLE)
        self.open().maintain(_TABLE, "vacuum")

        assert (4, compacted, 1) == (len(compacted), early, len(self.files(_TABLE)))
        assert 6 == len(self._held())

    @clause("L12")
    def test_l12_a_table_that_keeps_longer_is_obeyed(self) -> None:
        """
        Files of a table that keeps them for thirty days are there after eight.
        """
        self._load(0)
        self._load(1)
        self.keep(_TABLE, "interval 30 days")
        self.open().maintain(_TABLE, "compact")
        self.later(_TABLE)
        self.open().maintain(_TABLE, "vacuum")

        assert 3 == len(self.files(_TABLE))

    @clause("L12")
    def test_l12_a_table_that_keeps_for_less_is_not_vacuumed(self) -> None:
        """
        It is refused, nothing is gone; with the advised time it is done.
        """
        self._load(0)
        self._load(1)
        self.keep(_TABLE, "interval 1 hour")
        self.open().maintain(_TABLE, "compact")
        self.later(_TABLE)
        with pytest.raises(SetupError, match=_TABLE):
            self.open().maintain(_TABLE, "vacuum")
        refused = len(self.files(_TABLE))
        self.open().maintain(_TABLE, "retain")
        self.open().maintain(_TABLE, "vacuum")

        assert (3, 1) == (refused, len(self.files(_TABLE)))


def _sorted(rows: Any) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["_load_id"], row["_position"]))
