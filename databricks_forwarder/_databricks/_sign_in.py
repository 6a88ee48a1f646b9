"""
What the token endpoint is asked, and what its answers mean.

It gets the client's id and secret as HTTP Basic and gives a token for an hour.
Source: Databricks, "Authorize service principal access with OAuth", read
2026-11-23.
"""

from __future__ import annotations

import logging
import threading
from base64 import b64encode
from contextlib import contextmanager
from typing import TYPE_CHECKING

from oauthlib.oauth2 import BackendApplicationClient
from requests.auth import AuthBase
from requests_oauthlib import OAuth2Session

from databricks_forwarder._databricks._proxies import proxies_of
from databricks_forwarder._databricks._replies import reason, seconds_asked_for
from databricks_forwarder._databricks._stripped import first_line
from databricks_forwarder._databricks.fates import (
    BusyError,
    UnknownOutcomeError,
    network_fate,
)
from databricks_forwarder.errors import SetupError
from databricks_forwarder.settings import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests import PreparedRequest, Response

    from databricks_forwarder.errors import ForwarderError
    from databricks_forwarder.settings import Endpoint

__all__ = ["fate_of", "given"]

# What the platform's tokens live, should it not say so.
_HOUR = 3600.0

# To connect, and between two bytes of the reply; a sign-in takes well under one.
_TIMEOUT_SECONDS = (10.0, 20.0)


class _RefusedError(Exception):
    """
    The token endpoint gave no token.

    Args:
        response: Its reply; what is needed of it is kept.
    """

    def __init__(self, response: Response) -> None:
        said = reason(response, "error", "error_description") or "no reason given"
        super().__init__(f"{said} (HTTP {response.status_code})")
        self.status = response.status_code
        self.retry_after_seconds = seconds_asked_for(response)


def given(
    endpoint: Endpoint, client_id: str, client_secret: Secret
) -> tuple[Secret, float]:
    """
    Ask for a token once; what it says, and for how many seconds it is good.
    """
    client = BackendApplicationClient(client_id)
    with OAuth2Session(client=client) as session, _unlogged():
        # Neither proxies, nor authorities, nor passwords of the environment.
        session.trust_env = False
        session.register_compliance_hook("access_token_response", _refuse)
        answer = session.fetch_token(
            f"{endpoint.url}/oidc/v1/token",
            auth=_Basic(client_id, client_secret),
            # Not the session's own: an answer with other scopes is no error.
            scope=["all-apis"],
            timeout=_TIMEOUT_SECONDS,
            verify=True if endpoint.ca_file is None else str(endpoint.ca_file),
            proxies=proxies_of(endpoint),
        )
        return Secret(answer["access_token"]), float(answer.get("expires_in", _HOUR))


class _Basic(AuthBase):
    """
    Id and secret of a client, put into the request and shown nowhere else.
    """

    def __init__(self, client_id: str, client_secret: Secret) -> None:
        self._client_id = client_id
        self._client_secret = client_secret

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = (
            "Basic "
            + b64encode(
                f"{self._client_id}:{self._client_secret.reveal()}".encode()
            ).decode()
        )
        return request


def _refuse(response: Response) -> Response:
    if response.status_code == 200:
        return response
    raise _RefusedError(response)


def fate_of(error: Exception, doing: str) -> ForwarderError:
    """
    What to do after *error* of `given`.
    """
    if isinstance(error, _RefusedError):
        failed = f"{doing} failed: {first_line(error)}"
        if error.status == 429 or error.status >= 500:
            return BusyError(
                f"{failed}; it will be tried again", error.retry_after_seconds
            )
        return SetupError(
            f"{failed}; see that the deployment name is right, that the service "
            "principal is in that workspace, and that its secret is neither mistyped "
            "nor expired"
        )
    fate = network_fate(error, doing)
    if fate is None:
        return SetupError(
            f"{doing} failed: what answers there is no token endpoint "
            f"({type(error).__name__}); correct the deployment name"
        )
    # Asking again costs nothing, whatever became of the first request.
    return BusyError(str(fate)) if isinstance(fate, UnknownOutcomeError) else fate


class _Unlogged(logging.Filter):
    """
    Lets no record of a thread pass that is signing in.
    """

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()

    def filter(self, _: logging.LogRecord) -> bool:
        return threading.get_ident() not in self.threads


_UNLOGGED = _Unlogged()


@contextmanager
def _unlogged() -> Iterator[None]:
    """
    Keep from the log what this thread signs in with, and nothing else.

    At level DEBUG requests-oauthlib logs headers, bodies and tokens as they
    are. The filter stays on its logger: taking it off while another thread
    logs could make that one skip a filter of the host's.

    Source: ``OAuth2Session.fetch_token`` of requests-oauthlib 2.0.0.
    """
    logging.getLogger("requests_oauthlib.oauth2_session").addFilter(_UNLOGGED)
    _UNLOGGED.threads.add(threading.get_ident())
    try:
        yield
    finally:
        _UNLOGGED.threads.discard(threading.get_ident())
