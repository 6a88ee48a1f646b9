"""
Facts as metrics of OpenTelemetry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from databricks_forwarder import facts
from databricks_forwarder.observers._instruments import METRICS, PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from opentelemetry.metrics import CallbackOptions, Meter, Observation

    from databricks_forwarder.facts import Fact
    from databricks_forwarder.observers._gauges import Gauges

    Gauge = Callable[[CallbackOptions], Iterator[Observation]]

__all__ = ["Metrics"]

_MESSAGES = ("loaded", "dead", "dropped")
_LOADS = ("committed", "parked")
_REFUSALS = ("BatcherFullError", "PayloadError")


class Metrics:
    """
    Adds up and measures what it is told, and keeps nothing of it.

    Args:
        meter: Where the instruments are made.
        gauges: What is read when it is asked for.
        with_tables: Whether what is told of tables has the table as a label.
    """

    def __init__(self, meter: Meter, gauges: Gauges, *, with_tables: bool) -> None:
        self._with_tables = with_tables
        self._add: dict[str, Callable[..., None]] = {}
        self._record: dict[str, Callable[..., None]] = {}
        for name, metric in METRICS.items():
            about: Any = (PREFIX + name, metric.unit, metric.says)
            if metric.kind == "counter":
                self._add[name] = meter.create_counter(*about).add
            elif metric.kind == "histogram":
                self._record[name] = meter.create_histogram(
                    *about, explicit_bucket_boundaries_advisory=metric.buckets
                ).record
            else:
                full_name, *rest = about
                read = [_reader(gauges, name)]
                meter.create_observable_gauge(full_name, read, *rest)
        self._told: Mapping[type[Fact], Callable[[Any], None]] = {
            facts.RecordsAppended: self._appended,
            facts.RecordsRefused: self._refused,
            facts.LoadRouted: self._routed,
            facts.LoadWritten: self._written,
            facts.FileStaged: self._staged,
            facts.TablePrepared: self._prepared,
            facts.StatementRan: self._ran,
            facts.DestinationStarted: self._started,
            facts.TableLoaded: self._loaded,
            facts.TableFailed: self._table_failed,
            facts.TableParked: self._table_parked,
            facts.LoadCounted: self._counted,
            facts.LoadCommitted: self._committed,
            facts.LoadParked: self._parked,
            facts.LoadFailed: self._failed,
            facts.DestinationLost: self._lost,
            facts.StepFailed: self._step_failed,
            facts.WorkerFailed: self._step_failed,
        }

        self._begin_at_zero()

    def observe(self, fact: Fact) -> None:
        """
        Count and measure what *fact* says.
        """
        told = self._told.get(type(fact))
        if told is not None:
            told(fact)

    def _begin_at_zero(self) -> None:
        """
        Show what has not happened yet as zero, where its labels are known.

        What first shows at one is no increase to who asks for increases.
        """
        left_out = set() if self._with_tables else {"table"}
        for name, add in self._add.items():
            if METRICS[name].labels.keys() <= left_out:
                add(0)
        for outcome in _MESSAGES:
            self._add["messages.settled"](0, {"outcome": outcome})
        for outcome in _LOADS:
            self._add["loads.settled"](0, {"outcome": outcome})
        for error in _REFUSALS:
            self._add["submits.refused"](0, {"error.type": error})

    def _appended(self, fact: facts.RecordsAppended) -> None:
        self._add["records.appended"](fact.record_count)
        self._add["messages.appended"](fact.message_count)
        self._add["appended.size"](fact.size_bytes)
        self._record["append.duration"](fact.seconds)

    def _refused(self, fact: facts.RecordsRefused) -> None:
        self._add["submits.refused"](1, {"error.type": fact.error})

    def _routed(self, fact: facts.LoadRouted) -> None:
        self._phase("route", fact.seconds)

    def _written(self, fact: facts.LoadWritten) -> None:
        self._add["batches.died"](fact.dead_count)
        self._add["rows.rescued"](fact.rescued_row_count)
        self._phase("write", fact.seconds)

    def _staged(self, fact: facts.FileStaged) -> None:
        self._add["files.staged"](1)
        self._add["staged.size"](fact.size_bytes)
        self._phase("stage", fact.seconds)

    def _prepared(self, fact: facts.TablePrepared) -> None:
        self._phase("prepare", fact.seconds)

    def _ran(self, fact: facts.StatementRan) -> None:
        labels = {"db.operation.name": fact.operation}
        if fact.error is not None:
            labels["error.type"] = fact.error
        self._record["statement.duration"](fact.seconds, labels)

    def _started(self, fact: facts.DestinationStarted) -> None:
        self._record["destination.start.duration"](fact.seconds)

    def _loaded(self, fact: facts.TableLoaded) -> None:
        self._add["rows.loaded"](fact.row_count, self._table(fact.table))
        self._phase("load", fact.seconds)

    def _table_failed(self, fact: facts.TableFailed) -> None:
        labels = {"error.type": fact.error, **self._table(fact.table)}
        self._add["tables.failed"](1, labels)

    def _table_parked(self, fact: facts.TableParked) -> None:
        self._add["tables.parked"](1, self._table(fact.table))

    def _counted(self, fact: facts.LoadCounted) -> None:
        self._phase("count", fact.seconds)

    def _committed(self, fact: facts.LoadCommitted) -> None:
        for outcome in _MESSAGES:
            count = getattr(fact, outcome)
            self._add["messages.settled"](count, {"outcome": outcome})
        self._settled("committed", fact.seconds)

    def _parked(self, fact: facts.LoadParked) -> None:
        self._settled("parked", fact.seconds)

    def _failed(self, fact: facts.LoadFailed) -> None:
        self._record["load.duration"](fact.seconds, {"outcome": "failed"})

    def _lost(self, fact: facts.DestinationLost) -> None:
        self._add["destination.losses"](1, {"error.type": fact.error})

    def _step_failed(self, fact: facts.StepFailed | facts.WorkerFailed) -> None:
        self._add["steps.failed"](1, {"error.type": fact.error})

    def _settled(self, outcome: str, seconds: float) -> None:
        labels = {"outcome": outcome}
        self._add["loads.settled"](1, labels)
        self._record["load.duration"](seconds, labels)

    def _phase(self, phase: str, seconds: float) -> None:
        self._record["phase.duration"](seconds, {"phase": phase})

    def _table(self, table: str) -> dict[str, str]:
        return {"table": table} if self._with_tables else {}


def _reader(gauges: Gauges, name: str) -> Gauge:
    from opentelemetry.metrics import Observation  # noqa: PLC0415  # an extra's

    def read(_options: CallbackOptions) -> Iterator[Observation]:
        value = gauges.read(name)
        if value is not None:
            yield Observation(value)

    return read
