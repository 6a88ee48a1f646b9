"""
The SQL that erases, word for word.
"""

from __future__ import annotations

import hashlib

from databricks_forwarder._databricks.erasing import (
    DeletePlaces,
    SelectPlaces,
    SelectTables,
)
from databricks_forwarder._databricks.statements import Name
from databricks_forwarder.model import LoadId
from databricks_forwarder.mparticle.person import Person

TABLE = Name("main", "shop", "a`b")


def hashed(text: str) -> str:
    """
    Hash as the warehouse does.
    """
    return hashlib.sha256(text.encode()).hexdigest()


def test_tables_are_those_with_all_columns() -> None:
    """
    The information schema is asked which tables have all of them.
    """
    assert SelectTables("main", "sh'op", ["a", "b"]).to_sql() == (
        "SELECT c.table_name\n"
        "FROM `main`.information_schema.columns AS c\n"
        "JOIN `main`.information_schema.tables AS t\n"
        "ON t.table_schema = c.table_schema AND t.table_name = c.table_name\n"
        "WHERE c.table_schema = 'sh\\'op'\n"
        "AND t.table_type <> 'VIEW'\n"
        "AND c.column_name IN ('a', 'b')\n"
        "GROUP BY c.table_name HAVING count(*) = 2\n"
        "ORDER BY c.table_name"
    )


def test_places_are_asked_for_by_hashes() -> None:
    """
    No id is in the text, and a type's name is quoted.
    """
    person = Person.of([7], {"o'type": ["x"], "email": ["ann@example.com"]})
    sql = SelectPlaces(TABLE, person, "ab12").to_sql()

    assert sql == (
        "SELECT `_load_id`, `_offset`, count(*) AS row_count\n"
        "FROM `main`.`shop`.`a``b`\n"
        f"WHERE sha2(concat('ab12', CAST(`mpid` AS STRING)), 256)"
        f" IN ('{hashed('ab127')}')"
        f" OR sha2(concat('ab12', `user_identities`['email'].`identity`), 256)"
        f" IN ('{hashed('ab12ann@example.com')}')"
        f" OR sha2(concat('ab12', `user_identities`['o\\'type'].`identity`), 256)"
        f" IN ('{hashed('ab12x')}')\n"
        "GROUP BY `_load_id`, `_offset`"
    )


def test_a_person_of_identities_alone_has_no_test_of_the_mpid() -> None:
    """
    What was not asked for is not in the statement.
    """
    sql = SelectPlaces(TABLE, Person.of([], {"email": "x"}), "ab12").to_sql()

    assert "mpid" not in sql


def test_rows_are_deleted_by_their_places() -> None:
    """
    The condition, which the table's history shows, has loads and offsets alone.
    """
    offsets = {LoadId("l'1"): [1, 2], LoadId("l2"): [3]}

    assert DeletePlaces(TABLE, offsets, "erasure 0f").to_sql() == (
        "/* databricks-forwarder erasure 0f */\n"
        "DELETE FROM `main`.`shop`.`a``b`\n"
        "WHERE (`_load_id` = 'l\\'1' AND `_offset` IN (1, 2))"
        " OR (`_load_id` = 'l2' AND `_offset` IN (3))"
    )
