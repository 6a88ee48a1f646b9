"""
A row says which kind it is of, whichever engine is asked.
"""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from deltalake import DeltaTable, QueryBuilder
from kind_samples import PAYLOADS, offsets_by_kind
from schemas import new_schema, workspace

from databricks_forwarder import Forwarder
from databricks_forwarder._databricks.kind_conditions import kind_condition
from databricks_forwarder.loaders._delta_backfill import DATAFUSION
from databricks_forwarder.model import EventKey, EventKind, Table, TableName
from databricks_forwarder.routers.function import FunctionRouter

COMMON = "mparticle_otherevents"


@pytest.fixture(name="lake")
def _lake(tmp_path: Path) -> Path:
    with Forwarder.for_lake(tmp_path / "lake", spool=tmp_path / "spool.db") as made:
        made.submit_many(PAYLOADS)
        made.flush()
    return tmp_path


def test_a_lake_tells_the_rows_of_each_kind(lake: Path) -> None:
    """
    Reading a kind from a lake gives the rows of its events, and no others.
    """
    with Forwarder.for_lake(lake / "lake", spool=lake / "spool.db") as forwarder:
        found = {
            kind: set(forwarder.read(kind).to_table()["_offset"].to_pylist())
            for kind in offsets_by_kind()
        }

    assert offsets_by_kind() == found


def test_a_kind_is_found_in_whatever_table_it_is(tmp_path: Path) -> None:
    """
    With a router of one's own a kind's rows are found among tables of other columns.
    """
    known = {"custom_event", "commerce_event", "screen_view"}

    def by_name(key: EventKey) -> Table | None:
        if key.event_type not in known:
            return None
        named = "named" if key.event_name else "nameless"
        return Table(TableName(f"{named}_{key.event_type}"), key.event_type)

    router = FunctionRouter(by_name)
    places = {"root": tmp_path / "lake", "spool": tmp_path / "spool.db"}
    with Forwarder.for_lake(**places, router=router) as forwarder:
        forwarder.submit_many(PAYLOADS)
        forwarder.flush()
        found = {
            kind: set(forwarder.read(kind).to_table()["_offset"].to_pylist())
            for kind in offsets_by_kind()
        }

    assert offsets_by_kind() == found


def test_a_lake_s_engine_tells_the_rows_of_each_kind(lake: Path) -> None:
    """
    The condition by which a lake removes rows holds for a kind's rows alone.
    """
    table = DeltaTable(str(lake / "lake" / COMMON))
    builder = QueryBuilder().register("t", table)

    def offsets(kind: EventKind) -> set[int]:
        condition = kind_condition(kind, DATAFUSION)
        rows = builder.execute(f"SELECT _offset FROM t WHERE {condition}").read_all()
        return {each.as_py() for each in rows.column("_offset")}

    assert offsets_by_kind() == {kind: offsets(kind) for kind in offsets_by_kind()}


def test_a_lake_lists_the_kinds_that_it_holds(lake: Path) -> None:
    """
    The kinds in a lake's common table are those that were loaded.
    """
    with Forwarder.for_lake(lake / "lake", spool=lake / "spool.db") as forwarder:
        found = forwarder._loader.kinds(COMMON)  # type: ignore[attr-defined]

    assert set(offsets_by_kind()) == set(found)


def test_a_workspace_tells_the_rows_of_each_kind(tmp_path: Path) -> None:
    """
    In a workspace a kind's condition holds for its rows alone, and all are listed.
    """
    settings = attrs.evolve(new_schema(), events_threshold=10**6)
    with Forwarder.for_databricks(
        settings, endpoint=workspace().endpoint, spool=tmp_path / "spool.db"
    ) as forwarder:
        forwarder.submit_many(PAYLOADS)
        forwarder.flush()
        common = f"{settings.schema_name}_otherevents"
        listed = forwarder._loader.kinds(common)  # type: ignore[attr-defined]

    def offsets(kind: EventKind) -> set[int]:
        rows = workspace().query(
            f"SELECT _offset FROM main.{settings.schema_name}.{common} "
            f"WHERE {kind_condition(kind)}"
        )
        return set(rows["_offset"].to_pylist())

    assert offsets_by_kind() == {kind: offsets(kind) for kind in offsets_by_kind()}
    assert set(offsets_by_kind()) == set(listed)
