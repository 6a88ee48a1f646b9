"""
Hosts in small: forwarders as a program would make them, and what is handed in.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import attrs

from databricks_forwarder import Forwarder, UploadPolicy
from databricks_forwarder.model import (
    EventKey,
    Finding,
    LoadId,
    LoadResult,
    ParquetFile,
    StagedFile,
    TableName,
)

__all__ = [
    "EVENTS_THRESHOLD",
    "ONE_LOAD",
    "SCHEMA_NAME",
    "lines",
    "numbered_table",
    "resident_mb",
    "seconds_of",
    "submit_all",
    "to_files",
    "to_lake",
]

# With it the workload's 100 000 events go to some thirty tables.
EVENTS_THRESHOLD = 500
SCHEMA_NAME = "mparticle"

# All that waits goes in one load, however much it is.
ONE_LOAD = UploadPolicy(max_messages=10**9)

# As many payloads as a host hands in at once.
_GROUP = 500


def seconds_of(call: Callable[[], Any]) -> float:
    """
    Tell how long *call* takes.
    """
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def lines(source: Path) -> Iterator[bytes]:
    """
    The payloads of a file.
    """
    with source.open("rb") as file:
        for line in file:
            yield line.rstrip(b"\n")


def submit_all(forwarder: Forwarder, source: Path, *, times: int = 1) -> int:
    """
    Hand in the payloads of *source*, all of them so many times.

    Returns:
        How many messages were accepted.
    """
    accepted = 0
    for _ in range(times):
        payloads = lines(source)
        while group := list(islice(payloads, _GROUP)):
            accepted += forwarder.submit_many(group).message_count
    return accepted


def to_lake(folder: Path, **settings: Any) -> Forwarder:
    """
    A forwarder into a lake on the local disk, with a durable spool.
    """
    settings.setdefault("events_threshold", EVENTS_THRESHOLD)
    return Forwarder.for_lake(
        folder / "lake", spool=folder / "spool.db", policy=ONE_LOAD, **settings
    )


def to_files(folder: Path) -> Forwarder:
    """
    A forwarder whose load ends with Parquet files, in *folder*: they are kept.

    Payloads wait in memory, and nobody loads the files.
    """
    from databricks_forwarder.batchers.memory import MemoryBatcher
    from databricks_forwarder.counts.memory import MemoryEventCounts
    from databricks_forwarder.routers.default import default_router

    router = default_router(
        MemoryEventCounts(),
        schema_name=SCHEMA_NAME,
        events_threshold=EVENTS_THRESHOLD,
    )
    work = folder / "work"
    work.mkdir()
    return Forwarder(
        router=router,
        batcher=MemoryBatcher(),
        stager=_Keeping(folder),
        loader=_NoLoader(),
        policy=ONE_LOAD,
        common_table=f"{SCHEMA_NAME}_otherevents",
        scratch=work,
    )


@attrs.frozen
class _Keeping:
    """
    A stager that moves files to its folder, and leaves them there.
    """

    folder: Path

    def stage(self, file: ParquetFile, /) -> StagedFile:
        target = self.folder / file.name
        file.path.replace(target)
        return StagedFile(
            load_id=file.load_id,
            table=file.table,
            uri=str(target),
            row_count=file.row_count,
            size_bytes=file.size_bytes,
        )

    def staged(self) -> Collection[LoadId]:
        return ()

    def discard(self, load_id: LoadId, /) -> None:
        pass


class _NoLoader:
    """
    A loader that believes that rows are in their table.
    """

    def prepare(self, table: TableName, schema: Any, /) -> None:
        pass

    def load(self, load_id: LoadId, table: TableName, files: Any, /) -> LoadResult:
        return LoadResult(sum(file.row_count for file in files))

    def check(self) -> Sequence[Finding]:
        return ()


def numbered_table(count: int) -> Callable[[EventKey], str]:
    """
    A function that spreads the workload's event names over so many tables.
    """

    def table(key: EventKey) -> str:
        # Names of custom events end with their rank; others have an action.
        found = re.search(r"\d+$", key.event_name or "")
        rank = int(found[0]) if found else 0
        return f"table_{rank % count:04d}"

    return table


def resident_mb(what: str = "VmRSS") -> float:
    """
    The memory of this process, now or (``VmHWM``) at most until now.

    As the system tells it of the program: what a process says of its resources
    begins with the size of the one that started it.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith(what))
    return int(line.split()[1]) * 1024 / 1e6
