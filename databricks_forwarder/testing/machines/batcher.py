"""
A batcher against a list: any calls of two hosts, in any order, at any time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from databricks_forwarder._abilities import offers
from databricks_forwarder.abilities import RecallingBatcher
from databricks_forwarder.errors import BatcherFullError, LeaseLostError
from databricks_forwarder.model import LoadId, Offset
from databricks_forwarder.settings import UploadPolicy
from databricks_forwarder.testing.machines._batcher_hosts import BatcherHosts
from databricks_forwarder.testing.machines._batcher_words import (
    payload_of,
    picked,
    record_at,
    refused,
    report_of,
    told,
)
from databricks_forwarder.testing.machines._queue import GONE, Load, seen

if TYPE_CHECKING:
    from collections.abc import Callable


__all__ = ["BatcherMachine"]

_HOSTS = st.integers(0, 1)
_DEAD = st.sets(st.integers(0, 2), max_size=2)
_PICK = st.integers(0, 3)
_ENDINGS = ["commit", "commit, replay", "park", "park, carry on", "nothing"]


class BatcherMachine(BatcherHosts):
    """
    Two hosts with one storage, each with a batcher and a clock of its own.

    They append, lease, note, commit, park, carry on, replay, close and open,
    are left behind without closing, and come too late. After each call both
    are asked for everything that a batcher tells. Clauses B1 to B9 and B11 to
    B15 are held against a list; threads (B10), other storages (B6) and what
    survives the loss of power (B1) are not this machine's.

    Attributes:
        lease_seconds: How long a batcher from `open` lets a holder keep a
            load without a note.
        max_bytes: Most payload bytes that a batcher from `open` keeps; None
            for any number.
    """

    @rule(
        host=_HOSTS,
        messages=st.lists(st.integers(1, 3), max_size=3),
        positions=st.sets(st.sampled_from(["p0", "p1"])),
    )
    def append(self, host: int, messages: list[int], positions: set[str]) -> None:
        """
        Append payloads of so many messages, with new positions of the source.
        """
        at, queue = self._clocks[host], self._queue
        payloads = [
            payload_of(queue.next_offset + index, count)
            for index, count in enumerate(messages)
        ]
        checkpoint = {
            name: f"{queue.next_offset}+{len(messages)}" for name in positions
        }
        size_bytes = sum(len(payload.document) for payload in payloads)

        def append() -> Any:
            return self._hosts[host].append(
                payloads, at=at, checkpoint=checkpoint or None
            )

        most = self.max_bytes
        if most is not None and size_bytes and queue.stored_bytes + size_bytes > most:
            refused(BatcherFullError, append)
        else:
            assert queue.append(payloads, at, checkpoint) == append()

    @rule(host=_HOSTS, max_messages=st.integers(1, 6), seal=st.booleans())
    def lease(self, host: int, max_messages: int, *, seal: bool) -> None:
        """
        Lease what is due, or what there is.
        """
        at = self._clocks[host]
        policy = UploadPolicy(max_age=3 * self._step, max_messages=max_messages)
        load = self._queue.open_load() or self._queue.new_load(
            policy.max_age, max_messages, at, seal=seal
        )
        lease = self._hosts[host].lease(policy, at=at, seal=seal)
        if load is None or (load.holder == 1 - host and at < load.expires_at):
            assert lease is None
            return
        if lease is None:
            # Whether it is known that the holder is gone is the batcher's matter.
            assert load.holder == GONE
            assert at < load.expires_at
            return
        load.attempt += 1
        load.holder = host
        load.expires_at = at + 2 * self._step
        self._lease = lease
        assert self._expected(load) == told(lease)

    @rule(
        host=_HOSTS,
        max_messages=st.integers(1, 6),
        dead=_DEAD,
        ending=st.sampled_from(_ENDINGS),
    )
    def carry(self, host: int, max_messages: int, dead: set[int], ending: str) -> None:
        """
        Lease, note, and settle, as the walk does: what is out elsewhere expires.
        """
        load = self._out()
        if load is not None and load.holder != host:
            self._clocks[host] = max(self._clocks[host], load.expires_at)
        self.lease(host, max_messages, seal=True)
        load = self._out()
        if load is None:
            return
        self.note(host, "routes", str(load.attempt))
        if ending.startswith("commit"):
            self.commit(host, dead, dropped=1)
        elif ending != "nothing":
            self.park(host, dead, dropped=0, left=1)
        if ending == "commit, replay":
            self.replay(host, len(dead), others=False)
        if ending == "park, carry on":
            self._hosts[host].carry_on(load.load_id)
            self._queue.carry_on(load)

    def _expected(self, load: Load) -> tuple[Any, ...]:
        damaged = self._queue.damaged
        return (
            *(load.load_id, load.offsets, load.message_count, load.attempt, load.notes),
            [
                attrs.evolve(record, payload=b"damaged")
                if record.offset in damaged
                else record
                for record in load.records
            ],
        )

    def _out(self) -> Load | None:
        load = self._queue.open_load()
        return None if load is None or load.holder is None else load

    @precondition(lambda self: self._out())
    @rule()
    def read_again(self) -> None:
        """
        Read the records of the load that is out once more.
        """
        load = self._queue.open_load()
        assert load is not None
        assert self._lease is not None
        assert self._expected(load)[-1] == told(self._lease)[-1]

    @precondition(lambda self: self._out())
    @rule(
        host=_HOSTS,
        key=st.sampled_from(["routes", "staged"]),
        text=st.sampled_from(["", "one", "zwei\n☃"]),
    )
    def note(self, host: int, key: str, text: str) -> None:
        """
        Note something of the load that is out.
        """
        load, at = self._out(), self._clocks[host]
        assert load is not None

        def note() -> None:
            self._hosts[host].note(load.load_id, key, text, at=at)

        if self._settles(load, host, note):
            load.notes[key] = text
            load.expires_at = at + 2 * self._step

    @precondition(lambda self: self._out())
    @rule(host=_HOSTS, dead=_DEAD, dropped=st.integers(0, 1))
    def commit(self, host: int, dead: set[int], dropped: int) -> None:
        """
        Commit the load that is out, with dead letters at some positions.
        """
        load, at = self._out(), self._clocks[host]
        assert load is not None
        report = report_of(load, dead=dead, dropped=dropped, at=at)

        def commit() -> None:
            self._hosts[host].commit(load.load_id, report, at=at)

        if self._settles(load, host, commit):
            self._queue.commit(load, report)

    @precondition(lambda self: self._out())
    @rule(host=_HOSTS, dead=_DEAD, dropped=st.integers(0, 1), left=st.integers(1, 3))
    def park(self, host: int, dead: set[int], dropped: int, left: int) -> None:
        """
        Park the load that is out, with messages left to be carried on.
        """
        load, at = self._out(), self._clocks[host]
        assert load is not None
        report = report_of(load, dead=dead, dropped=dropped, at=at, left=left)

        def park() -> None:
            self._hosts[host].park(load.load_id, report, at=at)

        if self._settles(load, host, park):
            self._queue.park(load, report)

    def _settles(self, load: Load, host: int, call: Callable[[], None]) -> bool:
        if load.holder == host:
            call()
            return True
        refused(LeaseLostError, call)
        return False

    @precondition(lambda self: self._queue.committed)
    @rule(host=_HOSTS, pick=_PICK)
    def commit_again(self, host: int, pick: int) -> None:
        """
        Commit a load that is committed; nothing may come of it.
        """
        report = picked(self._queue.committed, pick)
        self._hosts[host].commit(report.load_id, report, at=self._clocks[host])

    @rule(host=_HOSTS, pick=_PICK)
    def settle_what_is_not_out(self, host: int, pick: int) -> None:
        """
        Note, commit and park a load that nobody has out, or that never was.
        """
        never = Load(
            load_id=LoadId(f"{self._queue.batcher_id}-900-901"),
            records=[record_at(900), record_at(901)],
        )
        at_rest = [load for load in self._queue.loads if load.holder is None]
        load = picked([never, *at_rest], pick)
        batcher, at = self._hosts[host], self._clocks[host]
        report = report_of(load, at=at)
        refused(LeaseLostError, lambda: batcher.note(load.load_id, "k", "v", at=at))
        refused(LeaseLostError, lambda: batcher.commit(load.load_id, report, at=at))
        refused(LeaseLostError, lambda: batcher.park(load.load_id, report, at=at))

    @precondition(lambda self: self._queue.loads or self._queue.committed)
    @rule(host=_HOSTS, pick=_PICK)
    def carry_on(self, host: int, pick: int) -> None:
        """
        Carry on a load, which may not be parked.
        """
        parked = [load for load in self._queue.loads if load.report is not None]
        if parked:
            load = picked(parked, pick)
            self._hosts[host].carry_on(load.load_id)
            self._queue.carry_on(load)
            return
        known = [*self._queue.loads, *self._queue.committed]
        load_id = picked(known, pick).load_id
        refused(KeyError, lambda: self._hosts[host].carry_on(load_id))

    @precondition(lambda self: self._queue.committed)
    @rule(host=_HOSTS, count=st.integers(0, 3), others=st.booleans())
    def replay(self, host: int, count: int, *, others: bool) -> None:
        """
        Replay the latest dead letters, and offsets that are none.
        """
        offsets = sorted(self._queue.dead, reverse=True)[:count]
        if others:
            offsets += [record.offset for record in self._queue.pending()]
            offsets += [Offset(self._queue.next_offset + 7)]
        assert self._queue.replay(offsets) == self._hosts[host].replay(offsets)

    @invariant()
    def both_hosts_tell_what_the_list_tells(self) -> None:
        """
        Ask for everything that a batcher tells.
        """
        expected = self._queue.seen()
        assert expected["status"].account.is_balanced
        for batcher in self._hosts:
            assert expected == seen(batcher, self._queue.damaged)
            if offers(batcher, RecallingBatcher):
                notes = self._queue.notes
                assert notes == {each: dict(batcher.notes(each)) for each in notes}
