"""
Catalogs, schemas and volumes: CREATE, DROP, SHOW and USE; and GRANT and REVOKE.

Sources: Databricks, the pages of these statements, read 2026-11-23.
"""

from __future__ import annotations

import shutil
import uuid
from typing import TYPE_CHECKING

from databricks_forwarder.testing.workspace._catalog import Securable
from databricks_forwarder.testing.workspace._grants import ADMIN, lacking
from databricks_forwarder.testing.workspace._names import full_name, parent, shown
from databricks_forwarder.testing.workspace._parts import nothing, unsupported
from databricks_forwarder.testing.workspace._refusals import RefusedError

if TYPE_CHECKING:
    from databricks_forwarder.testing.workspace._names import Kind
    from databricks_forwarder.testing.workspace._parts import Parts
    from databricks_forwarder.testing.workspace._reader import Reader
    from databricks_forwarder.testing.workspace._results import Result, Session

__all__ = [
    "create_catalog",
    "create_schema",
    "create_volume",
    "drop_schema",
    "drop_volume",
    "grant",
    "revoke",
    "use",
]


_MADE_ELSEWHERE = ("DEFAULT", "LOCATION", "MANAGED", "OPTIONS", "USING", "WITH")


def create_catalog(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read and do what follows CREATE CATALOG.
    """
    made = _read_place(reader, session, "CATALOG")
    if session.principal != ADMIN:
        raise lacking("CREATE CATALOG", "METASTORE", "loopback")
    return _add(*made, parts)


def create_schema(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read and do what follows CREATE SCHEMA.
    """
    place, if_absent = _read_place(reader, session, "SCHEMA")
    if place.name.endswith(".information_schema"):
        # Each catalog has one.
        if if_absent:
            return nothing()
        raise _already_there(place)
    catalog, principal = parent(place.name), session.principal
    parts.grants.require("USE CATALOG", "CATALOG", catalog, principal)
    parts.grants.require("CREATE SCHEMA", "CATALOG", catalog, principal)
    return _add(place, if_absent, parts)


def create_volume(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read and do what follows CREATE VOLUME.
    """
    place, if_absent = _read_place(reader, session, "VOLUME")
    schema, principal = parent(place.name), session.principal
    parts.grants.enter(schema, principal)
    parts.grants.require("CREATE VOLUME", "SCHEMA", schema, principal)
    # Before it is listed: who finds it listed may write to it.
    parts.volumes.folder(place).mkdir(parents=True)
    return _add(place, if_absent, parts)


def drop_schema(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read and do what follows DROP SCHEMA.
    """
    if_there = reader.accept("IF", "EXISTS")
    name = full_name(reader.name(), "SCHEMA", session)
    is_cascading = reader.accept("CASCADE")
    if not is_cascading:
        reader.accept("RESTRICT")
    reader.end()
    if if_there and parts.catalog.find("SCHEMA", name) is None:
        return nothing()
    parts.grants.require("USE CATALOG", "CATALOG", parent(name), session.principal)
    parts.grants.require_owner("SCHEMA", name, session.principal)
    tables = parts.catalog.within("TABLE", name)
    volumes = parts.catalog.within("VOLUME", name)
    if (tables or volumes) and not is_cascading:
        raise RefusedError(
            "SCHEMA_NOT_EMPTY",
            f"Cannot drop a schema {shown(name)} because it contains objects. Use DROP "
            "SCHEMA ... CASCADE to drop the schema and all its objects.",
            sqlstate="2BP01",
        )
    for table in tables:
        if table.is_view:
            parts.catalog.remove(table)
        else:
            parts.tables.drop(parts.tables.open(table))
    for volume in volumes:
        _drop_volume(volume, parts)
    parts.catalog.remove(parts.grants.found("SCHEMA", name))
    return nothing()


def drop_volume(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read and do what follows DROP VOLUME.
    """
    if_there = reader.accept("IF", "EXISTS")
    name = full_name(reader.name(), "VOLUME", session)
    reader.end()
    parts.grants.enter(parent(name), session.principal)
    if if_there and parts.catalog.find("VOLUME", name) is None:
        return nothing()
    parts.grants.require_owner("VOLUME", name, session.principal)
    _drop_volume(parts.grants.found("VOLUME", name), parts)
    return nothing()


def use(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read and do what follows USE.
    """
    if reader.accept("CATALOG"):
        name = full_name(reader.name(), "CATALOG", session)
        reader.end()
        parts.grants.require("USE CATALOG", "CATALOG", name, session.principal)
        session.catalog, session.schema = name, "default"
        return nothing()
    if not reader.accept("SCHEMA"):
        reader.accept("DATABASE")
    name = full_name(reader.name(), "SCHEMA", session)
    reader.end()
    parts.grants.enter(name, session.principal)
    session.catalog, session.schema = name.split(".")
    return nothing()


def grant(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read and do what follows GRANT.
    """
    privileges, kind, name = _read_privileges(reader, session)
    reader.expect("TO")
    principal = reader.identifier()
    reader.end()
    parts.grants.enter_for(kind, name, session.principal)
    parts.grants.require_owner(kind, name, session.principal)
    for privilege in privileges:
        parts.grants.grant(privilege, kind, name, principal)
    return nothing()


def revoke(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read and do what follows REVOKE.
    """
    privileges, kind, name = _read_privileges(reader, session)
    reader.expect("FROM")
    principal = reader.identifier()
    reader.end()
    parts.grants.enter_for(kind, name, session.principal)
    parts.grants.require_owner(kind, name, session.principal)
    for privilege in privileges:
        parts.grants.revoke(privilege, kind, name, principal)
    return nothing()


def read_kind(reader: Reader) -> Kind:
    """
    Read the kind of a securable; a table's may be left out.
    """
    if reader.sees("METASTORE"):
        raise unsupported("privileges on the METASTORE")
    kinds: dict[str, Kind] = {
        "CATALOG": "CATALOG",
        "SCHEMA": "SCHEMA",
        "DATABASE": "SCHEMA",
        "TABLE": "TABLE",
        "VIEW": "TABLE",
        "VOLUME": "VOLUME",
    }
    for word, kind in kinds.items():
        if reader.accept(word):
            return kind
    return "TABLE"


def _read_place(reader: Reader, session: Session, kind: Kind) -> tuple[Securable, bool]:
    if_absent = reader.accept("IF", "NOT", "EXISTS")
    name = full_name(reader.name(), kind, session)
    comment = reader.string() if reader.accept("COMMENT") else ""
    for clause in _MADE_ELSEWHERE:
        if reader.sees(clause):
            raise unsupported("CREATE", kind, "with", clause)
    reader.end()
    folder = uuid.uuid4().hex if kind == "VOLUME" else ""
    owner = session.principal
    return (
        Securable(kind=kind, name=name, owner=owner, comment=comment, folder=folder),
        if_absent,
    )


def _add(place: Securable, if_absent: bool, parts: Parts) -> Result:
    if not parts.catalog.add(place):
        if place.folder:
            parts.volumes.folder(place).rmdir()
        if not if_absent:
            raise _already_there(place)
    return nothing()


def _already_there(place: Securable) -> RefusedError:
    # Sources: Databricks, "Error conditions", read 2026-11-23.
    sqlstates = {"CATALOG": "42P06", "SCHEMA": "42P06", "VOLUME": "42000"}
    return RefusedError(
        f"{place.kind}_ALREADY_EXISTS",
        f"Cannot create {place.kind.lower()} {shown(place.name)} because it already "
        "exists. Choose a different name, drop or replace the existing object, or add "
        "the IF NOT EXISTS clause to tolerate pre-existing objects.",
        sqlstate=sqlstates[place.kind],
    )


def _drop_volume(volume: Securable, parts: Parts) -> None:
    parts.catalog.remove(volume)
    shutil.rmtree(parts.volumes.folder(volume), ignore_errors=True)


def _read_privileges(reader: Reader, session: Session) -> tuple[list[str], Kind, str]:
    privileges = reader.series(lambda: _read_privilege(reader))
    reader.expect("ON")
    kind = read_kind(reader)
    return privileges, kind, full_name(reader.name(), kind, session)


def _read_privilege(reader: Reader) -> str:
    words = [reader.word()]
    while reader.ahead.kind == "word" and not reader.sees("ON"):
        words.append(reader.word())
    return " ".join(words)
