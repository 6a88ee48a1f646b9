"""
A workspace from its start to its end: what it is made of.
"""

from __future__ import annotations

import contextlib
import secrets
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from databricks_forwarder._clock import SystemClock
from databricks_forwarder.settings import DatabricksSettings, Secret
from databricks_forwarder.testing.workspace._conversation import converse
from databricks_forwarder.testing.workspace._engine import Engine
from databricks_forwarder.testing.workspace._exchange import Exchange
from databricks_forwarder.testing.workspace._faults import Faults
from databricks_forwarder.testing.workspace._server import Server
from databricks_forwarder.testing.workspace._services import Services
from databricks_forwarder.testing.workspace._set_up import set_up

if TYPE_CHECKING:
    import os
    from types import TracebackType

    from typing_extensions import Self

    from databricks_forwarder.protocols import Clock

__all__ = ["WorkspaceLifetime"]

_CLIENT_ID = "5f0c6b1e-3b0a-4a77-9d0e-6f2f4a1c8b11"
_WAREHOUSE_ID = "1f2e3d4c5b6a7980"
_MADE_BY_START = frozenset({"_engine", "_exchange", "_folder", "_server", "_services"})


class WorkspaceLifetime:
    """
    The parts of a workspace, which `start` makes and `close` takes apart.

    Its arguments and attributes are those of `Workspace`.
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
        port: int = 0,
    ) -> None:
        if token_seconds < 1:
            msg = f"token_seconds must be at least 1, not {token_seconds}"
            raise ValueError(msg)
        self.settings: DatabricksSettings = DatabricksSettings(
            deployment_name="loopback",
            warehouse_id=_WAREHOUSE_ID,
            client_id=client_id,
            client_secret=Secret(f"dose{secrets.token_hex(16)}"),
            catalog_name=catalog,
            schema_name=schema,
            events_threshold=events_threshold,
        )
        self.faults: Faults = Faults()
        self._root = root
        self._clock = clock or SystemClock()
        self._bare = bare
        self._port = port
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

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> Self:
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

    def _build(self, stack: contextlib.ExitStack) -> None:
        """
        Make all parts; *stack* takes them apart again, the last first.
        """
        temporary = tempfile.TemporaryDirectory(prefix="workspace-")
        self._folder = Path(stack.enter_context(temporary))
        root = self._folder / "root" if self._root is None else Path(self._root)
        self._make_parts(stack, root)
        self._serve()

    def _make_parts(self, stack: contextlib.ExitStack, root: Path) -> None:
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
        self._server = Server(self._port)
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

    def _serve(self) -> None:
        # It costs an import that only a workspace needs which is started.
        from databricks_forwarder.testing.workspace._certificates import (  # noqa: PLC0415
            server_context,
        )

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
