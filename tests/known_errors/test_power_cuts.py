"""
The power goes: what was acknowledged before is there, whatever the disk got to.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from power import (
    Choice,
    Disk,
    after_power_cut,
    everything,
    nothing,
    recorded,
    restored,
    some,
)
from spools import NOON, opened, payload, state, steps
from tries import SEED, tries

from databricks_forwarder.batchers import _sqlite_session
from databricks_forwarder.counts.sqlite import SqliteEventCounts
from databricks_forwarder.errors import ForwarderError
from databricks_forwarder.model import EventKind, LoadId, TableName

KIND = EventKind("session_start")
DAY = date(2026, 3, 31)


def live(path: Path, told: Callable[[], None]) -> None:
    """
    Make a spool and do everything with it, saying when each call has returned.
    """
    with opened(path) as batcher:
        told()
        for step in steps(batcher):
            step()
            told()
    with opened(path) as batcher:
        batcher.append([payload(90)], at=NOON)
        told()
        batcher.append([payload(91), payload(92)], at=NOON, checkpoint={"p": "9"})
        told()


@contextmanager
def quick() -> Iterator[None]:
    """
    Open files without waiting for a disk: what is on it is known.
    """
    with recorded():
        yield


def cut_anywhere(
    folder: Path,
    log_of: Callable[[Path, Disk], None],
    judge: Callable[[Path, list[Any], Any], None],
    seed: int,
    count: int,
) -> None:
    """
    Live once, then cut the power at points of that life, and judge each time.

    Args:
        folder: For files.
        log_of: Lives in a folder, on a disk.
        judge: Is told the folder that was left, all that had been told, and
            what would have been told next.
        seed: Chooses the points, and what the disk got round to.
        count: How many points; all of them if there are no more.
    """
    rng = random.Random(seed)
    (folder / "life").mkdir()
    with recorded() as disk:
        log_of(folder / "life", disk)
    log = list(disk.log)
    points = range(len(log) + 1)
    for point in points if count >= len(points) else rng.sample(points, count):
        told = [op.told for op in log[:point] if op.kind == "told"]
        then = [op.told for op in log[point:] if op.kind == "told"]
        choices: list[Choice] = [nothing, everything, some(rng), some(rng)]
        files = after_power_cut(log[:point], rng.choice(choices))
        left = restored(files, folder / "left")
        with quick():
            judge(left, told, then[0] if then else None)
        shutil.rmtree(left)


def live_with_spool(folder: Path, disk: Disk) -> None:
    """
    Live with a spool, telling what it holds after each call.
    """

    def told() -> None:
        # A copy, so that looking leaves no trace in the log.
        seen = folder.parent / "seen"
        seen.mkdir()
        for each in folder.glob("spool.db*"):
            if not each.name.endswith(("-shm", ".lock", ".use")):
                shutil.copyfile(each, seen / each.name)
        length = len(disk.log)
        disk.tell(state(seen / "spool.db"))
        del disk.log[length:-1]
        shutil.rmtree(seen)

    live(folder / "spool.db", told)


def judge_spool(left: Path, told: list[Any], then: Any) -> None:
    """
    See that the spool holds what was told last, or what comes next, whole.
    """
    path = left / "spool.db"
    if not told and not path.exists():
        return
    assert path.exists(), "the spool's name is gone"
    found = state(path)

    assert found in [*told[-1:], then]


def test_a_spool_holds_what_was_told_before_the_power_went(tmp_path: Path) -> None:
    """
    Cut anywhere, a spool is as some call left it: the last that had returned.
    """
    cut_anywhere(tmp_path, live_with_spool, judge_spool, SEED, tries(150))


@pytest.mark.parametrize("mode", ["OFF", "NORMAL"])
def test_a_receipt_before_the_sync_is_found_out(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A spool that acknowledges before it has synced fails the test above.
    """
    connect = _sqlite_session.connect

    def careless(path: Path) -> sqlite3.Connection:
        database = connect(path)
        database.execute(f"PRAGMA synchronous = {mode}")
        return database

    monkeypatch.setattr(_sqlite_session, "connect", careless)
    with pytest.raises((AssertionError, ForwarderError)):
        cut_anywhere(tmp_path, live_with_spool, judge_spool, SEED, tries(150))


def live_with_counts(folder: Path, disk: Disk) -> None:
    """
    Count loads and give names, telling what they are after each call.
    """
    counts = SqliteEventCounts(folder / "counts.db")
    disk.tell((0, {}))
    names: dict[str, str] = {}
    # Another process has it open half of the time: then no call is the last to
    # close the file, which syncs it once more.
    with closing(sqlite3.connect(folder / "counts.db")) as other:
        for number in range(6):
            if number < 3:
                other.execute("SELECT count(*) FROM names").fetchone()
            else:
                other.close()
            counts.add(LoadId(f"load-{number}"), {KIND: 1}, on=DAY)
            disk.tell((number + 1, dict(names)))
            names |= counts.give({f"owner {number}": [TableName(f"table_{number}")]})
            disk.tell((number + 1, dict(names)))


def judge_counts(left: Path, told: list[Any], then: Any) -> None:
    """
    See that the counts are what was told last, or what comes next.
    """
    path = left / "counts.db"
    if not told and not path.exists():
        return
    assert path.exists(), "the file's name is gone"
    counts = SqliteEventCounts(path)
    owners = [f"owner {number}" for number in range(6)]
    totals = counts.totals([KIND], since=DAY).get(KIND, 0)
    found = (totals, dict(counts.given(owners)))
    with closing(sqlite3.connect(path)) as database:
        loads = database.execute("SELECT count(*) FROM counted_loads").fetchone()

    assert found in [*told[-1:], then]
    assert (totals,) == loads


def test_counts_hold_what_was_told_before_the_power_went(tmp_path: Path) -> None:
    """
    Cut anywhere, counts and names are as the last call that had returned left them.
    """
    cut_anywhere(tmp_path, live_with_counts, judge_counts, SEED, tries(80))


@pytest.mark.parametrize("mode", ["OFF", "NORMAL"])
def test_counts_told_before_the_sync_are_found_out(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Counts that return before they have synced fail the test above.
    """
    connection = SqliteEventCounts._connection

    @contextmanager
    def careless(
        counts: SqliteEventCounts, doing: str, **options: Any
    ) -> Iterator[sqlite3.Connection]:
        with connection(counts, doing, **options) as database:
            database.execute(f"PRAGMA synchronous = {mode}")
            yield database

    monkeypatch.setattr(SqliteEventCounts, "_connection", careless)
    with pytest.raises((AssertionError, ForwarderError)):
        cut_anywhere(tmp_path, live_with_counts, judge_counts, SEED, tries(80))
