"""
The calls of one event loop, gathered into durable writes that they share.

One write is made at a time, in a thread; calls that come meanwhile go into the
next one. All bookkeeping is done by the loop, so that there is no lock.
"""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder._async_calls import tell_loop
from databricks_forwarder.errors import BatcherFullError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from databricks_forwarder._async_threads import Threads
    from databricks_forwarder._shared_writes import Call, Outcome
    from databricks_forwarder.model import Receipt

__all__ = ["Writes"]

# What goes into one write: enough that one more costs next to nothing, and little
# enough that nobody waits for long, 50 ms where the disk takes 180 MB/s.
_GROUP_BYTES = 8 * 2**20
_GROUP_RECORDS = 1000


@attrs.define(eq=False)
class _Waiting:
    call: Call
    size_bytes: int
    outcome: asyncio.Future[Receipt | BaseException]

    @property
    def record_count(self) -> int:
        return len(self.call.payloads)


class Writes:
    """
    Stores calls in the order they come, each with all that wait beside it.

    Args:
        loop: The event loop that calls.
        threads: Where writes are made.
        store: Stores calls in one write, and gives an outcome for each.
        max_bytes: Most bytes of calls that have no outcome yet.
        max_records: Most payloads of them.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        threads: Threads,
        store: Callable[[Sequence[Call]], list[Outcome]],
        *,
        max_bytes: int,
        max_records: int,
    ) -> None:
        self.loop = loop
        self._threads = threads
        self._store = store
        self._max_bytes = max_bytes
        self._max_records = max_records
        self._bytes = 0
        self._records = 0
        # By number, in the order they came: who is cancelled is out at once.
        self._waiting: dict[int, _Waiting] = {}
        self._numbers = count()
        # While a write is being made, or is about to be.
        self._write: asyncio.Future[None] | None = None

    async def store(self, call: Call) -> Receipt:
        """
        Store *call*, with others or alone.

        Raises:
            BatcherFullError: More wait than may; nothing was stored.
            Exception: What the write came to for this call.
        """
        each = _Waiting(call, _size_of(call), self.loop.create_future())
        self._require_room(each)
        self._bytes += each.size_bytes
        self._records += each.record_count
        number = next(self._numbers)
        self._waiting[number] = each
        if self._write is None:
            self._plan()
        try:
            outcome = await each.outcome
        finally:
            self._waiting.pop(number, None)
            self._bytes -= each.size_bytes
            self._records -= each.record_count
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    async def settled(self) -> None:
        """
        Wait until each call that was made before has its outcome.
        """
        unsettled: list[asyncio.Future[Any]]
        unsettled = [each.outcome for each in self._waiting.values()]
        if self._write is not None:
            unsettled.append(self._write)
        if unsettled:
            await asyncio.wait(unsettled)

    def _require_room(self, each: _Waiting) -> None:
        # One alone is the batcher's to refuse, however large it is.
        is_first = not self._records and not self._bytes
        if not is_first and (
            self._bytes + each.size_bytes > self._max_bytes
            or self._records + each.record_count > self._max_records
        ):
            msg = (
                f"{self._records} payloads of {self._bytes} bytes wait to be stored "
                "already: slow down, nothing of this call was stored"
            )
            raise BatcherFullError(msg)

    def _plan(self) -> None:
        """
        Write as soon as all tasks that are ready have made their calls.
        """
        self._write = self.loop.create_future()
        self.loop.call_soon(self._begin, self._write)

    def _begin(self, write: asyncio.Future[None]) -> None:
        group = self._take()
        if not group:
            self._finish(write)
            return
        store = partial(self._store, [each.call for each in group])
        made = self._threads.begin(store)
        tell = partial(self._tell, write, group)
        made.add_done_callback(partial(tell_loop, self.loop, tell))

    def _take(self) -> list[_Waiting]:
        """
        Take who waits, in order, as many as go into one write; the first always.
        """
        group: list[_Waiting] = []
        room_bytes, room_records = _GROUP_BYTES, _GROUP_RECORDS
        for number, each in [*self._waiting.items()]:
            if each.outcome.cancelled():
                continue
            room_bytes -= each.size_bytes
            room_records -= each.record_count
            if group and (room_bytes < 0 or room_records < 0):
                break
            group.append(self._waiting.pop(number))
        return group

    def _tell(
        self,
        write: asyncio.Future[None],
        group: Sequence[_Waiting],
        made: Future[list[Outcome]],
    ) -> None:
        error = made.exception()
        outcomes: Sequence[Outcome | BaseException]
        outcomes = made.result() if error is None else [error] * len(group)
        for each, outcome in zip(group, outcomes, strict=True):
            # Who was cancelled has one already.
            if not each.outcome.done():
                each.outcome.set_result(outcome)
        self._finish(write)

    def _finish(self, write: asyncio.Future[None]) -> None:
        self._write = None
        # Those who were told go on first, and may call again in time.
        if self._waiting:
            self._plan()
        write.set_result(None)


def _size_of(call: Call) -> int:
    """
    Tell the bytes of a call; those of a mapping nobody knows before it is written.
    """
    return sum(
        len(payload)
        for payload in call.payloads
        if isinstance(payload, (bytes, bytearray, memoryview, str))
    )
