"""
The tables of one load: some side by side, and what becomes of those that fail.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._backoff import MAX_TABLE_ATTEMPTS, table_gives_up
from databricks_forwarder._progress import loaded_note
from databricks_forwarder.errors import PermanentError, SetupError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from concurrent.futures import Future

    from databricks_forwarder._carried import CarriedLoad
    from databricks_forwarder._progress import Staging, TableStaging
    from databricks_forwarder.model import LoadResult, TableName

    Calls = Generator[tuple[TableStaging, Future[LoadResult]]]

__all__ = ["Tried", "by_failures", "may_be_moved", "set_aside", "try_tables"]

# Tables that fail, before any comes through, after which a try is broken off:
# each costs a try of all its retries.
_AWAY_AFTER = 16

# Failures of a table after which its files are staged again, once.
_ASTRAY_AFTER = 3


@attrs.frozen
class Tried:
    """
    What one try of a load's tables came to.

    Attributes:
        failed: Those that failed, with their errors.
        came_through: How many did not.
        is_away: Whether the rest was left, because nothing came through.
    """

    failed: Sequence[tuple[TableStaging, Exception]]
    came_through: int
    is_away: bool


def by_failures(
    load: CarriedLoad, tables: Sequence[TableStaging]
) -> Sequence[TableStaging]:
    """
    Give those of *tables* that are not loaded, what failed least first.

    Who is left out when a try is broken off comes first in the next.
    """
    waiting = [each for each in tables if not load.progress.loaded(each.name)]
    return sorted(waiting, key=lambda table: load.progress.failures(_what(table)))


def may_be_moved(load: CarriedLoad, staging: Staging) -> bool:
    """
    Tell whether a table failed so often that its files may have been moved.
    """
    failures = (load.progress.failures(_what(table)) for table in staging.tables)
    return _ASTRAY_AFTER in failures


def try_tables(load: CarriedLoad, calls: Calls, count: int) -> Tried:
    """
    See how *calls* of the loader end, and note each table that is loaded.

    Args:
        load: Whose tables they are.
        calls: One for each of *count* tables.
        count: At least as many as *calls*.
    """
    failed: list[tuple[TableStaging, Exception]] = []
    came_through = 0
    with closing(calls):
        for table, call in calls:
            error = call.exception()
            if error is None:
                load.note(loaded_note(table.name, call.result()))
                came_through += 1
            elif isinstance(error, (TransientError, SetupError, PermanentError)):
                failed.append((table, error))
            else:
                raise error
            if len(failed) == _AWAY_AFTER and not came_through:
                break
    return Tried(failed, came_through, len(failed) + came_through < count)


def set_aside(
    load: CarriedLoad, tried: Tried, answers: Callable[[], bool]
) -> Mapping[TableName, str]:
    """
    Decide on the tables that failed: all of them are parked, or none is yet.

    Args:
        load: Whose tables they are.
        tried: What became of them.
        answers: Asks the destination whether it is there.

    Returns:
        The tables to park, with the reasons.

    Raises:
        ForwarderError: One of them is to be tried again, and the load with it.
    """
    # All are counted before the first is raised again.
    counts = [load.failed(_what(table)) for table, _ in tried.failed]
    others_load = tried.came_through > 0 or (
        max(counts, default=0) >= MAX_TABLE_ATTEMPTS and answers()
    )
    for (_, error), count in zip(tried.failed, counts, strict=True):
        if tried.is_away or not table_gives_up(error, count, others_load=others_load):
            raise error
    return {table.name: str(error) for table, error in tried.failed}


def _what(table: TableStaging) -> str:
    return f"table/{table.name}"
