"""
The calls that take payloads in, carry them, and end.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from databricks_forwarder._asking import Asking
from databricks_forwarder._door import admit, admit_all
from databricks_forwarder._ending import CloseReport, close_report, tell
from databricks_forwarder._upkeep import Upkeep
from databricks_forwarder._within import is_within
from databricks_forwarder.errors import BatcherFullError
from databricks_forwarder.model import Receipt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from contextlib import ExitStack

    from typing_extensions import Self

    from databricks_forwarder._telling import Teller
    from databricks_forwarder.model import LoadReport, Payload
    from databricks_forwarder.settings import UploadPolicy

__all__ = ["Carrying"]


class Carrying(Upkeep):
    """
    The calls of a forwarder by which payloads come in and go on.
    """

    _closing: ExitStack
    _is_swept: bool
    _patience_seconds: float | None
    _closed: CloseReport | None
    _policy: UploadPolicy
    _teller: Teller

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
        with self._teller.door():
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
        with self._teller.door():
            admitted = admit_all(payloads, self._max_payload_bytes)
            return self._append(admitted, checkpoint)

    def _append(
        self, payloads: Sequence[Payload], checkpoint: Mapping[str, str] | None
    ) -> Receipt:
        at, begun = self._clock.now(), self._teller.begin()
        try:
            offsets = self._batcher.append(payloads, at=at, checkpoint=checkpoint)
        except BatcherFullError as error:
            self._teller.is_full(payloads, error)
            if self._due.press():
                self._worker.wake()
            raise
        self._teller.appended(begun, payloads, offsets)
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

        What waits is due also when a payload found no room in the spool.

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
        while report := self._carry_next():
            reports.append(report)
        return reports

    def start(self) -> None:
        """
        Let one background thread tick; starting twice is starting once.

        A thread that waits after a failure tries again at once: start again
        when what failed is mended.

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
        if is_within(self, {__name__, Upkeep.__module__, Asking.__module__}):
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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close(timeout_seconds=self._patience_seconds)

    def _carry_next(self) -> LoadReport | None:
        return self._worker.take_turn(self._step_now)

    def _step_now(self) -> LoadReport | None:
        return self._step(seal=True)

    def _step(self, *, seal: bool = False) -> LoadReport | None:
        if not self._is_swept:
            self._pipeline.sweep()
            self._is_swept = True
        is_pressed = self._due.is_pressed
        report = self._pipeline.step(self._policy, seal=seal or is_pressed)
        self._due.relieve()
        return report
