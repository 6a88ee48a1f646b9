"""
A forwarder against a multiset of events: whatever dies or fails, and when.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from databricks_forwarder.errors import BatcherError, ForwarderError
from databricks_forwarder.testing.faults import Killed
from databricks_forwarder.testing.machines._forwarder_hosts import (
    POLICY,
    ForwarderHosts,
)
from databricks_forwarder.testing.machines._misfortunes import Misfortune, misfortunes
from databricks_forwarder.testing.machines._multiset import Drawn, Event

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from databricks_forwarder._forwarder import Forwarder


__all__ = ["ForwarderMachine"]

_BATCHES = st.lists(
    st.builds(
        Drawn,
        names=st.lists(st.sampled_from(["Open", "Close"]), max_size=3),
        is_unlucky=st.sampled_from([False, False, True]),
    ),
    min_size=1,
    max_size=3,
)
_PICK = st.integers(0, 3)


class ForwarderMachine(ForwarderHosts):
    """
    Hosts one after the other over one spool and one destination.

    Each submits numbered events, ticks and flushes, carries on and replays,
    until it is closed or dies, before or after any call of any part; parts
    raise what they may meanwhile, and a router's `group` breaks and is mended.
    In the end, and in between, each acknowledged event must be in one table
    once, or be counted as what it is; nothing may stay staged.

    Attributes:
        lease_seconds: How long the batcher lets a holder keep a load without
            a note.
    """

    def _try(self, call: Callable[[], Any]) -> Any:
        """
        Make *call*; what this life was to raise is no surprise.
        """
        try:
            return call()
        except Killed:
            self.die(self._parts)
            self._begin([])
        except (ForwarderError, ValueError):
            if not self._befalls:
                raise
        return None

    @rule(befalls=misfortunes(), closes=st.booleans())
    def live(self, befalls: list[Misfortune], *, closes: bool) -> None:
        """
        Begin another life, in which this will happen; the old one closes or dies.
        """
        if closes:
            self._forwarder.close()
        else:
            self.die(self._parts)
        self._begin(befalls)

    @rule(
        lives=st.lists(
            st.tuples(misfortunes(min_size=1), _BATCHES), min_size=1, max_size=3
        )
    )
    def live_through(self, lives: list[tuple[list[Misfortune], list[Drawn]]]) -> None:
        """
        Begin lives that submit and flush until it happens, one after the other.
        """
        for befalls, batches in lives:
            self.live(befalls, closes=True)
            self.submit_many(batches)
            self.flush(times=1)

    @rule(batches=_BATCHES)
    def submit_many(self, batches: list[Drawn]) -> None:
        """
        Hand in some batches with a checkpoint.
        """
        payloads = self._sent.hand_in(batches, is_told=True)
        checkpoint = self._sent.checkpoint
        self._submitted(
            lambda: self._forwarder.submit_many(payloads, checkpoint=checkpoint)
        )

    @rule(batch=_BATCHES.map(lambda batches: batches[0]))
    def submit(self, batch: Drawn) -> None:
        """
        Hand in one batch, without a checkpoint.
        """
        (payload,) = self._sent.hand_in([batch], is_told=False)
        self._submitted(lambda: self._forwarder.submit(payload))

    def _submitted(self, submit: Callable[[], Any]) -> None:
        def submitted() -> None:
            try:
                receipt = submit()
            except BatcherError:
                self._sent.refuse()
                raise
            self._sent.acknowledge()
            assert self._sent.last_message_count == receipt.message_count

        self._try(submitted)

    @rule()
    def tick(self) -> None:
        """
        Tick, early or late; before its time no load is made.
        """
        status = self._parts["batcher"].status()
        oldest_at = status.oldest_received_at
        is_early = not status.open_load_ids and (
            oldest_at is None
            or (
                status.waiting < POLICY.max_messages
                and self._clock.now() - oldest_at < POLICY.max_age
            )
        )
        report = self._try(self._forwarder.tick)
        assert report is None or not is_early

    @rule(times=st.sampled_from([1, 6]))
    def flush(self, times: int) -> None:
        """
        Carry all that waits; again and again, as a host does after errors.
        """
        for _ in range(times):
            self._try(self._forwarder.flush)

    @precondition(lambda self: bool(self._parts["batcher"].parked()))
    @rule(pick=_PICK)
    def carry_on(self, pick: int) -> None:
        """
        Take up a parked load again.
        """
        parked = self._parts["batcher"].parked()
        load_id = parked[pick % len(parked)].load_id
        self._try(lambda: self._forwarder.carry_on(load_id))

    @rule(is_broken=st.booleans())
    def change_the_router(self, *, is_broken: bool) -> None:
        """
        Let the router's group break on unlucky batches from now on, or no more.
        """
        self._is_broken = is_broken

    @precondition(lambda self: any(self._parts["batcher"].dead_letters()))
    @rule()
    def replay(self) -> None:
        """
        Replay all that is dead, mended or not.
        """
        self._try(self._forwarder.replay)

    @rule(minutes=st.sampled_from([1, 16, 91]))
    def wait(self, minutes: int) -> None:
        """
        Let time pass: a little, a lease or more, until a load is due.
        """
        self._clock.advance(minutes=minutes)

    @rule()
    def look(self) -> None:
        """
        Compare what is told with what is there, in the middle of it all.
        """
        self._rows()

    def _rows(self) -> Counter[Event]:
        """
        Read the events in all tables, and see that the account tells of them.
        """
        batcher = self._parts["batcher"]
        status = batcher.status()
        account = status.account
        rows = self._sent.rows(self.tables())
        dead = self._sent.dead(batcher.dead_letters())

        assert account.is_balanced
        assert account.dead == sum(dead.values())
        assert not rows & dead
        assert account.loaded <= rows.total() <= account.loaded + account.pending
        if not status.open_load_ids and not status.parked_load_ids:
            assert account.loaded == rows.total()
        missing = self._sent.acknowledged - rows - dead
        assert missing.total() <= account.pending + account.dropped
        return rows

    @rule()
    def settle(self) -> None:
        """
        Mend everything, carry all there is, and see that each event is there.
        """
        self._is_broken = False
        self.live([], closes=False)
        self._clock.advance(seconds=self.lease_seconds)
        forwarder = self._forwarder
        for report in forwarder.parked():
            forwarder.carry_on(report.load_id)
        self._carried(forwarder)
        forwarder.replay()
        self._carried(forwarder)
        self.live([], closes=True)
        self._forwarder.tick()
        self._see_that_all_is_well()

    def _carried(self, forwarder: Forwarder) -> None:
        assert [] == [report for report in forwarder.flush() if report.is_parked]

    def _see_that_all_is_well(self) -> None:
        account = self._parts["batcher"].status().account
        rows = self._rows()
        missing = self._sent.acknowledged - rows

        assert (0, 0) == (account.dead, account.pending)
        assert missing.total() <= account.dropped
        assert not [event for event in missing if event.event_id is not None]
        assert self._sent.halves(rows) == []
        assert [] == list(self.staged())
        assert [] == list((self.tmp_path / "scratch").glob("*"))
        assert self.learnt() in {None, rows.total()}

    def teardown(self) -> None:
        """
        Settle, unless the run has failed already, and release what was opened.
        """
        try:
            if sys.exc_info()[0] is None:
                self.settle()
        finally:
            super().teardown()
