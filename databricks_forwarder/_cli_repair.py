"""
The command that mends a damaged spool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._cli_spool import spool_of
from databricks_forwarder.batchers.sqlite import repair as mend

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from databricks_forwarder._cli_output import Output
    from databricks_forwarder.batchers.sqlite import RepairReport

__all__ = ["repair"]


def repair(arguments: argparse.Namespace, output: Output) -> int:
    """
    Mend a damaged spool, and say what was saved and what is lost.
    """
    report = mend(spool_of(arguments))
    output.tell(
        f"{report.record_count} records and {report.dead_letter_count} dead letters "
        "are whole"
    )
    if report.kept is not None:
        output.tell(f"the damaged file is kept as {report.kept}")
    for sentence in _losses(report):
        output.tell(sentence)
    output.complete({**attrs.asdict(report), "kept": report.kept and str(report.kept)})
    return 0 if report.is_whole else 1


def _losses(report: RepairReport) -> Iterator[str]:
    dying = len(report.lost_offsets) + len(report.damaged_offsets)
    if dying:
        yield f"{dying} records can't be read: dead letters once they are carried"
    if report.lost_dead_messages:
        yield f"{report.lost_dead_messages} messages of dead letters can't be read"
    if report.set_aside_offsets:
        count = len(report.set_aside_offsets)
        yield f"{count} records may be loaded or not: dead letters, with the reason"
    if report.parked_load_ids:
        yield f"parked, for their notes are lost: {', '.join(report.parked_load_ids)}"
    if not report.is_checkpoint_whole:
        yield "a checkpoint is lost: see where the source is before going on"
    if not report.are_erasures_whole:
        yield "what is kept of an erasure is lost: erase those people again"
    if report.has_new_id:
        yield f"the spool has a new id, {report.id}: what was its own is lost"
