"""
SELECT, INSERT and DELETE, and the information schema.
"""

from __future__ import annotations

import threading
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from engines import PRINCIPAL, World

from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._tables import Table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from databricks_forwarder.testing.workspace._log import Snapshot


@pytest.fixture
def world(tmp_path: Path, clock: FakeClock) -> Iterator[World]:
    """
    An engine with a table of three rows.
    """
    with World(tmp_path, clock=clock) as world:
        world.run("CREATE TABLE t (A BIGINT, s STRUCT<x: INT, y: STRING>)")
        world.run(
            "INSERT INTO t VALUES (1, struct(1 AS x, 'one' AS y)), "
            "(2, struct(2 AS x, 'two' AS y)), (3, NULL)"
        )
        yield world


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT 1 AS one", [{"one": 1}]),
        ("SELECT 1, 'x'", [{"1": 1, "x": "x"}]),
        ("SELECT count(*) FROM t", [{"count(1)": 3}]),
        ("SELECT count(*) AS n, sum(a) FROM t", [{"n": 3, "sum(a)": 6}]),
        ("SELECT a FROM t WHERE s.y = 'one'", [{"a": 1}]),
        ("SELECT A FROM main.mparticle.t WHERE a > 2", [{"A": 3}]),
        ("SELECT `mparticle`.t.a FROM mparticle.t WHERE a = 1", [{"a": 1}]),
        (
            "SELECT main.mparticle.t.a, t.s.y FROM main.mparticle.t WHERE a = 2",
            [{"a": 2, "y": "two"}],
        ),
        ("SELECT u.a FROM t AS u JOIN t ON u.a = t.a WHERE t.a = 1", [{"a": 1}]),
        ("WITH t AS (SELECT 7 AS a) SELECT * FROM t", [{"a": 7}]),
        ("SELECT * FROM (SELECT max(a) AS m FROM t)", [{"m": 3}]),
        ("(SELECT 1 AS x) UNION ALL SELECT 2", [{"x": 1}, {"x": 2}]),
        (
            "VALUES (1, 'a'), (2, 'b')",
            [{"col1": 1, "col2": "a"}, {"col1": 2, "col2": "b"}],
        ),
        ("SELECT explode(array(1, 2)) AS e", [{"e": 1}, {"e": 2}]),
        (
            "SELECT current_user(), current_catalog(), current_schema() AS s",
            [
                {
                    "current_user()": "admin",
                    "current_catalog()": "main",
                    "s": "mparticle",
                }
            ],
        ),
        ("SELECT session_user() AS me", [{"me": "admin"}]),
        (
            "SELECT current_timestamp() AS now",
            [{"now": datetime(2026, 1, 1, tzinfo=timezone.utc)}],
        ),
        ("SELECT a FROM t ORDER BY a DESC LIMIT 1", [{"a": 3}]),
        ("SELECT 1 AS x WHERE current_database() = 'mparticle'", [{"x": 1}]),
    ],
)
def test_query_is_answered(
    world: World, query: str, rows: list[dict[str, Any]]
) -> None:
    """
    A query gives the rows, under the names, that the platform gives.
    """
    assert rows == world.run(query)


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        ("'it\\'s'", "it's"),
        ("'a' 'b'", "ab"),
        ("'a''b'", "ab"),
        ("r'\\n'", "\\n"),
        ('R"it\'s"', "it's"),
        ('"double \\" quoted"', 'double " quoted'),
        ("'\\\\ \\n \\t \\r \\b \\Z'", "\\ \n \t \r \b \x1a"),
        ("'\\u00e9 \\U0001F600 \\ud83d\\ude00 \\101'", "é 😀 😀 A"),
        ("'50\\% \\_ \\q'", "50\\% \\_ q"),
        ("'\\UFFFFFFFF \\ud800'", "\ufffd \ufffd"),
        (
            "'line\nbreak -- no comment /* none */'",
            "line\nbreak -- no comment /* none */",
        ),
    ],
)
def test_string_means_what_the_platform_says(
    world: World, literal: str, text: str
) -> None:
    """
    Escapes, raw strings and strings in a row are read by the platform's rules.
    """
    assert [{"x": text}] == world.run(f"SELECT {literal} AS x")


def test_result_types_are_exact(world: World) -> None:
    """
    A result's Arrow types are the table's, and sums of integers have 64 bits.
    """
    world.run("CREATE TABLE u (l ARRAY<INT>, m MAP<STRING, DATE>, ts TIMESTAMP)")
    query = "SELECT s, sum(a) OVER () AS n, l, m, ts FROM t CROSS JOIN u"
    schema = world.result(query).table.schema

    assert pa.struct([("x", pa.int32()), ("y", pa.string())]) == schema.field("s").type
    assert pa.int64() == schema.field("n").type
    assert pa.list_(pa.int32()) == schema.field("l").type
    assert "element" == schema.field("l").type.value_field.name
    assert pa.map_(pa.string(), pa.date32()) == schema.field("m").type
    assert pa.timestamp("us", "Etc/UTC") == schema.field("ts").type


class TestWriting:
    """
    INSERT and DELETE.
    """

    def test_insert_counts_rows(self, world: World) -> None:
        """
        INSERT tells how many rows there are more.
        """
        result = world.result("INSERT INTO TABLE t (a) VALUES (4), (5)")

        assert [{"num_affected_rows": 2, "num_inserted_rows": 2}] == (
            result.table.to_pylist()
        )
        assert 2 == result.modified_row_count

    @pytest.mark.parametrize(
        "source",
        [
            "SELECT a + 10 FROM t",
            "(SELECT a + 10 FROM t)",
            "WITH x AS (SELECT 1) SELECT a + 10 FROM t",
        ],
    )
    def test_insert_takes_a_query(self, world: World, source: str) -> None:
        """
        INSERT takes the rows of a query, in the columns it names.
        """
        world.run(f"INSERT INTO t (A) {source}")

        assert [{"a": 11}, {"a": 12}, {"a": 13}] == world.run(
            "SELECT a FROM t WHERE a > 10 ORDER BY a"
        )

    def test_bare_null_fits_any_column(self, world: World) -> None:
        """
        NULL may be inserted into a column of any type.
        """
        world.run("INSERT INTO t VALUES (NULL, NULL)")

        assert [{"n": 1}] == world.run(
            "SELECT count(*) AS n FROM t WHERE a IS NULL AND s IS NULL"
        )

    def test_required_column_refuses_null(self, world: World) -> None:
        """
        NULL is refused where the table says NOT NULL.
        """
        world.run("CREATE TABLE u (a INT NOT NULL)")

        assert ("DELTA_NOT_NULL_CONSTRAINT_VIOLATED", "23502") == world.refused(
            "INSERT INTO u VALUES (NULL)"
        )

    @pytest.mark.parametrize(
        ("where", "kept"),
        [
            ("WHERE a = 2", [1, 3]),
            ("WHERE s.y = 'one' OR a = 3", [2]),
            ("WHERE s.y IN ('one', 'two')", [3]),
            ("WHERE a > 9", [1, 2, 3]),
            ("", []),
            ("WHERE true", []),
        ],
    )
    def test_delete_keeps_the_rest(
        self, world: World, where: str, kept: list[int]
    ) -> None:
        """
        DELETE removes the rows for which the condition holds, and no others.
        """
        told = world.run(f"DELETE FROM t {where}")

        assert [{"num_affected_rows": 3 - len(kept)}] == told
        assert kept == [row["a"] for row in world.run("SELECT a FROM t ORDER BY a")]

    def test_rows_of_meanwhile_refuse_a_delete(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A DELETE that appended rows overtake is refused.
        """
        log = world.engine._parts.tables.find("main.mparticle.t", "admin").log
        stale = log.read()
        world.run("INSERT INTO t (a) VALUES (4)")
        monkeypatch.setattr(log, "read", lambda: stale)

        assert ("DELTA_CONCURRENT_APPEND", "2D521") == world.refused(
            "DELETE FROM t WHERE a = 1"
        )


class TestInformationSchema:
    """
    What there is, as one principal sees it.
    """

    def test_columns_are_told(self, world: World) -> None:
        """
        Columns are told with their place, type and comment.
        """
        world.run("COMMENT ON COLUMN t.A IS 'the a'")

        assert [
            {
                "table_catalog": "main",
                "table_schema": "mparticle",
                "table_name": "t",
                "column_name": "A",
                "ordinal_position": 1,
                "is_nullable": "YES",
                "full_data_type": "bigint",
                "data_type": "BIGINT",
                "comment": "the a",
            },
            {
                "table_catalog": "main",
                "table_schema": "mparticle",
                "table_name": "t",
                "column_name": "s",
                "ordinal_position": 2,
                "is_nullable": "YES",
                "full_data_type": "struct<x:int,y:string>",
                "data_type": "STRUCT",
                "comment": None,
            },
        ] == world.run(
            "SELECT * FROM `main`.information_schema.columns "
            "WHERE table_schema = 'mparticle' AND table_name IN ('t')"
        )

    def test_schemata_and_volumes_are_told(self, world: World) -> None:
        """
        Schemas and volumes are told with owner and comment.
        """
        world.run("CREATE VOLUME v COMMENT 'of v'", PRINCIPAL)

        assert [{"schema_name": "mparticle", "schema_owner": "admin"}] == world.run(
            "SELECT schema_name, schema_owner FROM information_schema.schemata"
        )
        assert [{"volume_owner": PRINCIPAL, "comment": "of v"}] == world.run(
            "SELECT volume_owner, comment FROM information_schema.volumes", PRINCIPAL
        )

    @pytest.mark.parametrize("view", ["tables", "columns"])
    def test_only_what_may_be_seen_is_told(self, world: World, view: str) -> None:
        """
        Tables on which a principal has no privilege are not told.
        """
        query = f"SELECT count(*) AS n FROM information_schema.{view}"
        before = world.run(query, PRINCIPAL)
        world.run(f"GRANT MODIFY ON SCHEMA mparticle TO `{PRINCIPAL}`")

        assert [{"n": 0}] == before
        assert world.run(query) == world.run(query, PRINCIPAL)

    def test_way_in_hides_too(self, world: World) -> None:
        """
        Without USE SCHEMA a table is not told, nor its schema.
        """
        grants = world.engine.grants
        grants.grant("SELECT", "TABLE", "main.mparticle.t", PRINCIPAL)
        grants.revoke("USE SCHEMA", "SCHEMA", "main.mparticle", PRINCIPAL)
        tables = world.run("SELECT * FROM information_schema.tables", PRINCIPAL)
        schemas = world.run("SELECT * FROM information_schema.schemata", PRINCIPAL)

        assert ([], []) == (tables, schemas)

    def test_grants_are_told_to_whom_they_concern(self, world: World) -> None:
        """
        A grant is told to who got it and to who may give it.
        """
        world.run(f"GRANT SELECT, MODIFY ON t TO `{PRINCIPAL}`")
        world.run("GRANT SELECT ON t TO other")
        query = (
            "SELECT grantee, privilege_type FROM information_schema.table_privileges"
        )

        assert 3 == len(world.run(query))
        assert [
            {"grantee": PRINCIPAL, "privilege_type": "MODIFY"},
            {"grantee": PRINCIPAL, "privilege_type": "SELECT"},
        ] == world.run(query, PRINCIPAL)

    @pytest.mark.parametrize("view", ["tables", "columns"])
    def test_table_that_goes_meanwhile_is_left_out(
        self, world: World, view: str
    ) -> None:
        """
        A table that is dropped while the view is read is not in it.
        """
        table = world.engine._parts.tables.find("main.mparticle.t", "admin")
        world.run("DROP TABLE t")
        world.engine._catalog.add(table.securable)

        assert [] == world.run(f"SELECT * FROM information_schema.{view}")

    def test_file_that_goes_meanwhile_is_told(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A table that is dropped while its rows are read refuses the query.
        """
        dataset = Table.dataset

        def dropped(table: Table, snapshot: Snapshot) -> Any:
            rows = dataset(table, snapshot)
            world.engine._parts.tables.drop(table)
            return rows

        monkeypatch.setattr(Table, "dataset", dropped)

        assert ("FAILED_READ_FILE.DBR_FILE_NOT_EXIST", "KD001") == world.refused(
            "SELECT * FROM t"
        )

    def test_table_that_goes_meanwhile_is_not_read(self, world: World) -> None:
        """
        A table that is dropped while it is queried is not there.
        """
        table = world.engine._parts.tables.find("main.mparticle.t", "admin")
        world.run("DROP TABLE t")
        world.engine._catalog.add(table.securable)

        assert ("TABLE_OR_VIEW_NOT_FOUND", "42P01") == world.refused("SELECT * FROM t")


def test_many_threads_query_and_write(world: World) -> None:
    """
    Queries and inserts of many threads at once lose and double nothing.
    """
    start = threading.Barrier(6)
    failed: list[RefusedError] = []

    def work(number: int) -> None:
        start.wait()
        try:
            for step in range(5):
                world.run(f"INSERT INTO t (a) VALUES ({100 + 10 * number + step})")
                world.run("SELECT count(*) AS n, max(s.x) AS x FROM t")
        except RefusedError as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(each,)) for each in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == failed
    assert [{"n": 30, "d": 30}] == world.run(
        "SELECT count(*) AS n, count(DISTINCT a) AS d FROM t WHERE a >= 100"
    )


def test_two_engines_share_a_folder(world: World) -> None:
    """
    What one engine writes another over the same folder sees at once.
    """
    with World(world.root) as other:
        other.run("INSERT INTO t (a) VALUES (4)")
        other.run("CREATE TABLE u (a INT) COMMENT 'of u'", PRINCIPAL)
        other.run("GRANT SELECT ON t TO someone")

        assert [{"n": 4}] == world.run("SELECT count(*) AS n FROM t")
    assert [{"comment": "of u", "table_owner": PRINCIPAL}] == world.run(
        "SELECT comment, table_owner FROM information_schema.tables "
        "WHERE table_name = 'u'"
    )
    assert [{"Principal": "someone", "ActionType": "SELECT"}] == [
        {name: row[name] for name in ("Principal", "ActionType")}
        for row in world.run("SHOW GRANTS ON TABLE t")
    ]
