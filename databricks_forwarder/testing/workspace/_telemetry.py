"""
What the SQL connector asks and tells in the background; here nothing comes of it.

Source: observed with databricks-sql-connector 4.9.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder.testing.workspace._http import Route, json_response

if TYPE_CHECKING:
    from databricks_forwarder.testing.workspace._http import Request, Response

__all__ = ["ROUTES"]


def _no_flags(_: Request) -> Response:
    return json_response({"flags": [], "ttl_seconds": 900})


def _thanks(_: Request) -> Response:
    return json_response({})


ROUTES = [
    Route(
        methods=("GET",),
        prefix="/api/2.0/connector-service/feature-flags",
        handler=_no_flags,
    ),
    Route(methods=("POST",), prefix="/telemetry-ext", handler=_thanks),
    Route(methods=("POST",), prefix="/telemetry-unauth", handler=_thanks, public=True),
]
