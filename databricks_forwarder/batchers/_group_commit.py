"""
Group commit: callers that wait at the same time share one transaction.

Whoever comes first leads: it takes all that wait, stores them in one
transaction and tells each its own outcome. Callers that come meanwhile are
called: with their outcome, or to lead the next group. Would they all wait for
the lock, each would get it alone, and groups would be of one or two.

The lock and the outcome decide, and not the call. Should whoever was to make it
have been interrupted, then who waits for it looks by itself before long.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

import attrs

from databricks_forwarder.errors import BatcherError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["GroupCommit"]

_Entry = TypeVar("_Entry")
_Outcome = TypeVar("_Outcome")

# Longer than a group takes on most disks.
_PATIENCE_SECONDS = 0.05


@attrs.define(eq=False)
class _Member(Generic[_Entry, _Outcome]):
    entry: _Entry
    outcome: _Outcome | BatcherError | None = None
    is_settled: bool = False
    calls: SimpleQueue[None] = attrs.field(factory=SimpleQueue, repr=False)

    def settle(self, outcome: _Outcome | BatcherError) -> None:
        self.outcome = outcome
        self.is_settled = True


class GroupCommit(Generic[_Entry, _Outcome]):
    """
    Stores entries of many threads, a group in each transaction.

    An exception may come between any two steps of the thread that leads, from
    a signal for instance. None of the others takes that for a receipt.

    Args:
        store: Stores entries in one transaction and, once they are stored,
            tells an outcome for each, an error for one that was left out. It
            may tell twice, and may raise after it told.
    """

    def __init__(
        self,
        store: Callable[
            [Sequence[_Entry], Callable[[Sequence[_Outcome | BatcherError]], None]],
            None,
        ],
    ) -> None:
        self._store = store
        self._turn = threading.Lock()
        # Whether somebody leads, or was called to.
        self._is_led = False
        self._waiting: deque[_Member[_Entry, _Outcome]] = deque()

    def submit(self, entry: _Entry) -> _Outcome:
        """
        Store *entry*, with others or alone; return when that is settled.

        Raises:
            BatcherError: The entry was not stored; or another thread was
                broken off with it and what became of it is unknown, as the
                message says.
        """
        member = _Member[_Entry, _Outcome](entry)
        self._waiting.append(member)
        if self._is_led:
            with suppress(Empty):
                member.calls.get(timeout=_PATIENCE_SECONDS)
        if not member.is_settled:
            self._settle(member)
        if not member.is_settled:
            raise _unknown("before it could tell")
        if isinstance(member.outcome, BatcherError):
            # Members share an error; each raises one of its own, since a
            # traceback belongs to one thread.
            raise type(member.outcome)(*member.outcome.args) from member.outcome
        return member.outcome  # type: ignore[return-value]

    def let_pass(self) -> None:
        """
        Wait until the group that is being stored, if any is, is settled.
        """
        with self._turn:
            pass

    def _settle(self, member: _Member[_Entry, _Outcome]) -> None:
        """
        Store all who wait, unless *member* is settled when its turn comes.
        """
        group: list[_Member[_Entry, _Outcome]] = []
        try:
            with self._turn:
                if self._waiting and not member.is_settled:
                    self._is_led = True
                    self._lead(group)
                self._is_led = bool(self._waiting)
        finally:
            # Who comes from here on may have seen that somebody leads.
            with suppress(IndexError):
                self._waiting[0].calls.put(None)
            for each in group:
                each.calls.put(None)

    def _lead(self, group: list[_Member[_Entry, _Outcome]]) -> None:
        """
        Store all who wait, and put them in *group* as they are taken.
        """

        def tell(outcomes: Sequence[_Outcome | BatcherError]) -> None:
            for member, outcome in zip(group, outcomes, strict=True):
                member.settle(outcome)

        try:
            for _ in range(len(self._waiting)):
                group.append(self._waiting.popleft())  # noqa: PERF401 (when it is broken off, those taken so far must be in the group)
            self._store([member.entry for member in group], tell)
        except BaseException as error:
            for member in group:
                if not member.is_settled:
                    member.settle(_as_told(error))
            if not isinstance(error, BatcherError):
                raise


def _as_told(error: BaseException) -> BatcherError:
    """
    Make of a leader's error what the others of its group are told.
    """
    if isinstance(error, BatcherError):
        return error
    return _unknown(type(error).__name__)


def _unknown(broken_by: str) -> BatcherError:
    return BatcherError(
        "storing payloads was broken off in the thread that stored them for several "
        f"({broken_by}); whether they were stored is unknown: ask for the checkpoint "
        "that was handed in with them, or hand them in again and expect them twice"
    )
