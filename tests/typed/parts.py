"""
Parts of a host's own, without a base class: checked, never run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

import pyarrow as pa
from typing_extensions import assert_type

from databricks_forwarder import Forwarder, UploadPolicy
from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.loaders.delta import DeltaLoader
from databricks_forwarder.model import (
    BatcherStatus,
    DeadLetter,
    EventKey,
    EventKind,
    Finding,
    Lease,
    LoadId,
    LoadReport,
    LoadResult,
    Offset,
    OffsetRange,
    ParquetFile,
    Payload,
    StagedFile,
    Table,
    TableName,
)
from databricks_forwarder.mparticle.batch import Batch
from databricks_forwarder.mparticle.names import table_name
from databricks_forwarder.protocols import (
    Batcher,
    Clock,
    EventCounts,
    Loader,
    Naming,
    Router,
    Stager,
)
from databricks_forwarder.routers.default import default_router
from databricks_forwarder.routers.first_match import FirstMatch
from databricks_forwarder.routers.function import Answer, FunctionRouter
from databricks_forwarder.stagers.directory import DirectoryStager


class RouterOfOnesOwn:
    """
    A router is one method.
    """

    def route(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> dict[EventKey, Table | None]:
        """
        Answer with a narrower type than was asked for.
        """
        assert_type(at.tzinfo is None, bool)
        return {key: Table(table_name(key.event_type or "none")) for key in counts}


class BatcherOfOnesOwn:
    """
    A batcher has the methods of the protocol; its id may be an attribute.
    """

    def __init__(self, inner: Batcher) -> None:
        self.id = inner.id
        self._inner = inner

    def append(
        self,
        payloads: Sequence[Payload],
        /,
        *,
        at: datetime,
        checkpoint: Mapping[str, str] | None = None,
    ) -> OffsetRange | None:
        """
        Hand on what comes in.
        """
        return self._inner.append(payloads, at=at, checkpoint=checkpoint)

    def lease(
        self, policy: UploadPolicy, /, *, at: datetime, seal: bool = False
    ) -> Lease | None:
        """
        Hand out what the other batcher does.
        """
        return self._inner.lease(policy, at=at, seal=seal)

    def note(self, load_id: LoadId, key: str, text: str, /, *, at: datetime) -> None:
        """
        Keep a note.
        """
        self._inner.note(load_id, key, text, at=at)

    def commit(self, load_id: LoadId, report: LoadReport, /, *, at: datetime) -> None:
        """
        Let go of a load.
        """
        self._inner.commit(load_id, report, at=at)

    def park(self, load_id: LoadId, report: LoadReport, /, *, at: datetime) -> None:
        """
        Set a load aside.
        """
        self._inner.park(load_id, report, at=at)

    def carry_on(self, load_id: LoadId, /) -> None:
        """
        Open a parked load again.
        """
        self._inner.carry_on(load_id)

    def parked(self) -> list[LoadReport]:
        """
        Tell what is parked.
        """
        return list(self._inner.parked())

    def loads(self, limit: int = 100, /) -> list[LoadReport]:
        """
        Tell what was committed.
        """
        return list(self._inner.loads(limit))

    def dead_letters(self) -> Iterable[DeadLetter]:
        """
        Tell what could not be decoded.
        """
        return self._inner.dead_letters()

    def replay(self, offsets: Collection[Offset], /) -> int:
        """
        Put dead payloads back.
        """
        return self._inner.replay(offsets)

    def checkpoint(self) -> Mapping[str, str]:
        """
        Tell the host's positions.
        """
        return self._inner.checkpoint()

    def status(self) -> BatcherStatus:
        """
        Tell how things stand.
        """
        return self._inner.status()

    def close(self) -> None:
        """
        Release what is held.
        """
        self._inner.close()


class DestinationOfOnesOwn:
    """
    One class may be stager and loader at once.
    """

    def stage(self, file: ParquetFile, /) -> StagedFile:
        """
        Leave the file where it is.
        """
        return StagedFile(
            load_id=file.load_id,
            table=file.table,
            uri=file.path.as_uri(),
            row_count=file.row_count,
            size_bytes=file.size_bytes,
        )

    def staged(self) -> set[LoadId]:
        """
        Tell the loads with anything left.
        """
        return set()

    def discard(self, load_id: LoadId, /) -> None:
        """
        Remove what is left of a load.
        """

    def prepare(self, table: TableName, schema: pa.Schema, /) -> None:
        """
        See that the table is there.
        """

    def load(
        self, load_id: LoadId, table: TableName, files: Sequence[StagedFile], /
    ) -> LoadResult:
        """
        Say how many rows can be seen now.
        """
        return LoadResult(sum(file.row_count for file in files))

    def check(self) -> list[Finding]:
        """
        Find nothing.
        """
        return []


def by_tenant(batch: Batch) -> str | None:
    """
    Name the group of a batch: its attributes may hold anything.
    """
    return str((batch.user_attributes or {}).get("tenant") or "") or None


def by_key(key: EventKey) -> Answer:
    """
    Answer a key in each of the ways there are.
    """
    if key.event_type == "breadcrumb":
        return FunctionRouter.DROP
    if key.group:
        return Table(table_name(key.group))
    return key.event_type


def named(kind: EventKind) -> str:
    """
    Name the table of a kind.
    """
    return kind.event_name or "unnamed"


def ours_are_parts(clock: Clock) -> tuple[Batcher, Stager, Loader, EventCounts]:
    """
    The parts of the package have the protocols that they are said to have.
    """
    naming: Naming = named
    counts = MemoryEventCounts()
    standard: Router = default_router(counts, schema_name="mparticle", naming=naming)
    FirstMatch(FunctionRouter(by_key, group=by_tenant), standard)
    assert_type(clock.now(), datetime)
    return (
        SqliteBatcher("spool.db"),
        DirectoryStager("staging"),
        DeltaLoader("lake"),
        counts,
    )


def own_parts_make_a_forwarder(inner: Batcher) -> Forwarder:
    """
    Each part can be replaced alone, or all of them.
    """
    destination = DestinationOfOnesOwn()
    return Forwarder(
        router=RouterOfOnesOwn(),
        batcher=BatcherOfOnesOwn(inner),
        stager=destination,
        loader=destination,
    )
