"""
What a host does with its batcher in one life, and where that life ends.

All of it is drawn from a seed and the life's number. What it is about to do and
what it was answered the life tells: of a call that was not answered nobody
knows, when it dies, whether it is done.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder.settings import UploadPolicy
from databricks_forwarder.testing._told_calls import (
    make_payload,
    tell_lease,
    tell_range,
)
from databricks_forwarder.testing.contracts._loads import report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from databricks_forwarder.model import Lease, LoadId
    from databricks_forwarder.protocols import Batcher

__all__ = ["Host", "Kill", "Life", "die"]

_ENDINGS = ("commit", "commit", "park", "nothing")


@attrs.frozen
class Kill:
    """
    Where a life ends.

    Attributes:
        when: ``before`` or ``after`` a call, ``inside`` of one between two
            lines of Python, or ``at random`` from outside.
        call: Which of the life's calls it is, from 1.
        lines: After how many lines of this call and those that follow.
    """

    when: str
    call: int = 0
    lines: int = 0

    def __str__(self) -> str:
        if self.when == "at random":
            return self.when
        lines = f" line {self.lines} from" if self.lines else ""
        return f"{self.when}{lines} call {self.call}"


@attrs.frozen(kw_only=True)
class Life:
    """
    One life of a host; numbers and texts alone, to be handed to a process.

    Attributes:
        number: Which life it is, from 0.
        at: What time it is in this life, in ISO 8601.
        seconds: After what time it is ended from outside.
        kill: Where the life ends by force; None: nowhere.
        actions: How often the host does something before it closes.
    """

    seed: int
    number: int
    at: str
    seconds: float = 60.0
    kill: Kill | None = None
    actions: int = 6


def die() -> None:
    """
    End this process without another word.
    """
    os.kill(os.getpid(), signal.SIGKILL)


@attrs.define(eq=False)
class _Lines:
    """
    Ends a life when so many lines of Python were met.
    """

    left: int
    dies: Callable[[], None]

    def __call__(self, frame: object, event: str, arg: object) -> _Lines:  # noqa: ARG002 (as tracing calls it)
        if event == "line":
            self.left -= 1
            if self.left == 0:
                self.dies()
        return self


@attrs.define(eq=False)
class Host:
    """
    A host that lives one life.

    Args:
        life: What it is drawn from.
        opens: Opens the batcher.
        says: Is told of each call, before it and after it.
        dies: Ends the process.
    """

    _life: Life
    _opens: Callable[[], Batcher]
    _says: Callable[[Sequence[Any]], None]
    _dies: Callable[[], None] = die
    _chance: random.Random = attrs.field(init=False)
    _batcher: Batcher = attrs.field(init=False)
    _calls: int = attrs.field(default=0, init=False)
    _names: int = attrs.field(default=0, init=False)
    _lines: _Lines | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        life, kill = self._life, self._life.kill
        self._chance = random.Random(f"{life.seed}-{life.number}")  # noqa: S311 (no secret)
        if kill is not None and kill.when == "inside":
            self._lines = _Lines(kill.lines, self._dies)

    def live(self) -> None:
        """
        Open, do this and that, and close.
        """
        self._open()
        actions = (
            [self._append] * 3 + [self._carry] * 3 + [self._carry_on, self._replay]
        )
        for _ in range(self._life.actions):
            self._chance.choice(actions)()
        self._close()

    def settle(self) -> None:
        """
        Carry all that is there, whatever became of it, until nothing waits.
        """
        self._open()
        for load_id in self._batcher.status().parked_load_ids:
            self._take_up(load_id)
        self._replayed([letter.offset for letter in self._batcher.dead_letters()])
        while (lease := self._leased(6, seal=True)) is not None:
            self._commit(lease, [], 0)
        self._close()

    def _open(self) -> None:
        def opened() -> str:
            self._batcher = self._opens()
            return self._batcher.id

        self._call("open", [], opened)

    def _close(self) -> None:
        self._call("close", [self._life.at], self._batcher.close)

    def _call(
        self,
        name: str,
        what: Sequence[Any],
        call: Callable[[], Any],
        tell: Callable[[Any], Any] = lambda answer: answer,
    ) -> Any:
        self._calls += 1
        self._says(["tries", name, what])
        self._may_end("before")
        with self._watched():
            answer = call()
        self._says(["did", tell(answer)])
        self._may_end("after")
        return answer

    def _may_end(self, when: str) -> None:
        if self._life.kill == Kill(when, self._calls):
            self._dies()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        kill, before = self._life.kill, sys.gettrace()
        try:
            if (
                self._lines is not None
                and kill is not None
                and kill.call <= self._calls
            ):
                sys.settrace(self._lines)
            yield
        finally:
            sys.settrace(before)

    @property
    def _at(self) -> datetime:
        return datetime.fromisoformat(self._life.at)

    def _append(self) -> None:
        chance = self._chance
        payloads = []
        for _ in range(chance.choice((0, 1, 1, 2, 3, 3))):
            self._names += 1
            name = f"{self._life.number}-{self._names}"
            payloads.append((name, chance.randint(1, 3), chance.choice((0, 9, 9999))))
        place = f"{self._life.number}-{self._names}" if chance.random() < 0.7 else None
        self._call(
            "append",
            [payloads, place, self._life.at],
            lambda: self._batcher.append(
                [make_payload(*each) for each in payloads],
                at=self._at,
                checkpoint=None if place is None else {"place": place},
            ),
            tell_range,
        )

    def _carry(self) -> None:
        chance = self._chance
        lease = self._leased(chance.randint(1, 6), seal=chance.random() < 0.7)
        if lease is None:
            return
        for key in chance.sample(("routes", "staged"), chance.randint(0, 2)):
            self._note(lease, key, f"{self._life.number} ☃")
        ending = chance.choice(_ENDINGS)
        if ending == "commit":
            dead = [r.offset for r in lease.records if chance.random() < 0.2]
            self._commit(lease, dead, 0 if dead else chance.randint(0, 1))
        elif ending == "park":
            self._park(lease, chance.randint(1, lease.message_count))

    def _leased(self, max_messages: int, *, seal: bool) -> Lease | None:
        policy = UploadPolicy(max_messages=max_messages)
        lease: Lease | None = self._call(
            "lease",
            [max_messages, self._life.at, seal],
            lambda: self._batcher.lease(policy, at=self._at, seal=seal),
            lambda lease: None if lease is None else tell_lease(lease),
        )
        return lease

    def _note(self, lease: Lease, key: str, text: str) -> None:
        self._call(
            "note",
            [lease.load_id, key, text],
            lambda: self._batcher.note(lease.load_id, key, text, at=self._at),
        )

    def _commit(self, lease: Lease, dead: Sequence[int], dropped: int) -> None:
        final = report(lease, dead=dead, dropped=dropped)
        self._call(
            "commit",
            [lease.load_id, dead, dropped],
            lambda: self._batcher.commit(lease.load_id, final, at=self._at),
        )

    def _park(self, lease: Lease, left: int) -> None:
        parked = report(lease, parked=left, reason="it was parked")
        self._call(
            "park",
            [lease.load_id, left],
            lambda: self._batcher.park(lease.load_id, parked, at=self._at),
        )

    def _carry_on(self) -> None:
        parked = self._batcher.status().parked_load_ids
        if parked:
            self._take_up(self._chance.choice(parked))

    def _take_up(self, load_id: LoadId) -> None:
        self._call("carry_on", [load_id], lambda: self._batcher.carry_on(load_id))

    def _replay(self) -> None:
        dead = [letter.offset for letter in self._batcher.dead_letters()]
        self._replayed(self._chance.sample(dead, min(len(dead), 3)))

    def _replayed(self, offsets: Sequence[Any]) -> None:
        self._call("replay", [offsets], lambda: self._batcher.replay(offsets))
