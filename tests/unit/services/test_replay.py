"""A recorded stream through the doors and the core, without Kafka."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice

import pytest

from broker.adapters.memory_sealing import MemorySealer
from broker.core.alerts import EventKind
from broker.core.errors import MalformedMessage
from broker.core.facts import Fact, IdentityKind, IdentityNotice, VisitEvent
from broker.core.identifiers import LONDON, NhsNumber
from broker.core.succession import Passage
from broker.core.worklist import ItemKind
from broker.ports import Topic
from broker.runtime.parts import assemble
from broker.runtime.recorded import offline, play, shown
from broker.runtime.settings import Settings
from broker.services.replay import Replay, Replayed
from broker.wire.facts_codec import topic_of
from broker.wire.stream import Door, StreamLine
from tests.builders.adt import Adt, Patient
from tests.builders.matcher import DETAILS, NOON, attendance, numbers, plan
from tests.builders.upload import build_upload
from tests.unit.wire.test_adt_other import merge

NUMBER, SUCCESSOR = islice(numbers(), 2)


class Player:
    """A replay and the codec that its facts are written with."""

    def __init__(self) -> None:
        """Put the doors and the core together as the command does."""
        self.parts = assemble(Settings(), sealer=MemorySealer())
        self.replay: Replay = offline(self.parts)

    def fact(self, fact: Fact, number: NhsNumber = NUMBER, at: datetime = NOON) -> StreamLine:
        """Return a fact as it is recorded from its topic."""
        value = self.parts.facts.encode(fact, number)
        return StreamLine(at=at, door=Door.FACT, raw=value, topic=topic_of(fact), key=number.key)

    def play(self, lines: Sequence[StreamLine]) -> Replayed:
        """Play the lines to their end."""
        return asyncio.run(play(self.replay, lines))


def test_what_waited_for_a_plan_is_told_with_it() -> None:
    """An attendance before the plan is folded when the plan comes."""
    player = Player()
    outcome = player.play([player.fact(attendance()), player.fact(plan())])

    assert [EventKind.RAISED] * 2 == [event.kind for event in outcome.events]
    assert 2 == outcome.facts


def test_a_message_and_a_file_come_in_by_their_doors() -> None:
    """Raw messages are read as intake reads them; the clock shows the recorded receipt."""
    message = Adt(event="A04", control_id="1", recorded="20260504120000", pv1={"class": "E", "visit": "V1"})
    upload = StreamLine(at=NOON, door=Door.UPLOAD, raw=build_upload(created="20260504110000"))
    arrival = StreamLine(at=NOON, door=Door.MLLP, raw=message.text().encode())
    outcome = Player().play([upload, arrival])

    assert [EventKind.RAISED] * 2 == [event.kind for event in outcome.events]


def test_what_cannot_be_read_is_counted() -> None:
    """A corrupt message is kept with its reason, as intake keeps it."""
    outcome = Player().play([StreamLine(at=NOON, door=Door.MLLP, raw=b"MSX|no message")])

    assert [("HL7 v2 over MLLP", "no MSH segment")] == outcome.rejected
    assert 1 == shown(outcome)["summary"]["rejected"]


def test_an_item_goes_when_its_cause_goes() -> None:
    """Details that disagree make an item; a message whose details agree closes it."""
    player = Player()
    other = type(DETAILS)(family="Another", given="Zed", birth_date=DETAILS.birth_date.replace(year=1999))  # type: ignore[union-attr]  # the builders' details have a date
    wrong = player.fact(attendance(details=other))
    right = player.fact(
        attendance(event=VisitEvent.UPDATED, at=NOON + timedelta(minutes=5)), at=NOON + timedelta(minutes=5)
    )
    known = player.fact(plan())
    first = dict(player.play([known, wrong]).worklist)
    second = player.play([right]).worklist

    assert 1 == len(first)
    assert {} == second


def test_a_fact_that_is_none_is_refused() -> None:
    """A recorded fact whose bytes are no fact stops the replay with a clear error."""
    player = Player()
    line = StreamLine(at=NOON, door=Door.FACT, raw=b"x", topic="cpis.in.plans", key=NUMBER.key)

    with pytest.raises(MalformedMessage):
        player.play([line])


def test_records_of_other_topics_are_passed_over() -> None:
    """Only inputs are folded."""
    player = Player()
    line = StreamLine(at=NOON, door=Door.FACT, raw=b"x", topic="cpis.alerts", key=b"")

    assert 0 == player.play([line]).facts


def test_a_patient_without_a_plan_waits_for_ever() -> None:
    """Nothing is told about somebody of whom no plan is known, however often they come."""
    patient = Patient(number="9990000026")
    messages = [
        Adt(event="A04", control_id=str(n), recorded="20260504120000", patient=patient, pv1={"visit": str(n)})
        for n in range(2)
    ]
    lines = [StreamLine(at=NOON, door=Door.MLLP, raw=message.text().encode()) for message in messages]

    assert [] == Player().play(lines).events


def superseded() -> IdentityNotice:
    """Return the source's word that the number has a successor."""
    return IdentityNotice(
        notice_id="n", kind=IdentityKind.SUPERSEDED, successor=SUCCESSOR, recorded_at=NOON, received_at=NOON
    )


def test_a_superseded_number_moves_in_a_replay_too() -> None:
    """What was told keeps its id and gains an update; what comes later under the old number follows."""
    player = Player()
    later = attendance(message_id="later", at=NOON + timedelta(hours=1))
    lines: list[Fact] = [plan(), attendance(), superseded(), later]
    outcome = player.play([player.fact(fact) for fact in lines])

    assert [NUMBER] * 2 + [SUCCESSOR] * 4 == [event.subject for event in outcome.events]
    assert 2 == len({event.alert.alert_id for event in outcome.events})


def test_what_a_matcher_had_sent_on_is_not_sent_on_twice() -> None:
    """A stream that was recorded from the inputs holds both; the replay goes by the first."""
    player = Player()
    value = player.parts.facts.encode(attendance(), NUMBER)
    wrapped = player.parts.facts.wrap(value, Passage(numbers=(NUMBER,), stamp=NOON), SUCCESSOR)
    line = StreamLine(at=NOON, door=Door.FACT, raw=wrapped, topic=Topic.ATTENDANCES, key=SUCCESSOR.key)
    outcome = player.play([player.fact(plan(), SUCCESSOR), line])

    assert (1, []) == (outcome.facts, outcome.events)


def test_a_merge_of_two_numbers_is_work_in_a_replay_too() -> None:
    """It joins nothing; the item tells neither number (ruling 42)."""
    outcome = Player().play([StreamLine(at=NOON, door=Door.MLLP, raw=merge("9990000026^^^NHS"))])

    assert [ItemKind.TWO_NUMBERS] == [item.kind for item in outcome.worklist.values()]
    assert 0 == outcome.facts


@pytest.mark.parametrize(("kind", "stated"), [(IdentityKind.INVALIDATED, False), (IdentityKind.IN_USE, True)])
def test_a_recorded_visit_begins_anew_as_it_did_live(kind: IdentityKind, *, stated: bool) -> None:
    """What the hospital goes on stating of its arrival is left out behind a number not in use (23, 44)."""
    player, minute = Player(), timedelta(minutes=1)
    notice = IdentityNotice(notice_id="n1", kind=kind, recorded_at=NOON, received_at=NOON)
    pv1 = {"class": "E", "visit": "V1", "arrived": _in_london(NOON - minute)}
    sent = [
        Adt(event="A04", control_id=f"C{place}", recorded=_in_london(NOON + place * minute),
            patient=Patient(number=number.digits, family="Testcase", given=DETAILS.given or ""), pv1=pv1)
        for place, number in enumerate((NUMBER, SUCCESSOR))
    ]  # fmt: skip
    lines = [
        StreamLine(at=NOON + place * minute, door=Door.MLLP, raw=adt.text().encode())
        for place, adt in enumerate(sent)
    ]
    lines[1:1] = [player.fact(notice), player.fact(plan(), SUCCESSOR)]

    [*_, event] = player.play(lines).events

    assert event.alert.visit is not None
    assert (NOON - minute if stated else NOON + minute) == event.alert.visit.arrived_at


def _in_london(moment: datetime) -> str:
    """Return a time as HL7 v2 writes it, by the clock on the wall."""
    return f"{moment.astimezone(LONDON):%Y%m%d%H%M%S}"
