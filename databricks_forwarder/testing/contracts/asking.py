"""
What parts that are asked before anything is done must do: R8, R9, S6 and L14.
"""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._abilities import offers
from databricks_forwarder._rehearsal import rehearsed
from databricks_forwarder.abilities import LearningRouter
from databricks_forwarder.model import LoadId, ParquetFile, TableName
from databricks_forwarder.testing.contracts._clause import Contract, clause
from databricks_forwarder.testing.contracts._samples import (
    LOAD,
    NARROW,
    NEXT,
    WIDE,
    parquet_file,
    rows,
)
from databricks_forwarder.testing.contracts.router import ODD_KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databricks_forwarder.abilities import (
        DescribingLoader,
        ExplainingRouter,
        PlacingStager,
    )
    from databricks_forwarder.model import EventKey, StagedFile, Table
    from databricks_forwarder.protocols import Router

__all__ = [
    "AskedRouterContract",
    "DescribingLoaderContract",
    "PlacingStagerContract",
]

_AT = datetime(2026, 3, 31, 12, tzinfo=timezone.utc)
_DAY = timedelta(days=1)
_TABLE = TableName("event_navigation_größe")


class AskedRouterContract(Contract):
    """
    R8 and R9 of `databricks_forwarder.abilities`, for routers that do both.

    Attributes:
        message_count: Messages of each key in a load. Choose it so that the
            router is put to the test: for one with a threshold, less than that,
            so that it is reached in a later load.
    """

    message_count: int = 1

    @abstractmethod
    def make(self) -> ExplainingRouter:
        """
        Make the router of this test, as a new process does; it rehearses, too.

        All that are made within one test share one memory, which is empty at
        first.
        """

    @abstractmethod
    def learnt(self) -> object:
        """
        Back door: all that the memory knows, of loads and names, to be compared.
        """

    def keys(self) -> Sequence[EventKey]:
        """
        Tell the keys that it is asked for.
        """
        return ODD_KEYS

    @clause("R8")
    def test_r8_reasons_are_those_of_the_answer(self) -> None:
        """
        Each key that is answered for has a reason, with the table to come.
        """
        router, counts = self.make(), self._counts(self.message_count)
        for day in range(3):
            at = _AT + day * _DAY
            reasons = router.explain(counts, at=at)
            answers = router.route(counts, at=at)
            _learn(router, f"load-{day}", counts, at)

            assert answers == {key: each.table for key, each in reasons.items()}
            assert [] == [key for key, each in reasons.items() if each.key != key]

    @clause("R8")
    def test_r8_asking_why_teaches_nothing(self) -> None:
        """
        Whoever was asked why knows no more, has given no name, and says the same.
        """
        router, counts = self.make(), self._counts(10_000)
        before = self.learnt()
        reasons = router.explain(counts, at=_AT)

        assert reasons == router.explain(counts, at=_AT)
        assert before == self.learnt()

    @clause("R9")
    def test_r9_a_rehearsal_does_as_the_router_would(self) -> None:
        """
        Loads in turn are answered on trial as they then are in earnest.
        """
        router, counts = self.make(), self._counts(self.message_count)
        trial = rehearsed(router)
        expected = self._answers(trial, counts)

        assert expected == self._answers(router, counts)

    @clause("R9")
    def test_r9_a_rehearsal_goes_on_from_now(self) -> None:
        """
        What was learnt before a trial is known in it.
        """
        router, counts = self.make(), self._counts(self.message_count)
        self._answers(router, counts)
        expected = rehearsed(router).route(counts, at=_AT + 3 * _DAY)

        assert expected == router.route(counts, at=_AT + 3 * _DAY)

    @clause("R9")
    def test_r9_a_rehearsal_teaches_nothing(self) -> None:
        """
        Whatever happens on trial, the router knows no more than before.
        """
        router, counts = self.make(), self._counts(10_000)
        before = self.learnt()
        self._answers(rehearsed(router), counts)

        assert before == self.learnt()

    def _counts(self, messages: int) -> Mapping[EventKey, int]:
        return dict.fromkeys(self.keys(), messages)

    def _answers(
        self, router: Router, counts: Mapping[EventKey, int]
    ) -> list[Mapping[EventKey, Table | None]]:
        """
        Carry three loads, one a day, the first of half the keys.
        """
        some = dict(list(counts.items())[::2])
        answers = []
        for day, load in enumerate((some, counts, counts)):
            at = _AT + day * _DAY
            answers.append(router.route(load, at=at))
            _learn(router, f"load-{day}", load, at)
        return answers


def _learn(
    router: Router, load_id: str, counts: Mapping[EventKey, int], at: datetime
) -> None:
    if offers(router, LearningRouter):
        router.loaded(LoadId(load_id), counts, at=at)


class PlacingStagerContract(Contract):
    """
    S6 of `databricks_forwarder.abilities.PlacingStager`.
    """

    @abstractmethod
    def open(self) -> PlacingStager:
        """
        Make a stager over the test's storage, as a new process sees it.
        """

    def file(self, load_id: LoadId = LOAD, *, part: int = 0) -> ParquetFile:
        """
        Write a new file of a load.
        """
        return parquet_file(self.tmp_path, load_id, _TABLE, rows(0, 3), part=part)

    @clause("S6")
    def test_s6_the_place_is_where_it_is_staged(self) -> None:
        """
        What is told beforehand is what staging gives, in another process too.
        """
        files = [self.file(), self.file(part=1), self.file(NEXT)]
        expected = [self.open().place(file) for file in files]

        assert expected == [self.open().stage(file) for file in files]

    @clause("S6")
    def test_s6_telling_puts_nothing(self) -> None:
        """
        Nothing is staged by it, and the file need not be there.
        """
        stager = self.open()
        gone = attrs.evolve(self.file(), path=self.tmp_path / "gone")
        stager.place(gone)

        assert set() == set(stager.staged())


class DescribingLoaderContract(Contract):
    """
    L14 of `databricks_forwarder.abilities.DescribingLoader`.
    """

    @abstractmethod
    def open(self) -> DescribingLoader:
        """
        Make a loader over the test's tables, as a new process sees them.
        """

    @abstractmethod
    def stage(self, file: ParquetFile) -> StagedFile:
        """
        Back door: put *file* where the loader can read it.
        """

    @abstractmethod
    def written(self) -> object:
        """
        Back door: all that there is of tables, to be compared.
        """

    def staged(self) -> StagedFile:
        """
        Write a file of a load, and stage it.
        """
        return self.stage(parquet_file(self.tmp_path, LOAD, _TABLE, rows(0, 3)))

    @clause("L14")
    def test_l14_describing_changes_nothing(self) -> None:
        """
        Of a table that is not there it is told what makes it, and it isn't made.
        """
        loader, file = self.open(), self.staged()
        before = self.written()
        described = loader.describe(LOAD, _TABLE, NARROW, [file])

        assert described == loader.describe(LOAD, _TABLE, NARROW, [file])
        assert (True, 1, 1) == (
            not described.is_there,
            len(described.preparing),
            len(described.loading),
        )
        assert before == self.written()

    @clause("L14")
    def test_l14_what_is_prepared_needs_no_preparing(self) -> None:
        """
        A table that is as it is wanted is there, and nothing makes it.
        """
        loader, file = self.open(), self.staged()
        before = loader.describe(LOAD, _TABLE, NARROW, [file])
        loader.prepare(_TABLE, NARROW)
        after = loader.describe(LOAD, _TABLE, NARROW, [file])

        assert (True, ()) == (after.is_there, tuple(after.preparing))
        assert before.loading == after.loading

    @clause("L14")
    def test_l14_what_is_to_be_widened_is_told(self) -> None:
        """
        Columns that a table lacks are told before they are added, and no more.
        """
        loader = self.open()
        loader.prepare(_TABLE, NARROW)
        before = self.written()
        (told,) = loader.describe(NEXT, _TABLE, WIDE, []).preparing

        assert before == self.written()
        assert ("extra" in told, "identities" in told) == (True, False)

    @clause("L14")
    def test_l14_no_files_are_not_loaded(self) -> None:
        """
        Without files nothing would be run to load them.
        """
        described = self.open().describe(LOAD, _TABLE, NARROW, [])

        assert () == tuple(described.loading)
