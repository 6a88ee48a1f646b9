"""
DESCRIBE DETAIL: how a table lies on the disk.

It takes SELECT here; the page names no privilege.

Source: Databricks, "Review table details with describe detail", read 2026-11-26,
for the columns; which there are "depend on the Databricks Runtime version", so
nobody should count them.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from databricks_forwarder.testing.workspace._clustering import is_auto, keys_of
from databricks_forwarder.testing.workspace._names import full_name
from databricks_forwarder.testing.workspace._predictive import OWN
from databricks_forwarder.testing.workspace._results import Result
from databricks_forwarder.testing.workspace._tables import while_there

if TYPE_CHECKING:
    from databricks_forwarder.testing.workspace._log import Snapshot
    from databricks_forwarder.testing.workspace._parts import Parts
    from databricks_forwarder.testing.workspace._reader import Reader
    from databricks_forwarder.testing.workspace._results import Session
    from databricks_forwarder.testing.workspace._tables import Table

__all__ = ["describe_detail"]

_TEXTS = pa.list_(pa.string())
_MOMENT = pa.timestamp("us", "UTC")
_COLUMNS = pa.schema(
    [
        *((name, pa.string()) for name in ("format", "id", "name", "description")),
        ("location", pa.string()),
        ("createdAt", _MOMENT),
        ("lastModified", _MOMENT),
        ("partitionColumns", _TEXTS),
        ("clusteringColumns", _TEXTS),
        ("numFiles", pa.int64()),
        ("sizeInBytes", pa.int64()),
        ("properties", pa.map_(pa.string(), pa.string())),
        ("minReaderVersion", pa.int32()),
        ("minWriterVersion", pa.int32()),
        ("tableFeatures", _TEXTS),
        ("statistics", pa.map_(pa.string(), pa.int64())),
        ("clusterByAuto", pa.bool_()),
    ]
)


def describe_detail(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read and answer what follows DESCRIBE DETAIL.
    """
    name = full_name(reader.name(), "TABLE", session)
    reader.end()
    table = parts.tables.find(name, session.principal, "SELECT")
    with while_there(table):
        snapshot = table.log.read()
        told = _detail(table, snapshot)
    return Result(pa.Table.from_pylist([told], schema=_COLUMNS))


def _detail(table: Table, snapshot: Snapshot) -> dict[str, Any]:
    properties = {
        name: value for name, value in snapshot.properties.items() if name not in OWN
    }
    begun, changed = table.log.moments(snapshot)
    return {
        "format": "delta",
        "id": snapshot.metadata["id"],
        "name": table.name,
        "description": snapshot.comment,
        "location": table.location,
        "createdAt": _moment(begun),
        "lastModified": _moment(changed),
        "partitionColumns": [],
        "clusteringColumns": keys_of(snapshot.properties),
        "numFiles": len(snapshot.files),
        "sizeInBytes": sum(each["add"]["size"] for each in snapshot.files.values()),
        "properties": list(properties.items()),
        "minReaderVersion": 1,
        "minWriterVersion": 2,
        "tableFeatures": ["appendOnly", "invariants"],
        "statistics": [],
        "clusterByAuto": is_auto(snapshot.properties),
    }


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)
