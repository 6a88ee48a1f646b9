"""
Dead letters: which are meant, and back into the queue, each once.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from walking import lake_tables

from databricks_forwarder import DeadLetterFilter, Forwarder
from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.model import Account, DeadLetter, LoadId, Offset
from databricks_forwarder.mparticle.batch import Batch
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.testing.clock import FakeClock

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
LOAD = LoadId("b-0-1")
OTHER = LoadId("b-2-2")


def letter(
    offset: int, reason: str, load_id: LoadId, hours: int, *, is_damaged: bool = False
) -> DeadLetter:
    """
    Make a dead letter, received so many hours after noon.
    """
    return DeadLetter(
        offset=Offset(offset),
        received_at=NOON + hours * HOUR,
        message_count=1,
        reason=reason,
        load_id=load_id,
        payload=b"{}",
        is_damaged=is_damaged,
    )


LETTERS = [
    letter(0, "the router's group raised KeyError", LOAD, 0),
    letter(1, "not JSON", LOAD, 1),
    letter(2, "the stored bytes changed", OTHER, 2, is_damaged=True),
]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (DeadLetterFilter(), [0, 1, 2]),
        (DeadLetterFilter(load_id=LOAD), [0, 1]),
        (DeadLetterFilter(reason="KEYERROR"), [0]),
        (DeadLetterFilter(reason="the"), [0, 2]),
        (DeadLetterFilter(since=NOON + HOUR), [1, 2]),
        (DeadLetterFilter(until=NOON + HOUR), [0, 1]),
        (DeadLetterFilter(since=NOON + HOUR, until=NOON + HOUR), [1]),
        (DeadLetterFilter(is_damaged=True), [2]),
        (DeadLetterFilter(is_damaged=False), [0, 1]),
        (DeadLetterFilter(load_id=LOAD, reason="json"), [1]),
    ],
)
def test_all_that_is_said_must_apply(
    where: DeadLetterFilter, expected: list[int]
) -> None:
    """
    Letters are chosen by load, reason, time and damage, both ends included.
    """
    assert expected == [each.offset for each in where.of(LETTERS)]


def test_what_is_chosen_is_read_anew() -> None:
    """
    A choice can be gone through twice.
    """
    chosen = DeadLetterFilter(load_id=OTHER).of(LETTERS)

    assert list(chosen) == list(chosen) == LETTERS[2:]


@pytest.mark.parametrize("field", ["since", "until"])
@pytest.mark.parametrize("value", [datetime(2026, 1, 1), "2026-01-01"])  # noqa: DTZ001  # naive on purpose
def test_a_moment_without_a_zone_is_refused(field: str, value: Any) -> None:
    """
    The sentence names the field.
    """
    with pytest.raises(ConfigurationError, match=f"{field} must be a datetime with"):
        DeadLetterFilter(**{field: value})


# -- a whole forwarder -------------------------------------------------------


def tenant(batch: Batch) -> str:
    """
    Break on a batch that names no tenant.
    """
    return (batch.user_attributes or {})["tenant"]  # type: ignore[return-value]


def tenant_or_none(batch: Batch) -> str:
    """
    Put a batch that names no tenant to the unknown ones.
    """
    return (batch.user_attributes or {}).get("tenant", "unknown")  # type: ignore[return-value]


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    return tmp_path


def opened(folder: Path, clock: FakeClock, group: Any = tenant) -> Forwarder:
    """
    Open a lake whose router needs a tenant.
    """
    router = FunctionRouter(lambda key: f"{key.group}_events", group=group)
    return Forwarder.for_lake(
        folder / "lake", spool=folder / "spool.db", router=router, clock=clock
    )


def kill(folder: Path, *, count: int = 3) -> FakeClock:
    """
    Let payloads die, one an hour, of which each is a load.
    """
    clock = FakeClock()
    with opened(folder, clock) as forwarder:
        for number in range(count):
            forwarder.submit({"message_id": str(number), "events": [{}, {}]})
            forwarder.flush()
            clock.advance(hours=1)
    return clock


def test_replayed_events_keep_the_time_they_were_received(folder: Path) -> None:
    """
    Rows of a payload that was replayed days later say when it came.
    """
    clock = kill(folder)
    came = clock.now() - 3 * HOUR
    clock.advance(days=7)
    with opened(folder, clock, tenant_or_none) as forwarder:
        count = forwarder.replay()
        forwarder.flush()
        account = forwarder.status().account
        agrees = forwarder.reconcile().agrees
    rows = lake_tables(folder / "lake")["unknown_events"].to_pylist()  # type: ignore[index]

    assert (3, Account(received=6, loaded=6), True) == (count, account, agrees)
    assert {(str(number), came + number * HOUR) for number in range(3)} == {
        (row["message_id"], row["_received_at"]) for row in rows
    }
    assert 6 == len({(row["_offset"], row["_position"]) for row in rows})


def test_only_what_is_meant_is_replayed(folder: Path) -> None:
    """
    Offsets and a filter are taken together.
    """
    clock = kill(folder)
    with opened(folder, clock, tenant_or_none) as forwarder:
        first = forwarder.loads()[-1].load_id
        since = DeadLetterFilter(since=clock.now() - 2 * HOUR)
        listed = [each.offset for each in forwarder.dead_letters(since)]
        none = forwarder.replay([Offset(0)], where=since)
        one = forwarder.replay(where=DeadLetterFilter(load_id=first))
        two = forwarder.replay([Offset(0), Offset(1), Offset(7)])
        left = [each.offset for each in forwarder.dead_letters()]

    assert ([1, 2], 0, 1, 1, [2]) == (listed, none, one, two, left)


def test_a_payload_that_dies_again_can_be_replayed_again(folder: Path) -> None:
    """
    What is not mended dies at its new offset, in its new load, and adds up.
    """
    clock = kill(folder, count=1)
    with opened(folder, clock) as forwarder:
        forwarder.replay()
        (again,) = forwarder.flush()
        (dead,) = forwarder.dead_letters()

        assert (1, again.load_id) == (dead.offset, dead.load_id)
        assert Account(received=2, dead=2) == forwarder.status().account
        assert forwarder.reconcile().agrees


def test_asking_at_the_same_time_replays_once(folder: Path) -> None:
    """
    Many who replay the same letters put each of them back once.
    """
    clock = kill(folder, count=6)
    spools = [SqliteBatcher(folder / "spool.db") for _ in range(4)]
    offsets = [Offset(offset) for offset in range(6)]
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda spool: spool.replay(offsets), spools))
    for spool in spools:
        spool.close()
    with opened(folder, clock, tenant_or_none) as forwarder:
        forwarder.flush()

        assert 6 == sum(counts)
        assert Account(received=12, loaded=12) == forwarder.status().account
        assert forwarder.reconcile().agrees


_REPLAYING = """
import sys
from databricks_forwarder.batchers.sqlite import SqliteBatcher
spool = SqliteBatcher(sys.argv[1])
offsets = [letter.offset for letter in spool.dead_letters()]
print(len(offsets), flush=True)
sys.stdin.readline()
print(spool.replay(offsets), flush=True)
spool.close()
"""


def started(program: str, folder: Path) -> subprocess.Popen[str]:
    """
    Start a Python of its own on the spool.
    """
    return subprocess.Popen(
        [sys.executable, "-c", program, str(folder / "spool.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_processes_that_ask_at_the_same_time_replay_once(folder: Path) -> None:
    """
    Both have seen all letters as dead before either puts them back.
    """
    clock = kill(folder, count=5)
    processes = [started(_REPLAYING, folder) for _ in range(2)]
    seen = [process.stdout.readline() for process in processes]  # type: ignore[union-attr]
    for process in processes:
        process.stdin.write("\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
    counts = [process.communicate(timeout=60)[0] for process in processes]
    with opened(folder, clock, tenant_or_none) as forwarder:
        forwarder.flush()

        assert (["5\n", "5\n"], [0, 5]) == (seen, sorted(map(int, counts)))
        assert Account(received=10, loaded=10) == forwarder.status().account
        assert forwarder.reconcile().agrees


_DYING = """
import os, sys
from databricks_forwarder.batchers import sqlite
spool = sqlite.SqliteBatcher(sys.argv[1])
replay = sqlite.replay

def dying(database, offset):
    if offset == 2:
        os.kill(os.getpid(), 9)
    return replay(database, offset)

sqlite.replay = dying
spool.replay(range(4))
"""


def test_a_replay_that_is_killed_is_done_wholly_or_not_at_all(folder: Path) -> None:
    """
    After a process died in the middle all letters are dead; asked again, each once.
    """
    clock = kill(folder, count=4)
    process = started(_DYING, folder)
    process.communicate(timeout=60)
    with opened(folder, clock, tenant_or_none) as forwarder:
        dead = [each.offset for each in forwarder.dead_letters()]
        replayed = (forwarder.replay(dead), forwarder.replay(dead))
        forwarder.flush()

        assert (-9, [0, 1, 2, 3], (4, 0)) == (process.returncode, dead, replayed)
        assert Account(received=8, loaded=8) == forwarder.status().account
        assert forwarder.reconcile().agrees


def test_a_damaged_payload_is_not_replayed(folder: Path) -> None:
    """
    Dead bytes that have changed stay where they are, the whole ones go.
    """
    clock = kill(folder)
    damage(folder, 1)
    with opened(folder, clock, tenant_or_none) as forwarder:
        count = forwarder.replay()
        again = forwarder.replay([Offset(1)])
        forwarder.flush()
        (left,) = forwarder.dead_letters()

        assert (2, 0, 1, True) == (count, again, left.offset, left.is_damaged)
        assert Account(received=6, loaded=4, dead=2) == forwarder.status().account
        assert forwarder.reconcile().agrees


def damage(folder: Path, offset: int) -> None:
    """
    Change a byte of a dead letter behind the library's back.
    """
    with closing(sqlite3.connect(folder / "spool.db")) as database, database:
        (payload,) = database.execute(
            "SELECT payload FROM dead_letters WHERE offset = ?", (offset,)
        ).fetchone()
        database.execute(
            "UPDATE dead_letters SET payload = ? WHERE offset = ?",
            (payload[:-1] + b"\xff", offset),
        )
