"""
Read partitions of a Kafka topic, exactly once from there to the tables.

How far each is read is stored with the payloads: kill this at any moment, and run
it again. ``kafka_consumer.py kafka:9092 mparticle-batches 0,1,2,3 lake``
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue

from confluent_kafka import OFFSET_BEGINNING as BEGINNING
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from databricks_forwarder import Forwarder, UploadPolicy
from databricks_forwarder.errors import BatcherFullError, PayloadError

POLICY = UploadPolicy()
SETTINGS = {
    "group.id": "databricks-forwarder",  # must be given; nothing is committed to it
    "enable.auto.commit": False,
    "auto.offset.reset": "error",  # rather than pass over what the topic has lost
}


def hand_in(forwarder: Forwarder, messages: Sequence[Message]) -> None:
    # Of each partition the last position stays: messages come in order.
    read = {f"{m.topic()}-{m.partition()}": str(m.offset() + 1) for m in messages}
    payloads = [m.value() for m in messages if m.value() is not None]
    try:
        forwarder.submit_many(payloads, checkpoint=read)
    except BatcherFullError:
        forwarder.flush()
        hand_in(forwarder, messages)
    except PayloadError as error:
        if len(messages) > 1:
            for message in messages:
                hand_in(forwarder, [message])
        else:
            print(f"passed over, before {read}: {error}", file=sys.stderr)
            forwarder.submit_many([], checkpoint=read)


def read_on(consumer: Consumer, forwarder: Forwarder) -> None:
    messages = consumer.consume(num_messages=500, timeout=0.5)
    for message in messages:
        if message.error():
            raise KafkaException(message.error())
    if messages:
        hand_in(forwarder, messages)
        print(json.dumps(dict(forwarder.checkpoint())), flush=True)
    forwarder.tick()


def main(brokers: str, topic: str, partitions: str, lake: Path) -> None:
    stopping: SimpleQueue[int] = SimpleQueue()
    signal.signal(signal.SIGTERM, lambda number, _: stopping.put(number))
    consumer = Consumer({"bootstrap.servers": brokers, **SETTINGS})
    spool = lake / "_forwarder" / "spool.db"
    with Forwarder.for_lake(lake, spool=spool, policy=POLICY) as forwarder:
        stored = forwarder.checkpoint()
        consumer.assign(
            [
                TopicPartition(
                    topic, int(n), int(stored.get(f"{topic}-{n}", BEGINNING))
                )
                for n in partitions.split(",")
            ]
        )
        while stopping.empty():
            read_on(consumer, forwarder)
        consumer.close()


if __name__ == "__main__":
    main(*sys.argv[1:4], Path(sys.argv[4]))
