"""
S4: what odd data costs: unknown keys, mistyped values, both in turn.

To typed Parquet on one core as in S1, with clean data, with one batch in a hundred
odd, and with all of them odd.
"""

from __future__ import annotations

from functools import partial

from benchmarks import parquet
from benchmarks._figures import Outcome, figure
from benchmarks._inputs import clean, odd
from benchmarks._running import Bench, in_rounds

__all__ = ["measure"]


def measure(bench: Bench) -> Outcome:
    """
    Measure clean and odd data in turn.
    """
    batches = bench.size(10_000, 100)
    sources = (
        odd(bench, batches, one_in=100),
        odd(bench, batches, one_in=1),
        clean(bench, batches),
    )
    runs = (partial(parquet.run_of, bench, source) for source in sources)
    rounds = in_rounds(bench.rounds(3), *runs)
    events = [came["events"] for came in rounds[0]]
    some = [(some["seconds"], plain["seconds"]) for some, _, plain in rounds]
    all_ = [(all_["seconds"], plain["seconds"]) for _, all_, plain in rounds]
    return Outcome(
        [
            figure("S4.some", some, events=[events[0], events[2]]),
            figure("S4.all", all_, events=[events[1], events[2]]),
        ]
    )
