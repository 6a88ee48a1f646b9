"""
What a person does to a forwarder's payloads and tables, beside carrying them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._asking import Asking
from databricks_forwarder._backfill import backfill
from databricks_forwarder._erase import erase
from databricks_forwarder._letters import DeadLetterFilter, replay
from databricks_forwarder._maintenance import maintenance
from databricks_forwarder.mparticle.person import Person

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from databricks_forwarder.erasure import Erasure, Late
    from databricks_forwarder.maintenance import Maintenance, Work
    from databricks_forwarder.model import LoadId, Offset, TableName

__all__ = ["Upkeep"]

_EVERY_LETTER = DeadLetterFilter()


class Upkeep(Asking):
    """
    The calls of a forwarder that mend, take up again, and erase.
    """

    def erase(
        self,
        *,
        mpids: Iterable[int | str] = (),
        identities: Mapping[str, str | Iterable[str]] | None = None,
        request_id: str | None = None,
        late: Late = "drop",
    ) -> Erasure:
        """
        Erase a person from the spool, from staged files and from all tables.

        A batch is the person's if it has one of the mpids, or one of the
        identities in its ``user_identities``; so is a row. Broken off anywhere,
        it is completed by being called again. No load is carried meanwhile;
        loads that had payloads of the person are open afterwards.

        What a table's earlier versions and the receipt's ``copies`` hold still
        is a person's to remove: see the page on erasing a person.

        Args:
            mpids: The person's mParticle ids.
            identities: Identity type → identity, or several; types as in
                mParticle's JSON, in any of its spellings.
            request_id: What the receipt is kept under, and told in it; None for
                a keyed hash of the person.
            late: What becomes of the person's events of before this moment
                that are handed in later: ``drop`` them by rule, or ``load``.

        Returns:
            The receipt, of all calls with this request id together.

        Raises:
            ConfigurationError: Nobody is named, or an argument or a part does
                not fit; nothing was erased.
            TransientError: A load is out in another process, or something did
                not work for now: call it again.
            ForwarderError: It is not complete: call it again.
        """
        person = Person.of(mpids, identities or {})
        receipt = self._worker.take_turn(
            lambda: erase(self._pipeline, person, request_id, late)
        )
        self._worker.wake()
        return receipt

    def maintenance(self, *, run: bool | Collection[Work] = False) -> Maintenance:
        """
        Look how the tables lie, advise, and do what is due and to be run.

        No row is changed by any of it. Looking reads no rows; what is run takes
        its turn with the loads, a statement at a time.

        Args:
            run: True to compact small files where that is due; or which works,
                of ``"compact"``, ``"cluster"``, ``"retain"`` and ``"vacuum"``.
                The last takes away earlier versions, and those between change
                what a table is set to: nothing but naming them runs them.

        Returns:
            What was found, is advised and was done; what failed is told in it.

        Raises:
            ConfigurationError: The loader can't, or a work is none.
            ForwarderError: The tables can't be listed now.
        """
        return maintenance(self._loader, self._clock, self._worker.take_turn, run)

    def carry_on(self, load_id: LoadId) -> None:
        """
        Take up a parked load again; the next tick carries it.

        Raises:
            KeyError: No parked load has this id.
        """
        self._batcher.carry_on(load_id)
        self._worker.wake()

    def replay(
        self,
        offsets: Collection[Offset] | None = None,
        *,
        where: DeadLetterFilter = _EVERY_LETTER,
    ) -> int:
        """
        Put dead letters back in the queue, after a fix; each once.

        They keep the time at which they were received. Damaged ones stay: they
        would only die again.

        Args:
            offsets: Which; None for all.
            where: Which of them; all if it is left out.

        Returns:
            How many were put back.
        """
        count = replay(self._batcher, offsets, where).replayed
        self._worker.wake()
        return count

    def backfill(
        self, tables: Collection[str] | None = None
    ) -> Mapping[TableName, int]:
        """
        Move kinds' earlier rows out of the common table into their own tables.

        Loads may go on meanwhile. A call that died is made good by another. Let
        one process at a time do it.

        Args:
            tables: Which tables of kinds get their rows; None for all.

        Returns:
            Table → rows that left the common table, of those that had any.

        Raises:
            ConfigurationError: Loader or router are none that can do it.
            ForwarderError: The rows can't be moved now; what was moved stays.
        """
        pipeline = self._pipeline
        return backfill(self._loader, pipeline.router, pipeline.common.name, tables)
