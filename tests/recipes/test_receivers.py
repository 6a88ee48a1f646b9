"""
The receivers answer as mParticle's published description of its Events API says.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
from receivers import EXAMPLES, KEY, PATIENCE_SECONDS, SECRET, SERVERS, Answer, Receiver
from walking import lake_tables, places, sizes

from databricks_forwarder import Forwarder
from databricks_forwarder.errors import TransientError
from databricks_forwarder.model import Account
from databricks_forwarder.testing import MemoryForwarder
from databricks_forwarder.testing.faults import Fail
from databricks_forwarder.testing.payloads import make_event, make_payload

# They are in the environment of `nox -s recipes` alone.
for _name in ("fastapi", "flask", "uvicorn", "mparticle", "jsonschema", "yaml"):
    pytest.importorskip(_name)

PUBLISHED = Path(__file__).parents[3] / "shared/reference/mparticle-events.openapi.yaml"
BATCH = make_payload(make_event("screen_view", screen_name="Home"))


@attrs.frozen
class Served:
    """
    A receiver, and what it forwards into.
    """

    receiver: Receiver
    folder: Path


@pytest.fixture(params=SERVERS)
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    """
    Each receiver in turn, with a spool of 10 000 bytes.
    """
    with SERVERS[request.param](partial(opened, tmp_path)) as receiver:
        yield Served(receiver, tmp_path)


def opened(folder: Path, **settings: Any) -> Forwarder:
    """
    Open the forwarder of a receiver.
    """
    settings = {"max_spool_bytes": 10_000} | settings
    return Forwarder.for_lake(folder / "lake", spool=folder / "spool.db", **settings)


def account_of(folder: Path) -> Account:
    """
    The account, as another process sees it.
    """
    with opened(folder) as forwarder:
        return forwarder.status().account


def as_published(path: str, answer: Answer) -> None:
    """
    Check an answer against mParticle's file, if it is there.
    """
    if not PUBLISHED.exists():
        return
    import jsonschema
    import yaml

    document = yaml.safe_load(PUBLISHED.read_text())
    said = document["paths"][f"/{path}"]["post"]["responses"][str(answer.status)]
    for kind, content in said.get("content", {}).items():
        assert answer.headers["content-type"].startswith(kind)
        schema = {**content["schema"], "components": document["components"]}
        jsonschema.validate(json.loads(answer.body), schema)


@pytest.mark.parametrize(
    ("path", "body", "messages"),
    [
        ("events", BATCH, 1),
        ("events", b'{"environment":"production","odd":"\\ud800"}', 1),
        ("bulkevents", b"[" + BATCH + b", " + BATCH + b"]", 2),
        ("bulkevents", b"[]", 0),
    ],
)
def test_what_is_accepted_is_durable(
    served: Served, path: str, body: bytes, messages: int
) -> None:
    """
    With 202 the batches are in the spool.
    """
    answer = served.receiver.post(path, body)

    as_published(path, answer)
    assert (202, b"") == (answer.status, answer.body)
    assert messages == account_of(served.folder).received


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("events", b"", "not JSON"),
        ("events", b"[]", "expected a JSON object"),
        ("events", b'{"events": 7}', "events must be a list or null"),
        ("events", b"\xff", "not UTF-8"),
        ("bulkevents", BATCH, "not a JSON array"),
        ("bulkevents", b"[" + BATCH + b', {"events": 7}]', "payload 1 of this call"),
        ("bulkevents", b"[" + BATCH, "not a JSON array"),
    ],
)
def test_what_is_no_batch_is_refused(
    served: Served, path: str, body: bytes, said: str
) -> None:
    """
    With 400 nothing is stored, and the body says why in mParticle's form.
    """
    answer = served.receiver.post(path, body)

    as_published(path, answer)
    (error,) = json.loads(answer.body)["errors"]
    assert (400, "BAD_REQUEST") == (answer.status, error["code"])
    assert said in error["message"]
    assert 0 == account_of(served.folder).received


@pytest.mark.parametrize("path", ["events", "bulkevents"])
@pytest.mark.parametrize(
    ("sign_in", "status"),
    [(None, 401), (f"{KEY}:wrong", 403), (f"x{KEY}:{SECRET}", 403)],
)
def test_who_is_not_known_is_refused(
    served: Served, path: str, sign_in: str | None, status: int
) -> None:
    """
    Without credentials it is 401, with wrong ones 403, and nothing is stored.
    """
    answer = served.receiver.post(path, BATCH, sign_in=sign_in)

    as_published(path, answer)
    assert status == answer.status
    assert status == 403 or answer.headers["www-authenticate"].startswith("Basic")
    assert SECRET.encode() not in answer.body
    assert 0 == account_of(served.folder).received


@pytest.mark.parametrize("path", ["events", "bulkevents"])
def test_a_full_spool_says_when_to_come_again(served: Served, path: str) -> None:
    """
    With 429 the batch is not stored, and the one who sent it is told to wait.
    """
    filling = b'{"odd":"' + b"x" * 9_900 + b'"}'
    assert 202 == served.receiver.post("events", filling).status

    body = BATCH if path == "events" else b"[" + BATCH + b"]"
    answer = served.receiver.post(path, body)

    as_published(path, answer)
    assert (429, "60") == (answer.status, answer.headers["retry-after"])
    assert 1 == account_of(served.folder).received


def test_a_forwarder_that_fails_is_told_as_unavailable(tmp_path: Path) -> None:
    """
    With 503 the batch is not stored; it is another's turn, or this one's later.
    """
    forwarder = opened(tmp_path)
    with SERVERS["flask"](lambda: forwarder) as receiver:
        forwarder.close()
        answer = receiver.post("events", BATCH)
        readiness = receiver.get("/readyz")

    as_published("events", answer)
    assert (503, "60") == (answer.status, answer.headers["retry-after"])
    assert 503 == readiness


@pytest.mark.parametrize("name", SERVERS)
def test_a_receiver_is_ready_while_the_destination_is_away(name: str) -> None:
    """
    What waits in the spool, and a load that fails, take no receiver from its balancer.
    """
    forwarder = MemoryForwarder()
    forwarder.fail("loader", Fail(method="load", error=TransientError("away")))
    with SERVERS[name](lambda: forwarder) as receiver:
        assert 202 == receiver.post("events", BATCH).status
        with pytest.raises(TransientError):
            forwarder.flush()
        status = forwarder.status()
        answers = receiver.get("/healthz"), receiver.get("/readyz")

    # An open load's messages wait no more, and are pending all the same.
    assert (0, 1) == (status.waiting, status.account.pending)
    assert status.last_error is not None
    assert (200, 200) == answers


@pytest.mark.parametrize("name", SERVERS)
def test_a_receiver_without_room_is_not_ready(name: str, tmp_path: Path) -> None:
    """
    When the spool can't take a request any more it is alive, and not ready.
    """
    most = 256 * 1024 + len(BATCH) - 1
    make = partial(opened, tmp_path, max_spool_bytes=most)
    with SERVERS[name](make, max_spool_bytes=most) as receiver:
        before = receiver.get("/readyz")
        receiver.post("events", BATCH)
        answers = receiver.get("/healthz"), receiver.get("/readyz")

    assert (200, (200, 503)) == (before, answers)


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_request_that_is_too_large_is_refused(
    served: Served, *, is_chunked: bool
) -> None:
    """
    Beyond 256 KB it is 413, whether the length was told before or not.
    """
    body = b'{"odd":"' + b"x" * 256 * 1024 + b'"}'
    parts = [body[first : first + 65_536] for first in range(0, len(body), 65_536)]
    # The receiver may close before all is sent.
    with suppress(ConnectionError):
        answer = served.receiver.post("events", iter(parts) if is_chunked else body)
        assert 413 == answer.status

    assert 0 == account_of(served.folder).received


@pytest.mark.parametrize("name", SERVERS)
def test_a_thousand_batches_of_the_sdk_are_in_the_tables(
    name: str, tmp_path: Path
) -> None:
    """
    What mParticle's own SDK sends, one by one and in bulk, is loaded once each.
    """
    make = partial(opened, tmp_path, max_spool_bytes=None, events_threshold=100)
    with SERVERS[name](make) as receiver:
        client = Path(__file__).with_name("sdk_client.py")
        said = subprocess.run(
            [sys.executable, client, receiver.host, KEY, SECRET, "1000"],
            check=True,
            capture_output=True,
            timeout=PATIENCE_SECONDS * 3,
        ).stdout
    with make() as forwarder:
        forwarder.flush()
        account = forwarder.status().account
        reconciliation = forwarder.reconcile()
    tables = lake_tables(tmp_path / "lake")
    ids = [
        each["source_message_id"]
        for table in tables.values()
        for each in table["data"].to_pylist()
    ]

    assert 2200 == int(said)
    assert Account(received=2200, loaded=2200) == account
    assert [*range(1000)] == sorted({offset for offset, _ in places(tables)})
    assert (2200, 2200) == (len(ids), len({*ids}))
    assert {
        "ecomm_purchase": 200,
        "event_navigation_signedup": 1000,
        "screen_view": 1000,
    } == sizes(tables)
    assert [] == [*reconciliation.differences]


PROGRAMS = ["fastapi_receiver.py", "flask_receiver.py"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_receiver_is_a_program_that_ends_when_it_is_told(
    program: str, tmp_path: Path
) -> None:
    """
    Run as it stands it takes batches, and after SIGTERM it has lost none.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "PYTHONPATH": str(EXAMPLES.parent),
        "RECEIVER_KEY": KEY,
        "RECEIVER_SECRET": SECRET,
        "RECEIVER_PORT": str(port),
    }
    with subprocess.Popen(
        [sys.executable, EXAMPLES / program],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        answer = when_it_listens(partial(Receiver(port).post, "events", BATCH))
        process.send_signal(signal.SIGTERM)
        _, complained = process.communicate(timeout=PATIENCE_SECONDS)

    assert 202 == answer.status
    assert b"Traceback" not in complained
    assert process.returncode in {0, -signal.SIGTERM}
    assert 1 == account_of(tmp_path).received


def when_it_listens(ask: Callable[[], Answer]) -> Answer:
    """
    Ask until there is somebody who answers; the test's own time is the limit.
    """
    while True:
        with suppress(ConnectionRefusedError):
            return ask()
