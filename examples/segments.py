"""
Read a partitioned, replayable source, exactly once from there to the tables.

A folder of segments for each partition stands in for Kafka. How far each is read
is stored with the payloads: kill this at any moment, and run it again.
"""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

from databricks_forwarder import Forwarder, UploadPolicy
from databricks_forwarder.testing.payloads import make_payload

BATCH = 50
POLICY = UploadPolicy(max_messages=500)


def read(partition: Path, position: str) -> tuple[list[bytes], str]:
    """Give the payloads from *position* on, and the position behind them."""
    reached, _, line = position.partition(":")
    for segment in sorted(partition.iterdir()):
        if segment.name >= reached:
            first = int(line) if segment.name == reached else 0
            with segment.open("rb") as lines:
                payloads = list(islice(lines, first, first + BATCH))
            if payloads:
                return payloads, f"{segment.name}:{first + len(payloads)}"
    return [], position


def main(source: Path, lake: Path) -> int:
    spool = lake / "_forwarder" / "spool.db"
    with Forwarder.for_lake(lake, spool=spool, policy=POLICY) as forwarder:
        positions = dict(forwarder.checkpoint())
        unread = sorted(source.iterdir())
        while unread:
            partition = unread.pop(0)
            payloads, position = read(partition, positions.get(partition.name, ""))
            if payloads:
                forwarder.submit_many(payloads, checkpoint={partition.name: position})
                positions[partition.name] = position
                unread.append(partition)
            forwarder.tick()
        forwarder.flush()
        account, positions = forwarder.status().account, dict(forwarder.checkpoint())
    print("read to", positions)
    print(account)
    return 0 if account.is_balanced and account.loaded == account.received else 1


if __name__ == "__main__":
    source, lake = map(Path, sys.argv[1:] or ("source", "lake"))
    if not source.exists():
        (source / "events-0").mkdir(parents=True)
        (source / "events-0" / "000").write_bytes(b"\n".join([make_payload()] * 120))
    sys.exit(main(source, lake))
