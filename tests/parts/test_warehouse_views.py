"""
The views of a schema, whatever becomes of its tables and of other hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pyarrow as pa
import pytest
from schemas import connected, new_schema, workspace
from walking import batch, custom

from databricks_forwarder import DatabricksSettings, Forwarder
from databricks_forwarder._databricks.client import DatabricksClient
from databricks_forwarder._databricks.types import to_sql_type
from databricks_forwarder._table_columns import schema_of
from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.errors import ForwarderError, SetupError, TransientError
from databricks_forwarder.loaders._warehouse_relations import PLAIN, SHOWN
from databricks_forwarder.loaders._warehouse_views import WarehouseViews
from databricks_forwarder.loaders.warehouse import WarehouseLoader
from databricks_forwarder.model import EventKind, Finding, Table, TableName
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.workspace import Fault

VIEW = {"event_type": "screen_view", "data": {"screen_name": "Home"}}
BUY = EventKind("custom_event", "navigation", "Buy")
OWN = TableName("event_navigation_buy")

Open = Callable[..., Forwarder]


@pytest.fixture(name="settings")
def _settings() -> Iterator[DatabricksSettings]:
    yield attrs.evolve(new_schema(), events_threshold=2)
    workspace().faults.clear()


@pytest.fixture(name="client")
def _client(settings: DatabricksSettings) -> Iterator[DatabricksClient]:
    with connected(settings, FakeClock()) as client:
        yield client


@pytest.fixture(name="opened")
def _opened(settings: DatabricksSettings, tmp_path: Path) -> Open:
    def opened(spool: str = "spool.db", **options: Any) -> Forwarder:
        return Forwarder.for_databricks(
            settings,
            endpoint=workspace().endpoint,
            spool=tmp_path / spool,
            clock=FakeClock(),
            **options,
        )

    return opened


def carry(forwarder: Forwarder, *events: Mapping[str, Any]) -> int:
    """
    Load events; how many messages that were.
    """
    forwarder.submit(batch(*events))
    (report,) = forwarder.flush()
    return report.account.loaded


def views(settings: DatabricksSettings) -> list[str]:
    """
    The names of the schema's views.
    """
    names: list[str] = (
        workspace()
        .query(
            "SELECT table_name FROM main.information_schema.views "
            f"WHERE table_schema = '{settings.schema_name}' ORDER BY table_name"
        )["table_name"]
        .to_pylist()
    )
    return names


def count(settings: DatabricksSettings, view: str = "events") -> int:
    """
    Count the rows of a view.
    """
    rows = workspace().query(
        f"SELECT count(*) AS n FROM main.{settings.schema_name}.{view}"
    )
    return int(rows["n"][0].as_py())


def run(settings: DatabricksSettings, sql: str) -> None:
    """
    Run a statement as an administrator; ``{}`` is the schema.
    """
    workspace().query(sql.format(f"main.{settings.schema_name}"))


def statements(settings: DatabricksSettings) -> list[str]:
    """
    The first words of each statement about the schema so far.
    """
    return [
        " ".join(request.statement.split("*/\n")[-1].split()[:3])
        for request in workspace().requests
        if request.statement
        and request.principal
        and settings.schema_name in request.statement
    ]


def problems(forwarder: Forwarder) -> list[str]:
    """
    What of a check's findings about views is wrong.
    """
    return [
        f"{finding.subject}: {finding.problem}"
        for finding in forwarder.check()
        if finding.problem and "view" in finding.subject
    ]


def test_views_come_with_the_tables(settings: DatabricksSettings, opened: Open) -> None:
    """
    There is a view of all events, and one for each kind that has a table.
    """
    with opened() as forwarder:
        carry(forwarder, custom("Buy", 1), VIEW)
        first = views(settings)
        carry(forwarder, custom("Buy", 2), VIEW)

    assert ["events"] == first
    assert [f"{OWN}_all", "events", "screen_view_all"] == views(settings)
    assert [4, 2, 2] == [
        count(settings, view) for view in ("events", f"{OWN}_all", "screen_view_all")
    ]


def test_a_kind_that_was_never_in_the_common_table_has_a_view(
    settings: DatabricksSettings, tmp_path: Path
) -> None:
    """
    Where a kind had a table from the first event on, its view shows that alone.
    """
    with Forwarder.for_databricks(
        attrs.evolve(settings, events_threshold=1),
        endpoint=workspace().endpoint,
        spool=tmp_path / "spool.db",
        clock=FakeClock(),
    ) as forwarder:
        carry(forwarder, custom("Buy", 1), custom("Buy", 2))

    assert 2 == count(settings, f"{OWN}_all")


def test_the_rows_are_shown_before_they_are_loaded(
    settings: DatabricksSettings, opened: Open
) -> None:
    """
    A table is in the view of all events before its first COPY INTO.
    """
    with opened() as forwarder:
        carry(forwarder, custom("Buy", 1))
        run(
            settings,
            "COMMENT ON TABLE {0}." + settings.schema_name + "_otherevents IS 'mine'",
        )
        before = len(statements(settings))
        carry(forwarder, custom("Buy", 2))
    told = statements(settings)[before:]
    changes = [
        each.split()[0]
        for each in told
        if each.split()[0] in {"CREATE", "ALTER", "COPY"}
    ]

    assert ["CREATE", "ALTER", "CREATE", "COPY"] == changes


def test_a_load_without_new_tables_asks_nothing_of_views(
    settings: DatabricksSettings, opened: Open
) -> None:
    """
    Once all is as it should be, a load costs one statement a table.
    """
    with opened(counts="local") as forwarder:
        for number in range(3):
            carry(forwarder, custom("Buy", number), custom("Look", number))
        before = len(statements(settings))
        carry(forwarder, custom("Buy", 3), custom("Look", 3))
    told = statements(settings)[before:]

    assert 2 == len(told)
    assert {"COPY"} == {each.split()[0] for each in told}


def test_what_was_granted_on_a_view_stays(
    settings: DatabricksSettings, opened: Open
) -> None:
    """
    An analyst who may read the view may read it after a table came.
    """
    with opened() as forwarder:
        carry(forwarder, custom("Buy", 1))
        run(settings, "GRANT SELECT ON VIEW {}.events TO `an analyst`")
        carry(forwarder, custom("Buy", 2))
    grants = workspace().query(
        f"SHOW GRANTS ON TABLE main.{settings.schema_name}.events"
    )

    assert ["an analyst"] == grants["Principal"].to_pylist()


@pytest.mark.parametrize("statement", ["CREATE VIEW", "ALTER VIEW"])
def test_a_view_that_is_refused_holds_back_no_load(
    settings: DatabricksSettings, opened: Open, statement: str
) -> None:
    """
    The rows are loaded, the check tells what is missing, and the next load mends it.
    """
    place = f"main.{settings.schema_name}"
    refusal = f"User does not have SELECT on Table '{place}.t'."
    workspace().fail(
        Fault(
            on="statement",
            matching=statement,
            error=("INSUFFICIENT_PERMISSIONS", "42501", refusal),
            times=1000,
        )
    )
    with opened() as forwarder:
        loaded = [carry(forwarder, custom("Buy", number)) for number in (1, 2)]
        told = problems(forwarder)
        workspace().faults.clear()
        loaded.append(carry(forwarder, custom("Buy", 3)))
        after = problems(forwarder)

    assert [1, 1, 1] == loaded
    assert f"GRANT SELECT ON TABLE `main`.`{settings.schema_name}`.`t`" in told[-1]
    assert [] == after
    assert (3, 3) == (count(settings), count(settings, f"{OWN}_all"))


def test_a_catalog_that_tells_nothing_is_told_itself(
    settings: DatabricksSettings, opened: Open
) -> None:
    """
    Where tables and views can't be listed, rows are loaded all the same.
    """
    with opened() as forwarder:
        carry(forwarder, custom("Buy", 1))
        workspace().fail(
            Fault(
                on="statement",
                matching="information_schema.views",
                error=("INTERNAL_ERROR", "XX000", "not now"),
                times=1000,
            )
        )
        loaded = carry(forwarder, custom("Buy", 2))
        told = problems(forwarder)

    assert 1 == loaded
    assert told[-1].startswith("views of the tables: ")


def test_a_death_between_table_and_view_is_healed(
    settings: DatabricksSettings, opened: Open
) -> None:
    """
    The next process that loads makes the views that the last one did not.
    """
    workspace().fail(
        Fault(on="statement", matching="CREATE VIEW", times=1000, drop=True)
    )
    with opened() as forwarder:
        for number in (1, 2):
            carry(forwarder, custom("Buy", number))
    workspace().faults.clear()
    none = views(settings)
    with opened() as forwarder:
        carry(forwarder, VIEW)
        told = problems(forwarder)

    assert ([], []) == (none, told)
    assert 3 == count(settings)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_is_looked_into(
    settings: DatabricksSettings, opened: Open, when: Any
) -> None:
    """
    Whether a view was made when the answer was lost, it is there afterwards.
    """
    workspace().fail(
        Fault(on="statement", matching="CREATE VIEW", when=when, drop=True)
    )
    with opened() as forwarder:
        carry(forwarder, custom("Buy", 1))
        told = problems(forwarder)

    assert [] == told
    assert 1 == count(settings)


def test_a_schema_from_before_stays_as_it_is(
    settings: DatabricksSettings, opened: Open
) -> None:
    """
    Where tables were made without views there are none until they are asked for.
    """
    with opened(maintain_views=False) as forwarder:
        carry(forwarder, custom("Buy", 1))
        told = [finding.subject for finding in forwarder.check()]
    with opened() as forwarder:
        carry(forwarder, custom("Buy", 2))
    none = views(settings)
    with opened(maintain_views=True) as forwarder:
        carry(forwarder, custom("Buy", 3))

    assert "making a view" not in told
    assert [] == none
    assert (3, 3) == (count(settings), count(settings, f"{OWN}_all"))


def test_tables_say_whether_they_are_shown(
    settings: DatabricksSettings, opened: Open
) -> None:
    """
    A table's comment tells the next host whether views are kept.
    """
    with opened() as forwarder:
        carry(forwarder, custom("Buy", 1))
    with opened("other.db", maintain_views=False) as forwarder:
        carry(forwarder, custom("Look", 1), custom("Look", 2))
    told = workspace().query(
        "SELECT comment FROM main.information_schema.tables "
        f"WHERE table_schema = '{settings.schema_name}' "
        "AND table_type = 'MANAGED' AND NOT startswith(table_name, '_') "
        "ORDER BY table_name"
    )

    assert [PLAIN, SHOWN] == told["comment"].to_pylist()


def test_a_copy_of_a_table_is_not_shown(
    settings: DatabricksSettings, opened: Open
) -> None:
    """
    A table that somebody else made, with the same columns, is no table of events.
    """
    with opened() as forwarder:
        carry(forwarder, custom("Buy", 1))
        common = f"{settings.schema_name}_otherevents"
        columns = ", ".join(
            f"`{field.name}` {to_sql_type(field.type)}" for field in schema_of(None)
        )
        run(settings, f"CREATE TABLE {{}}.copy ({columns})")
        carry(forwarder, custom("Buy", 2))
    definition = (
        workspace()
        .query(
            "SELECT view_definition AS d FROM main.information_schema.views "
            f"WHERE table_schema = '{settings.schema_name}' AND table_name = 'events'"
        )["d"][0]
        .as_py()
    )

    assert "`copy`" not in definition
    assert f"`{common}`" in definition


def test_columns_that_others_added_are_shown_where_they_can_be(
    settings: DatabricksSettings, opened: Open
) -> None:
    """
    A column of a type that is written here is null for other tables' rows.
    """
    with opened() as forwarder:
        carry(forwarder, custom("Buy", 1))
        common = f"{settings.schema_name}_otherevents"
        run(
            settings,
            "ALTER TABLE {}." + common + " ADD COLUMNS (own STRING, d DECIMAL(9,2))",
        )
    with opened() as forwarder:
        carry(forwarder, custom("Buy", 2))
        told = problems(forwarder)
    columns = (
        workspace()
        .query(f"SELECT * FROM main.{settings.schema_name}.events")
        .schema.names
    )

    assert [] == told
    assert ("own" in columns, "d" in columns) == (True, False)
    assert 2 == count(settings)


def test_columns_that_do_not_agree_are_told(
    settings: DatabricksSettings, opened: Open
) -> None:
    """
    Two tables with a column of two types can't be one view, and are loaded.
    """
    with opened() as forwarder:
        carry(forwarder, custom("Buy", 1))
        carry(forwarder, custom("Buy", 2))
        common = f"{settings.schema_name}_otherevents"
        run(settings, f"ALTER TABLE {{}}.{common} ADD COLUMN own STRING")
        run(settings, f"ALTER TABLE {{}}.{OWN} ADD COLUMN own INT")
    with opened() as forwarder:
        loaded = carry(forwarder, custom("Buy", 3))
        told = problems(forwarder)

    assert 1 == loaded
    assert [True, True] == ["column" in each and "own" in each for each in told]
    assert 3 == count(settings)


@pytest.mark.parametrize("is_seen", [True, False])
def test_a_table_in_a_view_s_place_is_told(
    settings: DatabricksSettings, opened: Open, is_seen: bool
) -> None:
    """
    A table that is called as the view should be stays, and rows are loaded.
    """
    run(settings, "CREATE TABLE {}.events (a INT)")
    if is_seen:
        run(settings, f"GRANT SELECT ON TABLE {{}}.events TO `{settings.client_id}`")
    with opened() as forwarder:
        loaded = carry(forwarder, custom("Buy", 1))
        told = problems(forwarder)

    assert 1 == loaded
    assert "rename it, or say maintain_views=False" in told[-1]


def test_a_view_in_a_table_s_place_is_told(
    settings: DatabricksSettings, opened: Open
) -> None:
    """
    A router that calls a table as a view is called is told to name it otherwise.
    """
    with opened() as forwarder:
        carry(forwarder, custom("Buy", 1))
    router = FunctionRouter(lambda _: Table(TableName("events")))
    with opened(router=router) as forwarder:
        forwarder.submit(batch(VIEW))
        with pytest.raises(ForwarderError, match="have the router name it otherwise"):
            forwarder.flush()


def test_a_view_gets_no_table_s_name(
    settings: DatabricksSettings, opened: Open
) -> None:
    """
    A kind whose table would be called as a view is called gets another name.
    """
    with opened() as forwarder:
        for number in (1, 2):
            carry(forwarder, custom("Buy", number))
        for number in (3, 4):
            carry(forwarder, custom("Buy All", number))
        reports = forwarder.loads(1)
    (table,) = reports[0].tables

    assert table.table.startswith("event_navigation_buyall")
    with opened() as forwarder:
        for number in (5, 6):
            carry(forwarder, custom("Buy_All", number))
        (table,) = forwarder.loads(1)[0].tables

    assert table.table.startswith(f"{OWN}_all_")
    assert 2 == count(settings, f"{OWN}_all")


class Elsewhere:
    """
    Gives names, and has another host make a table while it is asked.
    """

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self._counts = MemoryEventCounts()
        self._meanwhile = [meanwhile]

    def give(
        self, wishes: Mapping[str, Sequence[TableName]]
    ) -> Mapping[str, TableName]:
        """
        Give names, as counts do.
        """
        while self._meanwhile:
            self._meanwhile.pop()()
        return self._counts.give(wishes)


def test_two_hosts_do_not_forget_each_other_s_tables(
    settings: DatabricksSettings, client: DatabricksClient
) -> None:
    """
    Who changes a view from what it saw before looks again, and shows all tables.
    """
    other = WarehouseViews(client, MemoryEventCounts().give, maintain=True)
    theirs = WarehouseLoader(client, other)
    one, two = TableName("one"), TableName("two")
    elsewhere = Elsewhere(lambda: theirs.prepare(two, schema_of("screen_view")))
    views_here = WarehouseViews(client, elsewhere.give, maintain=True)
    WarehouseLoader(client, views_here).prepare(one, schema_of(None))
    definition = (
        workspace()
        .query(
            "SELECT view_definition AS d FROM main.information_schema.views "
            f"WHERE table_schema = '{settings.schema_name}'"
        )["d"][0]
        .as_py()
    )

    assert ("`one`" in definition, "`two`" in definition) == (True, True)
    assert [] == list(views_here.problems())


def test_names_that_can_not_be_given_are_told(client: DatabricksClient) -> None:
    """
    Where no name is to be had now, the table is there without its views.
    """

    def refuse(_: object) -> Mapping[str, TableName]:
        raise TransientError("no names now")

    kept = WarehouseViews(client, refuse, maintain=True)
    WarehouseLoader(client, kept).prepare(TableName("one"), schema_of(None))

    assert [Finding("views of the tables", "no names now")] == list(kept.problems())


def test_a_loader_without_views_makes_none(
    settings: DatabricksSettings, client: DatabricksClient
) -> None:
    """
    A loader that was given no views looks after none.
    """
    loader = WarehouseLoader(client)
    loader.expect(TableName("one"), {OWN: BUY}, {OWN: schema_of(None)})
    loader.prepare(TableName("one"), schema_of(None))

    assert [] == views(settings)
    assert "making a view" not in [finding.subject for finding in loader.check()]


def test_tables_of_other_shapes_are_left_out(
    settings: DatabricksSettings, client: DatabricksClient
) -> None:
    """
    A table of the principal's own without the library's columns is not shown.
    """
    kept = WarehouseViews(client, MemoryEventCounts().give, maintain=True)
    WarehouseLoader(client, kept).prepare(
        TableName("other"), pa.schema({"a": pa.int64()})
    )

    assert ([], []) == (views(settings), list(kept.problems()))


def test_a_widened_table_is_shown_with_its_new_columns(
    settings: DatabricksSettings, client: DatabricksClient
) -> None:
    """
    A view shows a column as soon as a table has it.
    """
    kept = WarehouseViews(client, MemoryEventCounts().give, maintain=True)
    loader = WarehouseLoader(client, kept)
    schema = schema_of("screen_view")
    loader.prepare(TableName("one"), schema)
    loader.prepare(TableName("one"), schema.append(pa.field("more", pa.string())))
    shown = workspace().query(f"SELECT * FROM main.{settings.schema_name}.events")

    assert "more" in shown.schema.names


def test_a_schema_that_may_not_be_seen_is_a_setup_error(
    client: DatabricksClient,
) -> None:
    """
    A table is not made before it is known what it should say of itself.
    """
    workspace().fail(
        Fault(
            on="statement",
            matching="information_schema.views",
            error=(
                "INSUFFICIENT_PERMISSIONS",
                "42501",
                "User does not have USE CATALOG on Catalog 'main'.",
            ),
            times=1000,
        )
    )
    kept = WarehouseViews(client, MemoryEventCounts().give)
    with pytest.raises(SetupError, match="GRANT USE CATALOG"):
        WarehouseLoader(client, kept).prepare(TableName("one"), schema_of(None))
    workspace().faults.clear()


def test_a_table_that_is_shown_already_costs_nothing(
    settings: DatabricksSettings, client: DatabricksClient
) -> None:
    """
    Who waited while another's look found its table asks nothing more.
    """
    kept = WarehouseViews(client, MemoryEventCounts().give, maintain=True)
    loader = WarehouseLoader(client, kept)
    loader.prepare(TableName("one"), schema_of(None))
    before = len(statements(settings))
    kept.grown(TableName("one"), schema_of(None))

    assert before == len(statements(settings))


def test_a_table_that_can_not_be_made_is_shown_without_and_told_when_it_is_prepared(
    settings: DatabricksSettings, client: DatabricksClient
) -> None:
    """
    What is wrong with one table of a load keeps no other out of the views.
    """
    workspace().fail(
        Fault(
            on="statement",
            matching=f"CREATE TABLE {client.table(TableName('bad'))}",
            error=("INSUFFICIENT_PERMISSIONS", "42501", "As scripted."),
            times=1000,
        )
    )
    kept = WarehouseViews(client, MemoryEventCounts().give, maintain=True)
    loader = WarehouseLoader(client, kept)
    coming = {TableName(name): schema_of(None) for name in ("bad", "good")}
    loader.survey(list(coming))
    loader.expect(TableName("good"), {}, coming)
    shown = workspace().query(f"SELECT * FROM main.{settings.schema_name}.events")
    with pytest.raises(SetupError):
        loader.prepare(TableName("bad"), schema_of(None))
    workspace().faults.clear()

    assert 0 == len(shown)
    assert [] == list(kept.problems())


def test_a_schema_without_views_is_found_out_once(
    settings: DatabricksSettings, client: DatabricksClient
) -> None:
    """
    Where tables were made without views there are to be none, and nobody looks again.
    """
    WarehouseLoader(client).prepare(TableName("one"), schema_of(None))
    kept = WarehouseViews(client, MemoryEventCounts().give)
    kept.expect(TableName("one"), {}, {})
    before = len(statements(settings))
    kept.expect(TableName("one"), {}, {})

    assert kept.is_off
    assert before == len(statements(settings))
    assert [] == views(settings)
