"""Complaint 10: the store grows without end, and pruning frees nothing. Ours has bounds, and is measured."""

from datetime import timedelta

from broker.adapters.memory_archive import MemoryArchive
from broker.core.policy import Policy
from broker.ports import Topic
from broker.runtime.topics import declared_topics
from broker.services.retention_report import Held, RetentionReport
from tests.builders.house import House, in_house
from tests.builders.matcher import NOON, attendance

LONGEST_MS = 35 * 24 * 3_600_000
COMPACTED = {"cpis.people", "cpis.checks", "cpis.worklist", "cpis.feeds"}
"""One record for each person, sender and item: what is settled goes from them by a rule of its own."""
KEPT_FOR_YEARS = {"cpis.audit"}


def test_every_topic_forgets_by_its_class() -> None:
    """Complaint 10: 35 days at most, but for the audit trail and what is compacted, which is told by name."""
    bounded = {}
    for topic in declared_topics(None):
        policy = topic.settings["cleanup.policy"]
        bounded[topic.name] = int(topic.settings["retention.ms"]) if policy == "delete" else None
        assert "segment.ms" in topic.settings, topic.name  # or nothing is ever forgotten on a quiet topic

    assert {name for name, kept in bounded.items() if kept is None} == COMPACTED
    over = {name for name, kept in bounded.items() if kept is not None and kept > LONGEST_MS}
    assert KEPT_FOR_YEARS == over


def test_what_is_forgotten_is_not_measured_any_more() -> None:
    """Complaint 10: `cpis retention report` measures what lies there, so that pruning is seen to free it."""

    async def scenario(house: House) -> None:
        report = RetentionReport(MemoryArchive(house.kafka), house.codecs.states, Policy())
        for number in range(20):
            house.send(attendance(f"visit-{number}", at=NOON + timedelta(hours=number)))
        [before] = await report.topics([Topic.ATTENDANCES])
        for partition in {record.partition for record in house.kafka.read(Topic.ATTENDANCES)}:
            end = house.kafka.end(Topic.ATTENDANCES, partition)
            house.kafka.delete_before(Topic.ATTENDANCES, partition, end)
        [after] = await report.topics([Topic.ATTENDANCES])

        assert 20 == before.records
        assert before.size > 0
        assert Held(topic=Topic.ATTENDANCES) == after

    in_house(scenario)
