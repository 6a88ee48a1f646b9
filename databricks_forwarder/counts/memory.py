"""
Counts and names in memory: real, shared by threads, gone with the process.
"""

from __future__ import annotations

import threading
from datetime import date, timedelta
from typing import TYPE_CHECKING

from databricks_forwarder.counts._giving import newly_given

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from databricks_forwarder.model import EventKind, LoadId, TableName

__all__ = ["MemoryEventCounts"]

_KEPT = timedelta(days=400)


class MemoryEventCounts:
    """
    Event counts that survive nothing.

    Days that lie more than 400 days before the day of a load are forgotten
    when it is added.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._days_by_kind: dict[EventKind, dict[date, int]] = {}
        self._kept_since = date.min
        self._counted: set[LoadId] = set()
        self._names: dict[str, TableName] = {}
        self._taken: set[TableName] = set()

    def totals(
        self, kinds: Collection[EventKind], /, *, since: date
    ) -> Mapping[EventKind, int]:
        """
        Sum the days of each kind from *since* on (C2).
        """
        with self._lock:
            return {
                kind: total
                for kind in kinds
                if (total := self._total(kind, since)) is not None
            }

    def add(
        self, load_id: LoadId, counts: Mapping[EventKind, int], /, *, on: date
    ) -> None:
        """
        Count a load's messages, once a load id (C1).
        """
        with self._lock:
            if load_id in self._counted:
                return
            self._counted.add(load_id)
            for kind, messages in counts.items():
                days = self._days_by_kind.setdefault(kind, {})
                days[on] = days.get(on, 0) + messages
            self._forget(on - _KEPT)

    def given(self, owners: Collection[str], /) -> Mapping[str, TableName]:
        """
        Tell the names already given to *owners*.
        """
        with self._lock:
            return self._given(owners)

    def give(
        self, wishes: Mapping[str, Sequence[TableName]], /
    ) -> Mapping[str, TableName]:
        """
        Give each owner a name of its own (C3).
        """
        with self._lock:
            new = newly_given(wishes, given=self._names, taken=self._taken)
            self._names.update(new)
            self._taken.update(new.values())
            return self._given(wishes)

    def propose(
        self, wishes: Mapping[str, Sequence[TableName]], /
    ) -> Mapping[str, TableName]:
        """
        Answer as `give` would now.
        """
        with self._lock:
            new = newly_given(wishes, given=self._names, taken=self._taken)
            return {**self._given(wishes), **new}

    def kept(self, *, since: date) -> Mapping[EventKind, Mapping[date, int]]:
        """
        Tell the messages of every kind by day (C6).
        """
        with self._lock:
            kept = {
                kind: {day: each for day, each in days.items() if day >= since}
                for kind, days in self._days_by_kind.items()
            }
        return {kind: days for kind, days in kept.items() if days}

    def names(self) -> Mapping[str, TableName]:
        """
        All names given, by their owners (C6).
        """
        with self._lock:
            return dict(self._names)

    def _given(self, owners: Collection[str]) -> Mapping[str, TableName]:
        return {owner: self._names[owner] for owner in owners if owner in self._names}

    def _total(self, kind: EventKind, since: date) -> int | None:
        days = self._days_by_kind.get(kind, {})
        recent = [messages for day, messages in days.items() if day >= since]
        return sum(recent) if recent else None

    def _forget(self, before: date) -> None:
        # All kinds are looked through only when a day has passed.
        if before <= self._kept_since:
            return
        self._kept_since = before
        for kind, days in list(self._days_by_kind.items()):
            kept = {day: messages for day, messages in days.items() if day >= before}
            if kept:
                self._days_by_kind[kind] = kept
            else:
                del self._days_by_kind[kind]
