"""
How often, and with which seed, tests try what can't be tried in full.
"""

from __future__ import annotations

import os

SEED = int(os.environ.get("STORAGE_SEED", "1"))
_TIMES = int(os.environ.get("STORAGE_TIMES", "1"))


def tries(count: int) -> int:
    """
    Give *count*, or as many times more as ``STORAGE_TIMES`` asks for.
    """
    return count * _TIMES
