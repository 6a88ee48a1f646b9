"""
Predictive optimization, as it is set for a table and told of it.

It runs nothing here. For catalogs and schemas it is not known: a table that does
not say otherwise has it from the metastore, where it is disabled.

Sources: Databricks, "ALTER TABLE" (MODIFY to change it) and "Predictive
optimization for Unity Catalog managed tables" (how DESCRIBE … EXTENDED tells of
it), read 2026-11-26.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from databricks_forwarder.testing.workspace._reader import Reader

__all__ = ["OWN", "PREDICTIVE", "read_way", "told_of"]

PREDICTIVE = "predictiveOptimization"
"""What a table keeps it in, beside its properties."""

OWN = frozenset({"clusteringColumns", "clusterByAuto", PREDICTIVE})
"""What is kept with the properties, and is none."""

_INHERITED = "DISABLE (inherited from METASTORE loopback)"


def read_way(reader: Reader) -> str | None:
    """
    Read ENABLE, DISABLE or INHERIT and what belongs to it, if that is next.
    """
    for way in ("ENABLE", "DISABLE", "INHERIT"):
        if reader.accept(way, "PREDICTIVE", "OPTIMIZATION"):
            reader.end()
            return way
    return None


def told_of(properties: Mapping[str, str]) -> str:
    """
    How a description spells it.
    """
    way = properties.get(PREDICTIVE, "INHERIT")
    return _INHERITED if way == "INHERIT" else way
