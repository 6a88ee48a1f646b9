"""
Payloads that break whatever reads them: each dies alone, and the line goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from walking import COMPOSITIONS, Composition, batch, custom, event_ids

from databricks_forwarder import _chunks
from databricks_forwarder.model import Account, Payload
from databricks_forwarder.mparticle import decode, keys
from databricks_forwarder.mparticle.batch import Batch
from databricks_forwarder.routers.function import FunctionRouter

POISON = b"poison"


@pytest.fixture(name="place", params=COMPOSITIONS)
def _place(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """
    Give every kind of event a table of its own.
    """
    place = request.param(tmp_path, events_threshold=1)
    yield place
    place.die()


def submit(forwarder: Any, *names: str) -> None:
    """
    Submit a batch of one event for each name; its place is the event's id.
    """
    forwarder.submit_many(
        [batch(custom(name, number)) for number, name in enumerate(names)]
    )


def test_a_load_full_of_poison_is_done(place: Composition) -> None:
    """
    A thousand payloads of which none can be read are a thousand dead letters.
    """
    with place.forwarder() as forwarder:
        at = place.clock.now()
        forwarder._batcher.append([Payload(b"no batch", 1)] * 1_000, at=at)
        submit(forwarder, "good")
        (report,) = forwarder.flush()
        reasons = {letter.reason for letter in forwarder.dead_letters()}

        assert Account(received=1_001, loaded=1, dead=1_000) == report.account
        assert all(reason.startswith("not JSON") for reason in reasons)
        assert forwarder.reconcile().agrees


@pytest.mark.parametrize("error", [KeyError, RecursionError, SystemError, ValueError])
def test_a_payload_that_breaks_the_decoder_dies_alone(
    error: type[Exception], place: Composition, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Whatever is raised, where nobody foresaw it, its neighbours are loaded.
    """

    def broken(read: Callable[..., Any]) -> Callable[..., Any]:
        def reading(*arguments: Any) -> Any:
            if any(POISON in each for each in arguments if isinstance(each, bytes)):
                raise error("a payload's own text")
            return read(*arguments)

        return reading

    monkeypatch.setattr(_chunks, "decode", broken(decode.decode))
    monkeypatch.setattr(keys.KeyMaker, "glance", broken(keys.KeyMaker.glance))
    with place.forwarder() as forwarder:
        submit(forwarder, "good", "poison", "good")
        (report,) = forwarder.flush()
        (letter,) = forwarder.dead_letters()

        assert Account(received=3, loaded=2, dead=1) == report.account
        assert (1, f"it can't be arranged in rows: {error.__name__}") == (
            letter.offset,
            letter.reason,
        )
        assert forwarder.reconcile().agrees
    assert {0: 1, 2: 1} == event_ids(place.tables())


@pytest.mark.parametrize("error", [KeyError, RecursionError, MemoryError])
def test_a_payload_on_which_group_raises_dies_alone(
    error: type[Exception], place: Composition
) -> None:
    """
    A router whose group breaks on one payload costs that payload only.
    """

    def group(read: Batch) -> str:
        if read.message_id == "poison":
            raise error
        return "t"

    router = FunctionRouter(lambda key: f"{key.group}_events", group=group)
    with place.forwarder(router=router) as forwarder:
        forwarder.submit(batch(custom("a", 0)))
        forwarder.submit(batch(custom("a", 1), message_id="poison"))
        forwarder.submit(batch(custom("a", 2)))
        (report,) = forwarder.flush()
        (letter,) = forwarder.dead_letters()

        assert Account(received=3, loaded=2, dead=1) == report.account
        assert f"the router's group raised {error.__name__}" == letter.reason
    assert {0: 1, 2: 1} == event_ids(place.tables())


def test_a_payload_too_large_to_read_holds_up_nobody_for_good(
    place: Composition, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A load that memory never suffices for is parked whole, and the next goes on.
    """
    read = decode.decode

    def starving(payload: bytes) -> Any:
        if POISON in payload:
            raise MemoryError
        return read(payload)

    monkeypatch.setattr(_chunks, "decode", starving)
    with place.forwarder() as forwarder:
        submit(forwarder, "good", "poison")
        for _ in range(4):
            with pytest.raises(MemoryError):
                forwarder.flush()
        submit(forwarder, "next")
        parked, report = forwarder.flush()

        assert ("MemoryError", Account(received=2, pending=2)) == (
            parked.reason,
            parked.account,
        )
        assert Account(received=1, loaded=1) == report.account
        assert forwarder.reconcile().agrees
