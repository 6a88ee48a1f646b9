"""
Worlds in which a host lives and is killed again and again.
"""

from __future__ import annotations

import itertools
import multiprocessing
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import connection
from pathlib import Path
from typing import Any, Literal

import attrs
from killed_by import FAULTS, PARKED, REFUSAL, TROUBLES, kills_of
from killed_host import LONGEST_LIFE_SECONDS, SCHEMA, THRESHOLD, Kill, Life, live
from killed_ledger import read_ledger
from killed_tables import look
from killed_truth import Violation, violations

from databricks_forwarder.testing.faults import Fail
from databricks_forwarder.testing.workspace import Workspace

Destination = Literal["lake", "workspace"]

SERVER = multiprocessing.get_context("forkserver")
# Imported once, for all lives; the forks' parent finds installed modules only.
SERVER.set_forkserver_preload(
    [
        "databricks.sql.client",
        "databricks_forwarder._lake",
        "databricks_forwarder._pipeline",
        "databricks_forwarder._workspace",
        "databricks_forwarder.routers.default",
        "databricks_forwarder.testing.faults",
        "deltalake",
        # Arrow imports it when it makes its first array.
        "pandas",
    ]
)

# Who starts a process asks after all others, and of two threads that read how one
# ended the second reads that it ended with 255.
_STATUS = threading.Lock()


@attrs.define
class Figures:
    """
    What happened in some worlds.
    """

    lives: int = 0
    kills: Counter[str] = attrs.field(factory=Counter)
    faults: int = 0
    acknowledged: int = 0
    violations: list[Violation] = attrs.field(factory=list)

    def add(self, other: Figures) -> None:
        """
        Add those of another world.
        """
        self.lives += other.lives
        self.kills += other.kills
        self.faults += other.faults
        self.acknowledged += other.acknowledged
        self.violations += other.violations


@attrs.define
class World:
    """
    A spool and a destination that outlive the host's processes.

    Attributes:
        folder: Everything but a workspace's tables lies in it.
        seed: All chances are a function of it.
        workspace: Where the tables are; None for a lake in the folder.
        mutant: What is broken in each life of the host.
        first_life: Number of the first life: hosts that meet in one destination
            must not hand in batches of the same numbers.
    """

    folder: Path
    seed: int
    workspace: Workspace | None = None
    mutant: str | None = None
    first_life: int = 0
    figures: Figures = attrs.field(factory=Figures, init=False)
    chance: random.Random = attrs.field(init=False, repr=False)
    _life_seconds: float = attrs.field(default=0.5, init=False)

    def __attrs_post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    @property
    def destination(self) -> Destination:
        """
        Where the rows go.
        """
        return "lake" if self.workspace is None else "workspace"

    @property
    def reached(self) -> dict[str, str] | None:
        """
        How a process reaches the workspace, if there is one.
        """
        return None if self.workspace is None else reached(self.workspace)

    def live(self, kill: Kill | None = None, **more: Any) -> bool:
        """
        Let the host live once, and die at *kill* if it comes to it.

        Returns:
            Whether it was killed.
        """
        process = self._started(kill, **more)
        connection.wait([process.sentinel], LONGEST_LIFE_SECONDS)
        return self._is_killed(process, "" if kill is None else kill.point)

    def live_shortly(self, **more: Any) -> bool:
        """
        Let the host live until it is killed at some moment from outside.

        Returns:
            Whether it was killed.
        """
        began = time.monotonic()
        process = self._started(None, **more)
        moment = self.chance.uniform(0.0, 1.2) * self._life_seconds
        connection.wait([process.sentinel], moment)
        process.kill()
        connection.wait([process.sentinel])
        was_killed = self._is_killed(process, "at random")
        # A moment may be anywhere in a life, however busy the machine is.
        took = time.monotonic() - began
        self._life_seconds = 1.05 * self._life_seconds if was_killed else took
        return was_killed

    def troubles(self) -> Sequence[Fail]:
        """
        Have something go wrong in the parts of a life, now and then.
        """
        if self.chance.random() < 0.7:
            return ()
        return (self.chance.choice(TROUBLES),)

    def trouble(self) -> None:
        """
        Have something go wrong in the workspace.
        """
        if self.workspace is not None and self.chance.random() < 0.6:
            fault = self.chance.choice(FAULTS)
            skip = self.chance.choice((0, 0, 1, 3))
            self.workspace.fail(attrs.evolve(fault, skip=skip))
            self.figures.faults += 1

    def settle(self) -> list[Violation]:
        """
        Let a last life go on until nothing is pending, and look at it all.
        """
        self.clear()
        self.live(is_last=True)
        tried, got = (read_ledger(self.folder, name) for name in ("tried", "got"))
        found = look(self.folder, self.workspace)
        self.figures.violations += violations(found, tried, got)
        self.figures.acknowledged = got.message_count
        return self.figures.violations

    def clear(self) -> None:
        """
        Let nothing go wrong in the workspace from now on.
        """
        if self.workspace is not None:
            # What was scripted and not met yet was no fault.
            self.figures.faults -= len(self.workspace.faults.left)
            self.workspace.faults.clear()

    def _started(self, kill: Kill | None, **more: Any) -> Any:
        life = Life(
            folder=self.folder,
            number=self.first_life + self.figures.lives,
            seed=self.seed,
            workspace=self.reached,
            kill=kill,
            mutant=self.mutant,
            **more,
        )
        self.figures.lives += 1
        process = SERVER.Process(target=live, args=(life,), daemon=True)
        with _STATUS:
            process.start()
        return process

    def _is_killed(self, process: Any, where: str) -> bool:
        hung = not connection.wait([process.sentinel], 0)
        if hung:
            process.kill()
            connection.wait([process.sentinel])
        with _STATUS:
            code = process.exitcode
        was_killed = code == -signal.SIGKILL and not hung
        if not was_killed and code:
            what = "hung" if hung else f"ended with {code}"
            told = f"life {self.figures.lives - 1}, to end {where or 'well'}, {what}"
            self.figures.violations.append(Violation("broken", told))
        self.figures.kills[where] += was_killed
        return was_killed


def reached(workspace: Workspace) -> dict[str, str]:
    """
    How a process reaches a workspace, and as whom.
    """
    settings = workspace.settings
    return {
        "deployment_name": settings.deployment_name,
        "warehouse_id": settings.warehouse_id,
        "client_id": settings.client_id,
        "client_secret": settings.client_secret.reveal(),
        "catalog_name": settings.catalog_name,
        "schema_name": settings.schema_name,
        "port": str(workspace.endpoint.port),
        "ca_file": str(workspace.ca_file),
    }


@contextmanager
def world(
    destination: Destination, folder: Path, seed: int, mutant: str | None = None
) -> Iterator[World]:
    """
    Make a world, and take it down.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if destination == "lake":
        yield World(folder, seed, None, mutant)
        return
    with Workspace(schema=SCHEMA, events_threshold=THRESHOLD) as workspace:
        yield World(folder, seed, workspace, mutant)


def killed_often(a_world: World, kills: int) -> Figures:
    """
    Kill the host so often: at steps and at random by turns; then look at it all.
    """
    kill_often(a_world, kills)
    a_world.settle()
    return a_world.figures


def kill_often(a_world: World, kills: int) -> None:
    """
    Kill the host so often, and leave it at that.
    """
    points = kills_of(a_world.destination)
    a_world.chance.shuffle(points)
    # However few kills there are, something gets parked and is taken up again.
    points.sort(key=lambda kill: kill.method != "carry_on")
    steps = itertools.cycle(points)
    for turn in range(5 * kills):
        if a_world.figures.kills.total() >= kills:
            break
        a_world.trouble()
        if turn % 3 == 2:
            a_world.live_shortly(troubles=a_world.troubles())
        else:
            _killed_at(a_world, next(steps))


def _killed_at(a_world: World, kill: Kill) -> None:
    """
    Let the host live until a step, and have come what leads there.
    """
    if kill.method == "carry_on":
        a_world.live(PARKED, troubles=[REFUSAL])
        a_world.live(kill, carries_on=True)
    elif kill.method == "park":
        a_world.live(kill, troubles=[REFUSAL])
    else:
        carries_on = a_world.chance.random() < 0.5
        a_world.live(kill, troubles=a_world.troubles(), carries_on=carries_on)
