"""
Who talks to a workspace over plain HTTP, and the volume it has for it.
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
from typing import TYPE_CHECKING, Any

import requests
from patience import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from databricks_forwarder.testing.workspace import Workspace

VOLUME = "/Volumes/main/mparticle/files"


class Client:
    """
    A plain HTTP client, signed in or not.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.session = requests.Session()
        # Else the machine's own authorities win over the workspace's.
        self.session.trust_env = False
        self.session.verify = str(workspace.ca_file)

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        """
        Make one request; *path* may be a whole address.
        """
        url = path if path.startswith("https:") else f"{self.workspace.url}{path}"
        return self.session.request(method, url, timeout=PATIENCE_SECONDS, **options)

    def token(self, **form: str) -> requests.Response:
        """
        Ask for a token; *form* replaces fields of the right request.
        """
        settings = self.workspace.settings
        return self.ask(
            "POST",
            "/oidc/v1/token",
            auth=(settings.client_id, settings.client_secret.reveal()),
            data={"grant_type": "client_credentials", "scope": "all-apis"} | form,
        )

    def sign_in(self) -> Client:
        """
        Sign in; all later requests are signed.
        """
        token = self.token().json()["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"
        return self

    def upload(
        self, name: str, content: Any = b"", *, overwrite: str = "true"
    ) -> requests.Response:
        """
        Put a file into the test's volume.
        """
        path = f"/api/2.0/fs/files{VOLUME}/{name}?overwrite={overwrite}"
        return self.ask("PUT", path, data=content)

    def file(self, method: str, name: str, **options: Any) -> requests.Response:
        """
        Ask for a file of the test's volume.
        """
        return self.ask(method, f"/api/2.0/fs/files{VOLUME}/{name}", **options)

    def directory(
        self, method: str, name: str = "", **params: str
    ) -> requests.Response:
        """
        Ask for a directory of the test's volume.
        """
        path = f"/api/2.0/fs/directories{VOLUME}/{name}"
        return self.ask(method, path, params=params)


def with_volume(workspace: Workspace) -> Workspace:
    """
    Make the test's volume, which its principal may read and write.
    """
    workspace.query("CREATE VOLUME main.mparticle.files")
    for privilege in ("READ VOLUME", "WRITE VOLUME"):
        workspace.grant(privilege, "VOLUME", "main.mparticle.files")
    return workspace


@contextlib.contextmanager
def connected(workspace: Workspace) -> Iterator[http.client.HTTPSConnection]:
    """
    One connection, for requests that no client library would make.
    """
    context = ssl.create_default_context(cafile=workspace.ca_file)
    endpoint = workspace.endpoint
    connection = http.client.HTTPSConnection(
        endpoint.host, endpoint.port, context=context, timeout=PATIENCE_SECONDS
    )
    try:
        connection.connect()
        yield connection
    finally:
        connection.close()
