"""
How the columns of a file fit those of a table.

Only the very same types fit. The platform casts where it is safe; which casts
it takes for safe is not documented, so none is relied on here.

Sources: Databricks, "COPY INTO", "Schema enforcement" and "Update Delta Lake
table schema"; Delta Lake's list of error classes; read 2026-11-23.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._types import catalog_string

if TYPE_CHECKING:
    from collections.abc import Sequence

    from databricks_forwarder.testing.workspace._types import Field, Type

__all__ = ["merged", "refuse_nulls"]


def merged(
    table: str, fields: Sequence[Field], source: Sequence[Field], *, evolve: bool
) -> list[Field]:
    """
    The columns that a table has once a file with columns *source* is in it.

    Args:
        table: Its name, for the refusal.
        fields: Its columns now.
        source: The file's.
        evolve: Whether new columns, and new fields of structs, are added.

    Raises:
        RefusedError: A type differs; or there are more columns and they must
            not, or could only be added inside an array or map, which no page
            of the documentation promises.
    """
    merging = _Merging(evolve=evolve)
    grown = merging.fields(fields, source, ())
    if merging.extras:
        raise RefusedError(
            "COPY_INTO_SCHEMA_MISMATCH_WITH_TARGET_TABLE",
            "A schema mismatch was detected while copying into the Delta table (Table: "
            f"{table}). This may indicate an issue with the incoming data, or the "
            "Delta table schema can be evolved automatically according to the incoming "
            "data by setting: COPY_OPTIONS ('mergeSchema' = 'true'). Schema "
            f"difference: {', '.join(merging.extras)}.",
            sqlstate="42KDG",
        )
    return grown


def refuse_nulls(fields: Sequence[Field], batch: pa.RecordBatch) -> None:
    """
    See that columns that must have values have them.

    Raises:
        RefusedError: One has not.
    """
    names = set(batch.schema.names)
    for each in fields:
        name = each["name"]
        column = batch.column(name) if name in names else pa.nulls(batch.num_rows)
        _refuse_nulls(each, name, column)


def _refuse_nulls(each: Field, path: str, values: pa.Array) -> None:
    if not each["nullable"] and values.null_count:
        raise RefusedError(
            "DELTA_NOT_NULL_CONSTRAINT_VIOLATED",
            f"NOT NULL constraint violated for column: {path}.",
            sqlstate="23502",
        )
    type_ = each["type"]
    if isinstance(type_, dict) and type_["type"] == "struct":
        whole = values.drop_null()
        there = {field.name for field in whole.type} if len(whole) else set()
        for inner in type_["fields"]:
            name = inner["name"]
            part = (
                pc.struct_field(whole, name) if name in there else pa.nulls(len(whole))
            )
            _refuse_nulls(inner, f"{path}.{name}", part)


class _Merging:
    """
    One merge, and what of the source had no place.
    """

    def __init__(self, *, evolve: bool) -> None:
        self._evolve = evolve
        self.extras: list[str] = []

    def fields(
        self,
        fields: Sequence[Field],
        source: Sequence[Field],
        path: tuple[str, ...],
        *,
        within: bool = False,
    ) -> list[Field]:
        """
        Merge the fields of a struct, or the columns; *within* an array or map.
        """
        grown = {each["name"]: each for each in fields}
        lower = {name.lower() for name in grown}
        for each in source:
            name = each["name"]
            here = (*path, name)
            if name in grown:
                type_ = self._type(grown[name]["type"], each["type"], here, within)
                grown[name] = {**grown[name], "type": type_}
            elif not self._evolve or within or name.lower() in lower:
                self.extras.append(f"{'.'.join(here)} {catalog_string(each['type'])}")
            else:
                grown[name] = each
        return list(grown.values())

    def _type(
        self, type_: Type, source: Type, path: tuple[str, ...], within: bool
    ) -> Type:
        if isinstance(type_, dict) and isinstance(source, dict):
            if type_["type"] == source["type"] == "struct":
                fields, new = type_["fields"], source["fields"]
                return {
                    **type_,
                    "fields": self.fields(fields, new, path, within=within),
                }
            if type_["type"] == source["type"]:
                inner: dict[str, Any] = {
                    name: self._type(
                        type_[name], source[name], (*path, name[:-4]), True
                    )
                    for name in ("elementType", "keyType", "valueType")
                    if name in type_
                }
                return {**type_, **inner}
        if type_ != source:
            name = ".".join(path)
            raise RefusedError(
                "DELTA_FAILED_TO_MERGE_FIELDS",
                f"Failed to merge fields '{name}' and '{name}'. Failed to merge "
                f"incompatible data types {catalog_string(type_)} and "
                f"{catalog_string(source)}",
                sqlstate="22005",
            )
        return type_
