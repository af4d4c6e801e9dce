"""
Specifications run by a matcher: facts go in as intake writes them, out comes what a reader finds.

Everybody is on partition 0. The salt is known, so that an audit entry can be told from its commitment.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from broker.adapters.memory import MemoryFactLog, MemoryKafka, MemoryPartitionLog
from broker.adapters.memory_archive import MemoryArchive
from broker.core.alerts import AlertEvent
from broker.core.answers import Answer
from broker.core.audit import DecisionEntry, commit_to
from broker.core.facts import Access, Birth, IdentityNotice, PlanFact, VisitMessage
from broker.core.identifiers import NhsNumber
from broker.core.keyed import moved_reference
from broker.core.looking import Look
from broker.core.newborn_asked import birth_reference
from broker.core.outcome_asked import outcome_reference
from broker.core.policy import RULES_VERSION, AnyPolicy
from broker.core.possible import possible_match_id, tells
from broker.core.waiting import Unread
from broker.core.worklist import ItemKind, WorklistItem
from broker.ports import PARTITION_STATE_KEY, POLLED, PartitionLog, Record, Topic, Write
from broker.services.finding import VisitAsked
from broker.services.matching import Codecs, PartitionMatcher, Surroundings
from broker.services.matching_turns import Notice
from broker.services.numberless import Numberless
from broker.services.rejections import Rejections
from broker.services.waiting_records import WaitingRecords
from broker.wire.records_codec import Door, Rejected
from broker.wire.upload_codes import RecordCode
from broker.wire.upload_record import FaultyRecord
from tests.builders.matcher import HURRIED, SALT, Reported, fact_write, make_codecs, until
from tests.spec.answering import GROUNDS, Ask, Behind, Sent, enquiry, owned
from tests.spec.looked import LookAt, Request, looked, looking
from tests.spec.outcome import Outcome
from tests.spec.pushing import assert_pushed_alike
from tests.spec.settled import AUTHORITIES, KEY, PROVIDERS
from tests.spec.table import Nobodys, Refused

PARTITION = 0
DEADLINE_S = 90.0
RECIPIENT_TOPICS = (
    *(f"{Topic.ALERTS}.la.{code}" for code in AUTHORITIES),
    *(f"{Topic.ALERTS}.provider.{code}" for code in PROVIDERS),
)
WRITTEN = (Topic.ALERTS, Topic.WORKLIST, Topic.AUDIT, *RECIPIENT_TOPICS)
"""Where what follows from facts is found."""

Found = Mapping[str, Sequence[Record]]
Reports = Sequence[tuple[Notice, Mapping[str, int | str]]]


def make_matcher(
    log: PartitionLog,
    codecs: Codecs,
    policy: AnyPolicy,
    report: Reported,
    *,
    rules_version: int = RULES_VERSION,
) -> PartitionMatcher:
    """Return a matcher that hurries and knows its salt."""
    return PartitionMatcher(
        log,
        codecs,
        policy=policy,
        key=KEY,
        new_salt=lambda: SALT,
        report=report,
        surroundings=Surroundings(pace=HURRIED),
        rules_version=rules_version,
    )


def writes_of(codecs: Codecs, sent: Sent, policy: AnyPolicy) -> list[Write]:
    """Return facts as intake writes them."""
    numberless = Numberless(codecs.details, policy=policy, key=KEY)
    waiting = WaitingRecords(codecs.details, policy=policy, key=KEY)
    rejections = Rejections(codecs.records, KEY)
    writes: list[Write] = []
    for number, fact in sent:
        if number is not None:
            writes.append(fact_write(codecs.facts, fact, number, PARTITION))
        elif isinstance(fact, PlanFact):
            writes += waiting.writes(_waiting(fact), fact.received_at)
        if isinstance(fact, VisitMessage):
            name = unnumbered(sent, number, fact)
            if number is None:
                writes += rejections.writes(_kept(fact, name, policy))
                mothers = fact.of_mothers if isinstance(fact, Nobodys) else ()
                writes += numberless.sought(replace(fact, visit=name), mothers)
            else:
                writes += numberless.numbered(fact, name)
    return writes


def _waiting(plan: PlanFact) -> FaultyRecord:
    """Return the record of an upload whose subject has no usable number, or one that was refused."""
    content, number = plan.content, plan.number if isinstance(plan, Refused) else None
    record = FaultyRecord(location="/", code=RecordCode.NOT_LOADED, reason="any")
    if isinstance(plan, Refused) and not plan.readable:
        numbers = () if number is None else (number,)
        unread = Unread(authority=content.authority, numbers=numbers, details=(content.details,))
        return replace(record, unread=unread)
    numbered = () if number is None else ((number, content),)
    return replace(record, waiting=(content,), numbered=numbered)


def _kept(message: VisitMessage, visit: str, policy: AnyPolicy) -> Rejected:
    """Return what intake keeps of a message without a usable number."""
    return Rejected(
        door=Door.MLLP,
        reason="number_missing",
        location="PID-3",
        sender=message.provider,
        control_id=message.control_id,
        visit=visit,
        system=message.system,
        answered=tells(message, policy),
        received_at=message.received_at,
        raw=b"as it came",
    )


def unnumbered(sent: Sent, number: NhsNumber | None, message: VisitMessage) -> str:
    """
    Return the reference that a visit has without a number, of its own for every specification.

    Without one it comes under the reference that it has with the smallest number of those sent.
    """
    owner = min(_numbers(sent))
    visit = moved_reference(KEY, message.visit, former=number or owner, number=owner)
    return KEY.derive("unnumbered", owner.key, visit)


def has_taken(codecs: Codecs, people: Sequence[Record], ends: Mapping[str, int]) -> bool:
    """Return whether the newest `#p` among the records of `cpis.people` says that the inputs were taken."""
    values = [record.value for record in people if record.key == PARTITION_STATE_KEY]
    if not values:
        return False
    offsets = codecs.states.decode_partition(values[-1] or b"").offsets
    return all(offsets.get(topic, 0) >= end for topic, end in ends.items())


def last_offset(records: Sequence[Record]) -> int:
    """Return the offset of the last record, -1 where there is none; what is behind it are markers."""
    return max((record.offset for record in records), default=-1)


def outcome_of(
    codecs: Codecs, sent: Sent, found: Found, reports: Reports, ask: Ask, look_at: LookAt
) -> Outcome:
    """Return what was written about the one person of these facts, under any number; `ask` asks more."""
    return Outcome(
        events=tuple(_events(codecs, _numbers(sent), found)),
        items=tuple(_items(codecs, sent, found[Topic.WORKLIST])),
        decisions=_decisions(codecs, sent, found[Topic.AUDIT]),
        records=found,
        reports=reports,
        ask=ask,
        look_at=look_at,
    )


def _numbers(sent: Sent) -> set[NhsNumber]:
    """Return every number that facts come under, or that is named as a successor."""
    notices = [fact for _, fact in sent if isinstance(fact, IdentityNotice)]
    successors = {notice.successor for notice in notices if notice.successor is not None}
    babies = {fact.baby for _, fact in sent if isinstance(fact, Birth)}
    return {number for number, _ in sent if number is not None} | successors | babies


def _references(sent: Sent) -> set[tuple[NhsNumber, str]]:
    """Return what decisions may be about: every visit and view under each of the numbers, and the number."""
    found = {(own, number_reference(own)) for own in _numbers(sent)}
    found |= {(own, birth_reference(KEY, own)) for own in _numbers(sent)}
    found |= {(own, outcome_reference(KEY, own)) for own in _numbers(sent)}
    for number, fact in sent:
        if number is None:
            continue
        for own in _numbers(sent):
            if isinstance(fact, VisitMessage):
                found.add((own, moved_reference(KEY, fact.visit, former=number, number=own)))
            elif isinstance(fact, Access):
                found.add((own, fact.access_id))
    return found


def number_reference(number: NhsNumber) -> str:
    """Return the reference of decisions about a number that is not in use (ruling 23)."""
    return KEY.derive("inactive", number.key)


def _events(codecs: Codecs, numbers: set[NhsNumber], found: Found) -> list[AlertEvent]:
    """Return the person's events, with what only the recipient's own topic holds."""
    own = {
        event.event_id: event.alert
        for topic in RECIPIENT_TOPICS
        for event in (codecs.alerts.decode_event(record.value or b"") for record in found[topic])
    }
    every = [
        codecs.alerts.decode_event(record.value or b"")
        for record in found[Topic.ALERTS]
        if not codecs.alerts.is_erasure(record.value or b"")
    ]
    return [replace(event, alert=own[event.event_id]) for event in every if event.subject in numbers]


def _items(codecs: Codecs, sent: Sent, records: Sequence[Record]) -> list[WorklistItem]:
    """Return the open items about the person's visits."""
    newest = {record.key: record.value for record in records}
    items = (
        {
            KEY.derive("item", kind, reference, number.key).encode()
            for number, reference in _references(sent)
            for kind in ItemKind
        }
        | {KEY.derive("item", ItemKind.PERSON_ON_HOLD, number.key).encode() for number, _ in sent if number}
        | {
            possible_match_id(KEY, unnumbered(sent, number, fact)).encode()
            for number, fact in sent
            if number is None and isinstance(fact, VisitMessage)
        }
    )
    return [codecs.records.decode_item(value) for key, value in newest.items() if value and key in items]


def _decisions(codecs: Codecs, sent: Sent, records: Sequence[Record]) -> dict[str, DecisionEntry]:
    """Return the newest audited decision about each of the person's visits and views."""
    subjects = {commit_to(SALT, number, reference): reference for number, reference in _references(sent)}
    values = [record.value or b"" for record in records]
    entries = [codecs.records.decode_audit(value) for value in values if not codecs.records.is_action(value)]
    return {
        subjects[entry.commitment]: DecisionEntry(
            subject_reference=subjects[entry.commitment],
            occasion=entry.occasion,
            why=entry.why,
            recipients=entry.recipients,
            fields=entry.fields,
            basis=entry.basis,
            policy_version=entry.policy_version,
            rules_changed=entry.rules_changed,
        )
        for entry in entries
        if entry.commitment in subjects
    }


def portions(writes: Sequence[Write], *, stepwise: bool) -> list[Sequence[Write]]:
    """Return facts in the portions in which they are written: all at once, or one after the other."""
    return [[write] for write in writes] if stepwise else [writes]


class Twin:
    """A matcher on an in-memory Kafka of its own; each call goes on where the one before ended."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._codecs = make_codecs()
        self._kafka = MemoryKafka((*Topic, *RECIPIENT_TOPICS), partitions=1)

    def __call__(self, sent: Sent, policy: AnyPolicy, *, stepwise: bool = False) -> Outcome:
        """Return what comes of some facts."""
        before = {topic: len(self._kafka.read(topic)) for topic in (Topic.PEOPLE, *WRITTEN)}
        report = Reported()
        asyncio.run(self._work(sent, policy, report, stepwise=stepwise))
        new = {topic: self._kafka.read(topic)[seen:] for topic, seen in before.items()}
        archive, log = MemoryArchive(self._kafka), MemoryFactLog(self._kafka)

        def ask(asked: VisitAsked) -> Answer:
            """Ask on the same Kafka; what is pushed of the visit says the same."""
            behind = isinstance(asked, Behind)
            asking = enquiry(archive, log, self._codecs, sent, policy, behind=behind)
            told: Answer | None = None
            try:
                told = asyncio.run(asking.ask(owned(asked, sent), GROUNDS))
                return told
            finally:
                assert_pushed_alike(self._kafka, self._codecs, sent, policy, asked, told)

        def look_at(asked: Request) -> Look:
            """Look on the same Kafka."""
            service = looking(archive, log, self._codecs, policy, asked.at)
            return asyncio.run(looked(service, sent, asked))

        return outcome_of(self._codecs, sent, new, report.notices, ask, look_at)

    async def _work(self, sent: Sent, policy: AnyPolicy, report: Reported, *, stepwise: bool) -> None:
        """Work through what is written."""
        log = MemoryPartitionLog(self._kafka, "specs", PARTITION)
        matcher = make_matcher(log, self._codecs, policy, report)
        working = asyncio.ensure_future(matcher.run())
        for portion in portions(writes_of(self._codecs, sent, policy), stepwise=stepwise):
            self._kafka.append(portion)
            await until(self._is_taken, DEADLINE_S)
        matcher.stop()
        await working

    def _is_taken(self) -> bool:
        """Return whether every input was taken, with what moved meanwhile."""
        ends = {topic.value: last_offset(self._kafka.read(topic)) + 1 for topic in POLLED}
        return has_taken(self._codecs, self._kafka.read(Topic.PEOPLE), ends)


def run_twin(sent: Sent, policy: AnyPolicy, *, stepwise: bool = False) -> Outcome:
    """Let a matcher of its own work on an in-memory Kafka of its own."""
    return Twin()(sent, policy, stepwise=stepwise)
