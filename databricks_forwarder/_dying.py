"""
Dead letters in a few words: how often, and for which reasons.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from databricks_forwarder.model import DeadLetter

__all__ = ["frequent_reasons", "reason_like"]

_NAMED = 3

# An error's place in a payload, or the figures in it, make no other reason.
_FIGURES = re.compile(r"(?<![\w-])\d+")


def reason_like(reason: str) -> str:
    """
    Spell a reason without its figures: the same for those that are alike.
    """
    return _FIGURES.sub("…", reason)


def frequent_reasons(letters: Sequence[DeadLetter]) -> str:
    """
    Spell the most frequent reasons, with how many payloads died of each.
    """
    counts = Counter(reason_like(letter.reason) for letter in letters)
    named = [f"{count} of {like}" for like, count in counts.most_common(_NAMED)]
    left = len(counts) - len(named)
    return "; ".join([*named, *([f"{left} more reasons"] if left else [])])
