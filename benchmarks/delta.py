"""
S2: payloads → Delta tables on the local disk, beside dlt.

All read the same payloads, may use all cores, and end with committed Delta tables
on the same disk; opening and warming are not counted.

* Ours: `submit_many` of 500 into a durable spool, then one load: rows are typed
  columns, in one table for each frequent event and one for all others.
* dlt, ``items``: what it does with events by itself: payloads are parsed by the
  fast parser that it brings, dictionaries handed over in pages, objects become
  text. With one worker and with two: the faster of the two is told.
* dlt, ``arrow``: the way of someone who knows both: DuckDB reads the payloads
  into typed Arrow, which dlt writes without looking at rows.

Not theirs: a durable spool, tables by event, rescue of what does not fit, each
event once whatever dies when. Their rows go to one table, which is the faster for
them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks._figures import Outcome, figure, missing
from benchmarks._hosts import seconds_of, submit_all, to_lake
from benchmarks._inputs import Input, clean, columns
from benchmarks._running import Bench, PeerMissingError, in_rounds

__all__ = ["measure", "to_delta"]

# How dlt is told to use both cores when it makes typed files.
_TWO_WORKERS = ("NORMALIZE__WORKERS=2", "DATA_WRITER__FILE_MAX_ITEMS=20000")


def measure(bench: Bench) -> Outcome:
    """
    Measure, ours and dlt's two ways in turn.
    """
    source = clean(bench, bench.size(20_000, 40))
    roads = {"S2.dlt": "items", "S2.arrow": "arrow"}
    try:
        figures = [_beside_dlt(bench, *each, source) for each in roads.items()]
    except PeerMissingError as error:
        figures = [missing(row, str(error)) for row in roads]
    return Outcome(figures)


def _beside_dlt(bench: Bench, row: str, road: str, source: Input) -> dict[str, Any]:
    def ours() -> dict[str, Any]:
        return run_of(bench, source)

    def dlt(*settings: str) -> Callable[[], dict[str, Any]]:
        def run() -> dict[str, Any]:
            files = (source.few, source.path, columns(bench), bench.place())
            return bench.peer("dlt", "dlt_delta.py", road, *files, *settings)

        return run

    # Which setting suits this machine is found out by the first round.
    ways = [dlt(), dlt(*_TWO_WORKERS)] if road == "items" else [dlt()]
    ((mine, *theirs),) = in_rounds(1, ours, *ways)
    seconds = [came["seconds"] for came in theirs]
    best = seconds.index(min(seconds))
    rounds = [[mine, theirs[best]], *in_rounds(bench.rounds(2) - 1, ours, ways[best])]
    return figure(
        row,
        [(mine["seconds"], other["seconds"]) for mine, other in rounds],
        events=[rounds[0][0]["events"], rounds[0][1]["events"]],
        note=f"dlt with {best + 1} worker(s)" if road == "items" else "",
    )


def run_of(bench: Bench, source: Input, *, cores: int | None = None) -> dict[str, Any]:
    """
    Run ours once, on so many cores.
    """
    place = bench.place()
    return bench.ours(
        to_delta, cores=cores, few=source.few, source=source.path, folder=place
    )


def to_delta(few: str, source: str, folder: str) -> dict[str, Any]:
    """
    Ours, in a process of its own: warmed by a few payloads, then measured.
    """
    for name, path in (("warm", few), ("all", source)):
        place = Path(folder) / name
        place.mkdir()
        with to_lake(place) as forwarder:
            submitting = seconds_of(partial(submit_all, forwarder, Path(path)))
            loading = seconds_of(forwarder.flush)
            (report,) = forwarder.loads()
    return {
        "seconds": submitting + loading,
        "submit_seconds": submitting,
        "load_seconds": loading,
        "events": report.account.loaded,
        "tables": len(report.tables),
    }
