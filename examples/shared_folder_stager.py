"""
A stager of one's own: a shared folder that the reader has under another name.

A host mounts a file share at ``/mnt/exchange``, and the machine that reads what
is staged has the same share at ``/data/exchange``. So files are written to the
one place, and their URIs are paths below the other.

``<here>/<load id>/<file name>``: all that is staged of a load is in its folder,
so that it can be listed and removed without being remembered.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from databricks_forwarder import Forwarder
from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.errors import SetupError, TransientError
from databricks_forwarder.loaders.delta import DeltaLoader
from databricks_forwarder.model import LoadId, ParquetFile, StagedFile
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.testing.payloads import make_event, make_payload

_A_PERSON_MUST_ACT = (FileNotFoundError, NotADirectoryError, PermissionError)


class SharedFolderStager:
    def __init__(self, here: Path, there: Path) -> None:
        self._here = here
        self._there = there

    def stage(self, file: ParquetFile, /) -> StagedFile:
        folder = self._here / file.load_id
        with _crossing(f"staging {file.name} of load {file.load_id}"):
            # The share itself is not made: where it is not mounted, a folder
            # of this name would swallow the files.
            folder.mkdir(exist_ok=True)
            _copy(file.path, folder / file.name)
        return StagedFile(
            load_id=file.load_id,
            table=file.table,
            uri=str(self._there / file.load_id / file.name),
            row_count=file.row_count,
            size_bytes=file.size_bytes,
        )

    def staged(self) -> Collection[LoadId]:
        with _crossing(f"listing what is staged in {self._here}"):
            return [LoadId(each.name) for each in self._here.iterdir()]

    def discard(self, load_id: LoadId, /) -> None:
        folder = self._here / load_id
        with _crossing(f"discarding load {load_id}"):
            if folder.exists():
                shutil.rmtree(folder)


def _copy(source: Path, target: Path) -> None:
    # Under a name that no URI has, until all of it is safe; then in one step.
    # No other writer has that name: the holder of a load may be followed by one
    # who takes it for dead.
    unfinished = target.with_name(f"{target.name}.{secrets.token_hex(4)}.tmp")
    with source.open("rb") as reading, unfinished.open("wb") as writing:
        shutil.copyfileobj(reading, writing)
        writing.flush()
        os.fsync(writing.fileno())
    unfinished.replace(target)
    for folder in (target.parent, target.parent.parent):
        descriptor = os.open(folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


@contextmanager
def _crossing(doing: str) -> Iterator[None]:
    try:
        yield
    except _A_PERSON_MUST_ACT as error:
        msg = f"{doing} failed: {error}; see that the share is mounted and writable"
        raise SetupError(msg) from error
    except OSError as error:
        msg = f"{doing} failed: {error}; it will be tried again"
        raise TransientError(msg) from error


def main(folder: Path) -> int:
    here, there = folder / "mnt", folder / "data"
    here.mkdir()
    there.symlink_to(here)  # one share, two names
    with Forwarder(
        router=FunctionRouter(lambda key: key.event_type),
        batcher=SqliteBatcher(folder / "spool.db"),
        stager=SharedFolderStager(here, there),
        loader=DeltaLoader(folder / "lake"),
    ) as forwarder:
        forwarder.submit(make_payload(make_event("screen_view"), make_event()))
        (report,) = forwarder.flush()
    for each in report.tables:
        print(f"{each.table} got {each.row_count}")
    print(f"{len(list(here.iterdir()))} loads are left in the share")
    return 0 if report.account.is_balanced else 1


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        sys.exit(main(Path(place)))
