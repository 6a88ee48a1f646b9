"""
What the contract of loaders that maintain asks for, and works with.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from databricks_forwarder._table_columns import schema_of
from databricks_forwarder.model import LoadId, LoadResult, TableName
from databricks_forwarder.testing.contracts._clause import Contract
from databricks_forwarder.testing.contracts._loads import NOON
from databricks_forwarder.testing.contracts._samples import parquet_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa

    from databricks_forwarder.abilities import MaintainingLoader
    from databricks_forwarder.maintenance import TableLayout
    from databricks_forwarder.model import ParquetFile, StagedFile

TABLE = TableName("event_navigation_größe")
OTHER = TableName("main_otherevents")
SCHEMA = schema_of("screen_view")


class MaintainingHooks(Contract):
    """
    What the clauses ask for.
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

    def loaded(
        self, number: int = 0, *, table: TableName = TABLE, schema: pa.Schema = SCHEMA
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

    def held(self, table: TableName = TABLE) -> list[tuple[str, int]]:
        """
        Load and position of each row of *table*, sorted.
        """
        return sorted(
            (each["_load_id"], each["_position"]) for each in self.rows(table)
        )

    def told(self) -> Mapping[TableName, TableLayout]:
        """
        What is told of the tables, by their names.
        """
        return {each.table: each for each in self.open().layouts(at=NOON)}
