"""
Rows out of a Delta table in a local folder: whose they are, no log tells.

The engine writes into a table's log by what condition rows were deleted, and
into a file's footer the smallest and largest of its texts. So rows are deleted
by where they are, and files that are written again say nothing of texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._disk import sync
from databricks_forwarder.loaders._places import some_places

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

    from deltalake import DeltaTable

    from databricks_forwarder.erasure import Place
    from databricks_forwarder.model import LoadId

__all__ = ["delete_places"]


def delete_places(
    found: DeltaTable, engine: ModuleType, folder: Path, places: Sequence[Place]
) -> Sequence[str]:
    """
    Delete the rows at *places*, and see that what is written is on disk.

    Returns:
        The versions that did it.
    """
    properties = engine.WriterProperties(
        compression="ZSTD",
        default_column_properties=engine.ColumnProperties(
            dictionary_enabled=False, statistics_enabled="NONE"
        ),
    )
    versions = []
    for some in some_places(places):
        before = set(folder.iterdir())
        done = found.delete(_condition(some), writer_properties=properties)
        for path in set(folder.iterdir()) - before:
            sync(path)
        sync(folder)
        if done["num_deleted_rows"]:
            versions.append(f"version {found.version()}")
    return versions


def _condition(offsets_by_load: Mapping[LoadId, Collection[int]]) -> str:
    """
    Name rows by load and offset.
    """
    return " OR ".join(
        f"(_load_id = '{load_id.replace(chr(39), chr(39) * 2)}'"
        f" AND _offset IN ({', '.join(map(str, offsets))}))"
        for load_id, offsets in offsets_by_load.items()
    )
