"""
An adoption through every door, and then the search for anything that connects the old number with the new.

One child: the authority's own id, the date of birth, the hospital's id and the visit number stay the same.
Ruling 23, R37. The authority's own topic alone may hold its own id of the child beside either number.
"""

import asyncio
import hashlib
import json
import re
import sqlite3
import sys
import urllib.request
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest

from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kafka_topics import apply_topics
from broker.core.facts import IdentityKind, IdentityNotice
from broker.ports import Record, Topic
from broker.runtime.kafka import embedded_kafka
from tests.builders.adt import Adt, Patient
from tests.builders.hasty_kafka import HASTY_BROKER, declared
from tests.builders.matcher import numbers
from tests.builders.terminal import PATIENCE_SECONDS, Desk, mllp_port, send, with_key
from tests.builders.upload import Person, build_upload
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
NEW = replace(OLD, number=AFTER.digits, family="Marchbanks", given="Peregrine")
CHILD_ID, VISIT = "CHILD-ADOPT-4711", "VISIT-ADOPT-815"
SHARED = (CHILD_ID, VISIT, OLD.local_id, "20160307", "2016-03-07")
"""What is the same under both numbers, and would connect them."""

AUTHORITY_TOPIC = "cpis.alerts.la.211"
TOPICS = (*Topic, AUTHORITY_TOPIC, "cpis.alerts.provider.RXH")
HASHES = ("md5", "sha1", "sha256", "sha512")
REFERENCE = re.compile(rb"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")


def any_of(words: Iterable[str]) -> re.Pattern[bytes]:
    """Return a pattern for words in every form in which they may be written."""
    return re.compile(b"|".join(re.escape(form) for word in words for form in sorted(forms(word))))


def hashed(number: str) -> list[bytes]:
    """Return what a number becomes without a key: all of them can be tried in minutes."""
    digests = [hashlib.new(name, number.encode(), usedforsecurity=False).digest() for name in HASHES]
    return [form for one in digests for form in (one, one.hex().encode(), b64encode(one).rstrip(b"="))]


OF_OLD = any_of((BEFORE.digits, OLD.family, OLD.given))
OF_NEW = any_of((AFTER.digits, NEW.family, NEW.given))
OF_BOTH = any_of(SHARED)
UNKEYED = re.compile(b"|".join(re.escape(form) for n in (BEFORE, AFTER) for form in hashed(n.digits)))


@dataclass
class Found:
    """Pieces – records, rows, lines, answers – that were searched, and what in them connects the numbers."""

    pieces: int = 0
    size: int = 0
    allowed: int = 0
    links: list[str] = field(default_factory=list)
    old: set[bytes] = field(default_factory=set)
    new: set[bytes] = field(default_factory=set)

    def look(self, place: str, piece: bytes, *, may_hold: bool = False) -> None:
        """Search one piece; `may_hold`: it is where ruling 23 lets what is shared stand."""
        self.pieces += 1
        self.size += len(piece)
        of_old, of_new = bool(OF_OLD.search(piece)), bool(OF_NEW.search(piece))
        if of_old and of_new:
            self.links.append(f"both numbers in {place}")
        if UNKEYED.search(piece):
            self.links.append(f"a hash without a key in {place}")
        if OF_BOTH.search(piece):
            self.allowed += may_hold
            if not may_hold:
                self.links.append(f"what is shared in {place}")
        references = set(REFERENCE.findall(piece))
        self.old |= references if of_old else set()
        self.new |= references if of_new else set()

    @property
    def everything(self) -> list[str]:
        """All links, those by a reference that stands with either number among them."""
        return self.links + [f"one reference with both: {one!r}" for one in self.old & self.new]

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
        asyncio.run(apply_topics(kafka.cluster, declared({})))
        yield with_key(kafka, tmp_path)


def upload(desk: Desk, patient: Patient, file_id: str) -> None:
    """Send the plan of the child under one of the identities, as the authority does."""
    child = Person(
        number=patient.number,
        family=patient.family,
        given=patient.given,
        born=patient.born,
        local_id=CHILD_ID,
    )
    file = desk.directory / f"{file_id}.xml"
    file.write_bytes(build_upload((PlanRecord(child=child),), authority="211", file_id=file_id))
    desk.shown("upload", str(file))
    file.unlink()  # the authority's own copy is none of ours


def attends(port: int, patient: Patient, control_id: str, *, minutes_ago: int) -> None:
    """Have the child come, under one of the identities."""
    now = datetime.now(UTC)
    arrived = f"{now - timedelta(minutes=minutes_ago):%Y%m%d%H%M%S}"
    pv1 = {"class": "E", "location": "ED", "visit": VISIT, "arrived": arrived}
    adt = Adt(event="A04", control_id=control_id, recorded=arrived, patient=patient, provider="RXH", pv1=pv1)
    assert "AA" == send(port, adt.text().encode())


def invalidate(desk: Desk) -> None:
    """Put the demographic source's own answer in: received two days ago, as the source's adapter would."""
    at = datetime.now(UTC) - timedelta(days=2)
    notice = IdentityNotice(
        notice_id="invalidation", kind=IdentityKind.INVALIDATED, recorded_at=at, received_at=at
    )
    asyncio.run(put(desk.kafka.cluster, desk.codecs, [Sent(BEFORE, notice)]))


def told_of(desk: Desk, patient: Patient) -> int:
    """Return how many events of cpis.alerts are about a number."""
    return sum((patient.number or "").encode() in (one.value or b"") for one in desk.records(Topic.ALERTS))


def parts_left(desk: Desk) -> int | None:
    """Return how many sealed parts are kept under the old number; None before it is shut away."""
    values = [one.value for one in desk.records(Topic.PEOPLE) if one.key == BEFORE.key]
    if not values or values[-1] is None or not desk.codecs.states.is_inactive(values[-1]):
        return None
    return len(desk.codecs.states.decode_inactive(BEFORE, values[-1])[1])


def rows(directory: Path) -> list[bytes]:
    """Return the rows of every table of the inbox database."""
    with closing(sqlite3.connect(directory / "broker.sqlite")) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        return [repr(row).encode() + b"".join(part for part in row if isinstance(part, bytes))
                for table in tables for row in database.execute(f"SELECT * FROM {table}")]  # fmt: skip  # noqa: S608


def metrics(fleet: Fleet) -> bytes:
    """Return the page of metrics of the newest process."""
    lines = [json.loads(line) for line in fleet.logs().splitlines() if line.startswith("{")]
    port = [line["port"] for line in lines if line["event"] == "operators port open"][-1]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_SECONDS) as page:
        return bytes(page.read())


def search(desk: Desk, fleet: Fleet) -> Found:
    """Search every topic, row, log line, metric, file and answer for what connects the numbers."""
    found = Found()
    for topic, records in asyncio.run(read_topics(desk.kafka.cluster, TOPICS)).items():
        for one in records:
            may_hold = topic == AUTHORITY_TOPIC or (topic == Topic.PEOPLE and one.key == AFTER.key)
            found.look(topic, whole(one), may_hold=may_hold)
    for row in rows(desk.directory):
        found.look("a row of the database", row)
    for line in (*fleet.logs().encode().splitlines(), *metrics(fleet).splitlines()):
        found.look("a line of a log or of the metrics", line)
    for file in desk.directory.rglob("*"):
        if file.is_file() and file.suffix not in {".sqlite", ".sqlite-wal", ".log"}:
            found.look(file.name, file.read_bytes())
    for command in ("answer", "explain"):
        said = desk.run(command, "--visit", f"RXH/{VISIT}", "--json", *GROUNDS)
        found.look(f"cpis {command}", (said.stdout + said.stderr).encode())
    return found


def whole(record: Record) -> bytes:
    """Return everything of a record."""
    headers = b"\n".join(name.encode() + b"=" + value for name, value in record.headers)
    return b"\n".join((record.key or b"", record.value or b"", headers))


def is_compacted(kafka: EmbeddedKafka) -> bool:
    """Return whether no file of the people's topic holds the child's old name or shared id any more."""
    words = any_of((OLD.family, OLD.given))
    files = [file for file in kafka.directory.rglob(f"{Topic.PEOPLE}-*/*") if file.is_file()]
    return bool(files) and not any(words.search(file.read_bytes()) for file in files)


@pytest.mark.kafka
def test_nothing_connects_the_numbers_of_an_adopted_child(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not while what was known is sealed, and not after it is destroyed (ruling 23, R37)."""
    kafka = desk.kafka
    assert isinstance(kafka, EmbeddedKafka)
    policy = desk.directory / "policy.toml"
    policy.write_text("[settings]\ninactive_kept_days = 1\n", encoding="utf-8")
    key = {"CPIS_IDENTITY_KEY_FILE": str(desk.directory / "identity.key")}
    with Fleet(desk.kafka.cluster, desk.directory, roles=("intake", "matcher", "outbox")) as fleet:
        worker = fleet.start(**key)
        port = mllp_port(fleet)
        upload(desk, OLD, "FILE-1")
        attends(port, OLD, "CONTROL-1", minutes_ago=50)
        wait_until(lambda: told_of(desk, OLD) >= 2, PATIENCE_SECONDS, "alerts under the old number")
        invalidate(desk)
        wait_until(lambda: parts_left(desk) is not None, PATIENCE_SECONDS, "the old number shut away")
        upload(desk, NEW, "FILE-2")
        attends(port, NEW, "CONTROL-2", minutes_ago=5)
        wait_until(lambda: told_of(desk, NEW) >= 2, PATIENCE_SECONDS, "alerts under the new number")
        wait_until(lambda: is_compacted(kafka), PATIENCE_SECONDS, "the old record compacted away")
        sealed = search(desk, fleet)
        fleet.end(worker)

        fleet.start(**key, CPIS_POLICY_FILE=str(policy))
        wait_until(lambda: parts_left(desk) == 0, PATIENCE_SECONDS, "destroyed")
        destroyed = search(desk, fleet)
    with capsys.disabled():
        sys.stdout.write(f"\nsealed: {sealed}\ndestroyed: {destroyed}\n")
    assert ([], []) == (sealed.everything, destroyed.everything)
    assert all((sealed.old, sealed.new, sealed.allowed, destroyed.allowed)), "the search found nothing at all"


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
    ],
)
def test_the_search_sees_what_would_connect_them(piece: bytes) -> None:
    """Both numbers, a hash that anybody can make, what is shared: each is a link."""
    found = Found()
    found.look("somewhere", piece)
    assert [] != found.everything


def test_the_search_sees_a_reference_that_stands_with_either_number() -> None:
    """In two places, in which nothing else is shared."""
    found = Found()
    for number in (BEFORE, AFTER):
        found.look("somewhere", f"{number.digits} 0123456789abcdef0123456789abcdef".encode())
    assert 1 == len(found.everything)
