"""
Whoever is erased is nowhere, whatever dies when; all others are where they were.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from datetime import datetime, timedelta
from pathlib import Path

import attrs
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from erasures import InSchema, Steps, bytes_under, refusing
from hypothesis import given, settings
from hypothesis import strategies as st
from walking import Composition, InMemory, OnDisk, batch, custom, event_ids

from databricks_forwarder import Erasure, Forwarder
from databricks_forwarder.model import Account, Payload
from databricks_forwarder.testing.faults import Fail, Killed, faulty

HOUR = timedelta(hours=1)
PEOPLE = range(1, 5)
TABLE = "event_navigation_buy"
PLACES = ("loaded", "dead", "broken", "parked", "open", "waiting")


def name(person: int) -> str:
    """
    An address that is in a payload, and nowhere else.
    """
    return f"person-{person}-of-four@example.com"


def payload(person: int, event_id: int, at: datetime | None = None) -> bytes:
    """
    Two events of a person: one has a table of its own.
    """
    members = {} if at is None else {"timestamp_unixtime_ms": at.timestamp() * 1000}
    return batch(
        custom("Buy", event_id),
        {"event_type": "screen_view", "data": {"event_id": event_id}},
        **members,
        mpid=str(1000 + person),
        user_identities={"email": name(person), "customerid": f"c{person}"},
    )


@attrs.define
class World:
    """
    Parts in which people are everywhere.

    Attributes:
        ids: Person → ids of their events that are still to be found in the end.
    """

    parts: Composition
    next_id: int = 0
    ids: dict[int, list[int]] = attrs.field(factory=dict)

    def fill(self, where: Sequence[tuple[int, str]]) -> None:
        """
        Put payloads of people into each place, in the order of the places.
        """
        for place in PLACES:
            people = [person for person, each in where if each == place]
            if people:
                getattr(self, f"_put_{place}")(people)

    def _submit(self, forwarder: Forwarder, people: Sequence[int]) -> None:
        payloads = []
        for person in people:
            self.next_id += 1
            self.ids.setdefault(person, []).append(self.next_id)
            payloads.append(payload(person, self.next_id))
        forwarder.submit_many(payloads)

    def _put_loaded(self, people: Sequence[int]) -> None:
        with self.parts.forwarder() as forwarder:
            self._submit(forwarder, people)
            forwarder.flush()

    def _put_parked(self, people: Sequence[int]) -> None:
        # Three of a kind have a table of their own.
        with self.parts.forwarder(wrap=refusing(TABLE)) as forwarder:
            self._submit(forwarder, [*people, 4, 4, 4])
            forwarder.flush()
            assert forwarder.parked()

    def _put_open(self, people: Sequence[int]) -> None:
        fault = Fail(method="load", nth=1, when="after")
        dying = self.parts.forwarder(
            wrap=lambda part, it: faulty(it, fault) if part == "loader" else it
        )
        self._submit(dying, people)
        with suppress(Killed):
            dying.flush()
        self.parts.die()

    def _put_dead(self, people: Sequence[int]) -> None:
        self._die([(payload(person, 0), 3) for person in people])

    def _put_broken(self, people: Sequence[int]) -> None:
        self._die([(payload(person, 0)[:-1], 2) for person in people])

    def _die(self, payloads: Sequence[tuple[bytes, int]]) -> None:
        with self.parts.forwarder() as forwarder:
            forwarder._batcher.append(
                [Payload(document, count) for document, count in payloads],
                at=self.parts.clock.now(),
            )
            forwarder.flush()

    def _put_waiting(self, people: Sequence[int]) -> None:
        with self.parts.forwarder() as forwarder:
            self._submit(forwarder, people)

    def erase(self, people: Sequence[int], steps: Steps) -> Erasure | None:
        """
        Erase people, some by mpid and some by identity; None if it died.
        """
        forwarder = self.parts.forwarder(wrap=steps.wrap)
        try:
            return forwarder.erase(
                mpids=[1000 + person for person in people if person % 2],
                identities={
                    "Email": [name(person) for person in people if not person % 2]
                },
                request_id="request-1",
            )
        except Killed:
            return None
        finally:
            self.parts.die()

    def settle(self) -> None:
        """
        Carry all that can be carried.
        """
        with self.parts.forwarder() as forwarder:
            for report in forwarder.parked():
                forwarder.carry_on(report.load_id)
            forwarder.flush()

    def payloads(self, people: Sequence[int]) -> int:
        """
        Count the payloads of people that are in the spool.
        """
        return sum(
            name(person).encode() in document
            for document in spooled(self.parts)
            for person in people
        )

    def rows(self, people: Sequence[int]) -> int:
        """
        Count the rows of people that are in tables.
        """
        mpids = {1000 + person for person in people}
        return sum(
            mpid in mpids
            for table in self.parts.tables().values()
            for mpid in table["mpid"].to_pylist()
        )

    def expected(self, erased: Sequence[int]) -> Counter[int]:
        """
        Ids of the events of all others, each twice: two events have one.
        """
        return Counter(
            each
            for person, ids in self.ids.items()
            for each in ids * 2
            if person not in erased
        )


def spooled(parts: Composition) -> list[bytes]:
    """
    Read all payloads of a spool, not through its batcher.
    """
    if isinstance(parts, InMemory):
        dead = [kept for kept, _ in parts.storage.dead.values()]
        kept = [*parts.storage.records.values(), *dead]
        return [each.record.payload for each in kept]
    with closing(sqlite3.connect(parts.folder / "spool.db")) as database:
        found = database.execute(
            "SELECT payload FROM records UNION ALL SELECT payload FROM dead_letters"
        )
        return [document for (document,) in found]


def traces(folder: Path) -> bytes:
    """
    Everything in a folder, files of columns as they are read, after a vacuum.
    """
    for log in folder.glob("lake/*/_delta_log"):
        DeltaTable(str(log.parent)).vacuum(
            retention_hours=0,
            enforce_retention_duration=False,
            dry_run=False,
            full=True,
        )
    values = [
        str(pq.read_table(path).to_pydict()) for path in folder.rglob("*.parquet")
    ]
    return bytes_under(folder) + "".join(values).encode()


def examine(
    world: World,
    erased: Sequence[int],
    last: int,
    when: str,
    *,
    is_carried_between: bool,
) -> None:
    """
    Erase with a death in the middle, again, and see that nothing is left.
    """
    account = _account(world)
    before = Counter(_there(world, erased))
    world.erase(erased, Steps(last, when))
    gone = before - Counter(_there(world, erased))
    _agree(world)
    if is_carried_between:
        with world.parts.forwarder() as forwarder:
            forwarder.flush()
    gone += Counter(_there(world, erased))
    receipt = world.erase(erased, Steps())
    assert receipt is not None
    assert receipt.finished_at is not None
    assert gone == Counter(_told_by(receipt))
    _agree(world)
    assert 0 == world.rows(erased)
    written = traces(world.parts.folder)
    assert all(name(person).encode() not in written for person in erased)
    assert "example.com" not in repr(receipt)
    # What comes late of before is dropped, what is of later is not.
    _hand_in(
        world, [payload(each, 999, world.parts.clock.now() - HOUR) for each in erased]
    )
    world.settle()
    _agree(world)
    assert world.expected(erased) == event_ids(world.parts.tables())
    assert 0 == world.rows(erased)
    _hand_in(
        world, [payload(each, 998, world.parts.clock.now() + HOUR) for each in erased]
    )
    world.settle()
    _agree(world)
    new = Counter({998: 2 * len(erased)})
    assert world.expected(erased) + new == event_ids(world.parts.tables())
    assert account.received + 4 * len(erased) == _account(world).received
    assert set() == world.parts.staged()


def _hand_in(world: World, payloads: Sequence[bytes]) -> None:
    with world.parts.forwarder() as forwarder:
        forwarder.submit_many(payloads)


def _there(world: World, people: Sequence[int]) -> dict[str, int]:
    return {"payloads": world.payloads(people), "rows": world.rows(people)}


def _told_by(receipt: Erasure) -> dict[str, int]:
    spool = receipt.spool
    payloads = spool.waiting + spool.in_loads + spool.dead
    return {"payloads": payloads, "rows": receipt.row_count}


def _account(world: World) -> Account:
    with world.parts.forwarder() as forwarder:
        return forwarder.status().account


def _agree(world: World) -> None:
    with world.parts.forwarder() as forwarder:
        differences = forwarder.reconcile().differences
        assert [] == [each.sentence for each in differences]
        assert forwarder.status().account.is_balanced


EVERYWHERE = [(person, place) for person in (1, 2, 3) for place in PLACES]


def _steps(kind: type[Composition], folder: Path) -> Iterator[int]:
    """
    Number the calls of parts that an erasure makes.
    """
    steps = Steps()
    world = World(kind(folder))
    world.fill(EVERYWHERE)
    world.erase([1, 2], steps)
    return iter(range(1, steps.count + 1))


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_erasure_that_dies_at_any_step_is_completed_by_the_next(
    when: str, tmp_path: Path
) -> None:
    """
    Killed at each call of a part in turn, and called again, it leaves nothing.
    """
    for last in _steps(InMemory, tmp_path):
        world = World(InMemory(tmp_path))
        world.fill(EVERYWHERE)
        examine(world, [1, 2], last, when, is_carried_between=bool(last % 2))


@pytest.mark.timeout(300)  # dies and is completed at each step
def test_an_erasure_on_a_lake_that_dies_is_completed_by_the_next(
    tmp_path: Path,
) -> None:
    """
    So it is on disk, killed in turn before and after a call.
    """
    (tmp_path / "0").mkdir()
    for last in _steps(OnDisk, tmp_path / "0"):
        world = World(OnDisk(tmp_path / str(last)))
        world.parts.folder.mkdir()
        world.fill(EVERYWHERE)
        when = "after" if last % 2 else "before"
        examine(world, [1, 2], last, when, is_carried_between=bool(last % 3))


@st.composite
def _stories(
    draw: st.DrawFn,
) -> tuple[list[tuple[int, str]], list[int], int, str, bool]:
    person = st.sampled_from(PEOPLE)
    where = draw(st.lists(st.tuples(person, st.sampled_from(PLACES)), max_size=12))
    erased = draw(st.lists(person, min_size=1, max_size=3, unique=True))
    last = draw(st.integers(1, 20))
    when = draw(st.sampled_from(["before", "after"]))
    return where, erased, last, when, draw(st.booleans())


def _told(kind: type[Composition], story: tuple) -> None:
    where, erased, last, when, is_carried_between = story
    with tempfile.TemporaryDirectory() as folder:
        world = World(kind(Path(folder)))
        world.fill(where)
        examine(world, erased, last, when, is_carried_between=is_carried_between)


@pytest.mark.timeout(300)  # twelve lakes, each erased by a host that dies
@settings(max_examples=12, deadline=None)
@given(_stories())
def test_erased_people_are_nowhere_on_a_lake(story: tuple) -> None:
    """
    Wherever people are in spool and lake, who is erased is left in no file.
    """
    _told(OnDisk, story)


@settings(max_examples=4, deadline=None)
@given(_stories())
def test_erased_people_are_nowhere_in_a_workspace(story: tuple) -> None:
    """
    Wherever people are in spool and workspace, who is erased is in no table.
    """
    _told(InSchema, story)
