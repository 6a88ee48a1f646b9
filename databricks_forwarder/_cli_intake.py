"""
What becomes of the batches that the command line reads: received or refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from databricks_forwarder.errors import PayloadError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from databricks_forwarder._cli_sources import Found
    from databricks_forwarder._forwarder import Forwarder

__all__ = ["Intake"]

# A durable write costs one fsync, however many payloads share it.
_GROUP_PAYLOADS = 500
_GROUP_BYTES = 4 * 2**20

# A file that holds something else may be refused line by line.
_TOLD_REFUSALS = 1000


@attrs.define
class Intake:
    """
    Hands what is found to a forwarder, group by group.

    Attributes:
        forwarder: Where it goes.
        record_count: Payloads received so far.
        message_count: Messages in them.
        refused_count: Payloads that the door refused.
        refused: Place → why, of the first thousand.
        place: The last one that was received or refused; None at first.
        trying: The last one of those being handed in; None between.
    """

    forwarder: Forwarder
    record_count: int = attrs.field(default=0, init=False)
    message_count: int = attrs.field(default=0, init=False)
    refused_count: int = attrs.field(default=0, init=False)
    refused: dict[str, str] = attrs.field(factory=dict, init=False)
    place: str | None = attrs.field(default=None, init=False)
    trying: str | None = attrs.field(default=None, init=False)

    def take(self, found: Iterable[Found]) -> None:
        """
        Receive all of *found* that are batches; the others are refused.

        Raises:
            BatcherError: The spool can't take more; up to `place` it did.
        """
        group: list[Found] = []
        size_bytes = 0
        for each in found:
            group.append(each)
            size_bytes += len(each.document)
            if len(group) == _GROUP_PAYLOADS or size_bytes >= _GROUP_BYTES:
                full, group, size_bytes = group, [], 0
                self._submit(full)
        if group:
            self._submit(group)

    def _submit(self, group: Sequence[Found]) -> None:
        """
        Receive a group, in halves if one of it is refused.
        """
        documents = [each.document for each in group]
        self.trying = group[-1].place
        try:
            receipt = (
                self.forwarder.submit_many(documents)
                if len(group) > 1
                else self.forwarder.submit(documents[0])
            )
        except PayloadError as error:
            if len(group) == 1:
                self._refuse(group[0].place, error)
                return
            middle = len(group) // 2
            self._submit(group[:middle])
            self._submit(group[middle:])
        else:
            self.record_count += receipt.record_count
            self.message_count += receipt.message_count
            self.place = group[-1].place
            self.trying = None

    def _refuse(self, place: str, error: PayloadError) -> None:
        self.place = place
        self.trying = None
        self.refused_count += 1
        if len(self.refused) < _TOLD_REFUSALS:
            self.refused[place] = str(error)
