"""
A batcher against a list: any calls of two hosts, in any order, at any time.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from databricks_forwarder._abilities import offers
from databricks_forwarder.errors import BatcherFullError, LeaseLostError
from databricks_forwarder.model import (
    Account,
    DamagedRecord,
    Lease,
    LoadId,
    LoadReport,
    Offset,
    Payload,
)
from databricks_forwarder.protocols import RecallingBatcher
from databricks_forwarder.settings import UploadPolicy
from databricks_forwarder.testing.contracts._loads import NOON
from databricks_forwarder.testing.machines._machine import Machine
from databricks_forwarder.testing.machines._queue import GONE, Load, Queue, seen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from databricks_forwarder.protocols import Batcher

__all__ = ["BatcherMachine"]

_HOSTS = st.integers(0, 1)
_DEAD = st.sets(st.integers(0, 2), max_size=2)
_PICK = st.integers(0, 3)
_ENDINGS = ["commit", "commit, replay", "park", "park, carry on", "nothing"]


class BatcherMachine(Machine):
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

    lease_seconds: ClassVar[float] = 900.0
    max_bytes: ClassVar[int | None] = None

    def open(self) -> Batcher:
        """
        Give a batcher on this run's storage, as a new process sees it.

        The storage is empty at first, and lies under `tmp_path` or in an
        attribute: each run has an object of its own.
        """
        raise NotImplementedError

    def damage(self, offset: Offset) -> None:
        """
        Change a byte of a pending payload, not through the batcher.

        Where it is not said how, nothing is ever damaged.
        """
        raise NotImplementedError

    def die(self, batcher: Batcher) -> None:
        """
        Take from *batcher* what the system takes from a process that ends.

        Nothing, unless it is said what: its lease then lasts until it expires.
        """

    def __init__(self) -> None:
        super().__init__()
        self._hosts = [self._opened(), self._opened()]
        self._clocks = [NOON, NOON]
        self._queue = Queue(self._hosts[0].id)
        self._lease: Lease | None = None

    def _opened(self) -> Batcher:
        batcher = self.open()
        self.closing.callback(batcher.close)
        return batcher

    @property
    def _step(self) -> timedelta:
        # Two make an expiry and three an age that is due, so that hosts meet
        # both to the microsecond.
        return timedelta(seconds=self.lease_seconds / 2)

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
            _payload(queue.next_offset + index, count)
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
            _refused(BatcherFullError, append)
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
        assert self._expected(load) == _told(lease)

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
        assert self._expected(load)[-1] == _told(self._lease)[-1]

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
        report = _report(load, dead=dead, dropped=dropped, at=at)

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
        report = _report(load, dead=dead, dropped=dropped, at=at, left=left)

        def park() -> None:
            self._hosts[host].park(load.load_id, report, at=at)

        if self._settles(load, host, park):
            self._queue.park(load, report)

    def _settles(self, load: Load, host: int, call: Callable[[], None]) -> bool:
        if load.holder == host:
            call()
            return True
        _refused(LeaseLostError, call)
        return False

    @precondition(lambda self: self._queue.committed)
    @rule(host=_HOSTS, pick=_PICK)
    def commit_again(self, host: int, pick: int) -> None:
        """
        Commit a load that is committed; nothing may come of it.
        """
        report = _picked(self._queue.committed, pick)
        self._hosts[host].commit(report.load_id, report, at=self._clocks[host])

    @rule(host=_HOSTS, pick=_PICK)
    def settle_what_is_not_out(self, host: int, pick: int) -> None:
        """
        Note, commit and park a load that nobody has out, or that never was.
        """
        never = Load(
            load_id=LoadId(f"{self._queue.batcher_id}-900-901"),
            records=[_record(900), _record(901)],
        )
        at_rest = [load for load in self._queue.loads if load.holder is None]
        load = _picked([never, *at_rest], pick)
        batcher, at = self._hosts[host], self._clocks[host]
        report = _report(load, at=at)
        _refused(LeaseLostError, lambda: batcher.note(load.load_id, "k", "v", at=at))
        _refused(LeaseLostError, lambda: batcher.commit(load.load_id, report, at=at))
        _refused(LeaseLostError, lambda: batcher.park(load.load_id, report, at=at))

    @precondition(lambda self: self._queue.loads or self._queue.committed)
    @rule(host=_HOSTS, pick=_PICK)
    def carry_on(self, host: int, pick: int) -> None:
        """
        Carry on a load, which may not be parked.
        """
        parked = [load for load in self._queue.loads if load.report is not None]
        if parked:
            load = _picked(parked, pick)
            self._hosts[host].carry_on(load.load_id)
            self._queue.carry_on(load)
            return
        known = [*self._queue.loads, *self._queue.committed]
        load_id = _picked(known, pick).load_id
        _refused(KeyError, lambda: self._hosts[host].carry_on(load_id))

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

    @rule(host=_HOSTS)
    def reopen(self, host: int) -> None:
        """
        Close a batcher, twice, and open another in its place.
        """
        self._hosts[host].close()
        self._hosts[host].close()
        self._leave(host, holder=None)

    @rule(host=_HOSTS)
    def die_and_reopen(self, host: int) -> None:
        """
        Leave a batcher behind, and open another in its place.
        """
        self.die(self._hosts[host])
        self._leave(host, holder=GONE)

    def _leave(self, host: int, holder: str | None) -> None:
        self._hosts[host] = self._opened()
        for load in self._queue.loads:
            if load.holder == host:
                load.holder = holder

    @rule(
        steps=st.integers(1, 3),
        hosts=st.sampled_from([(0, 1), (0,), (1,)]),
    )
    def wait(self, steps: int, hosts: Sequence[int]) -> None:
        """
        Let clocks go on: two steps make an expiry, three a due age.
        """
        for host in hosts:
            self._clocks[host] += steps * self._step

    @precondition(lambda self: self._can_damage and self._queue.pending())
    @rule(pick=_PICK)
    def spoil(self, pick: int) -> None:
        """
        Damage a payload that is pending and whole.
        """
        damaged = self._queue.damaged
        pending = [record.offset for record in self._queue.pending()]
        whole = [offset for offset in pending if offset not in damaged]
        if whole:
            self.damage(_picked(whole, pick))
            damaged.add(_picked(whole, pick))

    @property
    def _can_damage(self) -> bool:
        return type(self).damage is not BatcherMachine.damage

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


def _payload(number: int, message_count: int) -> Payload:
    # Over two lines, and not in ASCII alone, as JSON may be.
    return Payload(f'{{"number":\n{number}, "größe": "☃"}}'.encode(), message_count)


def _record(offset: int) -> Any:
    queue = Queue("", next_offset=offset)
    queue.append([_payload(offset, 1)], NOON, {})
    return queue.waiting[0]


def _picked(items: Sequence[Any], pick: int) -> Any:
    return items[pick % len(items)]


def _told(lease: Lease) -> tuple[Any, ...]:
    records, again = list(lease.records), list(lease.records)
    assert records == again
    return (
        lease.load_id,
        lease.offsets,
        lease.message_count,
        lease.attempt,
        dict(lease.notes),
        [_whole(record) for record in records],
    )


def _whole(record: Any) -> Any:
    """
    Spell a damaged record as a record whose payload says so.
    """
    if not isinstance(record, DamagedRecord):
        return record
    assert record.reason
    spelt = _record(record.offset)
    return attrs.evolve(
        spelt,
        received_at=record.received_at,
        message_count=record.message_count,
        payload=b"damaged",
    )


def _report(
    load: Load,
    *,
    at: datetime,
    dead: set[int] | None = None,
    dropped: int = 0,
    left: int | None = None,
) -> LoadReport:
    """
    Report on *load*: what is neither dead, dropped nor left is loaded.
    """
    letters = load.letters(dead or ())
    lost = sum(letter.message_count for letter in letters)
    rest = load.message_count - lost
    # Of a parked load, dead letters are pending too.
    is_parked = left is not None
    left = min(left or 0, rest)
    dropped = min(dropped, rest - left)
    return LoadReport(
        load_id=load.load_id,
        offsets=load.offsets,
        attempt=load.attempt,
        settled_at=at,
        account=Account(
            received=load.message_count,
            loaded=rest - left - dropped,
            dropped=dropped,
            dead=0 if is_parked else lost,
            pending=left + lost if is_parked else 0,
        ),
        dead=letters,
        reason="it was parked" if is_parked else None,
    )


def _refused(error: type[Exception], call: Callable[[], object]) -> None:
    with suppress(error):
        call()
        msg = f"{error.__name__} was to be raised"
        raise AssertionError(msg)
