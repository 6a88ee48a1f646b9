"""
What OpenTelemetry is given: names, values, labels, and spans.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from exported import PREFIX, Exported, attributes_of, parent_of
from opentelemetry.sdk.trace import ReadableSpan
from walking import InMemory, batch, custom

from databricks_forwarder.errors import MissingExtraError
from databricks_forwarder.facts import (
    DestinationFound,
    DestinationLost,
    FileStaged,
    LoadCommitted,
    LoadFact,
    LoadFailed,
    LoadLeased,
    LoadParked,
    RecordsAppended,
    StatementRan,
    TableBegun,
    TableFailed,
    TableLoaded,
    TableParked,
)
from databricks_forwarder.model import LoadId
from databricks_forwarder.observers._instruments import METRICS, SPANS
from databricks_forwarder.observers.opentelemetry import OpenTelemetryObserver
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.facts import make_fact, one_of_each

TABLE = "event_navigation_signup"
OTHER = LoadId("ba9876543210-0-9")


@pytest.fixture(name="exported")
def _exported(clock: FakeClock) -> Exported:
    return Exported.made(clock)


def told(exported: Exported, *facts: Any) -> None:
    """
    Tell facts in their order.
    """
    for fact in facts:
        exported.observer.observe(fact)


def test_all_metrics_have_their_names_units_and_kinds(
    exported: Exported, tmp_path: Path, clock: FakeClock
) -> None:
    """
    After one fact of each kind every metric of the table is exported, and no other.
    """
    with InMemory(tmp_path, clock).forwarder(observer=exported.observer):
        told(exported, *one_of_each())
        found = exported.metrics()

    assert METRICS.keys() == found.keys()
    for name, metric in METRICS.items():
        assert (metric.unit, metric.says) == (found[name].unit, found[name].description)
        assert metric.kind == _kind(found[name].data)


def _kind(data: Any) -> str:
    return {"Sum": "counter", "Histogram": "histogram", "Gauge": "gauge"}[
        type(data).__name__
    ]


@pytest.mark.parametrize("with_tables", [False, True])
def test_labels_are_those_of_the_table_of_metrics(*, with_tables: bool) -> None:
    """
    No metric has a label that is not told, and the table's name only on request.
    """
    exported = Exported.made(with_tables=with_tables)
    told(exported, *one_of_each(), make_fact(StatementRan, error="TransientError"))
    labels = {
        name: {label for point in exported.points(name) for label, _ in point}
        for name in exported.metrics()
    }

    assert labels == {
        name: {each for each in METRICS[name].labels if with_tables or each != "table"}
        for name in labels
    }


def test_counters_begin_at_zero(exported: Exported) -> None:
    """
    What has not happened yet is shown as zero, so that the first time is a rise.
    """
    shown = {name: exported.points(name) for name in exported.metrics()}

    assert {(): 0} == shown["batches.died"]
    assert {
        (("outcome", "committed"),): 0,
        (("outcome", "parked"),): 0,
    } == shown["loads.settled"]
    assert {(): 0} == shown["tables.parked"]
    assert {
        (("error.type", "BatcherFullError"),): 0,
        (("error.type", "PayloadError"),): 0,
    } == shown["submits.refused"]
    assert {0} == {value for points in shown.values() for value in points.values()}
    assert "messages.pending" not in shown


def test_what_is_appended_adds_up(exported: Exported) -> None:
    """
    Payloads, messages and bytes are counted, and each call is measured.
    """
    fact = make_fact(RecordsAppended, record_count=2, message_count=5, seconds=0.25)
    told(exported, fact, fact)

    assert (4, 10, 8192) == tuple(
        exported.value(name)
        for name in ("records.appended", "messages.appended", "appended.size")
    )
    assert (2, 0.5) == exported.value("append.duration")


def test_the_outcomes_of_messages_and_loads_are_told_apart(exported: Exported) -> None:
    """
    Committed, parked and failed loads are labels, as are loaded, dead and dropped.
    """
    told(
        exported,
        make_fact(LoadCommitted, loaded=7, dead=2, dropped=1),
        make_fact(LoadParked),
        make_fact(LoadFailed),
    )

    assert {"loaded": 7, "dead": 2, "dropped": 1} == {
        labels[0][1]: value
        for labels, value in exported.points("messages.settled").items()
    }
    assert {"committed": 1, "parked": 1} == {
        labels[0][1]: value
        for labels, value in exported.points("loads.settled").items()
    }
    for outcome in ("committed", "parked", "failed"):
        assert (1, 0.5) == exported.value("load.duration", outcome=outcome)


def test_gauges_of_forwarders_that_share_an_observer_add_up(
    exported: Exported, tmp_path: Path, clock: FakeClock
) -> None:
    """
    Of counts the sum is shown, of ages the worst, and nothing of who is closed.
    """
    one, other = (InMemory(tmp_path / name, clock) for name in ("one", "other"))
    with one.forwarder(observer=exported.observer) as first:
        with other.forwarder(observer=exported.observer) as second:
            first.submit(batch(custom("A"), custom("B")))
            clock.advance(minutes=10)
            second.submit(b"{}")
            clock.advance(minutes=5)

            assert 3 == exported.value("messages.pending")
            assert 900 == exported.value("waiting.age")

        assert 2 == exported.value("messages.waiting")
        first.flush()

        assert 0 == exported.value("messages.waiting")
        assert 0 == exported.value("waiting.age")
        assert 0 == exported.value("loads.open")
    assert "messages.waiting" not in exported.metrics()


def test_the_longest_loss_is_shown(exported: Exported, clock: FakeClock) -> None:
    """
    Each forwarder's destination is lost for itself.
    """
    lost = make_fact(DestinationLost, at=clock.now())
    told(exported, lost)
    clock.advance(seconds=60)
    told(exported, attrs.evolve(lost, load_id=OTHER, at=clock.now()))
    clock.advance(seconds=30)

    assert 90 == exported.value("destination.away")

    told(exported, make_fact(DestinationFound))

    assert 30 == exported.value("destination.away")

    told(exported, make_fact(DestinationFound, load_id=OTHER))

    assert 0 == exported.value("destination.away")


def test_statements_and_tables_that_fail_are_errors(exported: Exported) -> None:
    """
    A span has the class of the error, and a description without payloads.
    """
    told(
        exported,
        make_fact(LoadLeased),
        make_fact(TableBegun),
        make_fact(StatementRan, error="SchemaError", statement_id=None),
        make_fact(TableFailed, error="SchemaError", message="no such type"),
        make_fact(TableParked),
        make_fact(LoadParked, message="table a"),
    )
    statement, table, load = exported.spans()

    assert [f"COPY INTO {TABLE}", f"{PREFIX}table", f"{PREFIX}load"] == [
        span.name for span in (statement, table, load)
    ]
    assert ["SchemaError", "SchemaError", "parked"] == [
        attributes_of(span)["error.type"] for span in (statement, table, load)
    ]
    assert ["SchemaError", "no such type", "table a"] == [
        span.status.description for span in (statement, table, load)
    ]
    assert "statement.id" not in attributes_of(statement)


def test_spans_are_named_as_told(exported: Exported) -> None:
    """
    After a load that told everything, each span of the table was made.
    """
    told(exported, *one_of_each())
    names = {span.name for span in exported.spans()}

    assert {PREFIX + name for name in SPANS} | {f"COPY INTO {TABLE}"} == names


def test_a_statement_of_no_table_belongs_to_the_load(exported: Exported) -> None:
    """
    It is named by what it does alone.
    """
    told(
        exported,
        make_fact(LoadLeased),
        make_fact(StatementRan, table=None, operation="SELECT"),
        make_fact(LoadCommitted),
    )
    statement, load = exported.spans()

    assert ("SELECT", load) == (statement.name, parent_of(statement, [load]))
    assert "db.collection.name" not in attributes_of(statement)


def test_a_load_that_was_not_seen_to_begin_has_no_spans(exported: Exported) -> None:
    """
    Facts of a load that nobody knows make none.
    """
    told(
        exported,
        *(each for each in one_of_each() if not isinstance(each, LoadLeased)),
    )

    assert [] == exported.spans()


def test_a_load_that_is_leased_again_ends_the_span_before(exported: Exported) -> None:
    """
    What was open of it is closed then, its tables included.
    """
    told(
        exported,
        make_fact(LoadLeased),
        make_fact(FileStaged),
        make_fact(TableBegun),
        make_fact(LoadLeased, attempt=2),
        make_fact(TableLoaded),
        make_fact(LoadCommitted),
    )
    file, table, first, second = exported.spans()

    assert [1, 2] == [attributes_of(span)["load.attempt"] for span in (first, second)]
    assert [first, first] == [parent_of(span, [first]) for span in (file, table)]
    assert [file.context] == [link.context for link in table.links]


def test_the_hosts_own_span_is_the_parent(
    exported: Exported, tmp_path: Path, clock: FakeClock
) -> None:
    """
    A load that the host carries in a span of its own is a part of that.
    """
    tracer = exported.tracer_provider.get_tracer("host")
    with InMemory(tmp_path, clock).forwarder(observer=exported.observer) as forwarder:
        forwarder.submit(b"{}")
        with tracer.start_as_current_span("job") as job:
            forwarder.flush()
    (load,) = exported.spans("load")

    assert load.parent is not None
    assert job.get_span_context().span_id == load.parent.span_id


def test_without_the_sdk_nothing_is_measured(tmp_path: Path, clock: FakeClock) -> None:
    """
    With the interface alone a load is carried as ever.
    """
    memory = InMemory(tmp_path, clock)
    exported = Exported.made(clock)
    exported.observer = OpenTelemetryObserver(clock=clock)
    with memory.forwarder(observer=exported.observer) as forwarder:
        forwarder.submit(b"{}")
        (report,) = forwarder.flush()

    assert 1 == report.account.loaded


def test_an_absent_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Without OpenTelemetry the error says what to install.
    """
    monkeypatch.setitem(sys.modules, "opentelemetry", None)

    with pytest.raises(MissingExtraError, match=r"databricks-forwarder\[otel\]"):
        OpenTelemetryObserver()


def spelled(spans: list[ReadableSpan]) -> list[str]:
    """
    Spell spans as an exporter would.
    """
    return [span.to_json() for span in spans]


@pytest.mark.parametrize("kind", [str, int])
def test_attributes_are_plain(exported: Exported, kind: Callable[[Any], Any]) -> None:
    """
    Attributes of spans are texts, numbers and truths: any exporter takes them.
    """
    told(exported, *one_of_each())
    values = [
        value for span in exported.spans() for value in (span.attributes or {}).values()
    ]

    assert any(type(value) is kind for value in values)
    assert all(isinstance(value, (str, int, float, bool)) for value in values)
    assert all(spelled(exported.spans()))


def test_a_fact_of_a_load_has_its_id_in_no_metric(exported: Exported) -> None:
    """
    Load ids would be as many as loads: they are in spans, never in labels.
    """
    told(exported, *one_of_each())
    (load_id,) = {each.load_id for each in one_of_each() if isinstance(each, LoadFact)}
    points = [exported.points(name) for name in exported.metrics()]

    assert load_id in exported.text()
    assert load_id not in repr(points)
