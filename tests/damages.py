"""
Damaging a spool, and living on with it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import attrs
from spools import Carried, Told, asked, carried, copied, fill, opened

from databricks_forwarder.batchers._sqlite_file import PAGE_BYTES
from databricks_forwarder.batchers.sqlite import RepairReport, repair
from databricks_forwarder.errors import BatcherError, ConfigurationError

PAGE = PAGE_BYTES


@attrs.frozen
class Made:
    """
    A spool with something of everything, to be copied and damaged.
    """

    path: Path
    told: Told

    def copy(self, folder: Path) -> Path:
        """
        Copy it into an empty folder.
        """
        shutil.rmtree(folder, ignore_errors=True)
        return copied(self.path, folder)


def made(folder: Path, *, is_logged: bool) -> Made:
    """
    Make a spool that is all in its log, or all in its file.
    """
    with opened(folder / "spool.db") as batcher:
        told = fill(batcher, waiting=30)
        if not is_logged:
            asked(folder / "spool.db", "PRAGMA wal_checkpoint(TRUNCATE)")
        return Made(copied(folder / "spool.db", folder / "copy"), told)


def change(path: Path, at: int, content: bytes) -> None:
    """
    Overwrite bytes of a file.
    """
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


def flip(path: Path, at: int, mask: int = 4) -> None:
    """
    Change a bit of a file.
    """
    change(path, at, bytes([path.read_bytes()[at] ^ mask]))


def place_of(path: Path, content: bytes) -> int:
    """
    Find where a file has *content*, for the last time.
    """
    place = path.read_bytes().rindex(content)
    assert place > 0
    return place


def root_of(path: Path, name: str) -> int:
    """
    Find where the first page of a table or an index begins.
    """
    ((number,),) = asked(
        path, f"SELECT rootpage FROM sqlite_master WHERE name = '{name}'"
    )
    return (int(str(number)) - 1) * page_size(path)


def page_size(path: Path) -> int:
    """
    Size of a database's pages.
    """
    ((size,),) = asked(path, "PRAGMA page_size")
    return int(str(size))


def lived_on(
    path: Path, result: Carried | None = None
) -> tuple[Carried, RepairReport | None]:
    """
    Carry all that is in a spool; mend it when it says that it must be.

    Args:
        path: The spool.
        result: What came out of it before.
    """
    mended = None
    result = Carried() if result is None else result
    for _ in range(4):
        refused = refused_by(path, result)
        if refused is None:
            return result, mended
        assert f"repair --spool {path}" in str(refused)
        mended = repair(path)
    raise AssertionError(mended)


def refused_by(path: Path, result: Carried) -> Exception | None:
    """
    Carry all that is in a spool; give the error that stopped it.
    """
    try:
        with opened(path) as batcher:
            batcher.loads()
            batcher.checkpoint()
            batcher.status()
            carried(batcher, result)
    except (BatcherError, ConfigurationError) as error:
        return error
    return None


def judge(told: Told, result: Carried, mended: RepairReport | None) -> None:
    """
    See that all is delivered as it was stored, or told of.
    """
    stored = set(told.records.values()) | set(told.dead.values())
    delivered = list(result.payloads.values())
    told_of = {*result.damaged, *result.dead}
    missing = {
        offset
        for offset, document in told.records.items()
        if document not in result.payloads.values()
    }

    assert set(delivered) <= stored
    assert len(set(delivered)) == len(delivered)
    assert missing <= told_of
    assert result.account.is_balanced
    if mended is not None and mended.is_whole:
        assert told.records == result.payloads
