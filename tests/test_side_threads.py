"""
Calls in threads of their own.
"""

from __future__ import annotations

import threading
from contextvars import ContextVar

import pytest
from patience import PATIENCE_SECONDS

from databricks_forwarder._side_threads import are_over, begun


def test_a_call_has_the_answer_or_the_error() -> None:
    """
    What a call gives, or raises, comes out of its future.
    """
    answer, error = begun(lambda: 6 // 3), begun(lambda: 6 // 0)

    assert are_over([answer, error], PATIENCE_SECONDS)
    assert (2, ZeroDivisionError) == (answer.result(), type(error.exception()))


def test_a_call_for_which_there_is_no_thread_has_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Where no thread can begin, as at the interpreter's end, nothing raises at once.
    """

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    call = begun(list)

    assert are_over([call], 0.0)
    assert isinstance(call.exception(), RuntimeError)


def test_a_call_has_the_context_of_who_began_it() -> None:
    """
    What is set for the thread that begins a call is set in its own, too.
    """
    name: ContextVar[str] = ContextVar("name", default="nobody")
    name.set("somebody")
    call = begun(name.get)
    name.set("somebody else")

    assert "somebody" == call.result(timeout=PATIENCE_SECONDS)
