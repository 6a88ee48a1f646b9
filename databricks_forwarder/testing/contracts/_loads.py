"""
Short ways to say what a contract hands in, and what it makes of a lease.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Protocol

from databricks_forwarder.model import (
    Account,
    DamagedRecord,
    DeadLetter,
    LoadReport,
    Offset,
    OffsetRange,
    Payload,
    Record,
)
from databricks_forwarder.settings import UploadPolicy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from databricks_forwarder.model import Lease, LoadId
    from databricks_forwarder.protocols import Batcher

__all__ = [
    "ANY_AGE",
    "NOON",
    "SECOND",
    "HandedOut",
    "between",
    "carried",
    "leased",
    "offsets_of",
    "parked_whole",
    "payload",
    "records_of",
    "report",
]

NOON = datetime(2026, 3, 14, 12, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)

ANY_AGE = UploadPolicy(max_age=timedelta(days=1000), max_messages=10)
"""At most ten messages a load, and no load for its age alone."""


class HandedOut(Protocol):
    """
    What is handed out to be loaded: a lease, or what a test knows of one.
    """

    @property
    def load_id(self) -> LoadId:
        """
        The load's name.
        """

    @property
    def offsets(self) -> OffsetRange:
        """
        The range of its records.
        """

    @property
    def message_count(self) -> int:
        """
        Messages of all its records.
        """

    @property
    def attempt(self) -> int:
        """
        Which try it is, from 1 on.
        """

    @property
    def notes(self) -> Mapping[str, str]:
        """
        What is noted with it, by key.
        """

    @property
    def records(self) -> Iterable[Record | DamagedRecord]:
        """
        Its records, in order.
        """


def payload(name: str, message_count: int = 1) -> Payload:
    """
    Make a payload that is told from others by *name*.
    """
    return Payload(b'{"batch_id":"%s"}' % name.encode(), message_count)


def records_of(lease: Lease) -> list[Record | DamagedRecord]:
    """
    Read all that a lease hands out.
    """
    return list(lease.records)


def offsets_of(lease: Lease) -> list[int]:
    """
    Read the offsets of all that a lease hands out.
    """
    return [record.offset for record in lease.records]


def report(
    lease: HandedOut,
    *,
    dead: Collection[int] = (),
    dropped: int = 0,
    parked: int = 0,
    reason: str | None = None,
) -> LoadReport:
    """
    Report on a load whose messages are loaded but for those said otherwise.

    Args:
        lease: What was carried.
        dead: Offsets of the dead letters.
        dropped: Messages dropped by rule.
        parked: Messages that are left to be carried on.
        reason: Why it is parked, or None.
    """
    letters = tuple(
        DeadLetter(
            offset=Offset(record.offset),
            received_at=record.received_at,
            message_count=record.message_count,
            reason=f"unfit: {record.offset}",
            load_id=lease.load_id,
        )
        for record in lease.records
        if record.offset in dead
    )
    dead_count = sum(letter.message_count for letter in letters)
    return LoadReport(
        load_id=lease.load_id,
        offsets=lease.offsets,
        attempt=lease.attempt,
        settled_at=NOON,
        account=Account(
            received=lease.message_count,
            loaded=lease.message_count - dead_count - dropped - parked,
            dead=dead_count,
            dropped=dropped,
            pending=parked,
        ),
        dead=letters,
        reason=reason,
    )


def between(first: int, last: int) -> OffsetRange:
    """
    The offsets from *first* to *last*.
    """
    return OffsetRange(Offset(first), Offset(last))


def leased(
    batcher: Batcher,
    *,
    policy: UploadPolicy = ANY_AGE,
    at: datetime = NOON,
    seal: bool = True,
) -> Lease:
    """
    The lease that *batcher* hands out; there must be one.
    """
    lease = batcher.lease(policy, at=at, seal=seal)
    assert lease is not None, "the batcher had no lease to hand out"
    return lease


def carried(batcher: Batcher) -> list[int]:
    """
    Carry the next load as if all of it was loaded; give its offsets.
    """
    lease = leased(batcher)
    offsets = offsets_of(lease)
    batcher.commit(lease.load_id, report(lease), at=NOON)
    return offsets


def parked_whole(lease: Lease) -> LoadReport:
    """
    The report of a load of which no table took anything.
    """
    return report(lease, parked=lease.message_count, reason="the table is gone")
