"""
A router's answer, held to what the walk needs.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder.errors import (
    ConfigurationError,
    RouteError,
    SetupError,
    TransientError,
)
from databricks_forwarder.model import Table
from databricks_forwarder.mparticle.names import table_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from databricks_forwarder._progress import Routes
    from databricks_forwarder.model import EventKey, TableName
    from databricks_forwarder.protocols import Router

__all__ = ["ask"]

_log = logging.getLogger("databricks_forwarder")


def ask(
    router: Router, counts: Mapping[EventKey, int], common: Table, *, at: datetime
) -> Routes:
    """
    Ask for the tables of a load's keys.

    Returns:
        A table, or None to drop it, for each key; keys that the router leaves
        out go to *common*. A table that gets events of several types, or of
        another type than it is said to be for, has the fields of all.

    Raises:
        RouteError: The router raised, or named what can't be a table.
        TransientError: What the router learns from is away for now.
        SetupError: What the router learns from can't be reached.
    """
    if not counts:
        return {}
    try:
        answer = router.route(counts, at=at)
        named = {key: _named(answer[key]) for key in counts if key in answer}
    except (TransientError, SetupError):
        raise
    except ConfigurationError as error:
        msg = f"the router's answer can't be used: {error}"
        raise RouteError(msg) from error
    except Exception as error:
        msg = f"the router raised {type(error).__name__}"
        raise RouteError(msg) from error
    left_out = len(counts) - len(named)
    if left_out:
        _log.warning("router left %d keys out: common table %s", left_out, common.name)
    return _agreed({key: named.get(key, common) for key in counts})


def _named(table: Table | None) -> Table | None:
    if table is not None and not _is_table(table):
        msg = "expected a Table with a name and an event type as text, or None"
        raise ConfigurationError(msg)
    return table and attrs.evolve(table, name=table_name(table.name))


def _is_table(table: object) -> bool:
    return isinstance(table, Table) and isinstance(table.event_type, (str, type(None)))


def _agreed(routes: Routes) -> Routes:
    """
    Give every route to a table the same event type, or none.
    """
    said: dict[TableName, set[str | None]] = defaultdict(set)
    for key, table in routes.items():
        if table is not None:
            said[table.name] |= {table.event_type, key.event_type}
    return {
        key: table and Table(table.name, _only(said[table.name]))
        for key, table in routes.items()
    }


def _only(event_types: Collection[str | None]) -> str | None:
    return next(iter(event_types)) if len(event_types) == 1 else None
