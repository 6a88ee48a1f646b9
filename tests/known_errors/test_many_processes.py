"""
Many processes have one spool, and one spool has many processes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from spools import carried, opened
from tries import tries

PROGRAM = """
import json, sys
from datetime import datetime, timezone
from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.model import Payload
NOON = datetime(2026, 3, 14, 12, tzinfo=timezone.utc)
batcher = SqliteBatcher(sys.argv[1])
told = {}
for number in range(int(sys.argv[3])):
    text = f"{sys.argv[2]}-{number}"
    offsets = batcher.append([Payload(text.encode(), 2)], at=NOON)
    told[offsets.first] = text
batcher.close()
print(json.dumps(told))
"""


def test_eight_processes_submit_to_one_spool(tmp_path: Path) -> None:
    """
    Each receipt is true: its payload, and no other, is at the offset it names.
    """
    path = tmp_path / "spool.db"
    count = tries(100)
    command = [sys.executable, "-c", PROGRAM, str(path)]
    running = [
        subprocess.Popen(
            [*command, str(number), str(count)], stdout=subprocess.PIPE, text=True
        )
        for number in range(8)
    ]
    told: dict[int, str] = {}
    for each in running:
        out, _ = each.communicate(timeout=100)
        receipts = json.loads(out)
        assert not told.keys() & {int(offset) for offset in receipts}
        told |= {int(offset): text for offset, text in receipts.items()}
    with opened(path) as batcher:
        result = carried(batcher)

    assert list(range(8 * count)) == sorted(told)
    assert told == {
        offset: document.decode() for offset, document in result.payloads.items()
    }


FORKING = """
import os, sys
from datetime import datetime, timezone
from databricks_forwarder.batchers.sqlite import SqliteBatcher, repair
from databricks_forwarder.errors import BatcherError
from databricks_forwarder.model import Payload
from databricks_forwarder.settings import UploadPolicy
NOON = datetime(2026, 3, 14, 12, tzinfo=timezone.utc)
batcher = SqliteBatcher(sys.argv[1])
batcher.append([Payload(b"parent", 1)], at=NOON)
lease = batcher.lease(UploadPolicy(), at=NOON, seal=True)
reading, writing = os.pipe()
child = os.fork()
if not child:
    for number in range(20):
        batcher.append([Payload(f"child {number}".encode(), 1)], at=NOON)
    batcher.close()
    os._exit(0)
for number in range(20):
    batcher.append([Payload(f"parent {number}".encode(), 1)], at=NOON)
    batcher.note(lease.load_id, "number", str(number), at=NOON)
_, status = os.waitpid(child, 0)
try:
    repair(sys.argv[1])
except BatcherError as error:
    print("open" if "somebody has it open" in str(error) else error)
print(status, [record.payload for record in lease.records])
print(batcher.lease(UploadPolicy(), at=NOON).notes, batcher.status().account.pending)
batcher.close()
print(repair(sys.argv[1]).is_whole)
"""


def test_a_child_that_submits_takes_nothing_from_its_parent(tmp_path: Path) -> None:
    """
    After a fork both submit; the parent keeps its load and its hold on the file.
    """
    ran = subprocess.run(
        [sys.executable, "-c", FORKING, tmp_path / "spool.db"],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert "" == ran.stderr
    assert ["open", "0 [b'parent']", "{'number': '19'} 41", "True"] == (
        ran.stdout.splitlines()
    )
