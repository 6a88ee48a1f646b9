"""
Batchers whose hosts are killed: whole ones lose nothing, others are found out.
"""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from databricks_forwarder.batchers.memory import MemoryBatcher, MemoryStorage
from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.model import Offset, OffsetRange
from databricks_forwarder.protocols import Batcher
from databricks_forwarder.testing import _killed_life
from databricks_forwarder.testing._kill_server import KillServer, _live, _opened
from databricks_forwarder.testing._killed_life import Host, Kill, Life
from databricks_forwarder.testing._worlds import ImpossibleError, Worlds
from databricks_forwarder.testing.contracts._loads import NOON
from databricks_forwarder.testing.faults import Killed
from databricks_forwarder.testing.kills import BatcherKills


class TestSqliteBatcher(BatcherKills):
    """
    The SQLite batcher.
    """

    part: type[SqliteBatcher] = SqliteBatcher

    def open(self) -> Batcher:
        """
        Open the test's file.
        """
        return self.part(self.tmp_path / "spool.db")


class WritesBehind(SqliteBatcher):
    """
    Answers an append, and writes it with the next call that is none.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._file = path
        self._behind: list[Callable[[], object]] = []
        self._next_offset = 0

    def append(self, payloads: Any, /, **options: Any) -> OffsetRange | None:
        """
        Keep for later.
        """
        append = super().append
        if not self._behind:
            with closing(sqlite3.connect(self._file)) as spool:
                ((self._next_offset,),) = spool.execute("SELECT next_offset FROM spool")
        self._behind.append(lambda: append(payloads, **options))
        first = self._next_offset
        self._next_offset += len(payloads)
        if not payloads:
            return None
        return OffsetRange(Offset(first), Offset(self._next_offset - 1))

    def __getattribute__(self, name: str) -> Any:
        if name in {"lease", "status", "dead_letters", "replay", "close"}:
            behind, self._behind = self._behind, []
            for each in behind:
                each()
        return super().__getattribute__(name)


class AppendsOneByOne(SqliteBatcher):
    """
    Stores each payload of an append by itself.
    """

    def append(self, payloads: Any, /, **options: Any) -> OffsetRange | None:
        """
        Append, and append.
        """
        first = super().append(payloads[:1], **options)
        last = first
        for payload in payloads[1:]:
            last = super().append([payload], at=options["at"])
        return None if first is None else OffsetRange(first.first, last.last)


class ForgetsNotes(SqliteBatcher):
    """
    Keeps notes for the process alone.
    """

    def note(self, *args: Any, **options: Any) -> None:
        """
        Store nothing.
        """


class Hangs(SqliteBatcher):
    """
    Waits for ever when it is asked for a load.
    """

    def lease(self, *args: Any, **options: Any) -> Any:
        """
        Wait.
        """
        threading.Event().wait()


class Breaks(SqliteBatcher):
    """
    Can't append.
    """

    def append(self, *args: Any, **options: Any) -> Any:
        """
        Raise what nobody expects.
        """
        msg = "it can't be done"
        raise ZeroDivisionError(msg)


class Leaves(SqliteBatcher):
    """
    Ends the process when it is asked for a load.
    """

    def lease(self, *args: Any, **options: Any) -> Any:
        """
        End.
        """
        os._exit(7)


class KillsOfWritesBehind(TestSqliteBatcher):
    """
    Of hosts with that fault.
    """

    part = WritesBehind


class KillsOfAppendsOneByOne(TestSqliteBatcher):
    """
    Of hosts with that fault; some thirty are enough mostly, but not always.
    """

    part = AppendsOneByOne
    kills = 1000


class KillsOfForgetsNotes(TestSqliteBatcher):
    """
    Of hosts with that fault.
    """

    part = ForgetsNotes


class KillsOfHangs(TestSqliteBatcher):
    """
    Of hosts with that fault.
    """

    part = Hangs
    longest_life_seconds = 0.5


class KillsOfBreaks(TestSqliteBatcher):
    """
    Of hosts with that fault.
    """

    part = Breaks


class KillsOfLeaves(TestSqliteBatcher):
    """
    Of hosts with that fault.
    """

    part = Leaves


def killed(kind: type[BatcherKills], folder: Path) -> str:
    """
    Kill hosts as pytest would; tell what is wrong, if anything is.
    """
    kills = kind()
    kills.begin(folder)
    try:
        kills.test_killed_hosts_lose_and_double_nothing()
    except pytest.fail.Exception as error:
        return str(error)
    finally:
        kills.end()
    return ""


LOST_OR_HALF_DONE = r": (B1 or B14|B2|B12|B3, B4, B8 or B13): \w+"


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        # What is looked at first, and after which call, depends on the moment.
        (KillsOfWritesBehind, LOST_OR_HALF_DONE),
        (KillsOfAppendsOneByOne, LOST_OR_HALF_DONE),
        (KillsOfForgetsNotes, "B13"),
        (KillsOfHangs, r"the host broke: it hung for \d"),
        (KillsOfBreaks, "ZeroDivisionError: it can't be done"),
        (KillsOfLeaves, "the host broke: it ended with 7"),
    ],
)
def test_a_broken_batcher_is_found_out(
    kind: type[BatcherKills], told: str, tmp_path: Path
) -> None:
    """
    A batcher with one fault does not survive the kills, and is told which.
    """
    said = killed(kind, tmp_path)

    assert said.startswith("seed 1, ")
    assert re.search(told, said)


def test_a_class_of_a_function_is_refused(tmp_path: Path) -> None:
    """
    A class that a new process can't find is told at once.
    """

    class Local(BatcherKills):
        pass

    for kind in (Local, int):
        with pytest.raises(TypeError, match="must stand in a module's file"):
            KillServer(kind, tmp_path)


_MODULE = """
from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.testing.kills import BatcherKills

class Outer:
    class Kills(BatcherKills):
        kills = 3

        def open(self):
            return SqliteBatcher(self.tmp_path / "spool.db")
"""


def kills_of_a_place(path: Path) -> Any:
    """
    Import a class from a file that no import would find.
    """
    path.write_text(_MODULE)
    spec = importlib.util.spec_from_file_location("of_no_package", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["of_no_package"] = module
    spec.loader.exec_module(module)
    return module.Outer.Kills


def test_a_class_is_found_by_its_place(tmp_path: Path) -> None:
    """
    A module that was imported by its place is imported so in a new process.
    """
    kind = kills_of_a_place(tmp_path / "placed.py")

    assert killed(kind, tmp_path) == ""


def test_a_server_that_is_gone_is_told(tmp_path: Path) -> None:
    """
    When the module can't be imported anew, the test ends with that.
    """
    kind = kills_of_a_place(tmp_path / "placed.py")
    (tmp_path / "placed.py").unlink()
    server = KillServer(kind, tmp_path)
    with pytest.raises(RuntimeError, match="the server of killed hosts ended with 1"):
        list(server.live(LIFE))
    server.close()


def test_the_hook_is_asked_for() -> None:
    """
    Kills without a way to open a batcher fail where it is needed.
    """
    kills = BatcherKills()
    with pytest.raises(NotImplementedError):
        kills.open()
    kills.end()


LIFE = Life(seed=1, number=0, at=NOON.isoformat(), actions=12)


def lived(kill: Kill | None, opens: Callable[[], Batcher] = MemoryBatcher) -> list[Any]:
    """
    Live in this process, and die by an exception; give what was said.
    """

    def dies() -> None:
        raise Killed

    said: list[Any] = []
    life = Life(seed=1, number=0, at=NOON.isoformat(), actions=12, kill=kill)
    host = Host(life, opens, said.append, dies)
    if kill is None:
        host.live()
    else:
        with pytest.raises(Killed):
            host.live()
    return said


def test_lives_that_nobody_ends_are_as_the_list_says(tmp_path: Path) -> None:
    """
    Hosts that live to their end, one after the other, leave one world and no doubt.
    """
    worlds = Worlds()

    def hear(said: Any) -> None:
        getattr(worlds, said[0])(*said[1:])

    for number in range(40):
        at = NOON + number * timedelta(hours=1)
        life = Life(seed=5, number=number, at=at.isoformat())
        host = Host(life, partial(_opened, TestSqliteBatcher, tmp_path), hear)
        host.settle() if number == 39 else host.live()
    batcher = SqliteBatcher(tmp_path / "spool.db")
    worlds.look(batcher)
    account = batcher.status().account
    batcher.close()

    assert account.received == account.loaded + account.dropped > 100


def test_a_life_ends_where_it_is_to_end() -> None:
    """
    Before a call nothing of it was done, after it it was answered.
    """
    whole = lived(None)

    assert ["tries", "did"] * 3 == [each[0] for each in whole[:6]]
    assert whole[0:1] == lived(Kill("before", 1))
    assert [each[0] for each in whole[:4]] == [
        each[0] for each in lived(Kill("after", 2))
    ]


def test_a_life_ends_between_two_lines() -> None:
    """
    Inside of a call it ends without an answer, or in a call that follows.
    """
    told = {lines: len(lived(Kill("inside", 3, lines))) for lines in (1, 9, 200)}

    assert told[1] == 5
    assert told[1] <= told[9] < told[200]


@pytest.mark.parametrize(
    ("event", "lines", "ends"),
    [("line", 1, True), ("line", 2, False), ("call", 1, False)],
)
def test_lines_are_counted(event: str, lines: int, *, ends: bool) -> None:
    """
    The line that is the last one ends the life; calls are no lines.
    """
    died: list[None] = []
    count = _killed_life._Lines(lines, lambda: died.append(None))

    assert count is count(None, event, None)
    assert ends == bool(died)


def test_to_die_is_to_be_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A life sends itself the signal that nobody can handle.
    """
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *args: sent.append(args))
    _killed_life.die()

    assert [(os.getpid(), signal.SIGKILL)] == sent


@pytest.mark.parametrize(
    ("kill", "told"),
    [
        (Kill("before", 3), "before call 3"),
        (Kill("inside", 3, lines=9), "inside line 9 from call 3"),
        (Kill("at random"), "at random"),
    ],
)
def test_a_kill_says_where_it_is(kill: Kill, told: str) -> None:
    """
    It is told in words, for the message of a failure.
    """
    assert told == str(kill)


def test_a_life_tells_what_broke_it() -> None:
    """
    The code says whether it lived to its end; an error is told.
    """
    said: list[Any] = []

    def breaks() -> Batcher:
        msg = "no such disk"
        raise ValueError(msg)

    assert 0 == _live(LIFE, MemoryBatcher, said.append)
    assert 1 == _live(LIFE, breaks, said.append)
    assert "broke" == said[-1][0]
    assert said[-1][1].endswith("ValueError: no such disk\n")


@pytest.mark.parametrize(
    "tried",
    [
        ("commit", ["x-0-0", [], 0]),
        ("note", ["made-0-0", "routes", ""]),
        ("carry_on", ["x-0-0"]),
    ],
)
def test_what_can_t_be_answered_is_in_no_world(tried: tuple[str, list[Any]]) -> None:
    """
    A load that is not there, or not held, is neither done now nor later.
    """
    worlds = Worlds()
    for what, answer in [
        (("open", []), "made"),
        (("append", [[("a", 1, 0)], None, NOON.isoformat()]), [0, 0]),
    ]:
        worlds.tries(*what)
        worlds.did(answer)
    # There is a load, or there is none; nobody has it.
    worlds.tries("lease", [1, NOON.isoformat(), True])
    worlds.died()
    worlds.tries("close", [NOON.isoformat()])
    worlds.did(None)
    worlds.tries(*tried)
    worlds.died()
    worlds.tries(*tried)
    with pytest.raises(ImpossibleError, match=r"gave\n  None\nand not\n"):
        worlds.did(None)


def test_worlds_are_told_apart_by_what_is_told() -> None:
    """
    After a doubtful replay each part of it is possible, and one is true.
    """
    storage = MemoryStorage()
    said: list[Any] = []
    batcher = MemoryBatcher(storage=storage)
    host = Host(LIFE, lambda: batcher, said.append)
    host._open()
    worlds = Worlds()
    for _ in range(3):
        host._append()
    while (lease := host._leased(3, seal=True)) is not None:
        host._commit(lease, [record.offset for record in lease.records], 0)
    dead = [letter.offset for letter in batcher.dead_letters()]
    for name, *what in said:
        getattr(worlds, name)(*what)
    worlds.tries("replay", [dead])
    worlds.died()
    batcher.replay(dead[:1])
    worlds.look(batcher)
    batcher.replay(dead[1:])

    assert len(dead) > 2
    with pytest.raises(ImpossibleError, match="B7 or B8: dead letters is told as"):
        worlds.look(batcher)
