"""
What is advised to be done to tables, and doing it: a statement a turn.

Between two statements a load may go. What fails holds back no other.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder._abilities import offers
from databricks_forwarder.abilities import MaintainingLoader
from databricks_forwarder.errors import (
    BatcherClosedError,
    ConfigurationError,
    ForwarderError,
)
from databricks_forwarder.maintenance import (
    DEFAULT_KEPT,
    SMALL_BYTES,
    WORKS,
    Advice,
    Maintenance,
    Outcome,
    TableLayout,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from databricks_forwarder.maintenance import Work
    from databricks_forwarder.protocols import Clock, Loader

__all__ = ["maintenance"]

_log = logging.getLogger("databricks_forwarder")

# Delta Lake, "Optimizations", read 2026-11-26: with fewer its own compaction
# after a write does not begin.
_MANY = 50

# Below, a query reads few files whatever they are clustered on.
_WORTH_CLUSTERING_BYTES = 2**30

# Within a month whoever asked to be erased has to be answered, and until a
# vacuum the rows can be read: Regulation (EU) 2016/679, article 12(3).
_LONG_KEPT = timedelta(days=30)


def maintenance(
    loader: Loader,
    clock: Clock,
    take_turn: Callable[[Callable[[], Outcome]], Outcome],
    run: bool | Collection[Work],
) -> Maintenance:
    """
    Look at the tables, advise, and follow what of it is to be *run*.

    Args:
        loader: Whose tables.
        clock: Says when, and how long.
        take_turn: Calls what must not run beside a load.
        run: Which works; True for those that remove nothing and change no
            setting, which is compacting.

    Raises:
        ConfigurationError: The loader can't, or a work is none.
        ForwarderError: The tables can't be listed now.
    """
    able = _able(loader)
    works = _works(run)
    at = clock.now()
    tables = sorted(able.layouts(at=at), key=lambda each: each.table)
    advice = [each for table in tables for each in _advised(able, table)]
    follower = _Follower(able, clock, take_turn)
    outcomes = [
        follower.follow(each) for each in advice if each.is_due and each.work in works
    ]
    if outcomes:
        able.layouts({each.advice.table for each in outcomes}, at=clock.now())
    return Maintenance(
        looked_at=at,
        tables=tuple(tables),
        advice=tuple(advice),
        outcomes=tuple(outcomes),
    )


def _able(loader: Loader) -> MaintainingLoader:
    if not offers(loader, MaintainingLoader):
        msg = (
            f"{type(loader).__name__} can't maintain tables; give it what "
            "databricks_forwarder.abilities.MaintainingLoader says"
        )
        raise ConfigurationError(msg)
    return loader


def _works(run: bool | Collection[Any]) -> Collection[Work]:
    if isinstance(run, bool):
        return WORKS[:1] if run else ()
    unknown = [run] if isinstance(run, str) else sorted(set(run) - set(WORKS))
    if unknown:
        msg = (
            "run must be True, False, or some of "
            f"{', '.join(map(repr, WORKS))} in a list, not {unknown[0]!r}"
        )
        raise ConfigurationError(msg)
    return run


@attrs.frozen
class _Follower:
    """
    Follows advice, each in a turn of its own.
    """

    loader: MaintainingLoader
    clock: Clock
    take_turn: Callable[[Callable[[], Outcome]], Outcome]

    def follow(self, advice: Advice) -> Outcome:
        """
        Do what is advised; what it fails with is told.
        """
        try:
            outcome = self.take_turn(lambda: self._followed(advice))
        except BatcherClosedError as error:
            return Outcome(advice=advice, duration_seconds=0.0, error=str(error))
        _tell(outcome)
        return outcome

    def _followed(self, advice: Advice) -> Outcome:
        begun = self.clock.monotonic()
        try:
            done = self.loader.maintain(advice.table, advice.work)
        except ForwarderError as error:
            return Outcome(
                advice=advice,
                duration_seconds=self.clock.monotonic() - begun,
                error=str(error),
            )
        return Outcome(
            advice=advice,
            duration_seconds=self.clock.monotonic() - begun,
            statement_id=done.statement_id,
            metrics=done.metrics,
        )


def _tell(outcome: Outcome) -> None:
    advice = outcome.advice
    if outcome.error is None:
        _log.info(
            "table %s: %s took %.1f s (%s)",
            advice.table,
            advice.work,
            outcome.duration_seconds,
            outcome.statement_id or "nothing to do",
        )
    else:
        _log.warning("%s", outcome.error)


def _advised(loader: MaintainingLoader, table: TableLayout) -> Iterator[Advice]:
    """
    What may be done to a table, in the order of `WORKS`.
    """
    if table.problem is not None:
        return
    thoughts = (_compact(table), _cluster(table), _retain(table), _vacuum(table))
    for work, thought in zip(WORKS, thoughts, strict=True):
        statement = loader.statement(table.table, work) if thought else None
        if thought and statement:
            is_due, reason = thought
            yield Advice(
                table=table.table,
                work=work,
                statement=statement,
                reason=reason,
                is_due=is_due,
            )


_Thought = tuple[bool, str] | None
"""Whether it is due, and why or why not; None if there is nothing to advise."""

_TENDED = "predictive optimization is on: Databricks does it by itself"


def _compact(table: TableLayout) -> _Thought:
    count = table.small_file_count
    if count < 2:
        return None
    found = (
        f"{count} of {table.file_count} files are smaller than "
        f"{SMALL_BYTES // 2**20} MiB"
    )
    if table.is_tended:
        return False, f"{found}, and {_TENDED}"
    if count < _MANY:
        return False, f"{found}: few yet, it is due from {_MANY} on"
    return True, f"{found}, and every query opens each of them"


def _cluster(table: TableLayout) -> _Thought:
    if table.clustered_by or table.is_self_clustered:
        return None
    if table.size_bytes < _WORTH_CLUSTERING_BYTES:
        return False, "rows are not clustered: worth while from 1 GiB on"
    return True, (
        "rows are not clustered, so that a query for some days reads all files; "
        "the next OPTIMIZE writes them anew"
    )


def _retain(table: TableLayout) -> _Thought:
    kept = table.kept
    if kept is None:
        return None
    if kept < DEFAULT_KEPT:
        return True, (
            f"files without rows are kept for {kept} only: a vacuum may take them "
            "from a reader or a load that still needs them"
        )
    if kept > _LONG_KEPT:
        return False, (
            f"files without rows are kept for {kept}: rows of an erased person can "
            "be read in earlier versions for as long; set it shorter, if nobody "
            "needs those"
        )
    return None


def _vacuum(table: TableLayout) -> _Thought:
    if table.unused_file_count == 0:
        return None
    if table.kept is not None and table.kept < DEFAULT_KEPT:
        return False, f"it would come too soon: files are kept for {table.kept} only"
    if table.is_tended:
        return False, f"unused files cost their storage, and {_TENDED}"
    after = "earlier versions that need them can't be read any more"
    if table.unused_file_count is None:
        return True, f"unused files, if there are any, cost their storage; {after}"
    return True, f"{table.unused_file_count} unused files cost their storage; {after}"
