"""
Files in volumes, over the Files API.

Sources: Databricks, "Files API", and databricks-sdk 0.156.0,
``service/files.py``, both read 2026-11-23.
"""

from __future__ import annotations

from contextlib import closing
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

from databricks_forwarder._breadth import side_by_side
from databricks_forwarder._databricks._replies import told
from databricks_forwarder._databricks.fates import MissingPathError, MissingVolumeError
from databricks_forwarder.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from databricks_forwarder._databricks._rest import Rest

__all__ = ["VolumeFiles"]

# For what is not the transfer, and the slowest line that is still waited for.
_LEAST_SECONDS = 30.0
_LEAST_BYTES_PER_SECOND = 1_000_000

# Entries of a folder in one page: the most there are.
_PAGE_SIZE = 1000


class VolumeFiles:
    """
    Upload, list, read and remove, from any number of threads.

    Paths are ``/Volumes/<catalog>/<schema>/<volume>/…``, as they are: what must
    be escaped is escaped here.

    Args:
        rest: The workspace's REST services.
        breadth: How many files are removed at once.
    """

    def __init__(self, rest: Rest, *, breadth: int = 8) -> None:
        self._rest = rest
        self._breadth = breadth

    def upload(self, path: Path, to: str) -> None:
        """
        Put the file at *path* to the path *to*; what is there is replaced.

        Raises:
            OSError: The file can't be opened.
            MissingVolumeError: There is no such volume.
        """
        with path.open("rb") as file:
            self._put(file, path.stat().st_size, to)

    def upload_bytes(self, content: bytes, to: str) -> None:
        """
        Put *content* to the path *to*; what is there is replaced.
        """
        self._put(content, len(content), to)

    def download(self, path: str) -> bytes:
        """
        Read a file as a whole.

        Raises:
            MissingPathError: There is no such file.
        """
        return self._rest.request("GET", _file(path), f"reading {path}").content

    def folders(self, path: str) -> list[str]:
        """
        The names of what is in a folder; none if there is no such folder.

        Raises:
            MissingVolumeError: There is no such volume.
        """
        return [name for name, _ in self._entries(path)]

    def remove_folder(self, path: str) -> None:
        """
        Remove a folder with all that is in it; what is missing is removed.
        """
        try:
            entries = list(self._entries(path))
        except MissingVolumeError:
            return
        for name, is_folder in entries:
            if is_folder:
                self.remove_folder(f"{path}/{name}")
        self._remove_files(
            [f"{path}/{name}" for name, is_folder in entries if not is_folder]
        )
        self._remove(_folder(path), f"removing {path}")

    def remove_file(self, path: str) -> None:
        """
        Remove a file; a missing one is removed.
        """
        self._remove(_file(path), f"removing {path}")

    def _put(self, content: IO[bytes] | bytes, size_bytes: int, to: str) -> None:
        self._rest.request(
            "PUT",
            _file(to),
            f"uploading {to}",
            query={"overwrite": "true"},
            body=content,
            reply_seconds=_LEAST_SECONDS + size_bytes / _LEAST_BYTES_PER_SECOND,
        )

    def _entries(self, path: str) -> Iterator[tuple[str, bool]]:
        """
        What is in a folder: names, and whether each is a folder.
        """
        doing = f"listing {path}"
        query: dict[str, str | int] = {"page_size": _PAGE_SIZE}
        while True:
            try:
                page = told(
                    self._rest.request("GET", _folder(path), doing, query=query), doing
                )
            except MissingPathError:
                return
            for entry in page.get("contents", ()):
                yield entry["name"], bool(entry.get("is_directory"))
            if not page.get("next_page_token"):
                return
            query["page_token"] = page["next_page_token"]

    def _remove_files(self, paths: list[str]) -> None:
        # No pool: the interpreter would wait for its threads at the end.
        calls = side_by_side(
            self.remove_file,
            paths,
            breadth=min(self._breadth, max(1, len(paths))),
            beat=_nothing,
            beat_seconds=_LEAST_SECONDS,
        )
        with closing(calls):
            for _, call in calls:
                call.result()

    def _remove(self, escaped: str, doing: str) -> None:
        try:
            self._rest.request("DELETE", escaped, doing)
        except (MissingPathError, MissingVolumeError):
            return


def _nothing() -> None:
    pass


def _file(path: str) -> str:
    return f"/api/2.0/fs/files{_escaped(path)}"


def _folder(path: str) -> str:
    return f"/api/2.0/fs/directories{_escaped(path)}"


def _escaped(path: str) -> str:
    """
    Escape *path*; one that leads elsewhere on its way is refused.

    Otherwise it would be followed here, before anything is sent: observed
    with urllib3 2.8.0.
    """
    if {".", ".."} & set(path.split("/")):
        msg = f"{path!r} is no path in a volume; it must have no component . or .."
        raise PermanentError(msg)
    return quote(path)
