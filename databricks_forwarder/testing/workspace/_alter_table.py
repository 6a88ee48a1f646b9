"""
ALTER TABLE and COMMENT ON.

Sources: Databricks, "ALTER TABLE", "ALTER TABLE ... COLUMN clause", "COMMENT
ON", read 2026-11-23: no IF NOT EXISTS and no DEFAULT for a new column; MODIFY
to add columns, to set properties and predictive optimization, ownership for the
rest ("ALTER TABLE", read 2026-11-26).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder.testing.workspace._clustering import clustered, read_keys
from databricks_forwarder.testing.workspace._fields import (
    Place,
    added,
    commented,
    refuse_odd_names,
)
from databricks_forwarder.testing.workspace._log import changed
from databricks_forwarder.testing.workspace._names import full_name
from databricks_forwarder.testing.workspace._parts import nothing, unsupported
from databricks_forwarder.testing.workspace._predictive import PREDICTIVE, read_way
from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._table_statements import read_properties
from databricks_forwarder.testing.workspace._tables import while_there
from databricks_forwarder.testing.workspace._types import field, read_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from databricks_forwarder.testing.workspace._log import Action, Snapshot
    from databricks_forwarder.testing.workspace._parts import Parts
    from databricks_forwarder.testing.workspace._reader import Reader
    from databricks_forwarder.testing.workspace._results import Result, Session
    from databricks_forwarder.testing.workspace._tables import Table
    from databricks_forwarder.testing.workspace._types import Field

__all__ = ["alter_table", "comment_on"]

# Source: Databricks, "COMMENT ON", read 2026-11-24.
_COMMENTED_ELSEWHERE = (
    *("CATALOG", "CONNECTION", "DATABASE", "PROVIDER", "RECIPIENT", "SCHEMA"),
    *("SHARE", "VIEW", "VOLUME"),
)


def alter_table(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read and do what follows ALTER TABLE.
    """
    name = full_name(reader.name(), "TABLE", session)
    if reader.accept("ADD"):
        reader.choice("COLUMNS", "COLUMN")
        read = lambda: _new_column(reader)  # noqa: E731 (read in two ways)
        new = reader.listed(read) if reader.sees("(") else reader.series(read)
        reader.end()
        table = parts.tables.find(name, session.principal, "MODIFY")
        return _change(table, lambda snapshot: _with(snapshot, new))
    if reader.accept("SET", "TBLPROPERTIES"):
        properties = read_properties(reader)
        reader.end()
        table = parts.tables.find(name, session.principal, "MODIFY")
        return _change(table, lambda found: changed(found, properties=properties))
    way = read_way(reader)
    if way is not None:
        table = parts.tables.find(name, session.principal, "MODIFY")
        kept = {PREDICTIVE: way}
        return _change(table, lambda found: changed(found, properties=kept))
    if reader.accept("CLUSTER", "BY"):
        keys = read_keys(reader)
        reader.end()
        table = parts.tables.owned(name, session.principal)
        return _change(table, lambda found: _clustered(found, keys))
    raise unsupported(
        "ALTER TABLE but for ADD COLUMNS, TBLPROPERTIES, CLUSTER BY and PREDICTIVE "
        "OPTIMIZATION"
    )


def comment_on(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read and do what follows COMMENT ON.
    """
    for other in _COMMENTED_ELSEWHERE:
        if reader.sees(other):
            raise unsupported("COMMENT ON", other)
    kind = reader.choice("TABLE", "COLUMN")
    path = reader.name()
    column = path.pop() if kind == "COLUMN" else None
    name = full_name(path, "TABLE", session)
    reader.expect("IS")
    if reader.sees("NULL"):
        raise unsupported("COMMENT ON with NULL")
    comment = reader.string()
    reader.end()
    if column is None:
        table = parts.tables.owned(name, session.principal)
        return _change(table, lambda found: changed(found, comment=comment))
    table = parts.tables.find(name, session.principal, "MODIFY")
    return _change(
        table,
        lambda found: changed(found, fields=commented(found.fields, column, comment)),
    )


def _change(table: Table, change: Callable[[Snapshot], Action]) -> Result:
    with while_there(table):
        snapshot = table.log.read()
        table.log.commit(snapshot, [change(snapshot)], rows="untouched")
    return nothing()


def _clustered(found: Snapshot, keys: list[str] | None) -> Action:
    properties = clustered(keys, found.fields, found.properties)
    return changed(found, properties=properties)


def _with(found: Snapshot, new: list[tuple[Field, Place]]) -> Action:
    fields = found.fields
    for each, place in new:
        fields = added(fields, each, place)
    refuse_odd_names(fields)
    return changed(found, fields=fields)


def _new_column(reader: Reader) -> tuple[Field, Place]:
    path = reader.name()
    type_ = read_type(reader)
    comment, after = None, None
    while reader.ahead.kind == "word":
        _refuse_options(reader)
        if reader.accept("COMMENT"):
            comment = reader.string()
        elif reader.accept("FIRST"):
            after = ""
        else:
            reader.expect("AFTER")
            after = reader.identifier()
    return field(path[-1], type_, comment=comment), Place(path, after)


def _refuse_options(reader: Reader) -> None:
    if reader.sees("DEFAULT"):
        raise RefusedError(
            "WRONG_COLUMN_DEFAULTS_FOR_DELTA_ALTER_TABLE_ADD_COLUMN_NOT_SUPPORTED",
            "Failed to execute the command because DEFAULT values are not supported "
            "when adding new columns to previously existing Delta tables; please add "
            "the column without a default value first, then run a second ALTER TABLE "
            "ALTER COLUMN SET DEFAULT command to apply for future inserted rows "
            "instead.",
            sqlstate="0AKDC",
        )
    if reader.sees("NOT", "NULL"):
        # Which class it is, is not documented.
        raise RefusedError(
            "UNSUPPORTED_FEATURE",
            "The feature is not supported: NOT NULL on a column that is added.",
            sqlstate="0A000",
        )
