"""
The command that tells where all messages of a spool are: ``status``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._cli_output import account_as_text, counted, moment_as_text
from databricks_forwarder._cli_spool import open_spool
from databricks_forwarder._open_loads import open_loads

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from databricks_forwarder._cli_output import Output
    from databricks_forwarder._open_loads import OpenLoad
    from databricks_forwarder.model import BatcherStatus

__all__ = ["status"]


def status(arguments: argparse.Namespace, output: Output) -> int:
    """
    Say where all messages of the spool are.
    """
    with open_spool(arguments) as spool:
        stands = spool.status()
        loads = open_loads(spool, stands)
    output.say([*_lines(stands, loads)])
    output.complete(
        {**attrs.asdict(stands), "open_loads": [attrs.asdict(load) for load in loads]}
    )
    is_bad = stands.account.dead or stands.parked_load_ids
    return 1 if is_bad or any(load.failures for load in loads) else 0


def _lines(
    status: BatcherStatus, loads: Sequence[OpenLoad]
) -> Iterator[tuple[str, str]]:
    """
    Say how the spool stands, and of what is not well what to ask next.

    Yields:
        Of each line what it is about, and what it says.
    """
    dead = status.account.dead
    yield "account", account_as_text(status.account)
    yield "waiting", _waiting(status)
    advice = "forward goes on with them"
    yield "open", f"open loads: {_listed(status.open_load_ids, advice)}"
    for load in loads:
        yield "open", _open(load)
    advice = "parked says why"
    yield "parked", f"parked loads: {_listed(status.parked_load_ids, advice)}"
    letters = f"dead messages: {dead}; dead-letters says why"
    yield "dead", letters if dead else "nothing is dead"
    yield "spool", f"{status.stored_bytes} payload bytes are kept"


def _waiting(status: BatcherStatus) -> str:
    said = counted(status.waiting, "message waits", "messages wait")
    if status.oldest_received_at is not None:
        said += f", the oldest since {moment_as_text(status.oldest_received_at)}"
    in_loads = status.account.pending - status.waiting
    if not in_loads:
        return said
    return f"{said}; {counted(in_loads, 'more is', 'more are')} pending in loads"


def _open(load: OpenLoad) -> str:
    """
    Say of one load what is in it, since when, and what it failed with.
    """
    pending = (
        "an unknown number of messages"
        if load.pending is None
        else counted(load.pending, "message")
    )
    said = f"load {load.load_id} has {pending} pending"
    if load.oldest_received_at is not None:
        said += f", the oldest since {moment_as_text(load.oldest_received_at)}"
    if load.begun_at is not None:
        said += f", begun {moment_as_text(load.begun_at)}"
    if load.failed_at is None:
        return said
    times = counted(load.failures, "time")
    last = moment_as_text(load.failed_at)
    return f"{said}; it failed {times}, the last at {last}: {load.last_error}"


def _listed(load_ids: Sequence[str], advice: str) -> str:
    return f"{', '.join(load_ids)}; {advice}" if load_ids else "none"
