"""
What may be there after hosts died: a list for each way it may have gone.

A call that was answered is done, in each of the worlds that there may be. One
whose host died before the answer is done in some and not in others; what is
told later decides. When no world is left in which it could have been told, the
batcher is wrong.
"""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder.model import LoadId, Offset
from databricks_forwarder.settings import UploadPolicy
from databricks_forwarder.testing._told_calls import (
    make_payload,
    tell_lease,
    tell_range,
)
from databricks_forwarder.testing.contracts._loads import report
from databricks_forwarder.testing.machines._queue import Load, Queue, seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from databricks_forwarder.protocols import Batcher

__all__ = ["ImpossibleError", "Worlds"]

# Who breaks what: by the call that was answered, or by what is told.
_CLAUSES: Mapping[str, str] = {
    "open": "B6",
    "append": "B2",
    "lease": "B3, B4, B8 or B13",
    "note": "B13",
    "commit": "B7",
    "park": "B8",
    "carry_on": "B8",
    "replay": "B8",
    "close": "B4",
    "status": "B1 or B14",
    "parked": "B8",
    "loads": "B7",
    "last load": "B7",
    "dead letters": "B7 or B8",
    "checkpoint": "B12",
}


class ImpossibleError(AssertionError):
    """
    What a batcher told can be true in no world.
    """


@attrs.define(eq=False)
class Worlds:
    """
    The worlds that there may be, one at first: an empty queue.
    """

    _queues: list[Queue] = attrs.field(factory=lambda: [Queue("")])
    _tried: tuple[str, Sequence[Any]] | None = None
    _unanswered: str = "none"

    def tries(self, name: str, what: Sequence[Any]) -> None:
        """
        Remember a call that is about to be made.
        """
        self._tried = name, what

    def did(self, answer: Any) -> None:
        """
        Keep the worlds in which the call that was tried is answered so.

        Raises:
            ImpossibleError: There is none.
        """
        assert self._tried is not None
        (name, what), self._tried = self._tried, None
        expected = [_done(queue, name, what, answer) for queue in self._queues]
        self._keep(
            [each == answer for each in expected],
            f"{_CLAUSES[name]}: {name}{tuple(what)} gave\n  {answer}\nand not\n"
            f"  {expected[0]}",
        )

    def died(self) -> None:
        """
        Take in that the call that was tried may be done or not.
        """
        if self._tried is None:
            return
        (name, what), self._tried = self._tried, None
        self._unanswered = name
        for queue in tuple(self._queues):
            for other in _may_be(queue, name, what):
                # Ways that come to the same are one.
                if attrs.asdict(other) not in map(attrs.asdict, self._queues):
                    self._queues.append(other)

    def look(self, batcher: Batcher) -> None:
        """
        Keep the worlds in which *batcher* tells what it tells.

        Raises:
            ImpossibleError: There is none.
        """
        told = seen(batcher)
        expected = [queue.seen() for queue in self._queues]
        apart = [
            [name for name in told if told[name] != each[name]] for each in expected
        ]
        nearest = min(range(len(apart)), key=lambda index: len(apart[index]))
        self._keep(
            [not names for names in apart],
            "\n".join(
                f"{_CLAUSES[name]}: {name} is told as\n  {told[name]}\nand not as\n"
                f"  {expected[nearest][name]}"
                for name in apart[nearest]
            ),
        )

    def _keep(self, which: Sequence[bool], otherwise: str) -> None:
        self._queues = [
            queue for queue, is_kept in zip(self._queues, which, strict=True) if is_kept
        ]
        if not self._queues:
            msg = f"{otherwise}\nthe last that was not answered: {self._unanswered}"
            raise ImpossibleError(msg)


def _done(queue: Queue, name: str, what: Sequence[Any], answer: Any) -> Any:
    """
    Do in a world what the host did; give what is to be answered there.
    """
    if name == "open":
        queue.batcher_id = queue.batcher_id or answer
        return queue.batcher_id
    try:
        return _DO[name](queue, *what)
    except LookupError as error:
        return error


def _may_be(queue: Queue, name: str, what: Sequence[Any]) -> Iterator[Queue]:
    """
    Give the worlds that a call leaves which is done, or done in part.

    A replay is whole for each payload, and a load may be made before it is
    handed out.
    """
    if name == "open":
        return
    if name == "replay":
        offsets = sorted(*what)
        parts = [[offsets[:count]] for count in range(1, len(offsets) + 1)]
    else:
        parts = [list(what)]
    for part in parts:
        after = deepcopy(queue)
        if isinstance(_done(after, name, part, None), LookupError):
            continue
        yield after
        if name == "lease" and len(after.loads) > len(queue.loads):
            made = deepcopy(after)
            made.loads[-1].attempt, made.loads[-1].holder = 0, None
            yield made


def _append(queue: Queue, payloads: Sequence[Any], place: str | None, at: str) -> Any:
    made = [make_payload(*each) for each in payloads]
    checkpoint = {} if place is None else {"place": place}
    return tell_range(queue.append(made, datetime.fromisoformat(at), checkpoint))


def _lease(queue: Queue, max_messages: int, at: str, seal: bool) -> Any:
    load = queue.open_load() or queue.new_load(
        UploadPolicy().max_age, max_messages, datetime.fromisoformat(at), seal=seal
    )
    if load is None:
        return None
    load.attempt += 1
    # No two lives have the same time.
    load.holder = at
    return tell_lease(load)


def _note(queue: Queue, load_id: str, key: str, text: str) -> None:
    _held(queue, load_id).notes[key] = text


def _commit(queue: Queue, load_id: str, dead: Sequence[int], dropped: int) -> None:
    load = _held(queue, load_id)
    queue.commit(load, report(load, dead=dead, dropped=dropped))


def _park(queue: Queue, load_id: str, left: int) -> None:
    load = _held(queue, load_id)
    queue.park(load, report(load, parked=left, reason="it was parked"))


def _carry_on(queue: Queue, load_id: str) -> None:
    queue.carry_on(_load(queue, load_id))


def _replay(queue: Queue, offsets: Sequence[int]) -> int:
    return queue.replay([Offset(each) for each in offsets])


def _close(queue: Queue, at: str) -> None:
    for load in queue.loads:
        if load.holder == at:
            load.holder = None


def _held(queue: Queue, load_id: str) -> Load:
    load = _load(queue, load_id)
    if load.holder is None:
        raise LookupError(load_id)
    return load


def _load(queue: Queue, load_id: str) -> Load:
    return {load.load_id: load for load in queue.loads}[LoadId(load_id)]


_DO: Mapping[str, Callable[..., Any]] = {
    "append": _append,
    "lease": _lease,
    "note": _note,
    "commit": _commit,
    "park": _park,
    "carry_on": _carry_on,
    "replay": _replay,
    "close": _close,
}
