"""
The SQL of views and of what moves rows, word for word.
"""

from __future__ import annotations

import pyarrow as pa
import pytest

from databricks_forwarder._databricks.kind_conditions import kind_condition
from databricks_forwarder._databricks.move_statements import (
    CopyKind,
    CountCopies,
    RemoveCopied,
    SelectKinds,
)
from databricks_forwarder._databricks.statements import Name
from databricks_forwarder._databricks.unions import all_rows, shown
from databricks_forwarder._databricks.view_statements import (
    AlterView,
    CreateView,
    DropView,
    SelectRelations,
    SelectTypes,
)
from databricks_forwarder.errors import SchemaError
from databricks_forwarder.model import EventKind

BUY = EventKind("custom_event", "navigation", "Bu'y")
OF_BUY = (
    "`event_type` = 'custom_event' "
    "AND coalesce(`data`.`custom_event_type`, '') = 'navigation' "
    "AND coalesce(`data`.`event_name`, '') = 'Bu\\'y'"
)
SAME_PLACE = (
    "o.`_load_id` = c.`_load_id` AND o.`_offset` = c.`_offset` "
    "AND o.`_position` = c.`_position`"
)


def name(last: str) -> Name:
    """
    The whole name of a table.
    """
    return Name("main", "s", last)


def struct(**fields: pa.DataType) -> pa.Schema:
    """
    Columns of a table: a number, and a struct.
    """
    return pa.schema({"a": pa.int64(), "data": pa.struct(list(fields.items()))})


def test_a_view_is_made_altered_and_dropped() -> None:
    """
    A view's name and comment are quoted; its query stands as it is.
    """
    view = name("it`s")

    assert (
        "CREATE VIEW `main`.`s`.`it``s` COMMENT 'it\\'s' AS\nSELECT 1"
        == CreateView(view, "SELECT 1", "it's").to_sql()
    )
    assert (
        "ALTER VIEW `main`.`s`.`it``s` AS\nSELECT 1"
        == AlterView(view, "SELECT 1").to_sql()
    )
    assert "DROP VIEW IF EXISTS `main`.`s`.`it``s`" == DropView(view).to_sql()


def test_a_schema_is_asked_for_its_tables_and_views() -> None:
    """
    One query tells all tables and views, another all types of columns.
    """
    assert (
        "SELECT t.table_name, t.table_type, t.table_owner, t.comment,\n"
        "  v.view_definition\n"
        "FROM `main`.information_schema.tables AS t\n"
        "LEFT JOIN `main`.information_schema.views AS v\n"
        "ON v.table_schema = t.table_schema AND v.table_name = t.table_name\n"
        "WHERE t.table_schema = 'it\\'s'\n"
        "ORDER BY t.table_name"
    ) == SelectRelations("main", "it's").to_sql()
    assert (
        "SELECT column_name, full_data_type,\n"
        "  array_join(collect_list(table_name), '/') AS tables\n"
        "FROM `main`.information_schema.columns\n"
        "WHERE table_schema = 'it\\'s'\n"
        "GROUP BY column_name, full_data_type\n"
        "ORDER BY min(ordinal_position), column_name"
    ) == SelectTypes("main", "it's").to_sql()


def test_columns_that_are_there_are_shown_as_they_are() -> None:
    """
    A column of the same type is named, one that is lacking is a typed null.
    """
    held = pa.schema({"it`s": pa.int64()})
    columns = pa.schema({"b": pa.string(), "it`s": pa.int64()})

    assert "SELECT CAST(NULL AS STRING) AS `b`, `it``s`\nFROM t" == shown(
        "t", held, columns
    )


def test_a_struct_is_put_together_from_what_is_there() -> None:
    """
    Fields keep the order that is wanted, at every depth; null stays null.
    """
    inner = pa.struct({"q": pa.string()})
    held = struct(y=inner, x=pa.int64())
    columns = struct(x=pa.int64(), y=pa.struct({"p": pa.int32(), "q": pa.string()}))

    assert (
        "SELECT `a`, CASE WHEN `data` IS NULL THEN NULL ELSE named_struct("
        "'x', `data`.`x`, 'y', CASE WHEN `data`.`y` IS NULL THEN NULL ELSE "
        "named_struct('p', CAST(NULL AS INT), 'q', `data`.`y`.`q`) END) END AS `data`"
        "\nFROM t"
    ) == shown("t", held, columns)


def test_a_column_that_can_not_be_shown_is_told() -> None:
    """
    Types that no table could widen to are refused with the column's name.
    """
    held = pa.schema({"a": pa.list_(pa.struct({"x": pa.int64()}))})
    columns = pa.schema({"a": pa.list_(pa.struct({"y": pa.int64()}))})

    with pytest.raises(SchemaError, match="column `a` can't be shown beside those"):
        shown("t", held, columns)


def test_tables_that_are_alike_are_put_together_first() -> None:
    """
    Each layout of columns is put together once, whatever the columns' order.
    """
    wide = struct(x=pa.int64(), y=pa.string())
    narrow = struct(x=pa.int64())
    tables = {
        name("t3"): narrow,
        name("t2"): wide,
        name("t1"): pa.schema([narrow.field("data"), narrow.field("a")]),
    }

    assert (
        "SELECT `a`, CASE WHEN `data` IS NULL THEN NULL ELSE named_struct("
        "'x', `data`.`x`, 'y', CAST(NULL AS STRING)) END AS `data`\n"
        "FROM (\n"
        "SELECT `a`, `data` FROM `main`.`s`.`t1`\n"
        "UNION ALL\n"
        "SELECT `a`, `data` FROM `main`.`s`.`t3`\n"
        ")\n"
        "UNION ALL\n"
        "SELECT `a`, `data`\n"
        "FROM (\n"
        "SELECT `a`, `data` FROM `main`.`s`.`t2`\n"
        ")"
    ) == all_rows(tables, wide)


def test_a_kind_is_said_by_what_it_is_named_after() -> None:
    """
    Custom events by type and name, all but commerce events by their type alone.
    """
    assert OF_BUY == kind_condition(BUY)
    assert "`event_type` = 'screen_view'" == kind_condition(EventKind("screen_view"))


def test_copies_are_counted_by_place() -> None:
    """
    A row's copies have its load, record and place.
    """
    assert (
        "SELECT c.`_load_id`,\n"
        "  count(DISTINCT c.`_offset`, c.`_position`) AS row_count,\n"
        "  count(o.`_load_id`) AS copy_count\n"
        "FROM (\n"
        "  SELECT `_load_id`, `_offset`, `_position` FROM `main`.`s`.`common`\n"
        f"  WHERE {OF_BUY}\n"
        ") AS c\n"
        "LEFT JOIN `main`.`s`.`own` AS o\n"
        f"ON {SAME_PLACE}\n"
        "GROUP BY c.`_load_id`"
    ) == CountCopies(name("common"), name("own"), BUY).to_sql()


def test_rows_are_copied_that_were_not() -> None:
    """
    The kind's table gets the columns it has, of rows whose place it has not.
    """
    held = struct(x=pa.int64(), y=pa.string())
    statement = CopyKind(
        common=name("common"),
        own=name("own"),
        kind=BUY,
        load_ids=["l2", "l1"],
        held=held,
        columns=struct(x=pa.int64()),
    )

    assert (
        "INSERT INTO `main`.`s`.`own` (`a`, `data`)\n"
        "SELECT `a`, CASE WHEN `data` IS NULL THEN NULL ELSE "
        "named_struct('x', `data`.`x`) END AS `data`\n"
        "FROM `main`.`s`.`common` AS c\n"
        f"WHERE {OF_BUY}\n"
        "AND c.`_load_id` IN ('l1', 'l2')\n"
        f"AND NOT EXISTS (SELECT 1 FROM `main`.`s`.`own` AS o WHERE {SAME_PLACE})"
    ) == statement.to_sql()


def test_rows_are_removed_that_were_copied() -> None:
    """
    A row whose place the kind's table has not is not removed.
    """
    statement = RemoveCopied(
        common=name("common"), own=name("own"), kind=BUY, load_ids=["l1"]
    )

    assert (
        "DELETE FROM `main`.`s`.`common` AS c\n"
        f"WHERE {OF_BUY}\n"
        "AND c.`_load_id` IN ('l1')\n"
        f"AND EXISTS (SELECT 1 FROM `main`.`s`.`own` AS o WHERE {SAME_PLACE})"
    ) == statement.to_sql()


def test_kinds_are_asked_for() -> None:
    """
    What a kind is named after is asked for once; a commerce event may have no name.
    """
    assert (
        "SELECT DISTINCT `event_type`,\n"
        "  coalesce(`data`.`custom_event_type`, '') AS custom_event_type,\n"
        "  coalesce(`data`.`event_name`, '') AS event_name,\n"
        "  coalesce(nullif(`data`.`event_name`, ''), CASE"
        " WHEN `data`.`product_action` IS NOT NULL"
        " THEN `data`.`product_action`.`action`"
        " WHEN `data`.`promotion_action` IS NOT NULL"
        " THEN 'promotion_' || nullif(`data`.`promotion_action`.`action`, '')"
        " WHEN size(`data`.`product_impressions`) > 0 THEN 'impression' END, '')"
        " AS done\n"
        "FROM `main`.`s`.`common`\n"
        "WHERE `event_type` <> ''"
    ) == SelectKinds(name("common")).to_sql()
