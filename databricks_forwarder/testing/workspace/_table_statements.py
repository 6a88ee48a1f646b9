"""
CREATE, DROP and DESCRIBE TABLE.

Sources: Databricks, "CREATE TABLE [USING]", "DROP TABLE" and "DESCRIBE TABLE",
read 2026-11-23.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, NoReturn

import attrs

from databricks_forwarder.testing.workspace._catalog import Securable
from databricks_forwarder.testing.workspace._clustering import (
    clustered,
    keys_of,
    read_keys,
    read_property,
)
from databricks_forwarder.testing.workspace._detail import describe_detail
from databricks_forwarder.testing.workspace._fields import refuse_odd_names
from databricks_forwarder.testing.workspace._grants import lacking
from databricks_forwarder.testing.workspace._names import full_name, parent
from databricks_forwarder.testing.workspace._parts import nothing, texts, unsupported
from databricks_forwarder.testing.workspace._predictive import OWN, told_of
from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._tables import already_there, while_there
from databricks_forwarder.testing.workspace._types import (
    catalog_string,
    field,
    read_type,
)

if TYPE_CHECKING:
    from databricks_forwarder.testing.workspace._log import Snapshot
    from databricks_forwarder.testing.workspace._parts import Parts
    from databricks_forwarder.testing.workspace._reader import Reader
    from databricks_forwarder.testing.workspace._results import Result, Session
    from databricks_forwarder.testing.workspace._tables import Table
    from databricks_forwarder.testing.workspace._types import Field

__all__ = ["create_table", "describe_table", "drop_table"]

# What the platform knows of a table and this workspace does not.
_ELSEWHERE = ("AS", "PARTITIONED", "LOCATION", "OPTIONS", "WITH", "DEFAULT")
_COLUMN_ELSEWHERE = ("DEFAULT", "GENERATED", "PRIMARY", "CONSTRAINT", "MASK", "COLLATE")
_UNWRITABLE = {
    *("delta.columnmapping.mode", "delta.enabletypewidening"),
    *(name.lower() for name in OWN),
}


@attrs.define
class _Clauses:
    keys: list[str] | None = attrs.field(factory=list)
    comment: str | None = None
    properties: dict[str, str] = attrs.field(factory=dict)


# Source: Databricks, "DESCRIBE …" and "DESCRIBE HISTORY", read 2026-11-24.
_DESCRIBED_ELSEWHERE = {
    *("CATALOG", "CONNECTION", "DATABASE", "DETAIL", "FUNCTION", "HISTORY"),
    *("PROVIDER", "QUERY", "RECIPIENT", "SCHEMA", "SHARE", "VOLUME"),
}


def create_table(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read and do what follows CREATE TABLE.
    """
    if_absent = reader.accept("IF", "NOT", "EXISTS")
    name = full_name(reader.name(), "TABLE", session)
    fields = reader.listed(lambda: _column(reader)) if reader.sees("(") else []
    clauses = _clauses(reader)
    reader.end()
    refuse_odd_names(fields)
    properties = clauses.properties
    properties |= clustered(clauses.keys, fields, properties)
    parts.grants.enter(parent(name), session.principal)
    parts.grants.require("CREATE TABLE", "SCHEMA", parent(name), session.principal)
    table = Securable(
        kind="TABLE", name=name, owner=session.principal, folder=uuid.uuid4().hex
    )
    made = parts.catalog.find("TABLE", name) is None and parts.tables.create(
        table, fields, clauses.comment, properties
    )
    if not made and not if_absent:
        raise already_there(name)
    return nothing()


def drop_table(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read and do what follows DROP TABLE.
    """
    if_there = reader.accept("IF", "EXISTS")
    name = full_name(reader.name(), "TABLE", session)
    reader.end()
    parts.grants.enter(parent(name), session.principal)
    if not if_there or parts.catalog.find("TABLE", name) is not None:
        parts.tables.drop(parts.tables.owned(name, session.principal))
    return nothing()


def describe_table(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read and do what follows DESCRIBE.
    """
    is_plain = not reader.accept("TABLE")
    is_extended = reader.accept("EXTENDED")
    path = reader.name()
    if is_plain and path[0].upper() == "DETAIL" and reader.ahead.kind != "end":
        return describe_detail(reader, session, parts)
    if path[0].upper() in _DESCRIBED_ELSEWHERE and reader.ahead.kind != "end":
        raise unsupported("DESCRIBE", path[0].upper())
    name = full_name(path, "TABLE", session)
    reader.end()
    parts.grants.enter(parent(name), session.principal)
    if not parts.grants.sees(parts.grants.found("TABLE", name), session.principal):
        raise lacking("SELECT", "TABLE", name)
    view = parts.catalog.view(name)
    if view is not None:
        if is_extended:
            raise unsupported("DESCRIBE EXTENDED of a view")
        rows = [_described(each) for each in view.fields]
        return texts(("col_name", "data_type", "comment"), rows)
    table = parts.tables.find(name, session.principal)
    with while_there(table):
        snapshot = table.log.read()
    rows = [_described(each) for each in snapshot.fields]
    keys = set(keys_of(snapshot.properties))
    if keys:
        rows += [
            ("# Clustering Information", "", ""),
            ("# col_name", "data_type", "comment"),
            *[row for row in rows if row[0] in keys],
        ]
    if is_extended:
        rows += _details(table, snapshot)
    return texts(("col_name", "data_type", "comment"), rows)


def _described(each: Field) -> tuple[str, str, str | None]:
    return each["name"], catalog_string(each["type"]), each["metadata"].get("comment")


def _details(table: Table, snapshot: Snapshot) -> list[tuple[str, str, str | None]]:
    catalog, schema, name = table.name.split(".")
    details = {
        "Catalog": catalog,
        "Database": schema,
        "Table": name,
        "Type": "MANAGED",
        "Comment": snapshot.comment or "",
        "Provider": "delta",
        "Owner": table.securable.owner,
        "Predictive Optimization": told_of(snapshot.properties),
    }
    return [
        ("", "", ""),
        ("# Detailed Table Information", "", ""),
        *((said, what, "") for said, what in details.items()),
    ]


def _column(reader: Reader) -> Field:
    name, type_ = reader.identifier(), read_type(reader)
    nullable, comment = True, None
    while not (reader.sees(",") or reader.sees(")")):
        for word in _COLUMN_ELSEWHERE:
            if reader.sees(word):
                raise unsupported(word, "of a column")
        if nullable and reader.accept("NOT", "NULL"):
            nullable = False
        elif comment is None and reader.accept("COMMENT"):
            comment = reader.string()
        else:
            _refuse_twice(reader, name)
    return field(name, type_, nullable=nullable, comment=comment)


def _refuse_twice(reader: Reader, column: str) -> NoReturn:
    # Source: Apache Spark's list of error conditions.
    if reader.sees("NOT", "NULL") or reader.sees("COMMENT"):
        raise RefusedError(
            "CREATE_TABLE_COLUMN_DESCRIPTOR_DUPLICATE",
            f"CREATE TABLE column `{column}` specifies descriptor "
            f'"{reader.word()}" more than once, which is invalid.',
            sqlstate="42710",
        )
    reader.refuse()


def _clauses(reader: Reader) -> _Clauses:
    clauses = _Clauses()
    left = ["USING", "CLUSTER", "COMMENT", "TBLPROPERTIES"]
    while reader.ahead.kind != "end":
        for word in _ELSEWHERE:
            if reader.sees(word):
                raise unsupported("CREATE TABLE with", word)
        clause = reader.choice(*left)
        left.remove(clause)
        if clause == "USING":
            reader.expect("DELTA")
        elif clause == "CLUSTER":
            reader.expect("BY")
            clauses.keys = read_keys(reader)
        elif clause == "COMMENT":
            clauses.comment = reader.string()
        else:
            clauses.properties = read_properties(reader)
    return clauses


def read_properties(reader: Reader) -> dict[str, str]:
    """
    Read what follows TBLPROPERTIES.

    Raises:
        RefusedError: One of them changes how a table is read, or is no user's
            to write.
    """
    properties = dict(reader.listed(lambda: read_property(reader)))
    for name in properties:
        if name.lower() in _UNWRITABLE:
            raise unsupported("table property", name)
    return properties
