"""
Puts the answer for every unscheduled visit on the queue to the provider that asks for them. Ruling 41.

A visit is answered once its check mark has passed it, or its minute is over, and again while it is kept up
and something that its answer hangs on has changed. What was told lies in the inbox alone, so a process that
dies tells nothing twice and forgets nothing. Nobody opens a record here: the decision on what is shared with
the provider is the matcher's, and in the audit trail from there.

What is held is bounded by the visits of the providers that ask: each whole for 72 hours after its newest
message, then some 280 bytes until the horizon has passed, by which its word is found and destroyed. Of a
hospital with 300 visits a day that is 2 MB; of a nation's 68,000, in one process, 0.4 GB.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from broker.core.answers import (
    ALL_STAFF,
    Answer,
    Checked,
    Feeds,
    Uncheckable,
    answer,
    could_not_check,
)
from broker.core.desk_errors import NoAnswerHere
from broker.core.errors import MalformedMessage
from broker.core.identifiers import OdsCode, aware
from broker.core.keyed import IdentityKey
from broker.core.policy import AnyPolicy
from broker.core.possible import Search
from broker.core.pushing import (
    KEPT_UP_FOR,
    PushedAnswer,
    PushedVisit,
    answer_id_of,
    asked_at,
    is_due,
    word,
)
from broker.delivery_ports import AnswerInbox
from broker.ports import Clock
from broker.services.answering import Answering, passed_at
from broker.services.feed_health import heard_by
from broker.services.matching_output import cause_of
from broker.services.people_reading import NO_FEEDS, PeopleReader, Readers
from broker.services.sources_followed import FollowedSources
from broker.services.visits_followed import FollowedVisit, VisitsFollowed
from broker.wire.answer_codec import AnswerCodec

_AGAIN_AFTER = timedelta(seconds=5)
"""A visit that the broker is behind with is looked at again so often."""


CountFeeds = Callable[[Mapping[OdsCode, datetime], datetime], Feeds]
"""Counts feeds at a moment (aware), by when a check mark was last written of each authority's plans."""


@dataclass(frozen=True, kw_only=True)
class Means:
    """What answers are made with."""

    readers: Readers
    codec: AnswerCodec
    policy: AnyPolicy
    key: IdentityKey
    clock: Clock
    feeds: CountFeeds


class _Past(NamedTuple):
    """A word about a visit that is kept up no more: its newest receipt, aware UTC, and its number's key."""

    received_at: datetime
    key: bytes | None


class PushedAnswers:
    """
    Tells what is due at each `round`, once everything was followed to its end.

    `told` is called with each word that was put on the queue.
    """

    def __init__(
        self,
        visits: VisitsFollowed,
        sources: FollowedSources,
        inbox: AnswerInbox,
        means: Means,
        *,
        told: Callable[[PushedAnswer], None],
    ) -> None:
        """Begin with nothing told; `open` takes in what was."""
        self._visits = visits
        self._sources = sources
        self._inbox = inbox
        self._means = means
        self._report = told
        people = PeopleReader(sources, means.readers, policy=means.policy, key=means.key, looks=1)
        self._answering = Answering(people, means.readers, policy=means.policy, key=means.key)
        self._feeds: Feeds | None = None
        self._words: dict[str, PushedAnswer] = {}  # of visits that are kept up
        self._past: dict[str, _Past] = {}
        self._settled: dict[str, datetime] = {}  # by reference, the newest receipt that was answered
        self._due: dict[str, datetime] = {}  # by reference, not to be looked at before
        self._watched: dict[str, frozenset[bytes]] = {}
        self._watchers: dict[bytes, set[str]] = {}

    async def open(self, bodies: Iterable[bytes]) -> None:
        """Take in what was told before, by whomever; raise `MalformedMessage` for what is none of ours."""
        for body in bodies:
            one = self._means.codec.decode(body)
            self._words[one.answer_id] = one
            if one.visit.received_at + KEPT_UP_FOR < self._visits.now:
                self._put_by(one.answer_id)

    async def round(self, *, trouble: str = "") -> None:
        """
        Tell whatever is to be told now; raise `StorageUnusable`, and what was not told is told next time.

        `trouble`: the code of the error that keeps the topics from being followed. Then only a visit whose
        minute is over is answered, that it could not be checked.
        """
        self._feeds = None
        now = self._visits.now = aware(self._means.clock())
        await self._forget(now)
        changed = self._sources.changed()
        await self._forget_numbers(changed)
        for reference in self._visits.heard() | self._touched(changed):
            self._due[reference] = now
        for reference, since in list(self._due.items()):
            visit = self._visits.get(reference)
            if visit is None:
                self._let_go(reference)
            elif since <= now:
                await self._consider(visit, now, trouble)
            await asyncio.sleep(0)

    def _touched(self, changed: frozenset[bytes]) -> set[str]:
        """Return the visits whose answers hang on something that has changed."""
        return {name for key in changed & self._watchers.keys() for name in self._watchers[key]}

    async def _consider(self, visit: FollowedVisit, now: datetime, trouble: str) -> None:
        """Tell of one visit what is due, if anything is."""
        self._sources.looked_at()
        try:
            found = await self._found(visit, now, trouble)
        except NoAnswerHere:  # scheduled, at a sensitive place, not shared with: nobody hears of it
            self._watch(visit.reference)
            del self._due[visit.reference]
            return
        if found is None:
            return
        answered, about = found
        before = await self._before(answer_id_of(self._means.key, visit.reference))
        said = word(about, answered, before, at=now, key=self._means.key)
        if said is not None and not await self._told(said):
            return  # another process was before us: what it said is known now, and looked at next time
        self._watch(visit.reference)
        if answered is not None and answered.reason is Uncheckable.BROKER_BEHIND:
            self._due[visit.reference] = now + _AGAIN_AFTER
        else:
            self._settled[visit.reference] = visit.received_at
            del self._due[visit.reference]

    async def _before(self, answer_id: str) -> PushedAnswer | None:
        """Return what was told last of a visit, from the inbox where it is long ago."""
        if answer_id in self._past:
            body = await asyncio.to_thread(self._inbox.word, answer_id)
            self._words |= {} if body is None else {answer_id: self._means.codec.decode(body)}
            del self._past[answer_id]
        return self._words.get(answer_id)

    async def _found(
        self, visit: FollowedVisit, now: datetime, trouble: str
    ) -> tuple[Answer | None, PushedVisit] | None:
        """
        Return the answer, None where it is to be disregarded, and its visit; None while it has to wait.

        Raises `NoAnswerHere`. Whatever else goes wrong is that it could not be checked.
        """
        marks = self._sources.marks()
        passed = None if trouble or not visit.own else passed_at(marks, visit.provider, visit.own)
        if visit.own and not is_due(passed=passed is not None, asked_at=self._asked_at(visit), now=now):
            return None
        if trouble:
            return could_not_check(Uncheckable.BROKER_BEHIND, cause=trouble), visit.pushed()
        try:
            if not visit.own:
                return await self._unnumbered(visit), visit.pushed()
            if visit.has_left:
                in_use = not await self._answering.is_inactive(visit.own[0].number)
                return None, visit.pushed(named=in_use)
            checked, arrived_at = await self._answering.look(visit.own, ALL_STAFF, passed=passed)
            return answer(checked, self._feeds_now(now)), visit.pushed(arrived_at)
        except NoAnswerHere:
            raise
        except Exception as error:  # noqa: BLE001 - no error may be taken for `no plan on file`
            return could_not_check(Uncheckable.BROKER_BEHIND, cause=cause_of(error)), visit.pushed()

    def _asked_at(self, visit: FollowedVisit) -> datetime:
        """
        Return when the question was asked that is open about a visit with a number.

        After a restart it is not known which messages an earlier word answered: then it is the newest.
        """
        settled_at = self._settled.get(visit.reference)
        if settled_at is None and answer_id_of(self._means.key, visit.reference) in self._words:
            return visit.received_at
        return asked_at((held.message.received_at for held in visit.own), settled_at)

    def _feeds_now(self, now: datetime) -> Feeds:
        """Return how many feeds are known and stale: the same for a whole round."""
        if self._feeds is None:
            self._feeds = self._means.feeds(heard_by(one.mark for one in self._sources.marks()), now)
        return self._feeds

    async def _unnumbered(self, visit: FollowedVisit) -> Answer | None:
        """Return the answer for a visit without a usable number, None once it has one (ruling 21)."""
        key = visit.reference.encode()
        value = (await self._sources.people({key})).values.get(key)
        search = None if value is None else self._means.readers.details.decode_state(value)
        if isinstance(search, Search) and search.numbered:
            return None
        checked: Checked = await self._answering.unnumbered(visit.reference)
        return answer(checked, NO_FEEDS)

    async def _told(self, said: PushedAnswer) -> bool:
        """Put a word on the queue; return False where the visit has a newer one, having taken that in."""
        if await asyncio.to_thread(self._inbox.tell, said, self._means.codec.encode(said)):
            self._words[said.answer_id] = said
            self._report(said)
            return True
        body = await asyncio.to_thread(self._inbox.word, said.answer_id)
        await self.open([] if body is None else [body])
        return False

    def _watch(self, reference: str) -> None:
        """Watch what an answer was looked up under, in place of what was watched before."""
        self._unwatch(reference)
        self._watched[reference] = keys = self._sources.looked_at()
        for key in keys:
            self._watchers.setdefault(key, set()).add(reference)

    def _unwatch(self, reference: str) -> None:
        """Watch nothing for a visit any more."""
        for key in self._watched.pop(reference, frozenset()):
            watchers = self._watchers[key]
            watchers.discard(reference)
            if not watchers:
                del self._watchers[key]

    def _let_go(self, reference: str) -> None:
        """Look at a visit no more."""
        self._due.pop(reference, None)
        self._settled.pop(reference, None)
        self._unwatch(reference)
        self._put_by(answer_id_of(self._means.key, reference))

    def _put_by(self, answer_id: str) -> None:
        """Hold of a word no more than is needed to destroy it in time."""
        one = self._words.pop(answer_id, None)
        if one is not None:
            number = one.visit.number
            self._past[answer_id] = _Past(one.visit.received_at, None if number is None else number.key)

    async def _forget(self, now: datetime) -> None:
        """Look no more at visits that are over, and destroy what was told before the horizon."""
        for reference in self._visits.forget():
            self._let_go(reference)
        before = now - self._means.policy.horizon
        await self._destroy([name for name, one in self._past.items() if one.received_at < before])

    async def _forget_numbers(self, changed: frozenset[bytes]) -> None:
        """
        Destroy what was told of visits under numbers that are not in use any more (ruling 23).

        Of one whose answer is kept up a word without the number takes the place of those before.
        """
        gone = {key for key in changed if self._is_inactive(key)}
        if gone:
            await self._destroy([name for name, one in self._past.items() if one.key in gone])

    def _is_inactive(self, key: bytes) -> bool:
        """Whether what lies under a key now is of a number that is not in use."""
        value = self._sources.value(key)
        with suppress(MalformedMessage):
            return value is not None and self._means.readers.states.is_inactive(value)
        return False

    async def _destroy(self, answers: Collection[str]) -> None:
        """Let nothing be left of the words about some visits."""
        if answers:
            await asyncio.to_thread(self._inbox.forget, answers)
            for name in answers:
                del self._past[name]
