"""
How a loader moves a kind's earlier rows, if it does: L10.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from databricks_forwarder._abilities import offers
from databricks_forwarder._table_columns import schema_of
from databricks_forwarder.abilities import MovingLoader
from databricks_forwarder.model import EventKind, LoadId
from databricks_forwarder.testing.contracts._clause import clause
from databricks_forwarder.testing.contracts._loader_hooks import (
    OTHER,
    TABLE,
    LoaderHooks,
)
from databricks_forwarder.testing.contracts._samples import LOAD, NEXT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from databricks_forwarder.protocols import Loader

__all__ = ["Moving"]


class Moving(LoaderHooks):
    """
    Tests of rows that go from the common table into the kind's own.
    """

    @clause("L10")
    def test_l10_a_kinds_rows_are_moved(self) -> None:
        """
        The kind's rows go into its table with all they say, and no others.
        """
        loader = self.open()
        self._load_events(loader, LOAD, ["session_start", "session_end"])
        self._load_events(loader, NEXT, ["session_start"])
        told = self._moved(self.open())
        held = {
            table: Counter(
                (row["_load_id"], row["event_type"], row["data"]["event_id"])
                for row in self.rows(table)
            )
            for table in (OTHER, TABLE)
        }
        expected = {
            OTHER: Counter({(LOAD, "session_end", 1): 1}),
            TABLE: Counter(
                {(LOAD, "session_start", 0): 1, (NEXT, "session_start", 0): 1}
            ),
        }

        assert (told, held) == (2, expected) or told is None

    @clause("L10")
    def test_l10_moving_again_moves_nothing(self) -> None:
        """
        What was moved is moved once, and what comes later is moved by itself.
        """
        loader = self.open()
        self._load_events(loader, LOAD, ["session_start"])
        first = self._moved(loader)
        again = self._moved(self.open())
        self._load_events(self.open(), NEXT, ["session_start", "session_start"])
        then = self._moved(self.open())

        assert (first, again, then) in ((1, 0, 2), (None, None, None))
        assert len(self.rows(TABLE)) == (3 if offers(loader, MovingLoader) else 0)

    @clause("L10")
    def test_l10_kinds_are_told(self) -> None:
        """
        The kinds in the common table are those of its rows; of none, none.
        """
        loader = self.open()
        if not offers(loader, MovingLoader):
            return
        before = set(loader.kinds(OTHER))
        self._load_events(loader, LOAD, ["session_start", "session_end", None])
        expected = {EventKind("session_start"), EventKind("session_end")}

        assert (before, set(loader.kinds(OTHER))) == (set(), expected)

    def _load_events(
        self, loader: Loader, load_id: LoadId, event_types: Sequence[str | None]
    ) -> None:
        schema = schema_of(None)
        content = [
            {
                "event_type": event_type,
                "data": event_type and {"event_id": place},
                "_load_id": load_id,
                "_offset": 0,
                "_position": place,
            }
            for place, event_type in enumerate(event_types)
        ]
        file = self.staged(load_id, content, table=OTHER, schema=schema)
        loader.prepare(OTHER, schema)
        loader.load(load_id, OTHER, [file])

    def _moved(self, loader: Loader) -> int | None:
        """
        How many rows a loader moves; None if it is none that does.
        """
        if not offers(loader, MovingLoader):
            return None
        return loader.move(EventKind("session_start"), OTHER, TABLE)
