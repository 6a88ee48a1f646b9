"""
What a batcher tells of its loads, read for comparing it with the tables.

It is read twice: all of it before the tables are counted, and what has moved
meanwhile after.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._abilities import offers
from databricks_forwarder._erased_rows import ErasedRows
from databricks_forwarder._progress import Progress
from databricks_forwarder.abilities import ErasingBatcher, RecallingBatcher

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from databricks_forwarder.model import (
        Account,
        BatcherStatus,
        LoadId,
        LoadReport,
        TableName,
    )
    from databricks_forwarder.protocols import Batcher

    Wholes = Mapping[TableName, int]
    """Table → rows."""

__all__ = ["Books", "moved_since", "read_books"]

# More reports than any batcher keeps.
_ALL = 2**31 - 1

# A load moves on every few minutes at most, reading takes seconds.
_TRIES = 3


@attrs.frozen(kw_only=True)
class Books:
    """
    What a batcher tells at one moment.

    Attributes:
        account: Of all messages since the batcher was made.
        committed: The reports that are kept, by load.
        parked: The reports of the loads that are set aside, by load.
        open_load_ids: The loads that were handed out and are not settled.
        dead: Messages of the dead letters that are kept, by load.
        moving: For each load that is open or parked its rows by table, when it
            is whole; None if that is not known.
        is_steady: Whether all of it is of one moment.
        erased: What was erased of what the reports tell.
    """

    batcher_id: str
    account: Account
    committed: Mapping[LoadId, LoadReport]
    parked: Mapping[LoadId, LoadReport]
    open_load_ids: Sequence[LoadId]
    dead: Mapping[LoadId, int]
    moving: Mapping[LoadId, Wholes | None]
    is_steady: bool = True
    erased: ErasedRows = attrs.field(factory=ErasedRows)

    @property
    def is_settled(self) -> bool:
        """
        Whether totals and reports tell of the same: no load is under way.

        What the totals count already of one that was parked before it was
        opened again, no report tells.
        """
        return self.is_steady and not self.open_load_ids

    @property
    def tables(self) -> Sequence[TableName]:
        """
        All tables that are named, sorted.
        """
        return sorted(
            {
                table.table
                for report in (*self.committed.values(), *self.parked.values())
                for table in report.tables
            }
            | {table for wholes in self.moving.values() for table in wholes or ()}
        )


def read_books(batcher: Batcher) -> Books:
    """
    Read all, again if a load moved on meanwhile.
    """
    for _ in range(_TRIES):
        status = batcher.status()
        books = _read(batcher, status)
        if _marks(batcher.status()) == _marks(status):
            return books
    return attrs.evolve(books, is_steady=False)


def moved_since(books: Books, batcher: Batcher) -> Mapping[LoadId, Wholes | None]:
    """
    Tell what loads hold when whole that were not settled, or have begun since.
    """
    status = batcher.status()
    unsettled = {*books.moving, *status.open_load_ids, *status.parked_load_ids}
    moving = _moving(batcher, unsettled)
    # Last, for a load that is committed has no notes any more.
    committed = _committed_since(books.committed, batcher)
    return {**moving, **{report.load_id: _wholes(report) for report in committed}}


def _read(batcher: Batcher, status: BatcherStatus) -> Books:
    parked = {report.load_id: report for report in batcher.parked()}
    dead: Counter[LoadId] = Counter()
    for letter in batcher.dead_letters():
        dead[letter.load_id] += letter.message_count
    return Books(
        batcher_id=batcher.id,
        account=status.account,
        committed={report.load_id: report for report in batcher.loads(_ALL)},
        parked=parked,
        open_load_ids=status.open_load_ids,
        dead=dead,
        moving=_moving(batcher, {*status.open_load_ids, *parked}),
        erased=_erased(batcher),
    )


def _erased(batcher: Batcher) -> ErasedRows:
    if not offers(batcher, ErasingBatcher):
        return ErasedRows()
    return ErasedRows.of(batcher.erasures())


def _marks(status: BatcherStatus) -> tuple[object, ...]:
    """
    What of a status changes when a load moves on, and not when one is appended.
    """
    account = status.account
    totals = (account.loaded, account.dead, account.dropped)
    return (*totals, *status.open_load_ids, None, *status.parked_load_ids)


def _moving(
    batcher: Batcher, load_ids: Collection[LoadId]
) -> dict[LoadId, Wholes | None]:
    if not offers(batcher, RecallingBatcher):
        return dict.fromkeys(load_ids)
    return {load_id: _noted(batcher.notes(load_id)) for load_id in load_ids}


def _noted(notes: Mapping[str, str]) -> Wholes | None:
    """
    The rows of a load by table; none of them is loaded before this is noted.

    Between an erasure and the next staging nobody knows.
    """
    progress = Progress(dict(notes))
    if progress.is_outdated:
        return None
    staging = progress.staging
    tables = () if staging is None else staging.tables
    return {table.name: table.row_count for table in tables}


def _wholes(report: LoadReport) -> Wholes:
    return {table.table: table.row_count for table in report.tables}


def _committed_since(
    known: Collection[LoadId], batcher: Batcher
) -> Iterator[LoadReport]:
    """
    Give the reports that are not *known*, asking for no more than it takes.
    """
    limit = 16
    latest = batcher.loads(limit)
    while len(latest) == limit and latest[-1].load_id not in known:
        limit *= 4
        latest = batcher.loads(limit)
    return (report for report in latest if report.load_id not in known)
