"""Numbers superseded on a genuine Kafka: two matchers, and one of them killed in the middle."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path

import pytest
from aiokafka.partitioner import DefaultPartitioner

from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.core.alerts import AlertEvent, EventKind
from broker.core.facts import Fact, IdentityKind, IdentityNotice, VisitMessage
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.keyed import visit_reference
from broker.core.partition import Forwarding
from broker.core.person import Person
from broker.ports import Topic
from tests.builders.matcher import KEY, NOON, attendance, numbers, plan
from tests.fault.checker import read_topics
from tests.fault.fleet import Fleet, send
from tests.fault.kills import send_paced, wait_until_caught_up
from tests.fault.load import Sent

MOVES = 40
LIFE_S = 3.0
PROVIDER = OdsCode("RXH")
PARTITIONS = list(range(6))
_spread = DefaultPartitioner()


def pairs() -> Iterator[tuple[NhsNumber, NhsNumber]]:
    """Yield a former and a present number that lie in different partitions."""
    some = numbers()
    for former, present in zip(some, some, strict=False):
        if _partition(former) != _partition(present):
            yield former, present


def _partition(number: NhsNumber) -> int:
    """Return where a number lies."""
    partition: int = _spread(number.key, PARTITIONS, PARTITIONS)
    return partition


def visit(number: NhsNumber, name: str, hour: int = 0) -> VisitMessage:
    """Return a message of a visit under a number."""
    reference = visit_reference(KEY, number, system="ED", provider=PROVIDER, visit_number=name)
    return attendance(
        reference,
        at=NOON + timedelta(hours=hour),
        message_id=KEY.derive("test", number.key, name, str(hour)),
        provider=PROVIDER,
    )


def succession(present: NhsNumber) -> IdentityNotice:
    """Return the source's word that a number has this successor."""
    return IdentityNotice(
        notice_id="n", kind=IdentityKind.SUPERSEDED, successor=present, recorded_at=NOON, received_at=NOON
    )


def sent(*facts: tuple[NhsNumber, Fact]) -> list[Sent]:
    """Return facts as the fleet sends them."""
    return [Sent(number=number, fact=fact) for number, fact in facts]


@pytest.mark.kafka
def test_people_move_whole_though_a_matcher_is_killed(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """Every alert that was raised before keeps its id, every later fact follows, nothing is said twice."""
    people = list(islice(pairs(), MOVES))
    before = [one for former, _ in people for one in sent((former, plan()), (former, visit(former, "V-1")))]
    then = [
        one
        for former, present in people
        for one in sent(
            (former, succession(present)),
            (former, visit(former, "V-2", 200)),
            (present, visit(present, "V-1", 1)),
            (former, visit(former, "V-1", 2)),
        )
    ]

    async def scenario(fleet: Fleet) -> tuple[list[AlertEvent], dict[NhsNumber, Person | Forwarding]]:
        codecs = fleet.codecs()
        await send(fleet.cluster, codecs, before)
        fleet.start()
        fleet.start()
        await wait_until_caught_up(fleet)
        sending = asyncio.ensure_future(send_paced(fleet, then, 2 * LIFE_S))
        await send_paced(fleet, [], LIFE_S)
        fleet.kill(fleet.processes[0])
        fleet.start()
        await sending
        await wait_until_caught_up(fleet)
        found = await read_topics(fleet.cluster, [Topic.ALERTS, Topic.PEOPLE, Topic.WORKLIST])
        assert [] == found[Topic.WORKLIST]
        newest = {record.key or b"": record.value for record in found[Topic.PEOPLE]}
        held = {
            number: codecs.states.decode_any(number.key, newest[number.key] or b"")
            for pair in people
            for number in pair
        }
        events = [codecs.alerts.decode_event(record.value or b"") for record in found[Topic.ALERTS]]
        return events, {n: one for n, one in held.items() if isinstance(one, Person | Forwarding)}

    with Fleet(own_kafka.cluster, tmp_path) as fleet:
        events, held = asyncio.run(scenario(fleet))
        logged = fleet.logs()

    said: dict[str, list[AlertEvent]] = defaultdict(list)
    for event in events:
        said[event.alert.alert_id].append(event)
    for told in said.values():
        told.sort(key=lambda event: event.revision)
        assert list(range(1, len(told) + 1)) == [event.revision for event in told]
    assert len(events) == len({event.event_id for event in events})
    last = [told[-1] for told in said.values()]
    wanted = {(present, visit(present, name).visit) for _, present in people for name in ("V-1", "V-2")}
    standing = [event for event in last if event.kind is not EventKind.WITHDRAWN]
    assert wanted == {(event.subject, event.alert.subject) for event in standing}
    assert 2 * len(wanted) == len(standing)
    raised_before = [told for told in said.values() if told[0].subject in {former for former, _ in people}]
    assert 2 * MOVES <= len(raised_before)
    for former, present in people:
        forwarding = held[former]
        assert isinstance(forwarding, Forwarding)
        assert present == forwarding.to
        assert isinstance(held[present], Person)
        assert former.digits not in logged
        assert present.digits not in logged
