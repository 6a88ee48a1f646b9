"""
PUT, GET, REMOVE and LIST: files of volumes, by SQL.

Sources: Databricks, "PUT INTO", "GET", "REMOVE" and "LIST", read 2026-11-23.
Which classes refuse a file that is there, or is not, is not documented.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._results import Result, Transfer
from databricks_forwarder.testing.workspace._volumes import canonical

if TYPE_CHECKING:
    from pathlib import Path

    from databricks_forwarder.testing.workspace._parts import Parts
    from databricks_forwarder.testing.workspace._reader import Reader
    from databricks_forwarder.testing.workspace._results import Session

__all__ = ["get", "list_", "put", "remove"]

_Row = dict[str, str | int]


def put(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read what follows PUT.
    """
    local = reader.string()
    reader.expect("INTO")
    path = _path(reader)
    overwrites = reader.accept("OVERWRITE")
    reader.end()
    place = parts.volumes.path_of(path, session.principal, write=True)
    if place.exists() and not overwrites:
        raise RefusedError(
            "PATH_ALREADY_EXISTS",
            f"Path dbfs:{path} already exists. Use OVERWRITE to replace it.",
            sqlstate="42K04",
        )
    return _transfer("PUT", path, local)


def get(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read what follows GET.
    """
    path = _path(reader)
    reader.expect("TO")
    local = reader.string()
    reader.end()
    place = parts.volumes.path_of(path, session.principal, write=False)
    _require_file(path, place)
    return _transfer("GET", path, local)


def remove(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read what follows REMOVE.
    """
    path = _path(reader)
    reader.end()
    place = parts.volumes.path_of(path, session.principal, write=True)
    _require_file(path, place)
    return _transfer("REMOVE", path, None)


def list_(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read what follows LIST, and list a folder.
    """
    path = _path(reader)
    reader.end()
    place = parts.volumes.path_of(path, session.principal, write=False)
    try:
        there = sorted(place.iterdir())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _no_path(path) from error
    schema = pa.schema(
        [
            ("path", pa.string()),
            ("name", pa.string()),
            ("size", pa.int64()),
            ("modification_time", pa.int64()),
        ]
    )
    rows: list[_Row] = []
    for each in there:
        # Another may remove it meanwhile.
        with suppress(FileNotFoundError):
            rows.append(_listed(canonical(path), each))
    return Result(pa.Table.from_pylist(rows, schema=schema))


def _listed(folder: str, each: Path) -> _Row:
    status, slash = each.stat(), "/" * each.is_dir()
    return {
        "path": f"dbfs:{folder}/{each.name}{slash}",
        "name": f"{each.name}{slash}",
        "size": 0 if slash else status.st_size,
        "modification_time": int(status.st_mtime * 1000),
    }


def _path(reader: Reader) -> str:
    return reader.string().removeprefix("dbfs:")


def _require_file(path: str, place: Path) -> None:
    if not place.is_file():
        raise _no_path(path)


def _no_path(path: str) -> RefusedError:
    return RefusedError(
        "PATH_NOT_FOUND",
        f"Path does not exist: dbfs:{path}.",
        sqlstate="42K03",
        status=404,
    )


def _transfer(
    operation: Literal["PUT", "GET", "REMOVE"], path: str, local: str | None
) -> Result:
    return Result(pa.table({}), transfer=Transfer(operation, canonical(path), local))
