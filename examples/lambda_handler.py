"""
Load a bucket's objects from an AWS Lambda function, each event once.

A function has no disk that outlives it, so the durable spool is the object: a file
of batches, one a line, that mParticle or a receiver wrote. Its name and version
name the load, so that an object that is notified again is the same load again, and
changes nothing. That needs a router that doesn't change its mind: no counts.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from databricks_forwarder import Forwarder
from databricks_forwarder.batchers.memory import MemoryBatcher, MemoryStorage
from databricks_forwarder.errors import PayloadError
from databricks_forwarder.loaders.delta import DeltaLoader
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.stagers.directory import DirectoryStager
from databricks_forwarder.testing.payloads import make_payload

Make = Callable[[MemoryBatcher], Forwarder]


def spool_of(bucket: str, thing: Mapping[str, str]) -> MemoryBatcher:
    version = thing.get("versionId") or thing["eTag"]
    digest = hashlib.sha256(f"{bucket}/{thing['key']}?{version}".encode()).hexdigest()
    # An id has 48 bits, which might meet by chance; the first offset has 40 more.
    first = int(digest[12:22], 16)
    storage = MemoryStorage(digest[:12], next_offset=first, next_waiting=first)
    return MemoryBatcher(storage=storage)


def handle(
    event: Mapping[str, Any], read: Callable[[str, str], bytes], make: Make
) -> dict[str, int]:
    loaded = refused = 0
    for record in event["Records"]:
        bucket, thing = record["s3"]["bucket"]["name"], record["s3"]["object"]
        with make(spool_of(bucket, thing)) as forwarder:
            lines = read(bucket, unquote_plus(thing["key"])).splitlines()
            refused += sum(not is_batch(forwarder, line) for line in lines)
            forwarder.flush()
            account = forwarder.status().account
        if account.pending:  # AWS tries again, and then puts the event aside
            msg = f"not all of {thing['key']} in {bucket} is loaded: {account}"
            raise RuntimeError(msg)
        loaded, refused = loaded + account.loaded, refused + account.dead
    return {"loaded": loaded, "refused": refused}


def is_batch(forwarder: Forwarder, line: bytes) -> bool:
    try:
        forwarder.submit(line)
    except PayloadError:
        return False  # the object keeps it
    return True


def to_lake(folder: Path) -> Make:
    """With Databricks: VolumeStager and WarehouseLoader, both of a DatabricksClient."""
    return lambda batcher: Forwarder(
        router=FunctionRouter(lambda key: key.event_type or "odd"),
        batcher=batcher,
        stager=DirectoryStager(folder / "staging"),
        loader=DeltaLoader(folder / "lake"),
    )


def main(folder: Path) -> int:
    """In a function: ``read`` is boto3's get_object, and its handler calls `handle`."""
    (folder / "batches.ndjson").write_bytes(b"\n".join([make_payload()] * 3))
    thing = {"key": "batches.ndjson", "eTag": "d41d8cd98f00b204"}
    event = {"Records": [{"s3": {"bucket": {"name": "b"}, "object": thing}}]}
    for _ in range(2):
        print(
            handle(event, lambda _, key: (folder / key).read_bytes(), to_lake(folder))
        )
    return 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        sys.exit(main(Path(place)))
