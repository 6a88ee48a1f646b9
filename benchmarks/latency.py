"""
S6: what a host feels of a load that the background thread carries.

A host submits one payload every few milliseconds from one thread, first while
nothing is carried, then while a load of 100 000 events goes into Delta tables. Told
are its calls, and its longest pause: the slowest call, or the latest that it woke
from a rest, whichever is longer.
"""

from __future__ import annotations

import statistics
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import attrs

from benchmarks._figures import Outcome, figure
from benchmarks._hosts import EVENTS_THRESHOLD, lines, submit_all
from benchmarks._inputs import clean
from benchmarks._running import Bench, in_rounds
from databricks_forwarder import Forwarder, UploadPolicy

__all__ = ["felt", "measure"]

_REST_SECONDS = 0.002


def measure(bench: Bench) -> Outcome:
    """
    Measure with and without a load, in one process.
    """
    source = clean(bench, bench.size(20_000, 100))
    calls = bench.size(500, 10)

    def run() -> dict[str, Any]:
        place = bench.place()
        return bench.ours(felt, source=source.path, calls=calls, folder=place)

    rounds = [came for (came,) in in_rounds(bench.rounds(3), run)]
    loading = [came["loading"] for came in rounds]
    idle = [came["idle"] for came in rounds]
    note = f"{loading[0]['calls']} calls during a load of {rounds[0]['events']} events"
    return Outcome(
        [
            figure(
                row,
                [
                    (busy[what], calm[what])
                    for busy, calm in zip(loading, idle, strict=True)
                ],
                events=[rounds[0]["events"]],
                note=note,
            )
            for row, what in (
                ("S6.p50", "p50"),
                ("S6.p99", "p99"),
                ("S6.pause", "pause"),
            )
        ]
    )


@attrs.define
class _Felt:
    """
    Calls and lateness of a host, in seconds.
    """

    calls: list[float] = attrs.field(factory=list)
    late: list[float] = attrs.field(factory=list)

    def submit(self, forwarder: Forwarder, payload: bytes) -> None:
        begin = time.perf_counter()
        time.sleep(_REST_SECONDS)
        woken = time.perf_counter()
        forwarder.submit(payload)
        self.calls.append(time.perf_counter() - woken)
        self.late.append(woken - begin - _REST_SECONDS)

    def told(self) -> dict[str, float]:
        parts = statistics.quantiles(self.calls, n=100, method="inclusive")
        return {
            "calls": len(self.calls),
            "p50": parts[49] * 1000,
            "p99": parts[98] * 1000,
            "pause": max(*self.calls, *self.late) * 1000,
        }


def felt(source: str, calls: int, folder: str) -> dict[str, Any]:
    """
    The host, in a process of its own.
    """
    payloads = cycle(islice(lines(Path(source)), 1000))
    with Forwarder.for_lake(
        Path(folder) / "lake",
        spool=Path(folder) / "spool.db",
        events_threshold=EVENTS_THRESHOLD,
    ) as forwarder:
        # Engines are imported and set up by a first load.
        forwarder.submit(next(payloads))
        forwarder.flush()
        idle = _Felt()
        for _ in range(calls):
            idle.submit(forwarder, next(payloads))
        forwarder.flush()
    accepted, loading = _while_loading(Path(source), payloads, Path(folder))
    return {"events": accepted, "idle": idle.told(), "loading": loading.told()}


def _while_loading(source: Path, payloads: Any, folder: Path) -> tuple[int, _Felt]:
    # The number is known from a first look, so that the load is due when all of
    # it waits, and what is submitted meanwhile waits for the next.
    counted = sum(line.count(b'"event_type"') for line in lines(source))
    with Forwarder.for_lake(
        folder / "lake",
        spool=folder / "spool.db",
        events_threshold=EVENTS_THRESHOLD,
        policy=UploadPolicy(max_messages=counted),
    ) as forwarder:
        accepted = submit_all(forwarder, source)
        loading = _Felt()
        forwarder.start()
        submitted_bytes = 0
        # Until the load's records are removed from the spool, too.
        while forwarder.status().stored_bytes > submitted_bytes:
            for _ in range(10):
                payload = next(payloads)
                loading.submit(forwarder, payload)
                submitted_bytes += len(payload)
        return accepted, loading
