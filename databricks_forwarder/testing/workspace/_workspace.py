"""
The workspace as a whole: what it is made of, and what a test does with it.
"""

from __future__ import annotations

import contextlib
import secrets
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder._clock import SystemClock
from databricks_forwarder.settings import DatabricksSettings, Endpoint, Secret
from databricks_forwarder.testing.workspace._conversation import converse
from databricks_forwarder.testing.workspace._engine import Engine
from databricks_forwarder.testing.workspace._exchange import Exchange
from databricks_forwarder.testing.workspace._faults import Faults
from databricks_forwarder.testing.workspace._grants import ADMIN
from databricks_forwarder.testing.workspace._results import Session
from databricks_forwarder.testing.workspace._server import Server
from databricks_forwarder.testing.workspace._services import Services
from databricks_forwarder.testing.workspace._set_up import set_up

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from datetime import timedelta
    from types import TracebackType

    import pyarrow as pa
    from databricks.sql.client import Connection

    from databricks_forwarder.protocols import Clock
    from databricks_forwarder.testing.workspace._faults import Fault
    from databricks_forwarder.testing.workspace._names import Kind

__all__ = ["SeenRequest", "Workspace"]

_CLIENT_ID = "5f0c6b1e-3b0a-4a77-9d0e-6f2f4a1c8b11"
_WAREHOUSE_ID = "1f2e3d4c5b6a7980"
_MADE_BY_START = frozenset({"_engine", "_exchange", "_folder", "_server", "_services"})


@attrs.frozen(kw_only=True)
class SeenRequest:
    """
    One request that was made, without anything secret.

    Attributes:
        method: HTTP method.
        path: Decoded; of presigned addresses only how they begin.
        query: Name → value; left out where no sign-in is needed.
        principal: Client id of who asked; None if that is not known.
        status: HTTP status of the reply; None if there was none, or is none yet.
        statement: The SQL that it ran, if it ran any.
        statement_id: What it was given as a name, as the query history has it.
    """

    method: str
    path: str
    query: Mapping[str, str]
    principal: str | None
    status: int | None
    statement: str | None
    statement_id: str | None = None


class Workspace:
    """
    A Databricks workspace on loopback, from `start` (or ``with``) to `close`.

    It begins as a documented set-up leaves it: a catalog and a schema, and a
    service principal that may use them, create tables and volumes in the
    schema, and use the SQL warehouse; nothing else.

    Args:
        root: Folder of volumes, tables, grants and what `COPY INTO` remembers;
            another workspace over it, later, goes on from there. None for one
            that is gone at the end.
        clock: All that expires or takes its time goes by it.
        catalog: Name of the catalog.
        schema: Name of the schema in it.
        bare: Begin with neither catalog nor schema nor grants.
        client_id: The service principal.
        token_seconds: How long an access token is good for.
        events_threshold: Goes into `settings`.

    Attributes:
        settings: What a forwarder into this workspace is given, with the
            service principal's secret.
        faults: The script of what is to go wrong, for `fail` to add to;
            ``left`` tells what was not met yet, ``clear()`` ends it.

    Raises:
        ValueError: A token would be good for less than a second.
    """

    def __init__(  # noqa: PLR0913  # each has its default
        self,
        root: str | os.PathLike[str] | None = None,
        *,
        clock: Clock | None = None,
        catalog: str = "main",
        schema: str = "mparticle",
        bare: bool = False,
        client_id: str = _CLIENT_ID,
        token_seconds: int = 3600,
        events_threshold: int = 10_000,
    ) -> None:
        if token_seconds < 1:
            msg = f"token_seconds must be at least 1, not {token_seconds}"
            raise ValueError(msg)
        self.settings = DatabricksSettings(
            deployment_name="loopback",
            warehouse_id=_WAREHOUSE_ID,
            client_id=client_id,
            client_secret=Secret(f"dose{secrets.token_hex(16)}"),
            catalog_name=catalog,
            schema_name=schema,
            events_threshold=events_threshold,
        )
        self.faults = Faults()
        self._root = root
        self._clock = clock or SystemClock()
        self._bare = bare
        self._token_seconds = token_seconds
        self._closing = threading.Event()
        self._open = contextlib.ExitStack()
        self._started = False

    def __getattr__(self, name: str) -> Any:
        # Asked only for what is not there: `start` makes the rest.
        if name in _MADE_BY_START:
            msg = "the workspace is not started; call start(), or use it in a with"
            raise RuntimeError(msg)
        raise AttributeError(name)

    def __repr__(self) -> str:
        where = self.url if self._started else "not started"
        return f"Workspace({where})"

    def __enter__(self) -> Workspace:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> Workspace:
        """
        Begin to answer; twice is once.

        Raises:
            RuntimeError: It was closed.
        """
        if self._closing.is_set():
            raise RuntimeError("the workspace is closed; make another over its root")
        if not self._started:
            with contextlib.ExitStack() as stack:
                self._build(stack)
                self._open = stack.pop_all()
            self._started = True
        return self

    def close(self) -> None:
        """
        End everything that is open, at once; twice is once.
        """
        self._closing.set()
        self._open.close()

    @property
    def url(self) -> str:
        """
        ``https://127.0.0.1:port``.
        """
        return f"https://127.0.0.1:{self._server.port}"

    @property
    def ca_file(self) -> Path:
        """
        The authority whose certificates are to be trusted, PEM.
        """
        return self._folder / "ca.pem"

    @property
    def endpoint(self) -> Endpoint:
        """
        Where it is reached.
        """
        return Endpoint("127.0.0.1", port=self._server.port, ca_file=self.ca_file)

    @property
    def http_path(self) -> str:
        """
        Of the SQL warehouse.
        """
        return f"/sql/1.0/warehouses/{self.settings.warehouse_id}"

    @property
    def requests(self) -> list[SeenRequest]:
        """
        What was asked so far, in the order it came.
        """
        return [
            SeenRequest(**attrs.asdict(entry, recurse=False))
            for entry in self._exchange.entries
        ]

    @property
    def secrets(self) -> list[str]:
        """
        What must be found nowhere: the client secret and each token given so far.
        """
        given = [self.settings.client_secret, *self._services.sign_in.given]
        return [each.reveal() for each in given]

    def query(self, sql: str) -> pa.Table:
        """
        Run a statement as an administrator, past the wire.

        Raises:
            RefusedError: As the platform would refuse it.
        """
        session = Session(
            principal=ADMIN,
            catalog=self.settings.catalog_name,
            schema=self.settings.schema_name,
        )
        return self._engine.run(sql, session).table

    def volume_file(self, volume_path: str) -> Path:
        """
        Where a file of a volume is on the disk, if it is there.

        Args:
            volume_path: ``/Volumes/<catalog>/<schema>/<volume>/…``.

        Raises:
            RefusedError: There is no such volume, or it is no such path.
        """
        return self._engine.volumes.path_of(volume_path, ADMIN, write=False)

    def connect(self, **options: Any) -> Connection:
        """
        Open a connection of the real connector, signed in as the service principal.

        It is in the catalog and schema of `settings`, unless *options* name
        either; ``catalog=None`` leaves both to the workspace.

        Args:
            options: More arguments for `databricks.sql.connect`.

        Returns:
            The connection; the caller closes it.
        """
        # It costs an import that not every test needs.
        from databricks import sql  # noqa: PLC0415

        if not options.keys() & {"catalog", "schema"}:
            options["catalog"] = self.settings.catalog_name
            options["schema"] = self.settings.schema_name
        return sql.connect(
            server_hostname=self.endpoint.host,
            http_path=self.http_path,
            credentials_provider=lambda: self._authorization,
            enable_telemetry=False,
            _port=self.endpoint.port,
            _tls_trusted_ca_file=str(self.ca_file),
            **options,
        )

    def token(self, principal: str | None = None) -> Secret:
        """
        Give a new access token, as clients that do not sign in themselves take it.

        Args:
            principal: A client id; None for the service principal. Another one
                may do what `grant` gave it.
        """
        return self._services.sign_in.new_token(principal)

    def grant(
        self, privilege: str, kind: Kind, name: str, principal: str | None = None
    ) -> None:
        """
        Give a privilege, to the service principal if no other is named.

        Args:
            privilege: Such as ``USE SCHEMA``; ``CAN USE`` on a warehouse.
            kind: ``CATALOG``, ``SCHEMA``, ``TABLE``, ``VOLUME``, ``WAREHOUSE``.
            name: Whole, dotted; of a warehouse its id.
            principal: A client id.

        Raises:
            RefusedError: There is no such thing or privilege.
        """
        to = principal or self.settings.client_id
        self._engine.grants.grant(privilege, kind, name, to)

    def revoke(
        self, privilege: str, kind: Kind, name: str, principal: str | None = None
    ) -> None:
        """
        Take a privilege away again; arguments as for `grant`.
        """
        whose = principal or self.settings.client_id
        self._engine.grants.revoke(privilege, kind, name, whose)

    def fail(self, fault: Fault) -> None:
        """
        Script a misfortune.
        """
        self.faults.add(fault)

    def revoke_tokens(self) -> None:
        """
        Let no token that was given so far be good any more.
        """
        self._services.sign_in.revoke()

    def expire_sessions(self) -> None:
        """
        End all SQL sessions, as an idle or restarted warehouse does.
        """
        self._services.operations.expire_sessions()

    def stop_warehouse(
        self, starts_within: timedelta, *, lets_in: bool = False
    ) -> None:
        """
        Stop the SQL warehouse; its sessions end.

        The first attempt to use it makes it start; until that is done, by the
        workspace's clock, each attempt is refused.

        Args:
            starts_within: How long starting takes.
            lets_in: Whether SQL sessions are opened all the same, as the
                platform may do; then nothing can be done in them, ever.
        """
        self._services.warehouses.stop(starts_within, lets_in=lets_in)
        self._services.operations.expire_sessions()

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token().reveal()}"}

    def _build(self, stack: contextlib.ExitStack) -> None:
        """
        Make all parts; *stack* takes them apart again, the last first.
        """
        # It costs an import that only a workspace needs which is started.
        from databricks_forwarder.testing.workspace._certificates import (  # noqa: PLC0415
            server_context,
        )

        temporary = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="workspace-")
        )
        self._folder = Path(temporary)
        root = self._folder / "root" if self._root is None else Path(self._root)
        self._engine = Engine(
            root,
            catalog=self.settings.catalog_name,
            schema=self.settings.schema_name,
            bare=self._bare,
            clock=self._clock,
        )
        stack.callback(self._engine.close)
        if not self._bare:
            set_up(self._engine.grants, self.settings, root)
        self._server = Server()
        stack.callback(self._server.close)
        incoming = root / "incoming"
        incoming.mkdir(exist_ok=True)
        self._services = Services(
            self._engine,
            self.settings,
            url=self.url,
            faults=self.faults,
            clock=self._clock,
            token_seconds=self._token_seconds,
            incoming=incoming,
            results=self._folder,
        )
        # Before the server: it lets go whoever waits for a statement.
        stack.callback(self._services.operations.close)
        self._exchange = Exchange(
            self._services.routes,
            self._services.sign_in.principal_of,
            self.faults,
            self._closing,
        )
        self._server.serve(
            server_context(self.ca_file),
            lambda connection: converse(connection, self._exchange.answer),
        )
