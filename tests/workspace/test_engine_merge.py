"""
MERGE INTO, what it does and whom it conflicts with.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engines import PRINCIPAL, World

from databricks_forwarder.testing.workspace import _merge_into
from databricks_forwarder.testing.workspace._refusals import RefusedError

MERGE = (
    "MERGE INTO t AS held USING (SELECT * FROM VALUES {} AS new (k, n)) AS new "
    "ON held.k = new.k "
)
ADD = "WHEN MATCHED THEN UPDATE SET n = held.n + new.n "
INSERT = "WHEN NOT MATCHED THEN INSERT (k, n) VALUES (new.k, new.n) "


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """
    An engine with a table of two rows, in a file each.
    """
    with World(tmp_path) as world:
        world.run("CREATE TABLE t (k STRING NOT NULL, n BIGINT, more STRING)")
        world.run("INSERT INTO t VALUES ('a', 1, 'x')")
        world.run("INSERT INTO t VALUES ('b', 2, NULL)")
        yield world


def rows(world: World) -> list[tuple[Any, ...]]:
    """
    The table's rows, sorted.
    """
    found = world.run("SELECT * FROM t ORDER BY k, n")
    return [tuple(row.values()) for row in found]


def done(updated: int, deleted: int, inserted: int) -> list[dict[str, int]]:
    """
    What a MERGE INTO tells.
    """
    return [
        {
            "num_affected_rows": updated + deleted + inserted,
            "num_updated_rows": updated,
            "num_deleted_rows": deleted,
            "num_inserted_rows": inserted,
        }
    ]


class TestEffect:
    """
    What becomes of the rows.
    """

    def test_matched_rows_change_and_others_come(self, world: World) -> None:
        """
        A row that is there is updated, one that is not is inserted.
        """
        told = world.run(MERGE.format("('a', 10), ('c', 30)") + ADD + INSERT)

        assert done(1, 0, 1) == told
        assert [("a", 11, "x"), ("b", 2, None), ("c", 30, None)] == rows(world)

    def test_rows_without_match_in_the_source_go(self, world: World) -> None:
        """
        Of the rows that nothing matches, those that the clause means go.
        """
        world.run("INSERT INTO t VALUES ('c', 3, 'z')")
        clause = "WHEN NOT MATCHED BY SOURCE AND held.n > 2 THEN DELETE"
        told = world.run(MERGE.format("('a', 10)") + clause)

        assert done(0, 1, 0) == told
        assert [("a", 1, "x"), ("b", 2, None)] == rows(world)

    def test_rows_without_match_in_the_source_change(self, world: World) -> None:
        """
        They may be updated as well.
        """
        clause = "WHEN NOT MATCHED BY SOURCE THEN UPDATE SET held.more = 'gone', n = 0"
        told = world.run(MERGE.format("('a', 10)") + clause)

        assert done(1, 0, 0) == told
        assert [("a", 1, "x"), ("b", 0, "gone")] == rows(world)

    def test_the_first_clause_that_fits_counts(self, world: World) -> None:
        """
        Of several clauses of one kind, a row takes the first whose condition holds.
        """
        told = world.run(
            MERGE.format("('a', 10), ('b', NULL), ('c', 5), ('d', 6)")
            + "WHEN MATCHED AND new.n > 5 THEN DELETE "
            + "WHEN MATCHED THEN UPDATE SET more = 'seen' "
            + "WHEN NOT MATCHED BY TARGET AND new.n > 5 THEN "
            + "INSERT (n, k) VALUES (new.n, new.k)"
        )

        assert done(1, 1, 1) == told
        assert [("b", 2, "seen"), ("d", 6, None)] == rows(world)

    def test_a_source_without_rows_commits_nothing(self, world: World) -> None:
        """
        Where nothing is to be done, no version of the table comes of it.
        """
        log = world.engine._parts.tables.find("main.mparticle.t", "admin").log
        before = log.read().version
        told = world.run(
            "MERGE INTO t USING (SELECT k, n FROM t WHERE k = 'no') AS s "
            "ON t.k = s.k WHEN MATCHED THEN DELETE"
        )

        assert (done(0, 0, 0), before) == (told, log.read().version)

    def test_the_source_may_be_a_table(self, world: World) -> None:
        """
        A table needs no query, and is known by its own name without another.
        """
        world.run("CREATE TABLE s (k STRING, n BIGINT)")
        world.run("INSERT INTO s VALUES ('a', 5), ('q', 6)")
        world.run(
            "MERGE INTO t USING s ON t.k = s.k WHEN MATCHED THEN UPDATE SET n = s.n"
        )
        world.run(
            "MERGE INTO t USING mparticle.s AS o ON t.k = o.k "
            "WHEN NOT MATCHED THEN INSERT (k) VALUES (o.k)"
        )

        assert [("a", 5, "x"), ("b", 2, None), ("q", None, None)] == rows(world)

    def test_an_empty_table_takes_rows(self, world: World) -> None:
        """
        The first rows of a table may be merged.
        """
        world.run("DELETE FROM t")
        world.run(MERGE.format("('a', 10)") + ADD + INSERT)

        assert [("a", 10, None)] == rows(world)


class TestRefusals:
    """
    What is refused.
    """

    def test_a_row_that_two_match_is_ambiguous(self, world: World) -> None:
        """
        A row can't be changed by two rows of the source; nothing is done.
        """
        expected = ("DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE", "21506")

        assert expected == world.refused(MERGE.format("('a', 1), ('a', 2)") + ADD)
        assert [("a", 1, "x"), ("b", 2, None)] == rows(world)

    @pytest.mark.parametrize(
        ("clauses", "error_class"),
        [
            ("", "PARSE_SYNTAX_ERROR"),
            (ADD + ADD, "NON_LAST_MATCHED_CLAUSE_OMIT_CONDITION"),
            (
                INSERT + INSERT,
                "NON_LAST_NOT_MATCHED_BY_TARGET_CLAUSE_OMIT_CONDITION",
            ),
            (
                "WHEN MATCHED THEN UPDATE SET n = (SELECT max(n) FROM t)",
                "DELTA_UNSUPPORTED_SUBQUERY",
            ),
            ("WHEN MATCHED THEN UPDATE SET *", "UNSUPPORTED_FEATURE"),
            ("WHEN NOT MATCHED THEN INSERT *", "UNSUPPORTED_FEATURE"),
            (
                "WHEN NOT MATCHED THEN INSERT (k, n) VALUES (new.k)",
                "PARSE_SYNTAX_ERROR",
            ),
            ("WHEN NOT MATCHED THEN DELETE", "PARSE_SYNTAX_ERROR"),
            ("WHEN MATCHED THEN DELETE RETURNING k", "UNSUPPORTED_FEATURE"),
            (
                "WHEN MATCHED THEN UPDATE SET absent = 1",
                "UNRESOLVED_COLUMN.WITH_SUGGESTION",
            ),
            (
                "WHEN NOT MATCHED THEN INSERT (absent) VALUES (1)",
                "UNRESOLVED_COLUMN.WITH_SUGGESTION",
            ),
            (
                "WHEN MATCHED THEN UPDATE SET n = new.absent",
                "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION",
            ),
            (
                "WHEN MATCHED THEN UPDATE SET n = true",
                "INCOMPATIBLE_DATA_FOR_TABLE.CANNOT_SAFELY_CAST",
            ),
            (
                "WHEN NOT MATCHED THEN INSERT (n) VALUES (new.n)",
                "DELTA_NOT_NULL_CONSTRAINT_VIOLATED",
            ),
        ],
    )
    def test_clauses_that_the_platform_refuses(
        self, world: World, clauses: str, error_class: str
    ) -> None:
        """
        What is against the grammar or the table's columns changes nothing.
        """
        said, _ = world.refused(MERGE.format("('a', 1), ('z', 2)") + clauses)

        assert error_class == said
        assert [("a", 1, "x"), ("b", 2, None)] == rows(world)

    @pytest.mark.parametrize(
        "sql",
        [
            "MERGE INTO t USING (SELECT 1 AS k) AS s WHEN MATCHED THEN DELETE",
            "MERGE INTO t USING (SELECT 1) AS s (k) ON true WHEN MATCHED THEN DELETE",
            "MERGE INTO t",
        ],
    )
    def test_what_is_no_merge(self, world: World, sql: str) -> None:
        """
        A condition is needed, and an alias has no list of columns.
        """
        assert ("PARSE_SYNTAX_ERROR", "42601") == world.refused(sql)

    def test_schema_evolution_is_not_here(self, world: World) -> None:
        """
        What the platform has and the workspace has not is said to be so.
        """
        expected = ("UNSUPPORTED_FEATURE", "0A000")

        assert expected == world.refused(
            "MERGE WITH SCHEMA EVOLUTION INTO t USING t AS s ON true "
            "WHEN MATCHED THEN DELETE"
        )

    @pytest.mark.parametrize("privilege", ["SELECT", "MODIFY"])
    def test_both_privileges_are_needed(self, world: World, privilege: str) -> None:
        """
        Who may only read, or only write, may not merge.
        """
        world.run(f"GRANT {privilege} ON TABLE t TO `{PRINCIPAL}`")
        lacking = {"SELECT": "MODIFY", "MODIFY": "SELECT"}[privilege]
        refusal = world.refusal(MERGE.format("('a', 1)") + ADD, PRINCIPAL)

        assert "42501" == refusal.sqlstate
        assert lacking in refusal.message


class TestConflicts:
    """
    Two that merge at once: the second one begins before the first ends.
    """

    def merged_between(
        self, world: World, monkeypatch: pytest.MonkeyPatch, first: str, second: str
    ) -> None:
        """
        Run *second*, and *first* after it has read the table.
        """
        told = _merge_into._refuse_ambiguous

        def meanwhile(changes: Any) -> None:
            monkeypatch.setattr(_merge_into, "_refuse_ambiguous", told)
            world.run(first)

        monkeypatch.setattr(_merge_into, "_refuse_ambiguous", meanwhile)
        world.run(second)

    def test_over_one_row_the_second_fails(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Both change the same row: the one that comes second has no effect.
        """
        merge = MERGE.format("('a', 10), ('c', 1)") + ADD + INSERT
        with pytest.raises(RefusedError, match="ConcurrentDeleteRead") as caught:
            self.merged_between(world, monkeypatch, merge, merge)

        assert ("DELTA_CONCURRENT_DELETE_READ", "2D521") == (
            caught.value.error_class,
            caught.value.sqlstate,
        )
        assert [("a", 11, "x"), ("b", 2, None), ("c", 1, None)] == rows(world)

    def test_over_rows_of_different_files_both_pass(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        They change different rows: both are there.
        """
        self.merged_between(
            world,
            monkeypatch,
            MERGE.format("('a', 10)") + ADD,
            MERGE.format("('b', 10)") + ADD,
        )

        assert [("a", 11, "x"), ("b", 12, None)] == rows(world)

    def test_rows_that_both_insert_are_there_twice(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Nothing promises that two who insert one key conflict.
        """
        merge = MERGE.format("('c', 1)") + INSERT
        self.merged_between(world, monkeypatch, merge, merge)

        assert [("c", 1, None)] * 2 == rows(world)[2:]
