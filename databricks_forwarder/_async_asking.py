"""
What a host with an event loop asks of a forwarder; each call in a thread.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from databricks_forwarder._async_calls import in_thread
from databricks_forwarder._letters import DeadLetterFilter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Concatenate

    from typing_extensions import ParamSpec

    from databricks_forwarder._async_threads import Threads
    from databricks_forwarder._forwarder import Forwarder
    from databricks_forwarder._reconcile import Reconciliation
    from databricks_forwarder._status import Status
    from databricks_forwarder.model import DeadLetter, Finding, LoadReport
    from databricks_forwarder.plans import Plan

    P = ParamSpec("P")

__all__ = ["AsyncAsking"]

_T = TypeVar("_T")
_EVERY_LETTER = DeadLetterFilter()


class AsyncAsking:
    """
    The calls of an asynchronous forwarder that only look, and `call`.
    """

    forwarder: Forwarder
    _threads: Threads

    async def call(
        self,
        method: Callable[Concatenate[Forwarder, P], _T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> _T:
        """
        Make any other call: ``await forwarder.call(Forwarder.replay)``.

        It is made in a thread, and goes on there if this is cancelled. What it
        returns is gone through by the caller.
        """
        return await in_thread(
            self._threads, partial(method, self.forwarder, *args, **kwargs)
        )

    async def status(self) -> Status:
        """
        How it stands now.
        """
        return await in_thread(self._threads, self.forwarder.status)

    async def loads(self, limit: int = 100) -> Sequence[LoadReport]:
        """
        The reports of the latest committed loads, newest first.
        """
        return await in_thread(self._threads, partial(self.forwarder.loads, limit))

    async def parked(self) -> Sequence[LoadReport]:
        """
        The reports of the loads that are set aside, oldest first.
        """
        return await in_thread(self._threads, self.forwarder.parked)

    async def dead_letters(
        self, where: DeadLetterFilter = _EVERY_LETTER
    ) -> Sequence[DeadLetter]:
        """
        The payloads that can't be forwarded, by offset; all in memory at once.

        Args:
            where: Which; all if it is left out.
        """
        return await in_thread(
            self._threads, lambda: [*self.forwarder.dead_letters(where)]
        )

    async def checkpoint(self) -> Mapping[str, str]:
        """
        The positions in the host's source that are stored, by name.
        """
        return await in_thread(self._threads, self.forwarder.checkpoint)

    async def plan(self, payloads: Iterable[bytes | str | Mapping[str, Any]]) -> Plan:
        """
        Tell what would happen to *payloads* now; nothing is stored or given.
        """
        return await in_thread(self._threads, partial(self.forwarder.plan, [*payloads]))

    async def reconcile(self) -> Reconciliation:
        """
        Compare the account with the tables' rows, and name each difference.
        """
        return await in_thread(self._threads, self.forwarder.reconcile)

    async def check(self) -> Sequence[Finding]:
        """
        Try the destination by imitating real work; nothing of it stays.
        """
        return await in_thread(self._threads, self.forwarder.check)
