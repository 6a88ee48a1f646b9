"""
The spool may not be written: it is said so, and nothing is lost.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from spools import NOON, carried, opened, payload

PROGRAM = """
import json, os, sys
from datetime import datetime, date, timezone
from pathlib import Path
NOON = datetime(2026, 3, 14, 12, tzinfo=timezone.utc)
from databricks_forwarder.batchers.sqlite import SqliteBatcher, repair
from databricks_forwarder.counts.sqlite import SqliteEventCounts
from databricks_forwarder.model import EventKind, LoadId, Payload
said = []
def attempt(do):
    try:
        do()
        said.append(None)
    except Exception as error:
        said.append([type(error).__name__, str(error)])
folder = Path(sys.argv[1])
# Once with all rights, so that nothing is left to be imported.
import tempfile
with tempfile.TemporaryDirectory() as warm:
    batcher = SqliteBatcher(Path(warm, "spool.db"))
    batcher.append([Payload(b"{}", 1)], at=NOON)
    batcher.close()
    repair(Path(warm, "spool.db"))
    SqliteEventCounts(Path(warm, "counts.db"))
    attempt(lambda: repair(Path(warm, "absent", "spool.db")))
    attempt(lambda: SqliteBatcher(warm))
    attempt(lambda: SqliteEventCounts(Path(warm, "absent", "counts.db")))
    said.clear()
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
"""


def asked_without_rights(program: str, folder: Path) -> list[list[str] | None]:
    """
    Run a program as somebody who may do no more than the folder's modes say.
    """
    if not hasattr(os, "setuid"):
        pytest.skip("there are no users here whose rights could be less")
    # The interpreter, the library and the folder must be within their reach.
    reach = {folder, *folder.parents, Path(sys.executable).resolve()}
    closed = [each for each in reach if not each.stat().st_mode & 0o001]
    if os.getuid() == 0:
        for each in closed:
            if each.is_relative_to(Path(folder.anchor, "tmp")):
                each.chmod(each.stat().st_mode | 0o011)
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM + program + "\nprint(json.dumps(said))", folder],
        capture_output=True,
        text=True,
        check=False,
        # What measures the tests could not write either.
        env={
            name: value
            for name, value in os.environ.items()
            if not name.startswith("COVERAGE")
        },
    )
    if "PermissionError" in ran.stderr or "No module named" in ran.stderr:
        pytest.skip("an unprivileged user can't reach this interpreter")
    assert not ran.stderr
    return list(json.loads(ran.stdout))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """
    Make a spool that all may read, in a folder that all may enter.
    """
    folder = tmp_path / "spools"
    folder.mkdir()
    with opened(folder / "spool.db") as batcher:
        batcher.append([payload(1)], at=NOON)
    (folder / "spool.db").chmod(0o444)
    folder.chmod(0o755)
    return folder


APPENDING = """
spool = folder / "spool.db"
attempt(lambda: SqliteBatcher(spool).append([Payload(b"{}", 1)], at=NOON))
"""


def test_a_read_only_folder_is_named(folder: Path) -> None:
    """
    In a folder that may not be written the sentence names the file and its rights.
    """
    folder.chmod(0o555)
    (refused,) = asked_without_rights(APPENDING, folder)
    folder.chmod(0o755)

    assert refused is not None
    assert "BatcherError" == refused[0]
    assert f"in {folder}/spool.db failed" in refused[1]
    assert "check its permissions" in refused[1]
    with opened(folder / "spool.db") as batcher:
        assert [1] == [number + 1 for number in carried(batcher).payloads]


def test_a_read_only_file_is_named(folder: Path) -> None:
    """
    A file that may not be written refuses what would be stored.
    """
    folder.chmod(0o777)
    (refused,) = asked_without_rights(APPENDING, folder)

    assert refused is not None
    assert "BatcherError" == refused[0]
    assert "may not be written; nothing was stored" in refused[1]


def test_no_spool_is_made_in_a_read_only_folder(folder: Path) -> None:
    """
    Where no file may be made, none is, and the sentence says why.
    """
    folder.chmod(0o555)
    (refused,) = asked_without_rights(
        'attempt(lambda: SqliteBatcher(folder / "new.db"))', folder
    )
    folder.chmod(0o755)

    assert refused is not None
    assert "BatcherError" == refused[0]
    assert "check its permissions" in refused[1]
    assert [] == list(folder.glob("new.db*"))


def test_a_spool_in_a_read_only_folder_is_not_repaired(folder: Path) -> None:
    """
    A repair that can't put a file beside the spool leaves it as it is.
    """
    for each in folder.glob("*.use"):
        each.unlink()
    folder.chmod(0o555)
    (refused,) = asked_without_rights(
        'attempt(lambda: repair(folder / "spool.db"))', folder
    )
    folder.chmod(0o755)

    assert refused is not None
    assert "BatcherError" == refused[0]
    assert "or its folder can't be written" in refused[1]


def test_counts_that_may_not_be_written_are_for_a_person(folder: Path) -> None:
    """
    Counts in a folder or a file that may not be written say so.
    """
    program = """
counts = folder / "counts.db"
attempt(lambda: SqliteEventCounts(counts))
"""
    folder.chmod(0o555)
    (refused,) = asked_without_rights(program, folder)
    folder.chmod(0o755)

    assert refused is not None
    assert "SetupError" == refused[0]
    assert f"could not open {folder}/counts.db" in refused[1]
