"""
Event counts in two tables of a schema, shared by its hosts.
"""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path

import attrs
import pytest
from schemas import connected, new_schema, rows_of, workspace

from databricks_forwarder import DatabricksSettings
from databricks_forwarder._databricks.client import DatabricksClient
from databricks_forwarder._databricks.count_statements import (
    CountStatement,
    HaveCountsGuard,
)
from databricks_forwarder.counts import _moving, warehouse
from databricks_forwarder.counts.sqlite import SqliteEventCounts
from databricks_forwarder.counts.warehouse import WarehouseEventCounts
from databricks_forwarder.errors import SetupError, TransientError
from databricks_forwarder.loaders.warehouse import WarehouseLoader
from databricks_forwarder.model import EventKind, LoadId, TableName
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.contracts.counts import EventCountsContract
from databricks_forwarder.testing.workspace import Fault, _merge_into

KIND = EventKind("session_start")
OTHER = EventKind("custom_event", "navigation", "It's \\ a '🎉'")
DAY = date(2026, 3, 31)
LOAD = LoadId("0123456789ab-0-9")
X, Y = TableName("x"), TableName("y")


class SharedCounts(EventCountsContract):
    """
    Their storage are the tables of a schema.
    """

    def begin(self, tmp_path: Path) -> None:
        """
        Begin with an empty schema.
        """
        super().begin(tmp_path)
        self.settings = new_schema()
        self.opened = ExitStack()
        self.hosts = 0

    def end(self) -> None:
        """
        Close all connections.
        """
        super().end()
        self.opened.close()

    def client(self) -> DatabricksClient:
        """
        Connect as a new process would; pauses are over at once.
        """
        return self.opened.enter_context(connected(self.settings, FakeClock()))


class TestCountsOfOneHost(SharedCounts):
    """
    Opened again, they have the copy of the process before.
    """

    def open(self) -> WarehouseEventCounts:
        """
        Open over the test's schema, with the test's copy.
        """
        return WarehouseEventCounts(self.client(), self.tmp_path / "copy")


class TestCountsOfManyHosts(SharedCounts):
    """
    Opened again, they are another host's, which has read nothing yet.
    """

    def open(self) -> WarehouseEventCounts:
        """
        Open over the test's schema, with a copy of its own.
        """
        self.hosts += 1
        return WarehouseEventCounts(self.client(), self.tmp_path / f"{self.hosts}")


@pytest.fixture(name="settings")
def _settings() -> Iterator[DatabricksSettings]:
    yield new_schema()
    workspace().faults.clear()


Host = Callable[..., WarehouseEventCounts]


@pytest.fixture(name="host")
def _host(settings: DatabricksSettings, tmp_path: Path) -> Iterator[Host]:
    """
    Open the counts of a host, by its name.
    """
    with ExitStack() as opened:

        def host(
            name: str = "a", earlier: _moving.Earlier | None = None
        ) -> WarehouseEventCounts:
            client = opened.enter_context(connected(settings, FakeClock()))
            return WarehouseEventCounts(client, tmp_path / name, earlier=earlier)

        yield host


def statements(settings: DatabricksSettings) -> list[str]:
    """
    The first words of each statement about the two tables, and which of them.
    """
    found = [
        re.search(
            rf"(SELECT|MERGE|CREATE).*?{settings.schema_name}`\.`_forwarder_(\w+)`",
            request.statement or "",
            re.DOTALL,
        )
        for request in workspace().requests
    ]
    return [f"{each[1]} {each[2]}" for each in found if each]


def away(settings: DatabricksSettings, part: str = "", **how: object) -> None:
    """
    Let statements about the schema with *part* in them fail until further notice.
    """
    part = part or settings.schema_name
    how = how or {"drop": True}
    workspace().fail(Fault(on="statement", matching=part, times=1000, **how))


def test_the_layout_is_what_the_module_says(
    host: Host, settings: DatabricksSettings
) -> None:
    """
    Each thing is a row, and a guard counts the writes.
    """
    counts = host()
    counts.add(LOAD, {OTHER: 7, KIND: 1}, on=DAY)
    counts.add(LoadId("next"), {KIND: 2}, on=DAY)
    counts.give({"one": [X], "two": [X, Y]})
    counts.give({"three": [TableName("z")]})
    found = rows_of(settings, "_forwarder_event_counts")
    other = json.dumps(["custom_event", "navigation", "It's \\ a '🎉'"])

    assert {
        ("", date(9999, 12, 31), 2, ""),
        ("", DAY, 8, LOAD),
        ("", DAY, 2, "next"),
        (other, DAY, 7, ""),
        ('["session_start", null, null]', DAY, 3, ""),
    } == {tuple(row.values()) for row in found}
    assert {("", "", 2), ("one", "x", 1), ("two", "y", 1), ("three", "z", 2)} == {
        tuple(row.values()) for row in rows_of(settings, "_forwarder_tables")
    }


def test_a_load_costs_two_queries_and_one_merge(
    host: Host, settings: DatabricksSettings
) -> None:
    """
    However often a load's routers ask, each table is read once, and one written.
    """
    counts = host()
    counts.give({"a": [X]})
    counts.add(LOAD, {KIND: 1}, on=DAY)
    before = len(statements(settings))
    counts.given(["feed"])
    counts.given(["a", "b"])
    counts.given(["b", "c"])
    counts.totals([KIND, OTHER], since=DAY)
    counts.give({"a": [Y]})
    counts.add(LoadId("next"), {KIND: 1}, on=DAY)

    assert ["SELECT tables", "SELECT event_counts", "MERGE event_counts"] == (
        statements(settings)[before:]
    )


def test_a_name_that_is_given_costs_a_merge_and_a_query(
    host: Host, settings: DatabricksSettings
) -> None:
    """
    All names that a load gives are given by one statement.
    """
    counts = host()
    counts.given(["a", "b"])
    counts.totals([KIND], since=DAY)
    before = len(statements(settings))
    counts.give({"a": [X], "b": [X, Y]})

    assert ["MERGE tables", "SELECT tables"] == statements(settings)[before:]


def test_the_next_load_reads_anew(host: Host) -> None:
    """
    What another host gave and counted meanwhile is known to the next load.
    """
    one, other = host("one"), host("other")
    for counts in (one, other):
        counts.given(["owner"])
        counts.totals([KIND], since=DAY)
    other.give({"owner": [X]})
    other.add(LOAD, {KIND: 3}, on=DAY)

    assert {"owner": "x"} == one.given(["owner"])
    assert {KIND: 3} == one.totals([KIND], since=DAY)


def test_days_older_than_400_days_are_forgotten(
    host: Host, settings: DatabricksSettings
) -> None:
    """
    A load's day keeps the 400 days before it; older days and loads are gone.
    """
    counts = host()
    counts.add(LoadId("a"), {KIND: 1, OTHER: 1}, on=DAY - timedelta(days=401))
    counts.add(LoadId("b"), {KIND: 2}, on=DAY - timedelta(days=400))
    counts.add(LoadId("c"), {KIND: 4}, on=DAY)
    rows = rows_of(settings, "_forwarder_event_counts")

    assert {KIND: 6} == counts.totals([KIND, OTHER], since=date.min)
    assert ["", "b", "c"] == sorted(r["load_id"] for r in rows if not r["kind"])


def test_nothing_is_asked_for_nothing(host: Host, settings: DatabricksSettings) -> None:
    """
    Questions about no one need no warehouse.
    """
    counts = host()

    assert ({}, {}, {}, {}) == (
        counts.totals([], since=DAY),
        counts.given([]),
        counts.give({}),
        counts.propose({}),
    )
    assert [] == statements(settings)


class TestMisfortunes:
    """
    What goes wrong on the way.
    """

    @pytest.mark.parametrize(
        "fault",
        [
            {"status": 429, "retry_after_seconds": 1},
            {"status": 503},
            {"drop": True},
            {"drop": True, "when": "after"},
            {"error": ("DELTA_CONCURRENT_APPEND", "2D521", "Files were added.")},
            {"error": ("DELTA_CONCURRENT_DELETE_READ", "2D521", "Files went.")},
            {"error": ("DELTA_METADATA_CHANGED", "2D521", "It was changed.")},
        ],
        ids=str,
    )
    @pytest.mark.parametrize("part", ["MERGE INTO", "SELECT", "CREATE TABLE"])
    def test_it_is_done_once_all_the_same(
        self,
        host: Host,
        settings: DatabricksSettings,
        part: str,
        fault: dict[str, object],
    ) -> None:
        """
        A statement that was refused, or whose answer was lost, is sent again.
        """
        counts = host()
        for _ in range(3):
            workspace().fail(Fault(on="statement", matching=part, **fault))
        counts.add(LOAD, {KIND: 3}, on=DAY)
        given = counts.give({"a": [X], "b": [X, Y]})
        expected = {"a": "x", "b": "y"}

        assert expected == given
        assert expected == host("other").given(["a", "b"])
        assert {KIND: 3} == host("other").totals([KIND], since=DAY)

    def test_a_table_that_others_may_not_see_is_told_with_its_grant(
        self, host: Host, settings: DatabricksSettings
    ) -> None:
        """
        A table of somebody else's needs a grant: a person must act, then it goes on.
        """
        name = f"main.{settings.schema_name}._forwarder_tables"
        workspace().query(
            f"CREATE TABLE {name} (owner STRING, table_name STRING, generation BIGINT)"
        )
        counts = host()
        for privilege in ("MODIFY", "SELECT"):
            grant = (
                f"GRANT {privilege} ON TABLE `main`.`{settings.schema_name}`."
                f"`_forwarder_tables` TO `{settings.client_id}`"
            )
            with pytest.raises(SetupError, match=re.escape(f"run: {grant}")):
                counts.give({"a": [X]})
            workspace().query(grant)

        assert {"a": "x"} == counts.give({"a": [X]})

    def test_a_second_guard_does_no_harm(
        self, host: Host, settings: DatabricksSettings
    ) -> None:
        """
        Two hosts that begin at once may both insert a guard; all is counted once.
        """
        host().give({"a": [X]})
        host().add(LOAD, {KIND: 1}, on=DAY)
        schema = f"main.{settings.schema_name}"
        workspace().query(f"INSERT INTO {schema}._forwarder_tables VALUES ('', '', 0)")
        workspace().query(
            f"INSERT INTO {schema}._forwarder_event_counts "
            "VALUES ('', DATE'9999-12-31', 0, '')"
        )
        counts = host("other")
        for load_id in (LOAD, "next", "next", LOAD):
            counts.add(LoadId(load_id), {KIND: 1}, on=DAY)

        assert {"b": "y"} == counts.give({"b": [X, Y]})
        assert {"c": "z"} == host().give({"c": [X, Y, TableName("z")]})
        assert {KIND: 2} == counts.totals([KIND], since=DAY)

    def test_tables_that_were_dropped_are_made_anew(
        self, host: Host, settings: DatabricksSettings, caplog: pytest.LogCaptureFixture
    ) -> None:
        """
        Names that are gone from the table are nobody's, and it is said.
        """
        counts = host()
        counts.give({"a": [X]})
        counts.give({"b": [Y]})
        name = f"main.{settings.schema_name}._forwarder_tables"
        workspace().query(f"DROP TABLE {name}")
        with caplog.at_level(logging.WARNING, "databricks_forwarder"):
            known = counts.given(["a", "c"])
        given = counts.give({"c": [X]})

        assert {} == known
        assert {"c": "x"} == given
        assert {"c": "x"} == counts.given(["a", "b", "c"])
        assert "was made anew" in caplog.text

    def test_a_table_that_somebody_has_written_to_is_told(
        self, host: Host, settings: DatabricksSettings
    ) -> None:
        """
        One name of two owners is no name to go by.
        """
        counts = host()
        counts.give({"a": [X]})
        workspace().query(
            f"INSERT INTO main.{settings.schema_name}._forwarder_tables "
            "VALUES ('b', 'x', 9)"
        )

        with pytest.raises(SetupError, match="says one name of two owners"):
            counts.given(["b"])

    def test_others_who_come_first_again_and_again(
        self, host: Host, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        After ten tries the walk may try again.
        """
        counts, other = host("one"), host("other")
        counts.given(["a"])
        look, number = counts._look, iter(range(100))

        def too_late() -> None:
            look()
            name = f"n{next(number)}"
            other.give({name: [TableName(name)]})

        monkeypatch.setattr(counts, "_look", too_late)
        other.give({"first": [Y]})

        with pytest.raises(TransientError, match="other hosts came first"):
            counts.give({"a": [X]})
        assert {} == other.given(["a"])

    def test_a_guard_that_never_stays_is_not_waited_for(
        self, host: Host, settings: DatabricksSettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Who takes the guard away again and again leaves a load uncounted, and told.
        """
        counts = host()
        run = counts._tables.run

        def without_guard(statement: CountStatement) -> object:
            done = run(statement)
            if isinstance(statement, HaveCountsGuard):
                name = f"main.{settings.schema_name}._forwarder_event_counts"
                workspace().query(f"DELETE FROM {name}")
            return done

        monkeypatch.setattr(counts._tables, "run", without_guard)

        with pytest.raises(TransientError, match="counting load 0123456789ab-0-9 in"):
            counts.add(LOAD, {KIND: 1}, on=DAY)
        assert {} == counts.totals([KIND], since=DAY)


class TestAway:
    """
    While the workspace is away.
    """

    def test_what_was_last_read_is_gone_by(
        self, host: Host, settings: DatabricksSettings, caplog: pytest.LogCaptureFixture
    ) -> None:
        """
        Totals and names are those of the last look, by days, also after a restart.
        """
        host("other").give({"a": [X]})
        for age_days, load_id in enumerate(["a", "b"]):
            day = DAY - timedelta(days=age_days)
            host("other").add(LoadId(load_id), {KIND: 1}, on=day)
        host().given(["a"])
        host().totals([KIND], since=DAY - timedelta(days=1))
        away(settings)
        counts = host()

        assert {KIND: 2} == counts.totals([KIND, OTHER], since=date.min)
        assert {KIND: 1} == counts.totals([KIND, OTHER], since=DAY)
        assert {"a": "x"} == counts.given(["a", "b"])
        assert {"a": "x", "b": "y"} == counts.propose({"a": [Y], "b": [X, Y]})
        assert "shared event counts are as last read" in caplog.text

    def test_who_never_read_has_nothing_to_go_by(
        self, host: Host, settings: DatabricksSettings
    ) -> None:
        """
        A new host waits rather than begin at zero.
        """
        away(settings)
        counts = host()

        with pytest.raises(TransientError):
            counts.totals([KIND], since=DAY)
        with pytest.raises(TransientError):
            counts.given(["a"])

    def test_no_name_is_given_and_no_load_counted(
        self, host: Host, settings: DatabricksSettings
    ) -> None:
        """
        What all hosts must know of waits for them; a name that is there does not.
        """
        counts = host()
        counts.give({"a": [X]})
        away(settings)

        with pytest.raises(TransientError):
            counts.give({"a": [X], "b": [Y]})
        with pytest.raises(TransientError):
            counts.add(LOAD, {KIND: 1}, on=DAY)
        assert {"a": "x"} == counts.give({"a": [Y]})
        workspace().faults.clear()
        counts.add(LOAD, {KIND: 1}, on=DAY)

        assert {KIND: 1} == counts.totals([KIND], since=DAY)
        assert {} == host("other").given(["b"])

    def test_a_missing_grant_is_not_being_away(
        self, host: Host, settings: DatabricksSettings
    ) -> None:
        """
        What a person must mend is told, whatever was read before.
        """
        counts = host()
        counts.give({"a": [X]})
        refusal = ("INSUFFICIENT_PERMISSIONS", "42501", "User does not have SELECT.")
        away(settings, error=refusal)

        with pytest.raises(SetupError):
            counts.totals([KIND], since=DAY)


def test_a_name_that_is_learnt_while_one_is_chosen_is_not_given_again(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Another thread may read, in the middle, what another host gave.
    """
    first, beside, other = host("a"), host("a"), host("b")
    first.give({"old": [Y]})
    chosen, met = first._chosen, []

    def overtaken(wishes: Mapping[str, Sequence[TableName]]) -> Mapping[str, TableName]:
        new = chosen(wishes)
        if not met:
            met.append(other.give({"theirs": [X]}))
            assert {"theirs": X} == beside.propose({"theirs": [X]})
        return new

    monkeypatch.setattr(first, "_chosen", overtaken)

    assert {"ours": "z"} == first.give({"ours": [X, TableName("z")]})
    assert {"old": Y, "ours": "z", "theirs": X} == host("c").names()


class TestEarlierCounts:
    """
    What a host has counted for itself before.
    """

    @pytest.fixture(name="earlier")
    def _earlier(self, tmp_path: Path) -> _moving.Earlier:
        counts = SqliteEventCounts(tmp_path / "local")
        counts.give({"a": [X], "b": [Y], "c": [TableName("z")]})
        for months, load_id in enumerate(["one", "two", "three"]):
            day = DAY - timedelta(days=30 * months)
            counts.add(LoadId(load_id), {KIND: 1 + months, OTHER: 1}, on=day)
        return _moving.Earlier(counts, "0123456789ab-earlier")

    def test_they_are_brought_along_once(
        self, host: Host, settings: DatabricksSettings, earlier: _moving.Earlier
    ) -> None:
        """
        Names and days are in the tables after the first question, and only once.
        """
        for name in ("one", "one", "copy lost"):
            counts = host(name, earlier)
            assert {KIND: 6} == counts.totals([KIND], since=DAY.min)
            assert {"a": "x"} == counts.given(["a"])
        rows = rows_of(settings, "_forwarder_event_counts")

        assert {KIND: 6, OTHER: 3} == host("other").totals([KIND, OTHER], since=DAY.min)
        assert {"a": "x", "b": "y", "c": "z"} == host("other").given(["a", "b", "c"])
        assert ["2026-01", "2026-03"] == sorted(
            row["load_id"].removeprefix("0123456789ab-earlier-")
            for row in rows
            if row["load_id"]
        )

    def test_a_load_that_is_among_them_is_not_counted_again(
        self, host: Host, earlier: _moving.Earlier
    ) -> None:
        """
        What was counted and not committed before the change is told again after it.
        """
        for _ in range(2):
            counts = host("one", earlier)
            counts.add(LoadId("one"), {KIND: 1, OTHER: 1}, on=DAY)
        counts.add(LoadId("four"), {OTHER: 1}, on=DAY)

        assert {KIND: 6, OTHER: 4} == counts.totals([KIND, OTHER], since=DAY.min)

    def test_names_that_others_gave_first_stay_theirs(
        self, host: Host, earlier: _moving.Earlier, caplog: pytest.LogCaptureFixture
    ) -> None:
        """
        Where a local and a shared name differ the shared one counts, and it is said.
        """
        host("other").give({"a": [TableName("q")], "stranger": [Y]})
        given = host("one", earlier).given(["a", "b", "c", "stranger"])

        assert {"a": "q", "c": "z", "stranger": "y"} == given
        assert "rows of table x go to table q from now on" in caplog.text
        assert "rows of table y go to another table from now on" in caplog.text

    def test_nothing_is_lost_when_the_workspace_is_away(
        self, host: Host, settings: DatabricksSettings, earlier: _moving.Earlier
    ) -> None:
        """
        What could not be brought along is brought later.
        """
        away(settings, "MERGE INTO")
        counts = host("one", earlier)
        with pytest.raises(TransientError):
            counts.totals([KIND], since=DAY)
        workspace().faults.clear()

        assert {KIND: 1} == counts.totals([KIND], since=DAY)
        assert {"b": "y"} == host("other").given(["b"])


PROGRAM = """
import sys
from datetime import date
from pathlib import Path

from databricks_forwarder import DatabricksSettings, Endpoint
from databricks_forwarder._databricks.client import DatabricksClient
from databricks_forwarder._databricks.count_statements import (
    CountStatement,
    HaveCountsGuard,
)
from databricks_forwarder.counts.warehouse import WarehouseEventCounts
from databricks_forwarder.errors import TransientError
from databricks_forwarder.model import EventKind

who, copy, port, ca_file = sys.argv[1:]
endpoint = Endpoint("127.0.0.1", port=int(port), ca_file=Path(ca_file))
client = DatabricksClient(DatabricksSettings.from_env(), endpoint=endpoint)
counts = WarehouseEventCounts(client, copy)
kind = EventKind("session_start")


def walked(step):
    while True:
        try:
            return step()
        except TransientError:
            pass


print("ready", flush=True)
sys.stdin.readline()
for number in range(8):
    names = [f"n{number}", f"n{number}_{who}"]
    owners = {f"{number} of {who}": names, f"{number} of all": [f"all{number}"]}
    walked(lambda: counts.give(owners))
    for load_id in (f"{who}-{number}", f"all-{number}"):
        walked(lambda: counts.add(load_id, {kind: 1}, on=date(2026, 3, 31)))
client.close()
"""
"""A host that names and counts, some of it for itself, some as all others do."""


def test_processes_that_give_and_count_at_the_same_moment(
    host: Host, settings: DatabricksSettings, tmp_path: Path
) -> None:
    """
    No two owners have one name, no load is lost or counted twice.
    """
    given = attrs.asdict(settings, recurse=False)
    given["client_secret"] = settings.client_secret.reveal()
    environment = os.environ | {
        f"DATABRICKS_FORWARDER_{name.upper()}": str(value)
        for name, value in given.items()
    }
    endpoint = workspace().endpoint
    place = (str(endpoint.port), str(endpoint.ca_file))
    with ExitStack() as running:
        processes = [
            running.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", PROGRAM, who, tmp_path / f"{who}", *place],
                    env=environment,
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
    rows = [row for row in rows_of(settings, "_forwarder_tables") if row["owner"]]

    assert 8 * 4 == len(rows)
    assert {1} == set(Counter(row["owner"] for row in rows).values())
    assert {1} == set(Counter(row["table_name"] for row in rows).values())
    assert {f"n{number}" for number in range(8)} <= {row["table_name"] for row in rows}
    assert {KIND: 8 * 4} == host().totals([KIND], since=DAY)


def test_a_name_is_not_given_for_a_step_that_is_over(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Who chose a name before another host got it has to choose again.
    """
    one, other = host("one"), host("other")
    one.given(["a"])
    other.give({"b": [X]})
    tried = []
    chosen = one._chosen

    def noted(wishes: dict[str, list[TableName]]) -> object:
        tried.append(chosen(wishes))
        return tried[-1]

    monkeypatch.setattr(one, "_chosen", noted)

    assert {"a": "y"} == one.give({"a": [X, Y]})
    assert [{"a": "x"}, {"a": "y"}, {}] == tried


class TestAtOnce:
    """
    Two hosts write at once: one begins, the other is done before it ends.
    """

    @pytest.fixture(name="meanwhile")
    def _meanwhile(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[[Callable[[], object]], None]:
        check = _merge_into._refuse_ambiguous

        def between(act: Callable[[], object]) -> None:
            def interrupted(changes: object) -> None:
                monkeypatch.setattr(_merge_into, "_refuse_ambiguous", check)
                act()

            monkeypatch.setattr(_merge_into, "_refuse_ambiguous", interrupted)

        return between

    def test_a_load_that_two_count_is_counted_once(
        self, host: Host, meanwhile: Callable[[Callable[[], object]], None]
    ) -> None:
        """
        Nothing that they insert conflicts, and yet the second one finds it counted.
        """
        one, other = host("one"), host("other")
        one.add(LoadId("before"), {}, on=DAY)
        meanwhile(lambda: other.add(LOAD, {KIND: 3}, on=DAY))
        one.add(LOAD, {KIND: 3}, on=DAY)

        assert {KIND: 3} == one.totals([KIND], since=DAY)

    def test_loads_of_two_hosts_are_added_up(
        self, host: Host, meanwhile: Callable[[Callable[[], object]], None]
    ) -> None:
        """
        A kind that both see for the first time has one row for both.
        """
        one, other = host("one"), host("other")
        one.add(LoadId("before"), {}, on=DAY)
        meanwhile(lambda: other.add(LoadId("theirs"), {KIND: 1}, on=DAY))
        one.add(LOAD, {KIND: 3}, on=DAY)
        one.add(LoadId("after"), {KIND: 1}, on=DAY)

        assert {KIND: 5} == one.totals([KIND], since=DAY)

    def test_a_name_that_two_wish_for_is_one_s(
        self, host: Host, meanwhile: Callable[[Callable[[], object]], None]
    ) -> None:
        """
        Both have seen it free, and the second one gets the next that it wishes.
        """
        one, other = host("one"), host("other")
        one.given(["a"])
        meanwhile(lambda: other.give({"b": [X]}))

        assert {"a": "y"} == one.give({"a": [X, Y]})
        assert {"a": "y", "b": "x"} == other.given(["a", "b", "c"])


def test_the_repr_names_table_and_copy(
    host: Host, settings: DatabricksSettings
) -> None:
    """
    A person sees which they are; nothing secret is in it.
    """
    told = repr(host("copy of it"))

    assert f"`{settings.schema_name}`.`_forwarder_event_counts`" in told
    assert told.endswith("copy of it')")
    assert 400 == warehouse._KEPT.days


class TestCheck:
    """
    What a check says of the two tables.
    """

    SUBJECT = "counting with other hosts"

    def findings(self, client: DatabricksClient) -> dict[str, str | None]:
        """
        Check; subject → problem.
        """
        return {each.subject: each.problem for each in WarehouseLoader(client).check()}

    def test_they_need_not_be_there(self, settings: DatabricksSettings) -> None:
        """
        Where nobody has counted yet nothing is wrong, and nothing is made.
        """
        with connected(settings, FakeClock()) as client:
            assert {None} == set(self.findings(client).values())
        assert [] == rows_of(settings, "_forwarder_tables")
        assert not [each for each in statements(settings) if "CREATE" in each]

    def test_a_check_leaves_them_as_they_are(
        self, host: Host, settings: DatabricksSettings
    ) -> None:
        """
        It writes nothing into them.
        """
        host().give({"a": [X]})
        host().add(LOAD, {KIND: 1}, on=DAY)
        tables = ("_forwarder_event_counts", "_forwarder_tables")
        before = [rows_of(settings, table) for table in tables]
        with connected(settings, FakeClock()) as client:
            assert {None} == set(self.findings(client).values())

        assert before == [rows_of(settings, table) for table in tables]

    def test_somebody_else_s_are_told_with_the_grant(
        self, settings: DatabricksSettings
    ) -> None:
        """
        A table that another principal made is found before a load meets it.
        """
        name = f"main.{settings.schema_name}._forwarder_event_counts"
        workspace().query(f"CREATE TABLE {name} (kind STRING)")
        with connected(settings, FakeClock()) as client:
            problem = self.findings(client)[self.SUBJECT]

        assert problem is not None
        assert "run: GRANT MODIFY ON TABLE" in problem
        assert name.split(".")[2] in problem


def test_looking_makes_no_table(host: Host, settings: DatabricksSettings) -> None:
    """
    Before the first load there is nothing to tell, and it stays so.
    """
    counts = host()

    assert ({}, {}) == (counts.kept(since=date.min), counts.names())
    assert ["SELECT event_counts", "SELECT tables"] == statements(settings)


def test_looking_tells_what_is_to_be_brought_along(host: Host, tmp_path: Path) -> None:
    """
    Earlier counts are told before they are moved, once, and stay where they are.
    """
    own = SqliteEventCounts(tmp_path / "own")
    own.add(LoadId("own"), {KIND: 2}, on=DAY)
    own.add(LoadId("old"), {OTHER: 9}, on=DAY - timedelta(days=1))
    own.give({"a": [X], "b": [Y]})
    host("b").add(LOAD, {KIND: 3}, on=DAY)
    host("b").give({"c": [X]})
    counts = host(earlier=_moving.Earlier(own, "own"))
    before = (counts.kept(since=DAY), counts.names())
    counts.totals([KIND], since=DAY)
    counts.given(["a"])

    assert ({KIND: {DAY: 5}}, {"b": Y, "c": X}) == before
    assert before == (counts.kept(since=DAY), counts.names())


def test_looking_goes_on_with_what_was_last_read(
    host: Host, settings: DatabricksSettings
) -> None:
    """
    While the workspace is away, what a load would go by is told; else nothing is.
    """
    counts = host()
    counts.add(LOAD, {KIND: 3, OTHER: 4}, on=DAY)
    counts.give({"a": [X]})
    counts.totals([KIND], since=DAY)
    away(settings)

    assert ({KIND: {DAY: 3}}, {"a": X}) == (counts.kept(since=DAY), counts.names())
    with pytest.raises(TransientError):
        host("new").kept(since=DAY)
