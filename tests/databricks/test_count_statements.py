"""
What is asked of the tables that hosts share, and how it is said in SQL.
"""

from __future__ import annotations

from datetime import date

import pytest
import sqlglot

from databricks_forwarder._databricks.count_statements import (
    COUNTS,
    AddCounts,
    HaveCountsGuard,
    SelectCounted,
    SelectDays,
    TryWriting,
    create_counts,
)
from databricks_forwarder._databricks.name_statements import (
    NAMES,
    GiveNames,
    HaveNamesGuard,
    SelectNames,
    create_names,
)
from databricks_forwarder._databricks.statements import Name, Statement

DAY = date(2026, 3, 31)
COUNTED = Name("main", "s", COUNTS)
NAMED = Name("main", "s", NAMES)

TEXTS: list[tuple[Statement, str]] = [
    (
        AddCounts(
            table=COUNTED,
            load_id="0123456789ab-0-9",
            days=[("it's", DAY, 3), ("other", date(2026, 3, 30), 4)],
            on=DAY,
            since=date(2025, 2, 24),
        ),
        """\
/* databricks-forwarder load 0123456789ab-0-9 */
MERGE INTO `main`.`s`.`_forwarder_event_counts` AS held
USING (
  SELECT * FROM VALUES
    ('', DATE'9999-12-31', 1L, ''),
    ('', DATE'2026-03-31', 7L, '0123456789ab-0-9'),
    ('it\\'s', DATE'2026-03-31', 3L, ''),
    ('other', DATE'2026-03-30', 4L, '')
  AS new (kind, day, messages, load_id)
  WHERE (SELECT max(known.load_id) FROM `main`.`s`.`_forwarder_event_counts` AS known \
WHERE known.kind = '' AND known.load_id IN ('', '0123456789ab-0-9')) = ''
) AS new
ON held.kind = new.kind AND held.load_id = new.load_id AND held.day = new.day
WHEN MATCHED THEN UPDATE SET messages = held.messages + new.messages
WHEN NOT MATCHED THEN INSERT (kind, day, messages, load_id)
  VALUES (new.kind, new.day, new.messages, new.load_id)
WHEN NOT MATCHED BY SOURCE AND held.day < DATE'2025-02-24' THEN DELETE""",
    ),
    (
        HaveCountsGuard(COUNTED),
        """\
MERGE INTO `main`.`s`.`_forwarder_event_counts` AS held
USING (
  SELECT * FROM VALUES
    ('', DATE'9999-12-31', 0L, '')
  AS new (kind, day, messages, load_id)
) AS new
ON held.kind = new.kind AND held.load_id = new.load_id
WHEN NOT MATCHED THEN INSERT (kind, day, messages, load_id)
  VALUES (new.kind, new.day, new.messages, new.load_id)""",
    ),
    (
        SelectCounted(COUNTED, "a'b"),
        """\
/* databricks-forwarder load a?b */
SELECT load_id FROM `main`.`s`.`_forwarder_event_counts`
WHERE kind = '' AND load_id IN ('', 'a\\'b')""",
    ),
    (
        SelectDays(COUNTED, ["b", "a'"], DAY),
        """\
SELECT kind, day, sum(messages) AS messages
FROM `main`.`s`.`_forwarder_event_counts`
WHERE load_id = '' AND day >= DATE'2026-03-31'
AND kind IN ('a\\'', 'b')
GROUP BY kind, day""",
    ),
    (
        GiveNames(NAMED, 7, {"feed:it's": "x"}),
        """\
MERGE INTO `main`.`s`.`_forwarder_tables` AS held
USING (
  SELECT * FROM VALUES
    ('', '', 8L),
    ('feed:it\\'s', 'x', 8L)
  AS new (owner, table_name, generation)
  WHERE (SELECT max(known.generation) FROM `main`.`s`.`_forwarder_tables` AS known \
WHERE known.owner = '') = 7L
) AS new
ON held.owner = new.owner
WHEN MATCHED THEN UPDATE SET generation = new.generation
WHEN NOT MATCHED THEN INSERT (owner, table_name, generation)
  VALUES (new.owner, new.table_name, new.generation)""",
    ),
    (
        HaveNamesGuard(NAMED),
        """\
MERGE INTO `main`.`s`.`_forwarder_tables` AS held
USING (
  SELECT * FROM VALUES
    ('', '', 0L)
  AS new (owner, table_name, generation)
) AS new
ON held.owner = new.owner
WHEN NOT MATCHED THEN INSERT (owner, table_name, generation)
  VALUES (new.owner, new.table_name, new.generation)""",
    ),
    (
        SelectNames(NAMED, 7),
        """\
SELECT owner, table_name, generation
FROM `main`.`s`.`_forwarder_tables`
WHERE owner = '' OR generation > 7L""",
    ),
    (
        TryWriting(COUNTED),
        """\
MERGE INTO `main`.`s`.`_forwarder_event_counts` AS held
USING (
  SELECT * FROM VALUES
    ('')
  AS new (kind)
  WHERE false
) AS new
ON held.kind = new.kind
WHEN NOT MATCHED THEN INSERT (kind)
  VALUES (new.kind)""",
    ),
    (
        create_names(NAMED),
        """\
CREATE TABLE `main`.`s`.`_forwarder_tables` (
  `owner` STRING COMMENT 'Whose table it is: a kind of event, a feed, or a setting.',
  `table_name` STRING COMMENT 'The table\\'s name, given for ever.',
  `generation` BIGINT COMMENT \
'In which step it was given; steps are numbered from 1 on.'
)
COMMENT 'Which kind of event has which table; databricks-forwarder\\'s.'""",
    ),
]


@pytest.mark.parametrize(("statement", "sql"), TEXTS)
def test_it_is_said_so(statement: Statement, sql: str) -> None:
    """
    Everything is quoted, and every write merges rows with the guard among them.
    """
    assert sql == statement.to_sql()


@pytest.mark.parametrize("statement", [each for each, _ in TEXTS])
def test_another_parser_reads_one_statement(statement: Statement) -> None:
    """
    The text is one statement of the platform's SQL.
    """
    (tree,) = sqlglot.parse(statement.to_sql(), read="databricks")

    assert tree is not None
    assert not isinstance(tree, sqlglot.exp.Command)


def test_the_columns_of_the_counts() -> None:
    """
    Each has its type and says what it holds.
    """
    statement = create_counts(COUNTED)
    types = [str(each) for each in statement.columns.types]

    assert ["string", "date32[day]", "int64", "string"] == types
    assert list(statement.columns.names) == list(statement.comments)
