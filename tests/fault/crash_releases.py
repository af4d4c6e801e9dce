"""
A matcher of newer rules that dies at its n-th step, and its successor, on a partition of their own.

An older one has told of two people; of a third, whose plan only the newer rules let be seen, it told nobody.
"""

import asyncio
import os
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import islice

from broker.core.alerts import AlertEvent, Change, Why
from broker.core.facts import VisitEvent
from broker.core.identifiers import NhsNumber
from broker.core.policy import RULES_VERSION, Policy
from broker.core.policy_keys import Selector
from broker.ports import Topic
from broker.services.matching import PartitionMatcher, Surroundings
from broker.services.matching_sweep import Purpose
from broker.services.matching_turns import Notice
from broker.wire.facts_codec import topic_of
from tests.builders.matcher import HURRIED, KEY, NOON, attendance, numbers, plan
from tests.fault.checker import partition_states, read_topics
from tests.fault.crash_matcher import Site, codecs_of
from tests.fault.dying import Death, Life, Mortal, Steps
from tests.fault.fleet import send
from tests.fault.load import AUTHORITIES, PROVIDERS, Sent

NEWER = Policy(
    visible_after_end=timedelta(days=400),
    overrides={Selector(provider=provider): {"name": "Named"} for provider in PROVIDERS},
)
_PACE = replace(HURRIED, poll_wait_ms=200, turn_s=0.001)
_SALT_BYTES = 32
_PEOPLE = 3
_TOLD = 2
ALERTS = 2 * _TOLD
"""To the authority and to the provider of each of those who are told."""


def people(partition: int) -> list[NhsNumber]:
    """Return who is told, the first two, and who is not."""
    return list(islice(numbers(), _PEOPLE * partition, _PEOPLE * (partition + 1)))


def facts_of(partition: int) -> list[Sent]:
    """Return what an older matcher takes: a plan, a visit and its end for each person; then time passes."""
    authority = AUTHORITIES[partition % len(AUTHORITIES)]
    provider = PROVIDERS[partition % len(PROVIDERS)]
    sent = []
    for place, number in enumerate(people(partition)):
        known = plan(authority=authority, recorded_at=NOON - timedelta(days=400))
        if place >= _TOLD:
            start, end = (NOON.date() - timedelta(days=days) for days in (500, 380))
            known = replace(known, content=replace(known.content, start=start, end=end))
        visit = attendance(f"{partition}-{place}", provider=provider)
        left = attendance(
            visit.visit, provider=provider, at=NOON + timedelta(hours=1), event=VisitEvent.DISCHARGED
        )
        sent += [Sent(number, known), Sent(number, visit), Sent(number, left)]
    long_ago, later = NOON - timedelta(days=400), NOON + timedelta(days=2)
    again = plan(authority=authority, recorded_at=long_ago, received_at=later)
    return [*sent, Sent(people(partition)[0], again)]


def play(site: Site, partition: int, death: Death) -> list[Life]:
    """Let an older matcher work, a newer one die at what it left, and the successor of that one live."""
    sent = facts_of(partition)
    asyncio.run(send(site.cluster, codecs_of(site), sent, partition=partition))
    ends = Counter(Topic(topic_of(one.fact)) for one in sent)

    def live(policy: Policy, version: int, end: Death, name: str) -> Life:
        """Let one matcher live."""
        state = asyncio.run(partition_states(site.cluster, codecs_of(site))).get(partition)
        decided = state is None or state.rules_version == version

        def work(steps: Steps) -> None:
            """Be the process."""
            with asyncio.Runner() as runner:
                runner.get_loop().set_task_factory(steps.task_factory)
                steps.begin()
                heard = _Heard(ends, decided=decided)
                runner.run(_work(site, partition, policy, version, heard))

        return Mortal(work, end, site.directory, f"{name}-{partition}").life()

    live(Policy(), RULES_VERSION, Death(), "older")
    first = live(NEWER, RULES_VERSION + 1, death, "newer")
    live(NEWER, RULES_VERSION + 1, Death(), "successor")
    return [first]


class _Heard:
    """Stops a matcher once everything is taken and, by newer rules, everybody was decided anew."""

    def __init__(self, ends: Mapping[Topic, int], *, decided: bool) -> None:
        """Begin; `decided` by these rules already."""
        self.matcher: PartitionMatcher | None = None
        self._ends = ends
        self._decided = decided

    def __call__(self, notice: Notice, fields: Mapping[str, int | str]) -> None:
        """Hear what the matcher reports."""
        assert self.matcher is not None
        self._decided = self._decided or fields.get("reason") == Purpose.REDECIDE
        taken = all(self.matcher.taken.get(topic, 0) >= end for topic, end in self._ends.items())
        if self._decided and taken and notice in {Notice.WORKING, Notice.COMMITTED}:
            self.matcher.stop()


async def _work(site: Site, partition: int, policy: Policy, version: int, heard: _Heard) -> None:
    """Work the partition until there is nothing left to do."""
    heard.matcher = PartitionMatcher(
        site.log(site.cluster, "crash-releases", partition),
        codecs_of(site),
        policy=policy,
        key=KEY,
        new_salt=lambda: os.urandom(_SALT_BYTES),
        report=heard,
        surroundings=Surroundings(pace=_PACE),
        rules_version=version,
    )
    await heard.matcher.run()


async def check(site: Site, partitions: Collection[int]) -> int:
    """
    Assert that newer rules told each alert of those who were told once, and nobody anything of the third.

    Returns the number of alert events.
    """
    codecs = codecs_of(site)
    found = await read_topics(site.cluster, [Topic.ALERTS, Topic.AUDIT])
    said = [codecs.alerts.decode_event(record.value or b"") for record in found[Topic.ALERTS]]
    threads: dict[NhsNumber, dict[str, list[AlertEvent]]] = defaultdict(lambda: defaultdict(list))
    for event in said:
        threads[event.subject][event.alert.alert_id].append(event)
    states = await partition_states(site.cluster, codecs)
    for partition in partitions:
        *told, untold = people(partition)
        assert untold not in threads
        assert states[partition].policy_version == NEWER.version
        for number in told:
            for events in threads[number].values():
                by_revision = sorted(events, key=lambda event: event.revision)
                assert list(range(1, len(events) + 1)) == [event.revision for event in by_revision]
                assert [Change.RULES in event.changes for event in by_revision].count(True) == 1
                assert Change.RULES in by_revision[-1].changes
    entries = [codecs.records.decode_audit(record.value or b"") for record in found[Topic.AUDIT]]
    assert sum(entry.why is Why.NEWER_RULES for entry in entries) == len(partitions)
    return len(said)
