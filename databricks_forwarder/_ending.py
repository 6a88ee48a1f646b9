"""
What is left when a forwarder is closed.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._side_threads import are_over, begun
from databricks_forwarder.errors import ForwarderError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from databricks_forwarder.model import BatcherStatus, LoadId
    from databricks_forwarder.protocols import Batcher

__all__ = ["CloseReport", "close_report", "tell"]

_log = logging.getLogger("databricks_forwarder")

# The deadline is over already; a spool in order answers in a hundredth of this.
_ASK_SECONDS = 1.0


@attrs.frozen(kw_only=True)
class CloseReport:
    """
    What `Forwarder.close` came to; true if the forwarder has stopped.

    Attributes:
        is_stopped: Whether no load is carried any more, and all is let go of.
        pending: Messages in the spool: waiting, in open loads, or parked. None
            if it could not be asked; then the loads are not known either.
        open_load_ids: Loads begun and not finished; who opens the spool next
            carries them first.
        parked_load_ids: Loads set aside, until a person has them carried on.
    """

    is_stopped: bool
    pending: int | None = None
    open_load_ids: Sequence[LoadId] = ()
    parked_load_ids: Sequence[LoadId] = ()

    def __bool__(self) -> bool:
        return self.is_stopped


def close_report(batcher: Batcher, *, is_stopped: bool) -> CloseReport:
    """
    Ask *batcher* what is left; one that fails at that does not hold up the end.
    """
    status = _asked(batcher) if is_stopped else _asked_in_time(batcher)
    if status is None:
        return CloseReport(is_stopped=is_stopped)
    return CloseReport(
        is_stopped=is_stopped,
        pending=status.account.pending,
        open_load_ids=status.open_load_ids,
        parked_load_ids=status.parked_load_ids,
    )


def tell(report: CloseReport) -> None:
    """
    Log what is left, in one line.
    """
    level = logging.INFO if report.is_stopped else logging.WARNING
    _log.log(
        level,
        "%s: %s messages are pending, open loads: %s, parked loads: %s",
        "closed" if report.is_stopped else "a load goes on, nothing is let go of",
        "an unknown number of" if report.pending is None else report.pending,
        ", ".join(report.open_load_ids) or "none",
        ", ".join(report.parked_load_ids) or "none",
    )


def _asked(batcher: Batcher) -> BatcherStatus | None:
    try:
        return batcher.status()
    except ForwarderError as error:
        _log.warning("what is pending can't be told: %s", error)
        return None


def _asked_in_time(batcher: Batcher) -> BatcherStatus | None:
    # The load that goes on may be stuck in the spool itself.
    answer = begun(lambda: _asked(batcher))
    is_answered = are_over([answer], _ASK_SECONDS) and answer.exception() is None
    return answer.result() if is_answered else None
