"""
What a statement works with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pyarrow as pa

from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._results import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import duckdb

    from databricks_forwarder.protocols import Clock
    from databricks_forwarder.testing.workspace._catalog import Catalog
    from databricks_forwarder.testing.workspace._grants import Grants
    from databricks_forwarder.testing.workspace._tables import Tables
    from databricks_forwarder.testing.workspace._volumes import Volumes

__all__ = ["Parts", "broken", "nothing", "texts", "unsupported"]


@attrs.frozen(kw_only=True)
class Parts:
    """
    The parts of an engine.

    Attributes:
        is_unwanted: Whether to stop the statement that is running; None for
            one that is never to be stopped.
    """

    catalog: Catalog
    grants: Grants
    volumes: Volumes
    tables: Tables
    database: duckdb.DuckDBPyConnection
    clock: Clock
    is_unwanted: Callable[[], bool] | None = None


def broken(error: Exception) -> RefusedError:
    """
    What is said of an error that the workspace did not foresee.
    """
    if isinstance(error, RecursionError):
        # Source: Apache Spark's list of error conditions.
        return RefusedError(
            "FAILED_TO_PARSE_TOO_COMPLEX",
            "The statement, including potential SQL functions and referenced views, "
            "was too complex to parse.",
            sqlstate="54001",
        )
    return RefusedError(
        "INTERNAL_ERROR", f"{type(error).__name__}: {error}", sqlstate="XX000"
    )


def nothing() -> Result:
    """
    The result of a statement that tells nothing.
    """
    return Result(pa.table({}))


def texts(names: Sequence[str], rows: Sequence[Sequence[str | None]]) -> Result:
    """
    A result whose columns are all text.
    """
    schema = pa.schema([(name, pa.string()) for name in names])
    return Result(
        pa.Table.from_pylist(
            [dict(zip(names, row, strict=True)) for row in rows], schema=schema
        )
    )


def unsupported(*what: str) -> RefusedError:
    """
    What is said of SQL that the platform has and the workspace has not.
    """
    return RefusedError(
        "UNSUPPORTED_FEATURE",
        f"The feature is not supported: {' '.join(what)}, by the loopback workspace.",
        sqlstate="0A000",
    )
