"""
The events that were handed in, as a multiset: what tables are compared with.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import attrs
import pyarrow.compute as pc

from databricks_forwarder.testing.payloads import make_event, make_payload

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa

    from databricks_forwarder.model import DeadLetter

__all__ = ["UNLUCKY", "Drawn", "Event", "Multiset"]

UNLUCKY = 13
"""The ``mpid`` of the batches that a broken router breaks on."""

_CHECKPOINT = "calls"


@attrs.frozen(kw_only=True)
class Drawn:
    """
    A batch to be handed in.

    Attributes:
        names: Of its custom events; a batch may have none.
        is_unlucky: Whether a broken router breaks on it.
    """

    names: Sequence[str]
    is_unlucky: bool = False


@attrs.frozen
class Event:
    """
    A message: an event of a batch, or a batch without events.
    """

    batch_id: int
    event_id: int | None


@attrs.define
class _Call:
    """
    Events handed in together.

    Attributes:
        is_acknowledged: None when nobody knows: the host died meanwhile.
    """

    number: int
    events: Counter[Event]
    is_told: bool
    is_acknowledged: bool | None = None


@attrs.define(eq=False)
class Multiset:
    """
    What was handed in, call by call, and what came back of it.
    """

    _calls: list[_Call] = attrs.field(factory=list)
    _batch_count: int = 0

    def hand_in(self, batches: Sequence[Drawn], *, is_told: bool) -> list[bytes]:
        """
        Begin a call; give its payloads.

        Args:
            batches: What to make of.
            is_told: Whether a checkpoint is stored with them.
        """
        call = _Call(len(self._calls) + 1, Counter(), is_told)
        self._calls.append(call)
        return [self._payload(batch, call) for batch in batches]

    def _payload(self, batch: Drawn, call: _Call) -> bytes:
        self._batch_count += 1
        batch_id = self._batch_count
        ids: list[int | None] = [*range(len(batch.names))]
        call.events.update(Event(batch_id, each) for each in ids or [None])
        events = [
            make_event(event_name=name, event_id=event_id)
            for event_id, name in enumerate(batch.names)
        ]
        mpid = UNLUCKY if batch.is_unlucky else 7
        return make_payload(events=events, batch_id=batch_id, mpid=mpid)

    @property
    def checkpoint(self) -> Mapping[str, str]:
        """
        The position that belongs to the latest call.
        """
        return {_CHECKPOINT: str(len(self._calls))}

    @property
    def last_message_count(self) -> int:
        """
        How many messages the latest call has.
        """
        return sum(self._calls[-1].events.values())

    def acknowledge(self) -> None:
        """
        Remember that the latest call has its receipt.
        """
        self._calls[-1].is_acknowledged = True

    def refuse(self) -> None:
        """
        Remember that the latest call was refused: nothing of it was stored.
        """
        self._calls[-1].is_acknowledged = False

    def settle_doubts(self, checkpoint: Mapping[str, str]) -> None:
        """
        Find out by the checkpoint which calls are stored; those with one are.
        """
        stored = int(checkpoint.get(_CHECKPOINT, "0"))
        for call in self._calls:
            if call.is_told and call.is_acknowledged is None:
                call.is_acknowledged = call.number <= stored
        told = [c.number for c in self._calls if c.is_told and c.is_acknowledged]

        assert max(told, default=0) == stored, "the checkpoint is another call's"

    @property
    def acknowledged(self) -> Counter[Event]:
        """
        The events that must be somewhere.
        """
        return self._events(is_acknowledged=True)

    def rows(self, tables: Mapping[str, pa.Table]) -> Counter[Event]:
        """
        Read the events of *tables*: none twice, and none that was not handed in.
        """
        found = Counter(
            Event(batch_id, event_id)
            for table in tables.values()
            for batch_id, event_id in zip(
                table["batch_id"].to_pylist(),
                pc.struct_field(table["data"], "event_id").to_pylist(),
                strict=True,
            )
        )
        self._require_known(found)
        return found

    def dead(self, letters: Iterable[DeadLetter]) -> Counter[Event]:
        """
        Read the events of dead letters: none twice, and none not handed in.
        """
        found: Counter[Event] = Counter()
        for letter in letters:
            batch = json.loads(letter.payload or b"{}")
            ids = [each["data"]["event_id"] for each in batch["events"]] or [None]
            found.update(Event(batch["batch_id"], each) for each in ids)
        self._require_known(found)
        return found

    def _require_known(self, found: Counter[Event]) -> None:
        doubtful = self._events(is_acknowledged=None)
        unknown = found - self.acknowledged - doubtful

        assert not unknown, f"more often than handed in: {dict(unknown)}"

    def halves(self, rows: Counter[Event]) -> list[int]:
        """
        Name the calls without a receipt of which some events are there, not all.

        Batches without events are left out: they may be dropped by rule.
        """
        halves = []
        for call in self._calls:
            events = {event for event in call.events if event.event_id is not None}
            if call.is_acknowledged is None and events & rows.keys():
                halves += [call.number] * (not events <= rows.keys())
        return halves

    def _events(self, *, is_acknowledged: bool | None) -> Counter[Event]:
        events: Counter[Event] = Counter()
        for call in self._calls:
            if call.is_acknowledged is is_acknowledged:
                events += call.events
        return events
