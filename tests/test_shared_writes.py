"""
Calls of several callers in one write.
"""

from __future__ import annotations

from collections import UserDict
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import pytest

from databricks_forwarder._shared_writes import Call, store_together
from databricks_forwarder.batchers.memory import MemoryBatcher
from databricks_forwarder.errors import (
    BatcherClosedError,
    BatcherError,
    BatcherFullError,
    ConfigurationError,
    PayloadError,
)
from databricks_forwarder.model import Offset, OffsetRange, Payload, Receipt

NOON = datetime(2026, 3, 14, 12, tzinfo=timezone.utc)
MAX_BYTES = 1000


class Writing:
    """
    Appends to a batcher in memory, and counts the writes.
    """

    def __init__(self, **options: Any) -> None:
        self.batcher = MemoryBatcher(**options)
        self.write_count = 0

    def append(
        self, payloads: Sequence[Payload], checkpoint: Mapping[str, str] | None
    ) -> Receipt:
        """
        Append, and give the receipt of all.
        """
        self.write_count += 1
        offsets = self.batcher.append(payloads, at=NOON, checkpoint=checkpoint)
        return Receipt(
            offsets=offsets,
            record_count=len(payloads),
            message_count=sum(payload.message_count for payload in payloads),
            received_at=NOON,
        )

    def store(self, *calls: Call) -> list[Any]:
        """
        Store the calls together.
        """
        return store_together(calls, self.append, MAX_BYTES)


def many(*payloads: Any, **checkpoint: str) -> Call:
    """
    A call of `submit_many`.
    """
    return Call(payloads=payloads, is_many=True, checkpoint=checkpoint or None)


def one(payload: Any) -> Call:
    """
    A call of `submit`.
    """
    return Call(payloads=[payload])


def offsets(*pair: int) -> OffsetRange:
    """
    A range of offsets.
    """
    first, last = map(Offset, pair)
    return OffsetRange(first, last)


def test_each_call_has_its_share_of_one_write() -> None:
    """
    Offsets, records and messages of a receipt are the call's own.
    """
    writing = Writing()
    receipts = writing.store(one(b"{}"), many(), many({"events": [1, 2]}, "{}"))

    assert 1 == writing.write_count
    assert [
        Receipt(
            offsets=offsets(0, 0), record_count=1, message_count=1, received_at=NOON
        ),
        Receipt(offsets=None, record_count=0, message_count=0, received_at=NOON),
        Receipt(
            offsets=offsets(1, 2), record_count=2, message_count=3, received_at=NOON
        ),
    ] == receipts


def test_a_bad_payload_costs_no_other_call() -> None:
    """
    A call that is refused is left out of the write, and its error says why.
    """
    writing = Writing()
    good, bad, nth, large, later = writing.store(
        one(b"{}"), one(b"["), many("{}", b"7"), one(b"x" * 1001), one(b"{}")
    )

    assert 1 == writing.write_count
    assert (offsets(0, 0), offsets(1, 1)) == (good.offsets, later.offsets)
    assert [PayloadError] * 3 == [type(error) for error in (bad, nth, large)]
    assert "payload 1 of this call" in str(nth)


def test_what_nobody_foresaw_in_a_payload_costs_no_other_call() -> None:
    """
    A payload that breaks the look at it raises in its own call alone.
    """

    class Broken(UserDict[str, Any]):
        def __iter__(self) -> Any:
            raise LookupError("changed while it was read")

    broken, good = Writing().store(one(Broken()), one(b"{}"))

    assert isinstance(broken, LookupError)
    assert offsets(0, 0) == good.offsets


def test_nothing_is_written_if_all_are_refused() -> None:
    """
    A group without a payload that can be stored makes no write.
    """
    writing = Writing()
    (error,) = writing.store(one(b"7"))

    assert isinstance(error, PayloadError)
    assert 0 == writing.write_count


def test_checkpoints_are_merged_in_the_order_of_the_calls() -> None:
    """
    Of a name the last call's position stays, as if they had come one by one.
    """
    writing = Writing()
    writing.store(many("{}", a="1", b="1"), one("{}"), many("{}", a="2"))

    assert 1 == writing.write_count
    assert {"a": "2", "b": "1"} == writing.batcher.checkpoint()


def test_a_checkpoint_that_is_none_costs_no_other_call() -> None:
    """
    A checkpoint that can't be stored is refused in its own call.
    """
    wrong: Any = {"a": 7}
    writing = Writing()
    bad, good = writing.store(
        Call(payloads=["{}"], is_many=True, checkpoint=wrong), many("{}", b="1")
    )

    assert isinstance(bad, ConfigurationError)
    assert offsets(0, 0) == good.offsets
    assert {"b": "1"} == writing.batcher.checkpoint()


def test_without_room_for_all_each_is_stored_alone() -> None:
    """
    What fits is stored, in order; what doesn't is told that the batcher is full.
    """
    writing = Writing(max_spool_bytes=6)
    outcomes = writing.store(one(b"{}"), many(b"{}", b"{ }"), one(b"{  }"), one(b"{}"))

    first, too_many, second, last = outcomes
    assert (offsets(0, 0), offsets(1, 1)) == (first.offsets, second.offsets)
    assert isinstance(too_many, BatcherFullError)
    assert isinstance(last, BatcherFullError)
    assert 5 == writing.write_count


def test_an_error_of_the_batcher_is_raised_by_each_call_as_its_own() -> None:
    """
    Calls of one write get equal errors, and none shares a traceback with another.
    """
    writing = Writing()
    writing.batcher.close()
    one_error, other_error = writing.store(one(b"{}"), one(b"{}"))

    assert isinstance(one_error, BatcherClosedError)
    assert isinstance(other_error, BatcherError)
    assert one_error is not other_error
    assert str(one_error) == str(other_error)


@pytest.mark.parametrize("call", [one(b"secret"), many(b"secret", a="secret")])
def test_a_call_shows_neither_payload_nor_checkpoint(call: Call) -> None:
    """
    What is handed in is not in a representation.
    """
    assert "secret" not in repr(call)
