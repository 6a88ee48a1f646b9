"""
The directory stager: the contract, and what only it does.
"""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from databricks_forwarder import _disk
from databricks_forwarder.errors import (
    ConfigurationError,
    SetupError,
    TransientError,
)
from databricks_forwarder.model import LoadId
from databricks_forwarder.stagers.directory import DirectoryStager
from databricks_forwarder.testing.contracts._samples import parquet_file, rows
from databricks_forwarder.testing.contracts.stager import StagerContract
from databricks_forwarder.testing.faults import Killed

LOAD = LoadId("0123456789ab-0-9")


class TestDirectoryStager(StagerContract):
    """
    The contract, over one folder.
    """

    def open(self) -> DirectoryStager:
        """
        Open the test's folder.
        """
        return DirectoryStager(self.tmp_path / "deep" / "staging")

    def read(self, uri: str) -> bytes | None:
        """
        Look into the folder.
        """
        path = Path(uri)
        return path.read_bytes() if path.exists() else None


def test_uri_is_an_absolute_path_of_load_and_name(tmp_path: Path) -> None:
    """
    A file is staged at root, load id, file name.
    """
    file = parquet_file(tmp_path, LOAD, "t", rows(0, 1))
    staged = DirectoryStager(str(tmp_path / "s")).stage(file)

    assert str(tmp_path / "s" / LOAD / file.name) == staged.uri


def test_death_while_copying_leaves_no_file_under_the_uri(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Before the bytes are durable, nothing has the final name.
    """

    def die(_: Path) -> None:
        raise Killed

    stager = DirectoryStager(tmp_path / "s")
    file = parquet_file(tmp_path, LOAD, "t", rows(0, 1))
    uri = Path(stager.stage(file).uri)
    uri.unlink()
    monkeypatch.setattr(_disk, "sync", die)
    with pytest.raises(Killed):
        stager.stage(file)

    assert not uri.exists()


def test_half_written_leftovers_are_listed(tmp_path: Path) -> None:
    """
    A folder with nothing but an unfinished file is a load that can be swept.
    """
    (tmp_path / LOAD).mkdir()
    (tmp_path / LOAD / "t.parquet.12ab.tmp").touch()
    (tmp_path / "a file of someone else").touch()

    assert {LOAD} == DirectoryStager(tmp_path).staged()


@pytest.mark.parametrize("load_id", ["", ".", "..", "a/b", "/etc", "a\0b"])
def test_load_ids_stay_inside_the_root(tmp_path: Path, load_id: str) -> None:
    """
    A load id that is no single component of a path is refused.
    """
    with pytest.raises(ConfigurationError, match="can't name a folder"):
        DirectoryStager(tmp_path).discard(LoadId(load_id))


def test_a_file_in_the_place_of_the_root_is_a_set_up_error(tmp_path: Path) -> None:
    """
    A root that is no folder is told with its path.
    """
    root = tmp_path / "root"
    root.touch()
    file = parquet_file(tmp_path, LOAD, "t", rows(0, 1))

    with pytest.raises(SetupError, match=str(root)):
        DirectoryStager(root).stage(file)


@pytest.mark.parametrize(
    ("number", "fate", "advice"),
    [
        (errno.EACCES, SetupError, "can be written"),
        (errno.EROFS, SetupError, "can be written"),
        (errno.ENOENT, SetupError, "can be written"),
        (errno.ENOSPC, TransientError, "make room"),
        (errno.EDQUOT, TransientError, "make room"),
        (errno.EFBIG, TransientError, "ulimit -f"),
        (errno.EIO, TransientError, "tried again"),
        (None, TransientError, "tried again"),
    ],
)
def test_every_refusal_of_a_disk_has_a_fate(
    number: int | None, fate: type[Exception], advice: str
) -> None:
    """
    What a person must mend is a set-up error, all else may pass.
    """
    error = OSError("unknown") if number is None else OSError(number, "said", "/p")
    crossed = _disk.disk_error(error, "doing this")

    assert (fate, True, True) == (
        type(crossed),
        str(crossed).startswith("doing this failed: "),
        advice in str(crossed),
    )
