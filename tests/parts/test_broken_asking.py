"""
The contracts of parts that are asked beforehand find what is broken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import attrs
import pyarrow as pa
import pytest
from contract_runner import failing_clauses

from databricks_forwarder.answers import Described, Reason
from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.loaders.memory import MemoryLake, MemoryLoader
from databricks_forwarder.model import (
    EventKey,
    LoadId,
    ParquetFile,
    StagedFile,
    Table,
    TableName,
)
from databricks_forwarder.protocols import EventCounts
from databricks_forwarder.routers.threshold import ThresholdRouter
from databricks_forwarder.stagers.memory import MemoryStager
from databricks_forwarder.testing.contracts.asking import (
    AskedRouterContract,
    DescribingLoaderContract,
    PlacingStagerContract,
)


class Guessing(ThresholdRouter):
    """
    R8: gives reasons for another table.
    """

    def explain(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Reason]:
        """
        Say what is always said.
        """
        table = Table(TableName("guessed"))
        return {
            key: attrs.evolve(each, table=table)
            for key, each in super().explain(counts, at=at).items()
        }


class Giving(ThresholdRouter):
    """
    R8: gives names away when it is asked why.
    """

    def explain(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Reason]:
        """
        Route first.
        """
        self.route(counts, at=at)
        return super().explain(counts, at=at)


class Earnest(ThresholdRouter):
    """
    R9: its rehearsal is itself.
    """

    def rehearsal(
        self, over: Callable[[EventCounts], EventCounts], /
    ) -> ThresholdRouter:
        """
        Do it in earnest.
        """
        return self


class Forgetting(ThresholdRouter):
    """
    R9: its rehearsal begins with nothing.
    """

    def rehearsal(
        self, over: Callable[[EventCounts], EventCounts], /
    ) -> ThresholdRouter:
        """
        Count anew.
        """
        return attrs.evolve(self, counts=over(MemoryEventCounts()))


@pytest.mark.parametrize(
    ("router", "clauses"),
    [
        (ThresholdRouter, set()),
        (Guessing, {"R8"}),
        (Giving, {"R8"}),
        (Earnest, {"R9"}),
        (Forgetting, {"R9"}),
    ],
)
def test_a_broken_router_fails_in_the_clause_it_breaks(
    router: type[ThresholdRouter], clauses: set[str], tmp_path: Path
) -> None:
    """
    Each breach is found by the tests of its clause, and by no other's.
    """

    class Examined(AskedRouterContract):
        def begin(self, tmp_path: Path) -> None:
            super().begin(tmp_path)
            self.counts = MemoryEventCounts()

        def make(self) -> ThresholdRouter:
            return router(self.counts, schema_name="main", events_threshold=2)

        def learnt(self) -> object:
            return repr((self.counts._days_by_kind, self.counts._names))

    assert clauses == failing_clauses(Examined, tmp_path)


class Elsewhere(MemoryStager):
    """
    S6: tells another place.
    """

    def stage(self, file: ParquetFile, /) -> StagedFile:
        """
        Stage, and say that it is somewhere else.
        """
        return attrs.evolve(super().stage(file), uri="memory://elsewhere")


class Hasty(MemoryStager):
    """
    S6: makes room for what it tells of.
    """

    def place(self, file: ParquetFile, /) -> StagedFile:
        """
        Keep no bytes there.
        """
        staged = super().place(file)
        self.files.setdefault(staged.uri, b"")
        return staged


@pytest.mark.parametrize("stager", [MemoryStager, Elsewhere, Hasty])
def test_a_broken_stager_is_found(stager: type[MemoryStager], tmp_path: Path) -> None:
    """
    Neither another place nor an early one passes.
    """

    class Examined(PlacingStagerContract):
        def begin(self, tmp_path: Path) -> None:
            super().begin(tmp_path)
            self.files: dict[str, bytes] = {}

        def open(self) -> MemoryStager:
            return stager(self.files)

    expected = set() if stager is MemoryStager else {"S6"}

    assert expected == failing_clauses(Examined, tmp_path)


class Doing(MemoryLoader):
    """
    L14: does what it tells of.
    """

    def describe(
        self,
        load_id: LoadId,
        table: TableName,
        schema: pa.Schema,
        files: Sequence[StagedFile],
        /,
    ) -> Described:
        """
        Prepare, after all.
        """
        told = super().describe(load_id, table, schema, files)
        self.prepare(table, schema)
        return told


@pytest.mark.parametrize("loader", [MemoryLoader, Doing])
def test_a_broken_loader_is_found(loader: type[MemoryLoader], tmp_path: Path) -> None:
    """
    A loader that does not wait until it is told to load fails.
    """

    class Examined(DescribingLoaderContract):
        def begin(self, tmp_path: Path) -> None:
            super().begin(tmp_path)
            self.files: dict[str, bytes] = {}
            self.lake = MemoryLake()

        def open(self) -> MemoryLoader:
            return loader(self.files, self.lake)

        def stage(self, file: ParquetFile) -> StagedFile:
            return MemoryStager(self.files).stage(file)

        def written(self) -> object:
            return {name: rows.schema for name, rows in self.lake.tables.items()}

    expected = set() if loader is MemoryLoader else {"L14"}

    assert expected == failing_clauses(Examined, tmp_path)
