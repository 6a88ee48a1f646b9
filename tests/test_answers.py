"""
Answers to who asks beforehand, and how they read.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walking import InMemory, batch, custom

from databricks_forwarder.answers import Outcome, Reason, Simulation, Window
from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.errors import (
    ConfigurationError,
    PayloadError,
    RouteError,
    SetupError,
)
from databricks_forwarder.model import EventKey, LoadId, Table, TableName
from databricks_forwarder.mparticle.names import is_kind
from databricks_forwarder.routers.default import default_router
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.routers.threshold import ThresholdRouter
from databricks_forwarder.settings import ConnectionSettings

AT = datetime(2026, 3, 31, 12, tzinfo=timezone.utc)
DAY = timedelta(days=1)
SIGN_UP = EventKey("custom_event", custom_event_type="navigation", event_name="Sign Up")
OWN = TableName("event_navigation_signup")


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[InMemory]:
    """
    A composition in memory, with a threshold of 3.
    """
    memory = InMemory(tmp_path)
    yield memory
    memory.die()


def counted(*loads: tuple[int, int]) -> MemoryEventCounts:
    """
    Count loads of a kind: how many days ago, and how many messages.
    """
    counts = MemoryEventCounts()
    for number, (age_days, messages) in enumerate(loads):
        day = (AT - age_days * DAY).date()
        counts.add(LoadId(f"load-{number}"), {SIGN_UP.kind: messages}, on=day)
    return counts


def reason(
    key: EventKey = SIGN_UP,
    *loads: tuple[int, int],
    at_hand: int = 1,
    counts: MemoryEventCounts | None = None,
    **options: Any,
) -> Reason:
    """
    Ask the default router why.
    """
    options = {"schema_name": "shop", "events_threshold": 10, **options}
    router = default_router(counts or counted(*loads), **options)
    return router.explain({key: at_hand}, at=AT)[key]


# -- reasons -----------------------------------------------------------------


def test_a_rare_kind_is_told_what_is_missing() -> None:
    """
    Count, window, threshold, and what is missing are in it.
    """
    found = reason(SIGN_UP, (1, 4), (40, 100), at_hand=2)
    window = Window(
        first_day=date(2026, 3, 1),
        last_day=date(2026, 3, 31),
        forwarded=4,
        at_hand=2,
        threshold=10,
    )

    assert (
        Reason(
            key=SIGN_UP,
            table=Table(TableName("shop_otherevents")),
            rule="rare",
            router="ThresholdRouter",
            window=window,
            is_sticky=True,
        )
        == found
    )
    assert (6, 4) == (window.total, window.missing)
    assert [
        "custom_event 'Sign Up' of type 'navigation': goes to table shop_otherevents.",
        (
            "4 messages of this kind were forwarded from 2026-03-01 to 2026-03-31 "
            "(UTC), and 2 are at hand: 6 in all, 4 less than the 10 that a table of "
            "its own takes. Until then it goes to the common table."
        ),
    ] == str(found).splitlines()


def test_a_frequent_kind_is_told_its_new_name() -> None:
    """
    From the threshold on it has a table, whose name is new.
    """
    found = reason(SIGN_UP, (1, 9))

    assert (OWN, "frequent", 0, False) == (
        found.table and found.table.name,
        found.rule,
        found.window and found.window.missing,
        found.was_named,
    )
    assert [
        (
            "custom_event 'Sign Up' of type 'navigation': goes to table "
            "event_navigation_signup."
        ),
        (
            "9 messages of this kind were forwarded from 2026-03-01 to 2026-03-31 "
            "(UTC), and 1 is at hand: 10 in all, and 10 are enough for a table of "
            "its own. It keeps its table, also when it becomes rare."
        ),
        "The name is new: it will be given in the load that brings this.",
    ] == str(found).splitlines()


def test_a_kind_that_is_not_sticky_is_told_so() -> None:
    """
    Without stickiness it is told that the table is not for ever.
    """
    found = reason(SIGN_UP, (1, 9), sticky=False)

    assert "When it becomes rare, its events go to the common table again." in str(
        found
    )


def test_a_kind_that_was_frequent_keeps_its_table() -> None:
    """
    Below the threshold stickiness is the reason, and the name is an old one.
    """
    counts = counted((31, 10), (0, 1))
    router = default_router(counts, schema_name="shop", events_threshold=10)
    router.route({SIGN_UP: 10}, at=AT - 31 * DAY)
    found = reason(counts=counts)

    assert ("kept", OWN, True) == (
        found.rule,
        found.table and found.table.name,
        found.was_named,
    )
    assert "1 message of this kind was forwarded from 2026-03-01" in str(found)
    assert "It has its table from earlier, and keeps it: the router is sticky." in str(
        found
    )
    assert "The table got its name before, and nothing else gets it." in str(found)


@pytest.mark.parametrize(
    ("sends", "rule", "sentence"),
    [
        (True, "no event", "is one row, and never has a table of its own."),
        (
            False,
            "dropped",
            "those are not forwarded: so send_batches_without_events says.",
        ),
    ],
)
def test_a_batch_without_events_is_told(sends: bool, rule: str, sentence: str) -> None:
    """
    It goes to the common table or is dropped, as the setting says.
    """
    connection = ConnectionSettings(send_batches_without_events=sends)
    found = reason(EventKey(None), connection=connection)

    assert rule == found.rule
    assert str(found).startswith("a batch without events: ")
    assert str(found).endswith(sentence)


FEED = EventKey("session_start", feed="Acme")


@pytest.mark.parametrize(
    ("key", "options", "rule", "table", "setting"),
    [
        (FEED, {}, "feed", "acme", None),
        (
            FEED,
            {"table_name": "ads"},
            "chosen",
            "ads",
            "table_name of feed 'Acme'",
        ),
        (
            FEED,
            {"split_partner_feed_data_by_event_name": True},
            "split feed",
            "acme_session_start",
            "split_partner_feed_data_by_event_name of feed 'Acme'",
        ),
        (
            EventKey(None, feed="Acme"),
            {"send_batches_without_events": False},
            "dropped",
            None,
            "send_batches_without_events of feed 'Acme'",
        ),
    ],
)
def test_a_feed_is_told_its_setting(
    key: EventKey,
    options: Mapping[str, Any],
    rule: str,
    table: str | None,
    setting: str | None,
) -> None:
    """
    What decides for a feed is a setting, which is named with whose it is.
    """
    feeds = {"Acme": ConnectionSettings(**options)}
    found = reason(key, feeds=feeds)

    assert (rule, table, setting, "FeedRouter") == (
        found.rule,
        found.table and found.table.name,
        found.setting,
        found.router,
    )
    assert setting is None or f"so {setting} says." in str(found)


def test_settings_of_all_feeds_are_told_as_such() -> None:
    """
    A feed without settings of its own has those of the connection.
    """
    found = reason(FEED, connection=ConnectionSettings(table_name="ads"))

    assert "table_name of all feeds" == found.setting


def test_a_name_with_a_hash_is_told_why() -> None:
    """
    Who came second is told that the plain name is another's.
    """
    counts = counted()
    other = EventKey(
        "custom_event", custom_event_type="navigation", event_name="signup"
    )
    reason_before = reason(other, counts=counts, at_hand=10)
    default_router(counts, schema_name="shop", events_threshold=1).route(
        {SIGN_UP: 1}, at=AT
    )
    found = reason(other, counts=counts, at_hand=10)

    assert reason_before.naming is None
    assert (
        "Its name ends with a hash because the plain name, event_navigation_signup, "
        "is another's."
    ) == found.naming
    assert str(found).endswith(f"\n{found.naming}")


@pytest.mark.parametrize(
    ("key", "naming"),
    [
        (
            EventKey("shop_otherevents"),
            (
                "Its name ends with a hash because the plain name, shop_otherevents, "
                "belongs to the common table."
            ),
        ),
        (
            EventKey("custom_event", event_name="a" * 300),
            (
                "Its name ends with a hash because what it is made from is too long "
                "for a name, or has neither letter nor digit."
            ),
        ),
    ],
)
def test_names_that_can_t_be_plain_are_told(key: EventKey, naming: str) -> None:
    """
    The common table's name, and what is too long, are reasons for a hash.
    """
    assert naming == reason(key, at_hand=10).naming


def test_a_name_given_by_other_rules_is_told() -> None:
    """
    A name that was given stays, also when it would be another one today.
    """
    counts = counted((0, 10))
    options = {"schema_name": "shop", "events_threshold": 1}
    ThresholdRouter(counts, naming=lambda _: "old", **options).route(  # type: ignore[arg-type]
        {SIGN_UP: 1}, at=AT
    )

    assert (
        "Its name was given under other rules: it would be event_navigation_signup "
        "today."
    ) == reason(counts=counts).naming


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (EventKey(""), "an event without a type"),
        (EventKey("screen_view"), "screen_view"),
        (EventKey("odd type"), "'odd type'"),
        (EventKey("été"), "'été'"),
        (
            EventKey("x", feed="F", environment="development", group="g\n"),
            "x (feed 'F', environment 'development', group 'g\\n')",
        ),
    ],
)
def test_keys_are_told_in_words(key: EventKey, text: str) -> None:
    """
    What comes from outside is quoted, and nothing that is said is left out.
    """
    assert str(Reason(key=key, table=None, rule="router", router="R")).startswith(
        f"{text}: is dropped"
    )


def test_a_count_without_a_window_is_no_reason() -> None:
    """
    Who gives a reason by count must give the count.
    """
    with pytest.raises(ValueError, match="rule 'rare' needs a window"):
        str(Reason(key=SIGN_UP, table=None, rule="rare"))


# -- the forwarder's explain -------------------------------------------------


def test_a_payload_is_explained_event_by_event(memory: InMemory) -> None:
    """
    All its events are at hand at once, and each has its reason, in order.
    """
    with memory.forwarder() as forwarder:
        found = forwarder.explain(batch(custom("A"), custom("B"), *[custom("A")] * 2))
        (without,) = forwarder.explain("{}")

    assert ["frequent", "rare", "frequent", "frequent"] == [each.rule for each in found]
    assert "no event" == without.rule


def test_a_key_is_explained_as_a_load_of_it(memory: InMemory) -> None:
    """
    As many messages as are said are at hand; one, if none are said.
    """
    with memory.forwarder() as forwarder:
        found = [forwarder.explain(SIGN_UP, messages=each).rule for each in (1, 3)]
        alone = forwarder.explain(SIGN_UP)

    assert ["rare", "frequent"] == found
    assert "rare" == alone.rule
    assert {} == memory.counts().names()


def test_what_no_router_answers_for_is_told(memory: InMemory) -> None:
    """
    What is left out goes to the common table, and nobody decided.
    """
    with memory.forwarder(router=FunctionRouter(lambda _: None)) as forwarder:
        found = forwarder.explain(SIGN_UP)

    assert ("left out", "", "shop_otherevents") == (
        found.rule,
        found.router,
        found.table and found.table.name,
    )
    assert str(found).endswith(
        "No router answers for it, so it goes to the common table."
    )


def test_what_can_t_be_explained_is_refused(memory: InMemory) -> None:
    """
    Neither nothing, nor what is no batch, nor a router that breaks is explained.
    """
    with memory.forwarder() as forwarder:
        with pytest.raises(ConfigurationError, match="at least 1, not 0"):
            forwarder.explain(SIGN_UP, messages=0)
        with pytest.raises(PayloadError, match="no mParticle batch"):
            forwarder.explain(b"[]")

    class Broken(FunctionRouter):
        def explain(self, *_: Any, **__: Any) -> Any:
            raise LookupError

    router = Broken(lambda _: "t")
    with (
        memory.forwarder(router=router) as forwarder,
        pytest.raises(RouteError, match="the router raised LookupError"),
    ):
        forwarder.explain(SIGN_UP)


# -- simulate ----------------------------------------------------------------


def simulated(counts: Any, *thresholds: int, **options: Any) -> Simulation:
    """
    Ask a router with a threshold of 10.
    """
    options = {"schema_name": "shop", "events_threshold": 10, **options}
    return default_router(counts, **options).simulate(list(thresholds), at=AT)


def test_a_simulation_replays_the_days() -> None:
    """
    Messages sit in the common table until the day on which the kind got there.
    """
    counts = counted((40, 3), (20, 3), (10, 3), (0, 1))
    found = simulated(counts, 6, 9, 10)
    days = [
        (each.tables[0].reached_on, each.common_message_count)
        for each in found.outcomes
        if each.tables
    ]

    assert [(date(2026, 3, 11), 0), (date(2026, 3, 21), 3)] == days
    assert (7, 1, 7) == (
        found.message_count,
        found.kind_count,
        found.outcomes[2].common_message_count,
    )
    assert [7, 4] == [each.own_message_count for each in found.outcomes[:2]]


def test_a_kind_that_is_not_sticky_goes_back() -> None:
    """
    Without stickiness rare days are in the common table, also after frequent ones.
    """
    counts = counted((35, 5), (34, 5), (3, 2), (2, 2))
    sticky, loose = (
        simulated(counts, 9, sticky=each).outcomes[0] for each in (True, False)
    )

    assert [0, 4] == [sticky.common_message_count, loose.common_message_count]
    assert [OWN] == [each.table for each in loose.tables]


def test_a_simulation_tells_what_comes_and_goes() -> None:
    """
    Tables that would come have the wished name; those that would go are named.
    """
    counts = counted((0, 10))
    router = default_router(counts, schema_name="shop", events_threshold=10)
    router.route({SIGN_UP: 1, EventKey("session_start", feed="Acme"): 1}, at=AT)
    counts.add(
        LoadId("more"),
        {EventKey("screen_view").kind: 4, EventKey(None).kind: 2},
        on=AT.date(),
    )
    few, many = simulated(counts, 4, 100).outcomes

    assert (("screen_view",), ()) == (tuple(few.gained), few.lost)
    assert ((), (OWN,)) == (tuple(many.gained), many.lost)
    assert [2, 16] == [few.common_message_count, many.common_message_count]


def test_a_simulation_reads_well() -> None:
    """
    A line for each threshold, now's first, and a sentence for what would change.
    """
    counts = counted((0, 1500))
    default_router(counts, schema_name="shop").route({SIGN_UP: 10_000}, at=AT)
    found = str(simulated(counts, 1000, 2000, events_threshold=10_000))

    assert [
        "1,500 messages from 2026-03-01 to 2026-03-31 (UTC); 1 kind of event",
        "threshold  tables  more  fewer  in the common table    share",
        "   10,000       0     0      1                1,500  100.0 %  now",
        "    1,000       1     0      0                    0    0.0 %",
        "    2,000       0     0      1                1,500  100.0 %",
        (
            "with 2,000 there would not be event_navigation_signup (they stay if it is "
            "changed now: a table once given is kept)"
        ),
    ] == found.splitlines()


def test_a_simulation_of_very_many_tables_tells_some() -> None:
    """
    Ten names of those that would change are told, and how many more there are.
    """
    names = tuple(TableName(f"t{number:02}") for number in range(12))
    outcome = Outcome(threshold=1, tables=(), lost=names, common_message_count=0)
    found = Simulation(
        first_day=date(2026, 3, 1),
        last_day=date(2026, 3, 31),
        is_sticky=False,
        message_count=0,
        kind_count=0,
        today=outcome,
        outcomes=[outcome],
    )

    assert str(found).endswith("t08, t09 and 2 more")
    assert "0.0 %" in str(found)


@pytest.mark.parametrize("threshold", [0, -1, True, "1", 1.0])
def test_what_is_no_threshold_is_refused(threshold: Any) -> None:
    """
    A threshold is a whole number of messages, at least one.
    """
    with pytest.raises(ConfigurationError, match="a threshold must be an integer"):
        simulated(counted(), threshold)


def test_who_has_no_threshold_can_t_simulate(memory: InMemory) -> None:
    """
    It takes a router with a threshold, and counts that can be listed.
    """

    class Unlisted:
        def __init__(self) -> None:
            counts = MemoryEventCounts()
            self.totals, self.given = counts.totals, counts.given

    with (
        memory.forwarder(router=FunctionRouter(lambda _: "t")) as forwarder,
        pytest.raises(ConfigurationError, match="FunctionRouter can't simulate"),
    ):
        forwarder.simulate(5)
    with pytest.raises(ConfigurationError, match="Unlisted can't list"):
        simulated(Unlisted(), 5)


def test_one_threshold_or_several_are_asked_for(memory: InMemory) -> None:
    """
    A number is as good as a list of one.
    """
    with memory.forwarder() as forwarder:
        one, many = forwarder.simulate(5), forwarder.simulate(each for each in (5, 6))

    assert [5] == [each.threshold for each in one.outcomes]
    assert [5, 6] == [each.threshold for each in many.outcomes]
    assert 3 == one.today.threshold


KEYS = (
    SIGN_UP,
    EventKey("screen_view"),
    EventKey("screen_view", environment="development"),
    EventKey("session_start"),
    EventKey(None),
)


@settings(max_examples=100, deadline=None)
@given(
    loads=st.lists(
        st.tuples(
            st.integers(0, 25),
            st.dictionaries(st.sampled_from(KEYS), st.integers(1, 4), min_size=1),
        ),
        max_size=12,
    ),
    threshold=st.integers(1, 9),
    window_days=st.sampled_from([1, 7, 30]),
    sticky=st.booleans(),
)
def test_what_is_simulated_is_what_a_router_does(
    *,
    loads: list[tuple[int, dict[EventKey, int]]],
    threshold: int,
    window_days: int,
    sticky: bool,
) -> None:
    """
    A router with that threshold gives exactly the tables that are simulated.
    """
    counts = [MemoryEventCounts(), MemoryEventCounts()]
    at = AT
    one, other = (
        ThresholdRouter(
            each,
            schema_name="shop",
            events_threshold=each_threshold,
            window_days=window_days,
            sticky=sticky,
        )
        for each, each_threshold in zip(counts, (threshold, 1000), strict=True)
    )
    for number, (days, load) in enumerate(loads):
        at += days * DAY
        for router in (one, other):
            router.route(load, at=at)
            router.loaded(LoadId(f"load-{number}"), load, at=at)
    (outcome,) = other.simulate([threshold], at=at).outcomes
    given = {name for owner, name in counts[0].names().items() if is_kind(owner)}

    assert given == {each.table for each in outcome.tables}
    assert one.simulate([1000], at=at).today.tables == tuple(
        # Of the other router's point of view nothing is there yet.
        type(each)(
            table=each.table,
            kind=each.kind,
            message_count=each.message_count,
            reached_on=each.reached_on,
            is_there=True,
        )
        for each in outcome.tables
    )


# -- counts that can't be listed ---------------------------------------------


class Unlisted:
    """
    Event counts that do what they must, and nothing beyond.
    """

    def __init__(self, counts: MemoryEventCounts) -> None:
        self.totals, self.add = counts.totals, counts.add
        self.given, self.give, self.propose = counts.given, counts.give, counts.propose


def test_counts_that_can_t_be_listed_are_asked_one_by_one() -> None:
    """
    Loads, names and counts of a plan are the same, whatever the counts offer.
    """
    documents = [batch(*[custom("A")] * 2), batch(custom("A"), custom("B")), b"{}"]
    plans = []
    for wrap in (Unlisted, lambda each: each):
        with tempfile.TemporaryDirectory() as folder:
            memory = InMemory(Path(folder))
            router = memory.router(wrap(memory.counts()))
            memory.counts().give({"somebody's": [TableName("event_navigation_a")]})
            with memory.forwarder(router=router) as forwarder:
                plans.append(forwarder.plan(documents))
                forwarder.explain(SIGN_UP)
            names = memory.counts().names()

    assert plans[0] == plans[1]
    assert {"somebody's": "event_navigation_a"} == names


def test_counts_that_are_wrong_are_told(memory: InMemory) -> None:
    """
    A person's turn is a person's turn, also when one only asks.
    """

    def wrong(**_: object) -> None:
        raise SetupError("wrong")

    memory.event_counts.kept = wrong  # type: ignore[method-assign, assignment]
    with memory.forwarder() as forwarder, pytest.raises(SetupError, match="wrong"):
        forwarder.explain(SIGN_UP)
