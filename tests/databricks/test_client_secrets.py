"""
Neither the client secret nor a token is found anywhere but in the requests.
"""

from __future__ import annotations

import copy
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest
from over_workspace import VOLUME

from databricks_forwarder._databricks._stripped import ForeignError, chain
from databricks_forwarder._databricks.auth import TokenSource
from databricks_forwarder._databricks.client import DatabricksClient
from databricks_forwarder.errors import ForwarderError
from databricks_forwarder.settings import Secret
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.workspace._faults import Fault
from databricks_forwarder.testing.workspace._workspace import Workspace


@pytest.fixture
def client(workspace: Workspace, clock: FakeClock) -> Iterator[DatabricksClient]:
    """
    A client of the workspace.
    """
    client = DatabricksClient(
        workspace.settings, endpoint=workspace.endpoint, clock=clock
    )
    yield client
    client.close()


class Logged(logging.Handler):
    """
    Keeps all that is logged anywhere, formatted.
    """

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """
        Keep one.
        """
        self.lines += [self.format(record), repr(vars(record))]


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """
    All that every logger says, at its loudest.
    """
    handler = Logged()
    names = ("", "databricks.sql.unsafe", *logging.root.manager.loggerDict)
    levels = {name: logging.getLogger(name).level for name in names}
    for name in levels:
        logging.getLogger(name).setLevel(logging.DEBUG)
    # The only one of them that does not hand its records on.
    speakers = [logging.getLogger(""), logging.getLogger("databricks.sql.unsafe")]
    for speaker in speakers:
        speaker.addHandler(handler)
    yield handler.lines
    for speaker in speakers:
        speaker.removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def shown(error: BaseException) -> str:
    """
    All that can be seen of an exception, and of what it came from.
    """
    seen = []
    for each in chain(error):
        assert isinstance(each, (ForwarderError, ForeignError))
        frames = traceback.TracebackException.from_exception(each, capture_locals=True)
        seen += [*frames.format(), repr(each), repr(vars(each)), repr(each.args)]
        seen.append(repr(pickle.dumps(each)))
    return "\n".join(seen)


POINTS: list[tuple[Fault, Callable[[DatabricksClient], object]]] = [
    (fault, call)
    for fault in (
        Fault(on="token", status=401, times=9),
        Fault(on="token", status=400, times=9),
        Fault(on="token", status=503, times=9),
        Fault(on="token", drop=True, times=9),
        Fault(on="token", drop=True, when="after", times=9),
        Fault(on="open_session", status=401, times=9),
        Fault(on="open_session", status=503, times=9),
        Fault(on="open_session", drop=True, times=9),
        Fault(on="statement", status=401, times=9),
        Fault(on="statement", status=403, times=9),
        Fault(on="statement", status=429, times=9),
        Fault(on="statement", status=500, times=9),
        Fault(on="statement", drop=True, when="after", times=9),
        Fault(on="statement", hang=True, times=9),
        Fault(on="statement", error=("NEW_IN_2027", "XX000", "No."), times=9),
    )
    for call in (lambda client: client.warehouse.run("SELECT 1 AS one", seconds=0.2),)
] + [
    (fault, call)
    for fault in (
        Fault(on="upload", status=401, times=9),
        Fault(on="upload", status=403, times=9),
        Fault(on="upload", status=503, times=9),
        Fault(on="upload", status=400, times=9),
        Fault(on="upload", drop=True, times=9),
        Fault(on="upload", cut=True, times=9),
    )
    for call in (lambda client: client.files.upload_bytes(b"x", f"{VOLUME}/a"),)
]


@pytest.mark.parametrize(
    ("fault", "call"), POINTS, ids=[str(fault)[6:60] for fault, _ in POINTS]
)
def test_no_error_and_no_log_shows_a_secret(
    workspace: Workspace,
    client: DatabricksClient,
    logged: list[str],
    fault: Fault,
    call: Callable[[DatabricksClient], object],
) -> None:
    """
    Neither text, traceback, locals, pickle nor any log line has one.
    """
    workspace.fail(fault)

    with pytest.raises(ForwarderError) as raised:
        call(client)
    seen = [shown(raised.value), repr(client), *logged]
    assert logged
    for secret in workspace.secrets:
        assert [] == [line for line in seen if secret in line]


QUOTED = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
REFUSAL = ("PERMISSION_DENIED", "42501", f"Invalid access token: {QUOTED}")
CALLS: dict[str, Callable[[DatabricksClient], object]] = {
    "upload": lambda client: client.files.upload_bytes(b"x", f"{VOLUME}/a"),
    "statement": lambda client: client.warehouse.run("SELECT 1 AS one"),
    "token": lambda client: client.warehouse.run("SELECT 1 AS one"),
}


@pytest.mark.parametrize("point", CALLS)
@pytest.mark.parametrize("status", [None, 400, 403])
def test_a_token_that_a_server_quotes_is_not_quoted_again(
    workspace: Workspace, client: DatabricksClient, point: Any, status: int | None
) -> None:
    """
    What the workspace, or who answers for it, says of a token is told without it.
    """
    workspace.fail(Fault(on=point, error=REFUSAL, status=status, times=9))

    with pytest.raises(ForwarderError, match=r"Invalid access token: \*\*\*") as raised:
        CALLS[point](client)
    assert QUOTED not in shown(raised.value)


def test_no_log_of_work_that_goes_well_shows_a_secret(
    workspace: Workspace, client: DatabricksClient, logged: list[str]
) -> None:
    """
    What is logged of a sign-in, a statement and an upload is harmless.
    """
    client.warehouse.run("CREATE VOLUME main.mparticle.mparticle_staging")
    client.files.upload_bytes(b"x", f"{VOLUME}/a")
    client.warehouse.describe()
    client.close()

    assert 2 == len(workspace.secrets)
    for secret in workspace.secrets:
        assert [] == [line for line in logged if secret in line]
    assert any("urllib3" in line for line in logged)


def test_the_host_s_own_sign_ins_are_logged_as_ever(
    workspace: Workspace, client: DatabricksClient, logged: list[str]
) -> None:
    """
    What is kept from the log is this library's alone.
    """
    client.tokens.token()
    logging.getLogger("requests_oauthlib.oauth2_session").debug("the host's own")

    assert any("the host's own" in line for line in logged)


def test_a_sign_in_that_breaks_leaves_nothing_in_its_frames(
    workspace: Workspace, clock: FakeClock, logged: list[str]
) -> None:
    """
    Of an endpoint that is not trusted nobody learns the secret.
    """
    settings = workspace.settings
    endpoint = attrs.evolve(workspace.endpoint, ca_file=None)
    tokens = TokenSource(endpoint, settings.client_id, settings.client_secret, clock)

    with pytest.raises(ForwarderError) as raised:
        tokens.token()
    seen = [shown(raised.value), *logged]
    for secret in workspace.secrets:
        assert [] == [line for line in seen if secret in line]


@pytest.mark.parametrize("part", ["tokens", "warehouse", "files", "volume", "settings"])
def test_no_part_shows_a_secret(
    workspace: Workspace, client: DatabricksClient, part: str
) -> None:
    """
    No repr of a client's parts has one, nor of what they are made of.
    """
    client.warehouse.run("SELECT 1 AS one")
    whole = getattr(client, part)

    seen = [repr(whole), repr(getattr(whole, "__dict__", ""))]
    for secret in workspace.secrets:
        assert [] == [text for text in seen if secret in text]


def test_a_secret_is_not_pickled() -> None:
    """
    A secret leaves the process by nobody's mistake; a copy is itself.
    """
    secret = Secret("dose")

    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)
    assert secret is copy.deepcopy(secret)
