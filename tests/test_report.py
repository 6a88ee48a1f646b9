"""
The report: what is told of what.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import attrs
import pytest

from databricks_forwarder import Forwarder
from databricks_forwarder._open_loads import OpenLoad
from databricks_forwarder._report.charts import SMALL, Bars, Range, bars, nice, ranges
from databricks_forwarder._report.facts import (
    Facts,
    Foresight,
    dead_groups,
    foresight,
)
from databricks_forwarder._report.page import page
from databricks_forwarder._report.words import (
    amount,
    count,
    day,
    kind_words,
    moment,
    plural,
    size,
    span,
    time_axis,
)
from databricks_forwarder._status import Status
from databricks_forwarder.answers import Prospect
from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.errors import ConfigurationError, SetupError
from databricks_forwarder.model import (
    Account,
    DeadLetter,
    EventKind,
    LoadId,
    LoadReport,
    Offset,
    OffsetRange,
    Rescue,
    TableName,
    TableReport,
)
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.routers.threshold import ThresholdRouter
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.payloads import make_event, make_payload

AT = datetime(2026, 3, 31, 12, tzinfo=timezone.utc)
STATUS = Status(
    account=Account(),
    waiting=0,
    oldest_received_at=None,
    due_at=None,
    open_load_ids=(),
    parked_load_ids=(),
    stored_bytes=0,
    is_running=False,
    destination=None,
    last_error=None,
)
EMPTY = Facts(
    at=AT,
    days=3,
    spool_id="0123456789ab",
    status=STATUS,
    loads=(),
    parked=(),
    dead=(),
    foresight=Foresight(),
)


def table_of(name: str, rows: int, **values: Any) -> TableReport:
    """
    A table's part in a load.
    """
    usual = {"file_count": 1, "size_bytes": rows * 100}
    return TableReport(table=TableName(name), row_count=rows, **{**usual, **values})


def load_of(
    *tables: TableReport, ago: timedelta = timedelta(), **values: Any
) -> LoadReport:
    """
    A load that was settled some time ago.
    """
    rows = sum(table.row_count for table in tables)
    usual = {
        "load_id": LoadId("0123456789ab-0-9"),
        "offsets": OffsetRange(Offset(0), Offset(9)),
        "attempt": 1,
        "account": Account(received=rows, loaded=rows),
        "oldest_received_at": AT - ago - timedelta(hours=1),
        "begun_at": AT - ago - timedelta(minutes=1),
    }
    return LoadReport(settled_at=AT - ago, tables=tables, **{**usual, **values})


def prospect_of(name: str, number: int, **values: Any) -> Prospect:
    """
    A kind on its way.
    """
    usual = {"has_table": False, "threshold": 100, "window_days": 30}
    kind, table = EventKind(name), TableName(name)
    return Prospect(kind=kind, table=table, message_count=number, **{**usual, **values})


def letter_of(reason: str, *, messages: int = 1, ago: int = 0) -> DeadLetter:
    """
    A dead letter.
    """
    return DeadLetter(
        offset=Offset(0),
        received_at=AT - timedelta(days=ago),
        message_count=messages,
        reason=reason,
        load_id=LoadId("0123456789ab-0-9"),
        payload=b"person1@example.com",
    )


def text_of(facts: Facts) -> str:
    """
    What a person reads on the page, its words alone.
    """
    body = re.sub(r"<(style|title)>.*?</\1>", "", page(facts), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body)).replace(" .", ".")


# -- words -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.25, "0.2 s"),
        (9.94, "9.9 s"),
        (10, "10 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (3601, "1 h"),
        (5400, "1 h 30 min"),
        (86_400 * 3 + 7200, "3 d 2 h"),
        (-90, "-1 min 30 s"),
    ],
)
def test_a_time_has_its_two_largest_units(seconds: float, said: str) -> None:
    """
    What is less than a second part of it is left out.
    """
    assert said == span(timedelta(seconds=seconds))


def test_figures_are_spelled_for_people() -> None:
    """
    Thousands are apart, sizes have units, a weekday is named.
    """
    assert ("12,346", "1 row", "2,000 rows") == (
        count(12_345.6),
        plural(1, "row"),
        plural(2000, "row"),
    )
    assert ["0.5", "2", "1.5k", "2M", "3G"] == [
        amount(n) for n in (0.5, 2, 1500, 2e6, 3e9)
    ]
    assert ["12 B", "1.5 kB", "2.0 MB", "150 MB", "3.0 GB"] == [
        size(n) for n in (12, 1500, 2e6, 1.5e8, 3e9)
    ]
    assert "Tue 31 Mar" == day(AT.date())


def test_a_moment_is_in_utc() -> None:
    """
    Whatever the zone that it came in.
    """
    elsewhere = AT.astimezone(timezone(timedelta(hours=5)))

    assert moment(AT) == moment(elsewhere)
    assert "2026-03-31 12:00 UTC" in moment(AT)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (EventKind("session_start"), "session start"),
        (EventKind(""), "an event without a type"),
        (EventKind("custom_event", "social", "Share"), "Share (custom event, social)"),
        (EventKind("commerce_event", None, "purchase"), "purchase (commerce event)"),
    ],
)
def test_a_kind_is_spelled(kind: EventKind, said: str) -> None:
    """
    Its name comes first, if it has one.
    """
    assert said == kind_words(kind)


@pytest.mark.parametrize(
    ("most", "top", "middle"),
    [
        (0, 1, "0.5 s"),
        (100, 100, "50 s"),
        (5400, 6000, "50 min"),
        (86_400, 108_000, "15 h"),
        (500_000, 518_400, "3 d"),
    ],
)
def test_an_axis_of_times_has_a_fitting_unit(
    most: float, top: float, middle: str
) -> None:
    """
    Its top is a round number of it, no less than the longest.
    """
    found, spelled = time_axis(most)

    assert top == found
    assert middle == spelled(found / 2)


@pytest.mark.parametrize("largest", [0.3, 1, 7, 99, 101, 1234, 9e8])
def test_an_axis_ends_at_a_round_number(largest: float) -> None:
    """
    It is no less than the largest value, and not twice as much.
    """
    assert largest <= nice(largest) < 2 * largest
    assert 1.0 == nice(0)


# -- plots -------------------------------------------------------------------


def test_bars_stand_one_upon_the_other() -> None:
    """
    The second begins where the first ends; nothing is drawn for nothing.
    """
    series = [Bars("a", [2, 0], "s0"), Bars("b", [2, 4], "s1")]
    drawn = bars(SMALL, ["x", "y"], series, title="t", spelled=amount)
    found = re.findall(r'<rect [^>]*y="([\d.]+)" [^>]*height="([\d.]+)"', drawn)
    (first_y, first_height), (second_y, second_height), (third_y, _) = found

    assert "<title>x: a 2</title>" in drawn
    assert first_height == second_height
    assert float(first_y) == pytest.approx(float(second_y) + float(second_height))
    assert third_y == second_y


def test_what_is_little_is_seen() -> None:
    """
    A bar of next to nothing has a height.
    """
    series = [Bars("a", [1_000_000, 1], "s0")]

    assert 'height="1"' in bars(SMALL, ["x", "y"], series, title="t", spelled=amount)


def test_a_plot_without_values_has_its_axes() -> None:
    """
    Where there is nothing to draw, nothing breaks.
    """
    drawn = bars(SMALL, [], [], title="t", spelled=amount)
    ranged = ranges(SMALL, [], [], style="s0", title="t", spelled=amount, top=1)

    assert 3 == drawn.count("grid")
    assert 3 == ranged.count("grid")


def test_a_range_has_its_dot_and_its_line() -> None:
    """
    The line goes from the least to the most, the dot stands at the middle.
    """
    point = Range(0.5, 0.0, 5.0, 10.0, "told")
    drawn = ranges(
        SMALL, [point], [(0.5, "x")], style="s0", title="t", spelled=amount, top=10
    )
    bottom, top, middle = SMALL.y(0.0), SMALL.y(1.0), SMALL.y(0.5)

    assert f'y1="{bottom}" y2="{top}"' in drawn
    assert f'cy="{middle}"' in drawn


# -- facts -------------------------------------------------------------------


def test_dead_letters_are_put_together_by_reason() -> None:
    """
    Figures make no other reason; the most messages come first.
    """
    letters = [
        letter_of("not UTF-8 at byte 7", ago=2),
        letter_of("too deep", messages=2),
        letter_of("not UTF-8 at byte 12", messages=3),
    ]
    utf, deep = dead_groups(letters)

    assert ("not UTF-8 at byte …", 2, 4) == (
        utf.reason,
        utf.payload_count,
        utf.message_count,
    )
    assert (AT - timedelta(days=2), AT) == (
        utf.oldest_received_at,
        utf.newest_received_at,
    )
    assert "too deep" == deep.reason
    assert "not UTF-8 at byte 7" == dead_groups(letters[:1])[0].reason


def test_what_cannot_be_foreseen_is_told_in_a_sentence() -> None:
    """
    A router without a threshold, and counts that can't be read, say so.
    """
    plain = foresight(FunctionRouter(lambda _: "t"), at=AT)

    class Away(MemoryEventCounts):
        """
        Counts that nobody reaches.
        """

        def kept(self, *, since: object) -> Any:
            """
            Fail.
            """
            raise SetupError("the workspace is away")

    away = foresight(ThresholdRouter(Away(), schema_name="main"), at=AT)

    assert "FunctionRouter gives no tables by a threshold." == plain.unknown
    assert "the workspace is away" == away.unknown


# -- the page ----------------------------------------------------------------


def test_a_page_without_anything_answers_all_the_same() -> None:
    """
    Before the first load each section says that there is nothing.
    """
    text = text_of(EMPTY)

    assert "No load was settled today (UTC) yet." in text
    assert "Nothing is late: nothing waits." in text
    assert "Nothing is dead; nothing is set aside." in text
    assert "Nothing: no kind without a table was counted." in text
    assert "It adds up" in text


def test_a_page_runs_nothing_and_fetches_nothing() -> None:
    """
    Its policy forbids all but its styles, and there is no address in it.
    """
    html = page(EMPTY)

    assert "default-src &#x27;none&#x27;; style-src &#x27;unsafe-inline&#x27;" in html
    assert not re.search(r"<(script|img|link|iframe)|https?:|url\(|@import", html)


def test_rows_of_today_are_told_by_table() -> None:
    """
    Loads of yesterday are not today's; a parked table did not arrive.
    """
    loads = [
        load_of(table_of("a", 3), table_of("b", 2)),
        load_of(table_of("a", 7), ago=timedelta(hours=13)),
    ]
    parked = [
        load_of(
            table_of("c", 5),
            table_of("d", 50, state="parked", reason="no room"),
            ago=timedelta(hours=1),
        ),
        load_of(table_of("e", 9), ago=timedelta(days=5)),
    ]
    text = text_of(attrs.evolve(EMPTY, loads=loads, parked=parked))

    assert "10 rows reached 3 tables today, in 2 loads" in text
    assert "2 loads set aside, wholly or in part." in text
    assert "d 50 no room" in text


def test_small_tables_are_put_together() -> None:
    """
    Four tables have colours of their own; what died or was dropped is a series.
    """
    tables = [table_of(name, 10 - at) for at, name in enumerate("abcdefg")]
    account = Account(received=50, loaded=49, dead=1)
    html = page(attrs.evolve(EMPTY, loads=[load_of(*tables, account=account)]))

    assert 2 == html.count(
        '<span class="swatch s4" aria-hidden="true"></span><bdi>all other tables</bdi>'
    )
    assert 2 == html.count('<span class="swatch s5" aria-hidden="true"></span>')
    assert "Tue 31 Mar: all other tables 15" in html


def test_latencies_are_told_of_loads_that_have_them() -> None:
    """
    Loads of an earlier version have none; many of one time are a point.
    """
    old = load_of(table_of("a", 1), begun_at=None, oldest_received_at=None)
    half = load_of(table_of("a", 1), begun_at=None, ago=timedelta(hours=30))
    loads = [*[load_of(table_of("a", 1))] * 3, half, old]
    text = text_of(attrs.evolve(EMPTY, loads=loads))
    without = text_of(attrs.evolve(EMPTY, loads=[old]))

    assert "Queued median 59 min, at most 59 min" in text
    assert "Carried median 1 min, at most 1 min" in text
    assert "End to end median 1 h, at most 1 h" in text
    assert "not told not told 1 h 1" in text
    assert "The latest 4 loads" in text
    assert "median" not in without


def test_loads_that_tell_no_time_have_an_empty_plot() -> None:
    """
    Of loads that were never taken up whole there is end to end alone.
    """
    half = load_of(table_of("a", 1), begun_at=None)

    assert "Queued median 0 s, at most 0 s" in text_of(
        attrs.evolve(EMPTY, loads=[half])
    )


@pytest.mark.parametrize(
    ("status", "tile", "said"),
    [
        (
            {"waiting": 3, "due_at": AT + timedelta(hours=1)},
            "nothing 3 messages",
            "Nothing is late: what waits has its load ahead.",
        ),
        (
            {"due_at": AT - timedelta(minutes=4)},
            "nothing 0 messages",
            "Nothing is late",
        ),
        (
            {"due_at": AT - timedelta(hours=2)},
            "by 2 h 0 messages",
            "A load is overdue by 2 h: see whether the host still ticks.",
        ),
        (
            {"last_error": "SetupError: no grant"},
            "an error 0 messages",
            "Last error SetupError: no grant",
        ),
        (
            {"destination": "the warehouse is starting"},
            "nothing",
            "Destination the warehouse is starting",
        ),
        (
            {"open_load_ids": ["x-0-1"], "parked_load_ids": ["x-2-3"]},
            "nothing",
            "Begun and open x-0-1 Set aside x-2-3",
        ),
        (
            {"oldest_received_at": AT - timedelta(hours=3)},
            "nothing",
            "3 h old, received 2026-03-31 09:00 UTC",
        ),
    ],
)
def test_what_is_late_is_told(status: dict[str, Any], tile: str, said: str) -> None:
    """
    Overdue loads, errors, and what waits for whom.
    """
    text = text_of(attrs.evolve(EMPTY, status=attrs.evolve(STATUS, **status)))

    assert f"Late {tile}" in text
    assert said in text


FAILED = OpenLoad(
    load_id=LoadId("x-0-1"),
    pending=30,
    oldest_received_at=AT - timedelta(hours=3),
    begun_at=AT - timedelta(hours=2),
    failures=3,
    last_error="SetupError: GRANT CREATE TABLE",
    failed_at=AT - timedelta(minutes=1),
)


@pytest.mark.parametrize(
    ("load", "tile", "said"),
    [
        (
            FAILED,
            "by 1 h 30 min 0 messages waiting, 30 messages in loads; failed 3 times",
            "A load failed 3 times, and is overdue by 1 h 30 min: SetupError:",
        ),
        (
            attrs.evolve(FAILED, oldest_received_at=AT, failures=1),
            "a load fails 0 messages waiting, 30 messages in loads; failed 1 time",
            "A load failed 1 time: SetupError: GRANT CREATE TABLE",
        ),
        (
            attrs.evolve(FAILED, failures=0, last_error=None, failed_at=None),
            "by 1 h 30 min 0 messages waiting, 30 messages in loads",
            "30 messages, the oldest received 2026-03-31 09:00",
        ),
        (
            OpenLoad(load_id=LoadId("x-0-1")),
            "nothing 0 messages waiting, 30 messages in loads",
            "Pending in all 30 messages",
        ),
    ],
)
def test_an_open_load_that_fails_or_is_old_is_late(
    load: OpenLoad, tile: str, said: str
) -> None:
    """
    The tile and the section say so, with the last error where it is known.
    """
    status = attrs.evolve(
        STATUS, account=Account(received=30, pending=30), open_load_ids=["x-0-1"]
    )
    text = text_of(attrs.evolve(EMPTY, status=status, open_loads=[load]))

    assert f"Late {tile}" in text
    assert said in text


def test_what_is_dead_is_told_with_its_reason() -> None:
    """
    The reasons with the most messages are told, of the others how many.
    """
    letters = [
        letter_of("z" * 70, messages=9),
        *(letter_of(letter) for letter in "abcdefghijk"),
    ]
    status = attrs.evolve(STATUS, account=Account(received=20, dead=20))
    text = text_of(attrs.evolve(EMPTY, status=status, dead=dead_groups(letters)))

    assert "Dead 20 messages nothing set aside; mostly: " + "z" * 59 + "…" in text
    assert "9 messages in 1 payload, the last of 2026-03-31 12:00 UTC" in text
    assert "and 2 reasons more" in text
    assert "person1" not in text


def test_a_load_that_is_parked_as_a_whole_is_told() -> None:
    """
    Its reason is told, and how many messages wait for it.
    """
    parked = load_of(reason="no route", account=Account(received=4, pending=4))
    text = text_of(attrs.evolve(EMPTY, parked=[parked]))

    assert "all of it 4 no route" in text
    assert "Dead nothing 1 load set aside" in text


def test_rescued_values_are_told_by_place() -> None:
    """
    What is unknown is told apart from what does not fit; each with its tables.
    """
    rescues = [
        Rescue(table=TableName("a"), place="/events/data/?", row_count=4),
        Rescue(table=TableName("b"), place="/events/data/?", row_count=2),
        Rescue(table=TableName("a"), place="/?", row_count=1),
        Rescue(table=TableName("a"), place="/mpid", row_count=3),
    ]
    loads = [
        load_of(table_of("a", 9), rescues=rescues, rescued_row_count=8),
        load_of(table_of("a", 9), rescued_row_count=5),
    ]
    text = text_of(attrs.evolve(EMPTY, loads=loads))

    assert "Rescued values: 13 rows in the last 3 days" in text
    assert "does not have, in /events/data 6 rows in a 4, b 2 " in text
    assert "in the batch 1 row" in text
    assert "does not fit its column: /mpid 3 rows" in text
    assert "Of 5 rows it is not recorded where." in text


@pytest.mark.parametrize(
    ("prospects", "tile", "said"),
    [
        ([prospect_of("a", 9, per_day=1.0)], "none soon 1 kinds", "not at this rate"),
        (
            [prospect_of("a", 9)],
            "none soon",
            "not known yet: seen for less than two whole days",
        ),
        (
            [prospect_of("a", 99, likely_on=AT.date())],
            "a with its next load",
            "99 of 100 messages in 30 days",
        ),
        (
            [
                prospect_of(
                    "a", 99, per_day=2.0, likely_on=AT.date() + timedelta(days=1)
                )
            ],
            "a likely tomorrow, on Wed 1 Apr",
            "2 a day lately",
        ),
        (
            [prospect_of("a", 9, per_day=2.0, likely_on=AT.date() + timedelta(days=4))],
            "a likely in 4 days, on Sat 4 Apr",
            "",
        ),
        (
            [prospect_of("a", 900, has_table=True)],
            "none no kind is on its way",
            "1 kind with a table, 0 more without",
        ),
        (
            [prospect_of(name, 9) for name in "abcdefghij"],
            "none soon 10 kinds",
            "0 kinds with a table, 2 more without",
        ),
    ],
)
def test_what_is_next_is_told(prospects: list[Prospect], tile: str, said: str) -> None:
    """
    Who is likely when, and of whom nobody can tell.
    """
    text = text_of(attrs.evolve(EMPTY, foresight=Foresight(prospects=prospects)))

    assert f"Next table of its own {tile}" in text
    assert said in text


def test_what_is_not_known_is_told() -> None:
    """
    Why nothing is foreseen stands where it would be.
    """
    text = text_of(attrs.evolve(EMPTY, foresight=Foresight(unknown="They are away.")))

    assert "Next table of its own not known" in text
    assert "Not known. They are away." in text


def test_sizes_are_told_by_table() -> None:
    """
    Bytes a row and rows a file; of very many tables the largest.
    """
    tables = [table_of(f"t{at}", 100 - at, file_count=2) for at in range(22)]
    empty = table_of("none", 0, file_count=0)
    facts = attrs.evolve(EMPTY, loads=[load_of(*tables, empty)])

    assert "t0 100 2 10.0 kB 100 B 50" in text_of(facts)
    assert "and 3 tables more" in text_of(facts)
    assert "none 0 0 0 B 0 B 0" in text_of(attrs.evolve(EMPTY, loads=[load_of(empty)]))


def test_an_account_that_does_not_add_up_is_told() -> None:
    """
    It is said what to do about it.
    """
    status = attrs.evolve(STATUS, account=Account(received=2, loaded=1))
    text = text_of(attrs.evolve(EMPTY, status=status))

    assert "It does not add up: run reconcile" in text


# -- the value ---------------------------------------------------------------


@pytest.fixture(name="forwarder")
def _forwarder(tmp_path: Path, clock: FakeClock) -> Any:
    clock.set(AT)
    with Forwarder.for_lake(
        tmp_path / "lake", spool=tmp_path / "spool", clock=clock, events_threshold=3
    ) as forwarder:
        forwarder.submit(make_payload(make_event("first_run", anna=1)))
        forwarder.submit(make_payload(make_event(), mpid="person1@example.com"))
        clock.advance(minutes=90)
        forwarder.flush()
        yield forwarder


def test_a_forwarder_makes_a_report(forwarder: Forwarder) -> None:
    """
    It tells of what the forwarder did, and shows nothing of a payload.
    """
    made = forwarder.report(days=2)
    (load,) = forwarder.loads()

    assert AT + timedelta(minutes=90) == made.at
    assert "2 rows reached 1 table today" in re.sub("<[^>]*>", "", made.html)
    assert "person1" not in made.html
    assert "anna" not in made.html
    assert [("/events/data/?", 1), ("/mpid", 1)] == [
        (rescue.place, rescue.row_count) for rescue in load.rescues
    ]
    assert timedelta(minutes=90) == load.queued


@pytest.mark.parametrize(("days", "rows"), [(1, 1), (2, 3)])
def test_a_report_looks_back_whole_days(
    forwarder: Forwarder, clock: FakeClock, days: int, rows: int
) -> None:
    """
    Yesterday's loads are told from its first moment on, if it is looked back to.
    """
    clock.set(AT + timedelta(hours=35, minutes=59))
    forwarder.submit(make_payload(make_event()))
    forwarder.flush()
    text = re.sub("<[^>]*>", "", forwarder.report(days=days).html)

    assert f"mparticle_otherevents{rows}" in text.partition("Rows a file")[2]


@pytest.mark.parametrize("days", [0, -1, 401])
def test_so_many_days_cannot_be_looked_back(forwarder: Forwarder, days: int) -> None:
    """
    At least one day is looked back, and no more than counts are kept.
    """
    with pytest.raises(ConfigurationError, match="days must be from 1 to 400"):
        forwarder.report(days=days)


def test_a_report_is_written_whole(forwarder: Forwarder, tmp_path: Path) -> None:
    """
    The file has the page, in place of what was there, and nothing is left beside.
    """
    place = tmp_path / "reports" / "report.html"
    place.parent.mkdir()
    place.write_text("earlier")
    made = forwarder.report()

    assert place == made.write(place)
    assert made.html == place.read_text(encoding="utf-8")
    assert ["report.html"] == [each.name for each in place.parent.iterdir()]


def test_a_report_that_cannot_be_written_leaves_nothing(
    forwarder: Forwarder, tmp_path: Path
) -> None:
    """
    Where a folder is in its place, it is said, and no half is left.
    """
    place = tmp_path / "reports" / "report.html"
    place.mkdir(parents=True)

    with pytest.raises(SetupError, match=r"writing .*report\.html failed"):
        forwarder.report().write(place)
    assert ["report.html"] == [each.name for each in place.parent.iterdir()]


def test_a_notebook_shows_a_report_apart(forwarder: Forwarder) -> None:
    """
    It is a page within the page, without rights, and not in the repr.
    """
    made = forwarder.report()
    shown = made._repr_html_()

    assert shown.startswith('<iframe sandbox title="Report"')
    assert 1 == shown.count("<") - shown.count("</")
    assert "html" not in repr(made)
