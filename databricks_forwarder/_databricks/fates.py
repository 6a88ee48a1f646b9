"""
Where errors of the platform and of its drivers become this library's.

What is known is known by class names and HTTP statuses (error classes and
SQLSTATEs are in `_sql_fates`); what is not is transient, so that ignorance
repeats and parks nothing.

Classes of drivers: observed with databricks-sql-connector 4.9.0, requests
2.34.2, urllib3 2.8.0.
"""

from __future__ import annotations

import re
import socket

from databricks_forwarder._databricks._advice import (
    create_advice,
    grant_advice,
    tells_of_a_privilege,
)
from databricks_forwarder._databricks._stripped import chain, first_line, masked
from databricks_forwarder.errors import (
    ForwarderError,
    PermanentError,
    SetupError,
    TransientError,
)

__all__ = [
    "FATES",
    "AlreadyThereError",
    "BusyError",
    "ConflictError",
    "DeadlineError",
    "LostSessionError",
    "MissingPathError",
    "MissingTableError",
    "MissingVolumeError",
    "RefusedForNowError",
    "RefusedTokenError",
    "UnknownOutcomeError",
    "UnreadyError",
    "http_fate",
    "network_fate",
]


class MissingTableError(TransientError):
    """
    The table is not there (any more).
    """


class MissingPathError(TransientError):
    """
    A file or folder is not there (any more).
    """


class MissingVolumeError(SetupError):
    """
    The volume, or the schema or catalog it is in, is not there.
    """


class AlreadyThereError(TransientError):
    """
    The column, table, volume or schema is there already.
    """


class ConflictError(TransientError):
    """
    Another writer came first; nothing was done.
    """


class DeadlineError(TransientError):
    """
    The statement took too long and was given up; it may have had its effect.
    """


class UnknownOutcomeError(TransientError):
    """
    The answer was lost after the request was sent: it may have had its effect.
    """


class BusyError(TransientError):
    """
    Refused for now, without effect: a little later it may pass.

    Attributes:
        retry_after_seconds: What the platform asked for; 0 if it did not.
    """

    def __init__(self, message: str, retry_after_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class RefusedForNowError(BusyError):
    """
    The platform itself says: not now. It may be starting.
    """


class UnreadyError(RefusedForNowError):
    """
    The session is none that anything can be done in: the warehouse starts.
    """


class LostSessionError(BusyError):
    """
    The platform no longer knows the session; nothing was done.
    """


class RefusedTokenError(SetupError):
    """
    The access token was refused; a new one may be taken.
    """


_AGAIN = "it will be tried again"

# By name, for only the doors import drivers. Of the classes in an exception's
# chain the first in this order counts: what is sure comes before what is vague.
FATES: dict[str, type[ForwarderError]] = {
    # Whoever is asked, it will not work.
    "ProxyError": SetupError,
    "SSLCertVerificationError": SetupError,
    "CertificateError": SetupError,
    "NotSupportedError": SetupError,
    "ReydenThriftUnsupportedError": SetupError,
    "ImportError": SetupError,
    # Nothing was sent.
    "NewConnectionError": BusyError,
    "ConnectTimeoutError": BusyError,
    "ConnectTimeout": BusyError,
    "ConnectionRefusedError": BusyError,
    # It was sent, as far as we know, and the answer is lost: urllib3, requests,
    # thrift, Python.
    "HTTPError": UnknownOutcomeError,
    "RequestException": UnknownOutcomeError,
    "TException": UnknownOutcomeError,
    "OSError": UnknownOutcomeError,
    # The driver's own. It would have slept and sent it again, and may not:
    # without a loss in the chain that is status 429 or 503.
    "MaxRetryDurationError": RefusedForNowError,
    "NonRecoverableNetworkError": UnknownOutcomeError,
    "UnsafeToRetryError": UnknownOutcomeError,
    "SessionAlreadyClosedError": TransientError,
    "CursorAlreadyClosedError": TransientError,
    "RequestError": UnknownOutcomeError,
    "TransactionError": ConflictError,
    "ProgrammingError": PermanentError,
    "IntegrityError": PermanentError,
    "DataError": PermanentError,
    "InvalidServerResponseError": TransientError,
    "ServerOperationError": TransientError,
    "InternalError": TransientError,
    "OperationalError": TransientError,
    "DatabaseError": TransientError,
    "InterfaceError": TransientError,
    "TelemetryRateLimitError": TransientError,
    "TelemetryNonRateLimitError": TransientError,
    "Error": TransientError,
    "Warning": TransientError,
}
"""Class names of drivers → what becomes of them when nothing else is known."""

_OWN_AUTHORITY = (
    "if the workspace's certificate comes from an authority of your own, name its PEM "
    "file in Endpoint.ca_file"
)
_OTHER_WAREHOUSE = (
    "name a pro or serverless SQL warehouse in warehouse_id: a real-time one needs "
    "another driver"
)
_ADVICE_BY_NAME = {
    "ProxyError": "see that the proxy is right and lets the workspace's host pass",
    "SSLCertVerificationError": _OWN_AUTHORITY,
    "CertificateError": _OWN_AUTHORITY,
    "NotSupportedError": "upgrade databricks-sql-connector",
    "ReydenThriftUnsupportedError": _OTHER_WAREHOUSE,
    "ImportError": _OTHER_WAREHOUSE,
}

# Where the driver keeps to itself what it was told.
_SAID_BY_NAME = {
    "MaxRetryDurationError": "it is too busy or not ready (HTTP 429 or 5xx)",
}

# Answers of the resolver that no waiting mends.
_NO_SUCH_HOST = (socket.EAI_NONAME, socket.EAI_FAIL)


def network_fate(error: BaseException, doing: str) -> ForwarderError | None:
    """
    Name the fate of an error that a driver raised, by the classes in its chain.

    Args:
        error: What was raised.
        doing: What was being done and to what, to start the sentence with.

    Returns:
        None when no class in the chain is known.
    """
    links = list(chain(error))
    for each in links:
        if isinstance(each, ForwarderError):
            return type(each)(str(each))
        if isinstance(each, socket.gaierror) and each.errno in _NO_SUCH_HOST:
            msg = f"{doing} failed: there is no such host; correct the deployment name"
            return SetupError(msg)
        if "WRONG_VERSION_NUMBER" in first_line(each):
            msg = f"{doing} failed: no TLS is spoken there; correct host and port"
            return SetupError(msg)
    named = {_known_name(each): each for each in reversed(links)}
    for name, fate in FATES.items():
        if name in named:
            each = named[name]
            said = _SAID_BY_NAME.get(name) or (
                f"{type(each).__name__}: {first_line(each)}"
            )
            return fate(f"{doing} failed: {said}; {_ADVICE_BY_NAME.get(name, _AGAIN)}")
    return None


def _known_name(error: BaseException) -> str:
    names = (kind.__name__ for kind in type(error).__mro__)
    return next((name for name in names if name in FATES), "")


def http_fate(
    status: int, said: str, doing: str, *, client_id: str, retry_after_seconds: float
) -> ForwarderError:
    """
    Name the fate of a reply that refuses, by its HTTP status.

    Args:
        status: 300 or more.
        said: The platform's own sentence, or what it was taken from.
        doing: What was being done and to what, to start the sentence with.
        client_id: Who asked; named in advice.
        retry_after_seconds: What the reply asked for; 0 if it did not.
    """
    failed = f"{doing} failed: {masked(said) or 'no reason given'} (HTTP {status})"
    if status in {429, 503}:
        return RefusedForNowError(f"{failed}; {_AGAIN}", retry_after_seconds)
    if status == 404 and _NO_PLACE.search(said):
        return MissingVolumeError(f"{failed}; {create_advice(said)}")
    if status in {400, 403} and _NO_TOKEN.search(said):
        return RefusedTokenError(f"{failed}; {_BELONG}")
    if status == 403:
        # Unless it names a privilege, it may be the token that is refused.
        is_certain = tells_of_a_privilege(said)
        kind = SetupError if is_certain else RefusedTokenError
        return kind(f"{failed}; {grant_advice(failed, client_id)}")
    # What is left: 3xx, 5xx and the rest.
    key = status if status in _HTTP_FATES else status // 100
    fate, advice = _HTTP_FATES.get(key, (UnknownOutcomeError, _AGAIN))
    return fate(f"{failed}; {advice}")


_BELONG = "see that the service principal is in this workspace"

# A token that ended or was revoked is answered with 401, with 403 or with 400:
# n8n, issue 34147 (403, OAuth of a service principal); databrickslabs/
# splunk-integration, issue 55 (403, then 400, then 401); both read 2026-11-25.
_NO_TOKEN = re.compile(
    r"\btoken is expir|\btoken (has been )?(expired|revoked)|invalid (access )?token"
    r"|ExpiredJwt",
    re.IGNORECASE,
)

_HTTP_FATES: dict[int, tuple[type[ForwarderError], str]] = {
    3: (SetupError, "the host sends callers elsewhere: correct the deployment name"),
    400: (TransientError, _AGAIN),
    401: (RefusedTokenError, _BELONG),
    404: (MissingPathError, _AGAIN),
    409: (ConflictError, _AGAIN),
    413: (TransientError, _AGAIN),
}

# A volume without any file answers 404 too, when it is listed: see the issue
# "databricks fs cp fails when volume is empty" of databricks/cli, read 2026-11-23.
_NO_PLACE = re.compile(
    r"NO_SUCH_CATALOG|(SCHEMA|VOLUME)_(NOT_FOUND|DOES_NOT_EXIST)"
    r"|\b(catalog|schema|volume) \S+ (does not exist|cannot be found|was not found)",
    re.IGNORECASE,
)
