"""
The tables: found by name, with privileges; their logs and their files.
"""

from __future__ import annotations

import shutil
import threading
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq

from databricks_forwarder.testing.workspace._grants import missing
from databricks_forwarder.testing.workspace._log import TableLog
from databricks_forwarder.testing.workspace._names import parent, shown
from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._types import to_arrow_schema
from databricks_forwarder.testing.workspace._views import refuse_views

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from databricks_forwarder.testing.workspace._catalog import Catalog, Securable
    from databricks_forwarder.testing.workspace._grants import Grants
    from databricks_forwarder.testing.workspace._log import Action, Snapshot
    from databricks_forwarder.testing.workspace._types import Field

__all__ = ["Table", "Tables", "already_there", "while_there"]


class Table:
    """
    One table: its log and its files.
    """

    def __init__(self, securable: Securable, folder: Path) -> None:
        self.securable = securable
        self.log = TableLog(folder)
        self.folder = folder

    @property
    def name(self) -> str:
        """
        Its dotted name.
        """
        return self.securable.name

    @property
    def location(self) -> str:
        """
        Where its files are, as statements tell it.
        """
        return f"loopback://tables/{self.securable.folder}"

    def dataset(self, snapshot: Snapshot) -> pa.dataset.Dataset:
        """
        The rows, as Arrow reads them; what older files lack is null.
        """
        return pa.dataset.dataset(
            [str(self.folder / name) for name in snapshot.files],
            schema=to_arrow_schema(snapshot.fields),
            format="parquet",
        )

    def write(
        self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
    ) -> tuple[Action, int]:
        """
        Write a file of rows, which are the table's once its action is committed.

        Returns:
            The action, and how many rows there are.
        """
        path = self.folder / f"part-{uuid.uuid4()}.snappy.parquet"
        row_count = 0
        with pq.ParquetWriter(path, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
                row_count += batch.num_rows
        status = path.stat()
        add = {
            "path": path.name,
            "partitionValues": {},
            "size": status.st_size,
            "modificationTime": int(status.st_mtime * 1000),
            "dataChange": True,
            "stats": f'{{"numRecords":{row_count}}}',
        }
        return {"add": add}, row_count


class Tables:
    """
    The tables of a workspace, each a folder under *root*.
    """

    def __init__(self, root: Path, catalog: Catalog, grants: Grants) -> None:
        self._root = root
        self._catalog = catalog
        self._grants = grants
        self._lock = threading.Lock()
        self._open: dict[str, Table] = {}

    def find(self, name: str, principal: str, *privileges: str) -> Table:
        """
        The table of a dotted name, for someone with *privileges* on it.

        Raises:
            RefusedError: There is none, or a privilege is missing.
        """
        self._grants.enter(parent(name), principal)
        for privilege in privileges:
            self._grants.require(privilege, "TABLE", name, principal)
        found = self._grants.found("TABLE", name)
        refuse_views(name, is_view=found.is_view)
        return self.open(found)

    def owned(self, name: str, principal: str) -> Table:
        """
        The table of a dotted name, for who may do what owners may.

        Raises:
            RefusedError: There is none, or it is somebody else's.
        """
        self._grants.enter(parent(name), principal)
        self._grants.require_owner("TABLE", name, principal)
        return self.find(name, principal)

    def open(self, securable: Securable) -> Table:
        """
        The table that is listed.
        """
        with self._lock:
            if securable.folder not in self._open:
                folder = self._root / securable.folder
                self._open[securable.folder] = Table(securable, folder)
            return self._open[securable.folder]

    def create(
        self,
        securable: Securable,
        fields: Sequence[Field],
        comment: str | None,
        properties: Mapping[str, str],
    ) -> bool:
        """
        Make a table; False if another of its name came first.
        """
        folder = self._root / securable.folder
        TableLog(folder).create(fields, comment, properties)
        came_first = self._catalog.add(securable)
        if not came_first:
            shutil.rmtree(folder)
        return came_first

    def drop(self, table: Table) -> None:
        """
        Take a table off the list and its files off the disk.
        """
        if self._catalog.remove(table.securable):
            with self._lock:
                self._open.pop(table.securable.folder, None)
            shutil.rmtree(self._root / table.securable.folder, ignore_errors=True)


@contextmanager
def while_there(table: Table) -> Iterator[None]:
    """
    Say that a table is not there when it was dropped meanwhile.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise missing("TABLE", table.name) from error


def already_there(name: str) -> RefusedError:
    """
    What is said when a table's name is taken.
    """
    return RefusedError(
        "TABLE_OR_VIEW_ALREADY_EXISTS",
        f"Cannot create table or view {shown(name)} because it already exists. Choose "
        "a different name, drop or replace the existing object, or add the IF NOT "
        "EXISTS clause to tolerate pre-existing objects.",
        sqlstate="42P07",
    )
