"""
What is told of one load while it is carried.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder._dying import frequent_reasons
from databricks_forwarder._listening import listening
from databricks_forwarder._table_facts import Heard, TableFacts
from databricks_forwarder._telling import told
from databricks_forwarder.facts import (
    BatchDied,
    BatchesDied,
    FileStaged,
    FileWritten,
    LoadCommitted,
    LoadCounted,
    LoadFailed,
    LoadLeased,
    LoadParked,
    LoadRouted,
    LoadWritten,
    TableParked,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from databricks_forwarder._progress import Routes, TableStaging
    from databricks_forwarder._tally import Tally
    from databricks_forwarder._telling import Teller
    from databricks_forwarder.facts import LoadFact
    from databricks_forwarder.model import (
        EventKey,
        Lease,
        LoadId,
        LoadReport,
        ParquetFile,
        StagedFile,
    )

__all__ = ["LoadFacts"]

# Of more parked tables a line has the number.
_NAMED = 10


@attrs.frozen
class LoadFacts:
    """
    Tells of one load; of files and tables that go side by side from any thread.
    """

    _lease: Lease
    _teller: Teller
    _begun: float

    @classmethod
    def of(cls, lease: Lease, teller: Teller) -> LoadFacts:
        """
        Tell that a load is carried from now on.
        """
        facts = cls(lease, teller, teller.begin())
        facts._tell(
            LoadLeased,
            attempt=lease.attempt,
            offsets=lease.offsets,
            message_count=lease.message_count,
        )
        return facts

    def begin(self) -> float:
        """
        The beginning of something that is told when it is over.
        """
        return self._teller.begin()

    @contextmanager
    def until_settled(self) -> Iterator[None]:
        """
        Tell what engines do in the block, and if the try is broken off there.
        """
        try:
            with listening(Heard(self._teller, self._id)):
                yield
        except BaseException as error:
            seconds, attempt = self._teller.since(self._begun), self._lease.attempt
            self._tell(LoadFailed, attempt=attempt, seconds=seconds, **told(error))
            self._teller.is_lost(self._id, error)
            raise

    def routed(
        self, begun: float, counts: Mapping[EventKey, int], routes: Routes
    ) -> None:
        """
        Tell that the router was asked.
        """
        self._tell(
            LoadRouted,
            key_count=len(counts),
            table_count=len({table.name for table in routes.values() if table}),
            seconds=self._teller.since(begun),
        )

    def written(self, begun: float, tally: Tally, files: Sequence[ParquetFile]) -> None:
        """
        Tell what decoding and writing came to.
        """
        seconds = self._teller.since(begun)
        for letter in tally.dead:
            self._tell(
                BatchDied,
                offset=letter.offset,
                message_count=letter.message_count,
                reason=letter.reason,
            )
        for file in files:
            self._tell(FileWritten, **_of_file(file))
        self._tell(
            LoadWritten,
            file_count=len(files),
            row_count=sum(file.row_count for file in files),
            size_bytes=sum(file.size_bytes for file in files),
            dead_count=len(tally.dead),
            dropped_count=tally.dropped,
            rescued_row_count=tally.rescued_row_count,
            seconds=seconds,
        )

    def staging(
        self, stage: Callable[[ParquetFile], StagedFile]
    ) -> Callable[[ParquetFile], StagedFile]:
        """
        Have each call of *stage* told.
        """

        def staging(file: ParquetFile) -> StagedFile:
            begun = self.begin()
            staged = stage(file)
            seconds = self._teller.since(begun)
            self._tell(FileStaged, seconds=seconds, **_of_file(file))
            return staged

        return staging

    @contextmanager
    def table(self, table: TableStaging) -> Iterator[TableFacts]:
        """
        Tell that a table is begun, what engines do for it, and if it fails.
        """
        facts = TableFacts.of(table, self._teller, self._id)
        try:
            with listening(facts.heard):
                yield facts
        except BaseException as error:
            facts.failed(told(error))
            raise

    def counted(self, begun: float, counts: Mapping[EventKey, int]) -> None:
        """
        Tell that the router has learnt.
        """
        self._tell(
            LoadCounted,
            key_count=len(counts),
            message_count=sum(counts.values()),
            seconds=self._teller.since(begun),
        )

    def settled(self, report: LoadReport) -> None:
        """
        Tell that the load is committed or parked.
        """
        if report.is_parked:
            self._parked(report)
        else:
            self._committed(report)
        self._teller.is_found(self._id)

    def _committed(self, report: LoadReport) -> None:
        account = report.account
        if report.dead:
            self._tell(
                BatchesDied,
                payload_count=len(report.dead),
                message_count=account.dead,
                reasons=frequent_reasons(report.dead),
            )
        self._tell(
            LoadCommitted,
            attempt=report.attempt,
            received=account.received,
            loaded=account.loaded,
            dead=account.dead,
            dropped=account.dropped,
            table_count=len(report.tables),
            size_bytes=sum(table.size_bytes for table in report.tables),
            seconds=self._teller.since(self._begun),
        )

    def _parked(self, report: LoadReport) -> None:
        account = report.account
        for table in report.tables:
            if table.reason is not None:
                self._tell(
                    TableParked,
                    table=table.table,
                    row_count=table.row_count,
                    message=table.reason,
                )
        self._tell(
            LoadParked,
            attempt=report.attempt,
            received=account.received,
            loaded=account.loaded,
            pending=account.pending,
            table_count=len(report.tables),
            message=report.reason or _parked_tables(report),
            seconds=self._teller.since(self._begun),
        )

    @property
    def _id(self) -> LoadId:
        return self._lease.load_id

    def _tell(self, kind: type[LoadFact], **how: Any) -> None:
        self._teller.tell(kind(at=self._teller.now(), load_id=self._id, **how))


def _parked_tables(report: LoadReport) -> str:
    names = [each.table for each in report.tables if each.state == "parked"]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    noun = "table" if len(names) == 1 else "tables"
    return f"{noun} {', '.join(names[:_NAMED])}{more}"


def _of_file(file: ParquetFile) -> dict[str, Any]:
    return {
        "table": file.table,
        "file": file.name,
        "row_count": file.row_count,
        "size_bytes": file.size_bytes,
    }
