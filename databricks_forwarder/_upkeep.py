"""
What a person asks of a forwarder, and what a person does to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from databricks_forwarder._abilities import offers
from databricks_forwarder._backfill import backfill, read
from databricks_forwarder._door import admit_all
from databricks_forwarder._erase import erase
from databricks_forwarder._letters import DeadLetterFilter, replay
from databricks_forwarder._plan import Plan, plan
from databricks_forwarder._reconcile import Reconciliation, reconcile
from databricks_forwarder._status import status_of
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.mparticle.person import Person
from databricks_forwarder.protocols import ErasingBatcher, TellingLoader

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from pyarrow.dataset import Dataset

    from databricks_forwarder._due import Due
    from databricks_forwarder._pipeline import Pipeline
    from databricks_forwarder._status import Status
    from databricks_forwarder._worker import Worker
    from databricks_forwarder.erasure import Erasure, Late
    from databricks_forwarder.model import (
        DeadLetter,
        EventKind,
        Finding,
        LoadId,
        LoadReport,
        Offset,
        TableName,
    )
    from databricks_forwarder.protocols import Batcher, Clock, Loader

__all__ = ["Upkeep"]

_EVERY_LETTER = DeadLetterFilter()


class Upkeep:
    """
    The calls of a forwarder that carry nothing: to look, to mend, to try.
    """

    _batcher: Batcher
    _clock: Clock
    _due: Due
    _loader: Loader
    _max_payload_bytes: int
    _pipeline: Pipeline
    _worker: Worker

    def status(self) -> Status:
        """
        How it stands now.
        """
        status = self._batcher.status()
        return status_of(
            status,
            due_at=self._due.at(status),
            is_running=self._worker.is_running,
            destination=(
                self._loader.state() if offers(self._loader, TellingLoader) else None
            ),
            error=self._worker.last_error,
        )

    def loads(self, limit: int = 100) -> Sequence[LoadReport]:
        """
        The reports of the latest committed loads, newest first.
        """
        return self._batcher.loads(limit)

    def reconcile(self) -> Reconciliation:
        """
        Compare the account with the tables' rows, and name each difference.

        Nothing is changed, and loads may go on meanwhile.

        Raises:
            ConfigurationError: The loader is none that counts.
            ForwarderError: The tables can't be counted now.
        """
        common = self._pipeline.common.name
        return reconcile(self._batcher, self._loader, common)

    def erase(
        self,
        *,
        mpids: Iterable[int | str] = (),
        identities: Mapping[str, str | Iterable[str]] | None = None,
        request_id: str | None = None,
        late: Late = "drop",
    ) -> Erasure:
        """
        Erase a person from the spool, from staged files and from all tables.

        A batch is the person's if it has one of the mpids, or one of the
        identities in its ``user_identities``; so is a row. Broken off anywhere,
        it is completed by being called again. No load is carried meanwhile;
        loads that had payloads of the person are open afterwards.

        What a table's earlier versions and the receipt's ``copies`` hold still
        is a person's to remove: see the page on erasing a person.

        Args:
            mpids: The person's mParticle ids.
            identities: Identity type → identity, or several; types as in
                mParticle's JSON, in any of its spellings.
            request_id: What the receipt is kept under, and told in it; None for
                a keyed hash of the person.
            late: What becomes of the person's events of before this moment
                that are handed in later: ``drop`` them by rule, or ``load``.

        Returns:
            The receipt, of all calls with this request id together.

        Raises:
            ConfigurationError: Nobody is named, or an argument or a part does
                not fit; nothing was erased.
            TransientError: A load is out in another process, or something did
                not work for now: call it again.
            ForwarderError: It is not complete: call it again.
        """
        person = Person.of(mpids, identities or {})
        receipt = self._worker.take_turn(
            lambda: erase(self._pipeline, person, request_id, late)
        )
        self._worker.wake()
        return receipt

    def erasures(self) -> Sequence[Erasure]:
        """
        The receipts that are kept, in the order of their first calls.

        Raises:
            ConfigurationError: The batcher can't erase.
        """
        if not offers(self._batcher, ErasingBatcher):
            msg = f"{type(self._batcher).__name__} keeps no erasures"
            raise ConfigurationError(msg)
        return [note.erasure for note in self._batcher.erasures()]

    def parked(self) -> Sequence[LoadReport]:
        """
        The reports of the loads that are set aside, oldest first.
        """
        return self._batcher.parked()

    def carry_on(self, load_id: LoadId) -> None:
        """
        Take up a parked load again; the next tick carries it.

        Raises:
            KeyError: No parked load has this id.
        """
        self._batcher.carry_on(load_id)
        self._worker.wake()

    def dead_letters(
        self, where: DeadLetterFilter = _EVERY_LETTER
    ) -> Iterable[DeadLetter]:
        """
        The payloads that can't be forwarded, with their reasons, by offset.

        Args:
            where: Which; all if it is left out.
        """
        return where.of(self._batcher.dead_letters())

    def replay(
        self,
        offsets: Collection[Offset] | None = None,
        *,
        where: DeadLetterFilter = _EVERY_LETTER,
    ) -> int:
        """
        Put dead letters back in the queue, after a fix; each once.

        They keep the time at which they were received. Damaged ones stay: they
        would only die again.

        Args:
            offsets: Which; None for all.
            where: Which of them; all if it is left out.

        Returns:
            How many were put back.
        """
        count = replay(self._batcher, offsets, where).replayed
        self._worker.wake()
        return count

    def checkpoint(self) -> Mapping[str, str]:
        """
        The positions in the host's source that are stored, by name.
        """
        return self._batcher.checkpoint()

    def plan(self, payloads: Iterable[bytes | str | Mapping[str, Any]]) -> Plan:
        """
        Tell what would happen to *payloads* now; nothing is stored or given.

        Counts that hosts share are asked for in the workspace.

        Raises:
            RouteError: The router raised.
            TransientError: They can't be read now, and never were.
        """
        admitted = admit_all(payloads, self._max_payload_bytes)
        documents = [payload.document for payload in admitted]
        pipeline = self._pipeline
        return plan(documents, pipeline.router, pipeline.common, at=self._clock.now())

    def read(self, kind: EventKind | None = None) -> Dataset:
        """
        Read a lake's events as they are now, whichever tables they are in.

        The answer is the same before, while and after a kind gets a table of
        its own, and while its rows are moved there.

        Args:
            kind: Whose rows, without those of partner feeds, which have tables
                of their own; None for all events.

        Returns:
            A pyarrow data set: DuckDB, Polars and pyarrow itself read it, of
            the files only what they need, and as often as they like.

        Raises:
            ConfigurationError: The tables are none that this process can read:
                ask the views of a workspace with SQL.
            ForwarderError: They can't be read now.
        """
        pipeline = self._pipeline
        return read(self._loader, pipeline.router, pipeline.common.name, kind)

    def backfill(
        self, tables: Collection[str] | None = None
    ) -> Mapping[TableName, int]:
        """
        Move kinds' earlier rows out of the common table into their own tables.

        Loads may go on meanwhile. A call that died is made good by another. Let
        one process at a time do it.

        Args:
            tables: Which tables of kinds get their rows; None for all.

        Returns:
            Table → rows that left the common table, of those that had any.

        Raises:
            ConfigurationError: Loader or router are none that can do it.
            ForwarderError: The rows can't be moved now; what was moved stays.
        """
        pipeline = self._pipeline
        return backfill(self._loader, pipeline.router, pipeline.common.name, tables)

    def check(self) -> Sequence[Finding]:
        """
        Try the destination by imitating real work; nothing of it stays.
        """
        return self._loader.check()
