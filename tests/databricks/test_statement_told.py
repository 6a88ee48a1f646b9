"""
What is told of statements, and to whom.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from databricks_forwarder._databricks._statement_told import operation, statement_told
from databricks_forwarder._databricks.statements import Name, SelectOne, remark
from databricks_forwarder._listening import listener, listening
from databricks_forwarder.errors import TransientError
from databricks_forwarder.testing.clock import FakeClock

SESSION: Any = SimpleNamespace(statement_id="01ef")


class Ears:
    """
    Keeps what it hears.
    """

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def statement_ran(self, *what: Any) -> None:
        """
        Keep it.
        """
        self.heard.append(what)

    def awaited(self, message: str) -> None:
        """
        Keep it.
        """
        self.heard.append(message)

    def started(self, seconds: float) -> None:
        """
        Keep it.
        """
        self.heard.append(seconds)


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        (SelectOne().to_sql(), "SELECT"),
        (f"COPY INTO {Name('main', 's', 'a')}\nFROM 'x'", "COPY INTO"),
        (f"{remark('0123456789ab-0-9')}\nCOPY INTO `t`\nFROM 'x'", "COPY INTO"),
        ("CREATE TABLE `a */ b` (\n  `c` INT\n)", "CREATE TABLE"),
    ],
)
def test_a_statement_is_named_by_its_first_words(sql: str, name: str) -> None:
    """
    The remark before it, and names in it, are no part of that.
    """
    assert name == operation(sql)


def test_a_statement_is_told_to_who_listens(clock: FakeClock) -> None:
    """
    Its id is told as it is at the end, and how long it took.
    """
    ears = Ears()
    session: Any = SimpleNamespace(statement_id=None)
    with listening(ears), statement_told("SELECT 1", session, clock):
        clock.advance(seconds=3)
        session.statement_id = "01ef"

    assert [("SELECT", "01ef", 3.0, None)] == ears.heard


def test_a_statement_that_fails_is_told_with_its_error(clock: FakeClock) -> None:
    """
    The error goes on to who ran the statement.
    """
    ears, error = Ears(), TransientError("busy")
    with (
        pytest.raises(TransientError, match="busy"),
        listening(ears),
        statement_told("SELECT 1", SESSION, clock),
    ):
        raise error

    assert [("SELECT", "01ef", 0.0, error)] == ears.heard


def test_without_a_listener_nobody_is_told(clock: FakeClock) -> None:
    """
    Statements run where nobody listens, too, and after who listened left.
    """
    ears = Ears()
    with listening(ears):
        assert ears is listener()
    with statement_told("SELECT 1", SESSION, clock):
        assert listener() is None

    assert [] == ears.heard
