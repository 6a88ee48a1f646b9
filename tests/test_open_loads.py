"""
Open loads: what is told of them, from the notes that their batcher keeps.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from databricks_forwarder import UploadPolicy
from databricks_forwarder._open_loads import OpenLoad, open_loads
from databricks_forwarder.batchers.memory import MemoryBatcher
from databricks_forwarder.errors import BatcherError, PermanentError, TransientError
from databricks_forwarder.model import Payload
from databricks_forwarder.testing import MemoryForwarder
from databricks_forwarder.testing.faults import Fail

SECRET = "secret-of-a-host"
BEGUN_AT = datetime(2026, 1, 1, tzinfo=timezone.utc)


def failing(forwarder: MemoryForwarder, *faults: tuple[str, Fail]) -> None:
    """
    Try to carry what waits, with a part that fails.
    """
    for part, fault in faults:
        forwarder.fail(part, fault)  # type: ignore[arg-type]
        with pytest.raises(type(fault.error)):  # type: ignore[arg-type]
            forwarder.flush()
        forwarder.clock.advance(minutes=1)


def told(forwarder: MemoryForwarder) -> OpenLoad:
    """
    What is told of the one open load.
    """
    (load,) = open_loads(forwarder._batcher, forwarder._batcher.status())
    return load


@pytest.mark.parametrize(
    ("part", "method"),
    [
        ("stager", "stage"),
        ("loader", "prepare"),
        ("loader", "load"),
        ("router", "route"),
    ],
)
def test_tries_that_fail_are_counted_with_the_last_error(
    part: str, method: str
) -> None:
    """
    Wherever the destination is away, tries, since when and why are told.
    """
    away, gone = (Fail(method=method, error=TransientError(it)) for it in ("a", "b"))
    with MemoryForwarder() as forwarder:
        forwarder.submit_many([b"{}", b"{}"])
        failing(forwarder, (part, away), (part, gone))
        load = told(forwarder)

    assert (2, 2, "TransientError: b") == (load.pending, load.failures, load.last_error)
    assert load.oldest_received_at is not None
    assert load.failed_at is not None
    assert load.begun_at is not None
    assert timedelta(minutes=1) == load.failed_at - load.begun_at


def test_of_an_error_of_others_the_class_alone_is_told() -> None:
    """
    The text of an error that is not this library's may hold a host's data.
    """
    with MemoryForwarder() as forwarder:
        forwarder.submit(b"{}")
        failing(forwarder, ("stager", Fail(method="stage", error=ValueError(SECRET))))
        load = told(forwarder)
        notes = forwarder._batcher.notes(load.load_id)  # type: ignore[attr-defined]

    assert "ValueError" == load.last_error
    assert SECRET not in repr(notes)


def test_a_batcher_that_fails_is_asked_for_no_note() -> None:
    """
    Where the spool itself fails nothing more is written into it.
    """
    with MemoryForwarder() as forwarder:
        forwarder.submit(b"{}")
        failing(forwarder, ("batcher", Fail(method="commit", error=BatcherError("no"))))

        assert 0 == told(forwarder).failures


def test_an_error_of_a_note_takes_no_errors_place() -> None:
    """
    The host gets what the try failed with, though that can't be noted.
    """
    away = Fail(method="stage", error=TransientError("away"))
    with MemoryForwarder() as forwarder:
        forwarder.submit(b"{}")
        forwarder.fail("batcher", Fail(method="note", nth=2, error=BatcherError("no")))
        failing(forwarder, ("stager", away))

        assert 0 == told(forwarder).failures


def test_a_load_that_is_carried_on_has_not_failed() -> None:
    """
    What it failed with before it was parked is no failure of today.
    """
    with MemoryForwarder() as forwarder:
        forwarder.submit(b"{}")
        failing(forwarder, ("loader", Fail(method="load", error=TransientError("a"))))
        forwarder.fail("loader", Fail(method="load", error=PermanentError("never")))
        (parked,) = forwarder.flush()
        forwarder.carry_on(parked.load_id)

        load = told(forwarder)

        assert parked.is_parked
        assert (0, None) == (load.failures, load.last_error)
        assert parked.oldest_received_at == load.oldest_received_at
        assert 1 == load.pending


def test_of_a_load_that_has_told_nothing_the_messages_are_counted() -> None:
    """
    What is pending and neither waits nor is elsewhere is in it.
    """
    batcher = MemoryBatcher()
    batcher.append([Payload(b"{}", 1), Payload(b"{}", 4)], at=BEGUN_AT)
    lease = batcher.lease(UploadPolicy(), at=BEGUN_AT, seal=True)
    batcher.append([Payload(b"{}", 2)], at=BEGUN_AT)

    assert lease is not None
    assert [OpenLoad(load_id=lease.load_id, pending=5)] == open_loads(
        batcher, batcher.status()
    )


def test_of_several_that_told_nothing_the_messages_are_not_known() -> None:
    """
    Which of them has how many is not guessed.
    """
    with MemoryForwarder() as forwarder:
        for _ in range(2):
            forwarder.submit(b"{}")
            forwarder.fail("loader", Fail(method="load", error=PermanentError("x")))
            forwarder.flush()
        for report in forwarder.parked():
            forwarder.carry_on(report.load_id)
        batcher: Any = forwarder._batcher

        assert [None, None] == [
            load.pending for load in open_loads(batcher, batcher.status())
        ]
