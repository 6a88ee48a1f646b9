"""
Several hosts with spools of their own that meet in one workspace, and are killed.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import attrs
from killed_ledger import Kind, Told, read_ledger
from killed_tables import look_at, tables_in
from killed_truth import Violation, violations
from killed_world import World, kill_often

from databricks_forwarder.testing.workspace import Workspace

# More lives than any of them has.
_LIVES = 1000


@attrs.define
class Hosts:
    """
    Worlds with one workspace.
    """

    workspace: Workspace
    worlds: Sequence[World]

    @classmethod
    def of(cls, folder: Path, workspace: Workspace, count: int, seed: int) -> Hosts:
        """
        Make so many, each with a folder of its own in *folder*.
        """
        worlds = []
        for number in range(count):
            home = folder / f"host-{number}"
            home.mkdir()
            worlds.append(
                World(home, seed + number, workspace, first_life=number * _LIVES)
            )
        return cls(workspace, worlds)

    def kill_often(self, kills: int, *, whole_lives: int) -> None:
        """
        Let all of them live side by side: each killed so often, then so often not.
        """

        def live(world: World) -> None:
            kill_often(world, kills)
            for _ in range(whole_lives):
                world.live()

        with ThreadPoolExecutor(len(self.worlds)) as threads:
            list(threads.map(live, self.worlds))

    def settle(self) -> list[Violation]:
        """
        Let a last life of each go on until nothing is pending, and look at it all.
        """
        for world in self.worlds:
            world.clear()
            world.live(is_last=True)
        return self.seen()

    def seen(self) -> list[Violation]:
        """
        Look at it all, when nothing is pending any more.
        """
        folders = [world.folder for world in self.worlds]
        found = look_at(folders, folders[0], self.workspace)
        broken = [each for world in self.worlds for each in world.figures.violations]
        return [*broken, *violations(found, self._told("tried"), self._told("got"))]

    def tables_of(self) -> dict[Kind, set[str]]:
        """
        Tell in which tables the events of each kind are.
        """
        kinds = self._told("tried").batches
        found: dict[Kind, set[str]] = {}
        for table, rows in tables_in(self.worlds[0].folder, self.workspace).items():
            for (number, place), _ in rows:
                if place is not None:
                    found.setdefault(kinds[number][place], set()).add(table)
        return found

    def _told(self, name: Literal["tried", "got"]) -> Told:
        ledgers = [read_ledger(world.folder, name) for world in self.worlds]
        return Told(
            {key: kinds for each in ledgers for key, kinds in each.batches.items()},
            frozenset().union(*(each.dead for each in ledgers)),
        )
