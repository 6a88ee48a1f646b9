"""
The journal says what was asked of whom, in order.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pyarrow as pa

from databricks_forwarder.abilities import GroupingRouter, LearningRouter
from databricks_forwarder.loaders.memory import MemoryLoader
from databricks_forwarder.model import EventKey, LoadId, Payload, Table, TableName
from databricks_forwarder.stagers.memory import MemoryStager
from databricks_forwarder.testing.contracts._samples import parquet_file, rows
from databricks_forwarder.testing.journal import Entry, Journal, journaled

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LOAD = LoadId("0123456789ab-0-9")
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Simple:
    """
    A router that has the one method.
    """

    def route(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Table | None]:
        """
        Drop all.
        """
        return dict.fromkeys(counts)


class Learning(Simple):
    """
    A router that learns and groups.
    """

    @property
    def mood(self) -> str:
        """
        Something that is no method.
        """
        return "fine"

    def loaded(
        self, load_id: LoadId, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> None:
        """
        Learn nothing.
        """

    def group(self, batch: object, /) -> str | None:
        """
        Group nothing.
        """


def test_calls_of_all_parts_are_in_order(tmp_path: Path) -> None:
    """
    One journal holds the calls of several parts as they came.
    """
    journal = Journal()
    stager = journaled(MemoryStager(), journal, "stager")
    loader = journaled(MemoryLoader(stager.files), journal, "loader")
    file = parquet_file(tmp_path, LOAD, "t", rows(0, 2), part=3)
    loader.load(LOAD, TableName("t"), [stager.stage(file)])
    stager.discard(LOAD)

    assert [
        Entry("stager", "stage", ("t 3",)),
        Entry("loader", "load", (LOAD, "t", "list[1]")),
        Entry("stager", "discard", (LOAD,)),
    ] == list(journal)


def test_call_is_in_the_journal_before_it_is_made() -> None:
    """
    A call that raises is in the journal as well.
    """
    journal = Journal()
    stager = journaled(MemoryStager(), journal, "stager")
    try:
        stager.discard(None)  # type: ignore[arg-type]
        stager.stage(None)  # type: ignore[arg-type]
    except AttributeError:
        pass

    assert ["discard", "stage"] == [entry.method for entry in journal]


def test_payloads_are_never_in_the_journal() -> None:
    """
    Of what may hold a host's data there is the type, and the size.
    """
    journal = Journal()

    class Part:
        def take(self, *_: object) -> None:
            """
            Take anything.
            """

    part = journaled(Part(), journal, "part")
    part.take(Payload(b"secret", 1), b"secret", {"secret": 1}, "s" * 256, 7, True)

    assert [
        Entry("part", "take", ("Payload", "bytes[6]", "dict[1]", "str[256]", 7, True))
    ] == list(journal)


def test_what_belongs_to_a_load_is_told_by_its_id(tmp_path: Path) -> None:
    """
    An argument with a load id is that id in the journal.
    """
    journal = Journal()
    stager = MemoryStager()

    class Part:
        def take(self, _: object) -> None:
            """
            Take anything.
            """

    staged = stager.stage(parquet_file(tmp_path, LOAD, "t", rows(0, 1)))
    journaled(Part(), journal, "part").take(staged)

    assert [Entry("part", "take", (LOAD,))] == list(journal)


def test_wrapper_is_an_instance_of_what_the_part_is() -> None:
    """
    A router's optional methods are there if and only if the part has them.
    """
    routers = [journaled(part, Journal(), "router") for part in (Simple(), Learning())]

    assert [(False, False), (True, True)] == [
        (isinstance(router, LearningRouter), isinstance(router, GroupingRouter))
        for router in routers
    ]


def test_wrapper_of_a_wrapper_records_twice() -> None:
    """
    Wrappers can be put around one another.
    """
    journal = Journal()
    router = journaled(journaled(Learning(), journal, "inner"), journal, "outer")
    router.loaded(LOAD, {}, at=NOW)

    assert (["outer.loaded", "inner.loaded"], "fine", True) == (
        [f"{entry.part}.{entry.method}" for entry in journal],
        router.mood,
        isinstance(router, LearningRouter),
    )


def test_wrapper_has_nothing_private() -> None:
    """
    Private attributes of the part are not the wrapper's.
    """
    wrapper = journaled(MemoryStager(), Journal(), "stager")

    assert (False, True) == (
        hasattr(wrapper, "_files"),
        repr(wrapper).startswith("wrapped(<databricks_forwarder"),
    )


def test_answers_are_the_parts_own() -> None:
    """
    What the part returns, the caller gets.
    """
    loader = MemoryLoader({})
    wrapper = journaled(loader, Journal(), "loader")
    wrapper.prepare(TableName("t"), pa.schema({"id": pa.int64()}))

    assert loader.check() == wrapper.check()


def test_journal_can_be_asked_for_some_methods() -> None:
    """
    The entries of chosen methods are given in their order.
    """
    entries = [Entry("a", name) for name in ("x", "y", "z", "x")]

    assert (4, [entries[0], entries[2], entries[3]]) == (
        len(Journal(entries)),
        Journal(entries).of("x", "z"),
    )


def test_entry_reads_like_a_call() -> None:
    """
    As text, an entry is the call it records.
    """
    assert "loader.load(a, 1)" == str(Entry("loader", "load", ("a", 1)))
