"""
What single tables would get, gathered load by load, and what loaders say to it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._abilities import offers
from databricks_forwarder._table_columns import schema_of
from databricks_forwarder.abilities import DescribingLoader, PlacingStager
from databricks_forwarder.answers import Described
from databricks_forwarder.errors import ForwarderError
from databricks_forwarder.plans import PlannedFile, PlannedTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databricks_forwarder.answers import Reason
    from databricks_forwarder.model import (
        EventKey,
        LoadId,
        ParquetFile,
        StagedFile,
        TableName,
    )
    from databricks_forwarder.protocols import Loader, Stager

__all__ = ["Gathering"]


@attrs.define
class Gathering:
    """
    What one table would get so far.
    """

    event_types: dict[str | None, None] = attrs.field(factory=dict)
    keys: Counter[EventKey] = attrs.field(factory=Counter)
    reasons: dict[EventKey, Reason] = attrs.field(factory=dict)
    files: list[ParquetFile] = attrs.field(factory=list)

    def add(
        self, event_type: str | None, key: EventKey, count: int, reason: Reason
    ) -> None:
        """
        Add messages of a key, that go to the table as one of *event_type*.
        """
        self.event_types[event_type] = None
        self.keys[key] += count
        self.reasons.setdefault(key, reason)

    @property
    def event_type(self) -> str | None:
        """
        The event type whose columns it has; None for those of all.
        """
        first, *others = self.event_types
        return None if others else first

    @property
    def loads(self) -> Mapping[LoadId, Sequence[ParquetFile]]:
        """
        Its files by load, in order.
        """
        loads: dict[LoadId, list[ParquetFile]] = {}
        for file in self.files:
            loads.setdefault(file.load_id, []).append(file)
        return loads

    def planned(self, name: TableName, loader: Loader, stager: Stager) -> PlannedTable:
        """
        Put together what was gathered, and what the destination tells.
        """
        told, problem = _told(loader, stager, name, self)
        return PlannedTable(
            table=name,
            event_type=self.event_type,
            message_count=self.keys.total(),
            keys=self.keys,
            reasons=self.reasons,
            files=tuple(
                PlannedFile(
                    load_id=file.load_id,
                    name=file.name,
                    row_count=file.row_count,
                    size_bytes=file.size_bytes,
                )
                for file in self.files
            ),
            is_there=told.is_there,
            preparing=told.preparing,
            loading=told.loading,
            problem=problem,
        )


def _told(
    loader: Loader, stager: Stager, name: TableName, gathering: Gathering
) -> tuple[Described, str | None]:
    """
    Ask the loader what it would run, and what is in its way.
    """
    if not offers(loader, DescribingLoader):
        return Described(is_there=None), None
    schema = schema_of(gathering.event_type)
    try:
        each = [
            loader.describe(load_id, name, schema, _placed(stager, files))
            for load_id, files in gathering.loads.items()
        ]
    except ForwarderError as error:
        return Described(is_there=None), str(error)
    loading = tuple(text for one in each for text in one.loading)
    return attrs.evolve(each[0], loading=loading), None


def _placed(stager: Stager, files: Sequence[ParquetFile]) -> Sequence[StagedFile]:
    """
    Tell where the files would be; none, if the stager can't tell.
    """
    if not offers(stager, PlacingStager):
        return []
    return [stager.place(file) for file in files]
