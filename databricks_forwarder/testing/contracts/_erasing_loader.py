"""
What a loader that erases must do: L8 and L9.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import pyarrow as pa

from databricks_forwarder._table_columns import schema_of
from databricks_forwarder.erasure import Place
from databricks_forwarder.model import (
    LoadId,
    LoadResult,
    Offset,
    ParquetFile,
    StagedFile,
    TableName,
)
from databricks_forwarder.mparticle.person import Person
from databricks_forwarder.testing.contracts._clause import Contract, clause
from databricks_forwarder.testing.contracts._samples import LOAD, NEXT, parquet_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from databricks_forwarder.abilities import ErasingLoader

__all__ = ["ErasingLoaderContract"]

_TABLE = TableName("event_navigation_größe")
_OTHER = TableName("main_otherevents")
_SCHEMA = schema_of("screen_view")
_ANN = Person.of([1], {"email": ["ann@example.com", "a'n\\n@example.com"]})


class ErasingLoaderContract(Contract):
    """
    The clauses L8 and L9 of `databricks_forwarder.abilities.ErasingLoader`.
    """

    @abstractmethod
    def open(self) -> ErasingLoader:
        """
        Make a loader over the test's tables, as a new process sees them.
        """

    @abstractmethod
    def stage(self, file: ParquetFile) -> StagedFile:
        """
        Back door: put *file* where the loader can read it.
        """

    @abstractmethod
    def rows(self, table: TableName) -> list[dict[str, object]]:
        """
        Back door: the rows of *table*, not through the loader.
        """

    def history(self) -> str:
        """
        Back door: what the engine tells of its statements; nothing by default.
        """
        return ""

    def _load(
        self,
        people: Sequence[tuple[int | None, Mapping[str, str]]],
        *,
        table: TableName = _TABLE,
        load_id: LoadId = LOAD,
    ) -> Callable[[], LoadResult]:
        """
        Load two rows of each of *people*, each at an offset of its own.
        """
        content = [
            {
                "mpid": mpid,
                "user_identities": [
                    (key, {"identity": value}) for key, value in identities.items()
                ],
                "_load_id": load_id,
                "_offset": offset,
                "_position": position,
            }
            for offset, (mpid, identities) in enumerate(people)
            for position in (0, 1)
        ]
        file = parquet_file(self.tmp_path, load_id, table, content, schema=_SCHEMA)
        staged = [self.stage(file)]
        loader = self.open()
        loader.prepare(table, _SCHEMA)
        loader.load(load_id, table, staged)
        return lambda: self.open().load(load_id, table, staged)

    def _held(self, table: TableName = _TABLE) -> list[tuple[object, object]]:
        return sorted((row["_load_id"], row["_offset"]) for row in self.rows(table))

    @clause("L8")
    def test_l8_rows_are_found_by_mpid_and_by_identity(self) -> None:
        """
        Whoever has one of the mpids or identities is found, and nobody else.
        """
        self._load(
            [
                (1, {}),
                (2, {"email": "ann@example.com"}),
                (3, {"email": "bob@example.com", "other": "ann@example.com"}),
                (None, {}),
                (11, {"email": "a'n\\n@example.com"}),
            ]
        )
        places = self.open().places(_ANN)

        assert {_TABLE: [(LOAD, 0, 2), (LOAD, 1, 2), (LOAD, 4, 2)]} == _plain(places)

    @clause("L8")
    def test_l8_rows_are_found_in_every_table_of_every_load(self) -> None:
        """
        Tables of other loads, and of other batchers, are looked into as well.
        """
        other = LoadId("ffffffffffff-0-0")
        self._load([(1, {})])
        self._load([(2, {}), (1, {})], load_id=NEXT)
        self._load([(1, {})], table=_OTHER, load_id=other)

        assert {
            _TABLE: [(LOAD, 0, 2), (NEXT, 1, 2)],
            _OTHER: [(other, 0, 2)],
        } == _plain(self.open().places(_ANN))

    @clause("L8")
    def test_l8_tables_of_others_are_passed_over(self) -> None:
        """
        A table without the columns of this library has no places.
        """
        loader = self.open()
        loader.prepare(_OTHER, pa.schema({"mpid": pa.int64(), "_load_id": pa.string()}))

        assert {} == dict(loader.places(_ANN))

    @clause("L8")
    def test_l8_no_history_tells_who_was_looked_for(self) -> None:
        """
        What the engine keeps of its statements has no identity in it.
        """
        self._load([(1, {"email": "ann@example.com"}), (2, {})])
        loader = self.open()
        places = loader.places(_ANN)
        loader.erase(_TABLE, places[_TABLE])

        assert "ann@example.com" not in self.history()

    @clause("L9")
    def test_l9_rows_at_the_places_are_gone_and_no_others(self) -> None:
        """
        All rows of the places are gone from the table, and from no other.
        """
        self._load([(1, {}), (2, {}), (3, {"email": "ann@example.com"})])
        self._load([(1, {})], load_id=NEXT)
        self._load([(1, {})], table=_OTHER)
        loader = self.open()
        statements = loader.erase(_TABLE, loader.places(_ANN)[_TABLE])

        assert bool(statements)
        assert [(LOAD, 1)] * 2 == self._held()
        assert [(LOAD, 0)] * 2 == self._held(_OTHER)

    @clause("L9")
    def test_l9_rows_that_stay_are_as_they_were(self) -> None:
        """
        Whoever stays has all the values that were loaded.
        """
        self._load([(1, {}), (2, {"email": "bob@example.com"})])
        before = [row for row in self.rows(_TABLE) if row["mpid"] == 2]
        loader = self.open()
        loader.erase(_TABLE, loader.places(_ANN)[_TABLE])

        assert before == self.rows(_TABLE)

    @clause("L9")
    def test_l9_erasing_again_changes_nothing(self) -> None:
        """
        Places that were erased, and tables that are not there, are no error.
        """
        self._load([(1, {}), (2, {})])
        loader = self.open()
        places = loader.places(_ANN)[_TABLE]
        loader.erase(_TABLE, places)
        loader.erase(_TABLE, places)
        loader.erase(_TABLE, [])
        loader.erase(_OTHER, [Place(LOAD, Offset(0), 1)])

        assert [(LOAD, 1)] * 2 == self._held()
        assert {} == dict(loader.places(_ANN))

    @clause("L9")
    def test_l9_a_load_stays_done(self) -> None:
        """
        Repeating a load does not bring back what was erased of it.
        """
        again = self._load([(1, {}), (2, {})])
        loader = self.open()
        loader.erase(_TABLE, loader.places(_ANN)[_TABLE])
        result = again()

        assert ([(LOAD, 1)] * 2, True) == (self._held(), result.was_repeat)

    @clause("L9")
    def test_l9_thousands_of_places_are_erased(self) -> None:
        """
        More places than one statement names are all erased.
        """
        self._load([(1, {})] * 2001 + [(2, {})])
        loader = self.open()
        loader.erase(_TABLE, loader.places(_ANN)[_TABLE])

        assert [(LOAD, 2001)] * 2 == self._held()


def _plain(
    places: Mapping[TableName, Sequence[Place]],
) -> dict[TableName, list[tuple[str, int, int]]]:
    return {
        table: sorted((each.load_id, each.offset, each.row_count) for each in some)
        for table, some in places.items()
    }
