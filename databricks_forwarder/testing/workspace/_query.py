"""
A query from a shell, to the workspace that the environment names.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING, Any

from databricks_forwarder._clock import SystemClock
from databricks_forwarder._databricks.auth import TokenSource
from databricks_forwarder.errors import ConfigurationError, ForwarderError
from databricks_forwarder.settings import DatabricksSettings, Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["print_rows"]


def print_rows(sql: str) -> int:
    """
    Print the rows of a query, each a line of JSON, over the real connector.

    Returns:
        0; 1 if it was refused, 2 if the variables are wrong: then standard
        error says why.
    """
    # It costs an import that only a query needs.
    from databricks.sql import exc  # noqa: PLC0415

    # It tells of what is refused at level error; it is told below.
    logging.getLogger("databricks").addHandler(logging.NullHandler())
    try:
        settings, endpoint = DatabricksSettings.from_env(), Endpoint.from_env()
        for row in _rows(sql, settings, endpoint):
            sys.stdout.write(f"{json.dumps(row, default=str, ensure_ascii=False)}\n")
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except (ForwarderError, exc.Error) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _rows(
    sql: str, settings: DatabricksSettings, endpoint: Endpoint
) -> Iterable[dict[str, Any]]:
    from databricks.sql import connect  # noqa: PLC0415  # as above

    tokens = TokenSource(
        endpoint, settings.client_id, settings.client_secret, SystemClock()
    )
    with (
        connect(
            server_hostname=endpoint.host,
            http_path=f"/sql/1.0/warehouses/{settings.warehouse_id}",
            access_token=tokens.token().reveal(),
            catalog=settings.catalog_name,
            schema=settings.schema_name,
            enable_telemetry=False,
            _port=endpoint.port,
            _tls_trusted_ca_file=endpoint.ca_file and str(endpoint.ca_file),
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
        rows: Iterable[dict[str, Any]] = cursor.fetchall_arrow().to_pylist()
        return rows
