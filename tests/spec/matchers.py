"""
Specifications run by a matcher: facts go in as intake writes them, out comes what a reader finds.

Everybody is on partition 0. The salt is known, so that an audit entry can be told from its commitment.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from broker.adapters.memory import MemoryKafka, MemoryPartitionLog
from broker.core.alerts import AlertEvent, DecisionEntry, ItemKind, WorklistItem
from broker.core.audit import commit_to
from broker.core.facts import Fact, VisitMessage
from broker.core.identifiers import NhsNumber
from broker.core.policy import AnyPolicy
from broker.ports import INPUTS, PARTITION_STATE_KEY, PartitionLog, Record, Topic, Write
from broker.services.matching import Codecs, PartitionMatcher, Surroundings
from tests.builders.matcher import HURRIED, SALT, Reported, fact_write, make_codecs, until
from tests.spec.outcome import Outcome
from tests.spec.settled import AUTHORITIES, KEY, PROVIDERS

PARTITION = 0
DEADLINE_S = 30.0
RECIPIENT_TOPICS = (
    *(f"{Topic.ALERTS}.la.{code}" for code in AUTHORITIES),
    *(f"{Topic.ALERTS}.provider.{code}" for code in PROVIDERS),
)
WRITTEN = (Topic.ALERTS, Topic.WORKLIST, Topic.AUDIT, *RECIPIENT_TOPICS)
"""Where what follows from facts is found."""

Sent = Sequence[tuple[NhsNumber, Fact]]
Found = Mapping[str, Sequence[Record]]


def make_matcher(log: PartitionLog, codecs: Codecs, policy: AnyPolicy) -> PartitionMatcher:
    """Return a matcher that hurries and knows its salt."""
    return PartitionMatcher(
        log,
        codecs,
        policy=policy,
        key=KEY,
        new_salt=lambda: SALT,
        report=Reported(),
        surroundings=Surroundings(pace=HURRIED),
    )


def writes_of(codecs: Codecs, sent: Sent) -> list[Write]:
    """Return facts as intake writes them."""
    return [fact_write(codecs.facts, fact, number, PARTITION) for number, fact in sent]


def has_taken(codecs: Codecs, people: Sequence[Record], ends: Mapping[str, int]) -> bool:
    """Return whether the newest `#p` among the records of `cpis.people` says that the inputs were taken."""
    values = [record.value for record in people if record.key == PARTITION_STATE_KEY]
    if not values:
        return False
    offsets = codecs.states.decode_partition(values[-1] or b"").offsets
    return all(offsets.get(topic, 0) >= end for topic, end in ends.items())


def outcome_of(codecs: Codecs, sent: Sent, found: Found) -> Outcome:
    """Return what was written about the one person of these facts."""
    number = sent[0][0]
    return Outcome(
        events=tuple(_events(codecs, number, found)),
        items=tuple(_items(codecs, sent, found[Topic.WORKLIST])),
        decisions=_decisions(codecs, sent, found[Topic.AUDIT]),
    )


def _events(codecs: Codecs, number: NhsNumber, found: Found) -> list[AlertEvent]:
    """Return the person's events, with what only the recipient's own topic holds."""
    own = {
        event.event_id: event.alert
        for topic in RECIPIENT_TOPICS
        for event in (codecs.alerts.decode_event(record.value or b"") for record in found[topic])
    }
    every = [codecs.alerts.decode_event(record.value or b"") for record in found[Topic.ALERTS]]
    return [replace(event, alert=own[event.event_id]) for event in every if event.subject == number]


def _items(codecs: Codecs, sent: Sent, records: Sequence[Record]) -> list[WorklistItem]:
    """Return the open items about the person's visits."""
    newest = {record.key: record.value for record in records}
    items = {
        KEY.derive("item", kind, fact.visit, number.key).encode()
        for number, fact in sent
        if isinstance(fact, VisitMessage)
        for kind in ItemKind
    }
    return [codecs.records.decode_item(value) for key, value in newest.items() if value and key in items]


def _decisions(codecs: Codecs, sent: Sent, records: Sequence[Record]) -> dict[str, DecisionEntry]:
    """Return the newest audited decision about each of the person's visits and views."""
    subjects = {
        commit_to(SALT, number, subject): subject
        for number, fact in sent
        for subject in (getattr(fact, "visit", None), getattr(fact, "access_id", None))
        if subject is not None
    }
    entries = [codecs.records.decode_audit(record.value or b"") for record in records]
    return {
        subjects[entry.commitment]: DecisionEntry(
            subject_reference=subjects[entry.commitment],
            occasion=entry.occasion,
            why=entry.why,
            recipients=entry.recipients,
            fields=entry.fields,
            policy_version=entry.policy_version,
        )
        for entry in entries
        if entry.commitment in subjects
    }


def run_twin(sent: Sent, policy: AnyPolicy) -> Outcome:
    """Let a matcher of its own work on an in-memory Kafka of its own."""
    codecs = make_codecs()
    kafka = MemoryKafka((*Topic, *RECIPIENT_TOPICS), partitions=1)
    kafka.append(writes_of(codecs, sent))
    ends = {topic.value: kafka.end(topic, PARTITION) for topic in INPUTS}
    matcher = make_matcher(MemoryPartitionLog(kafka, "specs", PARTITION), codecs, policy)

    async def work() -> None:
        """Work through what was written."""
        working = asyncio.ensure_future(matcher.run())
        await until(lambda: has_taken(codecs, kafka.read(Topic.PEOPLE), ends), DEADLINE_S)
        matcher.stop()
        await working

    asyncio.run(work())
    return outcome_of(codecs, sent, {topic: kafka.read(topic) for topic in WRITTEN})
