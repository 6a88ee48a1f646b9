"""
What batchers and loaders that erase must do: B16 to B20, L8 and L9.
"""

from __future__ import annotations

from abc import abstractmethod
from datetime import timedelta
from typing import TYPE_CHECKING

import attrs
import pyarrow as pa
import pytest

from databricks_forwarder._table_columns import schema_of
from databricks_forwarder.erasure import Erasure, ErasureNote, Place, Suppression
from databricks_forwarder.errors import LeaseLostError, TransientError
from databricks_forwarder.model import (
    Account,
    LoadId,
    LoadResult,
    Offset,
    ParquetFile,
    StagedFile,
    TableName,
)
from databricks_forwarder.mparticle.person import Person
from databricks_forwarder.testing.contracts._clause import Contract, clause
from databricks_forwarder.testing.contracts._loads import (
    ANY_AGE,
    NOON,
    offsets_of,
    payload,
    report,
)
from databricks_forwarder.testing.contracts._samples import LOAD, NEXT, parquet_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from databricks_forwarder.model import Lease
    from databricks_forwarder.protocols import ErasingBatcher, ErasingLoader

__all__ = ["ErasingBatcherContract", "ErasingLoaderContract"]

_MARK = ("erased", "some")
_NOTE = ErasureNote(
    erasure=Erasure(request_id="request-1", subject="subject", begun_at=NOON),
    suppression=Suppression(salt="salt", marks=("mark",), before=NOON),
)


class ErasingBatcherContract(Contract):
    """
    The clauses B16 to B20 of `databricks_forwarder.protocols.ErasingBatcher`.
    """

    @abstractmethod
    def open(self) -> ErasingBatcher:
        """
        Give a batcher on this test's storage, as a new process sees it.
        """

    @abstractmethod
    def written(self) -> bytes:
        """
        Back door: every byte that the batcher has written, unused ones too.
        """

    def begin(self, tmp_path: Path) -> None:
        """
        Remember what is opened, to close it in the end.
        """
        super().begin(tmp_path)
        self._opened: list[ErasingBatcher] = []

    def end(self) -> None:
        """
        Close what was opened.
        """
        for batcher in self._opened:
            batcher.close()

    def _open(self, *names: str) -> ErasingBatcher:
        batcher = self.open()
        self._opened.append(batcher)
        batcher.append([payload(name, 2) for name in names], at=NOON)
        return batcher

    def _erase(
        self, batcher: ErasingBatcher, *names: str, note: ErasureNote = _NOTE
    ) -> ErasureNote:
        return batcher.erase(note, _are(*names), _MARK, at=NOON)

    def _holds(self, name: str) -> bool:
        return payload(name).document in self.written()

    @clause("B16")
    def test_b16_what_waits_is_erased_without_a_trace(self) -> None:
        """
        A waiting payload is in no lease and in no byte; its neighbours are.
        """
        batcher = self._open("ann", "bob", "cleo")
        note = self._erase(batcher, "bob")

        assert [True, False, True] == [
            self._holds("ann"),
            self._holds("bob"),
            self._holds("cleo"),
        ]
        assert [0, 2] == offsets_of(_leased(batcher))
        assert (1, 0, 0, 2) == _counts(note)

    @clause("B16")
    def test_b16_a_dead_letter_is_erased_without_a_trace(self) -> None:
        """
        A dead payload is in no letter and in no byte; other letters are.
        """
        batcher = self._open("ann", "bob")
        lease = _leased(batcher)
        batcher.commit(lease.load_id, report(lease, dead=[0, 1]), at=NOON)
        note = self._erase(batcher, "ann")

        assert [1] == [letter.offset for letter in batcher.dead_letters()]
        assert not self._holds("ann")
        assert (0, 0, 1, 2) == _counts(note)

    @clause("B16")
    def test_b16_what_was_loaded_leaves_no_trace(self) -> None:
        """
        Bytes of a payload that was committed before are nowhere either.
        """
        batcher = self._open("ann")
        lease = _leased(batcher)
        batcher.commit(lease.load_id, report(lease), at=NOON)
        note = self._erase(batcher, "ann")

        assert not self._holds("ann")
        assert (0, 0, 0, 0) == _counts(note)

    @clause("B16")
    def test_b16_a_large_payload_leaves_no_trace(self) -> None:
        """
        Nothing is left of a payload that is larger than what is written at once.
        """
        batcher = self._open("ann" * 40_000, "bob")
        self._erase(batcher, "ann" * 40_000)

        assert b"annannann" not in self.written()
        assert [1] == offsets_of(_leased(batcher))

    @clause("B16")
    def test_b16_a_payload_that_nobody_can_read_stays(self) -> None:
        """
        A payload of which nobody can tell whose it is stays, and is counted.
        """
        batcher = self._open("ann", "bob")
        note = batcher.erase(_NOTE, lambda _: None, _MARK, at=NOON)

        assert (2, [0, 1]) == (
            note.erasure.spool.unread,
            offsets_of(_leased(batcher)),
        )

    @clause("B17")
    def test_b17_erased_messages_are_dropped(self) -> None:
        """
        Messages of waiting, parked and dead payloads are dropped, all others stay.
        """
        batcher = self._open("ann", "bob")
        dead = _leased(batcher)
        batcher.commit(dead.load_id, report(dead, dead=[0]), at=NOON)
        batcher.append([payload("ann", 2), payload("cleo", 2)], at=NOON)
        lease = _leased(batcher)
        parked = report(lease, parked=1, dropped=1)
        batcher.park(lease.load_id, parked, at=NOON)
        batcher.append([payload("ann", 2)], at=NOON)
        self._erase(batcher, "ann")

        expected = Account(received=10, loaded=2, dropped=6, pending=2)
        assert expected == batcher.status().account

    @clause("B17")
    def test_b17_erasing_again_changes_no_account(self) -> None:
        """
        The second time nothing is counted, and the note tells of the first.
        """
        batcher = self._open("ann", "bob")
        first = self._erase(batcher, "ann")
        account = batcher.status().account
        again = self._erase(batcher, "ann", note=first)

        assert (account, first) == (batcher.status().account, again)

    @clause("B17")
    def test_b17_room_is_given_back(self) -> None:
        """
        Bytes of what was erased are no longer counted as stored.
        """
        batcher = self._open("ann", "bob")
        lease = _leased(batcher)
        batcher.commit(lease.load_id, report(lease, dead=[0]), at=NOON)
        batcher.append([payload("ann"), payload("bob")], at=NOON)
        self._erase(batcher, "ann")

        assert len(payload("bob").document) == batcher.status().stored_bytes

    @clause("B18")
    def test_b18_a_parked_load_is_open_again_without_them(self) -> None:
        """
        It has its id, its notes and the mark, and its other records.
        """
        batcher = self._open("ann", "bob")
        lease = _leased(batcher)
        batcher.note(lease.load_id, "routes", "there", at=NOON)
        batcher.park(lease.load_id, report(lease, parked=3), at=NOON)
        note = self._erase(batcher, "ann")
        again = _leased(batcher)

        assert (lease.load_id,) == tuple(note.erasure.spool.opened_load_ids)
        assert (lease.load_id, lease.offsets, 2, 1) == (
            again.load_id,
            again.offsets,
            again.message_count,
            again.attempt,
        )
        assert {"routes": "there", "erased": "some"} == dict(again.notes)
        assert ([1], ()) == (offsets_of(again), tuple(batcher.parked()))
        assert (0, 1, 0, 2) == _counts(note)

    @clause("B18")
    def test_b18_an_open_load_of_nobody_goes_on_without_them(self) -> None:
        """
        A load whose holder is gone has its other records, and can be committed.
        """
        self._open("ann", "bob").lease(ANY_AGE, at=NOON, seal=True)
        self._opened.pop().close()
        batcher = self._open()
        self._erase(batcher, "bob")
        lease = _leased(batcher)
        batcher.commit(lease.load_id, report(lease), at=NOON)

        expected = Account(received=4, loaded=2, dropped=2)
        assert expected == batcher.status().account

    @clause("B18")
    def test_b18_a_load_without_any_stays_as_it_is(self) -> None:
        """
        A parked load that has nothing of it stays parked, with its report.
        """
        batcher = self._open("bob")
        lease = _leased(batcher)
        parked = report(lease, parked=2)
        batcher.park(lease.load_id, parked, at=NOON)
        batcher.append([payload("ann")], at=NOON)
        self._erase(batcher, "ann")

        assert (parked,) == tuple(batcher.parked())
        assert {} == dict(batcher.notes(lease.load_id))

    @clause("B18")
    def test_b18_a_load_of_nothing_else_can_be_committed(self) -> None:
        """
        A load that has no record left is leased, and committed.
        """
        batcher = self._open("ann")
        self._erase(batcher, "ann")
        lease = _leased(batcher)
        batcher.commit(lease.load_id, report(lease), at=NOON)

        assert [] == offsets_of(lease)
        assert Account(received=2, dropped=2) == batcher.status().account

    @clause("B18")
    def test_b18_the_own_lease_is_lost(self) -> None:
        """
        Who had a load out when its own batcher erased can't settle it any more.
        """
        batcher = self._open("ann", "bob")
        lease = _leased(batcher)
        self._erase(batcher, "ann")

        with pytest.raises(LeaseLostError):
            batcher.commit(lease.load_id, report(lease), at=NOON)

    @clause("B19")
    def test_b19_nothing_is_erased_while_a_load_is_out(self) -> None:
        """
        While another holder has a load nothing changes, not even what waits.
        """
        holder = self._open("bob")
        lease = _leased(holder)
        other = self._open("ann")
        with pytest.raises(TransientError, match=lease.load_id):
            self._erase(other, "ann")
        still = (self._holds("ann"), tuple(other.erasures()))
        holder.commit(lease.load_id, report(lease), at=NOON)
        self._erase(other, "ann")

        assert ((True, ()), False) == (still, self._holds("ann"))

    @clause("B20")
    def test_b20_the_note_is_kept_with_what_was_erased(self) -> None:
        """
        A new process reads the note as `erase` has returned it.
        """
        note = self._erase(self._open("ann"), "ann")

        assert (note,) == tuple(self._open().erasures())

    @clause("B20")
    def test_b20_one_note_is_kept_for_each_request(self) -> None:
        """
        A note of the same request takes the earlier one's place, in its place.
        """
        batcher = self._open()
        other = attrs.evolve(
            _NOTE, erasure=attrs.evolve(_NOTE.erasure, request_id="request-2")
        )
        batcher.keep_erasure(_NOTE)
        batcher.keep_erasure(other)
        finished = attrs.evolve(_NOTE.erasure, finished_at=NOON + timedelta(hours=1))
        again = attrs.evolve(_NOTE, erasure=finished)
        batcher.keep_erasure(again)

        assert (again, other) == tuple(self._open().erasures())

    @clause("B20")
    def test_b20_who_never_erased_keeps_nothing(self) -> None:
        """
        Before the first erasure there is none.
        """
        assert () == tuple(self._open("ann").erasures())


_TABLE = TableName("event_navigation_größe")
_OTHER = TableName("main_otherevents")
_SCHEMA = schema_of("screen_view")
_ANN = Person.of([1], {"email": ["ann@example.com", "a'n\\n@example.com"]})


class ErasingLoaderContract(Contract):
    """
    The clauses L8 and L9 of `databricks_forwarder.protocols.ErasingLoader`.
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


def _are(*names: str) -> Callable[[bytes], bool | None]:
    documents = {payload(name).document for name in names}
    return documents.__contains__


def _leased(batcher: ErasingBatcher) -> Lease:
    lease = batcher.lease(ANY_AGE, at=NOON, seal=True)
    assert lease is not None, "the batcher had no lease to hand out"
    return lease


def _counts(note: ErasureNote) -> tuple[int, int, int, int]:
    spool = note.erasure.spool
    return spool.waiting, spool.in_loads, spool.dead, spool.message_count


def _plain(
    places: Mapping[TableName, Sequence[Place]],
) -> dict[TableName, list[tuple[str, int, int]]]:
    return {
        table: sorted((each.load_id, each.offset, each.row_count) for each in some)
        for table, some in places.items()
    }
