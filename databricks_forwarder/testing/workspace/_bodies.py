"""
Bodies of requests, read from the connection as they are asked for.
"""

from __future__ import annotations

import abc
import io
import re
from typing import TYPE_CHECKING

from databricks_forwarder.testing.workspace._http import DroppedError
from databricks_forwarder.testing.workspace._refusals import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from io import BufferedIOBase

    from _typeshed import WriteableBuffer

__all__ = ["Body", "body_of"]

_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK_LENGTH = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(;.*)?\r?\n", re.DOTALL)
"""As RFC 9112, section 7.1, writes it; more digits are no length of anything."""


class Body(io.RawIOBase, abc.ABC):
    """
    Whatever is left of a body; it is over when the request is.

    Attributes:
        length: What the request announced; None for chunks.
    """

    length: int | None = None

    def __init__(self, connection: BufferedIOBase) -> None:
        super().__init__()
        self._connection = connection
        self._dies_after: int | None = None
        self.read_so_far = 0

    def readable(self) -> bool:
        """
        It is.
        """
        return True

    def cut_half_way(self) -> None:
        """
        Lose the connection in the middle, or at once if that is not known.
        """
        self._dies_after = (self.length or 0) // 2

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """
        Read some of it.

        Raises:
            DroppedError: The connection was lost before the end.
        """
        wanted = memoryview(buffer).cast("B")
        if self._dies_after is not None:
            wanted = wanted[: max(1, self._dies_after - self.read_so_far)]
            if self.read_so_far >= self._dies_after:
                raise DroppedError
        try:
            size = self._fill(wanted)
        except OSError:
            raise DroppedError from None
        self.read_so_far += size
        return size

    def read_away(self, most: int) -> bool:
        """
        Read what is left; False if that is more than *most* bytes.
        """
        if self.length is not None and self.length - self.read_so_far > most:
            return False
        until = self.read_so_far + most
        while self.read(65_536):
            if self.read_so_far > until:
                return False
        return True

    @abc.abstractmethod
    def _fill(self, wanted: memoryview) -> int:
        """
        Read some of it into *wanted*; zero at its end.
        """

    def _take(self, wanted: memoryview) -> int:
        found = self._connection.read1(len(wanted))
        if not found:
            raise DroppedError
        wanted[: len(found)] = found
        return len(found)


class _Sized(Body):
    """
    A body with a Content-Length.
    """

    def __init__(self, connection: BufferedIOBase, length: int) -> None:
        super().__init__(connection)
        self.length: int = length

    def _fill(self, wanted: memoryview) -> int:
        left = self.length - self.read_so_far
        return self._take(wanted[:left]) if left and wanted else 0


class _Chunked(Body):
    """
    A body in chunks.
    """

    def __init__(self, connection: BufferedIOBase) -> None:
        super().__init__(connection)
        self._left = 0
        self._over = False

    def _fill(self, wanted: memoryview) -> int:
        if not self._left and not self._over:
            self._next_chunk()
        if self._over:
            return 0
        size = self._take(wanted[: self._left])
        self._left -= size
        if not self._left:
            self._end_of_line()
        return size

    def _next_chunk(self) -> None:
        found = _CHUNK_LENGTH.fullmatch(self._connection.readline(1_024))
        if found is None:
            raise DroppedError
        self._left = int(found[1], 16)
        if not self._left:
            self._over = True
            while self._end_of_line():
                pass

    def _end_of_line(self) -> bool:
        """
        Read to the end of the line; whether anything was on it.
        """
        line = self._connection.readline(65_536)
        if not line.endswith(b"\n"):
            raise DroppedError
        return bool(line.strip())


def body_of(headers: Mapping[str, str], connection: BufferedIOBase) -> Body:
    """
    The body that *headers* announce.

    Raises:
        RefusedError: They announce none that can be read.
    """
    coding = headers.get("transfer-encoding", "")
    length = headers.get("content-length", "0")
    if coding.lower() == "chunked" and "content-length" not in headers:
        return _Chunked(connection)
    if coding or not _LENGTH.fullmatch(length):
        raise RefusedError(
            "MALFORMED_REQUEST", "The length of the request's body is unclear."
        )
    return _Sized(connection, int(length))
