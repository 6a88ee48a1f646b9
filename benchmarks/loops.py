"""
What an event loop feels of submits that its tasks make at once.

Beside `AsyncForwarder` stands the plain way, ``asyncio.to_thread(forwarder.submit)``
for each, in the threads of the loop's own pool. A task that only sleeps tells the
longest pause: how late it wakes. Both store into a durable spool on the same disk.

What was imported and set up is kept from the garbage collector (``gc.freeze``), as
in a server that minds its pauses: a collection that looks all of it through stops
the loop for 16 ms, whoever it is that makes objects.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks._figures import Outcome, figure
from benchmarks._hosts import lines, to_lake
from benchmarks._inputs import clean
from benchmarks._running import Bench, in_rounds
from databricks_forwarder import AsyncForwarder, Forwarder

__all__ = ["felt", "measure"]

_REST_SECONDS = 0.001
_BURSTS = 5

# A little below what `submit` takes.
_LARGE_BYTES = 8_000_000

Submit = Callable[[bytes], Awaitable[object]]


def measure(bench: Bench) -> Outcome:
    """
    Measure both ways, each in a process of its own.
    """
    source = clean(bench, bench.size(20_000, 100))
    count = bench.size(1000, 50)

    def run(way: str) -> dict[str, Any]:
        place = bench.place()
        return bench.ours(felt, way=way, source=source.path, count=count, folder=place)

    ways = [partial(run, way) for way in ("shared", "threads")]
    rounds = in_rounds(bench.rounds(3), *ways)
    return Outcome(
        [
            figure(
                row,
                [(ours[what], other[what]) for ours, other in rounds],
                events=[came["payloads"] for came in rounds[0]],
            )
            for row, what in (
                ("loop.pause", "pause"),
                ("loop.large", "large"),
                ("loop.rate", "rate"),
            )
        ]
    )


def felt(way: str, source: str, count: int, folder: str) -> dict[str, Any]:
    """
    The host, in a process of its own.
    """
    payloads = list(islice(lines(Path(source)), count))
    return asyncio.run(_felt(way, payloads, Path(folder)))


async def _felt(way: str, payloads: Sequence[bytes], folder: Path) -> dict[str, Any]:
    async with await AsyncForwarder.open(to_lake, folder) as forwarder:
        submit: Submit = forwarder.submit
        if way == "threads":
            submit = partial(_in_pool, forwarder.forwarder)
        large = _large(payloads[0])
        # Threads are started, and the spool's file has grown.
        await _burst(submit, [*payloads[:100], large])
        gc.collect()
        gc.freeze()
        bursts = [await _burst(submit, payloads) for _ in range(_BURSTS)]
        alone = [await _burst(submit, [large]) for _ in range(_BURSTS)]
    return {
        "payloads": len(payloads),
        "pause": max(pause for pause, _ in bursts) * 1000,
        "large": max(pause for pause, _ in alone) * 1000,
        "rate": len(payloads) * _BURSTS / sum(seconds for _, seconds in bursts),
    }


async def _in_pool(forwarder: Forwarder, payload: bytes) -> object:
    return await asyncio.to_thread(forwarder.submit, payload)


def _large(payload: bytes) -> bytes:
    """
    The same batch with as many more user attributes as fit.
    """
    attributes = b",".join(
        b'"attribute %d":"%s"' % (number, b"x" * 90)
        for number in range(_LARGE_BYTES // 115)
    )
    return payload.removesuffix(b"}") + b',"user_attributes":{' + attributes + b"}}"


async def _burst(submit: Submit, payloads: Sequence[bytes]) -> tuple[float, float]:
    """
    Submit all at once: the loop's longest pause meanwhile, and how long it took.
    """
    late: list[float] = []

    async def watch() -> None:
        while True:
            begin = time.perf_counter()
            await asyncio.sleep(_REST_SECONDS)
            late.append(time.perf_counter() - begin - _REST_SECONDS)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(10 * _REST_SECONDS)
    begin = time.perf_counter()
    await asyncio.gather(*map(submit, payloads))
    seconds = time.perf_counter() - begin
    # It wakes once more, to tell of a pause at the end.
    await asyncio.sleep(2 * _REST_SECONDS)
    watching.cancel()
    return max(late), seconds
