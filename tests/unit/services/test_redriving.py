"""A rejected message goes through its door again, with its first receipt; twice does no harm."""

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta
from typing import NoReturn

import pytest

from broker.adapters.memory import MemoryFactLog
from broker.core.desk_errors import CannotRedrive
from broker.core.errors import KafkaUnavailable
from broker.core.facts import PlanFact, VisitMessage
from broker.core.operators import ActionKind, Place
from broker.ports import Topic, Write
from broker.services import dialects, intake, redriving
from broker.services.redriving import UNOPENED
from broker.wire.mllp import TOO_LONG
from broker.wire.records_codec import Door, Rejected
from tests.builders.adt import Adt, Patient
from tests.builders.desk import ACTED, CHILD, GROUNDS, RECEIVED, DeskHouse, attendance
from tests.builders.fhir import message, written
from tests.builders.hospital_record import record
from tests.builders.upload import Person, Record, build_upload

GOOD = Record(child=Person(number="9990000018"))
BAD = Record(child=Person(number="9990000019"))


class FactlessPen(MemoryFactLog):
    """A pen that is good for the audit trail only."""

    async def append(self, writes: Sequence[Write]) -> Sequence[Place]:
        """Refuse whatever is no audit entry."""
        if any(write.topic != Topic.AUDIT for write in writes):
            raise KafkaUnavailable
        return await super().append(writes)


def _fail(*_args: object, **_more: object) -> NoReturn:
    """Fail as no reader should."""
    raise ZeroDivisionError


def keep_file(house: DeskHouse, data: bytes) -> None:
    """Keep a file as a release did that could not read it."""
    rejected = Rejected(door=Door.UPLOAD, reason="CPF01 broker defect", received_at=RECEIVED, raw=data)
    value = house.parts.records.encode_rejected(rejected)
    house.write(Write(Topic.REJECTED, None, value))


def test_a_message_refused_for_a_setting_is_taken_when_the_setting_is_mended() -> None:
    """The fact is as if it had been taken at first receipt."""
    house = DeskHouse()
    house.send(attendance())

    result = house.redrive(house.only())

    [(key, fact)] = house.learned()
    assert isinstance(fact, VisitMessage)
    assert (b"9990000018", RECEIVED) == (key, fact.received_at)
    assert ("taken", 1, ()) == (result.outcome, result.facts, result.refusals)
    assert not house.only().open


def test_redriving_twice_gives_the_very_same_fact() -> None:
    """Merging twice is merging once, so nothing is told twice."""
    house = DeskHouse()
    house.send(attendance(), at=RECEIVED + timedelta(minutes=5))
    house.send(attendance())

    for _ in range(2):
        house.redrive(house.only())

    first, second = house.learned()
    assert first == second
    assert RECEIVED == first[1].received_at


def test_a_redrive_is_noted_before_and_after() -> None:
    """In the audit trail, then beside the item."""
    house = DeskHouse()
    house.send(attendance())
    item = house.only()

    house.redrive(item)

    [audited], [marked] = house.actions(Topic.AUDIT), house.actions(Topic.REJECTED)
    assert audited == marked
    assert (ActionKind.REDRIVEN, item.item_id, item.newest, GROUNDS, ACTED, "taken") == (
        audited.kind,
        audited.item_id,
        audited.place,
        audited.grounds,
        audited.at,
        audited.outcome,
    )
    assert "taken" == house.only().masked()["state"]


def test_an_item_stays_open_where_its_facts_were_not_written() -> None:
    """The audit trail says that it was tried; it is tried again."""
    house = DeskHouse(pen=FactlessPen)
    house.send(attendance())

    with pytest.raises(KafkaUnavailable):
        house.redrive(house.only())

    assert (True, 1) == (house.only().open, len(house.actions(Topic.AUDIT)))


def test_a_copy_that_comes_after_the_redrive_opens_the_item_again() -> None:
    """It has not been through the door."""
    house = DeskHouse()
    house.send(attendance())
    house.redrive(house.only())
    house.send(attendance(), at=RECEIVED + timedelta(days=1))

    assert (True, 2) == (house.only().open, house.only().times)


def test_what_is_still_refused_stays_with_its_new_reason() -> None:
    """Kept no longer than it would have been: nothing is written but the note."""
    house = DeskHouse()
    house.send(attendance(patient=Patient(number=None)))

    result = house.redrive(house.only())

    item = house.only()
    assert ("refused: number_missing at PID-3", 0) == (result.outcome, result.facts)
    assert (True, "refused: number_missing at PID-3", 1) == (item.open, item.masked()["outcome"], item.times)


def test_what_is_refused_for_the_same_reason_stays() -> None:
    """Nobody mended anything."""
    house = DeskHouse(processing_ids=frozenset({"P"}))
    house.send(attendance())

    result = house.redrive(house.only())

    assert "refused: processing id not taken at MSH-11" == result.outcome
    assert not result.taken
    assert [] == house.learned()
    assert house.only().open


def test_what_a_release_with_a_defect_refused_is_taken_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until then it stays, and says so without a place."""
    house = DeskHouse()
    with monkeypatch.context() as former_release:
        former_release.setattr(dialects, "read_adt", _fail)
        house.send(attendance())
        assert f"refused: {intake.DEFECT}" == house.redrive(house.only()).outcome

    assert "taken" == house.redrive(house.only()).outcome
    assert 1 == len(house.learned())


def test_a_record_of_a_providers_own_topic_is_read_as_one() -> None:
    """By the schema that it was written in, with the receipt that Kafka gave it."""
    house = DeskHouse()
    house.clock.now = RECEIVED
    asyncio.run(house.intake.take(record(), Door.TOPIC, received_at=RECEIVED))
    item = house.only()

    result = house.redrive(item)

    assert ("processing id not taken", "processing_id") == (item.message.reason, item.message.location)
    assert ("taken", 1) == (result.outcome, result.facts)
    [(key, fact)] = house.learned()
    assert isinstance(fact, VisitMessage)
    assert (b"9990000018", "K1", RECEIVED) == (key, fact.control_id, fact.received_at)


def test_a_file_is_taken_as_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every plan, in as many appends as it takes, with the file's first receipt."""
    monkeypatch.setattr(redriving, "_WRITES_PER_APPEND", 2)
    house = DeskHouse()
    people = [Record(child=Person(number=n)) for n in ("9990000018", "9990000026", "9990000034")]
    keep_file(house, build_upload(people))

    result = house.redrive(house.only())

    facts = [fact for _, fact in house.learned()]
    assert ("taken", 3, 3) == (result.outcome, result.facts, len(facts))
    assert {RECEIVED} == {fact.received_at for fact in facts if isinstance(fact, PlanFact)}


def test_a_file_taken_in_part_stays_open() -> None:
    """What is still refused is told, so many of them."""
    house = DeskHouse()
    keep_file(house, build_upload([GOOD, *[BAD] * 5]))

    result = house.redrive(house.only())

    assert (1, 5, True) == (result.facts, len(result.refusals), house.only().open)
    assert result.outcome.startswith("taken in part, refused: CPR04 ")
    assert result.outcome.endswith(" and 2 more")


def test_a_rehearsal_writes_nothing() -> None:
    """It says what would come of it."""
    house = DeskHouse()
    house.send(attendance())

    result = asyncio.run(house.redriving.rehearse(house.only()))

    assert ("taken", 1) == (result.outcome, result.report()["facts"])
    assert ([], [], True) == (house.learned(), house.actions(Topic.AUDIT), house.only().open)


def test_what_cannot_be_opened_any_more_is_said_to_be_so() -> None:
    """Nothing is noted, since nothing was done."""
    house = DeskHouse()
    house.send(attendance())
    house.sealer.destroy_before(date.max)

    assert UNOPENED == house.redrive(house.only()).outcome
    assert [] == house.actions(Topic.AUDIT)


def test_what_is_no_whole_message_is_not_redriven() -> None:
    """A message cut short could say something else."""
    house = DeskHouse()
    rejected = Rejected(door=Door.MLLP, reason=TOO_LONG, received_at=RECEIVED, raw=attendance(processing="P"))
    house.write(Write(Topic.REJECTED, None, house.parts.records.encode_rejected(rejected)))

    with pytest.raises(CannotRedrive, match="no whole message") as refused:
        house.redrive(house.only())

    assert [] == house.learned()
    assert CHILD.family not in str(refused.value)


def test_what_came_as_fhir_goes_back_through_its_own_door() -> None:
    """The bytes say everything that is needed."""
    house = DeskHouse()
    adt = Adt(event="A04", control_id="M1", recorded="20250301101500", pv1={"class": "E", "visit": "V-1"})
    rejected = Rejected(door=Door.FHIR, reason="odd", received_at=RECEIVED, raw=written(message(adt)))
    house.write(Write(Topic.REJECTED, None, house.parts.records.encode_rejected(rejected)))

    assert "taken" == house.redrive(house.only()).outcome
    assert 1 == len(house.learned())
