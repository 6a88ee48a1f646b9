"""
Records of a committed load that are removed some at a time.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from spools import NOON, asked, carried, leased, opened, payload, report

from databricks_forwarder.batchers import _sqlite_removals
from databricks_forwarder.batchers._group_commit import GroupCommit
from databricks_forwarder.batchers.sqlite import SqliteBatcher, repair
from databricks_forwarder.errors import BatcherError
from databricks_forwarder.model import Account

RECORDS = 9
DEAD = 3


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Let two records be some.
    """
    monkeypatch.setattr(_sqlite_removals, "_RECORDS", 2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """
    Name a spool.
    """
    return tmp_path / "spool.db"


def stopped(path: Path, monkeypatch: pytest.MonkeyPatch, *, turn: int) -> list[int]:
    """
    Commit a load of nine, and be broken off before its records are removed again.

    Args:
        path: A new spool; a record waits in it afterwards.
        monkeypatch: What breaks it off.
        turn: 1 for right after the commit.

    Returns:
        The offsets that are still there, but for the one that waits.
    """
    turns = iter(range(1, turn))

    def let_pass(_: object) -> None:
        if next(turns, None) is None:
            raise KeyboardInterrupt

    with opened(path) as batcher:
        batcher.append([payload(number) for number in range(RECORDS)], at=NOON)
        load = leased(batcher)
        batcher.append([payload(RECORDS)], at=NOON)
        with monkeypatch.context() as patched:
            patched.setattr(GroupCommit, "let_pass", let_pass)
            with pytest.raises(KeyboardInterrupt):
                batcher.commit(load.load_id, report(load, dead={DEAD: "no"}), at=NOON)
    offsets = [row[0] for row in asked(path, "SELECT offset FROM records ORDER BY 1")]
    assert RECORDS == offsets.pop()
    return [int(str(offset)) for offset in offsets]


@pytest.mark.parametrize(
    ("turn", "left"),
    [(1, [2, 4, 5, 6, 7, 8]), (2, [5, 6, 7, 8]), (3, [7, 8]), (4, [])],
)
def test_what_is_left_of_a_load_is_no_part_of_the_spool(
    path: Path, monkeypatch: pytest.MonkeyPatch, turn: int, left: list[int]
) -> None:
    """
    A removal that was broken off shows in nothing but the bytes that are kept.
    """
    there = stopped(path, monkeypatch, turn=turn)
    with opened(path) as batcher:
        status = batcher.status()
        loads = batcher.loads()

    assert left == there
    assert Account(received=20, loaded=16, dead=2, pending=2) == status.account
    assert (2, ()) == (status.waiting, status.open_load_ids)
    assert 1 == len(loads)
    kept = [payload(number) for number in (*left, DEAD, RECORDS)]
    assert sum(len(each.document) for each in kept) == status.stored_bytes


@pytest.mark.parametrize("turn", [1, 4])
def test_the_next_lease_ends_a_removal(
    path: Path, monkeypatch: pytest.MonkeyPatch, turn: int
) -> None:
    """
    What is left of a load is removed by the next lease, and is in no load.
    """
    stopped(path, monkeypatch, turn=turn)
    with opened(path) as batcher:
        load = leased(batcher)
        records = [record.offset for record in load.records]
        stored_bytes = batcher.status().stored_bytes

    assert [RECORDS] == records
    assert len(payload(DEAD).document) + len(payload(9).document) == stored_bytes
    assert [] == asked(path, "SELECT * FROM removals")


def test_the_removals_of_two_loads_are_both_ended(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Left-overs of several loads are removed one after another.
    """
    stopped(path, monkeypatch, turn=1)
    with opened(path) as batcher:
        with monkeypatch.context() as patched:
            patched.setattr(SqliteBatcher, "_remove", lambda *_: None)
            for _ in range(2):
                batcher.append([payload(0)] * 5, at=NOON)
                load = leased(batcher)
                batcher.commit(load.load_id, report(load), at=NOON)
        before = asked(path, "SELECT first FROM removals")
        batcher.commit(load.load_id, report(load), at=NOON)

    assert [(0,), (9,), (15,)] == before
    assert [] == asked(path, "SELECT * FROM removals")
    assert [] == asked(path, "SELECT offset FROM records")


def test_a_spool_with_a_removal_is_whole(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A removal that was broken off is nothing to repair.
    """
    stopped(path, monkeypatch, turn=2)

    assert repair(path).kept is None


@pytest.mark.parametrize(
    ("lost", "set_aside"),
    [
        ("spool", ()),
        ("committed", ()),
        ("removals", ()),
        ("committed, removals", (2, 4, 5, 6, 7, 8)),
    ],
)
def test_a_repair_leaves_out_what_is_known_to_be_loaded(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    lost: str,
    set_aside: tuple[int, ...],
) -> None:
    """
    Left-overs are set aside only when nothing tells that they are committed.
    """
    stopped(path, monkeypatch, turn=1)
    with closing(sqlite3.connect(path)) as database:
        for table in lost.split(", "):
            database.execute(f"DELETE FROM {table}")
        # Then it is damaged, if it was not.
        database.execute("UPDATE spool SET received = received + 1")
        database.commit()
    mended = repair(path)
    with opened(path) as batcher:
        result = carried(batcher)

    assert mended.kept is not None
    assert set_aside == tuple(mended.set_aside_offsets)
    assert {DEAD, *set_aside} == set(result.dead)
    assert result.account.is_balanced


def test_a_removal_that_changed_removes_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Offsets that are not those of the load that is named are not believed.
    """
    stopped(path, monkeypatch, turn=1)
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE removals SET last = 9")
        database.commit()
    with opened(path) as batcher:
        with pytest.raises(BatcherError, match="what is to be removed is not as"):
            leased(batcher)
        there = asked(path, "SELECT offset FROM records WHERE offset = 9")

    assert [(9,)] == there
    assert repair(path).kept is not None
