"""
Routed batches, gathered as columns of Python values a few batches at a time.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder._gathered import Gathered
from databricks_forwarder.mparticle.batch import Batch, body_of
from databricks_forwarder.mparticle.shapes import Object, object_shape

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from msgspec import Struct

    from databricks_forwarder.model import Offset, Table
    from databricks_forwarder.mparticle.decoded import DecodedBatch, DecodedEvent

    _Message = tuple[int, int, Table, DecodedEvent | None]
    """Index of the batch in its chunk, place in the batch, table, event."""


__all__ = ["GatheredChunk", "GatheredMessages", "RoutedBatch"]

_BATCH = object_shape(Batch)


@attrs.frozen
class RoutedBatch:
    """
    A decoded batch, and a table (or None: drop it) for each of its messages.

    Attributes:
        first_position: The place of its first event, if it is but a piece of
            the batch that came.
    """

    offset: Offset
    received_at: datetime
    decoded: DecodedBatch = attrs.field(repr=False)
    tables: Sequence[Table | None]
    first_position: int = 0


class GatheredMessages:
    """
    Messages of one kind of body on their way to rows, one entry a message.

    Attributes:
        data: What was gathered of the events' bodies.
    """

    def __init__(self, body: Object) -> None:
        self.batch_indexes: list[int] = []
        self.positions: list[int] = []
        self.tables: list[Table] = []
        self.event_types: list[str | None] = []
        self.rescued: list[dict[str, Any] | None] = []
        self.data = Gathered(body)

    def add(self, messages: Sequence[_Message]) -> None:
        """
        Take some more messages.
        """
        batch_indexes, positions, tables, events = zip(*messages, strict=True)
        self.batch_indexes += batch_indexes
        self.positions += positions
        self.tables += tables
        self.event_types += [event and event.event_type for event in events]
        self.rescued += [event and event.rescued for event in events]
        self.data.add([event and event.data for event in events])

    def by_table(self) -> list[int]:
        """
        The messages table by table, in each in the order they came.
        """
        names = [table.name for table in self.tables]
        return sorted(range(len(names)), key=names.__getitem__)


class GatheredChunk:
    """
    What was gathered of some batches and of their messages.
    """

    def __init__(self) -> None:
        self.offsets: list[int] = []
        self.received_at: list[datetime] = []
        self.rescued: list[dict[str, Any]] = []
        self.batches = Gathered(_BATCH)
        self.messages: dict[type, GatheredMessages] = {}

    def add(self, block: Sequence[RoutedBatch]) -> None:
        """
        Gather a few more batches.
        """
        by_type: dict[str | None, list[_Message]] = defaultdict(list)
        for index, batch in enumerate(block, len(self.offsets)):
            events: Sequence[DecodedEvent | None] = batch.decoded.events or (None,)
            placed = enumerate(zip(events, batch.tables, strict=True))
            for position, (event, table) in placed:
                if table is not None:
                    at = batch.first_position + position
                    event_type = event.event_type if event is not None else None
                    by_type[event_type].append((index, at, table, event))
        for event_type, messages in by_type.items():
            self._of(body_of(event_type)).add(messages)
        self.offsets += [batch.offset for batch in block]
        self.received_at += [batch.received_at for batch in block]
        self.rescued += [dict(batch.decoded.rescued or ()) for batch in block]
        self.batches.add([batch.decoded.batch for batch in block])

    def _of(self, body: type[Struct]) -> GatheredMessages:
        if body not in self.messages:
            self.messages[body] = GatheredMessages(object_shape(body))
        return self.messages[body]
