"""
A kind's earlier rows go into its own table, each once, whatever dies when.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Literal

import attrs
import deltalake
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable, write_deltalake
from schemas import new_schema, workspace
from walking import batch, custom, lake_tables

from databricks_forwarder import DatabricksSettings, Forwarder
from databricks_forwarder.errors import ForwarderError, PermanentError, TransientError
from databricks_forwarder.loaders import _delta_backfill, _warehouse_backfill
from databricks_forwarder.loaders._delta_backfill import Move
from databricks_forwarder.loaders._warehouse_tables import WarehouseTables
from databricks_forwarder.model import EventKind, TableName
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.contracts._samples import at_once
from databricks_forwarder.testing.faults import Fail, Killed, faulty
from databricks_forwarder.testing.workspace import Fault

When = Literal["before", "after"]

BUY = EventKind("custom_event", "navigation", "Bu'y")
OWN = TableName("event_navigation_bu_y")
VIEW = {"event_type": "screen_view", "data": {"screen_name": "Home"}}
LOADS = 4

# Each load brings two events of the kind; the first two loads, before it has a
# table of its own.
MOVED = {OWN: 4}
OWN_IDS = Counter(range(1, 2 * LOADS + 1))


def carry(forwarder: Forwarder) -> None:
    """
    Load events of two kinds, of which one becomes frequent.
    """
    for first in range(1, 2 * LOADS, 2):
        forwarder.submit(batch(custom("Bu'y", first), custom("Bu'y", first + 1), VIEW))
        forwarder.flush()


@attrs.define
class OnLake:
    """
    Tables in Delta Lake.
    """

    folder: Path

    @property
    def common(self) -> TableName:
        """
        Name of the common table.
        """
        return TableName("mparticle_otherevents")

    def open(self, spool: str = "spool.db") -> Forwarder:
        """
        Open a forwarder that gives a kind a table from five messages on.
        """
        return Forwarder.for_lake(
            self.folder / "lake",
            spool=self.folder / spool,
            events_threshold=5,
            clock=FakeClock(),
        )

    def ids(self, table: TableName) -> Counter[int | None]:
        """
        Count the rows of a table by the event's id.
        """
        rows = lake_tables(self.folder / "lake")[table]["data"].to_pylist()
        return Counter(data["event_id"] for data in rows)


@attrs.define
class InWorkspace:
    """
    Tables in a workspace.
    """

    folder: Path
    settings: DatabricksSettings = attrs.field(
        factory=lambda: attrs.evolve(new_schema(), events_threshold=5)
    )

    @property
    def common(self) -> TableName:
        """
        Name of the common table.
        """
        return TableName(f"{self.settings.schema_name}_otherevents")

    def open(self, spool: str = "spool.db") -> Forwarder:
        """
        Open a forwarder that gives a kind a table from five messages on.
        """
        return Forwarder.for_databricks(
            self.settings,
            spool=self.folder / spool,
            endpoint=workspace().endpoint,
            clock=FakeClock(),
        )

    def ids(self, table: str) -> Counter[int | None]:
        """
        Count the rows of a table or view by the event's id.
        """
        rows = workspace().query(
            f"SELECT data.event_id AS id FROM main.{self.settings.schema_name}.{table}"
        )
        return Counter(rows["id"].to_pylist())


@pytest.fixture(name="lake")
def _lake(tmp_path: Path) -> OnLake:
    lake = OnLake(tmp_path)
    with lake.open() as forwarder:
        carry(forwarder)
    return lake


@pytest.fixture(name="place", params=[OnLake, InWorkspace])
def _place(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    place = request.param(tmp_path)
    with place.open() as forwarder:
        carry(forwarder)
    return place


@pytest.fixture(name="inside")
def _inside(tmp_path: Path) -> Iterator[InWorkspace]:
    place = InWorkspace(tmp_path)
    with place.open() as forwarder:
        carry(forwarder)
    yield place
    workspace().faults.clear()


def test_earlier_rows_are_moved(place: Any) -> None:
    """
    All rows of the kind are in its table afterwards, and others where they were.
    """
    with place.open() as forwarder:
        moved = forwarder.backfill()
        again = forwarder.backfill()

    assert (MOVED, {}) == (moved, again)
    assert OWN_IDS == place.ids(OWN)
    assert Counter({None: LOADS}) == place.ids(place.common)


def test_only_the_tables_that_are_named_get_rows(place: Any) -> None:
    """
    A table that is not among those asked for stays as it is.
    """
    with place.open() as forwarder:
        moved = forwarder.backfill(["screen_view"])

    assert {} == moved
    assert Counter(range(5, 9)) == place.ids(OWN)


def test_the_account_agrees_with_rows_that_were_moved(place: Any) -> None:
    """
    Reconciling finds each row in one table or the other, and tells what was moved.
    """
    with place.open() as forwarder:
        before = forwarder.reconcile()
        forwarder.backfill()
        after = forwarder.reconcile()

    assert (0, []) == (before.moved_rows, before.differences)
    assert (4, []) == (after.moved_rows, after.differences)
    assert before.found_rows == after.found_rows


def test_a_row_that_is_lost_after_the_move_is_missed(lake: OnLake) -> None:
    """
    Rows that were moved and then removed are missing, those of other loads are not.
    """
    with lake.open() as forwarder:
        forwarder.backfill()
        DeltaTable(str(lake.folder / "lake" / OWN)).delete("_offset = 0")
        found = forwarder.reconcile()

    assert 2 == found.moved_rows
    assert [("missing", 3, 1)] == [
        (each.kind, each.expected, each.found) for each in found.differences
    ]


def test_two_forwarders_move_rows_at_once(place: Any) -> None:
    """
    Whoever gets on moves the rows, each once; the other may have to call again.
    """
    with place.open() as one, place.open("other.db") as other:

        def moved(forwarder: Forwarder) -> None:
            for _ in range(10):
                try:
                    forwarder.backfill()
                except TransientError:
                    continue
                return

        at_once(lambda: moved(one), lambda: moved(other))

    assert OWN_IDS == place.ids(OWN)
    assert Counter({None: LOADS}) == place.ids(place.common)


def test_loads_go_on_while_rows_are_moved(
    place: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A load between two steps is in its table, and moves nothing else.
    """
    monkeypatch.setattr(_delta_backfill, "_STEP_ROWS", 1)
    monkeypatch.setattr(_warehouse_backfill, "_STEP_LOADS", 1)
    with place.open() as forwarder, place.open("other.db") as other:
        for first in (100, 200):
            other.submit(batch(custom("Bu'y", first)))
        at_once(forwarder.backfill, other.flush)
        forwarder.backfill()
        rows = place.ids(OWN) + place.ids(place.common)

    assert OWN_IDS + Counter({100: 1, 200: 1, None: LOADS}) == rows


def test_rows_are_moved_while_a_load_widens_the_common_table(
    inside: InWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Its columns are those that were seen, whoever has forgotten them since.
    """
    look = WarehouseTables.look

    def forgotten(tables: WarehouseTables, names: Collection[TableName]) -> Any:
        seen = look(tables, names)
        tables._held.pop(inside.common, None)
        return seen

    monkeypatch.setattr(WarehouseTables, "look", forgotten)
    with inside.open() as forwarder:
        assert MOVED == forwarder.backfill()

    assert OWN_IDS == inside.ids(OWN)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "method",
    ["to_pyarrow_dataset", "create_write_transaction", "delete"],
)
@pytest.mark.parametrize("nth", [1, 2])
def test_a_death_on_a_lake_costs_nothing(
    lake: OnLake,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    nth: int,
    when: When,
) -> None:
    """
    Wherever a process dies, readers see each row once, and the next goes on.
    """
    monkeypatch.setattr(_delta_backfill, "_STEP_ROWS", 1)
    fail = Fail(method=method, nth=nth, when=when)
    tables: dict[Path, Any] = {}

    def opened(path: Path) -> Any:
        # One table over the whole of its life, for its calls to be counted.
        if path not in tables:
            tables[path] = faulty(DeltaTable(str(path)), fail)
        tables[path].update_incremental()
        return tables[path]

    root = lake.folder / "lake"
    moving = Move(
        engine=deltalake,
        open=opened,
        common=root / lake.common,
        own=root / OWN,
        name=OWN,
        kind=BUY,
    )
    with pytest.raises(Killed):
        list(iter(moving.step, None))
    with lake.open() as forwarder:
        seen = forwarder.read(BUY).to_table()["data"].to_pylist()
        all_seen = forwarder.read().count_rows()
        forwarder.backfill()
        after = forwarder.read(BUY).to_table()["data"].to_pylist()

    assert OWN_IDS == Counter(data["event_id"] for data in seen)
    assert 3 * LOADS == all_seen
    assert OWN_IDS == Counter(data["event_id"] for data in after)
    assert (OWN_IDS, Counter({None: LOADS})) == (lake.ids(OWN), lake.ids(lake.common))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("statement", ["INSERT INTO", "DELETE FROM"])
@pytest.mark.parametrize("skip", [0, 1])
def test_a_death_in_a_workspace_costs_nothing(
    inside: InWorkspace,
    monkeypatch: pytest.MonkeyPatch,
    statement: str,
    skip: int,
    when: When,
) -> None:
    """
    Wherever the answer is lost, no row is out of sight, and the next call goes on.
    """
    monkeypatch.setattr(_warehouse_backfill, "_STEP_LOADS", 1)
    workspace().fail(
        Fault(on="statement", matching=statement, skip=skip, when=when, drop=True)
    )
    with inside.open() as forwarder, pytest.raises(ForwarderError):
        forwarder.backfill()
    seen = inside.ids("events")
    with inside.open() as forwarder:
        forwarder.backfill()
        result = forwarder.reconcile()

    assert set(OWN_IDS) | {None} == set(seen)
    assert OWN_IDS + Counter({None: LOADS}) == inside.ids("events")
    assert OWN_IDS == inside.ids(OWN) == inside.ids(f"{OWN}_all")
    assert (4, []) == (result.moved_rows, result.differences)


def test_rows_that_were_copied_twice_are_not_removed(inside: InWorkspace) -> None:
    """
    A load with more copies than rows is named, and keeps its rows where they are.
    """
    workspace().fail(Fault(on="statement", matching="DELETE FROM", drop=True))
    with inside.open() as forwarder:
        with pytest.raises(ForwarderError):
            forwarder.backfill()
        own = f"main.{inside.settings.schema_name}.{OWN}"
        workspace().query(f"INSERT INTO {own} SELECT * FROM {own} WHERE _offset = 0")
        with pytest.raises(PermanentError, match="keep one row of each _offset"):
            forwarder.backfill()

    assert Counter({**dict.fromkeys(range(1, 5), 1), None: LOADS}) == inside.ids(
        inside.common
    )


def test_rows_that_a_lake_has_twice_are_not_removed(lake: OnLake) -> None:
    """
    A load with more copies than rows is named, and keeps its rows where they are.
    """
    root = lake.folder / "lake"
    rows = DeltaTable(str(root / lake.common)).to_pyarrow_dataset().to_table()
    narrow = DeltaTable(str(root / OWN)).to_pyarrow_dataset().to_table()
    first = rows.filter(pc.field("_offset") == 0)["_load_id"][0].as_py()
    copy = [first] * len(narrow)
    index = narrow.schema.get_field_index("_load_id")
    write_deltalake(
        str(root / OWN), narrow.set_column(index, "_load_id", [copy]), mode="append"
    )
    with lake.open() as forwarder, pytest.raises(PermanentError, match="keep one row"):
        forwarder.backfill()

    assert 4 + LOADS == lake.ids(lake.common).total()


def test_nothing_is_moved_where_there_is_no_table(tmp_path: Path) -> None:
    """
    A lake and a schema without any table have no rows to be moved.
    """
    for place in (OnLake(tmp_path), InWorkspace(tmp_path)):
        with place.open(f"{type(place).__name__}.db") as forwarder:
            assert {} == forwarder.backfill()
