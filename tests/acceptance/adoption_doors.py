"""
The doors beside MLLP and the command line by which an adopted child comes, and the answers that are given.

Every door is that of the process under test: FHIR and authorities' uploads over HTTP, national events, a
provider's own topic, the drop folder, the message exchange. `driven` is what the process itself counted.
"""

import asyncio
import hashlib
import json
import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from aiokafka import AIOKafkaProducer

from broker.runtime.resources import topics_file
from tests.acceptance.adoption_peers import Peers, Systems
from tests.builders.adt import Adt, Patient
from tests.builders.fhir import VISITS, message, written
from tests.builders.hl7 import wall_time
from tests.builders.hospital_record import record
from tests.builders.national_events import cloud_event
from tests.builders.query import build_query
from tests.builders.terminal import PATIENCE_SECONDS, Desk
from tests.builders.upload import Person, build_upload
from tests.builders.upload import Record as PlanRecord
from tests.builders.upload_tables import row_of, table
from tests.fault.fleet import Fleet
from tests.waiting import wait_until

PROVIDER, AUTHORITY, TOKEN = "RXH", "211", "the token of this test"
OWN_TOPIC = f"cpis.in.attendances.{PROVIDER}"
"""The provider's own topic: what it writes there lies in clear for seven days (ADR 0026)."""
BY_FHIR, BY_TOPIC = "VISIT-ADOPT-FHIR", "VISIT-ADOPT-TOPIC"
GROUNDS = ("--by", "A. Operator", "--reason", "ticket 4711")

_TOKENS = f'tokens = ["sha256:{hashlib.sha256(TOKEN.encode()).hexdigest()}"]'
CHANGED, RECORD_CHANGED = "nhs-number-change-2", "pds-record-change-1"
"""Kinds of national events: the second has the demographic source asked."""

COUNTED = {
    "MLLP": 'cpis_messages_total{answer="AA"}',
    "FHIR": 'cpis_http_answers_total{operation="processMessage"',
    "uploads over HTTP": 'cpis_http_answers_total{operation="upload"',
    "national events": 'cpis_national_events_total{outcome="taken"}',
    "drop folder": 'cpis_upload_files_total{outcome="done"}',
    "message exchange": 'cpis_mesh_messages_total{outcome="taken"}',
    "demographic source": 'cpis_source_questions_total{outcome="answered"}',
    "provider's engine": 'cpis_delivery_attempts_total{channel="mllp",outcome="delivered"}',
    "provider's FHIR server": 'cpis_delivery_attempts_total{channel="fhir",outcome="delivered"}',
    "authority over the exchange": 'cpis_delivery_attempts_total{channel="mesh",outcome="delivered"}',
    "answers pushed": "cpis_answers_pushed_total{",
}
"""Each door, and how what went through it is counted by the process whose door it is."""


def senders(systems: Systems) -> str:
    """Return the file of senders: who may send, and what is sent on to whom."""
    return f"""
[provider.{PROVIDER}.sender.EDSYS]
addresses = ["127.0.0.1"]
visit_system = "{VISITS}"
[provider.{PROVIDER}.deliver]
{systems.settings}
[authority.{AUTHORITY}]
{_TOKENS}
[authority.{AUTHORITY}.mesh]
[national.MNS]
{_TOKENS}
"""


def topics_text() -> str:
    """Return the topics file, of one partition each, with a topic for the provider to write to."""
    before, senders, after = topics_file().read_text("utf-8").partition("[senders]")
    after = after.replace("providers = []", f'providers = ["{PROVIDER}"]', 1)
    return re.sub(r"(?m)^partitions = \d+", "partitions = 1", before + senders + after)


def settings(directory: Path, peers: Peers) -> dict[str, str]:
    """Return the settings that open every door, written where a process of the test finds them."""
    declared, topics = directory / "senders.toml", directory / "topics.toml"
    declared.write_text(senders(peers.systems), "utf-8")
    topics.write_text(topics_text(), "utf-8")
    return {
        "CPIS_HTTP_PORT": "0",
        "CPIS_LA_NOTIFICATIONS": "true",
        "CPIS_SENDERS_FILE": str(declared),
        "CPIS_TOPICS_FILE": str(topics),
        "CPIS_DROP_FOLDER": str(directory / "dropped"),
        **peers.settings,
    }


def driven(page: bytes) -> dict[str, int]:
    """Return what went through each door, as a page of metrics counts it."""
    counts = dict.fromkeys(COUNTED, 0)
    for line in page.decode().splitlines():
        for door, beginning in COUNTED.items():
            if line.startswith(beginning):
                counts[door] += int(float(line.rpartition(" ")[2]))
    return counts


@dataclass(frozen=True, kw_only=True)
class Doors:
    """What goes in at the doors of a process, of a child under one identity."""

    desk: Desk
    fleet: Fleet
    child: Person
    peers: Peers

    def post(self, path: str, body: bytes | None, kind: str = "") -> bytes:
        """Post something to the HTTP door, or get it where there is no body; return what was answered."""
        headers = {"Authorization": f"Bearer {TOKEN}"} | ({"Content-Type": kind} if kind else {})
        request = urllib.request.Request(f"{self._address}{path}", body, headers)  # noqa: S310 - our own door
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as reply:  # noqa: S310 - our own door
            return bytes(reply.read())

    @property
    def _address(self) -> str:
        """Where the newest HTTP door is."""

        def ports() -> list[int]:
            return [line["port"] for line in self.fleet.events("http door ready")]

        wait_until(lambda: bool(ports()), PATIENCE_SECONDS, "the HTTP door")
        return f"http://127.0.0.1:{ports()[-1]}"

    def uploads(self, file_id: str) -> None:
        """Send the plan over HTTP, as XML and as a table, over the exchange, and drop it into the folder."""
        plan = PlanRecord(child=self.child)
        for name, kind, body in (
            ("X", "application/xml", build_upload([plan], authority=AUTHORITY, file_id=f"{file_id}X")),
            ("C", "text/csv", table({**row_of(plan), "authority": AUTHORITY, "file_id": f"{file_id}C"})),
        ):
            answer = json.loads(self.post("/la/v1/uploads", body, kind))
            assert answer["id"], name
        over_mesh = build_upload([plan], authority=AUTHORITY, file_id=f"{file_id}M")
        self.peers.uploads(over_mesh, f"{file_id}M")
        folder = self.desk.directory / "dropped"
        dropped = folder / f"{file_id}D.xml"
        aside = self.desk.directory / f"{file_id}D.part"
        aside.write_bytes(build_upload([plan], authority=AUTHORITY, file_id=f"{file_id}D"))
        aside.rename(dropped)
        wait_until(lambda: not dropped.exists(), PATIENCE_SECONDS, "the dropped file taken")

    def attends(self, patient: Patient, serial: str) -> None:
        """Have the child come once by FHIR and once by the provider's own topic."""
        now = datetime.now(UTC)
        arrived = now - timedelta(minutes=3)
        pv1 = {"class": "E", "location": "ED", "visit": BY_FHIR, "arrived": wall_time(arrived)}
        adt = Adt(
            event="A04",
            control_id=f"FHIR-{serial}",
            recorded=wall_time(arrived),
            patient=patient,
            provider=PROVIDER,
            pv1=pv1,
        )
        self.post("/fhir/R4/$process-message", written(message(adt)), "application/fhir+json")
        born = datetime.strptime(f"{patient.born}+0000", "%Y%m%d%z").date()
        asyncio.run(self._write(patient, born, arrived, serial))

    async def _write(self, patient: Patient, born: date, arrived: datetime, serial: str) -> None:
        """Write what the provider writes to its own topic."""
        value = record(
            control_id=f"TOPIC-{serial}",
            provider=PROVIDER,
            recorded_at=arrived,
            arrived_at=arrived,
            visit_number=BY_TOPIC,
            nhs_numbers=[patient.number],
            family=patient.family,
            given=patient.given,
            birth_date=born,
        )
        async with AIOKafkaProducer(**self.desk.kafka.cluster.connection(), acks="all") as producer:
            await producer.send_and_wait(OWN_TOPIC, value)

    def signals(self, event_type: str, number: str) -> None:
        """Have a national service say that something of a number changed, without saying what."""
        at = datetime.now(UTC) - timedelta(days=3)
        event = cloud_event(event_type, number, time=f"{at:%Y-%m-%dT%H:%M:%S+00:00}")
        self.post("/national/v1/events", event, "application/cloudevents+json")

    def fetched(self) -> Iterator["Answered"]:
        """Yield each event that the authority fetches: its own, as its topic has them (ruling 23)."""
        page = json.loads(self.post("/la/v1/notifications", None))
        for event in page["notifications"]:
            yield "an event that the authority fetches", json.dumps(event).encode(), True


Answered = tuple[str, bytes, bool]
"""Which command answered, what, and whether it opens a record, or an authority's own plans."""


def opened(desk: Desk, *numbers: str) -> Iterator[Answered]:
    """Yield what a look, a query and a subject access answer of the one number that each asks about."""
    for number in numbers:
        look = ("look", "--organisation", PROVIDER, "--organisation-name", "Exton", "--role", "nurse")
        yield _said(
            desk, (*look, "--unscheduled", *GROUNDS), told=f"{number}\nA Nurse\nstaff-1\n", opens=True
        )
        output = desk.directory / "opened"
        asked = ("subject-access", "--organisation", PROVIDER, "--output", str(output), *GROUNDS)
        yield _said(desk, asked, told=f"{number}\nstaff-1\n", opens=True)
        yield from _opened(output)
        query = build_query().decode().replace("9990000018", number)
        yield _said(desk, ("query", "-", "--response", str(output), *GROUNDS), told=query, opens=True)
        yield from _opened(output)


def listed(desk: Desk) -> Iterator[Answered]:
    """Yield what commands answer that ask about nobody; an authority's plans have its own ids of children."""
    plans = desk.directory / "plans.csv"
    yield _said(desk, ("authorities", "reconcile", AUTHORITY, "--to", str(plans), *GROUNDS))
    yield from _opened(plans)
    for words in (
        ("authorities", "--json"),
        ("authorities", "plans"),
        ("messages", "list", "--json"),
        ("worklist", "list", "--all", "--json"),
        ("rejected", "list", "--json"),
        ("uploads", "list", "--json"),
        ("deliveries", "list", "--json"),
        ("timers", "due"),
        ("retention", "report"),
    ):
        yield _said(desk, words)


def _said(
    desk: Desk, words: tuple[str, ...], *, told: str = "", opens: bool = False
) -> tuple[str, bytes, bool]:
    """Return what a command answers."""
    said = desk.run(*words, told=told, CPIS_DROP_FOLDER=str(desk.directory / "dropped"))
    return f"cpis {words[0]}", (said.stdout + said.stderr).encode(), opens


def _opened(file: Path) -> Iterator[tuple[str, bytes, bool]]:
    """Yield a file that a command wrote, which is then taken away."""
    if file.exists():
        yield file.name, file.read_bytes(), True
        file.unlink()
