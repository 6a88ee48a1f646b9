"""
Every row of figures: what it tells, beside what, and what it has to reach.

The only place that knows a target; printing, JSON and documentation read it here.
"""

from __future__ import annotations

from typing import Literal

import attrs

__all__ = ["ROWS", "Row"]

Told = Literal["ours", "ours / other", "other / ours"]


@attrs.frozen(kw_only=True)
class Row:
    """
    One row of the table of figures.

    Attributes:
        id: The target that it belongs to, such as ``S1``.
        what: What is measured.
        unit: Of what is measured, ours and the other's.
        beside: What ours is compared with; empty if with nothing.
        told: What the target is about: our figure itself, or which ratio. For
            times ``other / ours`` is how many times as fast ours is.
        at_least: The least that meets the target; None if there is none.
        at_most: The most that meets it; None if there is none.
        is_worst: Whether the worst round is told, and not the middle one.
    """

    id: str
    what: str
    unit: str = "s"
    beside: str = ""
    told: Told = "ours / other"
    at_least: float | None = None
    at_most: float | None = None
    is_worst: bool = False

    @property
    def target(self) -> str:
        """
        The target in words; empty if the row is only told.
        """
        unit = f" {self.unit}" if self.told == "ours" else " ×"
        if self.at_least is not None:
            return f"at least {self.at_least:g}{unit}"
        if self.at_most is not None:
            return f"at most {self.at_most:g}{unit}"
        return ""

    def is_met(self, told: float) -> bool | None:
        """
        Whether *told* meets the target; None if there is none.
        """
        if self.at_least is not None:
            return told >= self.at_least
        if self.at_most is not None:
            return told <= self.at_most
        return None


ROWS = {
    "S1.duckdb": Row(
        id="S1",
        what="payloads to typed Parquet, one core",
        beside="DuckDB, one thread",
        told="other / ours",
        at_least=1.2,
    ),
    "S1.floor": Row(
        id="S1",
        what="payloads to typed Parquet, one core",
        beside="floor: simdjson parse, pyarrow write",
        at_most=2.5,
    ),
    "S1.door": Row(
        id="S1",
        what="the same, with the look that `submit` takes at each payload",
        beside="DuckDB, one thread",
        told="other / ours",
    ),
    "S2.dlt": Row(
        id="S2",
        what="payloads to Delta tables, durable spool included",
        beside="dlt, objects as text",
        told="other / ours",
        at_least=25,
    ),
    "S2.arrow": Row(
        id="S2",
        what="payloads to Delta tables, durable spool included",
        beside="DuckDB reads, dlt loads its Arrow",
        told="other / ours",
    ),
    "S3": Row(
        id="S3",
        what="spool to Delta tables, two cores",
        beside="one core",
        told="other / ours",
        at_least=1.4,
    ),
    "S4.some": Row(
        id="S4",
        what="1 % of batches odd, to typed Parquet",
        beside="clean data",
        at_most=1.1,
    ),
    "S4.all": Row(
        id="S4",
        what="all batches odd, to typed Parquet",
        beside="clean data",
        at_most=4,
    ),
    "S5.one": Row(
        id="S5",
        what="`submit`, one thread, durable",
        unit="payloads/s",
        beside="raw SQLite, one by one",
        at_least=0.8,
    ),
    "S5.threads": Row(
        id="S5",
        what="`submit`, 16 threads, durable",
        unit="payloads/s",
        beside="`submit`, one thread",
        at_least=8,
    ),
    "S5.many": Row(
        id="S5",
        what="`submit_many` of 1 000, durable",
        unit="payloads/s",
        beside="raw SQLite, 1 000 a transaction",
        at_least=0.7,
    ),
    "S6.p50": Row(
        id="S6",
        what="`submit` during a load of 100 000 events, median",
        unit="ms",
        beside="without a load",
    ),
    "S6.p99": Row(
        id="S6",
        what="`submit` during a load of 100 000 events, 99 of 100 within",
        unit="ms",
        beside="without a load",
        told="ours",
        at_most=25,
    ),
    "S6.pause": Row(
        id="S6",
        what="longest pause of the host during the load",
        unit="ms",
        beside="without a load",
        told="ours",
        at_most=100,
        is_worst=True,
    ),
    "S7.load": Row(
        id="S7",
        what="peak memory above start, 100 000 events, one table",
        unit="MB",
        told="ours",
        at_most=250,
    ),
    "S7.routed": Row(
        id="S7",
        what="peak memory above start, 100 000 events, routed by the threshold",
        unit="MB",
        told="ours",
        at_most=250,
    ),
    "S7.large": Row(
        id="S7",
        what="peak memory above start, 2 000 000 events, one table",
        unit="MB",
        beside="100 000 events",
        at_most=1.1,
    ),
    "S7.tables": Row(
        id="S7",
        what="peak memory above start, 100 000 events, 1 000 tables",
        unit="MB",
        told="ours",
        at_most=450,
    ),
    "S8.events": Row(
        id="S8",
        what="time per event, 10 000 to 2 000 000 events a load: longest",
        unit="µs",
        beside="shortest",
        at_most=1.15,
    ),
    "S8.tables": Row(
        id="S8",
        what="time per event less the tables' fixed cost, 1 to 1 000 tables: longest",
        unit="µs",
        beside="shortest",
        at_most=1.15,
    ),
    "S8.table": Row(
        id="S8", what="fixed cost of a new table in a load", unit="ms", told="ours"
    ),
    "S9.known": Row(
        id="S9",
        what="threshold routing with 100 000 event keys in the counts, of a load",
        unit="%",
        told="ours",
        at_most=5,
    ),
    "S9.new": Row(
        id="S9",
        what="the same when each event of the load has a new key",
        unit="%",
        told="ours",
    ),
    "S10.import": Row(
        id="S10",
        what="`import databricks_forwarder`",
        unit="ms",
        told="ours",
        at_most=150,
    ),
    "S10.heavy": Row(
        id="S10",
        what="of pyarrow, deltalake and the driver imported by that",
        unit="modules",
        told="ours",
        at_most=0,
        is_worst=True,
    ),
    "S10.lake": Row(
        id="S10",
        what="then open a lake and submit the first payload",
        unit="ms",
        told="ours",
        at_most=300,
    ),
    "S10.workspace": Row(
        id="S10",
        what="then open for a workspace and submit the first payload",
        unit="ms",
        told="ours",
        at_most=300,
    ),
    "S11.new": Row(
        id="S11",
        what="into a workspace, 50 ms a statement, 20 ms a file: tables new",
        beside="larger of no delays, delays ÷ parallelism",
        at_most=1.3,
    ),
    "S11.known": Row(
        id="S11",
        what="into a workspace, 50 ms a statement, 20 ms a file: tables known",
        beside="larger of no delays, delays ÷ parallelism",
        at_most=1.3,
    ),
    "S12.walk": Row(
        id="S12",
        what="payloads to Parquet tables by Spark, local mode, two cores",
        unit="events/s",
        beside="the walk, one process",
    ),
    "S12.hosts": Row(
        id="S12",
        what="payloads to Parquet tables by Spark, local mode, two cores",
        unit="events/s",
        beside="two hosts at once, each with half",
    ),
    "S12.cpu": Row(
        id="S12",
        what="processor time per event by Spark: driver, JVM and workers",
        unit="µs",
        beside="the walk, one process",
    ),
    "S13.load": Row(
        id="S13",
        what="payloads from the spool to Delta tables, with OpenTelemetry",
        beside="without an observer",
        at_most=1.02,
    ),
    "S13.cpu": Row(
        id="S13",
        what="the same, processor time",
        beside="without an observer",
        at_most=1.02,
    ),
    "S13.within": Row(
        id="S13",
        what="processor time within the observer, of a load",
        unit="%",
        told="ours",
        at_most=2,
    ),
    "S13.submit": Row(
        id="S13",
        what="`submit`, one thread, durable, with OpenTelemetry",
        unit="µs",
        beside="without an observer",
    ),
    "loop.pause": Row(
        id="loop",
        what="longest pause of an event loop when 1 000 tasks submit at once",
        unit="ms",
        beside="each `submit` in a thread",
        told="ours",
        at_most=20,
        is_worst=True,
    ),
    "loop.large": Row(
        id="loop",
        what="the same when one task submits a payload of 8 MB",
        unit="ms",
        beside="`submit` in a thread",
        told="ours",
        at_most=20,
        is_worst=True,
    ),
    "loop.rate": Row(
        id="loop",
        what="1 000 tasks submit at once, durable",
        unit="payloads/s",
        beside="each `submit` in a thread",
        at_least=3,
    ),
}
