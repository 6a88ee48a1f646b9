"""
S13: what observing costs: a load with OpenTelemetry, beside one without.

One process carries the same payloads in one load again and again, each time into a
new lake, with the SDK of OpenTelemetry behind the observer and without an observer,
in turn. Metrics are read after each load and spans are kept in memory, so that no
network is measured. Loads go to some thirty tables. Besides it is measured what
the observer itself takes, which a busy machine blurs least, and what handing in
takes, a payload at a time.
"""

from __future__ import annotations

import gc
import shutil
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks._figures import Outcome, figure, missing
from benchmarks._hosts import lines, seconds_of, submit_all, to_lake
from benchmarks._inputs import clean
from benchmarks._running import Bench
from databricks_forwarder.facts import Fact

__all__ = ["in_turn", "measure"]

_ROWS = ("S13.load", "S13.cpu", "S13.within", "S13.submit")

Came = dict[str, Any]


def measure(bench: Bench) -> Outcome:
    """
    Measure loads that are observed and loads that are not, in turn.
    """
    if not _is_there():
        why = "opentelemetry-sdk is not installed"
        return Outcome([missing(row, why) for row in _ROWS])
    source = clean(bench, bench.size(5_000, 40))
    came = bench.ours(
        in_turn,
        folder=bench.place(),
        few=source.few,
        source=source.path,
        submits=bench.size(1_000, 20),
        rounds=bench.rounds(9),
    )
    pairs = [list(zip(*each, strict=True)) for each in came["rounds"]]
    note = f"{came['events'][0]} events, {came['spans']} spans a load"
    return Outcome(
        [
            figure("S13.load", [each[0] for each in pairs], events=came["events"]),
            figure("S13.cpu", [each[1] for each in pairs], note=note),
            figure("S13.within", [(each, None) for each in came["within"]], note=note),
            figure("S13.submit", [each[2] for each in pairs]),
        ]
    )


def in_turn(folder: str, few: str, source: str, submits: int, rounds: int) -> Came:
    """
    Carry loads in turn, after one of each that is not counted.
    """
    place = Path(folder)
    for is_observed in (True, False):
        _carried(place, Path(few), submits, is_observed=is_observed)
    told = []
    for number in range(rounds):
        order = (True, False) if number % 2 else (False, True)
        came = {
            is_observed: _carried(place, Path(source), submits, is_observed=is_observed)
            for is_observed in order
        }
        told.append((came[True], came[False]))
    return {
        "rounds": [(one["figures"], other["figures"]) for one, other in told],
        "events": [told[0][0]["events"], told[0][1]["events"]],
        "spans": told[0][0]["spans"],
        "within": [one["within"] for one, _ in told],
    }


def _carried(place: Path, source: Path, submits: int, *, is_observed: bool) -> Came:
    """
    Carry one load, then hand some payloads in: seconds, processor seconds, µs.
    """
    lake = place / "lake-of-one-round"
    lake.mkdir()
    observer, spans, collect = _observed() if is_observed else (None, None, _nothing)
    with to_lake(lake, observer=observer) as forwarder:
        accepted = submit_all(forwarder, source)
        gc.collect()
        before = observer.seconds if observer else 0.0
        begin = time.process_time()
        seconds = seconds_of(lambda: (forwarder.flush(), collect()))
        processor_seconds = time.process_time() - begin
        within = observer.seconds - before if observer else 0.0
        count = len(spans.get_finished_spans()) if spans else 0
        payloads = list(islice(lines(source), submits))
        each = seconds_of(lambda: [forwarder.submit(one) for one in payloads])
    shutil.rmtree(lake)
    return {
        "figures": [seconds, processor_seconds, each / len(payloads) * 1e6],
        "events": accepted,
        "spans": count,
        "within": within / processor_seconds * 100,
    }


def _is_there() -> bool:
    try:
        import opentelemetry.sdk  # noqa: F401
    except ImportError:
        return False
    return True


def _nothing() -> None:
    """
    Collect what nobody has measured.
    """


class _Timed:
    """
    An observer, and the processor time that its thread spends in it.
    """

    def __init__(self, observer: Any) -> None:
        self.watch = observer.watch
        self.seconds = 0.0
        self._observe = observer.observe

    def observe(self, fact: Fact, /) -> None:
        begin = time.thread_time()
        self._observe(fact)
        self.seconds += time.thread_time() - begin


def _observed() -> tuple[_Timed, Any, Callable[[], object]]:
    """
    An observer as a host would set it up, its spans, and how metrics are read.
    """
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import (
        InMemorySpanExporter,
    )

    from databricks_forwarder.observers.opentelemetry import OpenTelemetryObserver

    reader, spans = InMemoryMetricReader(), InMemorySpanExporter()
    tracer_provider = TracerProvider()
    tracer_provider.add_span_processor(SimpleSpanProcessor(spans))
    observer = OpenTelemetryObserver(
        meter_provider=MeterProvider([reader]),
        tracer_provider=tracer_provider,
        with_tables=True,
    )
    return _Timed(observer), spans, reader.get_metrics_data
