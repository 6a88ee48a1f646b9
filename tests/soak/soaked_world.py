"""
A world in which a host lives long, and how it felt.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from typing import Any

import attrs
from killed_host import Life
from killed_truth import Violation
from killed_world import SERVER, World
from soaked_host import SAMPLES, Soak, soak

_FAULT_SECONDS = 1.0
_LONGER_SECONDS = 100.0

Sample = dict[str, float]


@attrs.frozen
class Soaked:
    """
    What came of a long life.

    Attributes:
        samples: In order; see `soaked_host`.
    """

    samples: Sequence[Sample]
    violations: Sequence[Violation]
    acknowledged: int
    faults: int

    def slope_per_minute(self, name: str) -> float:
        """
        How fast a figure grew in the second half, as a line through its samples.
        """
        late = self.samples[len(self.samples) // 2 :]
        minutes = [each["at"] / 60 for each in late]
        line = statistics.linear_regression(minutes, [each[name] for each in late])
        return line.slope

    def most(self, name: str) -> tuple[float, float]:
        """
        The largest of a figure in the first half after the start, and in the second.
        """
        half = len(self.samples) // 2
        early, late = self.samples[half // 4 : half], self.samples[half:]
        return max(each[name] for each in early), max(each[name] for each in late)


def soaked(
    a_world: World,
    *,
    seconds: float,
    rate: float,
    load_seconds: float,
    sample_seconds: float,
) -> Soaked:
    """
    Let a host live for *seconds*, with faults if there is a workspace.
    """
    life = Life(
        folder=a_world.folder, number=0, seed=a_world.seed, workspace=a_world.reached
    )
    a_world.figures.lives += 1
    plan = Soak(
        life=life,
        seconds=seconds,
        rate=rate,
        load_seconds=load_seconds,
        sample_seconds=sample_seconds,
    )
    process: Any = SERVER.Process(target=soak, args=(plan,), daemon=True)
    process.start()
    for _ in range(int((seconds + _LONGER_SECONDS) / _FAULT_SECONDS)):
        process.join(_FAULT_SECONDS)
        if process.exitcode is not None:
            break
        a_world.trouble()
    if process.exitcode is None:
        process.kill()

    assert process.exitcode == 0
    violations = a_world.settle()
    lines = (a_world.folder / SAMPLES).read_text().splitlines()
    return Soaked(
        [json.loads(line) for line in lines],
        violations,
        a_world.figures.acknowledged,
        a_world.figures.faults,
    )
