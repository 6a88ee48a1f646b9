"""
A thousand tables in one load, and what that costs in memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# A process of its own, so that its peak is this load's alone: as the system
# tells it of the program, for what a process says of its resources begins with
# the size of the one that started it.
PROGRAM = """
import json, re, sys
from pathlib import Path
from databricks_forwarder import Forwarder

root, name_count = sys.argv[1], int(sys.argv[2])
names = [f"Name {number % name_count}" for number in range(2_000)]

def payload(first):
    events = [
        {
            "event_type": "custom_event",
            "data": {
                "event_name": name,
                "custom_event_type": "other",
                "event_id": first + place,
                "custom_attributes": {"screen": f"screen {first}", "button": "b"},
            },
        }
        for place, name in enumerate(names[first:first + 10])
    ]
    return {"events": events, "mpid": first, "device_info": {"brand": "Aster"}}

with Forwarder.for_lake(
    root + "/lake", spool=root + "/spool.db", events_threshold=2
) as forwarder:
    forwarder.submit_many(payload(first) for first in range(0, 2_000, 10))
    (report,) = forwarder.flush()
    status = Path("/proc/self/status").read_text()
    json.dump(
        {
            "tables": len(report.tables),
            "rows": sorted({table.row_count for table in report.tables}),
            "loaded": report.account.loaded,
            "peak": 1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", status)[1]),
        },
        sys.stdout,
    )
"""


def load_into(name_count: int, folder: Path) -> Any:
    """
    Load 2 000 events of so many names, and tell what came of it.
    """
    folder.mkdir()
    command = [sys.executable, "-c", PROGRAM, str(folder), str(name_count)]
    done = subprocess.run(command, check=True, capture_output=True, timeout=250)
    return json.loads(done.stdout)


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="told by Linux alone"
)
@pytest.mark.timeout(300)  # a thousand tables are made durably, one by one
def test_a_thousand_tables_cost_no_more_memory_than_ten(
    tmp_path: Path, record_property: Any
) -> None:
    """
    One load into 1 000 tables peaks at most 300 MB above the same into ten.
    """
    few = load_into(10, tmp_path / "few")
    many = load_into(1_000, tmp_path / "many")
    record_property("peak MB of a load into 10 tables", few["peak"] // 10**6)
    record_property("peak MB of a load into 1 000 tables", many["peak"] // 10**6)

    assert (10, [200], 2_000) == (few["tables"], few["rows"], few["loaded"])
    assert (1_000, [2], 2_000) == (many["tables"], many["rows"], many["loaded"])
    assert 0 < many["peak"] - few["peak"] <= 300_000_000
