"""
What is read of forwarders when somebody asks, instead of being told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder.facts import DestinationFound, DestinationLost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from databricks_forwarder._status import Status
    from databricks_forwarder.facts import Fact, LoadFact
    from databricks_forwarder.protocols import Clock

__all__ = ["SUMS", "Gauges"]

SUMS: Mapping[str, Callable[[Status], int]] = {
    "messages.pending": lambda status: status.account.pending,
    "messages.waiting": lambda status: status.waiting,
    "messages.dead": lambda status: status.account.dead,
    "loads.open": lambda status: len(status.open_load_ids),
    "loads.parked": lambda status: len(status.parked_load_ids),
    "spool.size": lambda status: status.stored_bytes,
}
"""Gauge → what one forwarder adds to it."""


# Who opens more forwarders than that in one process has closed the first.
_MOST_FORWARDERS = 1000


class Gauges:
    """
    Asks all forwarders that it was handed; of several it gives the sum, or the worst.

    Args:
        clock: Tells how long ago a moment is.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asked: list[Callable[[], Status | None]] = []
        # By the id of the batcher: one forwarder has one destination.
        self._lost_at: dict[str, datetime] = {}

    def watch(self, status: Callable[[], Status | None]) -> None:
        """
        Ask one more from now on.
        """
        self._asked.append(status)
        del self._asked[:-_MOST_FORWARDERS]

    def observe(self, fact: Fact) -> None:
        """
        Keep since when a destination is lost.
        """
        if isinstance(fact, DestinationLost):
            self._lost_at[_batcher_of(fact)] = fact.at
        elif isinstance(fact, DestinationFound):
            self._lost_at.pop(_batcher_of(fact), None)

    def read(self, name: str) -> float | None:
        """
        What a gauge shows now; None if no forwarder can tell.
        """
        if name == "destination.away":
            return max(map(self._age, list(self._lost_at.values())), default=0.0)
        answers = [status() for status in list(self._asked)]
        known = [status for status in answers if status is not None]
        if not known:
            return None
        if name in SUMS:
            return sum(map(SUMS[name], known))
        return max(self._age(status.oldest_received_at) for status in known)

    def _age(self, moment: datetime | None) -> float:
        if moment is None:
            return 0.0
        return max(0.0, (self._clock.now() - moment).total_seconds())


def _batcher_of(fact: LoadFact) -> str:
    return fact.load_id.rsplit("-", 2)[0]
