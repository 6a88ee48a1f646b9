"""
A kind's earlier rows, looked up in the common table and moved into its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._abilities import offers
from databricks_forwarder.abilities import MovingLoader, PromotingRouter, ReadingLoader
from databricks_forwarder.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pyarrow.dataset import Dataset

    from databricks_forwarder.model import EventKind, TableName
    from databricks_forwarder.protocols import Loader, Router

__all__ = ["backfill", "read"]


def read(
    loader: Loader, router: Router, common: TableName, kind: EventKind | None
) -> Dataset:
    """
    Read all events, or a kind's whole history, wherever its rows are.

    Raises:
        ConfigurationError: The loader's tables can't be read in this process,
            or the kind says no event type.
        ForwarderError: They can't be read now.
    """
    if not offers(loader, ReadingLoader):
        msg = (
            f"the tables of {type(loader).__name__} can't be read here; ask their "
            "views with SQL, or give it read, as "
            "databricks_forwarder.abilities.ReadingLoader says"
        )
        raise ConfigurationError(msg)
    if kind is not None and not kind.event_type:
        msg = "a kind to be read must say its event type; read all, and filter"
        raise ConfigurationError(msg)
    tables = None if kind is None else _tables_of(kind, router, common)
    return loader.read(kind, common, tables)


def backfill(
    loader: Loader,
    router: Router,
    common: TableName,
    tables: Collection[str] | None,
) -> Mapping[TableName, int]:
    """
    Move rows out of the common table into the tables of their kinds.

    Args:
        loader: Whose tables they are.
        router: Knows which kinds have tables of their own.
        common: The table of kinds that have none.
        tables: Which of their tables; None for all.

    Returns:
        Table → rows moved, of those that had any to be moved.

    Raises:
        ConfigurationError: The loader moves no rows, or the router gives kinds
            no tables.
        ForwarderError: They can't be moved now; call again.
    """
    if not offers(loader, MovingLoader):
        msg = (
            f"{type(loader).__name__} can't move rows; give it kinds and move, as "
            "databricks_forwarder.abilities.MovingLoader says"
        )
        raise ConfigurationError(msg)
    if not offers(router, PromotingRouter):
        msg = (
            f"{type(router).__name__} gives kinds no tables of their own, so there is "
            "nothing to be moved; give it promoted, as "
            "databricks_forwarder.abilities.PromotingRouter says"
        )
        raise ConfigurationError(msg)
    own = _own(router, loader.kinds(common))
    return {
        table: loader.move(kind, common, table)
        for kind, table in sorted(own.items(), key=lambda each: each[1])
        if table != common and (tables is None or table in tables)
    }


def _tables_of(
    kind: EventKind, router: Router, common: TableName
) -> Collection[TableName] | None:
    """
    The tables that rows of *kind* can be in; None if it may be any.
    """
    # With the routers come the counts: not at import.
    from databricks_forwarder.routers.default import (  # noqa: PLC0415
        keeps_kinds_together,
    )

    if not keeps_kinds_together(router):
        return None
    return [common, *_own(router, [kind]).values()]


def _own(router: Router, kinds: Collection[EventKind]) -> Mapping[EventKind, TableName]:
    return router.promoted(kinds) if offers(router, PromotingRouter) else {}
