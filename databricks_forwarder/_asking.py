"""
What a host, an operator or a test asks of a forwarder; nothing is changed by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from databricks_forwarder._abilities import offers
from databricks_forwarder._backfill import read
from databricks_forwarder._door import admit, admit_all
from databricks_forwarder._explain import explain_key, explain_payload, simulate
from databricks_forwarder._letters import DeadLetterFilter
from databricks_forwarder._plan import plan
from databricks_forwarder._reconcile import Reconciliation, reconcile
from databricks_forwarder._shown import Loads
from databricks_forwarder._status import status_of
from databricks_forwarder.abilities import (
    ErasingBatcher,
    MaintainingLoader,
    TellingLoader,
)
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.model import EventKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pyarrow.dataset import Dataset

    from databricks_forwarder._due import Due
    from databricks_forwarder._pipeline import Pipeline
    from databricks_forwarder._report.report import Report
    from databricks_forwarder._status import Status
    from databricks_forwarder._worker import Worker
    from databricks_forwarder.answers import Reason, Simulation
    from databricks_forwarder.erasure import Erasure
    from databricks_forwarder.model import DeadLetter, EventKind, Finding, LoadReport
    from databricks_forwarder.plans import Plan
    from databricks_forwarder.protocols import Batcher, Clock, Loader
    from databricks_forwarder.settings import UploadPolicy

__all__ = ["Asking"]

_EVERY_LETTER = DeadLetterFilter()


class Asking:
    """
    The calls of a forwarder that only look.
    """

    _batcher: Batcher
    _clock: Clock
    _due: Due
    _loader: Loader
    _max_payload_bytes: int
    _pipeline: Pipeline
    _policy: UploadPolicy
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
            small_files=(
                self._loader.small_files()
                if offers(self._loader, MaintainingLoader)
                else None
            ),
        )

    def loads(self, limit: int = 100) -> Sequence[LoadReport]:
        """
        The reports of the latest committed loads, newest first.
        """
        return Loads(self._batcher.loads(limit))

    def parked(self) -> Sequence[LoadReport]:
        """
        The reports of the loads that are set aside, oldest first.
        """
        return Loads(self._batcher.parked())

    def dead_letters(
        self, where: DeadLetterFilter = _EVERY_LETTER
    ) -> Iterable[DeadLetter]:
        """
        The payloads that can't be forwarded, with their reasons, by offset.

        Args:
            where: Which; all if it is left out.
        """
        return where.of(self._batcher.dead_letters())

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

    def checkpoint(self) -> Mapping[str, str]:
        """
        The positions in the host's source that are stored, by name.
        """
        return self._batcher.checkpoint()

    def plan(
        self,
        payloads: Iterable[bytes | str | Mapping[str, Any]],
        *,
        look: bool = False,
    ) -> Plan:
        """
        Tell what would happen to *payloads* now; nothing is stored or given.

        As if nothing else were waiting: their rows are written into files, in a
        folder that is gone afterwards, and the statements that would load them
        are told. All payloads are held in memory. Counts that hosts share are
        read in the workspace, and nothing else is asked there. A router of your
        own that has neither ``rehearsal`` nor ``preview`` is asked by ``route``,
        and gives the names that it gives there.

        Args:
            payloads: mParticle batches, as for `submit`.
            look: Ask the workspace also which of the tables are there, and with
                which columns; it only reads.

        Raises:
            PayloadError: One can never be a batch; the sentence says which.
            RouteError: The router raised.
            TransientError: What is to be read can't be read now, and never was.
            SetupError: A person must act first.
        """
        admitted = admit_all(payloads, self._max_payload_bytes)
        at = self._clock.now()
        return plan(admitted, self._pipeline, self._policy, at=at, look=look)

    @overload
    def explain(self, what: EventKey, *, messages: int = 1) -> Reason: ...

    @overload
    def explain(self, what: bytes | str | Mapping[str, Any]) -> Sequence[Reason]: ...

    def explain(
        self, what: EventKey | bytes | str | Mapping[str, Any], *, messages: int = 1
    ) -> Reason | Sequence[Reason]:
        """
        Tell where events would go now, and why; ``str()`` of a reason says it.

        Nothing is stored or given. Counts that hosts share are read in the
        workspace. Of a router of your own, as for `plan`.

        Args:
            what: An event key, or a payload.
            messages: How many messages of the key there are at hand.

        Returns:
            The reason for a key; for a payload one for each of its events, in
            their order, all of them being at hand.

        Raises:
            PayloadError: The payload would be refused, or a dead letter.
            RouteError: The router raised.
            TransientError: The counts can't be read now, and never were.
            SetupError: A person must act first.
        """
        router, common = self._pipeline.router, self._pipeline.common
        at = self._clock.now()
        if isinstance(what, EventKey):
            return explain_key(what, messages, router, common, at=at)
        document = admit(what, self._max_payload_bytes).document
        return explain_payload(document, router, common, at=at)

    def simulate(self, threshold: int | Iterable[int]) -> Simulation:
        """
        Tell what another threshold, or others, would have done over the counts kept.

        Nothing is changed. Counts that hosts share are read in the workspace.

        Args:
            threshold: Messages in the window that give a kind of event a table
                of its own.

        Raises:
            ConfigurationError: A threshold is none, or the router has none.
            TransientError: The counts can't be read now, and never were.
            SetupError: A person must act first.
        """
        return simulate(threshold, self._pipeline.router, at=self._clock.now())

    def report(self, *, days: int = 14) -> Report:
        """
        Make a page on what arrived, what is late, dead, and promoted next.

        It is one HTML file without a script, which fetches nothing and shows no
        payload. Counts that hosts share are asked for in the workspace; while
        they can't be read, the page says so.

        Args:
            days: How far to look back, from 1 to 400; in UTC, today included.

        Raises:
            ConfigurationError: So many days can't be looked back.
        """
        # A host that never asks for one does not wait for what draws it.
        from databricks_forwarder._report.report import report_of  # noqa: PLC0415

        router, at = self._pipeline.router, self._clock.now()
        status, policy = self.status(), self._policy
        return report_of(self._batcher, router, status, policy, at=at, days=days)

    def read(self, kind: EventKind | None = None) -> Dataset:
        """
        Read a lake's events as they are now, whichever tables they are in.

        The answer is the same before, while and after a kind gets a table of
        its own, and while its rows are moved there.

        Args:
            kind: Whose rows, without those of partner feeds; None for all
                events. With a router of your own all tables are looked into.

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

    def check(self) -> Sequence[Finding]:
        """
        Try the destination by imitating real work; nothing of it stays.
        """
        return self._loader.check()
