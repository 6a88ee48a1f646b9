"""
What a workspace is made of, put together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder.testing.workspace import _telemetry
from databricks_forwarder.testing.workspace._files_api import FilesApi
from databricks_forwarder.testing.workspace._http import Route
from databricks_forwarder.testing.workspace._operations import Operations
from databricks_forwarder.testing.workspace._presigned import Presigned
from databricks_forwarder.testing.workspace._sent_rows import SentRows
from databricks_forwarder.testing.workspace._sign_in import SignIn
from databricks_forwarder.testing.workspace._statement_results import StatementResults
from databricks_forwarder.testing.workspace._statements_api import StatementsApi
from databricks_forwarder.testing.workspace._thrift import ThriftService
from databricks_forwarder.testing.workspace._uploads import Uploads
from databricks_forwarder.testing.workspace._warehouses import Warehouses

if TYPE_CHECKING:
    from pathlib import Path

    from databricks_forwarder.protocols import Clock
    from databricks_forwarder.settings import DatabricksSettings
    from databricks_forwarder.testing.workspace._engine import Engine
    from databricks_forwarder.testing.workspace._faults import Faults

__all__ = ["Services"]


class Services:
    """
    Everything behind the server.

    Args:
        engine: Runs the SQL and knows the volumes.
        settings: Who signs in, and which warehouse there is.
        url: Of the workspace.
        faults: What is to go wrong.
        clock: What all goes by.
        token_seconds: How long an access token is good for.
        incoming: Folder for files that are still coming in; on the disk of
            the volumes.
        results: Folder for results that links lead to.

    Attributes:
        sign_in: Tokens.
        warehouses: The SQL warehouse.
        presigned: Addresses that need no sign-in.
        operations: SQL sessions and statements.
        routes: Who answers what.
    """

    def __init__(  # noqa: PLR0913  # the parts are this many
        self,
        engine: Engine,
        settings: DatabricksSettings,
        *,
        url: str,
        faults: Faults,
        clock: Clock,
        token_seconds: int,
        incoming: Path,
        results: Path,
    ) -> None:
        self.sign_in = SignIn(
            url,
            settings.client_id,
            settings.client_secret,
            clock=clock,
            token_seconds=token_seconds,
        )
        self.warehouses = Warehouses(settings.warehouse_id, engine.grants, clock)
        self.operations = Operations(engine, faults=faults, clock=clock)
        self._engine = engine
        self._catalog = settings.catalog_name
        self._clock = clock
        self._results = results
        uploads = Uploads(incoming, clock)
        self.presigned = Presigned(url, uploads, clock)
        self.routes = [
            *self.sign_in.routes,
            *FilesApi(engine.volumes, uploads).routes,
            *self.presigned.routes,
            *self.warehouses.routes,
            *self._sql_routes(),
            *_telemetry.ROUTES,
        ]

    def _sql_routes(self) -> list[Route]:
        """
        The two wires of SQL, over the same statements.
        """
        rows = SentRows(self._engine, self.presigned)
        thrift = ThriftService(
            self.operations,
            warehouses=self.warehouses,
            rows=rows,
            catalog=self._catalog,
        )
        results = StatementResults(
            rows, presigned=self.presigned, clock=self._clock, folder=self._results
        )
        statements = StatementsApi(
            self.operations,
            warehouses=self.warehouses,
            results=results,
            catalog=self._catalog,
        )
        return [
            *(
                Route(
                    methods=("POST",),
                    prefix=f"/sql/1.0/{kind}",
                    handler=thrift.handle,
                    in_headers=True,
                )
                for kind in ("warehouses", "endpoints")
            ),
            *(
                Route(
                    methods=("POST", "GET", "DELETE"),
                    prefix=f"/api/2.0/sql/{kind}",
                    handler=statements.handle,
                )
                for kind in ("sessions", "statements")
            ),
        ]
