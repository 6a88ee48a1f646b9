"""
What the tests of the client do with a workspace.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from databricks_forwarder._databricks.auth import TokenSource
from databricks_forwarder.protocols import Clock
from databricks_forwarder.settings import Endpoint, Secret
from databricks_forwarder.testing.workspace._workspace import Workspace

T = TypeVar("T")

VOLUME = "/Volumes/main/mparticle/mparticle_staging"


def at_once(call: Callable[[], T], *, threads: int = 8) -> list[T]:
    """
    Make the same call from many threads at once; what it gave to each.
    """
    together = Barrier(threads)

    def made() -> T:
        together.wait()
        return call()

    with ThreadPoolExecutor(threads) as pool:
        return [each.result() for each in [pool.submit(made) for _ in range(threads)]]


def asked(workspace: Workspace, part: str) -> list[tuple[str, int | None]]:
    """
    Method and status of each request so far with *part* in its path.
    """
    return [
        (each.method, each.status) for each in workspace.requests if part in each.path
    ]


def source(endpoint: Endpoint, clock: Clock, *, secret: str = "wrong") -> TokenSource:
    """
    A token source of someone else.
    """
    return TokenSource(endpoint, "someone", Secret(secret), clock)
