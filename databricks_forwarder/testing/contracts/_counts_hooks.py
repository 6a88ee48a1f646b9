"""
What the tests of event counts ask for, and what they count.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from databricks_forwarder.model import EventKind, LoadId, TableName
from databricks_forwarder.testing.contracts._clause import Contract

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from databricks_forwarder.protocols import EventCounts

__all__ = ["DAY", "KIND", "KINDS", "LOADS", "LONG_AGO", "CountsHooks", "named"]

DAY = date(2026, 3, 31)
LONG_AGO = DAY - timedelta(days=90)
LOADS = [LoadId(f"0123456789ab-{first}-{first}") for first in range(40)]
KIND = EventKind("custom_event", "navigation", "SignUp")
# Kinds that a careless key would take for one another.
KINDS = [
    KIND,
    EventKind("custom_event", "navigation", "signup"),
    EventKind("custom_event", None, "SignUp"),
    EventKind("custom_event", "", "SignUp"),
    EventKind("custom_event", "navigation"),
    EventKind("custom_event", 'navigation", "SignUp'),
    EventKind("custom_event", "other", "🎉"),
    EventKind("custom_event", "other", "half \ud800, nul \x00"),
    EventKind("custom_event", "other", "a" * 300),
    EventKind("commerce_event", None, "SignUp"),
    EventKind("session_start"),
    EventKind(""),
    EventKind(None),
]


def named(*names: str) -> list[TableName]:
    """
    Names of tables, the most wanted first.
    """
    return [TableName(name) for name in names]


class CountsHooks(Contract):
    """
    What whoever examines event counts fills in, and how its tests open some.
    """

    _to_close: list[EventCounts]

    def open(self) -> EventCounts:
        """
        Open the counts of this test, as a new process sees them.

        All that are opened within one test share one storage, which is empty
        at first; those that have a ``close`` are closed at its end.
        """
        raise NotImplementedError

    def begin(self, tmp_path: Path) -> None:
        """
        Make ready for one test.
        """
        super().begin(tmp_path)
        self._to_close = []

    def end(self) -> None:
        """
        Close what was opened.
        """
        for counts in self._to_close:
            close: Callable[[], None] | None = getattr(counts, "close", None)
            if close is not None:
                close()
        super().end()

    def _open(self) -> EventCounts:
        counts = self.open()
        self._to_close.append(counts)
        return counts
