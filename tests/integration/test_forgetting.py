"""
What is destroyed is gone from a genuine Kafka, to the last byte; and what is too much is refused by it.

Retention and compaction are hurried: segments of half a second, and a cleaner that looks all the time. A date
of birth is looked for as text; as Avro writes it, it is three bytes and cannot be told from others.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, timedelta
from itertools import islice

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from broker.adapters.cluster import Cluster
from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kafka_archive import KafkaArchive
from broker.adapters.kafka_partition import KafkaPartitionLog
from broker.adapters.kafka_topics import apply_topics
from broker.core.errors import MalformedMessage
from broker.core.facts import Details, Fact, PlanFact, VisitEvent, VisitMessage
from broker.core.floods import VISIT_MESSAGES_MAX
from broker.core.identifiers import NhsNumber
from broker.core.policy import Policy
from broker.ports import INPUTS, Record, Topic
from broker.runtime.kafka import embedded_kafka
from broker.runtime.parts import present
from broker.services.matching import PartitionMatcher, Surroundings
from broker.services.matching_output import PERSON_BYTES_MAX
from broker.services.matching_turns import Notice
from tests.builders.hasty_kafka import HASTY_BROKER, declared
from tests.builders.matcher import (
    HURRIED,
    KEY,
    SALT,
    Reported,
    attendance,
    make_codecs,
    numbers,
    pause,
    plan,
    until,
)
from tests.byte_search import Search
from tests.fault.fleet import send
from tests.fault.load import Sent

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(900)]  # half a minute alone; more on a busy machine

DEADLINE_S = 120.0
LOOK_AGAIN_S = 0.3
PACE = replace(HURRIED, rewrite_every_s=0.2, beginnings_every_s=0.2)
EXPIRED, PASSER, LIVING = islice(numbers(), 3)
LONG_AGO = present() - timedelta(days=650)
NOW = present() - timedelta(minutes=5)
OF_EXPIRED = Details(family="Quillfeather-Expired", given="Ottoline", birth_date=date(2016, 3, 7))
OF_LIVING = Details(family="Marchbanks-Living", given="Peregrine", birth_date=date(2017, 9, 21))
WORDS_OF_EXPIRED = {
    "number": EXPIRED.digits,
    "family name": "Quillfeather-Expired",
    "given name": "Ottoline",
    "date of birth": "2016-03-07",
    "date of birth without dashes": "20160307",
    "child id": "CHILD-EXPIRED-4711",
    "visit": "VISIT-EXPIRED-815",
    "control id": "CONTROL-EXPIRED-1",
}
WORDS_OF_PASSER = {
    "number": PASSER.digits,
    "visit": "VISIT-DESTROYED-99",
    "control id": "CONTROL-DESTROYED-2",
}
WORDS_OF_LIVING = {"number": LIVING.digits, "family name": "Marchbanks-Living"}


@pytest.fixture
def hasty_kafka() -> Iterator[EmbeddedKafka]:
    """Lend a Kafka that forgets and compacts as fast as it is told."""
    with embedded_kafka(properties=HASTY_BROKER) as broker:
        asyncio.run(apply_topics(broker.cluster, declared({})))
        yield broker


def plan_of(details: Details, child_id: str, *, ended: bool) -> PlanFact:
    """Return a plan that was recorded long ago, and ended soon after or not at all."""
    known = plan(recorded_at=LONG_AGO - timedelta(days=30), start=(LONG_AGO - timedelta(days=60)).date())
    end = (LONG_AGO + timedelta(days=10)).date() if ended else None
    return replace(known, content=replace(known.content, details=details, child_id=child_id, end=end))


class House:
    """One partition of a genuine Kafka with a matcher at work on it."""

    def __init__(self, cluster: Cluster) -> None:
        """Touch nothing yet."""
        self.cluster = cluster
        self.codecs = make_codecs()
        self.reported = Reported()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Have a matcher at work."""
        matcher = PartitionMatcher(
            KafkaPartitionLog(self.cluster, "forgetting", 0),
            self.codecs,
            policy=Policy(),
            key=KEY,
            new_salt=lambda: SALT,
            report=self.reported,
            surroundings=Surroundings(pace=PACE),
        )
        self.matcher = matcher
        task = asyncio.ensure_future(matcher.run())
        try:
            yield
        finally:
            matcher.stop()
            await task

    async def send(self, number: NhsNumber, *facts: Fact) -> None:
        """Write facts about one person, and wait until they are taken."""
        await send(self.cluster, self.codecs, [Sent(number, fact) for fact in facts], partition=0)
        ends = {place.topic: end for place, end in (await self.bounds(INPUTS))[1].items()}
        await until(
            lambda: all(self.matcher.taken.get(Topic(t), 0) >= end for t, end in ends.items()), DEADLINE_S
        )

    async def bounds(
        self, topics: Sequence[str]
    ) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        """Return where the logs of topics begin and end."""
        places = [TopicPartition(topic, 0) for topic in topics]
        async with AIOKafkaConsumer(**self.cluster.connection()) as consumer:
            return await consumer.beginning_offsets(places), await consumer.end_offsets(places)

    async def everything(self) -> list[Record]:
        """Return every record that a reader of committed records finds in any topic of ours."""
        archive = KafkaArchive(self.cluster)
        await archive.start()
        try:
            return [one for topic in Topic async for records in archive.read(topic) for one in records]
        finally:
            await archive.close()


async def words_in(kafka: EmbeddedKafka, records: Sequence[Record], words: dict[str, str]) -> Search:
    """Search every file of a broker, and records as a consumer got them; others work meanwhile."""
    search = Search(words)
    await asyncio.to_thread(search.files, kafka.directory)
    search.records(records)
    return search


def test_no_byte_of_an_expired_child_or_a_destroyed_visit_is_left(
    hasty_kafka: EmbeddedKafka, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    When a plan is long out of view the child's record is tombstoned and compacted away; visits of people
    without a plan go with the log, and that is in the audit trail. What is in force stays.
    """

    async def scenario() -> None:
        house = House(hasty_kafka.cluster)
        async with house.at_work():
            await house.send(
                EXPIRED,
                plan_of(OF_EXPIRED, "CHILD-EXPIRED-4711", ended=True),
                replace(
                    attendance("VISIT-EXPIRED-815", at=LONG_AGO, details=OF_EXPIRED),
                    control_id="CONTROL-EXPIRED-1",
                ),
            )
            await house.send(
                PASSER,
                replace(attendance("VISIT-DESTROYED-99", at=LONG_AGO), control_id="CONTROL-DESTROYED-2"),
            )
            records = await house.everything()
            before = await words_in(hasty_kafka, records, WORDS_OF_EXPIRED)
            of_passer = await words_in(hasty_kafka, records, WORDS_OF_PASSER)
            await house.send(
                LIVING,
                plan_of(OF_LIVING, "CHILD-LIVING-1", ended=False),
                attendance("VISIT-LIVING-1", at=NOW, details=OF_LIVING),
            )
            await until(lambda: Notice.SWEPT in house.reported.kinds(), DEADLINE_S)
            await asyncio.to_thread(
                asyncio.run, apply_topics(hasty_kafka.cluster, declared({"retention.ms": "1"}))
            )
            end = time.monotonic() + DEADLINE_S
            while time.monotonic() < end:
                await pause(LOOK_AGAIN_S)
                records = await house.everything()
                after = await words_in(hasty_kafka, records, WORDS_OF_EXPIRED)
                passer_after = await words_in(hasty_kafka, records, WORDS_OF_PASSER)
                if not after.searched.found and not passer_after.searched.found:
                    break
            living = await words_in(hasty_kafka, records, WORDS_OF_LIVING)
            await until(lambda: Notice.DESTROYED in house.reported.kinds(), DEADLINE_S)
        with capsys.disabled():
            sys.stdout.write(
                f"\nbefore: {before.searched}\nafter: {after.searched}; {passer_after.searched}\n"
            )
        seen = {name.partition(" in ")[0] for name in before.searched.found or {}}
        assert WORDS_OF_EXPIRED.keys() - seen <= {"date of birth", "date of birth without dashes"}
        assert WORDS_OF_PASSER.keys() == {n.partition(" in ")[0] for n in of_passer.searched.found or {}}
        assert ({}, {}) == (after.searched.found, passer_after.searched.found)
        assert WORDS_OF_LIVING.keys() <= {n.partition(" in ")[0] for n in living.searched.found or {}}
        gone = house.reported.fields(Notice.DESTROYED)
        assert {0} == {fields["unread"] for fields in gone}
        assert Topic.ATTENDANCES in {fields["topic"] for fields in gone}
        assert 1 <= sum(_is_destruction(house, record) for record in records)

    asyncio.run(scenario())


def _is_destruction(house: House, record: Record) -> bool:
    """Return whether a record is an entry of what a log has forgotten."""
    try:
        house.codecs.records.decode_destruction(record.value or b"")
    except MalformedMessage:
        return False
    return True


def long_update(visit: str, number: int) -> VisitMessage:
    """Return an update of a visit with a location of a thousand letters that no other has."""
    said = attendance(visit, at=NOW, event=VisitEvent.UPDATED, message_id=f"{visit} {number}")
    return replace(
        said, location=f"{number:06}" + "x" * 1_000, recorded_at=NOW + timedelta(milliseconds=number)
    )


def test_a_person_driven_to_the_limit_of_a_record_stops_nobody(hasty_kafka: EmbeddedKafka) -> None:
    """
    What does not fit is an urgent item with an alarm; the record stays under 8 MB, and other children alert.

    Five visits of almost as many messages as one may have, each of a thousand letters: 9.5 MB.
    """

    async def scenario() -> None:
        house = House(hasty_kafka.cluster)
        async with house.at_work():
            await house.send(LIVING, plan_of(OF_LIVING, "CHILD-LIVING-1", ended=False))
            for visit in range(5):
                name = f"VISIT-{visit}"
                updates = [long_update(name, number) for number in range(VISIT_MESSAGES_MAX - 100)]
                await house.send(LIVING, attendance(name, at=NOW, details=OF_LIVING), *updates)
            await house.send(
                EXPIRED,
                plan_of(OF_EXPIRED, "CHILD-2", ended=False),
                attendance("VISIT-OF-ANOTHER", at=NOW, details=OF_EXPIRED),
            )
            records = await house.everything()
        codes = {fields["code"] for fields in house.reported.fields(Notice.UNPROCESSABLE)}
        sizes = [len(r.value or b"") for r in records if r.topic == Topic.PEOPLE and r.key == LIVING.key]
        events = [
            house.codecs.alerts.decode_event(r.value or b"") for r in records if r.topic == Topic.ALERTS
        ]
        subjects = {event.alert.subject for event in events}
        items = [r for r in records if r.topic == Topic.WORKLIST]
        assert {"CPIS-408"} == codes
        assert PERSON_BYTES_MAX * 3 // 4 < max(sizes) <= PERSON_BYTES_MAX
        assert {"VISIT-0", "VISIT-1", "VISIT-2", "VISIT-OF-ANOTHER"} <= subjects
        assert items
        assert [] == house.reported.fields(Notice.KAFKA_AWAY)

    asyncio.run(scenario())
