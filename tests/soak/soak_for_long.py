"""
The soak's long form: half an hour at a steady rate, with figures and a plot.

``nox -s soak -- --destination lake --minutes 30 --plot soak-lake.svg``
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from killed_world import world
from soak_plot import plotted
from soaked_world import Soaked, soaked

# What may grow for nothing in a minute, at the most: the engine keeps what it
# read of tables' logs, which get longer.
_MOST_KB_A_MINUTE = 1024.0
_MOST_FILES_A_MINUTE = 1.0


def main() -> int:
    """
    Soak, and print what came of it.

    Returns:
        0 when all adds up and nothing grew that must not; else 1.
    """
    options = _options()
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as folder,
        world(options.destination, Path(folder), options.seed) as a_world,
    ):
        came = soaked(
            a_world,
            seconds=options.minutes * 60,
            rate=options.rate,
            load_seconds=options.load_seconds,
            sample_seconds=options.minutes * 60 / 360,
        )
    _say(options.destination, came)
    if options.plot:
        Path(options.plot).write_text(plotted(options.destination, came.samples))
    if options.json:
        Path(options.json).write_text(json.dumps(came.samples))
    grew = (
        came.slope_per_minute("resident_kb") > _MOST_KB_A_MINUTE
        or came.slope_per_minute("open_files") > _MOST_FILES_A_MINUTE
    )
    return 1 if came.violations or grew else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--destination", choices=("lake", "workspace"), required=True)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, default=20.0, help="submits a second")
    parser.add_argument("--load-seconds", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", help="write a plot to this file, as SVG")
    parser.add_argument("--json", help="write the samples to this file")
    return parser.parse_args()


def _say(destination: str, came: Soaked) -> None:
    kinds = [violation.kind for violation in came.violations]
    minutes = (came.samples[-1]["at"] - came.samples[0]["at"]) / 60
    print(
        f"{destination}: {minutes:.1f} minutes, {came.acknowledged} messages "
        f"acknowledged, {came.faults} faults, {kinds.count('lost')} lost, "
        f"{kinds.count('doubled')} doubled, {len(kinds)} violations"
    )
    for name in ("resident_kb", "open_files", "threads", "spool_kb", "pending"):
        values = [sample[name] for sample in came.samples]
        middle = values[len(values) // 2]
        print(
            f"{name:12} start {values[0]:10.0f}  middle {middle:10.0f}  "
            f"end {values[-1]:10.0f}  most {max(values):10.0f}  "
            f"{came.slope_per_minute(name):+8.1f} a minute in the second half"
        )
    for violation in came.violations:
        print(violation)


if __name__ == "__main__":
    sys.exit(main())
