"""
What the tests of a batcher that erases ask for, and what they say to it.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from databricks_forwarder.erasure import Erasure, ErasureNote, Suppression
from databricks_forwarder.testing.contracts._clause import Contract
from databricks_forwarder.testing.contracts._loads import NOON, payload

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from databricks_forwarder.abilities import ErasingBatcher

__all__ = ["MARK", "NOTE", "ErasingHooks", "are", "counts_of"]

MARK = ("erased", "some")
NOTE = ErasureNote(
    erasure=Erasure(request_id="request-1", subject="subject", begun_at=NOON),
    suppression=Suppression(salt="salt", marks=("mark",), before=NOON),
)


class ErasingHooks(Contract):
    """
    What whoever examines such a batcher fills in, and how its tests open one.
    """

    @abstractmethod
    def open(self) -> ErasingBatcher:
        """
        Give a batcher on this test's storage, as a new process sees it.
        """

    @abstractmethod
    def written(self) -> bytes:
        """
        Back door: every byte that the batcher has written, unused ones too.
        """

    def begin(self, tmp_path: Path) -> None:
        """
        Remember what is opened, to close it in the end.
        """
        super().begin(tmp_path)
        self._opened: list[ErasingBatcher] = []

    def end(self) -> None:
        """
        Close what was opened.
        """
        for batcher in self._opened:
            batcher.close()

    def _open(self, *names: str) -> ErasingBatcher:
        batcher = self.open()
        self._opened.append(batcher)
        batcher.append([payload(name, 2) for name in names], at=NOON)
        return batcher

    def _erase(
        self, batcher: ErasingBatcher, *names: str, note: ErasureNote = NOTE
    ) -> ErasureNote:
        return batcher.erase(note, are(*names), MARK, at=NOON)

    def _holds(self, name: str) -> bool:
        return payload(name).document in self.written()


def are(*names: str) -> Callable[[bytes], bool | None]:
    """
    Whether a payload is one of those named so.
    """
    documents = {payload(name).document for name in names}
    return documents.__contains__


def counts_of(note: ErasureNote) -> tuple[int, int, int, int]:
    """
    What a note tells of the spool: waiting, in loads, dead, and messages.
    """
    spool = note.erasure.spool
    return spool.waiting, spool.in_loads, spool.dead, spool.message_count
