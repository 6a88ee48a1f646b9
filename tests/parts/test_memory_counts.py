"""
Event counts in memory.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.model import EventKind, LoadId
from databricks_forwarder.testing.contracts.counts import EventCountsContract

if TYPE_CHECKING:
    from pathlib import Path

KIND = EventKind("session_start")
OTHER = EventKind("session_end")
DAY = date(2026, 3, 31)


class TestMemoryEventCounts(EventCountsContract):
    """
    Their storage is the object itself.
    """

    def begin(self, tmp_path: Path) -> None:
        """
        Make the one object that all openings of a test share.
        """
        super().begin(tmp_path)
        self.counts = MemoryEventCounts()

    def open(self) -> MemoryEventCounts:
        """
        Hand out the one object.
        """
        return self.counts


def test_days_older_than_400_days_are_forgotten() -> None:
    """
    A load's day keeps the 400 days before it and forgets older ones.
    """
    counts = MemoryEventCounts()
    counts.add(LoadId("a"), {KIND: 1, OTHER: 1}, on=DAY - timedelta(days=401))
    counts.add(LoadId("b"), {KIND: 2}, on=DAY - timedelta(days=400))
    counts.add(LoadId("c"), {KIND: 4}, on=DAY)
    expected = {KIND: 6}

    assert expected == counts.totals([KIND, OTHER], since=date.min)


def test_an_older_day_forgets_nothing() -> None:
    """
    A load that is counted to an earlier day than the latest takes nothing away.
    """
    counts = MemoryEventCounts()
    counts.add(LoadId("a"), {KIND: 1}, on=DAY)
    counts.add(LoadId("b"), {KIND: 2}, on=DAY - timedelta(days=1))
    expected = {KIND: 3}

    assert expected == counts.totals([KIND], since=date.min)
