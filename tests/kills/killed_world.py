"""
Worlds in which a host lives and is killed, and what must be true of them after.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal

import attrs
from deltalake import DeltaTable
from killed_host import (
    LAKE,
    LONGEST_LIFE_SECONDS,
    SCHEMA,
    SPOOL,
    THRESHOLD,
    Kill,
    Life,
    live,
)

from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.model import Account
from databricks_forwarder.testing.workspace import Fault, RefusedError, Workspace

Destination = Literal["lake", "workspace"]
Row = tuple[int, int | None]
"""Number of the batch, and place of the event in it; None for a batch without any."""

SERVER = multiprocessing.get_context("forkserver")
# Imported once, for all lives; the forks' parent finds installed modules only.
SERVER.set_forkserver_preload(
    [
        "databricks.sql.client",
        "databricks_forwarder._lake",
        "databricks_forwarder._pipeline",
        "databricks_forwarder._workspace",
        "databricks_forwarder.routers.default",
        "databricks_forwarder.testing.workspace",
        "deltalake",
        # Arrow imports it when it makes its first array.
        "pandas",
    ]
)

# Part, method and its calls at which a life ends, on both sides; a call that a
# life does not come to kills nobody.
CALLS: Mapping[tuple[str, str], tuple[int, ...]] = {
    ("batcher", "append"): (1, 3),
    ("stager", "staged"): (1,),
    ("batcher", "status"): (1,),
    ("batcher", "lease"): (1, 2),
    ("router", "route"): (1,),
    ("batcher", "note"): (1, 2, 3, 4),
    ("stager", "stage"): (1, 2, 3),
    ("loader", "prepare"): (1, 2),
    ("loader", "load"): (1, 2, 3),
    ("router", "loaded"): (1, 2),
    ("batcher", "commit"): (1, 2),
    ("stager", "discard"): (1, 2),
}
KILLS = [
    Kill(part, method, nth, when)
    for (part, method), calls in CALLS.items()
    for nth in calls
    for when in ("before", "after")
]

_COPY = "COPY INTO"
FAULTS = (
    Fault(on="statement", matching=_COPY, drop=True, when="after"),
    Fault(on="statement", matching=_COPY, drop=True),
    Fault(on="statement", matching=_COPY, status=503),
    Fault(on="statement", matching=_COPY, status=503, when="after"),
    Fault(on="statement", matching=_COPY, status=429),
    Fault(
        on="statement",
        matching=_COPY,
        error=("DELTA_METADATA_CHANGED", "2D521", "As scripted."),
    ),
    Fault(on="statement", matching="CREATE TABLE", drop=True, when="after"),
    Fault(on="statement", matching=_COPY, seconds=0.05),
    Fault(on="upload", drop=True, when="after"),
    Fault(on="upload", cut=True),
    Fault(on="upload", status=503),
    Fault(on="upload", status=401),
    Fault(on="delete", status=503),
    Fault(on="delete", drop=True, when="after"),
    Fault(on="list", status=503),
    Fault(on="token", status=503),
    Fault(on="open_session", drop=True),
)


@attrs.frozen
class Violation:
    """
    Something that must not be.

    Attributes:
        kind: ``lost``, ``doubled``, ``split``, ``account``, ``counts`` or
            ``left behind``.
    """

    kind: str
    what: str


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
    """

    folder: Path
    seed: int
    workspace: Workspace | None = None
    mutant: str | None = None
    figures: Figures = attrs.field(factory=Figures, init=False)
    _life_seconds: float = attrs.field(default=0.5, init=False)
    _chance: random.Random = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._chance = random.Random(self.seed)

    @property
    def reached(self) -> dict[str, str] | None:
        """
        How a process reaches the workspace, if there is one.
        """
        return None if self.workspace is None else _reached(self.workspace)

    def live(self, kill: Kill | None = None, **more: Any) -> bool:
        """
        Let the host live once, and die at *kill* if it comes to it.

        Returns:
            Whether it was killed.
        """
        process = self._started(kill, **more)
        process.join(LONGEST_LIFE_SECONDS)
        return self._is_killed(process, "" if kill is None else str(kill)[:-2])

    def live_shortly(self) -> bool:
        """
        Let the host live until it is killed at some moment from outside.
        """
        began = time.monotonic()
        process = self._started(None)
        process.join(self._chance.uniform(0.0, 1.2) * self._life_seconds)
        if process.exitcode is None:
            os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        was_killed = self._is_killed(process, "at random")
        if not was_killed:
            took = time.monotonic() - began
            self._life_seconds += (took - self._life_seconds) / 4
        return was_killed

    def trouble(self) -> None:
        """
        Have something go wrong in the workspace.
        """
        if self.workspace is not None and self._chance.random() < 0.6:
            fault = self._chance.choice(FAULTS)
            skip = self._chance.choice((0, 0, 1, 3))
            self.workspace.fail(attrs.evolve(fault, skip=skip))
            self.figures.faults += 1

    def settle(self) -> list[Violation]:
        """
        Let a last life go on until nothing is pending, and look at it all.
        """
        if self.workspace is not None:
            # What was scripted and not met yet was no fault.
            self.figures.faults -= len(self.workspace.faults.left)
            self.workspace.faults.clear()
        self.live(is_last=True)
        self.figures.violations += self._violations()
        self.figures.acknowledged = sum(
            max(1, size) for size in self._ledger()[1].values()
        )
        return self.figures.violations

    def _started(self, kill: Kill | None, **more: Any) -> Any:
        life = Life(
            folder=self.folder,
            number=self.figures.lives,
            seed=self.seed,
            workspace=self.reached,
            kill=kill,
            mutant=self.mutant,
            **more,
        )
        self.figures.lives += 1
        process = SERVER.Process(target=live, args=(life,), daemon=True)
        process.start()
        return process

    def _is_killed(self, process: Any, where: str) -> bool:
        if process.exitcode is None:
            process.kill()
            process.join()
            msg = f"life {self.figures.lives - 1} hung: {self!r}"
            raise AssertionError(msg)
        was_killed = process.exitcode == -signal.SIGKILL
        assert was_killed or process.exitcode == 0, (process.exitcode, self)
        self.figures.kills[where] += was_killed
        return was_killed

    # -- what must be true ------------------------------------------------

    def _ledger(self) -> tuple[dict[int, int], dict[int, int]]:
        """
        Read which batches were tried, and which acknowledged, with their events.
        """
        tried, got = (
            {
                number: size
                for entry in self._entries(name)
                for number, size in entry.get("batches", ())
            }
            for name in ("tried", "got")
        )
        return tried, got

    def _entries(self, name: str) -> list[Any]:
        path = self.folder / name
        text = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    def _violations(self) -> list[Violation]:
        found = [row for rows in self.tables().values() for row in rows]
        status = self._spool_status()
        return [
            *self._violations_of_rows(Counter(row for row, _ in found)),
            *self._violations_of_the_account(status, found),
            *self._violations_of_what_is_left(status),
        ]

    def _violations_of_rows(self, rows: Counter[Row]) -> Iterator[Violation]:
        tried, got = self._ledger()
        for row, count in rows.items():
            if count > 1:
                yield Violation("doubled", f"{row} is there {count} times")
        for number, size in tried.items():
            expected = {(number, place) for place in range(size)} or {(number, None)}
            missing = [row for row in expected if row not in rows]
            if missing and number in got:
                yield Violation("lost", f"{missing} were acknowledged")
            elif missing and len(missing) < len(expected):
                yield Violation("split", f"{missing} are missing from a batch")
        for number, _ in rows:
            if number not in tried:
                yield Violation("doubled", f"batch {number} was never handed in")

    def _violations_of_the_account(
        self, status: Any, found: list[tuple[Row, str]]
    ) -> Iterator[Violation]:
        account, reports, dead = status
        expected = Account(
            received=len(found) + 2 * len(dead), loaded=len(found), dead=2 * len(dead)
        )
        if account != expected:
            yield Violation("account", f"{account} is told, {expected} is there")
        told = Counter({each.load_id: each.account.loaded for each in reports})
        there = Counter(load_id for _, load_id in found)
        if +told != there:
            yield Violation("account", f"by load: {told - there} too many told")
        acknowledged = [
            entry["offset"] for entry in self._entries("got") if "dead" in entry
        ]
        if not set(acknowledged) <= set(dead):
            yield Violation("lost", f"dead letters of {set(acknowledged) - set(dead)}")
        counted = self._counted()
        if counted != len(found):
            yield Violation("counts", f"{counted} counted, {len(found)} there")

    def _violations_of_what_is_left(self, status: Any) -> Iterator[Violation]:
        for left in self._left():
            yield Violation("left behind", str(left))

    def _spool_status(self) -> tuple[Account, list[Any], list[int]]:
        with closing(SqliteBatcher(self.folder / SPOOL)) as spool:
            dead = [letter.offset for letter in spool.dead_letters()]
            return spool.status().account, list(spool.loads(10_000)), dead

    def _counts_file(self) -> Path:
        if self.workspace is None:
            return self.folder / LAKE / "_forwarder" / "counts.db"
        return self.folder / f"{SPOOL}.counts"

    def _counted(self) -> int:
        with closing(sqlite3.connect(self._counts_file())) as counts:
            (total,) = counts.execute(
                "SELECT coalesce(sum(messages), 0) FROM buckets"
            ).fetchone()
        return int(total)

    def _left(self) -> list[Path]:
        own = self.folder / LAKE / "_forwarder"
        left = [*own.glob("staging/*"), *own.glob("work/*/*")]
        left += (self.folder / f"{SPOOL}.work").glob("*")
        if self.workspace is not None:
            left += [each for each in staged(self.workspace) if each.is_file()]
        return left

    def tables(self) -> dict[str, list[tuple[Row, str]]]:
        """
        Read all tables behind the library's back: row and load id.
        """
        if self.workspace is None:
            return dict(_lake_rows(self.folder / LAKE))
        return dict(_workspace_rows(self.workspace))


def _reached(workspace: Workspace) -> dict[str, str]:
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


def staged(workspace: Workspace) -> list[Path]:
    """
    List what is in the staging volume, past the wire.
    """
    catalog, schema = workspace.settings.catalog_name, workspace.settings.schema_name
    volume = f"/Volumes/{catalog}/{schema}/mparticle_staging"
    try:
        folder = workspace._engine.volumes.path_of(volume, "admin", write=False)
    except RefusedError:
        return []
    return sorted(folder.rglob("*"))


def _lake_rows(lake: Path) -> Iterator[tuple[str, list[tuple[Row, str]]]]:
    for log in lake.glob("*/_delta_log"):
        rows = (
            DeltaTable(str(log.parent))
            .to_pyarrow_dataset()
            .to_table(columns=["batch_id", "data", "_load_id"])
            .to_pylist(maps_as_pydicts="strict")
        )
        yield (
            log.parent.name,
            [
                (
                    (
                        row["batch_id"],
                        row["data"] and int(row["data"]["custom_attributes"]["place"]),
                    ),
                    row["_load_id"],
                )
                for row in rows
            ],
        )


def _workspace_rows(
    workspace: Workspace,
) -> Iterator[tuple[str, list[tuple[Row, str]]]]:
    names = workspace.query("SHOW TABLES").column("tableName").to_pylist()
    for name in names:
        rows = workspace.query(
            "SELECT batch_id, data.custom_attributes['place'] AS place, _load_id "
            f"FROM `{name}`"
        ).to_pylist()
        yield (
            name,
            [
                (
                    (
                        row["batch_id"],
                        None if row["place"] is None else int(row["place"]),
                    ),
                    row["_load_id"],
                )
                for row in rows
            ],
        )


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
    Kill the host so often: at a step and at random in turn; then look at it all.
    """
    order = a_world._chance.sample(KILLS, len(KILLS))
    place = 0
    while a_world.figures.kills.total() < kills:
        a_world.trouble()
        if place % 3 == 2:
            a_world.live_shortly()
        else:
            a_world.live(order[place % len(order)])
        place += 1
        assert place < 5 * kills, f"the host is seldom killed: {a_world!r}"
    a_world.settle()
    return a_world.figures
