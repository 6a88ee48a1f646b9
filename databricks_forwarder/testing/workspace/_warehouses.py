"""
The SQL warehouse: who may use it, and whether it runs.

Sources: Databricks, "SQL Warehouses API", read 2026-11-23, for what a
warehouse looks like; what a client is told while it starts is not documented.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from databricks_forwarder.testing.workspace._http import Route, json_response
from databricks_forwarder.testing.workspace._refusals import RefusedError

if TYPE_CHECKING:
    from datetime import timedelta

    from databricks_forwarder.protocols import Clock
    from databricks_forwarder.testing.workspace._faults import Point
    from databricks_forwarder.testing.workspace._grants import Grants
    from databricks_forwarder.testing.workspace._http import Request, Response

__all__ = ["Warehouses"]

_PREFIX = "/api/2.0/sql/warehouses"


class Warehouses:
    """
    The one warehouse there is.

    Args:
        warehouse_id: Its id.
        grants: Who has CAN USE on it.
        clock: By which it starts.
    """

    def __init__(self, warehouse_id: str, grants: Grants, clock: Clock) -> None:
        self._id = warehouse_id
        self._grants = grants
        self._clock = clock
        self._lock = threading.Lock()
        self._starts_within: timedelta | None = None
        self._ready_at: float | None = None
        self._lets_in = False

    @property
    def routes(self) -> list[Route]:
        """
        What is answered about it.
        """
        return [
            Route(
                methods=("GET", "POST"),
                prefix=_PREFIX,
                handler=self._answer,
                point=_at_warehouse,
            )
        ]

    def stop(self, starts_within: timedelta, *, lets_in: bool) -> None:
        """
        Stop it; whoever wants to use it next makes it start.
        """
        with self._lock:
            self._starts_within, self._ready_at = starts_within, None
            self._lets_in = lets_in

    def admits(self, warehouse_id: str, principal: str) -> bool:
        """
        See that *principal* can open a session; as `use`.

        Returns:
            Whether anything can be done in it: not so if it was let in while
            the warehouse is starting.
        """
        if not self._lets_in:
            self.use(warehouse_id, principal)
            return True
        self._require(warehouse_id, principal)
        return self._start() == "RUNNING"

    def use(self, warehouse_id: str, principal: str) -> None:
        """
        See that *principal* can run statements now.

        Raises:
            RefusedError: There is no such warehouse, it may not be used, or it
                is not running yet; asking has it start.
        """
        self._require(warehouse_id, principal)
        if self._start() != "RUNNING":
            raise RefusedError(
                "TEMPORARILY_UNAVAILABLE",
                f"SQL warehouse {warehouse_id} is starting; try again later.",
                status=503,
            )

    def _require(self, warehouse_id: str, principal: str) -> None:
        if warehouse_id != self._id:
            raise RefusedError(
                "RESOURCE_DOES_NOT_EXIST",
                f"SQL warehouse {warehouse_id} does not exist.",
                status=404,
            )
        if not any(
            self._grants.holds(privilege, "WAREHOUSE", warehouse_id, principal)
            for privilege in ("CAN USE", "CAN MANAGE")
        ):
            raise RefusedError(
                "PERMISSION_DENIED",
                f"User does not have CAN USE on SQL warehouse {warehouse_id}.",
                status=403,
            )

    def _start(self) -> str:
        with self._lock:
            if self._starts_within is not None and self._ready_at is None:
                seconds = self._starts_within.total_seconds()
                self._ready_at = self._clock.monotonic() + seconds
        return self._state()

    def _state(self) -> str:
        with self._lock:
            if self._starts_within is None:
                return "RUNNING"
            if self._ready_at is None:
                return "STOPPED"
            if self._clock.monotonic() < self._ready_at:
                return "STARTING"
            self._starts_within = None
            return "RUNNING"

    def _answer(self, request: Request) -> Response:
        warehouse_id, _, action = request.path[len(_PREFIX) + 1 :].partition("/")
        wanted = {("GET", ""): self._state, ("POST", "start"): self._start}
        do = wanted.get((request.method, action))
        if do is None:
            raise RefusedError(
                "ENDPOINT_NOT_FOUND",
                f"No API found for '{request.method} {request.path}'",
                status=404,
            )
        self._require(warehouse_id, str(request.principal))
        state = do()
        if request.method == "POST":
            return json_response({})
        return json_response(
            {
                "id": warehouse_id,
                "name": "Loopback",
                "cluster_size": "2X-Small",
                "warehouse_type": "PRO",
                "state": state,
            }
        )


def _at_warehouse(_: Request) -> Point:
    return "warehouse"
