"""
The front door.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_SECONDS
from walking import InMemory, batch, custom, lake_tables, places, sizes

from databricks_forwarder import (
    CloseReport,
    ConnectionSettings,
    Forwarder,
    UploadPolicy,
    _ending,
    _forwarder,
)
from databricks_forwarder.batchers.memory import MemoryBatcher
from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.errors import (
    BatcherClosedError,
    BatcherError,
    BatcherFullError,
    ConfigurationError,
    PayloadError,
    RouteError,
    SchemaError,
    SetupError,
    TransientError,
)
from databricks_forwarder.facts import WorkerFailed
from databricks_forwarder.loaders.memory import MemoryLoader
from databricks_forwarder.model import Account, LoadId, Offset, OffsetRange
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.stagers.memory import MemoryStager
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.faults import Fail, faulty

# Longer than any of these takes, shorter than a hang may last.


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[InMemory]:
    """
    A composition in memory.
    """
    memory = InMemory(tmp_path)
    yield memory
    memory.die()


def around(name: str, method: str, call: Callable[[Callable[..., Any]], Any]) -> Any:
    """
    Wrap one method of one part: *call* gets the method, its arguments bound.
    """

    def wrap(each: str, part: Any) -> Any:
        if each == name:
            inner = getattr(part, method)
            setattr(
                part,
                method,
                lambda *args, **kwargs: call(lambda: inner(*args, **kwargs)),
            )
        return part

    return wrap


def memory_forwarder(**settings: Any) -> Forwarder:
    """
    Put a forwarder together that has no scratch folder given.
    """
    stager = MemoryStager()
    return Forwarder(
        router=FunctionRouter(lambda _: "t"),
        batcher=MemoryBatcher(),
        stager=stager,
        loader=MemoryLoader(stager.files),
        **settings,
    )


# -- handing in -------------------------------------------------------------


def test_a_receipt_tells_where_a_payload_stands(memory: InMemory) -> None:
    """
    A receipt has the offset, the messages and the time of receipt.
    """
    with memory.forwarder() as forwarder:
        forwarder.submit(b"{}")
        receipt = forwarder.submit(batch(custom("A"), custom("B")))

    assert OffsetRange(Offset(1), Offset(1)) == receipt.offsets
    assert (1, 2) == (receipt.record_count, receipt.message_count)
    assert memory.clock.now() == receipt.received_at


def test_many_payloads_are_one_receipt(memory: InMemory) -> None:
    """
    Bytes, text and mappings can be handed in together.
    """
    with memory.forwarder() as forwarder:
        receipt = forwarder.submit_many([b"{}", "{}", {"events": [{}, {}]}])

        assert OffsetRange(Offset(0), Offset(2)) == receipt.offsets
        assert (3, 4) == (receipt.record_count, receipt.message_count)


def test_a_checkpoint_is_stored_with_its_payloads(memory: InMemory) -> None:
    """
    A host finds the positions of its source again.
    """
    with memory.forwarder() as forwarder:
        forwarder.submit_many([b"{}"], checkpoint={"topic-0": "7", "topic-1": "3"})
        receipt = forwarder.submit_many([], checkpoint={"topic-1": "4"})

        assert receipt.offsets is None
        assert {"topic-0": "7", "topic-1": "4"} == forwarder.checkpoint()


def test_one_bad_payload_stores_none_of_its_call(memory: InMemory) -> None:
    """
    All payloads of a call are stored or none, and the sentence says which is bad.
    """
    with memory.forwarder() as forwarder:
        with pytest.raises(PayloadError, match=r"payload 1 of this call: .*object"):
            forwarder.submit_many([b"{}", b"[]"], checkpoint={"topic": "1"})

        assert Account() == forwarder.status().account
        assert {} == forwarder.checkpoint()


def test_a_full_spool_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    """
    A payload that has no room is refused; what came before is carried.
    """
    with Forwarder.for_lake(
        tmp_path / "lake", spool=tmp_path / "spool.db", max_spool_bytes=200
    ) as forwarder:
        forwarder.submit(batch(custom("A", 1)))
        with pytest.raises(BatcherFullError):
            forwarder.submit(batch(custom("A", 2)))
        forwarder.flush()

        assert Account(received=1, loaded=1) == forwarder.status().account


def test_a_full_spool_makes_a_load_due(tmp_path: Path) -> None:
    """
    What waits is carried by the next tick, once a minute, not at its age only.
    """
    clock, large = FakeClock(), batch(custom("A" * 100, 1))
    with Forwarder.for_lake(
        tmp_path / "lake",
        spool=tmp_path / "spool.db",
        max_spool_bytes=len(large) + 10,
        clock=clock,
    ) as forwarder:
        forwarder.submit(large)
        carried = [forwarder.tick()]
        for seconds in (0, 0, 61):
            clock.advance(seconds=seconds)
            with pytest.raises(BatcherFullError):
                forwarder.submit(batch(custom("A" * 300, 1)))
            due_at = forwarder.status().due_at
            carried.append(forwarder.tick())
            forwarder.submit(b"{}")

        assert [None, 1, None, 2] == [it and it.account.loaded for it in carried]
        assert due_at is not None
        assert due_at <= clock.now()


def test_a_full_spool_of_nothing_that_waits_makes_no_load(tmp_path: Path) -> None:
    """
    Where nothing waits a payload that has no room makes nothing due.
    """
    with Forwarder.for_lake(
        tmp_path / "lake", spool=tmp_path / "spool.db", max_spool_bytes=5
    ) as forwarder:
        with pytest.raises(BatcherFullError):
            forwarder.submit(batch(custom("A", 1)))

        assert forwarder.status().due_at is None
        assert forwarder.tick() is None


# -- a lake -----------------------------------------------------------------


def test_a_lake_holds_what_was_handed_in(tmp_path: Path) -> None:
    """
    A forwarder for a lake makes lake, spool and tables as needed.
    """
    with Forwarder.for_lake(
        str(tmp_path / "lake"),
        spool=str(tmp_path / "spool.db"),
        events_threshold=2,
        clock=FakeClock(),
    ) as forwarder:
        forwarder.submit(batch(custom("A", 1), custom("A", 2), custom("B", 3)))
        (report,) = forwarder.flush()

        assert [report] == list(forwarder.loads())
        assert [] == list(forwarder.loads(0))
        assert [None] == [each.problem for each in forwarder.check()][:1]
    tables = lake_tables(tmp_path / "lake")

    assert {"event_navigation_a": 2, "mparticle_otherevents": 1} == sizes(tables)
    assert {1} == set(places(tables).values())


def test_a_lake_takes_settings_of_feeds_and_names(tmp_path: Path) -> None:
    """
    The settings of a lake reach its router.
    """
    with Forwarder.for_lake(
        tmp_path / "lake",
        spool=tmp_path / "spool.db",
        schema_name="Shop",
        events_threshold=1,
        naming=lambda kind: f"My {kind.event_name}",
        connection=ConnectionSettings(send_batches_without_events=False),
        feeds={"Acme": ConnectionSettings(table_name="partner")},
    ) as forwarder:
        forwarder.submit(batch(custom("A", 1)))
        forwarder.submit(b"{}")
        forwarder.submit(
            batch(custom("B", 2), source_info={"channel": "partner", "partner": "Acme"})
        )
        forwarder.flush()

        assert Account(received=3, loaded=2, dropped=1) == forwarder.status().account
    assert {"mya": 1, "partner": 1} == sizes(lake_tables(tmp_path / "lake"))


def test_a_lake_takes_a_router_of_ones_own(tmp_path: Path) -> None:
    """
    What a router of one's own leaves out goes to the common table.
    """
    router = FunctionRouter(lambda key: "mine" if key.event_name == "A" else None)
    with Forwarder.for_lake(
        tmp_path / "lake", spool=tmp_path / "spool.db", router=router
    ) as forwarder:
        forwarder.submit(batch(custom("A", 1), custom("B", 2)))
        forwarder.flush()
    expected = {"mine": 1, "mparticle_otherevents": 1}

    assert expected == sizes(lake_tables(tmp_path / "lake"))


def test_two_spools_share_a_lake(tmp_path: Path) -> None:
    """
    Two forwarders with a spool each load into the same tables.
    """
    for spool in ("one.db", "two.db"):
        with Forwarder.for_lake(tmp_path / "lake", spool=tmp_path / spool) as forwarder:
            forwarder.submit(batch(custom("A", 1)))
            forwarder.flush()
    tables = lake_tables(tmp_path / "lake")

    assert {"mparticle_otherevents": 2} == sizes(tables)


def test_a_wrong_setting_lets_go_of_all(tmp_path: Path) -> None:
    """
    A forwarder that can't be made leaves nothing open.
    """
    with pytest.raises(
        ConfigurationError, match="max_payload_bytes must be at least 1"
    ):
        Forwarder.for_lake(
            tmp_path / "lake", spool=tmp_path / "spool.db", max_payload_bytes=0
        )
    with Forwarder.for_lake(
        tmp_path / "lake", spool=tmp_path / "spool.db"
    ) as forwarder:
        assert Account() == forwarder.status().account


def test_files_in_the_making_have_a_folder_of_their_own() -> None:
    """
    Without a scratch folder one is made, and removed at the end.
    """
    forwarder = memory_forwarder()
    scratch = forwarder._pipeline.scratch
    forwarder.submit(batch(custom("A", 1)))
    forwarder.flush()

    assert Account(received=1, loaded=1) == forwarder.status().account
    assert scratch.exists()
    assert forwarder.close()
    assert not scratch.exists()


def test_a_wrong_common_table_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A forwarder that can't be made has made no folder.
    """
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(ConfigurationError, match="'a b'"):
        memory_forwarder(common_table="a b")

    assert [] == list(tmp_path.iterdir())


def test_a_forked_child_leaves_the_scratch_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    The folder of files in the making is removed by the process that made it.
    """
    parent = os.getpid()
    forwarders = [memory_forwarder(), memory_forwarder()]
    scratches = [forwarder._pipeline.scratch for forwarder in forwarders]
    with monkeypatch.context() as child:
        child.setattr(os, "getpid", lambda: parent + 1)
        forwarders[0].close()
    forwarders[1].close()

    assert [True, False] == [scratch.exists() for scratch in scratches]

    scratches[0].rmdir()


@pytest.mark.parametrize("name", ["file", "file/lake", "lake"])
def test_a_file_in_the_place_of_a_lake_is_a_wrong_setting(
    tmp_path: Path, name: str
) -> None:
    """
    A lake whose folder is a file, or lies in one, is refused in a sentence.
    """
    (tmp_path / "file").touch()
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "_forwarder").touch()
    own = tmp_path / name / "_forwarder"

    with pytest.raises(
        ConfigurationError,
        match=f"making the lake's folder {own} failed: .*; name another folder",
    ):
        Forwarder.for_lake(tmp_path / name, spool=tmp_path / "spool.db")


def test_a_lake_that_may_not_be_made_is_for_a_person_to_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A folder that can't be written is told with what to do.
    """

    def refuse(path: Path, *args: Any, **kwargs: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(
        SetupError, match=r"lake/_forwarder failed: .*Permission denied.*be written"
    ):
        Forwarder.for_lake(tmp_path / "lake", spool=tmp_path / "spool.db")


# -- looking ----------------------------------------------------------------


def test_a_status_shows_what_failed_last(memory: InMemory) -> None:
    """
    The latest step's error is shown until a step goes well.
    """

    def wrap(name: str, part: Any) -> Any:
        fault = Fail(method="lease", error=TransientError("disk busy"))
        return faulty(part, fault) if name == "batcher" else part

    with memory.forwarder(wrap=wrap) as forwarder:
        with pytest.raises(TransientError):
            forwarder.tick()

        assert "TransientError: disk busy" == forwarder.status().last_error

        forwarder.tick()

        assert forwarder.status().last_error is None


def test_another_s_error_is_shown_by_its_class_alone(memory: InMemory) -> None:
    """
    The text of an error that is not this library's may hold data: it is not shown.
    """

    def wrap(name: str, part: Any) -> Any:
        fault = Fail(method="lease", error=ValueError("secret-payload"))
        return faulty(part, fault) if name == "batcher" else part

    with memory.forwarder(wrap=wrap) as forwarder:
        with pytest.raises(ValueError, match="secret-payload"):
            forwarder.tick()

        assert "ValueError" == forwarder.status().last_error


def test_a_status_shows_an_open_load_as_due(memory: InMemory) -> None:
    """
    A load that failed is due at once, and open.
    """

    def wrap(name: str, part: Any) -> Any:
        fault = Fail(method="load", error=TransientError("busy"))
        return faulty(part, fault) if name == "loader" else part

    with memory.forwarder(wrap=wrap) as forwarder:
        receipt = forwarder.submit(batch(custom("A", 1)))
        with pytest.raises(TransientError):
            forwarder.flush()
        status = forwarder.status()

        assert memory.clock.now() == status.due_at
        assert 1 == len(status.open_load_ids)
        assert 0 == status.waiting
        assert len(batch(custom("A", 1))) == status.stored_bytes
        assert not status.is_running
        assert receipt.message_count == status.account.pending


def test_carrying_on_what_is_not_parked_is_a_mistake(memory: InMemory) -> None:
    """
    Only a parked load can be carried on.
    """
    with memory.forwarder() as forwarder, pytest.raises(KeyError):
        forwarder.carry_on(LoadId("0123456789ab-0-0"))


def test_a_parked_load_is_carried_on(memory: InMemory) -> None:
    """
    A load that was set aside is shown, and carried once it is taken up again.
    """

    def wrap(name: str, part: Any) -> Any:
        fault = Fail(method="load", error=SchemaError("no"))
        return faulty(part, fault) if name == "loader" else part

    with memory.forwarder(wrap=wrap) as forwarder:
        forwarder.submit(batch(custom("A", 1)))
        (report,) = forwarder.flush()

        assert [report] == list(forwarder.parked())

        forwarder.carry_on(report.load_id)

        assert [] == list(forwarder.parked())
        assert [report.load_id] == [each.load_id for each in forwarder.flush()]
        assert Account(received=1, loaded=1) == forwarder.status().account


def test_dead_letters_are_replayed_once(memory: InMemory) -> None:
    """
    A dead letter is put back at a new offset, by its offset or with all.
    """
    broken = [True]

    def group(_: Any) -> None:
        if broken:
            raise LookupError

    router = FunctionRouter(lambda _: "t", group=group)
    with memory.forwarder(router=router) as forwarder:
        forwarder.submit_many([batch(custom("A", 1)), batch(custom("A", 2))])
        forwarder.flush()

        assert 0 == forwarder.replay([Offset(9)])
        assert 1 == forwarder.replay([Offset(1)])
        assert [0] == [letter.offset for letter in forwarder.dead_letters()]

        broken.clear()

        assert 1 == forwarder.replay()
        assert 0 == forwarder.replay()

        forwarder.flush()

        assert Account(received=2, loaded=2) == forwarder.status().account
    assert {"t": 2} == sizes(memory.tables())


def test_a_plan_changes_nothing(memory: InMemory) -> None:
    """
    A plan tells the tables and stores no payload and no name.
    """
    with memory.forwarder() as forwarder:
        plan = forwarder.plan([batch(*[custom("A")] * 3), "{}"])

        assert [("event_navigation_a", 3), ("shop_otherevents", 1)] == [
            (table.table, table.message_count) for table in plan.tables
        ]
        assert Account() == forwarder.status().account
        assert {} == memory.event_counts._names
        with pytest.raises(PayloadError, match="payload 1 of this call"):
            forwarder.plan([b"{}", b"1"])


def test_a_plan_of_a_broken_router_says_so(memory: InMemory) -> None:
    """
    A router that raises shows in the plan already.
    """
    router = FunctionRouter(lambda key: key.nothing)  # type: ignore[attr-defined]
    with (
        memory.forwarder(router=router) as forwarder,
        pytest.raises(RouteError, match="AttributeError"),
    ):
        forwarder.plan([b"{}"])


# -- the end ----------------------------------------------------------------


def test_closing_twice_is_closing_once(memory: InMemory) -> None:
    """
    A closed forwarder can be closed, and refuses payloads.
    """
    forwarder = memory.forwarder()

    assert forwarder.close()
    assert forwarder.close()
    with pytest.raises(BatcherClosedError):
        forwarder.submit(b"{}")


@pytest.mark.parametrize("method", ["start", "tick", "flush"])
def test_a_closed_forwarder_carries_no_more(memory: InMemory, method: str) -> None:
    """
    A forwarder that was closed says so, and runs no thread.
    """
    forwarder = memory.forwarder()
    forwarder.close()
    with pytest.raises(BatcherClosedError, match="the forwarder is closed"):
        getattr(forwarder, method)()

    assert not forwarder._worker.is_running


def test_what_waits_at_the_end_is_carried_by_the_next(tmp_path: Path) -> None:
    """
    A forwarder that is closed before its time leaves all in the spool.
    """
    with Forwarder.for_lake(tmp_path / "lake", spool=tmp_path / "s.db") as forwarder:
        forwarder.submit(batch(custom("A", 1)))
    with Forwarder.for_lake(tmp_path / "lake", spool=tmp_path / "s.db") as forwarder:
        forwarder.flush()

    assert {"mparticle_otherevents": 1} == sizes(lake_tables(tmp_path / "lake"))


# -- the background thread --------------------------------------------------


def test_no_thread_runs_unasked(memory: InMemory) -> None:
    """
    A forwarder that is not started has no thread, whatever is called.
    """
    before = threading.active_count()
    with memory.forwarder(policy=UploadPolicy(max_messages=1)) as forwarder:
        forwarder.submit(b"{}")
        forwarder.tick()

        assert before == threading.active_count()
        assert not forwarder.status().is_running


def test_the_thread_wakes_when_enough_has_come(memory: InMemory) -> None:
    """
    A started forwarder carries a load as soon as it is large enough.
    """
    looked, carried = threading.Event(), threading.Event()

    def lease(call: Callable[[], Any]) -> Any:
        found = call()
        looked.set()
        return found

    def discard(call: Callable[[], Any]) -> None:
        call()
        carried.set()

    def wrap(name: str, part: Any) -> Any:
        part = around("batcher", "lease", lease)(name, part)
        return around("stager", "discard", discard)(name, part)

    with memory.forwarder(wrap=wrap, policy=UploadPolicy(max_messages=3)) as forwarder:
        forwarder.start()

        assert looked.wait(PATIENCE_SECONDS)
        assert forwarder.status().is_running

        forwarder.submit(b"{}")
        forwarder.submit(b"{}")
        forwarder.submit(b"{}")

        assert carried.wait(PATIENCE_SECONDS)
    assert {"shop_otherevents": 3} == sizes(memory.tables())


def test_what_waited_before_counts_for_the_thread_too(memory: InMemory) -> None:
    """
    The thread wakes for the last missing message, whoever handed in the others.
    """
    with memory.forwarder() as forwarder:
        forwarder.submit_many([b"{}", b"{}"])
    looked, carried = threading.Event(), threading.Event()

    def status(call: Callable[[], Any]) -> Any:
        found = call()
        looked.set()
        return found

    def discard(call: Callable[[], Any]) -> None:
        call()
        carried.set()

    def wrap(name: str, part: Any) -> Any:
        part = around("batcher", "status", status)(name, part)
        return around("stager", "discard", discard)(name, part)

    with memory.forwarder(wrap=wrap, policy=UploadPolicy(max_messages=3)) as forwarder:
        forwarder.start()

        assert looked.wait(PATIENCE_SECONDS)

        forwarder.submit(b"{}")

        assert carried.wait(PATIENCE_SECONDS)
    assert {"shop_otherevents": 3} == sizes(memory.tables())


@pytest.mark.parametrize(("waiting", "expected"), [(0, 5400.0), (1, 5_400.0), (3, 0.0)])
def test_a_thread_knows_when_to_look_again(
    memory: InMemory, waiting: int, expected: float | None
) -> None:
    """
    A load is due never, in time, or now.
    """
    with memory.forwarder(policy=UploadPolicy(max_messages=3)) as forwarder:
        forwarder.submit_many([b"{}"] * waiting)

        assert expected == forwarder._due.in_seconds()


class Told(logging.Handler):
    """
    A log handler that tells when the thread has failed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.event = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """
        Tell.
        """
        if isinstance(getattr(record, "fact", None), WorkerFailed):
            self.event.set()


def test_the_thread_survives_an_error_shows_it_and_tries_again(
    memory: InMemory,
) -> None:
    """
    A load that fails in the thread is shown, and carried by it after a pause.
    """
    may_succeed, carried = threading.Event(), threading.Event()

    def load(call: Callable[[], Any]) -> Any:
        if not may_succeed.is_set():
            raise TransientError("busy")
        return call()

    def discard(call: Callable[[], Any]) -> None:
        call()
        carried.set()

    def wrap(name: str, part: Any) -> Any:
        part = around("loader", "load", load)(name, part)
        return around("stager", "discard", discard)(name, part)

    told = Told()
    logging.getLogger("databricks_forwarder").addHandler(told)
    try:
        with memory.forwarder(
            wrap=wrap, policy=UploadPolicy(max_messages=1)
        ) as forwarder:
            forwarder.start()
            forwarder.submit(b"{}")

            assert told.event.wait(PATIENCE_SECONDS)

            status = forwarder.status()

            assert "TransientError: busy" == status.last_error
            assert status.is_running

            may_succeed.set()

            assert carried.wait(PATIENCE_SECONDS)
    finally:
        logging.getLogger("databricks_forwarder").removeHandler(told)
    assert {"shop_otherevents": 1} == sizes(memory.tables())


def test_a_load_that_hangs_outlives_an_impatient_close(memory: InMemory) -> None:
    """
    A close that runs out of time lets go of nothing; the load goes on.
    """
    entered, may_go_on = threading.Event(), threading.Event()

    def load(call: Callable[[], Any]) -> Any:
        entered.set()
        may_go_on.wait(PATIENCE_SECONDS)
        return call()

    forwarder = memory.forwarder(
        wrap=around("loader", "load", load), policy=UploadPolicy(max_messages=1)
    )
    forwarder.submit(b"{}")
    forwarder.start()

    assert entered.wait(PATIENCE_SECONDS)
    assert not forwarder.close(timeout_seconds=0.01)
    assert Account(received=1, pending=1) == forwarder.status().account

    may_go_on.set()

    assert forwarder.close(timeout_seconds=PATIENCE_SECONDS)
    assert {"shop_otherevents": 1} == sizes(memory.tables())


HANGING = """
import sys, threading
from datetime import timedelta
from databricks_forwarder import Forwarder, UploadPolicy

entered = threading.Event()
forwarder = Forwarder.for_lake(
    sys.argv[1], spool=sys.argv[2], policy=UploadPolicy(max_messages=1)
)
def hang(*args):
    entered.set()
    threading.Event().wait()
forwarder._loader.load = hang
forwarder.submit({"events": [{"event_type": "custom_event"}]})
forwarder.start()
entered.wait()
sys.exit(7 if not forwarder.close(timeout_seconds=0.01) else 1)
"""


def test_a_process_may_end_while_a_load_hangs(tmp_path: Path) -> None:
    """
    The thread holds up no process, and what it left is carried by the next.
    """
    lake, spool = tmp_path / "lake", tmp_path / "spool.db"
    command = [sys.executable, "-c", HANGING, str(lake), str(spool)]
    done = subprocess.run(command, timeout=60, check=False)

    assert 7 == done.returncode
    with Forwarder.for_lake(lake, spool=spool) as forwarder:
        (report,) = forwarder.flush()

        assert 2 == report.attempt
    assert {"mparticle_otherevents": 1} == sizes(lake_tables(lake))


def test_leaving_a_with_has_no_more_patience_than_the_close_in_it(
    memory: InMemory,
) -> None:
    """
    After a close that gave up, the end of the `with` does not wait again.
    """
    entered, may_go_on = threading.Event(), threading.Event()

    def load(call: Callable[[], Any]) -> Any:
        entered.set()
        may_go_on.wait(PATIENCE_SECONDS)
        return call()

    with memory.forwarder(
        wrap=around("loader", "load", load), policy=UploadPolicy(max_messages=1)
    ) as forwarder:
        forwarder.submit(b"{}")
        forwarder.start()

        assert entered.wait(PATIENCE_SECONDS)
        assert not forwarder.close(timeout_seconds=0.01)

    (load_id,) = forwarder.status().open_load_ids

    assert CloseReport(
        is_stopped=False, pending=1, open_load_ids=(load_id,)
    ) == forwarder.close(timeout_seconds=0.01)

    forwarder.start()

    assert forwarder._patience_seconds is None

    may_go_on.set()

    assert CloseReport(is_stopped=True, pending=0) == forwarder.close()


def test_a_close_tells_what_is_left(
    memory: InMemory, caplog: pytest.LogCaptureFixture
) -> None:
    """
    What waits, is open or parked is in the report, and in one line of the log.
    """

    def load(call: Callable[[], Any]) -> Any:
        raise errors.pop(0)

    errors = [SchemaError("t", "no such type"), TransientError("busy")]
    with (
        caplog.at_level(logging.INFO, "databricks_forwarder"),
        memory.forwarder(wrap=around("loader", "load", load)) as forwarder,
    ):
        forwarder.submit(b"{}")
        (parked,) = forwarder.flush()
        forwarder.submit(b"{}")
        with pytest.raises(TransientError):
            forwarder.flush()
        (open_load_id,) = forwarder.status().open_load_ids
        forwarder.submit(batch(custom("A", 1), custom("A", 2)))
        caplog.clear()
    report = forwarder.close()

    assert (
        CloseReport(
            is_stopped=True,
            pending=4,
            open_load_ids=(open_load_id,),
            parked_load_ids=(parked.load_id,),
        )
        == report
    )
    (told,) = caplog.messages

    assert (
        f"closed: 4 messages are pending, open loads: {open_load_id}, "
        f"parked loads: {parked.load_id}"
    ) == told


def test_a_close_goes_on_when_nobody_can_tell_what_is_left(
    memory: InMemory, caplog: pytest.LogCaptureFixture
) -> None:
    """
    A spool that can't be read is let go of all the same.
    """
    forwarder = memory.forwarder(
        wrap=lambda name, part: faulty(
            part, Fail(method="status", error=BatcherError("spoilt"))
        )
    )

    with caplog.at_level(logging.INFO, "databricks_forwarder"):
        report = forwarder.close()

    assert CloseReport(is_stopped=True) == report
    failed, closed = caplog.messages

    assert "what is pending can't be told: spoilt" == failed
    assert closed.startswith("closed: an unknown number of messages are pending, ")
    with pytest.raises(BatcherClosedError):
        forwarder.submit(b"{}")


def test_a_close_that_gives_up_does_not_wait_for_the_spool(
    memory: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    When the load hangs in the spool itself, what is pending is not known.
    """
    monkeypatch.setattr(_ending, "_ASK_SECONDS", 0.001)
    may_go_on, entered = threading.Event(), threading.Event()

    def hang(call: Callable[[], Any]) -> Any:
        entered.set()
        may_go_on.wait(PATIENCE_SECONDS)
        return call()

    def wrap(name: str, part: Any) -> Any:
        part = around("loader", "load", hang)(name, part)
        return around("batcher", "status", hang)(name, part)

    forwarder = memory.forwarder(wrap=wrap, policy=UploadPolicy(max_messages=1))
    forwarder._is_swept = True
    forwarder.submit(b"{}")
    forwarder.start()

    assert entered.wait(PATIENCE_SECONDS)
    assert CloseReport(is_stopped=False) == forwarder.close(timeout_seconds=0.01)

    may_go_on.set()

    assert forwarder.close(timeout_seconds=PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("part", "method"),
    [("batcher", "append"), ("loader", "load"), ("batcher", "close")],
)
def test_a_close_within_another_call_waits_for_nothing(
    memory: InMemory, part: str, method: str
) -> None:
    """
    Where a signal may come, a close asks for the end and returns at once.
    """
    within: list[CloseReport] = []

    def call_and_close(call: Callable[[], Any]) -> Any:
        within.append(forwarder.close(timeout_seconds=PATIENCE_SECONDS))
        return call()

    forwarder = memory.forwarder(
        wrap=around(part, method, call_and_close),
        policy=UploadPolicy(max_messages=1),
    )
    with forwarder:
        forwarder.submit(b"{}")
        if part == "loader":
            forwarder.tick()

    assert {CloseReport(is_stopped=False)} == set(within)
    assert forwarder.close().is_stopped


@pytest.mark.parametrize("checkpoint", [{"p": "1"}, None], ids=["in turn", "at once"])
def test_a_signal_in_the_middle_of_storing_does_not_lock_up(
    tmp_path: Path, checkpoint: dict[str, str] | None
) -> None:
    """
    A handler that closes while a payload is being stored returns, and it is stored.
    """
    lake, spool = tmp_path / "lake", tmp_path / "spool.db"
    before = signal.getsignal(signal.SIGUSR1)
    reports: list[CloseReport] = []
    with Forwarder.for_lake(lake, spool=spool) as forwarder:
        session = forwarder._batcher._session  # type: ignore[attr-defined]
        do_after_commit, write_at_once = session.do_after_commit, session.write_at_once

        def interrupted(action: Callable[[], None]) -> None:
            signal.raise_signal(signal.SIGUSR1)
            do_after_commit(action)

        def interrupted_at_once(*what: Any) -> bool:
            *statement, settle = what

            def interrupted_settle() -> None:
                signal.raise_signal(signal.SIGUSR1)
                settle()

            return bool(write_at_once(*statement, interrupted_settle))

        session.do_after_commit = interrupted
        session.write_at_once = interrupted_at_once
        signal.signal(signal.SIGUSR1, lambda *_: reports.append(forwarder.close()))
        try:
            forwarder.submit_many([b"{}"], checkpoint=checkpoint)
        finally:
            signal.signal(signal.SIGUSR1, before)

    assert [CloseReport(is_stopped=False)] == reports
    assert CloseReport(is_stopped=True, pending=1) == forwarder.close()


def test_carrying_on_and_replaying_wake_the_thread(memory: InMemory) -> None:
    """
    What is put back is looked at now, not in a minute.
    """
    woken: list[str] = []
    with memory.forwarder() as forwarder:
        forwarder._worker.wake = lambda: woken.append("wake")  # type: ignore[method-assign]
        forwarder.replay()

        assert ["wake"] == woken


def test_the_default_spool_is_sqlite(tmp_path: Path) -> None:
    """
    A lake's spool survives process and power.
    """
    with Forwarder.for_lake(tmp_path / "lake", spool=tmp_path / "s.db") as forwarder:
        assert isinstance(forwarder._batcher, SqliteBatcher)
    assert 8 * 2**20 == _forwarder._MAX_PAYLOAD_BYTES
