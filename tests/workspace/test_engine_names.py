"""
Names and texts of any kind go in and come out as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from engines import World
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from databricks_forwarder._databricks.statements import identifier, literal

if TYPE_CHECKING:
    from collections.abc import Iterator

# What no name in Unity Catalog has; and halves of characters, which no UTF-8 has.
names = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="./ "),
    min_size=1,
    max_size=60,
)
# What no column without column mapping has.
columns = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=" ,;{}()\n\t=\0"),
    min_size=1,
    max_size=60,
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
hostile = st.sampled_from(
    ["`", "``", "'); DROP TABLE t; --", '"', '""', "\\", "a`b", "/*", "--", "%", "é😀"]
)

examples = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """
    An engine, with a table that must stay as it is.
    """
    with World(tmp_path_factory.mktemp("world")) as world:
        world.run("CREATE TABLE stays_as_it_is")
        yield world


@examples
@given(text=texts | hostile)
def test_any_comment_comes_back(world: World, text: str) -> None:
    """
    Any text as a comment of a table comes back the same.
    """
    world.run(f"CREATE TABLE c (a INT COMMENT {literal(text)}) COMMENT {literal(text)}")
    told = world.run(
        "SELECT comment FROM information_schema.tables WHERE table_name = 'c'"
    )
    described = world.run("DESCRIBE c")
    world.run("DROP TABLE c")

    assert [{"comment": text}] == told
    assert text == described[0]["comment"]


@examples
@given(text=texts | hostile)
def test_any_literal_comes_back(world: World, text: str) -> None:
    """
    Any text as a literal of a query comes back the same.
    """
    assume("\0" not in text)

    assert [{"x": text}] == world.run(f"SELECT {literal(text)} AS x")


@examples
@given(name=names | hostile.filter(lambda name: not set(name) & set("/. ")))
def test_any_name_names_a_table(world: World, name: str) -> None:
    """
    Any legal name, quoted, names one table, in lower case, and nothing else.
    """
    assume(len(name.lower()) <= 255)
    quoted = identifier(name)
    world.run(f"CREATE TABLE {quoted} (a INT)")
    world.run(f"INSERT INTO {quoted} VALUES (1)")
    rows = world.run(f"SELECT {quoted}.a FROM main.mparticle.{quoted}")
    shown = {row["tableName"] for row in world.run("SHOW TABLES")}
    world.run(f"DROP TABLE {quoted}")

    assert [{"a": 1}] == rows
    assert {"stays_as_it_is", name.lower()} == shown


@examples
@given(name=columns | hostile.filter(lambda name: not set(name) & set(" ;)(")))
def test_any_name_names_a_column(world: World, name: str) -> None:
    """
    Any legal name, quoted, names a column, in the case it has.
    """
    quoted = identifier(name)
    world.run(f"CREATE TABLE k ({quoted} INT, other STRUCT<{quoted}: INT>)")
    try:
        world.run(f"INSERT INTO k ({quoted}) VALUES (1)")
        rows = world.run(f"SELECT {quoted} FROM k WHERE {quoted} = 1")
        told = list(world.columns("k"))
    finally:
        world.run("DROP TABLE k")

    assert [{name: 1}] == rows
    assert [name, "other"] == told
