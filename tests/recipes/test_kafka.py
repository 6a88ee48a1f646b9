"""
A Kafka topic is in the tables once, however often its consumer is killed.
"""

from __future__ import annotations

import json
import os
import random
import runpy
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
from patience import PATIENCE_SECONDS
from walking import event_ids, lake_tables

from databricks_forwarder import Forwarder
from databricks_forwarder.errors import BatcherFullError
from databricks_forwarder.model import Account
from databricks_forwarder.testing.payloads import make_event, make_payload

confluent_kafka = pytest.importorskip("confluent_kafka")

EXAMPLE = Path(__file__).parents[2] / "examples" / "kafka_consumer.py"
TOPIC, PARTITIONS = "batches", 4
LIVES, SHARE = 7, 400
COUNT = LIVES * SHARE

# The example with loads that are due often; it dies when the spool has been asked for
# something so many times.
DRIVER = """
import os, runpy, signal, sys
from pathlib import Path
from databricks_forwarder import UploadPolicy
from databricks_forwarder.batchers._sqlite_session import Session

left = [int(sys.argv[6])]

def counted(*args, inner=Session._transaction):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return inner(*args)

Session._transaction = counted
main = runpy.run_path(sys.argv[1])["main"]
main.__globals__["POLICY"] = UploadPolicy(max_messages=300)
main(*sys.argv[2:5], Path(sys.argv[5]))
"""


@attrs.frozen
class Topic:
    """
    A broker of librdkafka's own in this process, for as long as the producer lives.
    """

    producer: Any
    address: str

    def send(self, number: int, value: bytes | None) -> None:
        """
        Put a message into the partition of its number.
        """
        self.producer.produce(TOPIC, value, partition=number % PARTITIONS)

    def consumer(self, lake: Path, *, dies_at: int = 0) -> subprocess.Popen[str]:
        """
        Start the example as a process.
        """
        told = ",".join(map(str, range(PARTITIONS)))
        command = [sys.executable, "-c", DRIVER, str(EXAMPLE), self.address, TOPIC]
        return subprocess.Popen(
            [*command, told, str(lake), str(dies_at)],
            env={**os.environ, "PYTHONPATH": str(EXAMPLE.parents[1])},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def topic() -> Iterator[Topic]:
    """
    An empty topic.
    """
    settings = {"bootstrap.servers": "mock", "test.mock.num.brokers": 1}
    # It tells on standard error that it is a mock.
    producer = confluent_kafka.Producer({**settings, "log_level": 0})
    (broker,) = producer.list_topics(timeout=PATIENCE_SECONDS).brokers.values()
    yield Topic(producer, f"{broker.host}:{broker.port}")
    producer.flush(PATIENCE_SECONDS)


def read_until(consumer: subprocess.Popen[str], positions: dict[str, str]) -> None:
    """
    Read what the consumer says until it says *positions*.
    """
    assert consumer.stdout is not None
    assert any(json.loads(line) == positions for line in consumer.stdout)


def positions_of(*counts: int) -> dict[str, str]:
    """
    The positions behind so many messages of each partition.
    """
    return {f"{TOPIC}-{number}": str(count) for number, count in enumerate(counts)}


@pytest.mark.parametrize("seed", [20261126, 20261127])
def test_a_topic_is_in_the_tables_once_however_often_its_consumer_is_killed(
    topic: Topic, tmp_path: Path, seed: int
) -> None:
    """
    A consumer that goes on from its checkpoint loses nothing and repeats nothing.
    """
    lake = tmp_path / "lake"
    chance = random.Random(seed)
    codes = []
    for life in range(LIVES):
        for number in range(life * SHARE, (life + 1) * SHARE):
            topic.send(number, make_payload(make_event(event_id=number)))
        topic.producer.flush(PATIENCE_SECONDS)
        is_last = life == LIVES - 1
        with topic.consumer(lake, dies_at=0 if is_last else drawn(chance)) as consumer:
            if is_last:
                read_until(consumer, positions_of(*[COUNT // PARTITIONS] * PARTITIONS))
                consumer.send_signal(signal.SIGTERM)
            _, complained = consumer.communicate(timeout=60)
        codes.append(consumer.returncode)

    assert "" == complained
    assert [-signal.SIGKILL] * (LIVES - 1) + [0] == codes
    with Forwarder.for_lake(lake, spool=lake / "_forwarder" / "spool.db") as forwarder:
        forwarder.flush()
        assert Account(received=COUNT, loaded=COUNT) == forwarder.status().account
    assert Counter(dict.fromkeys(range(COUNT), 1)) == event_ids(lake_tables(lake))


def drawn(chance: random.Random) -> int:
    """
    Draw after how many transactions a consumer dies; each tick makes some.
    """
    return chance.randrange(3, 30)


def test_what_is_no_batch_does_not_stop_its_partition(
    topic: Topic, tmp_path: Path
) -> None:
    """
    A message that can never be forwarded is told and passed over, an empty one too.
    """
    lake = tmp_path / "lake"
    for value in (b"{}", b"no batch", None, b"{}", b"{}"):
        topic.send(0, value)
    topic.producer.flush(PATIENCE_SECONDS)
    with topic.consumer(lake) as consumer:
        read_until(consumer, positions_of(5))
        consumer.send_signal(signal.SIGTERM)
        _, complained = consumer.communicate(timeout=PATIENCE_SECONDS)

    assert 1 == complained.count("passed over, before {'batches-0': '2'}")
    assert "no batch" not in complained
    with Forwarder.for_lake(lake, spool=lake / "_forwarder" / "spool.db") as forwarder:
        assert 3 == forwarder.status().account.received


def test_a_full_spool_is_emptied_and_nothing_is_passed_over(
    topic: Topic, tmp_path: Path
) -> None:
    """
    When there is no room, a load makes some, and the same messages are handed in.
    """
    for number in range(3):
        topic.send(0, b'{"batch_id":%d}' % number)
    topic.producer.flush(PATIENCE_SECONDS)
    settings = {"bootstrap.servers": topic.address, "group.id": "test"}
    consumer = confluent_kafka.Consumer(settings)
    consumer.assign([confluent_kafka.TopicPartition(TOPIC, 0, 0)])
    messages = [consumer.poll(20) for _ in range(3)]
    consumer.close()
    hand_in = runpy.run_path(str(EXAMPLE))["hand_in"]
    make = partial(Forwarder.for_lake, tmp_path / "lake", spool=tmp_path / "s.db")
    with make(max_spool_bytes=40) as forwarder:
        hand_in(forwarder, messages[:2])
        with pytest.raises(BatcherFullError):
            forwarder.submit(messages[2].value())
        hand_in(forwarder, messages[2:])

        assert {"batches-0": "3"} == forwarder.checkpoint()
        assert (2, 1) == (
            forwarder.status().account.loaded,
            forwarder.status().account.pending,
        )
