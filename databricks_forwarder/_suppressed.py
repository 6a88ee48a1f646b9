"""
Whose late events a batcher's erasures suppress.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._abilities import offers
from databricks_forwarder._suppression import Suppressions
from databricks_forwarder.abilities import ErasingBatcher

if TYPE_CHECKING:
    from databricks_forwarder.protocols import Batcher

__all__ = ["suppressions_of"]


def suppressions_of(batcher: Batcher) -> Suppressions:
    """
    Read them; a batcher that can't erase has none.
    """
    if not offers(batcher, ErasingBatcher):
        return Suppressions()
    return Suppressions.of(batcher.erasures())
