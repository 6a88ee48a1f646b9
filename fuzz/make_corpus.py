"""
The corpus from which the fuzzer starts: small inputs of each kind, ours.

``python fuzz/make_corpus.py`` writes them anew; findings are kept beside them.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

from databricks.sql.thrift_api.TCLIService import TCLIService, ttypes
from fuzz_properties import OPERATION, SESSION
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TMessageType
from thrift.transport.TTransport import TMemoryBuffer

import databricks_forwarder.testing
from databricks_forwarder.mparticle.batch import EVENT_TYPES
from databricks_forwarder.testing.payloads import make_event, make_payload

CORPUS = Path(__file__).parent / "corpus"
ODD = Path(databricks_forwarder.testing.__file__).parent / "samples" / "odd"

STATEMENTS = (
    "SELECT 1",
    "SELECT a, count(*) FROM main.mparticle.t WHERE a > 1 GROUP BY a ORDER BY 1",
    "SELECT data.x.y, explode(l) FROM t LATERAL VIEW explode(m) v",
    "SHOW TABLES IN main.mparticle",
    "SHOW GRANTS ON SCHEMA main.mparticle",
    "DESCRIBE TABLE EXTENDED `t`",
    "CREATE TABLE IF NOT EXISTS `main`.`mparticle`.`t` (`a` BIGINT COMMENT 'it''s',"
    " `s` STRUCT<`x`: STRING, `l`: ARRAY<DOUBLE>>, `m` MAP<STRING, STRING>)"
    " USING DELTA CLUSTER BY (`a`) COMMENT 'rows'",
    "CREATE VOLUME IF NOT EXISTS main.mparticle.files",
    "ALTER TABLE t ADD COLUMNS (`b` STRING, s.z INT COMMENT 'new')",
    "ALTER TABLE t SET TBLPROPERTIES ('a' = 'b')",
    "COMMENT ON TABLE t IS 'x'",
    "/* load 0123456789ab-0-9 */ COPY INTO main.mparticle.t FROM"
    " '/Volumes/main/mparticle/files/a' FILEFORMAT = PARQUET FILES = ('x.parquet')"
    " FORMAT_OPTIONS ('mergeSchema' = 'true') COPY_OPTIONS ('force' = 'false')",
    "INSERT INTO t VALUES (1, named_struct('x', 'y'), map('k', 'v'))",
    "DELETE FROM t WHERE a = 1",
    "DROP TABLE IF EXISTS t",
    "GRANT SELECT ON TABLE t TO `someone`",
    "REVOKE ALL PRIVILEGES ON SCHEMA main.mparticle FROM `someone`",
    "USE CATALOG main",
    "PUT 'a' INTO '/Volumes/main/mparticle/files/a' OVERWRITE",
    "GET '/Volumes/main/mparticle/files/a' TO 'a'",
    "REMOVE '/Volumes/main/mparticle/files/a'",
    "LIST '/Volumes/main/mparticle/files'",
    "VALUES (1, 'a'), (2, NULL)",
    "WITH a AS (SELECT 1 AS x) SELECT * FROM a -- remark",
    "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE",
)
REQUESTS = (
    "GET /.well-known/databricks-config HTTP/1.1\r\nHost: x\r\n\r\n",
    "POST /oidc/v1/token HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YTpi\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 29\r\n\r\n"
    "grant_type=client_credentials",
    "PUT /api/2.0/fs/files/Volumes/main/mparticle/f/a?overwrite=true HTTP/1.1\r\n"
    "Host: x\r\nContent-Length: 3\r\n\r\nabc",
    "PUT /api/2.0/fs/files/Volumes/main/mparticle/f/a HTTP/1.1\r\nHost: x\r\n"
    "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "GET /api/2.0/fs/files/Volumes/main/mparticle/f/a HTTP/1.1\r\nHost: x\r\n"
    "Range: bytes=0-1\r\n\r\nHEAD /api/2.0/fs/files/Volumes/x HTTP/1.1\r\n\r\n",
    "GET /api/2.0/fs/directories/Volumes/main/mparticle/f?page_size=2 HTTP/1.1\r\n\r\n",
    "PUT /api/2.0/fs/directories/Volumes/main/mparticle/f/d HTTP/1.1\r\n\r\n",
    "DELETE /api/2.0/fs/files/Volumes/main/mparticle/f/%61 HTTP/1.1\r\n\r\n",
    "GET /api/2.0/sql/warehouses/1f2e3d4c5b6a7980 HTTP/1.1\r\n"
    "Connection: close\r\n\r\n",
    "POST /api/2.0/sql/statements HTTP/1.1\r\nHost: x\r\nContent-Length: 62\r\n\r\n"
    '{"statement": "SELECT 1", "warehouse_id": "1f2e3d4c5b6a7980"}\n',
    "GET /api/2.0/sql/statements/0 HTTP/1.1\r\n\r\n",
    "POST /api/2.0/sql/statements/0/cancel HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "POST /telemetry-ext HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
    "\r\nGET http://x/ HTTP/1.0\r\n\r\n",
)


def batches() -> Iterator[bytes]:
    """
    Make a batch of each event type, and odd ones.
    """
    for event_type in EVENT_TYPES:
        yield make_payload(make_event(event_type))
    for path in sorted(ODD.iterdir()):
        document = path.read_bytes()
        if len(document) <= 4096:
            yield document
    yield b'{"events":[{"event_type":"commerce_event","data":{"product_action":{'
    yield b'{"user_identities":[{"identity_type":"email","identity":1}]}'
    yield b'{"user_identities":{"customerid":"a","customer_id":"b"},"x":{"x":1,"x":2}}'


def files() -> Iterator[bytes]:
    """
    Make sources of each form.
    """
    lines = b'{"events":[]}\n{"a":1}\n'
    yield lines
    yield b"\xef\xbb\xbf" + lines
    yield b'[{"events":[]}, {"a": [1, "]"]}]'
    yield b'{\n "events": []\n}\n'
    yield gzip.compress(lines, mtime=0)
    yield gzip.compress(b"[{}, {}]", mtime=0)[:-3]
    yield b"not json\n{}\n\n\r\n"


def calls() -> Iterator[bytes]:
    """
    Make a message of each call of the Thrift service.
    """
    handle = ttypes.TSessionHandle(
        sessionId=ttypes.THandleIdentifier(guid=SESSION.bytes, secret=b"1" * 16)
    )
    operation = ttypes.TOperationHandle(
        operationId=ttypes.THandleIdentifier(guid=OPERATION.bytes, secret=b"1" * 16),
        operationType=ttypes.TOperationType.EXECUTE_STATEMENT,
        hasResultSet=True,
    )
    for name in dir(TCLIService.Iface):
        kind = getattr(ttypes, f"T{name}Req", None)
        if name.startswith("_") or kind is None:
            continue
        request = kind()
        if hasattr(request, "sessionHandle"):
            request.sessionHandle = handle
        if hasattr(request, "operationHandle"):
            request.operationHandle = operation
        if hasattr(request, "getDirectResults"):
            request.getDirectResults = ttypes.TSparkGetDirectResults(maxRows=2)
        if hasattr(request, "statement"):
            request.statement = "SELECT 1"
        yield _message(name, request)


def _message(name: str, request: object) -> bytes:
    buffer = TMemoryBuffer()
    outgoing = TBinaryProtocol(buffer)
    outgoing.writeMessageBegin(name, TMessageType.CALL, 1)
    getattr(TCLIService, f"{name}_args")(req=request).write(outgoing)
    outgoing.writeMessageEnd()
    message: bytes = buffer.getvalue()
    return message


def main() -> None:
    """
    Write all of it.
    """
    seeds = {
        "door": batches(),
        "decoding": batches(),
        "sources": files(),
        "statements": (sql.encode() for sql in STATEMENTS),
        "requests": (request.encode() for request in REQUESTS),
        "thrift": calls(),
    }
    for entry, documents in seeds.items():
        folder = CORPUS / entry
        folder.mkdir(parents=True, exist_ok=True)
        for number, document in enumerate(documents):
            (folder / f"seed-{number:02}").write_bytes(document)


if __name__ == "__main__":
    main()
