"""
Signing in: one access token for files and SQL, taken when it is needed.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

from databricks_forwarder._databricks._retries import retried
from databricks_forwarder._databricks._stripped import apart, stripped
from databricks_forwarder.errors import ForwarderError

if TYPE_CHECKING:
    from types import ModuleType

    from databricks_forwarder.protocols import Clock
    from databricks_forwarder.settings import Endpoint, Secret

__all__ = ["TokenSource"]

# Longer than the minute within which the SQL driver no longer uses a token.
_SPARE_SECONDS = 120.0


class TokenSource:
    """
    Access tokens of a service principal, for any number of threads.

    Who asks while a token is being fetched waits for that one, and shares its
    failure too.

    Args:
        endpoint: Where the workspace is.
        client_id: Application id of the service principal.
        client_secret: Its OAuth secret.
        clock: Tells how old a token is, and waits between tries.
    """

    def __init__(
        self, endpoint: Endpoint, client_id: str, client_secret: Secret, clock: Clock
    ) -> None:
        self.client_id = client_id
        self._endpoint = endpoint
        self._client_secret = client_secret
        self._clock = clock
        self._lock = threading.Lock()
        self._token: Secret | None = None
        self._stale_from = 0.0
        self._failure: ForwarderError | None = None
        self._failures = 0

    def __repr__(self) -> str:
        return f"TokenSource({self._endpoint.url!r}, {self.client_id!r})"

    def token(self) -> Secret:
        """
        A token that is good for a while, fetched if there is none.

        Raises:
            SetupError: Id or secret are refused, or nobody is there to ask.
            TransientError: It did not work for now.
        """
        failures = self._failures
        with self._lock:
            if self._token is not None and self._clock.monotonic() < self._stale_from:
                return self._token
            if self._failure is not None and self._failures != failures:
                # It was fetched in vain while this call waited for its turn.
                raise type(self._failure)(str(self._failure))
            try:
                self._failure = None
                self._token = retried(self._fetched, self._clock)
            except ForwarderError as error:
                self._failure = type(error)(str(error))
                self._failures += 1
                raise
            return self._token

    def forget(self, token: Secret) -> None:
        """
        Don't give *token* again: it was refused. Another one stays.
        """
        with self._lock:
            if self._token == token:
                self._token = None

    def close(self) -> None:
        """
        Forget the token; no connection is kept.
        """
        with self._lock:
            self._token = None

    def _fetched(self) -> Secret:
        doing = f"signing in to {self._endpoint.url} as {self.client_id}"
        asked_at = self._clock.monotonic()
        handled = sys.exc_info()[1]
        token: Secret
        try:
            token, life_seconds = _sign_in().given(
                self._endpoint, self.client_id, self._client_secret
            )
        except Exception as error:  # noqa: BLE001  # each has a fate
            apart(error, handled)
            fate, cause = _sign_in().fate_of(error, doing), stripped(error)
        else:
            spare_seconds = min(_SPARE_SECONDS, life_seconds / 3)
            self._stale_from = asked_at + life_seconds - spare_seconds
            return token
        # Out here the driver's exception is no context of ours.
        raise fate from cause


def _sign_in() -> ModuleType:
    """
    What asks the token endpoint; it brings requests and oauthlib along.

    The first submit of a host does not wait for them.
    """
    from databricks_forwarder._databricks import _sign_in  # noqa: PLC0415

    return _sign_in
