"""
Group commit: who waits together is stored together.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from databricks_forwarder.batchers._group_commit import GroupCommit
from databricks_forwarder.errors import BatcherError, BatcherFullError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Outcomes = list["str | BatcherError"]


class Arrivals(deque):
    """
    A queue that counts who came.
    """

    def __init__(self) -> None:
        super().__init__()
        self.come = threading.Semaphore(0)

    def append(self, member: object) -> None:
        """
        Let *member* in, and count it.
        """
        super().append(member)
        self.come.release()


def stored_together(
    store: Callable[[Sequence[str]], Outcomes],
) -> tuple[list[list[str]], list[str | BaseException]]:
    """
    Submit one entry, and three more while the first is being stored.

    Returns:
        The groups that *store* saw after the first, and what became of the
        three: an outcome, or what was raised.
    """
    arrivals, first_is_in, go_on = Arrivals(), threading.Event(), threading.Event()
    groups: list[list[str]] = []

    def gated(entries: Sequence[str], tell: Callable[[Outcomes], None]) -> None:
        if "first" in entries:
            first_is_in.set()
            go_on.wait()
            tell(["first"])
        else:
            groups.append(sorted(entries))
            tell(store(entries))

    group_commit = GroupCommit[str, str](gated)
    group_commit._waiting = arrivals

    def submit(entry: str) -> str | BaseException:
        try:
            return group_commit.submit(entry)
        except BaseException as error:  # noqa: BLE001 (it is the answer)
            return error

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(submit, "first")
        first_is_in.wait()
        others = [pool.submit(submit, entry) for entry in "abc"]
        for _ in range(4):
            arrivals.come.acquire()
        go_on.set()
        assert "first" == first.result()
        return groups, [other.result() for other in others]


def test_who_waits_together_is_stored_together() -> None:
    """
    Entries that came during a transaction share the next one.
    """
    told = stored_together(lambda entries: [entry.upper() for entry in entries])

    assert ([["a", "b", "c"]], ["A", "B", "C"]) == told


def test_a_member_that_is_refused_fails_alone() -> None:
    """
    The error that was returned for an entry is raised where it came from.
    """

    def store(entries: Sequence[str]) -> Outcomes:
        return [BatcherFullError("full") if each == "b" else each for each in entries]

    _, told = stored_together(store)

    assert ["a", BatcherFullError, "c"] == [told[0], type(told[1]), told[2]]


def test_a_group_that_fails_fails_for_all() -> None:
    """
    Each member of a failed transaction gets the error, as one of its own.
    """

    def store(entries: Sequence[str]) -> Outcomes:
        msg = f"no room for {len(entries)}"
        raise BatcherFullError(msg)

    groups, told = stored_together(store)

    assert [["a", "b", "c"]] == groups
    assert [(BatcherFullError, "no room for 3")] * 3 == [
        (type(error), str(error)) for error in told
    ]
    assert 3 == len({id(error) for error in told})


@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError])
def test_a_leader_that_is_broken_off_tells_the_others(
    kind: type[BaseException],
) -> None:
    """
    The leader raises what broke it off; the others learn that nothing is known.
    """

    def store(entries: Sequence[str]) -> Outcomes:
        raise kind

    _, told = stored_together(store)
    kinds = sorted((type(error) for error in told), key=lambda each: each is kind)

    assert [BatcherError, BatcherError, kind] == kinds
    assert 2 == sum(
        f"({kind.__name__}); whether they were stored is unknown" in str(error)
        for error in told
    )


def test_who_was_taken_from_the_queue_and_lost_is_told() -> None:
    """
    A leader broken off while it takes its group makes no one think it is stored.
    """

    class Losing(Arrivals):
        def popleft(self) -> object:
            super().popleft()
            raise KeyboardInterrupt

    stored: list[str] = []
    group_commit = GroupCommit[str, str](lambda entries, _: stored.extend(entries))
    group_commit._waiting = arrivals = Losing()
    with ThreadPoolExecutor(1) as pool:
        with group_commit._turn:
            follower = pool.submit(group_commit.submit, "follower")
            arrivals.come.acquire()
            with pytest.raises(KeyboardInterrupt):
                group_commit._lead([])
        told = follower.exception()

    assert BatcherError is type(told)
    assert "whether they were stored is unknown" in str(told)
    assert [] == stored


def test_what_was_told_before_a_leader_is_broken_off_holds() -> None:
    """
    Members that were told their outcome get it, though the leader raises.
    """

    def store(entries: Sequence[str], tell: Callable[[Outcomes], None]) -> None:
        tell([entry.upper() for entry in entries])
        raise KeyboardInterrupt

    group_commit = GroupCommit[str, str](store)
    group_commit._waiting = arrivals = Arrivals()
    with ThreadPoolExecutor(1) as pool:
        with group_commit._turn:
            follower = pool.submit(group_commit.submit, "follower")
            arrivals.come.acquire()
            with pytest.raises(KeyboardInterrupt):
                group_commit._lead([])

        assert "FOLLOWER" == follower.result()


def test_a_call_that_never_comes_is_not_waited_for() -> None:
    """
    Who was to be called by someone that was broken off leads by itself.
    """
    group_commit = GroupCommit[str, str](lambda entries, tell: tell(list(entries)))
    group_commit._is_led = True

    assert ["one", "two"] == [group_commit.submit("one"), group_commit.submit("two")]
    assert not group_commit._is_led


def test_many_threads_are_all_settled_in_groups() -> None:
    """
    Of many threads that submit on and on, each gets the outcome of its own.
    """
    sizes: list[int] = []

    def store(entries: Sequence[str], tell: Callable[[Outcomes], None]) -> None:
        sizes.append(len(entries))
        tell([entry.upper() for entry in entries])

    group_commit = GroupCommit[str, str](store)

    def submit_all(name: str) -> list[str]:
        return [group_commit.submit(f"{name}{number}") for number in range(200)]

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(submit_all, "abcdefgh"))

    assert outcomes == [
        [f"{name}{number}" for number in range(200)] for name in "ABCDEFGH"
    ]
    assert 1600 == sum(sizes)


def test_who_lets_pass_goes_on_when_the_group_is_stored() -> None:
    """
    Letting others pass waits for the end of what is being stored.
    """
    log: list[str] = []
    is_in, go_on = threading.Event(), threading.Event()

    def store(entries: Sequence[str], tell: Callable[[Outcomes], None]) -> None:
        is_in.set()
        go_on.wait()
        log.append("stored")
        tell(list(entries))

    group_commit = GroupCommit[str, str](store)

    def let_pass() -> None:
        go_on.set()
        group_commit.let_pass()
        log.append("passed")

    with ThreadPoolExecutor(2) as pool:
        stored = pool.submit(group_commit.submit, "one")
        is_in.wait()
        pool.submit(let_pass).result()

    assert (["stored", "passed"], "one") == (log, stored.result())
