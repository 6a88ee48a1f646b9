"""
What the threshold router foresees.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest

from databricks_forwarder.abilities import ForeseeingRouter
from databricks_forwarder.answers import Prospect
from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.model import EventKey, EventKind, LoadId
from databricks_forwarder.routers._foresight import likely_day, per_day
from databricks_forwarder.routers.default import default_router
from databricks_forwarder.routers.first_match import FirstMatch
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.routers.threshold import ThresholdRouter

AT = datetime(2026, 3, 31, 12, tzinfo=timezone.utc)
TODAY = AT.date()
MONTH = timedelta(days=30)
SEARCH = EventKind("custom_event", "search", "Search")


def days(**ago: int) -> dict[date, int]:
    """
    Messages by day: ``d3=5`` for five messages three days ago.
    """
    return {TODAY - timedelta(days=int(each[1:])): n for each, n in ago.items()}


def router_of(
    kinds: dict[EventKind, dict[date, int]], **settings: object
) -> ThresholdRouter:
    """
    A router whose counts hold this.
    """
    counts = MemoryEventCounts()
    for kind, by_day in kinds.items():
        for day, number in by_day.items():
            counts.add(LoadId(f"{kind}{day}"), {kind: number}, on=day)
    return ThresholdRouter(counts, schema_name="main", **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, None),
        (days(d0=9), None),
        (days(d1=9), None),
        (days(d2=10, d0=99), 5.0),
        (days(d7=7, d1=7), 2.0),
        (days(d20=700, d3=14), 2.0),
    ],
)
def test_the_rate_is_that_of_whole_days(
    known: dict[date, int], expected: float | None
) -> None:
    """
    Today is not over, more than a week is long ago, and one day is no habit.
    """
    assert expected == per_day(known, today=TODAY)


@pytest.mark.parametrize(
    ("known", "rate", "ahead"),
    [
        (days(d0=100), 0.0, 0),
        (days(d1=40, d0=10), 10.0, 5),
        (days(d1=40, d0=10), 9.9, 6),
        # What is 29 days old today has left the window the day after tomorrow.
        (days(d29=90), 5.0, 20),
        (days(d29=90, d1=0), 10.0, 1),
        ({}, 100 / 31, 31),
        ({}, 3.2, None),
        (days(d0=99), 0.0, None),
    ],
)
def test_the_likely_day_is_the_first_with_enough(
    known: dict[date, int], rate: float, ahead: int | None
) -> None:
    """
    Each day brings some, days grow too old, and what never suffices has no day.
    """
    found = likely_day(known, rate, today=TODAY, window=MONTH, threshold=100)

    assert (None if ahead is None else TODAY + timedelta(days=ahead)) == found


def test_a_kind_on_its_way_is_told_with_its_day() -> None:
    """
    Count, rate, name and day of a kind without a table are told.
    """
    router = router_of({SEARCH: days(d2=40, d1=20)}, events_threshold=100)
    expected = Prospect(
        kind=SEARCH,
        table="event_search_search",
        has_table=False,
        message_count=60,
        threshold=100,
        window_days=30,
        per_day=30.0,
        likely_on=TODAY + timedelta(days=2),
    )

    assert [expected] == list(router.foresee(at=AT))


@pytest.mark.parametrize(("sticky", "has_table"), [(True, True), (False, False)])
def test_a_kind_that_became_rare_has_its_table_if_it_keeps_it(
    sticky: bool, has_table: bool
) -> None:
    """
    A sticky router's kind keeps its table, another's is on its way again.
    """
    router = router_of({SEARCH: days(d1=5)}, events_threshold=100, sticky=sticky)
    router.route(
        {
            EventKey(
                "custom_event", event_name="Search", custom_event_type="search"
            ): 100
        },
        at=AT,
    )
    (told,) = router.foresee(at=AT)

    assert (has_table, None) == (told.has_table, told.likely_on)


def test_a_kind_with_enough_is_next_whatever_its_rate() -> None:
    """
    A kind that has enough gets its table with its next load.
    """
    (told,) = router_of({SEARCH: days(d0=100)}, events_threshold=100).foresee(at=AT)

    assert (None, TODAY) == (told.per_day, told.likely_on)


def test_the_likeliest_are_first() -> None:
    """
    Sorted are kinds by their day, then by how far they are; owners are last.
    """
    kinds = {
        EventKind(name): days(d2=2, d1=n)
        for name, n in zip("abc", (1, 9, 5), strict=True)
    }
    router = router_of(kinds, events_threshold=100)
    router.route({EventKey("a"): 100}, at=AT)

    assert ["b", "c", "a"] == [each.kind.event_type for each in router.foresee(at=AT)]


def test_batches_without_events_are_not_on_their_way() -> None:
    """
    What never gets a table is left out.
    """
    assert [] == list(router_of({EventKind(None): days(d1=5)}).foresee(at=AT))


def test_counts_that_cannot_list_are_told() -> None:
    """
    Who can't be looked through says so.
    """

    class Plain:
        """
        Counts that do no more than they must.
        """

        totals = add = given = give = propose = None

    router = ThresholdRouter(Plain(), schema_name="main")  # type: ignore[arg-type]

    with pytest.raises(ConfigurationError, match="Plain can't be looked through"):
        router.foresee(at=AT)


def test_routers_put_together_foresee_what_one_of_them_does() -> None:
    """
    The default router foresees; routers of which none does, don't.
    """
    whole = default_router(MemoryEventCounts(), schema_name="main")

    assert isinstance(whole, ForeseeingRouter)
    assert [] == list(whole.foresee(at=AT))
    assert not isinstance(FirstMatch(FunctionRouter(lambda _: "t")), ForeseeingRouter)
