"""
The parts of a forwarder into a local lake, put together.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from databricks_forwarder._disk import disk_error
from databricks_forwarder._parts import Parts, require_counts
from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.counts._moving import Earlier
from databricks_forwarder.counts.delta import DeltaEventCounts
from databricks_forwarder.counts.sqlite import SqliteEventCounts
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.loaders.delta import DeltaLoader
from databricks_forwarder.stagers.directory import DirectoryStager

if TYPE_CHECKING:
    import os
    from contextlib import ExitStack

    from databricks_forwarder._parts import Counts
    from databricks_forwarder.protocols import EventCounts

__all__ = ["open_lake"]


def open_lake(
    root: Path | str,
    spool: str | os.PathLike[str],
    *,
    counts: Counts | EventCounts,
    max_spool_bytes: int | None,
    opened: ExitStack,
) -> Parts:
    """
    Open the parts, and have *opened* close them.

    The counts belong to the lake, so that all its spools share them; what is
    staged lies under the lake, so that a load need not cross file systems.

    Raises:
        ConfigurationError: The root is no local folder, a file is in the way, or
            the spool is none.
        SetupError: The lake can't be written.
    """
    require_counts(counts)
    loader = DeltaLoader(root)
    own = Path(root).absolute() / "_forwarder"
    _make_folder(own)
    batcher = SqliteBatcher(spool, max_spool_bytes=max_spool_bytes)
    opened.callback(batcher.close)
    return Parts(
        batcher=batcher,
        counts=_counts(counts, own),
        stager=DirectoryStager(own / "staging"),
        loader=loader,
        scratch=own / "work" / batcher.id,
    )


def _counts(counts: Counts | EventCounts, own: Path) -> EventCounts:
    file = own / "counts.db"
    if counts == "local":
        return SqliteEventCounts(file)
    if counts != "shared":
        return counts
    earlier = Earlier(SqliteEventCounts(file), "earlier") if file.exists() else None
    return DeltaEventCounts(own, earlier=earlier)


def _make_folder(folder: Path) -> None:
    doing = f"making the lake's folder {folder}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        msg = (
            f"{doing} failed: a file is in its place, or in that of a folder above; "
            "name another folder for the lake"
        )
        raise ConfigurationError(msg) from error
    except OSError as error:
        raise disk_error(error, doing) from error
