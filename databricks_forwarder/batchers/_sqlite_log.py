"""
The write-ahead log of a spool, read as bytes: which of it is as it was written.

SQLite takes the first frame that is not whole for the end of the log, since a
loss of power leaves such ends. Whole transactions behind it tell that it is
none: each was synced before the next began, so the disk has changed what was
there, and going on would lose what was acknowledged without a word.

Source: SQLite, "Database File Format", section 4, read 2026-11-25.
"""

from __future__ import annotations

import itertools
import logging
import struct
import sys
from typing import TYPE_CHECKING, cast

import attrs

from databricks_forwarder.batchers._sqlite_errors import malformed
from databricks_forwarder.batchers._sqlite_file import PAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

__all__ = ["Frame", "Log", "page_size_of", "read_log", "require_log"]

_log = logging.getLogger(__name__)

_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
_MASK = 0xFFFFFFFF
_MAGIC = 0x377F0682
_SIZES = frozenset(2**n for n in range(9, 17))

_Sums = tuple[int, int]
_Head = tuple[int, int, int, int, int, int]


@attrs.frozen(kw_only=True)
class Frame:
    """
    One page as a transaction left it.

    Attributes:
        page: Its number.
        is_last: Whether it ends a transaction.
        is_whole: Whether it is what was written.
        content: The page.
    """

    page: int
    is_last: bool
    is_whole: bool
    content: bytes = attrs.field(repr=False)


@attrs.frozen
class Log:
    """
    The frames of a log that belong together, in the order they were written.
    """

    page_size: int
    frames: Sequence[Frame]

    @property
    def broken_at(self) -> int | None:
        """
        The first frame that is not what was written, or None.
        """
        return next(
            (at for at, frame in enumerate(self.frames) if not frame.is_whole), None
        )

    @property
    def resumes_at(self) -> int | None:
        """
        Where whole transactions go on behind a broken one, or None.
        """
        broken_at = self.broken_at
        if broken_at is None:
            return None
        behind = self._end_of(broken_at)
        while behind < (end := self._end_of(behind)):
            if all(frame.is_whole for frame in self.frames[behind:end]):
                return behind
            behind = end
        return None

    def _end_of(self, start: int) -> int:
        """
        Where the transaction ends that has frame *start*; *start* if nowhere.
        """
        return next(
            (
                at + 1
                for at in range(start, len(self.frames))
                if self.frames[at].is_last
            ),
            start,
        )


def require_log(path: Path) -> None:
    """
    See that the log of the spool *path* ends where it breaks, if it does.

    Raises:
        sqlite3.DatabaseError: It goes on behind.
    """
    stored = _stored(path)
    log = read_log(path, stored)
    if log is None or log.broken_at is None:
        return
    # Another process may have begun it anew while it was read.
    is_as_read = _stored(path)[: len(stored)] == stored
    if log.resumes_at is not None and is_as_read:
        msg = f"frame {log.broken_at + 1} of its log is not what was written"
        raise malformed(msg)
    _log.warning(
        "the last write to %s was cut off by a crash or a loss of power; had there "
        "been none, its disk has changed it, and what it stored is gone",
        path,
    )


def _stored(path: Path) -> bytes:
    try:
        return path.with_name(f"{path.name}-wal").read_bytes()
    except FileNotFoundError:
        return b""


def read_log(path: Path, stored: bytes | None = None) -> Log | None:
    """
    Read the log of the spool *path*; None if it has none.

    Args:
        path: The spool.
        stored: The log's bytes, if they were read already.
    """
    stored = _stored(path) if stored is None else stored
    if len(stored) < _HEADER.size + _FRAME.size:
        return None
    magic, _, page_size, _, *salts, first, second = _HEADER.unpack_from(stored)
    order = ">" if magic & 1 else "<"
    sums = _summed(stored[:24], order, (0, 0))
    is_whole = magic | 1 == _MAGIC | 1 and sums == (first, second)
    if not is_whole:
        # It is synced before the first frame: then those know better.
        order = ">" if sys.byteorder == "big" else "<"
        page_size = page_size_of(path)
        salts = [*_salts_of(list(_split(stored, page_size)), order)]
    frames = list(_split(stored, page_size))
    while frames and frames[-1][0][2:4] != tuple(salts):
        # What is left of an earlier round.
        frames.pop()
    return Log(page_size, _checked(frames, order, salts, [sums] if is_whole else []))


def _salts_of(frames: Sequence[tuple[_Head, bytes]], order: str) -> Sequence[int]:
    """
    Give the salts of the first frame that goes on from the one before it.

    Behind the frames of this round there may be some of an earlier one.
    """
    for before, (head, content) in itertools.pairwise(frames):
        summed = struct.pack(">2I", *head[:2]) + content
        if _summed(summed, order, before[0][4:]) == head[4:]:
            return head[2:4]
    return ()


def page_size_of(path: Path) -> int:
    """
    Read the size of a database's pages from its header, or guess.
    """
    with path.open("rb") as file:
        header = file.read(100)
        file_size = file.seek(0, 2)
    size = int.from_bytes(header[16:18], "big")
    size = 65536 if size == 1 else size
    pages = int.from_bytes(header[28:32], "big")
    is_told_twice = pages * size == file_size or pages * PAGE_BYTES != file_size
    return size if size in _SIZES and is_told_twice else PAGE_BYTES


def _split(stored: bytes, page_size: int) -> Iterator[tuple[_Head, bytes]]:
    step = _FRAME.size + page_size
    for at in range(_HEADER.size, len(stored) - step + 1, step):
        yield (
            cast("_Head", _FRAME.unpack_from(stored, at)),
            stored[at + _FRAME.size : at + step],
        )


def _checked(
    frames: Iterable[tuple[_Head, bytes]],
    order: str,
    salts: Sequence[int],
    before: Sequence[_Sums],
) -> Sequence[Frame]:
    checked = []
    for (page, size, *salted, first, second), content in frames:
        summed = struct.pack(">2I", page, size) + content
        found = [_summed(summed, order, sums) for sums in before]
        is_whole = tuple(salted) == tuple(salts) and (first, second) in found
        checked.append(
            Frame(page=page, is_last=size != 0, is_whole=is_whole, content=content)
        )
        # The next one counts on from what this one says; or, when just that
        # was changed, from what it should say.
        before = [(first, second)] if is_whole else [(first, second), *found[:1]]
    return checked


def _summed(content: bytes, order: str, sums: _Sums) -> _Sums:
    first, second = sums
    pairs = iter(struct.unpack(f"{order}{len(content) // 4}I", content))
    for one, two in zip(pairs, pairs, strict=True):
        first = (first + one + second) & _MASK
        second = (second + two + first) & _MASK
    return first, second
