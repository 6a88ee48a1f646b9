"""
Threads that an event loop has its calls made in.
"""

from __future__ import annotations

import os
import threading
import warnings
import weakref
from queue import SimpleQueue

import pytest
from patience import PATIENCE_SECONDS

from databricks_forwarder._async_threads import Threads


def ours() -> set[threading.Thread]:
    """
    The threads that listen, or are in a call.
    """
    return {
        thread
        for thread in threading.enumerate()
        if thread.name == "databricks-forwarder-async"
    }


def test_a_call_has_the_answer_or_the_error() -> None:
    """
    What a call gives, or raises, comes out of its future.
    """
    threads = Threads()
    answer, error = threads.begin(lambda: 6 // 3), threads.begin(lambda: 6 // 0)

    assert 2 == answer.result(PATIENCE_SECONDS)
    assert isinstance(error.exception(PATIENCE_SECONDS), ZeroDivisionError)
    threads.end()


def test_no_call_waits_for_another() -> None:
    """
    Calls that need one another to go on are all made at once.
    """
    threads = Threads()
    together = threading.Barrier(10)
    calls = [
        threads.begin(lambda: together.wait(PATIENCE_SECONDS) >= 0) for _ in range(10)
    ]

    assert all(call.result(PATIENCE_SECONDS) for call in calls)
    threads.end()


def test_threads_end_when_they_are_not_needed() -> None:
    """
    After many calls at once few go on listening; told to end, they all end.
    """
    before = ours()
    threads = Threads()
    together = threading.Barrier(10)
    calls = [threads.begin(lambda: together.wait(PATIENCE_SECONDS)) for _ in range(10)]
    for call in calls:
        call.result(PATIENCE_SECONDS)
    threads.end()
    for thread in ours() - before:
        thread.join(PATIENCE_SECONDS)

    assert before >= ours()


def test_after_the_end_a_call_starts_threads_anew() -> None:
    """
    Who asks again is answered again.
    """
    threads = Threads()
    threads.end()
    threads.begin(int).result(PATIENCE_SECONDS)
    threads.end()

    assert 0 == threads.begin(int).result(PATIENCE_SECONDS)
    threads.end()


def test_threads_end_with_whom_they_work_for() -> None:
    """
    When nobody can ask any more, nobody listens.
    """
    before = ours()
    threads = Threads()
    threads.begin(int).result(PATIENCE_SECONDS)
    listening, gone = ours() - before, weakref.ref(threads)
    del threads
    for thread in listening:
        thread.join(PATIENCE_SECONDS)

    assert gone() is None
    assert listening
    assert not any(thread.is_alive() for thread in listening)


def test_a_call_for_which_there_is_no_thread_has_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Where no thread can begin, as at the interpreter's end, nothing raises at once.
    """

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    call = Threads().begin(list)

    assert isinstance(call.exception(0), RuntimeError)


def test_without_another_thread_calls_are_made_one_after_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    A system that has no thread left costs time, and no call.
    """
    threads = Threads()
    start, started = threading.Thread.start, []

    def start_one(thread: threading.Thread) -> None:
        started.append(thread)
        if len(started) > 1:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_one)
    calls = [threads.begin(threading.get_ident) for _ in range(3)]

    assert {started[0].ident} == {call.result(PATIENCE_SECONDS) for call in calls}
    threads.end()


def test_a_forked_child_starts_its_own() -> None:
    """
    A child has none of its parent's threads, and does not wait for them.
    """
    threads = Threads()
    threads.begin(int).result(PATIENCE_SECONDS)
    with warnings.catch_warnings():
        # Python warns of forking while other threads run; these do.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:  # pragma: no cover (another process)
        os._exit(threads.begin(lambda: 7).result(PATIENCE_SECONDS))
    _, status = os.waitpid(child, 0)

    assert 7 == os.waitstatus_to_exitcode(status)
    threads.end()


def test_a_payload_is_let_go_of_when_its_call_is_over() -> None:
    """
    A thread that listens holds nothing of the call before.
    """

    class Payload:
        pass

    gone: SimpleQueue[object] = SimpleQueue()

    def made(threads: Threads) -> weakref.ref[Payload]:
        payload = Payload()
        threads.begin(lambda: payload).result(PATIENCE_SECONDS)
        return weakref.ref(payload, gone.put)

    threads = Threads()
    reference = made(threads)

    assert reference is gone.get(timeout=PATIENCE_SECONDS)
    threads.end()
