"""
A SQL warehouse that keeps a load waiting: by a statement that hangs, or its start.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from patience import PATIENCE_SECONDS
from walking import batch, custom
from workspace_walks import (
    LATER,
    PAYLOADS,
    ROWS,
    TABLE,
    THROUGH,
    Walk,
    WatchedClock,
    started,
)

from databricks_forwarder._databricks.warehouse import Warehouse
from databricks_forwarder.errors import TransientError
from databricks_forwarder.model import Account
from databricks_forwarder.testing.workspace import Fault

VIEW = "event_navigation_view"


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    """
    A workspace in order, and a spool; both go by a watched clock.
    """
    clock = WatchedClock()
    with started(clock) as workspace:
        yield Walk(workspace, tmp_path / "spool.db", clock)


@pytest.fixture
def _deadline(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Give the statement that hangs three seconds, all others what they have.
    """
    run = Warehouse.run

    def hurried(
        warehouse: Warehouse, sql: str, *, seconds: float | None = None
    ) -> list[tuple[Any, ...]]:
        hangs = "COPY INTO" in sql and TABLE in sql and not walk.all_struck
        return run(warehouse, sql, seconds=3.0 if hangs else seconds)

    monkeypatch.setattr(Warehouse, "run", hurried)
    # So that the client soon hears how the statement is called.
    monkeypatch.setattr(
        "databricks_forwarder.testing.workspace._thrift._POLL_SECONDS", 0.05
    )


@pytest.fixture
def cancelled(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """
    The statements that were cancelled on the server, as they come.
    """
    found: list[str] = []
    operations = walk.workspace._services.operations
    run = operations.run

    def watched(statement: str, *arguments: Any, **named: Any) -> Any:
        operation = run(statement, *arguments, **named)
        cancel = operation.cancel

        def noticed(*state: Any) -> None:
            if not state:
                found.append(statement.rsplit("*/\n", maxsplit=1)[-1])
            cancel(*state)

        monkeypatch.setattr(operation, "cancel", noticed)
        return operation

    monkeypatch.setattr(operations, "run", watched)
    return found


@pytest.mark.usefixtures("_deadline")
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_statement_that_hangs_is_cancelled_at_its_deadline(
    walk: Walk, cancelled: list[str], when: Literal["before", "after"]
) -> None:
    """
    What hangs is cancelled on the server, and holds up neither table nor load.
    """
    copying = f"COPY INTO `main`.`mparticle`.`{TABLE}`"
    walk.fail(Fault(on="statement", matching=copying, hang=True, when=when))
    with walk.forwarder() as forwarder:
        forwarder.submit_many([*PAYLOADS, batch(custom("View", 4))])
        with pytest.raises(
            TransientError,
            match=r"^COPY INTO .* took longer than 3 s; it will be tried again$",
        ):
            forwarder.flush()

        assert walk.all_struck
        assert [True] == [each.startswith(copying) for each in cancelled]
        assert Counter({(2, 0, 4): 1}) == walk.rows(VIEW)
        assert {"before": Counter(), "after": ROWS}[when] == walk.rows()
        forwarder.submit(batch(custom("View", 5)))
        forwarder.flush()

        assert Account(received=5, loaded=5) == forwarder.status().account
        assert ROWS == walk.rows()
        assert Counter({(2, 0, 4): 1, (3, 0, 5): 1}) == walk.rows(VIEW)
        assert [] == walk.staged()


@pytest.mark.parametrize("lets_in", [False, True], ids=["refuses", "lets in"])
def test_a_start_of_four_minutes_is_waited_for_and_seen(
    walk: Walk, *, lets_in: bool
) -> None:
    """
    While the warehouse starts the status says so, and after that no more.
    """
    seen: list[str | None] = []
    walk.workspace.stop_warehouse(timedelta(minutes=4), lets_in=lets_in)
    with walk.forwarder() as forwarder, ThreadPoolExecutor(1) as another:
        walk.clock.at_wait = lambda: seen.append(
            another.submit(forwarder.status).result(PATIENCE_SECONDS).destination
        )
        assert None is forwarder.status().destination
        forwarder.submit_many(PAYLOADS)
        forwarder.flush()

        assert None is forwarder.status().destination
        assert THROUGH == walk.outcome(forwarder)
    seconds = [f"{sum(walk.clock.waits[:n]):.0f}" for n in range(len(seen))]
    warehouse = f"SQL warehouse {walk.settings.warehouse_id} is starting"
    assert [f"{warehouse}, {each} s so far" for each in seconds] == seen
    assert 240 == pytest.approx(sum(walk.clock.waits), abs=10)


def test_a_warehouse_that_stopped_between_loads_is_waited_for(walk: Walk) -> None:
    """
    Sessions that ended with the warehouse are opened again when it has started.
    """
    with walk.forwarder() as forwarder:
        forwarder.submit(batch(custom("Other", 9)))
        forwarder.flush()
        walk.workspace.stop_warehouse(timedelta(minutes=4))
        forwarder.submit_many(PAYLOADS)
        forwarder.flush()

        assert Account(received=4, loaded=4) == forwarder.status().account
        assert LATER == walk.rows()
        assert [] == walk.staged()
    assert 240 == pytest.approx(sum(walk.clock.waits), abs=10)


def test_a_start_that_takes_too_long_is_told(walk: Walk) -> None:
    """
    Beyond ten minutes the load is left to a later try, which goes through.
    """
    walk.workspace.stop_warehouse(timedelta(minutes=15))
    with walk.forwarder() as forwarder:
        forwarder.submit_many(PAYLOADS)
        with pytest.raises(
            TransientError,
            match=r"^SQL warehouse \w+ is starting, \d+ s so far, longer than it "
            r"is waited for; it will be tried again$",
        ):
            forwarder.flush()
        status = forwarder.status()

        assert Account(received=3, pending=3) == status.account
        assert None is status.destination
        assert "is starting" in str(status.last_error)
        forwarder.flush()

        assert THROUGH == walk.outcome(forwarder)
