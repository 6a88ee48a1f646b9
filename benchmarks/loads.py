"""
S7 and S8: the memory and the time of a load, by its events and by its tables.

One process fills the spool of a lake, another opens it and carries it all in one
load, so that nothing of the handing in is in the second one's memory. It has
carried a small load into another lake before, so that its engines are set up; its
start, from which memory counts, is before that: when all is imported and opened.
More than 100 000 events are the same payloads again.

Events grow into one table that is there already: what a load costs besides its
events, and the tables', is then the same at each size. Tables grow with the same
100 000 events, and all of them are new.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks._figures import Outcome, figure, missing
from benchmarks._hosts import (
    numbered_table,
    resident_mb,
    seconds_of,
    submit_all,
    to_lake,
)
from benchmarks._inputs import Input, clean
from benchmarks._running import Bench
from databricks_forwarder import Forwarder
from databricks_forwarder.routers.function import FunctionRouter

__all__ = ["carried", "filled", "measure_growth", "measure_memory"]

# Tables by number; by the threshold, as mParticle has it.
_ROUTED = 0
_WARM_TABLES = 10

_SAMPLES = 200

Came = dict[str, Any]


def measure_memory(bench: Bench) -> Outcome:
    """
    Tell the peaks, and the memory over time.
    """
    _, some, *_, large = _one_table(bench)
    source = clean(bench, bench.size(20_000, 40))
    routed = [_load(bench, source, tables=_ROUTED) for _ in range(bench.rounds(1))]
    by_tables = _many_tables(bench)
    many = by_tables[max(by_tables)]
    usual = statistics.median(came["peak_mb"] for came in some)

    def alone(row: str, runs: Sequence[Came]) -> dict[str, Any]:
        pairs = [(came["peak_mb"], None) for came in runs]
        note = f"{runs[0]['events']} events, {runs[0]['tables']} tables"
        return figure(row, pairs, events=[runs[0]["events"]], note=note)

    return Outcome(
        [
            alone("S7.load", some),
            alone("S7.routed", routed),
            figure(
                "S7.large",
                [(came["peak_mb"], usual) for came in large],
                events=[large[0]["events"], some[0]["events"]],
            ),
            alone("S7.tables", many),
        ],
        {
            "memory": {
                f"{runs[0]['events']} events": _over_time(runs[0])
                for runs in (some, large)
            }
        },
    )


def _over_time(came: Came) -> list[list[float]]:
    """
    Seconds since the load began, and MB above the start; as much as a plot shows.
    """
    samples = [
        [round(at - came["began"], 3), round(resident - came["start_mb"], 1)]
        for at, resident in came["samples"]
        if came["began"] <= at <= came["ended"]
    ]
    return samples[:: len(samples) // _SAMPLES + 1]


def measure_growth(bench: Bench) -> Outcome:
    """
    Tell the time per event by the size of a load and by the number of its tables.
    """
    by_events = {runs[0]["events"]: _microseconds(runs) for runs in _one_table(bench)}
    seconds = {count: _seconds(runs) for count, runs in _many_tables(bench).items()}
    events = _many_tables(bench)[1][0]["events"]
    # A line through all of them: what a table costs, and what the events do.
    table_seconds = statistics.linear_regression([*seconds], [*seconds.values()]).slope
    by_tables = {
        count: (each - count * table_seconds) / events * 1e6
        for count, each in seconds.items()
    }

    def flat(row: str, microseconds: dict[int, float]) -> dict[str, Any]:
        longest, shortest = max(microseconds.values()), min(microseconds.values())
        if shortest <= 0:
            return missing(row, "it is less than what the tables' cost varies by")
        told = ", ".join(f"{size}: {each:.1f}" for size, each in microseconds.items())
        note = f"µs an event at {told}"
        return figure(row, [(longest, shortest)], events=[*by_events], note=note)

    return Outcome(
        [
            flat("S8.events", by_events),
            flat("S8.tables", by_tables),
            figure("S8.table", [(table_seconds * 1000, None)], events=[events]),
        ],
        {
            "growth": {
                "events": [[size, each] for size, each in by_events.items()],
                "tables": [
                    [count, each / events * 1e6] for count, each in seconds.items()
                ],
                "tables, less their fixed cost": [*map(list, by_tables.items())],
            }
        },
    )


def _microseconds(runs: Sequence[Came]) -> float:
    events: int = runs[0]["events"]
    return _seconds(runs) / events * 1e6


def _seconds(runs: Sequence[Came]) -> float:
    seconds: float = statistics.median(came["seconds"] for came in runs)
    return seconds


def _one_table(bench: Bench) -> list[list[Came]]:
    """
    Runs into one table, by growing size; the smaller, the more often.

    The second is the usual load, the last the largest.
    """
    batches, fewer = bench.size(20_000, 40), bench.size(2_000, 20)
    sizes = [
        (fewer, 1, bench.rounds(3)),
        (batches, 1, bench.rounds(2)),
        (batches, bench.size(20, 2), 1),
    ]

    def make() -> list[list[Came]]:
        return [
            [_load(bench, clean(bench, size), tables=1, times=times) for _ in range(n)]
            for size, times, n in sizes
        ]

    made: list[list[Came]] = bench.once("loads into one table", make)
    return made


def _many_tables(bench: Bench) -> dict[int, list[Came]]:
    """
    Runs of the same events by the number of their tables, all of them new.
    """
    counts = {1: 2, 100: 1, 1000: 1}
    if bench.is_tiny:
        counts = {1: 1, 5: 1}

    def make() -> dict[int, list[Came]]:
        source = clean(bench, bench.size(20_000, 100), names=2 * max(counts))
        return {
            count: [
                _load(bench, source, tables=count, is_new=True)
                for _ in range(min(repeat, bench.rounds(repeat)))
            ]
            for count, repeat in counts.items()
        }

    made: dict[int, list[Came]] = bench.once("loads into many tables", make)
    return made


def _load(
    bench: Bench, source: Input, *, tables: int, times: int = 1, is_new: bool = False
) -> Came:
    place = bench.place()
    run = partial(bench.ours, folder=place, few=source.few, tables=tables)
    run(filled, source=source.path, times=times, is_new=is_new)
    came = run(carried, is_watched=True)
    # The largest takes gigabytes.
    shutil.rmtree(place)
    return came


def filled(  # noqa: PLR0913  # what a spool is filled with
    folder: str, few: str, tables: int, source: str, times: int, *, is_new: bool
) -> Came:
    """
    Fill the spool of a lake, whose tables are made before unless they are new.
    """
    place = Path(folder) / "all"
    place.mkdir()
    with _forwarder(place, tables) as forwarder:
        if not is_new:
            submit_all(forwarder, Path(few))
            forwarder.flush()
        return {"events": submit_all(forwarder, Path(source), times=times)}


def carried(folder: str, few: str, tables: int) -> Came:
    """
    Carry what waits, in one load.
    """
    place, warm = Path(folder) / "all", Path(folder) / "warm"
    warm.mkdir()
    with _forwarder(place, tables) as forwarder:
        start_mb = resident_mb()
        # Making a thousand tables here would take as long as there.
        with _forwarder(warm, min(tables, _WARM_TABLES)) as another:
            submit_all(another, Path(few))
            another.flush()
        began = time.monotonic()
        seconds = seconds_of(forwarder.flush)
        ended = time.monotonic()
        report = forwarder.loads(1)[0]
    return {
        "seconds": seconds,
        "began": began,
        "ended": ended,
        "start_mb": start_mb,
        "peak_mb": resident_mb("VmHWM") - start_mb,
        "events": report.account.loaded,
        "tables": len(report.tables),
    }


def _forwarder(folder: Path, tables: int) -> Forwarder:
    if tables == _ROUTED:
        return to_lake(folder)
    return to_lake(folder, router=FunctionRouter(numbered_table(tables)))
