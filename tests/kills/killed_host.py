"""
A host program that is killed: it submits numbered events, carries them, and dies.

It runs in a process of its own. What it is about to hand in and what it was told
it writes into its ledger.
"""

from __future__ import annotations

import faulthandler
import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any, Literal

import attrs
from killed_ledger import DEAD_MESSAGES, Ledger, kinds_of, make_batch, make_dead
from killed_mutants import MUTANTS

from databricks_forwarder import DatabricksSettings, Endpoint, Forwarder
from databricks_forwarder._clock import SystemClock
from databricks_forwarder._lake import open_lake
from databricks_forwarder._parts import Parts
from databricks_forwarder._workspace import open_workspace
from databricks_forwarder.errors import SetupError, TransientError
from databricks_forwarder.model import Payload
from databricks_forwarder.mparticle.names import common_name
from databricks_forwarder.routers.default import default_router
from databricks_forwarder.settings import UploadPolicy
from databricks_forwarder.testing._wrapping import wrapped
from databricks_forwarder.testing.faults import Fail, faulty

SPOOL = "spool.db"
LAKE = "lake"
SCHEMA = "mparticle"
THRESHOLD = 40
BATCHES_IN_A_LIFE = 1000
LONGEST_LIFE_SECONDS = 110.0
_HURRY = 200.0
_POLICY = UploadPolicy(max_messages=25)

Wrap = Callable[[str, Any], Any]
"""Name of a part, the part → what takes its place."""


@attrs.frozen
class Kill:
    """
    Where a life ends: on one side of a call of a part.

    Attributes:
        nth: Which of this life's calls of the method, from 1.
    """

    part: str
    method: str
    nth: int
    when: Literal["before", "after"]

    @property
    def point(self) -> str:
        """
        Where it is, whichever call it is.
        """
        return f"{self.when} {self.part}.{self.method}"

    def __str__(self) -> str:
        return f"{self.point} {self.nth}"


@attrs.frozen(kw_only=True)
class Life:
    """
    One life of the host, as it is handed to a process.

    Attributes:
        folder: Where everything is that outlives it.
        number: Which life of the world it is, from 0; names its batches.
        seed: What it does is a function of this and of the number.
        workspace: How to reach the workspace; None for a lake.
        kill: Where it ends by its own hand; None: nowhere.
        troubles: What fails in its parts.
        carries_on: Whether it begins with what is parked.
        submits: How often it hands in before it flushes.
        is_last: Whether it goes on until nothing is pending.
        mutant: Name of what is broken in it; see `killed_mutants`.
    """

    folder: Path
    number: int
    seed: int
    workspace: Mapping[str, Any] | None = None
    kill: Kill | None = None
    troubles: Sequence[Fail] = ()
    carries_on: bool = False
    submits: int = 4
    is_last: bool = False
    mutant: str | None = None


class HastyClock(SystemClock):
    """
    The system's clock, for which a pause is much shorter.
    """

    def wait(self, seconds: float, /) -> None:
        """
        Sleep a little.
        """
        super().wait(seconds / _HURRY)

    @staticmethod
    def rest(seconds: float) -> None:
        """
        Sleep, to keep to a rate.
        """
        SystemClock().wait(seconds)


def killing(kill: Kill | None) -> Wrap:
    """
    Make what wraps parts so that the process ends at *kill*.
    """
    calls: Counter[tuple[str, str]] = Counter()

    def around(part: str, name: str, method: Any, args: Any, kwargs: Any) -> Any:
        calls[part, name] += 1
        # Beside others, calls of one method may end in another order.
        nth = calls[part, name]
        if Kill(part, name, nth, "before") == kill:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = method(*args, **kwargs)
        if Kill(part, name, nth, "after") == kill:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    return lambda name, part: wrapped(part, partial(around, name))


def open_parts(life: Life, opened: ExitStack) -> Parts:
    """
    Open what outlives the process.
    """
    spool = life.folder / SPOOL
    if life.workspace is None:
        return open_lake(
            life.folder / LAKE,
            spool,
            counts="local",
            max_spool_bytes=None,
            opened=opened,
        )
    reached = dict(life.workspace)
    port, ca_file = int(reached.pop("port")), Path(reached.pop("ca_file"))
    return open_workspace(
        DatabricksSettings(**reached),
        Endpoint("127.0.0.1", port=port, ca_file=ca_file),
        spool,
        clock=HastyClock(),
        counts="shared",
        max_spool_bytes=None,
        opened=opened,
    )


def open_forwarder(
    parts: Parts, wrap: Wrap, policy: UploadPolicy = _POLICY
) -> Forwarder:
    """
    Put the parts together as the front door does, each wrapped.
    """
    router = default_router(
        parts.counts, schema_name=SCHEMA, events_threshold=THRESHOLD
    )
    return Forwarder(
        router=wrap("router", router),
        batcher=wrap("batcher", parts.batcher),
        stager=wrap("stager", parts.stager),
        loader=wrap("loader", parts.loader),
        policy=policy,
        common_table=common_name(SCHEMA),
        clock=HastyClock(),
        scratch=parts.scratch,
    )


@attrs.define
class Host:
    """
    What one life does.
    """

    life: Life
    forwarder: Forwarder
    ledger: Ledger
    chance: random.Random
    _next: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._next = self.life.number * BATCHES_IN_A_LIFE

    def live(self) -> None:
        """
        Hand in, tick now and then, flush in the end.
        """
        if self.life.carries_on:
            self.carry_on()
        for _ in range(self.life.submits):
            self.hand_in(self.chance.choice((1, 1, 1, 4, 9)))
            if self.chance.random() < 0.1:
                self.hand_in_what_dies()
            if self.chance.random() < 0.5:
                self._carry(self.forwarder.tick)
        self._carry(self.forwarder.flush)

    def settle(self) -> None:
        """
        Go on until nothing is pending; at most so often.
        """
        for _ in range(12):
            self.carry_on()
            self._carry(self.forwarder.flush)
            if not self.forwarder.status().account.pending:
                return

    def carry_on(self) -> None:
        """
        Take up what is parked.
        """
        for load_id in self.forwarder.status().parked_load_ids:
            self.forwarder.carry_on(load_id)

    def hand_in(self, count: int) -> None:
        """
        Hand in so many batches at once, and write down what is told.
        """
        batches = [
            (number, make_batch(number, self.chance)) for number in self._numbers(count)
        ]
        entry = [(number, kinds_of(batch)) for number, batch in batches]
        self.ledger.write("tried", {"batches": entry})
        if count == 1:
            self.forwarder.submit(batches[0][1])
        else:
            self.forwarder.submit_many(batch for _, batch in batches)
        self.ledger.write("got", {"batches": entry})

    def hand_in_what_dies(self) -> None:
        """
        Hand in what can't be read once it is stored.
        """
        (number,) = self._numbers(1)
        self.ledger.write("tried", {"dead": number})
        # The door lets nothing in that dies for certain: past it, then.
        self.forwarder._batcher.append(
            [Payload(make_dead(number), DEAD_MESSAGES)], at=HastyClock().now()
        )
        self.ledger.write("got", {"dead": number})

    def _numbers(self, count: int) -> range:
        first = self._next
        self._next += count
        return range(first, self._next)

    def _carry(self, carry: Callable[[], Any]) -> None:
        try:
            carry()
        except (TransientError, SetupError) as error:
            # A host tries again later.
            self.ledger.write("tried", {"error": type(error).__name__})


def live(life: Life) -> None:
    """
    Live one life: what a process runs.
    """
    # Who waits for it gives up a little later.
    faulthandler.dump_traceback_later(LONGEST_LIFE_SECONDS - 10)
    kill = killing(life.kill)
    with ExitStack() as opened:
        parts = open_parts(life, opened)
        if life.mutant:
            parts = MUTANTS[life.mutant](parts)
        forwarder = open_forwarder(
            parts, lambda name, part: kill(name, faulty(part, *life.troubles))
        )
        with closing(forwarder):
            chance = random.Random(f"{life.seed}/{life.number}")
            host = Host(life, forwarder, Ledger(life.folder), chance)
            if life.is_last:
                host.settle()
            else:
                host.live()
