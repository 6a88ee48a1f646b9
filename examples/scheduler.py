"""
Let APScheduler call `tick`, instead of a thread of the library's.

A tick that finds nothing due costs a look into the spool. One at a time is enough:
ticks wait for one another, and a late one makes up for those it missed.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import threading
from datetime import datetime, timezone
from pathlib import Path

from apscheduler.schedulers.background import BackgroundScheduler

from databricks_forwarder import Forwarder, ForwarderError, UploadPolicy
from databricks_forwarder.testing.payloads import make_payload

POLICY = UploadPolicy(max_messages=2)  # so that something is due at once


def beat(forwarder: Forwarder, done: threading.Event) -> None:
    try:
        while report := forwarder.tick():
            print(report.account)
            done.set()
    except ForwarderError as error:  # the next beat tries again
        logging.getLogger(__name__).warning("a load failed: %s", error)


def main(folder: Path) -> int:
    done = threading.Event()
    lake, spool = folder / "lake", folder / "spool.db"
    with Forwarder.for_lake(lake, spool=spool, policy=POLICY) as forwarder:
        scheduler = BackgroundScheduler(
            job_defaults={
                "max_instances": 1,
                "coalesce": True,
                "misfire_grace_time": None,
            }
        )
        forwarder.submit_many([make_payload()] * 2)
        now = datetime.now(timezone.utc)
        scheduler.add_job(
            beat, "interval", [forwarder, done], minutes=1, next_run_time=now
        )
        scheduler.start()
        done.wait(60)
        scheduler.shutdown()  # waits for the beat that runs
        account = forwarder.status().account
    return 0 if account.loaded == account.received else 1


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        sys.exit(main(Path(place)))
