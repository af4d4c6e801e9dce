"""
Keeps the index of the message desk: what came in, read from the topics where it lies.

Opens nothing that is sealed. What a log has forgotten goes from the index at the next look, so that no row
outlives what it points at (rulings, Recording the decision).
"""

from collections.abc import Sequence

from broker.core.errors import MalformedMessage
from broker.core.facts import VisitMessage
from broker.core.keyed import IdentityKey
from broker.core.messages import Message, Outcome, Redrive, control_digest
from broker.core.operators import Place, discreet
from broker.ports import Archive, MessageIndex, Record, Topic
from broker.services.rejected_desk import id_of, place_of
from broker.wire.facts_codec import FactCodec
from broker.wire.records_codec import RecordsCodec, Rejected

INDEXED_TOPICS = (Topic.ATTENDANCES, Topic.REJECTED)
"""Where messages lie: what was taken, and what was not."""


class MessageIndexing:
    """Brings an index up to date; anybody may, at any time, several at once."""

    def __init__(
        self,
        archive: Archive,
        index: MessageIndex,
        *,
        facts: FactCodec,
        records: RecordsCodec,
        key: IdentityKey,
    ) -> None:
        """Read with the archive and the codecs; control ids are digested under `key`."""
        self._archive = archive
        self._index = index
        self._facts = facts
        self._records = records
        self._key = key

    async def catch_up(self) -> None:
        """
        Destroy what is past its time, and take what came since the last call.

        Raises `KafkaUnavailable`, `TopicMissing`, `StorageUnusable`; what was taken until then stays.
        """
        for topic in INDEXED_TOPICS:
            await self._index.forget(topic, await self._archive.begins(topic))
            taken = await self._index.taken(topic)
            async for records in self._archive.read(topic, since=taken):
                await self._take(topic, records)

    async def _take(self, topic: Topic, records: Sequence[Record]) -> None:
        """Take some records of one partition."""
        messages, redrives = [], []
        for record in records:
            found = self._attendance(record) if topic is Topic.ATTENDANCES else self._rejected(record)
            if isinstance(found, Message):
                messages.append(found)
            elif found is not None:
                redrives.append(found)
        last = records[-1]
        end = Place(topic=last.topic, partition=last.partition, offset=last.offset + 1)
        await self._index.store(end, messages, redrives)

    def _attendance(self, record: Record) -> Message | None:
        """Return the message that a fact was made of; None of what was said of one or sent on."""
        try:
            message = self._facts.attendance_in_clear(record.value or b"")
        except MalformedMessage:
            return None
        if not isinstance(message, VisitMessage):
            return None
        return Message(
            place=place_of(record),
            received_at=message.received_at,
            outcome=Outcome.TAKEN,
            sender=message.provider,
            control=control_digest(self._key, message.control_id),
            control_id=discreet(message.control_id),
            visit=message.visit,
        )

    def _rejected(self, record: Record) -> Message | Redrive | None:
        """Return what was not taken, or that it was redriven; None of what is neither."""
        value = record.value or b""
        try:
            if not self._records.is_action(value):
                return self._kept(record, self._records.mask_rejected(value).rejected)
            action = self._records.decode_action(value)
        except MalformedMessage:
            return None
        return Redrive(place=place_of(record), at=action.at, item_id=action.item_id, outcome=action.outcome)

    def _kept(self, record: Record, rejected: Rejected) -> Message:
        """Return what was kept of a message."""
        control_id = rejected.control_id
        return Message(
            place=place_of(record),
            received_at=rejected.received_at,
            outcome=Outcome.REFUSED if rejected.visit is None else Outcome.NO_NUMBER,
            sender=rejected.sender,
            control=None if control_id is None else control_digest(self._key, control_id),
            control_id=discreet(control_id),
            visit=rejected.visit,
            reason=rejected.reason,
            location=rejected.location,
            item_id=id_of(record),
        )
