"""
Addresses of single files that need no sign-in, as cloud storage gives them.

Each is good once and for 15 minutes. Who signs in all the same is refused, as
by storage services that are shown two kinds of authentication.
"""

from __future__ import annotations

import secrets
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import attrs

from databricks_forwarder.testing.workspace._downloads import download
from databricks_forwarder.testing.workspace._http import Response, Route
from databricks_forwarder.testing.workspace._refusals import RefusedError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from databricks_forwarder.protocols import Clock
    from databricks_forwarder.testing.workspace._faults import Point
    from databricks_forwarder.testing.workspace._http import Request
    from databricks_forwarder.testing.workspace._uploads import Uploads

__all__ = ["Presigned"]

_PREFIX = "/presigned"
_LIFE = timedelta(minutes=15)


@attrs.frozen
class _Permit:
    """
    What an address is good for.
    """

    operation: str
    path: Path
    volume_path: str
    until: datetime


class Presigned:
    """
    Makes such addresses and answers at them.

    Args:
        url: Of the workspace.
        uploads: Where what is put goes through.
        clock: By which they expire.
    """

    def __init__(self, url: str, uploads: Uploads, clock: Clock) -> None:
        self._url = url
        self._uploads = uploads
        self._clock = clock
        self._lock = threading.Lock()
        self._permits: dict[str, _Permit] = {}

    @property
    def routes(self) -> list[Route]:
        """
        What is answered at the addresses.
        """
        return [
            Route(
                methods=("PUT", "GET", "DELETE"),
                prefix=_PREFIX,
                handler=self._answer,
                public=True,
                point=_at_presigned,
                detail=self._detail,
            )
        ]

    def make(
        self,
        operation: Literal["PUT", "GET", "DELETE"],
        path: Path,
        volume_path: str = "",
    ) -> str:
        """
        A new address.

        Args:
            operation: The HTTP method that it is good for.
            path: The file on the disk; a PUT replaces what is there.
            volume_path: What faults know it by; empty for a file of no volume.
        """
        name = secrets.token_urlsafe(32)
        permit = _Permit(operation, path, volume_path, self._clock.now() + _LIFE)
        with self._lock:
            self._permits[name] = permit
        return f"{self._url}{_PREFIX}/{name}"

    def _detail(self, request: Request) -> str:
        with self._lock:
            permit = self._permits.get(_name(request))
        return permit.volume_path if permit else ""

    def _answer(self, request: Request) -> Response:
        if "authorization" in request.headers:
            raise RefusedError(
                "InvalidArgument", "Only one auth mechanism allowed.", status=400
            )
        with self._lock:
            permit = self._permits.get(_name(request))
            if (
                permit is None
                or permit.operation != request.method
                or permit.until <= self._clock.now()
            ):
                raise RefusedError("AccessDenied", "Request has expired", status=403)
            del self._permits[_name(request)]
        return self._do(permit, request)

    def _do(self, permit: _Permit, request: Request) -> Response:
        if permit.operation == "PUT":
            self._uploads.put(request.body, permit.path, overwrite=True)
            return Response()
        if permit.operation == "DELETE":
            permit.path.unlink(missing_ok=True)
            return Response(204)
        return download(permit.path, request.headers)


def _name(request: Request) -> str:
    return request.path[len(_PREFIX) + 1 :]


def _at_presigned(_: Request) -> Point:
    return "presigned"
