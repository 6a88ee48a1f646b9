"""
Contenders run in processes of their own, in turn, on the same input.

A process of ours is a function of a module here, called by ``_contender.py``; a
peer's is a program in ``peers/``, run by the Python of the peer's environment.
Both print one line of JSON. Both are pinned to cores in the same way, before they
begin, so that their libraries see no more cores than they get.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import attrs

__all__ = ["Bench", "PeerMissingError", "in_rounds"]

ROOT = Path(__file__).parents[1]

# A peer and the module that says whether an environment has it.
_MODULES = {"duckdb": "duckdb", "dlt": "dlt", "simdjson": "simdjson"}

_SAMPLE_SECONDS = 0.05

Came = dict[str, Any]


class PeerMissingError(Exception):
    """
    The environment of a peer is not there.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not installed: nox -s benchmarks brings it")


@attrs.define(kw_only=True)
class Bench:
    """
    What all measurements of one run share.

    Attributes:
        folder: For input and for what is made; on the disk to measure.
        is_tiny: Whether the sizes are those that only try the programs.
        repeat: Rounds instead of each measurement's own number; None for that.
        peers: Folder with an environment for each peer; None for none.
        kept: What is made once and used by several measurements, by name.
    """

    folder: Path
    is_tiny: bool = False
    repeat: int | None = None
    peers: Path | None = None
    kept: dict[str, Any] = attrs.field(factory=dict, repr=False)
    _made: int = 0

    def size(self, full: int, tiny: int) -> int:
        """
        Choose a size.
        """
        return tiny if self.is_tiny else full

    def rounds(self, full: int) -> int:
        """
        Choose how many rounds are run.
        """
        if self.repeat is not None:
            return self.repeat
        return 1 if self.is_tiny else full

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """
        Make something at the first call, and give it again at the next.
        """
        if name not in self.kept:
            self.kept[name] = make()
        return self.kept[name]

    def place(self) -> Path:
        """
        Make an empty folder.
        """
        self._made += 1
        place = self.folder / f"run-{self._made}"
        place.mkdir()
        return place

    def ours(
        self,
        function: Callable[..., Came],
        *,
        cores: int | None = None,
        is_watched: bool = False,
        **arguments: Any,
    ) -> Came:
        """
        Call a contender of ours in a process of its own.

        Args:
            function: Of a module of these; its arguments fit into JSON.
            cores: How many it gets; None for all.
            is_watched: Whether its memory is told over time, as ``samples``.
            arguments: What it is called with.
        """
        name = f"{function.__module__}:{function.__name__}"
        told = json.dumps(arguments, default=str)
        command = [sys.executable, "-m", "benchmarks._contender", name, told]
        return _run(command, cores, is_watched=is_watched)

    def peer(
        self, name: str, program: str, *arguments: object, cores: int | None = None
    ) -> Came:
        """
        Run a program of ``peers/`` with the peer's own Python.

        Raises:
            PeerMissingError: There is no such environment.
        """
        path = Path(__file__).parent / "peers" / program
        command = [self.python_of(name), str(path), *map(str, arguments)]
        return _run(command, cores)

    def python_of(self, name: str) -> str:
        """
        The Python of a peer's environment; without such, ours if it has the peer.

        Raises:
            PeerMissingError: It has not.
            FileNotFoundError: There are environments, and the peer's is not there.
        """
        if name not in _MODULES:
            return sys.executable
        if self.peers is not None:
            python = self.peers.absolute() / name / "bin" / "python"
            if not python.exists():
                msg = f"{self.peers} has no environment of {name}"
                raise FileNotFoundError(msg)
            return str(python)
        if importlib.util.find_spec(_MODULES[name]):
            return sys.executable
        raise PeerMissingError(name)


def in_rounds(count: int, *contenders: Callable[[], Came]) -> list[list[Came]]:
    """
    Run the contenders in turn, *count* times: what each came to, a list a round.

    What the machine does besides meets all of a round alike, so that a ratio is
    one of neighbours.
    """
    return [[contender() for contender in contenders] for _ in range(count)]


def _run(
    command: Sequence[str], cores: int | None, *, is_watched: bool = False
) -> Came:
    # A process that is pinned before it begins never sees more cores.
    pin = partial(_pin, cores) if cores is not None else None
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=pin,  # noqa: PLW1509  # there is one thread
        env=_environment(),
    ) as process:
        samples = _watched(process) if is_watched else []
        output, _ = process.communicate()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    came: Came = json.loads(output.splitlines()[-1])
    if is_watched:
        came["samples"] = samples
    return came


def _pin(cores: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        # The first core has most of the system's own work.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])


def _environment() -> Mapping[str, str]:
    # Compiled modules are kept, as in production.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept


def _watched(process: subprocess.Popen[str]) -> list[tuple[float, float]]:
    """
    Sample the resident memory until the process ends: moments and MB.
    """
    statm = Path(f"/proc/{process.pid}/statm")
    page_mb = os.sysconf("SC_PAGE_SIZE") / 1e6
    samples = []
    while process.poll() is None:
        try:
            resident = int(statm.read_text().split()[1]) * page_mb
        except (OSError, IndexError):
            break
        samples.append((time.monotonic(), resident))
        time.sleep(_SAMPLE_SECONDS)
    return samples
