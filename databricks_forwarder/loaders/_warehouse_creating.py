"""
How a table in Unity Catalog is made, and what is said when somebody else has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._databricks.statements import CreateTable, identifier
from databricks_forwarder._table_columns import column_comments
from databricks_forwarder.errors import SetupError

if TYPE_CHECKING:
    import pyarrow as pa

    from databricks_forwarder._databricks.statements import Name

__all__ = ["CLUSTERED_ON", "creation", "unseen"]

CLUSTERED_ON = "_event_timestamp"
"""The column that rows are clustered on, in a table that has it."""

_COMMENT = "Events forwarded from mParticle, one row each."


def creation(name: Name, columns: pa.Schema) -> CreateTable:
    """
    The statement that makes a table of *columns*.
    """
    return CreateTable(
        table=name,
        columns=columns,
        comments=column_comments(),
        comment=_COMMENT,
        cluster_by=CLUSTERED_ON if CLUSTERED_ON in columns.names else None,
    )


def unseen(name: Name, client_id: str) -> SetupError:
    """
    What is said of a table that is there and can't be seen.
    """
    return SetupError(
        f"creating table {name} failed: it is there, made by somebody else, and the "
        "service principal may not see it; run: "
        f"GRANT SELECT, MODIFY ON TABLE {name} TO {identifier(client_id)}"
    )
