"""
The information schema of a catalog, as one principal sees it.

Source: Databricks, "Information schema" and its pages TABLES, COLUMNS, VOLUMES,
SCHEMATA and TABLE_PRIVILEGES, read 2026-11-23, and VIEWS, read 2026-11-25.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from databricks_forwarder.testing.workspace._grants import ADMIN, missing
from databricks_forwarder.testing.workspace._names import parent
from databricks_forwarder.testing.workspace._types import catalog_string

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from databricks_forwarder.testing.workspace._catalog import Securable
    from databricks_forwarder.testing.workspace._names import Kind
    from databricks_forwarder.testing.workspace._parts import Parts
    from databricks_forwarder.testing.workspace._results import Session
    from databricks_forwarder.testing.workspace._types import Field

__all__ = ["information", "seen"]

_Row = dict[str, Any]


def information(view: str, catalog: str, session: Session, parts: Parts) -> pa.Table:
    """
    The rows of one view.

    Raises:
        RefusedError: There is no such view, or no such catalog for this one.
    """
    parts.grants.require("USE CATALOG", "CATALOG", catalog, session.principal)
    if view not in _VIEWS:
        raise missing("TABLE", f"{catalog}.information_schema.{view}")
    names, rows = _VIEWS[view]
    schema = pa.schema(
        [
            (name, pa.int32() if name == "ordinal_position" else pa.string())
            for name in names
        ]
    )
    return pa.Table.from_pylist(list(rows(catalog, session, parts)), schema=schema)


def seen(
    kind: Kind, within: str, session: Session, parts: Parts
) -> Iterator[Securable]:
    """
    The tables or volumes that the session's principal may know of.
    """
    principal = session.principal
    may_use: dict[str, bool] = {}
    for each in parts.catalog.within(kind, within):
        schema = parent(each.name)
        if schema not in may_use:
            may_use[schema] = parts.grants.holds(
                "USE SCHEMA", "SCHEMA", schema, principal
            ) and parts.grants.holds(
                "USE CATALOG", "CATALOG", parent(schema), principal
            )
        if may_use[schema] and parts.grants.sees(each, principal):
            yield each


def fields_of(each: Securable, parts: Parts) -> Sequence[Field]:
    """
    The columns of a table or view; none if it was dropped meanwhile.
    """
    if each.is_view:
        view = parts.catalog.view(each.name)
        return view.fields if view else ()
    try:
        return parts.tables.open(each).log.read().fields
    except FileNotFoundError:
        return ()


def _schemata(catalog: str, session: Session, parts: Parts) -> Iterator[_Row]:
    for each in parts.catalog.within("SCHEMA", catalog):
        if parts.grants.holds("USE SCHEMA", "SCHEMA", each.name, session.principal):
            yield {
                "catalog_name": catalog,
                "schema_name": each.name.split(".")[1],
                "schema_owner": each.owner,
                "comment": each.comment or None,
            }


def _tables(catalog: str, session: Session, parts: Parts) -> Iterator[_Row]:
    for each in seen("TABLE", catalog, session, parts):
        if each.is_view:
            yield _view(each)
            continue
        try:
            comment = parts.tables.open(each).log.read().comment
        except FileNotFoundError:
            continue
        yield {
            **_place(each, "table"),
            "table_type": "MANAGED",
            "table_owner": each.owner,
            "comment": comment,
            "data_source_format": "DELTA",
        }


def _columns(catalog: str, session: Session, parts: Parts) -> Iterator[_Row]:
    for each in seen("TABLE", catalog, session, parts):
        fields = fields_of(each, parts)
        place = _place(each, "table")
        for position, field in enumerate(fields, 1):
            type_ = field["type"]
            word = type_["type"] if isinstance(type_, dict) else catalog_string(type_)
            yield {
                **place,
                "column_name": field["name"],
                "ordinal_position": position,
                "is_nullable": "YES" if field["nullable"] else "NO",
                "full_data_type": catalog_string(type_),
                "data_type": word.partition("(")[0].upper(),
                "comment": field["metadata"].get("comment"),
            }


def _view(each: Securable) -> _Row:
    return {
        **_place(each, "table"),
        "table_type": "VIEW",
        "table_owner": each.owner,
        "comment": each.comment or None,
        "data_source_format": "UNKNOWN_DATA_SOURCE_FORMAT",
    }


def _views(catalog: str, session: Session, parts: Parts) -> Iterator[_Row]:
    for each in seen("TABLE", catalog, session, parts):
        view = parts.catalog.view(each.name)
        if view is not None:
            may_read = session.principal in {ADMIN, each.owner}
            yield {
                **_place(each, "table"),
                "view_definition": view.query if may_read else None,
                "check_option": "NONE",
                "is_updatable": "NO",
                "is_insertable_into": "NO",
                "sql_path": None,
            }


def _volumes(catalog: str, session: Session, parts: Parts) -> Iterator[_Row]:
    for each in seen("VOLUME", catalog, session, parts):
        yield {
            **_place(each, "volume"),
            "volume_type": "MANAGED",
            "volume_owner": each.owner,
            "comment": each.comment or None,
        }


def _privileges(catalog: str, session: Session, parts: Parts) -> Iterator[_Row]:
    for each in parts.catalog.within("TABLE", catalog):
        for grant in parts.catalog.grants_on("TABLE", each.name):
            if session.principal in {ADMIN, each.owner, grant.principal}:
                yield {
                    **_place(each, "table"),
                    "grantee": grant.principal,
                    "privilege_type": grant.privilege.replace(" ", "_"),
                }


def _place(each: Securable, word: str) -> _Row:
    names = (f"{word}_catalog", f"{word}_schema", f"{word}_name")
    return dict(zip(names, each.name.split("."), strict=True))


_VIEWS: dict[
    str, tuple[tuple[str, ...], Callable[[str, Session, Parts], Iterator[_Row]]]
] = {
    "schemata": (("catalog_name", "schema_name", "schema_owner", "comment"), _schemata),
    "tables": (
        (
            *("table_catalog", "table_schema", "table_name", "table_type"),
            *("table_owner", "comment", "data_source_format"),
        ),
        _tables,
    ),
    "columns": (
        (
            *("table_catalog", "table_schema", "table_name", "column_name"),
            *("ordinal_position", "is_nullable", "full_data_type", "data_type"),
            "comment",
        ),
        _columns,
    ),
    "views": (
        (
            *("table_catalog", "table_schema", "table_name", "view_definition"),
            *("check_option", "is_updatable", "is_insertable_into", "sql_path"),
        ),
        _views,
    ),
    "volumes": (
        (
            *("volume_catalog", "volume_schema", "volume_name", "volume_type"),
            *("volume_owner", "comment"),
        ),
        _volumes,
    ),
    "table_privileges": (
        (
            *("table_catalog", "table_schema", "table_name", "grantee"),
            "privilege_type",
        ),
        _privileges,
    ),
}
