"""
S1: payloads → typed Parquet on one core, beside DuckDB and beside the floor.

All three run on one core, read the same payloads, and write Parquet with zstd 1.

* Ours: from payloads that wait in memory to files that nobody loads: count the
  event keys, ask the threshold router, decode, build columns, one file a table.
  What `submit` costs before (a look at each payload) is told besides.
* DuckDB: ``read_json`` of the file with all columns typed, ``unnest`` of the
  events, ``COPY`` to one file. Not its: routing, tables by event, rescue of what
  does not fit (one odd value fails the statement).
* The floor: what nobody can leave out. simdjson parses each payload and no value
  is looked at; pyarrow writes the tables that ours has made, which it is given.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

from benchmarks._figures import Outcome, figure, missing
from benchmarks._hosts import seconds_of, submit_all, to_files
from benchmarks._inputs import Input, clean, columns
from benchmarks._running import Bench, PeerMissingError, in_rounds

__all__ = ["measure", "to_parquet"]


def measure(bench: Bench) -> Outcome:
    """
    Measure, ours and the others in turn.
    """
    source = clean(bench, bench.size(20_000, 40))
    count = bench.rounds(3)
    outcome = Outcome()

    def ours() -> dict[str, Any]:
        return run_of(bench, source)

    def duckdb() -> dict[str, Any]:
        place = bench.place()
        files = (source.few, source.path, columns(bench), place)
        return bench.peer("duckdb", "duckdb_parquet.py", *files, cores=1)

    def floor() -> dict[str, Any]:
        tables = bench.kept["tables of S1"]
        files = (source.few, source.path, tables, bench.place())
        return bench.peer("simdjson", "floor.py", *files, cores=1)

    def try_peer(rows: tuple[str, ...], peer: Any) -> None:
        try:
            rounds = in_rounds(count, ours, peer)
        except PeerMissingError as error:
            outcome.figures += [missing(row, str(error)) for row in rows]
            return
        events = [rounds[0][0]["events"], rounds[0][1]["events"]]
        for row in rows:
            ours_seconds = "whole_seconds" if row == "S1.door" else "seconds"
            pairs = [(mine[ours_seconds], other["seconds"]) for mine, other in rounds]
            outcome.figures.append(figure(row, pairs, events=events))

    try_peer(("S1.duckdb", "S1.door"), duckdb)
    try_peer(("S1.floor",), floor)
    return outcome


def run_of(bench: Bench, source: Input) -> dict[str, Any]:
    """
    Run ours once, on one core.
    """
    place = bench.place()
    bench.kept["tables of S1"] = place / source.path.stem
    return bench.ours(
        to_parquet, cores=1, few=source.few, source=source.path, folder=place
    )


def to_parquet(few: str, source: str, folder: str) -> dict[str, Any]:
    """
    Ours, in a process of its own: warmed by a few payloads, then measured.
    """
    for name, path in (("warm", Path(few)), (Path(source).stem, Path(source))):
        place = Path(folder) / name
        place.mkdir()
        with to_files(place) as forwarder:
            submitting = seconds_of(partial(submit_all, forwarder, path))
            before = process_time()
            seconds = seconds_of(forwarder.flush)
            cpu_seconds = process_time() - before
            (report,) = forwarder.loads()
    return {
        "seconds": seconds,
        "whole_seconds": submitting + seconds,
        "cpu_seconds": cpu_seconds,
        "events": report.account.loaded,
        "tables": len(report.tables),
    }
