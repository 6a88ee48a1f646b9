"""
Raw SQLite: payloads committed durably, so many in a transaction.

``python sqlite_append.py GROUP SOURCE COUNT FOLDER`` prints a line of JSON. A
hundred payloads in another database before are not counted.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from pathlib import Path


def main() -> None:
    """
    Append twice, and print the figures of the second time.
    """
    group, source, count, folder = sys.argv[1:]
    payloads = Path(source).read_bytes().splitlines()[: int(count)]
    for name, some in (("warm", payloads[:100]), ("all", payloads)):
        seconds = _appended(Path(folder) / f"{name}.db", some, int(group))
    print(
        json.dumps(
            {
                "seconds": seconds,
                "payloads": len(payloads),
                "versions": {"SQLite": sqlite3.sqlite_version},
            }
        )
    )


def _appended(path: Path, payloads: list[bytes], group: int) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE log (offset INTEGER PRIMARY KEY, payload BLOB)")
    insert = "INSERT INTO log (payload) VALUES (?)"
    begin = time.perf_counter()
    if group == 1:
        for payload in payloads:
            connection.execute(insert, (payload,))
    else:
        for first in range(0, len(payloads), group):
            rows = [(payload,) for payload in payloads[first : first + group]]
            connection.execute("BEGIN")
            connection.executemany(insert, rows)
            connection.execute("COMMIT")
    seconds = time.perf_counter() - begin
    connection.close()
    return seconds


if __name__ == "__main__":
    main()
