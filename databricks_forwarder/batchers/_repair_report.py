"""
What a repair of a spool file tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from databricks_forwarder.model import LoadId, Offset


__all__ = ["RepairReport"]


@attrs.frozen(kw_only=True)
class RepairReport:
    """
    What a repair has saved of a spool, and what is lost.

    Attributes:
        id: The spool's id.
        kept: Where the damaged file lies now; None when nothing was wrong and
            nothing was done.
        has_new_id: Whether the spool's own row could not be believed: the
            spool has another id then, and offsets may be given again.
        record_count: Records that wait or are in loads, and are whole.
        lost_offsets: Records whose bytes can't be read. They keep their places
            and become dead letters when they are carried.
        damaged_offsets: Records whose bytes are not what was stored; the same.
        dead_letter_count: Dead letters with what is left of their bytes.
        lost_dead_messages: Messages of dead letters that can't be read; they
            stay in the account as dead.
        set_aside_offsets: Records that became dead letters because nobody
            knows whether they were loaded.
        parked_load_ids: Loads that are parked because what was noted of them
            may be incomplete.
        is_checkpoint_whole: Whether all of the host's positions could be read.
        are_erasures_whole: Whether all that is kept of erasures could be read.
    """

    id: str
    kept: Path | None = None
    has_new_id: bool = False
    record_count: int
    lost_offsets: Sequence[Offset] = ()
    damaged_offsets: Sequence[Offset] = ()
    dead_letter_count: int
    lost_dead_messages: int = 0
    set_aside_offsets: Sequence[Offset] = ()
    parked_load_ids: Sequence[LoadId] = ()
    is_checkpoint_whole: bool = True
    are_erasures_whole: bool = True

    @property
    def is_whole(self) -> bool:
        """
        Whether nothing is lost, and nothing needs a person.
        """
        return (
            self.is_checkpoint_whole
            and self.are_erasures_whole
            and not (
                self.has_new_id
                or self.lost_offsets
                or self.damaged_offsets
                or self.lost_dead_messages
                or self.set_aside_offsets
                or self.parked_load_ids
            )
        )
