"""
What would happen to payloads: all but the effects is done, nothing is touched.

A plan walks as a load does: the payloads are cut into loads, their keys counted
and routed, their rows arranged and written into files in a folder that is gone
afterwards. What would come then is told by the destination, as far as it is known
without asking for it.
"""

from __future__ import annotations

import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._abilities import offers
from databricks_forwarder._chunks import count_keys, write_rows
from databricks_forwarder._disk import disk_errors
from databricks_forwarder._plan_tables import Gathering
from databricks_forwarder._rehearsal import decided, rehearsed
from databricks_forwarder._scratch import load_folder
from databricks_forwarder._suppressed import suppressions_of
from databricks_forwarder._table_files import TableFiles
from databricks_forwarder.abilities import (
    GroupingRouter,
    LearningRouter,
    SurveyingLoader,
)
from databricks_forwarder.answers import Reason
from databricks_forwarder.batchers.rules import take
from databricks_forwarder.model import Lease, LoadId, Offset, OffsetRange, Record
from databricks_forwarder.mparticle.keys import KeyMaker
from databricks_forwarder.plans import Plan, PlannedLoad

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from databricks_forwarder._pipeline import Pipeline
    from databricks_forwarder._suppression import Suppressions
    from databricks_forwarder._tally import Tally
    from databricks_forwarder.model import EventKey, ParquetFile, Payload, TableName
    from databricks_forwarder.protocols import Router
    from databricks_forwarder.settings import UploadPolicy

__all__ = ["plan"]

# In place of the batcher's id: which offsets come next, nobody knows yet.
_PLACEHOLDER = "0" * 12


def plan(
    payloads: Sequence[Payload],
    parts: Pipeline,
    policy: UploadPolicy,
    *,
    at: datetime,
    look: bool = False,
) -> Plan:
    """
    Walk *payloads* through all of *parts* that has no effect.

    Args:
        payloads: In their order.
        parts: Of the forwarder.
        policy: Cuts them into loads.
        at: The moment.
        look: Ask the destination which of the tables are there; it only reads.

    Raises:
        RouteError: The router raised.
        TransientError: What the router learns from, or with *look* the
            destination, is away for now.
        SetupError: A person must act first.
    """
    rehearsal = _Rehearsal(
        router=rehearsed(parts.router),
        parts=parts,
        at=at,
        suppressions=suppressions_of(parts.batcher),
    )
    with _folder() as folder:
        for lease in _leases(payloads, policy, at):
            rehearsal.carry(lease, folder)
    return rehearsal.plan(look=look)


@contextmanager
def _folder() -> Iterator[Path]:
    with (
        disk_errors("writing the files of a plan among the temporary ones"),
        tempfile.TemporaryDirectory(prefix="databricks-forwarder-plan-") as folder,
    ):
        yield Path(folder)


def _leases(
    payloads: Sequence[Payload], policy: UploadPolicy, at: datetime
) -> Iterator[Lease]:
    """
    Cut *payloads* as a batcher does in which nothing else waits.
    """
    first = 0
    while first < len(payloads):
        waiting = (
            (index, payloads[index].message_count)
            for index in range(first, len(payloads))
        )
        last, message_count = take(waiting, policy.max_messages)
        yield Lease(
            load_id=LoadId(f"{_PLACEHOLDER}-{first}-{last}"),
            offsets=OffsetRange(Offset(first), Offset(last)),
            message_count=message_count,
            attempt=1,
            notes={},
            records=[
                Record(
                    offset=Offset(index),
                    received_at=at,
                    message_count=payloads[index].message_count,
                    payload=payloads[index].document,
                )
                for index in range(first, last + 1)
            ],
        )
        first = last + 1


@attrs.define(kw_only=True)
class _Rehearsal:
    """
    Carries loads up to their files, and remembers what they came to.

    Attributes:
        router: Stands in for the forwarder's.
        tables: What each table would get so far.
    """

    router: Router
    parts: Pipeline
    at: datetime
    suppressions: Suppressions
    tables: dict[TableName, Gathering] = attrs.field(factory=dict)
    loads: list[PlannedLoad] = attrs.field(factory=list)
    dead: dict[int, str] = attrs.field(factory=dict)
    dropped: int = 0
    rescued_row_count: int = 0

    def carry(self, lease: Lease, scratch: Path) -> None:
        """
        Count keys, route, write, and learn, as a load does.
        """
        router, common = self.router, self.parts.common
        keys = KeyMaker(router.group if offers(router, GroupingRouter) else None)
        counts = count_keys(lease, keys)
        reasons = decided(router, counts, common, at=self.at)
        routes = {key: reason.table for key, reason in reasons.items()}
        with load_folder(scratch, lease.load_id) as folder:
            files = TableFiles(folder, lease.load_id)
            with closing(files):
                tally = write_rows(
                    lease,
                    keys,
                    routes,
                    common,
                    files,
                    beat=_do_nothing,
                    suppressions=self.suppressions,
                )
                made = files.finish()
        self._remember(lease, reasons, tally, made)
        if offers(router, LearningRouter):
            router.loaded(lease.load_id, tally.counts, at=self.at)

    def _remember(
        self,
        lease: Lease,
        reasons: Mapping[EventKey, Reason],
        tally: Tally,
        files: Sequence[ParquetFile],
    ) -> None:
        self.dead.update({letter.offset: letter.reason for letter in tally.dead})
        self.dropped += tally.dropped
        self.rescued_row_count += tally.rescued_row_count
        for key, count in tally.counts.items():
            common = self.parts.common
            # As in the walk, what only the second look can read is left out.
            reason = reasons.get(key) or Reason(key=key, table=common, rule="left out")
            table = reason.table or common
            self.tables.setdefault(table.name, Gathering()).add(
                table.event_type, key, count, reason
            )
        for file in files:
            self.tables[file.table].files.append(file)
        self.loads.append(
            PlannedLoad(
                load_id=lease.load_id,
                message_count=lease.message_count,
                tables=tuple(dict.fromkeys(file.table for file in files)),
            )
        )

    def plan(self, *, look: bool) -> Plan:
        """
        Put together what was remembered, and what the destination tells.
        """
        if look and offers(self.parts.loader, SurveyingLoader):
            self.parts.loader.survey(list(self.tables))
        return Plan(
            tables=tuple(
                self.tables[name].planned(name, self.parts.loader, self.parts.stager)
                for name in sorted(self.tables)
            ),
            loads=tuple(self.loads),
            dropped=self.dropped,
            dead=self.dead,
            rescued_row_count=self.rescued_row_count,
        )


def _do_nothing() -> None:
    """
    Keep nothing alive: no load is out.
    """
