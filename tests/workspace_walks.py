"""
A few events on their way into a workspace that is out of order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs
from walking import batch, custom

from databricks_forwarder import DatabricksSettings, Endpoint, Forwarder
from databricks_forwarder.model import Account
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.workspace import Fault, RefusedError, Workspace

PAYLOADS = (batch(custom("Buy", 1), custom("Buy", 2)), batch(custom("Buy", 3)))
"""What most walks carry: three events for one table."""

TABLE = "event_navigation_buy"
"""The table they go to."""

ROWS = Counter({(0, 0, 1): 1, (0, 1, 2): 1, (1, 0, 3): 1})
"""Offset, position and id of each of these events, once."""

LATER = Counter({(1, 0, 1): 1, (1, 1, 2): 1, (2, 0, 3): 1})
"""The same where one payload was submitted before them."""

UNTIL_CLEARED = 1000
"""As many times as a fault can be met before a test has it end."""


class WatchedClock(FakeClock):
    """
    A clock that does something at each wait, in the middle of a load.

    Attributes:
        at_wait: What; it is called before the time goes on.
    """

    at_wait: Callable[[], object]

    def __init__(self) -> None:
        super().__init__()
        self.at_wait = lambda: None

    def wait(self, seconds: float, /) -> None:
        """
        Do it, and go on by *seconds*.
        """
        self.at_wait()
        super().wait(seconds)


@contextmanager
def started(clock: FakeClock, root: Path | None = None) -> Iterator[Workspace]:
    """
    Run a workspace in which each kind of event has a table of its own.
    """
    with Workspace(root, clock=clock, events_threshold=1) as workspace:
        yield workspace


@attrs.frozen(kw_only=True)
class Outcome:
    """
    What became of the events.

    Attributes:
        rows: In `TABLE`.
        staged: What is left in the volume.
    """

    account: Account
    rows: Counter[tuple[int, int, int]]
    staged: list[Path]
    open_load_ids: tuple[str, ...]
    last_error: str | None


THROUGH = Outcome(
    account=Account(received=3, loaded=3),
    rows=ROWS,
    staged=[],
    open_load_ids=(),
    last_error=None,
)
"""Each event is in its table, once, nothing is left behind, nothing told."""


@attrs.define
class Walk:
    """
    One spool and one workspace, which outlive forwarders.

    Attributes:
        spool: File of the upload queue.
        clock: The forwarder's, and the workspace's.
        maintain_views: As in ``Forwarder.for_databricks``.
    """

    workspace: Workspace
    spool: Path
    clock: WatchedClock
    maintain_views: bool | None = None

    @property
    def settings(self) -> DatabricksSettings:
        """
        The right ones.
        """
        return self.workspace.settings

    def forwarder(
        self,
        settings: DatabricksSettings | None = None,
        endpoint: Endpoint | None = None,
    ) -> Forwarder:
        """
        Open a forwarder, as a new process would; the caller closes it.
        """
        return Forwarder.for_databricks(
            settings or self.settings,
            spool=self.spool,
            endpoint=endpoint or self.workspace.endpoint,
            maintain_views=self.maintain_views,
            clock=self.clock,
        )

    def fail(self, *faults: Fault) -> None:
        """
        Script misfortunes.
        """
        for fault in faults:
            self.workspace.fail(fault)

    def mend(self) -> None:
        """
        Let all go well from now on.
        """
        self.workspace.faults.clear()

    @property
    def all_struck(self) -> bool:
        """
        Whether each fault was met as often as it was scripted.
        """
        return not self.workspace.faults.left

    @property
    def table(self) -> str:
        """
        The whole name of `TABLE`.
        """
        return self.name(TABLE)

    @property
    def volume(self) -> str:
        """
        The whole name of the volume that files are staged in.
        """
        return self.name("mparticle_staging")

    def name(self, last: str) -> str:
        """
        The whole name of a table or volume.
        """
        return f"{self.settings.catalog_name}.{self.settings.schema_name}.{last}"

    def rows(self, *tables: str) -> Counter[tuple[int, int, int]]:
        """
        Count what is in *tables*, if there are any, by offset, position and id.
        """
        found: Counter[tuple[int, int, int]] = Counter()
        for table in tables or (TABLE,):
            with suppress(RefusedError):
                rows = self.workspace.query(
                    "SELECT _offset, _position, data.event_id AS id FROM "
                    f"{self.name(table)}"
                )
                found.update(zip(*rows.to_pydict().values(), strict=True))
        return found

    def staged(self) -> list[Path]:
        """
        Look into the volume, past the wire: all that is in it, folders too.
        """
        name = self.volume.replace(".", "/")
        with suppress(RefusedError):
            volumes = self.workspace._engine.volumes
            folder = volumes.path_of(f"/Volumes/{name}", "admin", write=False)
            return sorted(folder.rglob("*"))
        return []

    def statements(self, beginning: str) -> int:
        """
        Count the statements so far that begin so.
        """
        return sum(
            (each.statement or "").split("*/\n")[-1].startswith(beginning)
            for each in self.workspace.requests
        )

    def outcome(self, forwarder: Forwarder) -> Outcome:
        """
        See what the host sees, and what there is.
        """
        status = forwarder.status()
        return Outcome(
            account=status.account,
            rows=self.rows(),
            staged=self.staged(),
            open_load_ids=tuple(status.open_load_ids),
            last_error=status.last_error,
        )
