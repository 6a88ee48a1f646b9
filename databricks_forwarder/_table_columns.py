"""
The columns of the event tables, with what they hold.

One row for each event; a batch's columns repeat on each row.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pyarrow as pa

from databricks_forwarder._columns import arrow_type
from databricks_forwarder.mparticle.batch import Batch, body_of
from databricks_forwarder.mparticle.shapes import Object, object_shape

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "MARKS",
    "OWN_COLUMNS",
    "TIMESTAMP",
    "body_schema",
    "column_comments",
    "schema_of",
]

TIMESTAMP = pa.timestamp("us", tz="UTC")

OWN_COLUMNS: tuple[tuple[str, pa.DataType, str], ...] = (
    (
        "_event_timestamp",
        TIMESTAMP,
        "When it happened: the event's own time, else the batch's, else received.",
    ),
    ("_received_at", TIMESTAMP, "When the batch was handed in."),
    (
        "_load_id",
        pa.string(),
        "The load that brought the row; it begins with the id of the spool.",
    ),
    ("_offset", pa.int64(), "The record in the spool that the row came from."),
    (
        "_position",
        pa.int32(),
        "Place of the event in its batch, from 0; with offset and spool id a key.",
    ),
)
"""The library's own columns, with what they hold; they come first."""

MARKS = frozenset({"event_type", "data", *(name for name, _, _ in OWN_COLUMNS)})
"""Columns that tell a table of events, by whatever name."""

_RESCUED = "_rescued_data"
_BATCH_FIELDS = [
    pa.field(each.name, arrow_type(each.shape)) for each in object_shape(Batch).fields
]


@cache
def schema_of(event_type: str | None) -> pa.Schema:
    """
    The columns of a table, all nullable, the same whatever a day brings.

    Args:
        event_type: The event type that the table is for; None, or one that
            the library does not know, for the fields of all event types.
    """
    return body_schema(object_shape(body_of(event_type)))


@cache
def body_schema(body: Object) -> pa.Schema:
    """
    The columns of a table whose events have such bodies.
    """
    return pa.schema(
        [
            pa.field("event_type", pa.string()),
            *(pa.field(name, type_) for name, type_, _ in OWN_COLUMNS),
            *_BATCH_FIELDS,
            pa.field("data", arrow_type(body)),
            pa.field(_RESCUED, pa.string()),
        ]
    )


@cache
def column_comments() -> Mapping[str, str]:
    """
    What each column holds, by its name, for engines that keep such comments.
    """
    return {
        **{
            field.name: f"{field.name} of the mParticle batch."
            for field in _BATCH_FIELDS
        },
        **{name: holds for name, _, holds in OWN_COLUMNS},
        "event_type": "Type of the event; null for a batch without events.",
        "data": "Fields of the event.",
        _RESCUED: (
            "JSON object: path in the batch to the value that fits no column; null "
            "when all fit."
        ),
    }
