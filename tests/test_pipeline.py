"""
The order of the walk: whole lists of calls, and what failures lead to.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
from patience import PATIENCE_SECONDS
from walking import InMemory, as_it_is, batch, custom, event_ids, places, sizes

from databricks_forwarder import Forwarder
from databricks_forwarder._backoff import MAX_ATTEMPTS, MAX_TABLE_ATTEMPTS
from databricks_forwarder._table_files import TableFiles
from databricks_forwarder.errors import (
    ConfigurationError,
    ForwarderError,
    LeaseLostError,
    PermanentError,
    RouteError,
    SchemaError,
    SetupError,
    TransientError,
)
from databricks_forwarder.model import (
    Account,
    EventKey,
    LoadId,
    LoadReport,
    LoadResult,
    Offset,
    Table,
    TableName,
)
from databricks_forwarder.mparticle.batch import Batch
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.testing.faults import Fail, faulty
from databricks_forwarder.testing.journal import Journal, journaled

OWN, COMMON = "event_navigation_own", "shop_otherevents"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[InMemory]:
    """
    A composition in memory.
    """
    memory = InMemory(tmp_path)
    yield memory
    memory.die()


def fill(forwarder: Forwarder) -> None:
    """
    Hand in four messages for two tables.
    """
    forwarder.submit(batch(*(custom("Own", each) for each in (1, 2, 3))))
    forwarder.submit(batch(custom("Rare", 4)))


def only(name: str, wrap: Callable[[Any], Any]) -> Callable[[str, Any], Any]:
    """
    Wrap the part called *name*, and no other.
    """
    return lambda each, part: wrap(part) if each == name else part


def flush_again(forwarder: Forwarder, times: int) -> list[LoadReport]:
    """
    Flush so many times, whatever is raised.
    """
    reports: list[LoadReport] = []
    for _ in range(times):
        with suppress(ForwarderError, ArithmeticError):
            reports += forwarder.flush()
    return reports


class TablesAway:
    """
    A loader that can't load some tables.
    """

    def __init__(self, loader: Any, errors: dict[str, Exception]) -> None:
        self.loader = loader
        self.errors = errors
        self.check = loader.check

    def prepare(self, table: TableName, schema: Any, /) -> None:
        """
        Raise what is said of *table*, or go on.
        """
        if table in self.errors:
            raise self.errors[table]
        self.loader.prepare(table, schema)

    def load(self, load_id: LoadId, table: TableName, files: Any, /) -> LoadResult:
        """
        Go on.
        """
        result: LoadResult = self.loader.load(load_id, table, files)
        return result


# -- the order --------------------------------------------------------------


def test_a_step_makes_these_calls_in_this_order(memory: InMemory) -> None:
    """
    A load's first step is these calls, and no others.
    """
    journal = Journal()
    with memory.forwarder(
        wrap=lambda name, part: journaled(part, journal, name)
    ) as forwarder:
        fill(forwarder)
        forwarder.tick()
        journal.entries.clear()
        (report,) = forwarder.flush()

    load = report.load_id
    routes, staged = (
        f"batcher.note({load}, {note}, {{}})" for note in ("routes", "staging")
    )
    expected = [
        "batcher.lease(UploadPolicy)",
        "router.route(Counter[2])",
        routes,
        "batcher.erasures()",
        f"stager.stage({OWN} 0)",
        f"stager.stage({COMMON} 0)",
        staged,
        f"loader.prepare({OWN}, Schema)",
        f"loader.load({load}, {OWN}, tuple[1])",
        f"batcher.note({load}, loaded/{OWN}, {{}})",
        f"loader.prepare({COMMON}, Schema)",
        f"loader.load({load}, {COMMON}, tuple[1])",
        f"batcher.note({load}, loaded/{COMMON}, {{}})",
        f"router.loaded({load}, Counter[2])",
        f"batcher.commit({load}, {load})",
        f"stager.discard({load})",
        "batcher.lease(UploadPolicy)",
        "batcher.status()",
        "batcher.close()",
    ]

    assert expected == [unnoted(str(entry)) for entry in journal]


def unnoted(entry: str) -> str:
    """
    Leave the text of a note out.
    """
    if not entry.startswith("batcher.note"):
        return entry
    return ", ".join([*entry.split(", ", 2)[:2], "{})"])


def test_the_first_step_sweeps_and_no_other(memory: InMemory) -> None:
    """
    A forwarder looks for leftovers once, before it leases anything.
    """
    journal = Journal()
    with memory.forwarder(
        wrap=lambda name, part: journaled(part, journal, name)
    ) as forwarder:
        forwarder.tick()
        forwarder.tick()

    expected = [
        "stager.staged()",
        "batcher.status()",
        "batcher.lease(UploadPolicy)",
        "batcher.lease(UploadPolicy)",
        "batcher.status()",
        "batcher.close()",
    ]

    assert expected == [str(entry) for entry in journal]


def test_a_load_that_was_staged_is_not_routed_again(memory: InMemory) -> None:
    """
    What was noted is held to: only what is not loaded is done again.
    """
    failing = only(
        "loader",
        lambda part: faulty(part, Fail(method="load", nth=2, error=TransientError)),
    )
    with memory.forwarder(wrap=failing) as forwarder:
        fill(forwarder)
        with pytest.raises(TransientError):
            forwarder.flush()
    journal = Journal()
    with memory.forwarder(
        wrap=lambda name, part: journaled(part, journal, name)
    ) as forwarder:
        (report,) = forwarder.flush()
    load = report.load_id
    calls = [str(entry) for entry in journal.of("route", "stage", "prepare", "load")]

    assert [
        f"loader.prepare({COMMON}, Schema)",
        f"loader.load({load}, {COMMON}, tuple[1])",
    ] == calls
    assert 2 == report.attempt


def test_a_load_that_is_routed_keeps_its_routes(memory: InMemory) -> None:
    """
    A router that has changed its mind is not asked again about a load.
    """
    failing = only(
        "stager", lambda part: faulty(part, Fail(method="stage", error=TransientError))
    )
    with memory.forwarder(
        wrap=failing, router=FunctionRouter(lambda _: "before")
    ) as forwarder:
        forwarder.submit(batch(custom("A", 1)))
        with pytest.raises(TransientError):
            forwarder.flush()
    with memory.forwarder(router=FunctionRouter(lambda _: "after")) as forwarder:
        forwarder.flush()

    assert {"before": 1} == sizes(memory.tables())


def test_a_router_that_does_not_learn_is_not_told(memory: InMemory) -> None:
    """
    Only a router that has `loaded` is called with it.
    """
    journal = Journal()
    with memory.forwarder(
        router=FunctionRouter(lambda _: "t"),
        wrap=only("router", lambda part: journaled(part, journal, "router")),
    ) as forwarder:
        fill(forwarder)
        forwarder.flush()

    assert ["router.route(Counter[2])"] == [str(entry) for entry in journal]


def test_a_load_of_nothing_but_dead_payloads_is_committed(memory: InMemory) -> None:
    """
    A load without a single row asks no router and touches no table.
    """
    journal = Journal()
    with memory.forwarder(
        router=FunctionRouter(lambda _: "t", group=lambda batch: batch.nothing),
        wrap=lambda name, part: journaled(part, journal, name),
    ) as forwarder:
        forwarder.submit(batch(custom("A")))
        (report,) = forwarder.flush()

    assert Account(received=1, dead=1) == report.account
    assert [] == journal.of("route", "stage", "prepare", "load")


# -- a router that breaks (R4) ----------------------------------------------


class BreakingRouter:
    """
    A router that raises until it is mended.
    """

    def __init__(self) -> None:
        self.is_mended = False

    def route(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Table | None]:
        """
        Raise, or name one table.
        """
        if not self.is_mended:
            raise ZeroDivisionError("secret-payload")
        return dict.fromkeys(counts, Table(TableName("mended")))


def test_a_router_that_raises_costs_no_data(memory: InMemory) -> None:
    """
    R4: the load is tried again, then parked, and loaded whole after the fix.
    """
    router = BreakingRouter()
    with memory.forwarder(router=router) as forwarder:
        fill(forwarder)
        for _ in range(MAX_ATTEMPTS - 1):
            with pytest.raises(RouteError, match="router raised ZeroDivisionError"):
                forwarder.flush()

            assert Account(received=4, pending=4) == forwarder.status().account

        (parked,) = forwarder.flush()

        assert parked.is_parked
        assert "the router raised ZeroDivisionError" == parked.reason
        assert Account(received=4, pending=4) == parked.account
        assert [parked.load_id] == list(forwarder.status().parked_load_ids)
        assert [] == list(forwarder.status().open_load_ids)

        router.is_mended = True
        forwarder.carry_on(parked.load_id)
        (carried,) = forwarder.flush()

        assert parked.load_id == carried.load_id
        assert Account(received=4, loaded=4) == carried.account
        assert Account(received=4, loaded=4) == forwarder.status().account
    assert {"mended": 4} == sizes(memory.tables())


def test_the_next_load_goes_on_after_a_parked_one(memory: InMemory) -> None:
    """
    What comes after a parked load is loaded.
    """
    router = BreakingRouter()
    with memory.forwarder(router=router) as forwarder:
        forwarder.submit(batch(custom("A", 1)))
        flush_again(forwarder, MAX_ATTEMPTS)
        router.is_mended = True
        forwarder.submit(batch(custom("B", 2)))
        forwarder.flush()

        assert Counter([2]) == event_ids(memory.tables())
        assert Account(received=2, loaded=1, pending=1) == forwarder.status().account


def test_a_tenant_whose_group_raises_costs_no_neighbour(memory: InMemory) -> None:
    """
    A payload whose group can't be named is dead until it is replayed.
    """
    broken = {"shop-2"}

    def group(batch: Batch) -> str | None:
        if batch.mpid in broken:
            raise LookupError("secret-payload")
        return str(batch.mpid)

    router = FunctionRouter(lambda key: f"tenant_{key.group}", group=group)
    with memory.forwarder(router=router) as forwarder:
        for number in (1, 2, 3):
            forwarder.submit(batch(custom("A", number), mpid=f"shop-{number}"))
        (report,) = forwarder.flush()

        assert Account(received=3, loaded=2, dead=1) == report.account
        assert ["the router's group raised LookupError"] == [
            letter.reason for letter in forwarder.dead_letters()
        ]

        broken.clear()

        assert 1 == forwarder.replay()

        forwarder.flush()

        assert Account(received=3, loaded=3) == forwarder.status().account
    assert {f"tenant_shop-{n}": 1 for n in (1, 2, 3)} == sizes(memory.tables())


def test_a_router_whose_learning_breaks_does_not_hide_what_is_loaded(
    memory: InMemory,
) -> None:
    """
    A load that is parked after its tables were loaded says so.
    """
    faults = [
        Fail(method="loaded", nth=nth, error=ZeroDivisionError)
        for nth in range(1, MAX_ATTEMPTS + 1)
    ]
    with memory.forwarder(
        wrap=only("router", lambda part: faulty(part, *faults))
    ) as forwarder:
        fill(forwarder)
        (parked,) = flush_again(forwarder, MAX_ATTEMPTS)

        assert "ZeroDivisionError" == parked.reason
        assert Account(received=4, loaded=4) == forwarder.status().account
        assert [OWN, COMMON] == [table.table for table in parked.tables]

        forwarder.carry_on(parked.load_id)
        (carried,) = forwarder.flush()

        assert Account(received=4, loaded=4) == carried.account
    assert {OWN: 3, COMMON: 1} == sizes(memory.tables())


def test_a_refusal_before_any_table_parks_the_whole_load(memory: InMemory) -> None:
    """
    A load that can't be staged as it is parks with everything it has.
    """
    with memory.forwarder(
        wrap=only(
            "stager",
            lambda part: faulty(
                part, Fail(method="stage", error=PermanentError("no room for it"))
            ),
        )
    ) as forwarder:
        fill(forwarder)
        (parked,) = forwarder.flush()

        assert "no room for it" == parked.reason
        assert Account(received=4, pending=4) == parked.account

        forwarder.carry_on(parked.load_id)
        forwarder.flush()
    assert {OWN: 3, COMMON: 1} == sizes(memory.tables())


# -- a table that fails -----------------------------------------------------


@pytest.mark.parametrize("error", [PermanentError, SchemaError])
def test_a_refused_table_is_parked_alone(
    memory: InMemory, error: type[PermanentError]
) -> None:
    """
    A table that refuses its rows holds back no other table and no other load.
    """
    errors: dict[str, Exception] = {OWN: error("column a is text there")}
    with memory.forwarder(
        wrap=only("loader", lambda part: TablesAway(part, errors))
    ) as forwarder:
        fill(forwarder)
        forwarder.submit(b'{"events":[]}')
        (parked,) = forwarder.flush()

        assert Account(received=5, loaded=2, pending=3) == parked.account
        assert Account(received=5, loaded=2, pending=3) == forwarder.status().account
        assert parked.reason is None
        assert [
            (OWN, 3, "parked", "column a is text there"),
            (COMMON, 2, "loaded", None),
        ] == [
            (each.table, each.row_count, each.state, each.reason)
            for each in parked.tables
        ]
        assert [parked] == list(forwarder.parked())

        forwarder.submit(batch(custom("Rare", 5)))
        (report,) = forwarder.flush()

        assert not report.is_parked
        assert Account(received=6, loaded=3, pending=3) == forwarder.status().account

        errors.clear()
        forwarder.carry_on(parked.load_id)
        (carried,) = forwarder.flush()

        assert parked.load_id == carried.load_id
        assert Account(received=5, loaded=5) == carried.account
        assert Account(received=6, loaded=6) == forwarder.status().account
    tables = memory.tables()

    assert {OWN: 3, COMMON: 3} == sizes(tables)
    assert {1} == set(places(tables).values())
    assert {parked.load_id} == set(tables[TableName(OWN)]["_load_id"].to_pylist())
    assert set() == memory.staged()


def test_dead_letters_of_a_parked_load_are_pending(memory: InMemory) -> None:
    """
    Dead and dropped messages of a load that parks are counted when it is done.
    """
    errors: dict[str, Exception] = {"t": PermanentError("no")}

    def group(batch: Batch) -> None:
        if batch.mpid == 2:
            raise LookupError

    def route(key: EventKey) -> Any:
        return FunctionRouter.DROP if key.event_type is None else "t"

    with memory.forwarder(
        router=FunctionRouter(route, group=group),
        wrap=only("loader", lambda part: TablesAway(part, errors)),
    ) as forwarder:
        forwarder.submit(batch(custom("A"), custom("B"), mpid=1))
        forwarder.submit(batch(custom("A"), custom("B"), custom("C"), mpid=2))
        forwarder.submit(batch(mpid=3))
        (parked,) = forwarder.flush()
        account = Account(received=6, dropped=1, pending=5)

        assert account == parked.account
        assert account == forwarder.status().account
        assert [] == list(forwarder.dead_letters())

        errors.clear()
        forwarder.carry_on(parked.load_id)
        forwarder.flush()

        assert (
            Account(received=6, loaded=2, dead=3, dropped=1)
            == forwarder.status().account
        )
        assert [Offset(1)] == [letter.offset for letter in forwarder.dead_letters()]


def test_a_table_that_keeps_failing_is_parked_while_others_load(
    memory: InMemory,
) -> None:
    """
    After ten tries in vain a table gives way, if others of its load get through.
    """
    errors: dict[str, Exception] = {OWN: TransientError("busy")}
    with memory.forwarder(
        wrap=only("loader", lambda part: TablesAway(part, errors))
    ) as forwarder:
        fill(forwarder)
        for _ in range(MAX_TABLE_ATTEMPTS - 1):
            with pytest.raises(TransientError, match="busy"):
                forwarder.flush()
        (parked,) = forwarder.flush()

        assert Account(received=4, loaded=1, pending=3) == parked.account

        errors.clear()
        forwarder.carry_on(parked.load_id)
        forwarder.flush()
    assert {OWN: 3, COMMON: 1} == sizes(memory.tables())


def test_a_destination_that_goes_away_amid_a_load_never_parks(
    memory: InMemory,
) -> None:
    """
    A table that got through earlier is no sign that the destination is there now.
    """
    errors: dict[str, Exception] = {OWN: TransientError("away")}
    with memory.forwarder(
        wrap=only("loader", lambda part: TablesAway(part, errors))
    ) as forwarder:
        fill(forwarder)
        flush_again(forwarder, 1)
        errors[COMMON] = TransientError("away")
        flush_again(forwarder, 3 * MAX_TABLE_ATTEMPTS)

        assert [] == list(forwarder.parked())

        errors.clear()
        forwarder.flush()
    assert {OWN: 3, COMMON: 1} == sizes(memory.tables())


def test_files_that_are_gone_are_staged_again(memory: InMemory) -> None:
    """
    A load whose staged files were removed is carried all the same, rows once.
    """
    errors: dict[str, Exception] = {OWN: TransientError("busy")}
    with memory.forwarder(
        wrap=only("loader", lambda part: TablesAway(part, errors))
    ) as forwarder:
        fill(forwarder)
        flush_again(forwarder, 1)
        memory.files.clear()
        errors.clear()
        (report,) = forwarder.flush()

        assert Account(received=4, loaded=4) == report.account
    assert {OWN: 3, COMMON: 1} == sizes(memory.tables())


def test_files_are_staged_again_when_a_table_keeps_failing(memory: InMemory) -> None:
    """
    Files that stand elsewhere than was noted are staged where they belong, once.
    """
    errors: dict[str, Exception] = {OWN: SetupError("no such file")}
    journal = Journal()
    with memory.forwarder(
        wrap=lambda name, part: journaled(
            TablesAway(part, errors) if name == "loader" else part, journal, name
        )
    ) as forwarder:
        fill(forwarder)
        flush_again(forwarder, 6)

        staged = [each for each in journal.entries if each.method == "stage"]
        assert 2 * 2 == len(staged)


def test_a_leftover_that_cannot_be_removed_stops_nothing(memory: InMemory) -> None:
    """
    Sweeping goes on past what it can't remove, and loads are carried.
    """
    with memory.forwarder() as forwarder:
        fill(forwarder)
        load_id = f"{memory.storage.id}-7-9"
    memory.files[f"memory://{load_id}/x.parquet"] = b""
    with memory.forwarder(
        wrap=only(
            "stager",
            lambda part: faulty(
                part, Fail(method="discard", nth=1, error=SetupError("stuck"))
            ),
        )
    ) as forwarder:
        (report,) = forwarder.flush()

        assert 4 == report.account.loaded


def test_a_destination_that_is_away_never_parks(memory: InMemory) -> None:
    """
    When no table gets through, the load is tried for ever.
    """
    errors: dict[str, Exception] = {
        OWN: TransientError("away"),
        COMMON: TransientError("away"),
    }
    with memory.forwarder(
        wrap=only("loader", lambda part: TablesAway(part, errors))
    ) as forwarder:
        fill(forwarder)
        flush_again(forwarder, 3 * MAX_TABLE_ATTEMPTS)

        assert [] == list(forwarder.parked())
        assert Account(received=4, pending=4) == forwarder.status().account

        errors.clear()
        (report,) = forwarder.flush()

        assert 3 * MAX_TABLE_ATTEMPTS + 1 == report.attempt
    assert {OWN: 3, COMMON: 1} == sizes(memory.tables())


def test_what_a_person_must_mend_never_parks(memory: InMemory) -> None:
    """
    A missing privilege is waited for, also when it is one table's alone.
    """
    errors: dict[str, Exception] = {OWN: SetupError("GRANT MODIFY")}
    with memory.forwarder(
        wrap=only("loader", lambda part: TablesAway(part, errors))
    ) as forwarder:
        fill(forwarder)
        flush_again(forwarder, 3 * MAX_TABLE_ATTEMPTS)

        assert [] == list(forwarder.parked())
        assert "SetupError: GRANT MODIFY" == forwarder.status().last_error
        assert {COMMON: 1} == sizes(memory.tables())

        errors.clear()
        forwarder.flush()
    assert {OWN: 3, COMMON: 1} == sizes(memory.tables())


def test_an_error_of_no_class_is_tried_again_then_parked(memory: InMemory) -> None:
    """
    A part that breaks the contract holds up the spool for five tries only.
    """
    errors: dict[str, Exception] = {OWN: ZeroDivisionError("secret-payload")}
    with memory.forwarder(
        wrap=only("loader", lambda part: TablesAway(part, errors))
    ) as forwarder:
        fill(forwarder)
        (parked,) = flush_again(forwarder, MAX_ATTEMPTS)

        assert "ZeroDivisionError" == parked.reason

        errors.clear()
        forwarder.carry_on(parked.load_id)
        forwarder.flush()
    assert {OWN: 3, COMMON: 1} == sizes(memory.tables())


def test_a_holder_that_lost_its_load_changes_nothing(memory: InMemory) -> None:
    """
    A load that another holder took over is neither parked nor committed.
    """
    with memory.forwarder(
        wrap=only(
            "batcher",
            lambda part: faulty(
                part,
                *(
                    Fail(method="note", nth=nth, error=LeaseLostError("x-0-1"))
                    for nth in range(1, MAX_ATTEMPTS + 1)
                ),
            ),
        )
    ) as forwarder:
        fill(forwarder)
        for _ in range(MAX_ATTEMPTS):
            with pytest.raises(LeaseLostError):
                forwarder.flush()

        assert [] == list(forwarder.parked())
        assert 1 == len(forwarder.flush())


# -- cleaning up ------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "told"),
    [(TransientError("busy"), "busy"), (RuntimeError("payload"), "RuntimeError")],
)
def test_a_discard_that_fails_does_not_undo_a_commit(
    memory: InMemory, caplog: pytest.LogCaptureFixture, error: Exception, told: str
) -> None:
    """
    What can't be discarded is logged, whatever fails, and swept at the next start.
    """
    failing = only(
        "stager", lambda part: faulty(part, Fail(method="discard", error=error))
    )
    with memory.forwarder(wrap=failing) as forwarder:
        fill(forwarder)
        with caplog.at_level(logging.WARNING, "databricks_forwarder"):
            (report,) = forwarder.flush()

        assert Account(received=4, loaded=4) == report.account
        assert [
            f"staged files of load {report.load_id} stay for now: {told}"
        ] == caplog.messages
        assert {report.load_id} == memory.staged()

    with memory.forwarder() as forwarder:
        forwarder.tick()

    assert set() == memory.staged()


def test_what_another_holder_begins_is_no_leftover(memory: InMemory) -> None:
    """
    A load that begins while another forwarder sweeps keeps its staged files.
    """
    staging = memory.forwarder(
        wrap=only(
            "loader",
            lambda part: faulty(part, Fail(method="load", error=TransientError)),
        )
    )
    fill(staging)

    def carry_meanwhile(part: Any) -> Any:
        status = part.status

        def called() -> Any:
            part.status = status
            found = status()
            with pytest.raises(TransientError):
                staging.flush()
            return found

        part.status = called
        return part

    with memory.forwarder(wrap=only("batcher", carry_meanwhile)) as sweeping:
        sweeping.tick()

    (load_id,) = staging.status().open_load_ids

    assert {load_id} == memory.staged()

    staging.flush()
    staging.close()

    assert {OWN: 3, COMMON: 1} == sizes(memory.tables())


def test_the_sweep_leaves_files_in_the_making_of_an_open_load(
    memory: InMemory,
) -> None:
    """
    Of the files in the making only those of no open load are removed.
    """
    with memory.forwarder(
        wrap=only(
            "stager",
            lambda part: faulty(part, Fail(method="stage", error=TransientError)),
        )
    ) as forwarder:
        fill(forwarder)
        with pytest.raises(TransientError):
            forwarder.flush()
        (load_id,) = forwarder.status().open_load_ids
    scratch = memory.folder / "scratch"
    for name in (load_id, f"{load_id}0"):
        (scratch / name).mkdir()
    with memory.forwarder(wrap=as_it_is) as forwarder:
        forwarder._pipeline.sweep()

    assert [load_id] == [folder.name for folder in scratch.iterdir()]


def test_files_in_the_making_of_an_earlier_life_go_with_their_load(
    memory: InMemory,
) -> None:
    """
    What a killed process left half-written of a load is gone once it is done.

    The sweep left it, since the load was open when the next process began.
    """
    lost = Fail(method="note", nth=2, when="after", error=TransientError("busy"))
    with memory.forwarder(
        wrap=only("batcher", lambda part: faulty(part, lost))
    ) as forwarder:
        fill(forwarder)
        flush_again(forwarder, 1)
        (load_id,) = forwarder.status().open_load_ids
    scratch = memory.folder / "scratch"
    scratch.joinpath(f"{load_id}.0123abcd").mkdir()
    with memory.forwarder() as forwarder:
        forwarder.flush()
        left = [folder.name for folder in scratch.iterdir()]

    assert [] == left


def test_a_wrong_scratch_folder_is_told_and_parks_nothing(memory: InMemory) -> None:
    """
    Where files can't be made, a person is told the place; nothing is lost.
    """
    scratch = memory.folder / "scratch"
    with memory.forwarder() as forwarder:
        fill(forwarder)
        scratch.write_bytes(b"")
        for _ in range(2 * MAX_ATTEMPTS):
            with pytest.raises((SetupError, TransientError), match="scratch"):
                forwarder.flush()

        assert [] == list(forwarder.parked())

        scratch.unlink()
        (report,) = forwarder.flush()

        assert 4 == report.account.loaded


class SlowStager:
    """
    Lets two minutes pass with each file.
    """

    def __init__(self, part: Any, clock: Any) -> None:
        self.part, self.clock = part, clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self.part, name)

    def stage(self, file: Any, /) -> Any:
        """
        Stage after a while.
        """
        self.clock.advance(minutes=2)
        return self.part.stage(file)


def test_a_lease_is_kept_alive_while_files_are_staged(memory: InMemory) -> None:
    """
    A load that takes long is noted to be alive, so that nobody takes it over.
    """
    journal = Journal()

    def wrap(name: str, part: Any) -> Any:
        slow = SlowStager(part, memory.clock) if name == "stager" else part
        return journaled(slow, journal, name) if name == "batcher" else slow

    with memory.forwarder(wrap=wrap) as forwarder:
        fill(forwarder)
        forwarder.flush()

    alive = [each for each in journal.entries if "alive" in each.arguments]
    assert 2 == len(alive)


def test_no_table_gives_way_while_the_destination_does_not_answer(
    memory: InMemory,
) -> None:
    """
    Where no table of a load ever got through, none is parked for failing often.
    """
    errors: dict[str, Exception] = {
        OWN: TransientError("busy"),
        COMMON: SetupError("no grant"),
    }
    with memory.forwarder(
        wrap=only("loader", lambda part: TablesAway(part, errors))
    ) as forwarder:
        fill(forwarder)
        flush_again(forwarder, MAX_TABLE_ATTEMPTS + 1)

        assert [] == list(forwarder.parked())


def test_a_load_without_a_row_is_taken_up_again_like_any_other(
    memory: InMemory,
) -> None:
    """
    A load of which all was dropped is committed after a death before it was.
    """
    router = FunctionRouter(lambda _: FunctionRouter.DROP)
    away = Fail(method="commit", nth=1, error=TransientError("busy"))
    with memory.forwarder(
        router=router, wrap=only("batcher", lambda part: faulty(part, away))
    ) as forwarder:
        fill(forwarder)
        flush_again(forwarder, 1)
        (report,) = forwarder.flush()

        assert Account(received=4, dropped=4) == report.account


# -- side by side -----------------------------------------------------------


class Broad:
    """
    A part whose calls gain by running side by side.
    """

    def __init__(self, part: Any, breadth: int) -> None:
        self.part, self.breadth = part, breadth

    def __getattr__(self, name: str) -> Any:
        return getattr(self.part, name)


class Together(Broad):
    """
    A part whose calls of one method wait until so many are under way.
    """

    def __init__(self, part: Any, method: str, breadth: int) -> None:
        super().__init__(part, breadth)
        together = threading.Barrier(breadth)

        def call(*args: Any) -> Any:
            together.wait(PATIENCE_SECONDS)
            return getattr(part, method)(*args)

        setattr(self, method, call)


@pytest.mark.parametrize(("part", "method"), [("stager", "stage"), ("loader", "load")])
def test_broad_parts_are_called_side_by_side(
    memory: InMemory, part: str, method: str
) -> None:
    """
    Files are staged, and tables loaded, at once where the part says it gains.
    """
    with memory.forwarder(
        wrap=only(part, lambda each: Together(each, method, 2))
    ) as forwarder:
        fill(forwarder)
        (report,) = forwarder.flush()

    assert (4, [OWN, COMMON]) == (
        report.account.loaded,
        [table.table for table in report.tables],
    )


class Surveying(Broad):
    """
    A loader that looks at many tables at once.
    """

    def __init__(self, part: Any) -> None:
        super().__init__(part, 1)
        self.surveys: list[list[TableName]] = []

    def survey(self, tables: list[TableName], /) -> None:
        """
        Keep what is asked.
        """
        self.surveys.append(tables)


def test_a_load_s_tables_are_surveyed_once(memory: InMemory) -> None:
    """
    Before the first table is prepared, all that are to be loaded are told.
    """
    made: list[Surveying] = []

    def wrap(loader: Any) -> Any:
        made.append(Surveying(loader))
        return made[0]

    with memory.forwarder(wrap=only("loader", wrap)) as forwarder:
        fill(forwarder)
        forwarder.flush()

    assert [[OWN, COMMON]] == made[0].surveys


def test_a_try_is_broken_off_when_no_table_comes_through(memory: InMemory) -> None:
    """
    After 16 tables failed and none loaded, the rest is left to the next try.

    The next try begins with those that were left.
    """
    journal = Journal()
    errors: dict[str, Exception] = {}
    tables = [f"kind{number:02}" for number in range(20)]

    def wrap(name: str, part: Any) -> Any:
        if name != "loader":
            return part
        return journaled(TablesAway(part, errors), journal, name)

    with memory.forwarder(
        router=FunctionRouter(lambda key: TableName(f"{key.event_name}")), wrap=wrap
    ) as forwarder:
        forwarder.submit(batch(*(custom(name, 1) for name in tables)))
        errors.update(dict.fromkeys(tables, TransientError("away")))
        for _ in range(2):
            with pytest.raises(TransientError, match="away"):
                forwarder.flush()
        tried = [entry.arguments[0] for entry in journal.of("prepare")]
        errors.clear()
        (report,) = forwarder.flush()

    assert (16, set(tables[16:]), 20) == (
        len(tried[:-16]),
        set(tried[16:20]),
        report.account.loaded,
    )


class Telling(Broad):
    """
    A loader that tells how its engine stands.
    """

    def state(self) -> str:
        """
        Say that it starts.
        """
        return "the engine is starting"


def test_the_status_tells_how_the_destination_stands(memory: InMemory) -> None:
    """
    What a loader tells of its engine is in the status; of others nothing is.
    """
    with memory.forwarder(
        wrap=only("loader", lambda loader: Telling(loader, 1))
    ) as forwarder:
        told = forwarder.status().destination
    with memory.forwarder() as forwarder:
        untold = forwarder.status().destination

    assert ("the engine is starting", None) == (told, untold)


@pytest.mark.parametrize("load_id", ["../x-0-0", "", "a/b", "\0", "x" * 201, ".x"])
def test_a_load_id_that_names_no_folder_is_refused(
    memory: InMemory, load_id: str
) -> None:
    """
    A batcher that names its loads otherwise has nothing of them written.
    """

    class Renaming(Broad):
        def lease(self, *args: Any, **kwargs: Any) -> Any:
            return attrs.evolve(self.part.lease(*args, **kwargs), load_id=load_id)

    with memory.forwarder(wrap=only("batcher", lambda each: Renaming(each, 1))) as it:
        fill(it)

        with pytest.raises(ConfigurationError, match="can't name a folder"):
            it.flush()


def test_files_that_come_out_otherwise_are_not_loaded(
    memory: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Staged again under other rules of cutting files, a load is parked unloaded.

    A table may have the rows of the first files, and would not know the others.
    """
    errors: dict[str, Exception] = {OWN: TransientError("lost")}
    with memory.forwarder(
        wrap=only("loader", lambda part: TablesAway(part, errors))
    ) as forwarder:
        fill(forwarder)
        fill(forwarder)
        flush_again(forwarder, 1)
        memory.files.clear()
        monkeypatch.setattr(
            "databricks_forwarder._pipeline.TableFiles",
            partial(TableFiles, max_file_bytes=1, max_waiting_bytes=1),
        )
        monkeypatch.setattr("databricks_forwarder._portions._CHUNK_RECORDS", 1)
        errors.clear()
        (report,) = forwarder.flush()

    assert "was staged as other files before" in (report.reason or "")
    assert OWN not in memory.lake.tables
    assert {} == memory.files
