"""
What a loader must do, clause by clause.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from databricks_forwarder._abilities import offers
from databricks_forwarder._table_columns import schema_of
from databricks_forwarder.abilities import CountingLoader, MovingLoader
from databricks_forwarder.errors import (
    PermanentError,
    SchemaError,
    SetupError,
    TransientError,
)
from databricks_forwarder.model import (
    EventKind,
    LoadId,
    LoadResult,
    ParquetFile,
    RowCount,
    StagedFile,
    TableName,
)
from databricks_forwarder.testing.contracts._clause import Contract, clause
from databricks_forwarder.testing.contracts._samples import (
    DEEP,
    LOAD,
    NARROW,
    NEXT,
    PLACED,
    WIDE,
    Row,
    at_once,
    parquet_file,
    rows,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databricks_forwarder.protocols import Loader

__all__ = ["LoaderContract"]

_TABLE = TableName("event_navigation_größe")
_OTHER = TableName("main_otherevents")
_FATES = (PermanentError, SetupError, TransientError)


class LoaderContract(Contract):
    """
    The clauses L1 to L6 of `databricks_forwarder.protocols.Loader`.

    And L7 of `databricks_forwarder.abilities.CountingLoader`, and L10 of
    `databricks_forwarder.abilities.MovingLoader`, for a loader that is one.
    """

    @abstractmethod
    def open(self) -> Loader:
        """
        Make a loader over the test's tables, as a new process sees them.
        """

    @abstractmethod
    def stage(self, file: ParquetFile) -> StagedFile:
        """
        Back door: put *file* where the loader can read it.
        """

    @abstractmethod
    def rows(self, table: TableName) -> list[Row]:
        """
        Back door: the rows of *table*, not through the loader.

        A table that is not there has none. Values are what
        ``pyarrow.Table.to_pylist`` gives: a map is a list of pairs, a moment
        an aware datetime.
        """

    def staged(
        self,
        load_id: LoadId,
        content: Sequence[Row],
        *,
        table: TableName = _TABLE,
        part: int = 0,
        schema: pa.Schema = NARROW,
    ) -> StagedFile:
        """
        Write *content* as a file of a load, and stage it.
        """
        return self.stage(
            parquet_file(
                self.tmp_path, load_id, table, content, part=part, schema=schema
            )
        )

    def held(self, table: TableName = _TABLE) -> list[Row]:
        """
        The rows of *table* by id.
        """
        return sorted(self.rows(table), key=lambda row: int(row["id"]))

    def held_ids(self, table: TableName = _TABLE) -> list[int]:
        """
        The ids of the rows of *table*, sorted.
        """
        return sorted(row["id"] for row in self.rows(table))

    @clause("L1")
    def test_l1_every_row_of_every_file_is_there(self) -> None:
        """
        After a load of two files, all their rows are in the table, as written.
        """
        loader = self.open()
        loader.prepare(_TABLE, NARROW)
        files = [
            self.staged(LOAD, rows(0, 3)),
            self.staged(LOAD, rows(3, 2), part=1),
        ]
        result = loader.load(LOAD, _TABLE, files)

        assert (LoadResult(5), rows(0, 3) + rows(3, 2)) == (result, self.held())

    @clause("L1")
    def test_l1_a_second_load_adds_its_rows(self) -> None:
        """
        Rows of an earlier load stay when the next one is loaded.
        """
        loader = self.open()
        loader.prepare(_TABLE, NARROW)
        loader.load(LOAD, _TABLE, [self.staged(LOAD, rows(0, 3))])
        loader.load(NEXT, _TABLE, [self.staged(NEXT, rows(3, 2, load_id=NEXT))])

        assert rows(0, 3) + rows(3, 2, load_id=NEXT) == self.held()

    @clause("L1")
    def test_l1_a_narrower_file_reads_as_null_where_it_has_nothing(self) -> None:
        """
        A file without columns that its table has, at any depth, loads as nulls.
        """
        loader = self.open()
        loader.prepare(_TABLE, DEEP)
        loader.load(LOAD, _TABLE, [self.staged(LOAD, rows(0, 3))])
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
        self.open().prepare(_TABLE, NARROW)
        first = self.staged(LOAD, rows(0, 3))
        second = self.staged(NEXT, rows(3, 3, load_id=NEXT))
        at_once(
            lambda: self.open().load(LOAD, _TABLE, [first]),
            lambda: self.open().load(NEXT, _TABLE, [second]),
        )

        assert [0, 1, 2, 3, 4, 5] == self.held_ids()

    @clause("L2")
    def test_l2_loading_again_changes_nothing(self) -> None:
        """
        A repeat says how many rows there are and that they were there.
        """
        loader = self.open()
        loader.prepare(_TABLE, NARROW)
        files = [self.staged(LOAD, rows(0, 3))]
        loader.load(LOAD, _TABLE, files)
        result = loader.load(LOAD, _TABLE, files)

        assert (LoadResult(3, was_repeat=True), [0, 1, 2]) == (result, self.held_ids())

    @clause("L2")
    def test_l2_another_process_changes_nothing(self) -> None:
        """
        A new process that prepares and loads again finds the load done.
        """
        files = [self.staged(LOAD, rows(0, 3))]
        results = []
        for loader in (self.open(), self.open()):
            loader.prepare(_TABLE, NARROW)
            results.append(loader.load(LOAD, _TABLE, files).was_repeat)

        assert ([False, True], [0, 1, 2]) == (results, self.held_ids())

    @clause("L2")
    def test_l2_an_older_load_is_no_repeat_of_a_newer(self) -> None:
        """
        A load with lower offsets that comes after a newer one is loaded, once.
        """
        loader = self.open()
        loader.prepare(_TABLE, NARROW)
        loader.load(NEXT, _TABLE, [self.staged(NEXT, rows(3, 2, load_id=NEXT))])
        files = [self.staged(LOAD, rows(0, 3))]
        loader.load(LOAD, _TABLE, files)
        loader.load(LOAD, _TABLE, files)

        assert [0, 1, 2, 3, 4] == self.held_ids()

    @clause("L2")
    def test_l2_a_load_is_once_for_each_of_its_tables(self) -> None:
        """
        The same load id in two tables is two things to do.
        """
        loader = self.open()
        for table in (_TABLE, _OTHER):
            loader.prepare(table, NARROW)
            files = [self.staged(LOAD, rows(0, 2), table=table)]
            loader.load(LOAD, table, files)
            loader.load(LOAD, table, files)

        assert ([0, 1], [0, 1]) == (self.held_ids(), self.held_ids(_OTHER))

    @clause("L2")
    def test_l2_the_same_load_at_once_is_once(self) -> None:
        """
        Two holders that load the same at the same time load it once.
        """
        self.open().prepare(_TABLE, NARROW)
        files = [self.staged(LOAD, rows(0, 3))]
        loaders = [self.open(), self.open()]
        at_once(
            lambda: loaders[0].load(LOAD, _TABLE, files),
            lambda: loaders[1].load(LOAD, _TABLE, files),
        )

        assert [0, 1, 2] == self.held_ids()

    @clause("L3")
    def test_l3_a_refused_schema_leaves_other_tables_to_load(self) -> None:
        """
        After one table was refused, another one loads.
        """
        loader = self.open()
        loader.prepare(_TABLE, NARROW)
        with pytest.raises(SchemaError):
            loader.prepare(_TABLE, pa.schema({"id": pa.string()}))
        loader.prepare(_OTHER, NARROW)
        loader.load(LOAD, _OTHER, [self.staged(LOAD, rows(0, 2), table=_OTHER)])

        assert [0, 1] == self.held_ids(_OTHER)

    @clause("L3")
    def test_l3_a_failed_load_leaves_all_tables_valid(self) -> None:
        """
        A load that fails has none of its rows in its table; others keep theirs.
        """
        loader = self.open()
        for table in (_TABLE, _OTHER):
            loader.prepare(table, NARROW)
            loader.load(LOAD, table, [self.staged(LOAD, rows(0, 2), table=table)])
        good = self.staged(NEXT, rows(2, 2, load_id=NEXT))
        with pytest.raises(_FATES):
            loader.load(NEXT, _TABLE, [good, self._no_parquet()])

        assert ([0, 1], [0, 1]) == (self.held_ids(), self.held_ids(_OTHER))

    @clause("L4")
    def test_l4_prepared_table_is_empty(self) -> None:
        """
        A prepared table has no rows, however often it is prepared.
        """
        for _ in range(2):
            loader = self.open()
            loader.prepare(_TABLE, NARROW)
            loader.prepare(_TABLE, NARROW)

        assert [] == self.rows(_TABLE)

    @clause("L4")
    def test_l4_columns_are_added(self) -> None:
        """
        After preparing for more columns, old rows stay and new ones have them.
        """
        self._grow(WIDE)

    @clause("L4")
    def test_l4_columns_are_added_inside_lists_and_maps(self) -> None:
        """
        So it is with fields of structs that lie in a list or a map.
        """
        self._grow(DEEP)

    def _grow(self, grown: pa.Schema) -> None:
        loader = self.open()
        loader.prepare(_TABLE, NARROW)
        loader.load(LOAD, _TABLE, [self.staged(LOAD, rows(0, 3))])
        loader.prepare(_TABLE, grown)
        content = rows(3, 3, grown, load_id=NEXT)
        loader.load(NEXT, _TABLE, [self.staged(NEXT, content, schema=grown)])

        assert ([0, 1, 2], content) == (self.held_ids()[:3], self.held()[3:])

    @clause("L4")
    def test_l4_fewer_columns_drop_none(self) -> None:
        """
        Preparing for fewer columns leaves the others and their values.
        """
        loader = self.open()
        loader.prepare(_TABLE, DEEP)
        loader.load(LOAD, _TABLE, [self.staged(LOAD, rows(0, 3, DEEP), schema=DEEP)])
        self.open().prepare(_TABLE, NARROW)

        assert rows(0, 3, DEEP) == self.held()

    @clause("L4")
    def test_l4_another_type_is_refused_by_its_path(self) -> None:
        """
        A nested column of another type is refused with its path.
        """
        loader = self.open()
        loader.prepare(_TABLE, NARROW)
        price = pa.list_(pa.struct({"price": pa.string()}))
        other = pa.schema({"data": pa.struct({"products": price})})

        with pytest.raises(SchemaError, match=r"data\.products\.element\.price"):
            loader.prepare(_TABLE, other)

    @clause("L4")
    def test_l4_a_refused_schema_changes_nothing(self) -> None:
        """
        When one column is refused, no other column of the schema is added.
        """
        loader = self.open()
        loader.prepare(_TABLE, NARROW)
        loader.load(LOAD, _TABLE, [self.staged(LOAD, rows(0, 3))])
        conflicting = pa.schema({"new": pa.string(), "name": pa.int64()})
        with pytest.raises(SchemaError):
            loader.prepare(_TABLE, conflicting)

        assert rows(0, 3) == self.held()

    @clause("L4")
    def test_l4_preparing_at_once_adds_all(self) -> None:
        """
        Two processes that prepare the same new table add the columns of both.
        """
        schemas = [pa.schema({"id": pa.int64(), name: pa.int64()}) for name in "ab"]
        loaders = [self.open(), self.open()]
        at_once(
            lambda: loaders[0].prepare(_TABLE, schemas[0]),
            lambda: loaders[1].prepare(_TABLE, schemas[1]),
        )
        both = pa.schema({"id": pa.int64(), "a": pa.int64(), "b": pa.int64()})
        content = [{"id": 1, "a": 2, "b": 3}]
        file = self.staged(LOAD, content, schema=both)
        self.open().load(LOAD, _TABLE, [file])

        assert content == self.held()

    @clause("L5")
    def test_l5_a_missing_file_has_a_fate(self) -> None:
        """
        A staged file that is gone comes out as an error with a fate.
        """
        loader = self.open()
        loader.prepare(_TABLE, NARROW)
        staged = self.staged(LOAD, rows(0, 3))
        gone = StagedFile(
            load_id=LOAD,
            table=_TABLE,
            uri=f"{staged.uri}.gone",
            row_count=3,
            size_bytes=1,
        )

        with pytest.raises(_FATES):
            loader.load(LOAD, _TABLE, [gone])

    @clause("L5")
    def test_l5_a_damaged_file_has_a_fate(self) -> None:
        """
        A staged file that is no Parquet comes out as an error with a fate.
        """
        loader = self.open()
        loader.prepare(_TABLE, NARROW)

        with pytest.raises(_FATES):
            loader.load(NEXT, _TABLE, [self._no_parquet()])

    @clause("L5")
    def test_l5_a_failed_load_can_be_done_later(self) -> None:
        """
        A load that failed is loaded when its files are mended, as no repeat.
        """
        loader = self.open()
        loader.prepare(_TABLE, NARROW)
        with pytest.raises(_FATES):
            loader.load(NEXT, _TABLE, [self._no_parquet()])
        result = loader.load(
            NEXT, _TABLE, [self.staged(NEXT, rows(0, 2, load_id=NEXT))]
        )

        assert (LoadResult(2), [0, 1]) == (result, self.held_ids())

    @clause("L6")
    def test_l6_no_files_have_no_effect(self) -> None:
        """
        Loading no files does nothing, and is not taken for the load.
        """
        loader = self.open()
        nothing = loader.load(LOAD, _TABLE, [])
        loader.prepare(_TABLE, NARROW)
        loader.load(LOAD, _TABLE, [])
        result = loader.load(LOAD, _TABLE, [self.staged(LOAD, rows(0, 2))])

        assert (LoadResult(0), LoadResult(2), [0, 1]) == (
            nothing,
            result,
            self.held_ids(),
        )

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
        self._place(loader, LOAD, 4, table=_OTHER)
        expected = {
            _TABLE: {LOAD: RowCount(3), NEXT: RowCount(2)},
            _OTHER: {LOAD: RowCount(4)},
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
        expected = {_TABLE: {LOAD: RowCount(9, doubled=6), NEXT: RowCount(2)}}

        assert self._counted(loader, _TABLE) in (expected, None)

    @clause("L7")
    def test_l7_loads_of_other_batchers_are_not_counted(self) -> None:
        """
        Rows of a batcher whose id is another one, or only longer, are not counted.
        """
        loader = self.open()
        self._place(loader, LOAD, 1)
        for other in ("ba9876543210-0-9", "0123456789abc-0-9", "x0123456789ab-0-9"):
            self._place(loader, LoadId(other), 2)
        expected = {_TABLE: {LOAD: RowCount(1)}}

        assert self._counted(loader, _TABLE) in (expected, None)

    @clause("L7")
    def test_l7_a_table_that_is_not_there_is_left_out(self) -> None:
        """
        Tables that nobody made are no error, and are not in the answer.
        """
        loader = self.open()
        self._place(loader, LOAD, 1)
        expected = {_TABLE: {LOAD: RowCount(1)}}

        assert self._counted(loader, _TABLE, _OTHER) in (expected, None)

    @clause("L7")
    def test_l7_what_others_did_is_counted(self) -> None:
        """
        A loader that has counted before sees what another has loaded since.
        """
        loader = self.open()
        self._place(loader, LOAD, 1)
        self._counted(loader, _TABLE, _OTHER)
        self._place(self.open(), NEXT, 2)
        self._place(self.open(), NEXT, 1, table=_OTHER)
        expected = {
            _TABLE: {LOAD: RowCount(1), NEXT: RowCount(2)},
            _OTHER: {NEXT: RowCount(1)},
        }

        assert self._counted(loader, _TABLE, _OTHER) in (expected, None)

    @clause("L10")
    def test_l10_a_kinds_rows_are_moved(self) -> None:
        """
        The kind's rows go into its table with all they say, and no others.
        """
        loader = self.open()
        self._load_events(loader, LOAD, ["session_start", "session_end"])
        self._load_events(loader, NEXT, ["session_start"])
        told = self._moved(self.open())
        held = {
            table: Counter(
                (row["_load_id"], row["event_type"], row["data"]["event_id"])
                for row in self.rows(table)
            )
            for table in (_OTHER, _TABLE)
        }
        expected = {
            _OTHER: Counter({(LOAD, "session_end", 1): 1}),
            _TABLE: Counter(
                {(LOAD, "session_start", 0): 1, (NEXT, "session_start", 0): 1}
            ),
        }

        assert (told, held) == (2, expected) or told is None

    @clause("L10")
    def test_l10_moving_again_moves_nothing(self) -> None:
        """
        What was moved is moved once, and what comes later is moved by itself.
        """
        loader = self.open()
        self._load_events(loader, LOAD, ["session_start"])
        first = self._moved(loader)
        again = self._moved(self.open())
        self._load_events(self.open(), NEXT, ["session_start", "session_start"])
        then = self._moved(self.open())

        assert (first, again, then) in ((1, 0, 2), (None, None, None))
        assert len(self.rows(_TABLE)) == (3 if offers(loader, MovingLoader) else 0)

    @clause("L10")
    def test_l10_kinds_are_told(self) -> None:
        """
        The kinds in the common table are those of its rows; of none, none.
        """
        loader = self.open()
        if not offers(loader, MovingLoader):
            return
        before = set(loader.kinds(_OTHER))
        self._load_events(loader, LOAD, ["session_start", "session_end", None])
        expected = {EventKind("session_start"), EventKind("session_end")}

        assert (before, set(loader.kinds(_OTHER))) == (set(), expected)

    def _load_events(
        self, loader: Loader, load_id: LoadId, event_types: Sequence[str | None]
    ) -> None:
        schema = schema_of(None)
        content = [
            {
                "event_type": event_type,
                "data": event_type and {"event_id": place},
                "_load_id": load_id,
                "_offset": 0,
                "_position": place,
            }
            for place, event_type in enumerate(event_types)
        ]
        file = self.staged(load_id, content, table=_OTHER, schema=schema)
        loader.prepare(_OTHER, schema)
        loader.load(load_id, _OTHER, [file])

    def _moved(self, loader: Loader) -> int | None:
        """
        How many rows a loader moves; None if it is none that does.
        """
        if not offers(loader, MovingLoader):
            return None
        return loader.move(EventKind("session_start"), _OTHER, _TABLE)

    def _place(
        self,
        loader: Loader,
        load_id: LoadId,
        count: int,
        *,
        table: TableName = _TABLE,
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

    def _no_parquet(self) -> StagedFile:
        path = self.tmp_path / "damaged.parquet"
        path.write_bytes(b"this was a Parquet file once")
        return self.stage(
            ParquetFile(
                load_id=NEXT,
                table=_TABLE,
                part=7,
                path=path,
                row_count=1,
                size_bytes=path.stat().st_size,
            )
        )
