"""
The page on observability, the dashboard and the alerts say what there is.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest
import yaml
from exported import PREFIX, Exported
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from schemas import new_schema, workspace
from walking import batch, custom

from databricks_forwarder import Forwarder
from databricks_forwarder.errors import TransientError
from databricks_forwarder.facts import FACTS, DestinationStarted
from databricks_forwarder.observers._instruments import METRICS, SPANS
from databricks_forwarder.observers.log import LINES
from databricks_forwarder.observers.opentelemetry import OpenTelemetryObserver
from databricks_forwarder.testing.facts import make_fact
from databricks_forwarder.testing.workspace import Fault

ROOT = Path(__file__).parents[1]
OBSERVE = ROOT / "examples" / "observe"
DASHBOARD = json.loads((OBSERVE / "grafana-dashboard.json").read_text())
ALERTS = yaml.safe_load((OBSERVE / "prometheus-alerts.yml").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
PAGE = (ROOT / "docs/how-to/watch-it.md").read_text()

_METRIC = re.compile(r"\bdatabricks_forwarder_\w+")
_LABEL = re.compile(
    r'(\w+)=~?"|(?:by|without) \(([\w, ]+)\)|\{\{ *(?:\$labels\.)?(\w+)'
)

# These Prometheus gives to each series that it scrapes.
SCRAPED = {"instance", "job"}


def panels() -> list[dict[str, Any]]:
    """
    The panels of the dashboard, but for the rows that part them.
    """
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def queries() -> list[tuple[str, str]]:
    """
    All that is asked of Prometheus, and how what comes is named.
    """
    targets = [target for panel in panels() for target in panel["targets"]]
    asked = [(target["expr"], target["legendFormat"]) for target in targets]
    return asked + [(rule["expr"], rule["annotations"]["summary"]) for rule in RULES]


@pytest.fixture(name="exposed", scope="module")
def _exposed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """
    What Prometheus gets after real loads, one of which fails first: name → labels.
    """
    provider = MeterProvider([PrometheusMetricReader()])
    observer = OpenTelemetryObserver(meter_provider=provider, with_tables=True)
    spool = tmp_path_factory.mktemp("observed") / "spool.db"
    with Forwarder.for_databricks(
        attrs.evolve(new_schema(), events_threshold=1),
        spool=spool,
        endpoint=workspace().endpoint,
        observer=observer,
    ) as forwarder:
        forwarder.submit(batch(custom("Buy", 1)))
        refused = "DELTA_UNKNOWN_IN_2027", "XX000", "Refused by the test."
        workspace().fail(
            Fault(on="statement", matching="COPY INTO", error=refused, times=99)
        )
        with pytest.raises(TransientError):
            forwarder.flush()
        workspace().faults.clear()
        forwarder.flush()
        wrong = "DELTA_FAILED_TO_MERGE_FIELDS", "22005", "Failed to merge fields."
        workspace().fail(
            Fault(on="statement", matching="COPY INTO", error=wrong, times=99)
        )
        forwarder.submit(batch(custom("Buy", 2)))
        forwarder.flush()
        workspace().faults.clear()
        # A warehouse that starts takes its time: that walk is told elsewhere.
        observer.observe(make_fact(DestinationStarted))
        text = generate_latest().decode()
    provider.shutdown()
    return {
        name: labels for name, labels in samples(text) if name.startswith("databricks_")
    }


def samples(text: str) -> Iterator[tuple[str, set[str]]]:
    """
    Read what is served under ``/metrics``, each series' name and all its labels.
    """
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    yield from found.items()


def series_of(name: str, from_code: ModuleType) -> set[str]:
    """
    The series that Prometheus has of a metric.
    """
    whole = from_code.prometheus_name(name)
    if METRICS[name].kind == "histogram":
        return {f"{whole}_{part}" for part in ("bucket", "sum", "count")}
    return {whole}


@pytest.fixture(name="from_code", scope="module")
def _from_code() -> ModuleType:
    place = ROOT / "docs" / "_ext" / "from_code.py"
    spec = importlib.util.spec_from_file_location("from_code_observed", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_has_each_fact_with_its_fields(from_code: ModuleType) -> None:
    """
    Each kind of fact is a row of the reference, with all it has.
    """
    page = from_code.PAGES["facts"]()

    for kind in FACTS:
        (row,) = [
            line
            for line in page.splitlines()
            if line.startswith(f"| `{kind.__name__}` |")
        ]
        fields = [field.name for field in attrs.fields(kind) if field.name != "at"]
        told = row.rpartition(" | ")[2]
        assert fields == re.findall(r"`(\w+)`", told)


def test_each_fact_has_a_line_in_the_log(from_code: ModuleType) -> None:
    """
    No kind of fact is without a line, and each line is in the reference.
    """
    page = from_code.PAGES["log lines"]()

    assert set(FACTS) == set(LINES)
    assert [] == [line for _, line in LINES.values() if f"`{line}`" not in page]


def test_the_page_has_each_metric_and_span(from_code: ModuleType) -> None:
    """
    Names and units are in the reference.
    """
    metrics, spans = from_code.PAGES["metrics"](), from_code.PAGES["spans"]()

    for name, metric in METRICS.items():
        assert f"| `{name}`<br>`" in metrics
        assert f"| {metric.kind} | `{metric.unit}` |" in metrics
    assert [] == [name for name in SPANS if f"| `{PREFIX}{name}` |" not in spans]


def test_the_page_is_made_of_all_of_them() -> None:
    """
    The reference names what the code writes into it.
    """
    page = (ROOT / "docs/reference/observability.md").read_text()

    assert ["facts", "log lines", "metrics", "spans"] == re.findall(
        "<!-- from code: (.+) -->", page
    )


def test_prometheus_has_the_names_of_the_page(
    exposed: dict[str, set[str]], from_code: ModuleType
) -> None:
    """
    What the exporter serves after real loads is what the reference says.
    """
    told = {series for name in METRICS for series in series_of(name, from_code)}
    served = {name for name in exposed if not name.endswith("_created")}

    assert told == served


def unknown(query: str, named: str, exposed: dict[str, set[str]]) -> set[str]:
    """
    The metrics and labels of a query that nobody serves; all if it asks for none.
    """
    names = set(_METRIC.findall(query))
    if not names:
        return {query}
    labels = {
        label.strip()
        for found in _LABEL.findall(query) + _LABEL.findall(named)
        for part in found
        for label in part.split(",")
        if label.strip()
    }
    known = set.union(SCRAPED, *(exposed.get(name, set()) for name in names))
    return names - exposed.keys() | labels - known


def test_every_query_is_of_what_is_served(exposed: dict[str, set[str]]) -> None:
    """
    Each metric and label that dashboard and alerts ask for is there.
    """
    asked = queries()

    assert len(asked) >= 30
    assert {} == {
        query: missing
        for query, named in asked
        if (missing := unknown(query, named, exposed))
    }


@pytest.mark.parametrize(
    ("query", "named", "missing"),
    [
        ("up", "", {"up"}),
        ("databricks_forwarder_lost", "", {"databricks_forwarder_lost"}),
        ('databricks_forwarder_loads_open{odd=~"1"}', "", {"odd"}),
        (
            "sum by (odd, job) (databricks_forwarder_loads_open)",
            "{{even}}",
            {"odd", "even"},
        ),
        ("databricks_forwarder_loads_open", "{{ $labels.odd }} {{ $value }}", {"odd"}),
    ],
)
def test_a_query_of_what_is_not_served_is_seen(
    exposed: dict[str, set[str]], query: str, named: str, missing: set[str]
) -> None:
    """
    A metric that nobody exports, and a label that it does not have, are found.
    """
    assert missing == unknown(query, named, exposed)


def test_the_dashboard_is_one() -> None:
    """
    Panels have ids of their own, do not overlap, and ask the chosen Prometheus.
    """
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    places = [
        (column, line)
        for panel in DASHBOARD["panels"]
        for column in range(panel["gridPos"]["x"], _end(panel, "x", "w"))
        for line in range(panel["gridPos"]["y"], _end(panel, "y", "h"))
    ]

    assert len(ids) == len(set(ids))
    assert len(places) == len(set(places))
    assert {column for column, _ in places} == set(range(24))
    for panel in panels():
        assert {"type": "prometheus", "uid": "${datasource}"} == panel["datasource"]
        assert panel["description"].endswith(".")
    assert ["datasource", "instance"] == [
        variable["name"] for variable in DASHBOARD["templating"]["list"]
    ]


def _end(panel: dict[str, Any], first: str, length: str) -> int:
    end: int = panel["gridPos"][first] + panel["gridPos"][length]
    return end


def test_each_alert_is_on_the_page() -> None:
    """
    What to do when one fires is told, and no other is.
    """
    told = re.findall(r"^\| `(Forwarder\w+)` \|", PAGE, flags=re.MULTILINE)

    assert [rule["alert"] for rule in RULES] == told
    for rule in RULES:
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert {"summary", "description"} == rule["annotations"].keys()


def test_the_observer_of_these_tests_has_the_sdk_behind_it() -> None:
    """
    What the SDK would send is not empty.
    """
    assert "databricks_forwarder.records.appended" in Exported.made().text()
