"""
When the next load is due: from what waits, the policy and the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from databricks_forwarder.model import BatcherStatus
    from databricks_forwarder.protocols import Batcher, Clock
    from databricks_forwarder.settings import UploadPolicy

__all__ = ["Due"]

# Where nothing waits, nobody looks more often than this.
_IDLE_SECONDS = 1.0

# A spool that is full of what no load frees must not make many small loads.
_PRESSED_SECONDS = 60.0


class Due:
    """
    Knows when a forwarder's next load is due.

    It counts what is handed in, so that the batcher need not be asked after
    each payload.
    """

    def __init__(self, batcher: Batcher, policy: UploadPolicy, clock: Clock) -> None:
        self._batcher = batcher
        self._policy = policy
        self._clock = clock
        self._seen_messages = 0
        self._pressed_at: float | None = None
        self.is_pressed = False

    def is_reached_by(self, message_count: int) -> bool:
        """
        Count messages that were handed in; whether they may have filled a load.
        """
        self._seen_messages += message_count
        if self._seen_messages < self._policy.max_messages:
            return False
        self._seen_messages = 0
        return True

    def press(self) -> bool:
        """
        Have what waits be due, since there is no room; whether it was not yet.

        Once a minute at most, however many payloads are refused.
        """
        now = self._clock.monotonic()
        last = self._pressed_at
        if self.is_pressed or (last is not None and now - last < _PRESSED_SECONDS):
            return False
        self._pressed_at = now
        self.is_pressed = True
        return True

    def relieve(self) -> None:
        """
        Have what waits be due by the policy again: a step was taken.
        """
        self.is_pressed = False

    def at(self, status: BatcherStatus) -> datetime | None:
        """
        When the next load is due; in the past if overdue, None if nothing waits.
        """
        now = self._clock.now()
        is_full = status.waiting >= self._policy.max_messages or self.is_pressed
        if status.open_load_ids or (is_full and status.oldest_received_at is not None):
            return min(now, status.oldest_received_at or now)
        if status.oldest_received_at is None:
            return None
        if status.oldest_received_at - now >= self._policy.max_age:
            # The clock was turned back: see the batchers' rule.
            return now
        return status.oldest_received_at + self._policy.max_age

    def in_seconds(self) -> float:
        """
        How long until the next load may be due, also of what has not come yet.
        """
        seen = self._seen_messages
        status = self._batcher.status()
        # What is handed in between is counted twice: the thread looks too
        # early then, never too late.
        self._seen_messages += status.waiting - seen
        if self._seen_messages >= self._policy.max_messages:
            return 0.0
        due_at = self.at(status)
        if due_at is None:
            # What comes from now on is due no earlier.
            return max(self._policy.max_age.total_seconds(), _IDLE_SECONDS)
        return (due_at - self._clock.now()).total_seconds()
