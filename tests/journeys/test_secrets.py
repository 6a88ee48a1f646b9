"""
The client secret and the tokens are nowhere but in the requests that need them.
"""

from __future__ import annotations

import logging
import pickle
import socket
import traceback
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import Any

import attrs
import pytest
from exported import Exported
from schemas import new_schema, rows_of, workspace
from walking import batch, custom

from databricks_forwarder import DatabricksSettings, Forwarder
from databricks_forwarder._cli import main
from databricks_forwarder._databricks import _sign_in
from databricks_forwarder._databricks.warehouse import Warehouse
from databricks_forwarder.errors import ForwarderError, TransientError
from databricks_forwarder.model import Account
from databricks_forwarder.observers.memory import MemoryObserver
from databricks_forwarder.settings import Endpoint, Secret
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.workspace import Fault


@attrs.frozen
class Search:
    """
    Looks for texts, and says by their names what it found and where.

    Attributes:
        texts: Name → text; never shown.
    """

    texts: Mapping[str, str] = attrs.field(repr=False)

    def of(self, **places: object) -> list[str]:
        """
        Look through *places*, each a text, bytes or many of them.
        """
        return [
            f"{name} in {place}"
            for place, content in places.items()
            for part in parts_of(content)
            for name, text in self.texts.items()
            if text.encode() in part
        ]


def parts_of(content: object) -> Iterator[bytes]:
    """
    All bytes of a text, of bytes, or of many of them.
    """
    if isinstance(content, bytes):
        yield content
    elif isinstance(content, str):
        yield content.encode("utf-8", "surrogatepass")
    else:
        assert isinstance(content, Iterable)
        for each in content:
            yield from parts_of(each)


def hidden(client_id: str, client_secret: str, tokens: Iterable[str]) -> Search:
    """
    What must not be found: the secret, how it is sent, and what each token ends in.
    """
    sent = b64encode(f"{client_id}:{client_secret}".encode()).decode()
    ends = {f"token {at}": each.split(".")[-1] for at, each in enumerate(tokens)}
    return Search({"client secret": client_secret, "Basic header": sent, **ends})


def search() -> Search:
    """
    What the workspace was told and gave so far.
    """
    client_secret, *tokens = workspace().secrets
    return hidden(workspace().settings.client_id, client_secret, tokens)


class Listener(logging.Handler):
    """
    Keeps all that is logged, as it would be written, and with all that it has.
    """

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter())
        self.lines: list[str] = []
        self.speakers: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """
        Keep one record.
        """
        self.lines += [self.format(record), repr(vars(record))]
        self.speakers.add(record.name.split(".")[0])


@pytest.fixture(name="heard")
def _heard() -> Iterator[Listener]:
    """
    All that any logger says, at its loudest.
    """
    listener = Listener()
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    levels = [(each, each.level) for each in (logging.root, *loggers)]
    listened = [logging.root, *(each for each in loggers if not each.propagate)]
    for logger, _ in levels:
        logger.setLevel(logging.DEBUG)
    for logger in listened:
        logger.addHandler(listener)
    yield listener
    for logger in listened:
        logger.removeHandler(listener)
    for logger, level in levels:
        logger.setLevel(level)


def shown(error: BaseException) -> list[str]:
    """
    All that can be seen of an exception and of those it came from.
    """
    waiting, seen, told = [error], set[int](), list[str]()
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        frames = traceback.TracebackException.from_exception(each, capture_locals=True)
        told += [*frames.format(), str(each), repr(each), repr(vars(each))]
        told.append(pickled(each))
        waiting += [it for it in (each.__cause__, each.__context__) if it is not None]
    return told


def pickled(value: object) -> str:
    """
    What a pickle of *value* says, if there can be one.
    """
    with suppress(Exception):
        # Protocols below 2 would wrap a stream anew, and close it with the wrapper.
        return pickle.dumps(value, protocol=2).decode("latin-1")
    return ""


def graph(*roots: object, most: int = 20_000) -> Iterator[tuple[str, object]]:
    """
    Give each object that can be reached, with the way to it, nearest first.

    A `Secret` is given, what it holds is not: giving it is what it is there for.
    """
    waiting = [(type(root).__name__, root) for root in roots]
    seen: dict[int, object] = {}
    while waiting:
        way, value = waiting.pop(0)
        if id(value) in seen or isinstance(value, (type, ModuleType)):
            continue
        seen[id(value)] = value
        assert len(seen) < most
        yield way, value
        if not isinstance(value, Secret):
            waiting += [(f"{way}.{name}", each) for name, each in reached(value)]


def reached(value: object) -> Iterator[tuple[str, object]]:
    """
    What *value* holds: attributes, slots, items, and what functions enclose.
    """
    if isinstance(value, MethodType):
        yield "self", value.__self__
        value = value.__func__
    if isinstance(value, FunctionType):
        for cell in value.__closure__ or ():
            with suppress(ValueError):
                yield f"{value.__name__}()", cell.cell_contents
        return
    if isinstance(value, dict):
        yield from ((repr(key), each) for key, each in list(value.items()))
    elif isinstance(value, (list, tuple, set, frozenset, deque)):
        yield from ((str(at), each) for at, each in enumerate(list(value)))
    yield from list(getattr(value, "__dict__", {}).items())
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in [slots] if isinstance(slots, str) else slots:
            with suppress(AttributeError):
                yield name, getattr(value, name)


def files_below(folder: Path) -> list[bytes]:
    """
    The bytes of all files below a folder, and their names.
    """
    found = [path for path in folder.rglob("*") if path.is_file()]
    return [*(path.read_bytes() for path in found), *(bytes(path) for path in found)]


class WatchingClock(FakeClock):
    """
    Keeps what is on the disk whenever someone waits, as between two tries.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.found: list[bytes] = []
        self._folder = folder

    def wait(self, seconds: float, /) -> None:
        """
        Look, and go on at once.
        """
        self.found += files_below(self._folder)
        super().wait(seconds)


@attrs.frozen
class Host:
    """
    A forwarder, and all that its host might see of it.
    """

    settings: DatabricksSettings
    forwarder: Forwarder
    clock: WatchingClock
    observer: MemoryObserver
    seen: dict[str, list[object]] = attrs.field(factory=dict, repr=False)

    @property
    def warehouse(self) -> Warehouse:
        """
        The forwarder's SQL warehouse, behind its back.
        """
        loader: Any = self.forwarder._loader
        warehouse: Warehouse = loader._client.warehouse
        return warehouse

    def observed(self) -> list[str]:
        """
        What observers were told, and what would be sent of it.
        """
        exported = Exported.made(with_tables=True)
        for fact in self.observer.facts:
            exported.observer.observe(fact)
        return [*map(repr, self.observer.facts), exported.text()]

    def note(self, **places: object) -> None:
        """
        Keep what was seen somewhere.
        """
        for place, content in places.items():
            self.seen.setdefault(place, []).append(content)

    def carry_on(self) -> None:
        """
        Go on with all that waits or is parked, once the fault is gone.
        """
        for report in self.forwarder.parked():
            self.forwarder.carry_on(report.load_id)
        self.try_to(self.forwarder.flush)

    def try_to(self, call: Callable[[], object]) -> ForwarderError | None:
        """
        Do something that may fail, and look at how it stands then.
        """
        failed = None
        try:
            self.note(results=repr(call()))
        except ForwarderError as error:
            failed = error
            self.note(errors=shown(error))
        forwarder = self.forwarder
        told = (forwarder.status(), forwarder.loads(), forwarder.parked())
        self.note(status=[*map(repr, told), *map(pickled, told)])
        self.note(settings=[repr(self.settings), str(self.settings)])
        return failed


@pytest.fixture(name="make")
def _make(tmp_path: Path) -> Iterator[Callable[..., Host]]:
    """
    Make a host of a forwarder with a payload; at the end all is closed.
    """
    made: list[Host] = []

    def make(endpoint: Endpoint | None = None) -> Host:
        clock = WatchingClock(tmp_path)
        observer = MemoryObserver()
        settings = new_schema()
        forwarder = Forwarder.for_databricks(
            attrs.evolve(settings, events_threshold=1),
            spool=tmp_path / "spool.db",
            endpoint=endpoint or workspace().endpoint,
            observer=observer,
            clock=clock,
        )
        forwarder.submit(batch(custom("N", 1)))
        made.append(Host(settings, forwarder, clock, observer))
        return made[-1]

    yield make
    workspace().faults.clear()
    for each in made:
        each.forwarder.close()


@pytest.fixture(name="look")
def _look(
    heard: Listener, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> Callable[[Host], list[str]]:
    """
    Look for what is secret in all that there is to be seen.
    """

    def look(host: Host) -> list[str]:
        written = capfd.readouterr()
        observed = host.observed()
        assert heard.lines
        assert len(observed) > 2
        return search().of(
            **host.seen,
            logs=heard.lines,
            observed=observed,
            output=[written.out, written.err],
            disk=[*files_below(tmp_path), *host.clock.found],
        )

    return look


REFUSED = "DELTA_UNKNOWN_IN_2027", "XX000", "Refused by the test."

FAULTS = [
    *(Fault(on="token", status=status, times=99) for status in (401, 503)),
    Fault(on="token", drop=True, when="after", times=99),
    *(Fault(on="upload", status=each, times=99) for each in (400, 401, 403, 500)),
    Fault(on="upload", drop=True, when="after", times=99),
    Fault(on="upload", cut=True, times=99),
    Fault(on="list", status=500, times=99),
    *(Fault(on="open_session", status=each, times=99) for each in (401, 403, 503)),
    Fault(on="open_session", drop=True, times=99),
    *(Fault(on="statement", status=each, times=99) for each in (401, 403, 500)),
    Fault(on="statement", error=REFUSED, times=99),
    Fault(on="statement", drop=True, when="after", times=99),
]


def spell(fault: Fault) -> str:
    """
    Name a fault in the report.
    """
    what = fault.status or ("cut" if fault.cut else "drop" if fault.drop else "error")
    return f"{fault.on}-{what}-{fault.when}"


@pytest.mark.parametrize("fault", FAULTS, ids=spell)
def test_no_failure_shows_a_secret(
    make: Callable[..., Host],
    look: Callable[[Host], list[str]],
    heard: Listener,
    fault: Fault,
) -> None:
    """
    Whatever fails, all that its host can see is clean, then and when it is over.
    """
    host = make()
    workspace().fail(fault)
    failed = host.try_to(host.forwarder.flush)
    parked = host.forwarder.parked()
    host.try_to(host.forwarder.check)
    workspace().faults.clear()
    host.carry_on()

    assert [] == look(host)
    assert failed or parked
    assert Account(received=1, loaded=1) == host.forwarder.status().account
    assert "urllib3" in heard.speakers


def test_no_sign_in_that_takes_too_long_shows_a_secret(
    make: Callable[..., Host],
    look: Callable[[Host], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    A sign-in that nobody answers in time is told without what was sent.
    """
    monkeypatch.setattr(_sign_in, "_TIMEOUT_SECONDS", (1.0, 0.05))
    workspace().fail(Fault(on="token", seconds=2.0, times=99))
    host = make()

    assert isinstance(host.try_to(host.forwarder.flush), TransientError)
    assert [] == look(host)


def test_no_statement_that_hangs_shows_a_secret(
    make: Callable[..., Host], look: Callable[[Host], list[str]]
) -> None:
    """
    A statement that is given up is told without what it was signed with.
    """
    host = make()
    patience = host.warehouse._statement_seconds
    host.warehouse._statement_seconds = 0.2
    # Where the socket gives up first the statement is sent again.
    workspace().fail(Fault(on="statement", matching="COPY INTO", hang=True, times=99))

    assert isinstance(host.try_to(host.forwarder.flush), TransientError)
    # On a slow machine it was another statement that took too long.
    workspace().faults.clear()
    host.warehouse._statement_seconds = patience
    assert None is host.try_to(host.forwarder.flush)
    assert [] == look(host)


PASSWORD = "pepper4567"


def nobody(*_: object) -> None:
    """
    Resolve no name.
    """
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"ca_file": None}, id="not-trusted"),
        pytest.param({"host": "nobody.invalid"}, id="unknown-host"),
        pytest.param({"host": "127.0.0.1", "port": 1}, id="closed-port"),
        pytest.param({"proxy": f"http://me:{PASSWORD}@127.0.0.1:1"}, id="closed-proxy"),
    ],
)
def test_no_endpoint_that_is_none_shows_a_secret(
    make: Callable[..., Host],
    look: Callable[[Host], list[str]],
    heard: Listener,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
) -> None:
    """
    Where there is no workspace, nobody learns what it would have been told.
    """
    endpoint = attrs.evolve(workspace().endpoint, **changes)
    if "invalid" in endpoint.host:
        monkeypatch.setattr(socket, "getaddrinfo", nobody)
    if endpoint.proxy is not None:
        monkeypatch.setenv("https_proxy", endpoint.proxy)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
    host = make(endpoint)

    assert host.try_to(host.forwarder.flush) is not None
    host.try_to(host.forwarder.check)
    assert [] == look(host)
    password = Search({"proxy password": PASSWORD})
    assert [] == password.of(**host.seen, logs=heard.lines)


def test_nothing_that_arrives_shows_a_secret(
    make: Callable[..., Host], look: Callable[[Host], list[str]]
) -> None:
    """
    Neither tables nor what was asked for on the way there has any of it.
    """
    host = make()
    before = len(workspace().requests)
    (report,) = host.forwarder.flush()
    asked = workspace().requests[before:]
    (table,) = report.tables
    rows = rows_of(host.settings, table.table)

    assert 1 == len(rows)
    assert asked
    assert [] == look(host)
    assert [] == search().of(
        rows=repr(rows),
        asked=repr(asked),
        workspace=repr(workspace()),
        disk=files_below(workspace().ca_file.parent / "root"),
    )


HOLDERS = {
    # The driver's sign-in: what `credentials_provider` last gave for a request.
    "_external_headers",
    # The driver's HTTP client: the headers of the request it last sent.
    "_THttpClient__custom_headers",
}
"""Attributes of the driver that must have a token: it is sent from there."""


def leaking(looking: Search, *roots: object) -> set[str]:
    """
    The ways to all objects whose repr or pickle shows what is looked for.
    """
    return {
        way
        for way, value in graph(*roots)
        if looking.of(repr=repr(value), pickle=pickled(value))
    }


def test_no_repr_or_pickle_shows_a_secret(make: Callable[..., Host]) -> None:
    """
    Of all that a forwarder is made of only the driver's open connections tell.
    """
    host = make()
    host.forwarder.flush()
    found = leaking(search(), host.settings, host.forwarder)
    ours = [
        way
        for way, value in graph(host.forwarder)
        if type(value).__module__.startswith("databricks_forwarder")
    ]

    assert len(ours) > 25
    assert set() == {way for way in found if not HOLDERS & set(way.split("."))}
    assert HOLDERS == {name for way in found for name in HOLDERS & set(way.split("."))}


def test_what_is_closed_tells_no_secret(make: Callable[..., Host]) -> None:
    """
    A forwarder that was closed holds no token any more, not in the driver either.
    """
    host = make()
    host.forwarder.flush()
    host.forwarder.close()

    assert set() == leaking(search(), host.settings, host.forwarder)


def test_settings_are_not_pickled() -> None:
    """
    Settings, which hold the secret, leave the process by nobody's mistake.
    """
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(workspace().settings)


@pytest.mark.parametrize("as_json", [[], ["--json"]], ids=["text", "json"])
def test_no_command_shows_a_secret(
    make: Callable[..., Host],
    look: Callable[[Host], list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    as_json: list[str],
) -> None:
    """
    The command line tells how it stands, and who signs in, but not with what.
    """
    host = make()
    workspace().fail(Fault(on="upload", status=400, times=99))
    host.try_to(host.forwarder.flush)
    workspace().faults.clear()
    for name, value in attrs.asdict(host.settings, recurse=False).items():
        text = value.reveal() if isinstance(value, Secret) else str(value)
        monkeypatch.setenv(f"DATABRICKS_FORWARDER_{name.upper()}", text)
    where = ["--spool", str(tmp_path / "spool.db")]
    there = [
        *("--databricks", "--endpoint", f"127.0.0.1:{workspace().endpoint.port}"),
        *("--ca-file", str(workspace().ca_file)),
    ]
    host.forwarder.close()
    for command in (
        *(["status", *where], ["loads", *where], ["parked", *where]),
        *(["check", *there], ["dead-letters", *where], ["carry-on", *where]),
        *(["forward", *there, *where], ["status", *where]),
    ):
        main([*command, *as_json])

    assert [] == look(host)


PLANTED = hidden("somebody", "dose0123", ["eyJ.eyJ.signature"])
NAMES = {
    "client secret": "dose0123",
    "Basic header": b64encode(b"somebody:dose0123").decode(),
    "token 0": "Bearer eyJ.eyJ.signature",
}


@attrs.frozen
class Leak:
    """
    Something that shows what it holds.
    """

    text: str


@attrs.define
class Slotted:
    """
    Something that hides in a slot what it holds.
    """

    held: object = attrs.field(repr=False)


@pytest.mark.parametrize(("name", "text"), NAMES.items())
def test_a_planted_text_is_found(name: str, text: str) -> None:
    """
    In texts, bytes, and many of them, each of what is looked for is found.
    """
    assert [f"{name} in logs"] == PLANTED.of(logs=f"<{text}>")
    assert [f"{name} in disk"] == PLANTED.of(disk=[b"", [text.encode()]])
    assert [] == PLANTED.of(logs="somebody eyJ.eyJ. ***")


@pytest.mark.parametrize("text", NAMES.values(), ids=NAMES)
def test_a_planted_file_is_found(tmp_path: Path, text: str) -> None:
    """
    On the disk it is found in bytes, in names, and between two tries.
    """
    clock = WatchingClock(tmp_path)
    path = tmp_path / "deep" / "scratch"
    path.parent.mkdir()
    path.write_bytes(b"\x00\xff" + text.encode() + b"\x00")
    clock.wait(1)
    path.unlink()

    assert PLANTED.of(disk=clock.found)
    assert [] == PLANTED.of(disk=files_below(tmp_path))

    (tmp_path / text).touch()

    assert PLANTED.of(disk=files_below(tmp_path))


@pytest.mark.parametrize("text", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("logger", ["", "databricks.sql.unsafe", "urllib3.pool"])
def test_a_planted_log_line_is_found(heard: Listener, logger: str, text: str) -> None:
    """
    In the log it is found in texts, arguments, and what a record has besides.
    """
    speaker = logging.getLogger(logger)
    before = len(heard.lines)
    speaker.debug("said %s", text)
    speaker.debug("said", extra={"headers": {"Authorization": text}})

    assert 2 == len(PLANTED.of(logs=heard.lines[before : before + 2]))
    assert 1 == len(PLANTED.of(logs=heard.lines[before + 2 :]))


@pytest.mark.parametrize("text", NAMES.values(), ids=NAMES)
def test_a_planted_local_is_found(text: str) -> None:
    """
    In a traceback it is found in the locals of every frame of every exception.
    """

    def hidden_deep(local: str) -> None:
        try:
            _ = {}[len(local)]
        except KeyError:
            raise ValueError("no word") from None

    def fail() -> None:
        try:
            hidden_deep(text)
        except ValueError as error:
            raise RuntimeError("not a word either") from error

    with pytest.raises(RuntimeError) as raised:
        fail()

    assert PLANTED.of(errors=shown(raised.value))
    assert [] == PLANTED.of(errors=str(raised.value))


@pytest.mark.parametrize("text", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize(
    "hide",
    [
        lambda leak: Slotted([{"a": (leak,)}]),
        lambda leak: Slotted(deque([leak])),
        lambda leak: Slotted(lambda: leak),
        lambda leak: Slotted(Slotted(leak).__eq__),
    ],
    ids=["containers", "deque", "closure", "bound-method"],
)
def test_a_planted_object_is_found(hide: Callable[[Leak], object], text: str) -> None:
    """
    Among objects it is found behind slots, containers, closures and methods.
    """
    assert leaking(PLANTED, hide(Leak(text)))
    assert set() == leaking(PLANTED, hide(Leak("***")), Secret(text))
