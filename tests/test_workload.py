"""
The stream of batches that is measured with.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from databricks_forwarder.mparticle.decode import decode
from databricks_forwarder.mparticle.keys import KeyMaker
from databricks_forwarder.testing.workload import workload


def events_of(batch_count: int, **options: Any) -> list[dict[str, Any]]:
    """
    The events of some batches.
    """
    batches = map(json.loads, workload(batch_count, **options))
    return [event for batch in batches for event in batch["events"]]


def test_the_same_arguments_give_the_same_bytes() -> None:
    """
    Two streams of the same arguments are equal, byte for byte.
    """
    assert list(workload(20)) == list(workload(20))
    assert list(workload(5, seed=7)) == list(workload(5, seed=7))


def test_a_longer_stream_begins_like_a_shorter_one() -> None:
    """
    How many batches are asked for changes none of those before.
    """
    assert list(workload(5)) == list(workload(9))[:5]


def test_another_seed_gives_other_people() -> None:
    """
    Streams of different seeds have no batch in common.
    """
    assert set() == set(workload(20)) & set(workload(20, seed=1))


@pytest.mark.parametrize("count", [0, 1, 7])
def test_as_many_batches_come_as_were_asked_for(count: int) -> None:
    """
    The stream has the batches that were asked for.
    """
    assert count == len(list(workload(count)))


def test_batches_are_compact_json_without_oddities() -> None:
    """
    A payload is compact UTF-8 JSON, of which nothing has to be rescued.
    """
    for payload in workload(20):
        compact = json.dumps(
            json.loads(payload), ensure_ascii=False, separators=(",", ":")
        )
        decoded = decode(payload)
        rescued = [decoded.rescued, *(event.rescued for event in decoded.events)]

        assert compact.encode() == payload
        assert {None} == set(rescued)


def test_a_batch_has_five_events_on_average() -> None:
    """
    Batches have one to nine events, five on average.
    """
    counts = [len(json.loads(payload)["events"]) for payload in workload(400)]

    assert (1, 9) == (min(counts), max(counts))
    assert 4.5 < sum(counts) / len(counts) < 5.5


def test_an_event_takes_about_875_bytes() -> None:
    """
    The stream has about 875 bytes for each of its events.
    """
    payloads = list(workload(400))
    events = sum(len(json.loads(payload)["events"]) for payload in payloads)

    assert 800 < sum(map(len, payloads)) / events < 950


def test_one_event_in_ten_is_a_commerce_event() -> None:
    """
    A tenth of the events are commerce events of one to three products.
    """
    events = events_of(400)
    commerce = [each["data"] for each in events if "product_action" in each["data"]]
    products = [each["product_action"]["products"] for each in commerce]

    assert 0.07 < len(commerce) / len(events) < 0.13
    assert {1, 2, 3} == set(map(len, products))


def test_names_are_the_rarer_the_higher_their_rank() -> None:
    """
    The frequency of an event's name falls as one over its rank.
    """
    names = Counter(
        each["data"]["event_name"]
        for each in events_of(800)
        if each["event_type"] == "custom_event"
    )

    assert "Event Name 0000" == names.most_common(1)[0][0]
    assert 1.6 < names["Event Name 0000"] / names["Event Name 0001"] < 2.5
    assert len(names) <= 60


def test_the_number_of_names_can_be_chosen() -> None:
    """
    Custom events have as many names as were asked for.
    """
    names = {
        each["data"].get("event_name") for each in events_of(60, event_name_count=2)
    }

    assert {"Event Name 0000", "Event Name 0001", None} == names


def test_a_name_has_one_custom_type() -> None:
    """
    Each event name comes with one custom type, so that it is one kind.
    """
    maker = KeyMaker()
    keys = {key for payload in workload(200) for key in maker.glance(payload)}
    custom = [key for key in keys if key.event_type == "custom_event"]

    assert len(custom) == len({key.event_name for key in custom})


def test_people_are_invented() -> None:
    """
    Addresses are of domains and networks that are kept for examples.
    """
    for payload in workload(20):
        batch = json.loads(payload)

        assert batch["user_identities"]["email"].endswith("@example.com")
        assert batch["ip"].startswith("192.0.2.")
