"""
Where the files of volumes are on the disk, for those who may know.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from databricks_forwarder.testing.workspace._refusals import RefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from databricks_forwarder.testing.workspace._catalog import Securable
    from databricks_forwarder.testing.workspace._grants import Grants

__all__ = ["Volumes", "canonical"]

_PATH = re.compile(r"/Volumes/([^/]+)/([^/]+)/([^/]+)((?:/[^/]+)*)/?")
_UNWRITABLE = re.compile(r"[\0\ud800-\udfff]")


class Volumes:
    """
    The volumes, each a folder under *root*.
    """

    def __init__(self, root: Path, grants: Grants) -> None:
        self._root = root
        self._grants = grants

    def path_of(self, volume_path: str, principal: str, *, write: bool) -> Path:
        """
        The place on disk of a path in a volume, whether anything is there or not.

        Args:
            volume_path: ``/Volumes/<catalog>/<schema>/<volume>/…``; the first
                three names in any case, the rest as it is.
            principal: Who wants to know.
            write: Whether more than reading is meant.

        Raises:
            RefusedError: It is no such path, something on the way is not
                there, or a privilege is missing.

        Source: Databricks, "Privileges required for volume operations", read
        2026-11-23: to write takes READ VOLUME too.
        """
        schema, volume, parts = _cut(volume_path)
        self._grants.enter(schema, principal)
        self._grants.require("READ VOLUME", "VOLUME", volume, principal)
        if write:
            self._grants.require("WRITE VOLUME", "VOLUME", volume, principal)
        return self.folder(self._grants.found("VOLUME", volume)).joinpath(*parts)

    def folder(self, volume: Securable) -> Path:
        """
        The folder of a volume's files.
        """
        return self._root / volume.folder


def canonical(volume_path: str) -> str:
    """
    The one spelling of a path in a volume, without a slash at its end.

    Raises:
        RefusedError: It is no such path.
    """
    _, volume, parts = _cut(volume_path)
    return "/".join(("", "Volumes", *volume.split("."), *parts))


def _cut(volume_path: str) -> tuple[str, str, list[str]]:
    found = _PATH.fullmatch(volume_path)
    parts = found[4].split("/")[1:] if found else []
    if found is None or any(map(_is_odd, parts)):
        raise RefusedError(
            "INVALID_PARAMETER_VALUE",
            f"The path {volume_path!r} is not a path in a volume; it must begin with "
            "/Volumes/<catalog>/<schema>/<volume>, without empty, '.' or '..' "
            "components.",
            sqlstate="22023",
        )
    schema = f"{found[1]}.{found[2]}".lower()
    return schema, f"{schema}.{found[3].lower()}", parts


def _is_odd(part: str) -> bool:
    return (
        part in {".", ".."}
        or _UNWRITABLE.search(part) is not None
        or (len(part.encode()) > 255)
    )
