"""
What a batcher must tell of what it keeps: B11 and B13 to B15.
"""

from __future__ import annotations

import pytest

from databricks_forwarder._abilities import offers
from databricks_forwarder.abilities import RecallingBatcher
from databricks_forwarder.errors import LeaseLostError
from databricks_forwarder.model import Account, DamagedRecord, Offset, Record
from databricks_forwarder.testing.contracts._batcher_hooks import BatcherHooks
from databricks_forwarder.testing.contracts._clause import clause
from databricks_forwarder.testing.contracts._loads import (
    NOON,
    SECOND,
    leased,
    parked_whole,
    payload,
    records_of,
    report,
)

__all__ = ["Telling"]


class Telling(BatcherHooks):
    """
    Tests of damage, notes and the account.
    """

    @clause("B11")
    def test_b11_a_damaged_record_is_reported_in_its_place(self) -> None:
        """
        Whole records before and after a damaged one are handed out.
        """
        batcher = self._open("a", "b", "c")
        self.damage(Offset(1))
        records = records_of(leased(batcher))

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
        lease = leased(batcher)
        batcher.commit(lease.load_id, report(lease, dead=[0]), at=NOON)
        letters = [letter.payload for letter in batcher.dead_letters()]
        batcher.replay([Offset(0)])
        records = records_of(leased(batcher))

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
        lease = leased(batcher)
        batcher.commit(lease.load_id, report(lease, dead=[0, 1]), at=NOON)

        assert [False, True] == [letter.is_damaged for letter in batcher.dead_letters()]

    @clause("B13")
    def test_b13_notes_come_back_with_the_lease(self) -> None:
        """
        A new process gets each note, in the last version of its key.
        """
        old = self._open("a")
        lease = leased(old)
        old.note(lease.load_id, "routes", "first", at=NOON)
        old.note(lease.load_id, "staged", "file", at=NOON)
        old.note(lease.load_id, "routes", "second", at=NOON)
        again = leased(self._open(), at=NOON + self._expiry)

        assert {} == dict(lease.notes)
        assert {"routes": "second", "staged": "file"} == dict(again.notes)

    @clause("B13")
    def test_b13_a_holder_that_lost_its_load_cannot_note(self) -> None:
        """
        A note to a load that someone else holds is not kept.
        """
        batcher = self._open("a")
        lease = leased(batcher)
        other = self._open()
        leased(other, at=NOON + self._expiry)
        with pytest.raises(LeaseLostError):
            batcher.note(lease.load_id, "routes", "late", at=NOON)

        assert {} == dict(leased(other, at=NOON + self._expiry).notes)

    @clause("B13")
    def test_b13_notes_belong_to_their_load(self) -> None:
        """
        The next load begins without the notes of the one before.
        """
        batcher = self._open("a")
        lease = leased(batcher)
        batcher.note(lease.load_id, "routes", "here", at=NOON)
        batcher.commit(lease.load_id, report(lease), at=NOON)
        batcher.append([payload("b")], at=NOON)

        assert {} == dict(leased(batcher).notes)

    @clause("B14")
    def test_b14_the_account_follows_each_call(self) -> None:
        """
        Messages go from pending to loaded, dead and dropped, and none is lost.
        """
        batcher = self._open()
        accounts = [batcher.status().account]
        batcher.append([payload(name, 2) for name in "abcd"], at=NOON)
        accounts.append(batcher.status().account)
        lease = leased(batcher)
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
        lease = leased(batcher)
        batcher.park(lease.load_id, report(lease, dropped=1, parked=4), at=NOON)
        accounts = [batcher.status().account]
        batcher.carry_on(lease.load_id)
        accounts.append(batcher.status().account)
        lease = leased(batcher)
        batcher.park(lease.load_id, report(lease, dropped=1, parked=2), at=NOON)
        accounts.append(batcher.status().account)
        batcher.carry_on(lease.load_id)
        lease = leased(batcher)
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
        lease = leased(batcher)
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
        parked = leased(batcher)
        batcher.park(parked.load_id, parked_whole(parked), at=NOON)
        batcher.append([payload("b")], at=NOON)
        out = leased(batcher)
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
        lease = leased(holder)
        other = self._open()
        if not offers(holder, RecallingBatcher) or not offers(other, RecallingBatcher):
            return
        before = dict(other.notes(lease.load_id))
        holder.note(lease.load_id, "staged", "file", at=NOON)
        noted = dict(other.notes(lease.load_id))
        holder.park(lease.load_id, report(lease, parked=2), at=NOON)
        parked = dict(other.notes(lease.load_id))
        other.carry_on(lease.load_id)
        again = leased(other)
        other.commit(again.load_id, report(again), at=NOON)

        assert ({}, {"staged": "file"}, {"staged": "file"}) == (before, noted, parked)
        assert {} == dict(holder.notes(lease.load_id))
