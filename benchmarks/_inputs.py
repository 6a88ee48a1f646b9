"""
The input that all contenders of a measurement see: a file of payloads, one a line.

Beside each lies ``<name>.few``, its first lines, for the run that warms a process.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks._running import Bench
from databricks_forwarder.testing.workload import workload

__all__ = ["Input", "clean", "columns", "odd"]

_FEW = 200


class Input:
    """
    A file of payloads.
    """

    def __init__(self, path: Path, payloads: Iterable[bytes]) -> None:
        self.path = path
        self.few = path.with_suffix(".few")
        with path.open("wb") as file:
            file.writelines(payload + b"\n" for payload in payloads)
        with path.open("rb") as file:
            self.few.write_bytes(b"".join(islice(file, _FEW)))


def clean(bench: Bench, batches: int, *, names: int = 60) -> Input:
    """
    The workload: five events a batch on average, *names* custom event names.
    """

    def make() -> Input:
        path = bench.folder / f"clean-{batches}-{names}.ndjson"
        return Input(path, workload(batches, event_name_count=names))

    made: Input = bench.once(f"clean {batches} {names}", make)
    return made


def odd(bench: Bench, batches: int, *, one_in: int) -> Input:
    """
    The workload, but that one batch in so many has unknown keys or odd values.
    """

    def make() -> Input:
        source = clean(bench, batches).path
        path = bench.folder / f"odd-{batches}-{one_in}.ndjson"
        return Input(path, _odd(source, one_in))

    made: Input = bench.once(f"odd {batches} {one_in}", make)
    return made


def _odd(source: Path, one_in: int) -> Iterator[bytes]:
    with source.open("rb") as file:
        for number, line in enumerate(file):
            if number % one_in:
                yield line.rstrip(b"\n")
                continue
            batch = json.loads(line)
            # Unknown keys, mistyped values, and both, in turn.
            if number // one_in % 3 != 1:
                _add_unknown(batch)
            if number // one_in % 3 != 0:
                _mistype(batch)
            yield json.dumps(batch, ensure_ascii=False, separators=(",", ":")).encode()


def _add_unknown(batch: dict[str, Any]) -> None:
    batch["loyalty"] = {"tier": "gold", "points": 1200}
    batch["device_info"]["fold_state"] = "open"
    batch["events"][0]["data"]["ab_bucket"] = 7


def _mistype(batch: dict[str, Any]) -> None:
    batch["device_info"]["screen_height"] = "tall"
    batch["device_info"]["is_tablet"] = {"maybe": True}
    batch["events"][0]["data"]["event_num"] = [1, 2]


def columns(bench: Bench) -> Path:
    """
    The columns of a row with their types in DuckDB's words, as a file.

    Those that a payload says of the batch, and ``events``, a list of structs; the
    order is that of the library's own table of all event types.
    """

    def make() -> Path:
        path = bench.folder / "columns.json"
        path.write_text(json.dumps(_columns()), encoding="utf-8")
        return path

    made: Path = bench.once("columns", make)
    return made


def _columns() -> dict[str, str]:
    from databricks_forwarder._table_columns import OWN_COLUMNS, schema_of

    own = {name for name, _, _ in OWN_COLUMNS} | {"_rescued_data", "data", "event_type"}
    schema = schema_of(None)
    typed = {
        field.name: _type_of(field.type) for field in schema if field.name not in own
    }
    # A column of DuckDB's has one form of identities only: the workload's.
    typed["user_identities"] = "MAP(VARCHAR, VARCHAR)"
    data = _type_of(schema.field("data").type)
    return {**typed, "events": f"STRUCT(event_type VARCHAR, data {data})[]"}


def _type_of(type_: Any) -> str:
    import pyarrow as pa

    if pa.types.is_struct(type_):
        fields = ", ".join(f'"{field.name}" {_type_of(field.type)}' for field in type_)
        return f"STRUCT({fields})"
    if pa.types.is_map(type_):
        return f"MAP(VARCHAR, {_type_of(type_.item_type)})"
    if pa.types.is_list(type_):
        return f"{_type_of(type_.value_type)}[]"
    names = {
        "string": "VARCHAR",
        "int64": "BIGINT",
        "double": "DOUBLE",
        "bool": "BOOLEAN",
    }
    return names[str(type_)]
