"""
A whole forwarder in memory, in one line, which shows what it loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NoReturn

import attrs
import pyarrow as pa

from databricks_forwarder import Forwarder, UploadPolicy
from databricks_forwarder.batchers.memory import MemoryBatcher, MemoryStorage
from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.loaders.memory import MemoryLake, MemoryLoader
from databricks_forwarder.model import TableName
from databricks_forwarder.mparticle.names import common_name
from databricks_forwarder.routers.default import default_router
from databricks_forwarder.stagers.memory import MemoryStager
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.faults import Fail, Faults

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databricks_forwarder.protocols import Observer, Router

__all__ = ["Memory", "MemoryForwarder"]

_MAX_PAYLOAD_BYTES = 8 * 2**20
_DEFAULT_POLICY = UploadPolicy()
_ELSEWHERE = "MemoryForwarder keeps all in memory; use Forwarder.{} instead"

Part = Literal["batcher", "router", "stager", "loader"]
"""A part of a forwarder that can be told to fail."""


@attrs.frozen(kw_only=True)
class Memory:
    """
    What outlives a process: forwarders on one memory come one after the other.

    Attributes:
        clock: Stands still until it is told.
        spool: The payloads that wait, and what is known of them.
        files: What is staged, URI → bytes.
        lake: The tables.
        counts: What was forwarded, and the names that kinds were given.
    """

    clock: FakeClock = attrs.field(factory=FakeClock)
    spool: MemoryStorage = attrs.field(factory=MemoryStorage, repr=False)
    files: dict[str, bytes] = attrs.field(factory=dict, repr=False)
    lake: MemoryLake = attrs.field(factory=MemoryLake, repr=False)
    counts: MemoryEventCounts = attrs.field(factory=MemoryEventCounts, repr=False)


class MemoryForwarder(Forwarder):
    """
    A forwarder for tests: real parts in memory, no folder, no waiting.

    It is a `Forwarder`, so that the code under test takes it for one, and can be
    asked besides what it loaded, and told what is to fail.

    Args:
        memory: What an earlier forwarder left; None for a new one.
        router: Routes instead of the settings below.
        schema_name: Names the common table, ``<schema_name>_otherevents``.
        policy: When a load is due.
        max_spool_bytes: Most payload bytes in the spool.
        max_payload_bytes: Most bytes of one payload.
        observer: Who is told what happens, one or several.
        routing: What else `default_router` takes: ``events_threshold``,
            ``feeds``, ``connection``, ``sticky``, ``naming``.

    Raises:
        ConfigurationError: A setting is wrong, or goes with no *router*.
    """

    def __init__(  # noqa: PLR0913  # settings, all by keyword
        self,
        *,
        memory: Memory | None = None,
        router: Router | None = None,
        schema_name: str = "mparticle",
        policy: UploadPolicy = _DEFAULT_POLICY,
        max_spool_bytes: int | None = None,
        max_payload_bytes: int = _MAX_PAYLOAD_BYTES,
        observer: Observer | Sequence[Observer] | None = None,
        **routing: Any,
    ) -> None:
        self.memory: Memory = memory or Memory()
        self._faults = {part: Faults() for part in _PARTS}
        if router is None:
            router = default_router(
                self.memory.counts, schema_name=schema_name, **routing
            )
        elif routing:
            msg = f"with a router there is no {' and no '.join(routing)}; leave it out"
            raise ConfigurationError(msg)
        self._parts = self._make_parts(router, max_spool_bytes)
        super().__init__(
            **self._parts,
            policy=policy,
            common_table=common_name(schema_name),
            max_payload_bytes=max_payload_bytes,
            observer=observer,
            clock=self.memory.clock,
        )

    @classmethod
    def for_lake(cls, *_: Any, **__: Any) -> NoReturn:
        """
        Refuse: a lake is not in memory.

        Raises:
            ConfigurationError: Always.
        """
        raise ConfigurationError(_ELSEWHERE.format("for_lake"))

    @classmethod
    def for_databricks(cls, *_: Any, **__: Any) -> NoReturn:
        """
        Refuse: a workspace is not in memory.

        Raises:
            ConfigurationError: Always.
        """
        raise ConfigurationError(_ELSEWHERE.format("for_databricks"))

    def _make_parts(self, router: Router, max_spool_bytes: int | None) -> Any:
        memory = self.memory
        parts = {
            "router": router,
            "batcher": MemoryBatcher(
                storage=memory.spool, max_spool_bytes=max_spool_bytes
            ),
            "stager": MemoryStager(memory.files),
            "loader": MemoryLoader(memory.files, memory.lake),
        }
        return {name: self._faults[name].around(part) for name, part in parts.items()}

    @property
    def clock(self) -> FakeClock:
        """
        The clock of its memory; ``clock.advance(minutes=90)`` makes a load due.
        """
        return self.memory.clock

    @property
    def tables(self) -> Mapping[TableName, pa.Table]:
        """
        The tables as Arrow has them, with all of their columns.
        """
        return self.memory.lake.tables

    def row_counts(self) -> dict[str, int]:
        """
        How many rows each table has, by name.
        """
        return {name: len(table) for name, table in sorted(self.tables.items())}

    def rows(self, table: str | None = None) -> list[dict[str, Any]]:
        """
        The rows that were loaded, without the columns that are null.

        What is null inside of objects is left out too, and maps are dictionaries,
        so that a row is what the batch said.

        Args:
            table: One table; None for all of them, table by table by name.

        Raises:
            KeyError: Nothing was ever loaded into a table of this name.
        """
        tables = self.tables
        names = sorted(tables) if table is None else [TableName(table)]
        return [row for name in names for row in _rows_of(tables[name])]

    def fail(self, part: Part, *faults: Fail) -> None:
        """
        Let a part fail, in calls that are counted from now on.

        Raises:
            KeyError: There is no such part.
            AttributeError: The part has no such method: it would never fail.
        """
        for fault in faults:
            getattr(self._parts[part], fault.method)
        self._faults[part].order(*faults)


_PARTS = ("batcher", "router", "stager", "loader")


def _rows_of(table: pa.Table) -> list[dict[str, Any]]:
    type_ = pa.struct(table.schema)
    return [_told(row, type_) for row in table.to_pylist()]


def _told(value: Any, type_: pa.DataType) -> Any:
    if value is None:
        return None
    if pa.types.is_struct(type_):
        return {
            field.name: _told(value[field.name], field.type)
            for field in type_
            if value[field.name] is not None
        }
    if pa.types.is_map(type_):
        return {key: _told(item, type_.item_type) for key, item in value}
    if pa.types.is_list(type_):
        return [_told(each, type_.value_type) for each in value]
    return value
