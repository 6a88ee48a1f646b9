"""
The Files API 2.0: files and directories of volumes.

Source: Databricks, "Files API", read 2026-11-23, as databricks-sdk 0.156.0
carries it in ``service/files.py``; reasons of refusals as the Databricks CLI
tells them apart. Texts of refusals that no page tells are our own.

An upload over a file without a word on ``overwrite`` replaces it, says that
client; it does not, say others, such as brickster, "db_volume_write". The
strict reading is chosen here: who means to replace has to say so.

Of an upload in parts, which needs cloud storage, only the beginning is here:
clients see that there are no addresses for the parts, and upload at once.
"""

from __future__ import annotations

import base64
import binascii
import os
from typing import TYPE_CHECKING, Any

from databricks_forwarder.testing.workspace._downloads import download
from databricks_forwarder.testing.workspace._http import Response, Route, json_response
from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._uploads import file_in_the_way

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from databricks_forwarder.testing.workspace._faults import Point
    from databricks_forwarder.testing.workspace._http import Request
    from databricks_forwarder.testing.workspace._uploads import Uploads
    from databricks_forwarder.testing.workspace._volumes import Volumes

__all__ = ["FilesApi"]

_FILES = "/api/2.0/fs/files"
_DIRECTORIES = "/api/2.0/fs/directories"
_MOST_IN_A_FILE = 5 << 30
_MOST_ON_A_PAGE = 1000
_DEPTH_OF_A_VOLUME = 4
_LONGEST_PATH = 4_095
"""That Linux opens: ``PATH_MAX`` without the zero at its end."""


class FilesApi:
    """
    Answers the requests under ``/api/2.0/fs``.

    Args:
        volumes: Where the files are, and who may know.
        uploads: Where what is put goes through.
    """

    def __init__(self, volumes: Volumes, uploads: Uploads) -> None:
        self._volumes = volumes
        self._uploads = uploads
        self._actions = {
            (_FILES, "PUT"): self._upload,
            (_FILES, "GET"): self._download,
            (_FILES, "HEAD"): self._download,
            (_FILES, "DELETE"): self._delete,
            (_DIRECTORIES, "PUT"): self._create_directory,
            (_DIRECTORIES, "GET"): self._list,
            (_DIRECTORIES, "HEAD"): self._find_directory,
            (_DIRECTORIES, "DELETE"): self._delete_directory,
        }

    @property
    def routes(self) -> list[Route]:
        """
        What is answered.
        """
        return [
            Route(
                methods=("PUT", "GET", "HEAD", "DELETE"),
                prefix=prefix,
                handler=self._answer,
                point=_point,
            )
            for prefix in (_FILES, _DIRECTORIES)
        ] + [Route(methods=("POST",), prefix=_FILES, handler=self._begin_parts)]

    def _answer(self, request: Request) -> Response:
        prefix = _prefix(request)
        asked = request.path[len(prefix) :]
        try:
            path = self._volumes.path_of(
                asked,
                str(request.principal),
                write=request.method not in {"GET", "HEAD"},
            )
        except RefusedError as error:
            raise _as_rest(error) from None
        if prefix == _FILES and (asked.endswith("/") or _is_volume(asked)):
            raise _invalid("The path of a file must name a file in a volume.")
        if len(os.fsencode(path)) > _LONGEST_PATH:
            raise _invalid("The path is too long for the loopback's disk.")
        return self._actions[prefix, request.method](request, path)

    def _upload(self, request: Request, path: Path) -> Response:
        overwrite = request.query.get("overwrite", "false")
        if overwrite not in {"true", "false"}:
            raise _invalid("overwrite must be true or false.")
        if int(request.headers.get("content-length", "0")) >= _MOST_IN_A_FILE:
            raise RefusedError(
                "PAYLOAD_TOO_LARGE", "A file must be smaller than 5 GiB.", status=413
            )
        self._uploads.put(request.body, path, overwrite=overwrite == "true")
        return Response(204)

    def _begin_parts(self, request: Request) -> Response:
        if request.query.get("action") != "initiate-upload":
            raise _invalid("action must be initiate-upload.")
        return json_response({"multipart_upload": {"session_token": "none"}})

    def _download(self, request: Request, path: Path) -> Response:
        return download(path, request.headers)

    def _delete(self, _: Request, path: Path) -> Response:
        try:
            path.unlink()
        except (
            FileNotFoundError,
            NotADirectoryError,
            IsADirectoryError,
            PermissionError,
        ):
            raise _missing("file") from None
        return Response(204)

    def _create_directory(self, _: Request, path: Path) -> Response:
        with self._uploads.placing:
            try:
                path.mkdir(parents=True, exist_ok=True)
            except (FileExistsError, NotADirectoryError):
                raise file_in_the_way() from None
        return Response(204)

    def _find_directory(self, request: Request, path: Path) -> Response:
        if not path.is_dir() and not _is_volume(request.path[len(_DIRECTORIES) :]):
            raise _missing("directory")
        return Response(200)

    def _delete_directory(self, request: Request, path: Path) -> Response:
        if _is_volume(request.path[len(_DIRECTORIES) :]):
            raise _invalid("A volume is not deleted as a directory.")
        with self._uploads.placing:
            if not path.is_dir():
                raise _missing("directory")
            try:
                path.rmdir()
            except OSError:
                raise RefusedError(
                    "INVALID_PARAMETER_VALUE",
                    "The directory is not empty.",
                    reason="FILES_API_DIRECTORY_IS_NOT_EMPTY",
                ) from None
        return Response(204)

    def _list(self, request: Request, path: Path) -> Response:
        self._find_directory(request, path)
        size, after = _page(request.query)
        asked = request.path[len(_DIRECTORIES) :].rstrip("/")
        entries = _found(path, after)
        listed: dict[str, Any] = {}
        contents = [_entry(each, asked) for each in entries[:size]]
        if there := [each for each in contents if each]:
            listed["contents"] = there
        if len(entries) > size:
            last = entries[size - 1].name.encode()
            listed["next_page_token"] = base64.urlsafe_b64encode(last).decode()
        return json_response(listed)


def _prefix(request: Request) -> str:
    return _FILES if f"{request.path}/".startswith(f"{_FILES}/") else _DIRECTORIES


def _point(request: Request) -> Point | None:
    if request.method == "PUT":
        return "upload"
    if request.method == "DELETE":
        return "delete"
    return "download" if _prefix(request) == _FILES else "list"


def _is_volume(asked: str) -> bool:
    return asked.rstrip("/").count("/") == _DEPTH_OF_A_VOLUME


def _page(query: Mapping[str, str]) -> tuple[int, str]:
    size, token = query.get("page_size", ""), query.get("page_token", "")
    try:
        after = base64.b64decode(token, altchars=b"-_", validate=True).decode()
        wanted = int(size) if size else _MOST_ON_A_PAGE
    except (binascii.Error, ValueError):
        raise _invalid("page_size or page_token is invalid.") from None
    # Zero is unspecified, as everywhere in these APIs.
    return min(wanted if wanted > 0 else _MOST_ON_A_PAGE, _MOST_ON_A_PAGE), after


def _found(folder: Path, after: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(
                (each for each in found if each.name > after),
                key=lambda each: each.name,
            )
    except FileNotFoundError:
        raise _missing("directory") from None


def _entry(found: os.DirEntry[str], above: str) -> dict[str, Any] | None:
    """
    What a listing tells of an entry; None if it is gone since it was found.
    """
    try:
        facts = found.stat()
    except FileNotFoundError:
        return None
    entry: dict[str, Any] = {
        "path": f"{above}/{found.name}",
        "name": found.name,
        "is_directory": found.is_dir(),
        "last_modified": int(facts.st_mtime * 1000),
    }
    if not found.is_dir():
        entry["file_size"] = facts.st_size
    return entry


def _missing(kind: str) -> RefusedError:
    return RefusedError(
        "NOT_FOUND",
        f"The {kind} being accessed is not found.",
        status=404,
        reason=f"FILES_API_{kind.upper()}_IS_NOT_FOUND",
    )


def _invalid(message: str) -> RefusedError:
    return RefusedError("INVALID_PARAMETER_VALUE", message, status=400)


def _as_rest(error: RefusedError) -> RefusedError:
    """
    The same refusal with the error code and text of the REST side.
    """
    code = {403: "PERMISSION_DENIED", 404: "NOT_FOUND"}.get(
        error.status, "INVALID_PARAMETER_VALUE"
    )
    message = error.message.removeprefix("Insufficient privileges: ")
    return RefusedError(code, message, status=error.status)
