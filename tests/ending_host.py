"""
A host as a process of its own: it takes batches, carries them, and ends.

What is under test is how it ends, so that is told by one word; what is in the
spool, and where it goes, is the same for all.
"""

from __future__ import annotations

import atexit
import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import attrs
from deltalake import DeltaTable

from databricks_forwarder import DatabricksSettings, Endpoint, Forwarder, UploadPolicy
from databricks_forwarder.settings import Secret
from databricks_forwarder.testing.payloads import make_event, make_payload

EVENT_COUNT = 10
"""Events in the spool, each of another kind."""

_POLICY = UploadPolicy(max_messages=1)


def place(settings: DatabricksSettings, endpoint: Endpoint) -> dict[str, Any]:
    """
    Put into JSON's types where a workspace is, and who signs in.
    """
    return {
        **attrs.asdict(settings, recurse=False),
        "client_secret": settings.client_secret.reveal(),
        "host": endpoint.host,
        "port": endpoint.port,
        "ca_file": str(endpoint.ca_file),
    }


def opened(folder: Path, told: dict[str, Any] | None) -> Forwarder:
    """
    Open the forwarder, into the lake of *folder* or into the workspace *told*.
    """
    spool = folder / "spool.db"
    if told is None:
        lake = folder / "lake"
        return Forwarder.for_lake(lake, spool=spool, policy=_POLICY, events_threshold=1)
    ca_file = Path(told.pop("ca_file"))
    endpoint = Endpoint(told.pop("host"), port=told.pop("port"), ca_file=ca_file)
    told["client_secret"] = Secret(told["client_secret"])
    settings = DatabricksSettings(**told)
    return Forwarder.for_databricks(
        settings, spool=spool, endpoint=endpoint, policy=_POLICY
    )


def say(word: Any) -> None:
    """
    Tell the test, at once.
    """
    sys.stdout.write(f"{json.dumps(word)}\n")
    sys.stdout.flush()


class Carrying:
    """
    The moment when a load has come to a certain call.

    Args:
        part: Whose method is watched.
        method: Its name.
        stays: ``after``: the call is said once it is done, and never comes
            back; ``within``: it is said before, and never comes back.

    Attributes:
        is_entered: Set when it has.
    """

    def __init__(self, part: Any, method: str, stays: str | None) -> None:
        self.is_entered = threading.Event()
        self._inner = getattr(part, method)
        self._stays = stays
        setattr(part, method, self)

    def __call__(self, *args: Any) -> Any:
        """
        Do it, and say so.
        """
        if self._stays == "after":
            self._inner(*args)
        if not self.is_entered.is_set():
            self.is_entered.set()
            say("carrying")
        if self._stays != "after":
            answer = self._inner(*args)
        if self._stays:
            threading.Event().wait()
        return answer


def raise_exit(*_: object) -> None:
    """
    End as programs do that want to end well.
    """
    sys.exit(3)


def killed(forwarder: Forwarder, carrying: Carrying) -> None:
    """
    Wait for a signal that nobody catches.
    """
    forwarder.start()
    threading.Event().wait()


def raises_in_tick(forwarder: Forwarder, carrying: Carrying) -> None:
    """
    Carry in the main thread, and let a signal raise there.
    """
    signal.signal(signal.SIGTERM, raise_exit)
    with forwarder:
        forwarder.tick()


def closes_in_tick(forwarder: Forwarder, carrying: Carrying) -> None:
    """
    Carry in the main thread, and let a signal close there.
    """
    go_on = threading.Event()

    def close(*_: object) -> None:
        say(attrs.asdict(forwarder.close()))
        go_on.set()

    signal.signal(signal.SIGTERM, close)
    inner = forwarder._pipeline.loader.load

    def load(*args: Any) -> Any:
        answer = inner(*args)
        go_on.wait()
        return answer

    forwarder._pipeline.loader.load = load  # type: ignore[method-assign]
    report = forwarder.tick()
    say(report is not None and report.account.loaded)
    say(attrs.asdict(forwarder.close()))


def gives_up(forwarder: Forwarder, carrying: Carrying) -> None:
    """
    Close with a deadline that is too short, in a `with` that then is left.
    """
    with forwarder:
        forwarder.start()
        carrying.is_entered.wait()
        say(attrs.asdict(forwarder.close(timeout_seconds=0.2)))


def forgets(forwarder: Forwarder, carrying: Carrying) -> None:
    """
    End without a word in the middle of a load.
    """
    forwarder.start()
    carrying.is_entered.wait()


def forgets_in_engine(forwarder: Forwarder, carrying: Carrying) -> None:
    """
    End while an engine is at work, which comes back when all is being ended.
    """
    loader = forwarder._pipeline.loader
    load = loader.load

    def slowly(*args: Any) -> Any:
        answer = load(*args)
        table = Path(sys.argv[1], "lake", args[1])
        while not forwarder._worker._leaving.is_due:
            DeltaTable(table)
        for _ in range(50):
            DeltaTable(table)
        say("back")
        return answer

    loader.load = slowly  # type: ignore[method-assign]
    forgets(forwarder, carrying)


def closes_at_exit(forwarder: Forwarder, carrying: Carrying) -> None:
    """
    Leave closing to a callback of the host's own.
    """
    atexit.register(lambda: say(attrs.asdict(forwarder.close(timeout_seconds=20.0))))
    forgets(forwarder, carrying)


def main(folder: Path, how: str, where: str, told: str) -> None:
    """
    Take batches, and end in the way that is called *how* beside the call *where*.
    """
    forwarder = opened(folder, json.loads(told))
    forwarder.submit(
        make_payload(
            *(make_event(event_name=f"E{n}", event_id=n) for n in range(EVENT_COUNT))
        )
    )
    part, _, method = where.partition(".")
    stays = {"killed": "after", "raises_in_tick": "within"}.get(how)
    carrying = Carrying(getattr(forwarder._pipeline, part), method, stays)
    globals()[how](forwarder, carrying)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
