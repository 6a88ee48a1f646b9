"""
Files that go out, whole or in part.
"""

from __future__ import annotations

import contextlib
import re
import stat
from datetime import datetime, timezone
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING

from databricks_forwarder.testing.workspace._http import FileRange, Response
from databricks_forwarder.testing.workspace._refusals import RefusedError

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["download"]

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


def download(path: Path, headers: Mapping[str, str]) -> Response:
    """
    The file, or the part of it that *headers* ask for.

    Raises:
        RefusedError: There is no such file, it has changed since, or it has
            no such part.

    Source: RFC 9110, sections 13.1.4 and 14.
    """
    facts = _facts(path)
    changed = datetime.fromtimestamp(int(facts.st_mtime), timezone.utc)
    if _later(changed, headers.get("if-unmodified-since")):
        raise RefusedError(
            "FAILED_PRECONDITION", "The file has been modified since.", status=412
        )
    told = {
        "Content-Type": "application/octet-stream",
        "Last-Modified": format_datetime(changed, usegmt=True),
        "Accept-Ranges": "bytes",
    }
    size = facts.st_size
    asked = _RANGE.fullmatch(headers.get("range", ""))
    if asked is None or asked[0] == "bytes=-":
        return Response(200, FileRange(path, 0, size), told)
    start, stop = _bounds(asked[1], asked[2], size)
    told["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return Response(206, FileRange(path, start, stop - start), told)


def _facts(path: Path) -> os.stat_result:
    # In one step: a file may be removed at any time.
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        facts = path.stat()
        if stat.S_ISREG(facts.st_mode):
            return facts
    raise RefusedError("NOT_FOUND", "The file being accessed is not found.", status=404)


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    start = int(first) if first else max(0, size - int(last))
    stop = min(size, int(last) + 1) if first and last else size
    if start >= stop:
        raise RefusedError("OUT_OF_RANGE", f"The file has {size} bytes.", status=416)
    return start, stop


def _later(changed: datetime, moment: str | None) -> bool:
    try:
        return moment is not None and changed > parsedate_to_datetime(moment)
    except (ValueError, TypeError):
        return False
