"""
The front door: what a host imports, hands batches to, and asks.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from databricks_forwarder._carrying import Carrying
from databricks_forwarder._clock import SystemClock
from databricks_forwarder._due import Due
from databricks_forwarder._leaving import StepClock
from databricks_forwarder._pipeline import Pipeline
from databricks_forwarder._scratch import make_scratch
from databricks_forwarder._telling import Teller
from databricks_forwarder._watching import watch
from databricks_forwarder._worker import Worker
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.model import Table
from databricks_forwarder.mparticle.names import common_name, kind_name, table_name
from databricks_forwarder.observers.log import with_log
from databricks_forwarder.settings import ConnectionSettings, UploadPolicy

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from databricks_forwarder._ending import CloseReport
    from databricks_forwarder._parts import Counts, Parts
    from databricks_forwarder.protocols import (
        Batcher,
        Clock,
        EventCounts,
        Loader,
        Naming,
        Observer,
        Router,
        Stager,
    )
    from databricks_forwarder.settings import DatabricksSettings, Endpoint

__all__ = ["Forwarder"]

_MAX_PAYLOAD_BYTES = 8 * 2**20
_MPARTICLES = ConnectionSettings()
_DEFAULT_POLICY = UploadPolicy()


class Forwarder(Carrying):
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
        observer: Who is told what happens; one or several. The log is told in
            any case, by a `LogObserver` of yours if there is one.
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
        observer: Observer | Sequence[Observer] | None = None,
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
        observers = with_log(observer)
        self._teller = Teller(observers, self._clock)
        self._worker = Worker(self._step, self._due.in_seconds, self._teller.failed)
        self._pipeline = Pipeline(
            batcher=batcher,
            router=router,
            stager=stager,
            loader=loader,
            common=common,
            clock=StepClock(self._clock, self._worker.leave_if_due),
            teller=self._teller,
            scratch=Path(scratch),
        )
        self._is_swept = False
        self._patience_seconds: float | None = None
        self._closed: CloseReport | None = None
        watch(observers, self.status)

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
        observer: Observer | Sequence[Observer] | None = None,
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
            observer: Who is told what happens, beside the log; one or several.
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
                observer=observer,
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
        observer: Observer | Sequence[Observer] | None = None,
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
            observer: Who is told what happens, beside the log; one or several.
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
                observer=observer,
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
        observer: Observer | Sequence[Observer] | None,
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
            observer=observer,
            clock=clock,
            scratch=parts.scratch,
        )
        forwarder._closing.push(opened.pop_all())
        return forwarder
