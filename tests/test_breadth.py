"""
Many calls of one kind go side by side, and end as the caller says.
"""

from __future__ import annotations

import threading
from contextlib import closing
from functools import partial

import pytest

from databricks_forwarder._breadth import side_by_side

SECONDS = 60.0
NAME = "databricks-forwarder"


def nothing() -> None:
    """
    Beat without effect.
    """


def test_one_at_a_time_needs_no_thread() -> None:
    """
    With a breadth of 1 every call is made by the caller's thread, in order.
    """
    calls: list[tuple[int, int]] = []
    done = side_by_side(
        lambda item: calls.append((item, threading.get_ident())),
        [1, 2, 3],
        breadth=1,
        beat=nothing,
        beat_seconds=SECONDS,
    )
    items = [item for item, _ in done]

    assert ([1, 2, 3], [(item, threading.get_ident()) for item in items]) == (
        items,
        calls,
    )


def test_calls_are_under_way_together() -> None:
    """
    Calls that wait for one another all come through.
    """
    together = threading.Barrier(4)
    done = side_by_side(
        lambda _: together.wait(SECONDS),
        range(4),
        breadth=4,
        beat=nothing,
        beat_seconds=SECONDS,
    )

    assert {0, 1, 2, 3} == {call.result() for _, call in done}


def test_no_more_calls_than_the_breadth_at_once() -> None:
    """
    Of many calls no more than the breadth are under way at any time.
    """
    changing = threading.Lock()
    under_way: set[int] = set()
    most = 0

    def call(item: int) -> None:
        nonlocal most
        with changing:
            under_way.add(item)
            most = max(most, len(under_way))
        with changing:
            under_way.remove(item)

    list(side_by_side(call, range(100), breadth=3, beat=nothing, beat_seconds=SECONDS))

    assert 1 <= most <= 3


@pytest.mark.parametrize("breadth", [1, 4])
def test_each_call_fails_alone(breadth: int) -> None:
    """
    What a call raises comes out of its own result; the others have theirs.
    """
    done = side_by_side(
        lambda item: 6 // item,
        [1, 0, 2],
        breadth=breadth,
        beat=nothing,
        beat_seconds=SECONDS,
    )
    outcomes = {item: call.exception() or call.result() for item, call in done}

    assert (6, ZeroDivisionError, 3) == (outcomes[1], type(outcomes[0]), outcomes[2])


@pytest.mark.parametrize("breadth", [1, 2])
def test_who_stops_asking_has_no_more_calls_begun(breadth: int) -> None:
    """
    After the caller has stopped, what was not begun is never called.
    """
    calls: list[int] = []
    with closing(
        side_by_side(
            calls.append, range(50), breadth=breadth, beat=nothing, beat_seconds=SECONDS
        )
    ) as done:
        next(done)
    made = len(calls)

    assert (True, made) == (made < 50 or breadth > 1, len(calls))


@pytest.mark.parametrize("breadth", [1, 2])
def test_beats_go_on_while_calls_are_under_way(breadth: int) -> None:
    """
    The beat comes in the caller's thread, also while nothing is done yet.
    """
    beats: list[int] = []
    enough = threading.Event()

    def beat() -> None:
        beats.append(threading.get_ident())
        if len(beats) == 3:
            enough.set()

    calls = [partial(enough.wait, SECONDS if breadth > 1 else 0.0) for _ in range(3)]
    list(
        side_by_side(
            lambda call: call(), calls, breadth=breadth, beat=beat, beat_seconds=0.001
        )
    )

    assert ({threading.get_ident()}, True) == (set(beats), len(beats) >= 3)


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("where", ["beat", "caller"])
def test_an_interrupt_waits_for_no_call(
    interrupt: type[BaseException], where: str
) -> None:
    """
    Who wants to end while calls are stuck is not held up, nor is the process.
    """
    stuck = threading.Event()
    begun = threading.Event()

    def call(item: int) -> None:
        if item:
            begun.set()
            stuck.wait(SECONDS)

    def beat() -> None:
        begun.wait(SECONDS)
        if where == "beat":
            raise interrupt

    done = side_by_side(call, range(2), breadth=2, beat=beat, beat_seconds=0.001)

    def ask() -> None:
        with closing(done):
            next(done)
            raise interrupt

    with pytest.raises(interrupt):
        ask()
    held = [each for each in threading.enumerate() if each.name == NAME]

    assert (True, [True]) == (bool(held), list({each.daemon for each in held}))

    stuck.set()
    for each in held:
        each.join()


def test_an_error_of_the_caller_waits_for_the_calls() -> None:
    """
    Who fails between two calls has those under way waited for.
    """
    over: list[int] = []
    may_end = threading.Event()

    def call(item: int) -> None:
        if item:
            may_end.wait(SECONDS)
        over.append(item)

    done = side_by_side(call, range(2), breadth=2, beat=nothing, beat_seconds=0.001)

    def ask() -> None:
        with closing(done):
            next(done)
            threading.Timer(0.01, may_end.set).start()
            raise LookupError

    with pytest.raises(LookupError):
        ask()

    assert [0, 1] == over
