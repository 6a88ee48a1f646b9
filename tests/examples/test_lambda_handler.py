"""
The function that loads a bucket's objects, notified again and again.
"""

from __future__ import annotations

import runpy
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from walking import event_ids, lake_tables

from databricks_forwarder import Forwarder
from databricks_forwarder.errors import PermanentError, TransientError
from databricks_forwarder.testing.faults import Fail, Killed, faulty
from databricks_forwarder.testing.payloads import make_event, make_payload

EXAMPLE = runpy.run_path(
    str(Path(__file__).parents[2] / "examples" / "lambda_handler.py")
)
handle, to_lake = EXAMPLE["handle"], EXAMPLE["to_lake"]

# Events of two kinds: with the example's router they are in two tables.
KINDS = ("screen_view", "session_start")
OBJECT = b"\n".join(
    make_payload(
        *(make_event(kind, event_id=2 * number + nth) for nth, kind in enumerate(KINDS))
    )
    for number in range(3)
)
EACH_ONCE = Counter(dict.fromkeys(range(6), 1))


def notification(*keys: str, version: str = "v1") -> dict[str, Any]:
    """
    What S3 tells a function of objects that were made.
    """
    return {
        "Records": [
            {
                "s3": {
                    "bucket": {"name": "batches"},
                    "object": {"key": key, "versionId": version, "eTag": "e"},
                }
            }
            for key in keys
        ]
    }


def read(bucket: str, key: str) -> bytes:
    """
    Give the object, whose name has a space.
    """
    assert ("batches", "a day.ndjson") == (bucket, key)
    return OBJECT


def failing(folder: Path, part: str, fault: Fail) -> Callable[[Any], Forwarder]:
    """
    Make forwarders of which one part fails once.
    """
    faults = [fault]

    def make(batcher: Any) -> Forwarder:
        forwarder: Forwarder = to_lake(folder)(batcher)
        broken = faulty(getattr(forwarder._pipeline, part), *faults)
        setattr(forwarder._pipeline, part, broken)
        faults.clear()
        return forwarder

    return make


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("method", ["stager.stage", "loader.prepare", "loader.load"])
@pytest.mark.parametrize("error", [Killed, TransientError("away")])
def test_an_object_that_is_notified_again_is_loaded_once(
    tmp_path: Path, method: str, nth: int, when: Any, error: Any
) -> None:
    """
    Wherever the function dies or fails, the next call completes the same load.
    """
    part, _, call = method.partition(".")
    fault = Fail(method=call, nth=nth, when=when, error=error)
    make = failing(tmp_path, part, fault)
    with pytest.raises((Killed, TransientError)):
        handle(notification("a+day.ndjson"), read, make)
    again = [handle(notification("a+day.ndjson"), read, make) for _ in range(2)]

    assert [{"loaded": 6, "refused": 0}] * 2 == again
    assert EACH_ONCE == event_ids(lake_tables(tmp_path / "lake"))


def test_what_is_parked_is_told_as_a_failure(tmp_path: Path) -> None:
    """
    A function ends with an error until all of its object is loaded.
    """
    fault = Fail(method="load", error=PermanentError("never"))
    make = failing(tmp_path, "loader", fault)
    with pytest.raises(RuntimeError, match=r"not all of a\+day.ndjson in batches"):
        handle(notification("a+day.ndjson"), read, make)

    assert 6 == handle(notification("a+day.ndjson"), read, make)["loaded"]
    assert EACH_ONCE == event_ids(lake_tables(tmp_path / "lake"))


def test_another_version_is_another_load(tmp_path: Path) -> None:
    """
    An object that was written again is loaded, as is one without versions.
    """
    event = notification("a+day.ndjson")
    handle(event, read, to_lake(tmp_path))
    handle(notification("a+day.ndjson", version="v2"), read, to_lake(tmp_path))
    del event["Records"][0]["s3"]["object"]["versionId"]
    handle(event, read, to_lake(tmp_path))

    assert Counter(dict.fromkeys(range(6), 3)) == event_ids(
        lake_tables(tmp_path / "lake")
    )


def test_a_line_that_is_no_batch_costs_no_other(tmp_path: Path) -> None:
    """
    What is refused at the door is counted, and stays in the object.
    """
    lines = [b"no batch", make_payload(), b'{"mpid": {}, "events": [7]}']
    told = handle(
        notification("a+day.ndjson"), lambda *_: b"\n".join(lines), to_lake(tmp_path)
    )

    assert {"loaded": 2, "refused": 1} == told


def test_the_program_shows_that_a_repeat_changes_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """
    Run as it stands, it loads an object twice, and its rows are there once.
    """
    code = EXAMPLE["main"](tmp_path)

    assert 0 == code
    assert ["{'loaded': 3, 'refused': 0}"] * 2 == capsys.readouterr().out.splitlines()
    assert [3] == [len(table) for table in lake_tables(tmp_path / "lake").values()]
