"""What this intake has written itself is known to it when it reads it back. Ruling 44."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_sealing import MemorySealer
from broker.adapters.memory_tail import MemoryInputTail
from broker.core.facts import VisitLeft, VisitMessage
from broker.core.identifiers import NhsNumber
from broker.core.operators import Place
from broker.core.policy import Policy
from broker.ports import Topic
from broker.runtime.codecs import load_schemas
from broker.services.attendances import Attendances, Told
from broker.services.following import Following
from broker.services.numberless import Numberless
from broker.services.numbers_in_use import NumbersInUse
from broker.services.own_writes import Heard, OwnWrites
from broker.wire.details_codec import DetailsCodec
from broker.wire.facts_codec import FactCodec
from tests.unit.services.test_numbers_in_use import HORIZON, KEY, MINUTE, RXX, A, B, T, message

Places = Sequence[Sequence[Place]]
"""Where what each step appended lies."""


class CountingCodec(FactCodec):
    """A codec that counts what it decodes of attendances."""

    decoded = 0

    def attendance_in_clear(self, data: bytes) -> VisitMessage | VisitLeft | None:
        """Count, and decode."""
        self.decoded += 1
        return super().attendance_in_clear(data)


class House:
    """A log, an intake's records and what follows them."""

    def __init__(self, kafka: MemoryKafka) -> None:
        sealer, schemas = MemorySealer(), load_schemas()
        self.kafka = kafka
        self.codec = CountingCodec(schemas, sealer)
        self.numbers = NumbersInUse(KEY, horizon=HORIZON)
        numberless = Numberless(DetailsCodec(schemas, sealer), policy=Policy(), key=KEY)
        self.attendances = Attendances(self.codec, numberless, self.numbers)
        self.heard: list[Heard] = []
        self.following = Following(
            self.numbers,
            MemoryInputTail(kafka, Topic.ATTENDANCES),
            MemoryFactLog(kafka),
            codec=self.codec,
            attendances=self.attendances,
            clock=lambda: T,
            hear=self.heard.append,
        )

    def write(self, number: NhsNumber, one: VisitMessage) -> tuple[Told, Places]:
        """Make a message durable, and return where."""
        told = self.attendances.told(number, one)
        return told, [self.kafka.append(writes) for writes in told.steps]

    def take(self, number: NhsNumber, one: VisitMessage) -> None:
        """Do the same and note it, as intake does."""
        told, places = self.write(number, one)
        self.attendances.note(told.facts, places)

    def catch_up(self, times: int = 1) -> tuple[int, int]:
        """Follow the log; return how many records were decoded so far, and how many are to be come by."""
        for _ in range(times):
            asyncio.run(self.following.catch_up())
        return self.codec.decoded, len(self.attendances.own)


def of(told: Sequence[VisitMessage]) -> list[Heard]:
    """Return what is heard of some messages."""
    return [Heard(RXX, "EDSYS", one.received_at) for one in told]


def test_what_was_written_here_is_not_read_back() -> None:
    """It was noted when it became durable; its sender is heard all the same, once."""
    house = House(MemoryKafka())
    told = [message(A, visit="V1"), message(A, T + MINUTE, visit="V2")]
    for one in told:
        house.take(A, one)

    assert (0, 0) == house.catch_up(times=2)
    assert of(told) == house.heard
    assert 2 == len(house.numbers)


def test_what_was_written_here_behind_what_another_wrote_is_not_decoded() -> None:
    """Only that is, though both are read."""
    kafka = MemoryKafka()
    house, other = House(kafka), House(kafka)
    told = [message(A, T + MINUTE * n, visit=f"V{n}") for n in range(3)]
    house.take(A, told[0])
    other.take(A, told[1])
    house.take(A, told[2])

    assert (1, 0) == house.catch_up()
    assert of(told) == house.heard


def test_what_another_intake_wrote_is_decoded() -> None:
    """Whatever it is: nothing of it is known here."""
    kafka = MemoryKafka()
    house, other = House(kafka), House(kafka)
    told = message(A)
    other.take(A, told)

    assert (1, 0) == house.catch_up()
    assert (of([told]), 1) == (house.heard, len(house.numbers))


def test_the_same_message_from_another_intake_is_decoded() -> None:
    """A resend that came to another is a record of its own, in a place of its own."""
    kafka = MemoryKafka()
    house, other = House(kafka), House(kafka)
    told = message(A)
    house.take(A, told)
    other.take(A, told)

    assert (1, 0) == house.catch_up()
    assert of([told, told]) == house.heard


def test_what_is_durable_and_was_never_noted_is_decoded() -> None:
    """Its acknowledgement came too late: its sender was told that it was not taken."""
    house = House(MemoryKafka())
    house.write(A, message(A))

    assert (1, 0) == house.catch_up()
    assert 1 == len(house.numbers)


def test_a_visit_that_left_a_number_is_read_back_whole() -> None:
    """What is said of the former number is looked for in the log, whoever wrote it."""
    house = House(MemoryKafka())
    house.take(A, message(A))
    house.take(B, message(B, T + MINUTE))

    assert (2, 0) == house.catch_up()
    assert [] == house.numbers.owed(T + timedelta(hours=1))


def test_nothing_is_kept_of_a_record_that_was_read_before_it_was_noted() -> None:
    """The log may show it before its acknowledgement is heard; its sender is heard once."""
    house = House(MemoryKafka())
    one = message(A)
    told, places = house.write(A, one)
    assert (1, 0) == house.catch_up()
    house.attendances.note(told.facts, places)

    assert (1, 0) == house.catch_up()
    assert of([one]) == house.heard


def test_what_kafka_does_not_say_the_place_of_is_read() -> None:
    """As of a record that it had already, when it was asked again after an answer that was lost."""
    house = House(MemoryKafka())
    told, places = house.write(A, message(A))
    house.attendances.note(told.facts, [[replace(place, offset=-1) for place in step] for step in places])

    assert (1, 0) == house.catch_up()


def test_a_place_that_is_told_once_a_look_has_failed_there_is_read() -> None:
    """Nobody was heard there, and whoever looks next hears its sender: once."""
    own = OwnWrites()
    assert own.come_by(0, 7) is None
    own.wrote(Place(topic=Topic.ATTENDANCES, partition=0, offset=7), message(A))
    own.wrote(Place(topic=Topic.ATTENDANCES, partition=1, offset=7), message(A))

    assert own.come_by(0, 7) is None
    assert Heard(RXX, "EDSYS", T) == own.come_by(1, 7)
    assert own.come_by(1, 7) is None
