"""
S3: from the spool into Delta tables in one process, on two cores and on one.

The process is pinned before it begins, so that no library makes more threads than
it has cores. Handing in is not counted, only the load.
"""

from __future__ import annotations

import os

from benchmarks import delta
from benchmarks._figures import Outcome, figure, missing
from benchmarks._inputs import clean
from benchmarks._running import Bench, in_rounds

__all__ = ["measure"]


def measure(bench: Bench) -> Outcome:
    """
    Measure the same load on two cores and on one, in turn.
    """
    if not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2:
        return Outcome([missing("S3", "there are no two cores to choose")])
    source = clean(bench, bench.size(20_000, 40))
    rounds = in_rounds(
        bench.rounds(2),
        lambda: delta.run_of(bench, source, cores=2),
        lambda: delta.run_of(bench, source, cores=1),
    )
    pairs = [(two["load_seconds"], one["load_seconds"]) for two, one in rounds]
    events = [came["events"] for came in rounds[0]]
    return Outcome([figure("S3", pairs, events=events)])
