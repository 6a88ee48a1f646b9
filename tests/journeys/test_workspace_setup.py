"""
What must be there first, and is not: one sentence that says how to mend it.

Each walk meets a mistake, or one is made in the middle of it; the host is told
by a `SetupError`, nothing is lost, and once it is mended the load goes through.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest
from walking import batch, custom
from workspace_walks import (
    LATER,
    PAYLOADS,
    THROUGH,
    UNTIL_CLEARED,
    Walk,
    WatchedClock,
    started,
)

from databricks_forwarder import DatabricksSettings, Endpoint, Forwarder
from databricks_forwarder.errors import SetupError
from databricks_forwarder.model import Account
from databricks_forwarder.settings import Secret
from databricks_forwarder.testing.workspace import Fault, Workspace
from databricks_forwarder.testing.workspace._names import Kind

SCHEMA = "main.mparticle"


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    """
    A workspace in order, and a spool.
    """
    clock = WatchedClock()
    with started(clock) as workspace:
        yield Walk(workspace, tmp_path / "spool.db", clock)


def refused(forwarder: Forwarder, sentence: str) -> None:
    """
    Try a load that can't be made; see that it waits, and what is told.
    """
    with pytest.raises(SetupError, match=sentence) as raised:
        forwarder.flush()
    status = forwarder.status()

    assert Account(received=3, pending=3) == status.account
    assert str(status.last_error).endswith(str(raised.value))


MISTAKES: dict[str, tuple[Callable[[DatabricksSettings], DatabricksSettings], str]] = {
    "wrong secret": (
        lambda right: attrs.evolve(right, client_secret=Secret("dosewrong")),
        (
            r"^signing in to \S+ as \S+ failed: invalid_client.*; see that the "
            r"deployment name is right, that .* its secret is neither mistyped nor"
        ),
    ),
    "wrong client": (
        lambda right: attrs.evolve(
            right, client_id="00000000-0000-0000-0000-000000000000"
        ),
        (
            r"^signing in to \S+ as 0{8}-\S+ failed: invalid_client.*; see that the "
            r"deployment name is right, that the service principal is in that"
        ),
    ),
    "no such warehouse": (
        lambda right: attrs.evolve(right, warehouse_id="0000000000000000"),
        (
            r"^opening a session on SQL warehouse 0{16} failed: there is no SQL "
            r"warehouse 0{16} in this workspace; correct warehouse_id$"
        ),
    ),
    "no such catalog": (
        lambda right: attrs.evolve(right, catalog_name="niam"),
        r"failed: .*'niam'.*; correct catalog_name, or run: CREATE CATALOG .* `niam`$",
    ),
    "no such schema": (
        lambda right: attrs.evolve(right, schema_name="mparticel"),
        (
            r"failed: .*mparticel.*; correct schema_name, or run: CREATE SCHEMA .* "
            r"`main`\.`mparticel`$"
        ),
    ),
}
"""A mistake in the settings, and what the host is told."""


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_settings_is_told_and_mended(walk: Walk, mistake: str) -> None:
    """
    With a wrong setting the load waits; a forwarder with the right one carries it.
    """
    wrong, sentence = MISTAKES[mistake]
    with walk.forwarder(wrong(walk.settings)) as forwarder:
        forwarder.submit_many(PAYLOADS)
        refused(forwarder, sentence)
    with walk.forwarder() as forwarder:
        forwarder.flush()

        assert THROUGH == walk.outcome(forwarder)


def test_an_unknown_host_is_told_and_mended(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where the name of the host leads nowhere the deployment name is to be corrected.
    """

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", unknown)
        with walk.forwarder(endpoint=Endpoint("nowhere.invalid")) as forwarder:
            forwarder.submit_many(PAYLOADS)
            refused(
                forwarder,
                r"^signing in to https://nowhere\.invalid\S* as \S+ failed: there is "
                "no such host; correct the deployment name$",
            )
    with walk.forwarder() as forwarder:
        forwarder.flush()

        assert THROUGH == walk.outcome(forwarder)


def test_an_authority_that_is_not_trusted_is_told_and_mended(walk: Walk) -> None:
    """
    A certificate of an unknown authority is refused, with where to name it.
    """
    right = walk.workspace.endpoint
    with walk.forwarder(endpoint=Endpoint(right.host, port=right.port)) as forwarder:
        forwarder.submit_many(PAYLOADS)
        refused(
            forwarder,
            r"^signing in to \S+ as \S+ failed: SSLCertVerificationError: .*; if the "
            r"workspace's certificate comes from an authority of your own, name its "
            r"PEM file in Endpoint\.ca_file$",
        )
    with walk.forwarder() as forwarder:
        forwarder.flush()

        assert THROUGH == walk.outcome(forwarder)


def test_following_the_advice_sets_a_workspace_up(tmp_path: Path) -> None:
    """
    Where there is nothing, running what each error says to run is all it takes.
    """
    clock = WatchedClock()
    with Workspace(clock=clock, bare=True, events_threshold=1) as workspace:
        workspace.grant("CAN USE", "WAREHOUSE", workspace.settings.warehouse_id)
        walk = Walk(workspace, tmp_path / "spool.db", clock)
        advice: list[str] = []
        with walk.forwarder() as forwarder:
            forwarder.submit_many(PAYLOADS)
            for _ in range(6):
                refused(forwarder, "; (correct [a-z_]+, or )?run: ")
                advice.append(str(forwarder.status().last_error).split("run: ")[1])
                workspace.query(advice[-1])
            forwarder.flush()

            assert THROUGH == walk.outcome(forwarder)
    assert [
        "CREATE CATALOG IF NOT EXISTS",
        "GRANT USE CATALOG ON",
        "CREATE SCHEMA IF NOT EXISTS",
        "GRANT USE SCHEMA ON",
        # Names are asked for before files are staged, and their table made.
        "GRANT CREATE TABLE ON",
        "GRANT CREATE VOLUME ON",
    ] == [
        each.split(" `")[0].rsplit(" ", each.startswith("GRANT"))[0] for each in advice
    ]


def test_a_volume_that_was_dropped_is_created_again(walk: Walk) -> None:
    """
    A missing volume is no mistake: it is created, and the host sees nothing.
    """
    with walk.forwarder() as forwarder:
        forwarder.submit(batch(custom("Other", 9)))
        forwarder.flush()
        walk.workspace.query(f"DROP VOLUME {walk.volume}")
        forwarder.submit_many(PAYLOADS)
        forwarder.flush()

        assert Account(received=4, loaded=4) == forwarder.status().account
        assert LATER == walk.rows()
        assert [] == walk.staged()


def test_a_volume_dropped_in_the_middle_is_created_again(walk: Walk) -> None:
    """
    Files that vanished with their volume are staged in a new one.
    """
    walk.fail(
        Fault(on="statement", matching="COPY INTO", status=403, times=UNTIL_CLEARED)
    )
    with walk.forwarder() as forwarder:
        forwarder.submit_many(PAYLOADS)
        refused(forwarder, "^COPY INTO .* failed: PERMISSION_DENIED")
        walk.workspace.query(f"DROP VOLUME {walk.volume}")
        walk.mend()
        forwarder.flush()

        assert THROUGH == walk.outcome(forwarder)


@attrs.frozen
class Privilege:
    """
    What is needed, on what, and where it shows in the middle of a load.

    Attributes:
        name: As it is granted.
        kind: What it is on.
        on: Whole name of that.
        is_checked_late: Whether COPY INTO needs it.
    """

    name: str
    kind: Kind
    on: str
    is_checked_late: bool = True

    @property
    def sentence(self) -> str:
        """
        What the host is told to run, word for word.
        """
        name = ".".join(f"`{part}`" for part in self.on.split("."))
        grant = f"; run: GRANT {self.name} ON {self.kind} {name} TO `"
        return rf"failed: .*{re.escape(grant)}[-0-9a-f]+`$"


PRIVILEGES = [
    Privilege("USE CATALOG", "CATALOG", "main"),
    Privilege("USE SCHEMA", "SCHEMA", SCHEMA),
    Privilege("CREATE VOLUME", "SCHEMA", SCHEMA, is_checked_late=False),
    Privilege("CREATE TABLE", "SCHEMA", SCHEMA, is_checked_late=False),
    Privilege("READ VOLUME", "VOLUME", f"{SCHEMA}.mparticle_staging"),
    Privilege(
        "WRITE VOLUME", "VOLUME", f"{SCHEMA}.mparticle_staging", is_checked_late=False
    ),
    Privilege("SELECT", "TABLE", f"{SCHEMA}.event_navigation_buy"),
    Privilege("MODIFY", "TABLE", f"{SCHEMA}.event_navigation_buy"),
]


def others_own(walk: Walk, privilege: Privilege) -> None:
    """
    Have an administrator own the volume, or the table, with the grants needed.
    """
    if privilege.kind == "VOLUME":
        walk.workspace.query(f"CREATE VOLUME {walk.volume}")
        for name in ("READ VOLUME", "WRITE VOLUME"):
            walk.workspace.grant(name, "VOLUME", walk.volume)
    if privilege.kind == "TABLE":
        walk.workspace.query(f"CREATE TABLE {walk.table} (_offset BIGINT)")
        for name in ("SELECT", "MODIFY"):
            walk.workspace.grant(name, "TABLE", walk.table)


@pytest.mark.parametrize("privilege", PRIVILEGES, ids=lambda each: each.name)
def test_a_privilege_that_is_missing_is_told_and_granted(
    walk: Walk, privilege: Privilege
) -> None:
    """
    Without a privilege the load waits; the GRANT that is told is all it needs.
    """
    others_own(walk, privilege)
    walk.workspace.revoke(privilege.name, privilege.kind, privilege.on)
    with walk.forwarder() as forwarder:
        forwarder.submit_many(PAYLOADS)
        refused(forwarder, privilege.sentence)
        grant = str(forwarder.status().last_error).rpartition("; run: ")[2]
        walk.workspace.query(grant)
        forwarder.flush()

        assert THROUGH == walk.outcome(forwarder)


@pytest.mark.parametrize(
    "privilege",
    [each for each in PRIVILEGES if each.is_checked_late],
    ids=lambda each: each.name,
)
def test_a_privilege_taken_away_in_the_middle_is_told_and_granted(
    walk: Walk, privilege: Privilege
) -> None:
    """
    What is revoked between staging and loading is told too, and costs nothing.
    """
    others_own(walk, privilege)
    walk.fail(
        Fault(on="statement", matching="COPY INTO", status=403, times=UNTIL_CLEARED)
    )
    with walk.forwarder() as forwarder:
        forwarder.submit_many(PAYLOADS)
        refused(forwarder, "^COPY INTO .* failed: PERMISSION_DENIED")
        walk.mend()
        walk.workspace.revoke(privilege.name, privilege.kind, privilege.on)
        refused(forwarder, privilege.sentence)
        walk.workspace.grant(privilege.name, privilege.kind, privilege.on)
        forwarder.flush()

        assert THROUGH == walk.outcome(forwarder)


@pytest.mark.parametrize("is_late", [False, True], ids=["before", "in the middle"])
def test_a_warehouse_that_may_not_be_used_is_told_and_granted(
    walk: Walk, is_late: bool
) -> None:
    """
    Without CAN USE, or when it is lost with the session, the load waits.
    """
    warehouse_id = walk.settings.warehouse_id
    sentence = (
        rf"^opening a session on SQL warehouse {warehouse_id} failed: .*; give service"
        rf" principal {walk.settings.client_id} CAN USE on SQL warehouse "
        rf"{warehouse_id}, in the warehouse's permissions$"
    )
    with walk.forwarder() as forwarder:
        forwarder.submit_many(PAYLOADS)
        if is_late:
            # Once more with a new token.
            walk.fail(Fault(on="statement", matching="COPY INTO", status=403, times=2))
            refused(forwarder, "^COPY INTO .* failed: PERMISSION_DENIED")
            walk.workspace.expire_sessions()
        walk.workspace.revoke("CAN USE", "WAREHOUSE", warehouse_id)
        refused(forwarder, sentence)
        walk.workspace.grant("CAN USE", "WAREHOUSE", warehouse_id)
        forwarder.flush()

        assert THROUGH == walk.outcome(forwarder)
