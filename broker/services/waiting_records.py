"""
Records of an upload that wait for a usable number, so that their children are found by their details.

Rulings 21, 35: the authority is told CPR04 or CPR07, and until it sends the record with its number a visit
without one may be this child's.
"""

from datetime import datetime, timedelta

from broker.core.identifiers import london_day
from broker.core.keyed import IdentityKey
from broker.core.plans import last_visible_day
from broker.core.policy import AnyPolicy
from broker.core.possible import OnFile
from broker.core.possible_keys import Window, details_keys, waiting_reference
from broker.ports import Write
from broker.services.matching_details import on_file_write
from broker.services.rejections import SOURCE
from broker.wire.details_codec import DetailsCodec
from broker.wire.upload_record import FaultyRecord

WAITS = timedelta(days=35)
"""How long a record waits after it was last sent: as long as the record itself is kept in `cpis.rejected`."""


class WaitingRecords:
    """Says what `cpis.in.details` is to be told of records that wait, under `policy`."""

    def __init__(self, codec: DetailsCodec, *, policy: AnyPolicy, key: IdentityKey) -> None:
        """Take what is needed."""
        self._codec = codec
        self.policy = policy
        self._key = key

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
        return [
            on_file_write(
                self._codec,
                self._key,
                under,
                OnFile(reference=reference, window=window),
                received_at,
                SOURCE,
            )
            for (under, reference), window in found.items()
        ]
