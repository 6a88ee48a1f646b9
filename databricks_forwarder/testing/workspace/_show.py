"""
SHOW, in its simple forms.

Sources: Databricks, "SHOW CATALOGS", "SHOW SCHEMAS", "SHOW TABLES", "SHOW
VOLUMES" and "SHOW GRANTS", read 2026-11-23.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from databricks_forwarder.testing.workspace._information import seen
from databricks_forwarder.testing.workspace._names import full_name
from databricks_forwarder.testing.workspace._parts import texts, unsupported
from databricks_forwarder.testing.workspace._place_statements import read_kind
from databricks_forwarder.testing.workspace._results import Result

if TYPE_CHECKING:
    from databricks_forwarder.testing.workspace._names import Kind
    from databricks_forwarder.testing.workspace._parts import Parts
    from databricks_forwarder.testing.workspace._reader import Reader
    from databricks_forwarder.testing.workspace._results import Session

__all__ = ["show"]


def show(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read and answer what follows SHOW.
    """
    for word, answer in _ANSWERS.items():
        if reader.accept(word):
            return answer(reader, session, parts)
    raise unsupported("SHOW", reader.word())


def _catalogs(reader: Reader, session: Session, parts: Parts) -> Result:
    reader.end()
    names = [
        [each.name]
        for each in parts.catalog.within("CATALOG", "")
        if parts.grants.holds("USE CATALOG", "CATALOG", each.name, session.principal)
    ]
    return texts(["catalog"], names)


def _schemas(reader: Reader, session: Session, parts: Parts) -> Result:
    catalog = _within(reader, session, "CATALOG")
    parts.grants.require("USE CATALOG", "CATALOG", catalog, session.principal)
    names = [
        [each.name.split(".")[1]]
        for each in parts.catalog.within("SCHEMA", catalog)
        if parts.grants.holds("USE SCHEMA", "SCHEMA", each.name, session.principal)
    ]
    return texts(["databaseName"], names)


def _tables(reader: Reader, session: Session, parts: Parts) -> Result:
    schema = _within(reader, session, "SCHEMA")
    parts.grants.enter(schema, session.principal)
    rows = [each.name.split(".")[1:] for each in seen("TABLE", schema, session, parts)]
    table = texts(["database", "tableName"], rows).table
    return Result(table.append_column("isTemporary", pa.array([False] * len(rows))))


def _volumes(reader: Reader, session: Session, parts: Parts) -> Result:
    schema = _within(reader, session, "SCHEMA")
    parts.grants.enter(schema, session.principal)
    rows = [each.name.split(".")[1:] for each in seen("VOLUME", schema, session, parts)]
    return texts(["database", "volume_name"], rows)


def _grants(reader: Reader, session: Session, parts: Parts) -> Result:
    principal = None if reader.sees("ON") else reader.identifier()
    reader.expect("ON")
    kind = read_kind(reader)
    name = full_name(reader.name(), kind, session)
    reader.end()
    parts.grants.enter_for(kind, name, session.principal)
    if principal != session.principal:
        parts.grants.require_owner(kind, name, session.principal)
    parts.grants.found(kind, name)
    rows = [
        (grant.principal, grant.privilege, kind, name)
        for grant in parts.catalog.grants_on(kind, name)
        if principal in {None, grant.principal}
    ]
    return texts(["Principal", "ActionType", "ObjectType", "ObjectKey"], rows)


def _within(reader: Reader, session: Session, kind: Kind) -> str:
    path = []
    if reader.accept("IN") or reader.accept("FROM"):
        if reader.sees("CATALOG"):
            raise unsupported("SHOW in all schemas of a CATALOG")
        path = reader.name()
    if reader.sees("LIKE") or reader.ahead.kind == "string":
        raise unsupported("SHOW with a pattern")
    reader.end()
    return full_name(path, kind, session)


_ANSWERS = {
    "CATALOGS": _catalogs,
    "SCHEMAS": _schemas,
    "DATABASES": _schemas,
    "TABLES": _tables,
    "VOLUMES": _volumes,
    "GRANTS": _grants,
}
