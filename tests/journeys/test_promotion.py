"""
A query that was written before a kind got a table of its own stays right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import duckdb
import pyarrow.dataset as ds
import pytest
from schemas import new_schema, workspace
from walking import batch, custom

from databricks_forwarder import DatabricksSettings, Forwarder
from databricks_forwarder.errors import ForwarderError, TransientError
from databricks_forwarder.model import EventKind
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.faults import Fail, faulty

BUY = EventKind("custom_event", "navigation", "Buy")
OWN = "event_navigation_buy"
VIEW = {"event_type": "screen_view", "data": {"screen_name": "Home"}}

# What an analyst wrote on the first day; only where the rows come from differs.
QUERY = (
    "SELECT data.event_name AS name, data.screen_name AS screen, count(*) AS n, "
    "min(data.event_id) AS first, max(data.event_id) AS last "
    "FROM {} GROUP BY data.event_name, data.screen_name"
)
KIND_QUERY = "SELECT data.event_id AS id FROM {} WHERE data.event_name = 'Buy'"


def two(first: int) -> bytes:
    """
    Make a payload of two events for the kind, and one of another kind.
    """
    return batch(custom("Buy", first), custom("Buy", first + 1), VIEW)


def answer(buys: int) -> Counter[tuple[Any, ...]]:
    """
    What the analyst's query gives when so many events of the kind are there.
    """
    return Counter(
        [("Buy", None, buys, 1, buys), (None, "Home", buys // 2, None, None)]
    )


@attrs.define
class OnLake:
    """
    Tables in Delta Lake, asked by DuckDB.
    """

    folder: Path

    def open(self) -> Forwarder:
        """
        Open a forwarder that gives a kind a table from five messages on.
        """
        return Forwarder.for_lake(
            self.folder / "lake",
            spool=self.folder / "spool.db",
            events_threshold=5,
            clock=FakeClock(),
        )

    def fail_once(self, forwarder: Forwarder) -> None:
        """
        Have the kind's table be there, and its rows fail to come.
        """
        pipeline = forwarder._pipeline
        error = TransientError("not now")
        faults = [Fail(method="load", nth=nth, error=error) for nth in (1, 2)]
        pipeline.loader = faulty(pipeline.loader, *faults)

    def ask(self, query: str, forwarder: Forwarder) -> Counter[tuple[Any, ...]]:
        """
        Ask all events.
        """
        return self._asked(query, forwarder.read())

    def ask_kind(self, query: str, forwarder: Forwarder) -> Counter[tuple[Any, ...]]:
        """
        Ask all events of the kind, wherever they are.
        """
        return self._asked(query, forwarder.read(BUY))

    def _asked(self, query: str, rows: ds.Dataset) -> Counter[tuple[Any, ...]]:
        with duckdb.connect() as database:
            database.register("events", rows)
            return Counter(database.sql(query.format("events")).fetchall())


@attrs.define
class InWorkspace:
    """
    Tables in a workspace, asked through views.
    """

    folder: Path
    settings: DatabricksSettings = attrs.field(
        factory=lambda: attrs.evolve(new_schema(), events_threshold=5)
    )

    def open(self) -> Forwarder:
        """
        Open a forwarder that gives a kind a table from five messages on.
        """
        return Forwarder.for_databricks(
            self.settings,
            spool=self.folder / "spool.db",
            endpoint=workspace().endpoint,
            clock=FakeClock(),
        )

    def fail_once(self, forwarder: Forwarder) -> None:
        """
        Have the kind's table be there, and its rows fail to come.
        """
        pipeline = forwarder._pipeline
        error = TransientError("not now")
        faults = [Fail(method="load", nth=nth, error=error) for nth in (1, 2)]
        pipeline.loader = faulty(pipeline.loader, *faults)

    def ask(self, query: str, _: Forwarder) -> Counter[tuple[Any, ...]]:
        """
        Ask the view of all events.
        """
        return self._asked(query, "events")

    def ask_kind(self, query: str, _: Forwarder) -> Counter[tuple[Any, ...]]:
        """
        Ask the kind's view, if it is there; before that there is the other.
        """
        names = workspace().query(
            "SELECT table_name FROM main.information_schema.views "
            f"WHERE table_schema = '{self.settings.schema_name}'"
        )["table_name"]
        view = f"{OWN}_all"
        return self._asked(query, view if view in names.to_pylist() else "events")

    def _asked(self, query: str, view: str) -> Counter[tuple[Any, ...]]:
        rows = workspace().query(
            query.format(f"main.{self.settings.schema_name}.{view}")
        )
        return Counter(zip(*rows.to_pydict().values(), strict=True))


Place = OnLake | InWorkspace
Moments = Callable[[], Iterator[tuple[int, Forwarder]]]


@pytest.fixture(name="place", params=[OnLake, InWorkspace])
def _place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    place: Place = request.param(tmp_path)
    return place


@pytest.fixture(name="moments")
def _moments(place: Place) -> Moments:
    def walked() -> Iterator[tuple[int, Forwarder]]:
        with place.open() as forwarder:
            for first in (1, 3):
                forwarder.submit(two(first))
                forwarder.flush()
            yield 4, forwarder
            forwarder.submit(two(5))
            place.fail_once(forwarder)
            with pytest.raises(ForwarderError):
                forwarder.flush()
            yield 4, forwarder
        with place.open() as forwarder:
            forwarder.flush()
            yield 6, forwarder
            forwarder.submit(two(7))
            forwarder.flush()
            yield 8, forwarder

    return walked


def test_a_query_on_all_events_needs_no_change(place: Place, moments: Moments) -> None:
    """
    It answers right before a kind has a table, while it gets one, and after.
    """
    answers = [
        (answer(count), place.ask(QUERY, forwarder)) for count, forwarder in moments()
    ]

    assert 4 == len(answers)
    for expected, found in answers:
        assert expected == found


def test_a_query_on_a_kind_finds_its_whole_history(
    place: Place, moments: Moments
) -> None:
    """
    The kind's rows are found in both tables, each once, at every moment.
    """
    found = [
        (count, place.ask_kind(KIND_QUERY, forwarder)) for count, forwarder in moments()
    ]

    assert 4 == len(found)
    for count, rows in found:
        assert Counter((each,) for each in range(1, count + 1)) == rows


def test_each_row_is_seen_once(place: Place) -> None:
    """
    Rows keep load, record and place, which no other row has.
    """
    query = "SELECT _load_id, _offset, _position, count(*) AS n FROM {} GROUP BY ALL"
    with place.open() as forwarder:
        for first in (1, 3, 5):
            forwarder.submit(two(first))
            forwarder.flush()
        rows = place.ask(query, forwarder)

    assert 9 == len(rows)
    assert {1} == {each[3] for each in rows}
