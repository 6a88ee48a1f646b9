"""
The values that walk from room to room, in the order of the walk.

All are frozen; intervals are inclusive at both ends; moments are aware
datetimes in UTC. Fields that hold a host's data have no place in a repr.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, NewType

import attrs

from databricks_forwarder._markup import facts
from databricks_forwarder._markup import table as table_of

__all__ = [
    "Account",
    "BatcherStatus",
    "DamagedRecord",
    "DeadLetter",
    "EventKey",
    "EventKind",
    "Finding",
    "Lease",
    "LoadId",
    "LoadReport",
    "LoadResult",
    "Offset",
    "OffsetRange",
    "ParquetFile",
    "Payload",
    "Receipt",
    "Record",
    "Rescue",
    "RowCount",
    "StagedFile",
    "Table",
    "TableName",
    "TableReport",
]

Offset = NewType("Offset", int)
"""Position of a record in its batcher; starts at 0, grows, is never reused."""

LoadId = NewType("LoadId", str)
"""Name of the work done for one lease: ``<batcher id>-<first>-<last>``."""

TableName = NewType("TableName", str)
"""Name of a destination table inside its schema, at most 255 characters."""


@attrs.frozen
class Payload:
    """
    One mParticle batch as it came, with what the door learnt about it.

    Attributes:
        document: UTF-8 JSON, one object.
        message_count: How many messages it counts for: its events, or 1 for
            a batch without events.
    """

    document: bytes = attrs.field(repr=False)
    message_count: int


@attrs.frozen
class OffsetRange:
    """
    Offsets from *first* to *last*, both inclusive.
    """

    first: Offset
    last: Offset


@attrs.frozen(kw_only=True)
class Receipt:
    """
    What a host gets back: its payloads are durable.

    Attributes:
        offsets: Where they stand, or None when there was none to store.
        record_count: Number of payloads.
        message_count: Number of messages in them.
        received_at: The moment that is kept as their time of receipt.
    """

    offsets: OffsetRange | None
    record_count: int
    message_count: int
    received_at: datetime


@attrs.frozen(kw_only=True)
class Record:
    """
    A payload as the batcher keeps it.
    """

    offset: Offset
    received_at: datetime
    message_count: int
    payload: bytes = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class DamagedRecord:
    """
    A record whose bytes are no longer what was stored.

    Attributes:
        reason: What was found, in words, without the bytes.
    """

    offset: Offset
    received_at: datetime
    message_count: int
    reason: str


@attrs.frozen(kw_only=True)
class Lease:
    """
    The records handed out to be loaded together, held for a time.

    Attributes:
        load_id: Name of the load; the same until committed.
        offsets: The records' offsets; contiguous but for replayed ones.
        message_count: Messages in all the records.
        attempt: How often this load has been handed out; starts at 1.
        notes: What was noted about it, key to text; see ``Batcher.note``.
        records: The records in the order of their offsets. Each iteration
            reads them anew, a few at a time.
    """

    load_id: LoadId
    offsets: OffsetRange
    message_count: int
    attempt: int
    notes: Mapping[str, str] = attrs.field(repr=False)
    records: Iterable[Record | DamagedRecord] = attrs.field(repr=False)


@attrs.frozen
class EventKind:
    """
    What the 30-day counts count, and what a table of its own is for.

    Attributes:
        event_type: ``custom_event``, ``session_start``, …; None for a batch
            without events, ``""`` for an event that does not say.
        custom_event_type: Of a custom event; None for all others.
        event_name: Name of a custom event; name or action of a commerce
            event; None for all others.
    """

    event_type: str | None
    custom_event_type: str | None = None
    event_name: str | None = None


@attrs.frozen(cache_hash=True)
class EventKey:
    """
    What routing may depend on.

    Attributes:
        event_type: As in `EventKind`.
        custom_event_type: As the event says, or None.
        event_name: Name of a custom event; name or action of a commerce
            event; None for all others.
        feed: Name of the partner feed that the batch came from, or None.
        environment: ``production``, ``development``, …, or None.
        group: What the router's ``group(batch)`` returned, or None.
    """

    event_type: str | None
    custom_event_type: str | None = attrs.field(default=None, kw_only=True)
    event_name: str | None = attrs.field(default=None, kw_only=True)
    feed: str | None = attrs.field(default=None, kw_only=True)
    environment: str | None = attrs.field(default=None, kw_only=True)
    group: str | None = attrs.field(default=None, kw_only=True)

    @property
    def kind(self) -> EventKind:
        """
        The kind of event that this key is counted under.
        """
        if self.event_type == "custom_event":
            return EventKind(self.event_type, self.custom_event_type, self.event_name)
        if self.event_type == "commerce_event":
            return EventKind(self.event_type, None, self.event_name)
        return EventKind(self.event_type)


@attrs.frozen
class Table:
    """
    Where a router sends an event: a table, and whose columns it has.

    Attributes:
        name: The table's name.
        event_type: The event type whose fields its column ``data`` holds, or
            None for the fields of all event types.
    """

    name: TableName
    event_type: str | None = None


@attrs.frozen(kw_only=True)
class ParquetFile:
    """
    One closed Parquet file of one table of one load, on the local disk.

    Attributes:
        part: Number of the file within its load and table; starts at 0.
        path: Where it is.
    """

    load_id: LoadId
    table: TableName
    part: int
    path: Path
    row_count: int
    size_bytes: int

    @property
    def name(self) -> str:
        """
        File name within its load: ASCII, a function of table and part only.
        """
        readable = re.sub(r"[^a-z0-9_]+", "-", self.table)[:60]
        digest = hashlib.sha256(self.table.encode()).hexdigest()[:12]
        return f"{readable}-{digest}-{self.part:04d}.parquet"


@attrs.frozen(kw_only=True)
class StagedFile:
    """
    A Parquet file where the loader's engine can read it.

    Attributes:
        uri: Its place, as the loader of the same destination spells it.
    """

    load_id: LoadId
    table: TableName
    uri: str
    row_count: int
    size_bytes: int


@attrs.frozen
class LoadResult:
    """
    What a loader did with one table of one load.

    Attributes:
        row_count: Rows of this load that are visible in the table now.
        was_repeat: Whether the table held them before the call already.
    """

    row_count: int
    was_repeat: bool = False


@attrs.frozen
class RowCount:
    """
    How many rows of one load a table holds.

    Attributes:
        row_count: All of them.
        doubled: Of them, those that have another one's offset and position:
            all but the first of each.
    """

    row_count: int
    doubled: int = 0


@attrs.frozen(kw_only=True)
class DeadLetter:
    """
    A payload that can't be forwarded as it is, kept with its reason.

    Attributes:
        message_count: Messages that it was counted for when received.
        payload: Its bytes; None where only the fact is told.
        is_damaged: Whether the bytes are no longer what was received.
    """

    offset: Offset
    received_at: datetime
    message_count: int
    reason: str
    load_id: LoadId
    payload: bytes | None = attrs.field(default=None, repr=False)
    is_damaged: bool = False


@attrs.frozen(kw_only=True)
class Account:
    """
    Where messages are: received = loaded + dead + dropped + pending.

    Attributes:
        received: Messages acknowledged.
        loaded: Of them, visible in a table.
        dead: Of them, kept as dead letters.
        dropped: Of them, not forwarded because a rule says so.
        pending: Of them, still in the batcher: waiting, leased or parked.
    """

    received: int = 0
    loaded: int = 0
    dead: int = 0
    dropped: int = 0
    pending: int = 0

    @property
    def is_balanced(self) -> bool:
        """
        Whether the account adds up.
        """
        return self.received == self.loaded + self.dead + self.dropped + self.pending


@attrs.frozen(kw_only=True)
class Rescue:
    """
    Where values of one load were rescued, without the values.

    Attributes:
        table: Whose rows have them.
        place: Path in the payload, of names that the schema has alone: entries
            of a map and items of a list are ``*``, what nobody knows is ``?``.
        row_count: Rows with something rescued at that place.
    """

    table: TableName
    place: str
    row_count: int


@attrs.frozen(kw_only=True)
class TableReport:
    """
    What one load did to one table.

    Attributes:
        state: ``loaded``, or ``parked`` with the reason.
    """

    table: TableName
    row_count: int
    file_count: int
    size_bytes: int
    state: Literal["loaded", "parked"] = "loaded"
    reason: str | None = None


@attrs.frozen(kw_only=True)
class LoadReport:
    """
    What was done for one load.

    Attributes:
        settled_at: When it was committed or parked.
        account: Of this load's messages; ``pending`` are those of parked
            tables.
        tables: One report a table, sorted by name.
        dead: Its dead letters, without payloads.
        rescued_row_count: Rows with something in ``_rescued_data``.
        rescues: Where in the payloads, by table and place.
        reason: Why the load as a whole is parked, or None.
        oldest_received_at: When the first of its records was received; None if
            it was never read whole, or by an earlier version.
        newest_received_at: When the last of them was.
        begun_at: When it was taken up to be read.
    """

    load_id: LoadId
    offsets: OffsetRange
    attempt: int
    settled_at: datetime
    account: Account
    tables: Sequence[TableReport] = ()
    dead: Sequence[DeadLetter] = ()
    rescued_row_count: int = 0
    rescues: Sequence[Rescue] = ()
    reason: str | None = None
    oldest_received_at: datetime | None = None
    newest_received_at: datetime | None = None
    begun_at: datetime | None = None

    def _repr_html_(self) -> str:
        told = {
            "Settled at": self.settled_at,
            "Attempt": self.attempt,
            **{name.title(): n for name, n in attrs.asdict(self.account).items()},
            "Rows with rescued values": self.rescued_row_count,
            "Queued": self.queued,
            "Carried for": self.carrying,
            "End to end": self.end_to_end,
            "Parked as a whole": self.reason,
        }
        rows = [
            (
                table.table,
                table.row_count,
                table.file_count,
                table.size_bytes,
                table.state,
                table.reason or "",
            )
            for table in self.tables
        ]
        headers = ("Table", "Rows", "Files", "Bytes", "State", "Reason")
        dead = [(each.offset, each.message_count, each.reason) for each in self.dead]
        return facts(
            f"Load {self.load_id}",
            table_of(("", ""), [each for each in told.items() if each[1] is not None]),
            table_of(headers, rows, caption="Tables", numbers=(1, 2, 3)),
            table_of(("Offset", "Messages", "Reason"), dead, caption="Dead letters"),
        )

    @property
    def queued(self) -> timedelta | None:
        """
        How long its first record waited until the load was begun.
        """
        return _between(self.oldest_received_at, self.begun_at)

    @property
    def carrying(self) -> timedelta | None:
        """
        How long it took from then on until it was settled.
        """
        return _between(self.begun_at, self.settled_at)

    @property
    def end_to_end(self) -> timedelta | None:
        """
        Both together: from its first record's receipt until it was settled.
        """
        return _between(self.oldest_received_at, self.settled_at)

    @property
    def is_parked(self) -> bool:
        """
        Whether any of it is parked.
        """
        return self.reason is not None or any(
            table.state == "parked" for table in self.tables
        )


def _between(first: datetime | None, last: datetime | None) -> timedelta | None:
    return None if first is None or last is None else last - first


@attrs.frozen(kw_only=True)
class BatcherStatus:
    """
    How a batcher stands.

    Attributes:
        account: Of all messages since the batcher was made.
        waiting: Messages that are in no load yet.
        oldest_received_at: When the oldest waiting record was received; None
            if none waits.
        open_load_ids: Loads that were handed out and are neither committed
            nor parked.
        parked_load_ids: Loads that are parked, wholly or in part.
        stored_bytes: Payload bytes kept, dead and parked ones included.
    """

    account: Account
    waiting: int
    oldest_received_at: datetime | None
    open_load_ids: Sequence[LoadId]
    parked_load_ids: Sequence[LoadId]
    stored_bytes: int


@attrs.frozen
class Finding:
    """
    One thing that a destination's check looked at.

    Attributes:
        subject: What was looked at.
        problem: What is wrong and what mends it, in one sentence; None when
            nothing is wrong.
    """

    subject: str
    problem: str | None = None
