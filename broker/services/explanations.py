"""
Finds what somebody asks to have explained: in `cpis.people` on a cluster, or among a replay's people.

References are keyed per NHS number (ruling 42), so everybody's record is gone through: their bytes first. On
a cluster it opens a person's record, so the audit trail says who asked and why before anything is told.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, assert_never

from broker.core.alerts import AlertEvent
from broker.core.desk_errors import NothingToExplain
from broker.core.errors import InvalidNhsNumber, MalformedMessage
from broker.core.explained_alerts import gone
from broker.core.explaining import explain, explain_alert
from broker.core.explanation import Answer, NoPlan, NotInUse, NotTaken
from broker.core.facts import VisitMessage
from broker.core.identifiers import NhsNumber
from broker.core.keyed import IdentityKey
from broker.core.leaving import gone as gone_elsewhere
from broker.core.operators import ActionKind, Grounds
from broker.core.person import Person
from broker.core.policy import AnyPolicy
from broker.ports import PARTITION_STATE_KEY, Record, Topic
from broker.services.audited_access import AuditedAccess
from broker.services.excluding import Excluding
from broker.services.finding import VisitAsked, messages_of
from broker.services.newest import newest
from broker.services.rejected_desk import place_of
from broker.services.replay import Replay
from broker.wire.alerts_codec import AlertCodec

Messages = Mapping[str, Mapping[str, VisitMessage]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertAsked:
    """An alert by its id."""

    alert_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemAsked:
    """A worklist item that is open, by its id: the visit or view that it is about."""

    item_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceAsked:
    """A visit by its keyed reference, as the message desk shows it."""

    reference: str


Asked = VisitAsked | AlertAsked | ItemAsked | ReferenceAsked


class _Remains(NamedTuple):
    """What is held of a visit or an alert whose person has no record, where, and under which numbers."""

    subject: str
    record: Record
    keys: frozenset[bytes | None]
    answer: Answer


def held(asked: VisitAsked, visits: Messages, number: NhsNumber, key: IdentityKey) -> str | None:
    """Return the reference of the visit asked for, where one of its messages is held; else None."""
    return next(
        (
            reference
            for reference, messages in visits.items()
            for message in messages.values()
            if message.provider == asked.provider and asked.is_it(reference, number, message.system, key)
        ),
        None,
    )


def subject_of(asked: Asked, person: Person, key: IdentityKey) -> str | None:
    """Return what is asked for, the reference of a visit or view or an alert's id, where a person has it."""
    if isinstance(asked, AlertAsked):
        return asked.alert_id if asked.alert_id in person.told else None
    if isinstance(asked, ItemAsked):
        item = person.items.get(asked.item_id)
        return None if item is None else item.visit
    if isinstance(asked, ReferenceAsked):
        known = asked.reference in person.known.visits or asked.reference in person.closed
        return asked.reference if known else None
    if asked.system is not None:
        reference = asked.reference(person.number, asked.system, key)
        if reference in person.closed:
            return reference
    return held(asked, person.known.visits, person.number, key)


def _is_of(event: AlertEvent, person: Person) -> bool:
    """Whether an event is of a person's alert, told under the present number or a former one (ruling 22)."""
    return event.subject == person.number or event.alert.alert_id in person.told


def _chosen(people: Iterable[Person], asked: Asked, key: IdentityKey) -> tuple[Person, str] | None:
    """
    Return the person who has what is asked for, and it; None where nobody has.

    A visit that goes on under another number is explained as it is there, where that person is known at all:
    of the two only one is ever looked at (rulings 42, 44).
    """
    left: tuple[Person, str] | None = None
    for person in people:
        subject = subject_of(asked, person, key)
        if subject is None:
            continue
        if subject not in gone_elsewhere(person.known.visits, person.known.left):
            return person, subject
        left = left or (person, subject)
    return left


def explain_replayed(replay: Replay, asked: Asked, policy: AnyPolicy, key: IdentityKey) -> Answer:
    """Return the answer from what a replay has come to; raise `NothingToExplain`."""
    chosen = _chosen(replay.people.values(), asked, key)
    if chosen is not None:
        person, subject = chosen
        told = [event for event in replay.outcome.events if _is_of(event, person)]
        explained = explain_alert if isinstance(asked, AlertAsked) else explain
        return explained(person, subject, policy, key, told=told, audited=False)
    if isinstance(asked, VisitAsked):
        for number, person in replay.waiting.items():
            reference = held(asked, person.known.visits, number, key)
            if reference is not None:
                return NoPlan(subject=reference, facts=len(person.known.visits[reference]))
    raise NothingToExplain


class Explanations:
    """Explains on a cluster, on grounds."""

    def __init__(self, access: AuditedAccess, alerts: AlertCodec, excluding: Excluding) -> None:
        """
        Read with this access, which takes down every explanation before it is given.

        `alerts` reads what was told, `excluding` keeps an explanation from whom it must.
        """
        self._access = access
        self._alerts = alerts
        self._excluding = excluding

    async def explain(self, asked: Asked, grounds: Grounds) -> Answer:
        """
        Return the answer, once the audit trail says who asked for it and why.

        Raises `NothingToExplain`, of which nothing is noted since nothing is told, `CannotDisclose` for
        somebody who must not see the person (ruling 48), `KafkaUnavailable`, `TopicMissing`.
        """
        unreadable: list[Record] = []
        candidates, not_in_use = await self._candidates(asked)
        chosen = _chosen(self._people(candidates.values(), unreadable), asked, self._access.key)
        if chosen is not None:
            person, subject = chosen
            await self._note(subject, candidates[person.number.key], grounds)
            await self._excluding.require({person.number}, subject, grounds)
            return await self._of_person(asked, subject, person)
        remains = await self._remains(asked)
        if remains is None:
            raise NothingToExplain(
                f"not found, and {len(unreadable)} records of people cannot be read" if unreadable else None
            )
        await self._note(remains.subject, remains.record, grounds)
        if remains.keys & not_in_use:
            return NotInUse(subject=remains.subject)
        about = b"\n".join(key or b"" for key in remains.keys)
        await self._excluding.require_bytes(about, remains.subject, grounds)
        if isinstance(remains.answer, NoPlan) and await self._has_record(remains.keys):
            return NotTaken(subject=remains.subject)
        return remains.answer

    async def _has_record(self, keys: Collection[bytes | None]) -> bool:
        """Whether anything is held under one of these numbers."""
        return bool(await newest(self._access.archive, Topic.PEOPLE, lambda record: record.key in keys))

    async def _note(self, subject: str, record: Record, grounds: Grounds) -> None:
        """Return once the audit trail says that the record is opened, by whom and why."""
        await self._access.log.audit(ActionKind.EXPLAINED, subject, place_of(record), grounds)

    async def _candidates(self, asked: Asked) -> tuple[dict[bytes, Record], frozenset[bytes]]:
        """Return the newest records whose bytes may hold what is asked for, by key, and who is not in use."""
        found: dict[bytes, Record] = {}
        not_in_use: set[bytes] = set()
        async for records in self._access.archive.read(Topic.PEOPLE):
            for record in records:
                key = record.key or b""
                found.pop(key, None)
                not_in_use.discard(key)
                if self._is_inactive(record):
                    not_in_use.add(key)
                elif key != PARTITION_STATE_KEY and self._may_hold(record, asked):
                    found[key] = record
        return found, frozenset(not_in_use)

    def _is_inactive(self, record: Record) -> bool:
        """Whether a record is of a number not in use; one that cannot be read is not known to be."""
        with suppress(MalformedMessage):
            return record.value is not None and self._access.readers.states.is_inactive(record.value)
        return False

    def _may_hold(self, record: Record, asked: Asked) -> bool:
        """Whether the bytes of somebody's record hold what is asked for."""
        if isinstance(asked, AlertAsked):
            return asked.alert_id.encode() in (record.value or b"")
        if isinstance(asked, ItemAsked):
            return asked.item_id.encode() in (record.value or b"")
        if isinstance(asked, ReferenceAsked):
            return asked.reference.encode() in (record.value or b"")
        return asked.may_be_in(record, self._access.key)

    def _people(self, records: Iterable[Record], unreadable: list[Record]) -> Iterator[Person]:
        """Yield the people of some records; to `unreadable` go those that cannot be read."""
        for record in records:
            key, value = record.key or b"", record.value or b""
            try:
                of_details = self._access.readers.states.of_details(value) is not None
                found = None if of_details else self._access.readers.states.decode_any(key, value)
            except (MalformedMessage, InvalidNhsNumber):
                unreadable.append(record)
                continue
            if isinstance(found, Person):  # a forwarding record is nobody, nor are digests of details
                yield found

    async def _of_person(self, asked: Asked, subject: str, person: Person) -> Answer:
        """Return the answer from a person's record and the events that are held."""
        found = await self._events(person.number.digits, *person.told)
        told = [event for event, _ in found if _is_of(event, person)]
        explained = explain_alert if isinstance(asked, AlertAsked) else explain
        return explained(person, subject, self._access.policy, self._access.key, told=told)

    async def _remains(self, asked: Asked) -> _Remains | None:
        """Return what is held of something whose person has no record now; of an item nothing is."""
        match asked:
            case AlertAsked():
                return await self._gone(asked)
            case VisitAsked():
                return await self._no_plan(asked)
            case ReferenceAsked():
                return await self._no_plan_of(asked.reference)
            case ItemAsked():
                return None
            case _:
                assert_never(asked)

    async def _gone(self, asked: AlertAsked) -> _Remains | None:
        """Return what was told of an alert; None where no event of it is held."""
        found = [
            (event, record)
            for event, record in await self._events(asked.alert_id)
            if event.alert.alert_id == asked.alert_id
        ]
        if not found:
            return None
        events = [event for event, _ in found]
        keys = frozenset(event.subject.key for event in events)
        return _Remains(asked.alert_id, found[-1][1], keys, gone(events))

    async def _no_plan(self, asked: VisitAsked) -> _Remains | None:
        """Return that a visit's person has no record; None where no message of the visit is held."""
        found = await messages_of(asked, self._access.archive, self._access.readers.facts, self._access.key)
        if not found:
            return None
        newest = found[-1]
        keys = frozenset({newest.record.key})
        return _Remains(
            newest.reference, newest.record, keys, NoPlan(subject=newest.reference, facts=len(found))
        )

    async def _no_plan_of(self, reference: str) -> _Remains | None:
        """Return that the person of a visit has no record; None where no message of the visit is held."""
        found = []
        async for records in self._access.archive.read(Topic.ATTENDANCES):
            for record in records:
                if reference.encode() in (record.value or b""):
                    with suppress(MalformedMessage):  # the matcher makes work of it
                        said = self._access.readers.facts.attendance_in_clear(record.value or b"")
                        if isinstance(said, VisitMessage) and said.visit == reference:
                            found.append(record)
        if not found:
            return None
        answer = NoPlan(subject=reference, facts=len(found))
        return _Remains(reference, found[-1], frozenset({found[-1].key}), answer)

    async def _events(self, *texts: str) -> list[tuple[AlertEvent, Record]]:
        """Return the events held whose bytes hold one of the texts, with their records."""
        found = []
        needles = [text.encode() for text in texts]
        async for records in self._access.archive.read(Topic.ALERTS):
            for record in records:
                value = record.value or b""
                if any(needle in value for needle in needles):
                    with suppress(MalformedMessage):  # the outbox keeps it in cpis.rejected
                        found.append((self._alerts.decode_event(value), record))
        return found
