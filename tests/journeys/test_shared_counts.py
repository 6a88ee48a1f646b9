"""
Hosts with spools of their own share the threshold, the tables and the names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from deltalake import DeltaTable
from schemas import new_schema, rows_of, workspace
from walking import batch, custom

from databricks_forwarder import DatabricksSettings, Forwarder
from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.errors import ConfigurationError, TransientError
from databricks_forwarder.model import Account, EventKind
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.workspace import Fault

OWN = "event_navigation_signup"
SIGN_UP = EventKind("custom_event", "navigation", "SignUp")


@pytest.fixture(name="settings")
def _settings() -> Iterator[DatabricksSettings]:
    """
    A schema where a kind has a table of its own from the third event on.
    """
    yield attrs.evolve(new_schema(), events_threshold=3)
    workspace().faults.clear()


def forwarder(settings: DatabricksSettings, spool: Path, **how: Any) -> Forwarder:
    """
    Open a forwarder into the schema.
    """
    return Forwarder.for_databricks(
        settings,
        spool=spool,
        endpoint=workspace().endpoint,
        clock=FakeClock(),
        **how,
    )


def forward(into: Forwarder, *names: str) -> str:
    """
    Carry a load of events with these names; its tables, sorted.
    """
    into.submit(batch(*map(custom, names)))
    (report,) = into.flush()
    return " ".join(table.table for table in report.tables)


def statements(settings: DatabricksSettings) -> list[str]:
    """
    What SQL the workspace ran in the schema: its verb, and the table.
    """
    schema = settings.schema_name
    return [
        f"{found[1]} {found[2]}"
        for request in workspace().requests
        for found in [
            re.search(
                rf"(SELECT|MERGE|COPY|CREATE \w+)\b.*?{schema}(?:`\.`|'\nAND )(\w+)",
                request.statement or "",
                re.DOTALL,
            )
        ]
        if found
    ]


def test_the_threshold_is_reached_together(
    settings: DatabricksSettings, tmp_path: Path
) -> None:
    """
    A kind gets its table when all hosts' events are enough, and for all hosts.
    """
    common = f"{settings.schema_name}_otherevents"
    with (
        forwarder(settings, tmp_path / "1.db") as one,
        forwarder(settings, tmp_path / "2.db") as two,
    ):
        tables = [forward(host, "SignUp") for host in (one, two, one, two, one)]

    assert [common, common, OWN, OWN, OWN] == tables
    assert 3 == len(rows_of(settings, OWN))


def test_a_table_that_one_host_gave_is_every_host_s(
    settings: DatabricksSettings, tmp_path: Path
) -> None:
    """
    A rare event goes to the table that its kind has, on a host that never saw one.
    """
    with forwarder(settings, tmp_path / "1.db") as one:
        assert OWN == forward(one, "SignUp", "SignUp", "SignUp")
    with forwarder(settings, tmp_path / "2.db") as two:
        assert OWN == forward(two, "SignUp")


def test_two_names_that_become_one_are_told_apart_across_hosts(
    settings: DatabricksSettings, tmp_path: Path
) -> None:
    """
    The name is whose kind came first, wherever; the other's has a hash, everywhere.
    """
    with (
        forwarder(settings, tmp_path / "1.db") as one,
        forwarder(settings, tmp_path / "2.db") as two,
    ):
        first = forward(one, *["Sign Up"] * 3)
        second = forward(two, *["SignUp"] * 3)
        both = [forward(host, "Sign Up", "SignUp") for host in (one, two)]

    assert OWN == first
    assert re.fullmatch(rf"{OWN}_[0-9a-f]{{8}}", second)
    assert [f"{first} {second}"] * 2 == both


def test_a_load_costs_four_statements_more(
    settings: DatabricksSettings, tmp_path: Path
) -> None:
    """
    Names and counts are read before it is routed, names again for the views.
    """
    with forwarder(settings, tmp_path / "1.db") as one:
        forward(one, "SignUp", "Other")
        before = len(statements(settings))
        forward(one, "SignUp", "Other")

    assert [
        "SELECT _forwarder_tables",
        "SELECT _forwarder_event_counts",
        "SELECT _forwarder_tables",
        f"COPY {settings.schema_name}_otherevents",
        "MERGE _forwarder_event_counts",
    ] == statements(settings)[before:]


def test_a_load_that_needs_a_name_waits_for_the_workspace(
    settings: DatabricksSettings, tmp_path: Path
) -> None:
    """
    Without an answer nothing is routed by guessing; later it goes where it should.
    """
    with forwarder(settings, tmp_path / "1.db") as one:
        forward(one, "Other")
        workspace().fail(
            Fault(on="statement", matching="MERGE INTO", times=1000, status=503)
        )
        with pytest.raises(TransientError):
            forward(one, "SignUp", "SignUp", "SignUp")
        waiting = one.status().account
        workspace().faults.clear()
        (report,) = one.flush()

    assert Account(received=4, loaded=1, pending=3) == waiting
    assert [OWN] == [table.table for table in report.tables]


def test_a_load_that_is_not_counted_is_not_done(
    settings: DatabricksSettings, tmp_path: Path
) -> None:
    """
    When counting fails its rows are there and it is pending; it is counted later, once.
    """
    with forwarder(settings, tmp_path / "1.db") as one:
        forward(one, "Other")
        workspace().fail(
            Fault(
                on="statement",
                matching="_forwarder_event_counts` AS held",
                times=1000,
                when="after",
                drop=True,
            )
        )
        with pytest.raises(TransientError):
            forward(one, "SignUp")
        waiting = one.status().account
        workspace().faults.clear()
        one.flush()
        done = one.status().account
        tables = [forward(one, "SignUp"), forward(one, "SignUp")]

    assert Account(received=2, loaded=1, pending=1) == waiting
    assert Account(received=2, loaded=2) == done
    assert [f"{settings.schema_name}_otherevents", OWN] == tables


def test_what_a_host_counted_for_itself_is_brought_along(
    settings: DatabricksSettings, tmp_path: Path
) -> None:
    """
    A spool that counted locally goes on with its names and its counts.
    """
    with forwarder(settings, tmp_path / "1.db", counts="local") as alone:
        forward(alone, "SignUp", "SignUp", "SignUp", "Other", "Other")
    with forwarder(settings, tmp_path / "1.db") as upgraded:
        tables = forward(upgraded, "SignUp", "Other")

    assert f"event_navigation_other {OWN}" == tables
    with forwarder(settings, tmp_path / "2.db") as other:
        assert tables == forward(other, "SignUp", "Other")


def test_who_counts_locally_makes_no_tables(
    settings: DatabricksSettings, tmp_path: Path
) -> None:
    """
    With counts of its own a host needs none of the schema's.
    """
    with forwarder(settings, tmp_path / "1.db", counts="local") as one:
        tables = [forward(one, "SignUp") for _ in range(3)]

    assert OWN == tables[-1]
    assert (tmp_path / "1.db.counts").exists()
    assert not [each for each in statements(settings) if "_forwarder_" in each]


def test_counts_of_the_host_s_own_are_taken(
    settings: DatabricksSettings, tmp_path: Path
) -> None:
    """
    Whatever keeps the clauses counts, in a workspace and in a lake.
    """
    counts = MemoryEventCounts()
    with forwarder(settings, tmp_path / "1.db", counts=counts) as one:
        forward(one, "SignUp")
    with Forwarder.for_lake(
        tmp_path / "lake", spool=tmp_path / "2.db", counts=counts, clock=FakeClock()
    ) as two:
        forward(two, "SignUp")
    since = FakeClock().now().date()

    assert {SIGN_UP: 2} == counts.totals([SIGN_UP], since=since)


@pytest.mark.parametrize("counts", ["global", "", None])
def test_no_other_word_says_where_to_count(
    settings: DatabricksSettings, tmp_path: Path, counts: Any
) -> None:
    """
    A misspelled choice is refused before anything is made.
    """
    with pytest.raises(ConfigurationError, match="counts must be 'shared', 'local'"):
        forwarder(settings, tmp_path / "1.db", counts=counts)
    with pytest.raises(ConfigurationError, match="counts must be 'shared', 'local'"):
        Forwarder.for_lake(tmp_path / "lake", spool=tmp_path / "1.db", counts=counts)
    assert [] == list(tmp_path.iterdir())


def test_a_new_lake_may_count_in_tables(tmp_path: Path) -> None:
    """
    Then it has no file of counts.
    """
    with Forwarder.for_lake(
        tmp_path / "lake",
        spool=tmp_path / "1.db",
        counts="shared",
        events_threshold=1,
        clock=FakeClock(),
    ) as lake:
        table = forward(lake, "SignUp")

    assert OWN == table
    assert not (tmp_path / "lake" / "_forwarder" / "counts.db").exists()


def test_a_lake_may_count_in_tables(tmp_path: Path) -> None:
    """
    Its forwarders share them, and what its file had counted is in them.
    """

    def lake(spool: str, counts: Any) -> Forwarder:
        return Forwarder.for_lake(
            tmp_path / "lake",
            spool=tmp_path / spool,
            counts=counts,
            events_threshold=3,
            clock=FakeClock(),
        )

    with lake("1.db", "local") as first:
        forward(first, "SignUp")
    with lake("1.db", "shared") as one, lake("2.db", "shared") as two:
        tables = [forward(host, "SignUp") for host in (one, two, one)]
    folder = tmp_path / "lake" / "_forwarder" / "_forwarder_tables"
    names = DeltaTable(str(folder)).to_pyarrow_table()["table_name"].to_pylist()

    assert ["mparticle_otherevents", OWN, OWN] == tables
    assert [OWN] == names
