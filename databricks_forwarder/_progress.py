"""
How far a load got, as the notes that a batcher keeps with it.

Three kinds of notes are written once and then held to: the routes, what was
staged, and that a table is loaded. A fourth counts what failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._codec import from_text, to_text
from databricks_forwarder.model import (
    DeadLetter,
    EventKey,
    LoadResult,
    Rescue,
    StagedFile,
    Table,
    TableName,
)

if TYPE_CHECKING:
    from databricks_forwarder._tally import Tally

__all__ = [
    "Progress",
    "Routes",
    "Staging",
    "TableStaging",
    "erased_mark",
    "failure_note",
    "loaded_note",
    "restaged_mark",
    "routes_note",
    "staging_note",
]

Routes = Mapping[EventKey, "Table | None"]
"""Event key → table, or None to drop by rule."""


@attrs.frozen
class _Route:
    """
    Strictly private.
    """

    key: EventKey
    table: Table | None


@attrs.frozen
class _KeyCount:
    """
    Strictly private.
    """

    key: EventKey
    count: int


@attrs.frozen
class TableStaging:
    """
    What was staged for one table.

    Attributes:
        event_type: As in `Table`: whose columns the files have.
    """

    name: TableName
    event_type: str | None
    files: Sequence[StagedFile]

    @property
    def row_count(self) -> int:
        """
        Rows in all its files.
        """
        return sum(file.row_count for file in self.files)


@attrs.frozen(kw_only=True)
class Staging:
    """
    What decoding and staging a load came to; nothing of it changes again.

    Attributes:
        counts: Messages on their way to a table, by key.
        rescues: Where values were rescued, by table and place.
        begun_at: When the load was taken up for it.
    """

    tables: Sequence[TableStaging] = ()
    counts: Mapping[EventKey, int] = attrs.field(factory=dict)
    dead: Sequence[DeadLetter] = ()
    dropped: int = 0
    rescued_row_count: int = 0
    rescues: Sequence[Rescue] = ()
    oldest_received_at: datetime | None = None
    newest_received_at: datetime | None = None
    begun_at: datetime | None = None

    @property
    def files(self) -> Mapping[TableName, Sequence[tuple[str, int]]]:
        """
        Of each table its files, in order: last part of the place, and rows.
        """
        return {
            table.name: [
                (file.uri.rpartition("/")[2], file.row_count) for file in table.files
            ]
            for table in self.tables
        }

    @classmethod
    def of(
        cls,
        tally: Tally,
        files: Sequence[StagedFile],
        routes: Routes,
        *,
        begun_at: datetime | None = None,
    ) -> Staging:
        """
        Put together what a lease's messages came to.
        """
        event_types = {
            table.name: table.event_type for table in routes.values() if table
        }
        by_table: dict[TableName, list[StagedFile]] = {}
        for file in files:
            by_table.setdefault(file.table, []).append(file)
        return cls(
            tables=tuple(
                TableStaging(name, event_types.get(name), tuple(by_table[name]))
                for name in sorted(by_table)
            ),
            counts=tally.counts,
            dead=tuple(tally.dead),
            dropped=tally.dropped,
            rescued_row_count=tally.rescued_row_count,
            rescues=tuple(
                Rescue(table=table, place=place, row_count=count)
                for (table, place), count in sorted(tally.rescues.items())
            ),
            oldest_received_at=tally.oldest_received_at,
            newest_received_at=tally.newest_received_at,
            begun_at=begun_at,
        )


@attrs.frozen(kw_only=True)
class _StagingNote:
    """
    `Staging` in a form that JSON has.
    """

    tables: Sequence[TableStaging]
    counts: Sequence[_KeyCount]
    dead: Sequence[DeadLetter]
    dropped: int
    rescued_row_count: int
    # Earlier versions noted none of these.
    rescues: Sequence[Rescue] = ()
    oldest_received_at: datetime | None = None
    newest_received_at: datetime | None = None
    begun_at: datetime | None = None


_ROUTES, _STAGING, _LOADED, _FAILED = "routes", "staging", "loaded/", "failed/"
_ERASED = "erased"


@attrs.frozen
class Progress:
    """
    The notes of one load, read.
    """

    notes: dict[str, str]

    def keep(self, note: tuple[str, str]) -> None:
        """
        Take in a note that the batcher has now.
        """
        key, text = note
        self.notes[key] = text

    @property
    def routes(self) -> Routes | None:
        """
        The routes noted, or None.
        """
        text = self.notes.get(_ROUTES)
        if text is None:
            return None
        return {each.key: each.table for each in from_text(text, tuple[_Route, ...])}

    @property
    def staging(self) -> Staging | None:
        """
        What was staged, or None.
        """
        text = self.notes.get(_STAGING)
        if text is None:
            return None
        note = from_text(text, _StagingNote)
        return Staging(
            tables=note.tables,
            counts={each.key: each.count for each in note.counts},
            dead=note.dead,
            dropped=note.dropped,
            rescued_row_count=note.rescued_row_count,
            rescues=note.rescues,
            oldest_received_at=note.oldest_received_at,
            newest_received_at=note.newest_received_at,
            begun_at=note.begun_at,
        )

    @property
    def is_outdated(self) -> bool:
        """
        Whether some of what was staged was erased since: stage it again.
        """
        return bool(self.notes.get(_ERASED))

    def loaded(self, table: TableName) -> LoadResult | None:
        """
        The result noted for *table*, or None.
        """
        text = self.notes.get(_LOADED + table)
        return None if text is None else from_text(text, LoadResult)

    def failures(self, what: str) -> int:
        """
        How often *what* failed since the load was last taken up.
        """
        return int(self.notes.get(_FAILED + what, "0"))


def failure_note(what: str, count: int) -> tuple[str, str]:
    """
    Key and text of the note that *what* has failed so often.
    """
    return _FAILED + what, str(count)


def erased_mark() -> tuple[str, str]:
    """
    Key and text of the note that some of the load's records were erased.
    """
    return _ERASED, "some of its records"


def restaged_mark() -> tuple[str, str]:
    """
    Key and text of the note that what was staged has none of them any more.
    """
    return _ERASED, ""


def routes_note(routes: Routes) -> tuple[str, str]:
    """
    Key and text of the note for *routes*.
    """
    return _ROUTES, to_text(tuple(_Route(key, table) for key, table in routes.items()))


def staging_note(staging: Staging) -> tuple[str, str]:
    """
    Key and text of the note for *staging*.
    """
    note = _StagingNote(
        tables=staging.tables,
        counts=tuple(_KeyCount(key, count) for key, count in staging.counts.items()),
        dead=staging.dead,
        dropped=staging.dropped,
        rescued_row_count=staging.rescued_row_count,
        rescues=staging.rescues,
        oldest_received_at=staging.oldest_received_at,
        newest_received_at=staging.newest_received_at,
        begun_at=staging.begun_at,
    )
    return _STAGING, to_text(note)


def loaded_note(table: TableName, result: LoadResult) -> tuple[str, str]:
    """
    Key and text of the note that *table* is loaded.
    """
    return _LOADED + table, to_text(result)
