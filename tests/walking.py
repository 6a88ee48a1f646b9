"""
Compositions for walks: what they keep outlives their parts, as a disk does.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import pyarrow as pa
from deltalake import DeltaTable

from databricks_forwarder import Forwarder, UploadPolicy
from databricks_forwarder.batchers.memory import MemoryBatcher, MemoryStorage
from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.counts.sqlite import SqliteEventCounts
from databricks_forwarder.loaders.delta import DeltaLoader
from databricks_forwarder.loaders.memory import MemoryLake, MemoryLoader
from databricks_forwarder.model import EventKind, TableName
from databricks_forwarder.routers.default import default_router
from databricks_forwarder.settings import ConnectionSettings
from databricks_forwarder.stagers.directory import DirectoryStager
from databricks_forwarder.stagers.memory import MemoryStager
from databricks_forwarder.testing.clock import FakeClock

Wrap = Callable[[str, Any], Any]
"""Name of a part, the part → what takes its place."""


def as_it_is(name: str, part: Any) -> Any:
    """
    Put no other part in the place of *part*.
    """
    return part


def custom(name: str, event_id: int = 0, **data: Any) -> dict[str, Any]:
    """
    Make a custom event of type ``navigation``.
    """
    return {
        "event_type": "custom_event",
        "data": {
            "event_name": name,
            "custom_event_type": "navigation",
            "event_id": event_id,
            **data,
        },
    }


def batch(*events: Any, **members: Any) -> bytes:
    """
    Make a payload of *events*.
    """
    return json.dumps({"events": list(events), **members}).encode()


def rows_of(tables: Mapping[TableName, pa.Table], column: str) -> Counter[Any]:
    """
    Count the values of a column over all *tables*.
    """
    return Counter(
        value for table in tables.values() for value in table[column].to_pylist()
    )


def places(tables: Mapping[TableName, pa.Table]) -> Counter[tuple[int, int]]:
    """
    Count the rows of all *tables* by offset and position.
    """
    return Counter(
        place
        for table in tables.values()
        for place in zip(
            table["_offset"].to_pylist(), table["_position"].to_pylist(), strict=True
        )
    )


def event_ids(tables: Mapping[TableName, pa.Table]) -> Counter[int | None]:
    """
    Count the rows of all *tables* by the event's id.
    """
    return Counter(
        data and data["event_id"]
        for table in tables.values()
        for data in table["data"].to_pylist()
    )


def sizes(tables: Mapping[TableName, pa.Table]) -> dict[str, int]:
    """
    Count the rows of each table.
    """
    return {name: len(table) for name, table in sorted(tables.items())}


@attrs.define
class Composition:
    """
    Makes forwarders that go on with what earlier ones left.

    Attributes:
        folder: Where they may write.
        clock: Where they have their time from.
        events_threshold: As in ``default_router``.
        connection: As in ``default_router``.
        feeds: As in ``default_router``.
        sticky: As in ``default_router``.
    """

    folder: Path
    clock: FakeClock = attrs.field(factory=FakeClock)
    events_threshold: int = attrs.field(default=3, kw_only=True)
    connection: ConnectionSettings = attrs.field(
        factory=ConnectionSettings, kw_only=True
    )
    feeds: Mapping[str, ConnectionSettings] = attrs.field(factory=dict, kw_only=True)
    sticky: bool = attrs.field(default=True, kw_only=True)
    _living: list[Callable[[], object]] = attrs.field(factory=list, init=False)

    def forwarder(
        self,
        *,
        wrap: Wrap = as_it_is,
        router: Any = None,
        policy: UploadPolicy | None = None,
        max_payload_bytes: int = 8 * 2**20,
        observer: Any = None,
    ) -> Forwarder:
        """
        Put new parts on what is kept, each wrapped, as a new process would.
        """
        batcher, counts, stager, loader = self.parts()
        return Forwarder(
            router=wrap("router", router or self.router(counts)),
            batcher=wrap("batcher", batcher),
            stager=wrap("stager", stager),
            loader=wrap("loader", loader),
            policy=policy or UploadPolicy(),
            common_table="shop_otherevents",
            clock=self.clock,
            scratch=self.folder / "scratch",
            max_payload_bytes=max_payload_bytes,
            observer=observer,
        )

    def router(self, counts: Any) -> Any:
        """
        Put the default router together.
        """
        return default_router(
            counts,
            schema_name="shop",
            events_threshold=self.events_threshold,
            connection=self.connection,
            feeds=self.feeds,
            sticky=self.sticky,
        )

    def parts(self) -> tuple[Any, Any, Any, Any]:
        """
        Make batcher, counts, stager and loader.
        """
        raise NotImplementedError

    def counts(self) -> Any:
        """
        Open the counts.
        """
        raise NotImplementedError

    def tables(self) -> Mapping[TableName, pa.Table]:
        """
        Read all tables.
        """
        raise NotImplementedError

    def staged(self) -> set[str]:
        """
        List the loads that have anything staged.
        """
        raise NotImplementedError

    def die(self) -> None:
        """
        Give back what the system takes from a process that ends.
        """
        while self._living:
            with suppress(Exception):
                self._living.pop()()

    def counted(self, kinds: Iterable[EventKind]) -> Mapping[EventKind, int]:
        """
        Tell what is counted of *kinds* since ever.
        """
        return self.counts().totals(
            list(kinds), since=self.clock.now().date().replace(year=2000)
        )


@attrs.define
class InMemory(Composition):
    """
    Everything in memory.
    """

    storage: MemoryStorage = attrs.field(factory=MemoryStorage, init=False)
    files: dict[str, bytes] = attrs.field(factory=dict, init=False)
    lake: MemoryLake = attrs.field(factory=MemoryLake, init=False)
    event_counts: MemoryEventCounts = attrs.field(factory=MemoryEventCounts, init=False)

    def parts(self) -> tuple[Any, Any, Any, Any]:
        """
        Make new parts around what is kept.
        """
        batcher = MemoryBatcher(storage=self.storage)
        self._living.append(batcher.close)
        return (
            batcher,
            self.event_counts,
            MemoryStager(self.files),
            MemoryLoader(self.files, self.lake),
        )

    def counts(self) -> MemoryEventCounts:
        """
        Hand out the counts.
        """
        return self.event_counts

    def tables(self) -> Mapping[TableName, pa.Table]:
        """
        Read the tables behind the loader's back.
        """
        return self.lake.tables

    def staged(self) -> set[str]:
        """
        Look into the mapping.
        """
        return {uri.split("/")[2] for uri in self.files}


@attrs.define
class OnDisk(Composition):
    """
    The spool in SQLite, the tables in Delta Lake.
    """

    def parts(self) -> tuple[Any, Any, Any, Any]:
        """
        Make new parts around what is on the disk.
        """
        batcher = SqliteBatcher(self.folder / "spool.db")
        counts = self.counts()
        # A process that ends lets go of nothing in the file itself.
        self._living.append(batcher._session.close)
        return (
            batcher,
            counts,
            DirectoryStager(self.folder / "staging"),
            DeltaLoader(self.folder / "lake"),
        )

    def counts(self) -> SqliteEventCounts:
        """
        Open the counts.
        """
        counts = SqliteEventCounts(self.folder / "counts.db")
        self._living.append(counts.close)
        return counts

    def tables(self) -> Mapping[TableName, pa.Table]:
        """
        Read the tables with the engine itself.
        """
        return lake_tables(self.folder / "lake")

    def staged(self) -> set[str]:
        """
        Look into the folder.
        """
        return {folder.name for folder in (self.folder / "staging").glob("*")}


def lake_tables(root: Path) -> dict[TableName, pa.Table]:
    """
    Read all tables of a lake with the engine itself.
    """
    return {
        TableName(log.parent.name): pa.table(
            DeltaTable(str(log.parent)).to_pyarrow_table()
        )
        for log in root.glob("*/_delta_log")
    }


COMPOSITIONS = [InMemory, OnDisk]
