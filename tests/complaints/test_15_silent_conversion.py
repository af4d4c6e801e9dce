"""Complaint 15: a converter silently drops segments and lacks events. Ours says of each what became of it."""

import asyncio
from collections import Counter

from broker.adapters.memory import MemoryFactLog, MemoryKafka
from broker.adapters.memory_sealing import MemorySealer
from broker.core.senders import TAKEN
from broker.ports import Topic
from broker.runtime.parts import assemble
from broker.runtime.senders_file import parse_senders
from broker.runtime.settings import Settings
from broker.services.attendances import Attendances
from broker.services.intake import Intake
from broker.services.numberless import Numberless
from broker.services.rejections import Rejections
from broker.wire.acknowledgement import Verdict
from broker.wire.visit_reading import ADMITS_ALL
from tests.builders.desk import RECEIVED, attendance
from tests.builders.hl7 import edited
from tests.integration.test_intake_role import verdict

EVERY = [f"A{number:02}" for number in range(1, 63)]
ACCEPTING = """
[provider.RXX.sender.EDSYS]
addresses = ["192.0.2.1"]
read_as = { A06 = "A01", A07 = "A04" }
unknown_events = "accept"
"""


class House:
    """An intake in memory, and what it counts."""

    def __init__(self, file: str) -> None:
        """Begin with empty topics; `file` settles the sender."""
        parts = assemble(Settings(), sealer=MemorySealer())
        self.kafka, self.counts = MemoryKafka(), Counter[str]()
        self.intake = Intake(
            MemoryFactLog(self.kafka),
            Attendances(parts.facts, Numberless(parts.details, policy=parts.policy, key=parts.key)),
            Rejections(parts.records, parts.key),
            clock=lambda: RECEIVED,
            count=lambda event: self.counts.update([event]),
            answer_seconds=5.0,
            admits=ADMITS_ALL._replace(sender=parse_senders(file, "senders.toml").settled),
        )

    def send(self, data: bytes) -> tuple[str, int, int]:
        """Return the answer, and how many facts and kept messages it made."""
        before = self.made()
        answer = verdict(asyncio.run(self.intake.receive(data)))
        facts, kept = self.made()
        return answer, facts - before[0], kept - before[1]

    def made(self) -> tuple[int, int]:
        """Return how many facts and kept messages there are."""
        return len(self.kafka.read(Topic.ATTENDANCES)), len(self.kafka.read(Topic.REJECTED))


def message(event: str) -> bytes:
    """Return a message of an event that has a segment for everything."""
    return edited(attendance(control_id=event), MSH_9=f"ADT^{event}", MRG_1="B7^^^RXX")


def test_every_event_becomes_something_that_is_told() -> None:
    """
    Complaint 15: A06 and A07 are there, and of no event is nothing said.

    A fact; a count under the event's name; or a refusal that is kept. Whether an event that is not
    taken is refused or counted the site says.
    """
    refusing, accepting = House(""), House(ACCEPTING)

    for event in EVERY:
        taken = event in TAKEN
        answer, facts, kept = refusing.send(message(event))
        counted = refusing.counts[f"acknowledged: {event}"]
        assert 1 == facts + counted + kept
        assert (Verdict.ACCEPTED if taken else Verdict.REJECTED, not taken) == (answer, bool(kept))
        answer, facts, kept = accepting.send(message(event))
        assert (Verdict.ACCEPTED, 0) == (answer, kept)
        assert 1 == facts + accepting.counts[f"acknowledged: {event}"]
        assert (event in {"A06", "A07"}) is (facts == 1 and not taken)


def test_what_is_not_read_of_a_message_is_listed() -> None:
    """
    Complaint 15: list unsupported content per message, never "converted" in silence.

    Each segment of which nothing is read is counted by its name; those that are read are not.
    """
    house = House("")

    house.send(edited(attendance(), OBX_1="1", ZU1_1="1", ZU8_4="0"))

    assert {"unread: OBX": 1, "unread: ZU1": 1} == {
        event: count for event, count in house.counts.items() if event.startswith("unread: ")
    }
