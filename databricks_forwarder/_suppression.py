"""
What comes late of a person who was erased: events of before the erasure.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder.mparticle.coerce import as_integer
from databricks_forwarder.mparticle.person import marks_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from databricks_forwarder.erasure import ErasureNote
    from databricks_forwarder.model import Table
    from databricks_forwarder.mparticle.decoded import DecodedBatch, DecodedEvent

__all__ = ["Suppressions"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)

# The years 1 to 9999, as for the column ``_event_timestamp``.
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999


@attrs.frozen
class Suppressions:
    """
    Whose events are dropped, and of before when.

    Attributes:
        before_ms: Key of the hashes → keyed hash → milliseconds since 1970.
    """

    before_ms: Mapping[str, Mapping[str, int]] = attrs.field(factory=dict, repr=False)

    @classmethod
    def of(cls, notes: Iterable[ErasureNote]) -> Suppressions:
        """
        Take those of all erasures that have any.
        """
        before_ms: dict[str, dict[str, int]] = {}
        for note in notes:
            suppression = note.suppression
            if suppression.before is not None:
                moment = _milliseconds(suppression.before)
                marks = before_ms.setdefault(suppression.salt, {})
                for mark in suppression.marks:
                    marks[mark] = max(moment, marks.get(mark, moment))
        return cls(before_ms)

    def spared(
        self,
        decoded: DecodedBatch,
        received_at: datetime,
        tables: Sequence[Table | None],
    ) -> Sequence[Table | None]:
        """
        Give *tables* with None, to drop it by rule, for each suppressed message.
        """
        limit = self._limit(decoded)
        if limit is None:
            return tables
        fallback = _moment(decoded.batch.timestamp_unixtime_ms)
        if fallback is None:
            fallback = _milliseconds(received_at)
        events: Sequence[DecodedEvent | None] = decoded.events or (None,)
        return [
            None if _at(event, fallback) < limit else table
            for event, table in zip(events, tables, strict=True)
        ]

    def _limit(self, decoded: DecodedBatch) -> int | None:
        limits = [
            marks[mark]
            for salt, marks in self.before_ms.items()
            for mark in marks_of(decoded.batch, salt)
            if mark in marks
        ]
        return max(limits, default=None)


def _at(event: DecodedEvent | None, fallback: int) -> int:
    """
    The event's own time, else the batch's, else when it was received.
    """
    own = None
    if event is not None and event.data is not None:
        own = _moment(event.data.timestamp_unixtime_ms)
    return fallback if own is None else own


def _moment(value: object) -> int | None:
    milliseconds = as_integer(value)
    if isinstance(milliseconds, int) and _FIRST_MS <= milliseconds <= _LAST_MS:
        return milliseconds
    return None


def _milliseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MILLISECOND
