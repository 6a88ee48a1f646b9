"""
All that hosts share, as one of them would find it: asked, and left as it is.

What a host counted for itself and has not brought along yet belongs to it: its
next load would bring it before anything is routed. After a death in the middle of
that some of its days are told twice, until that load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._databricks.listing_statements import SelectKept
from databricks_forwarder._databricks.name_statements import SelectNames
from databricks_forwarder.model import TableName

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from databricks_forwarder.counts._moving import Earlier
    from databricks_forwarder.counts._shared_tables import SharedTables

__all__ = ["kept_days", "kept_names"]


def kept_days(
    tables: SharedTables, earlier: Earlier | None, since: date
) -> Sequence[tuple[str, date, int]]:
    """
    Read every kind's days: kind, day, messages; one day may come twice.

    Args:
        tables: Where they are.
        earlier: What is still to be brought along.
        since: The first day.
    """
    shared = [
        (str(kind), day, int(messages))
        for kind, day, messages in tables.look(SelectKept(tables.counts, since))
    ]
    own = [] if earlier is None else earlier.counts.days()
    return [*shared, *(each for each in own if each[1] >= since)]


def kept_names(
    tables: SharedTables, earlier: Earlier | None
) -> Mapping[str, TableName]:
    """
    Read all names given, by their owners.
    """
    rows = tables.look(SelectNames(tables.names, 0))
    names = {owner: TableName(name) for owner, name, _ in rows if owner}
    own = {} if earlier is None else earlier.counts.names()
    taken = set(names.values())
    return {
        **{owner: name for owner, name in own.items() if name not in taken},
        **names,
    }
