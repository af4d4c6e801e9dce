"""
A sender that goes from one intake to another is judged by what both have taken. Ruling 44, decision 0043.

Neither reads back what it has written itself; what the other wrote lies between.
"""

import asyncio
from collections.abc import Sequence

import pytest

from broker.adapters.cluster import Cluster
from broker.adapters.kafka_facts import KafkaFactLog
from broker.adapters.kafka_tail import KafkaInputTail
from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_sealing import MemorySealer
from broker.adapters.memory_tail import MemoryInputTail
from broker.core.facts import VisitMessage
from broker.core.identifiers import NhsNumber
from broker.core.policy import Policy
from broker.ports import FactLog, InputTail, Topic
from broker.runtime.codecs import load_schemas
from broker.services.attendances import Attendances
from broker.services.following import Following
from broker.services.numberless import Numberless
from broker.services.numbers_in_use import NumbersInUse
from broker.wire.details_codec import DetailsCodec
from broker.wire.facts_codec import FactCodec
from tests.builders.declared_kafka import declared_kafka
from tests.unit.services.test_numbers_in_use import HORIZON, KEY, MINUTE, A, B, T, message

DEADLINE_S = 180
APPEND_MS = 20_000  # what is appended is to be there, however long a new Kafka takes on a busy machine
ROUNDS, VISITS = 12, 6

World = tuple[FactLog, InputTail]
"""What one intake writes to, and what it follows."""


class Intake:
    """One intake's records, the numbers that it knows, and what follows the log for it."""

    def __init__(self, world: World) -> None:
        schemas, sealer = load_schemas(), MemorySealer()
        self.log, tail = world
        self.numbers = NumbersInUse(KEY, horizon=HORIZON)
        codec = FactCodec(schemas, sealer)
        numberless = Numberless(DetailsCodec(schemas, sealer), policy=Policy(), key=KEY)
        self.attendances = Attendances(codec, numberless, self.numbers)
        self.following = Following(
            self.numbers, tail, self.log, codec=codec, attendances=self.attendances, clock=lambda: T
        )

    async def take(self, number: NhsNumber, one: VisitMessage) -> bool:
        """Take the first message of a new connection; return whether its visit leaves another number."""
        self.following.suspect()
        await self.following.ready()
        told = self.attendances.told(number, one)
        places = [await self.log.append(writes) for writes in told.steps]
        self.attendances.note(told.facts, places)
        return len(told.steps) > 1


async def play(worlds: Sequence[World]) -> None:
    """
    Let visits move from number to number, three messages under each, and from intake to intake.

    Those of one round come at once, each to an intake that has had its visit's last message or has not.
    """
    intakes = [Intake(world) for world in worlds]
    for intake in intakes:
        await intake.following.catch_up()
    for n in range(ROUNDS):
        number = (A, B)[n // 3 % 2]
        moved = await asyncio.gather(
            *(
                intakes[(n // 2 + v) % 2].take(number, message(number, T + n * MINUTE, visit=f"V{v}"))
                for v in range(VISITS)
            )
        )
        assert [n > 0 and n % 3 == 0] * VISITS == moved
    for intake in intakes:
        await intake.following.catch_up()
        assert [] == intake.numbers.owed(T)
        await intake.following.close()
    assert [0, 0] == [len(intake.attendances.own) for intake in intakes]


def test_a_sender_goes_from_one_intake_to_another() -> None:
    """Each knows where the other left a visit; of what either has written nothing is left unread or kept."""
    kafka = MemoryKafka()

    asyncio.run(play([(MemoryFactLog(kafka), MemoryInputTail(kafka, Topic.ATTENDANCES)) for _ in range(2)]))


@pytest.mark.kafka
def test_a_sender_goes_from_one_intake_to_another_on_the_genuine_kafka() -> None:
    """The same, with what both write in the same partitions at the same time."""

    async def timed(cluster: Cluster) -> None:
        """Play it with a deadline."""
        logs = [KafkaFactLog(cluster, deadline_ms=APPEND_MS) for _ in range(2)]
        async with asyncio.timeout(DEADLINE_S):
            for log in logs:
                await log.start()
            try:
                await play([(log, KafkaInputTail(cluster, Topic.ATTENDANCES)) for log in logs])
            finally:
                for log in logs:
                    await log.close()

    with declared_kafka(partitions=2) as broker:
        asyncio.run(timed(broker.cluster))
