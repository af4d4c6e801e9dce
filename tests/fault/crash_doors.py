"""
Intake that dies at its n-th step at the doors of FHIR and of providers' own topics, and its successor.

A hospital's FHIR client keeps what was not answered and sends it again. What lies in a provider's topic is
taken again from where the group's offset stands. Point n has people, visits, and for the topic a topic and a
group of its own.
"""

import asyncio
import socket
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, BinaryIO
from urllib.parse import quote

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from broker.adapters.kafka_offers import KafkaOffers
from broker.adapters.memory import MemoryKafka
from broker.ports import Offered, Topic
from broker.runtime.provider_topics import Inward
from broker.wire.records_codec import Door
from tests.builders.adt import Adt, Patient
from tests.builders.fhir import VISITS, encounter, message, written
from tests.builders.hospital_record import record
from tests.builders.http_house import request
from tests.builders.matcher import NOON, plan
from tests.fault.crash_intake import (
    HOST,
    NAMED,
    CrashFree,
    Site,
    hl7_time,
    intake,
    intake_in_memory,
    kept_in,
    note_sending,
    organisation_of,
    parts_of,
    person,
    sent_in,
)
from tests.fault.dying import Death, Life, Mortal
from tests.fault.load import AUTHORITIES, PROVIDERS, Sent
from tests.waiting import wait_until

FHIR, TOPIC = 500, 800
"""Added to a number to find the person and the visit that it has at each of the doors."""
_PEER_S = 180.0
_AWAY = 503
_NHS = "https://fhir.nhs.uk/Id/nhs-number"
_LEFT = timedelta(minutes=90)
STATUSES = [200, 422, 200]
"""What is answered to a number's requests."""


def play_fhir(site: Site, number: int, death: Death) -> list[Life]:
    """Post a visit's resources to an intake that dies, and what it left unanswered to its successor."""
    outbox = requests_of(number)
    answers: list[int] = []
    with intake(site, number, death, "fhir", http=True) as (mortal, port):
        answers += _post(port, outbox, site, number)
    life = mortal.life()
    if life.died:
        with intake(site, number, Death(), "fhir-again", http=True) as (successor, port):
            answers += _post(port, outbox[len(answers) :], site, number)
        successor.life()
    assert STATUSES == answers
    return [life]


def play_topic(site: Site, number: int, death: Death) -> list[Life]:
    """Write a visit's records to its provider's topic, for an intake that dies, and for its successor."""
    topics = _inward(site, number)
    asyncio.run(_write(site, number))
    with intake(site, number, death, "topic", inward=topics) as (mortal, _):
        _wait_for_offset(site, number, mortal)
    life = mortal.life()
    if life.died:
        with intake(site, number, Death(), "topic-again", inward=topics) as (successor, _):
            _wait_for_offset(site, number, successor)
        successor.life()
    return [life]


def crash_free(site: Site, *, fhir: Iterable[int], topic: Iterable[int]) -> CrashFree:
    """Return what an intake on the in-memory Kafka writes and keeps of what these numbers send."""
    kafka, parts = MemoryKafka(), parts_of(site)
    role = intake_in_memory(site, kafka)

    async def scenario() -> None:
        """Take everything through the use case, as the doors do."""
        await role._following.catch_up()
        for number in fhir:
            for _, _, body in requests_of(number):
                await role._intake.take(body, Door.FHIR, sender=role._senders.settled)
        for number in topic:
            owner = organisation_of(number, PROVIDERS)
            for offered in records_of(number):
                await role._intake.take(offered, Door.TOPIC, sender=role._senders.settled, owner=owner)

    asyncio.run(scenario())
    return CrashFree(
        answers=(),
        acknowledgements=(),
        facts=sent_in(parts, kafka.read(Topic.ATTENDANCES)),
        kept=kept_in(parts, kafka.read(Topic.REJECTED)),
        items=frozenset(),
    )


def counterparts(fhir: Iterable[int], topic: Iterable[int]) -> list[Sent]:
    """Return what makes alerts of it all: a plan for whoever came."""
    return [
        Sent(person(number + door), plan(authority=organisation_of(number, AUTHORITIES)))
        for door, numbers in ((FHIR, fhir), (TOPIC, topic))
        for number in numbers
    ]


def requests_of(number: int) -> list[tuple[str, str, bytes]]:
    """Return method, path and body of what a FHIR client sends: a message, one to be mended, how it ended."""
    visit = f"F{number}"
    adt = Adt(
        event="A04",
        control_id=f"F{number}A",
        recorded=hl7_time(NOON),
        patient=Patient(number=person(number + FHIR).digits, **NAMED),
        provider=organisation_of(number, PROVIDERS).code,
        pv1={"class": "E", "location": "ED", "visit": visit, "arrived": hl7_time(NOON)},
    )
    subject = {"identifier": {"system": _NHS, "value": adt.patient.number}}
    later = hl7_time(NOON + _LEFT)
    ended = encounter(
        replace(adt, event="A03", recorded=later, pv1={**adt.pv1, "departed": later}), subject=subject
    )
    broken = message(replace(adt, control_id=f"F{number}B"))
    broken["entry"][1]["resource"]["status"] = "cheerful"
    return [
        ("POST", "/fhir/R4/$process-message", written(message(adt))),
        ("POST", "/fhir/R4/$process-message", written(broken)),
        ("PUT", f"/fhir/R4/Encounter?identifier={quote(f'{VISITS}|{visit}')}", written(ended)),
    ]


def records_of(number: int) -> list[bytes]:
    """Return what a provider writes to its topic: a registration, bytes that are no record, a discharge."""
    said = {
        "control_id": f"T{number}A",
        "provider": organisation_of(number, PROVIDERS).code,
        "visit_number": f"T{number}",
        "nhs_numbers": [person(number + TOPIC).digits],
        "family": NAMED["family"],
        "given": NAMED["given"],
        "birth_date": None,
        "recorded_at": NOON,
        "arrived_at": NOON,
    }
    left = {
        "control_id": f"T{number}B",
        "event": "DISCHARGED",
        "recorded_at": NOON + _LEFT,
        "departed_at": NOON + _LEFT,
    }
    return [record(**said), f"no record {number}".encode(), record(**{**said, **left})]


def _post(port: int | None, outbox: Sequence[tuple[str, str, bytes]], site: Site, number: int) -> list[int]:
    """Post one after the other, each again while it is not taken; return statuses until the peer dies."""
    statuses: list[int] = []
    try:
        with socket.create_connection((HOST, port or 0), _PEER_S) as peer, peer.makefile("rb") as stream:
            for method, path, body in outbox:
                status: int | None = _AWAY
                while status == _AWAY:
                    note_sending(site, number, body)
                    peer.sendall(request(body, method=method, path=path))
                    status = _status(stream)
                if status is None:
                    return statuses
                statuses.append(status)
    except ConnectionError:
        return statuses
    return statuses


def _status(stream: BinaryIO) -> int | None:
    """Return the status of an answer that came whole, None where the peer is gone."""
    first, length = stream.readline(), 0
    while line := stream.readline().strip():
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    return int(first.split(b" ")[1]) if len(stream.read(length)) == length > 0 else None


class NotedOffers(KafkaOffers):
    """Notes what is offered of a number's records, each time."""

    def __init__(self, site: Site, number: int, **options: Any) -> None:
        """Take from the number's topic, for its group."""
        self._number = number
        self._site = site
        super().__init__(site.cluster, [_topic(number)], group=_topic(number), **options)

    async def take(self) -> Sequence[Offered]:
        """Note what is taken before it is."""
        taken = await super().take()
        for one in taken:
            note_sending(self._site, self._number, one.value)
        return taken


def _inward(site: Site, number: int) -> Inward:
    """Return a number's topic, and whose it is."""
    return Inward(
        owners={_topic(number): organisation_of(number, PROVIDERS)},
        opening=lambda assigned, lost: NotedOffers(site, number, on_assigned=assigned, on_lost=lost),
    )


def _topic(number: int) -> str:
    """Return the name of a number's topic, and of the group that takes from it."""
    return f"crash.attendances.{number}"


async def _write(site: Site, number: int) -> None:
    """Make a number's topic, and write its provider's records."""
    admin = AIOKafkaAdminClient(**site.cluster.connection())
    await admin.start()
    try:
        await admin.create_topics([NewTopic(_topic(number), num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()
    async with AIOKafkaProducer(**site.cluster.connection(), acks="all") as producer:
        for one in records_of(number):
            await producer.send_and_wait(_topic(number), one)


def _wait_for_offset(site: Site, number: int, mortal: Mortal) -> None:
    """Wait until the group's offset stands behind every record, or nobody is there any more to move it."""
    wait_until(
        lambda: mortal.has_ended() or asyncio.run(_is_taken(site, number)),
        _PEER_S,
        "a provider's topic taken",
    )


async def _is_taken(site: Site, number: int) -> bool:
    """Return whether the group's offset stands behind every record."""
    admin = AIOKafkaAdminClient(**site.cluster.connection())
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(_topic(number))
    except KafkaError as error:  # nobody has been of the group yet
        if not error.retriable:
            raise
        return False
    finally:
        await admin.close()
    return any(one.offset == len(records_of(number)) for one in offsets.values())
