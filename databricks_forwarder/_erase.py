"""
A person out of everything that is written here: spool, staged files, tables.

The order, so that it can be broken off anywhere and done again:

1. The spool: payloads are emptied and the note of it is kept, in one step. From
   then on what comes late of the person is dropped, if that is wanted. Loads
   that had any are to be staged again.
2. What was staged of such loads, and their files in the making.
3. What tables hold is noted before it is deleted, so that the receipt adds up
   when a death comes between. A table that holds nothing any more is done.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections import Counter
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._abilities import offers
from databricks_forwarder._progress import Progress, erased_mark
from databricks_forwarder._scratch import remove_folders
from databricks_forwarder.abilities import ErasingBatcher, ErasingLoader
from databricks_forwarder.erasure import Erasure, ErasureNote, Suppression, TableErasure
from databricks_forwarder.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from databricks_forwarder._pipeline import Pipeline
    from databricks_forwarder.erasure import Late, Place
    from databricks_forwarder.model import LoadId, TableName
    from databricks_forwarder.mparticle.person import Person
    from databricks_forwarder.protocols import Batcher, Loader

__all__ = ["erase"]

_log = logging.getLogger("databricks_forwarder")

_LONGEST_ID = 200


def erase(
    pipeline: Pipeline, person: Person, request_id: str | None, late: Late
) -> Erasure:
    """
    Erase *person*, or complete what was begun; nobody carries a load meanwhile.

    Args:
        pipeline: Whose parts hold what is to be erased.
        person: Who.
        request_id: What the receipt is kept under; None for a keyed hash.
        late: What becomes of events of before now that come later.

    Raises:
        ConfigurationError: A part can't erase, the request is another one's, or
            an argument is wrong; nothing was erased.
        ForwarderError: It is not complete: do it again.
    """
    batcher, loader = _able(pipeline.batcher, pipeline.loader)
    _check(request_id, late)
    pipeline.sweep()
    at = pipeline.clock.now()
    note = _begun(batcher.erasures(), person, request_id, late, at)
    note = batcher.erase(note, person.is_in, erased_mark(), at=at)
    for load_id in note.erasure.spool.opened_load_ids:
        _unstage(pipeline, batcher, load_id)
    places = loader.places(person)
    note = _with_tables(note, _planned(note.erasure.tables, places))
    batcher.keep_erasure(note)
    for table in places:
        statements = loader.erase(table, places[table])
        note = _with_tables(note, _done(note.erasure.tables, table, statements))
        batcher.keep_erasure(note)
    finished = attrs.evolve(note.erasure, finished_at=pipeline.clock.now())
    batcher.keep_erasure(attrs.evolve(note, erasure=finished))
    _tell(finished)
    return finished


def _able(batcher: Batcher, loader: Loader) -> tuple[ErasingBatcher, ErasingLoader]:
    if not offers(batcher, ErasingBatcher):
        raise ConfigurationError(_unable(batcher, "ErasingBatcher"))
    if not offers(loader, ErasingLoader):
        raise ConfigurationError(_unable(loader, "ErasingLoader"))
    return batcher, loader


def _unable(part: object, ability: str) -> str:
    return (
        f"{type(part).__name__} can't erase; give it what "
        f"databricks_forwarder.abilities.{ability} says"
    )


def _check(request_id: object, late: object) -> None:
    if late not in {"drop", "load"}:
        raise ConfigurationError("late must be 'drop' or 'load'")
    if request_id is not None and not (
        isinstance(request_id, str)
        and 0 < len(request_id) <= _LONGEST_ID
        and request_id.isprintable()
    ):
        msg = f"request_id must be a text of 1 to {_LONGEST_ID} printable characters"
        raise ConfigurationError(msg)


def _begun(
    notes: Sequence[ErasureNote],
    person: Person,
    request_id: str | None,
    late: Late,
    at: datetime,
) -> ErasureNote:
    """
    Take up what is kept of the request, or begin it.
    """
    # One key for all, so that a batch is hashed once however many were erased.
    salt = notes[0].suppression.salt if notes else secrets.token_hex(16)
    marks = person.marks(salt)
    subject = hashlib.sha256("".join(marks).encode()).hexdigest()[:32]
    before = at if late == "drop" else None
    suppression = Suppression(salt=salt, marks=marks, before=before)
    named = request_id or subject
    for note in notes:
        if note.erasure.request_id == named:
            if note.erasure.subject != subject:
                msg = "request_id is that of an earlier request, for somebody else"
                raise ConfigurationError(msg)
            unfinished = attrs.evolve(note.erasure, finished_at=None)
            return ErasureNote(erasure=unfinished, suppression=suppression)
    begun = Erasure(request_id=named, subject=subject, begun_at=at)
    return ErasureNote(erasure=begun, suppression=suppression)


def _unstage(pipeline: Pipeline, batcher: ErasingBatcher, load_id: LoadId) -> None:
    """
    Remove what was staged of a load, unless it was staged again meanwhile.
    """
    if Progress(dict(batcher.notes(load_id))).is_outdated:
        remove_folders(pipeline.scratch, load_id)
        pipeline.stager.discard(load_id)


def _planned(
    earlier: Sequence[TableErasure], places: Mapping[TableName, Sequence[Place]]
) -> list[TableErasure]:
    """
    Count what is about to be deleted, with what was deleted before.
    """
    known = {each.table: each for each in earlier}
    return [
        _expected(known.get(table, TableErasure(table=table, rows_by_load={})), places)
        for table in sorted({*known, *places})
    ]


def _expected(
    known: TableErasure, places: Mapping[TableName, Sequence[Place]]
) -> TableErasure:
    rows: Counter[LoadId] = Counter()
    for place in places.get(known.table, ()):
        rows[place.load_id] += place.row_count
    before = Counter(known.rows_by_load)
    # What was planned and not done may be there still, whole or in part.
    counts = before + rows if known.is_done else before | rows
    return attrs.evolve(
        known, rows_by_load=dict(counts), is_done=known.table not in places
    )


def _done(
    tables: Sequence[TableErasure], table: TableName, statements: Sequence[str]
) -> list[TableErasure]:
    return [
        attrs.evolve(each, statements=(*each.statements, *statements), is_done=True)
        if each.table == table
        else each
        for each in tables
    ]


def _with_tables(note: ErasureNote, tables: Sequence[TableErasure]) -> ErasureNote:
    erasure = attrs.evolve(note.erasure, tables=tuple(tables))
    return attrs.evolve(note, erasure=erasure)


def _tell(erasure: Erasure) -> None:
    spool = erasure.spool
    _log.info(
        "an erasure is done: %d payloads and %d rows in %d tables",
        spool.waiting + spool.in_loads + spool.dead,
        erasure.row_count,
        len(erasure.tables),
    )
