"""
One step at a time, and the thread that takes them.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from contextlib import suppress
from queue import Queue
from typing import Any

import pytest
from patience import PATIENCE_SECONDS

from databricks_forwarder import _leaving, _worker
from databricks_forwarder._leaving import StepClock
from databricks_forwarder._telling import Teller
from databricks_forwarder._worker import Worker
from databricks_forwarder.errors import (
    BatcherClosedError,
    SetupError,
    TransientError,
)
from databricks_forwarder.observers.log import LogObserver
from databricks_forwarder.testing.clock import FakeClock

# Longer than any of these takes, shorter than a hang may last.


class Ticks:
    """
    A step that is seen from outside, and that answers by a script.
    """

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.seen: Queue[int] = Queue()

    def __call__(self) -> Any:
        """
        Give the next answer, or raise it; None when the script is over.
        """
        answer = self.answers.pop(0) if self.answers else None
        self.seen.put(len(self.answers))
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def await_one(self) -> None:
        """
        Wait until a step was taken.
        """
        self.seen.get(timeout=PATIENCE_SECONDS)


def nothing_waits() -> None:
    """
    Say that no load will be due.
    """


def test_nothing_runs_before_it_is_asked_for() -> None:
    """
    A worker has no thread until it is started.
    """
    ticks = Ticks()
    worker = Worker(ticks, nothing_waits)
    worker.wake()

    assert not worker.is_running
    assert ticks.seen.empty()
    assert worker.stop(None)


def test_a_started_worker_takes_a_step() -> None:
    """
    The thread looks at once, and ends when it is stopped.
    """
    ticks = Ticks()
    worker = Worker(ticks, nothing_waits)
    worker.start()
    ticks.await_one()

    assert worker.is_running
    assert worker.stop(PATIENCE_SECONDS)
    assert not worker.is_running


def test_starting_twice_is_starting_once() -> None:
    """
    A worker that runs keeps its thread.
    """
    worker = Worker(Ticks(), nothing_waits)
    worker.start()
    thread = worker._thread
    worker.start()

    assert thread is worker._thread
    assert worker.stop(PATIENCE_SECONDS)


def test_starting_again_ends_a_wait_after_a_failure() -> None:
    """
    What a person had to mend is tried at once, not after minutes.
    """
    ticks = Ticks(SetupError("a grant is missing"))
    worker = Worker(ticks, nothing_waits)
    worker.start()
    ticks.await_one()
    worker.start()
    ticks.await_one()

    assert worker.stop(PATIENCE_SECONDS)
    assert worker.last_error is None


def test_starts_at_once_make_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A start that comes while another makes the thread waits for it.
    """
    worker = Worker(Ticks(), nothing_waits)
    make = threading.Thread
    made: list[threading.Thread] = []
    second_made = threading.Event()
    second = make(target=worker.start)

    def making(*args: Any, **kwargs: Any) -> threading.Thread:
        made.append(make(*args, **kwargs))
        if len(made) > 1:
            second_made.set()
        else:
            second.start()
            second_made.wait(0.1)
        return made[-1]

    monkeypatch.setattr(_worker.threading, "Thread", making)
    worker.start()
    second.join(PATIENCE_SECONDS)

    assert [worker._thread] == made
    assert worker.stop(PATIENCE_SECONDS)


def test_a_stopped_worker_is_over() -> None:
    """
    After a stop, a start or a step is refused, and nothing runs.
    """
    ticks = Ticks()
    worker = Worker(ticks, nothing_waits)

    assert worker.stop(None)
    with pytest.raises(BatcherClosedError, match="make a new one"):
        worker.start()
    with pytest.raises(BatcherClosedError, match="make a new one"):
        worker.take_turn(ticks)
    assert not worker.is_running
    assert ticks.seen.empty()
    assert worker.stop(None)


def test_after_a_load_the_next_is_looked_for_at_once() -> None:
    """
    The thread goes on without a pause as long as there is something to carry.
    """
    ticks = Ticks("report", "report")
    worker = Worker(ticks, nothing_waits)
    worker.start()
    for _ in range(3):
        ticks.await_one()

    assert worker.stop(PATIENCE_SECONDS)


def test_waking_ends_a_pause() -> None:
    """
    A thread that waits looks again when it is woken.
    """
    ticks = Ticks()
    worker = Worker(ticks, nothing_waits)
    worker.start()
    ticks.await_one()
    worker.wake()
    ticks.await_one()

    assert worker.stop(PATIENCE_SECONDS)


def test_a_failed_step_is_kept_until_one_succeeds() -> None:
    """
    The thread survives an error, which can be seen until a step goes well.
    """
    error = TransientError("away")
    ticks = Ticks(error)
    waited = Queue[None]()

    def due() -> None:
        waited.put(None)

    worker = Worker(ticks, due)
    worker.start()
    ticks.await_one()
    worker.wake()
    ticks.await_one()
    waited.get(timeout=PATIENCE_SECONDS)

    assert worker.is_running
    assert worker.last_error is None
    assert worker.stop(PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("due_in", "expected"),
    [
        (None, 60.0),
        (3_600.0, 60.0),
        (60.5, 60.0),
        (12.5, 12.5),
        (0.0, 1.0),
        (-5.0, 1.0),
    ],
)
def test_the_thread_waits_until_a_load_is_due(
    due_in: float | None, expected: float
) -> None:
    """
    The pause is the time until a load is due, at most a minute.

    What is due already is another's to carry: it is looked at in a second.
    """
    worker = Worker(Ticks(), lambda: due_in)

    assert expected == worker._look()


def test_the_pause_grows_from_failure_to_failure() -> None:
    """
    Each failure in a row doubles the pause, of which chance takes half at most.
    """
    worker = Worker(Ticks(*[TransientError("away")] * 3), nothing_waits)
    pauses = [worker._look() for _ in range(3)]

    assert all(
        full / 2 <= pause <= full for full, pause in zip((1, 2, 4), pauses, strict=True)
    )
    assert "away" == str(worker.last_error)


def test_what_a_person_must_mend_is_tried_rarely() -> None:
    """
    A missing set-up is looked at again after a quarter of a minute at least.
    """
    worker = Worker(Ticks(SetupError("GRANT")), nothing_waits)

    assert 15 <= worker._look() <= 30


def test_a_broken_status_does_not_end_the_thread() -> None:
    """
    An error while asking when a load is due is a failure like any other.
    """

    def broken() -> float:
        raise TransientError("disk")

    worker = Worker(Ticks(), broken)

    assert 0.5 <= worker._look() <= 1
    assert "disk" == str(worker.last_error)


def test_the_log_holds_no_host_s_data(caplog: pytest.LogCaptureFixture) -> None:
    """
    Of an error that is not this library's the log has the class alone.
    """
    teller = Teller([LogObserver()], FakeClock())
    worker = Worker(
        Ticks(ValueError("secret-payload")), nothing_waits, tell=teller.failed
    )
    with caplog.at_level(logging.WARNING, "databricks_forwarder"):
        worker._look()
    (message,) = caplog.messages

    assert message.startswith("a load failed, again in ")
    assert message.endswith(" s: ValueError")


def test_stopping_in_a_step_gives_up_in_time() -> None:
    """
    A stop with a time limit says whether the step ended within it.
    """
    entered, may_go_on = threading.Event(), threading.Event()

    def hang() -> None:
        entered.set()
        may_go_on.wait(PATIENCE_SECONDS)

    worker = Worker(hang, nothing_waits)
    worker.start()
    entered.wait(PATIENCE_SECONDS)

    assert not worker.stop(0.01)
    assert worker.is_running

    may_go_on.set()

    assert worker.stop(PATIENCE_SECONDS)


def test_a_start_after_an_impatient_stop_goes_on() -> None:
    """
    A thread that was to stop, and is started in its step, takes the next.
    """
    entered, may_go_on = Queue[None](), threading.Event()

    def hang() -> None:
        entered.put(None)
        may_go_on.wait(PATIENCE_SECONDS)

    worker = Worker(hang, nothing_waits)
    worker.start()
    entered.get(timeout=PATIENCE_SECONDS)
    thread = worker._thread

    assert not worker.stop(0.01)

    worker.start()
    may_go_on.set()
    entered.get(timeout=PATIENCE_SECONDS)

    assert thread is worker._thread
    assert worker.stop(PATIENCE_SECONDS)


def test_a_start_overrules_a_stop_that_waits() -> None:
    """
    A stop without a time limit says that the worker was started again.
    """
    entered, may_go_on = threading.Event(), threading.Event()
    stopped = Queue[bool]()

    def hang() -> None:
        entered.set()
        may_go_on.wait(PATIENCE_SECONDS)

    worker = Worker(hang, nothing_waits)
    worker.start()
    entered.wait(PATIENCE_SECONDS)
    settled = worker._is_settled
    waits = threading.Event()

    def seen() -> bool:
        waits.set()
        return settled()

    worker._is_settled = seen  # type: ignore[method-assign]
    stopper = threading.Thread(target=lambda: stopped.put(worker.stop(None)))
    stopper.start()
    waits.wait(PATIENCE_SECONDS)
    worker.start()

    assert not stopped.get(timeout=PATIENCE_SECONDS)
    assert worker.is_running

    may_go_on.set()
    stopper.join(PATIENCE_SECONDS)

    assert worker.stop(PATIENCE_SECONDS)


def test_a_step_that_stops_its_own_thread_does_not_wait_for_it() -> None:
    """
    A stop from inside a step is told that the thread still runs; then it ends.
    """
    stopped = Queue[bool]()
    worker = Worker(lambda: stopped.put(worker.stop(None)), nothing_waits)
    worker.start()

    assert not stopped.get(timeout=PATIENCE_SECONDS)
    assert worker.stop(PATIENCE_SECONDS)


def test_a_thread_that_was_ended_from_within_can_be_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    A step that exits ends the thread, and a start makes another.
    """
    ended = Queue[type[BaseException]]()
    monkeypatch.setattr(threading, "excepthook", lambda how: ended.put(how.exc_type))
    ticks = Ticks(SystemExit())
    worker = Worker(ticks, nothing_waits)
    worker.start()

    assert SystemExit is ended.get(timeout=PATIENCE_SECONDS)
    assert not worker.is_running

    ticks.await_one()
    worker.start()
    ticks.await_one()

    assert worker.is_running
    assert worker.stop(PATIENCE_SECONDS)


def test_two_steps_never_run_at_once() -> None:
    """
    A step waits for the one that runs.
    """
    entered, may_go_on = threading.Event(), threading.Event()
    order: list[str] = []

    def hang() -> None:
        entered.set()
        may_go_on.wait(PATIENCE_SECONDS)
        order.append("first")

    worker = Worker(Ticks(), nothing_waits)
    first = threading.Thread(target=worker.take_turn, args=(hang,))
    second = threading.Thread(
        target=worker.take_turn, args=(lambda: order.append("second"),)
    )
    first.start()
    entered.wait(PATIENCE_SECONDS)
    second.start()

    assert [] == order

    may_go_on.set()
    first.join(PATIENCE_SECONDS)
    second.join(PATIENCE_SECONDS)

    assert ["first", "second"] == order


def test_a_stop_waits_for_a_step_of_another_thread() -> None:
    """
    A stop ends after the step that a host's own thread takes, and no other begins.
    """
    entered, may_go_on = threading.Event(), threading.Event()
    refused = Queue[Exception]()
    worker = Worker(Ticks(), nothing_waits)

    def hang() -> None:
        entered.set()
        may_go_on.wait(PATIENCE_SECONDS)

    def step_twice() -> None:
        worker.take_turn(hang)
        try:
            worker.take_turn(hang)
        except BatcherClosedError as error:
            refused.put(error)

    stepping = threading.Thread(target=step_twice)
    stepping.start()
    entered.wait(PATIENCE_SECONDS)

    assert not worker.stop(0.01)
    with pytest.raises(BatcherClosedError, match="is being closed"):
        worker.take_turn(hang)

    may_go_on.set()

    assert "is being closed" in str(refused.get(timeout=PATIENCE_SECONDS))
    assert worker.stop(None)

    stepping.join(PATIENCE_SECONDS)


def test_a_step_that_waited_for_its_turn_is_refused_after_a_stop() -> None:
    """
    Who waits for a turn while a stop is asked for does not get it.
    """
    refused = Queue[Exception]()
    worker = Worker(Ticks(), nothing_waits)
    asked = threading.Event()
    require = worker._require_going

    def required() -> None:
        require()
        asked.set()

    worker._require_going = required  # type: ignore[method-assign]

    def step() -> None:
        try:
            worker.take_turn(nothing_waits)
        except BatcherClosedError as error:
            refused.put(error)

    with worker._turn:
        stepping = threading.Thread(target=step)
        stepping.start()
        asked.wait(PATIENCE_SECONDS)
        worker.ask_to_stop()

    assert "is being closed" in str(refused.get(timeout=PATIENCE_SECONDS))

    stepping.join(PATIENCE_SECONDS)

    assert worker.stop(None)


def test_a_thread_that_is_refused_its_turn_tells_nothing() -> None:
    """
    A stop that comes before the thread's turn is no failed load.
    """
    worker = Worker(Ticks(), nothing_waits)
    worker.ask_to_stop()

    assert 0.0 == worker._look()
    assert worker.last_error is None


def test_a_stop_that_is_told_nothing_looks_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    A stop without a time limit ends though the word of the step's end is lost.
    """
    monkeypatch.setattr(_worker, "_LOOK_SECONDS", 0.001)
    worker = Worker(Ticks(), nothing_waits)
    answers = [False, False, False, True]
    worker._is_settled = lambda: answers.pop(0)  # type: ignore[method-assign]

    assert worker.stop(None)
    assert [] == answers


def test_wakings_that_nobody_hears_are_one() -> None:
    """
    Without a thread, a waking is kept once.
    """
    worker = Worker(Ticks(), nothing_waits)
    worker.wake()
    worker.wake()

    assert 1 == worker._wake.qsize()


def test_steps_are_left_when_the_interpreter_ends() -> None:
    """
    At the end no step begins, and one that looks at the clock ends its thread.
    """
    clock = FakeClock()
    left = Queue[bool]()
    entered, may_look = threading.Event(), threading.Event()
    worker = Worker(Ticks(), nothing_waits)
    step_clock = StepClock(clock, worker.leave_if_due)

    def step() -> None:
        entered.set()
        may_look.wait(PATIENCE_SECONDS)
        try:
            step_clock.now()
        except SystemExit:
            left.put(worker._leaving.is_due)
            raise

    def end_quietly() -> None:
        # As threads do that nobody watches.
        with suppress(SystemExit):
            worker.take_turn(step)

    stepping = threading.Thread(target=end_quietly)
    stepping.start()
    entered.wait(PATIENCE_SECONDS)
    ending = threading.Thread(target=worker._leaving.await_step)
    ending.start()
    while not worker._leaving.is_due:
        ending.join(0.001)
    may_look.set()
    ending.join(PATIENCE_SECONDS)

    assert left.get(timeout=PATIENCE_SECONDS)
    with pytest.raises(BatcherClosedError):
        worker.take_turn(nothing_waits)
    # The main thread may end well: it is the one that ends the interpreter.
    assert clock.now() == step_clock.now()

    stepping.join(PATIENCE_SECONDS)


def test_a_step_that_is_stuck_does_not_hold_up_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    The interpreter waits for a step for a few seconds, and then no more.
    """
    monkeypatch.setattr(_leaving, "_GRACE_SECONDS", 0.001)
    worker = Worker(Ticks(), nothing_waits)
    with worker._turn:
        worker._leaving.await_step()

    assert worker._leaving.is_due


def test_a_forked_child_that_ends_waits_for_no_step_of_its_parent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    In a child the turn may be taken for ever; it is nothing to it.
    """
    worker = Worker(Ticks(), nothing_waits)
    parent = os.getpid()
    with worker._turn, monkeypatch.context() as child:
        child.setattr(os, "getpid", lambda: parent + 1)
        worker._leaving.await_step()

    assert not worker._leaving.is_due


def test_the_clock_of_a_step_is_the_other_one() -> None:
    """
    It counts and waits as the clock does that it was made of.
    """
    clock = FakeClock()
    step_clock = StepClock(clock, nothing_waits)
    before = step_clock.monotonic()
    step_clock.wait(5.0)

    assert 5.0 == clock.monotonic() - before


def test_another_process_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A worker that finds itself in a forked child has no thread and no turn taken.
    """
    ticks = Ticks()
    worker = Worker(ticks, nothing_waits)
    worker.start()
    ticks.await_one()
    thread, wake = worker._thread, worker._wake
    parent = os.getpid()
    worker._turn.acquire()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)

    assert not worker.is_running
    assert "done" == worker.take_turn(lambda: "done")

    worker.start()

    assert worker.is_running
    assert thread is not worker._thread
    assert worker.stop(PATIENCE_SECONDS)

    wake.put(None)
    assert thread is not None
    thread.join(PATIENCE_SECONDS)


FORKING = """
import os, sys, tempfile, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from databricks_forwarder import Forwarder
from databricks_forwarder.batchers.memory import MemoryBatcher
from databricks_forwarder.loaders.memory import MemoryLoader
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.stagers.memory import MemoryStager

stager = MemoryStager()
forwarder = Forwarder(
    router=FunctionRouter(lambda key: "t"),
    batcher=MemoryBatcher(),
    stager=stager,
    loader=MemoryLoader(stager.files),
    scratch=sys.argv[1],
)
forwarder.start()
child = os.fork()
seen = [forwarder.status().is_running]
if not child:
    forwarder.start()
    seen.append(forwarder.status().is_running)
seen.append(forwarder.close(timeout_seconds=20.0).is_stopped)
if child:
    _, state = os.waitpid(child, 0)
    sys.exit(0 if seen == [True, True] and os.waitstatus_to_exitcode(state) == 7 else 1)
sys.exit(7 if seen == [False, True, True] else 1)
"""


def test_a_forked_child_has_no_thread_and_can_start_one(tmp_path: Any) -> None:
    """
    After a fork the parent's thread runs on, and the child starts its own.
    """
    command = [sys.executable, "-c", FORKING, str(tmp_path)]
    done = subprocess.run(
        command, timeout=60, check=False, capture_output=True, text=True
    )

    assert (0, "") == (done.returncode, done.stderr)
