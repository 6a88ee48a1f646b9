"""
What a stager must do, clause by clause.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import attrs
import pytest

from databricks_forwarder.errors import SetupError, TransientError
from databricks_forwarder.model import LoadId, ParquetFile
from databricks_forwarder.testing.contracts._clause import Contract, clause
from databricks_forwarder.testing.contracts._samples import (
    at_once,
    parquet_file,
    rows,
)

if TYPE_CHECKING:
    from databricks_forwarder.protocols import Stager

__all__ = ["StagerContract"]

_LOAD = LoadId("0123456789ab-0-9")


class StagerContract(Contract):
    """
    The clauses S1 to S5 of `databricks_forwarder.protocols.Stager`.
    """

    @abstractmethod
    def open(self) -> Stager:
        """
        Make a stager over the test's storage, as a new process sees it.
        """

    @abstractmethod
    def read(self, uri: str) -> bytes | None:
        """
        Back door: the bytes at *uri*, not through the stager; None if none.
        """

    def file(
        self,
        load_id: str = _LOAD,
        table: str = "event_navigation_signup",
        *,
        part: int = 0,
        first: int = 0,
    ) -> ParquetFile:
        """
        Write a new file of a load.
        """
        content = rows(first, 3)
        return parquet_file(self.tmp_path, load_id, table, content, part=part)

    @clause("S1")
    def test_s1_staged_bytes_are_the_files(self) -> None:
        """
        The bytes at the URI are exactly the file's.
        """
        file = self.file()
        staged = self.open().stage(file)

        assert file.path.read_bytes() == self.read(staged.uri)

    @clause("S1")
    def test_s1_staged_file_says_what_it_is(self) -> None:
        """
        What `stage` returns carries the file's load, table and counts.
        """
        file = self.file(table="größe_漢字")
        staged = self.open().stage(file)

        assert (file.load_id, file.table, file.row_count, file.size_bytes) == (
            staged.load_id,
            staged.table,
            staged.row_count,
            staged.size_bytes,
        )

    @clause("S1")
    def test_s1_what_happens_to_the_original_does_not_reach_it(self) -> None:
        """
        The original may be written again in its place without harm.
        """
        file = self.file()
        content = file.path.read_bytes()
        staged = self.open().stage(file)
        file.path.write_bytes(b"something else")

        assert content == self.read(staged.uri)

    @clause("S2")
    def test_s2_uri_is_a_function_of_load_table_and_part(self) -> None:
        """
        Staged again from another place by another process, the URI is the same.
        """
        uris = {self.open().stage(self.file()).uri for _ in range(2)}

        assert 1 == len(uris)

    @clause("S2")
    def test_s2_uris_differ_by_load_table_and_part(self) -> None:
        """
        Files of another load, table or part have other URIs.
        """
        stager = self.open()
        files = [
            self.file(),
            self.file(part=1),
            self.file(table="event_navigation_sign-up"),
            self.file(table="event_navigation_sign_up"),
            self.file(load_id="0123456789ab-0-90"),
        ]

        assert len(files) == len({stager.stage(file).uri for file in files})

    @clause("S2")
    def test_s2_staging_again_replaces(self) -> None:
        """
        What is staged last is what can be read.
        """
        stager = self.open()
        stager.stage(self.file())
        again = self.file(first=100)

        assert again.path.read_bytes() == self.read(stager.stage(again).uri)

    @clause("S3")
    def test_s3_failed_staging_leaves_the_old_bytes_whole(self) -> None:
        """
        When staging again fails, the first file's bytes are still there.
        """
        stager = self.open()
        file = self.file()
        staged = stager.stage(file)
        missing = attrs.evolve(file, path=self.tmp_path / "missing.parquet")
        with pytest.raises((SetupError, TransientError)):
            stager.stage(missing)

        assert file.path.read_bytes() == self.read(staged.uri)

    @clause("S3")
    def test_s3_readers_see_whole_files_only(self) -> None:
        """
        Who reads while a file is being replaced sees one or the other, whole.
        """
        files = [self.file(first=0), self.file(first=1000)]
        whole = {file.path.read_bytes() for file in files}
        stager = self.open()
        uri = stager.stage(files[0]).uri
        seen: list[bytes | None] = []
        at_once(
            lambda: [stager.stage(file) for file in files * 5],
            lambda: seen.extend(self.read(uri) for _ in range(50)),
        )

        assert set() == set(seen) - whole

    @clause("S4")
    def test_s4_nothing_staged_is_nothing_listed(self) -> None:
        """
        A new storage lists no load.
        """
        assert [] == list(self.open().staged())

    @clause("S4")
    def test_s4_loads_are_listed_to_another_process(self) -> None:
        """
        Each load that has a file is listed once, also after reopening.
        """
        stager = self.open()
        loads = ["0123456789ab-0-9", "0123456789ab-10-10", "ba9876543210-0-9"]
        for load_id in loads:
            stager.stage(self.file(load_id))
            stager.stage(self.file(load_id, "other"))

        assert loads == sorted(self.open().staged())

    @clause("S4")
    def test_s4_what_failed_half_way_can_be_swept(self) -> None:
        """
        After a failed staging, discarding what is listed leaves nothing listed.
        """
        stager = self.open()
        missing = attrs.evolve(self.file(), path=self.tmp_path / "missing.parquet")
        with pytest.raises((SetupError, TransientError)):
            stager.stage(missing)
        for load_id in self.open().staged():
            self.open().discard(load_id)

        assert [] == list(self.open().staged())

    @clause("S5")
    def test_s5_discard_removes_all_of_a_load(self) -> None:
        """
        No file of a discarded load can be read, and it is not listed.
        """
        stager = self.open()
        files = [self.file(), self.file(part=1), self.file(table="other")]
        uris = [stager.stage(file).uri for file in files]
        self.open().discard(_LOAD)

        assert ([None] * 3, []) == (
            [self.read(uri) for uri in uris],
            list(stager.staged()),
        )

    @clause("S5")
    def test_s5_discard_leaves_other_loads_alone(self) -> None:
        """
        A load whose id starts alike keeps its files.
        """
        stager = self.open()
        stager.stage(self.file())
        other = self.file(f"{_LOAD}0")
        staged = stager.stage(other)
        stager.discard(_LOAD)

        assert other.path.read_bytes() == self.read(staged.uri)

    @clause("S5")
    def test_s5_discarding_nothing_is_no_error(self) -> None:
        """
        A load that was never staged, or is discarded already, can be discarded.
        """
        stager = self.open()
        stager.discard(_LOAD)
        stager.stage(self.file())
        stager.discard(_LOAD)
        stager.discard(_LOAD)

        assert [] == list(stager.staged())
