"""One matcher on a genuine Kafka for all specifications of a run, in a thread with a loop of its own."""

import asyncio
import re
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_archive import KafkaArchive
from broker.adapters.kafka_facts import KafkaFactLog
from broker.adapters.kafka_partition import KafkaPartitionLog
from broker.adapters.kafka_topics import apply_topics, load_topics
from broker.adapters.topic_declarations import Topics
from broker.core.answers import Answer
from broker.core.looking import Look
from broker.core.policy import AnyPolicy
from broker.ports import PARTITION_STATE_KEY, POLLED, Record, Topic
from broker.runtime.kafka import embedded_kafka
from broker.runtime.resources import topics_file
from broker.services.finding import VisitAsked
from tests.builders.matcher import Reported, make_codecs
from tests.spec.answering import GROUNDS, Behind, Sent, enquiry, owned
from tests.spec.looked import Request, looked, looking
from tests.spec.matchers import (
    DEADLINE_S,
    PARTITION,
    WRITTEN,
    has_taken,
    last_offset,
    make_matcher,
    outcome_of,
    portions,
    writes_of,
)
from tests.spec.outcome import Outcome
from tests.spec.settled import AUTHORITIES, POLICY, PROVIDERS

VALUE = TypeVar("VALUE")
READ_MS = 20  # between two looks at what was committed
APPEND_MS = 10_000


class GenuineKafka:
    """A matcher at work; `run` gives it one person's facts and returns what came of them."""

    def __init__(self, cluster: Cluster, policy: AnyPolicy) -> None:
        """Work on the cluster, by one policy."""
        self._policy = policy
        self._codecs = make_codecs()
        self._cluster = cluster
        self._facts = KafkaFactLog(cluster, deadline_ms=APPEND_MS)
        log = KafkaPartitionLog(cluster, "specs", PARTITION)
        self._report = Reported()
        self._matcher = make_matcher(log, self._codecs, policy, self._report)
        self._found: dict[str, list[Record]] = {topic: [] for topic in (Topic.PEOPLE, *POLLED, *WRITTEN)}
        self._ends = {topic.value: last_offset([]) + 1 for topic in POLLED}
        self._newest: list[Record] = []  # the `#p` read last: to look for it in all takes ever longer

    async def open(self) -> None:
        """Start matcher and reader."""
        await self._facts.start()
        self._reader: Any = AIOKafkaConsumer(
            **self._cluster.connection(), isolation_level="read_committed", auto_offset_reset="earliest"
        )
        await self._reader.start()
        self._everything: Any = AIOKafkaConsumer(**self._cluster.connection())
        await self._everything.start()
        self._places = [
            TopicPartition(topic, partition)
            for topic in self._found
            for partition in await self._reader._client._wait_on_metadata(topic)
        ]
        self._reader.assign(self._places)
        self._working = asyncio.ensure_future(self._matcher.run())

    async def close(self) -> None:
        """Stop matcher, reader and writer."""
        self._matcher.stop()
        await self._working
        await self._reader.stop()
        await self._everything.stop()
        await self._facts.close()

    async def run(
        self,
        sent: Sent,
        *,
        stepwise: bool,
        ask: Callable[[Sent, VisitAsked], Answer],
        look: Callable[[Sent, Request], Look],
    ) -> Outcome:
        """Write facts, wait until they were taken, read what was committed; the last two ask later."""
        before = {topic: len(records) for topic, records in self._found.items()}
        reported = len(self._report.notices)
        for portion in portions(writes_of(self._codecs, sent, self._policy), stepwise=stepwise):
            await self._facts.append(portion)
            async with asyncio.timeout(DEADLINE_S):
                await self._read_until_taken()
        new = {topic: records[before[topic] :] for topic, records in self._found.items()}
        notices = self._report.notices[reported:]
        return outcome_of(self._codecs, sent, new, notices, partial(ask, sent), partial(look, sent))

    async def ask(self, sent: Sent, asked: VisitAsked) -> Answer:
        """Ask about a visit of a person whose facts were sent."""
        archive = KafkaArchive(self._cluster)
        await archive.start()
        try:
            behind = isinstance(asked, Behind)
            asking = enquiry(archive, self._facts, self._codecs, sent, self._policy, behind=behind)
            return await asking.ask(owned(asked, sent), GROUNDS)
        finally:
            await archive.close()

    async def look(self, sent: Sent, asked: Request) -> Look:
        """Look the person up whose facts were sent."""
        archive = KafkaArchive(self._cluster)
        await archive.start()
        try:
            service = looking(archive, self._facts, self._codecs, self._policy, asked.at)
            return await looked(service, sent, asked)
        finally:
            await archive.close()

    async def _read_until_taken(self) -> None:
        """
        Take what is committed until every input was taken, with what moved meanwhile.

        A look may find the `#p` of a transaction and not yet its alerts, or what it moved: partitions come
        one by one. So the `#p` that says so must be older than a look at everything.
        """
        seen: Record | None = None
        while True:
            await self._read_to_the_end()
            newest = self._newest_taken()
            if newest is not None and newest is seen:
                return
            seen = newest
            if seen is None:
                await self._read()

    def _newest_taken(self) -> Record | None:
        """Return the newest `#p`, None unless it says that every input found so far was taken."""
        return self._newest[0] if has_taken(self._codecs, self._newest, self._ends) else None

    async def _read(self) -> None:
        """Take what was committed since the last look."""
        for place, records in (await self._reader.getmany(timeout_ms=READ_MS)).items():
            self._found[place.topic] += records
            if place.topic in self._ends:
                self._ends[place.topic] = max(self._ends[place.topic], last_offset(records) + 1)
            if place.topic == Topic.PEOPLE:
                states = [record for record in records if record.key == PARTITION_STATE_KEY]
                self._newest = states[-1:] or self._newest

    async def _read_to_the_end(self) -> None:
        """Take everything that was written by now, once it is committed."""
        ends = await self._everything.end_offsets(self._places)
        while any([await self._reader.position(place) < ends[place] for place in self._places]):
            await self._read()


class GenuineRuntime:
    """A `GenuineKafka` as a runtime: called from the test's thread, working in its own."""

    def __init__(self, cluster: Cluster, policy: AnyPolicy) -> None:
        """Start nothing yet."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="specs-on-kafka")
        self._kafka = GenuineKafka(cluster, policy)
        self.policy = policy

    def __call__(self, sent: Sent, policy: AnyPolicy, *, stepwise: bool = False) -> Outcome:
        """Run one specification; all of a run share one policy."""
        assert policy == self.policy
        return self._await(self._kafka.run(sent, stepwise=stepwise, ask=self._ask, look=self._look))

    def _ask(self, sent: Sent, asked: VisitAsked) -> Answer:
        """Ask about a visit of one specification."""
        return self._await(self._kafka.ask(sent, asked))

    def _look(self, sent: Sent, asked: Request) -> Look:
        """Look the person of one specification up."""
        return self._await(self._kafka.look(sent, asked))

    @contextmanager
    def working(self) -> Iterator["GenuineRuntime"]:
        """Work until the block is left, then give everything back."""
        self._thread.start()
        try:
            self._await(self._kafka.open())
            try:
                yield self
            finally:
                self._await(self._kafka.close())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _await(self, work: Coroutine[Any, Any, VALUE]) -> VALUE:
        """Have something done in the loop's thread and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(2 * DEADLINE_S)


def declared(*, partitions: int) -> Topics:
    """Return the declared topics with those of every recipient, of which one partition each is enough."""
    text = topics_file().read_text("utf-8")
    text = re.sub(r"(?m)^local_authorities = .*$", f"local_authorities = {list(AUTHORITIES)}", text)
    text = re.sub(r"(?m)^providers = .*$", f"providers = {list(PROVIDERS)}", text)
    text = re.sub(r"(?m)^partitions = \d+$", "partitions = 1", text)
    return load_topics(text.replace("partitions = 1", f"partitions = {partitions}", 1))  # of the inputs


@contextmanager
def genuine_runtime() -> Iterator[GenuineRuntime]:
    """Run a genuine Kafka with the topics of every recipient of the specifications, and a matcher at work."""
    with embedded_kafka() as broker:
        topics = declared(partitions=1)  # keys of details and of visits come to the one matcher too
        asyncio.run(apply_topics(broker.cluster, topics))
        with GenuineRuntime(broker.cluster, POLICY).working() as runtime:
            yield runtime
