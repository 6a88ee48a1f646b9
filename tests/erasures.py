"""
What tests of erasing share: contracts over memory, and worlds to die in.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pyarrow as pa
from schemas import new_schema, workspace
from walking import Composition, Wrap

from databricks_forwarder import DatabricksClient, DatabricksSettings
from databricks_forwarder._databricks.statements import identifier
from databricks_forwarder.batchers.memory import MemoryBatcher, MemoryStorage
from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.counts.sqlite import SqliteEventCounts
from databricks_forwarder.errors import PermanentError
from databricks_forwarder.loaders.memory import MemoryLake, MemoryLoader
from databricks_forwarder.loaders.warehouse import WarehouseLoader
from databricks_forwarder.model import ParquetFile, StagedFile, TableName
from databricks_forwarder.stagers.memory import MemoryStager
from databricks_forwarder.stagers.volume import VolumeStager
from databricks_forwarder.testing._wrapping import wrapped
from databricks_forwarder.testing.contracts.erasing import (
    ErasingBatcherContract,
    ErasingLoaderContract,
)
from databricks_forwarder.testing.faults import Killed


class InMemoryBatcher(ErasingBatcherContract):
    """
    Over a storage that the batchers of a test share.
    """

    part: type[MemoryBatcher] = MemoryBatcher

    def begin(self, tmp_path: Path) -> None:
        """
        Begin with an empty storage.
        """
        super().begin(tmp_path)
        self.storage = MemoryStorage()

    def open(self) -> MemoryBatcher:
        """
        Open the test's storage.
        """
        return self.part(storage=self.storage)

    def written(self) -> bytes:
        """
        Take all that can be reached from the storage.
        """
        kept = (self.storage.records, self.storage.dead)
        return pickle.dumps(kept)


class InMemoryLoader(ErasingLoaderContract):
    """
    Over a lake that the loaders of a test share.
    """

    part: type[MemoryLoader] = MemoryLoader

    def begin(self, tmp_path: Path) -> None:
        """
        Begin with an empty lake.
        """
        super().begin(tmp_path)
        self.stager = MemoryStager()
        self.lake = MemoryLake()

    def open(self) -> MemoryLoader:
        """
        Open the test's lake.
        """
        return self.part(self.stager.files, self.lake)

    def stage(self, file: ParquetFile) -> StagedFile:
        """
        Keep the file's bytes where the loader finds them.
        """
        return self.stager.stage(file)

    def rows(self, table: TableName) -> list[dict[str, object]]:
        """
        Look into the lake.
        """
        held = self.lake.tables.get(table)
        return [] if held is None else held.to_pylist()


def bytes_under(folder: Path, pattern: str = "**/*") -> bytes:
    """
    Every byte of the files of a folder.
    """
    files = sorted(path for path in folder.glob(pattern) if path.is_file())
    return b"".join(path.read_bytes() for path in files)


@attrs.define
class InSchema(Composition):
    """
    The spool in SQLite, the tables in a workspace.
    """

    settings: DatabricksSettings = attrs.field(factory=new_schema, init=False)

    def parts(self) -> tuple[Any, Any, Any, Any]:
        """
        Connect anew to what is there.
        """
        batcher = SqliteBatcher(self.folder / "spool.db")
        self._living.append(batcher._session.close)
        client = DatabricksClient(
            self.settings, endpoint=workspace().endpoint, clock=self.clock
        )
        self._living.append(client.close)
        counts = self.counts()
        return batcher, counts, VolumeStager(client), WarehouseLoader(client)

    def counts(self) -> SqliteEventCounts:
        """
        Open the counts.
        """
        counts = SqliteEventCounts(self.folder / "counts.db")
        self._living.append(counts.close)
        return counts

    def tables(self) -> Mapping[TableName, pa.Table]:
        """
        Ask as an administrator.
        """
        schema = self.settings.schema_name
        names = workspace().query(f"SHOW TABLES IN main.{schema}")
        return {
            TableName(name): workspace().query(
                f"SELECT * FROM main.{schema}.{identifier(name)}"
            )
            for name in names["tableName"].to_pylist()
        }

    def staged(self) -> set[str]:
        """
        Ask for the folders in the volume.
        """
        *_, stager, _ = self.parts()
        return set(stager.staged())


@attrs.define
class Steps:
    """
    Counts the calls of all parts, and dies at one of them.

    Attributes:
        last: Which call; None to live.
        when: Whether it dies before that is done, or after.
    """

    last: int | None = None
    when: str = "before"
    count: int = 0
    names: list[str] = attrs.field(factory=list)

    def wrap(self, name: str, part: Any) -> Any:
        """
        Count the calls of a part.
        """

        def called(
            method: str,
            call: Callable[..., Any],
            args: Sequence[Any],
            kwargs: Mapping[str, Any],
        ) -> Any:
            self.count += 1
            self.names.append(f"{name}.{method}")
            if self.count == self.last and self.when == "before":
                raise Killed
            answer = call(*args, **kwargs)
            if self.count == self.last:
                raise Killed
            return answer

        return wrapped(part, called)


def refusing(table: str) -> Wrap:
    """
    Wrap loaders so that one table can't be prepared, ever.
    """

    def wrap(name: str, part: Any) -> Any:
        def called(
            method: str,
            call: Callable[..., Any],
            args: Sequence[Any],
            kwargs: Mapping[str, Any],
        ) -> Any:
            if method == "prepare" and args[0] == table:
                msg = f"table {table} is not as it was"
                raise PermanentError(msg)
            return call(*args, **kwargs)

        return wrapped(part, called) if name == "loader" else part

    return wrap
