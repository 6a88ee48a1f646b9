"""
Payloads in Arrow → rows of all tables in Arrow: what an executor of Spark runs.

Plain Python over Arrow batches, and the walk's own code for everything that is
said of a batch: the look at the door, decoding, keys, columns, dead letters.

A row has the columns of a table of all event types, then two of its own:
`KEY`, the event key as text, and `DEAD`, null but for a payload that can't be
forwarded, which is a row with nothing else in it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import attrs
import pyarrow as pa

from databricks_forwarder._chunks import Reader
from databricks_forwarder._codec import to_text
from databricks_forwarder._databricks.statements import identifier
from databricks_forwarder._databricks.types import to_sql_type
from databricks_forwarder._door import admit
from databricks_forwarder._memory import nulls
from databricks_forwarder._table_columns import TIMESTAMP, schema_of
from databricks_forwarder.errors import PayloadError
from databricks_forwarder.model import LoadId, Offset, Record, Table, TableName
from databricks_forwarder.mparticle.keys import KeyMaker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from databricks_forwarder.model import EventKey
    from databricks_forwarder.mparticle.batch import Batch

__all__ = ["DEAD", "KEY", "Reading", "column_list", "row_schema"]

KEY, DEAD = "_key", "_dead"
"""The two columns that no table has."""

_DEAD_TYPE = pa.struct(
    [("message_count", pa.int64()), ("reason", pa.string()), ("payload", pa.binary())]
)

# Rows of all tables are read as those of one, and are told apart by their keys.
_ALL = Table(TableName("all"))

# Which load it is, only the driver knows.
_NO_LOAD = LoadId("")


@cache
def row_schema() -> pa.Schema:
    """
    The columns of a row.
    """
    own = [pa.field(KEY, pa.string()), pa.field(DEAD, _DEAD_TYPE)]
    return pa.schema([*schema_of(None), *own])


def column_list(schema: pa.Schema) -> str:
    """
    Spell columns as a schema in SQL, as Spark takes it.
    """
    return ", ".join(
        f"{identifier(field.name)} {to_sql_type(field.type)}" for field in schema
    )


@attrs.frozen(kw_only=True)
class Reading:
    """
    How payloads are read.

    Attributes:
        group: The router's ``group``, or None.
        max_payload_bytes: The most bytes of a payload, inclusive.
    """

    group: Callable[[Batch], str | None] | None = None
    max_payload_bytes: int

    def rows(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """
        Turn payloads into rows; Spark calls it for each partition.

        Args:
            batches: One row a payload: the payload (binary), when it was
                received (timestamp), its offset (int64); all may be null.

        Yields:
            Rows of `row_schema`; never an empty batch.
        """
        keys = _KeyTexts(KeyMaker(self.group))
        for batch in batches:
            payloads = _Payloads.of(batch)
            reader = Reader(_NO_LOAD, keys.maker, {}, _ALL)
            records = payloads.admitted(self.max_payload_bytes)
            for part in reader.rows(records, _no_beat):
                yield payloads.completed(part.rows, keys)
            for letter in reader.tally.dead:
                payloads.bury(letter.offset, letter.message_count, letter.reason)
            if payloads.dead:
                yield payloads.dead_rows()


def _no_beat() -> None:
    """
    Keep no lease alive: there is none.
    """


@attrs.define
class _KeyTexts:
    """
    The keys of payloads as text, each distinct key once.
    """

    maker: KeyMaker
    _texts: dict[EventKey, str] = attrs.field(factory=dict)

    def of(self, payload: bytes) -> Sequence[str]:
        """
        The key of each message of a payload that was read before.
        """
        return [self._text(key) for key in self.maker.glance(payload)]

    def _text(self, key: EventKey) -> str:
        if key not in self._texts:
            self._texts[key] = to_text(key)
        return self._texts[key]


@attrs.define
class _Payloads:
    """
    Some payloads with what their source says of them.

    While they are read a record's offset is its place among them; afterwards
    it is what the source says.

    Attributes:
        dead: Place, message count and reason of those that can't be forwarded.
    """

    documents: Sequence[bytes | None]
    received_at: pa.Array
    offsets: pa.Array
    dead: list[tuple[int, int, str]] = attrs.field(factory=list)
    _key_texts: dict[int, Sequence[str]] = attrs.field(factory=dict)

    @classmethod
    def of(cls, batch: pa.RecordBatch) -> _Payloads:
        """
        Take a batch as it comes from Spark: moments are in the session's zone.
        """
        documents, received_at, offsets = batch.columns
        return cls(documents.to_pylist(), received_at.cast(TIMESTAMP), offsets)

    def admitted(self, max_bytes: int) -> Iterator[Record]:
        """
        Look each payload through, and give those that may be batches.
        """
        moments: Sequence[Any] = self.received_at.to_pylist()
        for place, document in enumerate(self.documents):
            if document is None:
                self.bury(place, 1, "the payload is null")
                continue
            try:
                payload = admit(document, max_bytes)
            except PayloadError as error:
                self.bury(place, 1, str(error))
            else:
                yield Record(
                    offset=Offset(place),
                    received_at=moments[place],
                    message_count=payload.message_count,
                    payload=payload.document,
                )

    def bury(self, place: int, message_count: int, reason: str) -> None:
        """
        Keep in mind that a payload can't be forwarded.
        """
        self.dead.append((place, message_count, reason))

    def completed(self, rows: pa.RecordBatch, keys: _KeyTexts) -> pa.RecordBatch:
        """
        Say of rows what the source says of their payloads, and their keys.
        """
        places = rows.column("_offset")
        own = {
            "_offset": self.offsets.take(places),
            "_load_id": nulls(pa.string(), len(rows)),
            KEY: self._key_column(places, rows.column("_position"), keys),
            DEAD: nulls(_DEAD_TYPE, len(rows)),
        }
        return _rows(
            own[name] if name in own else rows.column(name)
            for name in row_schema().names
        )

    def _key_column(
        self, places: pa.Array, positions: pa.Array, keys: _KeyTexts
    ) -> pa.Array:
        texts = self._key_texts
        pairs = list(zip(places.to_pylist(), positions.to_pylist(), strict=True))
        # A batch whose rows are too much at once comes in pieces.
        for place in {place for place, _ in pairs} - texts.keys():
            texts[place] = keys.of(self.documents[place] or b"")
        return pa.array([texts[place][at] for place, at in pairs], pa.string())

    def dead_rows(self) -> pa.RecordBatch:
        """
        A row for each payload that can't be forwarded, in their order.
        """
        dead = sorted(self.dead)
        places = pa.array([place for place, _, _ in dead], pa.int64())
        letters = [
            {"message_count": count, "reason": why, "payload": self.documents[place]}
            for place, count, why in dead
        ]
        own = {
            "_received_at": self.received_at.take(places),
            "_offset": self.offsets.take(places),
            DEAD: pa.array(letters, _DEAD_TYPE),
        }
        return _rows(
            own[field.name] if field.name in own else nulls(field.type, len(dead))
            for field in row_schema()
        )


def _rows(columns: Iterable[pa.Array]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(list(columns), schema=row_schema())
