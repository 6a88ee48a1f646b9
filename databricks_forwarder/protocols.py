"""
What a part owes the walk: the specification, readable in one sitting.

Parts are structural: a class that has these methods is one, ancestry plays no
role. Each clause has a number, and a test of the same number in
`databricks_forwarder.testing.contracts`. Time is an argument (``at``, an aware
datetime in UTC): no part asks a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from datetime import date, datetime

    import pyarrow as pa

    from databricks_forwarder.erasure import ErasureNote, Place
    from databricks_forwarder.maintenance import Done, SmallFiles, TableLayout, Work
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
        RowCount,
        StagedFile,
        Table,
        TableName,
    )
    from databricks_forwarder.mparticle.batch import Batch
    from databricks_forwarder.mparticle.person import Person
    from databricks_forwarder.settings import UploadPolicy

__all__ = [
    "Batcher",
    "Clock",
    "CountingLoader",
    "ErasingBatcher",
    "ErasingLoader",
    "EventCounts",
    "GroupingRouter",
    "LearningRouter",
    "Loader",
    "MaintainingLoader",
    "Naming",
    "PreviewingRouter",
    "RecallingBatcher",
    "Router",
    "SideBySide",
    "Stager",
    "SurveyingLoader",
    "TellingLoader",
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


@runtime_checkable
class RecallingBatcher(Batcher, Protocol):
    """
    A batcher that can say what was noted of a load without handing it out.

    B15. `notes` gives the notes of an open or parked load as its lease would
    have them, whoever holds it, and none of any other load; it changes
    nothing.
    """

    def notes(self, load_id: LoadId, /) -> Mapping[str, str]:
        """
        What was noted of a load that is not committed, by key (B15).
        """


@runtime_checkable
class ErasingBatcher(RecallingBatcher, Protocol):
    """
    A batcher that can erase payloads from wherever it keeps them.

    B16. What is erased is neither leased, nor a dead letter, nor anywhere in
    what the batcher writes once `erase` returns; all other payloads stay.
    B17. Its messages are counted as dropped; erasing again what is gone
    changes no account. B18. A load that had any of it is open afterwards, with
    nobody, under its own id and offsets, with the notes it had and the mark,
    and all its messages are pending; other loads stay as they are. B19. While
    somebody else has a load out nothing is erased. B20. What is kept of an
    erasure is durable, one for each request id.
    """

    def erase(
        self,
        note: ErasureNote,
        is_theirs: Callable[[bytes], bool | None],
        mark: tuple[str, str],
        /,
        *,
        at: datetime,
    ) -> ErasureNote:
        """
        Erase the payloads that are somebody's, and keep *note* of it (B16-B19).

        Payloads and note change in one step. A lease that this batcher has
        handed out is lost.

        Args:
            note: What is kept of the erasure so far.
            is_theirs: Whether a payload is to be erased; None if nobody can
                tell, then it stays. Possibly asked more than once of each.
            mark: Key and text to be noted with each load that had any.
            at: The moment.

        Returns:
            The note with what was erased now added to it.

        Raises:
            TransientError: A load is out (B19), and nothing was erased; or
                traces may be left: erase again.
        """

    def keep_erasure(self, note: ErasureNote, /) -> None:
        """
        Keep *note* in place of the one of the same request id (B20).
        """

    def erasures(self) -> Sequence[ErasureNote]:
        """
        All that is kept of erasures, in the order of their first times (B20).
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


@runtime_checkable
class LearningRouter(Router, Protocol):
    """
    A router that wants to know what was loaded.
    """

    def loaded(
        self, load_id: LoadId, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> None:
        """
        Learn that these messages are in their tables; once a load id (R3).
        """


@runtime_checkable
class GroupingRouter(Router, Protocol):
    """
    A router that depends on something in the batch that no key says.
    """

    def group(self, batch: Batch, /) -> str | None:
        """
        Name the group of *batch*; it becomes ``EventKey.group``.

        Asked once for each batch of a load, possibly more than once for the
        same one; a pure function of the batch. When it raises, the payload
        becomes a dead letter.
        """


@runtime_checkable
class PreviewingRouter(Router, Protocol):
    """
    A router that can say what it would answer without giving any name.
    """

    def preview(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Table | None]:
        """
        Answer as `route` would now; nothing is kept of it.
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


@runtime_checkable
class SideBySide(Protocol):
    """
    A stager or loader whose calls gain by running side by side.

    The walk then calls it from several threads, for different files or tables
    at once. A part without this is called from one thread at a time.
    """

    @property
    def breadth(self) -> int:
        """
        How many calls at once are worth while; at least 1.
        """


@runtime_checkable
class SurveyingLoader(Loader, Protocol):
    """
    A loader that looks at many tables more cheaply than at each.
    """

    def survey(self, tables: Collection[TableName], /) -> None:
        """
        Look at what there is of *tables*, which are about to be prepared.

        Told once for each try of a load, before the first `Loader.prepare` of
        it; only ever a saving, nothing rests on it.
        """


@runtime_checkable
class CountingLoader(Loader, Protocol):
    """
    A loader that can say which rows its tables hold.

    L7. `count_rows` tells of each table that is there how many rows it holds
    now of each load of the batcher, and how many of them are doubled: of each
    load that has any, whoever put them there or took others away, and of no
    other batcher's. A table that is not there is left out.
    """

    def count_rows(
        self, batcher_id: str, tables: Collection[TableName], /
    ) -> Mapping[TableName, Mapping[LoadId, RowCount]]:
        """
        Count the rows whose ``_load_id`` begins with *batcher_id* and a hyphen.

        Nothing that the loader remembers of the tables is relied on (L7).

        Raises:
            TransientError: They can't be counted now.
            SetupError: A person must act first; a table may not be read.
            PermanentError: A table has no column to count by.
        """


@runtime_checkable
class ErasingLoader(Loader, Protocol):
    """
    A loader that can take rows out of its tables again.

    L8. `places` tells of every table with the columns of this library, whoever
    loads into it, where rows of a person are, and changes nothing. L9. After
    `erase`, no row is at the places, and all others are as they were; doing it
    again changes nothing. What is repeated of a load stays a repeat.
    """

    def places(self, person: Person, /) -> Mapping[TableName, Sequence[Place]]:
        """
        Find the rows whose mpid, or one of whose identities, is the person's (L8).

        Returns:
            Table → places, in no order; tables without any are left out. Nothing
            in a log, a history or an error tells who was looked for.
        """

    def erase(self, table: TableName, places: Sequence[Place], /) -> Sequence[str]:
        """
        Take the rows at *places* out of *table* (L9).

        Returns:
            What the engine's own history calls what was done; empty if nothing
            was to be done.
        """


@runtime_checkable
class MaintainingLoader(Loader, Protocol):
    """
    A loader that can tell how its tables lie on the disk, and put them in order.

    L10. `layouts` tells of every table with the columns of this library, whoever
    loads into it, and changes nothing; one that can't be looked at holds back
    no other. L11. `maintain` changes no row, whatever the work; done again it
    changes nothing. What is repeated of a load stays a repeat, and a load that
    comes meanwhile is loaded. L12. A vacuum takes no file that a load is about to
    make its table's, and none that the table has not been without for as long as
    it keeps such files, which is seven days or longer: with less it is refused.
    """

    def layouts(
        self, tables: Collection[TableName] | None = None, /, *, at: datetime
    ) -> Sequence[TableLayout]:
        """
        Look at those of *tables* that are there, or at all; no row is read (L10).
        """

    def statement(self, table: TableName, work: Work, /) -> str | None:
        """
        Spell what does *work*, to be run by hand; None if nothing does.
        """

    def maintain(self, table: TableName, work: Work, /) -> Done:
        """
        Do *work* to a table; what fails may be done or not (L11, L12).
        """

    def small_files(self) -> SmallFiles:
        """
        Tell what is known of small files, asking nobody.
        """


@runtime_checkable
class TellingLoader(Loader, Protocol):
    """
    A loader that can say how its engine stands, without asking it.
    """

    def state(self) -> str | None:
        """
        How the engine stands, in words; None when there is nothing to tell.
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
