"""
What is left of loads that are done: it is removed after them, or at a start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._scratch import (
    load_folders,
    remove_folders,
    remove_others,
)
from databricks_forwarder._telling import told
from databricks_forwarder.facts import (
    FilesDiscarded,
    FilesLeft,
    LeftoversFound,
    SpoolSwept,
)

if TYPE_CHECKING:
    from pathlib import Path

    from databricks_forwarder._telling import Teller
    from databricks_forwarder.model import LoadId
    from databricks_forwarder.protocols import Batcher, Stager

__all__ = ["discard", "sweep"]


def discard(load_id: LoadId, stager: Stager, scratch: Path, teller: Teller) -> None:
    """
    Remove what is left of a load; what stays is swept at the next start.
    """
    begun = teller.begin()
    remove_folders(scratch, load_id)
    try:
        stager.discard(load_id)
    except Exception as error:  # noqa: BLE001  # the load is done, whatever it is
        teller.tell(FilesLeft(at=teller.now(), load_id=load_id, **told(error)))
        return
    at, seconds = teller.now(), teller.since(begun)
    teller.tell(FilesDiscarded(at=at, load_id=load_id, seconds=seconds))


def sweep(batcher: Batcher, stager: Stager, scratch: Path, teller: Teller) -> None:
    """
    Discard what is left of a batcher's loads and belongs to none open.
    """
    begun = teller.begin()
    # Looked for before the loads are: another holder may be at work, and what
    # it begins meanwhile must not be taken for a leftover.
    folders = load_folders(scratch)
    staged = list(stager.staged())
    status = batcher.status()
    kept = {*status.open_load_ids, *status.parked_load_ids}
    remove_others(folders, kept)
    own = [each for each in staged if each.startswith(f"{batcher.id}-")]
    left = [each for each in own if each not in kept]
    for load_id in left:
        teller.tell(LeftoversFound(at=teller.now(), load_id=load_id))
        discard(load_id, stager, scratch, teller)
    at, seconds = teller.now(), teller.since(begun)
    teller.tell(SpoolSwept(at=at, load_count=len(left), seconds=seconds))
