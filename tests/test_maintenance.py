"""
Maintenance by a forwarder: what it advises, runs, and tells.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_SECONDS
from walking import InMemory, OnDisk, batch, custom

from databricks_forwarder import Forwarder, _maintenance
from databricks_forwarder._maintenance import _advised
from databricks_forwarder.errors import ConfigurationError, TransientError
from databricks_forwarder.loaders.delta import DeltaLoader
from databricks_forwarder.maintenance import (
    Advice,
    Maintenance,
    SmallFiles,
    TableLayout,
)
from databricks_forwarder.model import TableName
from databricks_forwarder.testing._wrapping import wrapped
from databricks_forwarder.testing.contracts._loads import NOON
from databricks_forwarder.testing.faults import Fail, faulty

T = TableName("shop_otherevents")
WEEK = timedelta(days=7)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[OnDisk]:
    """
    Parts on the disk.
    """
    disk = OnDisk(tmp_path, events_threshold=100)
    yield disk
    disk.die()


@pytest.fixture(autouse=True)
def _few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_maintenance, "_MANY", 3)


def carry(forwarder: Forwarder, *event_ids: int) -> None:
    """
    Carry each event as a load of its own.
    """
    for event_id in event_ids:
        forwarder.submit(batch(custom("Buy", event_id)))
        forwarder.flush()


def advised(tmp_path: Path, **layout: Any) -> list[tuple[str, bool, str]]:
    """
    What is advised of a table that lies so: work, due or not, why.
    """
    loader = Clustering(tmp_path)
    table = TableLayout(table=T, **{"clustered_by": ("a",), **layout})
    return [(each.work, each.is_due, each.reason) for each in _advised(loader, table)]


class Clustering(DeltaLoader):
    """
    A loader that has a statement for all works.
    """

    def statement(self, table: TableName, work: Any, /) -> str:
        """
        Name the work.
        """
        return f"{work} {table}"


class TestAdvice:
    """
    What is advised of what was found.
    """

    @pytest.mark.parametrize(
        ("layout", "expected"),
        [
            ({"small_file_count": 1}, []),
            (
                {"small_file_count": 2},
                [
                    (
                        "compact",
                        False,
                        (
                            "2 of 9 files are smaller than 32 MiB: few yet, it is due "
                            "from 3 on"
                        ),
                    )
                ],
            ),
            (
                {"small_file_count": 3},
                [
                    (
                        "compact",
                        True,
                        (
                            "3 of 9 files are smaller than 32 MiB, and every query "
                            "opens each of them"
                        ),
                    )
                ],
            ),
            (
                {"small_file_count": 3, "is_tended": True},
                [
                    (
                        "compact",
                        False,
                        (
                            "3 of 9 files are smaller than 32 MiB, and predictive "
                            "optimization is on: Databricks does it by itself"
                        ),
                    )
                ],
            ),
        ],
    )
    def test_small_files(
        self, tmp_path: Path, layout: dict[str, Any], expected: Any
    ) -> None:
        """
        Compacting is due when they are many and nobody else does it.
        """
        found = advised(tmp_path, file_count=9, unused_file_count=0, **layout)

        assert expected == found

    @pytest.mark.parametrize(
        ("layout", "expected"),
        [
            ({"clustered_by": ("a",), "size_bytes": 2**40}, []),
            ({"is_self_clustered": True, "size_bytes": 2**40}, []),
            ({"size_bytes": 2**30 - 1}, [False]),
            ({"size_bytes": 2**30}, [True]),
        ],
    )
    def test_clustering(
        self, tmp_path: Path, layout: dict[str, Any], expected: list[bool]
    ) -> None:
        """
        Clustering is due for large tables that have none.
        """
        layout = {"clustered_by": (), **layout}
        found = advised(tmp_path, unused_file_count=0, **layout)

        assert [("cluster", is_due) for is_due in expected] == [
            each[:2] for each in found
        ]

    @pytest.mark.parametrize(
        ("kept", "expected"),
        [
            (None, []),
            (timedelta(hours=167), [True]),
            (WEEK, []),
            (timedelta(days=30), []),
            (timedelta(days=31), [False]),
        ],
    )
    def test_retention(
        self, tmp_path: Path, kept: timedelta | None, expected: list[bool]
    ) -> None:
        """
        Too short is due to be changed, too long is for a person to decide.
        """
        found = advised(tmp_path, kept=kept, unused_file_count=0)

        assert [("retain", is_due) for is_due in expected] == [
            each[:2] for each in found
        ]

    @pytest.mark.parametrize(
        ("layout", "is_due", "word"),
        [
            ({"unused_file_count": 4}, True, "4 unused files"),
            ({"unused_file_count": None}, True, "if there are any"),
            ({"unused_file_count": 4, "is_tended": True}, False, "by itself"),
            ({"unused_file_count": 4, "kept": timedelta(1)}, False, "too soon"),
        ],
    )
    def test_vacuum(
        self, tmp_path: Path, layout: dict[str, Any], is_due: bool, word: str
    ) -> None:
        """
        A vacuum is due when there may be something, and it is safe.
        """
        *_, (work, due, reason) = advised(tmp_path, **layout)

        assert ("vacuum", is_due, True) == (work, due, word in reason)

    def test_of_what_cant_be_looked_at_nothing_is_advised(self, tmp_path: Path) -> None:
        """
        A problem is no advice.
        """
        assert [] == advised(tmp_path, problem="hidden", small_file_count=99)


class TestRun:
    """
    What is run of it.
    """

    def test_nothing_is_run_unasked(self, disk: OnDisk) -> None:
        """
        Looking tells what is due, with its statement, and changes nothing.
        """
        with disk.forwarder() as forwarder:
            carry(forwarder, 1, 2, 3)
            found = forwarder.maintenance()

            assert [("compact", True)] == [(each.work, each.is_due) for each in found]
            assert "optimize.compact()" in found.due[0].statement
            assert ((), []) == (found.outcomes, list(found.problems))
            assert 3 == forwarder.maintenance().tables[0].file_count

    def test_what_is_due_is_compacted(self, disk: OnDisk) -> None:
        """
        What was done is told, and afterwards nothing is due.
        """
        with disk.forwarder() as forwarder:
            carry(forwarder, 1, 2, 3)
            found = forwarder.maintenance(run=True)
            (outcome,) = found.outcomes

            assert found.due[0] is outcome.advice
            assert (None, {"numFilesAdded": 1, "numFilesRemoved": 3}) == (
                outcome.error,
                outcome.metrics,
            )
            assert [] == list(forwarder.maintenance().due)

    def test_true_runs_nothing_that_removes(self, disk: OnDisk) -> None:
        """
        Retention and vacuum are run when they are named, in their order.
        """
        with disk.forwarder() as forwarder:
            carry(forwarder, 1)
            table = forwarder._loader._tables.opened(T)
            table.alter.set_table_properties(
                {"delta.deletedFileRetentionDuration": "interval 1 hour"}
            )
            unasked = forwarder.maintenance(run=True)
            asked = forwarder.maintenance(run=["vacuum", "retain"])

        assert (["retain"], ()) == (
            [each.work for each in unasked.due],
            tuple(unasked.outcomes),
        )
        assert ["retain"] == [each.advice.work for each in asked.outcomes]

    @pytest.mark.parametrize("run", ["compact", ["compact", "purge"], {"": 1}])
    def test_works_that_are_none_are_refused(self, disk: OnDisk, run: Any) -> None:
        """
        The sentence says what may be named.
        """
        with (
            disk.forwarder() as forwarder,
            pytest.raises(ConfigurationError, match="run must be True, False"),
        ):
            forwarder.maintenance(run=run)

    def test_a_loader_that_cant_is_refused(self, tmp_path: Path) -> None:
        """
        Such a loader has no small files to tell of either.
        """
        with InMemory(tmp_path).forwarder() as forwarder:
            with pytest.raises(ConfigurationError, match=r"abilities\.Maintaining"):
                forwarder.maintenance()

            assert forwarder.status().small_files is None

    def test_one_that_fails_holds_back_no_other(self, tmp_path: Path) -> None:
        """
        Its error is told, the other table is compacted, and loads go on.
        """
        disk = OnDisk(tmp_path, events_threshold=9)
        fault = Fail(method="maintain", error=TransientError("table x is away"))
        with disk.forwarder(wrap=_only("loader", faulty, fault)) as forwarder:
            for _ in range(3):
                forwarder.submit(batch(custom("Buy")))
                forwarder.submit(batch(*[custom("See")] * 9))
                forwarder.flush()
            found = forwarder.maintenance(run=True)
            carry(forwarder, 9)

            assert [None, "table x is away"] == sorted(
                (each.error for each in found.outcomes), key=str
            )
            assert ["table x is away"] == list(found.problems)
            assert forwarder.status().last_error is None

    def test_nothing_is_run_by_one_that_is_closed(self, disk: OnDisk) -> None:
        """
        A forwarder that is closed looks, and says why it does nothing.
        """
        with disk.forwarder() as forwarder:
            carry(forwarder, 1, 2, 3)
        found = forwarder.maintenance(run=True)

        assert ["the forwarder is closed; make a new one, it finds what waits"] == [
            each.error for each in found.outcomes
        ]

    def test_it_waits_for_the_load_that_is_carried(
        self, disk: OnDisk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Nothing is compacted before a load of the same forwarder is done.
        """
        loading, go = threading.Event(), threading.Event()
        deeds: list[str] = []

        def called(
            method: str,
            call: Callable[..., Any],
            args: Sequence[Any],
            kwargs: Mapping[str, Any],
        ) -> Any:
            if method == "load" and len(deeds) == 3:
                loading.set()
                assert go.wait(PATIENCE_SECONDS)
            if method in {"load", "maintain"}:
                deeds.append(method)
            return call(*args, **kwargs)

        with disk.forwarder(wrap=_only("loader", wrapped, called)) as forwarder:
            carry(forwarder, 1, 2, 3)
            carrying = threading.Thread(target=carry, args=(forwarder, 4))
            carrying.start()
            assert loading.wait(PATIENCE_SECONDS)
            found: list[Maintenance] = []
            take_turn = forwarder._worker.take_turn

            def taken(step: Callable[[], Any]) -> Any:
                go.set()
                return take_turn(step)

            monkeypatch.setattr(forwarder._worker, "take_turn", taken)
            running = threading.Thread(
                target=lambda: found.append(forwarder.maintenance(run=True))
            )
            running.start()
            carrying.join()
            running.join()

        assert [*["load"] * 4, "maintain"] == deeds
        assert [4] == [each.metrics["numFilesRemoved"] for each in found[0].outcomes]


class TestStatus:
    """
    Small files in the status.
    """

    def test_they_are_known_from_loads_and_from_the_last_look(
        self, disk: OnDisk
    ) -> None:
        """
        Before the first look only what was added is known; then both are.
        """
        with disk.forwarder() as forwarder:
            told = [forwarder.status().small_files]
            carry(forwarder, 1, 2, 3)
            told.append(forwarder.status().small_files)
            forwarder.maintenance()
            told.append(forwarder.status().small_files)
            carry(forwarder, 4)
            told.append(forwarder.status().small_files)
            forwarder.maintenance(run=True)
            told.append(forwarder.status().small_files)
        now = disk.clock.now()

        assert [
            SmallFiles(),
            SmallFiles(added=3),
            SmallFiles(found=3, found_at=now),
            SmallFiles(found=3, found_at=now, added=1),
            SmallFiles(found=1, found_at=now),
        ] == told

    def test_nobody_is_asked(self, disk: OnDisk) -> None:
        """
        The status is the same when the tables are out of reach.
        """
        with disk.forwarder() as forwarder:
            carry(forwarder, 1)
            (disk.folder / "lake").rename(disk.folder / "away")

            assert SmallFiles(added=1) == forwarder.status().small_files


def test_a_maintenance_says_what_matters(tmp_path: Path) -> None:
    """
    Its repr has the advice, and iterating gives them.
    """
    advice = Advice(table=T, work="compact", statement="s", reason="r", is_due=True)
    told = Maintenance(looked_at=NOON, tables=(), advice=(advice,))

    assert ([advice], [advice]) == (list(told), list(told.due))
    assert "statement='s'" in repr(told)


def _only(name: str, how: Callable[..., Any], *options: Any) -> Any:
    """
    Wrap one part.
    """
    return lambda part, it: how(it, *options) if part == name else it
