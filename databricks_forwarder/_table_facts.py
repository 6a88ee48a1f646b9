"""
What is told of the tables of a load, and of the engine that loads them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder.facts import (
    DestinationAwaited,
    DestinationStarted,
    StatementRan,
    TableBegun,
    TableFailed,
    TableLoaded,
    TablePrepared,
)

if TYPE_CHECKING:
    from databricks_forwarder._progress import TableStaging
    from databricks_forwarder._telling import Teller
    from databricks_forwarder.facts import LoadFact
    from databricks_forwarder.model import LoadId, LoadResult, TableName

__all__ = ["Heard", "TableFacts"]


@attrs.define
class Heard:
    """
    Tells what engines do for a load, or for one table of it.

    Attributes:
        statement_ids: Of the statements so far.
    """

    teller: Teller
    load_id: LoadId
    table: TableName | None = None
    statement_ids: list[str] = attrs.field(factory=list)

    def statement_ran(
        self,
        operation: str,
        statement_id: str | None,
        seconds: float,
        error: BaseException | None,
    ) -> None:
        """
        Tell of a statement, and keep its id.
        """
        if statement_id is not None:
            self.statement_ids.append(statement_id)
        self.tell(
            StatementRan,
            table=self.table,
            operation=operation,
            statement_id=statement_id,
            seconds=seconds,
            error=None if error is None else type(error).__name__,
        )

    def awaited(self, message: str) -> None:
        """
        Tell that an engine is waited for.
        """
        self.tell(DestinationAwaited, message=message)

    def started(self, seconds: float) -> None:
        """
        Tell that it runs.
        """
        self.tell(DestinationStarted, seconds=seconds)

    def tell(self, kind: type[LoadFact], **how: Any) -> None:
        """
        Tell a fact of the load.
        """
        self.teller.tell(kind(at=self.teller.now(), load_id=self.load_id, **how))


@attrs.frozen
class TableFacts:
    """
    Tells of one table while it is loaded.
    """

    _table: TableStaging
    _heard: Heard
    _begun: float

    @classmethod
    def of(cls, table: TableStaging, teller: Teller, load_id: LoadId) -> TableFacts:
        """
        Tell that it is begun.
        """
        heard = Heard(teller, load_id, table.name)
        facts = cls(table, heard, teller.begin())
        facts._tell(TableBegun, file_count=len(table.files), row_count=table.row_count)
        return facts

    @property
    def heard(self) -> Heard:
        """
        Who is to hear what engines do for it.
        """
        return self._heard

    def prepared(self) -> None:
        """
        Tell that it has all columns.
        """
        self._tell(TablePrepared, seconds=self._seconds)

    def loaded(self, result: LoadResult) -> LoadResult:
        """
        Tell that its rows are there.
        """
        files = self._table.files
        self._tell(
            TableLoaded,
            row_count=result.row_count,
            file_count=len(files),
            size_bytes=sum(file.size_bytes for file in files),
            was_repeat=result.was_repeat,
            statement_ids=tuple(self._heard.statement_ids),
            seconds=self._seconds,
        )
        return result

    def failed(self, told: dict[str, str]) -> None:
        """
        Tell that it failed, with what is told of the error.
        """
        self._tell(TableFailed, seconds=self._seconds, **told)

    @property
    def _seconds(self) -> float:
        return self._heard.teller.since(self._begun)

    def _tell(self, kind: type[LoadFact], **how: Any) -> None:
        self._heard.tell(kind, table=self._table.name, **how)
