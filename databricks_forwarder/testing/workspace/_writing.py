"""
INSERT INTO and DELETE FROM, in their plain forms.

Sources: Databricks, "INSERT", "DELETE FROM" and "Isolation levels and write
conflicts"; Apache Spark's list of error
conditions; read 2026-11-23 and 2026-11-25.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from databricks_forwarder.testing.workspace._merging import refuse_nulls
from databricks_forwarder.testing.workspace._names import full_name, shown
from databricks_forwarder.testing.workspace._parts import unsupported
from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._removals import dated, removal
from databricks_forwarder.testing.workspace._results import Result
from databricks_forwarder.testing.workspace._select import (
    answered,
    parsed_query,
    spared,
)
from databricks_forwarder.testing.workspace._tables import while_there
from databricks_forwarder.testing.workspace._types import to_arrow_schema
from databricks_forwarder.testing.workspace._views import names_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from databricks_forwarder.testing.workspace._parts import Parts
    from databricks_forwarder.testing.workspace._reader import Reader
    from databricks_forwarder.testing.workspace._results import Session
    from databricks_forwarder.testing.workspace._types import Field

__all__ = ["delete", "fitted", "insert"]

_QUERIES = ("SELECT", "VALUES", "WITH", "(")


def insert(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read and do what follows INSERT INTO.
    """
    reader.accept("TABLE")
    name = full_name(reader.name(), "TABLE", session)
    names = None
    if reader.sees("(") and not any(reader.sees("(", each) for each in _QUERIES):
        names = reader.listed(reader.identifier)
    if not any(map(reader.sees, _QUERIES)):
        raise unsupported("INSERT but for VALUES and queries")
    table = parts.tables.find(name, session.principal, "MODIFY")
    with while_there(table):
        snapshot = table.log.read()
    tree = parsed_query(reader.rest())
    # Who reads the table that it writes conflicts as MERGE does.
    is_blind = name not in names_of(tree, session)
    rows = answered(tree, session, parts)
    fields = snapshot.fields
    fitting = fitted(name, fields, names, rows)
    for batch in fitting.to_batches():
        refuse_nulls(fields, batch)
    with while_there(table):
        add, row_count = table.write(fitting.schema, fitting.to_batches())
        table.log.commit(snapshot, [add], rows="appended" if is_blind else "replaced")
    return _counted(row_count, "num_affected_rows", "num_inserted_rows")


def delete(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read and do what follows DELETE FROM.
    """
    name = full_name(reader.name(), "TABLE", session)
    condition, alias = None, None
    if reader.accept("AS"):
        alias = reader.identifier()
    if reader.accept("WHERE"):
        condition = reader.rest()
    elif reader.ahead.kind in {"word", "name"}:
        raise unsupported("DELETE FROM with an alias without AS")
    reader.end()
    table = parts.tables.find(name, session.principal, "MODIFY", "SELECT")
    with while_there(table):
        snapshot = table.log.read()
        before = table.dataset(snapshot).count_rows()
        schema = to_arrow_schema(snapshot.fields)
        kept = schema.empty_table()
        if condition is not None:
            kept = spared(name, condition, session, parts, alias=alias)
        actions = dated(map(removal, snapshot.files), parts.clock.now())
        if kept.num_rows:
            actions.append(table.write(schema, kept.cast(schema).to_batches())[0])
        table.log.commit(snapshot, actions, rows="replaced")
    return _counted(before - kept.num_rows, "num_affected_rows")


def fitted(
    table: str, fields: Sequence[Field], names: Sequence[str] | None, rows: pa.Table
) -> pa.Table:
    """
    Give *rows* the table's columns and types; what they lack is null.

    Args:
        table: Its dotted name.
        fields: Its columns.
        names: The columns that the rows have; None for all of the table's.
        rows: Their columns are taken in order, whatever they are called.

    Raises:
        RefusedError: They don't fit.
    """
    schema = to_arrow_schema(fields)
    known = {each["name"].lower(): each["name"] for each in fields}
    for name in names or ():
        if name.lower() not in known:
            raise RefusedError(
                "UNRESOLVED_COLUMN.WITH_SUGGESTION",
                f"A column with name `{name}` cannot be resolved. Did you mean one of "
                f"the following? {list(known.values())}.",
                sqlstate="42703",
            )
    targets = schema.names if names is None else [known[each.lower()] for each in names]
    if len(targets) != rows.num_columns:
        few = rows.num_columns < len(targets)
        way = "NOT_ENOUGH_DATA_COLUMNS" if few else "TOO_MANY_DATA_COLUMNS"
        error_class = f"INSERT_COLUMN_ARITY_MISMATCH.{way}"
        raise RefusedError(
            error_class,
            f"Cannot write to {shown(table)}, the reason is that the number of columns "
            f"differs: {len(targets)} in the table, {rows.num_columns} in the data.",
            sqlstate="21S01",
        )
    if len(set(targets)) < len(targets):
        raise RefusedError(
            "COLUMN_ALREADY_EXISTS",
            "A column is there twice in the list of columns. Choose another name.",
            sqlstate="42711",
        )
    given = dict(zip(targets, rows.columns, strict=True))
    return pa.table(
        [_cast(table, each, given.get(each.name), rows.num_rows) for each in schema],
        schema=schema,
    )


def _cast(
    table: str, column: pa.Field, values: pa.ChunkedArray | None, row_count: int
) -> pa.ChunkedArray | pa.Array:
    if values is None or values.null_count == row_count:
        # A bare NULL has no type, and the engine gives it one.
        return pa.nulls(row_count, column.type)
    refusal = RefusedError(
        "INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST",
        f"Cannot write incompatible data for the table {shown(table)}: Cannot "
        f"safely cast `{column.name}` {values.type} to {column.type}.",
        sqlstate="KD000",
    )
    if not _is_assignable(values.type, column.type):
        raise refusal
    try:
        return values.cast(column.type)
    except pa.ArrowException as error:
        raise refusal from error


def _is_assignable(given: pa.DataType, wanted: pa.DataType) -> bool:
    """
    Whether SQL takes the one for the other, where Arrow may cast more.

    Source: Apache Spark, "ANSI Compliance", store assignment: numbers, truth
    values and times are not taken for one another.
    """
    families = {_family(given), _family(wanted)}
    return len(families) == 1 or "any" in families


def _family(type_: pa.DataType) -> str:
    if pa.types.is_boolean(type_):
        return "truth"
    if pa.types.is_temporal(type_):
        return "time"
    is_number = pa.types.is_integer(type_) or pa.types.is_floating(type_)
    return "number" if is_number or pa.types.is_decimal(type_) else "any"


def _counted(row_count: int, *names: str) -> Result:
    schema = pa.schema([(name, pa.int64()) for name in names])
    told = pa.Table.from_pylist([dict.fromkeys(names, row_count)], schema=schema)
    return Result(told, modified_row_count=row_count)
