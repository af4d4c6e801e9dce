"""
Records of an upload that wait for a usable number, so that their children are found by their details.

Rulings 21, 35: the authority is told CPR04 or CPR07, and until it sends the record with its number a visit
without one may be this child's.
"""

from datetime import datetime, timedelta

from broker.core.identifiers import london_day
from broker.core.keyed import IdentityKey
from broker.core.number_ranges import Takes, Taking, takes_any
from broker.core.plans import last_visible_day
from broker.core.policy import AnyPolicy
from broker.core.possible import OnFile, Placed
from broker.core.possible_keys import Window, details_keys, waiting_reference
from broker.ports import Write
from broker.services.matching_details import clue_writes
from broker.services.rejections import SOURCE
from broker.wire.details_codec import DetailsCodec
from broker.wire.upload_codes import RecordCode
from broker.wire.upload_record import FaultyRecord, ReadRecord

WAITS = timedelta(days=35)
"""How long a record waits after it was last sent: as long as the record itself is kept in `cpis.rejected`."""


class WaitingRecords:
    """Says which records wait, and what `cpis.in.details` is to be told of them, under `policy`."""

    def __init__(
        self, codec: DetailsCodec, *, policy: AnyPolicy, key: IdentityKey, takes: Takes = takes_any
    ) -> None:
        """Take what is needed; `takes` says which numbers are taken from which authority (ruling 27)."""
        self._codec = codec
        self.policy = policy
        self._key = key
        self._takes = takes

    def unusable(self, record: ReadRecord) -> FaultyRecord | None:
        """
        Return a record of which a number is not taken as a faulty one; None for any other (ruling 27).

        A number kept for tests is as good as none: such a plan waits for its own (ruling 35).
        """
        takings = [self._takes(number, plan.content.authority) for number, plan in record.plans]
        if Taking.REFUSED in takings:
            reason = f"number {Taking.REFUSED.value}"
            return FaultyRecord(
                location=record.location, code=RecordCode.NOT_LOADED, reason=reason, kept=False
            )
        if Taking.UNUSABLE not in takings:
            return None
        return FaultyRecord(
            location=record.location,
            code=RecordCode.NUMBER_FORMAT,
            reason=Taking.UNUSABLE.value,
            waiting=tuple(
                plan.content
                for (_, plan), taking in zip(record.plans, takings, strict=True)
                if taking is Taking.UNUSABLE
            ),
        )

    def writes(self, record: FaultyRecord, received_at: datetime) -> list[Write]:
        """Return under which keys the subjects of a record can be found; none for one that does not wait."""
        until = london_day(received_at + WAITS)
        found: dict[tuple[str, str], Window] = {}
        for content in record.waiting:
            if content.deleted is not None:
                continue
            last = max(last_visible_day(content, one) for one in self.policy.every)
            window = Window(first=content.start, last=min(last, until))
            for under in details_keys(self._key, content.details):
                place = (under, waiting_reference(self._key, content.authority, under))
                found[place] = found[place].joined(window) if place in found else window
        placed = [
            Placed(place=under, clue=OnFile(reference=reference, window=window))
            for (under, reference), window in found.items()
        ]
        return clue_writes(self._codec, self._key, placed, received_at, SOURCE)
