"""
What a batcher must do when payloads are appended: B1, B2, B9, B10 and B12.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from databricks_forwarder.errors import BatcherFullError
from databricks_forwarder.model import Account, Offset, Record
from databricks_forwarder.settings import UploadPolicy
from databricks_forwarder.testing.contracts._batcher_hooks import BatcherHooks
from databricks_forwarder.testing.contracts._clause import clause
from databricks_forwarder.testing.contracts._loads import (
    NOON,
    between,
    carried,
    leased,
    parked_whole,
    payload,
    records_of,
    report,
)

__all__ = ["Appending"]


class Appending(BatcherHooks):
    """
    Tests of appending: offsets, room, threads and checkpoints.
    """

    @clause("B1")
    def test_b1_appended_payloads_are_stored_when_append_returns(self) -> None:
        """
        Payloads are in the storage, in their order, when `append` returns.
        """
        batcher = self._open("a", "b")
        batcher.append([payload("c")], at=NOON)

        assert [payload(name).document for name in "abc"] == self.stored()

    @clause("B1")
    def test_b1_appended_payloads_are_seen_by_a_new_process(self) -> None:
        """
        A batcher opened later hands out what was appended, as it came.
        """
        self._open().append([payload("a", 3)], at=NOON)

        lease = leased(self._open())

        assert [
            Record(
                offset=Offset(0),
                received_at=NOON,
                message_count=3,
                payload=payload("a").document,
            )
        ] == records_of(lease)

    @clause("B2")
    def test_b2_offsets_start_at_zero_and_have_no_gaps(self) -> None:
        """
        Each append gets the offsets after those of the one before.
        """
        batcher = self._open()
        ranges = [
            batcher.append([payload("a")], at=NOON),
            batcher.append([], at=NOON),
            batcher.append([payload("b"), payload("c")], at=NOON),
        ]

        assert [between(0, 0), None, between(1, 2)] == ranges

    @clause("B2")
    def test_b2_offsets_are_not_reused_after_commit_and_reopening(self) -> None:
        """
        An emptied batcher that is opened again goes on after its last offset.
        """
        batcher = self._open("a", "b")
        carried(batcher)
        batcher.close()

        assert between(2, 2) == self._open().append([payload("c")], at=NOON)

    @clause("B9")
    def test_b9_a_full_batcher_refuses_and_stores_nothing(self) -> None:
        """
        What does not fit as a whole is refused as a whole.
        """
        one, two = payload("a"), payload("b")
        batcher = self._known(self.open_small(2 * len(one.document)))
        batcher.append([one], at=NOON)
        before = batcher.status()
        with pytest.raises(BatcherFullError):
            batcher.append([two, two], at=NOON)

        assert before == batcher.status()
        assert [one.document] == self.stored()

    @clause("B9")
    def test_b9_a_batcher_takes_exactly_what_it_may_keep(self) -> None:
        """
        The last byte is used, and there is room again after a commit.
        """
        one = payload("a")
        batcher = self._known(self.open_small(2 * len(one.document)))
        batcher.append([one, one], at=NOON)
        with pytest.raises(BatcherFullError):
            batcher.append([one], at=NOON)
        carried(batcher)

        assert between(2, 3) == batcher.append([one, one], at=NOON)

    @clause("B9")
    def test_b9_dead_and_parked_payloads_take_room(self) -> None:
        """
        Bytes that are kept for a person count like those that wait.
        """
        one = payload("a")
        batcher = self._known(self.open_small(2 * len(one.document)))
        batcher.append([one, one], at=NOON)
        lease = leased(batcher, policy=UploadPolicy(max_messages=1))
        batcher.commit(lease.load_id, report(lease, dead=[0]), at=NOON)
        lease = leased(batcher)
        batcher.park(lease.load_id, parked_whole(lease), at=NOON)
        with pytest.raises(BatcherFullError):
            batcher.append([one], at=NOON)

        assert 2 * len(one.document) == batcher.status().stored_bytes
        assert 1 == batcher.replay([Offset(0)])

    @clause("B10")
    def test_b10_many_threads_append_at_once(self) -> None:
        """
        Each payload of each thread is stored once, at the offsets it was told.
        """
        batcher = self._open()
        start = threading.Barrier(16)

        def append(thread: int) -> dict[int, bytes]:
            start.wait()
            told = {}
            for turn in range(8):
                sent = [payload(f"{thread}-{turn}-{each}") for each in range(2)]
                offsets = batcher.append(sent, at=NOON)
                assert offsets is not None
                told[int(offsets.first)] = sent[0].document
                told[int(offsets.last)] = sent[1].document
            return told

        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(append, range(16)))
        told = {
            offset: document for each in answers for offset, document in each.items()
        }

        assert list(range(256)) == sorted(told)
        assert [told[offset] for offset in range(256)] == self.stored()
        assert Account(received=256, pending=256) == batcher.status().account

    @clause("B12")
    def test_b12_a_checkpoint_is_merged_name_by_name(self) -> None:
        """
        A new position replaces the one of its name and leaves the others.
        """
        batcher = self._open()
        batcher.append([payload("a")], at=NOON, checkpoint={"p0": "1", "p1": "1"})
        batcher.append([], at=NOON, checkpoint={"p1": "2"})
        batcher.append([payload("b")], at=NOON)

        assert {"p0": "1", "p1": "2"} == dict(self._open().checkpoint())

    @clause("B12")
    def test_b12_a_refused_append_stores_no_checkpoint(self) -> None:
        """
        The position of payloads that were refused is refused with them.
        """
        one = payload("a")
        batcher = self._known(self.open_small(len(one.document)))
        batcher.append([one], at=NOON, checkpoint={"p": "1"})
        with pytest.raises(BatcherFullError):
            batcher.append([one], at=NOON, checkpoint={"p": "2"})
        batcher.append([], at=NOON, checkpoint={"q": "1"})

        assert {"p": "1", "q": "1"} == dict(batcher.checkpoint())
