"""
What is meant, and how it is said in SQL.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import expressions as exp

from databricks_forwarder._databricks.load_statements import (
    CopyInto,
    CountLoad,
    CountRows,
)
from databricks_forwarder._databricks.schema_statements import (
    SelectColumns,
    SelectSchema,
    SelectVolume,
)
from databricks_forwarder._databricks.statements import (
    AddColumns,
    CreateTable,
    CreateVolume,
    DropTable,
    DropVolume,
    Name,
    SelectOne,
    Statement,
    identifier,
    literal,
)

TABLE = Name("main", "mparticle", "event_größe")
LOAD = "0123456789ab-0-9"


@pytest.mark.parametrize(
    ("statement", "sql"),
    [
        (SelectOne(), "SELECT 1 AS one"),
        (
            CreateVolume(Name("main", "s", "v"), "it's on its way"),
            "CREATE VOLUME IF NOT EXISTS `main`.`s`.`v` COMMENT 'it\\'s on its way'",
        ),
        (
            CreateTable(
                table=TABLE,
                columns=pa.schema(
                    {
                        "_event_timestamp": pa.timestamp("us", "UTC"),
                        "data": pa.struct({"count": pa.int64()}),
                    }
                ),
                comments={"_event_timestamp": "When it happened."},
                comment="Events.",
                cluster_by="_event_timestamp",
            ),
            (
                "CREATE TABLE `main`.`mparticle`.`event_größe` (\n"
                "  `_event_timestamp` TIMESTAMP COMMENT 'When it happened.',\n"
                "  `data` STRUCT<`count`: BIGINT>\n"
                ")\nCLUSTER BY (`_event_timestamp`)\nCOMMENT 'Events.'"
            ),
        ),
        (
            CreateTable(
                table=Name("c", "s", "t"),
                columns=pa.schema({"a": pa.string()}),
                comments={},
                comment="",
                cluster_by=None,
            ),
            "CREATE TABLE `c`.`s`.`t` (\n  `a` STRING\n)\nCOMMENT ''",
        ),
        (
            AddColumns(
                Name("c", "s", "t"),
                {("more",): pa.string(), ("data", "x"): pa.list_(pa.int32())},
            ),
            (
                "ALTER TABLE `c`.`s`.`t` ADD COLUMNS "
                "(`more` STRING, `data`.`x` ARRAY<INT>)"
            ),
        ),
        (
            CopyInto(Name("c", "s", "t"), LOAD, f"/Volumes/c/s/v/{LOAD}", ["a", "b"]),
            (
                "/* databricks-forwarder load 0123456789ab-0-9 */\n"
                "COPY INTO `c`.`s`.`t`\n"
                "FROM '/Volumes/c/s/v/0123456789ab-0-9'\n"
                "FILEFORMAT = PARQUET\n"
                "FILES = ('a', 'b')"
            ),
        ),
        (
            CountLoad(Name("c", "s", "t"), LOAD),
            (
                "/* databricks-forwarder load 0123456789ab-0-9 */\n"
                "SELECT count(*) AS row_count FROM `c`.`s`.`t` "
                "WHERE `_load_id` = '0123456789ab-0-9'"
            ),
        ),
        (
            CountRows(Name("c", "s", "t"), "it's"),
            (
                "SELECT `_load_id`, count(*) AS row_count,\n"
                "  count(DISTINCT `_offset`, `_position`) AS place_count\n"
                "FROM `c`.`s`.`t`\n"
                "WHERE startswith(`_load_id`, 'it\\'s-')\n"
                "GROUP BY `_load_id`"
            ),
        ),
        (
            SelectColumns("main", "s", ["b", "a"]),
            (
                "SELECT table_name, column_name, full_data_type\n"
                "FROM `main`.information_schema.columns\n"
                "WHERE table_schema = 's'\n"
                "AND table_name IN ('a', 'b')\n"
                "ORDER BY table_name, ordinal_position"
            ),
        ),
        (
            SelectSchema("main", "s"),
            (
                "SELECT schema_name\nFROM `main`.information_schema.schemata\n"
                "WHERE schema_name = 's'"
            ),
        ),
        (
            SelectVolume(Name("main", "s", "v")),
            (
                "SELECT volume_name\nFROM `main`.information_schema.volumes\n"
                "WHERE volume_schema = 's'\nAND volume_name = 'v'"
            ),
        ),
        (DropTable(Name("c", "s", "t")), "DROP TABLE IF EXISTS `c`.`s`.`t`"),
        (DropVolume(Name("c", "s", "v")), "DROP VOLUME IF EXISTS `c`.`s`.`v`"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_statements_have_this_text(statement: Statement, sql: str) -> None:
    """
    Each statement is said in exactly these words.
    """
    assert sql == statement.to_sql()


def test_a_volume_has_a_path() -> None:
    """
    Files of a volume are below its catalog and schema.
    """
    assert "/Volumes/main/s/v" == Name("main", "s", "v").volume_path


@settings(deadline=None)
@given(st.text())
def test_any_text_is_one_literal(text: str) -> None:
    """
    Quoted text is a single string with that text, read by a parser of SQL.
    """
    parsed = sqlglot.parse_one(f"SELECT {literal(text)}", dialect="databricks")

    assert [text] == [each.this for each in parsed.find_all(exp.Literal)]


@settings(deadline=None)
@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_any_text_is_one_identifier(text: str) -> None:
    """
    Quoted names are a single name, read by a parser of SQL.
    """
    parsed = sqlglot.parse_one(f"SELECT {identifier(text)}", dialect="databricks")

    assert [text] == [each.name for each in parsed.find_all(exp.Column)]


@settings(deadline=None)
@given(st.text())
def test_any_load_id_is_a_remark_and_a_literal(load_id: str) -> None:
    """
    A load id can't end the remark that names it, nor begin another.
    """
    sql = CountLoad(Name("c", "s", "t"), load_id).to_sql()
    parsed = sqlglot.parse(sql, dialect="databricks")

    assert 1 == len(parsed)
    assert re.match(r"/\* databricks-forwarder load [\w.?-]* \*/\n", sql, re.ASCII)


@settings(deadline=None)
@given(st.lists(st.text(min_size=1), min_size=1, max_size=3))
def test_hostile_file_names_are_data(names: list[str]) -> None:
    """
    Files of a COPY INTO come back as the same texts, in one list.
    """
    sql = CopyInto(Name("c", "s", "t"), LOAD, "/Volumes/c/s/v", names).to_sql()
    listed = sql.partition("FILES = ")[2]
    parsed = sqlglot.parse_one(f"SELECT array{listed}", dialect="databricks")

    assert names == [each.this for each in parsed.find_all(exp.Literal)]
