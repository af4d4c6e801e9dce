"""
Intake that dies at its n-th step on a hospital's messages or on an authority's file, and its successor.

The hospital keeps what was not answered and sends it again, as an interface engine does. The authority drops
its file once. Point n has people and visits of its own, and for the file a drop folder of its own.
"""

import asyncio
import os
import signal
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, partial
from itertools import islice
from pathlib import Path

from broker.adapters.cluster import Cluster
from broker.adapters.drop_folder import ANSWER_SUFFIX, DONE
from broker.adapters.kafka_facts import KafkaFactLog
from broker.adapters.kafka_tail import KafkaInputTail
from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_tail import MemoryInputTail
from broker.core.facts import VisitMessage
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.kept_uploads import KeptUpload, UploadDoor
from broker.core.keyed import message_reference
from broker.core.senders import Peer
from broker.ports import Record, Topic
from broker.runtime.intake_role import IntakeRole
from broker.runtime.parts import Parts, assemble
from broker.runtime.provider_topics import Inward
from broker.runtime.settings import Settings
from broker.runtime.upload_doors import UploadDoors
from broker.wire.mllp import END, START, frame
from broker.wire.records_codec import Door, Rejected
from tests.builders.adt import Adt, Patient
from tests.builders.matcher import NOON, attendance, numbers, plan
from tests.builders.upload import Person, PlanBlock, build_upload
from tests.builders.upload import Record as PlanRecord
from tests.builders.upload_store import keep
from tests.fault.checker import read_topics
from tests.fault.dying import Death, Life, Mortal, Steps
from tests.fault.load import AUTHORITIES, PROVIDERS, Sent
from tests.waiting import wait_until

HOST = "127.0.0.1"
RECEIVED = NOON + timedelta(seconds=1)
"""When everything is received: what is written depends on the bytes alone."""
_FILE, _FILE_AGAIN = "upload.xml", "upload.2.xml"
_REFUSED = b"MSA|AR"
_NO_NUMBER = "9990000000"  # its check digit is wrong
NAMED = {"family": "Testcase", "given": "Ada", "born": "20170301"}  # as the builders of the matcher's facts
_TAKEN = (Topic.PLANS, Topic.ATTENDANCES, Topic.IDENTITY)
_PEER_S = 180.0
_HL7_TIME = "%Y%m%d%H%M%S"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where intakes work, sharing the keys of a directory; `log` is where they put what they accepted."""

    servers: str
    directory: Path
    log: type[KafkaFactLog] = KafkaFactLog

    @property
    def cluster(self) -> Cluster:
        """The Kafka."""
        return Cluster(self.servers)

    def settings(self, number: int) -> Settings:
        """Return the settings of the intake of one point."""
        return Settings(
            kafka_bootstrap_servers=self.servers,
            data_dir=self.directory,
            drop_folder=self.directory / f"drop-{number}",
            kept_files_dir=self.directory / f"kept-{number}",
            mllp_port=0,
        )


@dataclass(frozen=True, slots=True)
class CrashFree:
    """What an intake answers to messages and files, writes and keeps when nothing goes wrong."""

    answers: Sequence[bytes]
    acknowledgements: Sequence[bytes]
    facts: Sequence[Sent]
    kept: Sequence[Rejected]
    items: frozenset[bytes]
    """Keys of what is work for people."""


@cache
def parts_of(site: Site) -> Parts:
    """Return what every intake of a site is put together from."""
    return assemble(site.settings(0))


def intake_in_memory(site: Site, kafka: MemoryKafka) -> IntakeRole:
    """Return a site's intake in front of a Kafka in memory, not started."""
    return IntakeRole(
        site.settings(0),
        parts_of(site),
        facts=MemoryFactLog(kafka),
        tail=MemoryInputTail(kafka, Topic.ATTENDANCES),
        clock=lambda: RECEIVED,
    )


def crash_free(site: Site, *, messages: Iterable[int] = (), files: Iterable[int] = ()) -> CrashFree:
    """Give an intake on the in-memory Kafka the messages of these numbers, then the files of those."""
    kafka, parts = MemoryKafka(), parts_of(site)
    role = intake_in_memory(site, kafka)

    async def scenario() -> tuple[list[bytes], list[bytes]]:
        await role._following.catch_up()
        every = [message for number in messages for message in messages_of(number)]
        answers = [await role._receive(message, Peer(HOST)) for message in every]
        return answers, [await _answer(role._files, number) for number in files]

    answers, acknowledgements = asyncio.run(scenario())
    return CrashFree(
        answers,
        acknowledgements,
        sent_in(parts, (record for topic in _TAKEN for record in kafka.read(topic))),
        kept_in(parts, kafka.read(Topic.REJECTED)),
        frozenset(record.key or b"" for record in kafka.read(Topic.WORKLIST)),
    )


async def _answer(doors: UploadDoors, number: int) -> bytes:
    """Return the answer to the file of a number."""
    upload = KeptUpload(
        upload_id=f"{number:032x}",
        door=UploadDoor.FOLDER,
        senders=frozenset(),
        received_at=RECEIVED,
        digest="",
    )
    keep(doors._store, upload, file_of(number))
    return (await doors._queue._desk.settle(upload)).acknowledgement


def counterparts(messages: Iterable[int], files: Iterable[int]) -> list[Sent]:
    """Return what makes alerts of it all: a plan for whoever came, a visit for whoever is in a file."""
    return [
        Sent(person(number), plan(authority=organisation_of(number, AUTHORITIES))) for number in messages
    ] + [
        Sent(
            person(number, of_file=True),
            attendance(f"file-{number}", provider=organisation_of(number, PROVIDERS)),
        )
        for number in files
    ]


async def check_durable(site: Site, expected: CrashFree) -> None:
    """Assert that the inputs hold every fact of a crash-free run and no other, and so the rejected."""
    found = await read_topics(site.cluster, [*_TAKEN, Topic.REJECTED, Topic.WORKLIST])
    parts = parts_of(site)
    assert set(expected.facts) == set(sent_in(parts, (record for topic in _TAKEN for record in found[topic])))
    assert set(expected.kept) == set(kept_in(parts, found[Topic.REJECTED]))
    assert expected.items == {record.key for record in found[Topic.WORKLIST]}
    _check_sendings(site, parts, found)


def _check_sendings(site: Site, parts: Parts, found: Mapping[str, Sequence[Record]]) -> None:
    """Assert that no message, taken or kept, lies there more often than it was sent."""
    sent = Counter(line for file in site.directory.glob("sent-*") for line in file.read_text().split())
    facts = [one.fact for one in sent_in(parts, found[Topic.ATTENDANCES])]
    written = Counter(fact.message_id for fact in facts if isinstance(fact, VisitMessage))
    kept = [one for one in kept_in(parts, found[Topic.REJECTED]) if one.door is not Door.UPLOAD]
    written.update(message_reference(parts.key, one.raw) for one in kept if one.raw)
    assert written <= sent


def sent_in(parts: Parts, records: Iterable[Record]) -> list[Sent]:
    """Return the facts of records of inputs."""
    return [
        Sent(
            NhsNumber((record.key or b"").decode()),
            parts.facts.decode(Topic(record.topic), record.key or b"", record.value or b""),
        )
        for record in records
    ]


def kept_in(parts: Parts, records: Iterable[Record]) -> list[Rejected]:
    """Return what was kept instead of taken."""
    return [parts.records.decode_rejected(record.value or b"") for record in records]


def person(number: int, *, of_file: bool = False) -> NhsNumber:
    """Return the person of a number's messages, or of its file."""
    return next(islice(numbers(), 3 * number + of_file, None))


def stranger(number: int) -> NhsNumber:
    """Return the person under whose number a visit was recorded first, of whom nobody has a plan."""
    return next(islice(numbers(), 3 * number + 2, None))


def messages_of(number: int) -> list[bytes]:
    """
    Return what a hospital sends: a registration, one it must mend, one without a number, a discharge.

    The visit was first recorded under a stranger's number, which it leaves (ruling 44). The one without a
    number is of somebody of whom nothing is known, so that nobody is asked who it may be (21). Behind them
    the stranger's record is restricted, newly and again (24), and a merge names two numbers (42).
    """
    later = NOON + timedelta(minutes=90)
    patient = Patient(number=person(number).key.decode(), **NAMED)
    visit = {"class": "E", "location": "ED", "visit": f"V{number}", "arrived": hl7_time(NOON)}
    first = Adt(
        event="A04",
        control_id=f"{number}A",
        recorded=hl7_time(NOON),
        patient=patient,
        provider=organisation_of(number, PROVIDERS).code,
        pv1=visit,
    )
    return [
        message.text().encode()
        for message in (
            replace(
                first,
                control_id=f"{number}0",
                recorded=hl7_time(NOON - timedelta(minutes=5)),
                patient=replace(patient, number=stranger(number).key.decode()),
            ),
            first,
            replace(first, control_id=f"{number}B", recorded="nonsense"),
            replace(
                first,
                control_id=f"{number}C",
                patient=replace(patient, number=None, family="UNKNOWN", given="BABY", born=""),
                pv1={**visit, "visit": f"U{number}"},
            ),
            replace(
                first,
                event="A03",
                control_id=f"{number}D",
                recorded=hl7_time(later),
                pv1={**visit, "departed": hl7_time(later)},
            ),
            *(
                replace(
                    first,
                    event=event,
                    control_id=f"{number}{event}",
                    patient=replace(patient, number=stranger(number).key.decode()),
                    pv1={"restricted": "S"},
                )
                for event in ("A28", "A31")
            ),
            replace(
                first,
                event="A40",
                control_id=f"{number}E",
                pv1={},
                more=(f"MRG|{stranger(number).key.decode()}^^^NHS",),
            ),
        )
    ]


def file_of(number: int) -> bytes:
    """Return the file of a point: a plan, and a record whose NHS number cannot be one."""
    key = person(number, of_file=True).key.decode()
    plan = PlanBlock(start="202601100930")
    return build_upload(
        [
            PlanRecord(plans=[plan], child=Person(number=key, **NAMED)),
            PlanRecord(plans=[plan], child=Person(number=_NO_NUMBER, **NAMED)),
        ],
        file_id=f"FILE-{number}",
        created="20260405063000",
        authority=organisation_of(number, AUTHORITIES).code,
    )


def organisation_of(number: int, codes: Sequence[OdsCode]) -> OdsCode:
    """Return the organisation of a number."""
    return codes[number % len(codes)]


def hl7_time(moment: datetime) -> str:
    """Return a moment as HL7 version 2 writes it, in London's summer."""
    return (moment + timedelta(hours=1)).strftime(_HL7_TIME)


def play_messages(site: Site, number: int, death: Death) -> list[Life]:
    """Send a hospital's messages to an intake that dies, and what it left unanswered to its successor."""
    outbox = messages_of(number)
    answers: list[bytes] = []
    with intake(site, number, death, "messages") as (mortal, port):
        answers += converse(port, outbox, partial(note_sending, site, number))
    life = mortal.life()
    if life.died:
        with intake(site, number, Death(), "messages-again") as (successor, port):
            answers += converse(port, outbox[len(answers) :], partial(note_sending, site, number))
        successor.life()
    assert crash_free(site, messages=[number]).answers == answers
    return [life]


def note_sending(site: Site, number: int, message: bytes) -> None:
    """Note that one of a number's messages is sent now: a line for each time."""
    with (site.directory / f"sent-{number}").open("a") as file:
        file.write(f"{message_reference(parts_of(site).key, message)}\n")


def play_upload(site: Site, number: int, death: Death) -> list[Life]:
    """Drop a file before an intake that dies, and leave it to its successor."""
    folder = site.settings(number).drop_folder
    folder.mkdir(exist_ok=True)
    (folder / _FILE).write_bytes(file_of(number))

    with intake(site, number, replace(death, folder=folder), "file") as (mortal, _):
        _wait_for_file(folder, mortal)
    life = mortal.life()
    if life.died:
        with intake(site, number, Death(), "file-again") as (successor, _):
            _wait_for_file(folder, successor)
        successor.life()

    left = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    answer, again = (f"{DONE}/{name}{ANSWER_SUFFIX}" for name in (_FILE, _FILE_AGAIN))
    expected = crash_free(site, files=[number]).acknowledgements
    assert {answer} <= set(left) <= {answer, again}  # one more where it died before the file was removed
    assert all(expected == [path.read_bytes()] for path in left.values())
    return [life]


def converse(port: int | None, outbox: Sequence[bytes], sending: Callable[[bytes], None]) -> list[bytes]:
    """
    Send messages one after the other, each again while it is refused; return the answers until the peer dies.

    `port` is None for a peer that has never opened its door. `sending` hears of each time.
    """
    answers: list[bytes] = []
    try:
        with socket.create_connection((HOST, port or 0), _PEER_S) as peer, peer.makefile("rb") as stream:
            for message in outbox:
                answer = _REFUSED
                while _REFUSED in answer:
                    sending(message)
                    peer.sendall(frame(message))
                    answer = b""
                    while not answer.endswith(END):
                        octet = stream.read(1)
                        if not octet:
                            return answers
                        answer += octet
                answers.append(answer.removeprefix(START).removesuffix(END))
    except ConnectionError:
        return answers
    return answers


def _wait_for_file(folder: Path, mortal: Mortal) -> None:
    """Wait until the file has been moved, or nobody is there any more to do it."""
    wait_until(lambda: mortal.has_ended() or not (folder / _FILE).exists(), _PEER_S, "the file taken")


@contextmanager
def intake(
    site: Site, number: int, death: Death, name: str, *, http: bool = False, inward: Inward | None = None
) -> Iterator[tuple[Mortal, int | None]]:
    """
    Lend an intake and the port of its door; at the end it is told to stop.

    With `http` that is the door of FHIR; `inward` are topics that providers write to.
    """
    heard, told = os.pipe()
    settings = site.settings(number).model_copy(update={"http_port": 0 if http else None})
    mortal = Mortal(
        lambda steps: _live(site, settings, inward, steps, told), death, site.directory, f"{name}-{number}"
    )
    os.close(told)
    with os.fdopen(heard, "rb") as stream:
        port = stream.readline()
        yield mortal, int(port) if port else None
    mortal.stop()


def _live(site: Site, settings: Settings, inward: Inward | None, steps: Steps, told: int) -> None:
    """Be an intake until SIGTERM; the port of the door is told once it is open."""
    with asyncio.Runner() as runner:
        runner.get_loop().set_task_factory(steps.task_factory)
        runner.run(_take(site, settings, inward, steps, told))


async def _take(site: Site, settings: Settings, inward: Inward | None, steps: Steps, told: int) -> None:
    """Take what comes; steps are counted from when the doors are open to the end."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    facts = site.log(site.cluster)
    await facts.start()
    tail = KafkaInputTail(site.cluster, Topic.ATTENDANCES)
    role = IntakeRole(settings, parts_of(site), facts=facts, tail=tail, clock=lambda: RECEIVED, inward=inward)
    await role.start()
    steps.begin()
    os.write(told, f"{role.http_port or role.port}\n".encode())
    await stop.wait()
    await role.stop()
    await facts.close()
