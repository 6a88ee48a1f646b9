"""
Privileges: given, taken, inherited, owned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from engines import PRINCIPAL, World

from databricks_forwarder.testing.workspace._refusals import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from databricks_forwarder.testing.workspace._names import Kind

DENIED = ("INSUFFICIENT_PERMISSIONS", "42501")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """
    An engine with a table and a volume of the administrator's.
    """
    with World(tmp_path) as world:
        world.run("CREATE TABLE t (a INT)")
        world.volume()
        yield world


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("TABLE", "main.mparticle.t"),
        ("SCHEMA", "main.mparticle"),
        ("CATALOG", "main"),
    ],
)
@pytest.mark.parametrize("privilege", ["SELECT", "ALL PRIVILEGES"])
def test_privilege_holds_for_all_below(
    world: World, kind: Kind, name: str, privilege: str
) -> None:
    """
    A privilege on a catalog or schema holds for the tables in it, till taken.
    """
    world.engine.grants.grant(privilege, kind, name.upper(), PRINCIPAL)
    rows = world.run("SELECT * FROM t", PRINCIPAL)
    world.engine.grants.revoke(privilege, kind, name, PRINCIPAL)
    if kind == "CATALOG" and privilege == "ALL PRIVILEGES":
        world.engine.grants.grant("USE CATALOG", "CATALOG", "main", PRINCIPAL)

    assert [] == rows
    assert DENIED == world.refused("SELECT * FROM t", PRINCIPAL)


def test_other_principals_have_nothing_of_it(world: World) -> None:
    """
    What one principal was granted another has not.
    """
    world.engine.grants.grant("SELECT", "TABLE", "main.mparticle.t", "other")

    assert DENIED == world.refused("SELECT * FROM t", PRINCIPAL)


def test_modify_is_not_select(world: World) -> None:
    """
    Who may change a table may not read it for that.
    """
    world.engine.grants.grant("MODIFY", "TABLE", "main.mparticle.t", PRINCIPAL)
    world.run("INSERT INTO t VALUES (1)", PRINCIPAL)

    assert DENIED == world.refused("SELECT * FROM t", PRINCIPAL)


def test_owner_may_all(world: World) -> None:
    """
    Who makes a table owns it and may do everything with it.
    """
    for sql in (
        "CREATE TABLE u (a INT)",
        "ALTER TABLE u ADD COLUMN b INT",
        "ALTER TABLE u SET TBLPROPERTIES ('k' = 'v')",
        "INSERT INTO u VALUES (1, 2)",
        "SELECT * FROM u",
        "GRANT SELECT ON u TO other",
        "REVOKE SELECT ON u FROM other",
        "DELETE FROM u",
        "DROP TABLE u",
    ):
        world.run(sql, PRINCIPAL)

    assert [{"tableName": "t"}] == [
        {"tableName": row["tableName"]} for row in world.run("SHOW TABLES")
    ]


def test_owner_of_schema_owns_no_table_in_it(world: World) -> None:
    """
    The owner of a schema may drop the tables in it, and not read them.
    """
    world.engine.grants.grant("CREATE SCHEMA", "CATALOG", "main", PRINCIPAL)
    world.run("CREATE SCHEMA s", PRINCIPAL)
    world.run("CREATE TABLE s.t (a INT)")

    assert DENIED == world.refused("SELECT * FROM s.t", PRINCIPAL)
    world.run("DROP TABLE s.t", PRINCIPAL)
    world.run("DROP SCHEMA s", PRINCIPAL)


def test_manager_may_grant(world: World) -> None:
    """
    Who may manage a table may grant and drop it.
    """
    world.run(f"GRANT MANAGE ON TABLE t TO `{PRINCIPAL}`")
    world.run("GRANT SELECT, MODIFY ON TABLE t TO other", PRINCIPAL)

    assert [] == world.run("DROP TABLE t", PRINCIPAL)


@pytest.mark.parametrize("kind", ["VIEW", "table"])
def test_unknown_kind_is_refused(world: World, kind: Any) -> None:
    """
    A privilege on what the workspace has not is refused, with what it has.
    """
    with pytest.raises(RefusedError, match="none of CATALOG, SCHEMA, TABLE"):
        world.engine.grants.grant("SELECT", kind, "main.mparticle.t", PRINCIPAL)


def test_all_privileges_are_not_to_manage(world: World) -> None:
    """
    Who has all privileges on a table may neither grant nor drop it.
    """
    world.engine.grants.grant("ALL PRIVILEGES", "CATALOG", "main", PRINCIPAL)

    assert DENIED == world.refused("GRANT SELECT ON TABLE t TO other", PRINCIPAL)
    assert DENIED == world.refused("DROP TABLE t", PRINCIPAL)


@pytest.mark.parametrize("on", ["TABLE t", "VOLUME staging", "SCHEMA mparticle"])
@pytest.mark.parametrize(
    "sql",
    ["GRANT MANAGE ON {} TO x", "REVOKE MANAGE ON {} FROM x", "SHOW GRANTS ON {}"],
)
def test_manager_needs_the_way_in(world: World, sql: str, on: str) -> None:
    """
    Who may manage a thing must be let into what it is in, to manage it.
    """
    world.run(f"GRANT MANAGE ON {on} TO `{PRINCIPAL}`")
    allowed = world.run(sql.format(on), PRINCIPAL)
    world.engine.grants.revoke("USE CATALOG", "CATALOG", "main", PRINCIPAL)

    assert isinstance(allowed, list)
    assert DENIED == world.refused(sql.format(on), PRINCIPAL)


def test_catalog_is_in_nothing(world: World) -> None:
    """
    To manage a catalog takes no other privilege.
    """
    world.run(f"GRANT MANAGE ON CATALOG main TO `{PRINCIPAL}`")
    world.engine.grants.revoke("USE CATALOG", "CATALOG", "main", PRINCIPAL)

    assert [] == world.run("GRANT BROWSE ON CATALOG main TO x", PRINCIPAL)


def test_column_is_commented_by_who_may_modify(world: World) -> None:
    """
    A comment on a column takes MODIFY, one on the table takes its owner.
    """
    world.engine.grants.grant("MODIFY", "TABLE", "main.mparticle.t", PRINCIPAL)

    assert [] == world.run("COMMENT ON COLUMN t.a IS 'x'", PRINCIPAL)
    assert DENIED == world.refused("COMMENT ON TABLE t IS 'x'", PRINCIPAL)


def test_grants_are_shown(world: World) -> None:
    """
    SHOW GRANTS tells those on a securable; anyone's own without owning it.
    """
    world.run(f"GRANT READ VOLUME, WRITE VOLUME ON VOLUME staging TO `{PRINCIPAL}`")
    world.run("GRANT READ VOLUME ON VOLUME staging TO other")
    own = world.run(f"SHOW GRANTS `{PRINCIPAL}` ON VOLUME staging", PRINCIPAL)
    everyone = world.run("SHOW GRANTS ON VOLUME staging")

    assert ["READ VOLUME", "WRITE VOLUME"] == [row["ActionType"] for row in own]
    assert 3 == len(everyone)


@pytest.mark.parametrize(
    ("privilege", "kind", "name"),
    [
        ("SELECT", "VOLUME", "main.mparticle.staging"),
        ("READ VOLUME", "TABLE", "main.mparticle.t"),
        ("CREATE TABLE", "TABLE", "main.mparticle.t"),
        ("USE CATALOG", "SCHEMA", "main.mparticle"),
        ("SELECT", "WAREHOUSE", "abc"),
        ("FLY", "SCHEMA", "main.mparticle"),
    ],
)
def test_privilege_of_another_kind_is_refused(
    world: World, privilege: str, kind: Kind, name: str
) -> None:
    """
    A privilege that a kind has not can't be granted on it.
    """
    with pytest.raises(RefusedError, match="is not applicable") as caught:
        world.engine.grants.grant(privilege, kind, name, PRINCIPAL)

    assert "INVALID_PARAMETER_VALUE" == caught.value.error_class


def test_warehouse_is_used_by_who_may(world: World) -> None:
    """
    Warehouses are granted by their id, though no list has them.
    """
    grants = world.engine.grants
    with pytest.raises(RefusedError) as caught:
        grants.require("CAN USE", "WAREHOUSE", "abc", PRINCIPAL)
    grants.grant("CAN USE", "WAREHOUSE", "abc", PRINCIPAL)
    grants.require("CAN USE", "WAREHOUSE", "abc", PRINCIPAL)

    assert "User does not have CAN USE on Warehouse 'abc'." in caught.value.message


@pytest.mark.parametrize(
    "path",
    [
        "/Volumes/main/mparticle",
        "/Volumes/main/mparticle//x",
        "/volumes/main/mparticle/staging",
        "Volumes/main/mparticle/staging",
        "/Volumes/main/mparticle/staging//x",
        "/Volumes/main/mparticle/staging/../x",
        "/Volumes/main/mparticle/staging/./x",
        "/Volumes/main/mparticle/staging/a\0b",
        "/Volumes/main/mparticle/staging/\ud800",
        f"/Volumes/main/mparticle/staging/{'x' * 256}",
    ],
)
def test_odd_path_is_refused(world: World, path: str) -> None:
    """
    A path that is none in a volume is refused, whoever asks.
    """
    with pytest.raises(RefusedError) as caught:
        world.engine.volumes.path_of(path, "admin", write=False)

    assert ("INVALID_PARAMETER_VALUE", 400) == (
        caught.value.error_class,
        caught.value.status,
    )


@pytest.mark.parametrize(
    "path",
    [
        "/Volumes/nope/mparticle/staging/x",
        "/Volumes/main/nope/staging/x",
        "/Volumes/main/mparticle/nope/x",
    ],
)
def test_path_in_nothing_is_not_found(world: World, path: str) -> None:
    """
    A path in a volume that is not there is not found.
    """
    with pytest.raises(RefusedError) as caught:
        world.engine.volumes.path_of(path, "admin", write=False)

    assert 404 == caught.value.status


def test_path_keeps_its_case_below_the_volume(world: World) -> None:
    """
    Names of catalog, schema and volume go in any case, those below as they are.
    """
    place = world.engine.volumes.path_of
    upper = place("/Volumes/MAIN/MPARTICLE/STAGING/A/b/", "admin", write=False)

    assert place("/Volumes/main/mparticle/staging/A/b", "admin", write=True) == upper
    assert ("A", "b") == upper.parts[-2:]
