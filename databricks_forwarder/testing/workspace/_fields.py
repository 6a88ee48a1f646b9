"""
Columns and fields of structs: what they may be called, how they are added.

Sources: Delta Lake's list of error classes, for those that begin with
``DELTA_``; Databricks, "Error conditions" and "Update Delta Lake table
schema", read 2026-11-23.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._types import catalog_string

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from databricks_forwarder.testing.workspace._types import Field, Type

__all__ = ["Place", "added", "commented", "refuse_odd_names", "refuse_poor_keys"]

_ODD = re.compile(r"[ ,;{}()\n\t=]")

# Types that a file keeps a smallest and a largest value of.
_RANGED = {
    "long",
    "integer",
    "short",
    "byte",
    "double",
    "float",
    "string",
    "date",
    "timestamp",
}


@attrs.frozen
class Place:
    """
    Where a new column goes among its neighbours.

    Attributes:
        path: Names from the column down; the last is the new one.
        after: Name of the neighbour before it; ``""`` for the first place,
            None for the last.
    """

    path: Sequence[str]
    after: str | None = None


def refuse_odd_names(fields: Sequence[Field]) -> None:
    """
    See that columns and fields can be in a table without column mapping.

    Raises:
        RefusedError: A name is too long, has a character that it must not, or
            is there twice; or a field in an array or a map is NOT NULL.

    Source for the last: Delta Lake, "Constraints", read 2026-11-24: columns in
    arrays and maps have none. Its class is the one Delta Lake has.
    """
    names = list(_names(fields))
    odd = [name for name in names if _ODD.search(name)]
    if odd:
        raise RefusedError(
            "DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES",
            "Found invalid character(s) among ' ,;{}()\\n\\t=' in the column names of "
            f"your schema. Invalid column names: {', '.join(odd)}.",
            sqlstate="42K05",
        )
    long = [name for name in names if not 0 < len(name) <= 255]
    if long:
        raise RefusedError(
            "INVALID_PARAMETER_VALUE",
            f"Column name {long[0][:40]!r}... is longer than 255 characters.",
            sqlstate="22023",
        )
    _refuse_doubles(fields)
    for each in fields:
        _refuse_required(each["type"], each["name"], within=False)


def refuse_poor_keys(
    keys: Sequence[str], fields: Sequence[Field], indexed_count: int | None
) -> None:
    """
    See that a table can be clustered by *keys*.

    Raises:
        RefusedError: Too many, unknown, or without statistics, which the first
            *indexed_count* columns have, None for all, counting each field of
            a struct.
    """
    if len(keys) > 4:
        raise RefusedError(
            "DELTA_CLUSTER_BY_INVALID_NUM_COLUMNS",
            "CLUSTER BY for Liquid clustering supports up to 4 clustering columns, but "
            f"the table has {len(keys)} clustering columns. Please remove the extra "
            "clustering columns.",
            sqlstate="54000",
        )
    types = {each["name"].lower(): each["type"] for each in fields}
    for key in keys:
        if key.lower() not in types:
            raise RefusedError(
                "DELTA_COLUMN_NOT_FOUND_IN_SCHEMA",
                f"Couldn't find column {key} in: {', '.join(types)}",
                sqlstate="42703",
            )
    with_statistics = [path[0].lower() for path, _ in _leaves(fields)][:indexed_count]
    poor = [
        key
        for key in keys
        if key.lower() not in with_statistics or isinstance(types[key.lower()], dict)
    ]
    if poor:
        raise RefusedError(
            "DELTA_CLUSTERING_COLUMN_MISSING_STATS",
            "Liquid clustering requires clustering columns to have stats. Couldn't "
            f"find clustering column(s) '{', '.join(poor)}' in stats schema.",
            sqlstate="22000",
        )
    for key in keys:
        type_ = types[key.lower()]
        if type_ not in _RANGED and not type_.startswith("decimal"):
            raise RefusedError(
                "DELTA_CLUSTERING_COLUMNS_DATATYPE_NOT_SUPPORTED",
                f"CLUSTER BY is not supported because the following column(s): {key} : "
                f"{type_.upper()} don't support data skipping.",
                sqlstate="0A000",
            )


def added(fields: Sequence[Field], new: Field, place: Place) -> list[Field]:
    """
    The columns with a new one, or with a new field in one of their structs.

    Raises:
        RefusedError: It is there already, or what it is to be in is not there
            or no struct.
    """
    name, *below = place.path
    index = _index(fields, name)
    if below:
        if index is None:
            raise _not_found(name, fields)
        type_ = _struct(fields[index], place.path)
        inner = added(type_["fields"], new, attrs.evolve(place, path=below))
        grown = {**fields[index], "type": {**type_, "fields": inner}}
        return [*fields[:index], grown, *fields[index + 1 :]]
    if index is not None:
        raise RefusedError(
            "FIELDS_ALREADY_EXISTS",
            f"Cannot add column, because `{name}` already exists in "
            f'"{_spelled(fields)}".',
            sqlstate="42710",
        )
    at = _position(fields, place.after)
    return [*fields[:at], new, *fields[at:]]


def commented(fields: Sequence[Field], name: str, comment: str) -> list[Field]:
    """
    The columns, with *comment* on one of them.

    Raises:
        RefusedError: It is not there.
    """
    index = _index(fields, name)
    if index is None:
        raise _not_found(name, fields)
    metadata = {**fields[index]["metadata"], "comment": comment}
    changed = {**fields[index], "metadata": metadata}
    return [*fields[:index], changed, *fields[index + 1 :]]


def _struct(parent: Field, path: Sequence[str]) -> dict[str, list[Field]]:
    # The documentation says that fields are added to structs only, not which
    # class refuses the rest; this is the one Delta Lake has.
    type_ = parent["type"]
    if isinstance(type_, str) or type_["type"] != "struct":
        raise RefusedError(
            "DELTA_ADD_COLUMN_PARENT_NOT_STRUCT",
            f"Cannot add `{path[-1]}` because its parent is not a StructType. Found "
            f"{catalog_string(type_)}",
            sqlstate="42KD3",
        )
    found: dict[str, list[Field]] = type_
    return found


def _position(fields: Sequence[Field], after: str | None) -> int:
    if after is None:
        return len(fields)
    if not after:
        return 0
    index = _index(fields, after)
    if index is None:
        raise _not_found(after, fields)
    return index + 1


def _index(fields: Sequence[Field], name: str) -> int | None:
    for index, each in enumerate(fields):
        if each["name"].lower() == name.lower():
            return index
    return None


def _not_found(name: str, fields: Sequence[Field]) -> RefusedError:
    return RefusedError(
        "FIELD_NOT_FOUND",
        f"No such struct field `{name}` in {_spelled(fields)}.",
        sqlstate="42704",
    )


def _spelled(fields: Sequence[Field]) -> str:
    return catalog_string({"type": "struct", "fields": list(fields)})


def _refuse_required(type_: Type, path: str, *, within: bool) -> None:
    """
    See that no field is NOT NULL *within* an array or a map.
    """
    if isinstance(type_, str):
        return
    for each in type_.get("fields", ()):
        if within and not each["nullable"]:
            raise RefusedError(
                "DELTA_NESTED_NOT_NULL_CONSTRAINT",
                f"The {catalog_string(type_)} type of the field {path} contains a NOT "
                "NULL constraint. Delta does not support NOT NULL constraints nested "
                "within arrays or maps.",
                sqlstate="0AKDC",
            )
        _refuse_required(each["type"], f"{path}.{each['name']}", within=within)
    for part in ("elementType", "keyType", "valueType"):
        if part in type_:
            _refuse_required(type_[part], path, within=True)


def _refuse_doubles(fields: Sequence[Field]) -> None:
    for level in _levels(fields):
        seen: set[str] = set()
        for each in level:
            name = each["name"].lower()
            if name in seen:
                raise RefusedError(
                    "COLUMN_ALREADY_EXISTS",
                    f"The column `{name}` already exists. Choose another name or "
                    "rename the existing column.",
                    sqlstate="42711",
                )
            seen.add(name)


def _names(fields: Iterable[Field]) -> Iterator[str]:
    for level in _levels(fields):
        yield from (each["name"] for each in level)


def _levels(fields: Iterable[Field]) -> Iterator[Iterable[Field]]:
    yield fields
    for each in fields:
        yield from _inner_levels(each["type"])


def _inner_levels(type_: Type) -> Iterator[Iterable[Field]]:
    if isinstance(type_, dict):
        if type_["type"] == "struct":
            yield from _levels(type_["fields"])
        for part in ("elementType", "keyType", "valueType"):
            if part in type_:
                yield from _inner_levels(type_[part])


def _leaves(
    fields: Iterable[Field], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Type]]:
    for each in fields:
        path, type_ = (*above, each["name"]), each["type"]
        if isinstance(type_, dict) and type_["type"] == "struct":
            yield from _leaves(type_["fields"], path)
        else:
            yield path, type_
