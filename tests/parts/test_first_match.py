"""
Several routers as one.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest

from databricks_forwarder.abilities import (
    GroupingRouter,
    LearningRouter,
    PreviewingRouter,
)
from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.model import EventKey, LoadId, Table, TableName
from databricks_forwarder.mparticle.batch import Batch
from databricks_forwarder.routers.first_match import FirstMatch
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.routers.threshold import ThresholdRouter
from databricks_forwarder.testing.contracts.router import RouterContract

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Mapping
    from pathlib import Path

AT = datetime(2026, 3, 31, 12, tzinfo=timezone.utc)
START = EventKey("session_start")
END = EventKey("session_end")
EVENTLESS = EventKey(None)
LOAD = LoadId("0123456789ab-0-9")


class TestFirstMatch(RouterContract):
    """
    With a function that answers for some keys before the threshold.
    """

    def begin(self, tmp_path: Path) -> None:
        """
        Make the counts that all routers of a test share.
        """
        super().begin(tmp_path)
        self.counts = MemoryEventCounts()

    def make(self) -> FirstMatch:
        """
        Make both routers anew.
        """
        return FirstMatch(
            FunctionRouter(lambda key: "feeds" if key.feed else None),
            ThresholdRouter(self.counts, schema_name="main"),
        )

    def identity(self, key: EventKey) -> Hashable:
        """
        Keys of one kind go together.
        """
        return key.kind

    def shared(self) -> Collection[str]:
        """
        The function's table and the common one are everybody's.
        """
        return ["feeds", "main_otherevents"]

    def learnt(self) -> object:
        """
        Look at all buckets.
        """
        return repr(self.counts._days_by_kind)


def only(*keys: EventKey, to: str) -> FunctionRouter:
    """
    Make a router that sends *keys* to a table and leaves out all others.
    """
    return FunctionRouter(lambda key: to if key in keys else None)


class Teller:
    """
    A router that knows what it was asked and told, and answers nothing or more.
    """

    def __init__(self, **answers: Table) -> None:
        self.answers = {EventKey(name): table for name, table in answers.items()}
        self.asked: list[Mapping[EventKey, int]] = []
        self.told: list[tuple[LoadId, Mapping[EventKey, int], datetime]] = []

    def route(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Table | None]:
        """
        Keep the question.
        """
        self.asked.append(counts)
        return self.answers

    def loaded(
        self, load_id: LoadId, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> None:
        """
        Keep what was told.
        """
        self.told.append((load_id, counts, at))


def test_the_first_answer_counts() -> None:
    """
    Each key goes where the first router says that answers for it.
    """
    router = FirstMatch(only(START, to="first"), only(START, END, to="second"))
    expected = {START: Table(TableName("first")), END: Table(TableName("second"))}

    assert expected == router.route({START: 1, END: 1}, at=AT)


def test_to_drop_is_an_answer() -> None:
    """
    A key that a router drops is asked of no other.
    """
    router = FirstMatch(
        FunctionRouter(lambda _: FunctionRouter.DROP), only(START, to="second")
    )
    expected = {START: None}

    assert expected == router.route({START: 1}, at=AT)


def test_a_key_without_an_answer_is_left_out() -> None:
    """
    What none of them answers for is left to the walk.
    """
    answers = FirstMatch(only(START, to="first")).route({END: 1}, at=AT)

    assert not answers


def test_a_router_is_asked_only_for_what_is_left() -> None:
    """
    Later routers see the keys that no earlier one answered for, with counts.
    """
    teller = Teller()
    FirstMatch(only(START, to="first"), teller).route({START: 1, END: 2}, at=AT)
    expected = [{END: 2}]

    assert expected == teller.asked


def test_a_router_is_not_asked_for_nothing() -> None:
    """
    When all keys have an answer, later routers are not asked at all.
    """
    teller = Teller()
    FirstMatch(only(START, to="first"), teller).route({START: 1}, at=AT)

    assert not teller.asked


def test_answers_nobody_asked_for_are_passed_over() -> None:
    """
    A router that answers for more than it was asked changes no other's answer.
    """
    talkative = Teller(session_start=Table(TableName("wrong")))
    router = FirstMatch(only(START, to="first"), talkative)
    expected = {START: Table(TableName("first"))}

    assert expected == router.route({START: 1, END: 1}, at=AT)


def test_all_that_learn_are_told_everything() -> None:
    """
    Each learning router is told of all keys, also of those it was not asked for.
    """
    first, second = Teller(), Teller()
    router = FirstMatch(only(START, to="t"), first, second)
    router.loaded(LOAD, {START: 1, END: 2}, at=AT)
    expected = [(LOAD, {START: 1, END: 2}, AT)]

    assert expected == first.told
    assert expected == second.told


def test_the_first_that_groups_names_the_groups() -> None:
    """
    The group is what the first grouping router says.
    """
    router = FirstMatch(
        only(START, to="t"),
        FunctionRouter(lambda _: None, group=lambda _: "first"),
        FunctionRouter(lambda _: None, group=lambda _: "second"),
    )
    expected = "first"

    assert isinstance(router, GroupingRouter)
    assert expected == router.group(Batch())


def test_it_groups_only_if_one_of_them_does() -> None:
    """
    Without a grouping router the walk asks it for no groups.
    """
    router = FirstMatch(only(START, to="t"))

    assert not isinstance(router, GroupingRouter)
    assert isinstance(router, LearningRouter)


def test_it_previews_if_all_of_them_do() -> None:
    """
    One router that can only route makes a preview impossible.
    """
    whole = FirstMatch(only(START, to="first"), only(START, END, to="second"))
    expected = {START: Table(TableName("first")), END: Table(TableName("second"))}

    assert isinstance(whole, PreviewingRouter)
    assert expected == whole.preview({START: 1, END: 1}, at=AT)
    assert not isinstance(FirstMatch(whole, Teller()), PreviewingRouter)


def test_it_can_be_part_of_another() -> None:
    """
    Routers put together can be put together again.
    """
    inner = FirstMatch(only(START, to="inner"))
    expected = {START: Table(TableName("inner")), END: Table(TableName("outer"))}

    assert expected == FirstMatch(inner, only(END, to="outer")).route(
        {START: 1, END: 1}, at=AT
    )


def test_no_routers_are_refused() -> None:
    """
    There is no router without a router.
    """
    with pytest.raises(ConfigurationError, match="at least one router"):
        FirstMatch()


def test_the_repr_names_the_routers() -> None:
    """
    A person sees who is asked, in order.
    """
    router = FirstMatch(FunctionRouter(str), FunctionRouter(repr))
    expected = f"FirstMatch(FunctionRouter({str!r}), FunctionRouter({repr!r}))"

    assert expected == repr(router)
