"""
Signing in: when a token is fetched, and what comes out when it is not given.
"""

from __future__ import annotations

import socket
from datetime import timedelta
from pathlib import Path

import attrs
import pytest
import requests
from noticing import come_together
from over_workspace import asked, at_once, source

from databricks_forwarder._databricks.auth import TokenSource
from databricks_forwarder.errors import SetupError, TransientError
from databricks_forwarder.settings import Endpoint, Secret
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.workspace._faults import Fault
from databricks_forwarder.testing.workspace._workspace import Workspace


def fetches(workspace: Workspace) -> int:
    """
    How often a token was asked for.
    """
    return len(asked(workspace, "/oidc/v1/token"))


def test_a_token_is_fetched_once(workspace: Workspace, tokens: TokenSource) -> None:
    """
    The same token is given while it is good.
    """
    first, second = tokens.token(), tokens.token()

    assert first == second
    assert [first.reveal()] == workspace.secrets[1:]
    assert 1 == fetches(workspace)


def test_eight_threads_fetch_one_token(
    workspace: Workspace, tokens: TokenSource
) -> None:
    """
    Threads that ask at once share one request.
    """
    given = at_once(tokens.token)

    assert 1 == len(set(given))
    assert 1 == fetches(workspace)


def test_a_token_is_renewed_two_minutes_before_its_end(
    workspace: Workspace, tokens: TokenSource, clock: FakeClock
) -> None:
    """
    With less than two minutes of its hour left a token is not given any more.
    """
    first = tokens.token()
    clock.advance(timedelta(seconds=3600 - 121))

    assert first == tokens.token()
    clock.advance(timedelta(seconds=1))
    assert first != tokens.token()


def test_a_short_token_is_used_for_two_thirds_of_its_life(clock: FakeClock) -> None:
    """
    Of a token's life a third is kept back when that is less than two minutes.
    """
    with Workspace(clock=clock, token_seconds=30) as workspace:
        settings = workspace.settings
        tokens = TokenSource(
            workspace.endpoint, settings.client_id, settings.client_secret, clock
        )
        first = tokens.token()
        clock.advance(seconds=19)

        assert first == tokens.token()
        clock.advance(seconds=1)
        assert first != tokens.token()


def test_a_forgotten_token_is_fetched_anew(
    workspace: Workspace, tokens: TokenSource
) -> None:
    """
    A token that was refused is not given again.
    """
    first = tokens.token()
    tokens.forget(first)

    assert first != tokens.token()


def test_an_older_token_is_forgotten_without_effect(
    workspace: Workspace, tokens: TokenSource
) -> None:
    """
    Eight threads that meet one refused token cause one request.
    """
    first = tokens.token()

    def refused() -> Secret:
        tokens.forget(first)
        return tokens.token()

    given = at_once(refused)

    assert 1 == len(set(given) - {first})
    assert 2 == fetches(workspace)


def test_a_closed_source_forgets(workspace: Workspace, tokens: TokenSource) -> None:
    """
    After closing no token is kept.
    """
    first = tokens.token()
    tokens.close()

    assert first != tokens.token()


def test_a_wrong_secret_is_a_set_up_mistake_at_once(
    workspace: Workspace, clock: FakeClock
) -> None:
    """
    A wrong secret is told after one request, without a pause.
    """
    with pytest.raises(
        SetupError,
        match=r"signing in to https://127.* as someone failed: invalid_client.*secret",
    ):
        source(workspace.endpoint, clock).token()

    assert 1 == fetches(workspace)
    assert [] == clock.waits


def test_threads_that_wait_for_a_token_share_its_failure(
    workspace: Workspace, clock: FakeClock
) -> None:
    """
    Who waited for a token that was not given does not ask again.
    """
    tokens = source(workspace.endpoint, clock)

    def failure() -> Exception:
        with pytest.raises(SetupError) as raised:
            tokens.token()
        return raised.value

    errors = come_together(tokens, "_lock", failure)

    assert {SetupError} == {type(each) for each in errors}
    assert 3 == len({id(each) for each in errors})
    assert 1 == fetches(workspace)


def test_a_failure_is_not_kept(workspace: Workspace, clock: FakeClock) -> None:
    """
    Who asks after a failure asks the workspace.
    """
    tokens = source(workspace.endpoint, clock)

    for _ in range(2):
        with pytest.raises(SetupError):
            tokens.token()
    assert 2 == fetches(workspace)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(on="token", status=503, times=2),
        Fault(on="token", status=429, times=2, retry_after_seconds=3),
        Fault(on="token", status=500, times=2),
        Fault(on="token", drop=True, times=2),
        Fault(on="token", drop=True, when="after", times=2),
    ],
    ids=["503", "429", "500", "dropped", "lost"],
)
def test_a_sign_in_that_fails_for_now_is_tried_again(
    workspace: Workspace, tokens: TokenSource, clock: FakeClock, fault: Fault
) -> None:
    """
    A sign-in that fails twice in a way that may pass succeeds.
    """
    workspace.fail(fault)

    assert tokens.token().reveal() in workspace.secrets
    assert 3 == fetches(workspace)
    assert 2 == len(clock.waits)
    assert all(pause >= (fault.retry_after_seconds or 0.5) for pause in clock.waits)


def test_a_sign_in_that_goes_on_failing_is_transient(
    workspace: Workspace, tokens: TokenSource, clock: FakeClock
) -> None:
    """
    After five tries the failure is told, within a minute.
    """
    workspace.fail(Fault(on="token", status=503, times=9))

    with pytest.raises(TransientError, match=r"HTTP 503\); it will be tried again"):
        tokens.token()
    assert 5 == fetches(workspace)
    assert sum(clock.waits) < 60


def test_a_pause_is_no_longer_than_a_minute_in_all(
    workspace: Workspace, tokens: TokenSource, clock: FakeClock
) -> None:
    """
    Where the platform asks for long pauses there are fewer tries.
    """
    workspace.fail(Fault(on="token", status=429, times=9, retry_after_seconds=3600))

    with pytest.raises(TransientError):
        tokens.token()
    assert [30.0, 30.0] == clock.waits


def test_nobody_there_is_transient(clock: FakeClock) -> None:
    """
    A host that refuses connections may be there later.
    """
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = Endpoint("127.0.0.1", port=unused.getsockname()[1])

        with pytest.raises(TransientError, match="NewConnectionError"):
            source(endpoint, clock).token()


def test_an_unknown_host_is_a_set_up_mistake(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A host name that does not exist is told at once.
    """

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with pytest.raises(SetupError, match="no such host; correct the deployment name"):
        source(Endpoint("nowhere.example.com"), clock).token()


def test_an_authority_that_is_not_trusted_is_a_set_up_mistake(
    workspace: Workspace, clock: FakeClock
) -> None:
    """
    A certificate of an unknown authority comes with the setting for it.
    """
    endpoint = attrs.evolve(workspace.endpoint, ca_file=None)

    with pytest.raises(SetupError, match=r"Endpoint\.ca_file"):
        source(endpoint, clock).token()
    assert [] == clock.waits


def test_the_environment_is_not_asked(
    workspace: Workspace,
    tokens: TokenSource,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """
    Neither proxies nor authorities come from the environment.
    """
    (tmp_path / "none.pem").touch()
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))

    assert tokens.token().reveal() in workspace.secrets


def test_a_proxy_that_refuses_is_a_set_up_mistake(
    workspace: Workspace, clock: FakeClock
) -> None:
    """
    A proxy that is not there is told as such.
    """
    endpoint = attrs.evolve(workspace.endpoint, proxy="http://127.0.0.1:9")

    with pytest.raises(SetupError, match="see that the proxy is right"):
        source(endpoint, clock).token()


def test_a_token_source_shows_no_secret(tokens: TokenSource) -> None:
    """
    Its repr has neither secret nor token.
    """
    token = tokens.token()

    shown = repr(tokens)
    assert shown.startswith("TokenSource('https://127.0.0.1:")
    assert token.reveal() not in shown


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ((200, b"<html>"), "what answers there is no token endpoint"),
        ((200, b'{"token_type": "Bearer"}'), "what answers there is no token endpoint"),
        ((404, b"<html>"), r"no reason given \(HTTP 404\)"),
        ((302, b""), r"no reason given \(HTTP 302\)"),
    ],
)
def test_what_is_no_token_endpoint_is_a_set_up_mistake(
    workspace: Workspace,
    tokens: TokenSource,
    monkeypatch: pytest.MonkeyPatch,
    reply: tuple[int, bytes],
    expected: str,
) -> None:
    """
    A host that is no workspace is told from one that refuses.
    """

    def other(*_: object, **__: object) -> requests.Response:
        response = requests.Response()
        response.status_code, response._content = reply
        response.request = requests.Request("POST", workspace.url).prepare()
        return response

    monkeypatch.setattr(requests.Session, "send", other)

    with pytest.raises(SetupError, match=f"{expected}.*deployment name"):
        tokens.token()
