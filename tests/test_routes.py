"""
A router's answer, held to what the walk needs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

import pytest

from databricks_forwarder._routes import ask
from databricks_forwarder.errors import (
    ConfigurationError,
    ForwarderError,
    RouteError,
    SetupError,
    TransientError,
)
from databricks_forwarder.model import EventKey, Table, TableName

AT = datetime(2026, 1, 1, tzinfo=timezone.utc)
COMMON = Table(TableName("common"))
A = EventKey("custom_event", event_name="A")
B = EventKey("custom_event", event_name="B")
START = EventKey("session_start")
COUNTS = {A: 1, B: 2, START: 3}


def table(name: str, event_type: str | None = None) -> Table:
    """
    Make a table.
    """
    return Table(TableName(name), event_type)


class Answering:
    """
    A router that answers by a function.
    """

    def __init__(self, answer: Callable[[Mapping[EventKey, int]], Any]) -> None:
        self.answer = answer

    def route(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Table | None]:
        """
        Answer.
        """
        answer: Mapping[EventKey, Table | None] = self.answer(counts)
        return answer


def routes(answer: Any, counts: Mapping[EventKey, int] = COUNTS) -> Any:
    """
    Ask a router that gives *answer*.
    """
    return ask(Answering(lambda _: answer), counts, COMMON, at=AT)


def test_every_key_has_its_table() -> None:
    """
    The answer is taken as it is, None to drop included.
    """
    answer = {A: table("a", "custom_event"), B: None, START: table("s")}

    assert answer == routes(answer)


def test_no_keys_ask_nothing() -> None:
    """
    A load without keys has no routes, and its router is not asked.
    """
    assert {} == routes(None, {})


def test_a_key_left_out_goes_to_the_common_table(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    R1: what the router leaves out is in the common table, and reported.
    """
    with caplog.at_level(logging.WARNING, "databricks_forwarder"):
        found = routes({A: table("a")})

    assert {A: table("a"), B: COMMON, START: COMMON} == found
    assert ["router left 2 keys out: common table common"] == caplog.messages


def test_keys_nobody_asked_for_are_passed_over() -> None:
    """
    An answer may hold more keys than were asked.
    """
    assert {A: None} == routes({A: None, B: table("b")}, {A: 1})


def test_names_are_made_lower_case() -> None:
    """
    Two spellings that a catalog takes for one are one table.
    """
    found = routes({A: table("Mine"), B: table("MINE"), START: None})

    assert {table("mine")} == {found[A], found[B]}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({A: "custom_event", B: "custom_event"}, "custom_event"),
        ({A: "custom_event", START: "session_start"}, None),
        ({A: "session_start"}, None),
        ({A: None}, None),
        ({A: "custom_event", B: None}, None),
    ],
)
def test_a_table_has_the_columns_of_all_that_goes_there(
    said: dict[EventKey, str | None], expected: str | None
) -> None:
    """
    A table is of one event type only if all its keys are, and the router says so.
    """
    answer = {key: table("t", event_type) for key, event_type in said.items()}
    found = routes(answer, dict.fromkeys(said, 1))

    assert {table("t", expected)} == set(found.values())


@pytest.mark.parametrize(
    "answer",
    [
        {A: "a name"},
        {A: 5},
        5,
        None,
        {A: Table("")},
        {A: Table("a.b")},
        {A: Table("x" * 256)},
    ],  # type: ignore[arg-type]
    ids=["text", "number", "no mapping", "none", "empty", "dot", "too long"],
)
def test_an_answer_that_names_no_table_is_refused(answer: Any) -> None:
    """
    What can't be a table's name is a RouteError with its cause.
    """
    with pytest.raises(RouteError) as refusal:
        routes(answer)

    assert refusal.value.__cause__ is not None


def test_a_router_that_raises_is_named_with_its_cause() -> None:
    """
    R4: any exception of a router becomes a RouteError, without its text.
    """

    def broken(counts: Mapping[EventKey, int]) -> Any:
        raise KeyError("secret-payload")

    with pytest.raises(RouteError, match=r"^the router raised KeyError$") as refusal:
        ask(Answering(broken), COUNTS, COMMON, at=AT)

    assert isinstance(refusal.value.__cause__, KeyError)


@pytest.mark.parametrize("error", [TransientError("away"), SetupError("GRANT")])
def test_what_a_router_learns_from_may_be_away(error: ForwarderError) -> None:
    """
    An error whose fate is known keeps it: the load is tried again for ever.
    """

    def away(counts: Mapping[EventKey, int]) -> Any:
        raise error

    with pytest.raises(type(error)) as raised:
        ask(Answering(away), COUNTS, COMMON, at=AT)

    assert error is raised.value


def test_a_router_s_own_sentence_on_a_setting_is_kept() -> None:
    """
    A ConfigurationError of a router is a sentence for people.
    """

    def broken(counts: Mapping[EventKey, int]) -> Any:
        raise ConfigurationError("the name is odd")

    with pytest.raises(RouteError, match="can't be used: the name is odd"):
        ask(Answering(broken), COUNTS, COMMON, at=AT)


def test_a_table_says_its_event_type_as_text() -> None:
    """
    An answer that is no table, or one of another event type than text, is refused.
    """
    for answer in (Table(TableName("t"), 5), "t", 7):
        router = FunctionlessRouter(answer)
        with pytest.raises(RouteError, match="expected a Table with a name"):
            ask(router, {EventKey("custom_event"): 1}, Table(TableName("c")), at=AT)


class FunctionlessRouter:
    """
    Answers the same for every key.
    """

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def route(self, counts: Any, /, *, at: datetime) -> Any:
        """
        Give the one answer.
        """
        return dict.fromkeys(counts, self.answer)
