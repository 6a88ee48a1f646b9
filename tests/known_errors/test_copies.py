"""
The spool's files are copied while it is in use.
"""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from spools import NOON, asked, carried, copied, opened, payload, state

from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.errors import BatcherError
from databricks_forwarder.model import Payload

LARGE = 40_000


def grown(batcher: SqliteBatcher, first: int, count: int) -> list[Payload]:
    """
    Append so much that many pages are new.
    """
    payloads = [payload(number, LARGE) for number in range(first, first + count)]
    batcher.append(payloads, at=NOON)
    return payloads


@pytest.mark.parametrize("order", [*itertools.permutations(("", "-wal", "-shm"))])
def test_files_copied_at_rest_are_the_spool(
    order: tuple[str, ...], tmp_path: Path
) -> None:
    """
    Copied while nobody writes, the files are the spool, in whatever order.
    """
    path = tmp_path / "spool.db"
    with opened(path) as batcher:
        payloads = grown(batcher, 0, 5)
        copy = copied(path, tmp_path / "copy", *order)
    with opened(copy) as batcher:
        result = carried(batcher)

    assert [each.document for each in payloads] == list(result.payloads.values())


def test_a_copy_without_the_log_is_an_older_spool(tmp_path: Path) -> None:
    """
    Without its log a copy is whole, but as it was when the log was last emptied.
    """
    path = tmp_path / "spool.db"
    with opened(path) as batcher:
        grown(batcher, 0, 5)
        asked(path, "PRAGMA wal_checkpoint(TRUNCATE)")
        then = state(copied(path, tmp_path / "then"))
        grown(batcher, 5, 5)
        now = state(copied(path, tmp_path / "copy", ""))

    assert then == now


@pytest.mark.parametrize("first", ["", "-wal"])
def test_files_copied_while_somebody_writes_are_no_spool(
    first: str, tmp_path: Path
) -> None:
    """
    Files of two moments are an older spool, or are told to be damaged.
    """
    path = tmp_path / "spool.db"
    states = []
    with opened(path) as batcher:
        for number in range(4):
            grown(batcher, number, 1)
            states.append(state(copied(path, tmp_path / f"then {number}")))
        copied(path, tmp_path / "copy", first)
        # The log goes into the file, and begins anew.
        asked(path, "PRAGMA wal_checkpoint(TRUNCATE)")
        batcher.replay([])
        for number in range(4, 8):
            grown(batcher, number, 1)
            states.append(state(copied(path, tmp_path / f"then {number}")))
        copy = copied(path, tmp_path / "copy", "-wal" if first == "" else "")
    try:
        found = state(copy)
    except (BatcherError, sqlite3.DatabaseError):
        found = None

    assert found in [None, *states]


def test_sqlite_s_own_copy_is_the_spool_at_one_moment(tmp_path: Path) -> None:
    """
    A copy that SQLite makes is whole, whoever writes meanwhile.
    """
    path = tmp_path / "spool.db"
    with opened(path) as batcher:
        grown(batcher, 0, 5)
        then = state(copied(path, tmp_path / "then"))
        with (
            closing(sqlite3.connect(path)) as theirs,
            closing(sqlite3.connect(tmp_path / "backup.db")) as ours,
        ):
            theirs.backup(ours)
            theirs.execute("VACUUM INTO ?", [str(tmp_path / "vacuumed.db")])
        grown(batcher, 5, 5)

    assert then == state(tmp_path / "backup.db")
    assert then == state(tmp_path / "vacuumed.db")


def test_a_copy_has_the_names_of_the_spool(tmp_path: Path) -> None:
    """
    A copy that goes on beside its spool gives the same names to other records.
    """
    path = tmp_path / "spool.db"
    with opened(path) as batcher:
        grown(batcher, 0, 2)
        copy = copied(path, tmp_path / "copy")
        batcher.append([payload(2)], at=NOON)
        ours = carried(batcher)
    with opened(copy) as other:
        other.append([payload(3)], at=NOON)
        theirs = carried(other)

    assert ours.notes.keys() == theirs.notes.keys()
    assert ours.payloads != theirs.payloads
