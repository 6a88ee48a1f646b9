"""
What the tests of a batcher ask for, and what they open with it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from databricks_forwarder.testing.contracts._clause import Contract
from databricks_forwarder.testing.contracts._loads import NOON, payload

if TYPE_CHECKING:
    from pathlib import Path

    from databricks_forwarder.model import Offset
    from databricks_forwarder.protocols import Batcher

__all__ = ["BatcherHooks"]


class BatcherHooks(Contract):
    """
    What whoever examines a batcher fills in, and how its tests open one.

    Attributes:
        lease_seconds: How long a batcher from `open` lets a holder keep a
            load without a note.
    """

    lease_seconds: ClassVar[float] = 900.0

    def open(self) -> Batcher:
        """
        Give a batcher on this test's storage, as a new process sees it.
        """
        raise NotImplementedError

    def open_another(self) -> Batcher:
        """
        Give a batcher on a new, empty storage each time.
        """
        raise NotImplementedError

    def open_small(self, max_bytes: int) -> Batcher:
        """
        Give a batcher on this test's storage that keeps so many bytes at most.
        """
        raise NotImplementedError

    def stored(self) -> list[bytes]:
        """
        Read the payloads that are pending, by offset, not through the batcher.
        """
        raise NotImplementedError

    def damage(self, offset: Offset) -> None:
        """
        Change a byte of a stored payload, not through the batcher.

        A part whose storage can't be reached is exempted from B11.
        """
        raise NotImplementedError

    def begin(self, tmp_path: Path) -> None:
        """
        Remember what is opened, to close it in the end.
        """
        super().begin(tmp_path)
        self._opened: list[Batcher] = []

    def end(self) -> None:
        """
        Close what was opened.
        """
        for batcher in self._opened:
            batcher.close()

    def _known(self, batcher: Batcher) -> Batcher:
        self._opened.append(batcher)
        return batcher

    def _open(self, *names: str) -> Batcher:
        """
        Open a batcher and append a message for each of *names*.
        """
        batcher = self._known(self.open())
        batcher.append([payload(name) for name in names], at=NOON)
        return batcher

    @property
    def _expiry(self) -> timedelta:
        return timedelta(seconds=self.lease_seconds)
