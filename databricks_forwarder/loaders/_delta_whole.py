"""
Several tables of a lake read as one, whatever of an event's fields each has.

While rows are moved from the common table to a kind's own, a step of them is
in both for a moment: `_delta_backfill` says so in the tables' logs, and here
the copies are left out until the others are gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._table_columns import MARKS, schema_of
from databricks_forwarder.loaders._delta_backfill import copies
from databricks_forwarder.loaders._kind_rows import of_feeds, rows_of
from databricks_forwarder.loaders._schemas import widened

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    import pyarrow.dataset as ds
    from deltalake import DeltaTable

    from databricks_forwarder.model import EventKind, TableName

__all__ = ["whole"]


def whole(
    tables: Mapping[TableName, DeltaTable], common: TableName, kind: EventKind | None
) -> ds.Dataset:
    """
    Read *tables* as one, as they are now.

    Args:
        tables: By name; those that are not of events are passed over.
        common: The table of kinds that have none of their own.
        kind: Whose rows, without those of feeds; None for all.

    Returns:
        A data set that reads files when it is asked, and of them what it is
        asked for.
    """
    columns = schema_of(None)
    fragments: list[ds.Fragment] = []
    for name, table in tables.items():
        rows = table.to_pyarrow_dataset()
        if set(rows.schema.names) >= MARKS:
            columns = widened(columns, rows.schema, name)
            left_out = copies(table, name, tables.get(common))
            fragments += [
                each
                for each in rows.get_fragments()
                if not each.path.startswith(left_out)
            ]
    read = _of_fragments(fragments, columns)
    return read if kind is None else read.filter(rows_of(kind) & ~of_feeds())


def _of_fragments(fragments: list[ds.Fragment], columns: pa.Schema) -> ds.Dataset:
    import pyarrow.dataset as ds  # noqa: PLC0415  # brings pandas, where that is

    if not fragments:
        return ds.dataset(columns.empty_table())
    place = fragments[0].filesystem
    return ds.FileSystemDataset(fragments, columns, ds.ParquetFileFormat(), place)
