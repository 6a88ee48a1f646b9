"""
The upload queue in one SQLite file: it survives process and power.

Layout, format 1 (``PRAGMA user_version``; ``application_id`` says ``mpdf``),
journal mode WAL, moments in microseconds since 1970 UTC:

``spool``
    One row: the id, the next offset, the first offset never in a load, the
    totals of messages received, loaded, dead and dropped, the payload bytes.
``records``
    What waits, is in a load that is not committed or is being removed, by
    offset, with the
    CRC-32 of its payload, time of receipt and messages; -1 in its place says
    that a repair could not read it, -2 that it was erased: it has no bytes and
    no messages then, and is in no lease. The index ``records_sizes`` answers how
    many messages wait without touching payloads, and has a second copy of what
    is not payload.
``loads``
    Loads that are not committed: offsets, attempts, holder (a random name of
    a session), whether the holder has the lock file, expiry, and what of the
    load the totals count already. With a report it is parked, else open.
``notes``
    Texts of such loads, by key, each with its CRC-32.
``committed``
    The reports of committed loads, the latest 10 000.
``removals``
    The offsets of committed loads whose records are still being removed.
``dead_letters``
    Dead records with bytes, CRC-32, reason and load.
``checkpoints``
    The host's positions, by name, each with its CRC-32.
``erasures``
    What is kept of each erasure, with its CRC-32; there from the first one on.

Beside it are SQLite's ``-wal`` and ``-shm``, and two files for advisory locks,
which a process has as long as it lives: ``.lock`` of the holder of a load, and
``.use`` of all who have the spool open, so that a repair is alone with it.

Invariants, true whenever no transaction runs:

1. Offsets in ``records`` and ``dead_letters`` are below ``next_offset``, which
   only grows; no offset is in both.
2. All records from ``next_waiting`` on wait; each record below it belongs to
   the one load, or removal, whose offsets contain it. None of them overlap.
3. At most one load has a holder.
4. A load's offsets and id never change, nor do its messages but for what is
   erased; its records stay until it is committed.
5. received = loaded + dead + dropped + messages in ``records`` that are not
   being removed, less what the totals count of open and parked loads already.
6. A payload's bytes and its CRC-32 move together and are never rewritten; they
   are erased together.
7. Offsets in ``records`` have no gaps from ``next_waiting`` on, nor in a load.

What a crash leaves, of the process or of the power:

- in `append`: all of the group that shared the transaction, or nothing. A
  host that got no receipt hands the payloads in again; should the crash have
  come between the commit and the receipt, they are there twice, and the
  host's checkpoint, stored with them, tells.
- in `lease`: no load, or a load that nobody works on. It is handed out again,
  under the same id with the same records.
- in `note`: the note as it was before, or as it is after.
- while a load is out: its lock is given back by the system, so the next holder
  need not wait for expiry.
- in `commit` and `park`: the load is open still, and all steps before it are
  repeatable, or it is settled.
- while records of a committed load are removed: some of them, which the next
  `lease` or `commit` removes.
- in `replay`: each payload is dead, or waits again; never both, never neither.
- while payloads are erased: all of them, or those erased now with the note of
  it. Bytes that no row has any more may be left; the repeat wipes them.
- while the file is made: a file that ends in ``.new`` and can be removed.

What the disk has changed is found by SQLite, by the CRC-32 of what is stored, by
invariants 5 and 7, or in the log by whole transactions behind a broken one. A
payload that changed becomes a `DamagedRecord`, and the rest goes on. All else
raises `BatcherError`, which names the command that makes a whole spool of it:
see `repair`.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from databricks_forwarder.batchers import _sqlite_erasures as erasures
from databricks_forwarder.batchers import _sqlite_loads as loads
from databricks_forwarder.batchers._repair_report import RepairReport
from databricks_forwarder.batchers._sqlite_account import read_spool, read_status
from databricks_forwarder.batchers._sqlite_erasing import erase
from databricks_forwarder.batchers._sqlite_errors import crossing
from databricks_forwarder.batchers._sqlite_file import create
from databricks_forwarder.batchers._sqlite_hold import SqliteHold, SqliteHolds
from databricks_forwarder.batchers._sqlite_log import require_log
from databricks_forwarder.batchers._sqlite_notes import notes_of, put_note
from databricks_forwarder.batchers._sqlite_reading import DeadLetters, LoadRecords
from databricks_forwarder.batchers._sqlite_records import (
    entry_of,
    read_checkpoint,
    replay,
    to_micros,
)
from databricks_forwarder.batchers._sqlite_removals import go_on
from databricks_forwarder.batchers._sqlite_repair import repair
from databricks_forwarder.batchers._sqlite_reports import (
    committed_reports,
    parked_reports,
)
from databricks_forwarder.batchers.rules import check_options
from databricks_forwarder.errors import BatcherError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from databricks_forwarder.batchers._sqlite_session import Session
    from databricks_forwarder.erasure import ErasureNote
    from databricks_forwarder.model import (
        BatcherStatus,
        DeadLetter,
        Lease,
        LoadId,
        LoadReport,
        Offset,
        OffsetRange,
        Payload,
    )
    from databricks_forwarder.settings import UploadPolicy

__all__ = ["RepairReport", "SqliteBatcher", "repair"]

_log = logging.getLogger(__name__)


class SqliteBatcher:
    """
    The upload queue in one file; what `append` returned for survives power.

    Many threads may use it, and many processes one file. A forked child opens
    the file anew by itself. Each append costs one ``fsync``, shared by the
    threads that append at the same time.

    Args:
        path: The file, on a local disk; made if it does not exist. Files that
            begin with its name belong to it.
        lease_seconds: How long a load stays with a holder that lives and does
            not note anything. A holder whose process is gone, or that was
            closed, loses it at once.
        max_spool_bytes: Most payload bytes kept, dead and parked ones
            included; None for as many as the disk holds. The file is somewhat
            larger and does not shrink, but uses its room again.

    Raises:
        ConfigurationError: The file is no spool, or one of a newer format, or
            its folder does not exist, or an option is not above zero.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        lease_seconds: float = 900.0,
        max_spool_bytes: int | None = None,
    ) -> None:
        check_options(lease_seconds, max_spool_bytes)
        # All names of one file lead to one lock file.
        self._path = Path(path).resolve()
        self._lease_micros = round(lease_seconds * 1_000_000)
        self._holds = SqliteHolds(self._path, max_spool_bytes)
        create(self._path)
        with crossing("opening the spool", self._path):
            require_log(self._path)
        try:
            with self._session.read("opening the spool") as database:
                self._id, _ = read_spool(database)
        except BaseException:
            # A repair must find that nobody has it open.
            self._session.close()
            raise

    @property
    def id(self) -> str:
        """
        Name of the file's queue, given when it was made.
        """
        return self._id

    def append(
        self,
        payloads: Sequence[Payload],
        /,
        *,
        at: datetime,
        checkpoint: Mapping[str, str] | None = None,
    ) -> OffsetRange | None:
        """
        Keep *payloads* on disk; threads that wait here share a transaction.

        When the thread that stores for several is interrupted, the others may
        not learn whether they were stored; the error says so.

        Raises:
            ConfigurationError: The checkpoint is not text to text; nothing of
                this call was stored.
        """
        return self._hold.appends.submit(entry_of(payloads, at, checkpoint))

    def lease(
        self, policy: UploadPolicy, /, *, at: datetime, seal: bool = False
    ) -> Lease | None:
        """
        Hand out the load that is out, else an open one, else a new one.

        Its records are read from the file as they are asked for.
        """
        doing = "leasing a load"
        self._remove(doing)
        session = self._session
        with session.write(doing) as database:
            load = loads.next_open_load(database)
            if load is None:
                load = loads.new_load(database, policy, at, seal=seal)
            elif not session.may_have(load, to_micros(at)):
                return None
            if load is None:
                return None
            session.hand_out(database, load, to_micros(at) + self._lease_micros)
            notes = notes_of(database, load.load_id)
        return load.handed_out(notes, LoadRecords(self._path, load.offsets))

    def note(self, load_id: LoadId, key: str, text: str, /, *, at: datetime) -> None:
        """
        Keep *text* on disk with the load.
        """
        session = self._session
        with session.write(f"noting {key} of load {load_id}") as database:
            load = session.held(database, load_id)
            put_note(database, load.load_id, key, text)
            loads.keep_alive(database, load, to_micros(at) + self._lease_micros)

    def commit(self, load_id: LoadId, report: LoadReport, /, *, at: datetime) -> None:  # noqa: ARG002 (when is told by the report)
        """
        Let go of the load's records; the latest 10 000 reports are kept.

        They are removed some at a time: who appends meanwhile waits for a few
        at most. A load whose report is no longer kept counts as lost.
        """
        doing = f"committing load {load_id}"
        session = self._session
        with session.write(doing) as database:
            if not loads.is_committed(database, load_id):
                loads.commit(database, session.held(database, load_id), report)
                go_on(database)
                session.release_after_commit()
        self._remove(doing)

    def park(self, load_id: LoadId, report: LoadReport, /, *, at: datetime) -> None:  # noqa: ARG002 (when is told by the report)
        """
        Set the load aside with everything it has.
        """
        session = self._session
        with session.write(f"parking load {load_id}") as database:
            loads.park(database, session.held(database, load_id), report)
            session.release_after_commit()

    def carry_on(self, load_id: LoadId, /) -> None:
        """
        Open a parked load again.
        """
        with self._session.write(f"carrying on load {load_id}") as database:
            if not loads.open_again(database, load_id):
                raise KeyError(load_id)

    def parked(self) -> Sequence[LoadReport]:
        """
        The reports of the parked loads, in the order of their offsets.
        """
        with self._session.read("reading the parked loads") as database:
            return parked_reports(database)

    def loads(self, limit: int = 100, /) -> Sequence[LoadReport]:
        """
        The reports of the latest committed loads, newest first.
        """
        with self._session.read("reading the committed loads") as database:
            return committed_reports(database, limit)

    def dead_letters(self) -> Iterable[DeadLetter]:
        """
        The dead letters, read from the file anew by each iteration.
        """
        return DeadLetters(self._path)

    def replay(self, offsets: Collection[Offset], /) -> int:
        """
        Put dead payloads back in the queue, in the order of their offsets.
        """
        with self._session.write("replaying dead letters") as database:
            return sum(replay(database, offset) for offset in sorted(set(offsets)))

    def checkpoint(self) -> Mapping[str, str]:
        """
        The host's stored positions, by name.
        """
        with self._session.read("reading the checkpoint") as database:
            return read_checkpoint(database)

    def notes(self, load_id: LoadId, /) -> Mapping[str, str]:
        """
        What was noted of a load that is not committed.
        """
        with self._session.read(f"reading the notes of load {load_id}") as database:
            return notes_of(database, load_id)

    def erase(
        self,
        note: ErasureNote,
        is_theirs: Callable[[bytes], bool | None],
        mark: tuple[str, str],
        /,
        *,
        at: datetime,
    ) -> ErasureNote:
        """
        Erase payloads, and write the file anew, which takes its room again.

        A holder that is out of time, but lives, may be at work still: it has to
        settle its load or end.
        """
        self._remove("erasing payloads")
        return erase(
            self._session,
            self._path,
            note,
            is_theirs=is_theirs,
            mark=mark,
            at_micros=to_micros(at),
        )

    def keep_erasure(self, note: ErasureNote, /) -> None:
        """
        Keep *note* on disk.
        """
        with self._session.write("keeping an erasure") as database:
            erasures.keep(database, note)

    def erasures(self) -> Sequence[ErasureNote]:
        """
        All that is kept of erasures.
        """
        with self._session.read("reading the erasures") as database:
            return erasures.read_erasures(database)

    def status(self) -> BatcherStatus:
        """
        How the file stands at one moment.
        """
        with self._session.read("reading the status") as database:
            return read_status(database)

    def close(self) -> None:
        """
        Let go of the load that is out, and of the file.

        What can't be let go of in the file is logged: the next holder finds
        this one gone all the same.
        """
        if self._holds.are_closed:
            return
        session = self._session
        try:
            session.let_go()
        except BatcherError as error:
            _log.warning("closing goes on: %s", error)
        self._holds.are_closed = True
        session.close()

    def _remove(self, doing: str) -> None:
        """
        Remove what is left of committed loads, and let appends go first.
        """
        is_more = True
        while is_more:
            self._hold.appends.let_pass()
            with self._session.write(doing) as database:
                is_more = go_on(database)

    @property
    def _session(self) -> Session:
        return self._hold.session

    @property
    def _hold(self) -> SqliteHold:
        return self._holds.mine
