"""
Views: made, altered, read and dropped, with the privileges that each takes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from engines import PRINCIPAL, World

if TYPE_CHECKING:
    from collections.abc import Iterator

READER = "someone who reads"


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path) as world:
        world.run("CREATE TABLE t (a INT, s STRUCT<x: BIGINT>)", PRINCIPAL)
        world.run("INSERT INTO t SELECT 1, named_struct('x', 2)", PRINCIPAL)
        yield world


def views(world: World, principal: str = "admin") -> list[dict[str, object]]:
    """
    What the information schema tells of views.
    """
    return world.run("SELECT * FROM main.information_schema.views", principal)


class TestReading:
    """
    SELECT from a view.
    """

    def test_a_view_shows_the_rows_that_there_are(self, world: World) -> None:
        """
        What is inserted after a view was made is in it.
        """
        world.run("CREATE VIEW v AS SELECT a, s.x AS x FROM t")
        world.run("INSERT INTO t SELECT 3, NULL")
        rows = world.run("SELECT v.a, x FROM main.mparticle.v ORDER BY a")

        assert [{"a": 1, "x": 2}, {"a": 3, "x": None}] == rows

    def test_a_view_of_a_view_shows_its_rows(self, world: World) -> None:
        """
        A view may be about another one.
        """
        world.run("CREATE VIEW v AS SELECT a FROM t")
        world.run("CREATE VIEW w AS SELECT a + 1 AS b FROM v")

        assert [{"b": 2}] == world.run("SELECT * FROM w")

    def test_names_are_looked_up_where_the_view_was_made(self, world: World) -> None:
        """
        A short name in a view is that of the schema in use when it was made.
        """
        world.run("CREATE VIEW v AS SELECT a FROM t")
        world.run("CREATE SCHEMA main.other")
        session = world.session()
        session.schema = "other"
        rows = world.engine.run("SELECT * FROM main.mparticle.v", session)

        assert [{"a": 1}] == rows.table.to_pylist()

    def test_a_star_stands_for_the_columns_of_then(self, world: World) -> None:
        """
        Columns that a table gets later are not in a view with a star.
        """
        world.run("CREATE VIEW v AS SELECT * FROM t")
        world.run("ALTER TABLE t ADD COLUMN b INT")

        assert ["a", "s"] == list(world.run("SELECT * FROM v")[0])

    def test_a_column_that_is_gone_is_told(self, world: World) -> None:
        """
        A view whose table was made anew without a column of it is refused.
        """
        world.run("CREATE VIEW v AS SELECT * FROM t")
        world.run("DROP TABLE t")
        world.run("CREATE TABLE t (a INT)")

        assert ("INCOMPATIBLE_VIEW_SCHEMA_CHANGE", "51024") == world.refused(
            "SELECT * FROM v"
        )

    def test_a_table_that_is_gone_is_told(self, world: World) -> None:
        """
        A view of a table that was dropped names the table.
        """
        world.run("CREATE VIEW v AS SELECT * FROM t")
        world.run("DROP TABLE t")

        assert ("TABLE_OR_VIEW_NOT_FOUND", "42P01") == world.refused("SELECT * FROM v")


class TestUnions:
    """
    What stands on the sides of UNION.
    """

    def test_sides_go_together_by_place(self, world: World) -> None:
        """
        Columns of other names go together, and are called as the first side's.
        """
        rows = world.run("SELECT a FROM t UNION ALL SELECT 7 AS b ORDER BY a")

        assert [{"a": 1}, {"a": 7}] == rows

    @pytest.mark.parametrize(
        "sides",
        [
            "SELECT a, s FROM t UNION ALL SELECT 1, named_struct('y', 1L)",
            "SELECT a, s FROM t UNION ALL SELECT 1, named_struct('x', 1L, 'y', 1L)",
            "SELECT array(s) AS s FROM t UNION ALL SELECT array(named_struct('y', 1L))",
            "SELECT s FROM t UNION SELECT s FROM t UNION SELECT named_struct('y', 1L)",
        ],
    )
    def test_structs_of_other_fields_are_refused(
        self, world: World, sides: str
    ) -> None:
        """
        Structs have no common type unless their fields are the same.
        """
        assert ("INCOMPATIBLE_COLUMN_TYPE", "42825") == world.refused(sides)

    def test_sides_of_other_widths_are_refused(self, world: World) -> None:
        """
        Each side has as many columns as the first.
        """
        assert ("NUM_COLUMNS_MISMATCH", "42826") == world.refused(
            "SELECT a FROM t UNION ALL SELECT a, s FROM t"
        )

    def test_names_that_only_the_whole_knows_are_left_to_it(self, world: World) -> None:
        """
        Sides about a common table expression are answered as any others.
        """
        rows = world.run("WITH c AS (SELECT 1 AS n) SELECT n FROM c UNION SELECT 1")

        assert [{"n": 1}] == rows

    def test_there_is_no_union_by_name(self, world: World) -> None:
        """
        The grammar has no BY NAME.
        """
        assert ("PARSE_SYNTAX_ERROR", "42601") == world.refused(
            "SELECT a FROM t UNION ALL BY NAME SELECT a FROM t"
        )


class TestMaking:
    """
    CREATE, ALTER and DROP VIEW.
    """

    def test_a_view_is_told_as_one(self, world: World) -> None:
        """
        The information schema tells a view's type, query, comment and columns.
        """
        world.run("CREATE VIEW v COMMENT 'what' AS SELECT a,  s FROM t -- so ;\n;")
        (table,) = world.run(
            "SELECT table_type, comment FROM main.information_schema.tables "
            "WHERE table_name = 'v'"
        )
        columns = world.run(
            "SELECT column_name, full_data_type FROM main.information_schema.columns "
            "WHERE table_name = 'v' ORDER BY ordinal_position"
        )
        (view,) = views(world)

        assert {"table_type": "VIEW", "comment": "what"} == table
        assert [("a", "int"), ("s", "struct<x:bigint>")] == [
            tuple(column.values()) for column in columns
        ]
        assert ("v", "SELECT a,  s FROM t -- so ;", "NO") == (
            view["table_name"],
            view["view_definition"],
            view["is_updatable"],
        )
        assert {"a": "int", "s": "struct<x:bigint>"} == world.columns("v")
        assert ["t", "v"] == [each["tableName"] for each in world.run("SHOW TABLES")]

    def test_a_definition_is_its_owner_s_to_see(self, world: World) -> None:
        """
        Who may read a view, and does not own it, is not told its query.
        """
        world.run("CREATE VIEW v AS SELECT a FROM t")
        world.run(f"GRANT SELECT ON VIEW v TO `{PRINCIPAL}`")

        assert [None] == [each["view_definition"] for each in views(world, PRINCIPAL)]

    def test_a_name_is_a_table_s_or_a_view_s(self, world: World) -> None:
        """
        Tables and views share their names.
        """
        world.run("CREATE VIEW v AS SELECT a FROM t")
        taken = ("TABLE_OR_VIEW_ALREADY_EXISTS", "42P07")

        assert taken == world.refused("CREATE VIEW v AS SELECT 1 AS a")
        assert taken == world.refused("CREATE VIEW t AS SELECT 1 AS a")
        assert taken == world.refused("CREATE TABLE v (a INT)")

    def test_a_view_that_is_there_may_be_left_alone(self, world: World) -> None:
        """
        IF NOT EXISTS changes nothing of the view that is there.
        """
        world.run("CREATE VIEW v AS SELECT a FROM t")
        world.run("CREATE VIEW IF NOT EXISTS v AS SELECT 5 AS a")

        assert [{"a": 1}] == world.run("SELECT * FROM v")

    def test_an_altered_view_keeps_what_was_granted(self, world: World) -> None:
        """
        ALTER VIEW changes what is shown, and who may see it stays.
        """
        world.run("CREATE VIEW v AS SELECT a FROM t")
        world.run(f"GRANT SELECT ON TABLE v TO `{PRINCIPAL}`")
        world.run("ALTER VIEW v AS SELECT a + 1 AS b FROM t")

        assert [{"b": 2}] == world.run("SELECT * FROM v", PRINCIPAL)

    def test_a_replaced_view_forgets_what_was_granted(self, world: World) -> None:
        """
        CREATE OR REPLACE VIEW makes another view of the same name.
        """
        world.run("CREATE OR REPLACE VIEW v AS SELECT a FROM t")
        world.run(f"GRANT SELECT ON TABLE v TO `{PRINCIPAL}`")
        world.run("CREATE OR REPLACE VIEW v AS SELECT a + 1 AS b FROM t")

        assert [{"b": 2}] == world.run("SELECT * FROM v")
        assert ("INSUFFICIENT_PERMISSIONS", "42501") == world.refused(
            "SELECT * FROM v", PRINCIPAL
        )

    def test_a_view_is_dropped(self, world: World) -> None:
        """
        A view that was dropped is gone, and its table is not.
        """
        world.run("CREATE VIEW v AS SELECT a FROM t")
        world.run("DROP VIEW v")
        world.run("DROP VIEW IF EXISTS v")

        assert ("TABLE_OR_VIEW_NOT_FOUND", "42P01") == world.refused("DROP VIEW v")
        assert [] == views(world)
        assert 1 == len(world.run("SELECT * FROM t"))

    def test_a_schema_is_dropped_with_its_views(self, world: World) -> None:
        """
        CASCADE drops views as it drops tables.
        """
        world.run("CREATE VIEW v AS SELECT a FROM t")
        world.run("DROP SCHEMA main.mparticle CASCADE")

        assert [] == views(world)

    @pytest.mark.parametrize(
        "sql",
        [
            "DROP TABLE v",
            "INSERT INTO v SELECT 1",
            "DELETE FROM v",
            "ALTER TABLE v ADD COLUMN b INT",
            "COMMENT ON TABLE v IS 'x'",
        ],
    )
    def test_a_view_is_no_table(self, world: World, sql: str) -> None:
        """
        What is done to tables is refused for a view.
        """
        world.run("CREATE VIEW v AS SELECT a FROM t")

        assert ("EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE", "42809") == world.refused(sql)

    @pytest.mark.parametrize(
        "sql",
        ["DROP VIEW t", "ALTER VIEW t AS SELECT 1 AS a"],
    )
    def test_a_table_is_no_view(self, world: World, sql: str) -> None:
        """
        What is done to views is refused for a table, and for OR REPLACE too.
        """
        assert ("EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE", "42809") == world.refused(sql)
        assert ("EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE", "42809") == world.refused(
            "CREATE OR REPLACE VIEW t AS SELECT 1 AS a"
        )

    @pytest.mark.parametrize(
        ("sql", "refusal"),
        [
            ("ALTER VIEW v AS SELECT a FROM v", ("RECURSIVE_VIEW", "42K0H")),
            ("CREATE VIEW w AS SELECT a, a FROM t", ("COLUMN_ALREADY_EXISTS", "42711")),
            ("CREATE VIEW w AS SELECT", ("PARSE_SYNTAX_ERROR", "42601")),
            ("CREATE VIEW w AS map(1)", ("PARSE_SYNTAX_ERROR", "42601")),
            (
                "CREATE VIEW w AS SELECT b FROM t",
                ("UNRESOLVED_COLUMN.WITHOUT_SUGGESTION", "42703"),
            ),
            ("CREATE VIEW w (a) AS SELECT 1", ("UNSUPPORTED_FEATURE", "0A000")),
            (
                "CREATE VIEW w WITH SCHEMA EVOLUTION AS SELECT 1 AS a",
                ("UNSUPPORTED_FEATURE", "0A000"),
            ),
            ("ALTER VIEW v RENAME TO w", ("UNSUPPORTED_FEATURE", "0A000")),
            ("DESCRIBE EXTENDED v", ("UNSUPPORTED_FEATURE", "0A000")),
            ("ALTER VIEW u AS SELECT 1 AS a", ("TABLE_OR_VIEW_NOT_FOUND", "42P01")),
        ],
    )
    def test_what_is_no_view_is_refused(
        self, world: World, sql: str, refusal: tuple[str, str]
    ) -> None:
        """
        A query that can't be answered makes no view.
        """
        world.run("CREATE VIEW v AS SELECT a FROM t")

        assert refusal == world.refused(sql)
        assert 1 == len(views(world))


class TestPrivileges:
    """
    Who may make, change and read a view.
    """

    def test_a_view_is_read_with_its_owner_s_privileges(self, world: World) -> None:
        """
        Who may read a view need not be able to read what it is about.
        """
        world.run("CREATE VIEW v AS SELECT a FROM t", PRINCIPAL)
        for grant in (
            "USE CATALOG ON CATALOG main",
            "USE SCHEMA ON SCHEMA main.mparticle",
            "SELECT ON VIEW v",
        ):
            world.run(f"GRANT {grant} TO `{READER}`")

        assert [{"a": 1}] == world.run("SELECT * FROM v", READER)
        assert ("INSUFFICIENT_PERMISSIONS", "42501") == world.refused(
            "SELECT * FROM t", READER
        )

    def test_an_owner_without_privileges_shows_nothing(self, world: World) -> None:
        """
        A view whose owner may no longer read the table is refused to all.
        """
        world.run("CREATE TABLE u (a INT)")
        world.run(f"GRANT SELECT ON TABLE u TO `{PRINCIPAL}`")
        world.run("CREATE VIEW v AS SELECT a FROM u", PRINCIPAL)
        world.run(f"REVOKE SELECT ON TABLE u FROM `{PRINCIPAL}`")

        assert ("INSUFFICIENT_PERMISSIONS", "42501") == world.refused("SELECT * FROM v")

    def test_who_makes_a_view_must_be_able_to_read(self, world: World) -> None:
        """
        A view about a table that its maker may not read is refused.
        """
        world.run("CREATE TABLE u (a INT)")

        assert ("INSUFFICIENT_PERMISSIONS", "42501") == world.refused(
            "CREATE VIEW v AS SELECT a FROM u", PRINCIPAL
        )

    def test_who_makes_a_view_must_be_able_to_make_tables(self, world: World) -> None:
        """
        A view takes CREATE TABLE on its schema.
        """
        world.run(f"REVOKE CREATE TABLE ON SCHEMA main.mparticle FROM `{PRINCIPAL}`")

        assert ("INSUFFICIENT_PERMISSIONS", "42501") == world.refused(
            "CREATE VIEW v AS SELECT a FROM t", PRINCIPAL
        )

    def test_only_its_owner_changes_what_a_view_shows(self, world: World) -> None:
        """
        To manage a view, or the schema's tables, is not enough.
        """
        world.run("CREATE VIEW v AS SELECT a FROM t")
        world.run(f"GRANT MANAGE ON VIEW v TO `{PRINCIPAL}`")
        refused = ("INSUFFICIENT_PERMISSIONS", "42501")

        assert refused == world.refused("ALTER VIEW v AS SELECT a FROM t", PRINCIPAL)
        assert refused == world.refused(
            "CREATE OR REPLACE VIEW v AS SELECT a FROM t", PRINCIPAL
        )

    def test_who_manages_a_view_may_drop_it(self, world: World) -> None:
        """
        DROP VIEW takes what DROP TABLE takes.
        """
        world.run("CREATE VIEW v AS SELECT a FROM t")
        refused = world.refused("DROP VIEW v", PRINCIPAL)
        world.run(f"GRANT MANAGE ON VIEW v TO `{PRINCIPAL}`")
        world.run("DROP VIEW v", PRINCIPAL)

        assert ("INSUFFICIENT_PERMISSIONS", "42501") == refused
        assert [] == views(world)
