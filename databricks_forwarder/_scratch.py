"""
A folder for files in the making, among the system's temporary ones.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import ExitStack

__all__ = ["make_scratch"]


def make_scratch(closing: ExitStack) -> Path:
    """
    Make a folder, and have *closing* remove it.
    """
    folder = Path(tempfile.mkdtemp(prefix="databricks-forwarder-"))
    closing.callback(_remove, folder, os.getpid())
    return folder


def _remove(folder: Path, maker: int) -> None:
    # A forked child that closes its copy leaves the folder to its parent.
    if os.getpid() == maker:
        shutil.rmtree(folder, ignore_errors=True)
