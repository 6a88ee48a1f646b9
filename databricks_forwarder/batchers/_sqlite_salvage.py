"""
What can be read of a damaged spool, row by row, told apart by shape.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder._codec import from_text
from databricks_forwarder.batchers._sqlite_file import text_crc
from databricks_forwarder.batchers._sqlite_records import LOST, crc_of
from databricks_forwarder.batchers.rules import ERASED
from databricks_forwarder.erasure import ErasureNote
from databricks_forwarder.errors import BatcherError
from databricks_forwarder.model import LoadReport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from databricks_forwarder.batchers._sqlite_pages import Cell, Pages

__all__ = ["Row", "Salvage", "offsets_in", "salvage"]

_LOAD_ID = re.compile(r"([0-9a-f]{12})-(\d{1,18})-(\d{1,18})")
_MOST = 2**53

_Values = tuple[Any, ...]


@attrs.frozen
class Row:
    """
    A record or a dead letter: where it is, and what its index could say.
    """

    page: int
    received_at: int
    message_count: int


@attrs.define
class Salvage:
    """
    All that was read.

    Attributes:
        spool: The spool's own row, if it was read.
        records: By offset.
        sizes: Messages and time of receipt by offset, as the index has them.
        loads: By load id: the columns of ``loads`` from the first offset on.
        load_ids: Loads that an index, or a note, names.
        notes: By load id and key.
        doubtful: Loads of which a note is not what was stored; with None in it
            any may be.
        committed: Load id and report, by number.
        let_go: Loads whose records are to be removed.
        dead: The dead letters by offset.
        checkpoints: By name.
        is_checkpoint_lost: Whether one of them was not what was stored.
        erasures: What is kept of erasures: request id and text, by number.
        is_erasure_lost: Whether one of them was not what was stored.
    """

    spool: _Values | None = None
    records: dict[int, Row] = attrs.field(factory=dict)
    sizes: dict[int, tuple[int, int]] = attrs.field(factory=dict)
    loads: dict[str, _Values] = attrs.field(factory=dict)
    load_ids: set[str] = attrs.field(factory=set)
    notes: dict[tuple[str, str], str] = attrs.field(factory=dict)
    doubtful: set[str | None] = attrs.field(factory=set)
    committed: dict[int, tuple[str, str]] = attrs.field(factory=dict)
    let_go: set[str] = attrs.field(factory=set)
    dead: dict[int, Row] = attrs.field(factory=dict)
    checkpoints: dict[str, str] = attrs.field(factory=dict)
    is_checkpoint_lost: bool = False
    erasures: dict[int, tuple[str, str]] = attrs.field(factory=dict)
    is_erasure_lost: bool = False

    def committed_ids(self) -> set[str]:
        """
        Name the loads that are known to be committed.
        """
        return self.let_go | {load_id for load_id, _ in self.committed.values()}

    def committed_spans(self) -> Sequence[tuple[int, int]]:
        """
        Give their first and last offsets.
        """
        spans = map(offsets_in, self.committed_ids())
        return sorted(span for span in spans if span is not None)


def offsets_in(load_id: str) -> tuple[int, int] | None:
    """
    Read the first and the last offset from a load's name, if it is one.
    """
    found = _LOAD_ID.fullmatch(load_id)
    if found is None or int(found[2]) > int(found[3]):
        return None
    return int(found[2]), int(found[3])


def salvage(pages: Pages) -> Salvage:
    """
    Read all rows that are there.
    """
    read = Salvage()
    for cell in pages.cells():
        kind = tuple(map(type, cell.values))
        take = _TAKERS.get((cell.key is None, kind))
        if take is not None:
            take(read, pages, cell)
    if {"sqlite_master", "notes"} & pages.broken_roots:
        read.doubtful.add(None)
    if {"sqlite_master", "checkpoints"} & pages.broken_roots:
        read.is_checkpoint_lost = True
    read.is_erasure_lost |= "erasures" in pages.broken_roots
    return read


def _take_spool(read: Salvage, _: Pages, cell: Cell) -> None:
    numbers = cell.values[2:]
    if all(0 <= number < _MOST for number in numbers) and cell.key == 1:
        read.spool = cell.values


def _take_record(read: Salvage, pages: Pages, cell: Cell) -> None:
    _take_row(read.records, pages, cell)


def _take_dead(read: Salvage, pages: Pages, cell: Cell) -> None:
    _take_row(read.dead, pages, cell)


def _take_row(rows: dict[int, Row], pages: Pages, cell: Cell) -> None:
    """
    Take a record; of two with one offset the one that is whole.
    """
    offset = cell.key
    received_at, message_count = cell.values[1:3]
    if offset is None or not 0 <= offset < _MOST:
        return
    if offset in rows:
        earlier = pages.row(rows[offset].page, offset)
        if _is_whole(earlier) or not _is_whole(cell.values):
            return
    rows[offset] = Row(cell.page, received_at, message_count)


def _is_whole(values: _Values) -> bool:
    _, received_at, message_count, crc, payload, *_ = values
    payload = payload.encode() if isinstance(payload, str) else payload
    return crc in {LOST, ERASED, crc_of(payload, received_at, message_count)}


def _take_size(read: Salvage, _: Pages, cell: Cell) -> None:
    offset, message_count, received_at, again = cell.values
    if offset == again and 0 <= message_count < _MOST:
        read.sizes[offset] = (message_count, received_at)


def _take_load(read: Salvage, _: Pages, cell: Cell) -> None:
    first, last, load_id = cell.key, *cell.values[1:3]
    if offsets_in(load_id) == (first, last):
        read.loads[load_id] = (first, *cell.values[1:])


def _take_index(read: Salvage, _: Pages, cell: Cell) -> None:
    load_id, first = cell.values
    # The index of committed loads looks alike, and has their numbers.
    if (offsets_in(load_id) or (None,))[0] == first:
        read.load_ids.add(load_id)


def _take_note(read: Salvage, _: Pages, cell: Cell) -> None:
    load_id, key, text, crc = cell.values
    if text_crc(load_id, key, text) != crc:
        read.doubtful.add(load_id)
        return
    read.load_ids.add(load_id)
    read.notes[load_id, key] = text


def _take_report(read: Salvage, _: Pages, cell: Cell) -> None:
    _, load_id, text = cell.values
    try:
        report = from_text(text, LoadReport)
    except (BatcherError, OverflowError):
        return
    if report.load_id == load_id and cell.key is not None:
        read.committed[cell.key] = (load_id, text)


def _take_removal(read: Salvage, _: Pages, cell: Cell) -> None:
    _, last, load_id = cell.values
    if offsets_in(load_id) == (cell.key, last):
        read.let_go.add(load_id)


def _take_checkpoint(read: Salvage, _: Pages, cell: Cell) -> None:
    name, place, crc = cell.values
    if text_crc(name, place) != crc:
        read.is_checkpoint_lost = True
        return
    read.checkpoints[name] = place


def _take_erasure(read: Salvage, _: Pages, cell: Cell) -> None:
    _, request_id, text, crc = cell.values
    try:
        note = from_text(text, ErasureNote)
    except (BatcherError, OverflowError):
        note = None
    is_whole = note is not None and text_crc(request_id, text) == crc
    if not is_whole or cell.key is None:
        read.is_erasure_lost = True
        return
    read.erasures[cell.key] = (request_id, text)


_NONE = type(None)
_INTS = (int,) * 9
# By whether it is an entry of an index, and the types of its columns.
_TAKERS: Mapping[
    tuple[bool, tuple[type, ...]], Callable[[Salvage, Pages, Cell], None]
] = {
    (False, (_NONE, str, *_INTS[:7])): _take_spool,
    (False, (_NONE, *_INTS[:3], bytes)): _take_record,
    (False, (_NONE, *_INTS[:3], str)): _take_record,
    (False, (_NONE, *_INTS[:3], bytes, str, str)): _take_dead,
    (False, (_NONE, *_INTS[:3], str, str, str)): _take_dead,
    (True, _INTS[:4]): _take_size,
    (False, (_NONE, int, str, *_INTS[:2], str, *_INTS[:4], str)): _take_load,
    (False, (_NONE, int, str, *_INTS[:2], str, *_INTS[:4], _NONE)): _take_load,
    (False, (_NONE, int, str, *_INTS[:2], _NONE, *_INTS[:4], str)): _take_load,
    (False, (_NONE, int, str, *_INTS[:2], _NONE, *_INTS[:4], _NONE)): _take_load,
    (True, (str, int)): _take_index,
    (True, (str, str, str, int)): _take_note,
    (False, (_NONE, str, str)): _take_report,
    (False, (_NONE, int, str)): _take_removal,
    (True, (str, str, int)): _take_checkpoint,
    (False, (_NONE, str, str, int)): _take_erasure,
}
