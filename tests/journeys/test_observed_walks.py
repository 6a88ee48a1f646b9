"""
Whole walks as an observer sees them, into a lake and into a workspace.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from exported import Exported, attributes_of, parent_of
from fact_order import problems
from schemas import new_schema, workspace
from walking import batch, custom

from databricks_forwarder import Forwarder
from databricks_forwarder.errors import ForwarderError, TransientError
from databricks_forwarder.facts import (
    BatchDied,
    DestinationAwaited,
    DestinationStarted,
    Fact,
    FilesLeft,
    FileStaged,
    LoadCommitted,
    LoadFact,
    LoadFailed,
    StatementRan,
    TableFailed,
    TableLoaded,
    TableParked,
)
from databricks_forwarder.model import Payload
from databricks_forwarder.observers.memory import MemoryObserver
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.faults import Fail, faulty
from databricks_forwarder.testing.workspace import Fault, Workspace

PAYLOADS = [batch(custom("Buy", 1), custom("Sell", 2)), batch(custom("Buy", 3))]

BEGIN = ["RecordsAppended", "SpoolSwept", "LoadLeased", "LoadRouted"]
FILES = ["FileWritten", "FileWritten", "LoadWritten", "FileStaged", "FileStaged"]
TABLE = ["TableBegun", "TablePrepared", "TableLoaded"]
END = ["LoadCounted", "LoadCommitted", "FilesDiscarded"]


def kinds(facts: list[Any]) -> list[str]:
    """
    Name the kinds of facts, in their order.
    """
    return [type(fact).__name__ for fact in facts]


def of_table(facts: list[Fact], table: str) -> list[Fact]:
    """
    Those about the loading of one table.
    """
    begun = kinds(facts).index("TableBegun")
    return [each for each in facts[begun:] if getattr(each, "table", None) == table]


def into_lake(folder: Path, observer: Any, clock: FakeClock | None = None) -> Forwarder:
    """
    Open a lake in which each kind of event has a table of its own.
    """
    return Forwarder.for_lake(
        folder / "lake",
        spool=folder / "spool.db",
        events_threshold=1,
        observer=observer,
        clock=clock,
    )


@pytest.fixture(name="clock")
def _clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(name="seen")
def _seen() -> MemoryObserver:
    return MemoryObserver()


@pytest.fixture(name="exported")
def _exported(clock: FakeClock) -> Exported:
    return Exported.made(clock)


@pytest.fixture(name="remote")
def _remote(
    tmp_path: Path, seen: MemoryObserver, exported: Exported, clock: FakeClock
) -> Iterator[Forwarder]:
    """
    A forwarder into the shared workspace, seen by two observers.

    At the end all that was told must agree.
    """
    settings = attrs.evolve(new_schema(), events_threshold=1)
    with Forwarder.for_databricks(
        settings,
        spool=tmp_path / "spool.db",
        endpoint=workspace().endpoint,
        observer=[seen, exported.observer],
        clock=clock,
    ) as forwarder:
        yield forwarder
        workspace().faults.clear()
    assert [] == problems(seen.facts, is_one_thread=False)


def test_a_load_into_a_lake_is_told_from_its_beginning_to_its_end(
    tmp_path: Path, seen: MemoryObserver
) -> None:
    """
    Each step is told once, in the order of the walk, tables beside one another.
    """
    with into_lake(tmp_path, seen) as forwarder:
        forwarder.submit_many(PAYLOADS)
        (report,) = forwarder.flush()
    tables = [table.table for table in report.tables]
    told = kinds(seen.facts)

    assert [*BEGIN, *FILES] == told[:9]
    assert Counter(TABLE * 2) == Counter(told[9:15])
    assert END == told[15:]
    assert 2 == len(tables)
    for table in tables:
        assert TABLE == kinds(of_table(seen.facts, table))


def test_what_is_told_of_a_load_adds_up(tmp_path: Path, seen: MemoryObserver) -> None:
    """
    Facts have the figures that the report has.
    """
    with into_lake(tmp_path, seen) as forwarder:
        forwarder.submit_many(PAYLOADS)
        forwarder._batcher.append(  # type: ignore[attr-defined]
            [Payload(b"[]", 2)],
            at=forwarder._clock.now(),
        )
        (report,) = forwarder.flush()
    (done,), (dead,) = seen.of(LoadCommitted), seen.of(BatchDied)
    loaded = {fact.table: fact for fact in seen.of(TableLoaded)}

    assert (5, 3, 2) == (done.received, done.loaded, done.dead)
    assert report.account.received == done.received
    assert (2, 2, "not a JSON object") == (dead.offset, dead.message_count, dead.reason)
    assert {table.table: table.row_count for table in report.tables} == {
        table: fact.row_count for table, fact in loaded.items()
    }
    assert {report.load_id} == {
        fact.load_id for fact in seen.facts if isinstance(fact, LoadFact)
    }
    assert sum(table.size_bytes for table in report.tables) == done.size_bytes
    assert done.size_bytes == sum(fact.size_bytes for fact in seen.of(FileStaged))


def test_a_load_into_a_workspace_tells_its_statements(
    remote: Forwarder, seen: MemoryObserver
) -> None:
    """
    What the facts name as statements the workspace executed, each for its table.
    """
    before = len(workspace().requests)
    remote.submit_many(PAYLOADS)
    (report,) = remote.flush()
    executed = {
        each.statement_id: each.statement or ""
        for each in workspace().requests[before:]
        if each.statement_id
    }
    ran = seen.of(StatementRan)

    assert set(executed) == {fact.statement_id for fact in ran}
    assert len(executed) == len(ran)
    for table in report.tables:
        (copied,) = [
            fact
            for fact in ran
            if fact.table == table.table and fact.operation == "COPY INTO"
        ]
        (loaded,) = [each for each in seen.of(TableLoaded) if each.table == table.table]
        assert f"`{table.table}`" in executed[str(copied.statement_id)]
        assert copied.statement_id == loaded.statement_ids[-1]
    assert 2 <= [fact.operation for fact in ran].count("CREATE TABLE")


def test_one_trace_goes_from_the_load_to_the_statement(
    remote: Forwarder, exported: Exported
) -> None:
    """
    Load, files, tables and statements are one tree; a table is linked to its files.
    """
    before = len(workspace().requests)
    remote.submit_many(PAYLOADS)
    (report,) = remote.flush()
    spans = exported.spans()
    (root,) = exported.spans("load")
    executed = {each.statement_id for each in workspace().requests[before:]}
    copies = [span for span in spans if span.name.startswith("COPY INTO ")]

    assert {root.context.trace_id} == {span.context.trace_id for span in spans}
    assert [root] == [span for span in spans if span.parent is None]
    assert report.load_id == attributes_of(root)["load.id"]
    assert "committed" == attributes_of(root)["load.outcome"]
    assert 2 == len(copies)
    for copy in copies:
        table = parent_of(copy, spans)
        assert table is not None
        assert root is parent_of(table, spans)
        name = attributes_of(table)["table"]
        (file,) = [
            each
            for each in exported.spans("stage")
            if attributes_of(each)["table"] == name
        ]
        assert f"COPY INTO {name}" == copy.name
        assert name == attributes_of(copy)["db.collection.name"]
        assert attributes_of(copy)["statement.id"] in executed
        assert [file.context.span_id] == [link.context.span_id for link in table.links]
        assert root is parent_of(file, spans)


def test_spans_have_the_times_of_what_they_tell(
    remote: Forwarder, exported: Exported
) -> None:
    """
    A span lies within its parent's, whatever thread it came from.
    """
    remote.submit_many(PAYLOADS)
    remote.flush()
    spans = exported.spans()

    for span in spans:
        parent = parent_of(span, spans)
        if parent is not None:
            assert parent.start_time <= span.start_time  # type: ignore[operator]
            assert span.start_time <= span.end_time <= parent.end_time  # type: ignore[operator]


def test_a_load_that_is_tried_again_is_told_twice(
    remote: Forwarder,
    seen: MemoryObserver,
    exported: Exported,
    clock: FakeClock,
) -> None:
    """
    A try that fails has an end and an error; the destination is lost and found.
    """
    workspace().fail(Fault(on="statement", matching="COPY INTO", status=500, times=99))
    remote.submit_many(PAYLOADS)
    with pytest.raises(TransientError):
        remote.flush()
    clock.advance(seconds=300)

    assert exported.value("destination.away") >= 300

    workspace().faults.clear()
    remote.flush()
    failed, done = exported.spans("load")

    assert ["failed", "committed"] == [
        attributes_of(span)["load.outcome"] for span in (failed, done)
    ]
    assert [1, 2] == [attributes_of(span)["load.attempt"] for span in (failed, done)]
    assert not failed.status.is_ok
    assert [1, 1] == [
        kinds(seen.facts).count(f"Destination{what}") for what in ("Lost", "Found")
    ]
    assert 0 == exported.value("destination.away")
    (ended,) = seen.of(LoadFailed)
    assert {ended.error} == {fact.error for fact in seen.of(TableFailed)}


def test_a_statement_that_is_refused_is_told_with_its_id(
    remote: Forwarder, seen: MemoryObserver, exported: Exported
) -> None:
    """
    What fails in the warehouse can be found in its history, too.
    """
    error = "DELTA_UNKNOWN_IN_2027", "XX000", "Refused by the test."
    before = len(workspace().requests)
    workspace().fail(Fault(on="statement", matching="COPY INTO", error=error, times=1))
    remote.submit_many(PAYLOADS[1:])
    with pytest.raises(ForwarderError):
        remote.flush()
    (refused,) = [
        fact for fact in seen.of(StatementRan) if fact.operation == "COPY INTO"
    ]
    executed = {each.statement_id for each in workspace().requests[before:]}
    (span,) = [each for each in exported.spans() if each.name.startswith("COPY INTO ")]

    assert refused.statement_id in executed
    assert refused.error == attributes_of(span)["error.type"] == "TransientError"
    assert not span.status.is_ok


def test_a_table_that_is_parked_is_told(
    remote: Forwarder, seen: MemoryObserver
) -> None:
    """
    The table is told before its load, which stays set aside.
    """
    error = "DELTA_FAILED_TO_MERGE_FIELDS", "22005", "Failed to merge fields."
    workspace().fail(Fault(on="statement", matching="COPY INTO", error=error, times=99))
    remote.submit_many(PAYLOADS[1:])
    (report,) = remote.flush()
    told = kinds(seen.facts)
    (parked,) = seen.of(TableParked)

    assert report.is_parked
    assert ["TableParked", "LoadParked"] == told[-2:]
    assert "TableFailed" in told
    assert report.tables[0].reason == parked.message


def test_a_warehouse_that_starts_is_told(
    tmp_path: Path, seen: MemoryObserver, exported: Exported, clock: FakeClock
) -> None:
    """
    The wait is told when it begins, and how long it was when it ends.
    """
    with (
        Workspace(clock=clock, events_threshold=1) as own,
        Forwarder.for_databricks(
            own.settings,
            spool=tmp_path / "spool.db",
            endpoint=own.endpoint,
            observer=[seen, exported.observer],
            clock=clock,
        ) as forwarder,
    ):
        own.stop_warehouse(timedelta(seconds=30))
        forwarder.submit_many(PAYLOADS)
        forwarder.flush()
    (awaited,), (started,) = seen.of(DestinationAwaited), seen.of(DestinationStarted)

    assert awaited.message.endswith(" is starting, 0 s so far")
    assert 30 <= started.seconds <= 60
    assert (1, started.seconds) == exported.value("destination.start.duration")


def test_files_that_stay_are_told(tmp_path: Path, seen: MemoryObserver) -> None:
    """
    What can't be removed is told when it stays, and when a later start finds it.
    """
    forwarder = into_lake(tmp_path, seen)
    pipeline = forwarder._pipeline
    pipeline.stager = faulty(
        pipeline.stager, Fail(method="discard", error=TransientError("busy"))
    )
    with forwarder:
        forwarder.submit_many(PAYLOADS)
        forwarder.flush()

    assert "FilesLeft" == kinds(seen.facts)[-1]
    assert ["TransientError"] == [fact.error for fact in seen.of(FilesLeft)]

    later = MemoryObserver()
    with into_lake(tmp_path, later) as forwarder:
        forwarder.tick()

    assert ["LeftoversFound", "FilesDiscarded", "SpoolSwept"] == kinds(later.facts)


def test_statements_outside_of_a_load_are_not_told(
    remote: Forwarder, seen: MemoryObserver
) -> None:
    """
    A check runs statements of its own, which belong to no load.
    """
    remote.check()

    assert [] == seen.facts


def test_nothing_of_a_payload_is_told(
    remote: Forwarder, seen: MemoryObserver, exported: Exported
) -> None:
    """
    What is in a payload and is no table's name is in no fact, metric or span.
    """
    secrets = ["person@example.com", "cherry", "471147114711"]
    event = custom("Buy", 471147114711, custom_attributes={"fruit": "cherry"})
    remote.submit(batch(event, user_identities={"email": "person@example.com"}))
    remote.submit(
        batch(custom("Buy", 471147114711), surprise={"cherry": [471147114711]})
    )
    remote._batcher.append(
        [Payload(b'{"events": "cherry 471147114711"}', 1)], at=remote._clock.now()
    )
    remote.flush()
    told = [*map(repr, seen.facts), exported.text()]

    assert 1 == len(seen.of(BatchDied))
    assert [] == [secret for secret in secrets for text in told if secret in text]
