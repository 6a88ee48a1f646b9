"""
S5: payloads handed in durably, beside raw SQLite committing the same bytes.

Both write to the same disk, into a write-ahead log with ``synchronous=FULL``. Raw
SQLite has a table of offset and payload, and nothing looks at what it is given.
Each run has a database of its own; a hundred payloads before it warm the process.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks._figures import Outcome, figure
from benchmarks._hosts import lines, seconds_of, to_lake
from benchmarks._inputs import clean
from benchmarks._running import Bench, in_rounds
from databricks_forwarder import Forwarder

__all__ = ["handed_in", "measure"]

_WARMING = 100
_THREADS = 16
_GROUP = 1000


def measure(bench: Bench) -> Outcome:
    """
    Measure one by one, from many threads, and in groups, each beside its other.
    """
    source = clean(bench, bench.size(20_000, 200)).path
    # One by one takes its time; the rate is what counts.
    few, many = bench.size(4_000, 150), bench.size(20_000, 200)

    def ours(way: str, count: int) -> dict[str, Any]:
        place = bench.place()
        return bench.ours(handed_in, way=way, source=source, count=count, folder=place)

    def raw(group: int, count: int) -> dict[str, Any]:
        program = "sqlite_append.py"
        return bench.peer("sqlite", program, group, source, count, bench.place())

    contenders = (
        partial(ours, "one", few),
        partial(raw, 1, few),
        partial(ours, "threads", many),
        partial(ours, "many", many),
        partial(raw, _GROUP, many),
    )
    rounds = in_rounds(bench.rounds(3), *contenders)
    pairs = {"S5.one": (0, 1), "S5.threads": (2, 0), "S5.many": (3, 4)}
    return Outcome(
        [
            figure(
                row,
                [(_rate(round_[mine]), _rate(round_[other])) for round_ in rounds],
                events=[rounds[0][mine]["payloads"], rounds[0][other]["payloads"]],
            )
            for row, (mine, other) in pairs.items()
        ]
    )


def _rate(came: dict[str, Any]) -> float:
    rate: float = came["payloads"] / came["seconds"]
    return rate


def handed_in(way: str, source: str, count: int, folder: str) -> dict[str, Any]:
    """
    Ours, in a process of its own.
    """
    payloads = list(islice(lines(Path(source)), count))
    ways = {"one": _one_by_one, "threads": _from_threads, "many": _in_groups}
    hand_in = ways[way]
    for name, some in (("warm", payloads[:_WARMING]), ("all", payloads)):
        place = Path(folder) / name
        place.mkdir()
        with to_lake(place) as forwarder:
            seconds = seconds_of(partial(hand_in, forwarder, some))
            received = forwarder.status().account.received
    return {"seconds": seconds, "payloads": len(payloads), "events": received}


def _one_by_one(forwarder: Forwarder, payloads: Sequence[bytes]) -> None:
    for payload in payloads:
        forwarder.submit(payload)


def _from_threads(forwarder: Forwarder, payloads: Sequence[bytes]) -> None:
    shares = [payloads[number::_THREADS] for number in range(_THREADS)]
    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(partial(_one_by_one, forwarder), shares))


def _in_groups(forwarder: Forwarder, payloads: Sequence[bytes]) -> None:
    for first in range(0, len(payloads), _GROUP):
        forwarder.submit_many(payloads[first : first + _GROUP])
