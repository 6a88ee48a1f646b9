"""
COPY INTO: each file once, all or nothing, the very same types.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import duckdb_extension_delta
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from engines import PRINCIPAL, World, copied, counts

from databricks_forwarder.testing.workspace import _copy_into
from databricks_forwarder.testing.workspace._reader import Reader
from databricks_forwarder.testing.workspace._refusals import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

MISMATCH = ("COPY_INTO_SCHEMA_MISMATCH_WITH_TARGET_TABLE", "42KDG")
UNLIKE = ("DELTA_FAILED_TO_MERGE_FIELDS", "22005")
ODD_NAME = ("DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES", "42K05")
NO_PATH = ("PATH_NOT_FOUND", "42K03")
SYNTAX = ("PARSE_SYNTAX_ERROR", "42601")
UNSUPPORTED = ("UNSUPPORTED_FEATURE", "0A000")
MERGING = "COPY_OPTIONS ('mergeSchema' = 'true')"
MIXED = "FORMAT_OPTIONS ('mergeSchema' = 'true')"
FORCING = "COPY_OPTIONS ('force' = 'true')"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """
    An engine with a volume and a table.
    """
    with World(tmp_path) as world:
        world.volume()
        world.run("CREATE TABLE t (a BIGINT)")
        yield world


def folders(world: World) -> list[Path]:
    """
    The folders of the tables.
    """
    return list((world.root / "tables").iterdir())


def prepared(world: World, sql: str) -> _copy_into.Copying:
    """
    A COPY INTO that has read its files, and not committed yet.
    """
    reader, session = Reader(sql), world.session()
    reader.expect("COPY", "INTO")
    statement = _copy_into.read_copy_into(reader, session)
    return _copy_into.prepared(statement, session, world.engine._parts)


class TestOnce:
    """
    What was loaded is passed over, by its path.
    """

    def test_rows_of_named_files_are_loaded(self, world: World) -> None:
        """
        The rows of the files that are named are in the table, of no others.
        """
        world.file("x/1.parquet", {"a": [1, 2]})
        world.file("x/2.parquet", {"a": [3]})
        world.file("x/3.parquet", {"a": [4]})

        told = world.run(copied("t", "1.parquet", "3.parquet", folder="/x"))

        assert counts(3) == told
        assert [1, 2, 4] == [
            row["a"] for row in world.run("SELECT a FROM t ORDER BY a")
        ]

    def test_result_tells_modified_rows(self, world: World) -> None:
        """
        The result says how many rows were written, beside its row of counts.
        """
        world.file("1.parquet", {"a": [1, 2]})

        assert 2 == world.result(copied("t", "1.parquet")).modified_row_count

    def test_repeat_loads_nothing(self, world: World) -> None:
        """
        The same statement again loads nothing and says so.
        """
        world.file("1.parquet", {"a": [1]})
        world.run(copied("t", "1.parquet"))

        assert counts(0) == world.run(copied("t", "1.parquet"))

    def test_changed_bytes_are_not_seen(self, world: World) -> None:
        """
        A file that was loaded is passed over even when its bytes are others.
        """
        world.file("1.parquet", {"a": [1]})
        world.run(copied("t", "1.parquet"))
        world.file("1.parquet", {"a": [2, 3]})

        assert counts(0) == world.run(copied("t", "1.parquet"))

    def test_path_is_known_in_any_spelling_of_the_volume(self, world: World) -> None:
        """
        Case of catalog, schema and volume, a scheme and a slash make no new path.
        """
        world.file("x/1.parquet", {"a": [1]})
        world.run(copied("t", "1.parquet", folder="/x"))
        again = (
            "COPY INTO t FROM 'dbfs:/Volumes/MAIN/MParticle/STAGING/x/' "
            "FILEFORMAT = PARQUET FILES = ('1.parquet')"
        )

        assert counts(0) == world.run(again)

    def test_another_folder_is_another_file(self, world: World) -> None:
        """
        A file of the same name in another folder is loaded.
        """
        world.file("x/1.parquet", {"a": [1]})
        world.file("y/1.parquet", {"a": [1]})
        world.run(copied("t", "1.parquet", folder="/x"))

        assert counts(1) == world.run(copied("t", "1.parquet", folder="/y"))

    def test_partly_loaded_files_are_completed(self, world: World) -> None:
        """
        Of files some of which were loaded, only the others are.
        """
        world.file("1.parquet", {"a": [1]})
        world.file("2.parquet", {"a": [2, 3]})
        world.run(copied("t", "1.parquet"))

        assert counts(2) == world.run(copied("t", "1.parquet", "2.parquet"))

    def test_name_given_twice_is_loaded_once(self, world: World) -> None:
        """
        A file that is named twice is loaded once.
        """
        world.file("1.parquet", {"a": [1]})

        assert counts(1) == world.run(copied("t", "1.parquet", "1.parquet"))

    def test_each_table_has_its_own_memory(self, world: World) -> None:
        """
        What one table has loaded, another still may.
        """
        world.run("CREATE TABLE u (a BIGINT)")
        world.file("1.parquet", {"a": [1]})
        world.run(copied("t", "1.parquet"))

        assert counts(1) == world.run(copied("u", "1.parquet"))

    def test_dropped_table_forgets(self, world: World) -> None:
        """
        A table that is dropped and made again knows nothing of before.
        """
        world.file("1.parquet", {"a": [1]})
        world.run(copied("t", "1.parquet"))
        world.run("DROP TABLE t")
        world.run("CREATE TABLE t (a BIGINT)")

        assert counts(1) == world.run(copied("t", "1.parquet"))

    def test_force_loads_again(self, world: World) -> None:
        """
        With force a file is loaded as often as it is named.
        """
        world.file("1.parquet", {"a": [1]})
        world.run(copied("t", "1.parquet"))
        world.run(copied("t", "1.parquet", options=FORCING))

        assert [{"n": 2}] == world.run("SELECT count(*) AS n FROM t")

    def test_forced_file_is_remembered(self, world: World) -> None:
        """
        A file that was only loaded by force is passed over without it.
        """
        world.file("1.parquet", {"a": [1]})
        world.run(copied("t", "1.parquet", options=FORCING))

        assert counts(0) == world.run(copied("t", "1.parquet"))

    def test_memory_survives_the_engine(self, tmp_path: Path) -> None:
        """
        Another engine over the same folder knows what was loaded.
        """
        with World(tmp_path) as world:
            world.volume()
            world.run("CREATE TABLE t (a BIGINT)")
            world.file("1.parquet", {"a": [1]})
            world.run(copied("t", "1.parquet"))

        with World(tmp_path) as again:
            assert counts(0) == again.run(copied("t", "1.parquet"))

    def test_file_without_rows_is_remembered(self, world: World) -> None:
        """
        A file without rows is loaded, as nothing, once.
        """
        world.file("1.parquet", {"a": pa.array([], pa.int64())})
        world.run(copied("t", "1.parquet"))
        world.file("1.parquet", {"a": [1]})

        assert counts(0) == world.run(copied("t", "1.parquet"))


class TestFiles:
    """
    Which files a statement means.
    """

    def test_folder_means_all_files_in_it(self, world: World) -> None:
        """
        Without names all files of the folder are loaded, but hidden ones.
        """
        for name in ("1.parquet", "2.parquet", "_hidden.parquet", ".dot", "sub/3"):
            world.file(f"x/{name}", {"a": [1]})

        assert counts(2) == world.run(copied("t", folder="/x"))

    def test_source_may_be_a_file(self, world: World) -> None:
        """
        The source may be one file itself.
        """
        world.file("x/1.parquet", {"a": [1]})

        assert counts(1) == world.run(copied("t", folder="/x/1.parquet"))

    @pytest.mark.parametrize(
        ("pattern", "row_count"),
        [("*.parquet", 3), ("a?.parquet", 2), ("{a1,b1}.*", 2), ("[b]1.parquet", 1)],
    )
    def test_pattern_chooses(self, world: World, pattern: str, row_count: int) -> None:
        """
        A pattern chooses among the files of the folder.
        """
        for name in ("a1.parquet", "a2.parquet", "b1.parquet", "c.txt"):
            world.file(f"x/{name}", {"a": [1]})
        source = copied("t", folder="/x", options=f"PATTERN = '{pattern}'")

        assert counts(row_count) == world.run(source)

    @pytest.mark.parametrize("pattern", ["{a", "b}", "[c"])
    def test_unbalanced_pattern_is_refused(self, world: World, pattern: str) -> None:
        """
        A pattern whose brackets don't fit is refused.
        """
        world.file("x/1.parquet", {"a": [1]})
        source = copied("t", folder="/x", options=f"PATTERN = '{pattern}'")

        assert ("COPY_INTO_SYNTAX_ERROR", "42601") == world.refused(source)

    def test_named_file_may_be_deeper(self, world: World) -> None:
        """
        A name may lead into folders below the source.
        """
        world.file("x/y/1.parquet", {"a": [1]})

        assert counts(1) == world.run(copied("t", "x/y/1.parquet"))

    def test_thousand_files_are_loaded(self, world: World) -> None:
        """
        One statement may name a thousand files.
        """
        names = [f"{number}.parquet" for number in range(1000)]
        world.file("0.parquet", {"a": [1]})
        one = world.place("0.parquet")
        for name in names[1:]:
            world.place(name).hardlink_to(one)

        assert counts(1000) == world.run(copied("t", *names))

    def test_more_files_are_refused(self, world: World) -> None:
        """
        More than a thousand names are refused, whether they are there or not.
        """
        names = [f"{number}.parquet" for number in range(1001)]

        assert ("COPY_INTO_SYNTAX_ERROR", "42601") == world.refused(copied("t", *names))

    def test_missing_file_is_refused(self, world: World) -> None:
        """
        A named file that is not there is an error, and nothing is loaded.
        """
        world.file("1.parquet", {"a": [1]})

        assert NO_PATH == world.refused(copied("t", "1.parquet", "2.parquet"))
        assert [] == world.run("SELECT * FROM t")

    def test_missing_file_is_refused_after_its_load(self, world: World) -> None:
        """
        A named file that was loaded and removed is an error all the same.
        """
        world.file("1.parquet", {"a": [1]})
        world.run(copied("t", "1.parquet"))
        world.place("1.parquet").unlink()

        assert NO_PATH == world.refused(copied("t", "1.parquet"))

    def test_missing_folder_is_refused(self, world: World) -> None:
        """
        A folder that is not there is an error.
        """
        assert NO_PATH == world.refused(copied("t", folder="/x"))

    def test_file_that_goes_meanwhile_is_refused(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A file that goes between being found and being opened is an error.
        """
        world.file("1.parquet", {"a": [1]})
        found = _copy_into._found

        def gone(*arguments: Any) -> dict[str, Path]:
            files = found(*arguments)
            world.place("1.parquet").unlink()
            return files

        monkeypatch.setattr(_copy_into, "_found", gone)

        assert NO_PATH == world.refused(copied("t", "1.parquet"))

    @pytest.mark.parametrize("name", ["../1.parquet", "a//b", "a/./b", "x\\0y"])
    def test_odd_name_is_refused(self, world: World, name: str) -> None:
        """
        A name that leaves the folder, or is none, is refused.
        """
        assert ("INVALID_PARAMETER_VALUE", "22023") == world.refused(copied("t", name))

    def test_source_elsewhere_is_refused(self, world: World) -> None:
        """
        A source that is no path in a volume is refused.
        """
        sql = "COPY INTO t FROM 's3://bucket/x' FILEFORMAT = PARQUET"

        assert ("INVALID_PARAMETER_VALUE", "22023") == world.refused(sql)

    @pytest.mark.parametrize("content", [b"", b"no parquet at all", b"PAR1xxxxPAR1"])
    def test_broken_file_refuses_all(self, world: World, content: bytes) -> None:
        """
        A file that is no Parquet file refuses the statement with all its files.
        """
        world.file("1.parquet", {"a": [1]})
        world.place("2.parquet").write_bytes(content)

        assert ("FAILED_READ_FILE.NO_HINT", "KD001") == world.refused(
            copied("t", "1.parquet", "2.parquet")
        )
        assert [] == world.run("SELECT * FROM t")

    def test_broken_page_refuses_all(self, world: World) -> None:
        """
        A file with a good footer and spoiled values refuses the statement.
        """
        world.file("1.parquet", {"a": list(range(10_000))})
        content = bytearray(world.place("1.parquet").read_bytes())
        content[4:200] = b"\xff" * 196
        world.place("1.parquet").write_bytes(content)

        assert ("FAILED_READ_FILE.NO_HINT", "KD001") == world.refused(
            copied("t", "1.parquet")
        )
        assert [] == world.run("SELECT * FROM t")


STRUCT = pa.struct([("x", pa.int64()), ("y", pa.string())])


class TestSchema:
    """
    Columns of files against columns of the table.
    """

    def test_missing_columns_are_null(self, world: World) -> None:
        """
        Columns and fields that a file has not are null, at any depth.
        """
        world.run(
            "CREATE TABLE u (a BIGINT, b STRING, s STRUCT<x: BIGINT, y: STRING>, "
            "l ARRAY<STRUCT<x: BIGINT, y: STRING>>, "
            "m MAP<STRING, STRUCT<x: BIGINT, y: STRING>>)"
        )
        small = pa.struct([("x", pa.int64())])
        rows = [{"a": 1, "s": {"x": 2}, "l": [{"x": 3}], "m": [("k", {"x": 4})]}]
        schema = {
            "a": pa.int64(),
            "s": small,
            "l": pa.list_(small),
            "m": pa.map_(pa.string(), small),
        }
        world.file("1.parquet", pa.Table.from_pylist(rows, schema=pa.schema(schema)))
        world.run(copied("u", "1.parquet"))

        assert [
            {
                "a": 1,
                "b": None,
                "s": {"x": 2, "y": None},
                "l": [{"x": 3, "y": None}],
                "m": [("k", {"x": 4, "y": None})],
            }
        ] == world.run("SELECT * FROM u")

    @pytest.mark.parametrize(
        ("column", "values"),
        [
            ("a BIGINT", {"a": [1], "b": [1]}),
            ("a BIGINT", {"A": [1]}),
            ("s STRUCT<x: BIGINT>", {"s": pa.array([{"x": 1, "y": "z"}], STRUCT)}),
            (
                "l ARRAY<STRUCT<x: BIGINT>>",
                {"l": pa.array([[{"x": 1}]], pa.list_(STRUCT))},
            ),
            (
                "m MAP<STRING, STRUCT<x: BIGINT>>",
                {"m": pa.array([[("k", {"x": 1})]], pa.map_(pa.string(), STRUCT))},
            ),
        ],
    )
    def test_extra_columns_are_refused(
        self, world: World, column: str, values: dict[str, Any]
    ) -> None:
        """
        A column or field that the table has not refuses the file, at any depth.
        """
        world.run(f"CREATE TABLE u ({column})")
        world.file("1.parquet", values)

        assert MISMATCH == world.refused(copied("u", "1.parquet"))

    @pytest.mark.parametrize(
        ("type_", "values"),
        [
            ("BIGINT", pa.array([1], pa.int32())),
            ("INT", pa.array([1], pa.int64())),
            ("STRING", pa.array([1], pa.int64())),
            ("DOUBLE", pa.array([1], pa.float32())),
            ("BIGINT", pa.array(["1"])),
            ("TIMESTAMP", pa.array([1], pa.timestamp("us"))),
            ("TIMESTAMP", pa.array([1], pa.timestamp("ns", "UTC"))),
            ("DATE", pa.array([1], pa.timestamp("us", "UTC"))),
            ("DECIMAL(10, 2)", pa.array([1], pa.decimal128(12, 2))),
            ("STRING", pa.array([b"x"])),
            ("STRUCT<x: BIGINT>", pa.array([1])),
            ("STRUCT<x: STRING>", pa.array([{"x": 1}])),
            ("ARRAY<STRING>", pa.array([[1]])),
            ("MAP<STRING, STRING>", pa.array([{"x": "1"}])),
            ("STRING", pa.nulls(1)),
        ],
    )
    def test_other_types_are_refused(
        self, world: World, type_: str, values: pa.Array
    ) -> None:
        """
        A column of another type than the table's refuses the file, by its name.
        """
        world.run(f"CREATE TABLE u (`odd one` BIGINT, c {type_})".replace(" one", "1"))
        world.file("1.parquet", {"c": values})
        error = world.refusal(copied("u", "1.parquet"))

        assert UNLIKE == (error.error_class, error.sqlstate)
        assert "'c" in error.message

    @pytest.mark.parametrize(
        ("type_", "values"),
        [
            ("STRING", pa.array(["x"]).dictionary_encode()),
            ("STRING", pa.array(["x"], pa.large_string())),
            ("BINARY", pa.array([b"x"], pa.large_binary())),
            ("ARRAY<STRING>", pa.array([["x"]], pa.large_list(pa.string()))),
            ("TIMESTAMP", pa.array([1], pa.timestamp("ms", "Europe/Berlin"))),
            ("DECIMAL(10, 2)", pa.array([1], pa.decimal128(10, 2))),
            ("MAP<STRING, INT>", pa.array([[("k", 1)]], pa.map_("string", "int32"))),
        ],
    )
    def test_other_layouts_are_loaded(
        self, world: World, type_: str, values: pa.Array
    ) -> None:
        """
        The same type in another memory layout of Arrow is the same type.
        """
        world.run(f"CREATE TABLE u (c {type_})")
        world.file("1.parquet", {"c": values})

        assert counts(1) == world.run(copied("u", "1.parquet"))
        assert values.to_pylist() == [row["c"] for row in world.run("SELECT * FROM u")]

    @pytest.mark.parametrize(
        "file",
        [
            {"b": ["x"]},
            {"a": pa.array([None], pa.int64()), "b": ["x"]},
        ],
    )
    def test_required_column_must_have_values(
        self, world: World, file: dict[str, Any]
    ) -> None:
        """
        A null, or no column at all, where the table says NOT NULL is refused.
        """
        world.run("CREATE TABLE u (a BIGINT NOT NULL, b STRING)")
        world.file("1.parquet", file)

        assert ("DELTA_NOT_NULL_CONSTRAINT_VIOLATED", "23502") == world.refused(
            copied("u", "1.parquet")
        )

    @pytest.mark.parametrize("value", [{"y": "z"}, {"x": None, "y": "z"}])
    def test_required_field_must_have_values(
        self, world: World, value: dict[str, Any]
    ) -> None:
        """
        NOT NULL holds inside structs too, where there is a struct.
        """
        world.run("CREATE TABLE u (s STRUCT<x: BIGINT NOT NULL, y: STRING>)")
        world.file("0.parquet", {"s": pa.array([None, {"x": 1}], STRUCT)})
        type_ = pa.struct([(name, STRUCT.field(name).type) for name in value])
        world.file("1.parquet", {"s": pa.array([value], type_)})

        assert counts(2) == world.run(copied("u", "0.parquet"))
        assert ("DELTA_NOT_NULL_CONSTRAINT_VIOLATED", "23502") == world.refused(
            copied("u", "1.parquet")
        )

    def test_merge_adds_columns_and_fields(self, world: World) -> None:
        """
        With mergeSchema new columns and fields of structs are added, at the end.
        """
        world.run("CREATE TABLE u (s STRUCT<x: BIGINT>, a BIGINT)")
        rows = {"b": ["new"], "s": pa.array([{"x": 1, "y": "z"}], STRUCT)}
        world.file("1.parquet", rows)
        world.run(copied("u", "1.parquet", options=MERGING))

        assert {
            "s": "struct<x:bigint,y:string>",
            "a": "bigint",
            "b": "string",
        } == world.columns("u")
        assert [{"s": {"x": 1, "y": "z"}, "a": None, "b": "new"}] == world.run(
            "SELECT * FROM u"
        )

    @pytest.mark.parametrize(
        "values",
        [
            pa.array([[{"x": 1}]], pa.list_(STRUCT)),
            pa.array([[{"X": 1}]], pa.list_(pa.struct([("X", pa.int64())]))),
        ],
    )
    def test_merge_adds_nothing_in_arrays(self, world: World, values: pa.Array) -> None:
        """
        With mergeSchema no field is added inside an array.
        """
        world.run("CREATE TABLE u (l ARRAY<STRUCT<x: BIGINT>>)")
        world.file("1.parquet", {"l": values})

        assert MISMATCH == world.refused(copied("u", "1.parquet", options=MERGING))

    @pytest.mark.parametrize(
        ("name", "values", "refusal"),
        [
            ("x y", pa.array([1]), ODD_NAME),
            ("z", pa.array([{"q": 1, "Q": 2}]), ("COLUMN_ALREADY_EXISTS", "42711")),
            ("n", pa.nulls(1), UNSUPPORTED),
            ("n", pa.array([0], pa.timestamp("ns", "UTC")), UNSUPPORTED),
            ("n", pa.array([0], pa.timestamp("us")), UNSUPPORTED),
        ],
    )
    def test_merge_adds_no_column_that_can_not_be(
        self, world: World, name: str, values: pa.Array, refusal: tuple[str, str]
    ) -> None:
        """
        A column that CREATE TABLE would refuse is not merged in.
        """
        world.file("1.parquet", pa.table({"a": [1], name: values}))

        assert refusal == world.refused(copied("t", options=MERGING))
        assert {"a": "bigint"} == world.columns("t")

    def test_files_with_different_columns_are_refused(self, world: World) -> None:
        """
        Files with different columns go together only with the format option.
        """
        world.run("CREATE TABLE u (a BIGINT, b BIGINT)")
        world.file("1.parquet", {"a": [1]})
        world.file("2.parquet", {"a": [2], "b": [2]})

        assert UNSUPPORTED == world.refused(copied("u"))
        assert counts(2) == world.run(copied("u", options=MIXED))

    def test_order_of_columns_makes_no_difference(self, world: World) -> None:
        """
        Files with the same columns in another order go together.
        """
        world.run("CREATE TABLE u (a BIGINT, b BIGINT)")
        world.file("1.parquet", {"b": [1], "a": [1]})
        world.file("2.parquet", {"a": [2], "b": [2]})

        assert counts(2) == world.run(copied("u"))

    def test_merge_takes_no_other_case(self, world: World) -> None:
        """
        With mergeSchema a column that differs in case alone is refused.
        """
        world.file("1.parquet", {"A": [1]})

        assert MISMATCH == world.refused(copied("t", "1.parquet", options=MERGING))

    def test_merge_of_format_options_adds_nothing(self, world: World) -> None:
        """
        The mergeSchema of FORMAT_OPTIONS does not change the table.
        """
        world.file("1.parquet", {"a": [1], "b": [1]})
        options = "FORMAT_OPTIONS ('mergeSchema' = 'true')"

        assert MISMATCH == world.refused(copied("t", "1.parquet", options=options))

    def test_other_readers_agree(self, world: World) -> None:
        """
        The table is one that delta-rs and DuckDB's Delta reader read alike.
        """
        world.file("1.parquet", {"a": [1]})
        world.file("2.parquet", {"a": [2], "s": pa.array([{"x": 1, "y": "z"}], STRUCT)})
        world.run(copied("t", "1.parquet"))
        world.run(copied("t", "2.parquet", options=MERGING))
        (folder,) = folders(world)
        expected = [{"a": 1, "s": None}, {"a": 2, "s": {"x": 1, "y": "z"}}]
        theirs = DeltaTable(str(folder))
        rows = theirs.to_pyarrow_dataset().to_table().to_pylist()
        extension = Path(duckdb_extension_delta.__path__[0], "extensions")
        [file] = extension.glob(f"v{duckdb.__version__}/delta.duckdb_extension")
        with duckdb.connect() as connection:
            connection.execute(f"LOAD '{file}'")
            scanned = connection.sql(f"FROM delta_scan('{folder}') ORDER BY a")
            others = scanned.to_arrow_table().to_pylist()

        assert expected == sorted(rows, key=lambda row: row["a"])
        assert expected == others


class TestGrammar:
    """
    The statement's clauses.
    """

    @pytest.mark.parametrize(
        "rest",
        [
            "FILES = ('a')",
            "FROM 'x' FILEFORMAT PARQUET",
            "FROM 'x'",
            "FROM x FILEFORMAT = PARQUET",
            "FROM 'x' FILEFORMAT = PARQUET FILES = ()",
            "FROM 'x' FILEFORMAT = PARQUET FILES = ('a') PATTERN = 'b'",
            "FROM 'x' FILEFORMAT = PARQUET FILES ('a')",
            "FROM 'x' FILEFORMAT = PARQUET COPY_OPTIONS ('force'='true') FILES = ('a')",
            "FROM '' FILEFORMAT=PARQUET COPY_OPTIONS (force=true) FORMAT_OPTIONS (x=1)",
            "FROM 'x' FILEFORMAT = PARQUET nonsense",
        ],
    )
    def test_clauses_have_an_order(self, world: World, rest: str) -> None:
        """
        Clauses that are missing, mixed up or unknown are a syntax error.
        """
        assert SYNTAX == world.refused(f"COPY INTO t {rest}")

    @pytest.mark.parametrize(
        "rest",
        [
            "BY POSITION FROM 'x' FILEFORMAT = CSV",
            "(a) FROM 'x' FILEFORMAT = CSV",
            "FROM (SELECT a FROM 'x') FILEFORMAT = PARQUET",
            "FROM 'x' WITH (CREDENTIAL c) FILEFORMAT = PARQUET",
            "FROM 'x' FILEFORMAT = JSON",
            "FROM 'x' FILEFORMAT = PARQUET VALIDATE ALL",
            "FROM 'x' FILEFORMAT = PARQUET FORMAT_OPTIONS ('x' = 'y')",
            "FROM 'x' FILEFORMAT = PARQUET COPY_OPTIONS (x = y)",
        ],
    )
    def test_other_forms_are_told(self, world: World, rest: str) -> None:
        """
        Forms that the platform has and the workspace has not are told as such.
        """
        assert UNSUPPORTED == world.refused(f"COPY INTO t {rest}")


class TestOptions:
    """
    Options are true or false.
    """

    @pytest.mark.parametrize("clause", ["FORMAT_OPTIONS", "COPY_OPTIONS"])
    def test_other_value_is_refused(self, world: World, clause: str) -> None:
        """
        A value that is neither is refused.
        """
        options = f"{clause} ('mergeSchema' = 'banana')"

        assert ("COPY_INTO_SYNTAX_ERROR", "42601") == world.refused(
            copied("t", options=options)
        )


class TestPrivileges:
    """
    Who may load what into what.
    """

    @pytest.fixture(autouse=True)
    def _file(self, world: World) -> None:
        world.file("1.parquet", {"a": [1]})

    def test_missing_table_is_refused(self, world: World) -> None:
        """
        A table that is not there is refused.
        """
        assert ("TABLE_OR_VIEW_NOT_FOUND", "42P01") == world.refused(
            copied("nowhere", "1.parquet")
        )

    @pytest.mark.parametrize(
        ("held", "lacking"),
        [
            ([], "MODIFY on Table 'main.mparticle.t'"),
            ([("MODIFY", "TABLE", "t")], "SELECT on Table 'main.mparticle.t'"),
            (
                [("MODIFY", "TABLE", "t"), ("SELECT", "SCHEMA", "")],
                "READ VOLUME on Volume 'main.mparticle.staging'",
            ),
        ],
    )
    def test_lacking_privilege_is_named(
        self, world: World, held: list[tuple[str, Any, str]], lacking: str
    ) -> None:
        """
        A refusal names the privilege that is missing, and on what.
        """
        for privilege, kind, name in held:
            whole = f"main.mparticle.{name}".rstrip(".")
            world.engine.grants.grant(privilege, kind, whole, PRINCIPAL)
        error = world.refusal(copied("t", "1.parquet"), PRINCIPAL)

        assert (
            f"Insufficient privileges: User does not have {lacking}." == error.message
        )
        assert 403 == error.status

    def test_owner_loads_what_may_be_read(self, world: World) -> None:
        """
        The owner of a table loads into it from a volume that may be read.
        """
        volume = "main.mparticle.staging"
        world.engine.grants.grant("READ VOLUME", "VOLUME", volume, PRINCIPAL)
        world.run("CREATE TABLE u (a BIGINT)", PRINCIPAL)

        assert counts(1) == world.run(copied("u", "1.parquet"), PRINCIPAL)


class TestRaces:
    """
    Two writers at once.
    """

    @pytest.fixture(autouse=True)
    def _files(self, world: World) -> None:
        world.file("1.parquet", {"a": [1]})
        world.file("2.parquet", {"a": [2]})

    def test_same_file_is_loaded_by_one(self, world: World) -> None:
        """
        Of two that load the same file at once one is refused, and may try again.
        """
        first = prepared(world, copied("t", "1.parquet"))
        second = prepared(world, copied("t", "1.parquet", "2.parquet"))
        first.commit()
        with pytest.raises(RefusedError) as caught:
            second.commit()

        assert ("COPY_INTO_DUPLICATED_FILES_COPY_NOT_ALLOWED", "25000") == (
            caught.value.error_class,
            caught.value.sqlstate,
        )
        assert counts(1) == world.run(copied("t", "1.parquet", "2.parquet"))

    def test_distinct_files_are_loaded_by_both(self, world: World) -> None:
        """
        Two that load distinct files at once both succeed.
        """
        first = prepared(world, copied("t", "1.parquet"))
        second = prepared(world, copied("t", "2.parquet"))
        first.commit()
        second.commit()

        assert [1, 2] == [row["a"] for row in world.run("SELECT a FROM t ORDER BY a")]

    @pytest.mark.parametrize(
        "change",
        [
            "ALTER TABLE t ADD COLUMNS (b INT)",
            "ALTER TABLE t SET TBLPROPERTIES ('k' = 'v')",
            "COMMENT ON TABLE t IS 'x'",
            copied("t", "3.parquet", options=MERGING),
        ],
    )
    def test_metadata_change_refuses_a_load(self, world: World, change: str) -> None:
        """
        A load that a change of the table's metadata overtakes is refused.
        """
        world.file("3.parquet", {"a": [3], "c": [3]})
        load = prepared(world, copied("t", "1.parquet"))
        world.run(change)
        with pytest.raises(RefusedError) as caught:
            load.commit()

        assert ("DELTA_METADATA_CHANGED", "2D521") == (
            caught.value.error_class,
            caught.value.sqlstate,
        )
        assert counts(1) == world.run(copied("t", "1.parquet"))

    def test_dropped_table_refuses_a_load(self, world: World) -> None:
        """
        A load into a table that is dropped meanwhile is refused.
        """
        load = prepared(world, copied("t", "1.parquet"))
        world.run("DROP TABLE t")
        with pytest.raises(RefusedError) as caught:
            load.commit()

        assert "TABLE_OR_VIEW_NOT_FOUND" == caught.value.error_class

    def test_threads_load_each_file_once(self, world: World) -> None:
        """
        Of threads that all load the same file, one does, whatever the rest hear.
        """
        start = threading.Barrier(6)
        heard: list[str | int] = []

        def load() -> None:
            start.wait()
            try:
                row = world.run(copied("t", "1.parquet"))[0]
                heard.append(row["num_inserted_rows"])
            except RefusedError as error:
                heard.append(error.error_class)

        threads = [threading.Thread(target=load) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert 1 == heard.count(1)
        assert {1, 0, "COPY_INTO_DUPLICATED_FILES_COPY_NOT_ALLOWED"} >= set(heard)
        assert [{"a": 1}] == world.run("SELECT * FROM t")

    def test_threads_load_their_own_files(self, world: World) -> None:
        """
        Threads that each load a file of their own all succeed.
        """
        start = threading.Barrier(6)
        for number in range(6):
            world.file(f"own{number}.parquet", {"a": [number]})

        def load(number: int) -> None:
            start.wait()
            world.run(copied("t", f"own{number}.parquet"))

        threads = [threading.Thread(target=load, args=(each,)) for each in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert list(range(6)) == [
            row["a"] for row in world.run("SELECT a FROM t ORDER BY a")
        ]
