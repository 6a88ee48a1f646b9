"""
Event counts in an SQLite file.
"""

from __future__ import annotations

import os
import sqlite3
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from databricks_forwarder.counts import sqlite
from databricks_forwarder.counts.sqlite import SqliteEventCounts
from databricks_forwarder.errors import (
    ConfigurationError,
    SetupError,
    TransientError,
)
from databricks_forwarder.model import EventKind, LoadId, TableName
from databricks_forwarder.testing.contracts.counts import EventCountsContract

if TYPE_CHECKING:
    from pathlib import Path

KIND = EventKind("session_start")
OTHER = EventKind("session_end")
DAY = date(2026, 3, 31)
LOAD = LoadId("0123456789ab-0-9")


class TestSqliteEventCounts(EventCountsContract):
    """
    Their storage is the file.
    """

    def open(self) -> SqliteEventCounts:
        """
        Open the test's file.
        """
        return SqliteEventCounts(self.tmp_path / "counts.db")


def changed(path: Path, statement: str) -> None:
    """
    Change the file at *path* by the back door.
    """
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def asked(path: Path, question: str) -> list[tuple[object, ...]]:
    """
    Look into the file at *path* by the back door.
    """
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(question).fetchall()


def test_days_older_than_400_days_are_forgotten(tmp_path: Path) -> None:
    """
    A load's day keeps the 400 days before it and forgets older ones.
    """
    counts = SqliteEventCounts(tmp_path / "counts.db")
    counts.add(LoadId("a"), {KIND: 1, OTHER: 1}, on=DAY - timedelta(days=401))
    counts.add(LoadId("b"), {KIND: 2}, on=DAY - timedelta(days=400))
    counts.add(LoadId("c"), {KIND: 4}, on=DAY)
    expected = {KIND: 6}

    assert expected == counts.totals([KIND, OTHER], since=date.min)


def test_the_layout_is_what_the_module_says(tmp_path: Path) -> None:
    """
    Each thing stands in its table, in the spelling that is documented.
    """
    path = tmp_path / "counts.db"
    counts = SqliteEventCounts(path)
    counts.add(LOAD, {EventKind("custom_event", None, "é"): 7}, on=DAY)
    counts.give({"owner": [TableName("name")]})
    expected = [
        [('["custom_event", null, "\\u00e9"]', "2026-03-31", 7)],
        [(LOAD,)],
        [("owner", "name")],
        [("wal",)],
    ]

    assert expected == [
        asked(path, "SELECT * FROM buckets"),
        asked(path, "SELECT * FROM counted_loads"),
        asked(path, "SELECT * FROM names"),
        asked(path, "PRAGMA journal_mode"),
    ]


def test_each_write_waits_for_the_disk(tmp_path: Path) -> None:
    """
    A transaction is durable when it ends.
    """
    counts = SqliteEventCounts(tmp_path / "counts.db")
    with counts._connection("look into", mode="rw") as connection:
        mode = connection.execute("PRAGMA synchronous").fetchone()
    expected = (2,)

    assert expected == mode


def test_a_file_of_another_kind_is_refused_untouched(tmp_path: Path) -> None:
    """
    Somebody else's database is a wrong setting, and stays as it was.
    """
    path = tmp_path / "other.db"
    changed(path, "CREATE TABLE mine (x)")
    before = path.read_bytes()

    with pytest.raises(ConfigurationError, match=r"other\.db is not a file of event"):
        SqliteEventCounts(path)
    assert before == path.read_bytes()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """
    A file that SQLite can't read is a wrong setting.
    """
    path = tmp_path / "notes.txt"
    path.write_text("no database, but a note that is long enough\n" * 40)

    with pytest.raises(ConfigurationError, match=r"notes\.txt is not a file of event"):
        SqliteEventCounts(path)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    """
    A file that a newer version wrote is not read by guessing.
    """
    path = tmp_path / "counts.db"
    SqliteEventCounts(path)
    changed(path, "PRAGMA user_version = 2")

    with pytest.raises(ConfigurationError, match=r"has format 2, .* reads up to 1"):
        SqliteEventCounts(path)


def test_an_absent_folder_is_for_a_person_to_make(tmp_path: Path) -> None:
    """
    The file's folder is not made.
    """
    with pytest.raises(SetupError, match=r"could not open .*absent/counts\.db"):
        SqliteEventCounts(tmp_path / "absent" / "counts.db")


def test_a_file_that_was_lost_is_not_made_again(tmp_path: Path) -> None:
    """
    A file that goes away while in use is an error, not an empty memory.
    """
    counts = SqliteEventCounts(tmp_path / "counts.db")
    counts.path.unlink()

    with pytest.raises(SetupError, match="could not count load 0123456789ab-0-9 in"):
        counts.add(LOAD, {KIND: 1}, on=DAY)
    assert not counts.path.exists()


def test_a_file_held_by_another_process_may_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    When the wait for another writer ends, the step may be done again.
    """
    monkeypatch.setattr(sqlite, "_BUSY_SECONDS", 0.01)
    counts = SqliteEventCounts(tmp_path / "counts.db")
    with closing(sqlite3.connect(counts.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(TransientError, match="another process holds it"):
            counts.give({"owner": [TableName("name")]})


def test_a_writer_does_not_hold_back_readers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What is there can be read while another process writes.
    """
    monkeypatch.setattr(sqlite, "_BUSY_SECONDS", 0.01)
    counts = SqliteEventCounts(tmp_path / "counts.db")
    counts.add(LOAD, {KIND: 1}, on=DAY)
    expected = {KIND: 1}
    with closing(sqlite3.connect(counts.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        assert expected == counts.totals([KIND], since=DAY)
        assert not counts.given(["owner"])


def test_a_file_can_be_made_by_many_at_once(tmp_path: Path) -> None:
    """
    Openers that meet while the file is made all find it whole.
    """
    path = tmp_path / "counts.db"
    with ThreadPoolExecutor(8) as threads:
        counts = list(threads.map(SqliteEventCounts, [path] * 16))
    given = [each.give({"owner": [TableName("name")]}) for each in counts]
    expected = [{"owner": "name"}] * 16

    assert expected == given


def test_a_forked_child_can_use_it(tmp_path: Path) -> None:
    """
    After a fork, parent and child use the same file side by side.
    """
    counts = SqliteEventCounts(tmp_path / "counts.db")
    counts.add(LoadId("before"), {KIND: 1}, on=DAY)
    with warnings.catch_warnings():
        # Python warns of forking while other threads run; the test runner's do.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:  # pragma: no cover (a child that ends so reports nothing)
        failed = 1
        try:
            counts.add(LoadId("child"), {KIND: 2}, on=DAY)
            failed = 0
        finally:
            os._exit(failed)
    _, status = os.waitpid(child, 0)
    counts.add(LoadId("parent"), {KIND: 4}, on=DAY)
    expected_status, expected_totals = 0, {KIND: 7}

    assert expected_status == status
    assert expected_totals == counts.totals([KIND], since=DAY)


def test_it_stays_when_the_process_changes_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A relative path is the one it was when the counts were opened.
    """
    monkeypatch.chdir(tmp_path)
    counts = SqliteEventCounts("odd ?name#.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    counts.add(LOAD, {KIND: 1}, on=DAY)
    expected = [(1,)]

    assert expected == asked(tmp_path / "odd ?name#.db", "SELECT messages FROM buckets")


def test_the_repr_names_the_file(tmp_path: Path) -> None:
    """
    A person sees which file it is.
    """
    counts = SqliteEventCounts(tmp_path / "counts.db")
    expected = f"SqliteEventCounts('{tmp_path}/counts.db')"

    assert expected == repr(counts)


@pytest.mark.parametrize(
    "text", ["no JSON", "{}", "1", '["a"]', '["a", null, null, 1]']
)
def test_a_kind_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    """
    What somebody else wrote into the file is not taken for a kind.
    """
    counts = SqliteEventCounts(tmp_path / "counts.db")
    changed(counts.path, f"INSERT INTO buckets VALUES ('{text}', '2026-03-31', 1)")

    with pytest.raises(SetupError, match="no kind of event; take it out"):
        counts.kept(since=DAY)
