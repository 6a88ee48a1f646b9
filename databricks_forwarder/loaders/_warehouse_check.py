"""
A workspace tried by imitating real work, under names that are thrown away.
"""

from __future__ import annotations

import secrets
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from databricks_forwarder._databricks.count_statements import COUNTS, TryWriting
from databricks_forwarder._databricks.fates import (
    AlreadyThereError,
    MissingTableError,
    MissingVolumeError,
)
from databricks_forwarder._databricks.load_statements import CopyInto, CountLoad
from databricks_forwarder._databricks.name_statements import NAMES
from databricks_forwarder._databricks.repeats import repeated
from databricks_forwarder._databricks.schema_statements import (
    SelectSchema,
    SelectVolume,
)
from databricks_forwarder._databricks.statements import (
    AddColumns,
    CreateTable,
    CreateVolume,
    DropTable,
    DropVolume,
    SelectOne,
    identifier,
)
from databricks_forwarder._databricks.view_statements import (
    AlterView,
    CreateView,
    DropView,
)
from databricks_forwarder._disk import disk_errors
from databricks_forwarder._parquet import write_table
from databricks_forwarder.errors import ForwarderError, SetupError
from databricks_forwarder.model import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from databricks_forwarder._databricks.client import DatabricksClient
    from databricks_forwarder._databricks.statements import Name, Statement

__all__ = ["findings"]

_COMMENT = "Made by a check of databricks-forwarder, and dropped by it."
_FILE = "check.parquet"


def findings(
    client: DatabricksClient, *, with_views: bool = False
) -> Iterator[Finding]:
    """
    Try everything that a load does, from signing in on.

    Args:
        client: The workspace.
        with_views: Whether loads see to views, too.

    Yields:
        One finding for each thing; where it has a problem, what rests on it
        is left out.
    """
    settings = client.settings
    ground = _tried(
        {
            f"sign-in at {client.endpoint.host}": client.tokens.token,
            f"SQL warehouse {settings.warehouse_id}": client.warehouse.describe,
            "running a statement": lambda: _run(client, SelectOne()),
            f"catalog {settings.catalog_name}": lambda: _schemas(client),
            f"schema {settings.schema_name}": lambda: _see_schema(client),
        }
    )
    is_sound = True
    for finding in ground:
        is_sound = finding.problem is None
        yield finding
    if is_sound:
        with ExitStack() as after:
            yield from _Trial(client, after, with_views=with_views).findings()
        yield from _tried({"counting with other hosts": lambda: _try_counting(client)})


def _tried(steps: Mapping[str, Callable[[], object]]) -> Iterator[Finding]:
    for subject, step in steps.items():
        try:
            step()
        except ForwarderError as error:
            yield Finding(subject, str(error))
            return
        yield Finding(subject)


def _run(client: DatabricksClient, statement: Statement) -> list[tuple[object, ...]]:
    def step() -> list[tuple[object, ...]]:
        # Under a name of its own nothing is there already but by a first try.
        with suppress(AlreadyThereError):
            return list(client.warehouse.run(statement.to_sql()))
        return []

    return repeated(step, client.clock)


def _schemas(client: DatabricksClient) -> list[tuple[object, ...]]:
    settings = client.settings
    return _run(client, SelectSchema(settings.catalog_name, settings.schema_name))


def _see_schema(client: DatabricksClient) -> None:
    if not _schemas(client):
        settings = client.settings
        name = f"{identifier(settings.catalog_name)}.{identifier(settings.schema_name)}"
        msg = (
            f"looking for schema {name} failed: it is not there, or the service "
            f"principal may not use it; CREATE SCHEMA IF NOT EXISTS {name}, then "
            f"GRANT USE SCHEMA ON SCHEMA {name} TO {identifier(settings.client_id)}"
        )
        raise SetupError(msg)


def _try_counting(client: DatabricksClient) -> None:
    """
    Try the tables that hosts share, where they are: others may have made them.
    """
    for name in (COUNTS, NAMES):
        with suppress(MissingTableError):
            _run(client, TryWriting(client.table(name)))


class _Trial:
    """
    A file and a table with names of their own; *after* takes them away.
    """

    def __init__(
        self, client: DatabricksClient, after: ExitStack, *, with_views: bool
    ) -> None:
        self._client = client
        self._after = after
        self._with_views = with_views
        self._load_id = f"check-{secrets.token_hex(6)}"
        self._table = client.table(f"_{self._load_id.replace('-', '_')}")
        self._volume = client.volume
        self._local = Path(after.enter_context(tempfile.TemporaryDirectory()))
        self._rows = pa.table({"_load_id": pa.array([self._load_id])})

    def findings(self) -> Iterator[Finding]:
        """
        Try the volume and the table, each up to the first thing that is wrong.
        """
        is_staged = False
        for finding in _tried(
            {
                "having a volume": self._have_volume,
                "writing a file into it": self._write,
                "reading the file": self._read,
            }
        ):
            is_staged = finding.problem is None
            yield finding
        steps = {"creating a table": self._create, "adding a column": self._add}
        if is_staged:
            steps |= {"loading rows": self._load, "reading the rows": self._count}
        if self._with_views:
            steps |= {"making a view": self._show, "reading the view": self._see}
        yield from _tried(steps)
        yield from _tried({"removing what was made": self._after.close})

    @property
    def _folder(self) -> str:
        return f"{self._volume.volume_path}/{self._load_id}"

    def _have_volume(self) -> None:
        if not self._is_there(self._client.volume):
            self._volume = self._client.table(f"{self._table.name}_files")
            self._after.callback(_run, self._client, DropVolume(self._volume))
            _run(self._client, CreateVolume(self._volume, _COMMENT))

    def _is_there(self, volume: Name) -> bool:
        """
        Whether there is such a volume; one that may not be read is a problem.
        """
        # An empty volume may have no root to list; the catalog shows it, but
        # only to who has a privilege on it.
        with suppress(MissingVolumeError):
            self._client.files.folders(volume.volume_path)
            return True
        return bool(_run(self._client, SelectVolume(volume)))

    def _write(self) -> None:
        file = self._local / _FILE
        with disk_errors(f"writing {file}"):
            write_table(self._rows, file)
        self._after.callback(self._client.files.remove_folder, self._folder)
        self._client.files.upload(file, f"{self._folder}/{_FILE}")

    def _read(self) -> None:
        self._client.files.download(f"{self._folder}/{_FILE}")

    def _create(self) -> None:
        self._after.callback(_run, self._client, DropTable(self._table))
        statement = CreateTable(
            table=self._table,
            columns=self._rows.schema,
            comments={},
            comment=_COMMENT,
            cluster_by="_load_id",
        )
        _run(self._client, statement)

    def _show(self) -> None:
        view = self._client.table(f"{self._table.name}_all")
        self._after.callback(_run, self._client, DropView(view))
        query = f"SELECT * FROM {self._table}"  # noqa: S608  # a quoted name
        _run(self._client, CreateView(view, query, _COMMENT))
        _run(self._client, AlterView(view, f"{query} WHERE `_load_id` IS NOT NULL"))

    def _see(self) -> None:
        view = self._client.table(f"{self._table.name}_all")
        _run(self._client, CountLoad(view, self._load_id))

    def _add(self) -> None:
        _run(self._client, AddColumns(self._table, {("more",): pa.string()}))

    def _load(self) -> None:
        _run(self._client, CopyInto(self._table, self._load_id, self._folder, [_FILE]))

    def _count(self) -> None:
        _run(self._client, CountLoad(self._table, self._load_id))
