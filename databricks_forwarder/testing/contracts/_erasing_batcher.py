"""
What a batcher that erases must do: B16 to B20.
"""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

from databricks_forwarder.errors import LeaseLostError, TransientError
from databricks_forwarder.model import Account
from databricks_forwarder.testing.contracts._clause import clause
from databricks_forwarder.testing.contracts._erasing_hooks import (
    MARK,
    NOTE,
    ErasingHooks,
    counts_of,
)
from databricks_forwarder.testing.contracts._loads import (
    ANY_AGE,
    NOON,
    leased,
    offsets_of,
    payload,
    report,
)

__all__ = ["ErasingBatcherContract"]


class ErasingBatcherContract(ErasingHooks):
    """
    The clauses B16 to B20 of `databricks_forwarder.abilities.ErasingBatcher`.
    """

    @clause("B16")
    def test_b16_what_waits_is_erased_without_a_trace(self) -> None:
        """
        A waiting payload is in no lease and in no byte; its neighbours are.
        """
        batcher = self._open("ann", "bob", "cleo")
        note = self._erase(batcher, "bob")

        assert [True, False, True] == [
            self._holds("ann"),
            self._holds("bob"),
            self._holds("cleo"),
        ]
        assert [0, 2] == offsets_of(leased(batcher))
        assert (1, 0, 0, 2) == counts_of(note)

    @clause("B16")
    def test_b16_a_dead_letter_is_erased_without_a_trace(self) -> None:
        """
        A dead payload is in no letter and in no byte; other letters are.
        """
        batcher = self._open("ann", "bob")
        lease = leased(batcher)
        batcher.commit(lease.load_id, report(lease, dead=[0, 1]), at=NOON)
        note = self._erase(batcher, "ann")

        assert [1] == [letter.offset for letter in batcher.dead_letters()]
        assert not self._holds("ann")
        assert (0, 0, 1, 2) == counts_of(note)

    @clause("B16")
    def test_b16_what_was_loaded_leaves_no_trace(self) -> None:
        """
        Bytes of a payload that was committed before are nowhere either.
        """
        batcher = self._open("ann")
        lease = leased(batcher)
        batcher.commit(lease.load_id, report(lease), at=NOON)
        note = self._erase(batcher, "ann")

        assert not self._holds("ann")
        assert (0, 0, 0, 0) == counts_of(note)

    @clause("B16")
    def test_b16_a_large_payload_leaves_no_trace(self) -> None:
        """
        Nothing is left of a payload that is larger than what is written at once.
        """
        batcher = self._open("ann" * 40_000, "bob")
        self._erase(batcher, "ann" * 40_000)

        assert b"annannann" not in self.written()
        assert [1] == offsets_of(leased(batcher))

    @clause("B16")
    def test_b16_a_payload_that_nobody_can_read_stays(self) -> None:
        """
        A payload of which nobody can tell whose it is stays, and is counted.
        """
        batcher = self._open("ann", "bob")
        note = batcher.erase(NOTE, lambda _: None, MARK, at=NOON)

        assert (2, [0, 1]) == (
            note.erasure.spool.unread,
            offsets_of(leased(batcher)),
        )

    @clause("B17")
    def test_b17_erased_messages_are_dropped(self) -> None:
        """
        Messages of waiting, parked and dead payloads are dropped, all others stay.
        """
        batcher = self._open("ann", "bob")
        dead = leased(batcher)
        batcher.commit(dead.load_id, report(dead, dead=[0]), at=NOON)
        batcher.append([payload("ann", 2), payload("cleo", 2)], at=NOON)
        lease = leased(batcher)
        parked = report(lease, parked=1, dropped=1)
        batcher.park(lease.load_id, parked, at=NOON)
        batcher.append([payload("ann", 2)], at=NOON)
        self._erase(batcher, "ann")

        expected = Account(received=10, loaded=2, dropped=6, pending=2)
        assert expected == batcher.status().account

    @clause("B17")
    def test_b17_erasing_again_changes_no_account(self) -> None:
        """
        The second time nothing is counted, and the note tells of the first.
        """
        batcher = self._open("ann", "bob")
        first = self._erase(batcher, "ann")
        account = batcher.status().account
        again = self._erase(batcher, "ann", note=first)

        assert (account, first) == (batcher.status().account, again)

    @clause("B17")
    def test_b17_room_is_given_back(self) -> None:
        """
        Bytes of what was erased are no longer counted as stored.
        """
        batcher = self._open("ann", "bob")
        lease = leased(batcher)
        batcher.commit(lease.load_id, report(lease, dead=[0]), at=NOON)
        batcher.append([payload("ann"), payload("bob")], at=NOON)
        self._erase(batcher, "ann")

        assert len(payload("bob").document) == batcher.status().stored_bytes

    @clause("B18")
    def test_b18_a_parked_load_is_open_again_without_them(self) -> None:
        """
        It has its id, its notes and the mark, and its other records.
        """
        batcher = self._open("ann", "bob")
        lease = leased(batcher)
        batcher.note(lease.load_id, "routes", "there", at=NOON)
        batcher.park(lease.load_id, report(lease, parked=3), at=NOON)
        note = self._erase(batcher, "ann")
        again = leased(batcher)

        assert (lease.load_id,) == tuple(note.erasure.spool.opened_load_ids)
        assert (lease.load_id, lease.offsets, 2, 1) == (
            again.load_id,
            again.offsets,
            again.message_count,
            again.attempt,
        )
        assert {"routes": "there", "erased": "some"} == dict(again.notes)
        assert ([1], ()) == (offsets_of(again), tuple(batcher.parked()))
        assert (0, 1, 0, 2) == counts_of(note)

    @clause("B18")
    def test_b18_an_open_load_of_nobody_goes_on_without_them(self) -> None:
        """
        A load whose holder is gone has its other records, and can be committed.
        """
        self._open("ann", "bob").lease(ANY_AGE, at=NOON, seal=True)
        self._opened.pop().close()
        batcher = self._open()
        self._erase(batcher, "bob")
        lease = leased(batcher)
        batcher.commit(lease.load_id, report(lease), at=NOON)

        expected = Account(received=4, loaded=2, dropped=2)
        assert expected == batcher.status().account

    @clause("B18")
    def test_b18_a_load_without_any_stays_as_it_is(self) -> None:
        """
        A parked load that has nothing of it stays parked, with its report.
        """
        batcher = self._open("bob")
        lease = leased(batcher)
        parked = report(lease, parked=2)
        batcher.park(lease.load_id, parked, at=NOON)
        batcher.append([payload("ann")], at=NOON)
        self._erase(batcher, "ann")

        assert (parked,) == tuple(batcher.parked())
        assert {} == dict(batcher.notes(lease.load_id))

    @clause("B18")
    def test_b18_a_load_of_nothing_else_can_be_committed(self) -> None:
        """
        A load that has no record left is leased, and committed.
        """
        batcher = self._open("ann")
        self._erase(batcher, "ann")
        lease = leased(batcher)
        batcher.commit(lease.load_id, report(lease), at=NOON)

        assert [] == offsets_of(lease)
        assert Account(received=2, dropped=2) == batcher.status().account

    @clause("B18")
    def test_b18_the_own_lease_is_lost(self) -> None:
        """
        Who had a load out when its own batcher erased can't settle it any more.
        """
        batcher = self._open("ann", "bob")
        lease = leased(batcher)
        self._erase(batcher, "ann")

        with pytest.raises(LeaseLostError):
            batcher.commit(lease.load_id, report(lease), at=NOON)

    @clause("B19")
    def test_b19_nothing_is_erased_while_a_load_is_out(self) -> None:
        """
        While another holder has a load nothing changes, not even what waits.
        """
        holder = self._open("bob")
        lease = leased(holder)
        other = self._open("ann")
        with pytest.raises(TransientError, match=lease.load_id):
            self._erase(other, "ann")
        still = (self._holds("ann"), tuple(other.erasures()))
        holder.commit(lease.load_id, report(lease), at=NOON)
        self._erase(other, "ann")

        assert ((True, ()), False) == (still, self._holds("ann"))

    @clause("B20")
    def test_b20_the_note_is_kept_with_what_was_erased(self) -> None:
        """
        A new process reads the note as `erase` has returned it.
        """
        note = self._erase(self._open("ann"), "ann")

        assert (note,) == tuple(self._open().erasures())

    @clause("B20")
    def test_b20_one_note_is_kept_for_each_request(self) -> None:
        """
        A note of the same request takes the earlier one's place, in its place.
        """
        batcher = self._open()
        other = attrs.evolve(
            NOTE, erasure=attrs.evolve(NOTE.erasure, request_id="request-2")
        )
        batcher.keep_erasure(NOTE)
        batcher.keep_erasure(other)
        finished = attrs.evolve(NOTE.erasure, finished_at=NOON + timedelta(hours=1))
        again = attrs.evolve(NOTE, erasure=finished)
        batcher.keep_erasure(again)

        assert (again, other) == tuple(self._open().erasures())

    @clause("B20")
    def test_b20_who_never_erased_keeps_nothing(self) -> None:
        """
        Before the first erasure there is none.
        """
        assert () == tuple(self._open("ann").erasures())
