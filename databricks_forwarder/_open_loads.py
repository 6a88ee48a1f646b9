"""
The loads that are begun and not finished: what is pending in them, what failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._abilities import offers
from databricks_forwarder._progress import Progress
from databricks_forwarder._setbacks import setback_of
from databricks_forwarder.abilities import RecallingBatcher

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from databricks_forwarder.model import BatcherStatus, LoadId
    from databricks_forwarder.protocols import Batcher

__all__ = ["OpenLoad", "open_loads"]


@attrs.frozen(kw_only=True)
class OpenLoad:
    """
    A load that is begun and not finished.

    Attributes:
        pending: Its messages; None if nobody knows yet.
        oldest_received_at: When the first of its records was received; None
            if nobody knows yet.
        begun_at: When it was first taken up; None likewise.
        failures: Tries that failed since it was taken up.
        last_error: What the last one failed with, in words.
        failed_at: When it did.
    """

    load_id: LoadId
    pending: int | None = None
    oldest_received_at: datetime | None = None
    begun_at: datetime | None = None
    failures: int = 0
    last_error: str | None = None
    failed_at: datetime | None = None


def open_loads(batcher: Batcher, status: BatcherStatus) -> Sequence[OpenLoad]:
    """
    Tell of each open load what its notes say; nothing is changed.

    Args:
        batcher: Whose loads they are; of one that can't recall notes little
            is known.
        status: Which are open.
    """
    found = [
        _load(load_id, _notes(batcher, load_id)) for load_id in status.open_load_ids
    ]
    unknown = [load for load in found if load.pending is None]
    if len(unknown) != 1:
        return found
    # What is pending and nowhere else is in the one that has told nothing.
    parked = sum(report.account.pending for report in batcher.parked())
    told = sum(load.pending or 0 for load in found)
    left = max(status.account.pending - status.waiting - parked - told, 0)
    return [
        attrs.evolve(load, pending=left) if load.pending is None else load
        for load in found
    ]


def _notes(batcher: Batcher, load_id: LoadId) -> Mapping[str, str]:
    return batcher.notes(load_id) if offers(batcher, RecallingBatcher) else {}


def _load(load_id: LoadId, notes: Mapping[str, str]) -> OpenLoad:
    setback = setback_of(notes)
    if setback is not None:
        return OpenLoad(
            load_id=load_id,
            pending=setback.message_count,
            oldest_received_at=setback.oldest_received_at,
            begun_at=setback.begun_at,
            failures=setback.failures,
            last_error=setback.error,
            failed_at=setback.failed_at,
        )
    staging = Progress(dict(notes)).staging
    if staging is None:
        return OpenLoad(load_id=load_id)
    return OpenLoad(
        load_id=load_id,
        oldest_received_at=staging.oldest_received_at,
        begun_at=staging.begun_at,
    )
