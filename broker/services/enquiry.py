"""
Answers what a provider asks about a visit: plan on file, no plan on file, could not check (ruling 41).

Knows the order in which topics are read, which makes `no plan` safe: the check mark first, then in one pass
over `cpis.people` the person and the matcher's own record of that partition, which lie in one log and cannot
disagree. Before `no plan` is said, the records that wait for a number are looked through, by the details of
the visit (ruling 21). Whatever goes wrong is `could not check`, never `no plan`.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from broker.core.alerts import Recipient, RecipientKind
from broker.core.answers import (
    MARK_WITHIN,
    Answer,
    Checked,
    Looked,
    Uncheckable,
    answer,
    could_not_check,
    look,
)
from broker.core.desk_errors import NoAnswerHere, VisitAmbiguous
from broker.core.facts import Access, VisitMessage
from broker.core.feeds import FeedRule
from broker.core.identifiers import NhsNumber, OdsCode, aware
from broker.core.invalidation import Inactive
from broker.core.keyed import IdentityKey
from broker.core.message_times import position
from broker.core.operators import ActionKind, Grounds
from broker.core.person import Known
from broker.core.policy import AnyPolicy
from broker.core.possible import Search
from broker.core.waiting import waiting_number_key
from broker.ports import Archive, Clock, Topic
from broker.services.desk_log import SOURCE, DeskLog
from broker.services.fact_writes import fact_write
from broker.services.finding import Held, Kept, VisitAsked, kept_of, messages_of
from broker.services.matching_output import cause_of
from broker.services.people_reading import LOOK_AGAIN_S, NO_FEEDS, Marked, PeopleReader, Readers
from broker.services.rejected_desk import place_of


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
        look_again_s: float = LOOK_AGAIN_S,
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
        self._people = PeopleReader(archive, readers, policy=policy, key=key, look_again_s=look_again_s)

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
        return answer(checked, await self._people.feeds(marks, self._feeds, self._clock()))

    async def _without_number(self, kept: Sequence[Kept], grounds: Grounds) -> Answer:
        """Return that nobody knows whose a visit is, or who it may be; or that no message is held (21)."""
        if not kept:
            return could_not_check(Uncheckable.NOT_HELD)
        newest = kept[-1]
        await self._log.audit(ActionKind.ANSWERED, newest.visit, place_of(newest.record), grounds)
        value = (await self._people.read({newest.visit.encode()})).values.get(newest.visit.encode())
        search = None if value is None else self._readers.details.decode_state(value)
        met = isinstance(search, Search) and search.item(self._key) is not None
        return answer(Checked(number=False, possible_match=met), NO_FEEDS)

    async def _marks_past(self, provider: OdsCode, own: Sequence[Held]) -> list[Marked]:
        """Return the marks as soon as the provider's has passed the visit, or its time is over."""
        received_at = max(held.message.received_at for held in own)
        until = min(received_at, self._clock()) + MARK_WITHIN
        while True:
            marks = await self._people.marks()
            if _passed(marks, provider, own) is not None or self._clock() >= until:
                return marks
            await asyncio.sleep(self._look_again_s)

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
        read = await self._people.read({first.number.key})
        state = read.states.get(first.record.partition)
        if state is None or not self._has_taken(state, own):
            return Checked()
        value = read.values.get(first.number.key)
        if value is None:
            return await self._people.settled(self._alone(own), passed)
        found = await self._people.person(first.number, value, first.reference)
        person = found.person
        if isinstance(person, Inactive):
            return Checked(not_in_use=True)
        if person is None or found.reference not in person.known.visits:
            return Checked()  # kept apart as unprocessable, or on its way to the number that succeeded
        looked = look(person.number, person.known, found.reference, self._policy, self._key, user=user)
        former = {waiting_number_key(self._key, one) for one in found.passed}  # a record may wait for any
        return await self._people.settled(
            replace(looked, waiting_under=looked.waiting_under | former), passed
        )

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

    def _has_taken(self, value: bytes, own: Sequence[Held]) -> bool:
        """Return whether the matcher's record of a partition, read with the people, has passed these."""
        state = self._people.state(value)
        return state.offsets.get(Topic.ATTENDANCES, 0) > max(held.record.offset for held in own)


def _passed(marks: Iterable[Marked], provider: OdsCode, own: Sequence[Held]) -> datetime | None:
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
