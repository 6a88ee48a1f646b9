"""
Processes to be killed: a server that forks one for each life.

The server is a new interpreter that imports the test's module once. A process
forked from it has one thread, none of the test's connections, and begins within
milliseconds. It is this module's own and not `multiprocessing`'s, of which a
test run has one for all: what is to be imported in it first is the host's to
say, and it would outlive the test.

What lives and server say are lines of JSON in one pipe, each written at once and
shorter than what a pipe takes whole: of a killed process no half line is left.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder.testing._killed_life import Host, Kill, Life

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from databricks_forwarder.protocols import Batcher

__all__ = ["KillServer", "serve"]

_MOST_OF_A_TRACEBACK = 1500
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from databricks_forwarder.testing._kill_server import serve; "
    "serve(*sys.argv[2:])"
)


class KillServer:
    """
    The test's end: begins lives, and hears what they say.

    Args:
        kind: A class of a module, with `begin` and `open` as contracts have
            them.
        tmp_path: What `begin` is given in each life.
    """

    def __init__(self, kind: type, tmp_path: Path) -> None:
        module = sys.modules[kind.__module__]
        file = getattr(module, "__file__", None)
        if file is None or "<locals>" in kind.__qualname__:
            msg = (
                f"{kind.__qualname__} must stand in a module's file, and not in a "
                "function: a new process has to find it"
            )
            raise TypeError(msg)
        place = (kind.__module__, file, kind.__qualname__)
        reading, writing = os.pipe()
        self._said = os.fdopen(reading)
        self._process = subprocess.Popen(  # noqa: S603 (our own program)
            [
                *(sys.executable, "-c", _PROGRAM, json.dumps(sys.path)),
                *(str(writing), str(tmp_path), *place),
            ],
            stdin=subprocess.PIPE,
            pass_fds=[writing],
            text=True,
        )
        os.close(writing)

    def live(self, life: Life) -> Iterator[list[Any]]:
        """
        Begin a life; give what it says, and in the end what the server says.

        Raises:
            RuntimeError: The server is gone; why it has said on standard error.
        """
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(attrs.asdict(life)) + "\n")
            self._process.stdin.flush()
        for line in self._said:
            said: list[Any] = json.loads(line)
            yield said
            if said[0] == "ended":
                return
        msg = f"the server of killed hosts ended with {self._process.wait()}"
        raise RuntimeError(msg)

    def close(self) -> None:
        """
        End the server.
        """
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        with self._process, self._said:
            for _ in self._said:
                """A life that goes on is heard to its end."""


def serve(writing: str, tmp_path: str, module: str, file: str, qualname: str) -> None:
    """
    Let one life after the other live, until standard input ends.
    """

    def say(what: Sequence[Any]) -> None:
        os.write(int(writing), json.dumps(what).encode() + b"\n")

    kind = _found(module, file, qualname)
    for line in sys.stdin:
        asked = json.loads(line)
        kill = asked.pop("kill")
        life = Life(**asked, kill=None if kill is None else Kill(**kill))
        began = time.monotonic()
        code, is_late = _lived(life, partial(_opened, kind, Path(tmp_path)), say)
        say(["ended", code, is_late, time.monotonic() - began])


def _opened(kind: Any, tmp_path: Path) -> Batcher:
    kills = kind()
    kills.begin(tmp_path)
    batcher: Batcher = kills.open()
    return batcher


def _found(module: str, file: str, qualname: str) -> Any:
    """
    Find the test's class; its module may be one that was imported by its place.
    """
    try:
        found: Any = importlib.import_module(module)
    except ImportError:
        spec = importlib.util.spec_from_file_location(module, file)
        assert spec is not None
        assert spec.loader is not None
        found = sys.modules[module] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(found)
    for name in qualname.split("."):
        found = getattr(found, name)
    return found


def _lived(
    life: Life,
    opens: Callable[[], Batcher],
    say: Callable[[Sequence[Any]], None],
) -> tuple[int, bool]:
    """
    Let a process of its own live; kill it when its time is up.

    Returns:
        Its exit code, and whether it had to be killed from here.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:  # pragma: no cover (what it measures is lost with it)
        os._exit(_live(life, opens, say))
    os.close(writing)
    # Nobody writes: it can be read when the life is gone.
    ended, _, _ = select.select([reading], [], [], life.seconds)
    os.close(reading)
    # It is not waited for yet, so that nobody else can have its number.
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), not ended


def _live(
    life: Life,
    opens: Callable[[], Batcher],
    say: Callable[[Sequence[Any]], None],
) -> int:
    """
    Live to the end; say what it was that broke.
    """
    try:
        Host(life, opens, say).live()
    except BaseException:  # noqa: BLE001 (whatever it is, it is told)
        with suppress(BrokenPipeError):
            say(["broke", traceback.format_exc()[-_MOST_OF_A_TRACEBACK:]])
        return 1
    return 0
