"""
A damaged spool is mended: what can be read is saved, what can't is told.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from damages import PAGE
from power import Choice, after_power_cut, everything, nothing, recorded, restored, some
from spools import (
    NOON,
    Told,
    asked,
    carried,
    copied,
    fill,
    leased,
    opened,
    payload,
    state,
)
from tries import SEED, tries

from databricks_forwarder._cli import main
from databricks_forwarder.batchers import _sqlite_repair
from databricks_forwarder.batchers._holder_lock import HolderLock
from databricks_forwarder.batchers.sqlite import SqliteBatcher, repair
from databricks_forwarder.errors import (
    BatcherError,
    BatcherFullError,
    ConfigurationError,
)


@pytest.fixture
def told() -> Told:
    """
    Be told what is in the spool.
    """
    return Told()


@pytest.fixture
def spool(tmp_path: Path, told: Told) -> Path:
    """
    Make a spool with something of everything, and close it.
    """
    path = tmp_path / "spool.db"
    with opened(path) as batcher:
        made = fill(batcher, waiting=20)
    for name in Told.__slots__:
        if not name.startswith("_"):
            setattr(told, name, getattr(made, name))
    return path


def page_of(path: Path, table: str) -> int:
    """
    Find where the first page of a table begins.
    """
    ((number,),) = asked(
        path, f"SELECT rootpage FROM sqlite_master WHERE name = '{table}'"
    )
    return (int(str(number)) - 1) * PAGE


def spoil(path: Path, at: int, size: int = PAGE) -> None:
    """
    Overwrite bytes of a file with nothing that makes sense.
    """
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * size)


def leaf_with(path: Path, content: bytes) -> int:
    """
    Find where the page begins that has *content*, for the last time.
    """
    return path.read_bytes().rindex(content) // PAGE * PAGE


def test_a_whole_spool_is_left_alone(spool: Path, told: Told) -> None:
    """
    Repairing what is not damaged changes nothing and keeps no copy.
    """
    before = state(spool)
    mended = repair(spool)

    assert (None, True) == (mended.kept, mended.is_whole)
    assert (len(told.records), 1) == (mended.record_count, mended.dead_letter_count)
    assert before == state(spool)
    assert {"spool.db", "spool.db.use", "spool.db.lock"} == {
        each.name for each in spool.parent.iterdir()
    } - {"spool.db-wal", "spool.db-shm"}


def test_everything_that_can_be_read_is_the_same(spool: Path, told: Told) -> None:
    """
    Where only the way to the rows is lost, all rows are as they were.
    """
    before = state(spool)
    stored = spool.read_bytes()
    spoil(spool, page_of(spool, "records"))
    damaged = spool.read_bytes()
    mended = repair(spool)

    assert mended.is_whole
    assert before == state(spool)
    assert mended.kept == spool.with_name("spool.db.damaged-1")
    assert damaged == mended.kept.read_bytes() != stored
    assert mended.record_count == len(told.records)


def test_a_lost_page_becomes_dead_letters(spool: Path, told: Told) -> None:
    """
    Records on a page that is gone keep their places, die, and stay in the account.
    """
    received = asked(spool, "SELECT received FROM spool")
    spoil(spool, leaf_with(spool, told.records[20]))
    mended = repair(spool)
    with opened(spool) as batcher:
        account = batcher.status().account
        result = carried(batcher)
    lost = set(mended.lost_offsets)

    assert 20 in lost
    assert lost == set(result.damaged)
    assert set(told.records) - lost == set(result.payloads)
    assert {"the record could not be read when the spool was repaired"} == {
        result.damaged[offset] for offset in lost
    }
    assert [(account.received,)] == received
    assert account.is_balanced
    assert 2 * len(lost) + 2 == result.account.dead


def test_a_lost_record_dies_again_when_it_is_replayed(spool: Path, told: Told) -> None:
    """
    Replaying what has no bytes left gives it a new offset and the same fate.
    """
    spoil(spool, leaf_with(spool, told.records[20]))
    mended = repair(spool)
    with opened(spool) as batcher:
        carried(batcher)
        batcher.replay(mended.lost_offsets)
        again = carried(batcher)

    assert len(mended.lost_offsets) == len(again.damaged)
    assert again.account.is_balanced


def test_a_torn_payload_keeps_the_bytes_that_are_left(spool: Path, told: Told) -> None:
    """
    Of a payload over several pages what can be read is in its dead letter.
    """
    last = max(told.records)
    spoil(spool, spool.read_bytes().rindex(told.records[last][-500:]) - 3000, 3000)
    with opened(spool) as batcher:
        result = carried(batcher)

    assert [last] == list(result.damaged)
    assert len(told.records[last]) == len(result.dead[last].payload or b"")


def test_a_lost_row_of_the_spool_gives_it_a_new_id(spool: Path, told: Told) -> None:
    """
    When nobody knows which offsets were given, no load gets a name of before.
    """
    spoil(spool, page_of(spool, "spool"))
    mended = repair(spool)
    with opened(spool) as batcher:
        result = carried(batcher)
        batcher.append([payload(99)], at=NOON)
        lease = leased(batcher)

    assert mended.has_new_id
    assert not mended.is_whole
    assert told.spool_id != mended.id == lease.load_id[:12]
    assert told.records == result.payloads
    assert set(told.open + told.parked) <= set(result.notes)
    assert result.account.is_balanced


def test_a_load_whose_notes_are_lost_is_parked(spool: Path, told: Told) -> None:
    """
    A load is not carried by itself when what was decided about it is gone.
    """
    spoil(spool, page_of(spool, "notes"))
    mended = repair(spool)
    with opened(spool) as batcher:
        parked = batcher.parked()
        lease = leased(batcher)

    assert set(told.open + told.parked) == set(mended.parked_load_ids)
    assert set(told.open + told.parked) == {each.load_id for each in parked}
    assert {True} == {
        "look for rows with its _load_id" in str(p.reason) for p in parked
    }
    assert lease.offsets.first == 12


def test_a_load_is_known_by_its_notes(spool: Path, told: Told) -> None:
    """
    A load whose row is lost keeps its name, its records and its notes, parked.
    """
    spoil(spool, page_of(spool, "loads"))
    mended = repair(spool)
    with opened(spool) as batcher:
        result = carried(batcher)

    assert set(told.open + told.parked) == set(mended.parked_load_ids)
    assert told.notes.items() <= result.notes.items()
    assert told.records == result.payloads


def test_records_of_a_load_that_nobody_knows_are_set_aside(
    spool: Path, told: Told
) -> None:
    """
    What may have been loaded is not loaded again without a person's word.
    """
    with closing(sqlite3.connect(spool)) as database:
        database.execute("DELETE FROM loads WHERE first = 8")
        database.execute("DELETE FROM notes WHERE load_id = ?", told.open)
        database.commit()
    mended = repair(spool)
    with opened(spool) as batcher:
        result = carried(batcher)

    assert (8, 9, 10, 11) == mended.set_aside_offsets
    assert {8, 9, 10, 11} | told.dead.keys() == result.dead.keys()
    assert "look for its events in the tables" in result.dead[8].reason
    assert result.account.is_balanced


def test_a_checkpoint_that_changed_is_told_and_not_kept(
    spool: Path, told: Told
) -> None:
    """
    A position that can't be trusted is gone, the others stay.
    """
    with closing(sqlite3.connect(spool)) as database:
        database.execute("UPDATE checkpoints SET place = '1043' WHERE name = 'p0'")
        database.commit()
    mended = repair(spool)
    with opened(spool) as batcher:
        checkpoint = batcher.checkpoint()

    assert not mended.is_checkpoint_whole
    assert {"p1": "7"} == checkpoint


def test_totals_that_changed_are_counted_anew(spool: Path, told: Told) -> None:
    """
    An account that does not add up is mended from what it counts.
    """
    with closing(sqlite3.connect(spool)) as database:
        database.execute("UPDATE spool SET received = received + 512")
        database.commit()
    mended = repair(spool)
    with opened(spool) as batcher:
        account = batcher.status().account

    assert told.spool_id == mended.id
    assert account.is_balanced


def test_dead_letters_that_are_lost_stay_counted(spool: Path, told: Told) -> None:
    """
    A dead letter that can't be read stays in the account, and is told of.
    """
    spoil(spool, page_of(spool, "dead_letters"))
    mended = repair(spool)
    with opened(spool) as batcher:
        letters = list(batcher.dead_letters())
        account = batcher.status().account

    assert (2, 0) == (mended.lost_dead_messages, mended.dead_letter_count)
    assert [] == letters
    assert (2, True) == (account.dead, account.is_balanced)


def test_each_damaged_file_is_kept(spool: Path, told: Told) -> None:
    """
    A second repair keeps a second file beside the first.
    """
    spoil(spool, page_of(spool, "records"))
    first = repair(spool)
    again = repair(spool)
    spoil(spool, page_of(spool, "records_sizes"))
    second = repair(spool)

    assert (None, True) == (again.kept, again.is_whole)
    assert [".damaged-1", ".damaged-2"] == [
        str(each.kept).removeprefix(str(spool)) for each in (first, second)
    ]


def test_a_mended_spool_is_its_owner_s_alone(spool: Path) -> None:
    """
    Neither the mended spool nor what is kept can be read by anyone else.
    """
    spoil(spool, page_of(spool, "records"))
    mended = repair(spool)
    assert mended.kept is not None

    assert [0o600, 0o600] == [
        each.stat().st_mode & 0o777 for each in (spool, mended.kept)
    ]


def test_a_spool_that_is_open_here_is_not_repaired(spool: Path) -> None:
    """
    A batcher of the same process keeps a repair away.
    """
    with opened(spool), pytest.raises(BatcherError, match="somebody has it open"):
        repair(spool)


def test_a_spool_that_another_process_has_open_is_not_repaired(spool: Path) -> None:
    """
    A batcher of another process keeps a repair away for as long as it lives.
    """
    program = """
import sys
from databricks_forwarder.batchers.sqlite import SqliteBatcher
batcher = SqliteBatcher(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program, spool],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(BatcherError, match="somebody has it open"):
            repair(spool)
        other.kill()
        other.wait()

    assert repair(spool).is_whole


def test_a_spool_under_repair_is_not_opened(spool: Path) -> None:
    """
    Who opens a spool while it is being repaired is told so.
    """
    with (
        _sqlite_repair._alone(spool),
        pytest.raises(BatcherError, match="it is being repaired; wait"),
    ):
        SqliteBatcher(spool)


def test_without_its_lock_a_spool_is_not_repaired(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where nobody can tell who has a spool open it is left as it is.
    """
    monkeypatch.setattr(HolderLock, "take", lambda _: False)
    with pytest.raises(BatcherError, match="or its folder can't be written"):
        repair(spool)


@pytest.mark.parametrize("content", [b"Dear diary, " * 1000, b"", b"SQLite format 3\0"])
def test_what_is_no_spool_is_not_repaired(content: bytes, tmp_path: Path) -> None:
    """
    A file that has nothing of a spool in it is left alone.
    """
    path = tmp_path / "diary.txt"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="is no spool of this library"):
        repair(path)

    assert content == path.read_bytes()


def test_another_program_s_database_is_not_repaired(tmp_path: Path) -> None:
    """
    Somebody else's database is left alone.
    """
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE theirs (a, b, c)")
        database.execute("INSERT INTO theirs VALUES (1, 'x', 'y')")
        database.commit()
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match="is no spool of this library"):
        repair(path)

    assert before == path.read_bytes()


@pytest.mark.parametrize("folder", [".", "absent"])
def test_a_spool_that_is_not_there_is_not_repaired(folder: str, tmp_path: Path) -> None:
    """
    Nothing is made where there is no spool.
    """
    with pytest.raises(ConfigurationError, match="there is no spool at"):
        repair(tmp_path / folder / "spool.db")

    assert not (tmp_path / folder / "spool.db").exists()


def test_a_spool_whose_header_is_gone_is_known_by_its_rows(
    spool: Path, told: Told
) -> None:
    """
    Without its first page a spool is found by what is on the others.
    """
    spoil(spool, 0)
    mended = repair(spool)
    with opened(spool) as batcher:
        result = carried(batcher)

    assert told.spool_id == mended.id
    assert told.records == result.payloads


def test_a_repair_without_room_leaves_the_spool_as_it_is(
    spool: Path, told: Told
) -> None:
    """
    When the disk is full nothing is put in the spool's place.
    """
    spoil(spool, page_of(spool, "records"))
    damaged = spool.read_bytes()
    with recorded() as disk:
        disk.room = 20_000
        with pytest.raises(BatcherFullError, match="make room"):
            repair(spool)
    left = spool.read_bytes()
    mended = repair(spool)

    assert damaged == left
    assert mended.is_whole


def test_a_repair_that_the_system_refuses_says_what_was_refused(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    An error of the file system is one of the batcher, and repairing goes on later.
    """
    spoil(spool, page_of(spool, "records"))

    def refuse(_: Path) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(_sqlite_repair, "_put_in_place", refuse)
        with pytest.raises(BatcherError, match="Input/output error; run it again"):
            repair(spool)

    assert repair(spool).is_whole


def test_a_broken_off_repair_keeps_the_spool_closed(
    spool: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Between the old spool and the new one nobody opens either; the next repair ends it.
    """
    spoil(spool, page_of(spool, "records"))

    def die(_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_sqlite_repair, "_put_in_place", die)
        with pytest.raises(KeyboardInterrupt):
            repair(spool)
    with pytest.raises(BatcherError, match=r"was broken off.* repair --spool"):
        SqliteBatcher(spool)
    mended = repair(spool)
    with opened(spool) as batcher:
        result = carried(batcher)

    assert mended.is_whole
    assert spool.with_name("spool.db.damaged-1") == mended.kept
    assert told.records == result.payloads


@pytest.mark.parametrize("is_logged", [False, True], ids=["closed", "in its log"])
def test_a_repair_can_be_cut_off_anywhere(is_logged: bool, tmp_path: Path) -> None:
    """
    Killed or without power at any moment, a repair that is run again ends as one.
    """
    home = tmp_path / "home"
    home.mkdir()
    with opened(home / "made.db") as batcher:
        fill(batcher)
        if not is_logged:
            asked(home / "made.db", "PRAGMA wal_checkpoint(TRUNCATE)")
        copied(home / "made.db", home / "life")
    life = home / "life"
    for each in life.iterdir():
        each.rename(each.with_name(each.name.replace("made", "spool")))
    if is_logged:
        spoil(life / "spool.db-wal", 32 + 30 * (PAGE + 24) + 500, 20)
    else:
        spoil(life / "spool.db", page_of(life / "spool.db", "records_sizes"))
    shutil.copytree(life, home / "again")
    repair(home / "again" / "spool.db")
    expected = state(home / "again" / "spool.db")
    with recorded() as disk:
        disk.found(life)
        start = len(disk.log)
        repair(life / "spool.db")
        log = list(disk.log)
    rng = random.Random(SEED)
    points = rng.sample(range(start, len(log) + 1), min(tries(25), len(log) - start))
    for point in [*points, len(log)]:
        choices: list[Choice] = [nothing, everything, some(rng)]
        files = after_power_cut(log[:point], rng.choice(choices))
        left = restored(files, home / "left")
        with recorded():
            repair(left / "spool.db")
            found = state(left / "spool.db")
        shutil.rmtree(left)

        assert expected == found


def test_the_command_says_what_was_saved(
    spool: Path, told: Told, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The command exits with 1 when something is lost, and with 0 when nothing is.
    """
    spoil(spool, leaf_with(spool, told.records[20]))
    code = main(["repair", "--spool", str(spool)])
    said = capsys.readouterr().out
    again = main(["repair", "--spool", str(spool), "--json"])
    as_json = json.loads(capsys.readouterr().out)

    assert (1, 0) == (code, again)
    assert f"the damaged file is kept as {spool}.damaged-1" in said
    assert "can't be read" in said
    assert (None, told.spool_id) == (as_json["kept"], as_json["id"])


def test_the_command_refuses_what_is_open(
    spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The command says that the spool is open, and exits with 1.
    """
    with opened(spool):
        code = main(["repair", "--spool", str(spool)])

    assert 1 == code
    assert "somebody has it open" in capsys.readouterr().err
