"""
A matcher that dies at its n-th step on each of two batches, and its successor, on a partition of their own.

The first batch meets an empty partition: open, find no people, take all plans, then the attendances. The
second meets a state and attendances that wait: open, load the people, index, seek, poll, read again what
waited, fold, decide, look for the topics, begin, send, commit, close.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from pathlib import Path

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_partition import KafkaPartitionLog
from broker.adapters.sealing import KeyDirectory
from broker.core.facts import VisitEvent
from broker.core.policy import Policy
from broker.ports import INPUTS, Topic
from broker.runtime.parts import present
from broker.services.matching import Codecs, PartitionMatcher, Surroundings
from broker.services.matching_turns import Notice
from broker.wire.facts_codec import topic_of
from tests.builders.matcher import HURRIED, KEY, NOON, attendance, make_codecs, numbers, plan
from tests.fault.dying import Death, Life, Mortal, Steps
from tests.fault.fleet import send
from tests.fault.load import AUTHORITIES, PROVIDERS, Load, Sent

_PACE = replace(HURRIED, poll_wait_ms=200)  # looks that find nothing are all the same step
_SALT_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where matchers work, sharing the keys of a directory; `log` is what they work their partition with."""

    servers: str
    directory: Path
    log: type[KafkaPartitionLog] = KafkaPartitionLog

    @property
    def cluster(self) -> Cluster:
        """The Kafka."""
        return Cluster(self.servers)


def batches(partition: int) -> tuple[Sequence[Sent], Sequence[Sent]]:
    """
    Return the first and the second batch of a partition.

    Somebody with a plan and a visit, sent twice, then discharged; somebody whose plan comes after the visit;
    somebody without a plan, who comes twice.
    """
    planned, later, nobody = islice(numbers(), 3 * partition, 3 * partition + 3)
    authority = AUTHORITIES[partition % len(AUTHORITIES)]
    provider = PROVIDERS[partition % len(PROVIDERS)]
    visit = attendance(f"planned-{partition}", provider=provider)
    left = attendance(
        visit.visit, provider=provider, at=NOON + timedelta(minutes=90), event=VisitEvent.DISCHARGED
    )
    first = [
        Sent(planned, plan(authority=authority)),
        Sent(planned, visit),
        Sent(planned, visit),
        Sent(later, attendance(f"later-{partition}", provider=provider)),
        Sent(nobody, attendance(f"nobody-{partition}", provider=provider)),
    ]
    second = [
        Sent(later, plan(authority=authority)),
        Sent(planned, left),
        Sent(nobody, attendance(f"nobody-again-{partition}", provider=provider)),
    ]
    return first, second


def load(partitions: Iterable[int]) -> Load:
    """Return what all these partitions are given."""
    return Load([], [sent for number in partitions for batch in batches(number) for sent in batch])


def codecs_of(site: Site) -> Codecs:
    """Return codecs that seal with the site's keys."""
    return make_codecs(KeyDirectory(site.directory / "keys", present))


def play(site: Site, partition: int, death: Death) -> list[Life]:
    """Send each batch to this partition and let a matcher die on it, then its successor live."""
    ends: Counter[Topic] = Counter(dict.fromkeys(INPUTS, 0))
    lives = []
    for number, batch in enumerate(batches(partition), start=1):
        asyncio.run(send(site.cluster, codecs_of(site), batch, partition=partition))
        ends.update(Topic(topic_of(sent.fact)) for sent in batch)

        def live(steps: Steps, ends: Mapping[Topic, int] = ends) -> None:
            with asyncio.Runner() as runner:
                runner.get_loop().set_task_factory(steps.task_factory)
                steps.begin()
                runner.run(_work(site, partition, ends))

        lives.append(Mortal(live, death, site.directory, f"matcher-{partition}-{number}").life())
        if lives[-1].died:
            Mortal(live, Death(), site.directory, f"successor-{partition}-{number}").life()
    return lives


async def _work(site: Site, partition: int, ends: Mapping[Topic, int]) -> None:
    """Work the partition up to these ends, then stop in good order."""

    def heard(notice: Notice, _fields: Mapping[str, int | str]) -> None:
        """Stop the matcher once everything is taken."""
        taken = {topic: matcher.taken.get(topic, 0) for topic in ends}  # not what matchers send each other
        if notice in {Notice.WORKING, Notice.COMMITTED} and taken == ends:
            matcher.stop()

    matcher = PartitionMatcher(
        site.log(site.cluster, "crash-points", partition),
        codecs_of(site),
        policy=Policy(),
        key=KEY,
        new_salt=lambda: os.urandom(_SALT_BYTES),
        report=heard,
        surroundings=Surroundings(pace=_PACE),
    )
    await matcher.run()
