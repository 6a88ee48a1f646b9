"""
A function as a router.
"""

from __future__ import annotations

from datetime import datetime, timezone
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from databricks_forwarder.abilities import GroupingRouter, LearningRouter
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.model import EventKey, Table, TableName
from databricks_forwarder.mparticle.batch import Batch
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.testing.contracts.router import RouterContract

if TYPE_CHECKING:
    from databricks_forwarder.routers.function import Answer

AT = datetime(2026, 3, 31, 12, tzinfo=timezone.utc)
START = EventKey("session_start")
END = EventKey("session_end")


class TestFunctionRouter(RouterContract):
    """
    With a function that makes a name of the whole key.
    """

    def make(self) -> FunctionRouter:
        """
        Make it anew; it has no memory.
        """
        return FunctionRouter(lambda key: sha256(repr(key).encode()).hexdigest())


def answered(answer: Any) -> Table | None:
    """
    Route one key with a function that returns *answer*.
    """
    return FunctionRouter(lambda _: answer).route({START: 1}, at=AT)[START]


@pytest.mark.parametrize(
    ("answer", "table"),
    [
        ("Sessions", Table(TableName("sessions"))),
        (Table(TableName("plain")), Table(TableName("plain"))),
        (
            Table(TableName("Own"), "session_start"),
            Table(TableName("own"), "session_start"),
        ),
        (FunctionRouter.DROP, None),
    ],
)
def test_an_answer_is_a_table(answer: Answer, table: Table | None) -> None:
    """
    A name is a table with all columns, a table is itself, DROP is to drop.
    """
    actual = answered(answer)

    assert table == actual


def test_none_leaves_the_key_out() -> None:
    """
    A key that the function has no answer for is the next router's.
    """
    router = FunctionRouter(lambda key: "t" if key == START else None)
    expected = {START: Table(TableName("t"))}

    assert expected == router.route({START: 1, END: 1}, at=AT)


@pytest.mark.parametrize(
    "answer", ["", "a b", "a.b", "a" * 256, 7, Table(TableName("a/b"))]
)
def test_an_illegal_name_is_refused(answer: object) -> None:
    """
    A name that the catalog would refuse is refused before anything is staged.
    """
    with pytest.raises(ConfigurationError, match="table"):
        answered(answer)


def test_an_exception_comes_out_as_it_is() -> None:
    """
    What the function raises is not covered up.
    """
    table_by_type: dict[str | None, str] = {}
    router = FunctionRouter(lambda key: table_by_type[key.event_type])

    with pytest.raises(KeyError, match="session_start"):
        router.route({START: 1}, at=AT)


def test_a_group_makes_it_a_grouping_router() -> None:
    """
    With a function for groups it names them.
    """
    router = FunctionRouter(
        lambda key: f"tenant_{key.group}", group=lambda batch: str(batch.mpid)
    )
    expected = "7"

    assert isinstance(router, GroupingRouter)
    assert expected == router.group(Batch(mpid=7))


def test_without_a_group_it_is_no_grouping_router() -> None:
    """
    Without one the walk asks it for no groups, and tells it of no loads.
    """
    router = FunctionRouter(lambda _: None)

    assert not isinstance(router, GroupingRouter)
    assert not isinstance(router, LearningRouter)


def test_the_repr_names_the_function() -> None:
    """
    A person sees which function it is.
    """
    expected = f"FunctionRouter({str!r})"

    assert expected == repr(FunctionRouter(str))
