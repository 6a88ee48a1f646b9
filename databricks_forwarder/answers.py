"""
What is answered to who asks before acting: reasons, steps, simulations.

All are values; ``str()`` of one that is for people is text for people. Names of
events and feeds are in them, which are a host's data: texts quote them, so that
no character of theirs acts on a terminal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

from databricks_forwarder._answer_texts import reason_text, simulation_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from databricks_forwarder.model import EventKey, EventKind, Table, TableName

__all__ = [
    "Described",
    "Outcome",
    "Prospect",
    "Reason",
    "Rule",
    "SimulatedTable",
    "Simulation",
    "Window",
]

Rule = Literal[
    "chosen",
    "dropped",
    "feed",
    "frequent",
    "kept",
    "left out",
    "no event",
    "rare",
    "router",
    "split feed",
]
"""
Why a key goes where it goes.

``frequent``
    Its kind has reached the threshold, and has a table of its own.
``kept``
    Its kind is below the threshold, and keeps the table that it was given.
``rare``
    Its kind is below the threshold: the common table.
``no event``
    It is a batch without events: the common table.
``dropped``
    It is a batch without events, and a setting says to drop those.
``feed``
    It came from a partner feed, which has a table of its own.
``split feed``
    So it did, and the feed is split by event name.
``chosen``
    So it did, and a setting says the table's name.
``router``
    A router that gives no reasons says so.
``left out``
    No router answers for it: the common table.
"""


@attrs.frozen(kw_only=True)
class Window:
    """
    A count that is held against a threshold.

    Attributes:
        first_day: First day (UTC) whose messages count, inclusive.
        last_day: The day of the answer, inclusive.
        forwarded: Messages of the kind that were forwarded on these days.
        at_hand: Messages of the kind that are at hand; they count, too.
        threshold: Messages that give a kind a table, inclusive.
    """

    first_day: date
    last_day: date
    forwarded: int
    at_hand: int
    threshold: int

    @property
    def total(self) -> int:
        """
        All messages that count.
        """
        return self.forwarded + self.at_hand

    @property
    def missing(self) -> int:
        """
        Messages that are missing to the threshold; 0 when it is reached.
        """
        return max(0, self.threshold - self.total)


@attrs.frozen(kw_only=True)
class Reason:
    """
    Where the messages of an event key go, and why.

    Attributes:
        key: The key.
        table: Their table; None when they are dropped by rule.
        rule: What decided; see `Rule`.
        router: The class of the router that decided; empty when none did.
        window: The count that was held against the threshold, where one was.
        is_sticky: Whether a kind keeps its table when it becomes rare; None
            where nothing is counted.
        setting: The setting that decided, and whose it is, in words; None when
            none did.
        was_named: Whether the table had its name before this answer; the moment
            is not kept. None where no name is given by rule.
        naming: Why the name is not just made from the event, in a sentence;
            None when it is.
    """

    key: EventKey
    table: Table | None
    rule: Rule
    router: str = ""
    window: Window | None = None
    is_sticky: bool | None = None
    setting: str | None = None
    was_named: bool | None = None
    naming: str | None = None

    def __str__(self) -> str:
        return reason_text(self)


@attrs.frozen(kw_only=True)
class Described:
    """
    What a loader would run for one table of one load.

    Attributes:
        is_there: Whether the table is there; None when nobody has looked.
        preparing: What would be run to make or widen the table, in the words of
            the loader's engine; where `is_there` is None, if it is not there.
        loading: What would be run to load the files, in the same words.
    """

    is_there: bool | None
    preparing: Sequence[str] = attrs.field(default=(), repr=False)
    loading: Sequence[str] = attrs.field(default=(), repr=False)


@attrs.frozen(kw_only=True)
class SimulatedTable:
    """
    A table that a kind of event would have.

    Attributes:
        table: Its name: the one that the kind was given, or would wish for.
        kind: The kind.
        message_count: Messages of the window that would be in it.
        reached_on: The day (UTC) on which the kind reached the threshold, the
            first of those kept.
        is_there: Whether the kind has a table of its own now.
    """

    table: TableName
    kind: EventKind
    message_count: int
    reached_on: date
    is_there: bool


@attrs.frozen(kw_only=True)
class Outcome:
    """
    What one threshold would have done over the counts that are kept.

    Attributes:
        threshold: Which.
        tables: The tables that kinds would have of their own, by name.
        lost: Tables that kinds have now, and would not have, by name.
        common_message_count: Messages of the window that would be in the common
            table.
    """

    threshold: int
    tables: Sequence[SimulatedTable] = attrs.field(repr=False)
    lost: Sequence[TableName] = attrs.field(repr=False)
    common_message_count: int

    @property
    def gained(self) -> Sequence[TableName]:
        """
        Tables that kinds would have, and have not now, by name.
        """
        return [each.table for each in self.tables if not each.is_there]

    @property
    def own_message_count(self) -> int:
        """
        Messages of the window that would be in tables of their own.
        """
        return sum(each.message_count for each in self.tables)


@attrs.frozen(kw_only=True)
class Simulation:
    """
    What other thresholds would have done over the counts that are kept.

    Days are replayed as they were counted, for all kinds: on each day a kind
    has, or gets, its table exactly if a router with that threshold would have
    given it one in the day's last load. A day's messages count as in one table.
    Feeds are counted with their kinds, as mParticle does: what a feed's own
    table took is in these figures, too.

    Attributes:
        first_day: First day (UTC) of the window, inclusive.
        last_day: The day of the answer, inclusive.
        is_sticky: Whether a kind keeps its table when it becomes rare: then
            what an outcome calls lost would stay if the threshold were changed
            now.
        message_count: Messages of the window.
        kind_count: Kinds of event that were counted on any of the days kept.
        today: What the threshold of now would have done.
        outcomes: What each of the thresholds asked for would have done.
    """

    first_day: date
    last_day: date
    is_sticky: bool
    message_count: int
    kind_count: int
    today: Outcome
    outcomes: Sequence[Outcome]

    def __str__(self) -> str:
        return simulation_text(self)


@attrs.frozen(kw_only=True)
class Prospect:
    """
    How far a kind of event is from a table of its own.

    Attributes:
        table: The table that it has, or would get if it got one now.
        has_table: Whether it has it.
        message_count: Messages counted in the window.
        threshold: Messages from which on it gets its table.
        window_days: Days over which they are counted.
        per_day: Messages a day lately; None while too few days are known.
        likely_on: The day (UTC) on which it gets its table if it goes on so;
            None if it has it, would not get it, or nobody can tell yet.
    """

    kind: EventKind
    table: TableName
    has_table: bool
    message_count: int
    threshold: int
    window_days: int
    per_day: float | None = None
    likely_on: date | None = None
