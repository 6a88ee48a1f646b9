"""
What a batcher must do when loads are committed and parked: B7 and B8.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import attrs
import pytest

from databricks_forwarder.errors import LeaseLostError
from databricks_forwarder.model import LoadId, Offset
from databricks_forwarder.settings import UploadPolicy
from databricks_forwarder.testing.contracts._batcher_hooks import BatcherHooks
from databricks_forwarder.testing.contracts._clause import clause
from databricks_forwarder.testing.contracts._loads import (
    NOON,
    SECOND,
    carried,
    leased,
    offsets_of,
    parked_whole,
    payload,
    report,
)

if TYPE_CHECKING:
    from databricks_forwarder.model import LoadReport

__all__ = ["Settling"]


class Settling(BatcherHooks):
    """
    Tests of committing, parking, carrying on and replaying.
    """

    @clause("B7")
    def test_b7_commit_removes_exactly_the_loads_records(self) -> None:
        """
        What is in no load, or in another one, stays when a load is committed.
        """
        batcher = self._open(*"abcdefghijkl")
        carried(batcher)

        assert [payload(name).document for name in "kl"] == self.stored()
        assert [10, 11] == offsets_of(leased(batcher))

    @clause("B7")
    def test_b7_committing_twice_is_committing_once(self) -> None:
        """
        A second commit of a load changes nothing, whoever sends it.
        """
        batcher = self._open("a", "b")
        lease = leased(batcher)
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
        lease = leased(batcher)
        leased(self._open(), at=NOON + self._expiry)
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
        lease = leased(batcher)
        batcher.park(lease.load_id, parked_whole(lease), at=NOON)

        for load_id in (lease.load_id, LoadId(f"{batcher.id}-7-9")):
            with pytest.raises(LeaseLostError):
                batcher.commit(load_id, report(lease), at=NOON)

    @clause("B7")
    def test_b7_dead_records_become_dead_letters_with_their_bytes(self) -> None:
        """
        The records of the report's dead letters are kept, with the reason.
        """
        batcher = self._open("a", "b", "c")
        lease = leased(batcher)
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
            lease = leased(batcher, policy=UploadPolicy(max_messages=1))
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
        lease = leased(batcher)
        batcher.park(lease.load_id, parked_whole(lease), at=NOON)
        batcher.append([payload("b")], at=NOON)

        assert [1] == offsets_of(leased(batcher))
        assert [payload("a").document, payload("b").document] == self.stored()

    @clause("B8")
    def test_b8_a_parked_load_comes_back_as_it_was(self) -> None:
        """
        Carried on by a new process it has its id, records and notes; attempt 1.
        """
        old = self._open("a", "b")
        lease = leased(old)
        old.note(lease.load_id, "routes", "here", at=NOON)
        leased(old)
        old.park(lease.load_id, parked_whole(lease), at=NOON)
        old.close()
        new = self._open("c")
        new.carry_on(lease.load_id)
        again = leased(new)

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
            lease = leased(batcher, policy=UploadPolicy(max_messages=1))
            reports.append(parked_whole(lease))
            batcher.park(lease.load_id, reports[-1], at=NOON)
        batcher.carry_on(reports[0].load_id)
        lease = leased(batcher)
        batcher.park(lease.load_id, reports[0], at=NOON)

        assert reports == list(self._open().parked())
        assert reports[0].load_id == self._open().status().parked_load_ids[0]

    @clause("B8")
    def test_b8_only_a_parked_load_can_be_carried_on(self) -> None:
        """
        A load that is open, committed or unknown raises `KeyError`.
        """
        batcher = self._open("a")
        lease = leased(batcher)
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
        lease = leased(batcher)
        leased(self._open(), at=NOON + self._expiry)
        with pytest.raises(LeaseLostError):
            batcher.park(lease.load_id, parked_whole(lease), at=NOON)

        assert () == tuple(batcher.parked())

    @clause("B8")
    def test_b8_a_replayed_payload_gets_a_new_offset_once(self) -> None:
        """
        A replay keeps bytes and receipt; a second one finds nothing to do.
        """
        batcher = self._open("a", "b", "c")
        lease = leased(batcher)
        batcher.commit(lease.load_id, report(lease, dead=[1]), at=NOON)
        replayed = [batcher.replay([Offset(1), Offset(2), Offset(77)])]
        replayed.append(self._open().replay([Offset(1)]))
        again = leased(batcher, at=NOON + SECOND)

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
        lease = leased(batcher)
        batcher.commit(lease.load_id, report(lease, dead=[0]), at=NOON)
        later = NOON + timedelta(hours=2)
        batcher.append([payload("b")], at=later)
        batcher.replay([Offset(0)])
        due = batcher.lease(UploadPolicy(), at=later)

        assert due is not None
        assert [1, 2] == offsets_of(due)
