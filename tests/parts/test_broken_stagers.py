"""
The contract of stagers finds what is broken.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest
from contract_runner import failing_clauses

from databricks_forwarder.stagers.directory import DirectoryStager
from databricks_forwarder.testing.contracts.stager import StagerContract

if TYPE_CHECKING:
    from collections.abc import Collection

    from databricks_forwarder.model import LoadId, ParquetFile, StagedFile


class Linking(DirectoryStager):
    """
    S1: shares its bytes with the original.
    """

    def stage(self, file: ParquetFile, /) -> StagedFile:
        """
        Put a link where the copy was.
        """
        staged = super().stage(file)
        # In one step, so that nobody misses the file meanwhile: S3 is held.
        link = Path(f"{staged.uri}.link")
        os.link(file.path, link)
        link.replace(staged.uri)
        return staged


class Wandering(DirectoryStager):
    """
    S2: stages in another place each time.
    """

    def stage(self, file: ParquetFile, /) -> StagedFile:
        """
        Give the staged file a name of its own.
        """
        staged = super().stage(file)
        uri = f"{staged.uri}.{secrets.token_hex(4)}"
        Path(staged.uri).rename(uri)
        return attrs.evolve(staged, uri=uri)


class Truncating(DirectoryStager):
    """
    S3: opens the final name before it has the bytes.
    """

    def stage(self, file: ParquetFile, /) -> StagedFile:
        """
        Empty the place first.
        """
        place = self._root / file.load_id
        place.mkdir(parents=True, exist_ok=True)
        (place / file.name).write_bytes(b"")
        return super().stage(file)


class Forgetful(DirectoryStager):
    """
    S4: lists what it staged itself.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._own: set[LoadId] = set()

    def stage(self, file: ParquetFile, /) -> StagedFile:
        """
        Remember the load.
        """
        self._own.add(file.load_id)
        return super().stage(file)

    def staged(self) -> Collection[LoadId]:
        """
        List what is remembered and still there.
        """
        return self._own & set(super().staged())


class Greedy(DirectoryStager):
    """
    S5: discards all loads whose ids start alike.
    """

    def discard(self, load_id: LoadId, /) -> None:
        """
        Take the id for a prefix.
        """
        for other in super().staged():
            if other.startswith(load_id):
                super().discard(other)


class OnDisk(StagerContract):
    """
    The contract of a stager in one folder.
    """

    stager: type[DirectoryStager] = DirectoryStager

    def open(self) -> DirectoryStager:
        """
        Open the test's folder.
        """
        return self.stager(self.tmp_path / "staging")

    def read(self, uri: str) -> bytes | None:
        """
        Look into the folder.
        """
        path = Path(uri)
        return path.read_bytes() if path.exists() else None


@pytest.mark.parametrize(
    ("stager", "clauses"),
    [
        (DirectoryStager, set()),
        (Linking, {"S1"}),
        (Wandering, {"S2"}),
        (Truncating, {"S3"}),
        (Forgetful, {"S4"}),
        (Greedy, {"S5"}),
    ],
)
def test_a_broken_stager_fails_in_the_clause_it_breaks(
    stager: type[DirectoryStager], clauses: set[str], tmp_path: Path
) -> None:
    """
    Each breach is found by the tests of its clause, and by no other's.
    """
    contract = type("Examined", (OnDisk,), {"stager": stager})

    assert clauses == failing_clauses(contract, tmp_path)
