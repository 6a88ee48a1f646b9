"""
The kill test's long form: worlds one after another, until time and kills are up.

``nox -s kills -- --destination lake --minutes 30 --kills 2000 --seed 1``
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from killed_world import Figures, killed_often, world

_KILLS_IN_A_WORLD = 100


def main() -> int:
    """
    Kill, and print what came of it.

    Returns:
        0 when nothing was lost, doubled or told wrong; else 1.
    """
    options = _options()
    figures = Figures()
    began = time.monotonic()
    seed = options.seed
    while (
        time.monotonic() - began < options.minutes * 60
        or figures.kills.total() < options.kills
    ):
        with (
            tempfile.TemporaryDirectory(prefix="kills-") as folder,
            world(options.destination, Path(folder), seed) as a_world,
        ):
            figures.add(killed_often(a_world, _KILLS_IN_A_WORLD))
        _say(options.destination, seed, time.monotonic() - began, figures)
        seed += 1
    for where, count in sorted(figures.kills.items()):
        print(f"{count:6} {where}")
    for violation in figures.violations:
        print(violation)
    return 1 if figures.violations else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--destination", choices=("lake", "workspace"), required=True)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--kills", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _say(destination: str, seed: int, seconds: float, figures: Figures) -> None:
    kinds = [violation.kind for violation in figures.violations]
    print(
        f"{destination}: seed {seed}, {seconds / 60:.1f} minutes, "
        f"{figures.lives} lives, {figures.kills.total()} kills, "
        f"{figures.faults} faults, "
        f"{figures.acknowledged} messages acknowledged, "
        f"{kinds.count('lost')} lost, {kinds.count('doubled')} doubled, "
        f"{len(kinds)} violations",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
