"""
What a part owes the walk: the specification, readable in one sitting.

Parts are structural: a class that has these methods is one, ancestry plays no
role. Each clause has a number, and a test of the same number in
`databricks_forwarder.testing.contracts`. Time is an argument (``at``, an aware
datetime in UTC): no part asks a clock. What parts may offer besides is in
`databricks_forwarder.abilities`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import date, datetime

    import pyarrow as pa

    from databricks_forwarder.facts import Fact
    from databricks_forwarder.model import (
        BatcherStatus,
        DeadLetter,
        EventKey,
        EventKind,
        Finding,
        Lease,
        LoadId,
        LoadReport,
        LoadResult,
        Offset,
        OffsetRange,
        ParquetFile,
        Payload,
        StagedFile,
        Table,
        TableName,
    )
    from databricks_forwarder.settings import UploadPolicy

__all__ = [
    "Batcher",
    "Clock",
    "EventCounts",
    "Loader",
    "Naming",
    "Observer",
    "Router",
    "Stager",
]


class Batcher(Protocol):
    """
    The upload queue, and how far each load got.

    B1. `append` returns only once the payloads survive what the class
    promises to survive. B2. Offsets grow strictly and are never reused, also
    after reopening. B3. A lease holds the oldest records that are in no load,
    contiguous, in order, within the policy; a record over the limit travels
    alone. B4. Until commit or park, `lease` gives the same load id and the
    same records: after a crash, after reopening, to another holder after
    expiry. B5. At most one lease is out. B6. No two batchers ever issue the
    same load id, also after a restart. B7. `commit` removes exactly the
    load's records; twice is once; a load that someone else now holds raises
    `LeaseLostError`. B8. `park` takes a load out of the way and keeps its
    bytes, its notes and the reason; carried on later it keeps the load id. A
    dead payload that is replayed gets a new offset, once. B9. A full batcher
    raises `BatcherFullError` and has stored nothing. B10. `append` may be
    called from many threads. B11. A damaged record is reported in its place;
    whole ones after it are still leased. B12. A checkpoint is stored with its
    payloads or not at all. B13. A note is durable when `note` returns, and
    comes back with the lease. B14. The account is balanced after every call.
    """

    @property
    def id(self) -> str:
        """
        Name of this batcher's storage: 12 hexadecimal digits, given once.
        """

    def append(
        self,
        payloads: Sequence[Payload],
        /,
        *,
        at: datetime,
        checkpoint: Mapping[str, str] | None = None,
    ) -> OffsetRange | None:
        """
        Keep *payloads*, all or none, with the host's checkpoint (B1, B12).

        Args:
            payloads: May be empty, to store a checkpoint alone.
            at: When they were received.
            checkpoint: Positions in the host's source by name; merged into
                what is stored, name by name.

        Returns:
            Their offsets, or None when there were none.

        Raises:
            BatcherFullError: Nothing of this call was stored (B9).
            BatcherClosedError: Nothing of this call was stored.
        """

    def lease(
        self, policy: UploadPolicy, /, *, at: datetime, seal: bool = False
    ) -> Lease | None:
        """
        Hand out the records to be loaded next (B3, B4, B5).

        An open load comes first, the one with the lowest offsets before
        others; a new load is made when *policy* says it is due, or, with
        *seal*, when any record waits.

        Returns:
            The lease, or None: nothing is due, or another holder has it.
        """

    def note(self, load_id: LoadId, key: str, text: str, /, *, at: datetime) -> None:
        """
        Keep *text* under *key* with the load, and the lease alive (B13).

        A key noted again is replaced.

        Raises:
            LeaseLostError: Nothing was noted.
        """

    def commit(self, load_id: LoadId, report: LoadReport, /, *, at: datetime) -> None:
        """
        Let go of the load's records, keep the report and its dead letters.

        The records of ``report.dead`` become dead letters with their bytes,
        all others are removed (B7). Committing a committed load does nothing.

        Raises:
            LeaseLostError: Nothing was changed.
        """

    def park(self, load_id: LoadId, report: LoadReport, /, *, at: datetime) -> None:
        """
        Set the load aside with everything it has; the next can go on (B8).

        ``report.account`` says what of it is loaded and dropped all the same.
        Its dead letters stay with the load until it is committed: they count
        as pending.

        Raises:
            LeaseLostError: Nothing was changed.
        """

    def carry_on(self, load_id: LoadId, /) -> None:
        """
        Open a parked load again, under its own load id, attempt 1 next (B8).

        Raises:
            KeyError: No parked load has this id.
        """

    def parked(self) -> Sequence[LoadReport]:
        """
        The reports of the parked loads, in the order of their offsets.
        """

    def loads(self, limit: int = 100, /) -> Sequence[LoadReport]:
        """
        The reports of the latest committed loads, newest first.
        """

    def dead_letters(self) -> Iterable[DeadLetter]:
        """
        The dead letters not replayed yet, with their payloads, by offset.
        """

    def replay(self, offsets: Collection[Offset], /) -> int:
        """
        Put dead payloads back in the queue at new offsets, each once (B8).

        They keep the time they were received. Offsets that are no dead letter
        (any more) are passed over.

        Returns:
            How many payloads were put back.
        """

    def checkpoint(self) -> Mapping[str, str]:
        """
        The host's stored positions, by name.
        """

    def status(self) -> BatcherStatus:
        """
        How the batcher stands now (B14).
        """

    def close(self) -> None:
        """
        Release what is held; closing twice is closing once.
        """


class Router(Protocol):
    """
    Decides the table of each event key of a load.

    R1. Every key asked for gets a table, or None to drop it by rule; a key
    left out goes to the common table and is reported. R2. `route` is pure for
    the counts and names it knows: asked again with the same, it answers the
    same. R3. `loaded` twice with one load id is once. R4. A router that raises
    costs no data: the load is tried again, then parked. R5. A key that was
    given a table keeps it while the router says it is sticky. R6. Two keys
    never share a table by accident.
    """

    def route(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Table | None]:
        """
        Name a table for each key of a load.

        Args:
            counts: Each key of the load, with its messages; never empty.
            at: The moment of the load.

        Returns:
            Key → table; None means: do not forward, count as dropped.
        """


class EventCounts(Protocol):
    """
    How often each kind was forwarded on each day, and the names given.

    C1. `add` twice with one load id is once. C2. `totals` sums the days from
    *since* on, that day included. C3. A name once given stays, and no two
    owners have the same. C4. What was added or given survives what the class
    promises to survive when the call returns. C5. Many threads may call.
    """

    def totals(
        self, kinds: Collection[EventKind], /, *, since: date
    ) -> Mapping[EventKind, int]:
        """
        Messages forwarded of each of *kinds* since that day (UTC), inclusive.

        Returns:
            Kind → messages; a kind never forwarded is left out.
        """

    def add(
        self, load_id: LoadId, counts: Mapping[EventKind, int], /, *, on: date
    ) -> None:
        """
        Count a load's messages to the day *on* (UTC); once a load id (C1).
        """

    def given(self, owners: Collection[str], /) -> Mapping[str, TableName]:
        """
        The names already given to *owners*; an owner without one is left out.
        """

    def give(
        self, wishes: Mapping[str, Sequence[TableName]], /
    ) -> Mapping[str, TableName]:
        """
        Give each owner a name of its own, for ever, all in one step (C3).

        Args:
            wishes: Owner → names in the order of preference. An owner that
                has a name keeps it, whatever it wishes now.

        Returns:
            Owner → name, for all of them.

        Raises:
            ValueError: All names an owner wishes are others'; nothing given.
        """

    def propose(
        self, wishes: Mapping[str, Sequence[TableName]], /
    ) -> Mapping[str, TableName]:
        """
        Answer as `give` would now; nothing is given.
        """


class Stager(Protocol):
    """
    Puts files where the loader's engine can read them.

    S1. After `stage`, the loader of the same destination can read exactly the
    file's bytes at the URI. S2. The URI is a function of load id, table and
    part; staging again replaces like with like. S3. A half-written file is
    never readable under its final URI. S4. `staged` lists each load id that
    has anything left. S5. `discard` removes all of a load, and nothing of
    another; nothing there is not an error.
    """

    def stage(self, file: ParquetFile, /) -> StagedFile:
        """
        Put *file* where the loader can read it; durable when it returns.

        Args:
            file: Closed Parquet file of at least one row.

        Raises:
            TransientError: Nothing certain is known; stage again.
            SetupError: The place is missing or can't be written.
        """

    def staged(self) -> Collection[LoadId]:
        """
        The load ids that have anything left, half-written files included.
        """

    def discard(self, load_id: LoadId, /) -> None:
        """
        Remove all that is left of a load (S5).
        """


class Loader(Protocol):
    """
    Makes staged rows visible in their tables.

    L1. After `load`, every row of every file is visible in its table. L2. The
    same load id again changes nothing: after success, after failure at any
    point, from another process. L3. Tables are independent: one that fails
    leaves the others valid. L4. `prepare` creates tables and adds columns,
    never drops or narrows, and is harmless to repeat. L5. Only
    `TransientError`, `SetupError` and `PermanentError` come out. L6. No files,
    no effect.
    """

    def prepare(self, table: TableName, schema: pa.Schema, /) -> None:
        """
        See that *table* exists and has at least the fields of *schema*.

        Args:
            table: Where rows are about to be loaded.
            schema: Columns by name, all nullable, nested ones included.

        Raises:
            SchemaError: A column is there with another type; nothing changed.
        """

    def load(
        self, load_id: LoadId, table: TableName, files: Sequence[StagedFile], /
    ) -> LoadResult:
        """
        Make the rows of *files* visible, all at once, once a load id (L1, L2).
        """

    def check(self) -> Sequence[Finding]:
        """
        Try the destination by imitating real work; change nothing that stays.
        """


class Observer(Protocol):
    """
    Is told what happens in a forwarder.

    It is told of each fact once, there and then, in the thread where it came
    to be: of a load in the order of the walk, of tables and files that go side
    by side each in its own order, and of all of a load before its end. What it
    raises harms nobody and is in the log once; but who tells waits for it, so
    it waits for nothing itself, and of the forwarder it asks no more than
    `Status`.

    O1. It takes every fact, also one of a kind that it does not know. O2. Many
    threads may call at once. O3. It may be made in the middle of a load, and a
    load may never end: what it keeps of loads is bounded.
    """

    def observe(self, fact: Fact, /) -> None:
        """
        Take note of *fact*.
        """


class Clock(Protocol):
    """
    The only source of time; parts are told, or ask the clock they were given.
    """

    def now(self) -> datetime:
        """
        This moment, aware, in UTC.
        """

    def monotonic(self) -> float:
        """
        Seconds since some moment; they never go back.
        """

    def wait(self, seconds: float, /) -> None:
        """
        Return when *seconds* are over.
        """


Naming = Callable[["EventKind"], str]
"""Name of the table of an event kind, before characters are normalised."""
