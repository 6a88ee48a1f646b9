"""
A whole spool out of what was read of a damaged one.

Rules, so that nothing is there twice and nothing is gone without a word:

1. What the spool's own row says is taken when all else agrees with it.
   Otherwise the new spool has a new id: an offset might be given again, and
   under the old id a load might get a name that the tables know.
2. Each offset that waits or is in a load has its record. One that can't be
   read keeps its place without its bytes, and becomes a dead letter when its
   load is carried.
3. A load of which a note may be missing is parked: carried on as if nothing
   had been decided, an event might go to another table than before.
4. A record that is in no known load, and below those that wait, may have been
   loaded or not. It becomes a dead letter at once. One of a committed load was
   loaded, and is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._codec import from_text, to_text
from databricks_forwarder.batchers._sqlite_erasures import put_erasures
from databricks_forwarder.batchers._sqlite_notes import put_note
from databricks_forwarder.batchers._sqlite_records import (
    LOST,
    crc_of,
    from_micros,
    is_moment,
    put_checkpoint,
)
from databricks_forwarder.batchers.rules import ERASED
from databricks_forwarder.model import Account, LoadId, LoadReport, Offset, OffsetRange

if TYPE_CHECKING:
    import sqlite3

    from databricks_forwarder.batchers._sqlite_pages import Pages
    from databricks_forwarder.batchers._sqlite_salvage import Row, Salvage
    from databricks_forwarder.batchers._sqlite_verdict import FoundLoad, Verdict

__all__ = ["Rebuilding", "Rebuilt"]

_IN_NO_LOAD = (
    "the load it was in could not be read when the spool was repaired: look for its "
    "events in the tables before it is replayed"
)
_NOTES_LOST = (
    "what was noted of it could not be read when the spool was repaired: look for rows "
    "with its _load_id in the tables before it is carried on"
)


@attrs.define
class Rebuilt:
    """
    What became of it.

    Attributes:
        record_count: Records that wait or are in loads, and are whole.
        lost_offsets: Records of which the place is kept, and no more.
        damaged_offsets: Records whose bytes are not what was stored.
        dead_count: Dead letters.
        lost_dead_messages: Messages of dead letters that can't be read.
        set_aside_offsets: Records that became dead letters (rule 4).
        parked_load_ids: Loads that are parked now (rule 3).
    """

    record_count: int = 0
    lost_offsets: list[Offset] = attrs.field(factory=list)
    damaged_offsets: list[Offset] = attrs.field(factory=list)
    dead_count: int = 0
    lost_dead_messages: int = 0
    set_aside_offsets: list[Offset] = attrs.field(factory=list)
    parked_load_ids: list[LoadId] = attrs.field(factory=list)


@attrs.define(kw_only=True)
class Rebuilding:
    """
    Writes what was read into an empty spool.

    Attributes:
        read: What was read.
        verdict: What holds of it.
        pages: Where records and dead letters are read from.
        new: The new spool, in a transaction.
        at_micros: The moment that is told where none can be read.
        rebuilt: What has become of it so far.
    """

    read: Salvage
    verdict: Verdict
    pages: Pages
    new: sqlite3.Connection
    at_micros: int
    rebuilt: Rebuilt = attrs.field(factory=Rebuilt)

    def run(self) -> Rebuilt:
        """
        Write all tables.
        """
        for offset, row in sorted(self.read.dead.items()):
            self._put_letter(offset, row)
        for offset in self.verdict.offsets():
            self._put_record(offset)
        self._put_aside()
        self._put_totals()
        for load in self.verdict.loads:
            self._put_load(load)
        self._put_texts()
        return self.rebuilt

    def _put(self, table: str, *values: object) -> None:
        marks = ", ".join("?" * len(values))
        self.new.execute(f"INSERT INTO {table} VALUES ({marks})", values)  # noqa: S608 (our own names)

    def _sum(self, what: str, table: str) -> int:
        text = f"SELECT coalesce(sum({what}), 0) FROM {table}"  # noqa: S608 (our own names)
        return int(self.new.execute(text).fetchone()[0])

    def _put_letter(self, offset: int, row: Row) -> None:
        _, at, count, crc, payload, *texts = self.pages.row(row.page, offset)
        at = at if is_moment(at) else self.at_micros
        payload = _bytes(payload)
        self._put("dead_letters", offset, at, max(count, 0), crc, payload, *texts)
        self.rebuilt.dead_count += 1

    def _put_record(self, offset: int) -> None:
        received_at, message_count, crc, payload = self._record(offset)
        self._put("records", offset, received_at, message_count, crc, payload)
        if crc == LOST:
            self.rebuilt.lost_offsets.append(Offset(offset))
        elif crc == ERASED:
            return
        elif crc_of(payload, received_at, message_count) != crc:
            self.rebuilt.damaged_offsets.append(Offset(offset))
        else:
            self.rebuilt.record_count += 1

    def _record(self, offset: int) -> tuple[int, int, int, bytes]:
        """
        Give a record's columns: whole, damaged, or what its index knows of it.
        """
        stands_at = self.verdict.moved.get(offset, offset)
        count, at = self.read.sizes.get(stands_at, (0, self.at_micros))
        crc, payload = LOST, b""
        row = self.read.records.get(stands_at)
        if row is not None:
            _, own_at, own_count, crc, payload = self.pages.row(row.page, stands_at)
            payload = _bytes(payload)
            is_whole = crc_of(payload, own_at, own_count) == crc
            if is_whole or stands_at not in self.read.sizes:
                count, at = max(own_count, 0), own_at
        return at if is_moment(at) else self.at_micros, count, crc, payload

    def _put_aside(self) -> None:
        """
        Make dead letters of records that are in no load (rule 4).
        """
        moved = set(self.verdict.moved.values())
        done = self.read.committed_spans()
        for offset in sorted(self.read.records.keys() - self.read.dead.keys() - moved):
            is_done = any(first <= offset <= last for first, last in done)
            columns = self._record(offset)
            if not (is_done or self.verdict.has(offset) or columns[2] == ERASED):
                load_id = f"{self.verdict.id}-{offset}-{offset}"
                self._put("dead_letters", offset, *columns, _IN_NO_LOAD, load_id)
                self.rebuilt.dead_count += 1
                self.rebuilt.set_aside_offsets.append(Offset(offset))

    def _put_totals(self) -> None:
        """
        Write the spool's own row, so that the account is balanced.
        """
        verdict = self.verdict
        received, loaded, own_dead, dropped = verdict.totals or self._told()
        aside = sum(
            count
            for offset, count in self.new.execute(
                "SELECT offset, message_count FROM dead_letters"
            )
            if offset in self.rebuilt.set_aside_offsets
        )
        dead = self._sum("message_count", "dead_letters") - aside
        self.rebuilt.lost_dead_messages = max(0, own_dead - dead)
        dead = max(own_dead, dead) + aside
        told = sum(load.loaded + load.dropped for load in verdict.loads)
        settled = loaded + dropped + dead - told
        self._spread(received - settled)
        received = settled + self._sum("message_count", "records")
        sizes = [self._sum("length(payload)", t) for t in ("records", "dead_letters")]
        ends = (verdict.next_offset, verdict.next_waiting)
        totals = (received, loaded, dead, dropped)
        self._put("spool", 1, verdict.id, *ends, *totals, sum(sizes))

    def _told(self) -> tuple[int, int, int, int]:
        """
        Add up what the reports tell, in place of totals that can't be read.
        """
        committed = [text for _, text in self.read.committed.values()]
        accounts = [from_text(text, LoadReport).account for text in committed]
        loads = self.verdict.loads
        loaded = sum(each.loaded for each in accounts) + sum(x.loaded for x in loads)
        dropped = sum(x.dropped for x in accounts) + sum(x.dropped for x in loads)
        return 0, loaded, 0, dropped

    def _spread(self, pending: int) -> None:
        """
        Count records of which nothing is known, so that the sum is *pending*.
        """
        left = pending - self._sum("message_count", "records")
        unknown = self.new.execute(
            "SELECT offset FROM records WHERE message_count = 0 AND crc != ?", (ERASED,)
        ).fetchall()
        for index, (offset,) in enumerate(unknown):
            count = max(1, left // (len(unknown) - index))
            left -= count
            self.new.execute(
                "UPDATE records SET message_count = ? WHERE offset = ?", (count, offset)
            )

    def _put_load(self, load: FoundLoad) -> None:
        span = (load.first, load.last)
        (messages,) = self.new.execute(
            "SELECT sum(message_count) FROM records WHERE offset BETWEEN ? AND ?", span
        ).fetchone()
        report = load.report
        if load.is_rebuilt or {None, load.load_id} & self.read.doubtful:
            report = to_text(self._parked(load, messages))
            self.rebuilt.parked_load_ids.append(load.load_id)
        holder = (load.attempt, None, 0, 0)
        told = (load.loaded, load.dropped, report)
        self._put("loads", *span, load.load_id, messages, *holder, *told)

    def _parked(self, load: FoundLoad, messages: int) -> LoadReport:
        return LoadReport(
            load_id=load.load_id,
            offsets=OffsetRange(Offset(load.first), Offset(load.last)),
            attempt=load.attempt,
            settled_at=from_micros(self.at_micros),
            account=Account(
                received=messages,
                loaded=load.loaded,
                dropped=load.dropped,
                pending=messages - load.loaded - load.dropped,
            ),
            reason=_NOTES_LOST,
        )

    def _put_texts(self) -> None:
        load_ids = {load.load_id for load in self.verdict.loads}
        for (load_id, key), text in self.read.notes.items():
            if load_id in load_ids:
                put_note(self.new, LoadId(load_id), key, text)
        for number, report in sorted(self.read.committed.items()):
            self._put("committed", number, *report)
        for name, place in self.read.checkpoints.items():
            put_checkpoint(self.new, name, place)
        put_erasures(
            self.new, [text for _, (_, text) in sorted(self.read.erasures.items())]
        )


def _bytes(payload: bytes | str) -> bytes:
    return payload.encode() if isinstance(payload, str) else payload
