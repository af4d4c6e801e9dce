"""
The part of the outbox that pushes answers to the providers that ask for them (ruling 41).

Where none does, nothing is followed. Otherwise five topics are, each to its end before a visit is looked at,
check marks before people: that makes `no plan on file` safe.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_table import KafkaTable
from broker.adapters.projection import Projection
from broker.core.errors import BrokerError
from broker.core.identifiers import OdsCode
from broker.core.pushing import PushedAnswer, answers_of
from broker.ports import Topic
from broker.runtime import answer_events as events
from broker.runtime.answer_metrics import ANSWERS_PUSHED, DISREGARDED
from broker.runtime.logs import Log
from broker.runtime.metrics import Metrics
from broker.runtime.parts import Parts, present
from broker.services.matching_output import cause_of
from broker.services.pushed_answers import CountFeeds, Means, PushedAnswers
from broker.services.sources_followed import FollowedSources
from broker.services.visits_followed import VisitsFollowed

_EVERY_S = 1.0


class AnswerPusher:
    """Pushes the answers of these providers from `start` to `stop`; `wake` is told whose inbox has more."""

    def __init__(
        self,
        providers: frozenset[OdsCode],
        parts: Parts,
        cluster: Cluster,
        feeds: CountFeeds,
        metrics: Metrics,
        wake: Callable[[str], None],
    ) -> None:
        self._providers = providers
        self._parts = parts
        self._feeds = feeds
        self._metrics = metrics
        self._wake = wake
        self._log = Log("outbox")
        self._stopping = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._sources = sources = FollowedSources(parts.records)
        self._visits = visits = VisitsFollowed(providers, parts.facts, parts.records)
        self._tables = [
            KafkaTable(cluster, topic.value, begin=begin, take=take)
            for topic, begin, take in (
                (Topic.ATTENDANCES, visits.begin_attendances, visits.take_attendance),
                (Topic.REJECTED, visits.begin_rejected, visits.take_rejected),
                (Topic.CHECKS, sources.begin_marks, sources.take_mark),
                (Topic.DETAILS, sources.begin_details, sources.take_detail),
                (Topic.PEOPLE, sources.begin_people, sources.take_people),
            )
        ]

    def start(self, inbox: Projection) -> None:
        """Begin, where any provider asks."""
        if self._providers:
            self._running = asyncio.create_task(self._run(inbox))

    async def stop(self) -> None:
        """Finish the round in hand and close every connection."""
        self._stopping.set()
        if self._running is not None:
            await self._running
        for table in self._tables:
            await table.close()

    async def _run(self, inbox: Projection) -> None:
        """Go round until stopped, whatever fails: what is due is told next time, and nothing twice."""
        answers: PushedAnswers | None = None
        failing = ""
        while not self._stopping.is_set():
            try:
                answers = answers or await self._opened(inbox)
                error = await self._followed()
                await answers.round(trouble=cause_of(error) if error else "")
            except Exception as trouble:  # noqa: BLE001 - the database, or what lies in it: it is tried again
                error = trouble
            if error is not None and failing != cause_of(error):
                self._log.write(events.AnswersNotPushed(error=error))
            failing = cause_of(error) if error else ""
            with suppress(TimeoutError):
                async with asyncio.timeout(_EVERY_S):
                    await self._stopping.wait()

    async def _opened(self, inbox: Projection) -> PushedAnswers:
        """Return what pushes, with what was told before; raise `StorageUnusable`, `MalformedMessage`."""
        parts = self._parts
        answers = PushedAnswers(
            self._visits,
            self._sources,
            inbox,
            Means(
                readers=parts.readers,
                codec=parts.answers,
                policy=parts.policy,
                key=parts.key,
                clock=present,
                feeds=self._feeds,
            ),
            told=self._told,
        )
        self._visits.now = present()
        for provider in sorted(self._providers):
            await answers.open(await asyncio.to_thread(inbox.standing, provider))
        return answers

    async def _followed(self) -> Exception | None:
        """Follow every topic to its end; return what keeps us from it."""
        try:
            for table in self._tables:
                await table.catch_up()
        except BrokerError as error:
            return error
        return None

    def _told(self, said: PushedAnswer) -> None:
        """Count a word that was put on the queue, and have it delivered."""
        finding = DISREGARDED if said.answer is None else said.answer.finding.value
        self._metrics.add(ANSWERS_PUSHED, finding=finding)
        self._wake(answers_of(said.visit.provider))
