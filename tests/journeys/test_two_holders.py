"""
Two forwarders on one spool: one carries, the other stands by.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from walking import (
    COMPOSITIONS,
    Composition,
    batch,
    custom,
    event_ids,
    lake_tables,
    sizes,
)

from databricks_forwarder import Forwarder
from databricks_forwarder.errors import LeaseLostError, TransientError
from databricks_forwarder.model import Account
from databricks_forwarder.testing.faults import Fail, faulty


@pytest.fixture(params=COMPOSITIONS)
def composition(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """
    A composition that several forwarders share.
    """
    composition = request.param(tmp_path)
    yield composition
    composition.die()


def with_a_load_out(composition: Composition) -> Forwarder:
    """
    Make a forwarder whose load has failed once, and is still its own.
    """

    def wrap(name: str, part: Any) -> Any:
        fault = Fail(method="load", error=TransientError("busy"))
        return faulty(part, fault) if name == "loader" else part

    forwarder = composition.forwarder(wrap=wrap)
    forwarder.submit(batch(custom("A", 1), custom("A", 2), custom("A", 3)))
    with pytest.raises(TransientError):
        forwarder.flush()
    return forwarder


def test_only_one_carries(composition: Composition) -> None:
    """
    While one forwarder has a load out, the other takes payloads and carries none.
    """
    first = with_a_load_out(composition)
    with composition.forwarder() as second:
        second.submit(batch(custom("A", 4)))

        assert second.tick() is None
        assert [] == list(second.flush())
        assert Account(received=4, pending=4) == second.status().account

        first.flush()

        assert Account(received=4, loaded=4) == second.status().account
    first.close()

    assert Counter([1, 2, 3, 4]) == event_ids(composition.tables())


def test_the_other_takes_over_when_the_first_is_closed(
    composition: Composition,
) -> None:
    """
    A load of a forwarder that was closed goes on elsewhere, under its name.
    """
    first = with_a_load_out(composition)
    (load_id,) = first.status().open_load_ids
    with composition.forwarder() as second:
        assert [] == list(second.flush())

        first.close()
        (report,) = second.flush()

        assert (load_id, 2) == (report.load_id, report.attempt)
    assert {"event_navigation_a": 3} == sizes(composition.tables())


def test_the_other_takes_over_when_the_lease_is_over(
    composition: Composition,
) -> None:
    """
    A holder that hangs loses its load in time, and then changes nothing.
    """
    first = with_a_load_out(composition)
    with composition.forwarder() as second:
        composition.clock.advance(seconds=901)
        second.flush()

        assert Account(received=3, loaded=3) == second.status().account

        second.submit(batch(custom("A", 4)))

        assert 1 == len(first.flush())
    first.close()

    assert Counter([1, 2, 3, 4]) == event_ids(composition.tables())


def test_a_holder_that_wakes_too_late_changes_nothing(
    composition: Composition,
) -> None:
    """
    A load that was taken over in the middle of a step ends once.
    """
    other = composition.forwarder()

    def wrap(name: str, part: Any) -> Any:
        if name == "loader":
            load = part.load

            def overtaken(*args: Any) -> Any:
                composition.clock.advance(seconds=901)
                other.flush()
                return load(*args)

            part.load = overtaken
        return part

    with composition.forwarder(wrap=wrap) as late:
        late.submit(batch(custom("A", 1), custom("A", 2), custom("A", 3)))
        with pytest.raises(LeaseLostError):
            late.flush()
    other.close()

    assert Counter([1, 2, 3]) == event_ids(composition.tables())


def test_two_lakes_of_one_spool_exclude_each_other(tmp_path: Path) -> None:
    """
    Two forwarders for a lake on one spool file carry each event once.
    """
    lake, spool = tmp_path / "lake", tmp_path / "spool.db"
    with Forwarder.for_lake(lake, spool=spool) as first:
        first.submit(batch(custom("A", 1)))
        first._batcher.lease(first._policy, at=first._clock.now(), seal=True)
        with Forwarder.for_lake(lake, spool=spool) as second:
            second.submit(batch(custom("A", 2)))

            assert [] == list(second.flush())

            first.close()

            assert 2 == len(second.flush())
    assert {"mparticle_otherevents": 2} == sizes(lake_tables(lake))
