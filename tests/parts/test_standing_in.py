"""
What stands in for a router that can't be rehearsed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone

from databricks_forwarder.model import EventKey, Table, TableName
from databricks_forwarder.routers._standing_in import stand_in

AT = datetime(2026, 3, 31, 12, tzinfo=timezone.utc)
OWN = Table(TableName("own"))


class Plain:
    """
    A router that can do no more than route.
    """

    def route(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Table | None]:
        """
        Send all to one table.
        """
        return dict.fromkeys(counts, OWN)


def test_a_router_that_only_routes_is_asked_as_it_is() -> None:
    """
    What stands in for it routes as it does, and names no groups.
    """
    key = EventKey("screen_view")
    standing = stand_in(Plain(), lambda counts: counts)

    assert {key: OWN} == standing.route({key: 1}, at=AT)
    assert not hasattr(standing, "group")
