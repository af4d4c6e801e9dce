"""
Answers what a provider asks about a visit: plan on file, no plan on file, could not check (ruling 41).

Knows the order in which topics are read, which makes `no plan` safe: the check mark first, then in one pass
over `cpis.people` the person and the matcher's own record of that partition, which lie in one log and cannot
disagree. Before `no plan` is said, the records that wait for a number are looked through, by the details of
the visit (ruling 21). Whatever goes wrong is `could not check`, never `no plan`.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from broker.core.alerts import Recipient, RecipientKind
from broker.core.answers import (
    MARK_WITHIN,
    Answer,
    Checked,
    Feeds,
    Looked,
    Uncheckable,
    answer,
    could_not_check,
    look,
)
from broker.core.checks import CheckMark
from broker.core.desk_errors import NoAnswerHere, VisitAmbiguous
from broker.core.errors import ConfigurationError, WrongIdentityKey
from broker.core.facts import Access, VisitMessage
from broker.core.feeds import FeedRule, count, last_taken, later
from broker.core.identifiers import NhsNumber, OdsCode, aware
from broker.core.invalidation import Inactive
from broker.core.keyed import IdentityKey, moved_reference
from broker.core.message_times import position
from broker.core.operators import ActionKind, Grounds
from broker.core.partition import Forwarding
from broker.core.person import Known, Person
from broker.core.policy import RULES_VERSION, AnyPolicy
from broker.core.possible import Search, Shelf
from broker.core.possible_keys import bucket_of
from broker.core.succession import NUMBERS_PASSED_MAX
from broker.core.waiting import waiting_number_key
from broker.ports import PARTITION_STATE_KEY, Archive, Clock, Topic
from broker.services.desk_log import SOURCE, DeskLog
from broker.services.fact_writes import fact_write
from broker.services.feed_health import files_taken, heard_by
from broker.services.finding import Held, Kept, VisitAsked, kept_of, messages_of
from broker.services.matching_output import cause_of
from broker.services.rejected_desk import place_of
from broker.wire.details_codec import DetailsCodec
from broker.wire.facts_codec import FactCodec
from broker.wire.feed_codec import FeedCodec
from broker.wire.records_codec import RecordsCodec
from broker.wire.state_codec import StateCodec

_LOOK_AGAIN_S = 1.0
_LOOKS_AT_SHELVES = 5
"""How often it is looked, a second apart, whether the matchers have put what waits on its shelf."""
_NO_FEEDS = Feeds(known=0, stale=0)
"""For what is answered without a word about feeds."""
_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    """What reads attendances, people, marks, and who may be who."""

    facts: FactCodec
    states: StateCodec
    records: RecordsCodec
    details: DetailsCodec
    feeds: FeedCodec


@dataclass(frozen=True, slots=True, kw_only=True)
class _Marked:
    """A check mark and when it was written, aware UTC."""

    mark: CheckMark
    written_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """One pass over `cpis.people`: what lies under the keys asked for, and the matcher's, by partition."""

    values: Mapping[bytes, bytes]
    states: Mapping[int, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whose:
    """
    Whose a visit is, its reference there, and the superseded numbers that were passed on the way.

    None for a successor without a record: what was sent on to it may be on its way (ruling 22).
    """

    person: Person | Inactive | None
    reference: str
    passed: Sequence[NhsNumber]


class Enquiry:
    """Answers on a cluster, on grounds."""

    def __init__(
        self,
        archive: Archive,
        readers: Readers,
        log: DeskLog,
        *,
        policy: AnyPolicy,
        key: IdentityKey,
        clock: Clock,
        feeds: FeedRule,
        look_again_s: float = _LOOK_AGAIN_S,
    ) -> None:
        """Read with the archive; `log` takes down every answer's enquiry before a record is opened."""
        self._archive = archive
        self._readers = readers
        self._log = log
        self._policy = policy
        self._key = key
        self._clock = clock
        self._feeds = feeds
        self._look_again_s = look_again_s

    async def ask(self, asked: VisitAsked, grounds: Grounds) -> Answer:
        """
        Return the answer for a visit, at the latest a minute after its newest receipt.

        Raises `NoAnswerHere` for a visit that is no unscheduled one and `VisitAmbiguous` where several
        systems have told one of this name. Anything else that fails is the answer `could not check`.
        """
        try:
            return await self._ask(asked, grounds)
        except (NoAnswerHere, VisitAmbiguous):
            raise
        except Exception as error:  # noqa: BLE001 – no error may be taken for `no plan on file`
            return could_not_check(Uncheckable.BROKER_BEHIND, cause=cause_of(error))

    async def _ask(self, asked: VisitAsked, grounds: Grounds) -> Answer:
        """Return the answer; raises whatever goes wrong."""
        messages = await messages_of(asked, self._archive, self._readers.facts, self._key)
        kept: list[Kept] = []
        if not messages or asked.system is None:
            kept = await kept_of(asked, self._archive, self._readers.records, self._key)
        if len({held.message.system for held in messages} | {one.system for one in kept}) > 1:
            raise VisitAmbiguous
        if not messages:
            return await self._without_number(kept, grounds)
        newest = max(messages, key=lambda held: position(held.message))  # under the number in use (ruling 44)
        await self._log.audit(ActionKind.ANSWERED, newest.reference, place_of(newest.record), grounds)
        own = [held for held in messages if held.number == newest.number]
        marks = await self._marks_past(asked.provider, own)
        checked = await self._look(own, asked.user, passed=_passed(marks, asked.provider, own))
        if checked.excluded:
            await self._tell_of_excluded(asked, newest.number, grounds)
        heard = heard_by(one.mark for one in marks)
        taken = last_taken(await files_taken(self._archive, self._readers.feeds))
        return answer(checked, count(later(heard, taken), self._clock(), self._feeds))

    async def _without_number(self, kept: Sequence[Kept], grounds: Grounds) -> Answer:
        """Return that nobody knows whose a visit is, or who it may be; or that no message is held (21)."""
        if not kept:
            return could_not_check(Uncheckable.NOT_HELD)
        newest = kept[-1]
        await self._log.audit(ActionKind.ANSWERED, newest.visit, place_of(newest.record), grounds)
        value = (await self._read({newest.visit.encode()})).values.get(newest.visit.encode())
        search = None if value is None else self._readers.details.decode_state(value)
        met = isinstance(search, Search) and search.item(self._key) is not None
        return answer(Checked(number=False, possible_match=met), _NO_FEEDS)

    async def _marks_past(self, provider: OdsCode, own: Sequence[Held]) -> list[_Marked]:
        """Return the marks as soon as the provider's has passed the visit, or its time is over."""
        received_at = max(held.message.received_at for held in own)
        until = min(received_at, self._clock()) + MARK_WITHIN
        while True:
            marks = await self._marks()
            if _passed(marks, provider, own) is not None or self._clock() >= until:
                return marks
            await asyncio.sleep(self._look_again_s)

    async def _marks(self) -> list[_Marked]:
        """Return the newest mark of every sender in every partition."""
        newest: dict[tuple[bytes, int], _Marked] = {}
        async for records in self._archive.read(Topic.CHECKS):
            for record in records:
                mark = self._readers.records.decode_mark(record.value or b"")
                written_at = _EPOCH + record.timestamp * _MILLISECOND
                newest[mark.key, mark.partition] = _Marked(mark=mark, written_at=written_at)
        return list(newest.values())

    async def _tell_of_excluded(self, asked: VisitAsked, number: NhsNumber, grounds: Grounds) -> None:
        """Have the safeguarding lead told that somebody asked who must not see the person (ruling 48)."""
        now = aware(self._clock())
        access_id = self._key.derive("asked", number.key, asked.user or "", now.isoformat())
        access = Access(
            access_id=access_id,
            organisation=asked.provider,
            organisation_name=asked.provider.code,
            role="asked for an answer",
            user_name=grounds.by,
            user=asked.user,
            unscheduled=False,
            accessed_at=now,
            recorded_at=now,
            received_at=now,
        )
        await self._log.tell(fact_write(self._readers.facts, access, number, access_id, SOURCE))

    async def _look(self, own: Sequence[Held], user: str | None, *, passed: datetime | None) -> Checked:
        """Return what there is to look at; `passed` is when a mark was written that passed the visit."""
        first = own[0]
        read = await self._read({first.number.key})
        state = read.states.get(first.record.partition)
        if state is None or not self._has_taken(state, own):
            return Checked()
        value = read.values.get(first.number.key)
        if value is None:
            return await self._settled(self._alone(own), passed)
        found = await self._person(first.number, value, first.reference)
        person = found.person
        if isinstance(person, Inactive):
            return Checked(not_in_use=True)
        if person is None or found.reference not in person.known.visits:
            return Checked()  # kept apart as unprocessable, or on its way to the number that succeeded
        looked = look(person.number, person.known, found.reference, self._policy, self._key, user=user)
        former = {waiting_number_key(self._key, one) for one in found.passed}  # a record may wait for any
        return await self._settled(replace(looked, waiting_under=looked.waiting_under | former), passed)

    def _alone(self, own: Sequence[Held]) -> Looked:
        """Return what a visit of somebody without a record says, its messages opened."""
        first = own[0]
        opened = (
            self._readers.facts.decode(held.record.topic, held.number.key, held.record.value or b"")
            for held in own
        )
        messages = {fact.message_id: fact for fact in opened if isinstance(fact, VisitMessage)}
        known = Known(visits={first.reference: messages})
        return look(first.number, known, first.reference, self._policy, self._key)

    async def _settled(self, looked: Looked, passed: datetime | None) -> Checked:
        """Return what was looked at, where it matters with whether a record waits for a number (21)."""
        checked = replace(looked.checked, checked_at=passed)
        waiting = replace(checked, record_waiting=True)
        if answer(waiting, _NO_FEEDS).reason is not Uncheckable.RECORD_WAITING:
            return checked
        keys = {under.encode() for under in looked.waiting_under}
        buckets = {bucket_of(under).encode() for under in looked.waiting_under}
        ends: dict[int, int] = {}
        async for records in self._archive.read(Topic.DETAILS):
            ends |= {record.partition: record.offset + 1 for record in records if record.key in buckets}
        for _ in range(_LOOKS_AT_SHELVES):
            read = await self._read(keys)
            shelves = [self._readers.details.decode_state(value) for value in read.values.values()]
            if any(isinstance(shelf, Shelf) and shelf.holds(looked.stay) for shelf in shelves):
                return waiting
            if self._has_put(read.states, ends):
                return checked
            await asyncio.sleep(self._look_again_s)
        return replace(checked, checked_at=None)

    def _has_put(self, states: Mapping[int, bytes], ends: Mapping[int, int]) -> bool:
        """Whether everything of `cpis.in.details` before these offsets, by partition, is on a shelf."""
        for partition, end in ends.items():
            value = states.get(partition)
            taken = {} if value is None else self._readers.states.decode_partition(value).offsets
            if taken.get(Topic.DETAILS, 0) < end:
                return False
        return True

    def _has_taken(self, value: bytes, own: Sequence[Held]) -> bool:
        """
        Return whether the matcher's record of a partition, read with the people, has passed these messages.

        Raises `WrongIdentityKey` and `ConfigurationError` where it does not decide as we would.
        """
        state = self._readers.states.decode_partition(value)
        if state.key_fingerprint != self._key.fingerprint:
            raise WrongIdentityKey
        if (state.rules_version, state.policy_version) != (RULES_VERSION, self._policy.version):
            raise ConfigurationError("the matcher decides by another policy, or is not done deciding anew")
        return state.offsets.get(Topic.ATTENDANCES, 0) > max(held.record.offset for held in own)

    async def _person(self, number: NhsNumber, value: bytes | None, reference: str) -> _Whose:
        """Return the person of a record, or of the number that succeeded it, and the visit's name there."""
        passed: list[NhsNumber] = []
        while len(passed) <= NUMBERS_PASSED_MAX:
            found = None if value is None else self._readers.states.decode_any(number.key, value)
            if not isinstance(found, Forwarding):
                person = found if isinstance(found, Person | Inactive) else None
                return _Whose(person=person, reference=reference, passed=passed)
            passed.append(number)
            reference = moved_reference(self._key, reference, former=number, number=found.to)
            number = found.to
            value = (await self._read({number.key})).values.get(number.key)
        return _Whose(person=None, reference=reference, passed=passed)

    async def _read(self, keys: Collection[bytes]) -> _Read:
        """Return what lies under these keys and the matcher's own records, as they stand now."""
        values: dict[bytes, bytes] = {}
        states: dict[int, bytes] = {}
        async for records in self._archive.read(Topic.PEOPLE):
            for record in records:
                if record.key == PARTITION_STATE_KEY:
                    states[record.partition] = record.value or b""
                elif record.key in keys and record.key is not None:
                    values.pop(record.key, None)
                    values |= {} if record.value is None else {record.key: record.value}
        return _Read(values=values, states=states)


def _passed(marks: Iterable[_Marked], provider: OdsCode, own: Sequence[Held]) -> datetime | None:
    """Return when the provider's mark was written that has passed every one of these messages."""
    sender = Recipient(kind=RecipientKind.PROVIDER, code=provider)
    last = max(held.record.offset for held in own)
    written = [
        one.written_at
        for one in marks
        if one.mark.sender == sender
        and one.mark.partition == own[0].record.partition
        and one.mark.offset > last
    ]
    return max(written, default=None)
