"""
The front door for a host with an event loop; behind it is the same forwarder.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from databricks_forwarder._async_asking import AsyncAsking
from databricks_forwarder._async_calls import in_thread
from databricks_forwarder._async_threads import Threads
from databricks_forwarder._async_writes import Writes
from databricks_forwarder._shared_writes import Call, store_together
from databricks_forwarder.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from typing_extensions import ParamSpec, Self

    from databricks_forwarder._ending import CloseReport
    from databricks_forwarder._forwarder import Forwarder
    from databricks_forwarder.model import LoadReport, Receipt

    P = ParamSpec("P")

__all__ = ["AsyncForwarder"]

_MAX_WAITING_BYTES = 64 * 2**20
_MAX_WAITING_RECORDS = 10_000


class AsyncForwarder(AsyncAsking):
    """
    A `Forwarder` for asyncio: what blocks is done in threads.

    Payloads that are submitted at the same time share one durable write. Nothing
    is carried by itself: `tick` from a task of the host's, or `start`. One event
    loop may call it, and another one when that is closed.

    Leaving an ``async with`` closes it, and the forwarder.

    Args:
        forwarder: What it stands before. Threads may go on calling it.
        max_waiting_bytes: Most bytes of payloads that wait to be stored; one that
            comes alone is taken whatever its size. A mapping's bytes don't count,
            since nobody knows them before it is written as JSON.
        max_waiting_records: Most payloads that wait to be stored.

    Raises:
        ConfigurationError: A limit is not above zero.
    """

    def __init__(
        self,
        forwarder: Forwarder,
        *,
        max_waiting_bytes: int = _MAX_WAITING_BYTES,
        max_waiting_records: int = _MAX_WAITING_RECORDS,
    ) -> None:
        if max_waiting_bytes < 1 or max_waiting_records < 1:
            msg = "max_waiting_bytes and max_waiting_records must be at least 1"
            raise ConfigurationError(msg)
        self.forwarder = forwarder
        self._max_waiting_bytes = max_waiting_bytes
        self._max_waiting_records = max_waiting_records
        self._threads = Threads()
        self._writes: Writes | None = None

    @classmethod
    async def open(
        cls, make: Callable[P, Forwarder], /, *args: P.args, **kwargs: P.kwargs
    ) -> Self:
        """
        Make a forwarder in a thread, and stand before it.

        ``await AsyncForwarder.open(Forwarder.for_lake, "lake", spool="spool.db")``
        opens the spool and imports engines while the loop goes on. Should it be
        cancelled, what was made is closed.

        Args:
            make: `Forwarder.for_lake`, `Forwarder.for_databricks`, `Forwarder`
                itself, or a function of yours.
            *args: What it is called with.
            **kwargs: What else.
        """
        threads = Threads()
        made = await in_thread(
            threads, partial(make, *args, **kwargs), otherwise=_close
        )
        self = cls(made)
        self._threads = threads
        return self

    async def submit(self, payload: bytes | str | Mapping[str, Any]) -> Receipt:
        """
        Take one mParticle batch; it is durable when this returns.

        Payloads are stored in the order of the calls. A call that is cancelled may
        be stored or not, and costs no other call anything.

        Args:
            payload: JSON as UTF-8 or text, or a mapping; not to be changed before
                this is over.

        Raises:
            PayloadError: It can never be a batch; nothing was stored.
            BatcherFullError: There is no room, or too much waits to be stored;
                nothing was stored.
            BatcherError: It can't be stored; nothing was.
        """
        return await self._writes_here().store(Call(payloads=[payload]))

    async def submit_many(
        self,
        payloads: Iterable[bytes | str | Mapping[str, Any]],
        *,
        checkpoint: Mapping[str, str] | None = None,
    ) -> Receipt:
        """
        Take many batches in one durable write, all or none.

        The write may have others' payloads, too. Cancelled, it is stored wholly or
        not at all; the checkpoint tells.

        Args:
            payloads: As for `submit`; may be empty. They are gone through at once,
                before anything is waited for.
            checkpoint: Positions in the host's source by name, stored with the
                payloads in the same write.

        Raises:
            PayloadError: One of them can never be a batch; the sentence says
                which. Nothing was stored.
            BatcherFullError: There is no room, or too much waits to be stored;
                nothing was stored.
            BatcherError: They can't be stored; nothing was.
        """
        call = Call(payloads=[*payloads], is_many=True, checkpoint=checkpoint)
        return await self._writes_here().store(call)

    async def tick(self) -> LoadReport | None:
        """
        Carry a load if one is due; what a task of the host's calls.

        A load is not broken off: if this is cancelled it goes on in its thread.
        How it went is in `status` then.

        Returns:
            Its report; None when nothing is due or another process carries this
            spool's loads.

        Raises:
            ForwarderError: As from `Forwarder.tick`.
        """
        return await in_thread(self._threads, self.forwarder.tick)

    async def flush(self) -> Sequence[LoadReport]:
        """
        Carry everything that waits now, due or not.

        If this is cancelled, the load that is carried goes on in its thread, and
        no other begins.

        Returns:
            The reports of the loads, in their order; some may be parked.

        Raises:
            ForwarderError: As from `tick`; what was carried before is done.
        """
        reports: list[LoadReport] = []
        carry_next = self.forwarder._carry_next  # noqa: SLF001  # the same door
        while report := await in_thread(self._threads, carry_next):
            reports.append(report)
        return reports

    def start(self) -> None:
        """
        Let one background thread tick; starting twice is starting once.

        A thread that waits after a failure tries again at once.

        Raises:
            BatcherClosedError: It was closed.
        """
        self.forwarder.start()

    async def close(self, *, timeout_seconds: float | None = None) -> CloseReport:
        """
        Wait for what was submitted, stop after the load that is carried, let go.

        As `Forwarder.close`. Calls of `submit` that come meanwhile are stored, or
        raise `BatcherClosedError` and are not. If this is cancelled while the load
        is waited for, the closing goes on in its thread; close again to learn
        what is left.

        Args:
            timeout_seconds: How long to wait for that load; None for as long as it
                takes.

        Returns:
            What is left, and whether it has stopped.
        """
        await self._settled()
        close = partial(self.forwarder.close, timeout_seconds=timeout_seconds)
        report = await in_thread(self._threads, close)
        if report.is_stopped:
            self._threads.end()
        return report

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._settled()
        await in_thread(self._threads, self.forwarder.__exit__)
        self._threads.end()

    async def _settled(self) -> None:
        if self._writes and self._writes.loop is asyncio.get_running_loop():
            await self._writes.settled()

    def _writes_here(self) -> Writes:
        loop = asyncio.get_running_loop()
        if self._writes is None or self._writes.loop is not loop:
            if self._writes and not self._writes.loop.is_closed():
                msg = "another event loop uses this forwarder; make one for each loop"
                raise ConfigurationError(msg)
            self._writes = self._writes_of(loop)
        return self._writes

    def _writes_of(self, loop: asyncio.AbstractEventLoop) -> Writes:
        forwarder = self.forwarder
        store = partial(
            store_together,
            append=forwarder._append,  # noqa: SLF001  # the same door
            max_bytes=forwarder._max_payload_bytes,  # noqa: SLF001  # as above
        )
        return Writes(
            loop,
            self._threads,
            store,
            max_bytes=self._max_waiting_bytes,
            max_records=self._max_waiting_records,
        )


def _close(forwarder: Forwarder) -> None:
    forwarder.close()
