"""What a provider writes to its own topic is taken as what it sends, and an offset moves only behind it."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest

from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_offers import MemoryOffers
from broker.adapters.memory_sealing import MemorySealer
from broker.core.errors import KafkaUnavailable
from broker.core.facts import VisitMessage
from broker.core.identifiers import OdsCode
from broker.core.operators import Place
from broker.core.policy import Policy
from broker.core.sender_keys import Codes
from broker.core.senders import Provider, Sender, Senders, Unknown
from broker.ports import Topic, Write
from broker.runtime.codecs import load_schemas
from broker.services.attendances import Attendances
from broker.services.dialects import dialects
from broker.services.intake import Intake
from broker.services.numberless import Numberless
from broker.services.offers import FOREIGN, TakingOffers
from broker.services.rejections import Rejections
from broker.wire.attendance_record import SENDER_PLACES
from broker.wire.details_codec import DetailsCodec
from broker.wire.facts_codec import FactCodec
from broker.wire.records_codec import Door, RecordsCodec, Rejected
from tests.builders.hl7 import KEY, fixture
from tests.builders.hospital_record import as_record, record

OWN, OTHERS = "cpis.in.attendances.RXX", "cpis.in.attendances.RXM"
NOW = datetime(2033, 6, 1, tzinfo=UTC)


class MoodyLog(MemoryFactLog):
    """A `FactLog` that is away after so many appends."""

    left = 1_000

    async def append(self, writes: Sequence[Write]) -> Sequence[Place]:
        """Append, or refuse."""
        if self.left == 0:
            raise KafkaUnavailable
        self.left -= 1
        return await super().append(writes)


class House:
    """Two providers' topics, and the intake that takes from them."""

    def __init__(self, senders: Senders | None = None) -> None:
        senders = senders or Senders()
        self.kafka = MemoryKafka([*Topic, OWN, OTHERS], partitions=1)
        self.counts: Counter[str] = Counter()
        schemas, sealer = load_schemas(), MemorySealer()
        self.facts, self.records = FactCodec(schemas, sealer), RecordsCodec(schemas, sealer)
        self.log = MoodyLog(self.kafka)
        numberless = Numberless(DetailsCodec(schemas, sealer), policy=Policy(), key=KEY)
        self.intake = Intake(
            self.log,
            Attendances(self.facts, numberless),
            Rejections(self.records, KEY),
            clock=lambda: NOW,
            count=self.count,
            answer_seconds=1,
            dialects=dialects(schemas, senders),
        )
        self.offers = MemoryOffers(self.kafka, [OWN, OTHERS])
        self.taking = TakingOffers(
            self.offers,
            self.intake,
            {OWN: OdsCode("RXX"), OTHERS: OdsCode("RXM")},
            settled=partial(senders.named, places=SENDER_PLACES),
            count=self.count,
        )

    def count(self, event: str) -> None:
        """Count an event."""
        self.counts[event] += 1

    def write(self, *values: bytes | None, topic: str = OWN) -> None:
        """Write as a provider does."""
        self.kafka.append([Write(topic, None, value) for value in values])

    def take(self) -> int:
        """Take what is there."""
        return asyncio.run(self.taking.take())

    def visits(self) -> list[VisitMessage]:
        """Return the facts."""
        found = [
            self.facts.decode(one.topic, one.key or b"", one.value or b"")
            for one in self.kafka.read(Topic.ATTENDANCES)
        ]
        return [fact for fact in found if isinstance(fact, VisitMessage)]

    def kept(self) -> list[Rejected]:
        """Return what was kept."""
        return [self.records.decode_rejected(one.value or b"") for one in self.kafka.read(Topic.REJECTED)]


def test_a_record_is_the_fact_that_the_message_is() -> None:
    """The same visit by HL7 v2 and by Kafka: but for the id of the bytes and the receipt."""
    house = House()
    house.write(as_record(fixture()))

    assert 1 == house.take()
    asyncio.run(house.intake.take(fixture(), Door.MLLP))

    own, sent = house.visits()
    assert replace(sent, message_id="", received_at=NOW) == replace(own, message_id="", received_at=NOW)
    assert house.kafka.read(OWN)[0].timestamp == own.received_at.timestamp() * 1000
    assert 2 == house.counts["accepted"]


def test_what_was_taken_is_not_offered_again_and_its_order_is_kept() -> None:
    """In the order of the topic."""
    house = House()
    house.write(record(control_id="K1"), record(control_id="K2"))
    assert 2 == house.take()
    house.write(record(control_id="K3"))

    assert 1 == house.take()
    assert 0 == house.take()

    assert ["K1", "K2", "K3"] == [visit.control_id for visit in house.visits()]


def test_while_kafka_refuses_nothing_is_done_and_all_of_it_comes_again() -> None:
    """A record that had been taken comes twice, as the same fact."""
    house = House()
    house.log.left = 1
    house.write(record(control_id="K1"), record(control_id="K2"))

    with pytest.raises(KafkaUnavailable):
        house.take()
    house.log.left = 10

    assert 2 == house.take()
    assert ["K1", "K1", "K2"] == sorted(visit.control_id for visit in house.visits())
    assert 2 == len({visit.message_id for visit in house.visits()})
    assert 2 == len({(visit.message_id, visit.received_at) for visit in house.visits()})


@pytest.mark.parametrize(
    ("value", "reason", "control_id"),
    [
        (b"not a record", "avro framing missing", None),
        (None, "avro framing missing", None),
        (record(control_id="K9", event="UNKNOWN"), "event not taken", "K9"),
    ],
)
def test_what_cannot_be_read_is_kept_and_the_next_is_taken(
    value: bytes | None, reason: str, control_id: str | None
) -> None:
    """Byte for byte, with the reason: a poisonous record stops nobody."""
    house = House()
    house.write(value, record())

    assert 2 == house.take()

    [kept] = house.kept()
    assert (Door.TOPIC, reason, control_id) == (kept.door, kept.reason, kept.control_id)
    assert value or b"" == kept.raw
    assert OdsCode("RXX") == kept.sender  # whose topic it is, so that it is found and counted as theirs
    assert 1 == len(house.visits())
    assert 1 == sum(count for event, count in house.counts.items() if event.startswith("rejected: topic "))


def test_a_record_without_a_number_is_kept_and_looked_for() -> None:
    """Ruling 21: as a message without one, with its place in the schema's words."""
    house = House()
    house.write(record(nhs_numbers=[]))

    house.take()

    [kept] = house.kept()
    assert (Door.TOPIC, "number_missing", "nhs_numbers") == (kept.door, kept.reason, kept.location)
    assert house.kafka.read(Topic.DETAILS)
    assert 1 == house.counts["rejected: topic number"]


def test_of_a_record_that_claims_another_provider_no_byte_is_kept() -> None:
    """The topic is its owner's, and what it says of others is not shown to them."""
    house = House()
    house.write(record(provider="RXX"), topic=OTHERS)

    house.take()

    [kept] = house.kept()
    assert (FOREIGN, "provider", None, OdsCode("RXM")) == (kept.reason, kept.location, kept.raw, kept.sender)
    assert [] == house.visits()
    assert 1 == house.counts[FOREIGN]


@pytest.mark.parametrize(
    ("provider", "reason", "location"),
    [
        ("RXX", "sending application not registered", "system"),
        ("RXM", "sending facility not registered", "provider"),
    ],
)
def test_a_sender_that_the_file_does_not_name_is_refused_as_over_mllp(
    provider: str, reason: str, location: str
) -> None:
    """Dossier 6.5: no byte of it is kept, and it is counted; who is named is taken."""
    house = House(Senders(providers={OdsCode("RXX"): Provider(sender={"EDSYS": Sender()})}))
    house.write(record(), topic=OWN)
    house.write(record(provider=provider, system="OTHER"), topic=OWN if provider == "RXX" else OTHERS)

    house.take()

    [kept] = house.kept()
    assert (reason, location, None) == (kept.reason, kept.location, kept.raw)
    assert 1 == len(house.visits())
    assert 1 == house.counts["rejected: topic sender"]


def settled(**said: object) -> Senders:
    """Return a file of one sender, of which this is settled."""
    sender = Sender(**said)  # type: ignore[arg-type]  # of several keys
    return Senders(providers={OdsCode("RXX"): Provider(sender={"EDSYS": sender})})


@pytest.mark.parametrize(
    ("event", "unknown", "read_as", "came_to"),
    [
        ("REGISTERED", Unknown.REFUSE, "", "A04"),
        ("ADMITTED", Unknown.REFUSE, "", "event not taken"),
        ("ADMITTED", Unknown.ACCEPT, "", "acknowledged: ADMITTED"),
        ("ADMITTED", Unknown.REFUSE, "A04", "A04"),
    ],
)
def test_the_events_that_are_settled_for_a_system_are_those_taken(
    event: str, unknown: Unknown, read_as: str, came_to: str
) -> None:
    """Dossier 6.4, 6.5: an event is taken, read as another, acknowledged unread or refused, as over MLLP."""
    codes = Codes(meanings=(("A01", read_as),)) if read_as else Codes()
    house = House(settled(events=frozenset({"A04"}), unknown_events=unknown, read_as=codes))
    house.write(record(event=event))

    house.take()

    found = [one.event.value for one in house.visits()] + [one.reason for one in house.kept()]
    found += [name for name in house.counts if name.startswith("acknowledged")]
    assert [came_to] == found


def test_a_systems_own_codes_mean_what_is_settled() -> None:
    """Rulings 4, R46: class, admission type and disposition, each with the national one."""
    codes = {name: Codes(meanings=((own, national),)) for name, own, national in _OWN_CODES}
    house = House(settled(**codes))
    house.write(record(patient_class="AE", admission_type="URG", disposition="WENT"))

    house.take()

    [visit] = house.visits()
    assert ("E", "21", "1") == (visit.patient_class, visit.admission_type, visit.disposition)


_OWN_CODES = (("patient_classes", "AE", "E"), ("admission_types", "URG", "21"), ("dispositions", "WENT", "1"))
