"""
Event counts in two Delta tables of a lake.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import deltalake
import pytest

from databricks_forwarder.counts import delta
from databricks_forwarder.counts._moving import Earlier
from databricks_forwarder.counts.delta import DeltaEventCounts
from databricks_forwarder.counts.sqlite import SqliteEventCounts
from databricks_forwarder.errors import (
    MissingExtraError,
    SetupError,
    TransientError,
)
from databricks_forwarder.model import EventKind, LoadId, TableName
from databricks_forwarder.testing.contracts.counts import EventCountsContract

KIND = EventKind("session_start")
OTHER = EventKind("session_end")
DAY = date(2026, 3, 31)
LOAD = LoadId("0123456789ab-0-9")
X, Y = TableName("x"), TableName("y")


class TestDeltaEventCounts(EventCountsContract):
    """
    Their storage is the folder.
    """

    def open(self) -> DeltaEventCounts:
        """
        Open the test's folder.
        """
        return DeltaEventCounts(self.tmp_path / "counts")


@pytest.fixture(name="counts")
def _counts(tmp_path: Path) -> DeltaEventCounts:
    return DeltaEventCounts(tmp_path)


def rows(folder: Path, table: str) -> set[tuple[Any, ...]]:
    """
    Read a table by the back door.
    """
    found = deltalake.DeltaTable(str(folder / table)).to_pyarrow_table()
    return {tuple(row.values()) for row in found.to_pylist()}


def test_the_layout_is_what_the_module_says(
    counts: DeltaEventCounts, tmp_path: Path
) -> None:
    """
    Each thing is a row, in the columns that a workspace has.
    """
    counts.add(LOAD, {OTHER: 7, KIND: 1}, on=DAY)
    counts.add(LoadId("next"), {KIND: 2}, on=DAY)
    counts.give({"one": [X], "two": [X, Y]})
    counts.give({"three": [TableName("z")]})

    assert {
        ("", DAY, 8, LOAD),
        ("", DAY, 2, "next"),
        ('["session_end", null, null]', DAY, 7, ""),
        ('["session_start", null, null]', DAY, 3, ""),
    } == rows(tmp_path, "_forwarder_event_counts")
    assert {("one", "x", 1), ("two", "y", 1), ("three", "z", 2)} == rows(
        tmp_path, "_forwarder_tables"
    )


def test_days_older_than_400_days_are_forgotten(
    counts: DeltaEventCounts, tmp_path: Path
) -> None:
    """
    A load's day keeps the 400 days before it; older days and loads are gone.
    """
    counts.add(LoadId("a"), {KIND: 1, OTHER: 1}, on=DAY - timedelta(days=401))
    counts.add(LoadId("b"), {KIND: 2}, on=DAY - timedelta(days=400))
    counts.add(LoadId("c"), {KIND: 4}, on=DAY)
    loads = {row[3] for row in rows(tmp_path, "_forwarder_event_counts")}

    assert {KIND: 6} == counts.totals([KIND, OTHER], since=date.min)
    assert {"", "b", "c"} == loads


def test_files_that_nobody_reads_are_removed(
    counts: DeltaEventCounts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A table that is written again and again keeps few files.
    """
    vacuum = deltalake.DeltaTable.vacuum

    def at_once(table: deltalake.DeltaTable, **how: Any) -> list[str]:
        return vacuum(table, **{**how, "retention_hours": 0})

    monkeypatch.setattr(deltalake.DeltaTable, "vacuum", at_once)
    monkeypatch.setattr(delta, "_VERSIONS", 5)
    for number in range(12):
        counts.give({f"owner{number}": [TableName(f"n{number}")]})
    files = list((tmp_path / "_forwarder_tables").glob("*.parquet"))

    assert len(files) < 5
    assert 12 == len(counts.given([f"owner{number}" for number in range(12)]))


def test_writers_that_always_come_first_may_pass(
    counts: DeltaEventCounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A write that lost again and again may be tried again; nothing of it is there.
    """
    monkeypatch.setattr(delta, "_TRIES", 2)
    counts.give({"a": [X]})
    other, replace, number = (
        DeltaEventCounts(counts.folder),
        counts._replace,
        iter("bc"),
    )

    def too_late(found: deltalake.DeltaTable, changed: Any) -> None:
        name = next(number)
        other.give({name: [TableName(name)]})
        replace(found, changed)

    monkeypatch.setattr(counts, "_replace", too_late)

    with pytest.raises(TransientError, match=r"giving names .* other writers came"):
        counts.give({"d": [TableName("d")]})
    assert {"a": "x", "b": "b", "c": "c"} == other.given("abcd")


def test_a_file_that_is_removed_while_it_is_read_is_looked_for_anew(
    counts: DeltaEventCounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A reader that is overtaken reads what there is now, or says so.
    """
    counts.give({"a": [X]})
    read, failures = deltalake.DeltaTable.to_pyarrow_table, iter(range(3))

    def overtaken(table: deltalake.DeltaTable) -> Any:
        if next(failures, None) is not None:
            raise FileNotFoundError(table.table_uri)
        return read(table)

    monkeypatch.setattr(deltalake.DeltaTable, "to_pyarrow_table", overtaken)
    monkeypatch.setattr(delta, "_TRIES", 2)

    with pytest.raises(TransientError, match=r"reading .* other writers came first"):
        counts.given(["a"])
    assert {"a": "x"} == counts.given(["a"])


def test_a_table_that_is_damaged_is_for_a_person(
    counts: DeltaEventCounts, tmp_path: Path
) -> None:
    """
    A log without commits is no table to begin anew in.
    """
    (tmp_path / "_forwarder_tables" / "_delta_log").mkdir(parents=True)

    with pytest.raises(SetupError, match=r"reading .*_forwarder_tables failed"):
        counts.given(["a"])


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    """
    Where no folder can be made nothing is counted.
    """
    (tmp_path / "file").touch()
    counts = DeltaEventCounts(tmp_path / "file" / "counts")

    with pytest.raises(SetupError, match="counting load"):
        counts.add(LOAD, {KIND: 1}, on=DAY)


def test_a_file_that_is_no_parquet_may_pass(
    counts: DeltaEventCounts, tmp_path: Path
) -> None:
    """
    Rows that can't be read are told by the table, and never by a value.
    """
    counts.give({"a": [X]})
    (file,) = (tmp_path / "_forwarder_tables").glob("*.parquet")
    file.write_bytes(b"PAR1 and no more PAR1")

    with pytest.raises(Exception, match=r"reading .*_forwarder_tables failed"):
        counts.given(["a"])


def test_the_engine_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Who has not installed it is told how to.
    """
    monkeypatch.setitem(sys.modules, "deltalake", None)

    with pytest.raises(MissingExtraError, match=r"databricks-forwarder\[lake\]"):
        DeltaEventCounts("anywhere")


def test_what_a_file_has_counted_is_brought_along_once(tmp_path: Path) -> None:
    """
    Names and days of a lake's file are the tables' after that, also when repeated.
    """
    earlier = SqliteEventCounts(tmp_path / "counts.db")
    earlier.give({"a": [X]})
    earlier.add(LOAD, {KIND: 3}, on=DAY)
    for _ in range(2):
        counts = DeltaEventCounts(tmp_path, earlier=Earlier(earlier, "earlier"))

        assert {"a": "x"} == counts.given(["a"])
        assert {KIND: 3} == counts.totals([KIND], since=DAY)


def test_a_load_that_a_file_has_counted_is_not_counted_again(tmp_path: Path) -> None:
    """
    What was counted and not committed before the change is told again after it.
    """
    earlier = SqliteEventCounts(tmp_path / "counts.db")
    earlier.add(LOAD, {KIND: 3}, on=DAY)
    counts = DeltaEventCounts(tmp_path, earlier=Earlier(earlier, "earlier"))

    counts.add(LOAD, {KIND: 3}, on=DAY)
    counts.add(LoadId("another"), {KIND: 1}, on=DAY)

    assert {KIND: 4} == counts.totals([KIND], since=DAY)


PROGRAM = """
import sys
from datetime import date

from databricks_forwarder.counts.delta import DeltaEventCounts
from databricks_forwarder.model import EventKind

who, folder = sys.argv[1:]
counts = DeltaEventCounts(folder)
kind = EventKind("session_start")
print("ready", flush=True)
sys.stdin.readline()
for number in range(8):
    names = [f"n{number}", f"n{number}_{who}"]
    counts.give({f"{number} of {who}": names, f"{number} of all": [f"all{number}"]})
    for load_id in (f"{who}-{number}", f"all-{number}"):
        counts.add(load_id, {kind: 1}, on=date(2026, 3, 31))
"""
"""A host that names and counts, some of it for itself, some as all others do."""


def test_processes_that_give_and_count_at_the_same_moment(
    counts: DeltaEventCounts, tmp_path: Path
) -> None:
    """
    No two owners have one name, no load is lost or counted twice.
    """
    with ExitStack() as running:
        processes = [
            running.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", PROGRAM, who, tmp_path],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for who in "abc"
        ]
        for process in processes:
            assert process.stdout is not None
            assert "ready\n" == process.stdout.readline()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [0, 0, 0] == [process.wait(timeout=100) for process in processes]
    names = rows(tmp_path, "_forwarder_tables")

    assert 8 * 4 == len(names)
    assert {1} == set(Counter(owner for owner, _, _ in names).values())
    assert {1} == set(Counter(name for _, name, _ in names).values())
    assert {f"n{number}" for number in range(8)} <= {name for _, name, _ in names}
    assert {KIND: 8 * 4} == counts.totals([KIND], since=DAY)


def test_the_repr_names_the_folder(tmp_path: Path) -> None:
    """
    A person sees which they are.
    """
    expected = f"DeltaEventCounts('{tmp_path}/counts')"

    assert expected == repr(DeltaEventCounts(tmp_path / "counts"))


@pytest.mark.parametrize("name", ["größe", "a b", "a+b"])
def test_a_folder_may_be_called_as_it_likes(tmp_path: Path, name: str) -> None:
    """
    Names are given and loads counted in folders that the engine spells otherwise.
    """
    counts = DeltaEventCounts(tmp_path / name)
    counts.add(LOAD, {KIND: 2}, on=DAY)

    assert {"o": X} == counts.give({"o": [X]})
    assert {KIND: 2} == counts.totals([KIND], since=DAY)


def test_compacted_and_vacuumed_they_are_the_same(tmp_path: Path) -> None:
    """
    Whoever compacts the two tables changes no count and no name.
    """
    counts = DeltaEventCounts(tmp_path)
    counts.add(LOAD, {KIND: 2}, on=DAY)
    counts.give({"o": [X]})
    for name in ("_forwarder_event_counts", "_forwarder_tables"):
        table = deltalake.DeltaTable(str(tmp_path / name))
        table.optimize.compact()
        table.vacuum(0, dry_run=False, enforce_retention_duration=False, full=True)
    again = DeltaEventCounts(tmp_path)
    again.add(LOAD, {KIND: 2}, on=DAY)
    again.add(LoadId("0123456789ab-10-19"), {KIND: 3}, on=DAY)

    assert {KIND: 5} == counts.totals([KIND], since=DAY)
    assert {"o": X, "p": Y} == again.give({"o": [Y], "p": [X, Y]})
