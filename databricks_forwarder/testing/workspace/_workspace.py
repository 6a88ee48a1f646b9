"""
The workspace as a whole: what a test does with it, and is told by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder.settings import Endpoint, Secret
from databricks_forwarder.testing.workspace._grants import ADMIN
from databricks_forwarder.testing.workspace._lifetime import WorkspaceLifetime
from databricks_forwarder.testing.workspace._results import Session
from databricks_forwarder.testing.workspace._seen import SeenRequest

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

    import pyarrow as pa
    from databricks.sql.client import Connection

    from databricks_forwarder.testing.workspace._faults import Fault
    from databricks_forwarder.testing.workspace._names import Kind

__all__ = ["SeenRequest", "Workspace"]


class Workspace(WorkspaceLifetime):
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
        port: Where it listens on loopback; 0 for a port that is free.

    Attributes:
        settings: What a forwarder into this workspace is given, with the
            service principal's secret.
        faults: The script of what is to go wrong, for `fail` to add to;
            ``left`` tells what was not met yet, ``clear()`` ends it.

    Raises:
        ValueError: A token would be good for less than a second.
    """

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
