"""
Staging in a Unity Catalog volume: ``/Volumes/<catalog>/<schema>/mparticle_staging``.

A load has a folder, ``<load id>/<file name>``; paths are never used again for
other rows, because the platform remembers which it has loaded.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from databricks_forwarder._databricks.fates import AlreadyThereError, MissingVolumeError
from databricks_forwarder._databricks.repeats import repeated
from databricks_forwarder._databricks.statements import CreateVolume
from databricks_forwarder._disk import disk_errors
from databricks_forwarder.errors import ConfigurationError, ForwarderError
from databricks_forwarder.model import LoadId, ParquetFile, StagedFile

if TYPE_CHECKING:
    from collections.abc import Collection

    from databricks_forwarder._databricks.client import DatabricksClient

__all__ = ["VolumeStager"]


class VolumeStager:
    """
    A stager for `WarehouseLoader`; a URI is a path below ``/Volumes``.

    Files go over the Files API, several side by side, and need no warehouse;
    only a volume that is not there is created by a statement. A load id that
    is no single component of a path is a `ConfigurationError`.

    Args:
        client: The workspace; the one that the loader has.
    """

    def __init__(self, client: DatabricksClient) -> None:
        self._client = client
        self._creating = threading.Lock()
        self._creation_count = 0
        self._failure: ForwarderError | None = None

    @property
    def breadth(self) -> int:
        """
        How many uploads at once are worth while.
        """
        return self._client.breadth

    def stage(self, file: ParquetFile, /) -> StagedFile:
        """
        Upload *file* into the folder of its load.
        """
        staged = self.place(file)
        uri = staged.uri
        creation_count = self._creation_count
        with disk_errors(f"reading {file.path} to stage it"):
            try:
                self._client.files.upload(file.path, uri)
            except MissingVolumeError:
                self._see_to_volume(creation_count)
                self._client.files.upload(file.path, uri)
        return staged

    def place(self, file: ParquetFile, /) -> StagedFile:
        """
        Tell the path of *file* in the folder of its load (S6).
        """
        return StagedFile(
            load_id=file.load_id,
            table=file.table,
            uri=f"{self._folder(file.load_id)}/{file.name}",
            row_count=file.row_count,
            size_bytes=file.size_bytes,
        )

    def staged(self) -> Collection[LoadId]:
        """
        The names of the folders in the volume; none if there is no volume yet.
        """
        try:
            return set(
                map(LoadId, self._client.files.folders(self._client.volume.volume_path))
            )
        except MissingVolumeError:
            return set()

    def discard(self, load_id: LoadId, /) -> None:
        """
        Remove the folder of a load with all that is in it.
        """
        self._client.files.remove_folder(self._folder(load_id))

    def _folder(self, load_id: LoadId) -> str:
        if load_id in {"", ".", ".."} or "/" in load_id or "\0" in load_id:
            msg = f"load id {load_id!r} can't name a folder in a volume"
            raise ConfigurationError(msg)
        return f"{self._client.volume.volume_path}/{load_id}"

    def _see_to_volume(self, creation_count: int) -> None:
        """
        Create the volume, or share what came of it since there were so many.
        """
        with self._creating:
            if self._creation_count != creation_count:
                # Of many that miss it at once the first creates it.
                if self._failure is not None:
                    raise type(self._failure)(str(self._failure))
                return
            self._failure = None
            try:
                self._create_volume()
            except ForwarderError as error:
                self._failure = type(error)(str(error))
                raise
            finally:
                self._creation_count += 1

    def _create_volume(self) -> None:
        comment = "Files on their way from mParticle into tables."
        statement = CreateVolume(self._client.volume, comment)
        run = self._client.warehouse.run
        # Another forwarder may come first, even so.
        with suppress(AlreadyThereError):
            repeated(lambda: run(statement.to_sql()), self._client.clock)
