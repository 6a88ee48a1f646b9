"""
A host that lives long: it submits at a steady rate, and tells how it feels.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
from killed_host import (
    SPOOL,
    HastyClock,
    Host,
    Life,
    killing,
    open_forwarder,
    open_parts,
)
from killed_ledger import Ledger

from databricks_forwarder.settings import UploadPolicy

SAMPLES = "samples"
_PAGE_KB = os.sysconf("SC_PAGE_SIZE") / 1024


@attrs.frozen(kw_only=True)
class Soak:
    """
    How a long life goes, as it is handed to a process.

    Attributes:
        seconds: How long it submits.
        rate: How often it hands in each second.
        load_seconds: How old the oldest message is when its load is due.
        sample_seconds: How long from one sample to the next.
    """

    life: Life
    seconds: float
    rate: float
    load_seconds: float
    sample_seconds: float


def soak(soak: Soak) -> None:
    """
    Live it: what a process runs.
    """
    life = soak.life
    policy = UploadPolicy(max_age=timedelta(seconds=soak.load_seconds))
    with ExitStack() as opened:
        parts = open_parts(life, opened)
        forwarder = opened.enter_context(open_forwarder(parts, killing(None), policy))
        chance = random.Random(life.seed)
        host = Host(life, forwarder, Ledger(life.folder), chance)
        forwarder.start()
        with (life.folder / SAMPLES).open("a") as samples:
            _submit(soak, host, lambda: _sample(life.folder, forwarder, samples))
        # The background thread may be pausing after a fault.
        forwarder.flush()


def _submit(soak: Soak, host: Host, sample: Any) -> None:
    began = time.monotonic()
    handed_in, sampled_at = 0, began
    while (now := time.monotonic()) - began < soak.seconds:
        if now - sampled_at >= soak.sample_seconds:
            sample()
            sampled_at = now
        # Behind the rate it catches up; ahead of it, it rests.
        rest = handed_in / soak.rate - (now - began)
        if rest > 0:
            HastyClock.rest(rest)
        host.hand_in(1)
        handed_in += 1
    sample()


def _sample(folder: Path, forwarder: Any, samples: Any) -> None:
    status = forwarder.status()
    own = Path("/proc/self")
    resident = int((own / "statm").read_text().split()[1])
    sample = {
        "at": time.monotonic(),
        "resident_kb": resident * _PAGE_KB,
        "open_files": len(os.listdir(own / "fd")),  # noqa: PTH208 (it is no path to walk)
        "threads": threading.active_count(),
        "spool_kb": sum(
            file.stat().st_size for file in folder.glob(f"{SPOOL}*") if file.is_file()
        )
        / 1024,
        "pending": status.account.pending,
        "loaded": status.account.loaded,
    }
    samples.write(json.dumps(sample) + "\n")
    samples.flush()
