"""
What the rows of the shared tables say, asked and kept in a host's copy.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

from databricks_forwarder._databricks.count_statements import (
    HaveCountsGuard,
    SelectCounted,
    SelectDays,
)
from databricks_forwarder._databricks.name_statements import HaveNamesGuard, SelectNames

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

    from databricks_forwarder._databricks.count_statements import AddCounts
    from databricks_forwarder.counts._copy import CountsCopy
    from databricks_forwarder.counts._shared_tables import SharedTables

__all__ = ["is_counted", "learn_names", "read_totals"]

_log = logging.getLogger("databricks_forwarder")


def learn_names(tables: SharedTables, copy: CountsCopy) -> None:
    """
    Read the names given since the last look.
    """
    known = copy.generation() or 0
    rows = tables.run(SelectNames(tables.names, known))
    steps = [step for owner, _, step in rows if not owner]
    if not steps:
        tables.run(HaveNamesGuard(tables.names))
    generation = max(steps, default=0)
    if generation < known:
        _log.warning("%s was made anew; names are read again", tables.names)
        rows = tables.run(SelectNames(tables.names, 0))
    copy.learn_names(
        [(owner, name) for owner, name, step in rows if owner],
        generation=generation,
        anew=generation < known,
    )


def read_totals(
    tables: SharedTables, copy: CountsCopy, kinds: Collection[str], since: date
) -> Mapping[str, int]:
    """
    Sum the days of each kind from *since* on.
    """
    rows = tables.run(SelectDays(tables.counts, kinds, since))
    days = [(kind, day, messages) for kind, day, messages in rows]
    copy.learn_days(kinds, days, kept_since=since)
    totals: Counter[str] = Counter()
    for kind, _, messages in days:
        totals[kind] += messages
    return totals


def is_counted(tables: SharedTables, statement: AddCounts) -> bool:
    """
    Count a load, or find that it is; False when there was no guard yet.
    """
    ((_, updated, *_),) = tables.run(statement)
    if updated:
        return True
    rows = tables.run(SelectCounted(tables.counts, statement.load_id))
    found = {load_id for (load_id,) in rows}
    if "" not in found:
        tables.run(HaveCountsGuard(tables.counts))
    return statement.load_id in found
