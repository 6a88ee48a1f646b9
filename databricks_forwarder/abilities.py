"""
What parts may offer besides: protocols that refine those of a part.

The walk, or whoever asks for one of them, looks whether a part has the methods;
a part without them is whole all the same. Clauses and time are as in
`databricks_forwarder.protocols`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from databricks_forwarder.protocols import (
    Batcher,
    EventCounts,
    Loader,
    Observer,
    Router,
    Stager,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import date, datetime

    import pyarrow as pa
    from pyarrow.dataset import Dataset

    from databricks_forwarder._status import Status
    from databricks_forwarder.answers import Described, Prospect, Reason, Simulation
    from databricks_forwarder.erasure import ErasureNote, Place
    from databricks_forwarder.maintenance import Done, SmallFiles, TableLayout, Work
    from databricks_forwarder.model import (
        EventKey,
        EventKind,
        LoadId,
        ParquetFile,
        RowCount,
        StagedFile,
        Table,
        TableName,
    )
    from databricks_forwarder.mparticle.batch import Batch
    from databricks_forwarder.mparticle.person import Person

__all__ = [
    "CountingLoader",
    "DescribingLoader",
    "ErasingBatcher",
    "ErasingLoader",
    "ExplainingRouter",
    "ForeseeingRouter",
    "GroupingRouter",
    "LearningRouter",
    "ListingEventCounts",
    "MaintainingLoader",
    "MovingLoader",
    "PlacingStager",
    "PreviewingRouter",
    "PromotingRouter",
    "ReadingLoader",
    "RecallingBatcher",
    "RehearsingRouter",
    "ShowingLoader",
    "SideBySide",
    "SimulatingRouter",
    "SurveyingLoader",
    "TellingLoader",
    "WatchingObserver",
]


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


@runtime_checkable
class ExplainingRouter(Router, Protocol):
    """
    A router that can say why.

    R8. `explain` tells for the keys that `route` would answer for now the same
    tables, each with its reason; no name is given, and nothing is kept of it.
    """

    def explain(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Reason]:
        """
        Give the reasons for what `route` would answer now (R8).
        """


@runtime_checkable
class RehearsingRouter(Router, Protocol):
    """
    A router that another can stand in for, which keeps what it does to itself.

    R9. A rehearsal answers, learns, explains and groups as the router would
    itself, over the counts that *over* makes of its own; the router and its
    counts learn and give nothing by that.
    """

    def rehearsal(self, over: Callable[[EventCounts], EventCounts], /) -> Router:
        """
        Make a router that is as this one is now (R9).

        Args:
            over: Event counts → others that answer as they do, and keep what is
                added and given to themselves; the same for the same.
        """


@runtime_checkable
class SimulatingRouter(Router, Protocol):
    """
    A router that can say what other thresholds would have done.
    """

    def simulate(self, thresholds: Sequence[int], /, *, at: datetime) -> Simulation:
        """
        Replay the days that are kept; nothing is changed.

        Raises:
            ConfigurationError: A threshold is none, or the router's event
                counts can't be looked through.
        """


@runtime_checkable
class PromotingRouter(Router, Protocol):
    """
    A router that gives kinds tables of their own, after others had their rows.
    """

    def promoted(
        self, kinds: Collection[EventKind], /
    ) -> Mapping[EventKind, TableName]:
        """
        The tables of their own that *kinds* were given; nothing is given now.

        Returns:
            Kind → table, which has rows of this kind alone; a kind that has
            none is left out.
        """


@runtime_checkable
class ForeseeingRouter(Router, Protocol):
    """
    A router that can say which kinds are on their way to tables of their own.

    R7. `foresee` tells of each kind that it counts, once; what it tells of a
    kind's table is what `route` answers, and it changes no answer.
    """

    def foresee(self, *, at: datetime) -> Sequence[Prospect]:
        """
        Tell how far each kind is, the likeliest to be next first (R7).

        Raises:
            TransientError: The counts can't be read now.
            SetupError: A person must act first.
            ConfigurationError: They can't be looked through.
        """


@runtime_checkable
class ListingEventCounts(EventCounts, Protocol):
    """
    Event counts that can be looked through as a whole.

    C6. `kept` tells the messages of every kind by day, and `names` all names
    given; both as they are now, what this host is about to bring along
    included, and nothing is changed by either: nothing is made, moved or
    learnt.
    """

    def kept(self, *, since: date) -> Mapping[EventKind, Mapping[date, int]]:
        """
        Messages of each kind on each day (UTC) from *since* on, inclusive (C6).

        Kinds and days without any are left out.

        Raises:
            TransientError: They can't be read now.
            SetupError: A person must act first.
        """

    def names(self) -> Mapping[str, TableName]:
        """
        All names given, by their owners (C6).

        Raises:
            TransientError: They can't be read now.
            SetupError: A person must act first.
        """


@runtime_checkable
class PlacingStager(Stager, Protocol):
    """
    A stager that can say where it would put a file.

    S6. `place` tells what `stage` would give for a file, and puts nothing; the
    file need not be there.
    """

    def place(self, file: ParquetFile, /) -> StagedFile:
        """
        Tell where `stage` would put *file* (S6).
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
class ShowingLoader(Loader, Protocol):
    """
    A loader that shows a kind's whole history, wherever its rows are.
    """

    def expect(
        self,
        common: TableName,
        own: Mapping[TableName, EventKind],
        coming: Mapping[TableName, pa.Schema],
        /,
    ) -> None:
        """
        Learn what tables of a load are for, before any of them is prepared.

        Told once for each try of a load, so that tables which come together may
        be shown together. Rows never wait for how they are shown: what goes
        wrong with that is kept to be told by `Loader.check`, and what goes wrong
        with a table is left to `prepare`, which is called for it all the same.

        Args:
            common: The table of kinds that have none of their own.
            own: Table → the kind that it alone is for, of the kinds of the load.
            coming: Table → the fields that it will be prepared with.
        """


@runtime_checkable
class ReadingLoader(Loader, Protocol):
    """
    A loader whose tables can be read in this process, as if they were one.
    """

    def read(
        self, kind: EventKind | None, common: TableName, own: TableName | None, /
    ) -> Dataset:
        """
        Read all events, or all of a kind, as they are now, each row once.

        Args:
            kind: Whose rows; None for all.
            common: The table of kinds that have none of their own.
            own: The table that the kind has, if it was given one.

        Returns:
            A data set with the columns of all event types; it reads nothing
            before it is asked.
        """


@runtime_checkable
class MovingLoader(Loader, Protocol):
    """
    A loader that can move a kind's earlier rows into the kind's own table.

    L10. `move` moves all rows of the kind that the common table holds, and no
    other, each once: repeated after a death at any point, it goes on. Rows
    keep all that they say, the load that brought them included.
    """

    def kinds(self, common: TableName, /) -> Collection[EventKind]:
        """
        The kinds that have rows in the common table and say their event type.
        """

    def move(self, kind: EventKind, common: TableName, own: TableName, /) -> int:
        """
        Move the rows of *kind* out of *common* into *own* (L10).

        Returns:
            How many rows left the common table by this call.
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
class DescribingLoader(Loader, Protocol):
    """
    A loader that can say what it would run.

    L14. `describe` tells, in the words of the loader's engine, what `prepare`
    and `load` would run now for a table; they then run exactly that. It changes
    nothing, and asks nobody over a network: of a table that nobody has looked at
    it is not known whether it is there.
    """

    def describe(
        self,
        load_id: LoadId,
        table: TableName,
        schema: pa.Schema,
        files: Sequence[StagedFile],
        /,
    ) -> Described:
        """
        Tell what would be run to prepare *table* and to load *files* (L14).

        Args:
            load_id: The load.
            table: Where to.
            schema: As for `prepare`.
            files: As for `load`; they need not be there.

        Raises:
            SetupError: A person must act first: `prepare` would say the same.
            PermanentError: Table and rows can't agree: `prepare` would say the
                same.
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

    L11. `layouts` tells of every table with the columns of this library, whoever
    loads into it, and changes nothing; one that can't be looked at holds back
    no other. L12. `maintain` changes no row, whatever the work; done again it
    changes nothing. What is repeated of a load stays a repeat, and a load that
    comes meanwhile is loaded. L13. A vacuum takes no file that a load is about to
    make its table's, and none that the table has not been without for as long as
    it keeps such files, which is seven days or longer: with less it is refused.
    """

    def layouts(
        self, tables: Collection[TableName] | None = None, /, *, at: datetime
    ) -> Sequence[TableLayout]:
        """
        Look at those of *tables* that are there, or at all; no row is read (L11).
        """

    def statement(self, table: TableName, work: Work, /) -> str | None:
        """
        Spell what does *work*, to be run by hand; None if nothing does.
        """

    def maintain(self, table: TableName, work: Work, /) -> Done:
        """
        Do *work* to a table; what fails may be done or not (L12, L13).
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


@runtime_checkable
class WatchingObserver(Observer, Protocol):
    """
    An observer that wants to ask how a forwarder stands, at times of its own.

    O4. It asks each forwarder that it was handed, and passes over one that does
    not answer: it is closed, or gone.
    """

    def watch(self, status: Callable[[], Status | None], /) -> None:
        """
        Keep a way to ask; once for each forwarder, before its first fact.

        Args:
            status: How the forwarder stands now, None if there is no telling;
                any thread may call it.
        """
