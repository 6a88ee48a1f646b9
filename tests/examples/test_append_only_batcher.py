"""
The example of a batcher of one's own keeps all that a batcher owes.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest
from machine_runs import bounded
from walking import InMemory

from databricks_forwarder.errors import BatcherClosedError, BatcherError
from databricks_forwarder.model import Account, Offset
from databricks_forwarder.protocols import Batcher
from databricks_forwarder.testing.contracts._loads import NOON, payload
from databricks_forwarder.testing.contracts.batcher import BatcherContract
from databricks_forwarder.testing.kills import BatcherKills
from databricks_forwarder.testing.machines.batcher import BatcherMachine
from databricks_forwarder.testing.machines.forwarder import ForwarderMachine


def _example() -> ModuleType:
    # By its place: its folder has a program with the name of a package.
    path = Path(__file__).parents[2] / "examples" / "append_only_batcher.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


EXAMPLE = _example()
AppendOnlyBatcher = EXAMPLE.AppendOnlyBatcher


def spoil(path: Path, offset: int) -> None:
    """
    Change the last byte of a pending payload in its file.
    """
    state = EXAMPLE.AppendOnlyBatcher(path)._state
    kept = state.records[offset]
    with path.with_name(f"{path.name}.payloads").open("r+b") as file:
        file.seek(kept.place + kept.size - 1)
        file.write(b"?")


class TestContract(BatcherContract):
    """
    On a file of its own for each test.
    """

    @property
    def _path(self) -> Path:
        return self.tmp_path / "spool.log"

    def open(self) -> Batcher:
        """
        Open the test's files.
        """
        return AppendOnlyBatcher(self._path)

    def open_another(self) -> Batcher:
        """
        Open files that nobody has.
        """
        self._others = getattr(self, "_others", 0) + 1
        return AppendOnlyBatcher(self.tmp_path / f"other-{self._others}.log")

    def open_small(self, max_bytes: int) -> Batcher:
        """
        Open the test's files with a limit.
        """
        return AppendOnlyBatcher(self._path, max_spool_bytes=max_bytes)

    def stored(self) -> list[bytes]:
        """
        Put the lines together anew, and look where they say.
        """
        state = AppendOnlyBatcher(self._path)._state
        content = self._path.with_name("spool.log.payloads").read_bytes()
        return [
            content[kept.place : kept.place + kept.size]
            for kept in state.records.values()
        ]

    def damage(self, offset: Offset) -> None:
        """
        Change a byte in the file of payloads.
        """
        spoil(self._path, offset)


class Machine(BatcherMachine):
    """
    Two hosts with the same files; who dies leaves its lease to expire.
    """

    max_bytes = 200

    def open(self) -> Batcher:
        """
        Open the run's files.
        """
        return AppendOnlyBatcher(
            self.tmp_path / "spool.log", max_spool_bytes=self.max_bytes
        )

    def damage(self, offset: Offset) -> None:
        """
        Change a byte in the file of payloads.
        """
        spoil(self.tmp_path / "spool.log", offset)


TestMachine = bounded(Machine, examples=25, steps=40)


class TestKills(BatcherKills):
    """
    Hosts with the files of a test are killed.
    """

    def open(self) -> Batcher:
        """
        Open the test's files.
        """
        return AppendOnlyBatcher(self.tmp_path / "spool.log")


class Forwarders(ForwarderMachine):
    """
    Forwarders over the files, and over a lake in memory.
    """

    def parts(self) -> Mapping[str, Any]:
        """
        Make new parts.
        """
        if not hasattr(self, "_rest"):
            self._rest = InMemory(self.tmp_path, events_threshold=1)
        _, counts, stager, loader = self._rest.parts()
        return {
            "router": self._rest.router(counts),
            "batcher": AppendOnlyBatcher(self.tmp_path / "spool.log"),
            "stager": stager,
            "loader": loader,
        }

    def tables(self) -> Mapping[str, pa.Table]:
        """
        Read them behind the loader's back.
        """
        return self._rest.tables()

    def staged(self) -> Collection[str]:
        """
        Look behind the stager's back.
        """
        return self._rest.staged()


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


TestForwarders = bounded(Forwarders, examples=10, steps=10)


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    path = tmp_path / "spool.log"
    batcher = AppendOnlyBatcher(path)
    for name in "ab":
        batcher.append([payload(name, 2)], at=NOON, checkpoint={"p": name})
    batcher.close()
    return path


@pytest.mark.parametrize("left", [1, 9, 40, -1])
def test_half_a_line_at_the_end_is_cut_off(path: Path, left: int) -> None:
    """
    What a process was writing when it died is not there, and is written over.
    """
    whole = path.read_bytes()
    line = whole.splitlines(keepends=True)[2]
    path.write_bytes(whole[: whole.index(line)] + line[:left])
    batcher = AppendOnlyBatcher(path)
    account = batcher.status().account
    checkpoint = batcher.checkpoint()
    batcher.append([payload("b", 2)], at=NOON, checkpoint={"p": "b"})

    assert (Account(received=2, pending=2), {"p": "a"}) == (account, checkpoint)
    assert path.read_bytes().splitlines() == whole.splitlines()[:3]
    assert AppendOnlyBatcher(path).status() == batcher.status()


@pytest.mark.parametrize("changed", [b"?", b"\n"])
def test_a_broken_line_before_a_whole_one_is_refused(
    path: Path, changed: bytes
) -> None:
    """
    Damage is told with its place, and nothing is changed.
    """
    content = path.read_bytes()
    at = content.index(b"appended")
    broken = content[:at] + changed + content[at + 1 :]
    path.write_bytes(broken)
    place = len(content.splitlines(keepends=True)[0])
    with pytest.raises(BatcherError, match=f"is damaged at byte {place}; restore it"):
        AppendOnlyBatcher(path)

    assert broken == path.read_bytes()


def test_bytes_without_a_line_are_written_over(path: Path) -> None:
    """
    Payloads of a process that died before it wrote their line take no place.
    """
    payloads = path.with_name("spool.log.payloads")
    size = payloads.stat().st_size
    with payloads.open("ab") as file:
        file.write(b"of nobody")
    AppendOnlyBatcher(path).append([payload("c")], at=NOON)

    assert payload("c").document == payloads.read_bytes()[size:][:16]


def test_a_closed_batcher_refuses(path: Path) -> None:
    """
    Nothing is stored by one that was closed.
    """
    batcher = AppendOnlyBatcher(path)
    batcher.close()
    batcher.close()
    before = path.read_bytes()
    with pytest.raises(BatcherClosedError, match="is closed; nothing was stored"):
        batcher.append([payload("c")], at=NOON)

    assert before == path.read_bytes()


def test_an_error_of_the_disk_is_the_batcher_s(path: Path) -> None:
    """
    A file that is gone is told as what the forwarder knows how to take.
    """
    batcher = AppendOnlyBatcher(path)
    path.with_name("spool.log.payloads").unlink()
    with pytest.raises(BatcherError, match="failed, see to its disk: No such file"):
        batcher.append([payload("c")], at=NOON)


def test_the_program_runs_in_an_empty_folder(tmp_path: Path) -> None:
    """
    Run twice it adds three rows each time, and says where they are.
    """
    command = [sys.executable, EXAMPLE.__file__]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    said = [
        subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, check=True
        ).stdout.decode()
        for _ in range(2)
    ]

    assert [
        "3 batches are safe in spool.log",
        "shop_otherevents has 6 rows",
        "Account(received=6, loaded=6, dead=0, dropped=0, pending=0)",
    ] == said[-1].splitlines()
    assert ["append-only"] == [path.name for path in tmp_path.iterdir()]
