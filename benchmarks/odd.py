"""
S4: what odd data costs: unknown keys, mistyped values, both in turn.

To typed Parquet on one core as in S1, with clean data, with one batch in a hundred
odd, and with all of them odd.
"""

from __future__ import annotations

from functools import partial

from benchmarks import parquet
from benchmarks._figures import Figure, Outcome, figure
from benchmarks._inputs import clean, odd
from benchmarks._running import Bench, in_rounds

__all__ = ["measure"]


def measure(bench: Bench) -> Outcome:
    """
    Measure clean and odd data in turn.
    """
    batches = bench.size(10_000, 100)
    plain = partial(parquet.run_of, bench, clean(bench, batches))

    def beside_clean(row: str, *, one_in: int, rounds: int) -> Figure:
        source = odd(bench, batches, one_in=one_in)
        mixed = partial(parquet.run_of, bench, source)
        pairs = in_rounds(bench.rounds(rounds), mixed, plain)
        return figure(
            row,
            [(ours["seconds"], its["seconds"]) for ours, its in pairs],
            events=[came["events"] for came in pairs[0]],
        )

    return Outcome(
        [
            # A few hundredths are less than what one round differs from the next.
            beside_clean("S4.some", one_in=100, rounds=4),
            beside_clean("S4.all", one_in=1, rounds=2),
        ]
    )
