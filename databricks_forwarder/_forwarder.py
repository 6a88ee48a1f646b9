"""
The front door: what a host imports, hands batches to, and asks.
"""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from databricks_forwarder._clock import SystemClock
from databricks_forwarder._door import admit, admit_all
from databricks_forwarder._due import Due
from databricks_forwarder._ending import CloseReport, close_report, tell
from databricks_forwarder._leaving import StepClock
from databricks_forwarder._pipeline import Pipeline
from databricks_forwarder._scratch import make_scratch
from databricks_forwarder._upkeep import Upkeep
from databricks_forwarder._within import is_within
from databricks_forwarder._worker import Worker
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.model import Receipt, Table
from databricks_forwarder.mparticle.names import common_name, kind_name, table_name
from databricks_forwarder.settings import ConnectionSettings, UploadPolicy

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    from databricks_forwarder._parts import Counts, Parts
    from databricks_forwarder.model import (
        LoadReport,
        Payload,
    )
    from databricks_forwarder.protocols import (
        Batcher,
        Clock,
        EventCounts,
        Loader,
        Naming,
        Router,
        Stager,
    )
    from databricks_forwarder.settings import DatabricksSettings, Endpoint

__all__ = ["Forwarder"]

_MAX_PAYLOAD_BYTES = 8 * 2**20
_MPARTICLES = ConnectionSettings()
_DEFAULT_POLICY = UploadPolicy()


class Forwarder(Upkeep):
    """
    Takes mParticle batches and carries their events into tables.

    Nothing runs by itself: the host calls `tick` from its own scheduler, or
    `start` for one background thread. Any thread may call any method.

    Args:
        router: Names the table of each event.
        batcher: The upload queue.
        stager: Puts files where the loader can read them.
        loader: Makes staged rows visible in their tables.
        policy: When a load is due.
        common_table: Where an event goes that the router leaves out.
        max_payload_bytes: Most bytes of one payload, inclusive. mParticle's
            own limit is far below the default.
        clock: Where the time comes from.
        scratch: Folder for files in the making, for this forwarder alone;
            None for one of its own among the system's temporary files.

    Raises:
        ConfigurationError: An argument is wrong; the sentence says which.
    """

    def __init__(  # noqa: PLR0913  # a composition has as many parts as it has
        self,
        *,
        router: Router,
        batcher: Batcher,
        stager: Stager,
        loader: Loader,
        policy: UploadPolicy = _DEFAULT_POLICY,
        common_table: str = "otherevents",
        max_payload_bytes: int = _MAX_PAYLOAD_BYTES,
        clock: Clock | None = None,
        scratch: Path | str | None = None,
    ) -> None:
        if max_payload_bytes < 1:
            msg = f"max_payload_bytes must be at least 1, not {max_payload_bytes}"
            raise ConfigurationError(msg)
        common = Table(table_name(common_table))
        self._closing = ExitStack()
        self._closing.callback(batcher.close)
        if scratch is None:
            scratch = make_scratch(self._closing)
        self._batcher = batcher
        self._loader = loader
        self._policy = policy
        self._clock = clock or SystemClock()
        self._max_payload_bytes = max_payload_bytes
        self._due = Due(batcher, policy, self._clock)
        self._worker = Worker(self._step, self._due.in_seconds)
        self._pipeline = Pipeline(
            batcher=batcher,
            router=router,
            stager=stager,
            loader=loader,
            common=common,
            clock=StepClock(self._clock, self._worker.leave_if_due),
            scratch=Path(scratch),
        )
        self._is_swept = False
        self._patience_seconds: float | None = None
        self._closed: CloseReport | None = None

    @classmethod
    def for_lake(  # noqa: PLR0913  # settings, all but the first by keyword
        cls,
        root: Path | str,
        *,
        spool: str | os.PathLike[str],
        policy: UploadPolicy = _DEFAULT_POLICY,
        connection: ConnectionSettings = _MPARTICLES,
        feeds: Mapping[str, ConnectionSettings] | None = None,
        events_threshold: int = 10_000,
        schema_name: str = "mparticle",
        sticky: bool = True,
        naming: Naming | None = None,
        router: Router | None = None,
        counts: Counts | EventCounts = "local",
        max_spool_bytes: int | None = None,
        max_payload_bytes: int = _MAX_PAYLOAD_BYTES,
        clock: Clock | None = None,
    ) -> Forwarder:
        """
        Forward into a lake: real Delta tables on the local disk.

        Args:
            root: Folder of the lake; made when needed. Each table is a folder
                in it; ``_forwarder`` holds the counts and files in the making.
            spool: File of the upload queue; made when needed. One lake may
                have several, each with a forwarder of its own.
            policy: When a load is due.
            connection: Settings of all inputs that have none of their own.
            feeds: Settings of partner feeds, by the feed's name.
            events_threshold: Messages in 30 days, this load included, from
                which on a kind of event has a table of its own.
            schema_name: Names the common table, ``<schema_name>_otherevents``.
            sticky: A kind that has a table of its own keeps it.
            naming: What a kind's table is named after; None for mParticle's
                names.
            router: Routes instead of the settings above, but for what it
                leaves out, which goes to the common table.
            counts: Where the counts of the last 30 days and the names given
                are kept: ``"local"`` in a file of the lake, for all that
                forward into it from this machine, ``"shared"`` in two Delta
                tables of the lake, or event counts of your own.
            max_spool_bytes: Most payload bytes in the spool.
            max_payload_bytes: Most bytes of one payload.
            clock: Where the time comes from.

        Raises:
            ConfigurationError: A setting is wrong, the spool is none, or a
                file is where the lake should be.
            SetupError: The lake's folder can't be made or written.
            MissingExtraError: ``deltalake`` is not installed.
        """
        # These bring SQLite and the engine of the lake: not at import.
        from databricks_forwarder._lake import open_lake  # noqa: PLC0415

        with ExitStack() as opened:
            parts = open_lake(
                root,
                spool,
                counts=counts,
                max_spool_bytes=max_spool_bytes,
                opened=opened,
            )
            return cls._of(
                parts,
                opened,
                router,
                schema_name=schema_name,
                events_threshold=events_threshold,
                connection=connection,
                feeds=feeds,
                sticky=sticky,
                naming=naming,
                policy=policy,
                max_payload_bytes=max_payload_bytes,
                clock=clock or SystemClock(),
            )

    @classmethod
    def for_databricks(  # noqa: PLR0913  # settings, all but the first by keyword
        cls,
        settings: DatabricksSettings,
        *,
        spool: str | os.PathLike[str],
        endpoint: Endpoint | None = None,
        policy: UploadPolicy = _DEFAULT_POLICY,
        connection: ConnectionSettings = _MPARTICLES,
        feeds: Mapping[str, ConnectionSettings] | None = None,
        sticky: bool = True,
        naming: Naming | None = None,
        router: Router | None = None,
        counts: Counts | EventCounts = "shared",
        maintain_views: bool | None = None,
        max_spool_bytes: int | None = None,
        max_payload_bytes: int = _MAX_PAYLOAD_BYTES,
        clock: Clock | None = None,
    ) -> Forwarder:
        """
        Forward into a Databricks workspace; nobody is called before a load.

        `check` tells whether all is set up there. The other arguments are as
        for `for_lake`.

        Args:
            settings: The workspace, who signs in, and where the tables are.
            spool: File of the upload queue; made when needed. Beside it lie
                what was last read of the counts, ``<spool>.counts-copy``, and
                files in the making, ``<spool>.work``. Forwarders with spools of
                their own may share a schema.
            endpoint: Where to reach the workspace; None for its own host.
            policy: When a load is due.
            connection: Settings of all inputs that have none of their own.
            feeds: Settings of partner feeds, by the feed's name.
            sticky: A kind that has a table of its own keeps it.
            naming: What a kind's table is named after.
            router: Routes instead of the settings.
            counts: Where the counts of the last 30 days and the names given
                are kept: ``"shared"`` in two tables of the schema, for all that
                forward into it, ``"local"`` in ``<spool>.counts``, for this
                spool alone, or event counts of your own. What a spool counted
                locally is brought along when it is opened as shared.
            maintain_views: Whether the schema has a view of all events, and
                one for each kind that has a table of its own. None for those of
                a schema whose tables were all made since there are views.
            max_spool_bytes: Most payload bytes in the spool.
            max_payload_bytes: Most bytes of one payload.
            clock: Where the time comes from.

        Raises:
            ConfigurationError: A setting is wrong, or the spool is none.
            SetupError: The spool's folder can't be written.
        """
        # These bring SQLite and the SQL connector: not at import.
        from databricks_forwarder._workspace import open_workspace  # noqa: PLC0415

        clock = clock or SystemClock()
        with ExitStack() as opened:
            parts = open_workspace(
                settings,
                endpoint,
                spool,
                clock=clock,
                counts=counts,
                max_spool_bytes=max_spool_bytes,
                maintain_views=maintain_views,
                opened=opened,
            )
            return cls._of(
                parts,
                opened,
                router,
                schema_name=settings.schema_name,
                events_threshold=settings.events_threshold,
                connection=connection,
                feeds=feeds,
                sticky=sticky,
                naming=naming,
                policy=policy,
                max_payload_bytes=max_payload_bytes,
                clock=clock,
            )

    @classmethod
    def _of(  # noqa: PLR0913  # what the two above have in common
        cls,
        parts: Parts,
        opened: ExitStack,
        router: Router | None,
        *,
        schema_name: str,
        naming: Naming | None,
        policy: UploadPolicy,
        max_payload_bytes: int,
        clock: Clock,
        **routing: Any,
    ) -> Forwarder:
        """
        Put *parts* together; from then on the forwarder closes what is opened.
        """
        from databricks_forwarder.routers.default import default_router  # noqa: PLC0415

        forwarder = cls(
            router=router
            or default_router(
                parts.counts,
                schema_name=schema_name,
                naming=naming or kind_name,
                **routing,
            ),
            batcher=parts.batcher,
            stager=parts.stager,
            loader=parts.loader,
            policy=policy,
            common_table=common_name(schema_name),
            max_payload_bytes=max_payload_bytes,
            clock=clock,
            scratch=parts.scratch,
        )
        forwarder._closing.push(opened.pop_all())
        return forwarder

    def submit(self, payload: bytes | str | Mapping[str, Any]) -> Receipt:
        """
        Take one mParticle batch; it is durable when this returns.

        Args:
            payload: JSON as UTF-8 or text, or a mapping.

        Raises:
            PayloadError: It can never be a batch; nothing was stored.
            BatcherFullError: There is no room; nothing was stored.
            BatcherError: It can't be stored; nothing was.
        """
        return self._append([admit(payload, self._max_payload_bytes)], None)

    def submit_many(
        self,
        payloads: Iterable[bytes | str | Mapping[str, Any]],
        *,
        checkpoint: Mapping[str, str] | None = None,
    ) -> Receipt:
        """
        Take many batches in one durable write, all or none.

        Args:
            payloads: As for `submit`; may be empty.
            checkpoint: Positions in the host's source by name, stored with the
                payloads in the same write; see `checkpoint`.

        Raises:
            PayloadError: One of them can never be a batch; the sentence says
                which. Nothing was stored.
            BatcherFullError: There is no room; nothing was stored.
            BatcherError: They can't be stored; nothing was.
        """
        return self._append(admit_all(payloads, self._max_payload_bytes), checkpoint)

    def _append(
        self, payloads: Sequence[Payload], checkpoint: Mapping[str, str] | None
    ) -> Receipt:
        at = self._clock.now()
        offsets = self._batcher.append(payloads, at=at, checkpoint=checkpoint)
        message_count = sum(payload.message_count for payload in payloads)
        if self._due.is_reached_by(message_count):
            self._worker.wake()
        return Receipt(
            offsets=offsets,
            record_count=len(payloads),
            message_count=message_count,
            received_at=at,
        )

    def tick(self) -> LoadReport | None:
        """
        Carry a load if one is due; what a host's scheduler calls.

        Returns:
            Its report; None when nothing is due (`status` says when it will
            be) or another process carries this spool's loads.

        Raises:
            TransientError: It may pass by itself: tick again later.
            SetupError: A person must act; the sentence says how. Nothing is
                lost, the load is carried when it is mended.
            ForwarderError: The load stays open, to be carried by a later tick.
        """
        return self._worker.take_turn(self._step)

    def flush(self) -> Sequence[LoadReport]:
        """
        Carry everything that waits now, due or not.

        Returns:
            The reports of the loads, in their order; some may be parked.

        Raises:
            ForwarderError: As from `tick`; what was carried before is done.
        """
        reports: list[LoadReport] = []
        while report := self._worker.take_turn(self._step_now):
            reports.append(report)
        return reports

    def start(self) -> None:
        """
        Let one background thread tick; starting twice is starting once.

        Raises:
            BatcherClosedError: It was closed.
        """
        self._patience_seconds = None
        self._worker.start()

    def close(self, *, timeout_seconds: float | None = None) -> CloseReport:
        """
        Stop after the load that is carried, and let go of all.

        No further load begins from now on, unless `start` is called; `submit`
        works until the end. What waits stays in the spool. Closing twice is
        closing once. One line of the log tells what is left.

        In the middle of another call of the same thread, as in a signal handler
        or in what a load calls, it waits for nothing and asks nobody: close
        again later. Leaving a ``with`` does that, with the same patience.

        Args:
            timeout_seconds: How long to wait for that load; None for as long
                as it takes. Letting go takes its time besides: of a spool that
                another process writes to, of a workspace that does not answer.

        Returns:
            What is left, and whether it has stopped; if not, nothing was let go
            of, and the load goes on as long as the process lives.
        """
        self._patience_seconds = timeout_seconds
        if is_within(self, {__name__, Upkeep.__module__}):
            self._worker.ask_to_stop()
            return CloseReport(is_stopped=False)
        if self._closed is not None:
            return self._closed
        is_stopped = self._worker.stop(timeout_seconds)
        with self._closing if is_stopped else nullcontext():
            report = close_report(self._batcher, is_stopped=is_stopped)
        if is_stopped:
            self._closed = report
        else:
            self._patience_seconds = 0.0
        tell(report)
        return report

    def __enter__(self) -> Forwarder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close(timeout_seconds=self._patience_seconds)

    def _step_now(self) -> LoadReport | None:
        return self._step(seal=True)

    def _step(self, *, seal: bool = False) -> LoadReport | None:
        if not self._is_swept:
            self._pipeline.sweep()
            self._is_swept = True
        return self._pipeline.step(self._policy, seal=seal)
