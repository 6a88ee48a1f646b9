"""
One workspace, as the parts that load into it share it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._clock import SystemClock
from databricks_forwarder._databricks._rest import Rest
from databricks_forwarder._databricks.auth import TokenSource
from databricks_forwarder._databricks.files import VolumeFiles
from databricks_forwarder._databricks.statements import Name
from databricks_forwarder._databricks.warehouse import Warehouse

if TYPE_CHECKING:
    from databricks_forwarder.protocols import Clock
    from databricks_forwarder.settings import DatabricksSettings, Endpoint

__all__ = ["DatabricksClient"]

_VOLUME = "mparticle_staging"


class DatabricksClient:
    """
    Sign-in, files and SQL of one workspace; nothing is asked before it is used.

    A stager and a loader that fit each other share one.

    Args:
        settings: Who signs in, and where the tables are.
        endpoint: Where the workspace is reached; None for its own host.
        clock: Where the time comes from; None for the system's.
        breadth: Uploads, and statements, at once.
        statement_seconds: How long a statement may take before it is given up.
        starting_seconds: How long a SQL warehouse that starts is waited for.

    Raises:
        ConfigurationError: The endpoint's proxy is not the environment's.
    """

    def __init__(  # noqa: PLR0913  # all but one have a default
        self,
        settings: DatabricksSettings,
        *,
        endpoint: Endpoint | None = None,
        clock: Clock | None = None,
        breadth: int = 8,
        statement_seconds: float = 900.0,
        starting_seconds: float = 600.0,
    ) -> None:
        endpoint = endpoint or settings.endpoint
        clock = clock or SystemClock()
        self.settings = settings
        self.endpoint = endpoint
        self.clock = clock
        self.breadth = breadth
        self.volume: Name = self.table(_VOLUME)
        self.tokens: TokenSource = TokenSource(
            endpoint, settings.client_id, settings.client_secret, clock
        )
        self._rest = Rest(endpoint, self.tokens, clock, breadth=breadth)
        self.files: VolumeFiles = VolumeFiles(self._rest, breadth=breadth)
        self.warehouse: Warehouse = Warehouse(
            endpoint,
            settings.warehouse_id,
            self.tokens,
            self._rest,
            clock,
            breadth=breadth,
            statement_seconds=statement_seconds,
            starting_seconds=starting_seconds,
        )

    def __repr__(self) -> str:
        return f"DatabricksClient({self.endpoint.url!r}, {self.settings.client_id!r})"

    def table(self, name: str) -> Name:
        """
        The full name of a table in the schema of the settings.
        """
        return Name(self.settings.catalog_name, self.settings.schema_name, name)

    def close(self) -> None:
        """
        Close all connections, and forget the token.
        """
        self.warehouse.close()
        self._rest.close()
        self.tokens.close()
