"""
Where the values of some rows were rescued: read from what the rows say of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._codec import keys_of
from databricks_forwarder.mparticle.places import place_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from databricks_forwarder._rows import TableRows
    from databricks_forwarder.model import TableName

__all__ = ["places_of"]


def places_of(part: TableRows) -> Iterator[tuple[TableName, str]]:
    """
    Give table and place of what was rescued, each once a row.
    """
    texts = part.rows.column(part.rows.num_columns - 1)
    for text in texts.drop_null().to_pylist():
        for place in {place_of(pointer) for pointer in keys_of(text)}:
            yield part.table.name, place
