"""
What a loader is told of a load before the first of its tables is.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from databricks_forwarder._abilities import offers
from databricks_forwarder._table_columns import schema_of
from databricks_forwarder.abilities import (
    PromotingRouter,
    ShowingLoader,
    SurveyingLoader,
)
from databricks_forwarder.errors import ForwarderError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databricks_forwarder._progress import Staging, TableStaging
    from databricks_forwarder.model import EventKind, TableName
    from databricks_forwarder.protocols import Loader, Router

__all__ = ["announce"]


def announce(
    loader: Loader,
    router: Router,
    common: TableName,
    coming: tuple[Staging, Sequence[TableStaging]],
) -> None:
    """
    Tell the loader what is coming, as far as it wants to know.

    Args:
        loader: Who is told.
        router: Knows which tables are of kinds.
        common: The table of those that have none of their own.
        coming: All that is staged, and the tables of it that are not loaded.
    """
    staging, waiting = coming
    if offers(loader, SurveyingLoader):
        loader.survey([table.name for table in waiting])
    if offers(loader, ShowingLoader):
        schemas = {table.name: schema_of(table.event_type) for table in waiting}
        loader.expect(common, _own_tables(router, staging), schemas)


def _own_tables(router: Router, staging: Staging) -> Mapping[TableName, EventKind]:
    if not offers(router, PromotingRouter):
        return {}
    with suppress(ForwarderError):
        own = router.promoted({key.kind for key in staging.counts})
        return {table: kind for kind, table in own.items()}
    return {}
