"""
Hosts with an event loop that are killed, and hosts that just end.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from spools import asked

ROOT = Path(__file__).parents[2]

# It submits from many tasks, cancels some by chance, and says of each receipt,
# once it has it, which payload is stored where.
HOST = """
import asyncio, os, random, sys
from databricks_forwarder import AsyncForwarder, Forwarder

folder, seed = sys.argv[1], int(sys.argv[2])
chance = random.Random(seed)

def acknowledge(number, receipt):
    os.write(1, b"%d %d\\n" % (number, receipt.offsets.first))

async def client(forwarder, numbers):
    for number in numbers:
        task = asyncio.create_task(forwarder.submit(b'{"batch_id":"%d"}' % number))
        if chance.random() < 0.2:
            for _ in range(chance.randrange(6)):
                await asyncio.sleep(0)
            task.cancel()
        try:
            acknowledge(number, await task)
        except asyncio.CancelledError:
            pass

async def main():
    async with await AsyncForwarder.open(
        Forwarder.for_lake, f"{folder}/lake", spool=f"{folder}/spool.db"
    ) as forwarder:
        clients = [
            client(forwarder, range(first, 10**9, 40)) for first in range(40)
        ]
        await asyncio.gather(*clients)

asyncio.run(main())
"""


# A load that never ends; the host has an end all the same.
HANGING = """
import asyncio, threading
from databricks_forwarder import AsyncForwarder, Forwarder
from databricks_forwarder.batchers.memory import MemoryBatcher
from databricks_forwarder.loaders.memory import MemoryLoader
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.stagers.memory import MemoryStager

reached = threading.Event()

class Hanging(MemoryLoader):
    def load(self, *_):
        reached.set()
        threading.Event().wait()

stager = MemoryStager()
forwarder = AsyncForwarder(
    Forwarder(
        router=FunctionRouter(lambda _: "t"),
        batcher=MemoryBatcher(),
        stager=stager,
        loader=Hanging(stager.files),
    )
)

async def main():
    await forwarder.submit("{}")
    flushing = asyncio.create_task(forwarder.flush())
    await asyncio.to_thread(reached.wait)

asyncio.run(main())
print("the loop is over", flush=True)
"""


def command(program: str, *arguments: object) -> list[str]:
    """
    Run *program* as a process.
    """
    return [sys.executable, "-c", program, *map(str, arguments)]


def environment() -> dict[str, str]:
    """
    Where the package is.
    """
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize("seed", range(4))
def test_what_was_acknowledged_is_in_the_spool_after_a_kill(
    tmp_path: Path, seed: int
) -> None:
    """
    Each receipt that a task had is kept, cancelled neighbours and a kill or not.

    No payload is there twice.
    """
    chance = random.Random(seed)
    with subprocess.Popen(
        command(HOST, tmp_path, seed), env=environment(), stdout=subprocess.PIPE
    ) as host:
        assert host.stdout is not None
        lines = [host.stdout.readline() for _ in range(chance.randrange(1, 2000))]
        host.send_signal(signal.SIGKILL)
        lines += host.stdout.readlines()
    acknowledged = [line.split() for line in lines if line.endswith(b"\n")]
    kept = dict(
        asked(tmp_path / "spool.db", "SELECT offset, payload FROM records ORDER BY 1")
    )

    assert -signal.SIGKILL == host.returncode
    for number, offset in acknowledged:
        assert b'{"batch_id":"%s"}' % number == kept[int(offset)]
    assert [*range(len(kept))] == [*kept]
    assert len(set(kept.values())) == len(kept)


def test_a_load_that_hangs_holds_up_neither_loop_nor_process() -> None:
    """
    A loop ends at once, and the process soon, though a flush is in its thread.
    """
    ended = subprocess.run(
        command(HANGING),
        env=environment(),
        timeout=60,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "the loop is over\n") == (ended.returncode, ended.stdout)
    assert "" == ended.stderr
