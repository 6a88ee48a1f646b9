"""
What would happen to payloads.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walking import InMemory, batch, custom

from databricks_forwarder import Forwarder, UploadPolicy
from databricks_forwarder._answer_texts import aligned
from databricks_forwarder.errors import (
    PayloadError,
    RouteError,
    SetupError,
    TransientError,
)
from databricks_forwarder.loaders.memory import MemoryLoader
from databricks_forwarder.model import EventKey, EventKind, LoadId, Table, TableName
from databricks_forwarder.plans import Plan, PlannedLoad
from databricks_forwarder.routers.first_match import FirstMatch
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.settings import ConnectionSettings
from databricks_forwarder.stagers.memory import MemoryStager
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.strategies import odd_payloads, payloads


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[InMemory]:
    """
    A composition in memory, with a threshold of 3.
    """
    memory = InMemory(tmp_path)
    yield memory
    memory.die()


def key(name: str, **parts: Any) -> EventKey:
    """
    Make the key of a custom event.
    """
    return EventKey(
        "custom_event", custom_event_type="navigation", event_name=name, **parts
    )


def rows(planned: Plan) -> dict[str, int]:
    """
    Tell the rows of each table.
    """
    return {each.table: each.message_count for each in planned.tables}


def tree(folder: Path) -> dict[str, bytes]:
    """
    Read all files under *folder*, but for where readers of SQLite say they read.
    """
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith("-shm")
    }


def test_a_plan_tells_tables_keys_and_drops(memory: InMemory) -> None:
    """
    Each message is under its table, or dropped.
    """

    def route(each: EventKey) -> Any:
        if each.event_type is None:
            return FunctionRouter.DROP
        return (
            Table(TableName("own"), "custom_event") if each.event_name == "A" else None
        )

    documents = [
        batch(custom("A"), custom("B"), custom("A")),
        b"{}",
        batch(custom("A"), environment="production"),
    ]
    with memory.forwarder(router=FunctionRouter(route)) as forwarder:
        found = forwarder.plan(documents)
    own, common = found.tables

    assert ("own", "custom_event", 3) == (own.table, own.event_type, own.message_count)
    assert {key("A"): 2, key("A", environment="production"): 1} == own.keys
    assert ("shop_otherevents", None, {key("B"): 1}) == (
        common.table,
        common.event_type,
        common.keys,
    )
    assert (1, {}, 0) == (found.dropped, found.dead, found.rescued_row_count)
    assert ["left out", "router"] == [
        each.reasons[one].rule for each, one in ((common, key("B")), (own, key("A")))
    ]


def test_a_plan_of_nothing_is_empty(memory: InMemory) -> None:
    """
    Without payloads there is nothing to tell.
    """
    with memory.forwarder() as forwarder:
        found = forwarder.plan([])
    expected = Plan(tables=(), loads=(), dropped=0, dead={}, rescued_row_count=0)

    assert expected == found
    assert "0 messages in 0 loads\n0 messages would be dropped by rule" == str(found)


def test_a_plan_is_made_with_groups(memory: InMemory) -> None:
    """
    A router's groups are in the keys; a batch without one is told as dead.
    """
    router = FunctionRouter(
        lambda each: f"t_{each.group}", group=lambda found: str(1 // found.mpid)
    )
    documents = [batch(custom("A"), mpid=1), batch(custom("A"), mpid=0)]
    with memory.forwarder(router=router) as forwarder:
        found = forwarder.plan(documents)

    assert {"t_1": 1} == rows(found)
    assert {1: "the router's group raised ZeroDivisionError"} == found.dead
    assert "payload 1 would be dead: the router's group raised" in str(found)


def test_a_plan_of_dead_payloads_alone_has_no_tables(memory: InMemory) -> None:
    """
    A load in which nothing can be read is a load, and asks the router nothing.
    """

    def broken(_: EventKey) -> str:
        raise AssertionError

    router = FunctionRouter(broken, group=lambda _: str(1 // 0))
    with memory.forwarder(router=router) as forwarder:
        found = forwarder.plan([batch(custom("A"))])

    assert ((), [0], 1) == (found.tables, list(found.dead), len(found.loads))


class Previewing:
    """
    A router of one's own that can preview, and has groups.
    """

    def route(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Table | None]:
        """
        Give names away, were it asked.
        """
        raise AssertionError

    def preview(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Table | None]:
        """
        Send groups to tables.
        """
        return {each: Table(TableName(f"to_{each.group}")) for each in counts}

    def group(self, _: Any) -> str:
        """
        Put all in one.
        """
        return "all"


@pytest.mark.parametrize("wrap", [lambda each: each, FirstMatch])
def test_a_router_that_previews_is_not_asked_to_route(
    memory: InMemory, wrap: Callable[[Any], Any]
) -> None:
    """
    A router that can preview is asked for that, also behind another.
    """
    with memory.forwarder(router=wrap(Previewing())) as forwarder:
        found = forwarder.plan([batch(custom("A"))])

    assert {"to_all": 1} == rows(found)


def test_a_plan_sees_what_was_counted(memory: InMemory) -> None:
    """
    A plan answers as a load at that moment would be routed.
    """
    kind = EventKind("custom_event", "navigation", "A")
    day = memory.clock.now().date() - timedelta(days=1)
    memory.counts().add(LoadId("0123456789ab-0-0"), {kind: 2}, on=day)
    with memory.forwarder() as forwarder:
        found = forwarder.plan([batch(custom("A"))])

    assert {"event_navigation_a": 1} == rows(found)


def test_a_router_that_raises_is_told(memory: InMemory) -> None:
    """
    A broken router shows in its plan.
    """

    def broken(_: EventKey) -> str:
        raise LookupError

    with (
        memory.forwarder(router=FunctionRouter(broken)) as forwarder,
        pytest.raises(RouteError, match="LookupError"),
    ):
        forwarder.plan([b"{}"])


@pytest.mark.parametrize("error", [TransientError, SetupError])
def test_counts_that_are_away_are_told(
    memory: InMemory, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What can't be read is no fault of the router's.
    """

    def away(**_: object) -> None:
        raise error("away")

    monkeypatch.setattr(memory.event_counts, "kept", away)
    with memory.forwarder() as forwarder, pytest.raises(error, match="away"):
        forwarder.plan([batch(custom("A"))])


def test_the_policy_cuts_the_loads(memory: InMemory) -> None:
    """
    Loads take what the policy lets them; later ones know of earlier ones.
    """
    documents = [batch(custom("A")), batch(custom("A")), batch(*[custom("A")] * 3)]
    with memory.forwarder(policy=UploadPolicy(max_messages=2)) as forwarder:
        found = forwarder.plan(documents)
    common, own = TableName("shop_otherevents"), TableName("event_navigation_a")

    assert (
        PlannedLoad(
            load_id=LoadId("000000000000-0-1"), message_count=2, tables=(common,)
        ),
        PlannedLoad(load_id=LoadId("000000000000-2-2"), message_count=3, tables=(own,)),
    ) == found.loads
    assert {common: 2, own: 3} == rows(found)
    assert "5 messages in 2 loads" in str(found)


def test_a_table_of_several_types_in_turn_has_all_columns(memory: InMemory) -> None:
    """
    Where loads differ in the type that a table gets, it is for all types.
    """
    router = FunctionRouter(lambda each: Table(TableName("t"), each.event_type))
    documents = [batch(custom("A")), batch({"event_type": "session_start"})]
    with memory.forwarder(
        router=router, policy=UploadPolicy(max_messages=1)
    ) as forwarder:
        found = forwarder.plan(documents)

    assert [("t", None, 2)] == [
        (each.table, each.event_type, len(each.files)) for each in found.tables
    ]


def test_rows_with_rescued_data_are_counted(memory: InMemory) -> None:
    """
    What fits no column is told before it is rescued.
    """
    with memory.forwarder() as forwarder:
        found = forwarder.plan([batch(custom("A"), unheard_of=1), b"{}"])

    assert 1 == found.rescued_row_count
    assert "1 row would have _rescued_data" in str(found)


def test_a_plan_reads_well(memory: InMemory) -> None:
    """
    The text has a line for each table, and the repr neither rows nor statements.
    """
    with memory.forwarder() as forwarder:
        found = forwarder.plan([batch(*[custom("A")] * 3, custom("B")), b"{}"])
    (head, *lines) = str(found).splitlines()

    assert "5 messages in 1 load" == head
    assert ["table", "rows", "files", "bytes", "table", "is", "why"] == lines[0].split()
    assert ["event_navigation_a", "3", "1", "new", "frequent"] == [
        each for each in lines[1].split() if "," not in each
    ]
    assert lines[2].endswith("  new       no event, rare")
    assert "EventKey" not in repr(found)
    assert "make table" not in repr(found)


def test_a_plan_of_very_many_deaths_tells_some() -> None:
    """
    The text stays readable whatever is handed in.
    """
    found = Plan(
        tables=(),
        loads=(),
        dropped=0,
        dead=dict.fromkeys(range(25), "why"),
        rescued_row_count=0,
    )

    assert "payload 19 would be dead: why\nand 5 more" in str(found)
    assert "payload 20" not in str(found)


def test_columns_of_a_text_are_aligned() -> None:
    """
    Numbers stand to the right, all else to the left.
    """
    lines = aligned([("a", "n", "b"), ("long", "1", "x"), ("c", "100", "longer")])

    assert ["a       n  b", "long    1  x", "c     100  longer"] == list(lines)


def test_what_is_in_the_way_is_told(memory: InMemory) -> None:
    """
    A table that could not take the rows is told with the reason.
    """
    wrong = pa.schema({"mpid": pa.string()})
    memory.lake.widen(TableName("shop_otherevents"), wrong)
    with memory.forwarder() as forwarder:
        found = forwarder.plan([b"{}"])
    (table,) = found.tables

    assert table.problem is not None
    assert "column mpid of table shop_otherevents is string" in table.problem
    assert "table shop_otherevents can't be loaded as it is: column mpid" in str(found)


class Plain:
    """
    A part with none of its optional abilities.
    """

    def __init__(self, part: Any, *names: str) -> None:
        for name in names:
            setattr(self, name, getattr(part, name))


def test_parts_that_tell_nothing_are_asked_nothing(memory: InMemory) -> None:
    """
    Without descriptions a plan has routes, rows and files all the same.
    """

    def wrap(name: str, part: Any) -> Any:
        if name == "loader":
            return Plain(part, "prepare", "load", "check")
        if name == "stager":
            return Plain(part, "stage", "staged", "discard")
        return part

    with memory.forwarder(wrap=wrap) as forwarder:
        (table,) = forwarder.plan([b"{}"], look=True).tables

    assert (None, (), (), 1) == (
        table.is_there,
        table.preparing,
        table.loading,
        len(table.files),
    )


def test_a_stager_that_tells_no_place_leaves_out_the_loading(memory: InMemory) -> None:
    """
    What makes the table is told, and what loads files is not known.
    """

    def wrap(name: str, part: Any) -> Any:
        return Plain(part, "stage", "staged", "discard") if name == "stager" else part

    with memory.forwarder(wrap=wrap) as forwarder:
        (table,) = forwarder.plan([b"{}"]).tables

    assert (1, ()) == (len(table.preparing), table.loading)


def test_who_looks_is_asked_to(memory: InMemory) -> None:
    """
    Only on request the loader looks at what there is of the tables.
    """
    surveyed: list[Sequence[TableName]] = []

    class Surveying(MemoryLoader):
        def survey(self, tables: Sequence[TableName], /) -> None:
            surveyed.append(tables)

    def wrap(name: str, part: Any) -> Any:
        is_loader = name == "loader"
        return Surveying(memory.files, memory.lake) if is_loader else part

    with memory.forwarder(wrap=wrap) as forwarder:
        forwarder.plan([b"{}"])
        assert [] == surveyed
        forwarder.plan([b"{}"], look=True)

    assert [["shop_otherevents"]] == surveyed


def test_a_payload_that_is_refused_is_no_plan(memory: InMemory) -> None:
    """
    What the door refuses is named, as when it is handed in.
    """
    with (
        memory.forwarder() as forwarder,
        pytest.raises(PayloadError, match="payload 1 of this call: payload is no"),
    ):
        forwarder.plan([b"{}", b"[]"])


def test_a_plan_touches_nothing_of_a_lake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Spool, counts, lake and temporary files are byte for byte what they were.
    """
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    clock = FakeClock()
    with Forwarder.for_lake(
        tmp_path / "lake", spool=tmp_path / "spool.db", events_threshold=2, clock=clock
    ) as forwarder:
        forwarder.submit(batch(custom("A"), custom("A")))
        forwarder.flush()
        forwarder.submit(batch(custom("B")))
        before = tree(tmp_path)
        found = forwarder.plan([batch(*[custom(name)] * 2) for name in "ABC"])
        explained = forwarder.explain(batch(custom("C"), custom("C")))
        forwarder.simulate([1, 2])
        after = tree(tmp_path)

    assert before == after
    assert [True, False, False] == [each.is_there for each in found.tables]
    assert [False, False] == [each.was_named for each in explained]


def test_files_are_as_large_as_those_to_come(tmp_path: Path) -> None:
    """
    Number and rows of the files are the load's, sizes but for ids and times.
    """
    documents = [batch(*[custom(f"n{i}", i) for i in range(50)]) for _ in range(20)]
    with Forwarder.for_lake(
        tmp_path / "lake", spool=tmp_path / "spool.db", clock=FakeClock()
    ) as forwarder:
        found = forwarder.plan(documents)
        forwarder.submit_many(documents)
        (report,) = forwarder.flush()
    (planned,), (loaded,) = found.tables, report.tables

    assert (loaded.row_count, loaded.file_count) == (
        planned.message_count,
        len(planned.files),
    )
    assert abs(loaded.size_bytes - planned.size_bytes) < loaded.size_bytes / 50


def hostile() -> st.SearchStrategy[bytes]:
    """
    Batches of a few events whose names meet, or act on whoever shows them.
    """
    names = st.sampled_from(
        ["Sign Up", "signup", "sign-up", "🎉", "\x1b[31m", "a`; DROP TABLE x; --", ""]
    )
    events = st.builds(custom, names)
    feed = st.sampled_from(
        [{}, {"source_info": {"channel": "partner", "partner": "Sign Up"}}]
    )
    return st.builds(
        lambda some, source: batch(*some, **source), st.lists(events, max_size=6), feed
    )


LOADS = st.lists(
    st.lists(st.one_of(hostile(), payloads(), odd_payloads()), max_size=5),
    min_size=1,
    max_size=3,
)


@settings(max_examples=15, deadline=None)
@given(
    days=LOADS,
    max_messages=st.integers(1, 12),
    threshold=st.integers(1, 6),
    split=st.booleans(),
    sticky=st.booleans(),
    sends=st.booleans(),
)
def test_what_is_planned_is_what_then_happens(
    *,
    days: list[list[bytes]],
    max_messages: int,
    threshold: int,
    split: bool,
    sticky: bool,
    sends: bool,
) -> None:
    """
    Day after day a plan tells the loads, rows, files, names and deaths to come.
    """
    connection = ConnectionSettings(
        split_partner_feed_data_by_event_name=split, send_batches_without_events=sends
    )
    with tempfile.TemporaryDirectory() as folder:
        memory = InMemory(
            Path(folder),
            events_threshold=threshold,
            connection=connection,
            sticky=sticky,
        )
        with memory.forwarder(
            policy=UploadPolicy(max_messages=max_messages)
        ) as forwarder:
            for documents in days:
                taken = [each for each in documents if submitted(forwarder, each)]
                forwarder.flush()
                # Once they are known to be taken, the same again: planned, then done.
                found = forwarder.plan(taken)
                came = carried(forwarder, taken)
                memory.clock.advance(timedelta(days=20))

                assert came == foreseen(found)


def submitted(forwarder: Forwarder, payload: bytes) -> bool:
    """
    Hand in one payload; whether it was taken.
    """
    try:
        forwarder.submit(payload)
    except PayloadError:
        return False
    return True


def foreseen(found: Plan) -> tuple[Any, ...]:
    """
    What a plan says, as it is compared.
    """
    return (
        {
            each.table: sorted((file.row_count, file.name) for file in each.files)
            for each in found.tables
        },
        [(load.message_count, sorted(load.tables)) for load in found.loads],
        sorted(found.dead.items()),
        found.dropped,
        found.rescued_row_count,
    )


def carried(forwarder: Forwarder, documents: Sequence[bytes]) -> tuple[Any, ...]:
    """
    Carry *documents*, and say in the same form what came of them.
    """
    staged: dict[str, list[tuple[int, str]]] = {}
    stage = MemoryStager.stage

    def kept(self: MemoryStager, file: Any, /) -> Any:
        staged.setdefault(file.table, []).append((file.row_count, file.name))
        return stage(self, file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryStager, "stage", kept)
        receipt = forwarder.submit_many(documents)
        reports = forwarder.flush()
    first = 0 if receipt.offsets is None else receipt.offsets.first
    return (
        {table: sorted(files) for table, files in staged.items()},
        [
            (each.account.received, sorted(table.table for table in each.tables))
            for each in reports
        ],
        sorted(
            (letter.offset - first, letter.reason)
            for each in reports
            for letter in each.dead
        ),
        sum(each.account.dropped for each in reports),
        sum(each.rescued_row_count for each in reports),
    )


def test_names_from_outside_do_nothing_in_texts(memory: InMemory) -> None:
    """
    No control character of an event's name comes through into a text.
    """
    nasty = "\x1b[31m\n\u202e'; DROP TABLE x; --"
    with memory.forwarder() as forwarder:
        found = forwarder.plan([batch(*[custom(nasty)] * 3)])
        explained = forwarder.explain(key(nasty, feed=nasty, group=nasty))
    said = [str(found), str(explained), *map(str, found.tables[0].reasons.values())]

    assert [] == [text for text in said if not text.replace("\n", "").isprintable()]


def test_payloads_stay_out_of_texts(memory: InMemory) -> None:
    """
    Neither text nor repr nor statement has a value of a payload in it.
    """
    secret = "person1@example.com"
    document = batch(
        custom("A", custom_attributes={"email": secret}),
        user_identities={"email": secret},
        api_key=secret,
    )
    with memory.forwarder() as forwarder:
        found = forwarder.plan([document])
        explained = forwarder.explain(document)

    assert secret not in "".join(
        map(str, (found, repr(found), found.statements, explained))
    )


def test_suppressed_events_are_planned_as_dropped(tmp_path: Path) -> None:
    """
    What an erasure lets nobody load is dropped in a plan, too.
    """
    clock = FakeClock()
    late = batch(custom("A"), mpid=7, timestamp_unixtime_ms=1)
    with Forwarder.for_lake(
        tmp_path / "lake", spool=tmp_path / "spool.db", clock=clock
    ) as forwarder:
        forwarder.erase(mpids=[7])
        found = forwarder.plan([late])

    assert (1, ()) == (found.dropped, found.tables)
