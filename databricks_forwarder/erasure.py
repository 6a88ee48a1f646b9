"""
What was erased of a person, as it is told and kept: nothing here names anyone.

The receipt may be handed on. What is kept beside it, to know the person again,
are keyed hashes with their key: whoever has both can try out who it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import attrs

from databricks_forwarder.model import LoadId, Offset, TableName

__all__ = [
    "Erasure",
    "ErasureNote",
    "Late",
    "Place",
    "SpoolErasure",
    "Suppression",
    "TableErasure",
]

Late = Literal["drop", "load"]
"""What becomes of events of before an erasure that come after it."""


@attrs.frozen
class Place:
    """
    Where rows of one batch are in a table: in any table these are its rows.

    Attributes:
        row_count: How many of them there are.
    """

    load_id: LoadId
    offset: Offset
    row_count: int


@attrs.frozen(kw_only=True)
class SpoolErasure:
    """
    What was erased from a batcher.

    Attributes:
        waiting: Payloads that were in no load.
        in_loads: Payloads of loads that were open or parked.
        dead: Payloads of dead letters.
        message_count: Messages in all of them; the account has them as dropped.
        unread: Payloads that stay because nobody can read whose they are: they
            are no batches, and have none of the values that were asked for.
        opened_load_ids: Loads that are staged again, without what was erased.
        copies: Files beside the batcher's own that may hold payloads still,
            and are a person's to remove.
    """

    waiting: int = 0
    in_loads: int = 0
    dead: int = 0
    message_count: int = 0
    unread: int = 0
    opened_load_ids: Sequence[LoadId] = ()
    copies: Sequence[str] = ()

    def and_then(self, more: SpoolErasure) -> SpoolErasure:
        """
        Add what a later go has erased; what is left is told as it is then.
        """
        opened = dict.fromkeys([*self.opened_load_ids, *more.opened_load_ids])
        return SpoolErasure(
            waiting=self.waiting + more.waiting,
            in_loads=self.in_loads + more.in_loads,
            dead=self.dead + more.dead,
            message_count=self.message_count + more.message_count,
            unread=more.unread,
            opened_load_ids=tuple(opened),
            copies=more.copies,
        )


@attrs.frozen(kw_only=True)
class TableErasure:
    """
    What was erased from a table.

    Attributes:
        rows_by_load: Rows that were there, by load.
        statements: What the loader called what it did: a table's version on a
            lake, the mark of a statement in a warehouse's query history.
        is_done: Whether they are gone.
    """

    table: TableName
    rows_by_load: Mapping[LoadId, int]
    statements: Sequence[str] = ()
    is_done: bool = False

    @property
    def row_count(self) -> int:
        """
        All its rows that were erased.
        """
        return sum(self.rows_by_load.values())


@attrs.frozen(kw_only=True)
class Erasure:
    """
    The receipt of an erasure.

    Attributes:
        request_id: What the caller named it, or else *subject*.
        subject: A keyed hash of who was asked for.
        begun_at: When it was first asked for.
        finished_at: When all was done; None if it must be done again.
        spool: What of it was in the upload queue.
        tables: What of it was in tables, sorted by name.
    """

    request_id: str
    subject: str
    begun_at: datetime
    finished_at: datetime | None = None
    spool: SpoolErasure = attrs.field(factory=SpoolErasure)
    tables: Sequence[TableErasure] = ()

    @property
    def row_count(self) -> int:
        """
        Rows erased from all tables.
        """
        return sum(table.row_count for table in self.tables)


@attrs.frozen(kw_only=True)
class Suppression:
    """
    By what an erased person is known again.

    Attributes:
        salt: Key of the hashes, hexadecimal.
        marks: Keyed hashes of the person's ids.
        before: Events of before that moment are dropped; None: none are.
    """

    salt: str = attrs.field(repr=False)
    marks: Sequence[str] = attrs.field(repr=False)
    before: datetime | None = None


@attrs.frozen(kw_only=True)
class ErasureNote:
    """
    What a batcher keeps of an erasure.
    """

    erasure: Erasure
    suppression: Suppression

    def with_spool(self, more: SpoolErasure) -> ErasureNote:
        """
        Add what was erased from the batcher now.
        """
        spool = self.erasure.spool.and_then(more)
        return attrs.evolve(self, erasure=attrs.evolve(self.erasure, spool=spool))
