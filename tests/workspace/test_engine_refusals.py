"""
What the engine refuses, and with which class and SQLSTATE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from engines import PRINCIPAL, World

from databricks_forwarder.testing.workspace._reader import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator

SYNTAX = ("PARSE_SYNTAX_ERROR", "42601")
UNSUPPORTED = ("UNSUPPORTED_FEATURE", "0A000")
BAD_NAME = ("INVALID_PARAMETER_VALUE", "22023")
NESTED = ("DELTA_NESTED_NOT_NULL_CONSTRAINT", "0AKDC")
TWICE = ("CREATE_TABLE_COLUMN_DESCRIPTOR_DUPLICATE", "42710")
LONG = "x" * 256


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """
    An engine with a table and a volume, changed by no test here.
    """
    with World(tmp_path_factory.mktemp("world")) as world:
        world.run(
            "CREATE TABLE t (a INT, s STRUCT<x: INT>, l ARRAY<STRUCT<x: INT>>, "
            "m MAP<STRING, STRUCT<x: INT>>)"
        )
        world.run(
            "CREATE TABLE kinds (number INT, truth BOOLEAN, time TIMESTAMP, day DATE)"
        )
        world.volume()
        yield world


@pytest.mark.parametrize(
    "sql",
    [
        "",
        ";",
        "nonsense",
        "SELECT 1; SELECT 2",
        "SELECT 1;;",
        "SELECT",
        "SELECT FROM WHERE",
        "SELECT 'no end",
        "SELECT `no end",
        "CREATE TABLE",
        "CREATE TABLE u (",
        "CREATE TABLE u (a)",
        "CREATE TABLE u (a INT,)",
        "CREATE TABLE u (a INT) USING PARQUET",
        "CREATE TABLE u (a INT) COMMENT 'x' COMMENT 'y'",
        "CREATE TABLE u (a INT) nonsense",
        "CREATE TABLE u (a INT NULL NULL)",
        "CREATE TABLE u (a ARRAY)",
        "CREATE TABLE u (a DECIMAL(x))",
        "CREATE TABLE IF EXISTS u (a INT)",
        "CREATE TABLE 123 (a INT)",
        "ALTER TABLE t ADD COLUMN IF NOT EXISTS b INT",
        "ALTER TABLE t ADD COLUMNS (IF NOT EXISTS b INT)",
        "ALTER TABLE t ADD b INT",
        "ALTER TABLE t ADD COLUMN b INT nonsense",
        "DROP TABLE IF NOT EXISTS t",
        "DROP TABLE t u",
        "CREATE VOLUME v COMMENT",
        "CREATE VOLUME IF EXISTS v",
        "GRANT SELECT ON WAREHOUSE x TO p",
        "GRANT ON TABLE t TO p",
        "PUT 'a' 'b' '/Volumes/main/mparticle/staging/x'",
        "REMOVE /Volumes/x",
        "DELETE FROM t WHERE",
        "DELETE FROM t WHERE a = 1 GROUP BY a",
        "DELETE FROM t WHERE a = 1) OR (a = 2",
        "DESCRIBE t u",
        "USE a b",
        "SELECT map('k', 'v', 'l')",
    ],
)
def test_what_is_no_sql_is_a_syntax_error(world: World, sql: str) -> None:
    """
    What the grammar has not is a syntax error.
    """
    assert SYNTAX == world.refused(sql)


def test_syntax_error_tells_the_place(world: World) -> None:
    """
    A syntax error tells where it is, line and column.
    """
    error = world.refusal("DROP TABLE\n  IF NOT EXISTS t")

    assert error.display == (
        "[PARSE_SYNTAX_ERROR] Syntax error at or near 'NOT'. (line 2, pos 5) "
        "SQLSTATE: 42601"
    )


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT {'(' * 2000}1{')' * 2000}",
        f"CREATE TABLE u (a {'ARRAY<' * 2000}INT{'>' * 2000})",
    ],
)
def test_endless_nesting_is_refused(world: World, sql: str) -> None:
    """
    What is nested too deep to be read is refused.
    """
    assert ("FAILED_TO_PARSE_TOO_COMPLEX", "54001") == world.refused(sql)


def test_bug_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    An error that no one foresaw is a refusal too.
    """
    monkeypatch.setattr(Reader, "rest", lambda _: 1 / 0)

    assert ("INTERNAL_ERROR", "XX000") == world.refused("SELECT 1")


def test_whole_statement_is_named(world: World) -> None:
    """
    What the workspace has not is told in more than its first word.
    """
    assert "INSERT OVERWRITE, by the" in world.refusal("INSERT OVERWRITE t").message
    assert "the statement CACHE, by" in world.refusal("CACHE").message


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("number", "true"),
        ("number", "DATE'2020-01-01'"),
        ("truth", "1"),
        ("time", "1.5"),
        ("day", "true"),
    ],
)
def test_other_kind_of_value_is_not_stored(
    world: World, column: str, value: str
) -> None:
    """
    Numbers, truth values and times are not taken for one another.
    """
    assert ("INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST", "KD000") == (
        world.refused(f"INSERT INTO kinds ({column}) VALUES ({value})")
    )


def test_information_schema_is_there_already(world: World) -> None:
    """
    No schema can have the name of the information schema.
    """
    assert ("SCHEMA_ALREADY_EXISTS", "42P06") == world.refused(
        "CREATE SCHEMA information_schema"
    )
    assert [] == world.run("CREATE SCHEMA IF NOT EXISTS main.Information_Schema")


def test_column_gets_one_value(world: World) -> None:
    """
    A column that is named twice in an INSERT is refused.
    """
    assert ("COLUMN_ALREADY_EXISTS", "42711") == world.refused(
        "INSERT INTO t (a, A) VALUES (1, 2)"
    )


def test_error_at_the_end_is_told(world: World) -> None:
    """
    A statement that stops too early is refused at the end of the input.
    """
    assert "at or near end of input" in world.refusal("DROP TABLE").message


def test_comment_without_end_is_refused(world: World) -> None:
    """
    A bracketed comment without an end is refused; they nest.
    """
    assert ("UNCLOSED_BRACKETED_COMMENT", "42601") == world.refused("/* /* */ SELECT 1")
    assert [{"x": 1}] == world.run("/* /* a */ b */ SELECT -- c\n 1 AS x /**/;")


@pytest.mark.parametrize(
    "sql",
    [
        "MERGE WITH SCHEMA EVOLUTION INTO t USING u ON true",
        "UPDATE t SET a = 1",
        "OPTIMIZE t FULL",
        "OPTIMIZE t WHERE a = 1",
        "OPTIMIZE t ZORDER BY (a)",
        "SET x = 1",
        "CREATE TEMPORARY VIEW v AS SELECT 1 AS a",
        "CREATE OR REPLACE TABLE t (a INT)",
        "CREATE TABLE u AS SELECT 1",
        "CREATE TABLE u (a INT) PARTITIONED BY (a)",
        "CREATE TABLE u (a INT) LOCATION 'x'",
        "CREATE TABLE u (a INT DEFAULT 1)",
        "CREATE TABLE u (a INT PRIMARY KEY)",
        "CREATE TABLE u (a INT) TBLPROPERTIES ('delta.columnMapping.mode' = 'name')",
        "CREATE TABLE u (a INT) TBLPROPERTIES ('delta.columnmapping.mode' = 'name')",
        "ALTER TABLE t SET TBLPROPERTIES ('clusteringColumns' = 'x')",
        "ALTER TABLE t DROP COLUMN a",
        "ALTER TABLE t SET TBLPROPERTIES ('delta.enableTypeWidening' = 'true')",
        "ALTER TABLE t ADD COLUMN b INT NOT NULL",
        "SHOW FUNCTIONS",
        "SHOW TABLES LIKE 't*'",
        "SHOW TABLES 't*'",
        "SHOW TABLES IN CATALOG main",
        "DESCRIBE HISTORY t",
        "DESCRIBE VOLUME staging",
        "COMMENT ON VOLUME staging IS 'x'",
        "COMMENT ON TABLE t IS NULL",
        "CREATE SCHEMA s MANAGED LOCATION 'x'",
        "DELETE FROM t u",
        "GRANT CREATE CATALOG ON METASTORE TO p",
        "TRUNCATE TABLE t",
        "INSERT INTO t BY NAME SELECT 1 AS a",
        "INSERT OVERWRITE t VALUES (1)",
        "SELECT * FROM t VERSION AS OF 1",
        "SELECT * FROM t TIMESTAMP AS OF '2026-01-01'",
        "BEGIN ATOMIC SELECT 1; END",
        "SELECT percentile_cont(2) WITHIN GROUP (ORDER BY a) FROM t",
    ],
)
def test_what_the_workspace_has_not_is_told(world: World, sql: str) -> None:
    """
    SQL that the platform has and the workspace has not is told as such.
    """
    error = world.refusal(sql)

    assert UNSUPPORTED == (error.error_class, error.sqlstate)
    assert error.message.startswith("The feature is not supported: ")


@pytest.mark.parametrize(
    ("columns", "refusal"),
    [
        ("a VARIANT", UNSUPPORTED),
        ("a VARCHAR(3)", UNSUPPORTED),
        ("a TEXT", ("UNSUPPORTED_DATATYPE", "0A000")),
        ("a INT COMMENT 'x' COMMENT 'y'", TWICE),
        ("a INT NOT NULL COMMENT 'x' NOT NULL", TWICE),
        ("a ARRAY<STRUCT<x: INT NOT NULL>>", NESTED),
        ("a STRUCT<m: MAP<INT, STRUCT<s: STRUCT<x: INT NOT NULL>>>>", NESTED),
        ("a DECIMAL(39, 0)", ("DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION", "22003")),
        ("a DECIMAL(2, 3)", ("DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION", "22003")),
        ("a INT, A STRING", ("COLUMN_ALREADY_EXISTS", "42711")),
        ("s STRUCT<x: INT, X: INT>", ("COLUMN_ALREADY_EXISTS", "42711")),
        ("l ARRAY<STRUCT<x: INT, X: INT>>", ("COLUMN_ALREADY_EXISTS", "42711")),
        ("m MAP<INT, STRUCT<x: INT, X: INT>>", ("COLUMN_ALREADY_EXISTS", "42711")),
        *(
            (
                f"`a{odd}b` INT",
                ("DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES", "42K05"),
            )
            for odd in " ,;{}()\n\t="
        ),
        (
            "s STRUCT<`a b`: INT>",
            ("DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES", "42K05"),
        ),
        (f"{LONG} INT", BAD_NAME),
    ],
)
def test_columns_that_can_not_be_are_refused(
    world: World, columns: str, refusal: tuple[str, str]
) -> None:
    """
    Columns of unknown types, or with names that can't be, are refused.
    """
    assert refusal == world.refused(f"CREATE TABLE u ({columns})")
    assert ("TABLE_OR_VIEW_NOT_FOUND", "42P01") == world.refused("DESCRIBE u")


MANY = ", ".join(f"c{number} INT" for number in range(32))


@pytest.mark.parametrize(
    ("columns", "keys", "refusal"),
    [
        ("c0 INT", "nope", ("DELTA_COLUMN_NOT_FOUND_IN_SCHEMA", "42703")),
        ("c0 INT", "c0.x", ("DELTA_COLUMN_NOT_FOUND_IN_SCHEMA", "42703")),
        (
            MANY,
            "c0, c1, c2, c3, c4",
            ("DELTA_CLUSTER_BY_INVALID_NUM_COLUMNS", "54000"),
        ),
        (
            f"{MANY}, z INT",
            "z",
            ("DELTA_CLUSTERING_COLUMN_MISSING_STATS", "22000"),
        ),
        (
            "s STRUCT<x: INT>",
            "s",
            ("DELTA_CLUSTERING_COLUMN_MISSING_STATS", "22000"),
        ),
        (
            f"s STRUCT<{MANY.replace(' INT', ': INT')}>, z INT",
            "z",
            ("DELTA_CLUSTERING_COLUMN_MISSING_STATS", "22000"),
        ),
        (
            "b BOOLEAN",
            "b",
            ("DELTA_CLUSTERING_COLUMNS_DATATYPE_NOT_SUPPORTED", "0A000"),
        ),
    ],
)
def test_keys_that_can_not_be_are_refused(
    world: World, columns: str, keys: str, refusal: tuple[str, str]
) -> None:
    """
    A table can't be clustered by columns without statistics, or by too many.
    """
    assert refusal == world.refused(f"CREATE TABLE u ({columns}) CLUSTER BY ({keys})")


@pytest.mark.parametrize(
    ("added", "refusal"),
    [
        ("A INT", ("FIELDS_ALREADY_EXISTS", "42710")),
        ("s.X STRING", ("FIELDS_ALREADY_EXISTS", "42710")),
        ("b INT, B INT", ("FIELDS_ALREADY_EXISTS", "42710")),
        ("nope.x INT", ("FIELD_NOT_FOUND", "42704")),
        ("s.nope.x INT", ("FIELD_NOT_FOUND", "42704")),
        ("b INT AFTER nope", ("FIELD_NOT_FOUND", "42704")),
        ("a.x INT", ("DELTA_ADD_COLUMN_PARENT_NOT_STRUCT", "42KD3")),
        ("l.y INT", ("DELTA_ADD_COLUMN_PARENT_NOT_STRUCT", "42KD3")),
        ("l.element.y INT", ("DELTA_ADD_COLUMN_PARENT_NOT_STRUCT", "42KD3")),
        ("m.value.y INT", ("DELTA_ADD_COLUMN_PARENT_NOT_STRUCT", "42KD3")),
        ("m.key.y INT", ("DELTA_ADD_COLUMN_PARENT_NOT_STRUCT", "42KD3")),
        ("`b c` INT", ("DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES", "42K05")),
        (
            "b INT DEFAULT 1",
            (
                "WRONG_COLUMN_DEFAULTS_FOR_DELTA_ALTER_TABLE_ADD_COLUMN_NOT_SUPPORTED",
                "0AKDC",
            ),
        ),
    ],
)
def test_columns_that_can_not_be_added_are_refused(
    world: World, added: str, refusal: tuple[str, str]
) -> None:
    """
    What is there, has no parent or is in no struct can't be added.
    """
    before = world.columns("t")

    assert refusal == world.refused(f"ALTER TABLE t ADD COLUMNS ({added})")
    assert before == world.columns("t")


@pytest.mark.parametrize(
    ("sql", "refusal"),
    [
        ("SELECT * FROM nope", ("TABLE_OR_VIEW_NOT_FOUND", "42P01")),
        ("SELECT * FROM nope.t", ("SCHEMA_NOT_FOUND", "42704")),
        ("SELECT * FROM nope.mparticle.t", ("NO_SUCH_CATALOG_EXCEPTION", "42704")),
        (
            "SELECT * FROM information_schema.nope",
            ("TABLE_OR_VIEW_NOT_FOUND", "42P01"),
        ),
        ("CREATE TABLE nope.u (a INT)", ("SCHEMA_NOT_FOUND", "42704")),
        ("CREATE SCHEMA nope.s", ("NO_SUCH_CATALOG_EXCEPTION", "42704")),
        ("CREATE VOLUME nope.v", ("SCHEMA_NOT_FOUND", "42704")),
        ("DROP TABLE nope", ("TABLE_OR_VIEW_NOT_FOUND", "42P01")),
        ("DROP SCHEMA nope", ("SCHEMA_NOT_FOUND", "42704")),
        ("DROP VOLUME nope", ("VOLUME_DOES_NOT_EXIST", "42704")),
        ("ALTER TABLE nope ADD COLUMN a INT", ("TABLE_OR_VIEW_NOT_FOUND", "42P01")),
        ("COMMENT ON COLUMN t.nope IS 'x'", ("FIELD_NOT_FOUND", "42704")),
        ("USE CATALOG nope", ("NO_SUCH_CATALOG_EXCEPTION", "42704")),
        ("SHOW GRANTS ON TABLE nope", ("TABLE_OR_VIEW_NOT_FOUND", "42P01")),
        ("GRANT SELECT ON nope TO p", ("TABLE_OR_VIEW_NOT_FOUND", "42P01")),
        ("SELECT * FROM a.b.c.d", ("INVALID_IDENTIFIER", "42602")),
        (
            "CREATE TABLE u TBLPROPERTIES (delta.dataSkippingNumIndexedCols = 'x')",
            BAD_NAME,
        ),
        ("USE CATALOG a.b", ("REQUIRES_SINGLE_PART_NAMESPACE", "42602")),
        (f"CREATE TABLE {LONG} (a INT)", BAD_NAME),
        ("CREATE TABLE `a b` (a INT)", BAD_NAME),
        ("CREATE VOLUME `a/b`", BAD_NAME),
        ("CREATE SCHEMA `a.b`", BAD_NAME),
        ("SELECT nope FROM t", ("UNRESOLVED_COLUMN.WITHOUT_SUGGESTION", "42703")),
        ("SELECT nope(1)", ("UNRESOLVED_ROUTINE", "42883")),
        ("SELECT CAST('x' AS INT)", ("CAST_INVALID_INPUT", "22018")),
        ("SELECT a, count(*) FROM t", ("MISSING_GROUP_BY", "42803")),
        (
            "SELECT * FROM read_files('/etc/passwd')",
            ("UNRESOLVABLE_TABLE_VALUED_FUNCTION", "42883"),
        ),
        ("SELECT * FROM csv.`/etc/passwd`", BAD_NAME),
        (
            "INSERT INTO t (nope) VALUES (1)",
            ("UNRESOLVED_COLUMN.WITH_SUGGESTION", "42703"),
        ),
        (
            "INSERT INTO t VALUES (1)",
            ("INSERT_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS", "21S01"),
        ),
        (
            "INSERT INTO t (a) VALUES (1, 2)",
            ("INSERT_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS", "21S01"),
        ),
        (
            "INSERT INTO t (a) VALUES ('x')",
            ("INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST", "KD000"),
        ),
    ],
)
def test_refusals_have_their_class(
    world: World, sql: str, refusal: tuple[str, str]
) -> None:
    """
    A refusal has the error class and the SQLSTATE of the platform.
    """
    assert refusal == world.refused(sql)


@pytest.mark.parametrize(
    ("sql", "lack"),
    [
        ("CREATE CATALOG c", "does not have CREATE CATALOG on Metastore 'loopback'."),
        ("CREATE SCHEMA s", "does not have CREATE SCHEMA on Catalog 'main'."),
        ("SELECT * FROM t", "does not have SELECT on Table 'main.mparticle.t'."),
        ("DESCRIBE t", "does not have SELECT on Table 'main.mparticle.t'."),
        ("INSERT INTO t VALUES (1)", "does not have MODIFY on Table"),
        ("DELETE FROM t", "does not have MODIFY on Table"),
        ("ALTER TABLE t ADD COLUMN b INT", "does not have MODIFY on Table"),
        ("ALTER TABLE t SET TBLPROPERTIES ('k' = 'v')", "does not have MODIFY on"),
        ("ALTER TABLE t ENABLE PREDICTIVE OPTIMIZATION", "does not have MODIFY on"),
        ("OPTIMIZE t", "does not have MODIFY on Table 'main.mparticle.t'."),
        ("VACUUM t", "does not have MODIFY on Table 'main.mparticle.t'."),
        ("DESCRIBE DETAIL t", "does not have SELECT on Table 'main.mparticle.t'."),
        ("ALTER TABLE t CLUSTER BY AUTO", "is not an owner of Table"),
        ("COMMENT ON TABLE t IS 'x'", "is not an owner of Table 'main.mparticle.t'."),
        ("DROP TABLE t", "is not an owner of Table"),
        ("DROP VOLUME staging", "is not an owner of Volume"),
        ("DROP SCHEMA mparticle", "is not an owner of Schema 'main.mparticle'."),
        ("GRANT SELECT ON TABLE t TO p", "is not an owner of Table"),
        ("REVOKE SELECT ON t FROM p", "is not an owner of Table"),
        ("SHOW GRANTS ON TABLE t", "is not an owner of Table"),
        (
            "LIST '/Volumes/main/mparticle/staging'",
            "does not have READ VOLUME on Volume 'main.mparticle.staging'.",
        ),
    ],
)
def test_missing_privilege_is_named(world: World, sql: str, lack: str) -> None:
    """
    Who lacks a privilege is told which, and on what.
    """
    error = world.refusal(sql, PRINCIPAL)

    assert ("INSUFFICIENT_PERMISSIONS", "42501", 403) == (
        error.error_class,
        error.sqlstate,
        error.status,
    )
    assert error.message.startswith(f"Insufficient privileges: User {lack}")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM t",
        "CREATE TABLE u (a INT)",
        "CREATE VOLUME v",
        "DROP TABLE IF EXISTS u",
        "DROP VOLUME IF EXISTS u",
        "SHOW TABLES",
        "SHOW VOLUMES",
        "USE SCHEMA mparticle",
    ],
)
def test_way_in_takes_privileges(world: World, sql: str) -> None:
    """
    Without USE CATALOG, or USE SCHEMA, nothing in it is reached.
    """
    no_catalog = world.refusal(sql, "stranger").message
    world.engine.grants.grant("USE CATALOG", "CATALOG", "main", "guest")
    no_schema = world.refusal(sql, "guest").message

    assert no_catalog.endswith("does not have USE CATALOG on Catalog 'main'.")
    assert no_schema.endswith("does not have USE SCHEMA on Schema 'main.mparticle'.")


@pytest.mark.parametrize("create", ["TABLE u (a INT)", "VOLUME v"])
def test_making_takes_its_privilege(world: World, create: str) -> None:
    """
    To make something in a schema takes the privilege for it.
    """
    world.engine.grants.grant("USE CATALOG", "CATALOG", "main", "user")
    world.engine.grants.grant("USE SCHEMA", "SCHEMA", "main.mparticle", "user")
    kind = create.split(" ", maxsplit=1)[0]

    assert world.refusal(f"CREATE {create}", "user").message.endswith(
        f"does not have CREATE {kind} on Schema 'main.mparticle'."
    )
