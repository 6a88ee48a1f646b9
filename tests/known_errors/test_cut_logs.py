"""
The write-ahead log is cut short: the spool is as some call left it.
"""

from __future__ import annotations

import random
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest
from spools import copied, opened, state, steps
from tries import SEED, tries

_HEADER, _FRAME_HEADER = 32, 24


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    """
    Live with a spool whose log was never emptied; give its copy and each state.
    """
    folder = tmp_path_factory.mktemp("life")
    states = []
    with opened(folder / "spool.db") as batcher:
        for number, step in enumerate(steps(batcher)):
            states.append(state(copied(folder / "spool.db", folder / str(number))))
            step()
        copy = copied(folder / "spool.db", folder / "copy")
        states.append(state(copied(folder / "spool.db", folder / "last")))
    return copy, states


def cut(spool: Path, folder: Path, length: int) -> dict[str, object]:
    """
    Open a copy whose log has *length* bytes, and say what it holds.
    """
    shutil.rmtree(folder, ignore_errors=True)
    path = copied(spool, folder)
    log = path.with_name(f"{path.name}-wal")
    log.write_bytes(log.read_bytes()[:length])
    return state(path)


def lengths(spool: Path) -> tuple[int, int]:
    """
    Give the size of the log, and of a frame.
    """
    log = spool.with_name(f"{spool.name}-wal").read_bytes()
    (page_size,) = struct.unpack_from(">I", log, 8)
    return len(log), page_size + _FRAME_HEADER


def test_a_log_cut_between_frames_leaves_a_prefix(
    life: tuple[Path, list[Any]], tmp_path: Path
) -> None:
    """
    Cut after each frame in turn, the spool goes from its first state to its last.
    """
    spool, states = life
    size, frame = lengths(spool)
    cuts = [0]
    for length in range(_HEADER, size + 1, frame):
        # From the last one on: some calls leave what there was before.
        cuts.append(states.index(cut(spool, tmp_path / "cut", length), cuts[-1]))

    assert set(range(len(states))) == set(cuts)


def test_a_log_cut_inside_a_frame_leaves_a_prefix(
    life: tuple[Path, list[Any]], tmp_path: Path
) -> None:
    """
    Cut at any byte, the spool is as it is when cut before that frame.
    """
    spool, _ = life
    size, frame = lengths(spool)
    rng = random.Random(SEED)
    for length in rng.sample(range(size), tries(20)):
        whole = max(0, (length - _HEADER) // frame) * frame + _HEADER

        assert cut(spool, tmp_path / "cut", length) == cut(
            spool, tmp_path / "cut", whole
        )
