"""
A workspace out of order: what the host sees of it, and that every event arrives.

A misfortune of a moment is healed within one ``flush()``; one that lasts comes
out of it, and the load goes through once it is over.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import attrs
import pytest
from walking import batch, custom
from workspace_walks import (
    LATER,
    PAYLOADS,
    ROWS,
    TABLE,
    THROUGH,
    UNTIL_CLEARED,
    Walk,
    WatchedClock,
    started,
)

from databricks_forwarder.errors import ForwarderError, SetupError, TransientError
from databricks_forwarder.model import Account, TableName
from databricks_forwarder.testing.workspace import Fault
from databricks_forwarder.testing.workspace._faults import Point

COPY, CREATE, LOOK = "COPY INTO", "CREATE TABLE", "information_schema"
VOLUME = "CREATE VOLUME"
BUSY = r".*it is too busy or not ready \(HTTP 429 or 5xx\)"
AGAIN = r"; it will be tried again$"
GRANT = r"; give service principal \S+ the privilege that is named$"
USE = r"; give service principal \S+ CAN USE on SQL warehouse \w+, in the warehouse's"
BELONG = r"; see that the service principal is in this workspace$"
MISTYPED = r"; see that the deployment name is right, that the service principal is in"


def refused(error_class: str, sqlstate: str) -> Fault:
    """
    Have COPY INTO refused with an error class of the platform.
    """
    return Fault(
        on="statement", matching=COPY, error=(error_class, sqlstate, "As scripted.")
    )


def lost(matching: str, when: Literal["before", "after"]) -> Fault:
    """
    Have the reply to a statement lost, before or after its effect.
    """
    return Fault(on="statement", matching=matching, drop=True, when=when)


def busy(on: Point, matching: str = "", *, skip: int = 0) -> list[Fault]:
    """
    Have it refused for now: first after its effect, then before it.
    """
    return [
        Fault(on=on, matching=matching, skip=skip, status=503, when="after"),
        Fault(on=on, matching=matching, status=503),
        Fault(on=on, matching=matching, status=429),
    ]


HEALED: dict[str, list[Fault]] = {
    "token: busy": busy("token"),
    "token: broken": [Fault(on="token", status=500)],
    "token: lost": [
        Fault(on="token", drop=True),
        Fault(on="token", drop=True, when="after"),
    ],
    "upload: busy": busy("upload", skip=1),
    "upload: broken": [Fault(on="upload", status=500)],
    "upload: token refused": [Fault(on="upload", status=401)],
    "upload: token refused by 403": [Fault(on="upload", status=403)],
    "upload: lost": [
        Fault(on="upload", skip=1, drop=True, when="after"),
        Fault(on="upload", drop=True),
    ],
    "upload: cut half way": [Fault(on="upload", skip=1, cut=True)],
    "list: busy": busy("list"),
    "list: token refused": [Fault(on="list", status=401)],
    "list: lost": [Fault(on="list", drop=True, when="after")],
    "list of what is discarded: busy": busy("list", skip=1),
    "delete: busy": busy("delete"),
    "delete: token refused": [Fault(on="delete", status=401)],
    "delete: lost": [
        Fault(on="delete", drop=True),
        Fault(on="delete", drop=True, when="after"),
    ],
    "session: busy": busy("open_session"),
    "session: broken": [Fault(on="open_session", status=500)],
    "session: token refused": [Fault(on="open_session", status=401)],
    "session: token refused by 403": [Fault(on="open_session", status=403)],
    "session: lost": [
        Fault(on="open_session", drop=True),
        Fault(on="open_session", drop=True, when="after"),
    ],
    "volume: busy": busy("statement", VOLUME),
    "volume: lost": [lost(VOLUME, "before"), lost(VOLUME, "after")],
    "look: busy": busy("statement", LOOK),
    "look: token refused": [Fault(on="statement", matching=LOOK, status=401)],
    "look: lost": [lost(LOOK, "before"), lost(LOOK, "after")],
    "create: busy, and done": busy("statement", CREATE)[:1],
    "create: busy": busy("statement", CREATE)[1:],
    "create: token refused": [
        Fault(on="statement", matching=CREATE, status=401, when="after")
    ],
    "create: lost": [lost(CREATE, "before"), lost(CREATE, "after")],
    "copy: busy": busy("statement", COPY),
    "copy: broken": [
        Fault(on="statement", matching=COPY, status=500),
        Fault(on="statement", matching=COPY, status=500, when="after"),
    ],
    "copy: token refused": [Fault(on="statement", matching=COPY, status=401)],
    "copy: token refused by 403, and done": [
        Fault(on="statement", matching=COPY, status=403, when="after")
    ],
    "copy: lost": [lost(COPY, "before"), lost(COPY, "after")],
    "copy: conflicts": [
        refused("DELTA_METADATA_CHANGED", "2D521"),
        refused("COPY_INTO_DUPLICATED_FILES_COPY_NOT_ALLOWED", "25000"),
        refused("DELTA_CONCURRENT_APPEND", "2D521"),
    ],
    "copy: given up by the warehouse": [
        refused("QUERY_EXECUTION_TIMEOUT_EXCEEDED", "57KD0"),
        refused("STATEMENT_TIMEOUT", "57014"),
    ],
}
"""What goes wrong a few times in a row, and the host does not hear of."""


@attrs.frozen
class Lasting:
    """
    What goes wrong for long, and what the host is told.
    """

    fault: Fault
    error: type[ForwarderError]
    says: str


LASTING: dict[str, Lasting] = {
    "no token: too many": Lasting(
        Fault(on="token", status=429),
        TransientError,
        rf"^signing in to \S+ as \S+ failed: .*\(HTTP 429\){AGAIN}",
    ),
    "no token: lost on the way": Lasting(
        Fault(on="token", drop=True, when="after"),
        TransientError,
        rf"^signing in to \S+ as \S+ failed: .*{AGAIN}",
    ),
    "no token: refused": Lasting(
        Fault(on="token", status=401),
        SetupError,
        rf"^signing in to \S+ as \S+ failed: .*\(HTTP 401\){MISTYPED}",
    ),
    "list: busy": Lasting(
        Fault(on="list", status=503),
        TransientError,
        rf"^listing /Volumes/\S+ failed: TEMPORARILY_UNAVAILABLE: .*{AGAIN}",
    ),
    "upload: too many": Lasting(
        Fault(on="upload", status=429),
        TransientError,
        rf"^uploading \S+\.parquet failed: RESOURCE_EXHAUSTED: .*\(HTTP 429\){AGAIN}",
    ),
    "upload: reply lost": Lasting(
        Fault(on="upload", skip=1, drop=True, when="after"),
        TransientError,
        rf"^uploading \S+\.parquet failed: .*{AGAIN}",
    ),
    "upload: cut half way": Lasting(
        Fault(on="upload", skip=1, cut=True),
        TransientError,
        rf"^uploading \S+\.parquet failed: .*{AGAIN}",
    ),
    "upload: token refused": Lasting(
        Fault(on="upload", status=401),
        SetupError,
        rf"^uploading \S+\.parquet failed: UNAUTHENTICATED: .*\(HTTP 401\){BELONG}",
    ),
    "upload: forbidden": Lasting(
        Fault(on="upload", status=403),
        SetupError,
        rf"^uploading \S+\.parquet failed: PERMISSION_DENIED: .*\(HTTP 403\){GRANT}",
    ),
    "session: busy": Lasting(
        Fault(on="open_session", status=503),
        TransientError,
        rf"^opening a session on SQL warehouse \w+ failed: {BUSY}{AGAIN}",
    ),
    "session: token refused": Lasting(
        Fault(on="open_session", status=401),
        SetupError,
        rf"^opening a session on SQL warehouse \w+ failed: .*\(HTTP 401\){BELONG}",
    ),
    "session: forbidden": Lasting(
        Fault(on="open_session", status=403),
        SetupError,
        rf"^opening a session on SQL warehouse \w+ failed: .*\(HTTP 403\){USE}",
    ),
    "create: never sent": Lasting(
        lost(CREATE, "before"),
        TransientError,
        rf"^CREATE TABLE .* on SQL warehouse \w+ failed: .*{AGAIN}",
    ),
    "copy: too many, and done": Lasting(
        Fault(on="statement", matching=COPY, status=429, when="after"),
        TransientError,
        rf"^COPY INTO .* on SQL warehouse \w+ failed: {BUSY}{AGAIN}",
    ),
    "copy: reply lost": Lasting(
        lost(COPY, "after"),
        TransientError,
        rf"^COPY INTO .* on SQL warehouse \w+ failed: .*{AGAIN}",
    ),
    "copy: token refused": Lasting(
        Fault(on="statement", matching=COPY, status=401),
        SetupError,
        rf"^COPY INTO .* failed: UNAUTHENTICATED: .*\(HTTP 401\){BELONG}",
    ),
    "copy: forbidden": Lasting(
        Fault(on="statement", matching=COPY, status=403),
        SetupError,
        rf"^COPY INTO .* failed: PERMISSION_DENIED: .*\(HTTP 403\){USE}",
    ),
    "copy: no resources": Lasting(
        refused("RESOURCE_EXHAUSTED", "53000"),
        TransientError,
        rf"^COPY INTO .* failed: \[RESOURCE_EXHAUSTED\] .*{AGAIN}",
    ),
    "copy: quota": Lasting(
        refused("UC_RESOURCE_QUOTA_EXCEEDED", "53000"),
        SetupError,
        (
            r"^COPY INTO .* failed: \[UC_RESOURCE_QUOTA_EXCEEDED\] .*; ask for a "
            r"higher quota$"
        ),
    ),
    "copy: a class never heard of": Lasting(
        refused("WOBBLE", "XX999"),
        TransientError,
        rf"^COPY INTO .* failed: \[WOBBLE\] .*{AGAIN}",
    ),
}
"""What is met again and again, until it is over."""


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    """
    A workspace in order, and a spool.
    """
    clock = WatchedClock()
    with started(clock) as workspace:
        yield Walk(workspace, tmp_path / "spool.db", clock)


@pytest.mark.parametrize("name", HEALED)
def test_what_passes_is_healed_within_one_flush(walk: Walk, name: str) -> None:
    """
    A misfortune of a moment is not seen by the host; each event arrives once.
    """
    walk.fail(*HEALED[name])
    with walk.forwarder() as forwarder:
        forwarder.submit_many(PAYLOADS)
        (report,) = forwarder.flush()

        assert Account(received=3, loaded=3) == report.account
        assert walk.all_struck
        assert THROUGH == walk.outcome(forwarder)


@pytest.mark.parametrize("name", LASTING)
def test_what_lasts_is_told_and_healed_when_it_is_over(walk: Walk, name: str) -> None:
    """
    A misfortune that lasts is an error with advice; the load waits for its end.
    """
    lasting = LASTING[name]
    walk.fail(attrs.evolve(lasting.fault, times=UNTIL_CLEARED))
    with walk.forwarder() as forwarder:
        forwarder.submit_many(PAYLOADS)
        with pytest.raises(lasting.error, match=lasting.says) as raised:
            forwarder.flush()
        told = forwarder.status()

        assert told.last_error is not None
        assert told.last_error.endswith(str(raised.value))
        assert Account(received=3, pending=3) == told.account
        assert walk.rows() in (Counter(), ROWS)
        walk.mend()
        (report,) = forwarder.flush()

        assert Account(received=3, loaded=3) == report.account
        assert THROUGH == walk.outcome(forwarder)


def test_the_platform_s_own_pause_is_kept(walk: Walk) -> None:
    """
    Who says when to come back is not asked before.
    """
    walk.fail(Fault(on="upload", skip=1, status=429, retry_after_seconds=17))
    with walk.forwarder() as forwarder:
        forwarder.submit_many(PAYLOADS)
        forwarder.flush()

        assert [17.0] == walk.clock.waits
        assert THROUGH == walk.outcome(forwarder)


ALTER = "ALTER TABLE"


@pytest.mark.parametrize(
    ("faults", "count"),
    [
        ([lost(ALTER, "before")], 2),
        ([lost(ALTER, "after")], 1),
        (busy("statement", ALTER)[:1], 2),
        (busy("statement", ALTER)[1:], 3),
        ([Fault(on="statement", matching=ALTER, status=401)], 2),
        ([Fault(on="statement", matching=ALTER, status=401, when="after")], 2),
    ],
    ids=["lost", "lost, and done", "busy, and done", "busy", "401", "401, and done"],
)
def test_columns_are_added_once_whatever_becomes_of_the_reply(
    walk: Walk, faults: list[Fault], count: int
) -> None:
    """
    An ALTER TABLE of unknown outcome is settled by looking again, within one flush.
    """
    walk.workspace.query(f"CREATE TABLE {walk.table} (_offset BIGINT)")
    for privilege in ("SELECT", "MODIFY"):
        walk.workspace.grant(privilege, "TABLE", walk.table)
    walk.fail(*faults)
    with walk.forwarder() as forwarder:
        forwarder.submit_many(PAYLOADS)
        forwarder.flush()

        assert count == walk.statements(ALTER)
        assert walk.all_struck
        assert THROUGH == walk.outcome(forwarder)


@pytest.mark.parametrize("error_class", ["CANNOT_PARSE", "PARSE_SYNTAX_ERROR"])
def test_what_never_works_is_parked_and_carried_on(
    walk: Walk, error_class: str
) -> None:
    """
    A refusal for good parks the table with its reason; carried on it is loaded.
    """
    walk.fail(refused(error_class, "42601"))
    with walk.forwarder() as forwarder:
        forwarder.submit_many(PAYLOADS)
        (report,) = forwarder.flush()
        (table,) = report.tables

        assert Account(received=3, pending=3) == report.account
        assert table.reason is not None
        assert f"failed: [{error_class}] As scripted." in table.reason
        assert table.reason.rpartition("; ")[2].startswith(("look at", "report it"))
        assert (report,) == tuple(forwarder.parked())
        forwarder.carry_on(report.load_id)
        forwarder.flush()

        assert THROUGH == walk.outcome(forwarder)


def test_a_damaged_staged_file_is_staged_again(walk: Walk) -> None:
    """
    A file that can't be read is staged again after three failures, and loaded.
    """
    walk.fail(refused("OUT_OF_ORDER", "XX000"))
    with walk.forwarder() as forwarder:
        forwarder.submit_many(PAYLOADS)
        with pytest.raises(TransientError):
            forwarder.flush()
        for file in filter(Path.is_file, walk.staged()):
            file.write_bytes(b"this was a Parquet file once")
        for _ in range(2):
            with pytest.raises(TransientError, match="FAILED_READ_FILE"):
                forwarder.flush()
        forwarder.flush()

        assert THROUGH == walk.outcome(forwarder)


def test_a_column_of_another_type_parks_its_table_only(walk: Walk) -> None:
    """
    Of two tables only the one that can't agree is parked; carried on it is loaded.
    """
    walk.workspace.query(f"CREATE TABLE {walk.table} (_offset STRING)")
    for privilege in ("SELECT", "MODIFY"):
        walk.workspace.grant(privilege, "TABLE", walk.table)
    view = TableName("event_navigation_view")
    with walk.forwarder() as forwarder:
        forwarder.submit_many([*PAYLOADS, batch(custom("View", 4))])
        (report,) = forwarder.flush()
        reasons = {each.table: each.reason for each in report.tables}

        assert None is reasons[view]
        assert Account(received=4, loaded=1, pending=3) == report.account
        assert Counter({(2, 0, 4): 1}) == walk.rows(view)
        said = str(reasons[TableName(TABLE)])
        assert all(word in said for word in (TABLE, "_offset", "string", "int64"))
        walk.workspace.query(f"DROP TABLE {walk.table}")
        forwarder.carry_on(report.load_id)
        forwarder.flush()

        assert Account(received=4, loaded=4) == forwarder.status().account
        assert ROWS + Counter({(2, 0, 4): 1}) == walk.rows(TABLE, view)
        assert [] == walk.staged()


def test_files_that_stay_are_swept_at_the_next_start(
    walk: Walk, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Files that can't be removed hold up no load; the next forwarder removes them.
    """
    walk.fail(Fault(on="delete", status=500, times=UNTIL_CLEARED))
    with (
        caplog.at_level(logging.WARNING, "databricks_forwarder"),
        walk.forwarder() as forwarder,
    ):
        forwarder.submit_many(PAYLOADS)
        (report,) = forwarder.flush()
        stays = f"staged files of load {report.load_id} stay for now: removing "

        assert Account(received=3, loaded=3) == report.account
        assert any(each.message.startswith(stays) for each in caplog.records)
        assert 2 == len(walk.staged()), "a folder, and the file in it"
    walk.mend()
    with walk.forwarder() as forwarder:
        assert [] == forwarder.flush()
        assert THROUGH == walk.outcome(forwarder)


def test_sessions_that_end_between_loads_are_opened_again(walk: Walk) -> None:
    """
    Sessions that the warehouse no longer knows are not seen by the host.
    """
    with walk.forwarder() as forwarder:
        forwarder.submit(batch(custom("Other", 9)))
        forwarder.flush()
        walk.workspace.expire_sessions()
        forwarder.submit_many(PAYLOADS)
        forwarder.flush()

        assert Account(received=4, loaded=4) == forwarder.status().account
        assert LATER == walk.rows()
        assert [] == walk.staged()


def test_a_session_that_ends_in_a_load_is_opened_again(walk: Walk) -> None:
    """
    One that ends while its load waits is not seen by the host either.
    """
    walk.fail(Fault(on="statement", matching=COPY, status=503))
    walk.clock.at_wait = walk.workspace.expire_sessions
    with walk.forwarder() as forwarder:
        forwarder.submit_many(PAYLOADS)
        forwarder.flush()

        assert 1 == len(walk.clock.waits)
        assert THROUGH == walk.outcome(forwarder)


def test_a_workspace_that_was_gone_is_found_again(tmp_path: Path) -> None:
    """
    Answers are lost, the workspace goes and comes back: each event is there once.
    """
    root, spool, clock = tmp_path / "root", tmp_path / "spool.db", WatchedClock()
    with started(clock, root) as workspace:
        walk = Walk(workspace, spool, clock)
        walk.fail(attrs.evolve(lost(COPY, "after"), times=UNTIL_CLEARED))
        forwarder = walk.forwarder()
        forwarder.submit_many(PAYLOADS)
        with pytest.raises(TransientError):
            forwarder.flush()
        assert ROWS == walk.rows()
    with forwarder, pytest.raises(TransientError, match=rf"failed: .*{AGAIN}"):
        forwarder.flush()
    with started(clock, root) as workspace:
        walk = Walk(workspace, spool, clock)
        with walk.forwarder() as forwarder:
            (report,) = forwarder.flush()

            assert Account(received=3, loaded=3) == report.account
            assert THROUGH == walk.outcome(forwarder)


def test_files_gone_before_they_are_loaded_are_staged_again(walk: Walk) -> None:
    """
    Where a load's whole folder vanished its files are made again.
    """
    walk.fail(attrs.evolve(lost(COPY, "before"), times=UNTIL_CLEARED))
    with walk.forwarder() as forwarder:
        forwarder.submit_many(PAYLOADS)
        with pytest.raises(TransientError):
            forwarder.flush()
        folder, file = walk.staged()
        file.unlink()
        folder.rmdir()
        walk.mend()
        forwarder.flush()

        assert THROUGH == walk.outcome(forwarder)


def test_a_file_that_is_missing_is_staged_again_after_three_tries(walk: Walk) -> None:
    """
    A missing file is told, tried three times, and then made again.
    """
    walk.fail(attrs.evolve(refused("WOBBLE", "XX999"), times=UNTIL_CLEARED))
    missing = rf"failed: \[\w*NOT_FOUND\w*\] .*{AGAIN}"
    with walk.forwarder() as forwarder:
        forwarder.submit_many(PAYLOADS)
        with pytest.raises(TransientError, match="WOBBLE"):
            forwarder.flush()
        _, file = walk.staged()
        file.unlink()
        walk.mend()
        for _ in range(2):
            with pytest.raises(TransientError, match=missing):
                forwarder.flush()
        forwarder.flush()

        assert THROUGH == walk.outcome(forwarder)


def test_files_gone_after_they_were_loaded_are_not_missed(walk: Walk) -> None:
    """
    The answer was lost and the file removed: the rows tell that it was loaded.
    """
    walk.fail(attrs.evolve(lost(COPY, "after"), times=UNTIL_CLEARED))
    with walk.forwarder() as forwarder:
        forwarder.submit_many(PAYLOADS)
        with pytest.raises(TransientError):
            forwarder.flush()
        _, file = walk.staged()
        file.unlink()
        walk.mend()
        (report,) = forwarder.flush()

        assert Account(received=3, loaded=3) == report.account
        assert THROUGH == walk.outcome(forwarder)


def test_a_table_that_was_dropped_is_made_again(walk: Walk) -> None:
    """
    Dropped between two loads, a table has the later load, which is not seen to fail.
    """
    with walk.forwarder() as forwarder:
        forwarder.submit(batch(custom("Buy", 9)))
        forwarder.flush()
        walk.workspace.query(f"DROP TABLE {walk.table}")
        forwarder.submit_many(PAYLOADS)
        forwarder.flush()

        assert Account(received=4, loaded=4) == forwarder.status().account
        assert LATER == walk.rows()
        assert [] == walk.staged()


@pytest.mark.parametrize(
    "interruption",
    [
        Fault(on="poll", drop=True),
        Fault(on="poll", status=503),
        Fault(on="poll", status=401),
        Fault(on="poll", status=403),
    ],
    ids=["drop", "503", "401", "403"],
)
def test_a_slow_statement_is_waited_for(walk: Walk, interruption: Fault) -> None:
    """
    What takes long, and whose waiting is interrupted, is not done twice.
    """
    walk.fail(Fault(on="statement", matching=COPY, seconds=1.1), interruption)
    with walk.forwarder() as forwarder:
        forwarder.submit_many(PAYLOADS)
        forwarder.flush()

        assert walk.all_struck
        assert THROUGH == walk.outcome(forwarder)
