"""
Asks the demographic source again about records of uploads that it refused, for as long as they are kept.

R14: while a mismatch lasts the record waits. The mismatch may end on the source's side, and an authority that
sends changes only does not send the record again: what agrees by now is loaded, with the authority's own
times. What does not stays where it lies, and goes with its retention.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime

from broker.core.errors import (
    DemographicsUnavailable,
    KafkaUnavailable,
    MalformedMessage,
    ReaderLost,
    StorageUnusable,
    UnsealingFailed,
)
from broker.core.source_pace import FAILURES_MAX
from broker.core.verification import Verification
from broker.ports import Archive, Record, Topic
from broker.services.rejected_desk import id_of
from broker.services.uploads import About
from broker.services.verifying import NOT_ANSWERED, NOT_UNDERSTOOD
from broker.wire.records_codec import Door, RecordsCodec

ASKED_AGAIN = (Verification.NOT_KNOWN.value, Verification.DIFFERS.value, NOT_UNDERSTOOD, NOT_ANSWERED)
"""
Beginnings of the reasons, behind their code, that may end by themselves.

A superseded number does not come back, one not in use is never asked about again (ruling 23), and a protected
person is refused by policy.
"""

AskAgain = Callable[[bytes, datetime, set[About]], Awaitable[bool]]
"""`Uploads.ask_again`."""


class RecordRetries:
    """
    The records that wait, as `cpis.rejected` has them.

    `count` is told `waiting record loaded` for each that agrees, and `waiting records unanswered` for each of
    which it is not known whether it does: the next round asks again.
    """

    def __init__(self, records: RecordsCodec, ask_again: AskAgain, *, count: Callable[[str], None]) -> None:
        """Open records with `records`."""
        self._records = records
        self._ask_again = ask_again
        self._count = count
        self._loaded: set[str] = set()

    async def go_round(self, archive: Archive) -> None:
        """
        Ask about each record that waits, the newest of one plan alone; raise `KafkaUnavailable`.

        The newest come first, so that of several versions the last is the one that is asked about. One about
        whom the source does not answer, or on whom we fail, keeps no other back; so many silences in a row
        end the round: it is away. Raises `StorageUnusable` and `ReaderLost` as well.
        """
        places = [place async for place in self._waiting(archive)]
        tried: set[About] = set()
        failures = 0
        for item_id, partition, offset in reversed(places):
            if item_id in self._loaded:
                continue
            record = await archive.read_one(Topic.REJECTED, partition, offset)
            opened = None if record is None else self._opened(record)
            if opened is None:
                continue
            try:
                loaded = await self._ask_again(*opened, tried)
            except DemographicsUnavailable:
                self._count("waiting records unanswered")
                failures += 1
                if failures >= FAILURES_MAX:
                    return
                continue
            except (KafkaUnavailable, ReaderLost, StorageUnusable):
                raise
            except Exception:  # noqa: BLE001 - a defect of ours keeps no other record back, and ends nothing
                self._count("waiting records unanswered")
                continue
            failures = 0
            if loaded:
                self._loaded.add(item_id)
                self._count("waiting record loaded")

    async def _waiting(self, archive: Archive) -> AsyncIterator[tuple[str, int, int]]:
        """Yield id and place of every record that waits for the source to agree."""
        async for records in archive.read(Topic.REJECTED):
            for record in records:
                seen = self._records.glance_at_rejected(record.value or b"")
                if seen is not None and seen.door is Door.UPLOAD and _may_end(seen.reason):
                    yield id_of(record), record.partition, record.offset

    def _opened(self, record: Record) -> tuple[bytes, datetime] | None:
        """Return the bytes of a record and their first receipt, None where its key is destroyed by now."""
        try:
            rejected = self._records.decode_rejected(record.value or b"")
        except (MalformedMessage, UnsealingFailed):
            return None
        return None if rejected.raw is None else (rejected.raw, rejected.received_at)


def _may_end(reason: str) -> bool:
    """Whether a refusal, told as code and words, is one that the source may take back."""
    return reason.partition(" ")[2].startswith(ASKED_AGAIN)
