"""
OPTIMIZE, VACUUM and DESCRIBE DETAIL, and whom they are in the way of.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import attrs
import pytest
from engines import PRINCIPAL, World

from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.workspace import _optimizing
from databricks_forwarder.testing.workspace._refusals import RefusedError

NOW = datetime(2026, 11, 26, tzinfo=timezone.utc)


@pytest.fixture
def clock() -> FakeClock:
    """
    A clock that is set to today.
    """
    return FakeClock(NOW)


@pytest.fixture
def world(tmp_path: Path, clock: FakeClock) -> Iterator[World]:
    """
    An engine with a table of three rows, in a file each.
    """
    with World(tmp_path, clock=clock) as world:
        world.run("CREATE TABLE t (a INT, b STRING) COMMENT 'the t' CLUSTER BY (a)")
        for row in ("(1, 'x')", "(2, NULL)", "(3, 'z')"):
            world.run(f"INSERT INTO t VALUES {row}")
        yield world


def files(world: World) -> list[Path]:
    """
    All files that are in the table's folder.
    """
    return sorted(world.root.glob("tables/*/*.parquet"))


def held(world: World) -> list[int]:
    """
    The table's rows.
    """
    return [row["a"] for row in world.run("SELECT a FROM t ORDER BY a")]


def detail(world: World) -> dict[str, Any]:
    """
    How the table lies.
    """
    (told,) = world.run("DESCRIBE DETAIL t")
    return told


def optimizing(world: World) -> _optimizing.Optimizing:
    """
    Begin an OPTIMIZE, and don't commit it.
    """
    session, parts = world.session(), world.engine._parts
    return _optimizing.prepared("main.mparticle.t", session, parts)


class TestDetail:
    """
    DESCRIBE DETAIL.
    """

    def test_files_and_bytes_are_those_of_the_table_now(self, world: World) -> None:
        """
        The number of files and their bytes are those of what is on the disk.
        """
        told = detail(world)

        assert (3, sum(path.stat().st_size for path in files(world))) == (
            told["numFiles"],
            told["sizeInBytes"],
        )

    def test_clustering_and_properties_are_told_apart(self, world: World) -> None:
        """
        What rows are clustered on is no property, and properties are as set.
        """
        world.run("ALTER TABLE t SET TBLPROPERTIES ('k' = 'v')")
        world.run("ALTER TABLE t DISABLE PREDICTIVE OPTIMIZATION")
        told = detail(world)

        assert (["a"], False, [("k", "v")]) == (
            told["clusteringColumns"],
            told["clusterByAuto"],
            told["properties"],
        )
        assert ("delta", "main.mparticle.t", "the t") == (
            told["format"],
            told["name"],
            told["description"],
        )

    def test_clustering_by_the_platform_is_told(self, world: World) -> None:
        """
        A table that the platform chooses the columns for says so.
        """
        world.run("ALTER TABLE t CLUSTER BY AUTO")
        told = detail(world)

        assert ([], True) == (told["clusteringColumns"], told["clusterByAuto"])

    def test_moments_are_those_of_its_log(self, world: World) -> None:
        """
        It was made before it was changed last.
        """
        told = detail(world)

        assert told["createdAt"] <= told["lastModified"]

    def test_a_table_of_that_name_is_described(self, world: World) -> None:
        """
        A table may be called "detail", and be described without more words.
        """
        world.run("CREATE TABLE detail (x INT)")

        assert {"x": "int"} == world.columns("detail")
        assert ("UNSUPPORTED_FEATURE", "0A000") == world.refused(
            "DESCRIBE TABLE detail t"
        )


class TestPredictive:
    """
    Predictive optimization.
    """

    @pytest.mark.parametrize(
        ("way", "told"),
        [
            ("ENABLE", "ENABLE"),
            ("DISABLE", "DISABLE"),
            ("INHERIT", "DISABLE (inherited from METASTORE loopback)"),
        ],
    )
    def test_a_table_says_what_it_is_set_to(
        self, world: World, way: str, told: str
    ) -> None:
        """
        A description tells whether it is on, and from where.
        """
        world.run(f"GRANT MODIFY, SELECT ON TABLE t TO `{PRINCIPAL}`")
        world.run(f"ALTER TABLE t {way} PREDICTIVE OPTIMIZATION", PRINCIPAL)
        rows = world.run("DESCRIBE TABLE EXTENDED t", PRINCIPAL)
        values = {row["col_name"]: row["data_type"] for row in rows}

        assert told == values["Predictive Optimization"]

    def test_nobody_writes_it_as_a_property(self, world: World) -> None:
        """
        What it is kept in is no property that may be set.
        """
        assert ("UNSUPPORTED_FEATURE", "0A000") == world.refused(
            "ALTER TABLE t SET TBLPROPERTIES ('predictiveOptimization' = 'ENABLE')"
        )


class TestOptimize:
    """
    OPTIMIZE.
    """

    def test_small_files_become_one(self, world: World) -> None:
        """
        Three files become one with the same rows, and that is told.
        """
        (told,) = world.run("OPTIMIZE t")
        metrics = told["metrics"]

        assert (1, [1, 2, 3]) == (detail(world)["numFiles"], held(world))
        assert told["path"] == detail(world)["location"]
        assert (1, 3, 3, 0) == (
            metrics["numFilesAdded"],
            metrics["numFilesRemoved"],
            metrics["totalConsideredFiles"],
            metrics["totalFilesSkipped"],
        )
        assert metrics["filesAdded"]["totalSize"] == detail(world)["sizeInBytes"]
        assert 3 == metrics["filesRemoved"]["totalFiles"]

    def test_again_it_does_nothing(self, world: World) -> None:
        """
        A table with one small file is left as it is.
        """
        world.run("OPTIMIZE t")
        before = detail(world)
        (told,) = world.run("OPTIMIZE t")

        assert before == detail(world)
        assert (0, 0, 0.0, None) == (
            told["metrics"]["numFilesAdded"],
            told["metrics"]["numFilesRemoved"],
            told["metrics"]["filesAdded"]["avg"],
            told["metrics"]["filesAdded"]["min"],
        )

    def test_files_before_a_column_came_are_read_with_it(self, world: World) -> None:
        """
        Rows from before a column was added have nothing in it afterwards.
        """
        world.run("ALTER TABLE t ADD COLUMN c INT")
        world.run("INSERT INTO t VALUES (4, 'v', 5)")
        world.run("OPTIMIZE t")

        assert [None, None, None, 5] == [
            row["c"] for row in world.run("SELECT c FROM t ORDER BY a")
        ]

    def test_an_append_meanwhile_is_in_nobodys_way(self, world: World) -> None:
        """
        Rows that are appended while files are written anew are there afterwards.
        """
        begun = optimizing(world)
        world.run("INSERT INTO t VALUES (4, NULL)")
        begun.commit(world.engine._parts)

        assert (2, [1, 2, 3, 4]) == (detail(world)["numFiles"], held(world))

    @pytest.mark.parametrize(
        ("other", "error_class", "rows"),
        [
            ("OPTIMIZE t", "DELTA_CONCURRENT_DELETE_READ", [1, 2, 3]),
            ("DELETE FROM t WHERE a = 2", "DELTA_CONCURRENT_DELETE_READ", [1, 3]),
            (
                "ALTER TABLE t SET TBLPROPERTIES ('k' = 'v')",
                "DELTA_METADATA_CHANGED",
                [1, 2, 3],
            ),
        ],
    )
    def test_who_took_the_same_files_first_wins(
        self, world: World, other: str, error_class: str, rows: list[int]
    ) -> None:
        """
        An OPTIMIZE whose files were taken out meanwhile is refused.
        """
        begun = optimizing(world)
        world.run(other)
        with pytest.raises(RefusedError) as caught:
            begun.commit(world.engine._parts)

        assert (error_class, rows) == (caught.value.error_class, held(world))

    def test_modify_alone_is_not_enough(self, world: World) -> None:
        """
        It takes SELECT as well, and with both it is done.
        """
        world.run(f"GRANT MODIFY ON TABLE t TO `{PRINCIPAL}`")
        lack = world.refusal("OPTIMIZE t", PRINCIPAL).message
        world.run(f"GRANT SELECT ON TABLE t TO `{PRINCIPAL}`")
        world.run("OPTIMIZE t", PRINCIPAL)

        assert "does not have SELECT" in lack
        assert 1 == detail(world)["numFiles"]


class TestVacuum:
    """
    VACUUM.
    """

    def test_files_go_when_the_week_is_over(
        self, world: World, clock: FakeClock
    ) -> None:
        """
        Files that were taken out stay for seven days, and no longer.
        """
        old = files(world)
        world.run("OPTIMIZE t")
        clock.advance(days=6, hours=23)
        early = world.run("VACUUM t DRY RUN")
        clock.advance(hours=2)
        told = world.run("VACUUM t DRY RUN")
        done = world.run("VACUUM t")

        assert ([], 3) == (early, len(told))
        assert {path.name for path in old} == {Path(row["path"]).name for row in told}
        assert [{"path": detail(world)["location"]}] == done
        assert (1, [1, 2, 3]) == (len(files(world)), held(world))

    @pytest.mark.parametrize("way", ["MERGE", "DELETE"])
    def test_files_of_changed_rows_go_too(
        self, world: World, clock: FakeClock, way: str
    ) -> None:
        """
        What a DELETE or a MERGE took out of the table goes as well.
        """
        if way == "DELETE":
            world.run("DELETE FROM t WHERE a = 1")
        else:
            world.run(
                "MERGE INTO t AS o USING (SELECT 1 AS a) AS n ON o.a = n.a "
                "WHEN MATCHED THEN DELETE"
            )
        clock.advance(days=8)
        world.run("VACUUM t")

        assert (detail(world)["numFiles"], [2, 3]) == (len(files(world)), held(world))

    @pytest.mark.parametrize(
        ("said", "days", "count"),
        [
            ("interval 30 days", 29, 4),
            ("interval 30 days", 31, 1),
            ("2 weeks", 15, 1),
            ("interval 1 hour", 1, 1),
        ],
    )
    def test_a_table_says_for_how_long(
        self, world: World, clock: FakeClock, said: str, days: int, count: int
    ) -> None:
        """
        The time that a table is set to counts, shorter ones as well.
        """
        world.run(
            "ALTER TABLE t SET TBLPROPERTIES "
            f"('delta.deletedFileRetentionDuration' = '{said}')"
        )
        world.run("OPTIMIZE t")
        clock.advance(days=days)
        world.run("VACUUM t")

        assert count == len(files(world))

    def test_what_is_no_time_is_refused(self, world: World) -> None:
        """
        A table that is set to no interval is not vacuumed.
        """
        world.run(
            "ALTER TABLE t SET TBLPROPERTIES "
            "('delta.deletedFileRetentionDuration' = 'soon')"
        )

        assert ("INVALID_PARAMETER_VALUE", "22023") == world.refused("VACUUM t")

    def test_less_than_that_is_refused(self, world: World, clock: FakeClock) -> None:
        """
        Fewer hours than the table keeps files are refused, more are taken.
        """
        world.run("OPTIMIZE t")
        clock.advance(days=8)
        world.run("VACUUM t RETAIN 200 HOURS")
        many = len(files(world))

        assert "168 hours" in world.refusal("VACUUM t RETAIN 167 HOURS").message
        assert [{"path": detail(world)["location"]}] == world.run(
            "VACUUM t FULL RETAIN 168 HOURS"
        )
        assert (4, 1) == (many, len(files(world)))

    def test_files_of_no_commit_go_when_they_are_old(
        self, world: World, clock: FakeClock
    ) -> None:
        """
        A file that no commit names goes by its age, and stays when asked to.
        """
        begun = optimizing(world)
        old = (NOW - timedelta(days=8)).timestamp()
        name = begun.added[0]["add"]["path"]
        (path,) = [each for each in files(world) if each.name == name]
        young = world.run("VACUUM t DRY RUN")
        os.utime(path, (old, old))
        lite = world.run("VACUUM t LITE DRY RUN")
        world.run("VACUUM t")

        assert ([], [], False) == (young, lite, path.exists())

    def test_a_thousand_at_most_are_told(self, world: World) -> None:
        """
        A dry run tells a thousand files, and no more.
        """
        folder = files(world)[0].parent
        old = (NOW - timedelta(days=8)).timestamp()
        for number in range(1001):
            path = folder / f"{number}.parquet"
            path.touch()
            os.utime(path, (old, old))

        assert 1000 == len(world.run("VACUUM t DRY RUN"))

    @pytest.mark.parametrize("sql", ["VACUUM t RETAIN 200", "VACUUM t DRY", "VACUUM"])
    def test_half_a_statement_is_refused(self, world: World, sql: str) -> None:
        """
        What is no VACUUM is a syntax error.
        """
        assert ("PARSE_SYNTAX_ERROR", "42601") == world.refused(sql)


def test_a_dropped_table_can_be_neither(world: World) -> None:
    """
    An OPTIMIZE that a DROP overtakes is refused, and takes nothing along.
    """
    begun = optimizing(world)
    world.run("DROP TABLE t")
    with pytest.raises(RefusedError) as caught:
        begun.commit(world.engine._parts)

    assert "TABLE_OR_VIEW_NOT_FOUND" == caught.value.error_class
    assert "TABLE_OR_VIEW_NOT_FOUND" == world.refused("VACUUM t")[0]


def test_large_files_are_left_alone(world: World) -> None:
    """
    A file of the size that is aimed at is not written anew.
    """
    snapshot = optimizing(world).read
    sizes = dict.fromkeys(snapshot.files, 2**28)
    large = {
        path: {"add": {**action["add"], "size": sizes[path]}}
        for path, action in snapshot.files.items()
    }
    table = optimizing(world).table
    table.log._snapshot = attrs.evolve(snapshot, files=large)

    assert [] == optimizing(world).added
