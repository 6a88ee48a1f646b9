"""
What was planned is what a lake and a workspace then are asked to do.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import attrs
import deltalake
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemas import new_schema, rows_of, workspace
from walking import batch, custom

from databricks_forwarder import Forwarder, UploadPolicy
from databricks_forwarder.errors import PayloadError
from databricks_forwarder.model import EventKey, LoadReport
from databricks_forwarder.plans import Plan
from databricks_forwarder.settings import DatabricksSettings
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.strategies import odd_payloads, payloads

NAMES = ("Buy", "buy", "b-u-y", "a`; DROP TABLE x; --", "'\\", "🎉", "\x1b[31m\n")

BATCHES = st.lists(
    st.one_of(
        st.lists(st.sampled_from(NAMES), max_size=4).map(
            lambda names: batch(*map(custom, names))
        ),
        payloads(),
        odd_payloads(),
    ),
    min_size=1,
    max_size=6,
)

FEW = st.lists(
    st.lists(st.sampled_from(NAMES), max_size=4).map(
        lambda names: batch(*map(custom, names))
    ),
    min_size=1,
    max_size=4,
)


def admitted(forwarder: Forwarder, documents: Sequence[bytes]) -> list[bytes]:
    """
    Leave out what the door refuses.
    """
    taken = []
    for document in documents:
        try:
            forwarder.plan([document])
        except PayloadError:
            continue
        taken.append(document)
    return taken


def rows_planned(planned: Plan) -> Counter[str]:
    """
    Rows of each table.
    """
    return Counter({each.table: each.message_count for each in planned.tables})


def rows_loaded(reports: Sequence[LoadReport]) -> Counter[str]:
    """
    Rows of each table.
    """
    found: Counter[str] = Counter()
    for report in reports:
        found.update({table.table: table.row_count for table in report.tables})
    return found


def sent(config: DatabricksSettings, first: int, spool_id: str) -> list[str]:
    """
    What was run for tables and rows since a request, with a placeholder as load id.
    """
    ours = f"`{config.schema_name}`"
    texts = [each.statement or "" for each in workspace().requests[first:]]
    return sorted(
        text.replace(spool_id, "0" * 12)
        for text in texts
        if ours in text
        and "_forwarder_" not in text
        and re.search(r"^(CREATE TABLE|ALTER TABLE|COPY)", text, re.MULTILINE)
    )


@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow],
)
@given(first=BATCHES, second=BATCHES, max_messages=st.integers(1, 20))
def test_a_lake_gets_what_was_planned(
    first: list[bytes], second: list[bytes], max_messages: int
) -> None:
    """
    Tables, rows, loads, deaths and schemas of a lake are those that were told.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        Forwarder.for_lake(
            Path(folder, "lake"),
            spool=Path(folder, "spool.db"),
            events_threshold=3,
            policy=UploadPolicy(max_messages=max_messages),
            clock=FakeClock(),
        ) as forwarder,
    ):
        for documents in (first, second):
            taken = admitted(forwarder, documents)
            planned = forwarder.plan(taken)
            receipt = forwarder.submit_many(taken)
            reports = forwarder.flush()
            offset = 0 if receipt.offsets is None else receipt.offsets.first

            assert rows_planned(planned) == rows_loaded(reports)
            assert [load.message_count for load in planned.loads] == [
                report.account.received for report in reports
            ]
            assert planned.dead == {
                letter.offset - offset: letter.reason
                for report in reports
                for letter in report.dead
            }
            for table in planned.tables:
                made = [each for each in table.preparing if each.startswith("create")]
                path = Path(folder, "lake", table.table)

                assert (not table.is_there) == bool(made)
                for told in made:
                    assert told == f"create table {path}\n{schema_of(path)}"


def schema_of(path: Path) -> str:
    """
    Read a table's schema as its log has it.
    """
    schema = deltalake.DeltaTable(str(path)).schema()
    return str(type(schema).from_arrow(schema.to_arrow()).to_json())


@settings(
    max_examples=2,
    deadline=None,
    suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow],
)
@given(first=FEW, second=FEW, max_messages=st.integers(6, 20))
def test_a_workspace_is_sent_what_was_planned(
    first: list[bytes], second: list[bytes], max_messages: int
) -> None:
    """
    The statements that were told are those that are sent, but for the load's id.
    """
    config = attrs.evolve(new_schema(), events_threshold=3)
    for documents in (first, second):
        with (
            tempfile.TemporaryDirectory() as folder,
            Forwarder.for_databricks(
                config,
                spool=Path(folder, "spool.db"),
                endpoint=workspace().endpoint,
                policy=UploadPolicy(max_messages=max_messages),
                clock=FakeClock(),
            ) as forwarder,
        ):
            taken = admitted(forwarder, documents)
            planned = forwarder.plan(taken, look=True)
            before = len(workspace().requests)
            forwarder.submit_many(taken)
            reports = forwarder.flush()

            assert rows_planned(planned) == rows_loaded(reports)
            assert sorted(planned.statements) == sent(
                config, before, forwarder._batcher.id
            )


def test_a_plan_sends_nothing_but_what_reads_the_counts(tmp_path: Path) -> None:
    """
    Two questions for the shared counts, and no table, file or volume.
    """
    config = new_schema()
    with Forwarder.for_databricks(
        config,
        spool=tmp_path / "spool.db",
        endpoint=workspace().endpoint,
        clock=FakeClock(),
    ) as forwarder:
        at_first = {path: path.read_bytes() for path in tmp_path.iterdir()}
        before = len(workspace().requests)
        forwarder.plan([batch(custom("Buy"))])
        asked = [each for each in workspace().requests[before:] if each.statement]
        others = [
            each.path
            for each in workspace().requests[before:]
            if "/fs/" in each.path or each.method in {"PUT", "DELETE"}
        ]
        after = {path: path.read_bytes() for path in tmp_path.iterdir()}

    assert ["SELECT owner", "SELECT kind"] == [
        re.findall(r"^SELECT \w+", each.statement or "")[0] for each in asked
    ]
    assert [] == others
    # Readers of SQLite say there that they read.
    assert {path for path in at_first if at_first[path] != after[path]} <= {
        path for path in after if path.name.endswith("-shm")
    }
    assert at_first.keys() == after.keys()
    assert [] == rows_of(config, "_forwarder_tables")


def test_local_counts_need_no_workspace(tmp_path: Path) -> None:
    """
    A forwarder that counts for itself plans, explains and simulates unconnected.
    """
    config = attrs.evolve(new_schema(), events_threshold=1)
    before = len(workspace().requests)
    with Forwarder.for_databricks(
        config,
        spool=tmp_path / "spool.db",
        endpoint=workspace().endpoint,
        counts="local",
        clock=FakeClock(),
    ) as forwarder:
        planned = forwarder.plan([batch(custom("Buy"))])
        reason = forwarder.explain(EventKey("screen_view"))
        simulation = forwarder.simulate(5)

    assert before == len(workspace().requests)
    assert [None] == [each.is_there for each in planned.tables]
    assert ("frequent", 0) == (reason.rule, simulation.message_count)


def test_no_secret_is_in_any_answer(tmp_path: Path) -> None:
    """
    Plan, reasons and simulation know nothing of who signs in.
    """
    config = new_schema()
    with Forwarder.for_databricks(
        config,
        spool=tmp_path / "spool.db",
        endpoint=workspace().endpoint,
        counts="local",
        clock=FakeClock(),
    ) as forwarder:
        planned = forwarder.plan([batch(custom("Buy"))])
        answers = [planned, forwarder.explain(b"{}"), forwarder.simulate(5)]
    said = json.dumps(
        [str(each) + repr(each) for each in answers] + list(planned.statements)
    )

    assert config.client_secret.reveal() not in said
    assert config.client_id not in said
