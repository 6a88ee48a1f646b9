"""
Access tokens that end before a load does, and how rarely they are asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest
from patience import PATIENCE_SECONDS
from walking import batch, custom
from workspace_walks import PAYLOADS, THROUGH, Walk, WatchedClock, started

from databricks_forwarder.model import Account
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.workspace import Fault

PAUSES = {
    "upload": Fault(on="upload", skip=1, status=503),
    "copy": Fault(on="statement", matching="COPY INTO", status=503),
    "delete": Fault(on="delete", status=503),
}
"""What makes the forwarder wait in the middle of a load."""


@attrs.define
class Apart:
    """
    A workspace that has a clock of its own, so that it may go ahead.
    """

    walk: Walk
    its_clock: FakeClock
    ended: bool = False

    @property
    def token_requests(self) -> int:
        """
        How often a token was asked for.
        """
        asked = self.walk.workspace.requests
        return sum(each.path == "/oidc/v1/token" for each in asked)

    @property
    def refused_requests(self) -> int:
        """
        How many requests were refused for their token.
        """
        return sum(each.status in {401, 403} for each in self.walk.workspace.requests)

    def expire(self) -> None:
        """
        Let an hour and more go by in the workspace.
        """
        self.its_clock.advance(hours=1, seconds=1)

    def revoke(self) -> None:
        """
        Let no token be good.
        """
        self.walk.workspace.revoke_tokens()

    def at_first_wait(self, do: Callable[[], None]) -> None:
        """
        Have *do* done at the first wait in the middle of a load.
        """

        def once() -> None:
            if not self.ended:
                self.ended = True
                do()

        self.walk.clock.at_wait = once


@pytest.fixture
def apart(tmp_path: Path, clock: FakeClock) -> Iterator[Apart]:
    """
    A workspace in order, and a spool; each goes by its own clock.
    """
    with started(clock) as workspace:
        yield Apart(Walk(workspace, tmp_path / "spool.db", WatchedClock()), clock)


@pytest.mark.parametrize("end", [Apart.expire, Apart.revoke], ids=["ends", "revoked"])
@pytest.mark.parametrize("pause", PAUSES)
def test_a_token_that_ends_in_the_middle_costs_one_retry(
    apart: Apart, pause: str, end: Callable[[Apart], None]
) -> None:
    """
    A token that ends while a load goes on costs one refusal and one new token.
    """
    walk = apart.walk
    walk.fail(PAUSES[pause])
    apart.at_first_wait(lambda: end(apart))
    with walk.forwarder() as forwarder:
        forwarder.submit_many(PAYLOADS)
        forwarder.flush()

        assert apart.ended
        assert walk.all_struck
        assert 1 == apart.refused_requests
        assert 2 == apart.token_requests
        assert THROUGH == walk.outcome(forwarder)


def test_a_token_is_renewed_before_it_ends(apart: Apart) -> None:
    """
    Two minutes before its end a token is no longer used, and nothing is refused.
    """
    walk = apart.walk
    with walk.forwarder() as forwarder:
        forwarder.submit_many(PAYLOADS)
        forwarder.flush()
        for clock in (walk.clock, apart.its_clock):
            clock.advance(seconds=3481)
        forwarder.submit(batch(custom("Other", 9)))
        forwarder.flush()

        assert Account(received=4, loaded=4) == forwarder.status().account
    assert 0 == apart.refused_requests
    assert 2 == apart.token_requests


def test_tables_side_by_side_ask_for_one_token(apart: Apart) -> None:
    """
    A load into twenty tables, eight at once, signs in once.
    """
    walk = apart.walk
    with walk.forwarder() as forwarder:
        forwarder.submit(batch(*(custom(f"Kind {n}", n) for n in range(20))))
        (report,) = forwarder.flush()

        assert 20 == len(report.tables)
        assert Account(received=20, loaded=20) == forwarder.status().account
    assert 1 == apart.token_requests
    assert 0 == apart.refused_requests


def test_threads_that_are_refused_at_once_ask_for_one_token(apart: Apart) -> None:
    """
    Where eight threads lose their token at once, one of them asks for the new one.
    """
    walk = apart.walk
    # Tables wait for one another while views are made, and would not be at once.
    walk.maintain_views = False
    tables = [f"event_navigation_kind{n}" for n in range(8)]
    for table in tables:
        walk.fail(
            attrs.evolve(
                PAUSES["copy"], matching=f"COPY INTO `main`.`mparticle`.`{table}`"
            )
        )
    # All eight are in the middle of their tables before the first one goes on.
    together = threading.Barrier(8, action=apart.revoke)
    met = threading.local()

    def meet() -> None:
        if not hasattr(met, "others"):
            met.others = together.wait(PATIENCE_SECONDS)

    walk.clock.at_wait = meet
    with walk.forwarder() as forwarder:
        forwarder.submit(batch(*(custom(f"Kind {n}", n) for n in range(8))))
        forwarder.flush()

        assert Account(received=8, loaded=8) == forwarder.status().account
        assert {(0, n, n): 1 for n in range(8)} == walk.rows(*tables)
        assert [] == walk.staged()
    assert 1 <= apart.refused_requests <= 8
    assert 2 == apart.token_requests
