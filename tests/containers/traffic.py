"""
What hospitals and an authority send in the tests of containers, and what Kafka then holds of it.

The checker of the kill tests works out from that which alerts must stand.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from broker.adapters.cluster import Cluster
from broker.core.identifiers import NhsNumber
from broker.ports import Topic
from broker.runtime.parts import present
from broker.services.matching import Codecs
from tests.builders.adt import Adt, Patient
from tests.builders.matcher import numbers
from tests.builders.upload import Person, Record, build_upload
from tests.containers.hospital import Message
from tests.fault.checker import read_topics
from tests.fault.load import AUTHORITIES, PROVIDERS, Load, Sent

AUTHORITY = str(AUTHORITIES[0])
_LONDON = ZoneInfo("Europe/London")
_RECENT = timedelta(minutes=20)  # what is registered is sent at once, as a rule
_DISCHARGED_EVERY = 5
_FLAGGED_EVERY = 4


def hl7(moment: datetime) -> str:
    """Return a moment as a hospital writes it."""
    return moment.astimezone(_LONDON).strftime("%Y%m%d%H%M%S")


def visit(
    control_id: str, number: NhsNumber, *, provider: str, event: str = "A04", name: str = ""
) -> Message:
    """Return a message of a visit to the emergency department that has just begun."""
    arrived = present() - _RECENT
    pv1 = {"class": "E", "location": "ED", "visit": name or control_id, "arrived": hl7(arrived)}
    if event == "A03":
        pv1["departed"] = hl7(present())
    adt = Adt(
        event=event,
        control_id=control_id,
        recorded=hl7(present()),
        patient=Patient(number=number.digits, local_id=f"L-{number.digits[3:]}"),
        provider=provider,
        pv1=pv1,
    )
    return Message(control_id, adt.text().encode())


def plans(people: Sequence[NhsNumber], file_id: str) -> bytes:
    """Return an authority's file with a plan for each of these people."""
    records = [Record(child=Person(number=number.digits)) for number in people]
    return build_upload(records, file_id=file_id, authority=AUTHORITY)


@dataclass(frozen=True)
class Day:
    """Messages by hospital; who has a plan before the first of them, and who gets one on the way."""

    messages: dict[str, list[Message]] = field(default_factory=dict)
    early: list[NhsNumber] = field(default_factory=list)
    late: list[NhsNumber] = field(default_factory=list)

    @property
    def control_ids(self) -> set[str]:
        """Everything that is sent."""
        return {message.control_id for sent in self.messages.values() for message in sent}


def make_day(visits: int) -> Day:
    """Return a day of so many visits to each hospital, every fourth of somebody with a plan."""
    day = Day()
    people = numbers()
    for provider in map(str, PROVIDERS):
        sent = day.messages.setdefault(provider, [])
        for serial, number in enumerate(islice(people, visits)):
            control_id = f"{provider}-{serial}"
            sent.append(visit(control_id, number, provider=provider))
            if serial % _DISCHARGED_EVERY == 0:
                left = f"{control_id}-left"
                sent.append(visit(left, number, provider=provider, event="A03", name=control_id))
            if serial % _FLAGGED_EVERY == 0:
                (day.late if serial % (3 * _FLAGGED_EVERY) == 0 else day.early).append(number)
    return day


async def taken(cluster: Cluster, codecs: Codecs) -> Load:
    """Return every fact that Kafka holds, as a load that the checker can work with."""
    found = await read_topics(cluster, [Topic.PLANS, Topic.ATTENDANCES])
    facts = [
        Sent(
            NhsNumber((record.key or b"").decode()),
            codecs.facts.decode(topic, record.key or b"", record.value or b""),
        )
        for topic, records in found.items()
        for record in records
    ]
    return Load([], facts)
