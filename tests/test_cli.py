"""
The command line: what it says, and the exit code.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from databricks_forwarder import Forwarder, UploadPolicy
from databricks_forwarder._cli import main
from databricks_forwarder._clock import SystemClock
from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.errors import DecodeError, RouteError
from databricks_forwarder.model import EventKey
from databricks_forwarder.mparticle.batch import Batch
from databricks_forwarder.mparticle.decode import DecodedBatch
from databricks_forwarder.mparticle.keys import KeyMaker
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.payloads import make_event, make_payload, sample_paths

ROOT = Path(__file__).parents[1]
SECRET = "person1@example.com"


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("two.ndjson").write_bytes(make_payload() + b"\n" + make_payload(events=[]))
    Path("one.json").write_bytes(make_payload(make_event("first_run")))


@pytest.fixture(name="run")
def _run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """
    Run a command; return the exit code, the output and the complaints.
    """

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        said = capsys.readouterr()
        assert SECRET not in said.out + said.err
        return code, said.out, said.err

    return run


@pytest.fixture(name="run_json")
def _run_json(run: Callable[..., tuple[int, str, str]]) -> Callable[..., Any]:
    """
    Run a command with ``--json``; return the object that it says.
    """
    return lambda *arguments: json.loads(run(*arguments, "--json")[1])


Run = Callable[..., tuple[int, str, str]]


def no_group(_: Batch) -> str:
    """
    Break on every batch.
    """
    raise KeyError(SECRET)


def kill_letters() -> None:
    """
    Put two dead letters into the default spool of the lake ``lake``.
    """
    router = FunctionRouter(lambda _: "t", group=no_group)
    clock = FakeClock()
    Path("lake/_forwarder").mkdir(parents=True)
    with Forwarder.for_lake(
        "lake", spool="lake/_forwarder/spool.db", router=router, clock=clock
    ) as forwarder:
        payload = make_payload()
        forwarder.submit_many([payload, b"{\r\n" + payload[1:]])
        forwarder.flush()


# -- forward -----------------------------------------------------------------


def test_forward_loads_all_forms(run: Run) -> None:
    """
    Lines, an array and a single batch are loaded, and the account is said.
    """
    names = map(str, sample_paths())
    code, out, err = run(
        "forward", *names, "--lake", "lake", "--events-threshold", "100"
    )

    assert (0, "") == (code, err)
    assert [
        "read 421 batches, 2560 messages",
        "table                         rows",
        "application_state_transition   124",
        "ecomm_add_to_cart              211",
        "ecomm_purchase                 149",
        "event_navigation_reciperead    218",
        "event_search_search            305",
        "mparticle_otherevents          404",
        "newsletter                     146",
        "parcelpost                      90",
        "screen_view                    580",
        "session_end                    157",
        "session_start                  176",
        "77 rows have something in _rescued_data",
        "received 2560 = loaded 2560 + dead 0 + dropped 0 + pending 0",
    ] == out.splitlines()


def test_forward_keeps_its_spool_in_the_lake(run: Run) -> None:
    """
    Without another word the spool is beside the tables.
    """
    run("forward", "one.json", "--lake", "lake")

    assert Path("lake/_forwarder/spool.db").exists()
    assert ["lake", "one.json", "two.ndjson"] == sorted(
        path.name for path in Path().iterdir()
    )


def test_forward_uses_the_spool_that_is_named(run: Run) -> None:
    """
    The spool may be elsewhere.
    """
    run("forward", "one.json", "--lake", "lake", "--spool", "spool.db")

    assert Path("spool.db").exists()
    assert not Path("lake/_forwarder/spool.db").exists()


def test_forward_says_one_object_as_json(run: Run) -> None:
    """
    With ``--json`` the output is one object and nothing else.
    """
    code, out, _ = run("forward", "two.ndjson", "--lake", "lake", "--json")
    said = json.loads(out)
    loads = said.pop("loads")

    assert 0 == code
    assert {
        "batches": 2,
        "messages": 2,
        "refused": 0,
        "tables": {"mparticle_otherevents": 2},
        "rescued_rows": 0,
        "account": {"received": 2, "loaded": 2, "dead": 0, "dropped": 0, "pending": 0},
        "parked": [],
        "problems": [],
    } == said
    assert [2] == [load["account"]["loaded"] for load in loads]


def test_forward_reads_standard_input(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    ``-`` is standard input, in gzip or not.
    """
    packed = gzip.compress(make_payload() + b"\n" + make_payload())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(packed)))
    code, out, _ = run("forward", "-", "--lake", "lake")

    assert 0 == code
    assert "read 2 batches, 2 messages" in out


def test_quiet_forward_says_problems_only(run: Run) -> None:
    """
    With ``--quiet`` a good run says nothing.
    """
    said = run("forward", "two.ndjson", "--lake", "lake", "--quiet")

    assert (0, "", "") == said


def test_forward_drops_batches_without_events_if_told(run: Run) -> None:
    """
    Dropping by rule is counted, and is no problem.
    """
    code, out, _ = run(
        "forward", "two.ndjson", "--lake", "lake", "--drop-batches-without-events"
    )

    assert 0 == code
    assert "received 2 = loaded 1 + dead 0 + dropped 1 + pending 0" in out


@pytest.mark.parametrize(
    ("options", "tables"),
    [
        ([], ["acme"]),
        (["--table-name", "partners"], ["partners"]),
        (["--split-feeds"], ["acme_a", "acme_b"]),
    ],
)
def test_forward_routes_feeds_as_told(
    options: list[str], tables: list[str], run_json: Callable[..., Any]
) -> None:
    """
    A feed goes to the partner's table, to a named one, or to one a name.
    """
    feed = {"channel": "partner", "partner": "Acme"}
    events = [make_event(event_name=name) for name in ("A", "B")]
    Path("feed.json").write_bytes(make_payload(*events, source_info=feed))
    said = run_json("forward", "feed.json", "--lake", "lake", *options)

    assert tables == list(said["tables"])


def test_forward_names_the_common_table_after_the_schema(
    run_json: Callable[..., Any],
) -> None:
    """
    The schema's name is the beginning of the common table's.
    """
    said = run_json("forward", "one.json", "--lake", "lake", "--schema-name", "shop")

    assert ["shop_otherevents"] == list(said["tables"])


def test_forward_refuses_a_line_and_loads_the_others(run: Run) -> None:
    """
    A line that is no batch is told by file and number; the exit code says 1.
    """
    Path("bad.ndjson").write_bytes(
        make_payload() + b'\n{"events": 3}\n' + make_payload() + b"\nno\n"
    )
    code, out, err = run("forward", "bad.ndjson", "one.json", "--lake", "lake")

    assert 1 == code
    assert "received 3 = loaded 3 + dead 0 + dropped 0 + pending 0" in out
    assert (
        "bad.ndjson, line 2 was refused: payload is no mParticle batch: "
        "events must be a list or null\n"
        "bad.ndjson, line 4 was refused: payload is no mParticle batch: "
        "not JSON: Expecting value at character 0\n"
    ) == err


def test_forward_tells_the_first_of_many_refusals(run: Run) -> None:
    """
    A file of something else does not fill the terminal.
    """
    Path("bad.ndjson").write_bytes(make_payload() + b"\n" + b"no\n" * 1100)
    code, _, err = run("forward", "bad.ndjson", "--lake", "lake")
    said = err.splitlines()

    assert 1 == code
    assert 21 == len(said)
    assert "and 981 more" == said[-1]


def test_forward_counts_all_refusals(run_json: Callable[..., Any]) -> None:
    """
    As JSON there are the first thousand, and how many more there were.
    """
    Path("bad.ndjson").write_bytes(make_payload() + b"\n" + b"no\n" * 1100)
    said = run_json("forward", "bad.ndjson", "--lake", "lake")

    assert 1100 == said["refused"]
    assert "100 others were refused" == said["problems"][-1]


def test_forward_goes_on_after_a_file_that_ends_early(run: Run) -> None:
    """
    What a cut file holds is loaded, and so is the next file.
    """
    lines = b"\n".join(make_payload(mpid=number) for number in range(3000))
    Path("cut.gz").write_bytes(gzip.compress(lines)[:-1000])
    code, out, err = run("forward", "cut.gz", "one.json", "--lake", "lake")
    count = int(out.split()[1])

    assert 1 == code
    assert 1000 < count < 3000
    assert f"received {count} = loaded {count} + dead 0" in out
    assert err.startswith("cut.gz can't be read to its end")


def test_forward_mentions_a_file_without_batches(run: Run) -> None:
    """
    An empty file is said, and is no failure: an hour may have no batch.
    """
    Path("empty.ndjson").write_bytes(b"")
    said = run("forward", "empty.ndjson", "one.json", "--lake", "lake", "--quiet")

    assert (0, "", "empty.ndjson holds no batch\n") == said


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("missing.json", "missing.json can't be read: No such file or directory"),
        (".", ". is a folder; name the files in it"),
        ("one.json", "one.json is named twice; its batches would be forwarded twice"),
    ],
)
def test_forward_receives_nothing_when_a_file_is_wrong(
    name: str, complaint: str, run: Run
) -> None:
    """
    A source that can't be read is found before the first is received.
    """
    said = run("forward", "one.json", name, "--lake", "lake")

    assert (2, "", complaint + "\n") == said
    assert not Path("lake").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["forward", "one.json"],
        ["forward", "one.json", "--lake", "lake", "--events-threshold", "many"],
        ["plan"],
        ["replay", "one", "--lake", "lake"],
        ["fly"],
        [],
    ],
)
def test_wrong_arguments_exit_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """
    What the arguments should be is said, and nothing is done.
    """
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert 2 == caught.value.code
    assert "usage: python -m databricks_forwarder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--events-threshold", "0"], "events_threshold must be"),
        (["--table-name", " "], "table_name must be"),
        (["--schema-name", ""], "schema_name must be"),
        (["--spool", "no/spool.db"], "no"),
    ],
)
def test_wrong_setting_exits_with_2(
    options: list[str], complaint: str, run: Run
) -> None:
    """
    A setting that can't be is one sentence.
    """
    code, out, err = run("forward", "one.json", "--lake", "lake", *options)

    assert (2, "", 1) == (code, out, err.count("\n"))
    assert complaint in err


def test_lake_that_is_a_file_exits_with_2(run: Run) -> None:
    """
    A lake can't be where a file is.
    """
    code, _, err = run("forward", "one.json", "--lake", "two.ndjson")

    assert 2 == code
    assert err.startswith("making the lake's folder ")
    assert "two.ndjson" in err


@pytest.mark.parametrize(
    "places", [["--lake", ""], ["--lake", "lake", "--spool", ""]], ids=["lake", "spool"]
)
def test_place_without_a_name_exits_with_2(places: list[str], run: Run) -> None:
    """
    A variable of the shell that is not set does not put a lake into this folder.
    """
    before = set(Path().iterdir())
    code, out, err = run("forward", "one.json", *places)

    assert (2, "", 1) == (code, out, err.count("\n"))
    assert before == set(Path().iterdir())


def test_missing_engine_exits_with_2(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Without the extra the sentence says what to install.
    """
    monkeypatch.setitem(sys.modules, "deltalake", None)
    code, _, err = run("forward", "one.json", "--lake", "lake")

    assert 2 == code
    assert "pip install 'databricks-forwarder[lake]'" in err


def test_forward_loses_nothing_when_the_lake_is_in_trouble(run: Run) -> None:
    """
    What can't be loaded now waits; the next run without files carries it.
    """
    Path("lake/mparticle_otherevents").mkdir(parents=True)
    blocker = Path("lake/mparticle_otherevents/note.txt")
    blocker.write_text("in the way")
    code, out, err = run("forward", "two.ndjson", "--lake", "lake")
    blocker.unlink()
    again = run("forward", "--lake", "lake")

    assert 1 == code
    assert "received 2 = loaded 0 + dead 0 + dropped 0 + pending 2" in out
    assert "nothing is lost" in err
    assert (0, "") == (again[0], again[2])
    assert "received 2 = loaded 2 + dead 0 + dropped 0 + pending 0" in again[1]


def test_forward_says_what_is_parked(run: Run) -> None:
    """
    A table that can't take the rows is named with its load and the reason.
    """
    import pyarrow as pa  # noqa: PLC0415 (here alone)
    from deltalake import write_deltalake  # noqa: PLC0415 (here alone)

    write_deltalake("lake/screen_view", pa.table({"mpid": [True]}))
    views = make_payload(*[make_event("screen_view")] * 3, make_event("first_run"))
    Path("views.json").write_bytes(views)
    code, out, err = run(
        "forward", "views.json", "--lake", "lake", "--events-threshold", "3"
    )

    assert 1 == code
    assert "received 4 = loaded 1 + dead 0 + dropped 0 + pending 3" in out
    assert err.startswith("table screen_view of load ")
    assert " is parked: " in err


def test_forward_says_which_load_is_parked_as_a_whole(run: Run) -> None:
    """
    A load that was parked by another run is told again, since it waits.
    """
    router = FunctionRouter(lambda _: "a name with spaces")
    with Forwarder.for_lake("lake", spool="spool.db", router=router) as forwarder:
        forwarder.submit(make_payload())
        for _ in range(10):  # tried a few times, then parked
            with contextlib.suppress(RouteError):
                forwarder.flush()
        (parked,) = forwarder.parked()
    code, _, err = run("forward", "--lake", "lake", "--spool", "spool.db")

    assert 1 == code
    assert f"load {parked.load_id} is parked: {parked.reason}\n" == err


def test_forward_says_what_another_holder_has(run: Run) -> None:
    """
    While another forwarder carries the load, this one leaves it to that.
    """
    run("forward", "one.json", "--lake", "lake")
    with Forwarder.for_lake("lake", spool="lake/_forwarder/spool.db") as forwarder:
        forwarder.submit(make_payload())
    other = SqliteBatcher("lake/_forwarder/spool.db")
    try:
        other.lease(UploadPolicy(), at=SystemClock().now(), seal=True)
        code, out, err = run("forward", "--lake", "lake")
    finally:
        other.close()

    assert 1 == code
    assert "pending 1" in out
    assert "1 message is pending: another forwarder carries them\n" == err


def test_forward_says_what_is_dead(run: Run) -> None:
    """
    A payload that was spoilt in the spool is told by its offset and the reason.
    """
    SqliteBatcher("spool.db").close()
    with Forwarder.for_lake("lake", spool="spool.db") as forwarder:
        forwarder.submit_many([make_payload(), make_payload()])
    with contextlib.closing(sqlite3.connect("spool.db")) as database, database:
        database.execute("UPDATE records SET payload = x'7b7d' WHERE \"offset\" = 1")
    code, out, err = run("forward", "--lake", "lake", "--spool", "spool.db")

    assert 1 == code
    assert "received 2 = loaded 1 + dead 1 + dropped 0 + pending 0" in out
    assert err.startswith("offset 1 is dead: ")


class Interrupting(io.BytesIO):
    """
    Standard input that is interrupted after its end.
    """

    def readinto(self, buffer: Any, /) -> int:
        """
        Read, or be interrupted where there is no more.
        """
        count = super().readinto(buffer)
        if not count:
            raise KeyboardInterrupt
        return count


@pytest.mark.parametrize(
    ("lines", "received"),
    [(1, "nothing was received"), (600, "up to -, line 500 is received")],
)
def test_interrupted_forward_says_what_is_safe(
    lines: int, received: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Ctrl-C exits with 130 and tells up to which place the batches are safe.
    """
    content = (make_payload() + b"\n") * lines
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Interrupting(content)))
    code, out, err = run("forward", "-", "--lake", "lake")

    assert (130, "") == (code, out)
    assert err.startswith(received)
    assert err.endswith("stopped; what waits in the spool is safe\n")


def test_forward_interrupted_in_a_write_claims_no_more_than_it_knows(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Ctrl-C when a write was just done leaves open whether it was, and says so.
    """
    submit_many = Forwarder.submit_many

    def interrupted(self: Forwarder, payloads: Any, **options: Any) -> Any:
        submit_many(self, payloads, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(Forwarder, "submit_many", interrupted)
    content = (make_payload() + b"\n") * 2
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    code, _, err = run("forward", "-", "--lake", "lake")

    assert 130 == code
    assert err.startswith(
        "nothing was received for sure, and what follows to -, line 2 may be; "
    )


# -- plan --------------------------------------------------------------------


def test_plan_touches_nothing(run: Run) -> None:
    """
    Planning says the tables, and makes not even the lake.
    """
    before = sorted(Path.cwd().rglob("*"))
    code, out, err = run("plan", "two.ndjson", "one.json", "--lake", "lake")

    assert (0, "") == (code, err)
    assert [
        "table                  event type  messages  files  bytes  is   why",
        "mparticle_otherevents  any                3      1  SIZE   new  WHY",
        "1 load",
        "0 messages would be dropped by rule",
        "0 rows would have _rescued_data",
    ] == re.sub(
        r"\b\d{5}\b", "SIZE ", out.replace("no event, rare", "WHY")
    ).splitlines()
    assert before == sorted(Path.cwd().rglob("*"))


def test_plan_knows_what_the_lake_counted(run_json: Callable[..., Any]) -> None:
    """
    With what was forwarded before, a kind may reach the threshold.
    """
    run_json("forward", "one.json", "--lake", "lake", "--events-threshold", "2")
    before = {path: path.read_bytes() for path in Path.cwd().rglob("*.db")}
    said = run_json("plan", "one.json", "--lake", "lake", "--events-threshold", "2")
    alone = run_json("plan", "one.json", "--events-threshold", "2")

    (table,) = said["tables"]

    assert ("first_run", "first_run", 1, False, "frequent") == (
        table["table"],
        table["event_type"],
        table["messages"],
        table["is_there"],
        table["reasons"][0]["rule"],
    )
    assert ["mparticle_otherevents"] == [table["table"] for table in alone["tables"]]
    assert before == {path: path.read_bytes() for path in Path.cwd().rglob("*.db")}


def test_plan_tells_what_would_be_refused(run: Run) -> None:
    """
    What forwarding would refuse is told with its place, and exits with 1.
    """
    Path("bad.ndjson").write_bytes(make_payload() + b"\nno\n")
    code, out, err = run("plan", "bad.ndjson")

    assert 1 == code
    assert "mparticle_otherevents  any                1" in out
    assert err.startswith("bad.ndjson, line 2 would be refused: ")


def test_plan_tells_what_would_be_dead(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A batch that the door takes and nobody can read is told with its place.
    """

    def keys(_: KeyMaker, decoded: DecodedBatch) -> list[EventKey]:
        if not decoded.events:
            raise DecodeError("nested deeper than can be read")
        return [EventKey("first_run")]

    # Which nesting is too deep depends on who calls: it can't be made in a file.
    monkeypatch.setattr(KeyMaker, "keys", keys)
    code, out, err = run("plan", "two.ndjson")

    assert 1 == code
    assert "mparticle_otherevents  any                1" in out
    assert "two.ndjson, line 2 would be dead: nested deeper than can be read\n" == err


def test_plan_says_why_and_what_would_be_run(run: Run) -> None:
    """
    On request each kind's reason is told, and the steps of the destination.
    """
    code, out, _ = run("plan", "one.json", "--why", "--sql", "--lake", "lake")

    assert 0 == code
    assert "first_run (environment 'production'): goes to table" in out
    assert "9,999 less than the 10,000" in out
    assert "\ncreate table " in out
    assert "as transaction 000000000000-0-0;" in out


def test_plan_tells_of_a_table_that_is_in_the_way(run: Run) -> None:
    """
    What a load would be parked for is told, and exits with 1.
    """
    run("forward", "one.json", "--lake", "lake")
    Path("lake/shop_otherevents").mkdir()
    Path("lake/shop_otherevents/note").touch()
    code, _, err = run("plan", "one.json", "--lake", "lake", "--schema-name", "shop")

    assert 1 == code
    assert err.startswith("table shop_otherevents can't be loaded as it is: ")


def test_plan_looks_into_workspaces_only(run: Run) -> None:
    """
    A lake is not told to be looked at.
    """
    code, _, err = run("plan", "one.json", "--look", "--lake", "lake")

    assert 2 == code
    assert err.startswith("--look goes with --databricks")


def test_plan_knows_counts_that_hosts_share(run: Run, run_json: Any) -> None:
    """
    A lake whose hosts share their counts is asked for those, and left alone.
    """
    with Forwarder.for_lake(
        "lake", spool="spool.db", counts="shared", events_threshold=2
    ) as forwarder:
        forwarder.submit(Path("one.json").read_bytes())
        forwarder.flush()
    before = files()
    said = run_json("plan", "one.json", "--lake", "lake", "--events-threshold", "2")

    assert ["first_run"] == [table["table"] for table in said["tables"]]
    assert before == files()


# -- explain, simulate -------------------------------------------------------


def files() -> dict[Path, bytes]:
    """
    Read all files of the lake ``lake``.
    """
    return {
        path: path.read_bytes() for path in Path("lake").rglob("*") if path.is_file()
    }


EXPLAIN = ("explain", "--event-type", "first_run", "--lake", "lake")


def test_explain_says_the_sentences(run: Run) -> None:
    """
    Count, window, threshold and what is missing are said for one kind.
    """
    run("forward", "one.json", "--lake", "lake")
    before = files()
    code, out, err = run(*EXPLAIN, "--events-threshold", "5", "--messages", "3")

    assert (0, "") == (code, err)
    assert "first_run: goes to table mparticle_otherevents.\n" in out
    assert "1 message of this kind was forwarded from " in out
    assert "and 3 are at hand: 4 in all, 1 less than the 5 that a table" in out
    assert before == files()


def test_explain_says_json(run_json: Callable[..., Any]) -> None:
    """
    The same as members, with the sentences as one.
    """
    said = run_json(*EXPLAIN, "--feed", "Acme", "--table-name", "ads")

    assert ("ads", "chosen", "FeedRouter", None, "table_name of all feeds") == (
        said["table"],
        said["rule"],
        said["router"],
        said["window"],
        said["setting"],
    )
    assert "so table_name of all feeds says." in said["text"]


def test_explain_refuses_no_messages(run: Run) -> None:
    """
    Less than one message is at hand of nothing.
    """
    code, _, err = run(*EXPLAIN, "--messages", "0")

    assert (2, "messages must be at least 1, not 0\n") == (code, err)


def test_simulate_compares_thresholds(run: Run, run_json: Callable[..., Any]) -> None:
    """
    A line each, with tables and what stays in the common one; nothing changes.
    """
    run("forward", "two.ndjson", "one.json", "--lake", "lake")
    before = files()
    code, out, err = run("simulate", "1", "10", "--lake", "lake")
    said = run_json("simulate", "1", "10", "--lake", "lake")
    lines = [line.split() for line in out.splitlines()]

    assert (0, "") == (code, err)
    assert ["10,000", "0", "0", "0", "3", "100.0", "%", "now"] == lines[2]
    assert ["1", "2", "2", "0", "1", "33.3", "%"] == lines[3]
    assert "with 1 there would also be event_search_search, first_run" in out
    assert [1, 10] == [each["threshold"] for each in said["outcomes"]]
    assert before == files()


def test_simulate_refuses_what_is_no_threshold(run: Run) -> None:
    """
    A threshold is a number of messages.
    """
    code, _, err = run("simulate", "0", "--lake", "lake")

    assert (2, "a threshold must be an integer of at least 1, not 0\n") == (code, err)


# -- the other commands ------------------------------------------------------


def test_status_of_a_fresh_spool(run: Run) -> None:
    """
    All is zero, and nothing is wrong.
    """
    SqliteBatcher("spool.db").close()
    code, out, _ = run("status", "--spool", "spool.db")

    assert 0 == code
    assert [
        "received 0 = loaded 0 + dead 0 + dropped 0 + pending 0",
        "0 messages wait",
        "open loads: none",
        "parked loads: none",
        "nothing is dead",
        "0 payload bytes are kept",
    ] == out.splitlines()


def test_status_tells_what_waits_and_what_is_dead(run: Run) -> None:
    """
    The exit code is 1 while something is dead.
    """
    kill_letters()
    with Forwarder.for_lake(
        "lake", spool="lake/_forwarder/spool.db", clock=FakeClock()
    ) as forwarder:
        forwarder.submit(make_payload())
    code, out, _ = run("status", "--lake", "lake")

    assert 1 == code
    assert "received 3 = loaded 0 + dead 2 + dropped 0 + pending 1" in out
    assert "1 message waits, the oldest since 2026-01-01 00:00:00 UTC" in out
    assert "dead messages: 2; dead-letters says why" in out


def test_status_as_json(run_json: Callable[..., Any]) -> None:
    """
    The batcher's status, member by member.
    """
    kill_letters()
    said = run_json("status", "--lake", "lake")

    assert 2 == said["account"]["dead"]
    assert (None, [], []) == (
        said["oldest_received_at"],
        said["open_load_ids"],
        said["parked_load_ids"],
    )


@pytest.mark.parametrize(
    "command",
    [
        *("status", "loads", "parked", "carry-on", "dead-letters", "replay"),
        *("carry", "reconcile", "backfill"),
    ],
)
def test_spool_that_is_not_there_exits_with_2(command: str, run: Run) -> None:
    """
    Asking does not make a spool.
    """
    code, out, err = run(command, "--lake", "lake")

    assert (2, "") == (code, out)
    assert "there is no spool at lake/_forwarder/spool.db" in err
    assert "name it with --spool FILE" in err
    assert not Path("lake").exists()


def test_spool_must_be_named(run: Run) -> None:
    """
    Neither lake nor spool is a wrong usage.
    """
    said = run("status")

    assert (2, "", "say which spool: --spool FILE, or --lake DIR for its own\n") == said


def test_file_that_is_no_spool_is_one_sentence(run: Run) -> None:
    """
    What can't be opened as a spool is told without a traceback.
    """
    code, _, err = run("status", "--spool", "two.ndjson")

    assert 2 == code
    assert "two.ndjson" in err


def test_spoilt_spool_is_one_sentence(run: Run) -> None:
    """
    A spool that the disk has spoilt is told without a traceback.
    """
    SqliteBatcher("spool.db").close()
    content = Path("spool.db").read_bytes()
    Path("spool.db").write_bytes(content[:4096] + b"x" * (len(content) - 4096))
    code, out, err = run("status", "--spool", "spool.db")

    assert (1, "", 1) == (code, out, err.count("\n"))
    assert "spool.db" in err


def test_loads_are_listed(run: Run, run_json: Callable[..., Any]) -> None:
    """
    Each committed load with its numbers, the newest first, as many as asked.
    """
    run("forward", "one.json", "--lake", "lake")
    run("forward", "two.ndjson", "--lake", "lake")
    code, out, _ = run("loads", "--lake", "lake", "--limit", "1")
    said = run_json("loads", "--lake", "lake")
    header, line = out.splitlines()

    assert 0 == code
    assert [
        *("received", "loaded", "dead", "dropped", "pending", "state"),
    ] == header.split()[3:]
    assert ["UTC", "2", "2", "0", "0", "0", "committed"] == line.split()[3:]
    assert [2, 1] == [load["account"]["received"] for load in said["loads"]]


@pytest.fixture(name="parked_table")
def _parked_table(run: Run) -> str:
    """
    Park the table ``screen_view`` of a load; return the load's id.
    """
    import pyarrow as pa  # noqa: PLC0415 (here alone)
    from deltalake import write_deltalake  # noqa: PLC0415 (here alone)

    write_deltalake("lake/screen_view", pa.table({"mpid": [True]}))
    views = make_payload(*[make_event("screen_view")] * 3, make_event("first_run"))
    Path("views.json").write_bytes(views)
    run("forward", "views.json", "--lake", "lake", "--events-threshold", "3")
    spool = SqliteBatcher("lake/_forwarder/spool.db")
    (report,) = spool.parked()
    spool.close()
    return report.load_id


@pytest.fixture(name="parked_load")
def _parked_load() -> str:
    """
    Park a load as a whole; return its id.
    """
    router = FunctionRouter(lambda _: "a name with spaces")
    Path("lake/_forwarder").mkdir(parents=True)
    with Forwarder.for_lake(
        "lake", spool="lake/_forwarder/spool.db", router=router
    ) as forwarder:
        forwarder.submit(make_payload())
        for _ in range(10):  # tried a few times, then parked
            with contextlib.suppress(RouteError):
                forwarder.flush()
        (report,) = forwarder.parked()
    return report.load_id


def test_parked_table_is_listed(
    parked_table: str, run: Run, run_json: Callable[..., Any]
) -> None:
    """
    A parked table stands with its load, its messages and the reason.
    """
    code, out, _ = run("parked", "--lake", "lake")
    header, line = out.splitlines()
    (said,) = run_json("parked", "--lake", "lake")["parked"]

    assert 0 == code
    assert ["load", "parked", "at", "table", "messages", "reason"] == header.split()
    assert line.startswith(parked_table)
    assert ["UTC", "screen_view", "3"] == line.split()[3:6]
    assert "mpid" in line
    assert {"mparticle_otherevents": "loaded", "screen_view": "parked"} == {
        table["table"]: table["state"] for table in said["tables"]
    }


def test_parked_load_is_listed(parked_load: str, run: Run) -> None:
    """
    A load that is parked as a whole has one line.
    """
    _, out, _ = run("parked", "--lake", "lake")
    _, line = out.splitlines()

    assert line.startswith(parked_load)
    assert ["UTC", "(all)", "1"] == line.split()[3:6]


def test_status_says_what_to_ask_of_a_parked_load(parked_load: str, run: Run) -> None:
    """
    A parked load is named with the command that tells why.
    """
    code, out, _ = run("status", "--lake", "lake")
    run("carry-on", "--lake", "lake")
    _, opened, _ = run("status", "--lake", "lake")

    assert 1 == code
    assert f"parked loads: {parked_load}; parked says why" in out
    assert f"open loads: {parked_load}; forward goes on with them" in opened


@pytest.fixture(name="failing_load")
def _failing_load() -> str:
    """
    Fail a load three times, as in another process; return its id.
    """
    router = FunctionRouter(lambda _: "a name with spaces")
    with Forwarder.for_lake(
        "lake", spool="spool.db", router=router, clock=FakeClock()
    ) as forwarder:
        forwarder.submit(make_payload())
        for _ in range(3):
            with pytest.raises(RouteError):
                forwarder.flush()
        (load_id,) = forwarder.status().open_load_ids
    return load_id


def test_status_tells_of_an_outage(
    failing_load: str, run: Run, run_json: Callable[..., Any]
) -> None:
    """
    An open load that failed is told with its messages, tries and last error.
    """
    code, out, _ = run("status", "--spool", "spool.db")
    (load,) = run_json("status", "--spool", "spool.db")["open_loads"]

    assert 1 == code
    assert "0 messages wait; 1 more is pending in loads\n" in out
    assert (
        f"load {failing_load} has 1 message pending, the oldest since 2026-01-01 "
        "00:00:00 UTC, begun 2026-01-01 00:00:00 UTC; it failed 3 times, the last at "
        "2026-01-01 00:00:00 UTC: RouteError: "
    ) in out
    assert (failing_load, 1, 3) == (load["load_id"], load["pending"], load["failures"])
    assert f"{load['last_error']}\n" in out


def test_a_report_from_a_shell_tells_of_an_outage(failing_load: str, run: Run) -> None:
    """
    What failed in another process is late in a report of its spool.
    """
    run("report", "--spool", "spool.db", "-o", "page.html")
    html = Path("page.html").read_text()

    assert failing_load in html
    assert "A load failed 3 times, and is overdue by " in html
    assert "RouteError: " in html


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("parked", "nothing is parked\n"),
        ("loads", "no load was carried yet\n"),
        ("dead-letters", "no such dead letter\n"),
    ],
)
def test_nothing_to_list_is_said(command: str, said: str, run: Run) -> None:
    """
    Who looks at an empty list is told that it is empty.
    """
    SqliteBatcher("spool.db").close()

    assert (0, said, "") == run(command, "--spool", "spool.db")


@pytest.mark.parametrize("is_named", [True, False])
def test_parked_load_is_carried_on(is_named: bool, parked_load: str, run: Run) -> None:
    """
    The loads that are named, or all, are open again; forward carries them.
    """
    named = [parked_load] if is_named else []
    code, out, _ = run("carry-on", *named, "--lake", "lake")
    carried, forwarded, _ = run("forward", "--lake", "lake")

    assert (0, "1 load is open again; forward carries what is open\n") == (code, out)
    assert 0 == carried
    assert "received 1 = loaded 1 + dead 0" in forwarded


def test_carried_on_table_is_loaded_under_its_load(
    parked_table: str, run: Run, run_json: Callable[..., Any]
) -> None:
    """
    After a fix the parked table is loaded, and the others are not again.
    """
    shutil.rmtree("lake/screen_view")
    said = run_json("carry-on", parked_table, "--lake", "lake")
    code, out, _ = run("forward", "--lake", "lake")
    (load,) = run_json("loads", "--lake", "lake")["loads"]

    assert {"carried_on": [parked_table]} == said
    assert 0 == code
    assert "received 4 = loaded 4 + dead 0 + dropped 0 + pending 0" in out
    assert parked_table == load["load_id"]


def test_load_that_is_not_parked_exits_with_2(parked_load: str, run: Run) -> None:
    """
    When one of the loads that are named is not parked, none is carried on.
    """
    said = run("carry-on", parked_load, "nobody-0-1", "--lake", "lake")
    _, out, _ = run("parked", "--lake", "lake")

    assert (2, "", "no parked load is called nobody-0-1; parked lists them\n") == said
    assert parked_load in out


def test_dead_letters_are_listed_without_payloads(
    run: Run, run_json: Callable[..., Any]
) -> None:
    """
    Offset, time, load, size, state and reason; never what is inside.
    """
    kill_letters()
    damage_letter(1)
    code, out, _ = run("dead-letters", "--lake", "lake")
    said = run_json("dead-letters", "--lake", "lake")
    header, *lines = out.splitlines()
    load = said["dead_letters"][0]["load"]
    at, reason = "2026-01-01 00:00:00 UTC", "the router's group raised KeyError"
    size = len(make_payload())

    assert 0 == code
    assert "offset received at load bytes state reason" == " ".join(header.split())
    assert [
        f"0 {at} {load} {size} whole {reason}",
        f"1 {at} {load} {size + 2} damaged {reason}",
    ] == [" ".join(line.split()) for line in lines]
    assert [0, 1] == [letter["offset"] for letter in said["dead_letters"]]


@pytest.mark.parametrize(
    ("arguments", "offsets"),
    [
        (["--reason", "keyerror"], [0, 1]),
        (["--reason", "JSON"], []),
        (["--load", "nobody-0-0"], []),
        (["--since", "2026-01-01"], [0, 1]),
        (["--since", "2026-01-01T00:00:01Z"], []),
        (["--until", "2026-01-01T01:00:00+02:00"], []),
        (["--until", "2026-01-01T02:00:00+02:00"], [0, 1]),
        (["1", "7"], [1]),
        (["--damaged"], [1]),
        (["--damaged", "0"], []),
    ],
)
def test_dead_letters_are_chosen(
    arguments: list[str], offsets: list[int], run_json: Callable[..., Any]
) -> None:
    """
    By reason, load, time, offset and damage; a time without a zone is in UTC.
    """
    kill_letters()
    damage_letter(1)
    said = run_json("dead-letters", *arguments, "--lake", "lake")

    assert offsets == [letter["offset"] for letter in said["dead_letters"]]


@pytest.mark.parametrize("command", ["dead-letters", "replay"])
def test_a_time_that_is_none_exits_with_2(command: str, run: Run) -> None:
    """
    The sentence names the option and shows a time.
    """
    kill_letters()

    assert (
        2,
        "",
        "--since must be like 2026-01-31T18:00:00, not 'yesterday'\n",
    ) == run(command, "--since", "yesterday", "--lake", "lake")


def damage_letter(offset: int) -> None:
    """
    Change a byte of a dead letter behind the library's back.
    """
    with contextlib.closing(sqlite3.connect("lake/_forwarder/spool.db")) as database:
        (payload,) = database.execute(
            "SELECT payload FROM dead_letters WHERE offset = ?", (offset,)
        ).fetchone()
        database.execute(
            "UPDATE dead_letters SET payload = ? WHERE offset = ?",
            (payload[:-1] + b"\xff", offset),
        )
        database.commit()


def test_dead_letters_are_exported_on_purpose(run: Run) -> None:
    """
    The payloads are written one a line, for the owner alone.
    """
    kill_letters()
    code, out, _ = run("dead-letters", "--lake", "lake", "--export", "dead.ndjson")
    payload = make_payload()

    assert (0, "2 payloads written to dead.ndjson\n") == (code, out)
    assert [payload, b"{  " + payload[1:]] == Path(
        "dead.ndjson"
    ).read_bytes().splitlines()
    assert 0o600 == Path("dead.ndjson").stat().st_mode & 0o777


def test_damaged_payloads_are_exported_byte_for_byte_if_told(run: Run) -> None:
    """
    They are left out, with a word; or written alone, as they are, in base64.
    """
    kill_letters()
    damage_letter(1)
    payload = make_payload()
    _, whole, _ = run("dead-letters", "--lake", "lake", "--export", "dead.ndjson")
    _, damaged, _ = run(
        "dead-letters", "--lake", "lake", "--damaged", "--export", "damaged.ndjson"
    )
    told = json.loads(Path("damaged.ndjson").read_bytes())

    assert [
        "1 payload written to dead.ndjson",
        "1 damaged ones were left out; --damaged writes those",
    ] == whole.splitlines()
    assert payload + b"\n" == Path("dead.ndjson").read_bytes()
    assert "1 payload written to damaged.ndjson\n" == damaged
    assert (1, "2026-01-01T00:00:00+00:00") == (told["offset"], told["received_at"])
    assert b"{\r\n" + payload[1:-1] + b"\xff" == base64.b64decode(told["base64"])


def test_payloads_are_not_exported_to_standard_output(run: Run) -> None:
    """
    They are personal data; a file must be named, and none is made.
    """
    kill_letters()
    code, out, err = run("dead-letters", "--lake", "lake", "--export", "-")

    assert (2, "") == (code, out)
    assert "payloads are personal data" in err
    assert not Path("-").exists()


def test_replay_leaves_damaged_payloads(run: Run, run_json: Callable[..., Any]) -> None:
    """
    It says how many stay dead, and which.
    """
    kill_letters()
    damage_letter(1)
    told = run_json("replay", "1", "--lake", "lake")
    code, out, _ = run("replay", "--reason", "group", "--lake", "lake")

    assert {"replayed": 0, "damaged": [1]} == told
    assert 0 == code
    assert [
        "1 payload is back in the queue; forward carries what waits",
        "1 damaged payload stays dead; dead-letters --damaged lists them",
    ] == out.splitlines()


def test_export_does_not_overwrite(run: Run) -> None:
    """
    A file that is there stays as it is.
    """
    kill_letters()
    code, out, err = run("dead-letters", "--lake", "lake", "--export", "one.json")

    assert (2, "") == (code, out)
    assert "one.json can't be written: File exists; name a new file\n" == err
    assert make_payload(make_event("first_run")) == Path("one.json").read_bytes()


@pytest.mark.parametrize(
    ("offsets", "count", "put"),
    [
        ([], 2, "2 payloads are"),
        (["1"], 1, "1 payload is"),
        (["0", "1", "7"], 2, "2 payloads are"),
    ],
)
def test_replay_puts_dead_letters_back(
    offsets: list[str], count: int, put: str, run: Run
) -> None:
    """
    All dead letters, or those that are named; forward carries them then.
    """
    kill_letters()
    code, out, _ = run("replay", *offsets, "--lake", "lake")
    _, forwarded, _ = run("forward", "--lake", "lake")

    assert (0, f"{put} back in the queue; forward carries what waits\n") == (code, out)
    assert f"received 2 = loaded {count} + dead {2 - count}" in forwarded


def test_check_finds_a_good_place(run: Run) -> None:
    """
    Where a lake can be made all findings are good, and nothing stays.
    """
    before = sorted(Path.cwd().rglob("*"))
    code, out, _ = run("check", "--lake", "lake")

    assert 0 == code
    assert all(line.endswith(": good") for line in out.splitlines())
    assert before == sorted(Path.cwd().rglob("*"))


def test_check_says_what_is_wrong(run: Run) -> None:
    """
    A place where no lake can be is a problem, and exits with 1.
    """
    code, out, _ = run("check", "--lake", "one.json")

    assert 1 == code
    assert "one.json" in out


# -- the terminal ------------------------------------------------------------


class Terminal(io.StringIO):
    """
    A stream that says it is a terminal.
    """

    def isatty(self) -> bool:
        """
        Say so.
        """
        return True


def run_on_terminal(*arguments: str) -> tuple[int, str, str]:
    """
    Run a command on a terminal; return the exit code and what is on it.
    """
    out, err = Terminal(), Terminal()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    return code, out.getvalue(), err.getvalue()


def test_terminal_has_a_drawn_table_and_a_progress_bar(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    With ``rich`` the table has lines, and reading shows how far it is.
    """
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    code, out, err = run_on_terminal("forward", "two.ndjson", "--lake", "lake")

    assert 0 == code
    assert "│ mparticle_otherevents │    2 │" in out
    assert "reading" in err


def test_terminal_without_rich_has_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Without the extra the same is said, without lines and without a bar.
    """
    for name in [each for each in sys.modules if each.split(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)
    code, out, err = run_on_terminal("forward", "two.ndjson", "--lake", "lake")

    assert (0, "") == (code, err)
    assert "mparticle_otherevents     2\n" in out


def test_a_status_is_drawn_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Each fact stands beside what it is about.
    """
    kill_letters()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    code, out, _ = run_on_terminal("status", "--lake", "lake")

    assert 1 == code
    assert "│ dead    │ dead messages: 2; dead-letters says why" in out


def test_a_status_is_lines_without_rich(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Without the extra a terminal gets the lines that a file gets.
    """
    kill_letters()
    _, lines, _ = run("status", "--lake", "lake")
    for name in [each for each in sys.modules if each.split(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)

    assert lines == run_on_terminal("status", "--lake", "lake")[1]


# -- report ------------------------------------------------------------------


def test_a_report_is_written(run: Run) -> None:
    """
    The page tells of the lake's loads, and what is foreseen by its counts.
    """
    run("forward", "two.ndjson", "one.json", "--lake", "lake")
    code, out, err = run("report", "--lake", "lake", "--events-threshold", "5")
    html = Path("report.html").read_text()

    assert (0, "the report is in report.html\n", "") == (code, out, err)
    assert "3 rows reached 1 table today" in html
    assert "1 of 5 messages in 30 days" in html
    assert SECRET not in html


def test_a_report_of_a_spool_alone_knows_no_counts(
    run_json: Callable[..., Any], run: Run
) -> None:
    """
    Where the counts are was not said; all else is told.
    """
    run("forward", "two.ndjson", "--lake", "lake", "--spool", "s.db")
    said = run_json("report", "--spool", "s.db", "-o", "page.html", "--days", "2")
    html = Path("page.html").read_text()

    assert "page.html" == said["report"]
    assert "Not known. Name the lake or the workspace with the spool" in html
    assert "looking back 2 days" in html


def test_a_report_makes_no_lake(run: Run) -> None:
    """
    Who only looks leaves nothing behind where a lake is not.
    """
    run("forward", "two.ndjson", "--lake", "lake", "--spool", "s.db")
    code, out, err = run("report", "--lake", "elsewhere", "--spool", "s.db")

    assert (2, "") == (code, out)
    assert "there is no lake at elsewhere" in err
    assert not Path("elsewhere").exists()


def test_quiet_terminal_has_no_progress_bar() -> None:
    """
    Quiet is quiet on a terminal too.
    """
    said = run_on_terminal("forward", "two.ndjson", "--lake", "lake", "--quiet")

    assert (0, "", "") == said


def test_module_is_a_program() -> None:
    """
    ``python -m databricks_forwarder`` runs the command line.
    """
    command = [sys.executable, "-m", "databricks_forwarder"]
    ran = subprocess.run(
        [*command, "forward", "-", "--lake", "lake", "--json"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        input=make_payload(),
        capture_output=True,
        check=False,
    )

    assert (0, b"") == (ran.returncode, ran.stderr)
    assert 1 == json.loads(ran.stdout)["account"]["loaded"]


def test_reader_that_has_gone_is_no_traceback() -> None:
    """
    Output into a closed pipe ends the program without a word.
    """
    SqliteBatcher("spool.db").close()
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(
        [sys.executable, "-m", "databricks_forwarder", "status", "--spool", "spool.db"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)

    assert (1, b"") == (ran.returncode, ran.stderr)
