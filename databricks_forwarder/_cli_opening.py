"""
A forwarder, as the command line is told of it.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._cli_workspace import (
    counts_of,
    require_no_place,
    schema_name,
    workspace_of,
)
from databricks_forwarder._forwarder import Forwarder
from databricks_forwarder.settings import ConnectionSettings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from databricks_forwarder._parts import Counts
    from databricks_forwarder.protocols import EventCounts

__all__ = ["MAX_PAYLOAD_BYTES", "open_routing", "open_shadow"]

# Where hosts that share a lake keep their counts: see `counts.delta`.
_SHARED = "_forwarder_event_counts"

MAX_PAYLOAD_BYTES = 8 * 2**20
"""Most bytes of a payload that the command line takes."""


def open_routing(arguments: argparse.Namespace, spool: Path) -> Forwarder:
    """
    Open a forwarder into the destination that the arguments name.

    Raises:
        ConfigurationError: Something is missing or wrong.
    """
    if not arguments.databricks:
        require_no_place(arguments)
        return _open_lake(arguments, arguments.lake, spool)
    settings, endpoint = workspace_of(arguments)
    if arguments.events_threshold is not None:
        settings = attrs.evolve(settings, events_threshold=arguments.events_threshold)
    return Forwarder.for_databricks(
        settings,
        spool=spool,
        endpoint=endpoint,
        connection=_connection(arguments),
        counts=counts_of(arguments, "shared"),
        max_payload_bytes=MAX_PAYLOAD_BYTES,
    )


def _open_lake(
    arguments: argparse.Namespace,
    lake: Path | str,
    spool: Path,
    counts: Counts | EventCounts | None = None,
) -> Forwarder:
    return Forwarder.for_lake(
        lake,
        spool=spool,
        counts=counts or counts_of(arguments, "local"),
        connection=_connection(arguments),
        events_threshold=(
            10_000 if arguments.events_threshold is None else arguments.events_threshold
        ),
        schema_name=schema_name(arguments),
        max_payload_bytes=MAX_PAYLOAD_BYTES,
    )


def _connection(arguments: argparse.Namespace) -> ConnectionSettings:
    return ConnectionSettings(
        table_name=arguments.table_name,
        split_partner_feed_data_by_event_name=arguments.split_feeds,
        send_batches_without_events=not arguments.drop_batches_without_events,
    )


@contextmanager
def open_shadow(arguments: argparse.Namespace) -> Iterator[Forwarder]:
    """
    Open a forwarder that knows the destination's counts, and has no spool of it.

    Raises:
        ConfigurationError: Something is missing or wrong.
    """
    with tempfile.TemporaryDirectory(prefix="databricks-forwarder-") as folder:
        spool = Path(folder, "spool.db")
        if arguments.databricks:
            opened = open_routing(arguments, spool)
        else:
            require_no_place(arguments)
            lake, counts = _known(arguments.lake, Path(folder))
            opened = _open_lake(arguments, lake, spool, counts)
        with opened as forwarder:
            yield forwarder


def _known(lake: str | None, folder: Path) -> tuple[Path, Counts | EventCounts]:
    """
    A lake that is there with its counts; else one in *folder*, which has none.
    """
    own = Path(lake or folder, "_forwarder")
    if Path(own, _SHARED).is_dir():
        # Heavy, and needed by few.
        from databricks_forwarder.counts.delta import (  # noqa: PLC0415
            DeltaEventCounts,
        )

        return own.parent, DeltaEventCounts(own)
    if Path(own, "counts.db").exists():
        return own.parent, "local"
    return folder / "lake", "local"
