"""
A batcher whose host is killed, again and again, as a test class to inherit from.

A contract calls a batcher as one process does, and a machine leaves batchers
behind; here processes die in the middle of what they do, by ``SIGKILL``. That a
machine loses its power can't be shown so: what was written is still with the
system.
"""

from __future__ import annotations

import random
import signal
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import pytest

from databricks_forwarder.testing._kill_server import KillServer
from databricks_forwarder.testing._killed_life import Host, Kill, Life
from databricks_forwarder.testing._worlds import ImpossibleError, Worlds
from databricks_forwarder.testing.contracts._clause import Contract
from databricks_forwarder.testing.contracts._loads import NOON

if TYPE_CHECKING:
    from databricks_forwarder.protocols import Batcher

__all__ = ["BatcherKills"]

_CALLS_IN_A_LIFE = 14
_MOST_LINES = 9  # as a power of two


class BatcherKills(Contract):
    """
    Hosts that append, lease, note, commit, park, carry on and replay, and die.

    Each is a process of its own, and is killed before or after a call, inside
    of one between two lines of Python, or at any moment from outside. What was
    answered must be there, once and in its order; a call that was not must be
    done or not done, and not half. In the end all is carried, and nothing may
    be missing or come back.

    Clauses B1 to B4, B6 to B8 and B12 to B14 are held so. The class must stand
    in a module, where a new process finds it.

    Attributes:
        kills: How many hosts are killed.
        seed: What they do and where they die is drawn from it; only the moments
            from outside are also the machine's.
        lease_seconds: How long a batcher from `open` lets a holder keep a
            load without a note.
        longest_life_seconds: How long a host may live, of the few calls that
            it makes, before it is said to hang.
    """

    kills: ClassVar[int] = 30
    seed: ClassVar[int] = 1
    lease_seconds: ClassVar[float] = 900.0
    longest_life_seconds: ClassVar[float] = 60.0

    def open(self) -> Batcher:
        """
        Give a batcher on the storage of `tmp_path`, as a new process sees it.

        It is asked for in each process, of an object of its own.
        """
        raise NotImplementedError

    def test_killed_hosts_lose_and_double_nothing(self) -> None:
        """
        What killed hosts were answered is there once, and nothing by halves.
        """
        run = _Run(self)
        wrong = None
        try:
            run.kill_often()
            run.settle()
        except ImpossibleError as error:
            wrong = f"{run}: {error}"
        if wrong is not None:
            pytest.fail(wrong, pytrace=False)

    def end(self) -> None:
        """
        End the processes that are left.
        """
        if hasattr(self, "_server"):
            self._server.close()

    def _serving(self) -> KillServer:
        self._server = KillServer(type(self), self.tmp_path)
        return self._server


@attrs.define(eq=False)
class _Run:
    """
    Lives, one after the other, and what is known of their batcher.
    """

    of: BatcherKills
    worlds: Worlds = attrs.field(factory=Worlds)
    chance: random.Random = attrs.field(init=False)
    lives: int = 0
    killed: int = 0
    kill: Kill | None = None
    life_seconds: float = 0.1

    def __attrs_post_init__(self) -> None:
        self.chance = random.Random(self.of.seed)  # noqa: S311 (no secret)

    def __str__(self) -> str:
        end = "lived to its end" if self.kill is None else f"was to die {self.kill}"
        return (
            f"seed {self.of.seed}, {self.killed} kills, life {self.lives - 1}, "
            f"which {end}"
        )

    def kill_often(self) -> None:
        server = self.of._serving()  # noqa: SLF001 (its own)
        while self.killed < self.of.kills and self.lives < 5 * self.of.kills:
            self._live(server)
            # A new host does not always find what another has opened before it.
            if self.chance.random() < 0.5:
                self._look()
        assert self.killed == self.of.kills, f"only {self.killed} hosts were killed"

    def settle(self) -> None:
        self.kill = None
        Host(self._next_life(), self.of.open, self._hear).settle()
        self._look()

    def _live(self, server: KillServer) -> None:
        self.kill = self._next_kill()
        broke = ""
        for said in server.live(self._next_life()):
            if said[0] == "ended":
                _, code, is_late, seconds = said
            elif said[0] == "broke":
                broke = said[1]
            else:
                self._hear(said)
        was_killed = code == -signal.SIGKILL
        is_random = self.kill.when == "at random"
        if is_late and not is_random:
            broke = f"it hung for {seconds:.1f} seconds"
        elif code and not was_killed:
            broke = broke or f"it ended with {code}"
        if broke:
            msg = f"the host broke: {broke}"
            raise ImpossibleError(msg)
        self.worlds.died()
        self.killed += was_killed
        if is_random:
            # A moment may be anywhere in a life, however busy the machine is.
            self.life_seconds = 1.2 * self.life_seconds if was_killed else seconds

    def _hear(self, said: Any) -> None:
        if said[0] == "tries":
            self.worlds.tries(*said[1:])
        else:
            self.worlds.did(*said[1:])

    def _look(self) -> None:
        batcher = self.of.open()
        try:
            self.worlds.look(batcher)
        finally:
            batcher.close()

    def _next_life(self) -> Life:
        # Each begins when what the one before has leased is free again.
        at = NOON + self.lives * 2 * timedelta(seconds=self.of.lease_seconds)
        seconds = self.of.longest_life_seconds
        if self.kill is not None and self.kill.when == "at random":
            seconds = self.chance.uniform(0.0, 1.2) * self.life_seconds
        life = Life(
            seed=self.of.seed,
            number=self.lives,
            at=at.isoformat(),
            seconds=seconds,
            kill=self.kill,
        )
        self.lives += 1
        return life

    def _next_kill(self) -> Kill:
        chance, turn = self.chance, self.lives % 3
        call = chance.randint(1, _CALLS_IN_A_LIFE)
        if turn == 0:
            return Kill(chance.choice(("before", "after")), call)
        if turn == 1:
            lines = int(2 ** chance.uniform(0, _MOST_LINES))
            return Kill("inside", call, lines=lines)
        return Kill("at random")
