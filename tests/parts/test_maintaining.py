"""
Parts that keep tables in order, each under its contract; then their own facts.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from erasures import bytes_under
from maintaining import OverLake, OverWorkspace, moving_workspace, own_schema

from databricks_forwarder import DatabricksClient, DatabricksSettings
from databricks_forwarder._databricks.fates import UnknownOutcomeError
from databricks_forwarder._databricks.load_statements import CopyInto
from databricks_forwarder._table_columns import schema_of
from databricks_forwarder.errors import (
    ForwarderError,
    PermanentError,
    SetupError,
    TransientError,
)
from databricks_forwarder.loaders._intervals import interval, spelled
from databricks_forwarder.loaders._small_files import SmallFileTally
from databricks_forwarder.loaders._warehouse_layout import _layout, _metrics
from databricks_forwarder.loaders.delta import DeltaLoader
from databricks_forwarder.loaders.warehouse import WarehouseLoader
from databricks_forwarder.maintenance import (
    DEFAULT_KEPT,
    SMALL_BYTES,
    Done,
    SmallFiles,
    TableLayout,
)
from databricks_forwarder.model import LoadId, StagedFile, TableName
from databricks_forwarder.mparticle.person import Person
from databricks_forwarder.stagers.directory import DirectoryStager
from databricks_forwarder.stagers.volume import VolumeStager
from databricks_forwarder.testing.contracts._samples import (
    DEEP,
    NARROW,
    parquet_file,
    rows,
)
from databricks_forwarder.testing.workspace import _copy_into
from databricks_forwarder.testing.workspace._reader import Reader
from databricks_forwarder.testing.workspace._results import Session

TABLE = TableName("event_x")
NOW = datetime(2026, 11, 26, tzinfo=timezone.utc)
SCHEMA = schema_of("screen_view")


class TestDeltaLoader(OverLake):
    """
    Over one folder.
    """


class TestWarehouseLoader(OverWorkspace):
    """
    Over the real connector.
    """


class Lake:
    """
    A loader into a lake, with what is loaded into it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loader = DeltaLoader(folder / "lake")
        self.place = self.loader.path(TABLE)

    def load(
        self, number: int, content: list[dict[str, Any]], schema: pa.Schema
    ) -> None:
        """
        Load rows as a load of their own.
        """
        load_id = LoadId(f"0123456789ab-{number}-{number}")
        content = [{**row, "_load_id": load_id, "_offset": number} for row in content]
        file = parquet_file(self.folder, load_id, TABLE, content, schema=schema)
        staged = DirectoryStager(self.folder / "staging").stage(file)
        self.loader.prepare(TABLE, schema)
        self.loader.load(load_id, TABLE, [staged])

    def held(self) -> list[dict[str, Any]]:
        """
        Read the rows by the engine.
        """
        found: list[dict[str, Any]] = self.opened().to_pyarrow_table().to_pylist()
        return found

    def opened(self) -> DeltaTable:
        """
        Open the table by the engine.
        """
        return DeltaTable(str(self.place))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """
    A lake of two people, in a file each.
    """
    lake = Lake(tmp_path)
    for mpid in (1, 2):
        name = f"person{mpid}@example.com"
        content = {
            "mpid": mpid,
            "_event_timestamp": NOW + timedelta(microseconds=mpid),
            "user_identities": [("email", {"identity": name})],
        }
        lake.load(mpid, [content], SCHEMA)
    return lake


class TestLake:
    """
    What is particular to a lake.
    """

    def test_a_file_that_is_about_to_be_committed_stays(self, lake: Lake) -> None:
        """
        However old a file is that no commit names: a load may be about to.
        """
        about_to = lake.place / "0123456789ab-9-9-x.parquet"
        about_to.touch()
        os.utime(about_to, (0, 0))
        lake.loader.maintain(TABLE, "vacuum")

        assert about_to.exists()

    def test_what_is_written_anew_says_nothing_of_texts(self, lake: Lake) -> None:
        """
        Neither footer nor log has the smallest and largest of anybody's texts.
        """
        lake.loader.maintain(TABLE, "compact")
        (again,) = lake.place.glob("part-*.parquet")
        group = pq.read_metadata(again).row_group(0)
        columns = [group.column(index) for index in range(group.num_columns)]
        told = {each.path_in_schema for each in columns if each.is_stats_set}

        assert {"mpid", "_offset", "_event_timestamp"} <= told
        assert not any("user_identities" in path for path in told)
        assert b"@example.com" not in bytes_under(lake.place, "_delta_log/*")

    def test_ranges_lose_no_row(self, lake: Lake) -> None:
        """
        Rows are found by their microsecond after their files are one.
        """
        lake.loader.maintain(TABLE, "compact")
        table = lake.opened().to_pyarrow_dataset()
        found = [
            table.count_rows(
                filter=ds.field("_event_timestamp")
                == pa.scalar(
                    NOW + timedelta(microseconds=mpid), pa.timestamp("us", "UTC")
                )
            )
            for mpid in (1, 2)
        ]

        assert [1, 1] == found

    def test_who_was_erased_is_not_in_what_is_written_anew(self, lake: Lake) -> None:
        """
        Compacting after an erasure brings nobody back, nor an erasure after it.
        """
        for mpid in (1, 2):
            person = Person.of([mpid], {})
            lake.loader.erase(TABLE, lake.loader.places(person)[TABLE])
            lake.loader.maintain(TABLE, "compact")
            assert {} == dict(lake.loader.places(person))

        assert [] == lake.held()

    def test_nothing_to_do_is_no_version(self, lake: Lake) -> None:
        """
        Compacting one file, or a table that is not there, does nothing.
        """
        lake.loader.maintain(TABLE, "compact")
        before = lake.opened().version()
        done = lake.loader.maintain(TABLE, "compact")

        assert ("", before) == (done.statement_id, lake.opened().version())
        assert Done() == lake.loader.maintain(TableName("gone"), "compact")

    def test_a_call_can_be_copied(self, lake: Lake) -> None:
        """
        What is advised is Python that does it.
        """
        names = {"DeltaTable": DeltaTable}
        for work in ("retain", "compact", "vacuum"):
            eval(str(lake.loader.statement(TABLE, work)), names)
        (told,) = lake.loader.layouts(at=NOW)

        assert (1, timedelta(days=7)) == (told.file_count, told.kept)

    def test_rows_are_not_clustered(self, lake: Lake) -> None:
        """
        There is no call for it, and asking for it is refused.
        """
        assert lake.loader.statement(TABLE, "cluster") is None
        with pytest.raises(PermanentError, match="can't be clustered"):
            lake.loader.maintain(TABLE, "cluster")

    def test_how_long_the_log_is_kept_is_told(self, lake: Lake) -> None:
        """
        Times are told as they are set, unused files as a vacuum would take them.
        """
        lake.opened().alter.set_table_properties(
            {"delta.logRetentionDuration": "interval 60 days"}
        )
        (told,) = lake.loader.layouts(at=NOW)

        assert (timedelta(days=60), None, 0, False) == (
            told.log_kept,
            told.kept,
            told.unused_file_count,
            told.is_tended,
        )

    def test_what_the_engine_cant_compact_stays_as_it_is(self, tmp_path: Path) -> None:
        """
        Structs in maps that grew are an error to the engine, and no harm.
        """
        lake = Lake(tmp_path)
        for number, schema in enumerate((NARROW, DEEP)):
            grown = pa.schema([*schema, ("_offset", pa.int64())])
            lake.load(number, rows(number, 2, grown), grown)
        before = lake.held()
        with pytest.raises(ForwarderError, match="compact failed"):
            lake.loader.maintain(TABLE, "compact")

        assert before == lake.held()

    def test_an_earlier_version_can_be_read_until_the_vacuum(self, lake: Lake) -> None:
        """
        Time travel to before the compacting gives the same rows.
        """
        version = lake.opened().version()
        lake.loader.maintain(TABLE, "compact")
        lake.loader.maintain(TABLE, "vacuum")
        earlier = DeltaTable(str(lake.place), version=version)

        assert 2 == len(earlier.file_uris()) == earlier.to_pyarrow_table().num_rows

    def test_loads_stay_known_when_the_log_is_cut(self, lake: Lake) -> None:
        """
        A checkpoint and the end of older log files forget no load.
        """
        lake.loader.maintain(TABLE, "compact")
        lake.opened().create_checkpoint()
        for path in lake.place.glob("_delta_log/*.json"):
            path.unlink()
        again = deltalake.DeltaTable(str(lake.place))

        assert [0, 0] == [
            again.transaction_version(f"0123456789ab-{n}-{n}") for n in (1, 2)
        ]


class Schema:
    """
    A schema in a workspace, with a loader into it.
    """

    def __init__(self, opened: ExitStack) -> None:
        self.workspace, *_ = moving_workspace()
        self.settings: DatabricksSettings = own_schema(self.workspace)
        self.client = DatabricksClient(self.settings, endpoint=self.workspace.endpoint)
        opened.callback(self.client.close)
        self.loader = WarehouseLoader(self.client)
        self.loader.prepare(TABLE, SCHEMA)
        self.name = f"main.{self.settings.schema_name}.{TABLE}"

    def run(self, sql: str) -> list[dict[str, Any]]:
        """
        Run a statement as an administrator.
        """
        told: list[dict[str, Any]] = self.workspace.query(sql).to_pylist()
        return told

    def layout(self) -> Any:
        """
        Look at the table.
        """
        (told,) = self.loader.layouts([TABLE], at=NOW)
        return told


@pytest.fixture
def schema() -> Any:
    """
    A schema of its own.
    """
    with ExitStack() as opened:
        yield Schema(opened)


class TestWorkspace:
    """
    What is particular to a workspace.
    """

    def test_properties_are_told_as_they_are_set(self, schema: Schema) -> None:
        """
        Clustering and times are told; this library clusters on the event's time.
        """
        schema.run(
            f"ALTER TABLE {schema.name} SET TBLPROPERTIES "
            "('delta.deletedFileRetentionDuration' = 'interval 2 weeks', "
            "'delta.logRetentionDuration' = '60 days')"
        )
        told = schema.layout()

        assert (("_event_timestamp",), False, timedelta(14), timedelta(60)) == (
            told.clustered_by,
            told.is_self_clustered,
            told.kept,
            told.log_kept,
        )
        assert told.unused_file_count is None

    def test_the_platforms_own_clustering_is_told(self, schema: Schema) -> None:
        """
        A table that the platform clusters says so.
        """
        schema.run(f"ALTER TABLE {schema.name} CLUSTER BY AUTO")
        told = schema.layout()

        assert ((), True) == (told.clustered_by, told.is_self_clustered)

    @pytest.mark.parametrize(
        ("way", "is_tended"), [("ENABLE", True), ("INHERIT", False)]
    )
    def test_predictive_optimization_is_told(
        self, schema: Schema, way: str, is_tended: bool
    ) -> None:
        """
        Whether the platform does it by itself is known from the table.
        """
        schema.run(f"ALTER TABLE {schema.name} {way} PREDICTIVE OPTIMIZATION")

        assert is_tended is schema.layout().is_tended

    @pytest.mark.parametrize(
        ("files", "size", "small"),
        [(0, 0, 0), (3, 10, 3), (3, 2 * SMALL_BYTES, 1), (2, 9 * SMALL_BYTES, 0)],
    )
    def test_small_files_are_at_least_so_many(
        self, files: int, size: int, small: int
    ) -> None:
        """
        Of so many bytes no more than some files can be large ones.
        """
        detail = {"numFiles": files, "sizeInBytes": size, "properties": {}}
        told = _layout(TABLE, detail, [])

        assert (small, None, ()) == (
            told.small_file_count,
            told.is_tended,
            told.clustered_by,
        )

    def test_clustering_is_set_where_there_is_none(self, schema: Schema) -> None:
        """
        A table without clustering has it afterwards.
        """
        schema.run(f"ALTER TABLE {schema.name} CLUSTER BY NONE")
        before = schema.layout().clustered_by
        schema.loader.maintain(TABLE, "cluster")

        assert ((), ("_event_timestamp",)) == (before, schema.layout().clustered_by)

    def test_a_statement_is_found_by_its_mark(self, schema: Schema) -> None:
        """
        What is told of it is in the statement that was run.
        """
        done = schema.loader.maintain(TABLE, "compact")
        asked = [each.statement for each in schema.workspace.requests]

        assert {"numFilesAdded": 0, "numFilesRemoved": 0} == done.metrics
        assert [f"/* databricks-forwarder {done.statement_id} */"] == [
            sql.partition("\n")[0] for sql in asked if sql and done.statement_id in sql
        ]

    def test_what_comes_as_text_is_read(self) -> None:
        """
        Lists, maps and structs may come as JSON, and metrics not at all.
        """
        detail = {
            "numFiles": 1,
            "sizeInBytes": 1,
            "properties": '{"delta.logRetentionDuration": "interval 1 day"}',
            "clusteringColumns": '["a"]',
        }
        told = _layout(TABLE, detail, [])

        assert (("a",), timedelta(1)) == (told.clustered_by, told.log_kept)
        assert {"numFilesAdded": 1} == _metrics([("path", '{"numFilesAdded": 1}')])
        assert {} == _metrics([("path", None)])

    def test_a_lost_answer_is_not_asked_for_again(
        self, schema: Schema, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        What may have taken long is told as failed, for the next run to see to.
        """
        sent: list[str] = []

        def lost(sql: str) -> Any:
            sent.append(sql)
            raise UnknownOutcomeError("the answer was lost")

        monkeypatch.setattr(schema.client.warehouse, "run", lost)
        with pytest.raises(TransientError, match="the answer was lost"):
            schema.loader.maintain(TABLE, "compact")

        assert 1 == len(sent)

    def test_a_missing_grant_is_named(self, schema: Schema) -> None:
        """
        What can't be looked at, or be done, says what to run.
        """
        other = f"main.{schema.settings.schema_name}.`other-s`"
        principal = schema.settings.client_id
        schema.run(f"CREATE TABLE {other} (x INT)")
        schema.run(f"GRANT SELECT ON TABLE {other} TO `{principal}`")
        with pytest.raises(SetupError, match="run: GRANT MODIFY ON TABLE"):
            schema.loader.maintain(TableName("other-s"), "compact")
        schema.run(f"REVOKE SELECT ON TABLE {other} FROM `{principal}`")
        schema.run(f"GRANT MODIFY ON TABLE {other} TO `{principal}`")
        (told,) = schema.loader.layouts([TableName("other-s")], at=NOW)

        assert "run: GRANT SELECT ON TABLE" in str(told.problem)

    def test_a_vacuum_takes_nothing_from_a_load(self, schema: Schema) -> None:
        """
        Files that a COPY INTO has written and not committed are there for it.
        """
        load_id = LoadId("0123456789ab-0-0")
        content = [{"mpid": 1, "_load_id": load_id, "_offset": 0, "_position": 0}]
        file = parquet_file(
            Path(schema.workspace._root or "."), load_id, TABLE, content, schema=SCHEMA
        )
        staged = VolumeStager(schema.client).stage(file)
        folder, _, name = staged.uri.rpartition("/")
        sql = CopyInto(schema.client.table(TABLE), load_id, folder, [name]).to_sql()
        reader = Reader(sql)
        reader.expect("COPY", "INTO")
        session = Session(principal="admin", catalog="main", schema="x")
        copying = _copy_into.prepared(
            _copy_into.read_copy_into(reader, session),
            session,
            schema.workspace._engine._parts,
        )
        schema.loader.maintain(TABLE, "vacuum")
        schema.loader.maintain(TABLE, "compact")
        copying.commit()

        assert [{"mpid": 1}] == schema.run(f"SELECT mpid FROM {schema.name}")


def test_what_was_done_is_told(lake: Lake) -> None:
    """
    A setting is told by its version, a vacuum by how many files are gone.
    """
    done = [lake.loader.maintain(TABLE, work) for work in ("retain", "vacuum")]

    assert [
        Done(statement_id=f"version {lake.opened().version()}"),
        Done(metrics={"numFilesDeleted": 0}),
    ] == done


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("interval 7 days", timedelta(7)),
        ("INTERVAL 1 WEEK", timedelta(7)),
        ("30 days", timedelta(30)),
        ("interval 1 day 12 hours", timedelta(1.5)),
        ("interval 90 minutes", timedelta(hours=1.5)),
        ("interval 1 month", timedelta(0)),
        ("soon", timedelta(0)),
        ("", timedelta(0)),
    ],
)
def test_times_are_read_as_they_are_set(
    text: str | None, expected: timedelta | None
) -> None:
    """
    Weeks to seconds are read, several in a row; what is none counts as no time.
    """
    assert expected == interval(text)


def test_a_default_is_spelled_as_it_is_read() -> None:
    """
    What is advised is what counts when nothing is set.
    """
    assert "interval 7 days" == spelled(DEFAULT_KEPT)
    assert interval(spelled(DEFAULT_KEPT)) == DEFAULT_KEPT


class TestTally:
    """
    Small files, as far as they are known without asking.
    """

    def layout(self, name: str, small: int, problem: str | None = None) -> TableLayout:
        """
        Say that so many were found.
        """
        return TableLayout(
            table=TableName(name), small_file_count=small, problem=problem
        )

    def files(self, *sizes: int) -> list[StagedFile]:
        """
        Make staged files of some sizes.
        """
        load_id = LoadId("l")
        return [
            StagedFile(
                load_id=load_id, table=TABLE, uri="", row_count=1, size_bytes=size
            )
            for size in sizes
        ]

    def test_large_files_are_not_counted(self) -> None:
        """
        What is not small adds nothing.
        """
        tally = SmallFileTally()
        tally.add(TABLE, self.files(1, SMALL_BYTES - 1, SMALL_BYTES))

        assert SmallFiles(added=2) == tally.told()

    def test_what_comes_while_tables_are_looked_at_is_not_left_out(self) -> None:
        """
        Files that are added after the mark was taken stay added.
        """
        tally = SmallFileTally()
        tally.add(TABLE, self.files(1))
        mark = tally.mark()
        tally.add(TABLE, self.files(1, 1))
        tally.learn([self.layout(TABLE, 9)], mark, None, at=NOW)

        assert SmallFiles(found=9, found_at=NOW, added=2) == tally.told()

    def test_a_table_that_cant_be_looked_at_keeps_its_number(self) -> None:
        """
        What was known of it stays, with what was added to it.
        """
        tally = SmallFileTally()
        tally.learn([self.layout(TABLE, 5)], tally.mark(), None, at=NOW)
        tally.add(TABLE, self.files(1))
        hidden = [self.layout(TABLE, 0, "hidden"), self.layout("b", 2)]
        tally.learn(hidden, tally.mark(), None, at=NOW)

        assert SmallFiles(found=7, found_at=NOW, added=1) == tally.told()

    def test_a_table_that_is_gone_counts_no_more(self) -> None:
        """
        When all are looked at, what is not there any more is forgotten.
        """
        tally = SmallFileTally()
        tally.add(TABLE, self.files(1))
        both = [self.layout(TABLE, 5), self.layout("b", 2)]
        tally.learn(both, tally.mark(), None, at=NOW)
        tally.add(TABLE, self.files(1))
        tally.learn([both[1]], tally.mark(), None, at=NOW)

        assert SmallFiles(found=2, found_at=NOW, added=0) == tally.told()

    def test_one_that_is_asked_for_leaves_the_others(self) -> None:
        """
        When one table is looked at again, the others' numbers stay.
        """
        tally = SmallFileTally()
        both = [self.layout(TABLE, 5), self.layout("b", 2)]
        tally.learn(both, tally.mark(), None, at=NOW)
        tally.learn([self.layout(TABLE, 1)], tally.mark(), [TABLE], at=NOW)

        assert SmallFiles(found=3, found_at=NOW, added=0) == tally.told()
