"""
What was done behind the library's back is named, wherever the tables are.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import attrs
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from schemas import new_schema, workspace
from shells import export, place
from walking import batch

from databricks_forwarder import DatabricksSettings, Forwarder, UploadPolicy
from databricks_forwarder._cli import main
from databricks_forwarder.errors import SetupError
from databricks_forwarder.model import LoadId, Payload
from databricks_forwarder.testing.clock import FakeClock

VIEW = {"event_type": "screen_view", "data": {"screen_name": "Home"}}
RUN = {"event_type": "first_run"}
POLICY = UploadPolicy(max_messages=3)


@attrs.define
class Lake:
    """
    Tables in Delta Lake, and what somebody else does to them.
    """

    folder: Path

    def open(self, spool: str = "spool.db") -> Forwarder:
        """
        Open a forwarder with a table for each kind of event.
        """
        return Forwarder.for_lake(
            self.folder / "lake",
            spool=self.folder / spool,
            events_threshold=1,
            policy=POLICY,
            clock=FakeClock(),
        )

    def delete(self, table: str, condition: str) -> None:
        """
        Remove rows.
        """
        DeltaTable(self._path(table)).delete(condition)

    def double(self, table: str, load_id: str) -> None:
        """
        Append the rows of a load once more.
        """
        rows = DeltaTable(self._path(table)).to_pyarrow_dataset()
        held = rows.to_table()
        keep = [each == load_id for each in held["_load_id"].to_pylist()]
        write_deltalake(self._path(table), held.filter(keep), mode="append")

    def drop(self, table: str) -> None:
        """
        Remove a table.
        """
        shutil.rmtree(self._path(table))

    def replace(self, table: str) -> None:
        """
        Put a table of somebody else in its place.
        """
        self.drop(table)
        write_deltalake(self._path(table), pa.table({"mpid": ["customer-1"]}))

    def _path(self, table: str) -> str:
        return str(self.folder / "lake" / table)


@attrs.define
class InWorkspace:
    """
    Tables in a workspace, and what its administrator does to them.
    """

    folder: Path
    settings: DatabricksSettings = attrs.field(
        factory=lambda: attrs.evolve(new_schema(), events_threshold=1)
    )

    def open(self, spool: str = "spool.db") -> Forwarder:
        """
        Open a forwarder with a table for each kind of event.
        """
        return Forwarder.for_databricks(
            self.settings,
            spool=self.folder / spool,
            endpoint=workspace().endpoint,
            policy=POLICY,
            clock=FakeClock(),
        )

    def delete(self, table: str, condition: str) -> None:
        """
        Remove rows.
        """
        workspace().query(f"DELETE FROM {self._name(table)} WHERE {condition}")

    def double(self, table: str, load_id: str) -> None:
        """
        Append the rows of a load once more.
        """
        name = self._name(table)
        workspace().query(
            f"INSERT INTO {name} SELECT * FROM {name} WHERE _load_id = '{load_id}'"
        )

    def drop(self, table: str) -> None:
        """
        Remove a table.
        """
        workspace().query(f"DROP TABLE {self._name(table)}")

    def replace(self, table: str) -> None:
        """
        Put a table of somebody else in its place.
        """
        self.drop(table)
        workspace().query(f"CREATE TABLE {self._name(table)} (mpid STRING)")

    def _name(self, table: str) -> str:
        return f"main.{self.settings.schema_name}.{table}"


@pytest.fixture(name="place", params=[Lake, InWorkspace])
def _place(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return request.param(tmp_path)


@pytest.fixture(name="lake")
def _lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def carried(forwarder: Forwarder) -> tuple[LoadId, LoadId]:
    """
    Carry two loads: two views and a run, then a view.
    """
    forwarder.submit(batch(VIEW, VIEW, RUN))
    forwarder.submit(batch(VIEW))
    first, second = forwarder.flush()
    return first.load_id, second.load_id


def differences(forwarder: Forwarder) -> list[tuple[Any, ...]]:
    """
    Reconcile; give each difference without its sentence.
    """
    return [attrs.astuple(each)[:-1] for each in forwarder.reconcile().differences]


def test_what_was_carried_agrees(place: Any) -> None:
    """
    Two loads in two tables, with figures that say so.
    """
    with place.open() as forwarder:
        loads = carried(forwarder)
        result = forwarder.reconcile()

    assert (True, list(loads), ["first_run", "screen_view"], 4, 4) == (
        result.agrees,
        result.load_ids,
        result.tables,
        result.expected_rows,
        result.found_rows,
    )


def test_rows_that_were_removed_are_named(place: Any) -> None:
    """
    One row less is one difference, of its load and table.
    """
    with place.open() as forwarder:
        first, _ = carried(forwarder)
        place.delete("screen_view", f"_load_id = '{first}' AND _position = 1")

        assert [("missing", first, "screen_view", 2, 1)] == differences(forwarder)


def test_rows_that_were_doubled_are_named(place: Any) -> None:
    """
    A load's rows appended again are doubled, and other loads agree.
    """
    with place.open() as forwarder:
        first, _ = carried(forwarder)
        place.double("screen_view", first)

        assert [("doubled", first, "screen_view", 2, 4)] == differences(forwarder)


def test_a_table_that_is_gone_is_named(place: Any) -> None:
    """
    All rows of all its loads are missing, in one difference.
    """
    with place.open() as forwarder:
        carried(forwarder)
        place.drop("screen_view")

        assert [("table gone", None, "screen_view", 3, 0)] == differences(forwarder)


def test_a_table_that_can_t_be_counted_hides_no_other(place: Any) -> None:
    """
    It is one difference, with the reason; another table's is told beside it.
    """
    with place.open() as forwarder:
        first, _ = carried(forwarder)
        place.replace("screen_view")
        place.delete("first_run", "_position = 2")
        told = differences(forwarder)
        sentence = forwarder.reconcile().differences[0].sentence

    assert [
        ("uncounted", None, "screen_view", 3, 0),
        ("missing", first, "first_run", 1, 0),
    ] == told
    assert sentence.startswith("table screen_view can't be counted: ")
    assert "_load_id" in sentence


def test_another_spool_s_rows_are_its_own(place: Any) -> None:
    """
    Two hosts share tables; each is compared with its own rows only.
    """
    with place.open() as forwarder, place.open("other.db") as other:
        first, _ = carried(forwarder)
        carried(other)
        place.delete("screen_view", f"_load_id = '{first}'")

        assert [("missing", first, "screen_view", 2, 0)] == differences(forwarder)
        assert [] == differences(other)


def test_a_spool_from_a_backup_does_not_know_later_loads(place: Any) -> None:
    """
    After an older spool was put back, the rows of later loads are named.
    """
    spool = place.folder / "spool.db"
    with place.open() as forwarder:
        forwarder.submit(batch(VIEW))
        forwarder.flush()
    shutil.copy(spool, place.folder / "backup.db")
    with place.open() as forwarder:
        forwarder.submit(batch(VIEW, VIEW))
        (later,) = forwarder.flush()
    for file in place.folder.glob("spool.db-*"):
        file.unlink()
    shutil.copy(place.folder / "backup.db", spool)
    with place.open() as forwarder:
        assert [("unknown load", later.load_id, "screen_view", 0, 2)] == (
            differences(forwarder)
        )


@contextmanager
def forged(spool: Path) -> Iterator[sqlite3.Connection]:
    """
    Change a spool's file behind the library's back.
    """
    with closing(sqlite3.connect(spool)) as database, database:
        yield database


def test_a_forged_report_is_named(lake: Lake) -> None:
    """
    A report that claims more rows differs from table, account and totals.
    """
    with lake.open() as forwarder:
        first, _ = carried(forwarder)
    with forged(lake.folder / "spool.db") as database:
        (text,) = database.execute(
            "SELECT report FROM committed WHERE load_id = ?", (first,)
        ).fetchone()
        told = json.loads(text)
        told["tables"][1]["row_count"] = 5
        told["account"]["loaded"] = 6
        database.execute(
            "UPDATE committed SET report = ? WHERE load_id = ?",
            (json.dumps(told), first),
        )
    with lake.open() as forwarder:
        assert [
            ("account", first, None, 3, 6),
            ("account", None, None, 4, 7),
            ("missing", first, "screen_view", 5, 2),
        ] == differences(forwarder)


def test_forged_totals_are_named(lake: Lake) -> None:
    """
    A spool that counts a message that nobody loaded does not add up.
    """
    with lake.open() as forwarder:
        carried(forwarder)
    with forged(lake.folder / "spool.db") as database:
        database.execute("UPDATE spool SET loaded = loaded + 1")
    with lake.open() as forwarder:
        assert [("account", None, None, 4, 5), ("account", None, None, 5, 4)] == (
            differences(forwarder)
        )


def test_a_dead_letter_that_was_removed_is_named(lake: Lake) -> None:
    """
    A dead letter that vanished is missed in the totals.
    """
    with lake.open() as forwarder:
        at = FakeClock().now()
        forwarder._batcher.append([Payload(b"no batch", 1)], at=at)
        forwarder.flush()
    with forged(lake.folder / "spool.db") as database:
        database.execute("DELETE FROM dead_letters")
    with lake.open() as forwarder:
        assert [("account", None, None, 1, 0)] == differences(forwarder)


def test_reports_that_are_no_longer_kept_are_not_compared(lake: Lake) -> None:
    """
    Rows of a load whose report was let go of are no unknown rows.
    """
    with lake.open() as forwarder:
        first, second = carried(forwarder)
    with forged(lake.folder / "spool.db") as database:
        database.execute("DELETE FROM committed WHERE load_id = ?", (first,))
    with lake.open() as forwarder:
        result = forwarder.reconcile()

    assert ([first], [second], []) == (
        result.uncompared_load_ids,
        result.load_ids,
        result.differences,
    )


def test_a_parked_load_agrees(lake: Lake) -> None:
    """
    The loaded table of a parked load is compared, the parked one may be empty.
    """
    with lake.open() as forwarder:
        forwarder.submit(batch(VIEW))
        forwarder.flush()
        table = DeltaTable(lake._path("screen_view"))
        table.alter.add_constraint({"made_by_somebody": "_offset >= 0"})
        forwarder.submit(batch(VIEW, RUN))
        (parked,) = forwarder.flush()
        result = forwarder.reconcile()
        lake.delete("first_run", "_offset >= 0")

        assert parked.is_parked
        assert (True, 2) == (result.agrees, result.expected_rows)
        assert [("missing", parked.load_id, "first_run", 1, 0)] == (
            differences(forwarder)
        )


def test_tables_that_may_not_be_read_are_a_set_up_mistake(tmp_path: Path) -> None:
    """
    Without the privilege there is no answer, and the sentence names the grant.
    """
    place = InWorkspace(tmp_path)
    with place.open() as forwarder:
        carried(forwarder)
        settings = place.settings
        workspace().query(
            f"REVOKE USE SCHEMA ON SCHEMA main.{settings.schema_name} "
            f"FROM `{settings.client_id}`"
        )
        with pytest.raises(SetupError, match="GRANT"):
            forwarder.reconcile()


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(name="run")
def _run(capsys: pytest.CaptureFixture[str]) -> Run:
    """
    Run a command; return the exit code, the output and the complaints.
    """

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_a_nightly_job_is_told_in_one_line_that_all_agrees(
    lake: Lake, run: Run
) -> None:
    """
    With exit code 0 and the figures.
    """
    spool = str(lake.folder / "spool.db")
    with lake.open() as forwarder:
        carried(forwarder)
    said = run("reconcile", "--lake", str(lake.folder / "lake"), "--spool", spool)

    assert (
        0,
        "all agrees: 2 loads in 2 tables, 4 rows expected, 4 found\n",
        "",
    ) == said


def test_a_nightly_job_is_told_each_difference_in_a_line(lake: Lake, run: Run) -> None:
    """
    With exit code 1, and as JSON with all figures.
    """
    spool = str(lake.folder / "spool.db")
    with lake.open() as forwarder:
        first, second = carried(forwarder)
    lake.drop("first_run")
    lake.delete("screen_view", f"_load_id = '{second}'")
    arguments = ["reconcile", "--lake", str(lake.folder / "lake"), "--spool", spool]
    code, out, err = run(*arguments)
    as_json = json.loads(run(*arguments, "--json")[1])

    assert (1, "") == (code, err)
    assert [
        (
            "table first_run is gone, with 1 row of 1 load; restore it, and look for "
            "who dropped or renamed it"
        ),
        (
            f"table screen_view holds 0 of 1 rows of load {second}, 1 are missing; "
            "look in the table's history for who removed them"
        ),
        "2 differences: 2 loads in 2 tables, 4 rows expected, 2 found",
    ] == out.splitlines()
    assert (False, [first, second], ["table gone", "missing"]) == (
        as_json["agrees"],
        as_json["load_ids"],
        [each["kind"] for each in as_json["differences"]],
    )


def test_what_is_not_compared_is_said(lake: Lake, run: Run) -> None:
    """
    Loads under way, and of those no longer kept the first few.
    """
    spool = lake.folder / "spool.db"
    with lake.open() as forwarder:
        for _ in range(8):
            forwarder.submit(batch(VIEW))
            forwarder.flush()
        loads = [report.load_id for report in reversed(forwarder.loads())]
        forwarder.submit(batch(RUN))
        forwarder._batcher.lease(POLICY, at=FakeClock().now(), seal=True)
        (opened,) = forwarder.status().open_load_ids
    with forged(spool) as database:
        database.execute("DELETE FROM committed WHERE number < 8")
    code, out, _ = run(
        "reconcile", "--lake", str(lake.folder / "lake"), "--spool", str(spool)
    )

    assert 0 == code
    assert [
        f"under way, not compared: load {opened}",
        "the totals were not compared with the reports: a load is under way",
        (
            "their reports are no longer kept, not compared: load "
            f"{', '.join(loads[:5])} and 2 more"
        ),
        "all agrees: 1 load in 1 table, 1 row expected, 1 found",
    ] == out.splitlines()


def test_a_workspace_is_compared_from_a_shell(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The same command, with the settings from the environment.
    """
    inside = InWorkspace(tmp_path)
    with inside.open() as forwarder:
        carried(forwarder)
    export(inside.settings, monkeypatch)
    there = [*place(), "--spool", str(tmp_path / "spool.db")]
    said = run("reconcile", *there)

    assert (0, "all agrees: 2 loads in 2 tables, 4 rows expected, 4 found\n", "") == (
        said
    )
