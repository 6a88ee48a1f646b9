"""
Statements about catalogs, schemas, tables, volumes and their files.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from engines import PRINCIPAL, World, copied, counts

from databricks_forwarder.testing.workspace._results import Transfer

if TYPE_CHECKING:
    from collections.abc import Iterator

ALL_TYPES = {
    "i64": "bigint",
    "i32": "int",
    "i16": "smallint",
    "i8": "tinyint",
    "f64": "double",
    "f32": "float",
    "b": "boolean",
    "s": "string",
    "bin": "binary",
    "d": "date",
    "ts": "timestamp",
    "dec": "decimal(10,2)",
    "dec0": "decimal(7,0)",
    "dec1": "decimal(10,0)",
    "a": "array<string>",
    "m": "map<string,array<bigint>>",
    "st": "struct<x:bigint,y:struct<z:string>>",
    "e": "struct<>",
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """
    An engine.
    """
    with World(tmp_path) as world:
        yield world


class TestTables:
    """
    CREATE, DESCRIBE and DROP TABLE.
    """

    def test_every_type_is_kept(self, world: World) -> None:
        """
        A table's columns have the types they were made with.
        """
        columns = ", ".join(f"{name} {type_}" for name, type_ in ALL_TYPES.items())
        spelled = columns.replace("decimal(10,0)", "DEC").replace("(7,0)", "(7)")
        world.run(f"CREATE TABLE t ({spelled})")

        assert ALL_TYPES == world.columns("t")

    def test_clauses_come_in_any_order(self, world: World) -> None:
        """
        What follows the columns may come in any order.
        """
        world.run(
            "CREATE TABLE t (a BIGINT, b STRING NOT NULL COMMENT 'the b') "
            "COMMENT 'the table' TBLPROPERTIES ('x' = 'y', z.w = true, q 1) "
            "CLUSTER BY (b, a) USING delta;"
        )

        assert [
            {"col_name": "a", "data_type": "bigint", "comment": None},
            {"col_name": "b", "data_type": "string", "comment": "the b"},
            {"col_name": "# Clustering Information", "data_type": "", "comment": ""},
            {"col_name": "# col_name", "data_type": "data_type", "comment": "comment"},
            {"col_name": "a", "data_type": "bigint", "comment": None},
            {"col_name": "b", "data_type": "string", "comment": "the b"},
        ] == world.run("DESCRIBE TABLE t")
        assert [{"is_nullable": "YES"}, {"is_nullable": "NO"}] == world.run(
            "SELECT is_nullable FROM information_schema.columns ORDER BY 1 DESC"
        )

    def test_extended_description_tells_more(self, world: World) -> None:
        """
        DESCRIBE EXTENDED tells name, comment and owner too.
        """
        world.run("CREATE TABLE t (a INT) COMMENT 'hi'", PRINCIPAL)
        rows = world.run("DESC TABLE EXTENDED t", PRINCIPAL)
        told = {row["col_name"]: row["data_type"] for row in rows}

        assert ("main", "mparticle", "t") == (
            told["Catalog"],
            told["Database"],
            told["Table"],
        )
        assert ("hi", PRINCIPAL) == (told["Comment"], told["Owner"])

    @pytest.mark.parametrize("keys", ["AUTO", "NONE", "(a)", "(s, a, d, dec)"])
    def test_table_is_clustered(self, world: World, keys: str) -> None:
        """
        A table may be clustered by up to four columns, or by the platform.
        """
        world.run(
            f"CREATE TABLE t (a INT, s STRING, d DATE, dec DEC) CLUSTER BY {keys}"
        )
        world.run(f"ALTER TABLE t CLUSTER BY {keys}")

        assert {"a", "s", "d", "dec"} <= set(world.columns("t"))

    @pytest.mark.parametrize("count", ["33", "'-1'"])
    def test_more_columns_may_be_indexed(self, world: World, count: str) -> None:
        """
        A table's own number of columns with statistics counts for its keys.
        """
        columns = ", ".join(f"c{number} INT" for number in range(33))
        world.run(
            f"CREATE TABLE t ({columns}) CLUSTER BY (c32) "
            f"TBLPROPERTIES (delta.dataSkippingNumIndexedCols = {count})"
        )

        assert 33 + 3 == len(world.run("DESCRIBE t"))

    def test_table_needs_no_columns(self, world: World) -> None:
        """
        A table may be made without columns, for a load to bring them.
        """
        world.volume()
        world.run("CREATE TABLE t")
        world.file("1.parquet", {"a": [1]})
        merging = "COPY_OPTIONS ('mergeSchema' = 'true')"

        assert counts(1) == world.run(copied("t", "1.parquet", options=merging))

    def test_existing_table_is_left(self, world: World) -> None:
        """
        With IF NOT EXISTS a table that is there stays as it is.
        """
        world.run("CREATE TABLE t (a INT)")
        world.run("CREATE TABLE IF NOT EXISTS t (b INT)")

        assert {"a": "int"} == world.columns("t")

    def test_table_that_came_first_is_left(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Of two that make a table at once the later leaves nothing behind.
        """
        world.run("CREATE TABLE t (a INT)")
        monkeypatch.setattr(world.engine._catalog, "find", _blind(world))
        world.run("CREATE TABLE IF NOT EXISTS t (b INT)")
        monkeypatch.undo()

        assert 1 == len(list((world.root / "tables").iterdir()))
        assert {"a": "int"} == world.columns("t")

    def test_dropped_table_is_gone(self, world: World) -> None:
        """
        A dropped table is not there any more, nor are its files.
        """
        world.run("CREATE TABLE t (a INT)")
        world.run("DROP TABLE t")
        world.run("DROP TABLE IF EXISTS t")

        assert ("TABLE_OR_VIEW_NOT_FOUND", "42P01") == world.refused("SELECT 1 FROM t")
        assert [] == list((world.root / "tables").iterdir())

    def test_table_that_goes_first_is_dropped(self, world: World) -> None:
        """
        Dropping a table that somebody else just dropped is nothing.
        """
        world.run("CREATE TABLE t (a INT)")
        tables = world.engine._parts.tables
        table = tables.find("main.mparticle.t", "admin")
        tables.drop(table)
        tables.drop(table)

        assert [] == world.run("SHOW TABLES")


def _blind(world: World) -> Any:
    found = world.engine._catalog.find

    def find(kind: Any, name: str) -> Any:
        return None if kind == "TABLE" else found(kind, name)

    return find


class TestAlterTable:
    """
    ALTER TABLE and COMMENT ON.
    """

    @pytest.fixture(autouse=True)
    def _table(self, world: World) -> None:
        world.run("CREATE TABLE t (a INT, s STRUCT<x: INT, y: STRUCT<z: INT>>)")

    @pytest.mark.parametrize(
        ("added", "columns"),
        [
            (
                "COLUMN b STRING",
                {"a": "int", "s": "struct<x:int,y:struct<z:int>>", "b": "string"},
            ),
            (
                "COLUMNS (b STRING FIRST, c DATE AFTER A COMMENT 'c')",
                {
                    "b": "string",
                    "a": "int",
                    "c": "date",
                    "s": "struct<x:int,y:struct<z:int>>",
                },
            ),
            (
                "COLUMNS s.w INT, `s`.`Y`.`v` ARRAY<INT>",
                {"a": "int", "s": "struct<x:int,y:struct<z:int,v:array<int>>,w:int>"},
            ),
            (
                "COLUMN s.w INT FIRST",
                {"a": "int", "s": "struct<w:int,x:int,y:struct<z:int>>"},
            ),
            (
                "COLUMNS (n STRUCT<q: INT>, n.r STRING)",
                {
                    "a": "int",
                    "s": "struct<x:int,y:struct<z:int>>",
                    "n": "struct<q:int,r:string>",
                },
            ),
        ],
    )
    def test_columns_are_added(
        self, world: World, added: str, columns: dict[str, str]
    ) -> None:
        """
        Columns and fields of structs are added where the statement says.
        """
        world.run(f"ALTER TABLE t ADD {added}")

        assert list(columns.items()) == list(world.columns("t").items())

    def test_rows_of_before_have_nulls(self, world: World) -> None:
        """
        Rows that were there have null in a column, or field, that is added.
        """
        world.run("INSERT INTO t VALUES (1, struct(1 AS x, struct(2 AS z) AS y))")
        world.run("ALTER TABLE t ADD COLUMNS (s.y.v STRING, b INT FIRST)")

        assert [{"b": None, "a": 1, "s": {"x": 1, "y": {"z": 2, "v": None}}}] == (
            world.run("SELECT * FROM t")
        )

    def test_comments_are_changed(self, world: World) -> None:
        """
        The comments of a table and of its columns can be changed.
        """
        world.run("COMMENT ON TABLE t IS 'of t'")
        world.run("COMMENT ON COLUMN main.mparticle.t.A IS 'of a'")

        assert [{"comment": "of t"}] == world.run(
            "SELECT comment FROM information_schema.tables"
        )
        assert "of a" == world.run("DESCRIBE t")[0]["comment"]

    @pytest.mark.parametrize(
        "change",
        [
            "ADD COLUMN b INT",
            "SET TBLPROPERTIES ('k' = 'v')",
            "CLUSTER BY (a)",
        ],
    )
    def test_of_two_changes_at_once_one_is_refused(
        self, world: World, monkeypatch: pytest.MonkeyPatch, change: str
    ) -> None:
        """
        A change of metadata that another one overtakes is refused.
        """
        log = world.engine._parts.tables.find("main.mparticle.t", "admin").log
        stale = log.read()
        world.run("COMMENT ON TABLE t IS 'first'")
        monkeypatch.setattr(log, "read", lambda: stale)

        assert ("DELTA_METADATA_CHANGED", "2D521") == world.refused(
            f"ALTER TABLE t {change}"
        )

    def test_rows_do_not_refuse_a_change(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A change of metadata goes behind rows that were appended meanwhile.
        """
        log = world.engine._parts.tables.find("main.mparticle.t", "admin").log
        stale = log.read()
        world.run("INSERT INTO t (a) VALUES (1)")
        with monkeypatch.context() as patch:
            patch.setattr(log, "read", lambda: stale)
            world.run("ALTER TABLE t ADD COLUMN b INT")

        assert [{"a": 1, "b": None}] == world.run("SELECT a, b FROM t")


class TestPlaces:
    """
    Catalogs, schemas and volumes.
    """

    def test_bare_engine_has_nothing(self, tmp_path: Path) -> None:
        """
        A bare engine has no catalog until the set-up makes it.
        """
        with World(tmp_path, bare=True) as world:
            before = world.run("SHOW CATALOGS")
            world.run("CREATE CATALOG main COMMENT 'c'")
            world.run("CREATE SCHEMA main.mparticle COMMENT 's'")

            assert [] == before
            assert [{"catalog": "main"}] == world.run("SHOW CATALOGS")
            assert [{"databaseName": "mparticle"}] == world.run("SHOW SCHEMAS IN main")

    def test_if_not_exists_leaves_what_is_there(self, world: World) -> None:
        """
        With IF NOT EXISTS what is there stays, its comment included.
        """
        world.run("CREATE VOLUME v COMMENT 'first'")
        world.run("CREATE CATALOG IF NOT EXISTS main")
        world.run("CREATE DATABASE IF NOT EXISTS main.mparticle")
        world.run("CREATE VOLUME IF NOT EXISTS main.mparticle.v COMMENT 'second'")

        assert [{"volume_name": "v", "comment": "first"}] == world.run(
            "SELECT volume_name, comment FROM main.information_schema.volumes"
        )
        assert 1 == len(list((world.root / "volumes").iterdir()))

    @pytest.mark.parametrize(
        ("sql", "refusal"),
        [
            ("CREATE CATALOG Main", ("CATALOG_ALREADY_EXISTS", "42P06")),
            ("CREATE SCHEMA main.MParticle", ("SCHEMA_ALREADY_EXISTS", "42P06")),
            ("CREATE VOLUME V", ("VOLUME_ALREADY_EXISTS", "42000")),
            ("CREATE TABLE T (b INT)", ("TABLE_OR_VIEW_ALREADY_EXISTS", "42P07")),
        ],
    )
    def test_what_is_there_is_not_made_again(
        self, world: World, sql: str, refusal: tuple[str, str]
    ) -> None:
        """
        Without IF NOT EXISTS a name that is taken, in any case, is refused.
        """
        world.run("CREATE VOLUME v")
        world.run("CREATE TABLE t (a INT)")

        assert refusal == world.refused(sql)

    def test_volume_is_dropped_with_its_files(self, world: World) -> None:
        """
        A dropped volume takes its files along, and can be made anew.
        """
        world.volume()
        world.file("1.parquet", {"a": [1]})
        world.run("DROP VOLUME staging")
        world.run("DROP VOLUME IF EXISTS staging")
        world.volume()

        assert [] == world.run("LIST '/Volumes/main/mparticle/staging'")

    def test_volume_that_goes_first_is_dropped(self, world: World) -> None:
        """
        A volume that was made anew stays when the old one is dropped twice.
        """
        world.volume()
        old = world.engine.grants.found("VOLUME", "main.mparticle.staging")
        world.run("DROP VOLUME staging")
        world.volume()

        assert not world.engine._catalog.remove(old)
        assert [{"database": "mparticle", "volume_name": "staging"}] == world.run(
            "SHOW VOLUMES"
        )

    def test_full_schema_is_not_dropped(self, world: World) -> None:
        """
        A schema with something in it is dropped with CASCADE only.
        """
        world.run("CREATE SCHEMA s")
        world.run("CREATE TABLE s.t (a INT)")
        world.run("CREATE VOLUME s.v")

        assert ("SCHEMA_NOT_EMPTY", "2BP01") == world.refused("DROP SCHEMA s RESTRICT")
        world.run("DROP SCHEMA s CASCADE")
        world.run("DROP SCHEMA IF EXISTS s")
        assert [{"databaseName": "mparticle"}] == world.run("SHOW DATABASES")

    def test_grants_go_with_what_they_are_on(self, world: World) -> None:
        """
        What was granted on a table does not hold for the next of its name.
        """
        world.run("CREATE TABLE t (a INT)")
        world.run(f"GRANT SELECT ON TABLE t TO `{PRINCIPAL}`")
        world.run("DROP TABLE t")
        world.run("CREATE TABLE t (a INT)")

        assert ("INSUFFICIENT_PERMISSIONS", "42501") == world.refused(
            "SELECT * FROM t", PRINCIPAL
        )

    def test_use_moves_the_session(self, world: World) -> None:
        """
        USE changes where a session's short names are looked up.
        """
        world.run("CREATE CATALOG other")
        world.run("CREATE SCHEMA other.s")
        session = world.session()
        run = world.engine.run
        run("USE CATALOG other", session)
        run("USE SCHEMA s", session)
        run("CREATE TABLE t (a INT)", session)
        run("USE DATABASE main.mparticle", session)
        run("USE other.s", session)

        assert [{"database": "s", "tableName": "t", "isTemporary": False}] == (
            run("SHOW TABLES", session).table.to_pylist()
        )

    def test_tables_of_another_schema_are_shown(self, world: World) -> None:
        """
        SHOW lists what is in the schema that is named.
        """
        world.run("CREATE TABLE t (a INT)")

        assert [] == world.run("SHOW TABLES IN main.mparticle")[1:]
        assert ("SCHEMA_NOT_FOUND", "42704") == world.refused("SHOW TABLES FROM x")


class TestTransfers:
    """
    PUT, GET, REMOVE and LIST.
    """

    FOLDER = "/Volumes/main/mparticle/staging"

    @pytest.fixture(autouse=True)
    def _volume(self, world: World) -> None:
        world.volume()
        world.place("x/there").write_bytes(b"123")

    @pytest.mark.parametrize(
        ("sql", "transfer"),
        [
            (f"PUT 'l' INTO '{FOLDER}/a'", Transfer("PUT", f"{FOLDER}/a", "l")),
            (
                f"PUT 'l' INTO 'dbfs:{FOLDER}/x/there' OVERWRITE",
                Transfer("PUT", f"{FOLDER}/x/there", "l"),
            ),
            (
                f"GET '{FOLDER}/x/there' TO 'l'",
                Transfer("GET", f"{FOLDER}/x/there", "l"),
            ),
            (
                f"REMOVE '{FOLDER}/x/there'",
                Transfer("REMOVE", f"{FOLDER}/x/there"),
            ),
        ],
    )
    def test_client_is_told_what_to_move(
        self, world: World, sql: str, transfer: Transfer
    ) -> None:
        """
        A statement that moves a file says what the client must do itself.
        """
        assert transfer == world.result(sql).transfer

    @pytest.mark.parametrize(
        ("sql", "refusal"),
        [
            (f"PUT 'l' INTO '{FOLDER}/x/there'", ("PATH_ALREADY_EXISTS", "42K04")),
            (f"GET '{FOLDER}/x/nothing' TO 'l'", ("PATH_NOT_FOUND", "42K03")),
            (f"REMOVE '{FOLDER}/x'", ("PATH_NOT_FOUND", "42K03")),
            (f"LIST '{FOLDER}/x/there'", ("PATH_NOT_FOUND", "42K03")),
            (f"GET '{FOLDER}/../x' TO 'l'", ("INVALID_PARAMETER_VALUE", "22023")),
            ("LIST '/Volumes/main/mparticle/no'", ("VOLUME_DOES_NOT_EXIST", "42704")),
        ],
    )
    def test_impossible_transfer_is_refused(
        self, world: World, sql: str, refusal: tuple[str, str]
    ) -> None:
        """
        A file that is in the way, or is not there, refuses the statement.
        """
        assert refusal == world.refused(sql)

    def test_folder_is_listed(self, world: World) -> None:
        """
        LIST tells files with their sizes, and folders with a slash.
        """
        world.place("y").write_bytes(b"12")
        rows = world.run(f"LIST '{self.FOLDER}/'")

        assert [("x/", 0), ("y", 2)] == [(row["name"], row["size"]) for row in rows]
        assert f"dbfs:{self.FOLDER}/x/" == rows[0]["path"]

    def test_what_is_gone_is_not_listed(self, world: World) -> None:
        """
        LIST leaves out what is removed while it lists.
        """
        world.place("gone").symlink_to("nowhere")
        rows = world.run(f"LIST '{self.FOLDER}'")

        assert ["x/"] == [row["name"] for row in rows]

    @pytest.mark.parametrize("privilege", ["READ VOLUME", "WRITE VOLUME"])
    def test_writing_takes_both_privileges(self, world: World, privilege: str) -> None:
        """
        To put or remove a file takes READ VOLUME and WRITE VOLUME.
        """
        volume = "main.mparticle.staging"
        world.engine.grants.grant(privilege, "VOLUME", volume, PRINCIPAL)

        assert ("INSUFFICIENT_PERMISSIONS", "42501") == world.refused(
            f"PUT 'l' INTO '{self.FOLDER}/a'", PRINCIPAL
        )
