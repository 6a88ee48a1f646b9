"""
What a batcher must do when loads are handed out: B3 to B6.
"""

from __future__ import annotations

from datetime import timedelta

from databricks_forwarder.settings import UploadPolicy
from databricks_forwarder.testing.contracts._batcher_hooks import BatcherHooks
from databricks_forwarder.testing.contracts._clause import clause
from databricks_forwarder.testing.contracts._loads import (
    ANY_AGE,
    NOON,
    SECOND,
    between,
    carried,
    leased,
    offsets_of,
    parked_whole,
    payload,
    records_of,
    report,
)

__all__ = ["Leasing"]

_MICROSECOND = timedelta(microseconds=1)


class Leasing(BatcherHooks):
    """
    Tests of leasing: what is due, to whom, and under which name.
    """

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
        assert between(0, 1) == leased(batcher, seal=False).offsets

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
    def test_b3_a_record_from_ahead_is_not_the_oldest(self) -> None:
        """
        A record of a clock that is ahead makes nothing due beside a fresh one.
        """
        batcher = self._open()
        policy = UploadPolicy(max_age=timedelta(minutes=90), max_messages=10)
        batcher.append([payload("a")], at=NOON + policy.max_age)
        alone = batcher.lease(policy, at=NOON + policy.max_age - _MICROSECOND)
        batcher.append([payload("b")], at=NOON)

        assert alone is None
        assert batcher.lease(policy, at=NOON) is None
        assert [0, 1] == offsets_of(leased(batcher))

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
        assert [0] == offsets_of(leased(batcher))

    @clause("B3")
    def test_b3_a_load_takes_the_oldest_records_up_to_the_limit(self) -> None:
        """
        A load ends before the record that would take it over the limit.
        """
        batcher = self._open()
        batcher.append([payload(name, 4) for name in "abc"], at=NOON)
        lease = leased(batcher)

        assert (between(0, 1), 8) == (lease.offsets, lease.message_count)
        assert [0, 1] == offsets_of(lease)

    @clause("B3")
    def test_b3_a_load_takes_exactly_the_limit(self) -> None:
        """
        Records that fill the limit to the last message travel together.
        """
        batcher = self._open()
        batcher.append([payload(name, 5) for name in "abc"], at=NOON)

        assert [0, 1] == offsets_of(leased(batcher))

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

        assert [[0], [1], [2]] == [carried(batcher) for _ in "abc"]

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
        ] == [carried(batcher) for _ in range(3)]

    @clause("B4")
    def test_b4_the_holder_gets_the_same_load_again(self) -> None:
        """
        Asked again, under another policy and with more waiting, it is the same.
        """
        batcher = self._open("a", "b")
        first = leased(batcher)
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
        first = leased(old)
        records = records_of(first)
        old.close()
        new = self._open("c")
        again = leased(new, policy=UploadPolicy(max_messages=1))

        assert (first.load_id, 2) == (again.load_id, again.attempt)
        assert records == records_of(again)

    @clause("B4")
    def test_b4_another_holder_gets_the_same_load_after_expiry(self) -> None:
        """
        A holder that was not heard of loses its load to the next one.
        """
        first = leased(self._open("a", "b"))
        other = self._open("c")
        again = leased(other, at=NOON + self._expiry)

        assert first.load_id == again.load_id
        assert [0, 1] == offsets_of(again)

    @clause("B4")
    def test_b4_the_records_can_be_read_again(self) -> None:
        """
        Each iteration over a lease's records begins anew.
        """
        lease = leased(self._open("a", "b"))

        assert [0, 1] == offsets_of(lease)
        assert [0, 1] == offsets_of(lease)

    @clause("B5")
    def test_b5_a_second_holder_waits_until_expiry(self) -> None:
        """
        While a load is out nobody else gets one, waiting records or not.
        """
        leased(self._open("a"))
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
        lease = leased(batcher)
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
        parked = leased(batcher)
        batcher.park(parked.load_id, parked_whole(parked), at=NOON)
        batcher.append([payload("b")], at=NOON)
        out = leased(batcher)
        batcher.carry_on(parked.load_id)

        assert out.load_id == leased(batcher).load_id
        assert self._open().lease(ANY_AGE, at=NOON, seal=True) is None

    @clause("B5")
    def test_b5_an_expired_holder_goes_on_if_nobody_took_over(self) -> None:
        """
        A late commit is as good as one in time while nobody else has the load.
        """
        batcher = self._open("a")
        lease = leased(batcher)
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

        assert 3 == len({leased(batcher).load_id for batcher in batchers})
        assert 3 == len({batcher.id for batcher in batchers})

    @clause("B6")
    def test_b6_a_restarted_batcher_names_no_load_again(self) -> None:
        """
        Loads of one storage have different names, before and after a restart.
        """
        names = set()
        for _ in range(3):
            batcher = self._open("a")
            lease = leased(batcher)
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

        assert f"{name}-0-1" == leased(batcher).load_id
        assert name == batcher.id
