"""
Requests to the workspace's REST services: signed in, retried, with a fate.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from databricks_forwarder._databricks._proxies import proxies_of
from databricks_forwarder._databricks._replies import reason, seconds_asked_for
from databricks_forwarder._databricks._retries import retried
from databricks_forwarder._databricks._stripped import apart, stripped
from databricks_forwarder._databricks.fates import (
    BusyError,
    RefusedTokenError,
    UnknownOutcomeError,
    http_fate,
    network_fate,
)
from databricks_forwarder.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import PreparedRequest, Response, Session

    from databricks_forwarder._databricks.auth import TokenSource
    from databricks_forwarder.errors import ForwarderError
    from databricks_forwarder.protocols import Clock
    from databricks_forwarder.settings import Endpoint, Secret

__all__ = ["Rest"]

_CONNECT_SECONDS = 10.0
_REPLY_SECONDS = 30.0


class Rest:
    """
    One pooled session for any number of threads.

    Args:
        endpoint: Where the workspace is.
        tokens: Who signs in.
        clock: Waits between tries.
        breadth: How many connections are kept.
    """

    def __init__(
        self, endpoint: Endpoint, tokens: TokenSource, clock: Clock, *, breadth: int
    ) -> None:
        self.client_id: str = tokens.client_id
        self._url = endpoint.url
        self._tokens = tokens
        self._clock = clock
        self._endpoint = endpoint
        self._breadth = breadth
        self._sessions: dict[int, Session] = {}

    def __repr__(self) -> str:
        return f"Rest({self._url!r})"

    def request(  # noqa: PLR0913  # as many as a request has parts
        self,
        method: str,
        path: str,
        doing: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: IO[bytes] | bytes | None = None,
        reply_seconds: float = _REPLY_SECONDS,
    ) -> Response:
        """
        Ask until there is an answer that is no refusal for now.

        Args:
            method: One that may be repeated.
            path: From the host on, percent-encoded.
            doing: What is being done and to what, to start a sentence with.
            query: Parameters after the question mark.
            body: What is sent; a file is sent from its beginning at each try.
            reply_seconds: How long to wait for the reply, once all is sent.

        Raises:
            BusyError: All tries failed in a way that may pass.
            RefusedTokenError: A new token was refused too.
        """

        def attempt() -> Response:
            return self._attempt(method, path, doing, query, body, reply_seconds)

        def signed_in() -> Response:
            try:
                return attempt()
            except RefusedTokenError:
                # It was forgotten; the next one is new.
                return attempt()

        return retried(signed_in, self._clock)

    def close(self) -> None:
        """
        Close the connections of this process.
        """
        with suppress(KeyError):
            self._sessions[os.getpid()].close()

    def _own_session(self) -> Session:
        """
        The pool of this process: a forked child leaves its parent's alone.
        """
        process_id = os.getpid()
        if process_id not in self._sessions:
            # Of threads that come here at once all take the first one's.
            session = _pooled(self._endpoint, self._breadth)
            self._sessions.setdefault(process_id, session)
        return self._sessions[process_id]

    def _attempt(  # noqa: PLR0913, PLR0917  # as `request`
        self,
        method: str,
        path: str,
        doing: str,
        query: Mapping[str, str | int] | None,
        body: IO[bytes] | bytes | None,
        reply_seconds: float,
    ) -> Response:
        token = self._tokens.token()
        if body is not None and not isinstance(body, bytes):
            body.seek(0)
        cause: Exception | None = None
        handled = sys.exc_info()[1]
        try:
            response = self._own_session().request(
                method,
                f"{self._url}{path}",
                params=query,
                data=body,
                auth=_Bearer(token),
                timeout=(_CONNECT_SECONDS, reply_seconds),
                # A body would be sent to whoever; a workspace sends nobody away.
                allow_redirects=False,
            )
        except Exception as error:  # noqa: BLE001  # each has a fate
            apart(error, handled)
            fate, cause = (
                _repeatable(network_fate(error, doing), doing),
                stripped(error),
            )
        else:
            if response.status_code < 300:
                return response
            fate = self._refusal(response, doing)
            if isinstance(fate, RefusedTokenError):
                self._tokens.forget(token)
        # Out here the driver's exception is no context of ours.
        raise fate from cause

    def _refusal(self, response: Response, doing: str) -> ForwarderError:
        fate = http_fate(
            response.status_code,
            reason(response, "error_code", "message"),
            doing,
            client_id=self.client_id,
            retry_after_seconds=seconds_asked_for(response),
        )
        return _repeatable(fate, doing)


def _pooled(endpoint: Endpoint, breadth: int) -> Session:
    # The first submit of a host does not wait for their import.
    from requests import Session  # noqa: PLC0415
    from requests.adapters import HTTPAdapter  # noqa: PLC0415

    session = Session()
    # Neither proxies, nor authorities, nor passwords of the environment.
    session.trust_env = False
    session.verify = True if endpoint.ca_file is None else str(endpoint.ca_file)
    session.proxies = proxies_of(endpoint)
    session.mount("https://", HTTPAdapter(pool_maxsize=breadth))
    return session


class _Bearer:
    """
    An access token, put into the request and shown nowhere else.
    """

    def __init__(self, token: Secret) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        return request


def _repeatable(fate: ForwarderError | None, doing: str) -> ForwarderError:
    """
    What may have had its effect is asked again: here it may be had twice.
    """
    if fate is None:
        return TransientError(f"{doing} failed in a way that is not known")
    return BusyError(str(fate)) if isinstance(fate, UnknownOutcomeError) else fate
