"""
Liquid clustering, as it is said and as it is kept: in a table's properties.

Source: Databricks, "CLUSTER BY clause (TABLE)" and "Use liquid clustering for
tables", read 2026-11-23.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from databricks_forwarder.testing.workspace._fields import refuse_poor_keys
from databricks_forwarder.testing.workspace._refusals import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databricks_forwarder.testing.workspace._reader import Reader
    from databricks_forwarder.testing.workspace._types import Field

__all__ = ["clustered", "is_auto", "keys_of", "read_keys", "read_property"]

_KEYS = "clusteringColumns"
_AUTO = "clusterByAuto"


def read_keys(reader: Reader) -> list[str] | None:
    """
    Read what follows CLUSTER BY; None for AUTO.
    """
    if reader.accept("AUTO"):
        return None
    if reader.accept("NONE"):
        return []
    return reader.listed(lambda: ".".join(reader.name()))


def read_property(reader: Reader) -> tuple[str, str]:
    """
    Read one property or option: a name and a value.
    """
    name = reader.string() if reader.ahead.kind == "string" else None
    if name is None:
        name = ".".join(reader.name())
    reader.accept("=")
    if reader.ahead.kind == "string":
        return name, reader.string()
    return name, reader.identifier()


def clustered(
    keys: Sequence[str] | None, fields: Sequence[Field], properties: Mapping[str, str]
) -> dict[str, str]:
    """
    The properties of a table that is clustered by *keys*, None for AUTO.

    Raises:
        RefusedError: It can't be.
    """
    if keys is None:
        return {_KEYS: "[]", _AUTO: "true"}
    refuse_poor_keys(keys, fields, _indexed_count(properties))
    return {_KEYS: json.dumps([[key] for key in keys]), _AUTO: "false"}


def keys_of(properties: Mapping[str, str]) -> list[str]:
    """
    The columns that a table is clustered by.
    """
    return [key for (key,) in json.loads(properties.get(_KEYS, "[]"))]


def is_auto(properties: Mapping[str, str]) -> bool:
    """
    Whether the platform chooses what a table is clustered by.
    """
    return properties.get(_AUTO) == "true"


def _indexed_count(properties: Mapping[str, str]) -> int | None:
    """
    How many columns have statistics; None for all of them.
    """
    said = properties.get("delta.dataSkippingNumIndexedCols", "32")
    if said == "-1":
        return None
    if not said.isdecimal():
        raise RefusedError(
            "INVALID_PARAMETER_VALUE",
            f"delta.dataSkippingNumIndexedCols must be a number, not {said!r}.",
            sqlstate="22023",
        )
    return int(said)
