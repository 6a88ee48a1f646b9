"""
Files of batches, as the command line reads them.

A source is NDJSON, one JSON document, or one JSON array of batches, each plain
or in gzip; what it is can be told from its first bytes, so names don't matter.
NDJSON is read line by line, the other two are held whole.
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import sys
import zlib
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import attrs

from databricks_forwarder._door import split_array
from databricks_forwarder.errors import ConfigurationError, DecodeError, PayloadError
from databricks_forwarder.mparticle.json_text import parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from typing_extensions import Buffer

__all__ = [
    "STANDARD_INPUT",
    "Found",
    "Source",
    "SourceError",
    "open_source",
    "require_readable",
]

STANDARD_INPUT = "-"

_MAX_DOCUMENT_BYTES = 256 * 2**20
_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class SourceError(Exception):
    """
    A source can't be read, or not to its end; the text says which and why.
    """


@attrs.frozen
class Found:
    """
    What may be a batch, and where it stands.

    Attributes:
        place: Name of the source, with the line or the place in the array.
    """

    place: str
    document: bytes = attrs.field(repr=False)


@attrs.frozen
class Source:
    """
    One open file of batches, or standard input.

    Attributes:
        name: As it was given.
        stream: Its bytes, out of gzip.
        bytes_read: How many bytes of the file were read so far.
        max_document_bytes: The most that is held whole, inclusive; a longer
            line is cut, and is too large for the door.
    """

    name: str
    stream: io.BufferedIOBase
    bytes_read: Callable[[], int] = attrs.field(repr=False)
    max_document_bytes: int = _MAX_DOCUMENT_BYTES

    def batches(self) -> Iterator[Found]:
        """
        Read what it holds, in order; nothing if it is empty.

        Raises:
            SourceError: It can't be read on; what came before is whole.
        """
        try:
            yield from self._batches()
        except (EOFError, OSError, zlib.error) as error:
            msg = f"{self.name} can't be read to its end, only up to there: {error}"
            raise SourceError(msg) from error

    def _batches(self) -> Iterator[Found]:
        head = self._head()
        # Blank is what Python takes for it, of which JSON knows a part.
        said = head.strip()
        if said.startswith(b"["):
            yield from self._array_or_lines(head)
        elif not said or _is_object(said):
            yield from self._lines(head)
        else:
            yield from self._document_or_lines(head)

    def _head(self) -> bytes:
        """
        Read up to the end of the first line that says something.
        """
        line = self.stream.readline(self.max_document_bytes)
        head = line.removeprefix(_BYTE_ORDER_MARK)
        while line and not head.strip():
            line = self.stream.readline(self.max_document_bytes)
            head += line
        return head

    def _document_or_lines(self, head: bytes) -> Iterator[Found]:
        """
        Read what begins with a line that is no object.

        It is a document over several lines, or NDJSON whose first lines are
        damaged: then a line after them is an object, and the whole is none.
        """
        whole = self._read_on(head)
        if _has_object_line(whole[len(head) :]) and not _is_object(whole):
            yield from self._lines(whole)
        else:
            yield Found(self.name, self._checked(whole))

    def _array_or_lines(self, head: bytes) -> Iterator[Found]:
        """
        Read what begins like an array.

        It is NDJSON all the same if the first line is an array to its end and
        others follow.
        """
        whole = self._read_on(head)
        if len(whole.rstrip()) > len(head) and _is_json(head):
            yield from self._lines(whole)
        else:
            yield from self._array(self._checked(whole))

    def _array(self, document: bytes) -> Iterator[Found]:
        try:
            elements = split_array(document)
        except PayloadError as error:
            msg = f"{self.name} can't be taken apart: {error}"
            raise SourceError(msg) from error
        for number, element in enumerate(elements, 1):
            yield Found(f"{self.name}, element {number}", element)

    def _lines(self, head: bytes) -> Iterator[Found]:
        stream = _rejoined(head, self.stream)
        number = 0
        while line := stream.readline(self.max_document_bytes):
            number += 1
            rest = line
            while rest and not rest.endswith(b"\n"):
                rest = stream.readline(self.max_document_bytes)
            if line.strip():
                yield Found(f"{self.name}, line {number}", line.rstrip(b"\r\n"))

    def _read_on(self, head: bytes) -> bytes:
        return head + self.stream.read(max(0, self.max_document_bytes + 1 - len(head)))

    def _checked(self, whole: bytes) -> bytes:
        if len(whole) > self.max_document_bytes:
            msg = (
                f"{self.name} is one JSON document of more than "
                f"{self.max_document_bytes} bytes: write one batch a line instead"
            )
            raise SourceError(msg)
        return whole


@contextmanager
def open_source(name: str) -> Iterator[Source]:
    """
    Open a file, or standard input for ``-``.

    Raises:
        SourceError: It can't be opened.
    """
    with ExitStack() as opened:
        try:
            file = (
                cast("io.BufferedReader", sys.stdin.buffer)
                if name == STANDARD_INPUT
                else opened.enter_context(Path(name).open("rb"))
            )
            head = file.read(len(_GZIP))
        except OSError as error:
            msg = f"{name} can't be read: {error.strerror}"
            raise SourceError(msg) from error
        stream: io.BufferedIOBase = _rejoined(head, file)
        if head == _GZIP:
            stream = opened.enter_context(gzip.GzipFile(fileobj=stream))
        yield Source(name, stream, file.tell if file.seekable() else lambda: 0)


def require_readable(names: Sequence[str]) -> None:
    """
    See that each source is there, once, before any is read.

    Raises:
        ConfigurationError: One is not; the sentence says which.
    """
    seen: set[str] = set()
    for name in names:
        place = name
        if name != STANDARD_INPUT:
            _require_file(name)
            place = os.path.realpath(name)
        if place in seen:
            msg = f"{name} is named twice; its batches would be forwarded twice"
            raise ConfigurationError(msg)
        seen.add(place)


def _require_file(name: str) -> None:
    try:
        mode = Path(name).stat().st_mode
        if stat.S_ISREG(mode):
            Path(name).open("rb").close()
    except OSError as error:
        msg = f"{name} can't be read: {error.strerror}"
        raise ConfigurationError(msg) from error
    if stat.S_ISDIR(mode):
        msg = f"{name} is a folder; name the files in it"
        raise ConfigurationError(msg)


class _Rejoined(io.RawIOBase):
    """
    A stream with its first bytes put back; closing it leaves the stream open.
    """

    def __init__(self, head: bytes, stream: io.BufferedIOBase) -> None:
        self._head = memoryview(head)
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        room = memoryview(buffer)
        if not self._head:
            return self._stream.readinto(room)
        count = min(len(room), len(self._head))
        room[:count] = self._head[:count]
        self._head = self._head[count:]
        return count


def _rejoined(head: bytes, stream: io.BufferedIOBase) -> io.BufferedReader:
    return io.BufferedReader(_Rejoined(head, stream), 2**16)


def _has_object_line(document: bytes) -> bool:
    """
    Whether a line is an object that says something, as in NDJSON.

    Inside a document over several lines such a line has spaces before it or a
    comma behind it.
    """
    lines = (line for line in io.BytesIO(document) if line.startswith(b"{"))
    return any(line.strip() != b"{}" and _is_object(line) for line in lines)


def _is_object(document: bytes) -> bool:
    try:
        return isinstance(parse_json(document), dict)
    except DecodeError:
        return False


def _is_json(document: bytes) -> bool:
    try:
        parse_json(document)
    except DecodeError:
        return False
    return True
