"""
Parts that are asked before anything is done, each under its contract.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path

import deltalake
import pyarrow as pa
import pytest
from schemas import connected, new_schema, rows_of, workspace

from databricks_forwarder._table_columns import schema_of
from databricks_forwarder.answers import Described
from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.errors import SchemaError, SetupError
from databricks_forwarder.loaders.delta import DeltaLoader
from databricks_forwarder.loaders.memory import MemoryLake, MemoryLoader
from databricks_forwarder.loaders.warehouse import WarehouseLoader
from databricks_forwarder.model import (
    EventKey,
    ParquetFile,
    StagedFile,
    Table,
    TableName,
)
from databricks_forwarder.routers.default import default_router
from databricks_forwarder.routers.feeds import FeedRouter
from databricks_forwarder.routers.first_match import FirstMatch
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.routers.threshold import ThresholdRouter
from databricks_forwarder.settings import ConnectionSettings
from databricks_forwarder.stagers.directory import DirectoryStager
from databricks_forwarder.stagers.memory import MemoryStager
from databricks_forwarder.stagers.volume import VolumeStager
from databricks_forwarder.testing.contracts._samples import LOAD, NARROW, parquet_file
from databricks_forwarder.testing.contracts._samples import rows as sample_rows
from databricks_forwarder.testing.contracts.asking import (
    AskedRouterContract,
    DescribingLoaderContract,
    PlacingStagerContract,
)
from databricks_forwarder.testing.contracts.router import ODD_KEYS

AT = datetime(2026, 3, 31, 12, tzinfo=timezone.utc)


class _Routers(AskedRouterContract):
    """
    Over counts in memory.
    """

    def begin(self, tmp_path: Path) -> None:
        """
        Make the counts that all routers of a test share.
        """
        super().begin(tmp_path)
        self.counts = MemoryEventCounts()

    def learnt(self) -> object:
        """
        Look at all of them.
        """
        return repr((self.counts._days_by_kind, self.counts._names))


class TestThresholdRouter(_Routers):
    """
    With a threshold that the second load reaches.
    """

    def make(self) -> ThresholdRouter:
        """
        Make it anew.
        """
        return ThresholdRouter(self.counts, schema_name="main", events_threshold=2)


class TestThresholdRouterThatIsNotSticky(TestThresholdRouter):
    """
    With a window of a day, so that what is frequent becomes rare.
    """

    def make(self) -> ThresholdRouter:
        """
        Make it anew.
        """
        return ThresholdRouter(
            self.counts,
            schema_name="main",
            events_threshold=2,
            window_days=1,
            sticky=False,
            send_batches_without_events=False,
        )


class TestFeedRouter(_Routers):
    """
    With a feed that is split, one that is dropped in part, and a chosen table.
    """

    def make(self) -> FeedRouter:
        """
        Make it anew.
        """
        return FeedRouter(
            self.counts,
            ConnectionSettings(table_name="acme_ads"),
            feeds={
                "Acme Ads": ConnectionSettings(
                    split_partner_feed_data_by_event_name=True
                ),
                "🎉": ConnectionSettings(send_batches_without_events=False),
            },
        )


class TestDefaultRouter(_Routers):
    """
    Feeds and threshold over the same counts.
    """

    def make(self) -> FirstMatch:
        """
        Make it anew.
        """
        return default_router(self.counts, schema_name="main", events_threshold=2)


class TestFunctionRouter(_Routers):
    """
    Without anything to learn.
    """

    def make(self) -> FunctionRouter:
        """
        Make it anew.
        """
        return FunctionRouter(lambda key: "feeds" if key.feed else None)


class TestMemoryStager(PlacingStagerContract):
    """
    In memory.
    """

    def begin(self, tmp_path: Path) -> None:
        """
        Begin with nothing staged.
        """
        super().begin(tmp_path)
        self.files: dict[str, bytes] = {}

    def open(self) -> MemoryStager:
        """
        Open what the stagers of a test share.
        """
        return MemoryStager(self.files)


class TestDirectoryStager(PlacingStagerContract):
    """
    In a folder.
    """

    def open(self) -> DirectoryStager:
        """
        Open the test's folder.
        """
        return DirectoryStager(self.tmp_path / "staging")


class TestVolumeStager(PlacingStagerContract):
    """
    In a volume.
    """

    def begin(self, tmp_path: Path) -> None:
        """
        Begin with an empty schema.
        """
        super().begin(tmp_path)
        self.opened = ExitStack()
        self.settings = new_schema()

    def end(self) -> None:
        """
        Close all connections.
        """
        self.opened.close()

    def open(self) -> VolumeStager:
        """
        Connect as a new process would.
        """
        return VolumeStager(self.opened.enter_context(connected(self.settings)))


class TestMemoryLoader(DescribingLoaderContract):
    """
    In memory.
    """

    def begin(self, tmp_path: Path) -> None:
        """
        Begin with an empty lake.
        """
        super().begin(tmp_path)
        self.files: dict[str, bytes] = {}
        self.lake = MemoryLake()

    def open(self) -> MemoryLoader:
        """
        Open what the loaders of a test share.
        """
        return MemoryLoader(self.files, self.lake)

    def stage(self, file: ParquetFile) -> StagedFile:
        """
        Keep the file where the loader finds it.
        """
        return MemoryStager(self.files).stage(file)

    def written(self) -> object:
        """
        Take all tables with their columns.
        """
        return {name: table.schema for name, table in self.lake.tables.items()}


class TestDeltaLoader(DescribingLoaderContract):
    """
    In a lake.
    """

    def open(self) -> DeltaLoader:
        """
        Open the test's lake.
        """
        return DeltaLoader(self.tmp_path / "lake")

    def stage(self, file: ParquetFile) -> StagedFile:
        """
        Copy the file to where the loader finds it.
        """
        return DirectoryStager(self.tmp_path / "staging").stage(file)

    def written(self) -> object:
        """
        Take all files of the lake with their bytes.
        """
        return tree(self.tmp_path / "lake")


class TestWarehouseLoader(DescribingLoaderContract):
    """
    In a workspace.
    """

    def begin(self, tmp_path: Path) -> None:
        """
        Begin with an empty schema.
        """
        super().begin(tmp_path)
        self.opened = ExitStack()
        self.settings = new_schema()
        self.client = self.opened.enter_context(connected(self.settings))

    def end(self) -> None:
        """
        Close the connections.
        """
        self.opened.close()

    def open(self) -> WarehouseLoader:
        """
        Make a loader over the test's schema.
        """
        return WarehouseLoader(self.client)

    def stage(self, file: ParquetFile) -> StagedFile:
        """
        Upload the file.
        """
        return VolumeStager(self.client).stage(file)

    def written(self) -> object:
        """
        Ask for all columns of the schema, and count what was asked by anyone else.
        """
        others = [each.statement for each in workspace().requests if each.statement]
        columns = workspace().query(
            "SELECT table_name, column_name, full_data_type FROM "
            "main.information_schema.columns WHERE table_schema = "
            f"'{self.settings.schema_name}'"
        )
        return columns.to_pylist(), len(others)


def tree(folder: Path) -> dict[str, bytes]:
    """
    Read all files under *folder*.
    """
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


TABLE = TableName("t")


def test_a_new_delta_table_has_the_schema_that_was_told(tmp_path: Path) -> None:
    """
    The schema in the table's log is the described one, word for word.
    """
    loader = DeltaLoader(tmp_path / "lake")
    (told,) = loader.describe(LOAD, TABLE, schema_of(None), []).preparing
    loader.prepare(TABLE, schema_of(None))
    first, schema = told.split("\n")
    found = deltalake.DeltaTable(str(loader.path(TABLE))).schema().to_json()

    assert f"create table {loader.path(TABLE)}" == first
    assert json.loads(schema) == json.loads(found)


def test_a_delta_load_is_the_commit_that_was_told(tmp_path: Path) -> None:
    """
    The commit has as many files and rows as was said, under the load's name.
    """
    loader = DeltaLoader(tmp_path / "lake")
    stager = DirectoryStager(tmp_path / "staging")
    files = [
        stager.stage(parquet_file(tmp_path, LOAD, TABLE, sample_rows(n, 3), part=n))
        for n in range(2)
    ]
    described = loader.describe(LOAD, TABLE, NARROW, files)
    loader.prepare(TABLE, NARROW)
    loader.load(LOAD, TABLE, files)
    found = deltalake.DeltaTable(str(loader.path(TABLE)))

    assert (
        f"commit 2 files of 6 rows to {loader.path(TABLE)}, as transaction {LOAD}",
    ) == described.loading
    assert (2, 6) == (len(found.file_uris()), len(found.to_pyarrow_table()))
    assert found.transaction_version(LOAD) is not None


def test_a_folder_in_the_way_is_told(tmp_path: Path) -> None:
    """
    What preparing would refuse, describing refuses in the same words.
    """
    loader = DeltaLoader(tmp_path / "lake")
    loader.path(TABLE).mkdir(parents=True)
    (loader.path(TABLE) / "note").touch()

    with pytest.raises(SetupError, match="in the way of table t"):
        loader.describe(LOAD, TABLE, NARROW, [])


def test_a_column_of_another_type_is_told() -> None:
    """
    A table that the rows can't go to is refused beforehand.
    """
    loader = MemoryLoader({})
    loader.prepare(TABLE, NARROW.set(0, pa.field("id", pa.string())))

    with pytest.raises(SchemaError, match="column id of table t"):
        loader.describe(LOAD, TABLE, NARROW, [])


def test_a_warehouse_runs_what_was_told() -> None:
    """
    The statements that were sent are those described, to the letter.
    """
    settings = new_schema()
    wide = schema_of(None)
    with connected(settings) as client:
        loader, run = WarehouseLoader(client), client.warehouse.run
        sent: list[str] = []
        client.warehouse.run = lambda sql: (sent.append(sql), run(sql))[1]  # type: ignore[method-assign, assign]
        narrow = schema_of("custom_event")
        told = [loader.describe(LOAD, TABLE, narrow, [])]
        loader.prepare(TABLE, narrow)
        told.append(loader.describe(LOAD, TABLE, wide, []))
        loader.prepare(TABLE, wide)
    created, widened = (each.preparing[0] for each in told)

    assert [created, widened] == [each for each in sent if "SELECT" not in each]
    assert (None, True) == tuple(each.is_there for each in told)
    assert [] == rows_of(settings, "t")


def test_a_warehouse_tells_what_it_has_seen() -> None:
    """
    After a look it is known that a table is not there, or what it lacks.
    """
    settings = new_schema()
    with connected(settings) as client:
        WarehouseLoader(client).prepare(TABLE, NARROW)
        loader, other = WarehouseLoader(client), TableName("other")
        loader.survey([TABLE, other])
        found = [loader.describe(LOAD, name, NARROW, []) for name in (TABLE, other)]

    assert Described(is_there=True) == found[0]
    assert (False, 1) == (found[1].is_there, len(found[1].preparing))


def test_very_many_files_take_several_statements() -> None:
    """
    Each statement names a thousand files at most.
    """
    settings = new_schema()
    files = [
        StagedFile(
            load_id=LOAD, table=TABLE, uri=f"/Volumes/v/{n}", row_count=1, size_bytes=1
        )
        for n in range(2001)
    ]
    with connected(settings) as client:
        told = WarehouseLoader(client).describe(LOAD, TABLE, NARROW, files).loading

    assert [1000, 1000, 1] == [each.count("', '") + 1 for each in told]


class Silent:
    """
    A router that offers nothing but answers.
    """

    def __init__(self) -> None:
        self.asked_count = 0

    def route(self, counts: dict[EventKey, int], /, *, at: datetime) -> object:
        """
        Send all keys to one table.
        """
        self.asked_count += 1
        return dict.fromkeys(counts, Table(TableName("all")))


def test_a_router_without_reasons_is_named() -> None:
    """
    Where a router of one's own answers first, it is said which.
    """
    key = ODD_KEYS[0]
    router = FirstMatch(Silent(), default_router(MemoryEventCounts(), schema_name="s"))  # type: ignore[arg-type]
    reason = router.explain({key: 1}, at=AT)[key]

    assert ("router", "Silent", Table(TableName("all"))) == (
        reason.rule,
        reason.router,
        reason.table,
    )
    assert "Your router Silent says so, and gives no reason." in str(reason)
