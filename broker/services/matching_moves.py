"""
What leaves a superseded number for its successor, as writes. Ruling 22.

Everything that moves lies in an input as it was first written, in a wrapper keyed by the successor; the
wrapper, and what was known and told, are sealed, so that nobody outside can write one that is believed. No
header names a number.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from broker.core.errors import (
    KeysUnreadable,
    MalformedMessage,
    NumbersInCircle,
    PersonTooLarge,
    SuccessionContradicted,
)
from broker.core.facts import IdentityNotice
from broker.core.identifiers import NhsNumber
from broker.core.keyed import IdentityKey
from broker.core.partition import Forwarding
from broker.core.person import Person
from broker.core.succession import (
    Came,
    Merged,
    Passage,
    forwarding_after,
    forwarding_by,
    goes_on,
    handed_over,
    kept,
    onward,
    translated,
)
from broker.ports import Headers, Record, Topic, Write
from broker.services.matching_output import PERSON_BYTES_MAX, SOURCE, Poison, cause_of
from broker.wire.cloudevents import FACT_TYPE, CloudEvent, read_headers, write_headers
from broker.wire.facts_codec import FactCodec
from broker.wire.state_codec import StateCodec


@dataclass(frozen=True, slots=True)
class Arrived(Came):
    """A fact, with the `record` that holds it and its `value`, the bytes as they were first written."""

    record: Record = field(kw_only=True)
    value: bytes = field(kw_only=True, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentOn:
    """What came of records under a superseded number: its forwarding record, writes, what was set aside."""

    forwarding: Forwarding
    writes: tuple[Write, ...]
    poison: tuple[Poison, ...]


class Mover:
    """Sends on what is keyed by numbers that are superseded, for one partition."""

    def __init__(self, facts: FactCodec, states: StateCodec, key: IdentityKey, partition: int) -> None:
        """Take the codecs and the identity key; `partition` is the one whose people leave."""
        self._facts = facts
        self._states = states
        self._key = key
        self._partition = partition

    def read(self, key: bytes, record: Record) -> Arrived:
        """Return what a record holds; raises for one unreadable, or naming a number its own successor."""
        arrival = self._facts.read(record.topic, key, record.value or b"")
        number = NhsNumber(key.decode("ascii"))
        fact = arrival.fact
        if arrival.passage is not None:
            fact = translated(fact, self._key, former=arrival.number, number=number)
        if isinstance(fact, IdentityNotice) and fact.successor == number:
            raise NumbersInCircle
        return Arrived(fact, arrival.passage, record=record, value=arrival.value)

    def read_all(self, key: bytes, records: Sequence[Record]) -> tuple[list[Arrived], list[Poison]]:
        """
        Return what records hold, and those that cannot be read.

        Raises `KeysUnreadable`: no fault of the records, which come again.
        """
        arrived: list[Arrived] = []
        poison: list[Poison] = []
        for record in records:
            try:
                arrived.append(self.read(key, record))
            except KeysUnreadable:
                raise
            except Exception as error:  # noqa: BLE001 – whatever it is, the partition goes on
                poison.append(Poison(record=record, cause=cause_of(error)))
        return arrived, poison

    def send_on(
        self,
        number: NhsNumber,
        forwarding: Forwarding,
        arrived: Sequence[Arrived],
        set_aside: Mapping[str, datetime],
    ) -> SentOn:
        """
        Return everything that came for a superseded number, sent on to the successor it has now.

        So is that a plan or a notice was `set_aside` which came with it, as `Person.set_aside` has it.
        """
        received = [one.fact.received_at for one in arrived]
        last_used = max([forwarding.last_used, *received, *set_aside.values()])
        now = forwarding_after(forwarding, arrived, last_used)
        writes: list[Write] = []
        poison: list[Poison] = []
        if now.stamp > forwarding.stamp or set_aside:  # the successor learns that an enquiry is settled, too
            merged = Merged(stamp=now.stamp, received_at=last_used, set_aside=set_aside)
            writes.append(self._merged(merged, number, now))
        for one in arrived:
            try:
                if goes_on(one, before=forwarding, now=now):
                    writes.append(self._wrapped(one, number, now))
            except (NumbersInCircle, SuccessionContradicted) as error:
                poison.append(Poison(record=one.record, cause=cause_of(error)))
        return SentOn(forwarding=now, writes=tuple(writes), poison=tuple(poison))

    def leave(
        self,
        person: Person,
        answer: IdentityNotice,
        arrived: Iterable[Arrived],
        received_at: datetime,
        *,
        forgotten: bool = False,
    ) -> tuple[Forwarding, tuple[Write, ...]]:
        """
        Return a person's forwarding record, and everything of them on its way to the successor.

        `forgotten`: whoever was told has been made to forget it, since the number was out of use (23).
        Of somebody without a plan only places in the log are known: the records there are sent on.
        Raises `PersonTooLarge`, `NumbersInCircle`.
        """
        forwarding = forwarding_by(person, answer, received_at)
        merged = handed_over(person, forwarding, received_at, forgotten=forgotten)
        if kept(merged):
            return forwarding, (self._merged(merged, person.number, forwarding),)
        nothing = Merged(stamp=forwarding.stamp, received_at=received_at)
        waiting = [
            self._wrapped(one, person.number, forwarding)
            for one in arrived
            if one.record.topic in {Topic.ATTENDANCES, Topic.ACCESSES}
        ]
        return forwarding, (self._merged(nothing, person.number, forwarding), *waiting)

    def forwarding(self, key: bytes, forwarding: Forwarding) -> tuple[bytes, Write]:
        """Return a forwarding record, as bytes and as what to write."""
        state = self._states.encode_forwarding(forwarding)
        return state, Write(Topic.PEOPLE, key, state, partition=self._partition)

    def _wrapped(self, one: Arrived, number: NhsNumber, forwarding: Forwarding) -> Write:
        """
        Return a record for its own input under the successor, its bytes as they were first written.

        Raises `NumbersInCircle`.
        """
        value = self._facts.wrap(one.value, onward(one.passage, number, forwarding), forwarding.to)
        headers = self._headers(one.record, one.fact.received_at)
        return Write(one.record.topic, forwarding.to.key, value, headers)

    def _merged(self, merged: Merged, number: NhsNumber, forwarding: Forwarding) -> Write:
        """Return what was known and told, for the successor."""
        inner = self._facts.encode_merged(merged, number)
        value = self._facts.wrap(inner, Passage(numbers=(number,), stamp=merged.stamp), forwarding.to)
        if len(value) > PERSON_BYTES_MAX:
            raise PersonTooLarge
        stamp, notes = merged.stamp.isoformat(), sorted(merged.set_aside)
        moved = self._key.derive("moved", number.key, forwarding.to.key, stamp, *notes)
        event = CloudEvent(
            event_id=moved,
            source=SOURCE,
            event_type=FACT_TYPE,
            time=merged.received_at,
            data_schema="forwarded",
        )
        return Write(Topic.IDENTITY, forwarding.to.key, value, write_headers(event))

    def _headers(self, record: Record, received_at: datetime) -> Headers:
        """Return a record's own headers, but for the schema; ours where it has none that can be read."""
        try:
            event = read_headers(record.headers)
        except MalformedMessage:
            place = (record.topic, str(record.partition), str(record.offset))
            event = CloudEvent(
                event_id=self._key.derive("forwarded", *place),
                source=SOURCE,
                event_type=FACT_TYPE,
                time=received_at,
            )
        return write_headers(replace(event, data_schema="forwarded"))
