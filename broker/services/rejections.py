"""
What intake leaves to people: what cannot be read is kept in `cpis.rejected`, byte for byte, sealed, with the
reason; two NHS numbers for one patient are an item in `cpis.worklist`, without a byte of the message.

Knows how large a record may be: longer bytes are kept in parts, in order, under one id.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import chain

from broker.core.identifiers import OdsCode
from broker.core.keyed import IdentityKey
from broker.core.worklist import ItemKind, WorklistItem
from broker.ports import Topic, Write
from broker.upload_ports import Content, in_memory
from broker.wire.cloudevents import REJECTED_TYPE, WORKLIST_TYPE, CloudEvent, write_headers
from broker.wire.records_codec import RecordsCodec, Rejected

SOURCE = "urn:cpis:intake"
"""`ce_source` of everything that intake writes; event ids are unique within it."""
RECORD_BYTES_MAX = 524_288
"""Half of what Kafka takes by default: a record above its limit would be refused for ever, not once."""

_CONTROL_ID_CHARACTERS_MAX = 200  # ten times the standard's; a longer one is found in the bytes themselves


class Rejections:
    """
    Makes the records; the same bytes refused for the same reason have the same id.

    So has what one sender calls by one control id, where no byte may be kept.
    """

    def __init__(
        self, codec: RecordsCodec, key: IdentityKey, *, part_bytes_max: int = RECORD_BYTES_MAX
    ) -> None:
        """Take the codec, the identity key that ids are derived under, and the bytes kept in one record."""
        self._codec = codec
        self._key = key
        self._part_bytes_max = part_bytes_max

    def writes(self, rejected: Rejected) -> list[Write]:
        """Return the record that keeps what was refused, or its parts, each told by its `location`."""
        raw = rejected.raw or b""
        if len(rejected.control_id or "") > _CONTROL_ID_CHARACTERS_MAX:
            rejected = replace(rejected, control_id=None)
        told: tuple[str | bytes, ...] = (raw,)
        if rejected.raw is None:
            told = (rejected.sender.code if rejected.sender else "", rejected.control_id or "")
        identity = self._key.derive(
            "rejected", rejected.door.value, rejected.reason, rejected.location, *told
        )
        if len(raw) <= self._part_bytes_max:
            return [self._write(rejected, identity)]
        return list(self._parts(rejected, identity, in_memory(raw), len(raw)))

    def parts(self, rejected: Rejected, content: Content) -> Iterator[Write]:
        """Yield the records that keep a file, of which no more than a part is held; else as `writes`."""
        size, digest = 0, hashlib.sha256()
        for piece in content():
            size += len(piece)
            digest.update(piece)
        if size <= self._part_bytes_max:
            yield from self.writes(replace(rejected, raw=b"".join(content())))
            return
        identity = self._key.derive(
            "rejected", rejected.door.value, rejected.reason, rejected.location, digest.digest()
        )
        yield from self._parts(rejected, identity, content, size)

    def _parts(self, rejected: Rejected, identity: str, content: Content, size: int) -> Iterator[Write]:
        """Yield the records that keep so many bytes, in their order."""
        count = -(-size // self._part_bytes_max)
        held = bytearray()
        number = 0
        for piece in chain(content(), [None]):
            held += piece or b""
            while len(held) > self._part_bytes_max or (piece is None and held):
                number += 1
                place = f"part {number} of {count}"
                part = replace(
                    rejected,
                    raw=bytes(held[: self._part_bytes_max]),
                    location=f"{rejected.location}, {place}" if rejected.location else place,
                )
                del held[: self._part_bytes_max]
                yield self._write(part, f"{identity}.{number}")

    def two_numbers(self, provider: OdsCode, control_id: str, at: datetime, *, about: str) -> Write:
        """
        Return the worklist item for two NHS numbers of one patient, received `at` (rulings 25, 42).

        It says who sent them and how that is found there, and nothing that could be traced to either number;
        one for each merge or visit that it is `about`.
        """
        kind = ItemKind.TWO_NUMBERS
        item_id = self._key.derive("item", kind, provider.code, about)
        item = WorklistItem(
            item_id=item_id, kind=kind, urgent=False, provider=provider, control_id=control_id
        )
        event = CloudEvent(
            event_id=item_id, source=SOURCE, event_type=WORKLIST_TYPE, time=at, data_schema="worklist_item"
        )
        return Write(
            topic=Topic.WORKLIST,
            key=item_id.encode(),
            value=self._codec.encode_item(item),
            headers=write_headers(event),
        )

    def _write(self, rejected: Rejected, event_id: str) -> Write:
        """Return one record."""
        event = CloudEvent(
            event_id=event_id,
            source=SOURCE,
            event_type=REJECTED_TYPE,
            time=rejected.received_at,
            data_schema="rejected",
        )
        return Write(
            topic=Topic.REJECTED,
            key=None,
            value=self._codec.encode_rejected(rejected),
            headers=write_headers(event),
        )
