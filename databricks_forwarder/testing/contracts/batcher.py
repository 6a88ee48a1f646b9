"""
What a batcher must do: a test or more for each of B1 to B15.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

import attrs
import pytest

from databricks_forwarder._abilities import offers
from databricks_forwarder.errors import BatcherFullError, LeaseLostError
from databricks_forwarder.model import (
    Account,
    DamagedRecord,
    LoadId,
    Offset,
    OffsetRange,
    Record,
)
from databricks_forwarder.protocols import RecallingBatcher
from databricks_forwarder.settings import UploadPolicy
from databricks_forwarder.testing.contracts._clause import Contract, clause
from databricks_forwarder.testing.contracts._loads import (
    ANY_AGE,
    NOON,
    SECOND,
    offsets_of,
    payload,
    records_of,
    report,
)

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from databricks_forwarder.model import Lease, LoadReport
    from databricks_forwarder.protocols import Batcher

__all__ = ["BatcherContract"]

_MICROSECOND = timedelta(microseconds=1)


class BatcherContract(Contract):
    """
    The contract of `databricks_forwarder.protocols.Batcher`.

    Attributes:
        lease_seconds: How long a batcher from `open` lets a holder keep a
            load without a note.
    """

    lease_seconds: ClassVar[float] = 900.0

    def open(self) -> Batcher:
        """
        Give a batcher on this test's storage, as a new process sees it.
        """
        raise NotImplementedError

    def open_another(self) -> Batcher:
        """
        Give a batcher on a new, empty storage each time.
        """
        raise NotImplementedError

    def open_small(self, max_bytes: int) -> Batcher:
        """
        Give a batcher on this test's storage that keeps so many bytes at most.
        """
        raise NotImplementedError

    def stored(self) -> list[bytes]:
        """
        Read the payloads that are pending, by offset, not through the batcher.
        """
        raise NotImplementedError

    def damage(self, offset: Offset) -> None:
        """
        Change a byte of a stored payload, not through the batcher.

        A part whose storage can't be reached is exempted from B11.
        """
        raise NotImplementedError

    def begin(self, tmp_path: Path) -> None:
        """
        Remember what is opened, to close it in the end.
        """
        super().begin(tmp_path)
        self._opened: list[Batcher] = []

    def end(self) -> None:
        """
        Close what was opened.
        """
        for batcher in self._opened:
            batcher.close()

    def _known(self, batcher: Batcher) -> Batcher:
        self._opened.append(batcher)
        return batcher

    def _open(self, *names: str) -> Batcher:
        """
        Open a batcher and append a message for each of *names*.
        """
        batcher = self._known(self.open())
        batcher.append([payload(name) for name in names], at=NOON)
        return batcher

    @property
    def _expiry(self) -> timedelta:
        return timedelta(seconds=self.lease_seconds)

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

        lease = _leased(self._open())

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

        assert [_range(0, 0), None, _range(1, 2)] == ranges

    @clause("B2")
    def test_b2_offsets_are_not_reused_after_commit_and_reopening(self) -> None:
        """
        An emptied batcher that is opened again goes on after its last offset.
        """
        batcher = self._open("a", "b")
        _carried(batcher)
        batcher.close()

        assert _range(2, 2) == self._open().append([payload("c")], at=NOON)

    @clause("B3")
    def test_b3_a_load_is_due_exactly_at_max_messages(self) -> None:
        """
        One message below the limit nothing is due, at the limit a load is.
        """
        batcher = self._open()
        batcher.append([payload("a", 9)], at=NOON)
        below = batcher.lease(ANY_AGE, at=NOON)
        batcher.append([payload("b", 1)], at=NOON)

        assert below is None
        assert _range(0, 1) == _leased(batcher, seal=False).offsets

    @clause("B3")
    def test_b3_a_load_is_due_exactly_at_max_age(self) -> None:
        """
        A microsecond before the age nothing is due, at the age a load is.
        """
        batcher = self._open("a")
        policy = UploadPolicy(max_age=timedelta(minutes=90), max_messages=10)
        due_at = NOON + policy.max_age
        below = batcher.lease(policy, at=due_at - _MICROSECOND)

        assert below is None
        assert batcher.lease(policy, at=due_at) is not None

    @clause("B3")
    def test_b3_the_age_is_that_of_the_oldest_record(self) -> None:
        """
        A fresh record does not keep an old one from being due.
        """
        batcher = self._open("a")
        policy = UploadPolicy(max_age=timedelta(minutes=90), max_messages=10)
        due_at = NOON + policy.max_age
        batcher.append([payload("b")], at=due_at)
        lease = batcher.lease(policy, at=due_at)

        assert lease is not None
        assert [0, 1] == offsets_of(lease)

    @clause("B3")
    def test_b3_nothing_waiting_is_never_due(self) -> None:
        """
        An empty batcher has no lease, sealed or not.
        """
        batcher = self._open()

        assert batcher.lease(ANY_AGE, at=NOON) is None
        assert batcher.lease(ANY_AGE, at=NOON, seal=True) is None

    @clause("B3")
    def test_b3_seal_hands_out_what_is_not_due(self) -> None:
        """
        With `seal` a single fresh record is handed out.
        """
        batcher = self._open("a")

        assert batcher.lease(ANY_AGE, at=NOON) is None
        assert [0] == offsets_of(_leased(batcher))

    @clause("B3")
    def test_b3_a_load_takes_the_oldest_records_up_to_the_limit(self) -> None:
        """
        A load ends before the record that would take it over the limit.
        """
        batcher = self._open()
        batcher.append([payload(name, 4) for name in "abc"], at=NOON)
        lease = _leased(batcher)

        assert (_range(0, 1), 8) == (lease.offsets, lease.message_count)
        assert [0, 1] == offsets_of(lease)

    @clause("B3")
    def test_b3_a_load_takes_exactly_the_limit(self) -> None:
        """
        Records that fill the limit to the last message travel together.
        """
        batcher = self._open()
        batcher.append([payload(name, 5) for name in "abc"], at=NOON)

        assert [0, 1] == offsets_of(_leased(batcher))

    @clause("B3")
    def test_b3_a_record_over_the_limit_travels_alone(self) -> None:
        """
        A record with more messages than the limit is a load of its own.
        """
        batcher = self._open()
        batcher.append(
            [payload("a"), payload("b", 11), payload("c", 1)],
            at=NOON,
        )

        assert [[0], [1], [2]] == [_carried(batcher) for _ in "abc"]

    @clause("B3")
    def test_b3_the_next_load_goes_on_where_the_last_one_ended(self) -> None:
        """
        Loads follow one another without a gap.
        """
        batcher = self._open(*"abcdefghijklmnopqrstuvwxy")

        assert [
            list(range(10)),
            list(range(10, 20)),
            list(range(20, 25)),
        ] == [_carried(batcher) for _ in range(3)]

    @clause("B4")
    def test_b4_the_holder_gets_the_same_load_again(self) -> None:
        """
        Asked again, under another policy and with more waiting, it is the same.
        """
        batcher = self._open("a", "b")
        first = _leased(batcher)
        batcher.append([payload("c")], at=NOON)
        policy = UploadPolicy(max_age=SECOND, max_messages=1)
        again = batcher.lease(policy, at=NOON)

        assert again is not None
        assert (first.load_id, 1, 2) == (again.load_id, first.attempt, again.attempt)
        assert records_of(first) == records_of(again)

    @clause("B4")
    def test_b4_a_new_process_gets_the_same_load(self) -> None:
        """
        After closing and opening it is the same load, and attempts are counted.
        """
        old = self._open("a", "b")
        first = _leased(old)
        records = records_of(first)
        old.close()
        new = self._open("c")
        again = _leased(new, policy=UploadPolicy(max_messages=1))

        assert (first.load_id, 2) == (again.load_id, again.attempt)
        assert records == records_of(again)

    @clause("B4")
    def test_b4_another_holder_gets_the_same_load_after_expiry(self) -> None:
        """
        A holder that was not heard of loses its load to the next one.
        """
        first = _leased(self._open("a", "b"))
        other = self._open("c")
        again = _leased(other, at=NOON + self._expiry)

        assert first.load_id == again.load_id
        assert [0, 1] == offsets_of(again)

    @clause("B4")
    def test_b4_the_records_can_be_read_again(self) -> None:
        """
        Each iteration over a lease's records begins anew.
        """
        lease = _leased(self._open("a", "b"))

        assert [0, 1] == offsets_of(lease)
        assert [0, 1] == offsets_of(lease)

    @clause("B5")
    def test_b5_a_second_holder_waits_until_expiry(self) -> None:
        """
        While a load is out nobody else gets one, waiting records or not.
        """
        _leased(self._open("a"))
        other = self._open("b")
        late = NOON + self._expiry - SECOND

        assert other.lease(ANY_AGE, at=late, seal=True) is None
        assert other.lease(ANY_AGE, at=late + SECOND, seal=True) is not None

    @clause("B5")
    def test_b5_a_note_keeps_the_lease_alive(self) -> None:
        """
        The time of a lease begins anew with each note.
        """
        batcher = self._open("a")
        lease = _leased(batcher)
        noted_at = NOON + self._expiry - SECOND
        batcher.note(lease.load_id, "k", "v", at=noted_at)
        other = self._open()
        late = noted_at + self._expiry - SECOND

        assert other.lease(ANY_AGE, at=late, seal=True) is None
        assert other.lease(ANY_AGE, at=late + SECOND, seal=True) is not None

    @clause("B5")
    def test_b5_a_load_carried_on_waits_for_the_one_that_is_out(self) -> None:
        """
        While a load is out, a parked one that is opened again is not handed out.
        """
        batcher = self._open("a")
        parked = _leased(batcher)
        batcher.park(parked.load_id, _parked_whole(parked), at=NOON)
        batcher.append([payload("b")], at=NOON)
        out = _leased(batcher)
        batcher.carry_on(parked.load_id)

        assert out.load_id == _leased(batcher).load_id
        assert self._open().lease(ANY_AGE, at=NOON, seal=True) is None

    @clause("B5")
    def test_b5_an_expired_holder_goes_on_if_nobody_took_over(self) -> None:
        """
        A late commit is as good as one in time while nobody else has the load.
        """
        batcher = self._open("a")
        lease = _leased(batcher)
        batcher.commit(lease.load_id, report(lease), at=NOON + 2 * self._expiry)

        assert [lease.load_id] == [each.load_id for each in batcher.loads()]

    @clause("B6")
    def test_b6_batchers_name_their_loads_differently(self) -> None:
        """
        The first loads of two storages have different names.
        """
        batchers = [self._known(self.open_another()) for _ in range(3)]
        for batcher in batchers:
            batcher.append([payload("a")], at=NOON)

        assert 3 == len({_leased(batcher).load_id for batcher in batchers})
        assert 3 == len({batcher.id for batcher in batchers})

    @clause("B6")
    def test_b6_a_restarted_batcher_names_no_load_again(self) -> None:
        """
        Loads of one storage have different names, before and after a restart.
        """
        names = set()
        for _ in range(3):
            batcher = self._open("a")
            lease = _leased(batcher)
            batcher.commit(lease.load_id, report(lease), at=NOON)
            names.add(lease.load_id)
            batcher.close()

        assert 3 == len(names)

    @clause("B6")
    def test_b6_the_name_says_the_batcher_and_the_offsets(self) -> None:
        """
        A load is named after its batcher's id, which stays, and its records.
        """
        name = self._open("a", "b").id
        batcher = self._open()

        assert f"{name}-0-1" == _leased(batcher).load_id
        assert name == batcher.id

    @clause("B7")
    def test_b7_commit_removes_exactly_the_loads_records(self) -> None:
        """
        What is in no load, or in another one, stays when a load is committed.
        """
        batcher = self._open(*"abcdefghijkl")
        _carried(batcher)

        assert [payload(name).document for name in "kl"] == self.stored()
        assert [10, 11] == offsets_of(_leased(batcher))

    @clause("B7")
    def test_b7_committing_twice_is_committing_once(self) -> None:
        """
        A second commit of a load changes nothing, whoever sends it.
        """
        batcher = self._open("a", "b")
        lease = _leased(batcher)
        final = report(lease, dead=[1])
        batcher.commit(lease.load_id, final, at=NOON)
        status = batcher.status()
        batcher.commit(lease.load_id, final, at=NOON)
        self._open().commit(lease.load_id, final, at=NOON)

        assert status == batcher.status()
        assert (final,) == tuple(batcher.loads())

    @clause("B7")
    def test_b7_a_holder_that_lost_its_load_cannot_commit(self) -> None:
        """
        The commit of a load that someone else holds changes nothing.
        """
        batcher = self._open("a")
        lease = _leased(batcher)
        _leased(self._open(), at=NOON + self._expiry)
        before = batcher.status()
        with pytest.raises(LeaseLostError):
            batcher.commit(lease.load_id, report(lease), at=NOON)

        assert before == batcher.status()
        assert [payload("a").document] == self.stored()

    @clause("B7")
    def test_b7_a_load_that_is_not_out_cannot_be_committed(self) -> None:
        """
        A load that is parked, or that there never was, is held by nobody.
        """
        batcher = self._open("a")
        lease = _leased(batcher)
        batcher.park(lease.load_id, _parked_whole(lease), at=NOON)

        for load_id in (lease.load_id, LoadId(f"{batcher.id}-7-9")):
            with pytest.raises(LeaseLostError):
                batcher.commit(load_id, report(lease), at=NOON)

    @clause("B7")
    def test_b7_dead_records_become_dead_letters_with_their_bytes(self) -> None:
        """
        The records of the report's dead letters are kept, with the reason.
        """
        batcher = self._open("a", "b", "c")
        lease = _leased(batcher)
        batcher.commit(lease.load_id, report(lease, dead=[0, 2]), at=NOON)
        letters = list(self._open().dead_letters())

        assert [
            (0, NOON, 1, "unfit: 0", lease.load_id, payload("a").document, False),
            (2, NOON, 1, "unfit: 2", lease.load_id, payload("c").document, False),
        ] == [attrs.astuple(letter) for letter in letters]
        assert [] == self.stored()

    @clause("B7")
    def test_b7_reports_come_back_newest_first(self) -> None:
        """
        The latest reports are kept as they were handed in, up to a limit.
        """
        batcher = self._open("a", "b", "c")
        reports: list[LoadReport] = []
        for _ in range(3):
            lease = _leased(batcher, policy=UploadPolicy(max_messages=1))
            reports.insert(0, report(lease))
            batcher.commit(lease.load_id, reports[0], at=NOON)
        new = self._open()

        assert reports == list(new.loads())
        assert reports[:2] == list(new.loads(2))

    @clause("B8")
    def test_b8_the_next_load_goes_on_while_one_is_parked(self) -> None:
        """
        A parked load keeps its bytes and is not handed out.
        """
        batcher = self._open("a")
        lease = _leased(batcher)
        batcher.park(lease.load_id, _parked_whole(lease), at=NOON)
        batcher.append([payload("b")], at=NOON)

        assert [1] == offsets_of(_leased(batcher))
        assert [payload("a").document, payload("b").document] == self.stored()

    @clause("B8")
    def test_b8_a_parked_load_comes_back_as_it_was(self) -> None:
        """
        Carried on by a new process it has its id, records and notes; attempt 1.
        """
        old = self._open("a", "b")
        lease = _leased(old)
        old.note(lease.load_id, "routes", "here", at=NOON)
        _leased(old)
        old.park(lease.load_id, _parked_whole(lease), at=NOON)
        old.close()
        new = self._open("c")
        new.carry_on(lease.load_id)
        again = _leased(new)

        assert (lease.load_id, 1) == (again.load_id, again.attempt)
        assert {"routes": "here"} == dict(again.notes)
        assert [0, 1] == offsets_of(again)

    @clause("B8")
    def test_b8_parked_reports_come_back_by_offset(self) -> None:
        """
        The reports of parked loads are kept with their reasons.
        """
        batcher = self._open("a", "b")
        reports = []
        for _ in range(2):
            lease = _leased(batcher, policy=UploadPolicy(max_messages=1))
            reports.append(_parked_whole(lease))
            batcher.park(lease.load_id, reports[-1], at=NOON)
        batcher.carry_on(reports[0].load_id)
        lease = _leased(batcher)
        batcher.park(lease.load_id, reports[0], at=NOON)

        assert reports == list(self._open().parked())
        assert reports[0].load_id == self._open().status().parked_load_ids[0]

    @clause("B8")
    def test_b8_only_a_parked_load_can_be_carried_on(self) -> None:
        """
        A load that is open, committed or unknown raises `KeyError`.
        """
        batcher = self._open("a")
        lease = _leased(batcher)
        with pytest.raises(KeyError):
            batcher.carry_on(lease.load_id)
        batcher.commit(lease.load_id, report(lease), at=NOON)

        for load_id in (lease.load_id, LoadId("never")):
            with pytest.raises(KeyError):
                batcher.carry_on(load_id)

    @clause("B8")
    def test_b8_a_holder_that_lost_its_load_cannot_park(self) -> None:
        """
        Parking a load that someone else holds changes nothing.
        """
        batcher = self._open("a")
        lease = _leased(batcher)
        _leased(self._open(), at=NOON + self._expiry)
        with pytest.raises(LeaseLostError):
            batcher.park(lease.load_id, _parked_whole(lease), at=NOON)

        assert () == tuple(batcher.parked())

    @clause("B8")
    def test_b8_a_replayed_payload_gets_a_new_offset_once(self) -> None:
        """
        A replay keeps bytes and receipt; a second one finds nothing to do.
        """
        batcher = self._open("a", "b", "c")
        lease = _leased(batcher)
        batcher.commit(lease.load_id, report(lease, dead=[1]), at=NOON)
        replayed = [batcher.replay([Offset(1), Offset(2), Offset(77)])]
        replayed.append(self._open().replay([Offset(1)]))
        again = _leased(batcher, at=NOON + SECOND)

        assert [1, 0] == replayed
        assert [(3, NOON, 1, payload("b").document)] == [
            attrs.astuple(record) for record in again.records
        ]
        assert [] == list(batcher.dead_letters())

    @clause("B8")
    def test_b8_a_replayed_payload_is_as_old_as_it_is(self) -> None:
        """
        What was received long ago is due at once when it is replayed.
        """
        batcher = self._open("a")
        lease = _leased(batcher)
        batcher.commit(lease.load_id, report(lease, dead=[0]), at=NOON)
        later = NOON + timedelta(hours=2)
        batcher.append([payload("b")], at=later)
        batcher.replay([Offset(0)])
        due = batcher.lease(UploadPolicy(), at=later)

        assert due is not None
        assert [1, 2] == offsets_of(due)

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
        _carried(batcher)

        assert _range(2, 3) == batcher.append([one, one], at=NOON)

    @clause("B9")
    def test_b9_dead_and_parked_payloads_take_room(self) -> None:
        """
        Bytes that are kept for a person count like those that wait.
        """
        one = payload("a")
        batcher = self._known(self.open_small(2 * len(one.document)))
        batcher.append([one, one], at=NOON)
        lease = _leased(batcher, policy=UploadPolicy(max_messages=1))
        batcher.commit(lease.load_id, report(lease, dead=[0]), at=NOON)
        lease = _leased(batcher)
        batcher.park(lease.load_id, _parked_whole(lease), at=NOON)
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

    @clause("B11")
    def test_b11_a_damaged_record_is_reported_in_its_place(self) -> None:
        """
        Whole records before and after a damaged one are handed out.
        """
        batcher = self._open("a", "b", "c")
        self.damage(Offset(1))
        records = records_of(_leased(batcher))

        assert [Record, DamagedRecord, Record] == [type(record) for record in records]
        assert [0, 1, 2] == [record.offset for record in records]
        assert (NOON, 1) == (records[1].received_at, records[1].message_count)

    @clause("B11")
    def test_b11_a_damaged_record_stays_damaged_as_a_dead_letter(self) -> None:
        """
        A damaged payload keeps its bytes as they are, also when replayed.
        """
        batcher = self._open("a")
        self.damage(Offset(0))
        damaged = self.stored()
        lease = _leased(batcher)
        batcher.commit(lease.load_id, report(lease, dead=[0]), at=NOON)
        letters = [letter.payload for letter in batcher.dead_letters()]
        batcher.replay([Offset(0)])
        records = records_of(_leased(batcher))

        assert damaged == letters
        assert damaged == self.stored()
        assert [DamagedRecord] == [type(record) for record in records]

    @clause("B11")
    def test_b11_a_dead_letter_says_whether_it_is_damaged(self) -> None:
        """
        Of two dead payloads the damaged one is told from the whole one.
        """
        batcher = self._open("a", "b")
        self.damage(Offset(1))
        lease = _leased(batcher)
        batcher.commit(lease.load_id, report(lease, dead=[0, 1]), at=NOON)

        assert [False, True] == [letter.is_damaged for letter in batcher.dead_letters()]

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

    @clause("B13")
    def test_b13_notes_come_back_with_the_lease(self) -> None:
        """
        A new process gets each note, in the last version of its key.
        """
        old = self._open("a")
        lease = _leased(old)
        old.note(lease.load_id, "routes", "first", at=NOON)
        old.note(lease.load_id, "staged", "file", at=NOON)
        old.note(lease.load_id, "routes", "second", at=NOON)
        again = _leased(self._open(), at=NOON + self._expiry)

        assert {} == dict(lease.notes)
        assert {"routes": "second", "staged": "file"} == dict(again.notes)

    @clause("B13")
    def test_b13_a_holder_that_lost_its_load_cannot_note(self) -> None:
        """
        A note to a load that someone else holds is not kept.
        """
        batcher = self._open("a")
        lease = _leased(batcher)
        other = self._open()
        _leased(other, at=NOON + self._expiry)
        with pytest.raises(LeaseLostError):
            batcher.note(lease.load_id, "routes", "late", at=NOON)

        assert {} == dict(_leased(other, at=NOON + self._expiry).notes)

    @clause("B13")
    def test_b13_notes_belong_to_their_load(self) -> None:
        """
        The next load begins without the notes of the one before.
        """
        batcher = self._open("a")
        lease = _leased(batcher)
        batcher.note(lease.load_id, "routes", "here", at=NOON)
        batcher.commit(lease.load_id, report(lease), at=NOON)
        batcher.append([payload("b")], at=NOON)

        assert {} == dict(_leased(batcher).notes)

    @clause("B14")
    def test_b14_the_account_follows_each_call(self) -> None:
        """
        Messages go from pending to loaded, dead and dropped, and none is lost.
        """
        batcher = self._open()
        accounts = [batcher.status().account]
        batcher.append([payload(name, 2) for name in "abcd"], at=NOON)
        accounts.append(batcher.status().account)
        lease = _leased(batcher)
        accounts.append(batcher.status().account)
        final = report(lease, dead=[1], dropped=1)
        batcher.commit(lease.load_id, final, at=NOON)
        accounts.append(batcher.status().account)
        batcher.replay([Offset(1)])
        accounts.append(batcher.status().account)

        assert [
            Account(),
            Account(received=8, pending=8),
            Account(received=8, pending=8),
            Account(received=8, loaded=5, dead=2, dropped=1),
            Account(received=8, loaded=5, dropped=1, pending=2),
        ] == accounts

    @clause("B14")
    def test_b14_what_is_loaded_of_a_parked_load_is_counted_once(self) -> None:
        """
        The report of a load carried on replaces the one it was parked with.
        """
        batcher = self._open()
        batcher.append([payload(name, 2) for name in "abcd"], at=NOON)
        lease = _leased(batcher)
        batcher.park(lease.load_id, report(lease, dropped=1, parked=4), at=NOON)
        accounts = [batcher.status().account]
        batcher.carry_on(lease.load_id)
        accounts.append(batcher.status().account)
        lease = _leased(batcher)
        batcher.park(lease.load_id, report(lease, dropped=1, parked=2), at=NOON)
        accounts.append(batcher.status().account)
        batcher.carry_on(lease.load_id)
        lease = _leased(batcher)
        batcher.commit(lease.load_id, report(lease, dropped=1, dead=[3]), at=NOON)
        accounts.append(batcher.status().account)

        assert [
            Account(received=8, loaded=3, dropped=1, pending=4),
            Account(received=8, loaded=3, dropped=1, pending=4),
            Account(received=8, loaded=5, dropped=1, pending=2),
            Account(received=8, loaded=5, dropped=1, dead=2),
        ] == accounts

    @clause("B14")
    def test_b14_dead_letters_of_a_parked_load_are_pending(self) -> None:
        """
        A dead letter is dead when its load is committed, not when it is parked.
        """
        batcher = self._open("a", "b")
        lease = _leased(batcher)
        parked = report(lease, dead=[0], parked=1, reason="no such table")
        batcher.park(lease.load_id, parked, at=NOON)

        assert Account(received=2, pending=2) == batcher.status().account
        assert [] == list(batcher.dead_letters())

    @clause("B14")
    def test_b14_the_status_says_what_waits_and_what_is_out(self) -> None:
        """
        Waiting messages, their age, and open and parked loads are told apart.
        """
        batcher = self._open("a")
        parked = _leased(batcher)
        batcher.park(parked.load_id, _parked_whole(parked), at=NOON)
        batcher.append([payload("b")], at=NOON)
        out = _leased(batcher)
        batcher.append([payload("c", 3)], at=NOON + SECOND)
        batcher.append([payload("d", 4)], at=NOON + 2 * SECOND)
        status = self._open().status()

        assert (7, NOON + SECOND) == (status.waiting, status.oldest_received_at)
        assert (out.load_id,) == tuple(status.open_load_ids)
        assert (parked.load_id,) == tuple(status.parked_load_ids)
        assert Account(received=9, pending=9) == status.account
        assert sum(map(len, self.stored())) == status.stored_bytes

    @clause("B15")
    def test_b15_notes_can_be_read_without_the_lease(self) -> None:
        """
        Whoever asks gets the notes of a load that another holds, then of none.
        """
        holder = self._open("a", "b")
        lease = _leased(holder)
        other = self._open()
        if not offers(holder, RecallingBatcher) or not offers(other, RecallingBatcher):
            return
        before = dict(other.notes(lease.load_id))
        holder.note(lease.load_id, "staged", "file", at=NOON)
        noted = dict(other.notes(lease.load_id))
        holder.park(lease.load_id, report(lease, parked=2), at=NOON)
        parked = dict(other.notes(lease.load_id))
        other.carry_on(lease.load_id)
        again = _leased(other)
        other.commit(again.load_id, report(again), at=NOON)

        assert ({}, {"staged": "file"}, {"staged": "file"}) == (before, noted, parked)
        assert {} == dict(holder.notes(lease.load_id))


def _range(first: int, last: int) -> OffsetRange:
    return OffsetRange(Offset(first), Offset(last))


def _leased(
    batcher: Batcher,
    *,
    policy: UploadPolicy = ANY_AGE,
    at: datetime = NOON,
    seal: bool = True,
) -> Lease:
    lease = batcher.lease(policy, at=at, seal=seal)
    assert lease is not None, "the batcher had no lease to hand out"
    return lease


def _carried(batcher: Batcher) -> list[int]:
    """
    Carry the next load as if all of it was loaded; give its offsets.
    """
    lease = _leased(batcher)
    offsets = offsets_of(lease)
    batcher.commit(lease.load_id, report(lease), at=NOON)
    return offsets


def _parked_whole(lease: Lease) -> LoadReport:
    return report(lease, parked=lease.message_count, reason="the table is gone")
