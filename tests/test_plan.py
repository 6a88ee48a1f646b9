"""
What would happen to payloads.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timezone
from typing import Any

import pytest
from walking import batch, custom

from databricks_forwarder._plan import Plan, PlannedTable, plan
from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.errors import RouteError
from databricks_forwarder.model import EventKey, EventKind, LoadId, Table, TableName
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.routers.threshold import ThresholdRouter

AT = datetime(2026, 1, 1, tzinfo=timezone.utc)
COMMON = Table(TableName("common"))


def key(name: str, **parts: Any) -> EventKey:
    """
    Make the key of a custom event.
    """
    return EventKey(
        "custom_event", custom_event_type="navigation", event_name=name, **parts
    )


def test_a_plan_tells_tables_drops_and_deaths() -> None:
    """
    Each message is under its table, or dropped; each bad payload has its reason.
    """

    def route(each: EventKey) -> Any:
        if each.event_type is None:
            return FunctionRouter.DROP
        return (
            Table(TableName("own"), "custom_event") if each.event_name == "A" else None
        )

    documents = [
        batch(custom("A"), custom("B"), custom("A")),
        b"{}",
        b"no JSON",
        batch(custom("A"), environment="production"),
    ]
    found = plan(documents, FunctionRouter(route), COMMON, at=AT)
    expected = Plan(
        tables=(
            PlannedTable(
                table=TableName("common"),
                event_type=None,
                message_count=1,
                keys={key("B"): 1},
            ),
            PlannedTable(
                table=TableName("own"),
                event_type="custom_event",
                message_count=3,
                keys={key("A"): 2, key("A", environment="production"): 1},
            ),
        ),
        dropped=1,
        dead={2: "not JSON: Expecting value at character 0"},
    )

    assert expected == found


def test_a_plan_of_nothing_is_empty() -> None:
    """
    Without payloads there is nothing to tell.
    """
    router = FunctionRouter(lambda _: "t")

    assert Plan(tables=(), dropped=0, dead={}) == plan([], router, COMMON, at=AT)


def test_a_plan_is_made_with_groups() -> None:
    """
    A router's groups are in the keys; a batch without one is told as dead.
    """
    router = FunctionRouter(
        lambda each: f"t_{each.group}", group=lambda found: str(1 // found.mpid)
    )
    documents = [batch(custom("A"), mpid=1), batch(custom("A"), mpid=0)]
    found = plan(documents, router, COMMON, at=AT)

    assert ["t_1"] == [table.table for table in found.tables]
    assert {1: "the router's group raised ZeroDivisionError"} == found.dead


def test_a_router_that_previews_gives_no_name() -> None:
    """
    A router that can preview is asked for that, and learns nothing.
    """

    class Previewing:
        def route(
            self, counts: Mapping[EventKey, int], /, *, at: datetime
        ) -> Mapping[EventKey, Table | None]:
            raise AssertionError

        def preview(
            self, counts: Mapping[EventKey, int], /, *, at: datetime
        ) -> Mapping[EventKey, Table | None]:
            return dict.fromkeys(counts, Table(TableName("previewed")))

    found = plan([batch(custom("A"))], Previewing(), COMMON, at=AT)

    assert ["previewed"] == [table.table for table in found.tables]


def test_a_plan_sees_what_was_counted() -> None:
    """
    A plan answers as a load at that moment would be routed.
    """
    counts = MemoryEventCounts()
    kind = EventKind("custom_event", "navigation", "A")
    counts.add(LoadId("0123456789ab-0-0"), {kind: 2}, on=date(2025, 12, 31))
    router = ThresholdRouter(counts, schema_name="shop", events_threshold=3)
    found = plan([batch(custom("A"))], router, COMMON, at=AT)

    assert ["event_navigation_a"] == [table.table for table in found.tables]


def test_a_router_that_raises_is_told() -> None:
    """
    A broken router shows in its plan.
    """

    def broken(_: EventKey) -> str:
        raise LookupError

    with pytest.raises(RouteError, match="LookupError"):
        plan([b"{}"], FunctionRouter(broken), COMMON, at=AT)
