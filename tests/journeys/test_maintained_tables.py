"""
Tables that are kept in order while they are loaded: no row is lost or doubled.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from erasures import InSchema
from schemas import workspace
from walking import Composition, OnDisk, batch, custom, event_ids

from databricks_forwarder import Forwarder, _maintenance
from databricks_forwarder.counts.warehouse import WarehouseEventCounts
from databricks_forwarder.loaders import _delta_layout
from databricks_forwarder.maintenance import TableLayout
from databricks_forwarder.model import EventKind, LoadId, TableName
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.testing.faults import Fail, Killed, faulty

COMMON = TableName("shop_otherevents")
_COMPACTING = """
import sys

from databricks_forwarder.loaders.delta import DeltaLoader

DeltaLoader(sys.argv[1]).maintain(sys.argv[2], "compact")
"""
# As of names that customers think of, once the naming rules had them.
HOSTILE = 'o\');drop;--`a`"b"%2fé'


@pytest.fixture(params=[OnDisk, InSchema])
def parts(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Composition]:
    """
    Parts into a lake and into a workspace; five small files are many.
    """
    monkeypatch.setattr(_maintenance, "_MANY", 5)
    parts = request.param(tmp_path, events_threshold=1000)
    yield parts
    parts.die()


def carry(forwarder: Forwarder, *ids: int) -> None:
    """
    Carry each event as a load of its own.
    """
    for event_id in ids:
        forwarder.submit(batch(custom("Buy", event_id)))
        forwarder.flush()


def layout(forwarder: Forwarder) -> TableLayout:
    """
    Look at the one table.
    """
    (told,) = forwarder.maintenance().tables
    return told


def held(parts: Composition) -> Counter[int | None]:
    """
    Count the rows by the event's id.
    """
    return event_ids(parts.tables())


def test_many_small_loads_become_few_files(parts: Composition) -> None:
    """
    Small files are counted and compacted; later loads and repeats are as ever.
    """
    with parts.forwarder() as forwarder:
        carry(forwarder, *range(6))
        small = forwarder.status().small_files
        found = forwarder.maintenance(run=True)
        fewer = layout(forwarder).file_count
        carry(forwarder, 6)
        agrees = forwarder.reconcile().agrees

    assert small is not None
    assert (6, 6, 1) == (small.added, found.tables[0].small_file_count, fewer)
    assert [None] == [each.error for each in found.outcomes]
    assert (Counter(range(7)), True) == (held(parts), agrees)


def test_a_load_that_is_repeated_changes_nothing(parts: Composition) -> None:
    """
    A load whose answer was lost before the compacting is a repeat after it.
    """
    with parts.forwarder() as forwarder:
        carry(forwarder, *range(5))
    dying = parts.forwarder(
        wrap=lambda name, it: (
            faulty(it, Fail(method="load", when="after")) if name == "loader" else it
        )
    )
    with pytest.raises(Killed):
        carry(dying, 5)
    parts.die()
    with parts.forwarder() as other:
        other.maintenance(run=True)
        files = layout(other).file_count
        other.flush()

        assert (1, 1) == (files, layout(other).file_count)
        assert other.reconcile().agrees
    assert Counter(range(6)) == held(parts)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_that_is_killed_is_done_again(parts: Composition, when: Any) -> None:
    """
    Whoever dies before or after a statement leaves all rows, and no obstacle.
    """
    with parts.forwarder() as forwarder:
        carry(forwarder, *range(5))
    dying = parts.forwarder(
        wrap=lambda name, it: (
            faulty(it, Fail(method="maintain", when=when)) if name == "loader" else it
        )
    )
    with pytest.raises(Killed):
        dying.maintenance(run=True)
    parts.die()
    with parts.forwarder() as forwarder:
        forwarder.maintenance(run=True)

        assert 1 == layout(forwarder).file_count
    assert Counter(range(5)) == held(parts)


def test_a_death_between_commit_and_disk_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Rows are there when the process dies before what was committed is on disk.
    """
    monkeypatch.setattr(_maintenance, "_MANY", 5)
    parts = OnDisk(tmp_path, events_threshold=1000)
    with parts.forwarder() as forwarder:
        carry(forwarder, *range(5))
        with monkeypatch.context() as patch:
            patch.setattr(_delta_layout, "sync", _die)
            with pytest.raises(Killed):
                forwarder.maintenance(run=True)
    with parts.forwarder() as forwarder:
        forwarder.maintenance(run=True)
        carry(forwarder, 5)

    assert Counter(range(6)) == held(parts)


def test_a_process_that_is_killed_while_it_writes_loses_nothing(
    tmp_path: Path,
) -> None:
    """
    Whoever is killed with the new file half written leaves the table as it was.
    """
    parts = OnDisk(tmp_path, events_threshold=1000)
    with parts.forwarder() as forwarder:
        carry(forwarder, *range(30))
    folder = tmp_path / "lake" / COMMON
    compacting = subprocess.Popen(
        [sys.executable, "-c", _COMPACTING, str(folder.parent), COMMON]
    )
    while compacting.poll() is None:
        if any(folder.glob("part-*")):
            compacting.kill()
    killed = held(parts)
    with parts.forwarder() as forwarder:
        forwarder._loader.maintain(COMMON, "compact")
        carry(forwarder, 30)

        assert 2 == layout(forwarder).file_count
        assert forwarder.reconcile().agrees
    assert (Counter(range(30)), Counter(range(31))) == (killed, held(parts))


def test_another_forwarder_may_load_meanwhile(parts: Composition) -> None:
    """
    Loads of a second forwarder go on while the first compacts again and again.
    """
    with parts.forwarder() as forwarder:
        carry(forwarder, *range(5))
    done = threading.Event()
    problems: list[str] = []
    tending = parts.forwarder()

    def tend() -> None:
        while not done.is_set():
            for work in ("compact", "vacuum"):
                tending._loader.maintain(COMMON, work)
            problems.extend(tending.maintenance(run=True).problems)

    thread = threading.Thread(target=tend)
    thread.start()
    try:
        with parts.forwarder() as forwarder:
            carry(forwarder, *range(5, 12))
    finally:
        done.set()
        thread.join()
        parts.die()

    assert (Counter(range(12)), []) == (held(parts), problems)


def test_tables_of_any_name_are_maintained(parts: Composition) -> None:
    """
    Names that look like SQL or like paths are names, in advice and in what is run.
    """
    router = FunctionRouter(lambda _: HOSTILE)
    with parts.forwarder(router=router) as forwarder:
        carry(forwarder, *range(5))
        found = forwarder.maintenance(run=["compact", "vacuum"])

        assert [HOSTILE] == [each.table for each in found.tables]
        assert [] == list(found.problems)
        assert 1 == layout(forwarder).file_count
    assert Counter(range(5)) == held(parts)


def test_missing_grants_are_named_and_hold_back_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A table that may be read, not changed, says what to run; the other is done.
    """
    monkeypatch.setattr(_maintenance, "_MANY", 2)
    parts = InSchema(tmp_path, events_threshold=1000)
    name = f"main.{parts.settings.schema_name}.theirs"
    query = workspace().query
    query(
        f"CREATE TABLE {name} (_load_id STRING, _offset BIGINT, mpid BIGINT, "
        "user_identities MAP<STRING, STRUCT<identity: STRING>>)"
    )
    for number in (1, 2):
        query(f"INSERT INTO {name} (mpid) VALUES ({number})")
    query(f"GRANT SELECT ON TABLE {name} TO `{parts.settings.client_id}`")
    with parts.forwarder() as forwarder:
        carry(forwarder, 1, 2)
        found = forwarder.maintenance(run=True)

    assert {COMMON: True, "theirs": False} == {
        each.advice.table: each.error is None for each in found.outcomes
    }
    quoted = ".".join(f"`{part}`" for part in name.split("."))
    assert [f"run: GRANT MODIFY ON TABLE {quoted}"] == [
        problem[problem.index("run: ") :].partition(" TO ")[0]
        for problem in found.problems
    ]
    parts.die()


def test_shared_counts_are_maintained_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The library's own tables are compacted, and count and name as before.
    """
    monkeypatch.setattr(_maintenance, "_MANY", 2)
    parts = InSchema(tmp_path, events_threshold=1000)
    *_, loader = parts.parts()
    kind, day = EventKind("screen_view"), parts.clock.now().date()
    counts = WarehouseEventCounts(loader._client, tmp_path / "copy")
    for number in range(3):
        counts.add(LoadId(f"b-{number}-{number}"), {kind: 1}, on=day)
        counts.give({f"o{number}": [TableName(f"t{number}")]})
    with parts.forwarder() as forwarder:
        found = forwarder.maintenance(run=["compact", "vacuum"])
    again = WarehouseEventCounts(loader._client, tmp_path / "other-copy")
    again.add(LoadId("b-0-0"), {kind: 1}, on=day)
    again.add(LoadId("b-3-3"), {kind: 1}, on=day)

    assert {"_forwarder_event_counts", "_forwarder_tables"} == {
        each.advice.table for each in found.outcomes
    }
    assert [] == list(found.problems)
    assert {kind: 4} == again.totals([kind], since=day)
    assert {"o1": "t1", "new": "t3"} == again.give({"o1": ["t9"], "new": ["t1", "t3"]})
    parts.die()


def _die(_: object) -> None:
    raise Killed
