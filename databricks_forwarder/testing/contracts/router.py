"""
What a router must do: clauses R1, R2, R3, R5, R6 and R7.

R4, that a router which raises costs no data, is the walk's to keep: no router
can break it.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from itertools import combinations
from typing import TYPE_CHECKING

from databricks_forwarder._abilities import offers
from databricks_forwarder.abilities import (
    ForeseeingRouter,
    LearningRouter,
    PreviewingRouter,
)
from databricks_forwarder.model import EventKey, LoadId
from databricks_forwarder.testing.contracts._clause import Contract, clause

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence

    from databricks_forwarder.model import EventKind, Table
    from databricks_forwarder.protocols import Router

__all__ = ["ODD_KEYS", "RouterContract"]


def _custom(
    event_name: str | None, custom_event_type: str | None = "other"
) -> EventKey:
    return EventKey(
        "custom_event", event_name=event_name, custom_event_type=custom_event_type
    )


ODD_KEYS: Sequence[EventKey] = (
    _custom("Sign Up"),
    _custom("SignUp"),
    _custom("signup"),
    _custom("sign-up"),
    _custom("sign_up"),
    _custom("other_sign_up", None),
    _custom("sign_up", "other_other"),
    _custom(None),
    _custom(""),
    _custom(None, None),
    _custom("🎉"),
    _custom("🎊"),
    _custom("a" * 300),
    _custom("a" * 299 + "b"),
    _custom("a.b/c d\x00\x1f\x7f`;--"),
    _custom("日本語"),
    _custom("Ame\u0301lie"),
    _custom("Am\u00e9lie"),
    EventKey("commerce_event", event_name="add_to_cart"),
    EventKey("commerce_event", event_name="Add To Cart"),
    EventKey("commerce_event"),
    EventKey("screen_view", event_name="Home"),
    EventKey("session_start"),
    EventKey("Session_Start"),
    EventKey("something_new"),
    EventKey(""),
    EventKey(None),
    EventKey("session_start", environment="development"),
    EventKey("session_start", group="tenant 7"),
    EventKey("session_start", feed="Acme Ads"),
    EventKey("custom_event", event_name="SignUp", feed="Acme Ads"),
    EventKey("custom_event", event_name="session_start", feed="Acme Ads"),
    EventKey("commerce_event", event_name="signup", feed="Acme Ads"),
    EventKey("session_start", feed="acme ads"),
    EventKey("session_start", feed="Acme Ads_SignUp"),
    EventKey("session_start", feed="🎉"),
    EventKey(None, feed="Acme Ads"),
    EventKey("", feed="Acme Ads"),
)
"""Keys that are easily taken for one another, or hard to make a name from."""

_AT = datetime(2026, 3, 31, 12, tzinfo=timezone.utc)
_MUCH_LATER = _AT + timedelta(days=1000)
_LEGAL = re.compile(r"[^. /\x00-\x1f\x7f]{1,255}")


class RouterContract(Contract):
    """
    Inherit this to examine a router.

    Attributes:
        message_count: Messages of each key in the load that is first routed.
            Choose it so that the router is put to the test: for one with a
            threshold, enough to reach it.
    """

    message_count: int = 10_000

    def make(self) -> Router:
        """
        Make the router of this test, as a new process does.

        All that are made within one test share one memory, which is empty at
        first.
        """
        raise NotImplementedError

    def keys(self) -> Sequence[EventKey]:
        """
        Tell the keys that the router must answer for.
        """
        return ODD_KEYS

    def identity(self, key: EventKey) -> Hashable:
        """
        Tell what a key's table belongs to: only keys that agree may share.
        """
        return key.kind, key.feed

    def shared(self) -> Collection[str]:
        """
        Name the tables that keys share on purpose, whatever their identity.
        """
        return ()

    def learnt(self) -> object:
        """
        Tell what the memory knows of loads, by a back door, to be compared.

        Asked only if the router learns.
        """
        raise NotImplementedError

    def _counts(self, keys: Iterable[EventKey]) -> Mapping[EventKey, int]:
        return dict.fromkeys(keys, self.message_count)

    @clause("R1")
    def test_r1_every_key_is_answered(self) -> None:
        """
        No key is left out, however odd.
        """
        answers = self.make().route(self._counts(self.keys()), at=_AT)

        assert not set(self.keys()) - set(answers)

    @clause("R1")
    def test_r1_every_key_is_answered_when_it_comes_alone(self) -> None:
        """
        A load of one key is a load.
        """
        left_out = [
            key
            for key in self.keys()
            if key not in self.make().route(self._counts([key]), at=_AT)
        ]

        assert not left_out

    @clause("R1")
    def test_r1_every_name_is_legal(self) -> None:
        """
        The catalog takes each name as it is, in lower case.
        """
        answers = self.make().route(self._counts(self.keys()), at=_AT)
        names = {table.name for table in answers.values() if table is not None}

        assert not [name for name in names if _LEGAL.fullmatch(name) is None]
        assert {name.lower() for name in names} == names

    @clause("R2")
    def test_r2_the_same_question_has_the_same_answer(self) -> None:
        """
        A router that is asked again answers the same.
        """
        router, counts = self.make(), self._counts(self.keys())
        expected = router.route(counts, at=_AT)

        assert expected == router.route(counts, at=_AT)

    @clause("R2")
    def test_r2_a_restart_changes_no_answer(self) -> None:
        """
        A new process answers as the old one did, in whatever order it is asked.
        """
        counts = self._counts(self.keys())
        expected = self.make().route(counts, at=_AT)
        backwards = dict(reversed(list(counts.items())))

        assert expected == self.make().route(backwards, at=_AT)

    @clause("R2")
    def test_r2_a_preview_is_the_answer_to_come(self) -> None:
        """
        A router that can preview says beforehand what it then answers.
        """
        router, counts = self.make(), self._counts(self.keys())
        if not offers(router, PreviewingRouter):
            return
        expected = router.preview(counts, at=_AT)

        assert expected == router.preview(counts, at=_AT)
        assert expected == router.route(counts, at=_AT)
        assert expected == router.preview(counts, at=_AT)

    @clause("R3")
    def test_r3_a_load_is_learnt_once(self) -> None:
        """
        Telling of a load again, also after a restart, changes nothing.
        """
        router, counts = self.make(), self._counts(self.keys())
        if not offers(router, LearningRouter):
            return
        load_id = LoadId("0123456789ab-0-9")
        at_first = self.learnt()
        router.loaded(load_id, counts, at=_AT)
        expected = self.learnt()
        router.loaded(load_id, counts, at=_AT)
        restarted = self.make()
        assert offers(restarted, LearningRouter)
        restarted.loaded(load_id, counts, at=_MUCH_LATER)

        assert expected != at_first
        assert expected == self.learnt()

    @clause("R5")
    def test_r5_a_key_keeps_its_table(self) -> None:
        """
        What was once answered holds when the key has become rare, and later.
        """
        keys = list(self.keys())
        expected = self.make().route(self._counts(keys), at=_AT)
        rare = dict.fromkeys(reversed(keys), 1)

        assert expected == self.make().route(rare, at=_MUCH_LATER)

    @clause("R6")
    def test_r6_keys_of_one_load_share_no_table_by_accident(self) -> None:
        """
        Different things that come together go to different tables.
        """
        answers = self.make().route(self._counts(self.keys()), at=_AT)

        assert not self._accidents(answers)

    @clause("R6")
    def test_r6_keys_of_different_loads_share_no_table_by_accident(self) -> None:
        """
        A key that comes later does not go where another is already.
        """
        answers: dict[EventKey, Table | None] = {}
        for key in self.keys():
            answers.update(self.make().route(self._counts([key]), at=_AT))

        assert not self._accidents(answers)

    @clause("R7")
    def test_r7_what_is_foreseen_is_what_is_routed(self) -> None:
        """
        Each kind is told once; the table that it has is the one it goes to.
        """
        router, counts = self.make(), self._counts(self.keys())
        if offers(router, LearningRouter):
            router.loaded(LoadId("0123456789ab-0-9"), counts, at=_AT)
        learnt = self.make()
        if not offers(learnt, ForeseeingRouter):
            return
        routed = _tables(learnt.route(counts, at=_AT))
        told = learnt.foresee(at=_AT)

        assert told == learnt.foresee(at=_AT)
        assert len({each.kind for each in told}) == len(told) > 0
        assert {(each.kind, each.table) for each in told if each.has_table} <= routed
        assert routed == _tables(learnt.route(counts, at=_AT))

    def _accidents(
        self, answers: Mapping[EventKey, Table | None]
    ) -> list[tuple[EventKey, EventKey]]:
        names = {
            key: table.name.lower()
            for key, table in answers.items()
            if table is not None and table.name not in self.shared()
        }
        return [
            (one, other)
            for one, other in combinations(names, 2)
            if names[one] == names[other] and self.identity(one) != self.identity(other)
        ]


def _tables(answers: Mapping[EventKey, Table | None]) -> set[tuple[EventKind, str]]:
    return {(key.kind, table.name) for key, table in answers.items() if table}
