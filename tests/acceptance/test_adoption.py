"""
An adoption through every door, and then the search for anything that connects the old number with the new.

One child: the given name, the date of birth, the authority's own id, the hospital's id and the visit number
stay the same, the family name too as the case may be. The child comes by MLLP, FHIR and a provider's own
topic, its plan by the command line, HTTP (XML and a table), the message exchange and the drop folder; it is
traced, and the source is asked. A provider's own systems and the authority's mailbox are told. Who searches
holds the identity key and no day's key.
Ruling 23, R37. The authority's own topic, its own rows of the inbox and what is sent to it alone may hold its
own id of the child beside either number.
"""

import asyncio
import hashlib
import re
import sqlite3
import sys
import urllib.request
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import chain, islice
from pathlib import Path

import pytest

from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kafka_facts import KafkaFactLog
from broker.adapters.kafka_topics import apply_topics
from broker.adapters.memory_demographics import MemoryDemographics
from broker.core.demographics import Current
from broker.core.facts import Details, IdentityKind, IdentityNotice
from broker.core.identifiers import NhsNumber
from broker.core.keyed import IdentityKey
from broker.core.number_answers import answered
from broker.core.policy import Policy
from broker.core.possible import Shelf
from broker.core.possible_keys import Window, details_keys, person_reference
from broker.core.possible_newborns import mother_key
from broker.core.waiting import waiting_number_key
from broker.ports import Record, Topic
from broker.runtime.codecs import load_schemas
from broker.runtime.kafka import embedded_kafka
from broker.runtime.parts import present
from broker.services.feed_health import FeedLog
from broker.services.rejections import Rejections
from broker.services.upload_reading import read_here
from broker.services.uploads import Uploads
from broker.services.verifying import Verifying
from broker.services.waiting_records import WaitingRecords
from broker.upload_ports import in_memory
from broker.wire.feed_codec import FeedCodec
from broker.wire.upload_codes import RecordCode
from tests.acceptance.adoption_doors import (
    AUTHORITY,
    BY_FHIR,
    BY_TOPIC,
    CHANGED,
    COUNTED,
    OWN_TOPIC,
    RECORD_CHANGED,
    Answered,
    Doors,
    driven,
    listed,
    opened,
    settings,
    topics_text,
)
from tests.acceptance.adoption_peers import COUNCIL, NOT_IN_USE, TOLD, Peers, peers, traced
from tests.builders.adt import Adt, Patient
from tests.builders.hasty_kafka import HASTY_BROKER, declared
from tests.builders.hl7 import wall_time
from tests.builders.matcher import KEY, numbers
from tests.builders.terminal import PATIENCE_SECONDS, Desk, mllp_port, send, with_key
from tests.builders.upload import Person, PlanBlock, build_upload
from tests.builders.upload import Record as PlanRecord
from tests.byte_search import forms
from tests.fault.checker import read_topics
from tests.fault.fleet import Fleet
from tests.fault.fleet import send as put
from tests.fault.load import Sent
from tests.waiting import wait_until

GROUNDS = ("--by", "A. Operator", "--reason", "ticket 4711")
BEFORE, AFTER = islice(numbers(), 40, 42)
OLD = Patient(
    number=BEFORE.digits, family="Quillfeather", given="Ottoline", born="20160307", local_id="L-ADOPT-77"
)
NEW = replace(OLD, number=AFTER.digits, family="Marchbanks")
BORN = date(2016, 3, 7)
CHILD_ID, VISIT = "CHILD-ADOPT-4711", "VISIT-ADOPT-815"
SHARED = (CHILD_ID, VISIT, BY_FHIR, BY_TOPIC, OLD.local_id, OLD.given, "20160307", "2016-03-07")
"""What is the same under both numbers, and would connect them."""

AUTHORITY_TOPIC = "cpis.alerts.la.211"
TOPICS = (*Topic, AUTHORITY_TOPIC, OWN_TOPIC, "cpis.alerts.provider.RXH")
NAMING = (
    AUTHORITY_TOPIC,
    "a row of the authority's inbox",
    TOLD + " to the authority",
    NOT_IN_USE + " to the authority",
    "PEOPLE_TRACE_ANSWER",
    "ORU to the engine",
    "Bundle to the FHIR server",
    "cpis trace one",
    "cpis trace batch",
    "an event that the authority fetches",
)
"""Where somebody is told who may know one of the numbers: a search that finds none there has not looked."""
HASHES = ("md5", "sha1", "sha256", "sha512")
REFERENCE = re.compile(
    rb"(?<![0-9a-f])(?:[0-9a-f]{32}|[0-9a-f]{16}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9a-f])",
    re.IGNORECASE,
)
UNNUMBERED = "9990000019"  # the check digit is wrong


def any_of(words: Iterable[str]) -> re.Pattern[bytes]:
    """Return a pattern for words in every form in which they may be written."""
    return re.compile(b"|".join(re.escape(form) for word in words for form in sorted(forms(word))))


def hashed(number: str) -> list[bytes]:
    """Return what a number becomes without a key: all of them can be tried in minutes."""
    digests = [hashlib.new(name, number.encode(), usedforsecurity=False).digest() for name in HASHES]
    return [form for one in digests for form in (one, one.hex().encode(), b64encode(one).rstrip(b"="))]


UNKEYED = re.compile(b"|".join(re.escape(form) for n in (BEFORE, AFTER) for form in hashed(n.digits)))


def derived(key: IdentityKey, number: NhsNumber) -> set[str]:
    """Return what the holder of the identity key can make of a number, long or cut."""
    purposes = ("on file", "inactive", "erasure", "number", "person")
    references = {key.derive(purpose, number.key) for purpose in purposes}
    references |= {waiting_number_key(key, number), mother_key(key, number)}
    return references | {reference[:16] for reference in references}


def digests(key: IdentityKey, patient: Patient) -> frozenset[str]:
    """Return what the holder of the identity key can make of somebody's names and date of birth."""
    return frozenset(details_keys(key, Details(family=patient.family, given=patient.given, birth_date=BORN)))


@dataclass(frozen=True, kw_only=True)
class Sought:
    """
    What to look for of an adopted child, by whoever holds the identity key and no key of a day.

    `salt` is that of the record under the old number, as it was before it was sealed: what leads to it leads
    to the old number.
    """

    key: IdentityKey
    new: Patient = NEW
    salt: bytes = b""

    @cached_property
    def of_old(self) -> re.Pattern[bytes]:
        """What belongs to the old identity alone."""
        names = {OLD.family} - {self.new.family}
        made = derived(self.key, BEFORE) | {person_reference(self.key, BEFORE, self.salt)}
        return any_of((BEFORE.digits, *names, *sorted(made)))

    @cached_property
    def of_new(self) -> re.Pattern[bytes]:
        """What belongs to the new identity alone."""
        names = {self.new.family} - {OLD.family}
        return any_of((AFTER.digits, *names, *sorted(derived(self.key, AFTER))))

    @cached_property
    def of_both(self) -> re.Pattern[bytes]:
        """What is the same under both, and what is made of details: it may lie in `cpis.people` alone."""
        names = {OLD.family} & {self.new.family}
        return any_of((*SHARED, *names, *sorted(digests(self.key, OLD) | digests(self.key, self.new))))


@dataclass
class Found:
    """
    Pieces – records, rows, lines, answers – that were searched, and what in them connects the numbers.

    `places` counts them by where they lie, `naming` those of them in which either number was found.
    """

    sought: Sought
    pieces: int = 0
    size: int = 0
    allowed: int = 0
    places: Counter[str] = field(default_factory=Counter)
    naming: Counter[str] = field(default_factory=Counter)
    links: list[str] = field(default_factory=list)
    old: set[bytes] = field(default_factory=set)
    new: set[bytes] = field(default_factory=set)
    old_days: set[date] = field(default_factory=set)
    new_days: set[date] = field(default_factory=set)

    def look(self, place: str, piece: bytes, *, may_hold: bool = False) -> None:
        """Search one piece; `may_hold`: it is where ruling 23 lets what is shared stand."""
        self.pieces += 1
        self.size += len(piece)
        of_old, of_new = bool(self.sought.of_old.search(piece)), bool(self.sought.of_new.search(piece))
        self.places[place] += 1
        self.naming[place] += of_old or of_new
        if of_old and of_new:
            self.links.append(f"both numbers in {place}")
        if UNKEYED.search(piece):
            self.links.append(f"a hash without a key in {place}")
        if self.sought.of_both.search(piece):
            self.allowed += may_hold
            if not may_hold:
                self.links.append(f"what is shared in {place}")
        references = {one.lower() for one in REFERENCE.findall(piece)}
        self.old |= references if of_old else set()
        self.new |= references if of_new else set()

    def look_at_shelf(self, key: bytes, shelf: Shelf) -> None:
        """Note on which days plans begin that lie under the old number, or details of the new identity."""
        under, first_days = key.decode(), {window.first for window in shelf.on_file.values()}
        if under == waiting_number_key(self.sought.key, BEFORE):
            self.old_days |= first_days
        elif under in digests(self.sought.key, self.sought.new):
            self.new_days |= first_days

    @property
    def everything(self) -> list[str]:
        """All links, those by a reference or a day that stands with either number among them."""
        return [
            *self.links,
            *(f"one reference with both: {one!r}" for one in self.old & self.new),
            *(f"one first day of a plan with both: {day}" for day in self.old_days & self.new_days),
        ]

    def __str__(self) -> str:
        """Return how much was searched."""
        return (
            f"{self.pieces:,} records, rows, lines and answers, {self.size:,} bytes, searched: "
            f"{len(self.everything)} links found"
        )


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Lend a desk at a Kafka that compacts at once."""
    with embedded_kafka(properties=HASTY_BROKER) as kafka:
        asyncio.run(apply_topics(kafka.cluster, declared({}, topics_text())))
        yield with_key(kafka, tmp_path)


def child_of(patient: Patient) -> Person:
    """Return the child under one of the identities, as the authority knows it."""
    return Person(
        number=patient.number,
        family=patient.family,
        given=patient.given,
        born=patient.born,
        local_id=CHILD_ID,
    )


def upload(desk: Desk, patient: Patient, file_id: str) -> None:
    """Send the plan of the child under one of the identities, and once without a usable number."""
    child = child_of(patient)
    file = desk.directory / f"{file_id}.xml"
    records = (PlanRecord(child=child), PlanRecord(child=replace(child, number=UNNUMBERED)))
    file.write_bytes(build_upload(records, authority="211", file_id=file_id))
    desk.run("upload", str(file))
    file.unlink()  # the authority's own copy is none of ours


async def refuse(desk: Desk, patient: Patient) -> None:
    """Send the plan under the old number, with details that its demographic source does not agree with."""
    source, log = MemoryDemographics(), KafkaFactLog(desk.kafka.cluster, deadline_ms=60_000)
    source.put(BEFORE, Current(details=Details(family="Registered"), recorded_at=present()))
    child = Person(
        number=BEFORE.digits, family=patient.family, given=patient.given, born=patient.born, local_id=CHILD_ID
    )
    policy, codecs = Policy(), desk.codecs
    uploads = Uploads(
        log,
        codecs.facts,
        Rejections(codecs.records, desk.key),
        WaitingRecords(
            codecs.details,
            policy=policy,
            key=desk.key,
            verifying=Verifying(source, policy=policy, key=desk.key),
        ),
        feeds=FeedLog(FeedCodec(load_schemas()), desk.key),
        read=read_here,
        key=desk.key,
        clock=present,
        count=lambda _event: None,
    )
    await log.start()
    try:
        file = build_upload([PlanRecord(child=child)], authority="211", file_id="FILE-3")
        answer = await uploads.load(in_memory(file))
    finally:
        await log.close()
    assert [RecordCode.NOT_VERIFIED] == [one.code for one in answer.records]


def days_on_shelves(desk: Desk, sought: Sought) -> Found:
    """Return on which days plans begin that lie on shelves, by every state that `cpis.people` still has."""
    found = Found(sought)
    for one in desk.records(Topic.PEOPLE):
        if desk.codecs.details.holds(one.value or b""):
            state = desk.codecs.details.decode_state(one.value or b"")
            if isinstance(state, Shelf):
                found.look_at_shelf(one.key or b"", state)
    return found


def attends(port: int, patient: Patient, control_id: str, *, minutes_ago: int, visit: str = VISIT) -> None:
    """Have the child come, under one of the identities or without a number."""
    now = datetime.now(UTC)
    arrived = wall_time(now - timedelta(minutes=minutes_ago))
    pv1 = {"class": "E", "location": "ED", "visit": visit, "arrived": arrived}
    adt = Adt(event="A04", control_id=control_id, recorded=arrived, patient=patient, provider="RXH", pv1=pv1)
    assert "AA" == send(port, adt.text().encode())


def asked_about(desk: Desk) -> int:
    """Return how many visits without a number somebody is asked about."""
    return len(desk.items("worklist", "list"))


def on_file(desk: Desk, new: Patient) -> frozenset[bytes]:
    """Return the references of people on the shelves of what stays the same."""
    shelves = {
        one.key: one.value
        for one in desk.records(Topic.PEOPLE)
        if (one.key or b"").decode() in digests(desk.key, OLD) & digests(desk.key, new)
    }
    states = [desk.codecs.details.decode_state(value) for value in shelves.values() if value is not None]
    return frozenset(
        reference.encode() for state in states if isinstance(state, Shelf) for reference in state.on_file
    )


def salt_of(desk: Desk) -> bytes:
    """Return the salt of the record under the old number, before it is sealed."""
    [*_, value] = [one.value for one in desk.records(Topic.PEOPLE) if one.key == BEFORE.key]
    return desk.codecs.states.decode_person(BEFORE, value or b"").salt


def invalidate(desk: Desk) -> None:
    """Put the demographic source's own answer in: received two days ago, as the source's adapter would."""
    at = datetime.now(UTC) - timedelta(days=2)
    notice = IdentityNotice(
        notice_id="invalidation", kind=IdentityKind.INVALIDATED, recorded_at=at, received_at=at
    )
    asyncio.run(put(desk.kafka.cluster, desk.codecs, [Sent(BEFORE, notice)]))


def in_use(desk: Desk) -> None:
    """Put in what the source said of the old number three days ago, as its adapter would."""
    at = datetime.now(UTC) - timedelta(days=3)
    said = answered(BEFORE, Current(details=Details(birth_date=BORN), recorded_at=at), at, desk.key)
    asyncio.run(put(desk.kafka.cluster, desk.codecs, [Sent(BEFORE, one) for one in said]))


def is_told(around: Peers, number: NhsNumber) -> bool:
    """Whether a provider's engine and its FHIR server were both told of a number."""
    systems, digits = around.systems, number.digits.encode()
    return all(any(digits in one for one in told) for told in (systems.messages, systems.bundles))


def told_of(desk: Desk, patient: Patient) -> int:
    """Return how many events of cpis.alerts are about a number."""
    return sum((patient.number or "").encode() in (one.value or b"") for one in desk.records(Topic.ALERTS))


def parts_left(desk: Desk) -> int | None:
    """Return how many sealed parts are kept under the old number; None before it is shut away."""
    values = [one.value for one in desk.records(Topic.PEOPLE) if one.key == BEFORE.key]
    if not values or values[-1] is None or not desk.codecs.states.is_inactive(values[-1]):
        return None
    return len(desk.codecs.states.decode_inactive(BEFORE, values[-1])[1])


def rows(directory: Path) -> list[tuple[bytes, bool]]:
    """Return each row of the inbox database, and whether it is of the authority's own inbox (ruling 23)."""
    with closing(sqlite3.connect(directory / "broker.sqlite")) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        return [
            (
                repr(row).encode() + b"".join(part for part in row if isinstance(part, bytes)),
                table == "inbox" and row[0] == f"la.{AUTHORITY}",
            )
            for table in tables
            for row in database.execute(f"SELECT * FROM {table}")  # noqa: S608 - names of tables of ours
        ]


def metrics(fleet: Fleet) -> bytes:
    """Return the page of metrics of the newest process."""
    port = fleet.events("operators port open")[-1]["port"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_SECONDS) as page:
        return bytes(page.read())


def search(desk: Desk, fleet: Fleet, sought: Sought, answers: Iterator[Answered]) -> Found:
    """Search every topic, row, log line, metric, file and answer for what connects the numbers."""
    found = days_on_shelves(desk, sought)
    for place, piece, may_hold in (*answers, *pieces(desk, fleet)):
        found.look(place, piece, may_hold=may_hold)
    return found


def pieces(desk: Desk, fleet: Fleet) -> Iterator[tuple[str, bytes, bool]]:
    """Yield everything there is, where it lies, and whether ruling 23 lets what is shared stand there."""
    shelves = desk.codecs.details
    for topic, records in asyncio.run(read_topics(desk.kafka.cluster, TOPICS)).items():
        for one in records:
            may_hold = topic in {AUTHORITY_TOPIC, OWN_TOPIC} or (
                topic == Topic.PEOPLE and (one.key == AFTER.key or shelves.holds(one.value or b""))
            )
            yield topic, whole(one), may_hold
    for row, is_own in rows(desk.directory):
        yield "a row of the authority's inbox" if is_own else "a row of the database", row, is_own
    for line in (*fleet.logs().encode().splitlines(), *metrics(fleet).splitlines()):
        yield "a line of a log or of the metrics", line, False
    for file in desk.directory.rglob("*"):
        if file.is_file() and file.suffix not in {".sqlite", ".sqlite-wal", ".log"}:
            yield file.name, file.read_bytes(), "dropped" in file.parts  # the authority's own answers
    for command in ("answer", "explain"):
        said = desk.run(command, "--visit", f"RXH/{VISIT}", "--json", *GROUNDS)
        yield f"cpis {command}", (said.stdout + said.stderr).encode(), False


def whole(record: Record) -> bytes:
    """Return everything of a record."""
    headers = b"\n".join(name.encode() + b"=" + value for name, value in record.headers)
    return b"\n".join((record.key or b"", record.value or b"", headers))


def is_compacted(desk: Desk, sought: Sought) -> bool:
    """Return whether the people's topic, its files too, holds nothing of the old record any more."""
    assert isinstance(desk.kafka, EmbeddedKafka)
    left = re.compile(
        re.escape(sought.salt) + b"|" + person_reference(desk.key, BEFORE, sought.salt).encode()
    )
    files = [file for file in desk.kafka.directory.rglob(f"{Topic.PEOPLE}-*/*") if file.is_file()]
    pieces = [*(file.read_bytes() for file in files), *(whole(one) for one in desk.records(Topic.PEOPLE))]
    return (
        bool(files)
        and not any(left.search(piece) for piece in pieces)
        and not days_on_shelves(desk, sought).old_days
    )


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """
    One child at the MLLP door and by the command line, first under the old number and then under the new one.

    Every other door is `AtEveryDoor`.
    """

    desk: Desk
    fleet: Fleet
    new: Patient
    told_each: int = 2
    """How many alerts there are under either number: of each visit one for authority and provider each."""

    @property
    def old_child(self) -> Person:
        """The child before."""
        return child_of(OLD)

    @property
    def new_child(self) -> Person:
        """The child after."""
        return child_of(self.new)

    def live(self) -> None:
        """Let the child be known, come and be told of under the old number."""
        in_use(self.desk)
        upload(self.desk, OLD, "FILE-1")
        self.come(OLD)
        port = mllp_port(self.fleet)
        attends(port, OLD, "CONTROL-1", minutes_ago=50)
        attends(port, replace(OLD, number=None), "CONTROL-0", minutes_ago=55, visit="VISIT-UNNUMBERED-1")
        self.until_told(OLD)
        wait_until(lambda: asked_about(self.desk) == 1, PATIENCE_SECONDS, "asked whose the visit is")

    def be_refused(self) -> Found:
        """Let a record be refused before the adoption; return on which days its plan begins, where."""
        asyncio.run(refuse(self.desk, self.new))
        waiting = Sought(key=self.desk.key, new=self.new)

        def days(found: Found) -> bool:
            """Whether it waits for the number, and for the names."""
            return bool(found.old_days) and bool(found.new_days)

        wait_until(lambda: days(days_on_shelves(self.desk, waiting)), PATIENCE_SECONDS, "the record waits")
        return days_on_shelves(self.desk, waiting)

    def be_adopted(self) -> None:
        """Let the old number go out of use, and the child come under the new one."""
        invalidate(self.desk)
        wait_until(lambda: parts_left(self.desk) is not None, PATIENCE_SECONDS, "the old number shut away")
        self.desk.shown("timers", "say", *GROUNDS)  # the authority is reminded: over the exchange, too
        upload(self.desk, self.new, "FILE-2")
        self.come(self.new)
        port, unnumbered = mllp_port(self.fleet), replace(self.new, number=None)
        attends(port, self.new, "CONTROL-2", minutes_ago=5)
        attends(port, unnumbered, "CONTROL-3", minutes_ago=4, visit="VISIT-UNNUMBERED-2")
        self.until_told(self.new)
        wait_until(lambda: asked_about(self.desk) == 2, PATIENCE_SECONDS, "asked whose the second visit is")

    def come(self, patient: Patient) -> None:
        """Let the child come by further doors, of which this one has none."""

    def until_told(self, patient: Patient) -> None:
        """Wait until everybody is told of the child under a number."""
        what = "alerts under " + ("the old number" if patient is OLD else "the new number")
        wait_until(lambda: told_of(self.desk, patient) >= self.told_each, PATIENCE_SECONDS, what)

    def said(self) -> Iterator[Answered]:
        """Yield what others were told: nobody, beside what lies in topics and inbox."""
        yield from ()

    def asked(self) -> Iterator[Answered]:
        """Yield what is answered of both numbers while the old record is sealed, and of the old one."""
        return opened(self.desk, BEFORE.digits, AFTER.digits)

    def asked_again(self) -> Iterator[Answered]:
        """Yield what is answered once it is destroyed."""
        yield from opened(self.desk, BEFORE.digits)
        yield from listed(self.desk)


@dataclass(frozen=True, kw_only=True)
class AtEveryDoor(Adoption):
    """The same by every door, with everybody around whom the broker speaks to."""

    around: Peers
    told_each: int = 6

    def doors(self, child: Person) -> Doors:
        """Return the doors beside MLLP and the command line."""
        return Doors(desk=self.desk, fleet=self.fleet, child=child, peers=self.around)

    def live(self) -> None:
        """Let the source know the child beforehand."""
        self.around.registers(self.old_child)
        super().live()

    def be_adopted(self) -> None:
        """Let the source say so as well, before it is asked, and know the child under the new number."""
        self.around.invalidates(BEFORE.digits)
        self.around.registers(self.new_child)
        super().be_adopted()
        self.around.until(COUNCIL, NOT_IN_USE, 1)

    def come(self, patient: Patient) -> None:
        """Let the child's plan come by HTTP, exchange and folder, the child by FHIR and the own topic."""
        first = patient is OLD
        child, serial = (self.old_child, "1") if first else (self.new_child, "2")
        doors = self.doors(child)
        traced = [child]
        if not first:
            for event in (CHANGED, RECORD_CHANGED):
                doors.signals(event, BEFORE.digits)
            doors.signals(RECORD_CHANGED, AFTER.digits)
            traced = [self.old_child, child, replace(child, number=BEFORE.digits)]
        doors.uploads(f"FILE-{serial}")
        doors.attends(patient, serial)
        self.around.traces(f"T{serial}", *traced)

    def until_told(self, patient: Patient) -> None:
        """Wait for the provider's own systems and the authority's mailbox as well."""
        super().until_told(patient)
        number = BEFORE if patient is OLD else AFTER
        wait_until(lambda: is_told(self.around, number), PATIENCE_SECONDS, "the provider's systems told")
        self.around.until(COUNCIL, TOLD, 1 if patient is OLD else 2)

    def said(self) -> Iterator[Answered]:
        """Yield what authority, provider and tracer were told."""
        yield from self.doors(self.new_child).fetched()
        yield from self.around.told()

    def asked(self) -> Iterator[Answered]:
        """Yield what tracing answers as well."""
        yield from super().asked()
        yield from traced(self.desk, self.around, "C1", self.old_child, self.new_child)

    def asked_again(self) -> Iterator[Answered]:
        """Have both traced over the exchange before that."""
        self.around.traces("T3", self.old_child, self.new_child)
        yield from super().asked_again()


def searched(adoption: Adoption, **settings: str) -> tuple[Found, Found, bytes]:
    """
    Drive an adoption; return what was found while the old record is sealed and once it is destroyed.

    The page of metrics while it is sealed comes last.
    """
    desk, fleet, new = adoption.desk, adoption.fleet, adoption.new
    policy = desk.directory / "policy.toml"
    policy.write_text("[settings]\ninactive_kept_days = 1\n", encoding="utf-8")
    settings |= {"CPIS_IDENTITY_KEY_FILE": str(desk.directory / "identity.key")}
    worker = fleet.start(**settings)
    adoption.live()
    refused = adoption.be_refused()
    sought = Sought(key=desk.key, new=new, salt=salt_of(desk))
    of_old = on_file(desk, new)
    adoption.be_adopted()
    wait_until(lambda: is_compacted(desk, sought), PATIENCE_SECONDS, "the old record compacted away")
    of_new = on_file(desk, new)
    sealed = search(desk, fleet, sought, chain(adoption.asked(), adoption.said()))
    page = metrics(fleet)
    fleet.end(worker)
    assert [] == refused.everything, "a day of the plan stands under the old number"
    assert person_reference(desk.key, BEFORE, sought.salt).encode() in of_old - of_new
    assert of_new - of_old, "the child is on file under the new number"

    fleet.start(**settings, CPIS_POLICY_FILE=str(policy))
    wait_until(lambda: parts_left(desk) == 0, PATIENCE_SECONDS, "destroyed")
    destroyed = search(desk, fleet, sought, chain(adoption.asked_again(), adoption.said()))
    assert all((sealed.old, sealed.new, sealed.allowed, destroyed.allowed)), "the search found nothing at all"
    return sealed, destroyed, page


@pytest.mark.timeout(900)  # a minute alone; more on a machine that is shared
@pytest.mark.kafka
def test_nothing_connects_the_numbers_of_an_adopted_child(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """By no door; not while what was known is sealed, and not after it is destroyed (ruling 23, R37)."""
    with (
        peers(desk.directory) as around,
        Fleet(desk.kafka.cluster, desk.directory, roles=("intake", "matcher", "outbox")) as fleet,
    ):
        adoption = AtEveryDoor(desk=desk, fleet=fleet, around=around, new=NEW)
        sealed, destroyed, page = searched(adoption, **settings(desk.directory, around))
    through = driven(page)
    with capsys.disabled():
        counted = ", ".join(f"{door} {count}" for door, count in through.items())
        sys.stdout.write(f"\nthrough the doors: {counted}\nsealed: {sealed}\ndestroyed: {destroyed}\n")
    assert [] == [door for door, count in through.items() if not count], "a door that was not driven"
    assert [] == [place for place in NAMING if not sealed.naming[place]], "a place without either number"
    assert ([], []) == (sealed.everything, destroyed.everything)


@pytest.mark.timeout(900)  # half a minute alone; more on a machine that is shared
@pytest.mark.kafka
def test_nothing_connects_the_numbers_of_an_adopted_child_who_keeps_all_names(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Then every digest of details lies under either number alike (ruling 23).

    What is made of details is the same by whichever door they come: MLLP and the command line are enough.
    """
    with Fleet(desk.kafka.cluster, desk.directory, roles=("intake", "matcher", "outbox")) as fleet:
        adoption = Adoption(desk=desk, fleet=fleet, new=replace(NEW, family=OLD.family))
        sealed, destroyed, _ = searched(adoption)
    with capsys.disabled():
        sys.stdout.write(f"\nsealed: {sealed}\ndestroyed: {destroyed}\n")
    assert ([], []) == (sealed.everything, destroyed.everything)


@pytest.mark.parametrize(
    "piece",
    [
        f"{BEFORE.digits} {AFTER.digits}".encode(),
        b64encode(f"{OLD.family} and {NEW.given}".encode()),
        hashlib.sha256(BEFORE.digits.encode()).digest(),
        hashlib.md5(AFTER.digits.encode(), usedforsecurity=False).hexdigest().encode(),
        CHILD_ID.encode(),
        VISIT.lower().encode(),
        b"born 2016-03-07",
        OLD.given.encode(),
        f"{waiting_number_key(KEY, BEFORE)} {AFTER.digits}".encode(),
        *(digest.encode() for digest in sorted(digests(KEY, OLD) | digests(KEY, NEW))),
    ],
)
def test_the_search_sees_what_would_connect_them(piece: bytes) -> None:
    """Both numbers, a hash that anybody can make, what is shared, a digest of details: each is a link."""
    found = Found(Sought(key=KEY))
    found.look("somewhere", piece)
    assert [] != found.everything


def test_the_search_sees_a_day_that_stands_with_either_number() -> None:
    """As where the record of a plan waits under the old number and under the new names (ruling 23)."""
    found = Found(Sought(key=KEY))
    window = Window(first=date(2025, 1, 10), last=date(2026, 1, 31))
    for under in (waiting_number_key(KEY, BEFORE), min(digests(KEY, NEW))):
        found.look_at_shelf(under.encode(), Shelf(on_file={"0": window}))
    assert ["one first day of a plan with both: 2025-01-10"] == found.everything


@pytest.mark.parametrize(
    "reference",
    ["0123456789abcdef0123456789abcdef", "0123456789abcdef", "01234567-89AB-cdef-0123-456789abcdef"],
)
def test_the_search_sees_a_reference_that_stands_with_either_number(reference: str) -> None:
    """In two places, in which nothing else is shared; however either writes it."""
    found = Found(Sought(key=KEY))
    for number, written in ((BEFORE, reference), (AFTER, reference.lower())):
        found.look("somewhere", f"{number.digits} {written}".encode())
    assert 1 == len(found.everything)


def test_a_door_through_which_nothing_went_is_counted_as_such() -> None:
    """A page of metrics says of each what went through it; what it does not say is nothing."""
    page = (
        b'cpis_messages_total{answer="AA"} 3.0\n'
        b'cpis_messages_total{answer="AR"} 9.0\n'
        b'cpis_http_answers_total{operation="upload",status="202"} 1.0\n'
        b'cpis_http_answers_total{operation="upload",status="200"} 1.0\n'
    )
    counts = driven(page)
    assert {"MLLP": 3, "uploads over HTTP": 2} == {door: count for door, count in counts.items() if count}
    assert COUNTED.keys() == counts.keys()


def test_the_search_sees_references_made_of_numbers_that_lie_under_one_digest() -> None:
    """As where a copy says by a reference of the number that somebody is on file: the key joins the two."""
    found = Found(Sought(key=KEY))
    [under] = digests(KEY, OLD) & digests(KEY, NEW)
    for number in (BEFORE, AFTER):
        found.look("somewhere", f"{under} {KEY.derive('on file', number.key)[:16]}".encode(), may_hold=True)
    assert [f"one reference with both: {under.encode()!r}"] == found.everything


BIRTH_MOTHER, ADOPTER = islice(numbers(), 42, 44)
MOTHER = Person(
    number=BIRTH_MOTHER.digits, family="Wrenfield", given="Isolde", born="19990307", local_id="UNBORN-ADOPT-9"
)


def expect(desk: Desk) -> None:
    """Send the unborn child's plan of the birth mother, as the authority does."""
    now = datetime.now(UTC)
    start, end = (f"{now + timedelta(days=days):%Y%m%d}0000" for days in (-60, 60))
    block = PlanBlock(kind="UCP", start=start, end=end)
    file = desk.directory / "FILE-U.xml"
    file.write_bytes(
        build_upload(
            (PlanRecord(child=None, mother=MOTHER, plans=[block]),),
            authority="211",
            file_id="FILE-U",
            created=wall_time(now),
        )
    )
    desk.run("upload", str(file))
    file.unlink()


def births_of(desk: Desk) -> int:
    """Return how many babies the birth mother's records name: the newest, and what is not compacted yet."""
    values = [one.value or b"" for one in desk.records(Topic.PEOPLE) if one.key == BIRTH_MOTHER.key]
    return len(
        {
            baby
            for value in values
            for baby in desk.codecs.states.decode_person(BIRTH_MOTHER, value).known.births
        }
    )


@pytest.mark.timeout(900)  # half a minute alone; more on a machine that is shared
@pytest.mark.kafka
def test_nothing_connects_an_adopted_baby_with_its_birth_mother(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither under its old number nor under the new one, once the old one is not in use (rulings 23, 26)."""
    day = f"{datetime.now(UTC) - timedelta(days=1):%Y%m%d}"
    baby = replace(OLD, born=day, mother=BIRTH_MOTHER.digits)
    reborn = replace(NEW, born=day, mother=ADOPTER.digits)
    mother = any_of(
        (MOTHER.family or "", MOTHER.given or "", BIRTH_MOTHER.digits, *derived(desk.key, BIRTH_MOTHER))
    )
    either = Sought(key=desk.key)
    links: list[str] = []
    searched = of_mother = of_baby = 0
    theirs: set[bytes] = set()
    hers: set[bytes] = set()
    key = {"CPIS_IDENTITY_KEY_FILE": str(desk.directory / "identity.key")}
    with Fleet(desk.kafka.cluster, desk.directory, roles=("intake", "matcher", "outbox")) as fleet:
        fleet.start(**key)
        port = mllp_port(fleet)
        expect(desk)
        attends(port, replace(baby, number=None), "CONTROL-0", minutes_ago=55)
        attends(port, baby, "CONTROL-1", minutes_ago=50)
        wait_until(lambda: told_of(desk, OLD) >= 3, PATIENCE_SECONDS, "alerts about the baby")
        assert 1 == births_of(desk)
        invalidate(desk)
        wait_until(lambda: parts_left(desk) is not None, PATIENCE_SECONDS, "the old number shut away")
        upload(desk, reborn, "FILE-2")
        attends(port, reborn, "CONTROL-2", minutes_ago=5)
        wait_until(lambda: told_of(desk, NEW) >= 2, PATIENCE_SECONDS, "alerts under the new number")
        wait_until(lambda: births_of(desk) == 0, PATIENCE_SECONDS, "forgotten by the mother's records")
        for place, piece, _ in pieces(desk, fleet):
            searched += 1
            references = {one.lower() for one in REFERENCE.findall(piece)}
            if mother.search(piece):
                of_mother, hers = of_mother + 1, hers | references
            if either.of_old.search(piece) or either.of_new.search(piece):
                of_baby, theirs = of_baby + 1, theirs | references
                links += [place] if mother.search(piece) else []
    with capsys.disabled():
        sys.stdout.write(f"\n{searched:,} pieces searched for mother and baby: {len(links)} links found\n")
    assert ([], set()) == (links, hers & theirs)
    assert of_mother, "the search found nothing at all"
    assert of_baby
