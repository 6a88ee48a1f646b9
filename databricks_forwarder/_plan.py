"""
What would happen to payloads: read and routed, nothing touched.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._abilities import offers
from databricks_forwarder._routes import ask
from databricks_forwarder.abilities import GroupingRouter, PreviewingRouter
from databricks_forwarder.errors import PayloadError
from databricks_forwarder.mparticle.keys import KeyMaker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from databricks_forwarder.model import EventKey, Table, TableName
    from databricks_forwarder.protocols import Router

__all__ = ["Plan", "PlannedTable", "plan"]


@attrs.frozen(kw_only=True)
class PlannedTable:
    """
    What one table would get.

    Attributes:
        event_type: Whose fields its ``data`` would hold; None for all.
        message_count: Rows.
        keys: The event keys that would go there, with their messages.
    """

    table: TableName
    event_type: str | None
    message_count: int
    keys: Mapping[EventKey, int]


@attrs.frozen(kw_only=True)
class Plan:
    """
    What would happen to some payloads.

    Attributes:
        tables: By name.
        dropped: Messages that a rule would drop.
        dead: Index of the payload → why it would become a dead letter.
    """

    tables: Sequence[PlannedTable]
    dropped: int
    dead: Mapping[int, str]


def plan(
    documents: Sequence[bytes], router: Router, common: Table, *, at: datetime
) -> Plan:
    """
    Read and route *documents* as one load would.

    Raises:
        RouteError: The router raised.
    """
    keys = KeyMaker(router.group if offers(router, GroupingRouter) else None)
    counts: Counter[EventKey] = Counter()
    dead: dict[int, str] = {}
    for index, document in enumerate(documents):
        try:
            counts.update(keys.glance(document))
        except PayloadError as error:  # noqa: PERF203  # each payload fails alone
            dead[index] = str(error)
    asked = _Preview(router) if offers(router, PreviewingRouter) else router
    routes = ask(asked, counts, common, at=at)
    by_table: dict[Table, dict[EventKey, int]] = {}
    for key, table in routes.items():
        if table is not None:
            by_table.setdefault(table, {})[key] = counts[key]
    tables = [
        PlannedTable(
            table=table.name,
            event_type=table.event_type,
            message_count=sum(planned.values()),
            keys=planned,
        )
        for table, planned in by_table.items()
    ]
    return Plan(
        tables=tuple(sorted(tables, key=lambda each: each.table)),
        dropped=sum(counts[key] for key, table in routes.items() if table is None),
        dead=dead,
    )


@attrs.frozen
class _Preview:
    """
    A router that is only asked what it would answer.
    """

    router: PreviewingRouter

    def route(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Table | None]:
        return self.router.preview(counts, at=at)
