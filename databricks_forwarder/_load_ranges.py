"""
The offsets that loads are named after, and the gaps between them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from databricks_forwarder.model import LoadId

__all__ = ["LoadRanges", "offsets_in"]


@attrs.frozen
class LoadRanges:
    """
    The offsets of loads, in order.
    """

    firsts: Sequence[int]
    lasts: Sequence[int]

    @classmethod
    def of(cls, load_ids: Collection[LoadId]) -> LoadRanges:
        """
        Take the offsets that the names of loads say.
        """
        ranges = sorted(map(offsets_in, load_ids))
        return cls([first for first, _ in ranges], [last for _, last in ranges])

    @property
    def are_whole(self) -> bool:
        """
        Whether there is no gap in front of the last one.
        """
        return self.firsts == [0, *(last + 1 for last in self.lasts)][: len(self.lasts)]

    def have_a_gap_for(self, load_id: LoadId) -> bool:
        """
        Whether a load fits between others, or in front of all.
        """
        first, last = offsets_in(load_id)
        place = bisect_right(self.firsts, last)
        is_behind = place == 0 or self.lasts[place - 1] < first
        return first >= 0 and place < len(self.firsts) and is_behind


def offsets_in(load_id: LoadId) -> tuple[int, int]:
    """
    The first and the last offset that a load's name says; -1 if it says none.
    """
    said = re.search(r"-(\d+)-(\d+)$", load_id)
    return (int(said[1]), int(said[2])) if said else (-1, -1)
