"""
What happens in a forwarder, as values that observers are told.

Facts carry ids, names of tables and numbers: never a payload, an identity or a
secret. Their names are past, noun first. Moments are aware, in UTC; durations
are seconds, sizes bytes. A later release may have more facts, and more fields
with a default; an observer passes over what it does not know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from databricks_forwarder.model import LoadId, Offset, OffsetRange, TableName

__all__ = [
    "FACTS",
    "BatchDied",
    "BatchesDied",
    "DestinationAwaited",
    "DestinationFound",
    "DestinationLost",
    "DestinationStarted",
    "Fact",
    "FileStaged",
    "FileWritten",
    "FilesDiscarded",
    "FilesLeft",
    "LeftoversFound",
    "LoadCommitted",
    "LoadCounted",
    "LoadFact",
    "LoadFailed",
    "LoadLeased",
    "LoadParked",
    "LoadRouted",
    "LoadWritten",
    "RecordsAppended",
    "RecordsRefused",
    "SpoolFilled",
    "SpoolFreed",
    "SpoolSwept",
    "StatementRan",
    "StepFailed",
    "TableBegun",
    "TableFailed",
    "TableLoaded",
    "TableParked",
    "TablePrepared",
    "WorkerFailed",
]


@attrs.frozen(kw_only=True)
class Fact:
    """
    Something that is so from now on.

    Attributes:
        at: When it was told, which is at once; what took time has ended then.
    """

    at: datetime


@attrs.frozen(kw_only=True)
class RecordsAppended(Fact):
    """
    Payloads of one call are durable, and the host gets its receipt.

    Attributes:
        offsets: Where they stand; None if there was none to store.
        size_bytes: Of all payloads together.
        seconds: How long the batcher took, waiting for its turn included.
    """

    offsets: OffsetRange | None
    record_count: int
    message_count: int
    size_bytes: int
    seconds: float


@attrs.frozen(kw_only=True)
class RecordsRefused(Fact):
    """
    A call that handed payloads in was refused, and nothing of it stored.

    Attributes:
        error: Class of the error that the host got.
    """

    error: str


@attrs.frozen(kw_only=True)
class LoadFact(Fact):
    """
    Something about one load.

    Attributes:
        load_id: Which.
    """

    load_id: LoadId


@attrs.frozen(kw_only=True)
class LoadLeased(LoadFact):
    """
    A load was handed out, and is carried from now on.

    Attributes:
        attempt: How often it was handed out; starts at 1.
    """

    attempt: int
    offsets: OffsetRange
    message_count: int


@attrs.frozen(kw_only=True)
class LoadRouted(LoadFact):
    """
    The event keys of a load were counted, the router asked, its answer noted.

    Not told of a load whose routes were noted before.
    """

    key_count: int
    table_count: int
    seconds: float


@attrs.frozen(kw_only=True)
class BatchDied(LoadFact):
    """
    A record can't be decoded or arranged: it will be a dead letter.

    Attributes:
        reason: Why, in words; nothing of the payload is in it.
    """

    offset: Offset
    message_count: int
    reason: str


@attrs.frozen(kw_only=True)
class FileWritten(LoadFact):
    """
    A Parquet file is whole, on the local disk.

    Attributes:
        file: Its name within the load.
    """

    table: TableName
    file: str
    row_count: int
    size_bytes: int


@attrs.frozen(kw_only=True)
class LoadWritten(LoadFact):
    """
    All records of a load were decoded, and its files are written.

    Attributes:
        size_bytes: Of all files together.
        dead_count: Records that died.
        dropped_count: Messages dropped by rule.
        rescued_row_count: Rows with something in ``_rescued_data``.
    """

    file_count: int
    row_count: int
    size_bytes: int
    dead_count: int
    dropped_count: int
    rescued_row_count: int
    seconds: float


@attrs.frozen(kw_only=True)
class FileStaged(LoadFact):
    """
    A file is where the loader's engine can read it.

    Attributes:
        file: Its name within the load.
    """

    table: TableName
    file: str
    row_count: int
    size_bytes: int
    seconds: float


@attrs.frozen(kw_only=True)
class TableBegun(LoadFact):
    """
    The loading of one table begins; others may go on beside it.
    """

    table: TableName
    file_count: int
    row_count: int


@attrs.frozen(kw_only=True)
class TablePrepared(LoadFact):
    """
    The table is there, and has all columns that its rows want.
    """

    table: TableName
    seconds: float


@attrs.frozen(kw_only=True)
class StatementRan(LoadFact):
    """
    The engine ran a statement for a load to its end, a good one or not.

    Each try is one of its own. Statements outside of loads are not told.

    Attributes:
        table: For whose loading it ran; None if for the load as a whole.
        operation: Its first words, such as ``COPY INTO``.
        statement_id: What the engine's own history calls it; None if it gave
            no name before it failed.
        error: Class of the error, if it failed; its outcome may be unknown.
    """

    table: TableName | None
    operation: str
    statement_id: str | None
    seconds: float
    error: str | None = None


@attrs.frozen(kw_only=True)
class TableLoaded(LoadFact):
    """
    The rows of one table are visible in it, and that is about to be noted.

    Attributes:
        was_repeat: Whether the table held them before.
        statement_ids: The statements that ran for it since it was begun, in
            their order; empty if the engine has none.
        seconds: Since it was begun.
    """

    table: TableName
    row_count: int
    file_count: int
    size_bytes: int
    was_repeat: bool
    statement_ids: Sequence[str]
    seconds: float


@attrs.frozen(kw_only=True)
class TableFailed(LoadFact):
    """
    The loading of one table failed; it is tried again, or parked.

    Attributes:
        error: Class of the error.
        message: What is told of it.
        seconds: Since it was begun.
    """

    table: TableName
    error: str
    message: str
    seconds: float


@attrs.frozen(kw_only=True)
class LoadCounted(LoadFact):
    """
    The router has learnt what was loaded.
    """

    key_count: int
    message_count: int
    seconds: float


@attrs.frozen(kw_only=True)
class LoadCommitted(LoadFact):
    """
    A load is done: received = loaded + dead + dropped.

    Attributes:
        received: Its messages.
        loaded: Of them, visible in tables.
        dead: Of them, in dead letters.
        dropped: Of them, dropped by rule.
        size_bytes: Of the files that were loaded.
        seconds: Since this try began.
    """

    attempt: int
    received: int
    loaded: int
    dead: int
    dropped: int
    table_count: int
    size_bytes: int
    seconds: float


@attrs.frozen(kw_only=True)
class TableParked(LoadFact):
    """
    One table of a load is set aside with the load, which is told after it.

    Attributes:
        message: Why.
    """

    table: TableName
    row_count: int
    message: str


@attrs.frozen(kw_only=True)
class BatchesDied(LoadFact):
    """
    Payloads of a load are dead letters from now on; told once, as it is done.

    Attributes:
        payload_count: How many.
        message_count: Their messages.
        reasons: The most frequent reasons, with how many died of each; figures
            in a reason are ``…``.
    """

    payload_count: int
    message_count: int
    reasons: str


@attrs.frozen(kw_only=True)
class LoadParked(LoadFact):
    """
    A load is set aside, as a whole or some tables of it; a person must act.

    Attributes:
        pending: Its messages that are neither in a table nor dropped.
        message: Why, if it is parked as a whole; else which of its tables are.
        seconds: Since this try began.
    """

    attempt: int
    received: int
    loaded: int
    pending: int
    table_count: int
    message: str
    seconds: float


@attrs.frozen(kw_only=True)
class LoadFailed(LoadFact):
    """
    A try of a load was broken off; the load stays open and is tried again.

    Attributes:
        error: Class of the error.
        message: What is told of it.
        seconds: Since this try began.
    """

    attempt: int
    error: str
    message: str
    seconds: float


@attrs.frozen(kw_only=True)
class FilesDiscarded(LoadFact):
    """
    Nothing is left of a load, neither staged nor in the making.
    """

    seconds: float


@attrs.frozen(kw_only=True)
class FilesLeft(LoadFact):
    """
    Staged files of a load that is done could not be removed; a later start does.

    Attributes:
        error: Class of the error.
        message: What is told of it.
    """

    error: str
    message: str


@attrs.frozen(kw_only=True)
class LeftoversFound(LoadFact):
    """
    The sweep found staged files of a load that is not open: they are discarded.
    """


@attrs.frozen(kw_only=True)
class SpoolFilled(Fact):
    """
    There is no room for payloads from now on.

    Told once, at the first that is refused; `RecordsRefused` is told of each.

    Attributes:
        message: How full it is, and what makes room.
    """

    message: str


@attrs.frozen(kw_only=True)
class SpoolFreed(Fact):
    """
    There is room again, for as many bytes as were refused.

    Attributes:
        seconds: Since there was none.
    """

    seconds: float


@attrs.frozen(kw_only=True)
class SpoolSwept(Fact):
    """
    What earlier processes left was looked for, once before the first load.

    Attributes:
        load_count: Loads that had anything left.
    """

    load_count: int
    seconds: float


@attrs.frozen(kw_only=True)
class DestinationAwaited(LoadFact):
    """
    The engine is starting, and the load waits for it.

    Attributes:
        message: What it tells of itself.
    """

    message: str


@attrs.frozen(kw_only=True)
class DestinationStarted(LoadFact):
    """
    The engine that was waited for runs.

    Attributes:
        seconds: How long it was waited for.
    """

    seconds: float


@attrs.frozen(kw_only=True)
class DestinationLost(LoadFact):
    """
    Loads do not come through from now on: it may pass, or a person must act.

    Told once, at the first load that fails with a `TransientError` or a
    `SetupError`; `LoadFailed` is told of each.

    Attributes:
        error: Class of the error.
        message: What is told of it.
    """

    error: str
    message: str


@attrs.frozen(kw_only=True)
class DestinationFound(LoadFact):
    """
    A load came through again, the first since the destination was lost.

    Attributes:
        seconds: Since then.
    """

    seconds: float


@attrs.frozen(kw_only=True)
class StepFailed(Fact):
    """
    A call of the host's that carries loads failed, and raised to it.

    Attributes:
        error: Class of the error.
        message: What is told of it.
        failure_count: Failures in a row, of whoever stepped.
    """

    error: str
    message: str
    failure_count: int


@attrs.frozen(kw_only=True)
class WorkerFailed(Fact):
    """
    A step of the background thread failed, which has nobody to raise to.

    Attributes:
        error: Class of the error.
        message: What is told of it.
        failure_count: Failures in a row, of whoever stepped.
        pause_seconds: How long it waits before the next.
    """

    error: str
    message: str
    failure_count: int
    pause_seconds: float


FACTS: tuple[type[Fact], ...] = (
    RecordsAppended,
    RecordsRefused,
    SpoolFilled,
    SpoolFreed,
    SpoolSwept,
    LeftoversFound,
    LoadLeased,
    LoadRouted,
    BatchDied,
    FileWritten,
    LoadWritten,
    FileStaged,
    TableBegun,
    TablePrepared,
    StatementRan,
    DestinationAwaited,
    DestinationStarted,
    TableLoaded,
    TableFailed,
    LoadCounted,
    BatchesDied,
    LoadCommitted,
    TableParked,
    LoadParked,
    LoadFailed,
    FilesDiscarded,
    FilesLeft,
    DestinationLost,
    DestinationFound,
    StepFailed,
    WorkerFailed,
)
"""All kinds of facts, in the order of the walk."""
