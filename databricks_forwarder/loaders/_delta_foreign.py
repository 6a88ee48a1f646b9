"""
Tables in the way of a load into a Delta table: made for something else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder.errors import PermanentError

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from databricks_forwarder.model import TableName

__all__ = ["refuse_foreign"]


def refuse_foreign(found: DeltaTable, table: TableName) -> None:
    """
    Refuse a table with rules that files registered as they are may break.

    Raises:
        PermanentError: The table has such a rule.
    """
    metadata = found.metadata()
    is_foreign = (
        bool(metadata.partition_columns)
        or any(
            key.startswith(("delta.constraints.", "delta.columnMapping."))
            for key in metadata.configuration
        )
        or any(
            not field.nullable
            or any(key.startswith("delta.") for key in field.metadata)
            for field in found.schema().fields
        )
    )
    if is_foreign:
        msg = (
            f"table {table} has partitions, constraints, mapped, generated or not-null "
            "columns, which files can't be checked against; move it out of the way"
        )
        raise PermanentError(msg)
