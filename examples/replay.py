"""
A router breaks on one batch: its payload is kept, and replayed after the fix.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from databricks_forwarder import Forwarder
from databricks_forwarder.mparticle.batch import Batch
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.testing.payloads import make_payload


def broken_region(batch: Batch) -> str:
    attributes: Any = batch.user_attributes  # there may be none
    return str(attributes["region"])


def mended_region(batch: Batch) -> str:
    return str((batch.user_attributes or {}).get("region", "unknown"))


def open_forwarder(folder: Path, region: Callable[[Batch], str]) -> Forwarder:
    router = FunctionRouter(lambda key: f"events_{key.group}", group=region)
    return Forwarder.for_lake(folder / "lake", spool=folder / "spool.db", router=router)


def main(folder: Path) -> int:
    with open_forwarder(folder, broken_region) as forwarder:
        forwarder.submit(make_payload(user_attributes={"region": "north"}))
        forwarder.submit(make_payload())
        forwarder.flush()
        for letter in forwarder.dead_letters():
            print(f"offset {letter.offset} is dead: {letter.reason}")
        print(forwarder.status().account)

    with open_forwarder(folder, mended_region) as forwarder:
        print(f"{forwarder.replay()} payload is back in the queue")
        (report,) = forwarder.flush()
        print(f"{report.tables[0].table} got {report.tables[0].row_count}")
        account = forwarder.status().account
    print(account)
    return 0 if account.is_balanced and not account.dead else 1


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        sys.exit(main(Path(place)))
