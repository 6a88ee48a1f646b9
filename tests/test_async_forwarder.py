"""
The front door for event loops.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from patience import PATIENCE_SECONDS
from walking import InMemory, batch, custom

from databricks_forwarder import AsyncForwarder, Forwarder, UploadPolicy
from databricks_forwarder.batchers.memory import MemoryBatcher
from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.errors import (
    BatcherClosedError,
    BatcherError,
    BatcherFullError,
    ConfigurationError,
    PayloadError,
    TransientError,
)
from databricks_forwarder.loaders.memory import MemoryLoader
from databricks_forwarder.model import Account, Offset, OffsetRange, Receipt
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.stagers.memory import MemoryStager
from databricks_forwarder.testing._wrapping import wrapped
from databricks_forwarder.testing.faults import Fail, faulty

_T = TypeVar("_T")


class Gate:
    """
    Holds calls of one method up until it is opened, and counts them all.

    Args:
        method: Which.
        is_open: Whether calls pass at once.
    """

    def __init__(self, method: str, *, is_open: bool = False) -> None:
        self._method = method
        self._open = threading.Event()
        self.reached = threading.Event()
        self.counts: Counter[str] = Counter()
        if is_open:
            self._open.set()

    def open(self) -> None:
        """
        Let all pass from now on.
        """
        self._open.set()

    def before(self, part: Any) -> Any:
        """
        Wrap *part*.
        """

        def around(
            name: str,
            method: Callable[..., Any],
            args: Sequence[Any],
            kwargs: Mapping[str, Any],
        ) -> Any:
            self.counts[name] += 1
            if name == self._method:
                self.reached.set()
                assert self._open.wait(PATIENCE_SECONDS)
            return method(*args, **kwargs)

        return wrapped(part, around)

    async def is_reached(self) -> None:
        """
        Wait until a call is held up.
        """
        assert await asyncio.to_thread(self.reached.wait, PATIENCE_SECONDS)


def run(main: Coroutine[Any, Any, _T]) -> _T:
    """
    Run *main* in a loop of its own, for no longer than it may take.
    """
    return asyncio.run(asyncio.wait_for(main, PATIENCE_SECONDS))


def over(batcher: Any, loader: Any = None, **options: Any) -> AsyncForwarder:
    """
    Stand before a forwarder with *batcher* and a destination in memory.
    """
    stager = MemoryStager()
    forwarder = Forwarder(
        router=FunctionRouter(lambda _: "t"),
        batcher=batcher,
        stager=stager,
        loader=loader or MemoryLoader(stager.files),
    )
    return AsyncForwarder(forwarder, **options)


def numbered(number: int) -> bytes:
    """
    A payload that tells its number.
    """
    return b'{"batch_id":"%d"}' % number


def stored(batcher: Any) -> dict[int, bytes]:
    """
    The payloads that a batcher in memory keeps, by offset.
    """
    records = batcher._storage.records
    return {offset: kept.record.payload for offset, kept in records.items()}


def side_threads() -> set[threading.Thread]:
    """
    The threads of all event loops' calls, now.
    """
    return {
        thread
        for thread in threading.enumerate()
        if thread.name == "databricks-forwarder-async"
    }


def one(offset: int) -> OffsetRange:
    """
    The range of a single offset.
    """
    return OffsetRange(Offset(offset), Offset(offset))


async def ready() -> None:
    """
    Let all tasks that are ready take their next step.
    """
    await asyncio.sleep(0)


# -- handing in -------------------------------------------------------------


def test_a_thousand_submits_at_once_share_transactions(tmp_path: Path) -> None:
    """
    Submits that run side by side make few durable writes, each with its offset.
    """
    gate = Gate("append", is_open=True)
    batcher = SqliteBatcher(tmp_path / "spool.db")

    async def main() -> list[Receipt]:
        async with over(gate.before(batcher)) as forwarder:
            return await asyncio.gather(
                *(forwarder.submit(numbered(number)) for number in range(1000))
            )

    receipts = run(main())

    assert gate.counts["append"] <= 50
    assert [one(number) for number in range(1000)] == [
        receipt.offsets for receipt in receipts
    ]


def test_a_thousand_clients_share_transactions(tmp_path: Path) -> None:
    """
    Clients that each submit one after another end up in common writes, too.
    """
    gate = Gate("append", is_open=True)
    batcher = SqliteBatcher(tmp_path / "spool.db")

    async def main() -> list[Receipt]:
        async with over(gate.before(batcher)) as forwarder:

            async def client() -> list[Receipt]:
                return [await forwarder.submit(b"{}") for _ in range(10)]

            came = await asyncio.gather(*(client() for _ in range(100)))
            return [receipt for receipts in came for receipt in receipts]

    receipts = run(main())

    assert gate.counts["append"] <= 50
    assert {one(offset) for offset in range(1000)} == {
        receipt.offsets for receipt in receipts
    }


def test_each_submit_has_its_own_fate() -> None:
    """
    A bad payload among good ones fails in its own call alone.
    """
    batcher = MemoryBatcher()

    async def main() -> list[Any]:
        async with over(batcher) as forwarder:
            return await asyncio.gather(
                forwarder.submit(batch(custom("A"), custom("B"))),
                forwarder.submit(b"7"),
                forwarder.submit_many([{}, b"["]),
                forwarder.submit_many(["{}", "{}"], checkpoint={"a": "1"}),
                return_exceptions=True,
            )

    first, bad, nth, last = run(main())

    assert (one(0), 2) == (first.offsets, first.message_count)
    assert isinstance(bad, PayloadError)
    assert "payload 1 of this call" in str(nth)
    assert OffsetRange(Offset(1), Offset(2)) == last.offsets
    assert {"a": "1"} == batcher._storage.checkpoint


def test_payloads_are_stored_in_the_order_of_the_calls() -> None:
    """
    Whatever waits for a write goes into the next one in its order.
    """
    batcher = MemoryBatcher()
    gate = Gate("append")

    async def main() -> None:
        async with over(gate.before(batcher)) as forwarder:
            first = asyncio.create_task(forwarder.submit(numbered(0)))
            await gate.is_reached()
            others = [
                asyncio.create_task(forwarder.submit(numbered(number)))
                for number in range(1, 20)
            ]
            await ready()
            gate.open()
            await asyncio.gather(first, *others)

    run(main())

    assert {number: numbered(number) for number in range(20)} == stored(batcher)
    assert 2 == gate.counts["append"]


def test_a_write_takes_no_more_than_its_share() -> None:
    """
    Very many records, or bytes, go in several writes, and one that is large alone.
    """
    gate = Gate("append", is_open=True)
    large = b'{"a":"' + b"x" * (5 * 2**20) + b'"}'

    async def main() -> None:
        async with over(gate.before(MemoryBatcher())) as forwarder:
            await asyncio.gather(*(forwarder.submit("{}") for _ in range(2500)))
            assert 3 == gate.counts["append"]
            await asyncio.gather(*(forwarder.submit(large) for _ in range(3)))

    run(main())

    assert 6 == gate.counts["append"]


def test_what_waits_is_bounded() -> None:
    """
    Beyond the limit a call is refused at once, and nothing of it is stored.
    """
    batcher = MemoryBatcher()
    gate = Gate("append")

    async def main() -> list[Any]:
        forwarder = over(
            gate.before(batcher), max_waiting_bytes=10, max_waiting_records=3
        )
        async with forwarder:
            waiting = asyncio.create_task(forwarder.submit(b"{     }"))
            await gate.is_reached()
            too_many_bytes = asyncio.create_task(forwarder.submit("{   }"))
            too_many = asyncio.create_task(forwarder.submit_many([{}, {}, {}]))
            fits = asyncio.create_task(forwarder.submit("{}"))
            await ready()
            assert too_many.done()
            assert too_many_bytes.done()
            gate.open()
            return await asyncio.gather(
                waiting, too_many_bytes, too_many, fits, return_exceptions=True
            )

    waiting, too_many_bytes, too_many, fits = run(main())

    assert [BatcherFullError] * 2 == [type(too_many_bytes), type(too_many)]
    assert "1 payloads of 7 bytes wait" in str(too_many)
    assert [one(0), one(1)] == [waiting.offsets, fits.offsets]


def test_what_comes_alone_is_the_batchers_to_refuse() -> None:
    """
    A limit on what waits refuses no payload when nothing waits.
    """

    async def main() -> Receipt:
        async with over(MemoryBatcher(), max_waiting_bytes=1) as forwarder:
            await forwarder.submit("{}")
            return await forwarder.submit("{     }")

    assert one(1) == run(main()).offsets


@pytest.mark.parametrize("name", ["max_waiting_bytes", "max_waiting_records"])
def test_a_limit_of_nothing_is_refused(name: str) -> None:
    """
    A limit below one is a mistake in the settings.
    """
    with pytest.raises(ConfigurationError, match="at least 1"):
        over(MemoryBatcher(), **{name: 0})


def test_a_full_batcher_takes_what_fits() -> None:
    """
    Of calls that share a write only those are refused for which there is no room.
    """

    async def main() -> list[Any]:
        async with over(MemoryBatcher(max_spool_bytes=5)) as forwarder:
            return await asyncio.gather(
                *(forwarder.submit("{}") for _ in range(3)), return_exceptions=True
            )

    first, second, third = run(main())

    assert [one(0), one(1)] == [first.offsets, second.offsets]
    assert isinstance(third, BatcherFullError)


def test_a_write_that_is_broken_off_is_told_to_all_of_it() -> None:
    """
    Each caller learns that nothing is known of it, and the next write works.
    """
    batcher = faulty(MemoryBatcher(), Fail(method="append", error=SystemExit))

    async def main() -> list[Any]:
        async with over(batcher) as forwarder:
            together = [forwarder.submit("{}") for _ in range(2)]
            broken = await asyncio.gather(*together, return_exceptions=True)
            return [*broken, await forwarder.submit("{}")]

    first, second, after = run(main())

    assert [BatcherError] * 2 == [type(first), type(second)]
    assert first is not second
    assert "broken off (SystemExit)" in str(first)
    assert one(0) == after.offsets


def test_without_a_thread_nothing_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where no thread can begin, a call raises what the system says.
    """

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    batcher = MemoryBatcher()

    async def main() -> None:
        forwarder = over(batcher)
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError, match="can't start"):
                await forwarder.submit("{}")
            with pytest.raises(RuntimeError, match="can't start"):
                await forwarder.tick()
        await forwarder.submit(numbered(1))
        await forwarder.close()

    run(main())

    assert {0: numbered(1)} == stored(batcher)


# -- cancelling -------------------------------------------------------------


def test_a_cancelled_submit_that_waits_is_not_stored() -> None:
    """
    One that is cancelled before its write begins leaves room, and nothing else.
    """
    batcher = MemoryBatcher()
    gate = Gate("append")

    async def main() -> list[Any]:
        async with over(gate.before(batcher), max_waiting_records=3) as forwarder:
            first = asyncio.create_task(forwarder.submit(numbered(0)))
            await gate.is_reached()
            second = asyncio.create_task(forwarder.submit(numbered(1)))
            third = asyncio.create_task(forwarder.submit(numbered(2)))
            await ready()
            second.cancel()
            await ready()
            fourth = asyncio.create_task(forwarder.submit(numbered(3)))
            await ready()
            gate.open()
            return await asyncio.gather(
                first, second, third, fourth, return_exceptions=True
            )

    outcomes = run(main())

    assert isinstance(outcomes.pop(1), asyncio.CancelledError)
    assert [one(0), one(1), one(2)] == [outcome.offsets for outcome in outcomes]
    assert [numbered(0), numbered(2), numbered(3)] == [*stored(batcher).values()]


def test_a_submit_that_is_cancelled_in_its_write_costs_no_other() -> None:
    """
    The write goes on: the others of it have their receipts, and close waits.
    """
    batcher = MemoryBatcher()
    gate = Gate("append")

    async def main() -> Receipt:
        forwarder = over(gate.before(batcher))
        tasks = [asyncio.create_task(forwarder.submit("{}")) for _ in range(2)]
        await gate.is_reached()
        tasks[0].cancel()
        closing = asyncio.create_task(forwarder.close())
        await ready()
        gate.open()
        report = await closing
        assert report.is_stopped
        return await tasks[1]

    assert one(1) == run(main()).offsets
    assert 2 == len(stored(batcher))


def test_a_group_of_cancelled_submits_is_no_write() -> None:
    """
    If all are cancelled before they are written, nothing is, and the next one is.
    """
    gate = Gate("append", is_open=True)

    async def main() -> Receipt:
        async with over(gate.before(MemoryBatcher())) as forwarder:
            task = asyncio.create_task(forwarder.submit("{}"))
            await ready()
            task.cancel()
            await asyncio.wait([task])
            return await forwarder.submit("{}")

    assert one(0) == run(main()).offsets
    assert 1 == gate.counts["append"]


CALLS = st.lists(
    st.tuples(
        st.integers(min_value=1, max_value=3),  # payloads
        st.integers(min_value=0, max_value=6),  # turns of the loop before it begins
        st.one_of(st.none(), st.integers(min_value=0, max_value=12)),  # cancelled after
    ),
    min_size=1,
    max_size=30,
)


async def cancelled_by(
    forwarder: AsyncForwarder, calls: Sequence[tuple[int, int, int | None]]
) -> dict[int, Receipt]:
    """
    Make the calls, cancel some; the receipts of those that were acknowledged.
    """

    async def call(number: int, count: int, turns: int) -> Receipt:
        for _ in range(turns):
            await ready()
        return await forwarder.submit_many(
            [numbered(number * 10 + nth) for nth in range(count)],
            checkpoint={str(number): str(count)},
        )

    async def cancel(task: asyncio.Task[Receipt], turns: int | None) -> None:
        if turns is not None:
            for _ in range(turns):
                await ready()
            task.cancel()

    tasks = [
        asyncio.create_task(call(number, count, turns))
        for number, (count, turns, _) in enumerate(calls)
    ]
    await asyncio.gather(
        *(cancel(task, turns) for task, (_, _, turns) in zip(tasks, calls, strict=True))
    )
    await asyncio.wait(tasks)
    return {
        number: task.result()
        for number, task in enumerate(tasks)
        if not task.cancelled()
    }


@settings(deadline=None)
@given(calls=CALLS)
def test_cancelling_loses_nothing_that_was_acknowledged(
    calls: list[tuple[int, int, int | None]],
) -> None:
    """
    What has a receipt is where it says; no call is there twice, or by halves.
    """
    batcher = MemoryBatcher()

    async def main() -> dict[int, Receipt]:
        async with over(batcher) as forwarder:
            return await cancelled_by(forwarder, calls)

    receipts = run(main())
    kept = stored(batcher)
    numbers = [*kept.values()]
    checkpoint = batcher._storage.checkpoint

    assert {number for number, call in enumerate(calls) if call[2] is None} <= {
        *receipts
    }
    for number, receipt in receipts.items():
        assert receipt.offsets is not None
        first = receipt.offsets.first
        for nth in range(calls[number][0]):
            assert numbered(number * 10 + nth) == kept[first + nth]
    for number, (count, _, _) in enumerate(calls):
        payloads = [numbered(number * 10 + nth) for nth in range(count)]
        is_stored = str(number) in checkpoint
        assert [is_stored] * count == [numbers.count(each) for each in payloads]


# -- carrying ---------------------------------------------------------------


def test_what_was_submitted_is_carried(tmp_path: Path) -> None:
    """
    Tick carries nothing before its time, flush carries all, and the account says so.
    """
    memory = InMemory(tmp_path)

    async def main() -> tuple[Any, Any, Account]:
        async with AsyncForwarder(memory.forwarder()) as forwarder:
            await forwarder.submit(batch(custom("A"), custom("B")))
            ticked = await forwarder.tick()
            reports = await forwarder.flush()
            return ticked, reports, (await forwarder.status()).account

    ticked, reports, account = run(main())

    assert ticked is None
    assert [2] == [report.account.loaded for report in reports]
    assert Account(received=2, loaded=2) == account


def test_it_answers_as_the_forwarder_does(tmp_path: Path) -> None:
    """
    What is asked through the event loop is what the forwarder says.
    """
    spool = tmp_path / "spool.db"

    async def main() -> None:
        forwarder = await AsyncForwarder.open(
            Forwarder.for_lake, tmp_path / "lake", spool=spool
        )
        async with forwarder:
            await forwarder.submit_many(['{"mpid":1}'], checkpoint={"a": "1"})
            await forwarder.flush()
            inner = forwarder.forwarder
            assert inner.status() == await forwarder.status()
            assert inner.loads() == await forwarder.loads()
            assert [] == [*await forwarder.loads(0)]
            assert inner.parked() == await forwarder.parked()
            assert [*inner.dead_letters()] == await forwarder.dead_letters()
            assert inner.checkpoint() == await forwarder.checkpoint()
            assert inner.plan(["{}"]) == await forwarder.plan(["{}"])
            assert inner.reconcile() == await forwarder.reconcile()
            assert inner.check() == await forwarder.check()
            assert 0 == await forwarder.call(Forwarder.replay, [Offset(7)])

    run(main())


def test_a_call_sees_the_context_of_its_task() -> None:
    """
    Context variables of the task, such as a trace, are there in the thread.
    """
    trace = contextvars.ContextVar("trace", default="")

    async def main() -> str:
        async with over(MemoryBatcher()) as forwarder:
            trace.set("ours")
            return await forwarder.call(lambda _: trace.get())

    assert "ours" == run(main())


def test_a_cancelled_flush_lets_its_load_finish_and_begins_no_other(
    tmp_path: Path,
) -> None:
    """
    The load that is carried is not broken off; what waits behind it waits on.
    """
    before = side_threads()
    gate = Gate("load")
    memory = InMemory(tmp_path)
    policy = UploadPolicy(max_messages=1)

    def wrap(name: str, part: Any) -> Any:
        return gate.before(part) if name == "loader" else part

    async def main() -> None:
        forwarder = AsyncForwarder(memory.forwarder(wrap=wrap, policy=policy))
        async with forwarder:
            await forwarder.submit_many(["{}", "{}"])
            flushing = asyncio.create_task(forwarder.flush())
            await gate.is_reached()
            flushing.cancel()
            await asyncio.wait([flushing])
            assert flushing.cancelled()
            gate.open()
            forwarder._threads.end()
            for thread in side_threads() - before:
                await asyncio.to_thread(thread.join, PATIENCE_SECONDS)
            assert 1 == gate.counts["load"]

    run(main())

    assert 1 == memory.storage.totals.loaded


def test_a_cancelled_tick_lets_its_load_finish() -> None:
    """
    Whoever ticks next waits for that load, and finds it done.
    """
    gate = Gate("load")
    stager = MemoryStager()
    forwarder = AsyncForwarder(
        Forwarder(
            router=FunctionRouter(lambda _: "t"),
            batcher=MemoryBatcher(),
            stager=stager,
            loader=gate.before(MemoryLoader(stager.files)),
            policy=UploadPolicy(max_messages=1),
        )
    )

    async def main() -> tuple[Any, Account]:
        async with forwarder:
            await forwarder.submit("{}")
            ticking = asyncio.create_task(forwarder.tick())
            await gate.is_reached()
            ticking.cancel()
            await asyncio.wait([ticking])
            again = asyncio.create_task(forwarder.tick())
            await ready()
            gate.open()
            return await again, (await forwarder.status()).account

    assert (None, Account(received=1, loaded=1)) == run(main())


def test_an_error_of_a_load_comes_out_of_its_tick(tmp_path: Path) -> None:
    """
    A load that fails raises what the forwarder raises.
    """
    memory = InMemory(tmp_path)
    fails = Fail(method="load", error=TransientError("away"))

    def wrap(name: str, part: Any) -> Any:
        return faulty(part, fails) if name == "loader" else part

    async def main() -> None:
        async with AsyncForwarder(memory.forwarder(wrap=wrap)) as forwarder:
            await forwarder.submit("{}")
            with pytest.raises(TransientError, match="away"):
                await forwarder.flush()
            assert 1 == len(await forwarder.flush())

    run(main())


def test_a_thread_ticks_if_it_is_asked_to() -> None:
    """
    After start a load is carried when it is due, and nobody ticks.
    """
    stager = MemoryStager()
    gate = Gate("commit", is_open=True)
    forwarder = AsyncForwarder(
        Forwarder(
            router=FunctionRouter(lambda _: "t"),
            batcher=gate.before(MemoryBatcher()),
            stager=stager,
            loader=MemoryLoader(stager.files),
            policy=UploadPolicy(max_messages=1),
        )
    )

    async def main() -> int | None:
        async with forwarder:
            forwarder.start()
            await forwarder.submit("{}")
            await gate.is_reached()
            return (await forwarder.close()).pending

    assert 0 == run(main())


# -- beginning and ending ---------------------------------------------------


def test_close_waits_for_what_was_submitted() -> None:
    """
    Submits that came before it are stored, however slow the disk is.
    """
    batcher = MemoryBatcher()
    gate = Gate("append")

    async def main() -> list[Receipt]:
        forwarder = over(gate.before(batcher))
        tasks = [asyncio.create_task(forwarder.submit("{}"))]
        await gate.is_reached()
        tasks += [asyncio.create_task(forwarder.submit("{}")) for _ in range(3)]
        await ready()
        closing = asyncio.create_task(forwarder.close(timeout_seconds=0))
        await ready()
        assert not closing.done()
        gate.open()
        assert (await closing).pending == 4
        return await asyncio.gather(*tasks)

    assert [one(offset) for offset in range(4)] == [
        receipt.offsets for receipt in run(main())
    ]


def test_after_close_nothing_is_stored_and_all_can_be_asked() -> None:
    """
    A submit after close is refused; closing again gives the same report.
    """

    async def main() -> None:
        forwarder = over(MemoryBatcher())
        await forwarder.submit("{}")
        report = await forwarder.close()
        with pytest.raises(BatcherClosedError):
            await forwarder.submit("{}")
        with pytest.raises(BatcherClosedError):
            await forwarder.tick()
        assert report == await forwarder.close()

    run(main())


def test_submits_that_come_while_it_closes_are_stored_or_refused() -> None:
    """
    Each submit beside a close has an outcome, and what has a receipt is there.
    """
    batcher = MemoryBatcher()

    async def main() -> list[Any]:
        forwarder = over(batcher)

        async def client(number: int) -> list[tuple[bytes, Receipt]]:
            receipts = []
            with suppress(BatcherClosedError):
                for nth in range(50):
                    payload = numbered(number * 100 + nth)
                    receipts.append((payload, await forwarder.submit(payload)))
            return receipts

        clients = [asyncio.create_task(client(number)) for number in range(5)]
        await ready()
        await forwarder.close()
        return [pair for each in await asyncio.gather(*clients) for pair in each]

    acknowledged = run(main())
    kept = stored(batcher)

    assert acknowledged
    assert len(kept) == len(acknowledged)
    for payload, receipt in acknowledged:
        assert payload == kept[receipt.offsets.first]


def test_a_close_that_runs_out_of_time_lets_go_of_nothing() -> None:
    """
    The load goes on, submits are stored, and the next close ends it.
    """
    gate = Gate("load")
    stager = MemoryStager()

    async def main() -> None:
        forwarder = over(MemoryBatcher(), gate.before(MemoryLoader(stager.files)))
        await forwarder.submit("{}")
        flushing = asyncio.create_task(forwarder.flush())
        await gate.is_reached()
        assert not await forwarder.close(timeout_seconds=0)
        assert one(1) == (await forwarder.submit("{}")).offsets
        gate.open()
        await asyncio.wait([flushing])
        assert await forwarder.close()

    run(main())


def test_leaving_an_async_with_closes() -> None:
    """
    The forwarder behind it is closed, also when the body raises.
    """

    async def main() -> None:
        forwarder = over(MemoryBatcher())
        with suppress(LookupError):
            async with forwarder as same:
                assert same is forwarder
                raise LookupError
        with pytest.raises(BatcherClosedError):
            forwarder.forwarder.submit("{}")

    run(main())


def test_opening_is_done_in_a_thread(tmp_path: Path) -> None:
    """
    What makes the forwarder may block; the loop goes on meanwhile.
    """
    beside = threading.Event()

    def make(folder: Path) -> Forwarder:
        assert beside.wait(PATIENCE_SECONDS)
        return InMemory(folder).forwarder()

    async def main() -> None:
        opening = asyncio.create_task(AsyncForwarder.open(make, tmp_path))
        await ready()
        beside.set()
        async with await opening as forwarder:
            await forwarder.submit("{}")

    run(main())


@pytest.mark.parametrize("is_made", [True, False])
def test_what_is_opened_too_late_is_closed(tmp_path: Path, *, is_made: bool) -> None:
    """
    If opening is cancelled, nobody has the forwarder that it makes, so it is closed.
    """
    go_on, closed = threading.Event(), threading.Event()

    def make() -> Forwarder:
        assert go_on.wait(PATIENCE_SECONDS)
        if not is_made:
            closed.set()
            raise LookupError
        forwarder = InMemory(tmp_path).forwarder()
        forwarder._closing.callback(closed.set)
        return forwarder

    async def main() -> None:
        opening = asyncio.create_task(AsyncForwarder.open(make))
        await ready()
        opening.cancel()
        await asyncio.wait([opening])
        go_on.set()
        assert await asyncio.to_thread(closed.wait, PATIENCE_SECONDS)

    run(main())


def test_two_loops_at_once_are_refused() -> None:
    """
    A forwarder that one loop uses is not another's as long as that one lives.
    """
    forwarder = over(MemoryBatcher())
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(forwarder.submit("{}"))
        with pytest.raises(ConfigurationError, match="another event loop"):
            run(forwarder.submit("{}"))
    finally:
        loop.close()

    assert one(1) == run(forwarder.submit("{}")).offsets
    run(forwarder.close())


def test_a_loop_that_ends_in_the_middle_leaves_the_forwarder_in_order(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    The write goes on in its thread; another loop submits, and closes.
    """
    batcher = MemoryBatcher()
    gate = Gate("append")
    forwarder = over(gate.before(batcher))

    async def main() -> None:
        tasks = [asyncio.create_task(forwarder.submit(numbered(0)))]
        await gate.is_reached()
        tasks.append(asyncio.create_task(forwarder.submit(numbered(1))))
        await ready()

    async def again() -> Receipt:
        receipt = await forwarder.submit(numbered(2))
        await forwarder.close()
        return receipt

    with caplog.at_level(logging.WARNING):
        run(main())
        gate.open()
        receipt = run(again())

    kept = stored(batcher)
    assert receipt.offsets is not None
    assert numbered(2) == kept[receipt.offsets.first]
    assert numbered(1) not in kept.values()
    assert [] == caplog.records


def test_a_loop_that_never_submitted_can_close() -> None:
    """
    Closing from another loop waits for no submit of a loop that is gone.
    """
    forwarder = over(MemoryBatcher())
    run(forwarder.submit("{}"))

    assert run(forwarder.close()).pending == 1
