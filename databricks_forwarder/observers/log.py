"""
Facts as lines of the log of the standard library: one line a fact.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder import facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from databricks_forwarder.facts import Fact
    from databricks_forwarder.protocols import Observer

__all__ = ["LINES", "LogObserver", "with_log"]

LINES: Mapping[type[Fact], tuple[int, str]] = {
    facts.RecordsAppended: (
        logging.DEBUG,
        "%(record_count)d payloads with %(message_count)d messages are stored",
    ),
    facts.RecordsRefused: (logging.DEBUG, "payloads were refused: %(error)s"),
    facts.SpoolFilled: (logging.WARNING, "payloads are refused: %(message)s"),
    facts.SpoolFreed: (
        logging.INFO,
        "payloads are taken again, after %(seconds).0f s without room",
    ),
    facts.SpoolSwept: (logging.DEBUG, "leftovers of %(load_count)d loads were found"),
    facts.LeftoversFound: (logging.INFO, "discarding leftovers of load %(load_id)s"),
    facts.LoadLeased: (
        logging.DEBUG,
        "load %(load_id)s begins, try %(attempt)d: %(message_count)d messages",
    ),
    facts.LoadRouted: (
        logging.DEBUG,
        "load %(load_id)s is routed: %(key_count)d event keys, %(table_count)d tables",
    ),
    facts.BatchDied: (
        logging.DEBUG,
        "record %(offset)d of load %(load_id)s is dead: %(reason)s",
    ),
    facts.FileWritten: (
        logging.DEBUG,
        "load %(load_id)s wrote %(file)s: %(row_count)d rows, %(size_bytes)d bytes",
    ),
    facts.LoadWritten: (
        logging.DEBUG,
        "load %(load_id)s is written: %(row_count)d rows in %(file_count)d files",
    ),
    facts.FileStaged: (logging.DEBUG, "load %(load_id)s staged %(file)s"),
    facts.TableBegun: (
        logging.DEBUG,
        "load %(load_id)s begins table %(table)s: %(row_count)d rows",
    ),
    facts.TablePrepared: (
        logging.DEBUG,
        "load %(load_id)s prepared table %(table)s",
    ),
    facts.StatementRan: (
        logging.DEBUG,
        (
            "load %(load_id)s ran %(operation)s as statement %(statement_id)s in "
            "%(seconds).3f s"
        ),
    ),
    facts.DestinationAwaited: (
        logging.INFO,
        "load %(load_id)s waits: %(message)s",
    ),
    facts.DestinationStarted: (
        logging.INFO,
        "load %(load_id)s goes on after waiting for %(seconds).0f s",
    ),
    facts.TableLoaded: (
        logging.DEBUG,
        "load %(load_id)s put %(row_count)d rows into table %(table)s",
    ),
    facts.TableFailed: (
        logging.INFO,
        "load %(load_id)s failed at table %(table)s: %(message)s",
    ),
    facts.LoadCounted: (
        logging.DEBUG,
        "load %(load_id)s is counted: %(message_count)d messages",
    ),
    facts.BatchesDied: (
        logging.WARNING,
        (
            "load %(load_id)s leaves %(payload_count)d payloads with %(message_count)d "
            "messages as dead letters: %(reasons)s"
        ),
    ),
    facts.LoadCommitted: (
        logging.INFO,
        (
            "load %(load_id)s is done: %(loaded)d of %(received)d messages in "
            "%(table_count)d tables, %(dead)d dead, %(dropped)d dropped"
        ),
    ),
    facts.TableParked: (
        logging.WARNING,
        "table %(table)s of load %(load_id)s is parked: %(message)s",
    ),
    facts.LoadParked: (
        logging.WARNING,
        "load %(load_id)s is parked with %(pending)d messages pending: %(message)s",
    ),
    facts.LoadFailed: (
        logging.DEBUG,
        "load %(load_id)s failed at try %(attempt)d: %(message)s",
    ),
    facts.FilesDiscarded: (logging.DEBUG, "nothing staged is left of load %(load_id)s"),
    facts.FilesLeft: (
        logging.WARNING,
        "staged files of load %(load_id)s stay for now: %(message)s",
    ),
    facts.DestinationLost: (
        logging.WARNING,
        "loads do not come through since load %(load_id)s: %(message)s",
    ),
    facts.DestinationFound: (
        logging.INFO,
        "loads come through again since load %(load_id)s, after %(seconds).0f s",
    ),
    facts.StepFailed: (
        logging.DEBUG,
        "a step failed, for the time %(failure_count)d in a row: %(message)s",
    ),
    facts.WorkerFailed: (
        logging.WARNING,
        "a load failed, again in %(pause_seconds).0f s: %(message)s",
    ),
}
"""Kind of fact → level, and the line with names of the fact's fields."""


class LogObserver:
    """
    Writes a line for each fact.

    What needs a person is a warning, what a host's log should always tell is
    information, all else is for debugging. The record has the fact itself as
    ``record.fact``, for handlers that write structured lines.

    Args:
        logger: Where to; None for the logger ``databricks_forwarder``.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logger or logging.getLogger("databricks_forwarder")

    def observe(self, fact: Fact, /) -> None:
        """
        Write its line, if the logger wants that level.
        """
        level, line = LINES.get(type(fact), (logging.DEBUG, ""))
        if line and self._logger.isEnabledFor(level):
            fields = attrs.asdict(fact, recurse=False)
            self._logger.log(level, line, fields, extra={"fact": fact})


def with_log(observer: Observer | Sequence[Observer] | None) -> Sequence[Observer]:
    """
    List observers; one that writes the log comes first if there is none.
    """
    if observer is None:
        return [LogObserver()]
    observers = list(observer) if isinstance(observer, Sequence) else [observer]
    if any(isinstance(each, LogObserver) for each in observers):
        return observers
    return [LogObserver(), *observers]
