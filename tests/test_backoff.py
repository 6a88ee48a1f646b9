"""
What a failed step leads to.
"""

from __future__ import annotations

import pytest

from databricks_forwarder._backoff import (
    MAX_ATTEMPTS,
    MAX_TABLE_ATTEMPTS,
    gives_up,
    pause_seconds,
    sentence,
    table_gives_up,
)
from databricks_forwarder.errors import (
    BatcherError,
    BatcherFullError,
    DecodeError,
    PermanentError,
    RouteError,
    SchemaError,
    SetupError,
    TransientError,
)


@pytest.mark.parametrize("error", [PermanentError("x"), SchemaError("x")])
def test_what_never_succeeds_is_parked_at_once(error: Exception) -> None:
    """
    A permanent error parks on the first try.
    """
    assert gives_up(error, 1)
    assert table_gives_up(error, 1, others_load=False)


@pytest.mark.parametrize(
    "error",
    [TransientError("x"), SetupError("x"), BatcherError("x"), BatcherFullError("x")],
)
def test_what_may_pass_is_tried_for_ever(error: Exception) -> None:
    """
    A load is not parked for what may pass, or what a person must mend.
    """
    assert not gives_up(error, 1_000_000)


@pytest.mark.parametrize(
    "error", [RouteError("x"), DecodeError("x"), ZeroDivisionError(), OSError()]
)
def test_what_no_class_foresees_is_parked_after_five_tries(error: Exception) -> None:
    """
    A router that raises, and any other surprise, parks on the fifth try.
    """
    assert not gives_up(error, MAX_ATTEMPTS - 1)
    assert gives_up(error, MAX_ATTEMPTS)
    assert 5 == MAX_ATTEMPTS


def test_a_table_gives_way_to_others_after_ten_tries() -> None:
    """
    A table that keeps failing is parked on the tenth try, if others load.
    """
    error = TransientError("x")

    assert not table_gives_up(error, MAX_TABLE_ATTEMPTS - 1, others_load=True)
    assert table_gives_up(error, MAX_TABLE_ATTEMPTS, others_load=True)
    assert not table_gives_up(error, 1_000_000, others_load=False)
    assert 10 == MAX_TABLE_ATTEMPTS


def test_a_table_that_a_person_must_mend_is_tried_for_ever() -> None:
    """
    A table is not parked for a missing privilege.
    """
    assert not table_gives_up(SetupError("x"), 1_000_000, others_load=True)


@pytest.mark.parametrize(
    ("error", "pauses"),
    [
        (TransientError("x"), [1, 2, 4, 8, 16, 32, 64, 120, 120]),
        (ValueError("x"), [1, 2, 4, 8, 16, 32, 64, 120, 120]),
        (SetupError("x"), [30, 60, 120, 240, 480, 600, 600]),
    ],
)
def test_pauses_double_up_to_a_limit(error: Exception, pauses: list[float]) -> None:
    """
    Pauses double from failure to failure, and chance takes half at most.
    """
    failures = range(1, len(pauses) + 1)

    assert pauses == [pause_seconds(error, each, jitter=1.0) for each in failures]
    assert [each / 2 for each in pauses] == [
        pause_seconds(error, each, jitter=0.0) for each in failures
    ]


def test_a_million_failures_have_a_pause() -> None:
    """
    The pause after any number of failures is a number.
    """
    assert 120.0 == pause_seconds(TransientError("x"), 1_000_000, jitter=1.0)


def test_an_error_of_the_library_is_told_in_its_words() -> None:
    """
    The library's own sentences are told, of others' errors the class alone.
    """
    assert "the router raised KeyError" == sentence(
        RouteError("the router raised KeyError")
    )
    assert "KeyError" == sentence(KeyError("secret-payload"))
