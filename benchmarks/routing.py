"""
S9: what routing by the threshold takes of a load into Delta tables.

The counts, durable ones, have 100 000 event keys before. The router is asked and
told as always; what it takes of the load's time is the figure.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

import attrs

from benchmarks._figures import Outcome, figure
from benchmarks._hosts import (
    EVENTS_THRESHOLD,
    ONE_LOAD,
    SCHEMA_NAME,
    lines,
    seconds_of,
)
from benchmarks._inputs import clean
from benchmarks._running import Bench, in_rounds
from databricks_forwarder import Forwarder
from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.counts.sqlite import SqliteEventCounts
from databricks_forwarder.model import EventKey, LoadId, Table
from databricks_forwarder.routers.threshold import ThresholdRouter

__all__ = ["measure", "routed"]

_T = TypeVar("_T")


def measure(bench: Bench) -> Outcome:
    """
    Measure with keys that are known, and with keys that are all new.
    """
    source = clean(bench, bench.size(20_000, 40))
    keys = bench.size(100_000, 300)

    def run(*, is_new: bool, rounds: int) -> list[dict[str, Any]]:
        def once() -> dict[str, Any]:
            return bench.ours(
                routed,
                few=source.few,
                source=source.path,
                folder=bench.place(),
                keys=keys,
                is_new=is_new,
            )

        return [came for (came,) in in_rounds(bench.rounds(rounds), once)]

    def told(row: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
        shares = [
            (100 * each["router_seconds"] / each["seconds"], None) for each in runs
        ]
        note = f"{runs[0]['keys']} keys in the load, {keys} in the counts before"
        return figure(row, shares, events=[runs[0]["events"]], note=note)

    return Outcome(
        [
            told("S9.known", run(is_new=False, rounds=2)),
            told("S9.new", run(is_new=True, rounds=1)),
        ]
    )


@attrs.define
class _Timed:
    """
    A router, and how long its calls took.
    """

    router: ThresholdRouter
    seconds: float = 0.0
    keys: int = 0

    def route(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Table | None]:
        self.keys = len(counts)
        return self._timed(lambda: self.router.route(counts, at=at))

    def loaded(
        self, load_id: LoadId, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> None:
        self._timed(lambda: self.router.loaded(load_id, counts, at=at))

    def _timed(self, call: Callable[[], _T]) -> _T:
        begin = time.perf_counter()
        try:
            return call()
        finally:
            self.seconds += time.perf_counter() - begin


def routed(
    few: str, source: str, folder: str, keys: int, *, is_new: bool
) -> dict[str, Any]:
    """
    A load whose router is timed, in a process of its own.
    """
    for name, path in (("warm", Path(few)), ("all", Path(source))):
        payloads = _renamed(path) if is_new else lines(path)
        came = _one_load(Path(folder) / name, payloads, keys)
    return came


def _one_load(folder: Path, payloads: Iterator[bytes], keys: int) -> dict[str, Any]:
    # Imported as late as `Forwarder.for_lake` does.
    from databricks_forwarder.loaders.delta import DeltaLoader
    from databricks_forwarder.stagers.directory import DirectoryStager

    folder.mkdir()
    with closing(SqliteEventCounts(folder / "counts.db")) as counts:
        router = _Timed(
            ThresholdRouter(
                counts, schema_name=SCHEMA_NAME, events_threshold=EVENTS_THRESHOLD
            )
        )
        known = {
            EventKey("custom_event", event_name=f"Known Name {number}"): 1
            for number in range(keys)
        }
        now = datetime.now(timezone.utc)
        router.router.loaded(LoadId("before-0-0"), known, at=now)
        with Forwarder(
            router=router,
            batcher=SqliteBatcher(folder / "spool.db"),
            stager=DirectoryStager(folder / "staging"),
            loader=DeltaLoader(folder / "lake"),
            policy=ONE_LOAD,
            common_table=f"{SCHEMA_NAME}_otherevents",
        ) as forwarder:
            forwarder.submit_many(payloads)
            seconds = seconds_of(forwarder.flush)
            (report,) = forwarder.loads()
    return {
        "seconds": seconds,
        "router_seconds": router.seconds,
        "keys": router.keys,
        "events": report.account.loaded,
    }


def _renamed(source: Path) -> Iterator[bytes]:
    """
    The payloads with a name of its own for each custom event.
    """
    mark = b'"event_name":"Event Name '
    number = 0
    for line in lines(source):
        first, *rest = line.split(mark)
        for place, part in enumerate(rest):
            rest[place] = b"%d " % (number + place) + part
        number += len(rest)
        yield mark.join([first, *rest])
