"""
The makers of batches that are shipped for tests.
"""

from __future__ import annotations

import json

from databricks_forwarder.mparticle.decode import decode
from databricks_forwarder.testing.payloads import (
    make_batch,
    make_event,
    make_payload,
    sample_batches,
    sample_paths,
)


def test_event_is_a_custom_event_with_a_name() -> None:
    """
    An event that nothing is said of has all that routing looks at.
    """
    event = make_event()

    assert {
        "event_type": "custom_event",
        "data": {
            "timestamp_unixtime_ms": 1_764_547_200_000,
            "event_name": "Search",
            "custom_event_type": "search",
        },
    } == event


def test_event_has_the_members_that_are_asked_for() -> None:
    """
    Members of its data are added, or take the place of the usual ones.
    """
    event = make_event("screen_view", screen_name="Home", timestamp_unixtime_ms=5)

    assert {"timestamp_unixtime_ms": 5, "screen_name": "Home"} == event["data"]


def test_batch_has_the_members_that_are_asked_for() -> None:
    """
    Members are added, or take the place of the usual ones.
    """
    batch = make_batch(environment="development", sdk_version="1")

    assert ("development", "1") == (batch["environment"], batch["sdk_version"])
    assert [make_event()] == batch["events"]


def test_batches_share_nothing() -> None:
    """
    Changing one batch changes no other.
    """
    batch = make_batch()
    batch["events"].clear()
    batch["user_identities"].clear()

    assert make_batch() != batch
    assert [make_event()] == make_batch()["events"]


def test_payload_is_the_batch_as_json() -> None:
    """
    A payload holds the batch that the same members make.
    """
    payload = make_payload(make_event("first_run"), ip="192.0.2.7")
    batch = make_batch(events=[make_event("first_run")], ip="192.0.2.7")

    assert batch == json.loads(payload)


def test_payload_has_one_event_unless_said_otherwise() -> None:
    """
    A payload is of one plain event, and of none if it is said.
    """
    counts = [
        len(decode(made).events) for made in (make_payload(), make_payload(events=[]))
    ]

    assert [1, 0] == counts


def test_usual_payload_has_nothing_odd() -> None:
    """
    Nothing of what the makers make is rescued.
    """
    decoded = decode(make_payload(make_event(), make_event("session_end")))

    assert [None] * 3 == [decoded.rescued, *(each.rescued for each in decoded.events)]


def test_each_sample_is_read_batch_by_batch() -> None:
    """
    All sample files together hold 421 batches, each of which can be submitted.
    """
    counts = {path.name: len(list(sample_batches(path))) for path in sample_paths()}

    assert (421, 1) == (sum(counts.values()), counts["single.json"])
