"""
What comes late of whom was erased.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from databricks_forwarder._suppression import Suppressions
from databricks_forwarder.erasure import Erasure, ErasureNote, Suppression
from databricks_forwarder.model import Table, TableName
from databricks_forwarder.mparticle.decode import decode
from databricks_forwarder.mparticle.person import Person

NOON = datetime(2026, 3, 14, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
ANN = Person.of([7], {})
T = Table(TableName("t"))


def note(before: datetime | None, salt: str = "salt") -> ErasureNote:
    """
    Keep that Ann was erased.
    """
    return ErasureNote(
        erasure=Erasure(request_id="r", subject="s", begun_at=NOON),
        suppression=Suppression(salt=salt, marks=ANN.marks(salt), before=before),
    )


def ms(at: datetime) -> int:
    """
    Count the milliseconds since 1970.
    """
    return round(at.timestamp() * 1000)


def spared(
    suppressions: Suppressions, received_at: datetime, *events: Any, **members: Any
) -> list[Table | None]:
    """
    Route a batch of Ann's, unless said otherwise, to one table.
    """
    document = {"mpid": 7, "events": list(events), **members}
    decoded = decode(json.dumps(document).encode())
    tables = [T] * max(1, len(events))
    return list(suppressions.spared(decoded, received_at, tables))


def event(at: object) -> dict[str, Any]:
    """
    Make an event of that moment.
    """
    return {"event_type": "screen_view", "data": {"timestamp_unixtime_ms": at}}


def test_events_of_before_are_dropped_one_by_one() -> None:
    """
    Of one batch the events of before go, those of the moment or later stay.
    """
    known = Suppressions.of([note(NOON)])
    events = [event(ms(NOON) + each) for each in (-1, 0, 1)]

    assert [None, T, T] == spared(known, NOON + HOUR, *events)


@pytest.mark.parametrize(
    ("members", "received_at", "expected"),
    [
        ({"timestamp_unixtime_ms": ms(NOON - HOUR)}, NOON + HOUR, None),
        ({"timestamp_unixtime_ms": ms(NOON + HOUR)}, NOON - HOUR, T),
        ({}, NOON - HOUR, None),
        ({}, NOON + HOUR, T),
        ({"timestamp_unixtime_ms": "never"}, NOON - HOUR, None),
        ({"timestamp_unixtime_ms": 10**15}, NOON - HOUR, None),
    ],
)
@pytest.mark.parametrize("events", [[], [{"event_type": "first_run"}], [event(None)]])
def test_an_event_without_a_moment_has_its_batchs(
    events: list[Any],
    members: dict[str, Any],
    received_at: datetime,
    expected: Table | None,
) -> None:
    """
    The batch's moment counts for it, else when it was received, as in the table.
    """
    known = Suppressions.of([note(NOON)])

    assert [expected] == spared(known, received_at, *events, **members)


def test_others_and_late_events_that_are_wanted_are_loaded() -> None:
    """
    Nobody else is suppressed, nor who was erased with late events to be loaded.
    """
    old = event(ms(NOON - HOUR))

    assert [T] == spared(Suppressions.of([note(NOON)]), NOON, old, mpid=8)
    assert [T] == spared(Suppressions.of([note(None)]), NOON, old)


def test_the_latest_of_several_erasures_counts() -> None:
    """
    Who was erased twice is suppressed up to the second time, whatever the key.
    """
    notes = [note(NOON + HOUR), note(NOON), note(NOON - HOUR, "other")]
    known = Suppressions.of(notes)

    assert [None] == spared(known, NOON, event(ms(NOON) + 1))
