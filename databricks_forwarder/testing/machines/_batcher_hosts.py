"""
Two hosts of one storage: how they open it, end, and wait.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from databricks_forwarder.testing.contracts._loads import NOON
from databricks_forwarder.testing.machines._batcher_words import picked
from databricks_forwarder.testing.machines._machine import Machine
from databricks_forwarder.testing.machines._queue import GONE, Queue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from databricks_forwarder.model import Lease, Offset
    from databricks_forwarder.protocols import Batcher

__all__ = ["BatcherHosts"]

_HOSTS = st.integers(0, 1)
_PICK = st.integers(0, 3)


class BatcherHosts(Machine):
    """
    Two hosts over one storage, each with its own clock.

    Attributes:
        lease_seconds: How long a batcher from `open` lets a holder keep a
            load without a note.
        max_bytes: Most payload bytes that it keeps; None for no limit.
    """

    lease_seconds: ClassVar[float] = 900.0
    max_bytes: ClassVar[int | None] = None

    def open(self) -> Batcher:
        """
        Give a batcher on this run's storage, as a new process sees it.

        The storage is empty at first, and lies under `tmp_path` or in an
        attribute: each run has an object of its own.
        """
        raise NotImplementedError

    def damage(self, offset: Offset) -> None:
        """
        Change a byte of a pending payload, not through the batcher.

        Where it is not said how, nothing is ever damaged.
        """
        raise NotImplementedError

    def die(self, batcher: Batcher) -> None:
        """
        Take from *batcher* what the system takes from a process that ends.

        Nothing, unless it is said what: its lease then lasts until it expires.
        """

    def __init__(self) -> None:
        super().__init__()
        self._hosts = [self._opened(), self._opened()]
        self._clocks = [NOON, NOON]
        self._queue = Queue(self._hosts[0].id)
        self._lease: Lease | None = None

    def _opened(self) -> Batcher:
        batcher = self.open()
        self.closing.callback(batcher.close)
        return batcher

    @property
    def _step(self) -> timedelta:
        # Two make an expiry and three an age that is due, so that hosts meet
        # both to the microsecond.
        return timedelta(seconds=self.lease_seconds / 2)

    @rule(host=_HOSTS)
    def reopen(self, host: int) -> None:
        """
        Close a batcher, twice, and open another in its place.
        """
        self._hosts[host].close()
        self._hosts[host].close()
        self._leave(host, holder=None)

    @rule(host=_HOSTS)
    def die_and_reopen(self, host: int) -> None:
        """
        Leave a batcher behind, and open another in its place.
        """
        self.die(self._hosts[host])
        self._leave(host, holder=GONE)

    def _leave(self, host: int, holder: str | None) -> None:
        self._hosts[host] = self._opened()
        for load in self._queue.loads:
            if load.holder == host:
                load.holder = holder

    @rule(
        steps=st.integers(1, 3),
        hosts=st.sampled_from([(0, 1), (0,), (1,)]),
    )
    def wait(self, steps: int, hosts: Sequence[int]) -> None:
        """
        Let clocks go on: two steps make an expiry, three a due age.
        """
        for host in hosts:
            self._clocks[host] += steps * self._step

    @precondition(lambda self: self._can_damage and self._queue.pending())
    @rule(pick=_PICK)
    def spoil(self, pick: int) -> None:
        """
        Damage a payload that is pending and whole.
        """
        damaged = self._queue.damaged
        pending = [record.offset for record in self._queue.pending()]
        whole = [offset for offset in pending if offset not in damaged]
        if whole:
            self.damage(picked(whole, pick))
            damaged.add(picked(whole, pick))

    @property
    def _can_damage(self) -> bool:
        return type(self).damage is not BatcherHosts.damage
