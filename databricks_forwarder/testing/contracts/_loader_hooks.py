"""
What the tests of a loader ask for, and what they load with it.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from databricks_forwarder.errors import PermanentError, SetupError, TransientError
from databricks_forwarder.model import ParquetFile, TableName
from databricks_forwarder.testing.contracts._clause import Contract
from databricks_forwarder.testing.contracts._samples import (
    NARROW,
    NEXT,
    Row,
    parquet_file,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from databricks_forwarder.model import LoadId, StagedFile
    from databricks_forwarder.protocols import Loader

__all__ = ["FATES", "OTHER", "TABLE", "LoaderHooks"]

TABLE = TableName("event_navigation_größe")
OTHER = TableName("main_otherevents")
FATES = (PermanentError, SetupError, TransientError)


class LoaderHooks(Contract):
    """
    What whoever examines a loader fills in, and how its tests stage files.
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
        table: TableName = TABLE,
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

    def held(self, table: TableName = TABLE) -> list[Row]:
        """
        The rows of *table* by id.
        """
        return sorted(self.rows(table), key=lambda row: int(row["id"]))

    def held_ids(self, table: TableName = TABLE) -> list[int]:
        """
        The ids of the rows of *table*, sorted.
        """
        return sorted(row["id"] for row in self.rows(table))

    def _no_parquet(self) -> StagedFile:
        path = self.tmp_path / "damaged.parquet"
        path.write_bytes(b"this was a Parquet file once")
        return self.stage(
            ParquetFile(
                load_id=NEXT,
                table=TABLE,
                part=7,
                path=path,
                row_count=1,
                size_bytes=path.stat().st_size,
            )
        )
