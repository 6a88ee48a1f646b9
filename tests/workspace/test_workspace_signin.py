"""
Sign-in at the loopback workspace: who gets a token, and what it is good for.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session
from talking import Client

from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.workspace import Workspace

LISTING = "/api/2.0/fs/directories/Volumes/main/mparticle/files"


def claims_of(token: str) -> dict[str, Any]:
    """
    Read what a token says.
    """
    middle = token.split(".")[1]
    claims: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4))
    )
    return claims


def said(client: Client, authorization: str) -> tuple[int, str]:
    """
    What a request with this header is answered.
    """
    reply = client.ask("GET", LISTING, headers={"Authorization": authorization})
    return reply.status_code, reply.json().get("message", "")


def test_right_secret_gets_a_bearer_token(stranger: Client) -> None:
    """
    The service principal gets a bearer token and is told how long it is good.
    """
    reply = stranger.token()

    assert 200 == reply.status_code
    assert {
        "access_token": stranger.workspace.secrets[-1],
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "all-apis",
    } == reply.json()
    assert "no-store" == reply.headers["Cache-Control"]


def test_token_tells_its_issuer_and_its_life(timed: Workspace) -> None:
    """
    A token names the workspace as its issuer, and when it was given and expires.
    """
    client = Client(timed)
    with client.session:
        claims = claims_of(client.token().json()["access_token"])
    begin = 1_767_225_600

    del claims["jti"]
    assert {
        "iss": f"{timed.url}/oidc",
        "aud": timed.url,
        "sub": timed.settings.client_id,
        "client_id": timed.settings.client_id,
        "scope": "all-apis",
        "iat": begin,
        "exp": begin + 3600,
    } == claims


def test_secret_in_the_form_is_as_good(stranger: Client) -> None:
    """
    Client id and secret may come in the form instead of the header.
    """
    settings = stranger.workspace.settings
    form = {
        "grant_type": "client_credentials",
        "scope": "all-apis",
        "client_id": settings.client_id,
        "client_secret": settings.client_secret.reveal(),
    }
    reply = stranger.ask("POST", "/oidc/v1/token", data=form)

    assert 200 == reply.status_code


def test_oauth_library_signs_in(workspace: Workspace) -> None:
    """
    An unmodified OAuth library gets a token.
    """
    settings = workspace.settings
    client = BackendApplicationClient(settings.client_id, scope=["all-apis"])
    with OAuth2Session(client=client) as session:
        token = session.fetch_token(
            f"{workspace.url}/oidc/v1/token",
            client_id=settings.client_id,
            client_secret=settings.client_secret.reveal(),
            verify=str(workspace.ca_file),
        )

    assert ["all-apis"] == token["scope"]


@pytest.mark.parametrize(
    "credentials",
    [
        ("5f0c6b1e-3b0a-4a77-9d0e-6f2f4a1c8b11", "wrong"),
        ("someone-else", "wrong"),
        ("", ""),
    ],
)
def test_wrong_credentials_are_refused(
    stranger: Client, credentials: tuple[str, str]
) -> None:
    """
    A wrong secret and an unknown client are refused alike.
    """
    reply = stranger.ask("POST", "/oidc/v1/token", auth=credentials)

    assert (401, "invalid_client") == (reply.status_code, reply.json()["error"])


@pytest.mark.parametrize("encoded", ["***", "YTpi\xf6"])
def test_unreadable_credentials_are_refused(stranger: Client, encoded: str) -> None:
    """
    A header that is not base64 is a wrong secret.
    """
    headers = {"Authorization": f"Basic {encoded}".encode("latin-1")}
    reply = stranger.ask("POST", "/oidc/v1/token", headers=headers)

    assert (401, "invalid_client") == (reply.status_code, reply.json()["error"])


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        (
            {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange"},
            "unsupported_grant_type",
        ),
        ({"scope": "sql"}, "invalid_scope"),
    ],
)
def test_other_grants_and_scopes_are_refused(
    stranger: Client, form: dict[str, str], error: str
) -> None:
    """
    There are only client credentials, for all APIs.
    """
    reply = stranger.token(**form)

    assert (400, error) == (reply.status_code, reply.json()["error"])


def test_request_without_token_is_refused(stranger: Client) -> None:
    """
    A request without a bearer token is refused, in JSON.
    """
    reply = stranger.ask("GET", LISTING)

    assert 401 == reply.status_code
    assert {
        "error_code": "UNAUTHENTICATED",
        "message": (
            "Credential was not sent or was of an unsupported type for this API."
        ),
    } == reply.json()


def test_sql_client_is_refused_in_headers(stranger: Client) -> None:
    """
    A Thrift client without a token finds the refusal where it looks for it.
    """
    reply = stranger.ask("POST", stranger.workspace.http_path)

    assert 401 == reply.status_code
    assert reply.headers["x-databricks-reason-phrase"].startswith("UNAUTHENTICATED: ")
    assert reply.headers["x-thriftserver-error-message"].startswith("UNAUTHENTICATED: ")


@pytest.mark.parametrize("token", ["dapi0123", "a.b.c", "", "é"])
def test_foreign_token_is_refused(stranger: Client, token: str) -> None:
    """
    What the workspace did not sign is no token.
    """
    assert (403, "Invalid access token.") == said(
        stranger, f"Bearer {token}".strip() + " "
    )


def test_forged_token_is_refused(stranger: Client) -> None:
    """
    A token with other claims under the old signature is none.
    """
    head, claims, signature = stranger.token().json()["access_token"].split(".")
    forged = base64.urlsafe_b64encode(b'{"sub": "admin"}').decode().rstrip("=")

    assert (403, "Invalid access token.") == said(
        stranger, f"Bearer {head}.{forged}.{signature}"
    )
    assert claims != forged


def test_token_of_another_workspace_is_refused(stranger: Client) -> None:
    """
    Two workspaces don't take each other's tokens.
    """
    with Workspace() as other:
        client = Client(other)
        with client.session:
            token = client.token().json()["access_token"]

    assert (403, "Invalid access token.") == said(stranger, f"Bearer {token}")


def test_expired_token_is_refused(
    timed: Workspace, timed_client: Client, clock: FakeClock
) -> None:
    """
    A token is good until its hour is over, by the workspace's clock.
    """
    clock.advance(minutes=59, seconds=59)
    before = timed_client.directory("GET").status_code
    clock.advance(seconds=1)
    after = timed_client.directory("GET")

    assert 200 == before
    assert (401, "Token is expired.") == (after.status_code, after.json()["message"])


def test_life_of_tokens_can_be_set(clock: FakeClock) -> None:
    """
    A workspace gives tokens of the life it is told.
    """
    with Workspace(clock=clock, token_seconds=90) as workspace:
        client = Client(workspace)
        with client.session:
            life = client.token().json()["expires_in"]
            client.sign_in()
            clock.advance(seconds=90)
            status = client.directory("GET").status_code

    assert (90, 401) == (life, status)


def test_revoked_token_is_refused_and_a_new_one_taken(client: Client) -> None:
    """
    Revoking ends all tokens given so far, and none that is given later.
    """
    client.workspace.revoke_tokens()
    revoked = client.directory("GET")
    again = client.sign_in().directory("GET")

    assert (403, "Invalid access token.") == (
        revoked.status_code,
        revoked.json()["message"],
    )
    assert 200 == again.status_code


def test_discovery_leads_to_the_token(stranger: Client) -> None:
    """
    Two documents without sign-in lead from the host name to the token endpoint.
    """
    url = stranger.workspace.url
    config = stranger.ask("GET", "/.well-known/databricks-config").json()
    server = stranger.ask(
        "GET", f"{config['oidc_endpoint']}/.well-known/oauth-authorization-server"
    ).json()

    assert f"{url}/oidc" == config["oidc_endpoint"] == server["issuer"]
    assert f"{url}/oidc/v1/token" == server["token_endpoint"]


def test_secrets_are_the_secret_and_the_tokens(stranger: Client) -> None:
    """
    A workspace lists each text that must be found nowhere.
    """
    tokens = [stranger.token().json()["access_token"] for _ in range(2)]
    workspace = stranger.workspace

    assert [
        workspace.settings.client_secret.reveal(),
        *tokens,
    ] == workspace.secrets
