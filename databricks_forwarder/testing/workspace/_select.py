"""
Queries, answered by DuckDB over the tables' files.

The platform's SQL is turned into DuckDB's, names of tables into what their
logs say now, and names of result columns into those that the platform gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from databricks_forwarder.testing.workspace._information import information
from databricks_forwarder.testing.workspace._names import full_name, shown
from databricks_forwarder.testing.workspace._parts import unsupported
from databricks_forwarder.testing.workspace._query_errors import crossed
from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._set_operations import (
    refuse_by_name,
    refuse_unlike,
)
from databricks_forwarder.testing.workspace._stopping import stopping
from databricks_forwarder.testing.workspace._tables import while_there
from databricks_forwarder.testing.workspace._tokens import syntax_error
from databricks_forwarder.testing.workspace._views import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

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
    rows = _resolved(tree, session, parts)
    _answer_of_session(tree, session, parts)
    with parts.database.cursor() as cursor:
        _register(cursor, rows)
        refuse_unlike(tree, _types(rows, cursor))
    sql = _name_columns(tree).sql(dialect="duckdb")
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
    tree = parsed(text)
    is_empty = any(not each.expressions for each in tree.find_all(exp.Select))
    refuse_by_name(tree, text)
    if is_empty or not isinstance(tree, exp.Query | exp.Values):
        raise syntax_error(text, 0, text.partition(" ")[0])
    return tree


def _resolved(tree: exp.Expr, session: Session, parts: Parts) -> dict[str, Any]:
    """
    Put a name of ours in the place of each table's; tell what each stands for.
    """
    own = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    rows: dict[str, Any] = {}
    paths: set[tuple[str, ...]] = set()
    for node in list(tree.find_all(exp.Table)):
        path = [part.name for part in node.parts]
        if len(path) == 1 and path[0].lower() in own:
            continue
        if isinstance(node.this, exp.Func):
            raise RefusedError(
                "UNRESOLVABLE_TABLE_VALUED_FUNCTION",
                f"Could not resolve `{node.this.name or node.name}` to a table-valued "
                "function.",
                sqlstate="42883",
            )
        if node.args.get("version") or node.args.get("when"):
            raise unsupported("time travel")
        name = f"t{len(rows)}"
        rows[name] = _rows(path, session, parts)
        paths.add(tuple(part.lower() for part in path))
        alias = node.args.get("alias") or exp.TableAlias(
            this=exp.to_identifier(path[-1], quoted=True)
        )
        node.replace(exp.Table(this=exp.to_identifier(name), alias=alias))
    _forget_qualifiers(tree, paths)
    return rows


def _rows(path: list[str], session: Session, parts: Parts) -> Any:
    if len(path) > 1 and path[-2].lower() == "information_schema":
        catalog = full_name(path[:-2], "CATALOG", session)
        return information(path[-1].lower(), catalog, session, parts)
    name = full_name(path, "TABLE", session)
    if view := parts.catalog.view(name):
        return rows_of(view, session.principal, parts, query)
    table = parts.tables.find(name, session.principal, "SELECT")
    with while_there(table):
        return table.dataset(table.log.read())


def _forget_qualifiers(tree: exp.Expr, paths: Collection[tuple[str, ...]]) -> None:
    """
    Make ``catalog.schema.table.column`` of these tables ``table.column``.
    """
    for column in tree.find_all(exp.Column):
        above = tuple(part.name.lower() for part in column.parts[:-1])
        if len(above) > 1 and above in paths:
            column.set("catalog", None)
            column.set("db", None)


def _answer_of_session(tree: exp.Expr, session: Session, parts: Parts) -> None:
    """
    Put in what only the session and the clock know.
    """
    known: dict[str, exp.Expr] = {
        "current_user": exp.Literal.string(session.principal),
        "session_user": exp.Literal.string(session.principal),
        "current_catalog": exp.Literal.string(session.catalog),
        "current_schema": exp.Literal.string(session.schema),
        "current_database": exp.Literal.string(session.schema),
        "current_timestamp": exp.cast(
            exp.Literal.string(parts.clock.now().isoformat()),
            exp.DataType.Type.TIMESTAMPTZ,
        ),
    }
    for node in list(tree.find_all(exp.Func)):
        # Newer releases of the parser have classes for more of them.
        is_unknown = isinstance(node, exp.Anonymous)
        name = (node.name if is_unknown else node.sql_name()).lower()
        if name in known:
            _replace(node, f"{name}()", known[name].copy())


def _replace(node: exp.Expr, name: str, value: exp.Expr) -> None:
    # A column of the result is called what was asked for.
    if isinstance(node.parent, exp.Select) and node.arg_key == "expressions":
        value = exp.alias_(value, name, quoted=True)
    node.replace(value)


def _name_columns(tree: exp.Expr) -> exp.Expr:
    """
    Give the columns of the result the names that the platform gives them.
    """
    first = tree
    while isinstance(first, exp.Query) and not isinstance(first, exp.Select):
        first = first.this
    if isinstance(first, exp.Select):
        first.set("expressions", [_named(each) for each in first.expressions])
    if not isinstance(tree, exp.Values):
        return tree
    width = len(tree.expressions[0].expressions)
    columns = [exp.to_identifier(f"col{place + 1}") for place in range(width)]
    alias = exp.TableAlias(this=exp.to_identifier("v"), columns=columns)
    tree.set("alias", alias)
    return exp.select("*").from_(tree)


def _named(each: exp.Expr) -> exp.Expr:
    if isinstance(each, exp.Alias | exp.Explode) or each.is_star:
        return each
    name = each.name if isinstance(each, exp.Column | exp.Dot) else _spelled(each)
    return exp.alias_(each, name, quoted=True)


def _spelled(each: exp.Expr) -> str:
    if isinstance(each, exp.Count) and isinstance(each.this, exp.Star):
        return "count(1)"
    if isinstance(each, exp.Literal):
        return str(each.this)
    return each.sql(dialect="databricks", normalize_functions="lower")


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
