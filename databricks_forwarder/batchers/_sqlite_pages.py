"""
A spool's pages, read as bytes: the rows that are still there, whatever is not.

SQLite reads a file from its root and stops where the way is broken. Here each
page is looked at by itself. Which pages are in use is learnt from the tables'
roots where they can be followed, else from the list of free pages; what a page
holds is told by the shape of its rows.

Source: SQLite, "Database File Format", sections 1 and 2, read 2026-11-25.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder.batchers._sqlite_cells import (
    BrokenError,
    values_of,
    varint,
)
from databricks_forwarder.batchers._sqlite_log import page_size_of, read_log

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from databricks_forwarder.batchers._sqlite_log import Log

__all__ = ["Cell", "Pages"]

_LEAF, _INTERIOR, _INDEX_LEAF, _INDEX_INTERIOR = 0x0D, 0x05, 0x0A, 0x02


@attrs.frozen
class Cell:
    """
    A row, or an entry of an index.

    Attributes:
        page: Number of the page it is on.
        key: Its rowid; None in an index.
        values: Its columns; the last ones may be missing or shorter than they
            were, when the pages that they run over to are broken.
    """

    page: int
    key: int | None
    values: tuple[Any, ...] = attrs.field(repr=False)


class Pages:
    """
    The pages of a spool file with what its log says of them.

    Attributes:
        broken_roots: Names of the tables of which something can't be read.
            With ``sqlite_master`` among them it may be any.

    Args:
        path: The file; what is beside it is its log.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        log = read_log(path)
        self._size = page_size_of(path) if log is None else log.page_size
        self._logged = {} if log is None else _logged(log)
        self._in_file = self._file.seek(0, 2) // self._size
        self._free = self._free_pages()
        self.broken_roots: set[str] = set()

    def close(self) -> None:
        """
        Let go of the file.
        """
        self._file.close()

    @property
    def header(self) -> bytes:
        """
        The first 100 bytes.
        """
        return self._page(1)[:100]

    def cells(self) -> Iterator[Cell]:
        """
        Give all rows and entries that are in use and can be read.
        """
        followed = self._followed()
        if self.broken_roots:
            # Nobody knows what else is in use: all that is not free may be.
            followed |= {*range(1, self._in_file + 1), *self._logged} - self._free
        yield from self._read_all(followed)

    def row(self, page: int, key: int) -> tuple[Any, ...]:
        """
        Read again a row that `cells` gave.
        """
        return next(
            cell.values
            for cell in self._read(page)
            if cell is not None and cell.key == key
        )

    def _page(self, number: int) -> bytes:
        if number in self._logged:
            return self._logged[number]
        if not self._has(number):
            raise BrokenError
        self._file.seek((number - 1) * self._size)
        return self._file.read(self._size)

    def _has(self, number: int) -> bool:
        return number in self._logged or 0 < number <= self._in_file

    def _free_pages(self) -> set[int]:
        """
        Follow the list of free pages as far as it goes.
        """
        free: set[int] = set()
        try:
            (trunk,) = struct.unpack_from(">I", self.header, 32)
            while trunk and trunk not in free:
                page = self._page(trunk)
                next_trunk, count = struct.unpack_from(">2I", page)
                free |= {trunk, *struct.unpack_from(f">{count}I", page, 8)}
                trunk = next_trunk
        except (BrokenError, struct.error):
            pass
        return free

    def _followed(self) -> set[int]:
        """
        Follow all tables and indexes from their roots; note where it fails.
        """
        followed: set[int] = set()
        self._follow("sqlite_master", 1, followed)
        masters = [cell.values for cell in self._read_all(followed)]
        roots = [values for values in masters if _is_root(values)]
        if len(roots) < _ROOT_COUNT:
            self.broken_roots.add("sqlite_master")
        for _, _, table, root, _ in roots:
            self._follow(table, root, followed)
        return followed

    def _read_all(self, numbers: set[int]) -> Iterator[Cell]:
        for number in sorted(numbers):
            with suppress(BrokenError):
                yield from (cell for cell in self._read(number) if cell is not None)

    def _follow(self, name: str, root: int, followed: set[int]) -> None:
        waiting = [root]
        while waiting:
            number = waiting.pop()
            try:
                children = self._children(number, followed)
            except (BrokenError, struct.error):
                self.broken_roots.add(name)
                continue
            followed.add(number)
            waiting += children
            if any(cell is None for cell in self._read(number)):
                self.broken_roots.add(name)

    def _children(self, number: int, followed: set[int]) -> list[int]:
        if number in followed:
            raise BrokenError
        page, kind, pointers = self._opened(number)
        if kind in {_LEAF, _INDEX_LEAF}:
            return []
        (right,) = struct.unpack_from(">I", page, _start(number) + 8)
        return [right, *(_unpacked(page, at) for at in pointers)]

    def _opened(self, number: int) -> tuple[bytes, int, tuple[int, ...]]:
        page = self._page(number)
        start = _start(number)
        kind, _, count = struct.unpack_from(">BHH", page, start)
        if kind not in {_LEAF, _INTERIOR, _INDEX_LEAF, _INDEX_INTERIOR}:
            raise BrokenError
        first = start + (8 if kind in {_LEAF, _INDEX_LEAF} else 12)
        if first + 2 * count > self._size:
            raise BrokenError
        return page, kind, struct.unpack_from(f">{count}H", page, first)

    def _read(self, number: int) -> Iterator[Cell | None]:
        """
        Give the rows of a page, None for one that can't be read.
        """
        page, kind, pointers = self._opened(number)
        if kind == _INTERIOR:
            return
        for pointer in pointers:
            yield self._tried(number, page, kind, pointer)

    def _tried(self, number: int, page: bytes, kind: int, at: int) -> Cell | None:
        try:
            return self._cell(number, page, kind, at)
        except (BrokenError, IndexError, struct.error):
            return None

    def _cell(self, number: int, page: bytes, kind: int, at: int) -> Cell:
        if kind == _INDEX_INTERIOR:
            at += 4
        size, at = varint(page, at)
        key = None
        if kind == _LEAF:
            key, at = varint(page, at)
        return Cell(number, key, values_of(self._content(page, kind, at, size)))

    def _content(self, page: bytes, kind: int, at: int, size: int) -> bytes:
        """
        Put a row together from its page and those that it runs over to.
        """
        usable = self._size
        least = (usable - 12) * 32 // 255 - 23
        most = usable - 35 if kind == _LEAF else (usable - 12) * 64 // 255 - 23
        if size <= most:
            return page[at : at + size]
        local = least + (size - least) % (usable - 4)
        local = local if local <= most else least
        pieces = [page[at : at + local]]
        missing = size - local
        next_page = _unpacked(page, at + local)
        while missing > 0 and self._has(next_page):
            content = self._page(next_page)
            pieces.append(content[4 : 4 + missing])
            missing -= usable - 4
            next_page = _unpacked(content, 0)
        return b"".join(pieces)


# The tables and indexes of the layout, with those that SQLite makes for them.
_ROOT_COUNT = 11


def _start(number: int) -> int:
    return 100 if number == 1 else 0


def _unpacked(page: bytes, at: int) -> int:
    (value,) = struct.unpack_from(">I", page, at)
    return int(value)


def _logged(log: Log) -> Mapping[int, bytes]:
    """
    Take from the log what each page was last: all of it that was synced.
    """
    pages: dict[int, bytes] = {}
    pending: dict[int, bytes] = {}
    resumes_at = log.resumes_at or 0
    for at, frame in enumerate(log.frames):
        if not frame.is_whole and at >= resumes_at:
            break
        pending[frame.page] = frame.content
        if frame.is_last:
            pages |= pending
            pending = {}
    return pages


def _is_root(values: tuple[Any, ...]) -> bool:
    """
    Whether it is a row of ``sqlite_master`` that names a root.
    """
    return len(values) == 5 and isinstance(values[2], str) and _is_page(values[3])


def _is_page(value: object) -> bool:
    return isinstance(value, int) and value > 1
