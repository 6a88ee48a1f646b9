"""
Where the time of a load goes: its stages, sampled.

While a load goes from the spool into Delta tables, a thread looks every millisecond
at what all other threads are doing, and gives the time since its last look to the
stage of the innermost function that has one. What holds the interpreter for long is
so told with its full length. Threads side by side may come to more than the wall.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks._figures import Outcome
from benchmarks._hosts import seconds_of, submit_all, to_lake
from benchmarks._inputs import clean
from benchmarks._running import ROOT, Bench

__all__ = ["measure", "sampled"]

_LOOK_SECONDS = 0.001
_PACKAGE = f"{ROOT / 'databricks_forwarder'}/"

# The module of a function, or the function in it, and its stage; the first that
# fits.
_STAGES = (
    ("_chunks.py:count_keys", "count keys"),
    ("mparticle/keys.py:glance", "count keys"),
    ("batchers/", "read and commit the spool"),
    ("mparticle/", "decode"),
    ("_gathered.py", "build columns"),
    ("_columns.py", "build columns"),
    ("_rows.py", "build columns"),
    ("_table_files.py", "write Parquet"),
    ("_parquet.py", "write Parquet"),
    ("_table_columns.py", "build columns"),
    ("stagers/", "stage"),
    ("loaders/", "load"),
    ("_loading.py", "load"),
    ("routers/", "route"),
    ("counts/", "route"),
)
_OTHER = "other"

# Where a thread waits for another one, which is seen by itself.
_WAITING = ("threading.py", "queue.py", "_base.py")


def measure(bench: Bench) -> Outcome:
    """
    Sample one load.
    """
    source = clean(bench, bench.size(20_000, 40))
    came = bench.ours(sampled, few=source.few, source=source.path, folder=bench.place())
    return Outcome([], {"stages": came})


def sampled(few: str, source: str, folder: str) -> dict[str, Any]:
    """
    Carry a load and look on, in a process of its own.
    """
    for name, path in (("warm", few), ("all", source)):
        place = Path(folder) / name
        place.mkdir()
        with to_lake(place) as forwarder:
            submit_all(forwarder, Path(path))
            looker = _Looker()
            looker.start()
            wall = seconds_of(forwarder.flush)
            looker.stop()
            (report,) = forwarder.loads()
    ordered = sorted(looker.seconds.items(), key=lambda each: -each[1])
    return {"wall": wall, "events": report.account.loaded, "seconds": dict(ordered)}


class _Looker(threading.Thread):
    """
    Looks at the other threads, and adds up what it sees.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seconds: dict[str, float] = defaultdict(float)
        self._stopping = threading.Event()

    def stop(self) -> None:
        self._stopping.set()
        self.join()

    def run(self) -> None:
        last = time.perf_counter()
        while not self._stopping.wait(_LOOK_SECONDS):
            frames = sys._current_frames()  # noqa: SLF001  # documented
            now = time.perf_counter()
            for thread, frame in frames.items():
                if thread != self.ident and (stage := _stage(frame)):
                    self.seconds[stage] += now - last
            last = now


def _stage(innermost: FrameType) -> str:
    """
    Name the stage that a thread is in; empty if it is in none, or waits.
    """
    if Path(innermost.f_code.co_filename).name in _WAITING:
        return ""
    frame: FrameType | None = innermost
    is_ours = False
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith(_PACKAGE):
            is_ours = True
            place = f"{code.co_filename[len(_PACKAGE) :]}:{code.co_name}"
            for start, stage in _STAGES:
                if place.startswith(start):
                    return stage
        frame = frame.f_back
    return _OTHER if is_ours else ""
