"""What pushes answers, over an in-memory Kafka, and an inbox of answers that a test looks into."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from broker.adapters.memory import MemoryKafka
from broker.core.feeds import FeedRule, count
from broker.core.identifiers import OdsCode
from broker.core.keyed import IdentityKey
from broker.core.policy import AnyPolicy, Policy
from broker.core.pushing import PushedAnswer
from broker.ports import Record, Topic
from broker.runtime.codecs import load_schemas
from broker.services.matching import Codecs
from broker.services.pushed_answers import Means, PushedAnswers
from broker.services.sources_followed import FollowedSources
from broker.services.visits_followed import VisitsFollowed
from broker.wire.answer_codec import AnswerCodec
from tests.builders.enquiry import Clock
from tests.builders.matcher import KEY, NOON, PROVIDER
from tests.builders.readers import readers_of

FEEDS = partial(count, rule=FeedRule(stale_after=timedelta(hours=48), gate=0.95))
"""Counts feeds of whom nothing is expected."""


class Inbox:
    """Keeps what is told; another process may have been before us."""

    def __init__(self, codec: AnswerCodec) -> None:
        """Hold nothing."""
        self.codec = codec
        self.words: list[PushedAnswer] = []

    def tell(self, answer: PushedAnswer, body: bytes) -> bool:
        """Keep a word, unless the visit has one that is as new."""
        if any(answer.revision <= one.revision for one in self.words if one.answer_id == answer.answer_id):
            return False
        self.words.append(self.codec.decode(body))
        return True

    def standing(self, provider: OdsCode) -> Sequence[bytes]:
        """Return the newest word about each visit of a provider."""
        own = [one for one in self.words if one.visit.provider == provider]
        return [self.codec.encode(one) for one in {one.answer_id: one for one in own}.values()]

    def word(self, answer_id: str) -> bytes | None:
        """Return the newest word about a visit."""
        own = [one for one in self.words if one.answer_id == answer_id]
        return self.codec.encode(own[-1]) if own else None

    def forget(self, answers: Collection[str]) -> None:
        """Keep nothing of some visits."""
        self.words = [one for one in self.words if one.answer_id not in answers]


@dataclass
class Pushing:
    """A process that pushes answers; `restart` is another one with the same inbox."""

    kafka: MemoryKafka
    codecs: Codecs
    policy: AnyPolicy = Policy()  # noqa: RUF009 - it is frozen
    key: IdentityKey = KEY
    providers: Iterable[OdsCode] = (PROVIDER,)
    now: datetime = NOON + timedelta(minutes=5)
    inbox: Inbox = field(init=False)
    told: list[PushedAnswer] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin."""
        self._codec = AnswerCodec(load_schemas(), self.codecs.alerts)
        self.inbox = Inbox(self._codec)
        self.restart()

    def restart(self) -> None:
        """Forget everything but what lies in the inbox."""
        codecs = self.codecs
        self.clock = Clock(self.now)
        self.sources = FollowedSources(codecs.records)
        self.visits = VisitsFollowed(frozenset(self.providers), codecs.facts, codecs.records)
        self.visits.now = self.now
        self._seen: dict[str, int] = {}
        self.answers = PushedAnswers(
            self.visits,
            self.sources,
            self.inbox,
            Means(
                readers=readers_of(codecs),
                codec=self._codec,
                policy=self.policy,
                key=self.key,
                clock=self.clock,
                feeds=FEEDS,
            ),
            told=self.told.append,
        )

    async def open(self) -> None:
        """Take in what was told before."""
        for provider in self.providers:
            await self.answers.open(self.inbox.standing(provider))

    async def round(self, *, after: timedelta = timedelta(), trouble: str = "") -> None:
        """Follow what is new, and go round once, so much later than the round before."""
        self.now = self.clock.now = self.now + after
        if not trouble:
            self.follow()
        await self.answers.round(trouble=trouble)

    def follow(self) -> None:
        """Take what is new in every topic, check marks before people."""
        for topic, take in (
            (Topic.ATTENDANCES, self.visits.take_attendance),
            (Topic.REJECTED, self.visits.take_rejected),
            (Topic.CHECKS, self.sources.take_mark),
            (Topic.DETAILS, self.sources.take_detail),
            (Topic.PEOPLE, self.sources.take_people),
        ):
            records: list[Record] = [*self.kafka.read(topic)]
            for record in records[self._seen.get(topic, 0) :]:
                take(record)
            self._seen[topic] = len(records)

    def lose(self) -> None:
        """Have every topic followed anew, as after a connection was lost."""
        for begin in (
            self.visits.begin_attendances,
            self.visits.begin_rejected,
            self.sources.begin_marks,
            self.sources.begin_details,
            self.sources.begin_people,
        ):
            begin()
        self._seen.clear()

    def said(self) -> list[str]:
        """Return what was told so far, in order, each as a table writes it."""
        return [say(one) for one in self.told]


def say(one: PushedAnswer) -> str:
    """Return a word as a table writes it."""
    if one.answer is None:
        return "disregard"
    reason = one.answer.reason
    return one.answer.finding.value if reason is None else f"{one.answer.finding}: {reason}"


def pushed_once(pushing: Pushing) -> list[PushedAnswer]:
    """Return what is told in a single round."""
    asyncio.run(pushing.round())
    return pushing.told
