"""
Names, units and labels of metrics, and names of spans: all that is exported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["METRICS", "PREFIX", "SPANS", "Metric"]

PREFIX = "databricks_forwarder."
"""What the name of each metric and span begins with."""

# A step of a load takes milliseconds on a small lake, and minutes where a
# warehouse has to start.
_BUCKETS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)


@attrs.frozen(kw_only=True)
class Metric:
    """
    One metric.

    Attributes:
        kind: ``counter`` and ``histogram`` are told by facts, a ``gauge`` is
            read when it is asked for.
        unit: In UCUM, the unified code for units of measure.
        says: What it says.
        labels: Name → what values there are, and how many.
    """

    kind: Literal["counter", "histogram", "gauge"]
    unit: str
    says: str
    labels: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def buckets(self) -> tuple[float, ...] | None:
        """
        Upper ends of a histogram's buckets.
        """
        return _BUCKETS if self.kind == "histogram" else None


_ERROR = {"error.type": "class of the error: at most 20"}
_TABLE = {"table": "name of the table, only with `with_tables`: as many as tables"}


def _counter(unit: str, says: str, **labels: Mapping[str, str]) -> Metric:
    return Metric(kind="counter", unit=unit, says=says, labels=_merged(labels))


def _histogram(says: str, **labels: Mapping[str, str]) -> Metric:
    return Metric(kind="histogram", unit="s", says=says, labels=_merged(labels))


def _gauge(unit: str, says: str) -> Metric:
    return Metric(kind="gauge", unit=unit, says=says)


def _merged(labels: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
    return {name: values for each in labels.values() for name, values in each.items()}


METRICS: Mapping[str, Metric] = {
    "records.appended": _counter("{record}", "payloads stored in the spool"),
    "messages.appended": _counter("{message}", "messages in these payloads"),
    "appended.size": _counter("By", "bytes of these payloads"),
    "append.duration": _histogram("storing the payloads of one call"),
    "submits.refused": _counter(
        "{call}", "calls that handed payloads in and were refused", error=_ERROR
    ),
    "batches.died": _counter("{batch}", "records that became dead letters"),
    "rows.rescued": _counter("{row}", "rows with something in `_rescued_data`"),
    "files.staged": _counter("{file}", "files staged"),
    "staged.size": _counter("By", "bytes of these files"),
    "rows.loaded": _counter("{row}", "rows loaded into tables", table=_TABLE),
    "tables.failed": _counter(
        "{failure}",
        "tries of a table that failed, to be tried again or parked",
        error=_ERROR,
        table=_TABLE,
    ),
    "tables.parked": _counter(
        "{table}", "tables of loads that were parked", table=_TABLE
    ),
    "messages.settled": _counter(
        "{message}",
        "messages of loads that were committed",
        outcome={"outcome": "`loaded`, `dead`, `dropped`: 3"},
    ),
    "loads.settled": _counter(
        "{load}",
        "loads that came to an end",
        outcome={"outcome": "`committed`, `parked`: 2"},
    ),
    "load.duration": _histogram(
        "a try of a load, from its lease to its end",
        outcome={"outcome": "`committed`, `parked`, `failed`: 3"},
    ),
    "phase.duration": _histogram(
        "a part of a load: one load's `route`, `write`, `count`, one file's `stage`, "
        "one table's `prepare` and `load`, the latter with what it took to prepare",
        phase={"phase": "`route`, `write`, `stage`, `prepare`, `load`, `count`: 6"},
    ),
    "statement.duration": _histogram(
        "a statement on the SQL warehouse",
        operation={"db.operation.name": "such as `COPY INTO`: at most 15"},
        error=_ERROR,
    ),
    "steps.failed": _counter(
        "{step}",
        "steps that failed, the background thread's and the host's calls",
        error=_ERROR,
    ),
    "destination.losses": _counter(
        "{loss}", "times from which on loads did not come through", error=_ERROR
    ),
    "destination.start.duration": _histogram("waiting for a SQL warehouse to start"),
    "destination.away": _gauge(
        "s", "how long loads have not come through; 0 while they do"
    ),
    "messages.pending": _gauge(
        "{message}", "messages in the spool: waiting, in open loads, or parked"
    ),
    "messages.waiting": _gauge("{message}", "messages that are in no load yet"),
    "messages.dead": _gauge("{message}", "messages in dead letters, not replayed"),
    "waiting.age": _gauge(
        "s", "age of the oldest message that is in no load yet; 0 if there is none"
    ),
    "loads.open": _gauge("{load}", "loads begun and not finished"),
    "loads.parked": _gauge("{load}", "loads set aside, until a person acts"),
    "spool.size": _gauge("By", "payload bytes in the spool"),
}
"""Name without `PREFIX` → metric."""

SPANS: Mapping[str, str] = {
    "load": "a try of a load: load id, offsets, messages, what it came to",
    "route": "counting event keys and asking the router",
    "write": "decoding, arranging and writing: files, rows, dead, dropped, rescued",
    "stage": "one file: its name, table, rows and bytes",
    "table": "one table: its name, rows, files, whether it was a repeat",
    "prepare": "making the table, or adding columns to it",
    "count": "the router learns what was loaded",
}
"""Span without `PREFIX` → what it is of; statements are named by what they do."""
