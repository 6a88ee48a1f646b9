"""
Queries, answered by DuckDB over the tables' files.

The platform's SQL is turned into DuckDB's, names of tables into what their
logs say now, and names of result columns into those that the platform gives.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from databricks_forwarder.testing.workspace._column_names import name_columns
from databricks_forwarder.testing.workspace._names import shown
from databricks_forwarder.testing.workspace._query_errors import crossed
from databricks_forwarder.testing.workspace._resolving import (
    answer_of_session,
    resolved,
)
from databricks_forwarder.testing.workspace._set_operations import (
    refuse_by_name,
    refuse_unlike,
)
from databricks_forwarder.testing.workspace._stopping import stopping
from databricks_forwarder.testing.workspace._tokens import syntax_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from databricks_forwarder.testing.workspace._parts import Parts
    from databricks_forwarder.testing.workspace._results import Session

__all__ = [
    "answered",
    "columns_of",
    "database",
    "over",
    "parsed",
    "parsed_query",
    "query",
    "spared",
]

# What `SELECT * FROM … WHERE …` has, and nothing more.
_PLAIN = {"expressions", "from", "from_", "where"}


def database() -> duckdb.DuckDBPyConnection:
    """
    A database without tables, that sees no file and no variable of ours.
    """
    connection = duckdb.connect(
        config={"threads": 2, "enable_external_access": "false"}
    )
    connection.execute("SET python_enable_replacements = false")
    # As a SQL warehouse has it.
    connection.execute("SET TimeZone = 'Etc/UTC'")
    connection.execute("SET lock_configuration = true")
    return connection


def query(text: str, session: Session, parts: Parts) -> pa.Table:
    """
    Answer a query.

    Raises:
        RefusedError: It is none, or its names, privileges or values are wrong.
    """
    return answered(parsed_query(text), session, parts)


def columns_of(tree: exp.Expr, session: Session, parts: Parts) -> pa.Schema:
    """
    The columns of what a query would answer; *tree* is used up by that.

    Raises:
        RefusedError: As for `query`.
    """
    return answered(tree, session, parts, is_wanted=False).schema


def spared(
    table: str,
    condition: str,
    session: Session,
    parts: Parts,
    *,
    alias: str | None = None,
) -> pa.Table:
    """
    The rows of a table for which *condition* does not hold.

    Raises:
        RefusedError: As for `query`.
    """
    called = "" if alias is None else f" AS {shown(alias)}"
    text = f"SELECT * FROM {shown(table)}{called} WHERE {condition}"  # noqa: S608 (parsed)
    tree = parsed_query(text)
    where = tree.args.get("where")
    if where is None or {each for each, value in tree.args.items() if value} - _PLAIN:
        raise syntax_error(text, len(text), "")
    missed = exp.not_(exp.Coalesce(this=where.this, expressions=[exp.false()]))
    where.set("this", missed)
    return answered(tree, session, parts)


def answered(
    tree: exp.Expr, session: Session, parts: Parts, *, is_wanted: bool = True
) -> pa.Table:
    """
    Answer a query that is read already; *tree* is used up by that.

    Args:
        tree: The query.
        session: Who asks.
        parts: What is asked.
        is_wanted: Whether its rows are, and not its columns alone.

    Raises:
        RefusedError: As for `query`.
    """
    rows = resolved(tree, session, parts, query)
    answer_of_session(tree, session, parts)
    if tree.find(exp.Union) is not None:
        with parts.database.cursor() as cursor:
            _register(cursor, rows)
            refuse_unlike(tree, _types(rows, cursor))
    sql = name_columns(tree).sql(dialect="duckdb")
    return over(rows, sql, parts, is_wanted=is_wanted)


def over(
    rows: Mapping[str, Any], sql: str, parts: Parts, *, is_wanted: bool = True
) -> pa.Table:
    """
    Run the database's own SQL over *rows*, each under its name.

    Raises:
        RefusedError: A name or a value is wrong.
    """
    with parts.database.cursor() as cursor:
        _register(cursor, rows)
        with stopping(cursor, parts.is_unwanted):
            return _run(cursor, sql, is_wanted=is_wanted)


def _types(
    known: Mapping[str, Any], cursor: duckdb.DuckDBPyConnection
) -> Callable[[exp.Expr], list[Any] | None]:
    """
    Make what tells the types of a part's columns; None where they can't be told.
    """
    types: dict[object, list[Any] | None] = {}

    def types_of(part: exp.Expr) -> list[Any] | None:
        # Many tables have the same columns, and binding takes its time.
        key = _kind_of(part, known)
        if key not in types:
            types[key] = _types_of(part, cursor)
        return types[key]

    return types_of


def _kind_of(part: exp.Expr, known: Mapping[str, Any]) -> object:
    """
    What two parts of a query have in common whose columns have the same types.
    """
    tables = list(part.find_all(exp.Table))
    if len(tables) != 1 or tables[0].name not in known:
        return part.sql(dialect="duckdb")
    schema = known[tables[0].name].schema
    terms = tuple(each.sql(dialect="duckdb") for each in part.args["expressions"])
    return terms, tuple(zip(schema.names, map(str, schema.types), strict=True))


def _register(cursor: duckdb.DuckDBPyConnection, rows: Mapping[str, Any]) -> None:
    for name, each in rows.items():
        cursor.register(name, each)


def _types_of(part: exp.Expr, cursor: duckdb.DuckDBPyConnection) -> list[Any] | None:
    try:
        return list(cursor.sql(part.sql(dialect="duckdb")).types)
    except duckdb.Error:
        # It names what is known around it only, or is wrong: the whole will tell.
        return None


def parsed(text: str) -> exp.Expr:
    """
    Read one statement.

    Raises:
        RefusedError: It is none.
    """
    try:
        return sqlglot.parse_one(text, read="databricks")
    # The parser's own way to refuse a map of an odd number of arguments.
    except (SqlglotError, IndexError) as error:
        places: list[dict[str, Any]] = getattr(error, "errors", [])
        near = "".join(str(each.get("highlight") or "") for each in places[:1])
        raise syntax_error(text, max(text.find(near), 0), near) from error


def parsed_query(text: str) -> exp.Expr:
    """
    Read one query.

    Raises:
        RefusedError: It is none.
    """
    # A view's is read again whenever somebody asks the view.
    return _parsed_once(text).copy()


@lru_cache(maxsize=256)
def _parsed_once(text: str) -> exp.Expr:
    tree = parsed(text)
    is_empty = any(not each.expressions for each in tree.find_all(exp.Select))
    refuse_by_name(tree, text)
    if is_empty or not isinstance(tree, exp.Query | exp.Values):
        raise syntax_error(text, 0, text.partition(" ")[0])
    return tree


def _run(cursor: duckdb.DuckDBPyConnection, sql: str, *, is_wanted: bool) -> pa.Table:
    try:
        answer = cursor.sql(sql)
        names = answer.columns
        if not is_wanted:
            answer = answer.limit(0)
        if any(str(type_) == "HUGEINT" for type_ in answer.types):
            # Sums of integers, which the platform keeps in 64 bits.
            narrow = ", ".join(
                f'"{_escaped(name)}"::BIGINT AS "{_escaped(name)}"'
                if str(type_) == "HUGEINT"
                else f'"{_escaped(name)}"'
                for name, type_ in zip(answer.columns, answer.types, strict=True)
            )
            answer = answer.project(narrow)
        # A name that is there twice is told twice.
        rows = answer.to_arrow_table().rename_columns(names)
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        raise crossed(error) from error
    return rows.cast(pa.schema([_field(each) for each in rows.schema]))


def _field(each: pa.Field) -> pa.Field:
    return pa.field(each.name, _type(each.type))


def _type(type_: pa.DataType) -> pa.DataType:
    """
    The type with elements of arrays called so, as the platform calls them.
    """
    if pa.types.is_list(type_):
        return pa.list_(pa.field("element", _type(type_.value_type)))
    if pa.types.is_map(type_):
        return pa.map_(_type(type_.key_type), _type(type_.item_type))
    if pa.types.is_struct(type_):
        return pa.struct([_field(each) for each in type_])
    return type_


def _escaped(name: str) -> str:
    return name.replace('"', '""')
