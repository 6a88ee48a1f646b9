"""
The kill test's long form: worlds one after another, until time and kills are up.

``nox -s kills -- --destination lake --minutes 30 --kills 2000 --seed 1``

A world that goes wrong is the last one, and what is left of it is kept.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from killed_world import Destination, Figures

_KILLS_IN_A_WORLD = 100


def main() -> int:
    """
    Kill, and print what came of it.

    Returns:
        0 when nothing was lost, doubled or told wrong, and when a host was
        killed at each point that there is; else 1.
    """
    # Not in the lives, which import this file, too.
    from killed_world import Figures  # noqa: PLC0415

    options = _options()
    figures = Figures()
    began = time.monotonic()
    seed = options.seed
    while not figures.violations and (
        time.monotonic() - began < options.minutes * 60
        or figures.kills.total() < options.kills
    ):
        figures.add(_of_a_world(options.destination, seed))
        minutes = (time.monotonic() - began) / 60
        print(f"to seed {seed}: {_told(options.destination, minutes, figures)}")
        sys.stdout.flush()
        seed += 1
    print(_told(options.destination, minutes, figures), _points(figures), sep="; ")
    for violation in figures.violations:
        print(violation)
    never = _never_met(options.destination, figures)
    print(f"never killed: {', '.join(never) or 'nowhere'}")
    return 1 if figures.violations or never else 0


def _of_a_world(destination: Destination, seed: int) -> Figures:
    """
    Kill in one world; what is left of it is removed, if all was well.
    """
    from killed_world import killed_often, world  # noqa: PLC0415

    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    with world(destination, folder, seed) as a_world:
        figures = killed_often(a_world, _KILLS_IN_A_WORLD)
    if figures.violations:
        print(f"seed {seed} went wrong; see {folder}")
    else:
        shutil.rmtree(folder)
    return figures


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--destination", choices=("lake", "workspace"), required=True)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--kills", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _told(destination: str, minutes: float, figures: Figures) -> str:
    kinds = Counter(violation.kind for violation in figures.violations)
    return (
        f"{destination}, {minutes:.1f} minutes, {figures.kills.total()} kills, "
        f"{figures.lives} lives, {figures.faults} faults, "
        f"{figures.acknowledged} messages acknowledged, "
        f"{kinds['lost']} lost, {kinds['doubled']} doubled, "
        f"{kinds.total()} violations"
    )


def _points(figures: Figures) -> str:
    """
    Tell the kills by point: before it, and after it.
    """
    random = figures.kills["at random"]
    points = sorted({point.partition(" ")[2] for point in figures.kills} - {"random"})
    by_point = (
        f"{point} {figures.kills['before ' + point]}+{figures.kills['after ' + point]}"
        for point in points
    )
    return f"at random {random}, {', '.join(by_point)}"


def _never_met(destination: str, figures: Figures) -> list[str]:
    from killed_by import kills_of  # noqa: PLC0415

    points = {kill.point for kill in kills_of(destination)}
    return sorted(point for point in points if not figures.kills[point])


if __name__ == "__main__":
    sys.exit(main())
