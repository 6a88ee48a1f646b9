"""
From a request to its reply: who answers, who asks, and what goes wrong.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder.testing.workspace._faults import reply
from databricks_forwarder.testing.workspace._http import (
    DroppedError,
    Entry,
    json_response,
    refusal,
)
from databricks_forwarder.testing.workspace._refusals import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from databricks_forwarder.testing.workspace._bodies import Body
    from databricks_forwarder.testing.workspace._faults import Fault, Faults
    from databricks_forwarder.testing.workspace._http import Request, Response, Route

__all__ = ["Exchange"]


class Exchange:
    """
    All that a workspace answers.

    Args:
        routes: Who answers what; the first that fits.
        sign_in: ``Authorization`` header → client id.
        faults: What is to go wrong.
        closing: Set when the workspace closes; what hangs waits for it.
    """

    def __init__(
        self,
        routes: Sequence[Route],
        sign_in: Callable[[str], str],
        faults: Faults,
        closing: threading.Event,
    ) -> None:
        self._routes = routes
        self._sign_in = sign_in
        self._faults = faults
        self._closing = closing
        self._lock = threading.Lock()
        self._entries: list[Entry] = []

    @property
    def entries(self) -> list[Entry]:
        """
        What was asked so far, in the order it came.
        """
        with self._lock:
            return list(self._entries)

    def answer(self, request: Request, body: Body) -> Response:
        """
        Reply to *request*, or raise DroppedError for no reply.
        """
        route = self._route(request)
        request = attrs.evolve(request, entry=self._noted(request, route))
        try:
            response = self._answer(route, request, body)
        except RefusedError as error:
            in_headers = route is not None and route.in_headers
            response = refusal(error, in_headers=in_headers)
        except DroppedError:
            raise
        except Exception as error:  # noqa: BLE001  # a service's bug must not look like a lost connection
            said = {"error_code": "INTERNAL_ERROR", "message": repr(error)}
            response = json_response(said, 500)
        request.entry.status = response.status
        return response

    def _route(self, request: Request) -> Route | None:
        for route in self._routes:
            if route.answers(request.method, request.path):
                return route
        return None

    def _noted(self, request: Request, route: Route | None) -> Entry:
        # The path of a presigned URL and the form of a sign-in are secrets.
        secret = route is not None and route.public
        entry = Entry(
            method=request.method,
            path=route.prefix if route is not None and secret else request.path,
            query={} if secret else request.query,
        )
        with self._lock:
            self._entries.append(entry)
        return entry

    def _answer(self, route: Route | None, request: Request, body: Body) -> Response:
        if route is None:
            raise RefusedError(
                "ENDPOINT_NOT_FOUND",
                f"No API found for '{request.method} {request.path}'",
                status=404,
            )
        if not route.public:
            principal = self._sign_in(request.headers.get("authorization", ""))
            request.entry.principal = principal
            request = attrs.evolve(request, principal=principal)
        point = route.point(request)
        fault = point and self._faults.meet(point, route.detail(request))
        if not fault:
            return route.handler(request)
        return self._struck(fault, route, request, body)

    def _struck(
        self, fault: Fault, route: Route, request: Request, body: Body
    ) -> Response:
        self._closing.wait(fault.seconds)
        if fault.effect == "cut":
            body.cut_half_way()
            route.handler(request)
            raise DroppedError
        if fault.when == "before" and (reply_or_none := self._misfortune(fault)):
            return reply_or_none
        response = route.handler(request)
        if fault.when == "after" and (reply_or_none := self._misfortune(fault)):
            return reply_or_none
        return response

    def _misfortune(self, fault: Fault) -> Response | None:
        if fault.effect == "reply":
            return reply(fault)
        if fault.effect == "hang":
            self._closing.wait()
        if fault.effect != "delay":
            raise DroppedError
        return None
