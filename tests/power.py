"""
A disk that remembers what was written and what was synced.

It stands between SQLite and the operating system's files: a VFS of the very
library that Python's `sqlite3` uses, which hands everything on and keeps a log.
From the log follows what a disk may hold after the power went at any moment:
all that was synced, and of the rest whatever the disk got round to, also half
a page. A file's name is on disk once its folder was synced; SQLite does that
itself when it first syncs a journal or a log that it may have made.

Source: SQLite, "The OS Interface or VFS", read 2026-11-25; that SQLite syncs
the folder: ``UNIXFILE_DIRSYNC`` in its ``os_unix.c``, version 3.40.1.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

from databricks_forwarder.batchers import _sqlite_file, _sqlite_repair

_OK, _FULL = 0, 13
_MAY_MAKE = 0x4
_JOURNALS = 0x800 | 0x4000 | 0x80000
_SECTOR = 512
_METHODS = [
    "xClose",
    "xRead",
    "xWrite",
    "xTruncate",
    "xSync",
    "xFileSize",
    "xLock",
    "xUnlock",
    "xCheckReservedLock",
    "xFileControl",
    "xSectorSize",
    "xDeviceCharacteristics",
    "xShmMap",
    "xShmLock",
    "xShmBarrier",
    "xShmUnmap",
    "xFetch",
    "xUnfetch",
]

_Pointer = ctypes.c_void_p
_open_t = ctypes.CFUNCTYPE(
    ctypes.c_int, _Pointer, _Pointer, _Pointer, ctypes.c_int, _Pointer
)
_delete_t = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, ctypes.c_char_p, ctypes.c_int)
_write_t = ctypes.CFUNCTYPE(
    ctypes.c_int, _Pointer, _Pointer, ctypes.c_int, ctypes.c_int64
)
_truncate_t = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, ctypes.c_int64)
_sync_t = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, ctypes.c_int)
_close_t = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer)


class _Methods(ctypes.Structure):
    _fields_ = [
        ("iVersion", ctypes.c_int),
        *((name, _Pointer) for name in _METHODS),
    ]


class _Vfs(ctypes.Structure):
    _fields_ = [
        ("iVersion", ctypes.c_int),
        ("szOsFile", ctypes.c_int),
        ("mxPathname", ctypes.c_int),
        ("pNext", _Pointer),
        ("zName", ctypes.c_char_p),
        ("pAppData", _Pointer),
        ("xOpen", _Pointer),
        ("xDelete", _Pointer),
        *((f"x{number}", _Pointer) for number in range(14)),
    ]


@attrs.frozen
class Op:
    """
    One thing that happened to the disk, or that its user was told.

    Attributes:
        kind: ``write``, ``truncate``, ``sync``, ``link``, ``unlink``,
            ``folder`` (its names were synced) or ``told``.
        name: The file's path; empty for ``folder`` and ``told``.
        inode: Which file it is, whatever its names.
    """

    kind: str
    name: str = ""
    inode: int = 0
    at: int = 0
    content: bytes = attrs.field(default=b"", repr=False)
    told: Any = attrs.field(default=None, repr=False)


@attrs.define
class Disk:
    """
    The log of all that happened, in order.

    Attributes:
        room: Bytes that files may still grow by; None for any number.
    """

    log: list[Op] = attrs.field(factory=list)
    room: int | None = None
    _inodes: dict[str, int] = attrs.field(factory=dict)
    _sizes: dict[int, int] = attrs.field(factory=dict)

    def tell(self, told: object) -> None:
        """
        Note that the user was told something: it must hold from now on.
        """
        self.log.append(Op("told", told=told))

    def found(self, folder: Path) -> None:
        """
        Note what is on the disk already: the files in *folder*.
        """
        for path in sorted(folder.iterdir()):
            inode = self.opened(str(path))
            self.write(str(path), inode, 0, path.read_bytes())
            self.note("sync", str(path), inode)
        self.note("folder", "", 0)

    def opened(self, name: str) -> int:
        """
        Give the inode of a file, a new one if it has none.
        """
        if name not in self._inodes:
            self._inodes[name] = len(self._sizes)
            self._sizes[self._inodes[name]] = 0
            self.log.append(Op("link", name, self._inodes[name]))
        return self._inodes[name]

    def link(self, old: str, new: str) -> None:
        """
        Note a second name.
        """
        if old in self._inodes:
            self._inodes[new] = self._inodes[old]
            self.log.append(Op("link", new, self._inodes[old]))

    def unlink(self, name: str) -> None:
        """
        Note that a name is gone.
        """
        if name in self._inodes:
            del self._inodes[name]
            self.log.append(Op("unlink", name))

    def write(self, name: str, inode: int, at: int, content: bytes) -> bool:
        """
        Note a write; tell whether there is room for it.
        """
        growth = max(0, at + len(content) - self._sizes[inode])
        if self.room is not None:
            if growth > self.room:
                return False
            self.room -= growth
        self._sizes[inode] += growth
        self.log.append(Op("write", name, inode, at, content))
        return True

    def note(self, kind: str, name: str, inode: int, at: int = 0) -> None:
        """
        Note anything else.
        """
        if kind == "truncate":
            self._sizes[inode] = min(at, self._sizes[inode])
        self.log.append(Op(kind, name, inode, at))


def library() -> ctypes.CDLL:
    """
    Find the SQLite that Python uses, or skip the test.
    """
    found = ctypes.CDLL(_sqlite3.__file__)
    if not hasattr(found, "sqlite3_vfs_find"):
        pytest.skip("Python's SQLite is linked in statically and shows no VFS")
    found.sqlite3_vfs_find.restype = _Pointer
    found.sqlite3_vfs_find.argtypes = [ctypes.c_char_p]
    found.sqlite3_vfs_register.argtypes = [_Pointer, ctypes.c_int]
    found.sqlite3_vfs_unregister.argtypes = [_Pointer]
    return found


@contextmanager
def recorded() -> Iterator[Disk]:
    """
    Keep a log of all that this process's SQLite does to files, and the spool.
    """
    found = library()
    address = found.sqlite3_vfs_find(None)
    disk = Disk()
    kept: list[Any] = []
    ours = _vfs(disk, address, kept)
    found.sqlite3_vfs_register(ctypes.byref(ours), 1)
    with pytest.MonkeyPatch.context() as patch:
        _patch(patch, disk)
        try:
            yield disk
        finally:
            found.sqlite3_vfs_unregister(ctypes.byref(ours))
            found.sqlite3_vfs_register(address, 1)


def _vfs(disk: Disk, address: int, kept: list[Any]) -> _Vfs:
    theirs = _Vfs.from_address(address)
    ours = _Vfs.from_buffer_copy(theirs)
    ours.zName = b"recorded"
    real_open = _open_t(theirs.xOpen)
    real_delete = _delete_t(theirs.xDelete)
    files: dict[int, _File] = {}
    tables: dict[int, _Methods] = {}

    @_open_t
    def x_open(_: int, name: int, file: int, flags: int, out: int) -> int:
        # The name as it came: behind it stand the parameters of its URI.
        code = real_open(address, name, file, flags, out)
        pointer = _Pointer.from_address(file)
        if code == _OK and pointer.value and name:
            path = os.fsdecode(ctypes.string_at(name))
            files[file] = _File(path, disk.opened(path), flags)
            if pointer.value not in tables:
                tables[pointer.value] = _methods(pointer.value, disk, files, kept)
            pointer.value = ctypes.addressof(tables[pointer.value])
        return int(code)

    @_delete_t
    def x_delete(_: int, name: bytes, is_synced: int) -> int:
        code = real_delete(address, name, is_synced)
        if code == _OK:
            disk.unlink(os.fsdecode(name))
            if is_synced:
                disk.note("folder", "", 0)
        return int(code)

    ours.xOpen = ctypes.cast(x_open, _Pointer)
    ours.xDelete = ctypes.cast(x_delete, _Pointer)
    kept += [x_open, x_delete, tables]
    return ours


@attrs.define
class _File:
    name: str
    inode: int
    flags: int
    is_in_folder: bool = False

    @property
    def syncs_folder(self) -> bool:
        is_new = not self.is_in_folder
        return is_new and bool(self.flags & _JOURNALS and self.flags & _MAY_MAKE)


def _methods(
    address: int, disk: Disk, files: dict[int, _File], kept: list[Any]
) -> _Methods:
    theirs = _Methods.from_address(address)
    ours = _Methods.from_buffer_copy(theirs)
    # Without memory-mapped files, which nothing stands between.
    ours.iVersion = min(theirs.iVersion, 2)
    real_write = _write_t(theirs.xWrite)
    real_truncate = _truncate_t(theirs.xTruncate)
    real_close = _close_t(theirs.xClose)

    @_write_t
    def x_write(file: int, content: int, size: int, at: int) -> int:
        each = files[file]
        stored = ctypes.string_at(content, size)
        if not disk.write(each.name, each.inode, at, stored):
            return _FULL
        return int(real_write(file, content, size, at))

    @_truncate_t
    def x_truncate(file: int, size: int) -> int:
        disk.note("truncate", files[file].name, files[file].inode, size)
        return int(real_truncate(file, size))

    @_sync_t
    def x_sync(file: int, _: int) -> int:
        each = files[file]
        disk.note("sync", each.name, each.inode)
        if each.syncs_folder:
            disk.note("folder", "", 0)
            each.is_in_folder = True
        return _OK

    @_close_t
    def x_close(file: int) -> int:
        files.pop(file, None)
        return int(real_close(file))

    ours.xWrite = ctypes.cast(x_write, _Pointer)
    ours.xTruncate = ctypes.cast(x_truncate, _Pointer)
    ours.xSync = ctypes.cast(x_sync, _Pointer)
    ours.xClose = ctypes.cast(x_close, _Pointer)
    kept += [x_write, x_truncate, x_sync, x_close]
    return ours


def _patch(patch: pytest.MonkeyPatch, disk: Disk) -> None:
    """
    Keep a log of what the library itself does to names.
    """
    real_link, real_replace, real_unlink = os.link, Path.replace, Path.unlink

    def link(old: object, new: object) -> None:
        real_link(old, new)  # type: ignore[arg-type]
        disk.link(str(old), str(new))

    def replace(old: Path, new: Path) -> Path:
        done = real_replace(old, new)
        disk.link(str(old), str(new))
        disk.unlink(str(old))
        return done

    def unlink(name: Path, missing_ok: bool = False) -> None:
        real_unlink(name, missing_ok=missing_ok)
        disk.unlink(str(name))

    def sync(folder: Path) -> None:
        disk.note("folder", "", 0)

    patch.setattr(os, "link", link)
    patch.setattr(Path, "replace", replace)
    patch.setattr(Path, "unlink", unlink)
    patch.setattr(_sqlite_file, "sync", sync)
    patch.setattr(_sqlite_repair, "sync", sync)


Choice = Callable[[Sequence[Op]], Sequence[Op]]


def nothing(_: Sequence[Op]) -> Sequence[Op]:
    """
    Of what was not synced the disk has nothing.
    """
    return ()


def everything(waiting: Sequence[Op]) -> Sequence[Op]:
    """
    All that was written is on the disk, synced or not.
    """
    return waiting


def some(rng: random.Random) -> Choice:
    """
    Of what was not synced the disk has any part, down to single sectors.
    """

    def choose(waiting: Sequence[Op]) -> Sequence[Op]:
        chosen: list[Op] = []
        for op in waiting:
            luck = rng.random()
            if luck < 0.4:
                chosen.append(op)
            elif luck < 0.7 and op.kind == "write":
                chosen += [piece for piece in _sectors(op) if rng.random() < 0.5]
        return chosen

    return choose


def _sectors(op: Op) -> Iterator[Op]:
    for start in range(-(op.at % _SECTOR), len(op.content), _SECTOR):
        first = max(start, 0)
        piece = op.content[first : start + _SECTOR]
        yield attrs.evolve(op, at=op.at + first, content=piece)


def after_power_cut(log: Sequence[Op], choose: Choice) -> dict[str, bytes]:
    """
    Tell what a disk may hold when the power went at the end of *log*.

    Returns:
        Path → content of each file whose name is on the disk.
    """
    contents: dict[int, bytearray] = {}
    waiting: dict[int, list[Op]] = {}
    names: dict[str, int] = {}
    renamed: list[Op] = []
    for op in log:
        if op.kind in {"write", "truncate"}:
            waiting.setdefault(op.inode, []).append(op)
        elif op.kind == "sync":
            _apply(contents, op.inode, waiting.pop(op.inode, []))
        elif op.kind in {"link", "unlink"}:
            renamed.append(op)
        elif op.kind == "folder":
            _rename(names, renamed)
            renamed = []
    for inode, ops in waiting.items():
        _apply(contents, inode, choose(ops))
    _rename(names, choose(renamed))
    return {name: bytes(contents.get(inode, b"")) for name, inode in names.items()}


def _apply(contents: dict[int, bytearray], inode: int, ops: Sequence[Op]) -> None:
    content = contents.setdefault(inode, bytearray())
    for op in ops:
        if op.kind == "truncate":
            del content[op.at :]
            continue
        content.extend(bytes(max(0, op.at - len(content))))
        content[op.at : op.at + len(op.content)] = op.content


def _rename(names: dict[str, int], ops: Sequence[Op]) -> None:
    for op in ops:
        if op.kind == "link":
            names[op.name] = op.inode
        else:
            names.pop(op.name, None)


def restored(files: dict[str, bytes], folder: Path) -> Path:
    """
    Put what a disk holds into an empty folder.
    """
    folder.mkdir()
    for name, content in files.items():
        (folder / Path(name).name).write_bytes(content)
    return folder
