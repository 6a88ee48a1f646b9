"""
Files that come in: whole or not at all.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from databricks_forwarder.testing.workspace._refusals import RefusedError

if TYPE_CHECKING:
    from databricks_forwarder.protocols import Clock

__all__ = ["Uploads", "file_in_the_way"]


class Uploads:
    """
    Takes files in, by way of a folder of their own.

    Args:
        folder: Where they are until they are whole; on the disk of the rest.
        clock: What they are dated by.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        # What makes folders and what removes empty ones must not cross.
        self.placing = threading.Lock()

    def put(self, body: BinaryIO, path: Path, *, overwrite: bool) -> None:
        """
        Have what *body* holds at *path*, with the folders above it.

        Raises:
            RefusedError: There is a file and it is not to be overwritten, or a
                folder, or one of the folders above is a file.
            DroppedError: The rest of the body did not come; nothing changed.
        """
        descriptor, name = tempfile.mkstemp(dir=self._folder)
        temporary = Path(name)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123  # a descriptor, no path
                shutil.copyfileobj(body, file, 262_144)
            moment = self._clock.now().timestamp()
            os.utime(temporary, (moment, moment))
            self._place(temporary, path, overwrite=overwrite)
        finally:
            temporary.unlink(missing_ok=True)

    def _place(self, temporary: Path, path: Path, *, overwrite: bool) -> None:
        with self.placing:
            if path.is_dir() or (path.exists() and not overwrite):
                raise RefusedError(
                    "ALREADY_EXISTS",
                    "The file being created already exists.",
                    status=409,
                )
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except (FileExistsError, NotADirectoryError):
                raise file_in_the_way() from None
            temporary.replace(path)


def file_in_the_way() -> RefusedError:
    """
    What is said when one of the folders on the way to a path is a file.
    """
    return RefusedError(
        "ALREADY_EXISTS", "A file is where a directory should be.", status=409
    )
