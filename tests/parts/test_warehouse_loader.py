"""
Tables in a workspace, loaded by its SQL warehouse.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import attrs
import pyarrow as pa
import pytest
from schemas import connected, new_schema, rows_of, workspace

from databricks_forwarder import DatabricksSettings
from databricks_forwarder._databricks.client import DatabricksClient
from databricks_forwarder._databricks.types import from_sql_type
from databricks_forwarder._table_columns import schema_of
from databricks_forwarder.errors import (
    PermanentError,
    SchemaError,
    SetupError,
    TransientError,
)
from databricks_forwarder.loaders._schemas import covers, widened
from databricks_forwarder.loaders.warehouse import WarehouseLoader
from databricks_forwarder.model import (
    LoadId,
    LoadResult,
    ParquetFile,
    StagedFile,
    TableName,
)
from databricks_forwarder.stagers.volume import VolumeStager
from databricks_forwarder.testing.contracts._samples import (
    LOAD,
    NARROW,
    WIDE,
    Row,
    parquet_file,
    rows,
)
from databricks_forwarder.testing.contracts.loader import LoaderContract
from databricks_forwarder.testing.workspace import Fault


class TestWarehouseLoader(LoaderContract):
    """
    The contract, over the real connector.
    """

    exempt = {  # noqa: RUF012  # read only
        "test_l4_columns_are_added_inside_lists_and_maps": (
            "ALTER TABLE adds nested columns to structs only"
        )
    }

    def begin(self, tmp_path: Path) -> None:
        """
        Begin with an empty schema.
        """
        super().begin(tmp_path)
        self.settings = new_schema()
        self.opened = ExitStack()

    def end(self) -> None:
        """
        Close all connections.
        """
        self.opened.close()

    def client(self) -> DatabricksClient:
        """
        Connect as a new process would.
        """
        return self.opened.enter_context(connected(self.settings))

    def open(self) -> WarehouseLoader:
        """
        Open over the test's schema.
        """
        return WarehouseLoader(self.client())

    def stage(self, file: ParquetFile) -> StagedFile:
        """
        Put the file into the volume.
        """
        return VolumeStager(self.client()).stage(file)

    def rows(self, table: TableName) -> list[Row]:
        """
        Ask as an administrator.
        """
        return rows_of(self.settings, table)


@pytest.fixture(name="settings")
def _settings() -> DatabricksSettings:
    return new_schema()


@pytest.fixture(name="client")
def _client(settings: DatabricksSettings) -> Iterator[DatabricksClient]:
    with connected(settings) as client:
        yield client


def staged(
    client: DatabricksClient, folder: Path, load_id: str = LOAD, table: str = "t"
) -> StagedFile:
    """
    Stage a file of two rows.
    """
    content = rows(0, 2, load_id=LoadId(load_id))
    return VolumeStager(client).stage(parquet_file(folder, load_id, table, content))


def statements(client: DatabricksClient) -> list[str]:
    """
    What SQL the workspace ran in the client's schema.
    """
    name = client.settings.schema_name
    return [
        request.statement
        for request in workspace().requests
        if request.statement and name in request.statement and request.principal
    ]


def test_the_columns_of_all_tables_are_asked_once(client: DatabricksClient) -> None:
    """
    After one look at several tables, none is looked at again.
    """
    tables = [TableName(name) for name in ("a", "b", "c")]
    first = WarehouseLoader(client)
    for table in tables:
        first.prepare(table, NARROW)
    before = len(statements(client))
    second = WarehouseLoader(client)
    second.survey(tables)
    for table in tables:
        second.prepare(table, NARROW)
    second.survey(tables)

    assert 1 == len(statements(client)[before:])


def test_a_table_is_as_the_library_says(
    client: DatabricksClient, tmp_path: Path
) -> None:
    """
    Types are exact, columns and table have comments, rows lie by event time.
    """
    loader = WarehouseLoader(client)
    schema = schema_of("commerce_event")
    loader.prepare(TableName("ecomm_purchase"), schema)
    told = (
        workspace()
        .query(
            "SELECT column_name, full_data_type, comment "
            "FROM main.information_schema.columns "
            f"WHERE table_schema = '{client.settings.schema_name}' "
            "ORDER BY ordinal_position"
        )
        .to_pylist()
    )
    columns = widened(pa.schema([]), schema, TableName("ecomm_purchase"))
    (create,) = [each for each in statements(client) if each.startswith("CREATE TABLE")]

    assert [(field.name, field.type) for field in columns] == [
        (each["column_name"], from_sql_type(each["full_data_type"])) for each in told
    ]
    assert all(each["comment"] for each in told)
    assert "\nCLUSTER BY (`_event_timestamp`)\nCOMMENT 'Events forwarded" in create


def test_each_copy_names_its_load_and_nothing_else(
    client: DatabricksClient, tmp_path: Path
) -> None:
    """
    One COPY INTO, with its files named, neither forced nor merging.
    """
    loader = WarehouseLoader(client)
    loader.prepare(TableName("t"), NARROW)
    file = staged(client, tmp_path)
    loader.load(LOAD, TableName("t"), [file])
    (copy,) = [each for each in statements(client) if "COPY INTO" in each]

    assert [
        f"/* databricks-forwarder load {LOAD} */",
        f"COPY INTO `main`.`{client.settings.schema_name}`.`t`",
        f"FROM '{client.volume.volume_path}/{LOAD}'",
        "FILEFORMAT = PARQUET",
        f"FILES = ('{Path(file.uri).name}')",
    ] == copy.splitlines()


def test_more_files_than_a_statement_takes(
    client: DatabricksClient, tmp_path: Path
) -> None:
    """
    1001 files of a table are loaded by two statements, each row once.
    """
    loader = WarehouseLoader(client)
    loader.prepare(TableName("t"), NARROW)
    first = staged(client, tmp_path)
    place = workspace().volume_file(first.uri)
    files = [first]
    for number in range(1000):
        shutil.copyfile(place, place.with_name(f"{number}.parquet"))
        uri = f"{Path(first.uri).parent}/{number}.parquet"
        files.append(attrs.evolve(first, uri=uri))
    results = [loader.load(LOAD, TableName("t"), files) for _ in range(2)]

    assert [LoadResult(2002), LoadResult(2002, was_repeat=True)] == results
    assert 2002 == len(rows_of(client.settings, "t"))
    assert 4 == len([each for each in statements(client) if "COPY INTO" in each])


def test_rows_that_are_not_the_files_are_told(
    client: DatabricksClient, tmp_path: Path
) -> None:
    """
    When the platform loads another number of rows, the load is not passed on.
    """
    loader = WarehouseLoader(client)
    loader.prepare(TableName("t"), NARROW)
    file = attrs.evolve(staged(client, tmp_path), row_count=3)

    with pytest.raises(PermanentError, match="put 2 rows into table t, its files have"):
        loader.load(LOAD, TableName("t"), [file])


def test_a_table_that_somebody_dropped_is_made_anew(
    client: DatabricksClient, tmp_path: Path
) -> None:
    """
    A load into a table that was there before finds out, and makes it again.
    """
    loader = WarehouseLoader(client)
    loader.prepare(TableName("t"), NARROW)
    workspace().query(f"DROP TABLE main.{client.settings.schema_name}.t")
    result = loader.load(LOAD, TableName("t"), [staged(client, tmp_path)])

    assert (LoadResult(2), 2) == (result, len(rows_of(client.settings, "t")))


def test_a_table_that_somebody_made_with_less_is_widened(
    client: DatabricksClient, tmp_path: Path
) -> None:
    """
    A table that was replaced by a narrower one gets its columns back.
    """
    loader = WarehouseLoader(client)
    loader.prepare(TableName("t"), NARROW)
    name = f"main.{client.settings.schema_name}.t"
    workspace().query(f"DROP TABLE {name}")
    workspace().query(f"CREATE TABLE {name} (id BIGINT, own STRING)")
    workspace().query(
        f"GRANT SELECT, MODIFY ON TABLE {name} TO `{client.settings.client_id}`"
    )
    loader.load(LOAD, TableName("t"), [staged(client, tmp_path)])
    row = rows_of(client.settings, "t")[0]

    assert (LOAD, None) == (row["_load_id"], row["own"])


def test_a_load_into_a_table_never_prepared_is_refused(
    client: DatabricksClient, tmp_path: Path
) -> None:
    """
    Without knowing its columns no table is made.
    """
    file = staged(client, tmp_path)

    with pytest.raises(TransientError, match="TABLE_OR_VIEW_NOT_FOUND"):
        WarehouseLoader(client).load(LOAD, TableName("t"), [file])


def test_files_that_are_gone_before_they_were_loaded_are_told(
    client: DatabricksClient, tmp_path: Path
) -> None:
    """
    Missing files are not taken for loaded when the rows are not there.
    """
    loader = WarehouseLoader(client)
    loader.prepare(TableName("t"), NARROW)
    file = staged(client, tmp_path)
    VolumeStager(client).discard(LOAD)

    with pytest.raises(TransientError, match="PATH_NOT_FOUND"):
        loader.load(LOAD, TableName("t"), [file])


def test_an_answer_that_was_lost_is_no_repeat_of_another(
    client: DatabricksClient, tmp_path: Path
) -> None:
    """
    A COPY INTO whose answer was lost is sent again; its rows are there once.
    """
    loader = WarehouseLoader(client)
    loader.prepare(TableName("t"), NARROW)
    file = staged(client, tmp_path)
    name = client.settings.schema_name
    workspace().fail(
        Fault(
            on="statement",
            matching=f"COPY INTO `main`.`{name}`",
            when="after",
            drop=True,
        )
    )
    loader.load(LOAD, TableName("t"), [file])

    assert 2 == len(rows_of(client.settings, "t"))


def test_who_widens_second_looks_again(client: DatabricksClient) -> None:
    """
    A column that another process added meanwhile is found, not added twice.
    """
    loaders = [WarehouseLoader(client), WarehouseLoader(client)]
    for loader in loaders:
        loader.prepare(TableName("t"), NARROW)
    for loader in loaders:
        loader.prepare(TableName("t"), WIDE)
    added = [each for each in statements(client) if each.startswith("ALTER TABLE")]

    assert 2 == len(added)
    assert covers(
        pa.schema(
            [
                (each["column_name"], from_sql_type(each["full_data_type"]))
                for each in workspace()
                .query(
                    "SELECT column_name, full_data_type FROM "
                    "main.information_schema.columns WHERE table_schema = "
                    f"'{client.settings.schema_name}' ORDER BY ordinal_position"
                )
                .to_pylist()
            ]
        ),
        WIDE,
        TableName("t"),
    )


def test_a_type_that_arrow_lacks_is_told_by_its_name(client: DatabricksClient) -> None:
    """
    A column of a type of the platform's own is named as the platform does.
    """
    name = f"main.{client.settings.schema_name}.t"
    workspace().query(f"CREATE TABLE {name} (id DECIMAL(10, 2))")
    workspace().query(f"GRANT SELECT ON TABLE {name} TO `{client.settings.client_id}`")

    with pytest.raises(SchemaError, match=r"column id of table t is DECIMAL\(10,2\)"):
        WarehouseLoader(client).prepare(TableName("t"), NARROW)


def test_a_table_of_somebody_else_s_is_told_with_its_grant(
    client: DatabricksClient,
) -> None:
    """
    A table that is there and can't be seen is no conflict: a person must act.
    """
    name = f"main.{client.settings.schema_name}.t"
    workspace().query(f"CREATE TABLE {name} (id BIGINT)")
    loader = WarehouseLoader(client)
    grant = (
        f"GRANT SELECT, MODIFY ON TABLE `main`.`{client.settings.schema_name}`.`t` "
        f"TO `{client.settings.client_id}`"
    )
    with pytest.raises(SetupError, match=re.escape(f"; run: {grant}")):
        loader.prepare(TableName("t"), NARROW)
    workspace().query(grant)
    loader.prepare(TableName("t"), NARROW)

    assert [] == rows_of(client.settings, "t")


def test_a_second_thousand_that_is_gone_is_not_taken_for_the_first(
    client: DatabricksClient, tmp_path: Path
) -> None:
    """
    Rows of the files before are no rows of the files that are missing.
    """
    loader = WarehouseLoader(client)
    loader.prepare(TableName("t"), NARROW)
    first = staged(client, tmp_path)
    place = workspace().volume_file(first.uri)
    for number in range(999):
        shutil.copyfile(place, place.with_name(f"{number}.parquet"))
    folder = Path(first.uri).parent
    files = [
        first,
        *(attrs.evolve(first, uri=f"{folder}/{n}.parquet") for n in range(1999)),
    ]
    with pytest.raises(TransientError, match="PATH_NOT_FOUND"):
        loader.load(LOAD, TableName("t"), files)

    assert 2000 == len(rows_of(client.settings, "t"))


def test_a_type_that_nobody_can_read_fails_its_column_alone(
    client: DatabricksClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A column of an unheard-of type is named when the rows want it, and not before.
    """
    name = f"main.{client.settings.schema_name}.t"
    workspace().query(f"CREATE TABLE {name} (own STRING, name STRING)")
    grant = f"GRANT SELECT, MODIFY ON TABLE {name} TO `{client.settings.client_id}`"
    workspace().query(grant)
    loader = WarehouseLoader(client)
    told = client.warehouse.run

    def odd(sql: str) -> list[tuple[object, ...]]:
        return [
            (*row[:2], "interval day to second") if row[1:2] == ("own",) else row
            for row in told(sql)
        ]

    monkeypatch.setattr(client.warehouse, "run", odd)
    loader.prepare(TableName("t"), pa.schema({"name": pa.string()}))

    with pytest.raises(SchemaError, match="column own of table t is interval day to"):
        loader.prepare(TableName("t"), pa.schema({"own": pa.string()}))
