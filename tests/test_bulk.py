"""
Batches in one array.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from walking import InMemory

from databricks_forwarder.bulk import split_array
from databricks_forwarder.errors import PayloadError


def test_batches_of_an_array_keep_their_bytes(tmp_path: Path) -> None:
    """
    What a bulk request has is handed in as it came, odd batches too.
    """
    batches = [b'{ "mpid" : 7 }', b'{"name":"\\ud800"}', b'{"a":1,"a":1e999}']
    memory = InMemory(tmp_path)
    with memory.forwarder() as forwarder:
        receipt = forwarder.submit_many(
            split_array(b"[" + b" ,\n".join(batches) + b"]")
        )

    assert 3 == receipt.record_count
    assert batches == [kept.record.payload for kept in memory.storage.records.values()]


@pytest.mark.parametrize("document", [b"{}", b"[", b"", b"[1,]", b"\xff"])
def test_what_is_no_array_is_refused(document: bytes) -> None:
    """
    A body that is no array is said to be none.
    """
    with pytest.raises(PayloadError, match="not a JSON array"):
        split_array(document)
