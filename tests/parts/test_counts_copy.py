"""
What a host last read of the shared counts.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest

from databricks_forwarder.counts import _copy
from databricks_forwarder.counts._copy import CountsCopy
from databricks_forwarder.counts.sqlite import SqliteEventCounts
from databricks_forwarder.errors import (
    ConfigurationError,
    SetupError,
    TransientError,
)

DAY = date(2026, 3, 31)


def test_days_are_replaced_for_the_kinds_that_were_asked_for(tmp_path: Path) -> None:
    """
    What was read anew of a kind is all that is known of it; others stay.
    """
    copy = CountsCopy(tmp_path / "copy")
    before = DAY - timedelta(days=1)
    copy.learn_days(["a", "b"], [("a", DAY, 1), ("b", before, 2)], kept_since=before)
    copy.learn_days(["a"], [("a", before, 4)], kept_since=before)

    assert {"a": 4, "b": 2} == copy.totals(["a", "b", "c"], since=before)
    assert {} == copy.totals(["a"], since=DAY)


def test_days_that_no_window_reaches_are_forgotten(tmp_path: Path) -> None:
    """
    A look from a later day on lets go of earlier days, whatever kind they are of.
    """
    copy = CountsCopy(tmp_path / "copy")
    copy.learn_days(["a"], [("a", DAY, 1)], kept_since=DAY)
    copy.learn_days(["b"], [], kept_since=DAY + timedelta(days=1))

    assert {} == copy.totals(["a"], since=date.min)


def test_an_older_look_takes_nothing_back(tmp_path: Path) -> None:
    """
    Of two looks side by side, the one that is told last may have been the first.
    """
    copy = CountsCopy(tmp_path / "copy")
    copy.learn_names([("a", "x"), ("b", "y")], generation=2)
    copy.learn_names([("a", "x")], generation=1)

    assert 2 == copy.generation()
    assert {"a": "x", "b": "y"} == copy.names(["a", "b", "c"])
    assert {"x"} == copy.taken([copy.names(["a"])["a"]])


def test_names_that_are_read_anew_replace_all(tmp_path: Path) -> None:
    """
    A table that was made anew begins at a step of its own.
    """
    copy = CountsCopy(tmp_path / "copy")
    copy.learn_names([("a", "x")], generation=9)
    copy.learn_names([("b", "x")], generation=1, anew=True)

    assert (1, {"b": "x"}) == (copy.generation(), copy.names(["a", "b"]))


@pytest.mark.parametrize("names", [[("b", "x")], [("a", "y")]])
def test_names_that_break_the_rule_are_not_learnt(
    tmp_path: Path, names: list[tuple[str, str]]
) -> None:
    """
    Neither two owners of a name nor two names of an owner are believed.
    """
    copy = CountsCopy(tmp_path / "copy")
    copy.learn_names([("a", "x")], generation=1)

    with pytest.raises(SetupError, match="take out the rows that are wrong"):
        copy.learn_names(names, generation=2)
    assert (1, {"a": "x"}) == (copy.generation(), copy.names(["a", "b"]))


def test_counts_that_are_no_copy_are_refused(tmp_path: Path) -> None:
    """
    A file of counts of one host is not overwritten.
    """
    path = tmp_path / "counts"
    SqliteEventCounts(path)
    before = path.read_bytes()

    with pytest.raises(ConfigurationError, match="counts is no copy of event counts"):
        CountsCopy(path)
    assert before == path.read_bytes()


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """
    A damaged copy may be removed, and that is said.
    """
    path = tmp_path / "copy"
    path.write_text("no database, but a note that is long enough\n" * 40)

    with pytest.raises(SetupError, match="the file is a copy, and may be removed"):
        CountsCopy(path)


def test_a_file_held_by_another_process_may_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    When the wait for another writer ends, the step may be done again.
    """
    monkeypatch.setattr(_copy, "_BUSY_SECONDS", 0.01)
    copy = CountsCopy(tmp_path / "copy")
    with closing(sqlite3.connect(copy.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(TransientError, match="another process holds it"):
            copy.learn_names([], generation=1)
        assert copy.generation() is None


def test_what_was_moved_is_remembered(tmp_path: Path) -> None:
    """
    Earlier counts are brought along once, also after a restart.
    """
    path = tmp_path / "copy"
    before = CountsCopy(path).has_moved()
    CountsCopy(path).note_moved()
    CountsCopy(path).note_moved()

    assert (False, True) == (before, CountsCopy(path).has_moved())
