"""
Facts on their way to observers, which can't do harm.

An observer is called in the thread where the fact came to be, there and then.
No lock is held: a signal handler may hand payloads in while its own thread is
in an observer.
"""

from __future__ import annotations

import logging
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING

from databricks_forwarder._backoff import sentence
from databricks_forwarder.errors import ForwarderError, SetupError, TransientError
from databricks_forwarder.facts import (
    DestinationFound,
    DestinationLost,
    RecordsAppended,
    RecordsRefused,
    SpoolFilled,
    SpoolFreed,
    StepFailed,
    WorkerFailed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from databricks_forwarder.facts import Fact
    from databricks_forwarder.model import LoadId, OffsetRange, Payload
    from databricks_forwarder.protocols import Clock, Observer

__all__ = ["Teller", "told"]

_log = logging.getLogger("databricks_forwarder")


class Teller:
    """
    Tells facts to observers; any thread may tell.

    Args:
        observers: Who is told, in their order.
        clock: Tells the moment, and how long things take.
    """

    def __init__(self, observers: Sequence[Observer], clock: Clock) -> None:
        self._observers = observers
        self._clock = clock
        self._lost_at: float | None = None
        self._full: tuple[int, float] | None = None
        self._broken: set[int] = set()

    def now(self) -> datetime:
        """
        This moment.
        """
        return self._clock.now()

    def begin(self) -> float:
        """
        The beginning of something, for `since`.
        """
        return self._clock.monotonic()

    def since(self, begun: float) -> float:
        """
        Seconds since *begun*.
        """
        return self._clock.monotonic() - begun

    def tell(self, fact: Fact) -> None:
        """
        Tell all observers; what they raise is told once of each in the log.
        """
        for observer in self._observers:
            try:
                observer.observe(fact)
            except Exception as error:  # noqa: BLE001, PERF203  # observing harms nobody
                self._tell_broken(observer, error)

    def _tell_broken(self, observer: Observer, error: Exception) -> None:
        if id(observer) in self._broken:
            return
        self._broken.add(id(observer))
        place = traceback.extract_tb(error.__traceback__)[-1]
        _log.warning(
            "observer %s raised %s at %s:%s; what else it raises is not told",
            type(observer).__name__,
            type(error).__name__,
            place.filename,
            place.lineno,
        )

    def appended(
        self, begun: float, payloads: Sequence[Payload], offsets: OffsetRange | None
    ) -> None:
        """
        Tell that payloads are stored.
        """
        self._has_room(payloads)
        self.tell(
            RecordsAppended(
                at=self.now(),
                offsets=offsets,
                record_count=len(payloads),
                message_count=sum(payload.message_count for payload in payloads),
                size_bytes=sum(len(payload.document) for payload in payloads),
                seconds=self.since(begun),
            )
        )

    def is_full(self, payloads: Sequence[Payload], error: Exception) -> None:
        """
        Tell that there is no room for *payloads*, if there was some.
        """
        size_bytes = sum(len(payload.document) for payload in payloads)
        full = self._full
        if full is not None:
            self._full = min(size_bytes, full[0]), full[1]
            return
        self._full = size_bytes, self.begin()
        self.tell(SpoolFilled(at=self.now(), message=sentence(error)))

    def _has_room(self, payloads: Sequence[Payload]) -> None:
        """
        Tell that there is room again, unless for less than was refused.
        """
        full = self._full
        if full is None or sum(len(each.document) for each in payloads) < full[0]:
            return
        self._full = None
        self.tell(SpoolFreed(at=self.now(), seconds=self.since(full[1])))

    @contextmanager
    def door(self) -> Iterator[None]:
        """
        Tell what is refused in the block.
        """
        try:
            yield
        except ForwarderError as error:
            self.tell(RecordsRefused(at=self.now(), error=type(error).__name__))
            raise

    def failed(
        self, error: Exception, failure_count: int, pause_seconds: float | None
    ) -> None:
        """
        Tell of a step that failed.

        Args:
            error: What it raised.
            failure_count: Failures in a row.
            pause_seconds: How long the thread waits; None if a host stepped.
        """
        how = told(error)
        if pause_seconds is None:
            self.tell(StepFailed(at=self.now(), failure_count=failure_count, **how))
            return
        self.tell(
            WorkerFailed(
                at=self.now(),
                failure_count=failure_count,
                pause_seconds=pause_seconds,
                **how,
            )
        )

    def is_lost(self, load_id: LoadId, error: BaseException) -> None:
        """
        Tell that the destination is lost, if *error* says so and it was not.
        """
        if self._lost_at is None and isinstance(error, (TransientError, SetupError)):
            self._lost_at = self.begin()
            self.tell(DestinationLost(at=self.now(), load_id=load_id, **told(error)))

    def is_found(self, load_id: LoadId) -> None:
        """
        Tell that the destination is found, if it was lost.
        """
        if self._lost_at is not None:
            seconds = self.since(self._lost_at)
            self._lost_at = None
            self.tell(DestinationFound(at=self.now(), load_id=load_id, seconds=seconds))


def told(error: BaseException) -> dict[str, str]:
    """
    What facts tell of an error: its class, and what may be said of it.
    """
    return {"error": type(error).__name__, "message": sentence(error)}
