"""
The Delta loader: the contract, and what only it does.
"""

from __future__ import annotations

import errno
import functools
import json
import os
import shutil
import sys
from datetime import date, datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import duckdb_extension_delta
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, exceptions

from databricks_forwarder._delta_fates import FATES, crossed
from databricks_forwarder._parquet import read_footer, write_table
from databricks_forwarder.errors import (
    ConfigurationError,
    MissingExtraError,
    PermanentError,
    SchemaError,
    SetupError,
    TransientError,
)
from databricks_forwarder.loaders import _delta_files, _delta_tables
from databricks_forwarder.loaders.delta import DeltaLoader
from databricks_forwarder.model import LoadId, LoadResult, TableName
from databricks_forwarder.stagers.directory import DirectoryStager
from databricks_forwarder.testing.contracts._samples import (
    DEEP,
    NARROW,
    at_once,
    parquet_file,
    rows,
)
from databricks_forwarder.testing.contracts.loader import LoaderContract
from databricks_forwarder.testing.faults import Killed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from databricks_forwarder.model import ParquetFile, StagedFile
    from databricks_forwarder.testing.contracts._samples import Row


class TestDeltaLoader(LoaderContract):
    """
    The contract, over one folder.
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

    def rows(self, table: TableName) -> list[Row]:
        """
        Read the table by the engine.
        """
        path = self.open().path(table)
        if not path.exists():
            return []
        return DeltaTable(path).to_pyarrow_table().to_pylist()


LOAD = LoadId("0123456789ab-0-9")
NEXT = LoadId("0123456789ab-10-19")
TABLE = TableName("event_navigation_größe")


@pytest.fixture
def lake(tmp_path: Path) -> DeltaLoader:
    """
    A loader into an empty lake.
    """
    return DeltaLoader(tmp_path / "lake")


def staged(
    folder: Path,
    load_id: LoadId = LOAD,
    *,
    first: int = 0,
    schema: pa.Schema = NARROW,
) -> list[StagedFile]:
    """
    Two rows, staged.
    """
    content = rows(first, 2, schema)
    file = parquet_file(folder, load_id, TABLE, content, schema=schema)
    return [DirectoryStager(folder / "staging").stage(file)]


def ids(loader: DeltaLoader) -> list[int]:
    """
    The ids in the table, sorted.
    """
    held = DeltaTable(loader.path(TABLE)).to_pyarrow_table(columns=["id"])
    return sorted(held["id"].to_pylist())


def raising(error: BaseException | type[BaseException]) -> Callable[..., None]:
    """
    A function that raises *error*, whatever it is given.
    """

    def raises(*_: object, **__: object) -> None:
        raise error

    return raises


def once(
    monkeypatch: pytest.MonkeyPatch, name: str, before: Callable[[], object]
) -> None:
    """
    Do something else before the engine's next call of *name*.
    """
    original = getattr(DeltaTable, name)

    def called(*args: object, **kwargs: object) -> object:
        monkeypatch.setattr(DeltaTable, name, original)
        before()
        return original(*args, **kwargs)

    monkeypatch.setattr(DeltaTable, name, called)


def duckdb_rows(path: Path, query: str) -> list[tuple[object, ...]]:
    """
    What DuckDB's own reader of Delta tables makes of the table at *path*.
    """
    extension = Path(duckdb_extension_delta.__path__[0], "extensions")
    [file] = extension.glob(f"v{duckdb.__version__}/delta.duckdb_extension")
    with duckdb.connect() as connection:
        connection.execute(f"LOAD '{file}'")
        return connection.sql(query.format(f"delta_scan('{path}')")).fetchall()


@pytest.mark.parametrize(
    ("table", "folder"),
    [
        ("event_navigation_signup", "event_navigation_signup"),
        ("größe_漢字_1", "größe_漢字_1"),
        ("größe_漢字", "größe_漢字.15d5c92f020fd00b"),
        ("x" * 200, "x" * 200),
        ("a/b", "a-b.c14cddc033f64b9d"),
        ("..", "table.5ec1f7e700f37c3d"),
        ("_forwarder", "forwarder.a07ed7ea1e90df45"),
        ("", "table.e3b0c44298fc1c14"),
        ("é" * 101, "é" * 50 + ".96cbf977549895b3"),
    ],
)
def test_folder_is_the_tables_name_where_that_is_safe(
    lake: DeltaLoader, tmp_path: Path, table: str, folder: str
) -> None:
    """
    A name of words and dashes of at most 200 bytes is its folder's.
    """
    assert tmp_path / "lake" / folder == lake.path(TableName(table))


@pytest.mark.parametrize("name", ["café", "登録", "größe_1", "a b", "x" * 255])
def test_a_table_of_any_name_is_read_by_duckdb(
    lake: DeltaLoader, tmp_path: Path, name: str
) -> None:
    """
    No name of a table gets its folder a name that DuckDB's reader can't follow.
    """
    table = TableName(name)
    lake.prepare(table, NARROW)
    lake.load(LOAD, table, staged(tmp_path))

    assert [(2,)] == duckdb_rows(lake.path(table), "SELECT count(*) FROM {}")


def test_tables_are_listed_by_their_own_names(
    lake: DeltaLoader, tmp_path: Path
) -> None:
    """
    A table whose folder has another name is listed by the name it was given.
    """
    names = ["größe", "漢" * 80, "a b"]
    for name in names:
        lake.prepare(TableName(name), NARROW)
    (tmp_path / "lake" / "no table").mkdir()
    (tmp_path / "lake" / ".unfinished" / "_delta_log").mkdir(parents=True)

    assert sorted(names) == DeltaLoader(tmp_path / "lake").tables()


def test_no_lake_has_no_tables(lake: DeltaLoader) -> None:
    """
    A root that is not there yet is an empty lake.
    """
    assert [] == lake.tables()


def test_table_is_described(lake: DeltaLoader) -> None:
    """
    The table carries its name and what it is.
    """
    lake.prepare(TABLE, NARROW)
    metadata = DeltaTable(lake.path(TABLE)).metadata()

    assert (TABLE, "Events forwarded from mParticle, one row each.") == (
        metadata.name,
        metadata.description,
    )


def test_absent_engine_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Without the engine, making a loader says what to install.
    """
    monkeypatch.setitem(sys.modules, "deltalake", None)

    with pytest.raises(MissingExtraError, match=r"databricks-forwarder\[lake\]"):
        DeltaLoader("lake")


def test_staged_file_is_linked_not_rewritten(lake: DeltaLoader, tmp_path: Path) -> None:
    """
    The table's file is the staged file itself.
    """
    files = staged(tmp_path)
    lake.load(LOAD, TABLE, files)
    source = Path(files[0].uri)

    assert source.samefile(lake.path(TABLE) / f"{LOAD}-{source.name}")


def test_staged_file_is_copied_where_links_do_not_go(
    lake: DeltaLoader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    On another file system than the staging folder's, rows load all the same.
    """
    monkeypatch.setattr(os, "link", raising(OSError(errno.EXDEV, "other device")))
    lake.load(LOAD, TABLE, staged(tmp_path))

    assert [0, 1] == ids(lake)


def test_death_before_the_commit_leaves_no_rows(
    lake: DeltaLoader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Files that are in the table's folder without a commit are not read.
    """
    lake.prepare(TABLE, NARROW)
    with monkeypatch.context() as patch:
        patch.setattr(DeltaTable, "create_write_transaction", raising(Killed))
        with pytest.raises(Killed):
            lake.load(LOAD, TABLE, staged(tmp_path))

    assert (1, []) == (len(list(lake.path(TABLE).glob("*.parquet"))), ids(lake))


@pytest.mark.parametrize("rewritten", [False, True])
def test_files_left_by_a_death_are_taken_up(
    lake: DeltaLoader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rewritten: bool
) -> None:
    """
    The next try uses the file that lies there, or puts the right one there.
    """
    lake.prepare(TABLE, NARROW)
    with monkeypatch.context() as patch:
        patch.setattr(DeltaTable, "create_write_transaction", raising(Killed))
        with pytest.raises(Killed):
            lake.load(LOAD, TABLE, staged(tmp_path))
    if rewritten:
        [left] = lake.path(TABLE).glob("*.parquet")
        left.unlink()
        left.write_bytes(b"half")
    again = DeltaLoader(tmp_path / "lake")
    again.load(LOAD, TABLE, staged(tmp_path))

    assert (1, [0, 1]) == (len(list(lake.path(TABLE).glob("*.parquet"))), ids(lake))


def test_death_after_the_commit_is_a_repeat(
    lake: DeltaLoader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A commit whose answer was lost is found by the next try.
    """
    lake.prepare(TABLE, NARROW)
    files = staged(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(_delta_tables, "sync_log", raising(Killed))
        with pytest.raises(Killed):
            lake.load(LOAD, TABLE, files)
    result = DeltaLoader(tmp_path / "lake").load(LOAD, TABLE, files)

    assert (LoadResult(2, was_repeat=True), [0, 1]) == (result, ids(lake))


def test_table_is_made_by_a_load_that_was_not_prepared(
    lake: DeltaLoader, tmp_path: Path
) -> None:
    """
    A table that is gone since it was prepared is made again for the load.
    """
    lake.prepare(TABLE, NARROW)
    shutil.rmtree(lake.path(TABLE))
    lake.load(LOAD, TABLE, staged(tmp_path))

    assert [0, 1] == ids(lake)


def test_columns_added_by_another_while_loading_are_no_harm(
    lake: DeltaLoader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A commit that lost against a change of columns looks again and is made.
    """
    lake.prepare(TABLE, NARROW)
    other = DeltaLoader(tmp_path / "lake")
    once(monkeypatch, "create_write_transaction", lambda: other.prepare(TABLE, DEEP))
    result = lake.load(LOAD, TABLE, staged(tmp_path))

    assert (LoadResult(2), [0, 1]) == (result, ids(lake))


def test_same_load_by_another_while_loading_is_a_repeat(
    lake: DeltaLoader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Who looked before another holder's commit finds it after losing to it.
    """
    lake.prepare(TABLE, NARROW)
    other = DeltaLoader(tmp_path / "lake")
    files = staged(tmp_path)
    once(
        monkeypatch,
        "create_write_transaction",
        lambda: other.load(LOAD, TABLE, files),
    )
    result = lake.load(LOAD, TABLE, files)

    assert (LoadResult(2, was_repeat=True), [0, 1]) == (result, ids(lake))


def test_table_created_by_another_meanwhile_gets_the_columns_of_both(
    lake: DeltaLoader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Who comes second in creating a table adds to what the first has made.
    """
    other = DeltaLoader(tmp_path / "lake")
    monkeypatch.setattr(_delta_tables, "make_folder", lambda _: None)
    (tmp_path / "lake").mkdir()
    original = _delta_tables.sync_log

    def overtaken(folder: Path, known: Collection[str] = ()) -> frozenset[str]:
        monkeypatch.setattr(_delta_tables, "sync_log", original)
        other.prepare(TABLE, pa.schema({"b": pa.int64()}))
        return original(folder, known)

    monkeypatch.setattr(_delta_tables, "sync_log", overtaken)
    lake.prepare(TABLE, pa.schema({"a": pa.int64()}))
    fields = [field.name for field in DeltaTable(lake.path(TABLE)).schema().fields]

    assert (["b", "a"], [lake.path(TABLE)]) == (
        fields,
        list((tmp_path / "lake").iterdir()),
    )


def test_losing_for_ever_is_transient(
    lake: DeltaLoader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    After ten tries that others won, the load is left for later.
    """
    lost = raising(exceptions.CommitFailedError("lost"))
    monkeypatch.setattr(DeltaTable, "create_write_transaction", lost)

    with pytest.raises(TransientError, match="other writers came first 10 times"):
        lake.load(LOAD, TABLE, staged(tmp_path))


def test_prepare_is_free_when_there_is_nothing_to_do(
    lake: DeltaLoader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A table that is known to have the columns is not even opened.
    """
    lake.prepare(TABLE, DEEP)
    monkeypatch.setattr(DeltaTable, "__init__", raising(AssertionError))
    lake.prepare(TABLE, NARROW)

    assert lake.path(TABLE).exists()


def test_preparing_again_commits_nothing(lake: DeltaLoader, tmp_path: Path) -> None:
    """
    A new process that finds all columns there leaves the table's version.
    """
    lake.prepare(TABLE, DEEP)
    DeltaLoader(tmp_path / "lake").prepare(TABLE, NARROW)

    assert 0 == DeltaTable(lake.path(TABLE)).version()


def test_what_is_remembered_gives_way_to_the_table_itself(
    lake: DeltaLoader, tmp_path: Path
) -> None:
    """
    A table that was made anew with other types is taken as it is.
    """
    lake.prepare(TABLE, pa.schema({"id": pa.string()}))
    shutil.rmtree(lake.path(TABLE))
    DeltaLoader(tmp_path / "lake").prepare(TABLE, NARROW)
    lake.prepare(TABLE, NARROW)

    assert LoadResult(2) == lake.load(LOAD, TABLE, staged(tmp_path))


def test_columns_keep_their_order(lake: DeltaLoader) -> None:
    """
    New columns come after those that are there.
    """
    lake.prepare(TABLE, pa.schema({"b": pa.int64(), "a": pa.int64()}))
    lake.prepare(TABLE, pa.schema({"c": pa.int64(), "a": pa.int64()}))
    fields = DeltaTable(lake.path(TABLE)).schema().fields

    assert ["b", "a", "c"] == [field.name for field in fields]


def test_log_survives_a_loss_of_power(
    lake: DeltaLoader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    When a load returns, its commit and the log's list of names are synced.
    """
    lake.prepare(TABLE, NARROW)
    lake.load(LOAD, TABLE, staged(tmp_path))
    synced: list[str] = []
    monkeypatch.setattr(_delta_files, "sync", lambda path: synced.append(path.name))
    lake.load(NEXT, TABLE, staged(tmp_path, NEXT, first=2))

    assert [f"{2:020}.json", "_delta_log"] == [
        name for name in synced if name != "_last_checkpoint"
    ]


def test_loads_are_known_after_a_checkpoint(lake: DeltaLoader, tmp_path: Path) -> None:
    """
    A load whose commit is only in a checkpoint is a repeat.
    """
    files = staged(tmp_path)
    lake.load(LOAD, TABLE, files)
    DeltaTable(lake.path(TABLE)).create_checkpoint()
    for commit in (lake.path(TABLE) / "_delta_log").glob("*0.json"):
        commit.unlink()
    result = DeltaLoader(tmp_path / "lake").load(LOAD, TABLE, files)

    assert (True, [0, 1]) == (result.was_repeat, ids(lake))


def test_commit_tells_counts_and_ranges(lake: DeltaLoader, tmp_path: Path) -> None:
    """
    Numbers and moments have their ranges in the log; text has none there.
    """
    schema = pa.schema(
        {
            "id": pa.int64(),
            "at": pa.timestamp("us", "UTC"),
            "on": pa.date32(),
            "name": pa.string(),
        }
    )
    content = [
        {"id": 7, "at": datetime(2026, 1, 2, 3, 4, 5, 6, timezone.utc), "name": "x"},
        {"id": None, "on": date(2026, 1, 2), "name": "secret"},
    ]
    file = parquet_file(tmp_path, LOAD, TABLE, content, schema=schema)
    lake.load(LOAD, TABLE, [DirectoryStager(tmp_path / "staging").stage(file)])
    [commit] = (lake.path(TABLE) / "_delta_log").glob("*1.json")
    [added] = [
        json.loads(line)["add"]
        for line in commit.read_text().splitlines()
        if '"add"' in line
    ]

    assert {
        "numRecords": 2,
        "minValues": {"id": 7, "at": "2026-01-02T03:04:05.000006Z", "on": "2026-01-02"},
        "maxValues": {"id": 7, "at": "2026-01-02T03:04:05.000006Z", "on": "2026-01-02"},
        "nullCount": {"id": 1, "at": 1, "on": 1},
    } == json.loads(added["stats"])


def test_moments_beyond_the_year_9999_have_no_range(tmp_path: Path) -> None:
    """
    A file with a moment that no calendar has is told by its counts alone.
    """
    path = tmp_path / "far.parquet"
    far = pa.array([2**62, None], pa.timestamp("us", "UTC"))
    write_table(pa.table({"at": far}), path)

    assert {
        "numRecords": 2,
        "nullCount": {"at": 1},
    } == json.loads(_delta_files.statistics(read_footer(path), "at"))


def test_ranges_span_row_groups_and_pass_over_empty_ones(tmp_path: Path) -> None:
    """
    A group of nulls alone widens no range, and a column of them has none.
    """
    path = tmp_path / "groups.parquet"
    ids = pa.array([5, None, 3, 9], pa.int64())
    table = pa.table({"id": ids, "none": pa.nulls(4, pa.int64())})
    pq.write_table(table, path, row_group_size=1)

    assert {
        "numRecords": 4,
        "minValues": {"id": 3},
        "maxValues": {"id": 9},
        "nullCount": {"id": 1, "none": 4},
    } == json.loads(_delta_files.statistics(read_footer(path), "id,none"))


def test_files_without_statistics_are_told_by_their_rows(tmp_path: Path) -> None:
    """
    A file whose footer tells no ranges is told by its number of rows.
    """
    path = tmp_path / "plain.parquet"
    pq.write_table(pa.table({"id": [1, 2]}), path, write_statistics=False)

    assert {
        "numRecords": 2,
        "nullCount": {},
    } == json.loads(_delta_files.statistics(read_footer(path), "id"))


def test_ranges_are_told_of_all_named_columns_or_of_none(tmp_path: Path) -> None:
    """
    When one of the columns that a table names has no range, none is told.
    """
    path = tmp_path / "two.parquet"
    write_table(pa.table({"id": [1, 2], "size": [3, 4]}), path)
    footer = read_footer(path)
    told = {
        columns: json.loads(_delta_files.statistics(footer, columns)).get("minValues")
        for columns in ("id,size", "size", "id,absent", "")
    }

    assert {
        "id,size": {"id": 1, "size": 3},
        "size": {"size": 3},
        "id,absent": None,
        "": None,
    } == told


@pytest.mark.parametrize("is_own", [True, False])
def test_filters_on_any_column_find_their_rows(
    is_own: bool, lake: DeltaLoader, tmp_path: Path
) -> None:
    """
    Columns without a range are filtered right, in our tables and in others'.
    """
    schema = pa.schema(
        {"id": pa.int64(), "name": pa.string(), "data": pa.struct({"n": pa.int64()})}
    )
    if not is_own:
        DeltaTable.create(str(lake.path(TABLE)), schema)
    content = [{"id": 1, "name": "a", "data": {"n": 1}}, {"id": 2}]
    file = parquet_file(tmp_path, LOAD, TABLE, content, schema=schema)
    lake.load(LOAD, TABLE, [DirectoryStager(tmp_path / "staging").stage(file)])
    dataset = DeltaTable(lake.path(TABLE)).to_pyarrow_dataset()
    name, data = pc.field("name"), pc.field("data")
    filters = [name == "a", name.is_null(), data.is_null(), data.is_valid()]

    assert [1, 1, 1, 1] == [dataset.count_rows(filter=each) for each in filters]


def test_ranges_prune_no_row_that_fits(lake: DeltaLoader, tmp_path: Path) -> None:
    """
    A filter on a column with ranges finds its row among several files.
    """
    lake.load(LOAD, TABLE, staged(tmp_path))
    lake.load(NEXT, TABLE, staged(tmp_path, NEXT, first=2))
    held = DeltaTable(lake.path(TABLE)).to_pyarrow_table(filters=[("id", ">=", 3)])

    assert [3] == held["id"].to_pylist()


def test_duckdb_reads_old_and_new_files_alike(
    lake: DeltaLoader, tmp_path: Path
) -> None:
    """
    Another engine reads a grown table, with nulls where old files have nothing.
    """
    lake.load(LOAD, TABLE, staged(tmp_path))
    lake.load(NEXT, TABLE, staged(tmp_path, NEXT, first=2, schema=DEEP))
    query = (
        "SELECT id, data.products[1].quantity, identities['email'].created, "
        "data.action.is_new, attributes['größe'], extra FROM {} ORDER BY id"
    )

    assert [
        (0, None, None, None, "42", None),
        (1, None, None, None, None, None),
        (2, 2**53 + 1, False, True, "42", "line\nbreak"),
        (3, None, None, None, None, None),
    ] == duckdb_rows(lake.path(TABLE), query)


def test_a_stranger_in_the_tables_place_is_a_set_up_error(lake: DeltaLoader) -> None:
    """
    A folder with something else in it is told with its path.
    """
    lake.path(TABLE).mkdir(parents=True)
    (lake.path(TABLE) / "notes.txt").touch()

    with pytest.raises(SetupError, match=r"is no Delta table.*move it"):
        lake.prepare(TABLE, NARROW)


def test_an_empty_folder_in_the_tables_place_is_taken(lake: DeltaLoader) -> None:
    """
    A table can be made in a folder that is empty.
    """
    lake.path(TABLE).mkdir(parents=True)
    lake.prepare(TABLE, NARROW)

    assert [] == ids(lake)


def test_a_lost_log_is_a_set_up_error(lake: DeltaLoader) -> None:
    """
    A table without any commit in its log is told as damaged.
    """
    (lake.path(TABLE) / "_delta_log").mkdir(parents=True)

    with pytest.raises(SetupError, match="restore the table's log"):
        lake.prepare(TABLE, NARROW)


def test_a_file_in_the_tables_place_is_a_set_up_error(lake: DeltaLoader) -> None:
    """
    A file where the table's folder should be is told with its path.
    """
    lake.path(TABLE).parent.mkdir()
    lake.path(TABLE).touch()

    with pytest.raises(SetupError, match="größe"):
        lake.prepare(TABLE, NARROW)


def test_a_name_that_can_not_be_given_is_told(
    lake: DeltaLoader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    When the finished table can't be put in its place, nothing is left of it.
    """
    refused = raising(OSError(errno.EACCES, "refused"))
    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(SetupError, match="refused"):
        lake.prepare(TABLE, NARROW)

    assert [] == list(lake.path(TABLE).parent.iterdir())


@pytest.mark.parametrize(
    ("schema", "options"),
    [
        (pa.schema({"id": pa.int64(), "p": pa.int64()}), {"partition_by": "p"}),
        (pa.schema([pa.field("id", pa.int64(), nullable=False)]), {}),
        (
            pa.schema({"id": pa.int64()}),
            {"configuration": {"delta.columnMapping.mode": "name"}},
        ),
    ],
)
def test_tables_with_rules_of_their_own_are_parked(
    lake: DeltaLoader, schema: pa.Schema, options: dict[str, Any]
) -> None:
    """
    Files are not registered with a table whose rules they may break.
    """
    lake.path(TABLE).mkdir(parents=True)
    DeltaTable.create(str(lake.path(TABLE)), schema, **options)

    with pytest.raises(PermanentError, match="move it out of the way"):
        lake.prepare(TABLE, pa.schema({"id": pa.int64()}))


def test_tables_with_constraints_are_parked(lake: DeltaLoader) -> None:
    """
    Rows are not held to a table's constraints, so such a table is refused.
    """
    lake.prepare(TABLE, NARROW)
    DeltaTable(lake.path(TABLE)).alter.add_constraint({"positive": "id > 0"})

    with pytest.raises(PermanentError, match="constraints"):
        DeltaLoader(lake.path(TABLE).parent).prepare(TABLE, NARROW)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"ID": pa.int64()}, "differs only in case from id"),
        ({"id": pa.struct({"a": pa.int64()})}, "is int64, the rows have a struct"),
        (
            {"data": pa.map_(pa.string(), pa.string())},
            "is a struct, the rows have a map",
        ),
        ({"attributes": pa.list_(pa.string())}, "is a map, the rows have a list"),
        ({"new": pa.timestamp("ns", "UTC")}, r"can't be timestamp\[ns, tz=UTC\]"),
        ({"new": pa.list_(pa.null())}, r"new\.element .* can't be null"),
        (
            {"identities": pa.map_(pa.string(), pa.struct({"identity": pa.int8()}))},
            r"identities\.value\.identity .* is string, the rows have int8",
        ),
    ],
)
def test_what_can_not_agree_is_said_with_both_types(
    lake: DeltaLoader, wanted: dict[str, pa.DataType], said: str
) -> None:
    """
    A refused column is told by its path and what it is on both sides.
    """
    lake.prepare(TABLE, NARROW)

    with pytest.raises(SchemaError, match=said):
        lake.prepare(TABLE, pa.schema(wanted))


def test_types_that_delta_does_not_tell_apart_agree(lake: DeltaLoader) -> None:
    """
    Large text, large lists and dictionaries are what their values are.
    """
    plain = {
        "text": pa.string(),
        "bytes": pa.binary(),
        "texts": pa.list_(pa.string()),
        "word": pa.string(),
    }
    other = {
        "text": pa.large_string(),
        "bytes": pa.large_binary(),
        "texts": pa.large_list(pa.field("item", pa.large_string(), nullable=False)),
        "word": pa.dictionary(pa.int32(), pa.string()),
    }
    lake.prepare(TABLE, pa.schema(plain))
    lake.prepare(TABLE, pa.schema(other))
    lake.prepare(TableName("other"), pa.schema(other))

    assert [0, 0] == [
        DeltaTable(lake.path(table)).version() for table in (TABLE, TableName("other"))
    ]


def test_every_error_of_the_engine_has_a_fate() -> None:
    """
    The table of fates has the engine's exceptions, all of them and no other.
    """
    raised = {
        name
        for name, value in vars(exceptions).items()
        if isinstance(value, type) and issubclass(value, BaseException)
    }

    assert raised == set(FATES)


@pytest.mark.parametrize(
    ("error", "fate"),
    [
        (exceptions.DeltaError("unknown"), TransientError),
        (exceptions.CommitFailedError("lost"), TransientError),
        (exceptions.DeltaProtocolError("too new"), SetupError),
        (exceptions.TableNotFoundError("no log"), SetupError),
        (exceptions.SchemaMismatchError("types"), SchemaError),
        (exceptions.DeltaError("refused (os error 13)"), SetupError),
        (exceptions.DeltaError("Os { code: 28, kind: StorageFull"), TransientError),
        (OSError(errno.EACCES, "refused"), SetupError),
        (pa.ArrowInvalid("a value"), PermanentError),
        (Exception("the engine's own\n  0: backtrace"), TransientError),
        (RuntimeError("unknown"), TransientError),
    ],
)
def test_errors_cross_over_to_their_fate(
    error: Exception, fate: type[Exception]
) -> None:
    """
    Each foreign error becomes one of ours, in one line that says what was done.
    """
    crossing = crossed(error, "doing this")

    assert (fate, True, False) == (
        type(crossing),
        str(crossing).startswith("doing this failed: "),
        "\n" in str(crossing),
    )


def test_text_of_a_damaged_file_is_not_repeated() -> None:
    """
    What Arrow says of a file may quote its content, so it stays in the cause.
    """
    assert "secret" not in str(crossed(pa.ArrowInvalid("secret"), "doing this"))


def test_check_tries_where_the_lake_will_be(lake: DeltaLoader, tmp_path: Path) -> None:
    """
    Without a lake, its nearest folder is tried, and nothing stays there.
    """
    subjects = [finding.subject for finding in lake.check()]

    assert (
        [
            f"folder {tmp_path}",
            "writing a Parquet file",
            "creating a table",
            "loading rows",
        ],
        [],
    ) == (subjects, list(tmp_path.iterdir()))


def test_check_stops_at_the_first_thing_wrong(
    lake: DeltaLoader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What comes after a step that failed is not tried.
    """
    monkeypatch.setattr(DeltaTable, "create", raising(OSError(errno.EROFS, "fixed")))
    findings = lake.check()

    assert (3, "creating a table", True) == (
        len(findings),
        findings[-1].subject,
        "fixed" in str(findings[-1].problem),
    )


def test_registering_many_loads_at_once_loses_none(
    lake: DeltaLoader, tmp_path: Path
) -> None:
    """
    Loads and added columns from several threads are all there in the end.
    """
    lake.prepare(TABLE, NARROW)
    names = [LoadId(f"0123456789ab-{first}-{first}") for first in range(0, 12, 2)]
    loads = [
        functools.partial(
            lake.load,
            name,
            TABLE,
            staged(
                tmp_path, name, first=2 * index, schema=DEEP if index % 2 else NARROW
            ),
        )
        for index, name in enumerate(names)
    ]
    at_once(*loads)

    assert list(range(12)) == ids(lake)


@pytest.mark.parametrize(
    "root", ["s3://bucket/lake", "file:///lake", "", "a%20b", "a\udcffb"]
)
def test_a_root_that_is_no_local_folder_is_refused(root: str) -> None:
    """
    An address, or a folder that the engine can't name, is refused with a sentence.
    """
    with pytest.raises(ConfigurationError, match=r"name a(nother)? folder"):
        DeltaLoader(root)


@pytest.mark.parametrize("name", ["a:b", "a b", "a#b", "a?b", "ü", "~"])
def test_any_other_folder_can_hold_a_lake(name: str, tmp_path: Path) -> None:
    """
    What looks like an address or a pattern and is a folder's name is taken as it is.
    """
    loader = DeltaLoader(tmp_path / name)
    loader.prepare(TableName("t"), pa.schema([("a", pa.int64())]))

    assert [TableName("t")] == list(loader.tables())
