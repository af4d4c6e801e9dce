"""
What a matcher writes: people, alert events, worklist items, audit entries, notes of late facts, check marks.

Knows which topic gets what, and under which key. Decides nothing and sends nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from broker.core.abridging import abridged
from broker.core.alerts import Alert, AlertEvent, EventKind, Occasion, RecipientKind
from broker.core.audit import DestructionEntry, audit_entry, chain
from broker.core.checks import CheckMark
from broker.core.effects import Advance
from broker.core.errors import BrokerError, PersonTooLarge
from broker.core.keyed import IdentityKey
from broker.core.person import Person
from broker.core.policy import RULES_VERSION
from broker.core.restriction import unlinked
from broker.core.worklist import ItemKind, WorklistItem
from broker.ports import Headers, Record, Topic, Write
from broker.wire.alerts_codec import AlertCodec
from broker.wire.cloudevents import (
    ALERT_TYPE,
    AUDIT_TYPE,
    CHECK_TYPE,
    ERASURE_TYPE,
    LATE_TYPE,
    WORKLIST_TYPE,
    CloudEvent,
    write_headers,
)
from broker.wire.records_codec import RecordsCodec, Unprocessable
from broker.wire.state_codec import StateCodec

PERSON_BYTES_MAX = 8 * 1024 * 1024
"""What `cpis.people` takes as one record; beyond it the broker would refuse the whole transaction."""

EVENT_BYTES_MAX = 960 * 1024
"""What a topic of alerts takes as one record with its headers: Kafka's own default is a mebibyte."""

SOURCE = "urn:cpis:matcher"
"""`ce_source` of everything a matcher writes; event ids are unique within it."""

_TOPIC_OF_KIND = {kind: f"{Topic.ALERTS}.{kind}." for kind in RecipientKind}


@dataclass(frozen=True, slots=True)
class Chain:
    """The end of a partition's audit trail: hash and number of its newest entry."""

    newest_hash: bytes
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison:
    """
    A record that could not be processed; `cause` is the error's code or class name, never its words.

    `about` is the reference of a visit that takes no more: all its records make one item, of the newest.
    """

    record: Record
    cause: str
    about: str | None = None


class Told(NamedTuple):
    """
    An alert event as it is counted: what it does, for whom, and what it followed.

    `received_at` is the newest receipt among the facts that led to it (aware UTC), None when none did.
    """

    kind: EventKind
    audience: RecipientKind
    received_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """
    What one person's advance comes to: the writes, and of those the alert events for counting, the new state
    as bytes (None: unchanged), the chain.
    """

    writes: tuple[Write, ...]
    told: tuple[Told, ...]
    state: bytes | None = field(repr=False)
    chain: Chain


def recipient_topic(event: AlertEvent) -> str:
    """Return the recipient's own topic; ODS codes are capitals and digits, so they stand as they are."""
    recipient = event.alert.recipient
    return _TOPIC_OF_KIND[recipient.kind] + recipient.code.code


def _recipient_key(alert: Alert) -> bytes:
    """Return under which key the events of an alert lie in `cpis.alerts`."""
    return f"{alert.recipient.kind}.{alert.recipient.code}".encode()


def cause_of(error: Exception) -> str:
    """Return what may be said of an error: its code if it is ours, else its class."""
    return error.code if isinstance(error, BrokerError) else type(error).__name__


class Scribe:
    """Writes down what follows, for one `partition`."""

    def __init__(
        self,
        *,
        people: StateCodec,
        alerts: AlertCodec,
        records: RecordsCodec,
        key: IdentityKey,
        partition: int,
        rules_version: int = RULES_VERSION,
    ) -> None:
        """Take the codecs and what is stamped on everything written."""
        self._people = people
        self._alerts = alerts
        self._records = records
        self._key = key
        self.partition = partition
        self._rules_version = rules_version

    def say(
        self, advance: Advance, *, unchanged: bool, caused_at: datetime | None, at: datetime, end: Chain
    ) -> Said:
        """
        Return everything to write for one person.

        `caused_at` is the newest receipt among the facts that led here, None when none did; `at` stands for
        it in the audit; `end` is the chain so far. Raises when anything does not fit, having changed nothing.
        """
        person = advance.person
        writes: list[Write] = []
        state = None
        if not unchanged:
            state, write = self.person(person)
            writes.append(write)
        for event in advance.events:
            writes.extend(self._event(event, caused_at, at))
        writes.extend(self.opened(item, at) for item in advance.opened)
        writes.extend(self.closed(item) for item in advance.closed)
        for decision in advance.entries:
            entry = audit_entry(
                decision,
                salt=person.salt,
                number=person.number,
                partition=self.partition,
                sequence=end.sequence + 1,
                at=at,
                previous=end.newest_hash,
            )
            write, end = self._audited(self._records.encode_audit(entry), "audit_entry", at, end)
            writes.append(write)
        told = tuple(Told(event.kind, event.alert.recipient.kind, caused_at) for event in advance.events)
        return Said(writes=tuple(writes), told=told, state=state, chain=end)

    def destroyed(
        self, topic: Topic, gone: range, *, unread: int, salt: bytes, at: datetime, end: Chain
    ) -> tuple[Write, Chain]:
        """
        Return the audit entry of the offsets that a log has forgotten, and the chain behind it.

        `unread` of them had not been taken; `salt` blinds the entry's hash; `at` is the partition's clock.
        """
        entry = DestructionEntry(
            partition=self.partition,
            sequence=end.sequence + 1,
            at=at,
            topic=topic,
            first=gone.start,
            end=gone.stop,
            unread=unread,
            salt=salt,
            previous=end.newest_hash,
        )
        return self._audited(self._records.encode_destruction(entry), "destruction", at, end)

    def _audited(self, value: bytes, schema: str, at: datetime, end: Chain) -> tuple[Write, Chain]:
        """Return the record of an entry, and the chain behind it."""
        end = Chain(chain(end.newest_hash, value), end.sequence + 1)
        headers = self._headers(f"{self.partition}-{end.sequence}", AUDIT_TYPE, at, schema)
        return Write(Topic.AUDIT, None, value, headers, self.partition), end

    def person(self, person: Person) -> tuple[bytes, Write]:
        """Return a person's record, as bytes and as what to write; raises `PersonTooLarge`."""
        state = self._people.encode_person(person)
        if len(state) > PERSON_BYTES_MAX:
            raise PersonTooLarge
        return state, self.state(person.number.key, state)

    def state(self, key: bytes, state: bytes) -> Write:
        """Return the write of what `cpis.people` holds under a number."""
        return Write(Topic.PEOPLE, key, state, partition=self.partition)

    def forget(self, key: bytes) -> Write:
        """Return the tombstone of a person of whom nothing need be kept."""
        return Write(Topic.PEOPLE, key, None, partition=self.partition)

    def erasures(self, person: Person, at: datetime) -> list[Write]:
        """
        Return what has every projection forget a person's alerts (ruling 23).

        It follows the events of each recipient in their own order, and names all alerts: of those past
        revising the recipient is not known any more, and what was told of them lies long behind.
        """
        alert_ids = {
            alert_id
            for alert_id, row in person.told.items()
            if row.alert is None or row.alert.occasion is not Occasion.NUMBER_INACTIVE
        }
        if not alert_ids:
            return []
        keys = {_recipient_key(row.alert) for row in person.told.values() if row.alert is not None}
        value = self._alerts.encode_erasure(alert_ids)
        event_id = self._key.derive("erasure", person.number.key, at.isoformat())
        headers = self._headers(event_id, ERASURE_TYPE, at, "erasure")
        return [Write(Topic.ALERTS, key, value, headers) for key in sorted(keys) or [b"erasure"]]

    def poisoned(self, poison: Poison, at: datetime) -> Write:
        """
        Return the worklist item for a record that could not be processed, with its bytes sealed.

        When they cannot be sealed the item goes without them: the record lies in its topic for a while yet.
        """
        record = poison.record
        place = (record.topic, str(record.partition), str(record.offset))
        if poison.about is not None:
            place = (record.topic, "visit", poison.about)
        item = WorklistItem(
            item_id=self._key.derive("item", ItemKind.UNPROCESSABLE_RECORD, *place),
            kind=ItemKind.UNPROCESSABLE_RECORD,
            urgent=True,
        )
        about = Unprocessable(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            cause=poison.cause,
            value=record.value or b"",
        )
        try:
            return self.opened(item, at, about)
        except Exception:  # noqa: BLE001 – what cannot be sealed must not stop the partition
            return self.opened(item, at)

    def without_topic(self, topic: str, at: datetime) -> Write:
        """Return the worklist item for a recipient whose topic is not declared."""
        item = WorklistItem(
            item_id=self._key.derive("item", ItemKind.RECIPIENT_WITHOUT_TOPIC, topic),
            kind=ItemKind.RECIPIENT_WITHOUT_TOPIC,
            urgent=True,
            topic=topic,
        )
        return self.opened(item, at)

    def late(self, records: Iterable[Record], at: datetime) -> list[Write]:
        """Return the notes of facts too late to revise a closed visit: their bytes, without the number."""
        return [
            Write(
                Topic.LATE,
                None,
                record.value,
                self._headers(
                    self._key.derive("late", record.topic, str(record.partition), str(record.offset)),
                    LATE_TYPE,
                    at,
                    record.topic,
                ),
            )
            for record in records
        ]

    def mark(self, mark: CheckMark) -> Write:
        """Return the record that says how far one sender's records have been decided (ruling 41)."""
        event_id = f"{mark.partition}-{mark.sender.kind}-{mark.sender.code}-{mark.offset}"
        headers = self._headers(event_id, CHECK_TYPE, mark.received_at, "check_mark")
        return Write(Topic.CHECKS, mark.key, self._records.encode_mark(mark), headers, mark.partition)

    def _event(self, event: AlertEvent, caused_at: datetime | None, at: datetime) -> list[Write]:
        """Return the two records of an event, for the broker and for the recipient, cut where too long."""
        event = replace(event, alert=unlinked(event.alert))
        headers = self._headers(event.event_id, ALERT_TYPE, at, "alert")
        plain, own = self._values(event, caused_at)
        if len(own) > EVENT_BYTES_MAX:
            plain, own = self._values(abridged(event), caused_at)
        if len(own) > EVENT_BYTES_MAX:
            raise PersonTooLarge
        return [
            Write(Topic.ALERTS, _recipient_key(event.alert), plain, headers),
            Write(
                recipient_topic(event), event.alert.alert_id.encode(), self._alerts.addressed(own), headers
            ),
        ]

    def _values(self, event: AlertEvent, caused_at: datetime | None) -> tuple[bytes, bytes]:
        """Return an event for the broker, and for the recipient: an authority is told its own ids."""
        plain = self._value(event, caused_at, with_own_ids=False)
        named = event.alert.recipient.kind is RecipientKind.AUTHORITY
        return plain, self._value(event, caused_at, with_own_ids=True) if named else plain

    def _value(self, event: AlertEvent, caused_at: datetime | None, *, with_own_ids: bool) -> bytes:
        """Return an event as published, with the authority's own ids or without."""
        return self._alerts.encode_event(
            event,
            with_own_ids=with_own_ids,
            caused_received_at=caused_at,
            rules_version=self._rules_version,
            policy_version=event.policy_version,
        )

    def opened(self, item: WorklistItem, at: datetime, about: Unprocessable | None = None) -> Write:
        """Return the record of a worklist item, with the record that it is about where there is one."""
        headers = self._headers(item.item_id, WORKLIST_TYPE, at, "worklist_item")
        return Write(Topic.WORKLIST, item.item_id.encode(), self._records.encode_item(item, about), headers)

    def closed(self, item: WorklistItem) -> Write:
        """Return the tombstone of a worklist item that later facts have settled (ruling 46)."""
        return Write(Topic.WORKLIST, item.item_id.encode(), None)

    @staticmethod
    def _headers(event_id: str, event_type: str, at: datetime, schema: str) -> Headers:
        """Return the CloudEvents headers of one record."""
        return write_headers(
            CloudEvent(event_id=event_id, source=SOURCE, event_type=event_type, time=at, data_schema=schema)
        )
