"""
What becomes of the errors of the platform and of its drivers.
"""

from __future__ import annotations

import inspect
import logging
import pickle
import socket
import ssl

import pytest
import requests
import urllib3.exceptions
from databricks.sql import exc
from thrift.Thrift import TApplicationException
from thrift.transport.TTransport import TTransportException

from databricks_forwarder._databricks import fates
from databricks_forwarder._databricks._advice import grant_advice
from databricks_forwarder._databricks._sql_fates import error_class, sql_fate
from databricks_forwarder._databricks._stripped import chain, first_line, stripped
from databricks_forwarder._databricks.fates import (
    FATES,
    AlreadyThereError,
    BusyError,
    ConflictError,
    MissingPathError,
    MissingTableError,
    MissingVolumeError,
    RefusedForNowError,
    RefusedTokenError,
    UnknownOutcomeError,
    http_fate,
    network_fate,
)
from databricks_forwarder.errors import (
    ForwarderError,
    PermanentError,
    SchemaError,
    SetupError,
    TransientError,
)

CLIENT = "11112222-3333-4444-5555-666677778888"


def caused(outer: Exception, *inner: BaseException) -> Exception:
    """
    Chain exceptions, the outermost first.
    """
    error: BaseException = outer
    for each in inner:
        error.__context__ = each
        error = each
    return outer


DRIVER_ERRORS = [
    value
    for value in vars(exc).values()
    if inspect.isclass(value) and value.__module__ == exc.__name__
]


# Earlier drivers don't have it; fates go by the name.
_REYDEN = "ReydenThriftUnsupportedError"
REYDEN = getattr(exc, _REYDEN, None) or type(_REYDEN, (exc.DatabaseError,), {})


def test_driver_errors_are_all_there() -> None:
    """
    The driver has the exception classes that the table was made for.
    """
    names = {kind.__name__ for kind in DRIVER_ERRORS}

    assert names <= set(FATES), "a class without a fate"
    assert len(names) >= 18, "fewer than the lowest driver has"


@pytest.mark.parametrize("kind", DRIVER_ERRORS, ids=lambda kind: kind.__name__)
def test_each_driver_error_has_the_fate_of_its_class(kind: type[Exception]) -> None:
    """
    An exception of the driver about which nothing else is known has its class's fate.
    """
    error = kind(ValueError("x")) if "NonRate" in kind.__name__ else kind("x")

    fate = network_fate(error, "running x")

    assert FATES[kind.__name__] is type(fate)
    assert str(fate).startswith("running x failed: ")
    assert "; " in str(fate)


POOL = urllib3.HTTPSConnectionPool("127.0.0.1", 1)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            caused(
                exc.RequestError("Error during request to server", {}),
                exc.MaxRetryDurationError("too long"),
            ),
            RefusedForNowError,
        ),
        (
            exc.RequestError("e", {}, None, exc.MaxRetryDurationError("too long")),
            RefusedForNowError,
        ),
        (
            caused(
                exc.RequestError("e", {}),
                exc.MaxRetryDurationError("too long"),
                urllib3.exceptions.ProtocolError("Connection aborted."),
            ),
            UnknownOutcomeError,
        ),
        (
            caused(
                exc.RequestError("e", {}),
                exc.MaxRetryDurationError("too long"),
                urllib3.exceptions.NewConnectionError(POOL, "refused"),  # type: ignore[arg-type]
            ),
            BusyError,
        ),
        (
            urllib3.exceptions.MaxRetryError(
                POOL, "/", urllib3.exceptions.ConnectTimeoutError("slow")
            ),
            BusyError,
        ),
        (
            urllib3.exceptions.ReadTimeoutError(POOL, "/", "Read timed out."),
            UnknownOutcomeError,
        ),
        (
            urllib3.exceptions.MaxRetryError(
                POOL,
                "/",
                urllib3.exceptions.SSLError(
                    ssl.SSLCertVerificationError("self-signed")
                ),
            ),
            SetupError,
        ),
        (
            requests.exceptions.SSLError(
                urllib3.exceptions.MaxRetryError(
                    POOL,
                    "/",
                    urllib3.exceptions.SSLError("[SSL: WRONG_VERSION_NUMBER] wrong"),
                )
            ),
            SetupError,
        ),
        (
            urllib3.exceptions.ProxyError("Unable to connect to proxy", OSError("no")),
            SetupError,
        ),
        (requests.exceptions.ProxyError("407"), SetupError),
        (requests.exceptions.ConnectTimeout("slow"), BusyError),
        (requests.exceptions.ReadTimeout("slow"), UnknownOutcomeError),
        (requests.exceptions.ChunkedEncodingError("cut"), UnknownOutcomeError),
        (
            caused(
                requests.exceptions.ConnectionError("no"),
                socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            ),
            SetupError,
        ),
        (
            caused(
                requests.exceptions.ConnectionError("no"),
                urllib3.exceptions.NameResolutionError(
                    "h",
                    POOL,  # type: ignore[arg-type]
                    socket.gaierror(socket.EAI_AGAIN, "later"),
                ),
                socket.gaierror(socket.EAI_AGAIN, "later"),
            ),
            BusyError,
        ),
        (ConnectionResetError("reset"), UnknownOutcomeError),
        (ConnectionRefusedError("refused"), BusyError),
        (TTransportException(4, "end of file"), UnknownOutcomeError),
        (TApplicationException(6, "Internal error"), UnknownOutcomeError),
        (ImportError("databricks-sql-kernel"), SetupError),
        (REYDEN("KP001"), SetupError),
        (exc.RequestError("e", {}, None, SetupError("no such secret")), SetupError),
    ],
)
def test_what_is_surest_in_a_chain_counts(
    error: Exception, expected: type[ForwarderError]
) -> None:
    """
    Of the classes in an exception's chain the one that tells most is its fate.
    """
    assert expected is type(network_fate(error, "running x"))


def test_an_unknown_class_has_no_fate() -> None:
    """
    What is no driver's exception is not known.
    """
    assert network_fate(ZeroDivisionError("division by zero"), "running x") is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("[TABLE_OR_VIEW_NOT_FOUND] The table. SQLSTATE: 42P01", MissingTableError),
        ("[DELTA_TABLE_NOT_FOUND] The table.", MissingTableError),
        ("[PATH_NOT_FOUND] Path does not exist. SQLSTATE: 42K03", MissingPathError),
        (
            "[VOLUME_DOES_NOT_EXIST] Volume 'm.s.v' does not exist. SQLSTATE: 42704",
            MissingVolumeError,
        ),
        ("[SCHEMA_NOT_FOUND] The schema `m`.`s`. SQLSTATE: 42704", SetupError),
        ("[NO_SUCH_CATALOG_EXCEPTION] Catalog 'm' SQLSTATE: 42704", SetupError),
        ("[FIELD_ALREADY_EXISTS] no SQLSTATE: 42710", AlreadyThereError),
        ("[TABLE_OR_VIEW_ALREADY_EXISTS] no SQLSTATE: 42P07", AlreadyThereError),
        ("[COPY_INTO_DUPLICATED_FILES_COPY_NOT_ALLOWED] no", ConflictError),
        ("[DELTA_CONCURRENT_APPEND.WITHOUT_HINT] no SQLSTATE: 2D521", ConflictError),
        ("[DELTA_METADATA_CHANGED] no", ConflictError),
        ("[QUERY_EXECUTION_TIMEOUT_EXCEEDED] no", UnknownOutcomeError),
        ("[NEW_IN_2027] no SQLSTATE: 57KD0", UnknownOutcomeError),
        ("[NEW_IN_2027] no SQLSTATE: 40001", ConflictError),
        ("[NEW_IN_2027] no SQLSTATE: 25000", ConflictError),
        (
            "[COPY_INTO_SCHEMA_MISMATCH_WITH_TARGET_TABLE] no SQLSTATE: 42KDG",
            SchemaError,
        ),
        ("[DELTA_FAILED_TO_MERGE_FIELDS] no SQLSTATE: 22005", SchemaError),
        ("[PARSE_SYNTAX_ERROR] at 'x' SQLSTATE: 42601", PermanentError),
        ("[CANNOT_READ_FILE_FOOTER] no SQLSTATE: KD001", TransientError),
        ("[FAILED_READ_FILE.NO_HINT] no SQLSTATE: KD001", TransientError),
        ("[FAILED_READ_FILE.DBR_FILE_NOT_EXIST] no SQLSTATE: KD001", MissingPathError),
        ("[FAILED_READ_FILE.FILE_NOT_EXIST] no SQLSTATE: KD001", MissingPathError),
        (
            "[FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH] no SQLSTATE: KD001",
            SchemaError,
        ),
        (
            "PERMISSION_DENIED: User does not have USE SCHEMA on Schema 'main.s'.",
            SetupError,
        ),
        ("[TEMPORARILY_UNAVAILABLE] starting", RefusedForNowError),
        ("[QUERY_EXECUTION_TIMEOUT] no SQLSTATE: 57014", UnknownOutcomeError),
        ("[UC_RESOURCE_QUOTA_EXCEEDED] no", SetupError),
    ],
)
def test_a_statement_that_is_refused_has_a_fate(
    said: str, expected: type[ForwarderError]
) -> None:
    """
    The error class decides, and the SQLSTATE where the class is not known.
    """
    fate = sql_fate(said, "COPY INTO t", client_id=CLIENT)

    assert expected is type(fate)
    assert str(fate).startswith(f"COPY INTO t failed: {said}; ")


def test_an_unknown_error_class_has_no_fate() -> None:
    """
    An error class and SQLSTATE that nobody knows have no fate.
    """
    said = "[NEW_IN_2027] Something else. SQLSTATE: XX000"

    assert sql_fate(said, "COPY INTO t", client_id=CLIENT) is None
    assert error_class(said) == "NEW_IN_2027"


def test_a_sentence_without_error_class_has_no_fate() -> None:
    """
    A sentence with neither error class nor SQLSTATE has no fate.
    """
    assert sql_fate("Something else.", "COPY INTO t", client_id=CLIENT) is None
    assert error_class("Something else.") == ""


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            "Insufficient: User does not have USE SCHEMA on Schema 'main.s'.",
            f"run: GRANT USE SCHEMA ON SCHEMA `main`.`s` TO `{CLIENT}`",
        ),
        (
            "User does not have CREATE TABLE and USE SCHEMA on Schema 'main.s'.",
            f"run: GRANT CREATE TABLE, USE SCHEMA ON SCHEMA `main`.`s` TO `{CLIENT}`",
        ),
        (
            "PERMISSION_DENIED: User does not have WRITE VOLUME on Volume 'm.s.it`s'",
            f"run: GRANT WRITE VOLUME ON VOLUME `m`.`s`.`its` TO `{CLIENT}`",
        ),
        (
            "User does not have USE CATALOG on Catalog 'main'.",
            f"run: GRANT USE CATALOG ON CATALOG `main` TO `{CLIENT}`",
        ),
        (
            "opening a session on SQL warehouse 1f2e failed: no",
            (
                f"give service principal {CLIENT} CAN USE on SQL warehouse 1f2e, in "
                "the warehouse's permissions"
            ),
        ),
        ("No.", f"give service principal {CLIENT} the privilege that is named"),
    ],
)
def test_a_missing_privilege_comes_with_its_grant(said: str, expected: str) -> None:
    """
    A sentence about a missing privilege ends with the statement that gives it.
    """
    assert expected == grant_advice(said, CLIENT)
    fate = sql_fate(
        f"[INSUFFICIENT_PERMISSIONS] {said} SQLSTATE: 42501", "x", client_id=CLIENT
    )
    assert type(fate) is SetupError
    assert str(fate).endswith(expected)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            "[SCHEMA_NOT_FOUND] The schema `main`.`s` cannot be found. SQLSTATE: 42704",
            "correct schema_name, or run: CREATE SCHEMA IF NOT EXISTS `main`.`s`",
        ),
        (
            "[NO_SUCH_CATALOG_EXCEPTION] Catalog 'main' was not found.",
            "correct catalog_name, or run: CREATE CATALOG IF NOT EXISTS `main`",
        ),
        (
            "[SCHEMA_NOT_FOUND] No.",
            "create it, or correct catalog_name and schema_name",
        ),
    ],
)
def test_a_missing_place_comes_with_what_creates_it(said: str, expected: str) -> None:
    """
    A sentence about a missing schema or catalog ends with how to have it.
    """
    fate = sql_fate(said, "x", client_id=CLIENT)

    assert type(fate) is SetupError
    assert str(fate).endswith(f"; {expected}")


@pytest.mark.parametrize(
    ("status", "said", "expected"),
    [
        (302, "", SetupError),
        (400, "INVALID_PARAMETER_VALUE: bad", TransientError),
        (401, "", RefusedTokenError),
        (400, "io.jsonwebtoken.ExpiredJwtException: past", RefusedTokenError),
        (403, "PERMISSION_DENIED: no", RefusedTokenError),
        (403, "403: Invalid access token.", RefusedTokenError),
        (
            403,
            "PERMISSION_DENIED: User does not have READ VOLUME on Volume 'm.s.v'.",
            SetupError,
        ),
        (404, "NOT_FOUND: The file being accessed is not found.", MissingPathError),
        (404, "NOT_FOUND: Volume 'm.s.v' does not exist.", MissingVolumeError),
        (404, "NOT_FOUND: Catalog 'm' does not exist.", MissingVolumeError),
        (404, "SCHEMA_NOT_FOUND: The schema", MissingVolumeError),
        (409, "ALREADY_EXISTS: yes", ConflictError),
        (413, "", TransientError),
        (418, "", UnknownOutcomeError),
        (429, "", RefusedForNowError),
        (500, "", UnknownOutcomeError),
        (503, "", RefusedForNowError),
    ],
)
def test_a_reply_that_refuses_has_a_fate(
    status: int, said: str, expected: type[ForwarderError]
) -> None:
    """
    The HTTP status decides what becomes of a request.
    """
    fate = http_fate(
        status, said, "uploading x", client_id=CLIENT, retry_after_seconds=3.0
    )

    assert expected is type(fate)
    assert f"(HTTP {status})" in str(fate)
    assert 3.0 == getattr(fate, "retry_after_seconds", 3.0)


@pytest.mark.parametrize("name", sorted(set(fates.__all__) & set(vars(fates))))
def test_each_class_of_fate_is_one_of_the_librarys(name: str) -> None:
    """
    What comes out is transient, a set-up mistake or permanent.
    """
    kind = getattr(fates, name)

    if inspect.isclass(kind):
        assert issubclass(kind, (TransientError, SetupError, PermanentError))


def test_a_refusal_for_now_keeps_its_pause_when_pickled() -> None:
    """
    A refusal that crosses processes still knows how long to wait.
    """
    copy = pickle.loads(pickle.dumps(BusyError("busy", 2.5)))

    assert ("busy", 2.5) == (str(copy), copy.retry_after_seconds)


def test_a_stripped_exception_is_text() -> None:
    """
    What is kept of a chain are classes and first lines.
    """
    error = caused(exc.RequestError("outer\nmore", {}), OSError(5, "inner"))

    kept = stripped(error)

    expected = "databricks.sql.exc.RequestError: outer <- builtins.OSError: inner"

    assert expected == str(kept)
    assert kept.__context__ is None
    assert kept.__traceback__ is None


def test_a_circle_of_exceptions_ends() -> None:
    """
    Each exception of a chain comes once.
    """
    error, other = ValueError("a"), ValueError("b")
    error.__context__, other.__cause__ = other, error

    assert [error, other] == list(chain(error))


def test_tokens_in_a_text_are_starred() -> None:
    """
    A server that quotes the token it refuses makes nobody else quote it.
    """
    said = first_line(ValueError("bad token eyJhbGciOi.eyJpc3Mi.c2ln, Bearer abc123"))

    assert said == "bad token ***, Bearer ***"


def test_logging_is_untouched_by_imports() -> None:
    """
    Importing the client sets up no logging.
    """
    assert [] == logging.getLogger("databricks_forwarder").handlers


def test_a_proxy_s_password_is_not_told() -> None:
    """
    What stands before the host of an address is masked in all that is kept.
    """
    error = OSError(5, "can't reach http://user:s3cret@proxy.test:99999/x")

    assert "can't reach http://***@proxy.test:99999/x" == first_line(error)
