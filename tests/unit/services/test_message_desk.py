"""Messages are found by what may be searched for, shown masked, and opened only once that is written down."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta

import pytest

from broker.adapters.memory_archive import MemoryArchive
from broker.core.desk_errors import NoSuchItem, NoSuchMessage, NotForThisRole, NumberOutOfUse
from broker.core.desk_roles import Role
from broker.core.errors import KafkaUnavailable, UnsealingFailed
from broker.core.facts import VisitLeft
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.invalidation import Inactive
from broker.core.messages import Message, Outcome, Sought, control_digest
from broker.core.operators import ActionKind, Place
from broker.core.person import Person
from broker.ports import Record, Topic, Write
from broker.services.finding import VisitAsked
from broker.services.message_desk import Opened, Shown
from broker.services.rejections import Rejections
from broker.wire.records_codec import Door, Rejected
from tests.builders.adt import Adt
from tests.builders.desk import ACTED, CHILD, GROUNDS, RECEIVED, DeskHouse, attendance
from tests.builders.matcher import NOON, fact_write
from tests.unit.services.test_rejected_desk import RefusingPen

NUMBER = NhsNumber("9990000018")
NUMBERLESS = replace(CHILD, number=None)
PERSONAL = ("9990000018", "Sample", "Robin", "20160412", "2016-04-12")


class ForgetfulArchive(MemoryArchive):
    """An archive of a log that forgets each record as soon as it was read once."""

    async def read_one(self, topic: Topic, partition: int, offset: int) -> Record | None:  # noqa: ARG002
        """Find nothing any more."""
        return None


def house_with_messages(role: Role = Role.ADMINISTRATOR) -> DeskHouse:
    """Return a house with one message taken, one refused and one without a number, in this order of time."""
    house = DeskHouse(role=role)
    house.send(attendance(processing="P", control_id="TAKEN"))
    house.send(attendance(processing="T", control_id="REFUSED"), at=RECEIVED + timedelta(minutes=1))
    house.send(
        attendance(processing="P", control_id="NUMBERLESS", patient=NUMBERLESS),
        at=RECEIVED + timedelta(minutes=2),
    )
    return house


def found(house: DeskHouse, sought: Sought | None = None) -> list[Message]:
    """Search."""
    return list(asyncio.run(house.messages.search(sought or Sought())))


def only(house: DeskHouse, control_id: str) -> Message:
    """Return the one message of a control id."""
    [message] = found(house, Sought(control=control_digest(house.parts.key, control_id)))
    return message


def show(house: DeskHouse, place: Place) -> Shown:
    """Show a message masked."""
    return asyncio.run(house.messages.show(place))


def unmask(house: DeskHouse, place: Place) -> Opened:
    """Open a message."""
    return asyncio.run(house.messages.unmask(place, GROUNDS))


def test_every_message_is_found_with_what_became_of_it() -> None:
    """Taken, refused with the reason, or without a number; newest first."""
    house = house_with_messages()
    key = house.parts.key
    visit = VisitAsked(provider=OdsCode("RXX"), number="V1")

    numberless, refused, taken = found(house)

    assert [
        ("NUMBERLESS", Outcome.NO_NUMBER, "number_missing", "PID-3"),
        ("REFUSED", Outcome.REFUSED, "processing id not taken", "MSH-11"),
        ("TAKEN", Outcome.TAKEN, "", ""),
    ] == [(one.control_id, one.outcome, one.reason, one.location) for one in (numberless, refused, taken)]
    assert {OdsCode("RXX")} == {one.sender for one in (numberless, refused, taken)}
    assert visit.reference(NUMBER, "EDSYS", key) == taken.visit
    assert visit.unnumbered("EDSYS", key) == numberless.visit
    assert (RECEIVED, None, None) == (taken.received_at, taken.item_id, refused.visit)
    assert {refused.item_id, numberless.item_id} == {item.item_id for item in house.board().items}


def test_what_is_listed_names_nobody() -> None:
    """Not even where a sender puts a patient's number into its control id."""
    house = DeskHouse()
    house.send(attendance(processing="P", control_id="9990000018"))
    house.send(attendance(processing="T", control_id="9990000018"))

    listed = [one.shown() for one in found(house)]

    assert 2 == len(listed)
    assert [] == [word for word in PERSONAL if word in repr(listed)]
    assert {"…"} == {one["control_id"] for one in listed}


def test_what_is_searched_for_is_up_to_date_and_taken_once() -> None:
    """A message that came after a search is in the next; one that was there before is there once."""
    house = house_with_messages()
    assert 3 == len(found(house))

    house.send(attendance(processing="P", control_id="LATER"))

    assert ["LATER"] == [only(house, "LATER").control_id]
    assert 4 == len(found(house))


def test_what_is_no_message_is_not_listed() -> None:
    """That a visit left a number, what cannot be read, a tombstone: none of them is what a sender sent."""
    house = DeskHouse()
    left = VisitLeft(
        visit="a" * 32,
        message_id="b" * 32,
        control_id="M1",
        recorded_at=NOON,
        sent_at=NOON,
        received_at=NOON,
    )
    house.write(
        fact_write(house.parts.facts, left, NUMBER),
        Write(Topic.ATTENDANCES, NUMBER.key, b"none of ours"),
        Write(Topic.REJECTED, None, b"none of ours"),
        Write(Topic.REJECTED, None, None),
    )

    assert [] == found(house)


def test_what_the_log_has_forgotten_is_not_found() -> None:
    """A row goes with what it points at (rulings, Recording the decision)."""
    house = house_with_messages()
    taken = only(house, "TAKEN")
    house.kafka.delete_before(Topic.ATTENDANCES, taken.place.partition, taken.place.offset + 1)

    assert ["NUMBERLESS", "REFUSED"] == [one.control_id for one in found(house)]
    with pytest.raises(NoSuchMessage):
        show(house, taken.place)


def test_a_message_that_was_redriven_says_so_and_stays() -> None:
    """The fact that came of it is a message of its own, with the same control id."""
    house = house_with_messages()
    house.redrive(house.board().find(str(only(house, "REFUSED").item_id)))

    copies = found(house, Sought(control=control_digest(house.parts.key, "REFUSED")))

    assert [(Outcome.REFUSED, "taken"), (Outcome.TAKEN, None)] == sorted(
        (one.outcome, one.redriven) for one in copies
    )


def test_a_taken_message_is_shown_as_the_fact_that_was_made_of_it() -> None:
    """Codes and times; nothing that is sealed, no number; and nothing is noted."""
    house = house_with_messages()

    shown = show(house, only(house, "TAKEN").place)

    assert shown.fact is not None
    assert {"event": "A04", "patient_class": "E", "location": "ED", "control_id": "TAKEN"} == {
        name: shown.fact[name] for name in ("event", "patient_class", "location", "control_id")
    }
    assert [] == [word for word in PERSONAL if word in repr(shown.fact)]
    assert shown.text is None
    assert [] == house.actions(Topic.AUDIT)


def test_of_a_restricted_record_it_is_not_shown_where_the_person_is() -> None:
    """Neither the area nor the site (ruling 24)."""
    house = DeskHouse()
    pv1 = {"class": "E", "location": "ED", "visit": "V1", "arrived": "20250301113000", "restricted": "S"}
    adt = Adt(event="A04", control_id="R1", recorded="20250301113500", pv1=pv1, processing="P")
    house.send(adt.text().encode())

    shown = show(house, only(house, "R1").place)

    assert shown.fact is not None
    assert shown.fact["restricted"] is True
    assert not {"location", "site"} & set(shown.fact)


@pytest.mark.parametrize("control_id", ["REFUSED", "NUMBERLESS"])
def test_what_was_not_taken_is_shown_with_its_structure(control_id: str) -> None:
    """Segments and codes, nothing of a person; and nothing is noted, since nobody saw anything."""
    house = house_with_messages()

    shown = show(house, only(house, control_id).place)

    assert shown.fact is None
    assert shown.text is not None
    assert f"|ADT^A04^ADT_A01|{control_id}|" in shown.text
    assert [] == [word for word in PERSONAL if word in shown.text]
    assert [] == house.actions(Topic.AUDIT)


def test_a_resource_that_was_not_taken_is_shown_with_its_elements() -> None:
    """Which there are, and no value that could be a person's."""
    house = DeskHouse()
    raw = b'{"resourceType": "Patient", "name": [{"family": "Sample"}]}'
    rejected = Rejected(door=Door.KAFKA, reason="odd", received_at=RECEIVED, raw=raw)
    house.write(*Rejections(house.parts.records, house.parts.key).writes(rejected))

    [message] = found(house)
    text = show(house, message.place).text

    assert text is not None
    assert '"resourceType": "Patient"' in text
    assert '"family": …' in text
    assert "Sample" not in text


def test_what_can_no_longer_be_opened_is_shown_without_its_bytes() -> None:
    """Its key is destroyed: what lies in clear is still told; opening it is refused."""
    house = house_with_messages()
    place = only(house, "REFUSED").place
    house.sealer.destroy_before(date.max)

    assert show(house, place).text is None
    with pytest.raises(UnsealingFailed):
        unmask(house, place)


def test_unmasking_what_was_taken_gives_the_person_and_is_on_the_audit_trail() -> None:
    """Who, why, when and which record."""
    house = house_with_messages()
    message = only(house, "TAKEN")

    opened = unmask(house, message.place)

    assert opened.fact is not None
    assert ("9990000018", "Sample", "Robin", "2016-04-12") == tuple(
        opened.fact[name] for name in ("nhs_number", "family", "given", "birth_date")
    )
    [action] = house.actions(Topic.AUDIT)
    assert (ActionKind.UNMASKED, str(message.place), message.place, GROUNDS, ACTED) == (
        action.kind,
        action.item_id,
        action.place,
        action.grounds,
        action.at,
    )


def test_unmasking_what_was_not_taken_gives_its_bytes_and_is_on_the_audit_trail() -> None:
    """Byte for byte."""
    house = house_with_messages()
    message = only(house, "REFUSED")

    opened = unmask(house, message.place)

    assert attendance(processing="T", control_id="REFUSED") == opened.raw
    [action] = house.actions(Topic.AUDIT)
    assert (ActionKind.UNMASKED, message.item_id, message.place) == (
        action.kind,
        action.item_id,
        action.place,
    )


@pytest.mark.parametrize("control_id", ["TAKEN", "REFUSED", "NUMBERLESS"])
def test_nothing_is_opened_that_the_audit_trail_does_not_have(control_id: str) -> None:
    """Where the entry cannot be made durable, nothing is shown."""
    house = DeskHouse(pen=RefusingPen)
    house.send(attendance(processing="P", control_id="TAKEN"))
    house.send(attendance(processing="T", control_id="REFUSED"))
    house.send(attendance(processing="P", control_id="NUMBERLESS", patient=NUMBERLESS))

    with pytest.raises(KafkaUnavailable):
        unmask(house, only(house, control_id).place)


@pytest.mark.parametrize("role", [Role.READER, Role.OPERATOR])
@pytest.mark.parametrize("control_id", ["TAKEN", "REFUSED", "NUMBERLESS"])
def test_nothing_is_opened_by_whom_it_is_not_for(control_id: str, role: Role) -> None:
    """Only an administrator unmasks; a refusal shows nothing and writes nothing."""
    house = house_with_messages(role)

    with pytest.raises(NotForThisRole):
        unmask(house, only(house, control_id).place)

    assert [] == house.actions(Topic.AUDIT)


def test_nobody_opens_what_is_held_of_a_number_out_of_use() -> None:
    """What was known of the person is shut away, and only its source lets it out again (ruling 23)."""
    house = house_with_messages()
    place = only(house, "TAKEN").place
    inactive = Inactive(stamp=NOON, since=NOON, ledger=Person(number=NUMBER, salt=b""))
    for value in (house.parts.states.encode_inactive(inactive, []), b"none of ours"):
        house.write(Write(Topic.PEOPLE, NUMBER.key, value))

        with pytest.raises(NumberOutOfUse):
            unmask(house, place)

    assert [] == house.actions(Topic.AUDIT)


def test_what_is_held_of_somebody_who_is_in_use_again_is_opened() -> None:
    """The newest record of the number decides, and a tombstone is none."""
    house = house_with_messages()
    states = house.parts.states
    inactive = states.encode_inactive(
        Inactive(stamp=NOON, since=NOON, ledger=Person(number=NUMBER, salt=b"")), []
    )
    person = states.encode_person(Person(number=NUMBER, salt=b"salt"))
    place = only(house, "TAKEN").place
    for after in (person, None):
        house.write(Write(Topic.PEOPLE, NUMBER.key, inactive), Write(Topic.PEOPLE, NUMBER.key, after))

        assert unmask(house, place).fact is not None


def test_a_place_without_a_message_is_no_message() -> None:
    """Neither where nothing lies, nor where something else does."""
    house = house_with_messages()
    for place in (
        Place(topic="cpis.rejected", partition=0, offset=99),
        Place(topic="cpis.people", partition=0, offset=0),
    ):
        with pytest.raises(NoSuchMessage):
            show(house, place)


def test_what_goes_while_somebody_looks_is_gone() -> None:
    """The index still has it, and the log no more."""
    house = DeskHouse(archive=ForgetfulArchive)
    house.send(attendance(processing="P", control_id="TAKEN"))
    house.send(attendance(processing="T", control_id="REFUSED"))

    with pytest.raises(NoSuchMessage):
        show(house, only(house, "TAKEN").place)
    with pytest.raises(NoSuchItem):
        show(house, only(house, "REFUSED").place)


def test_somebody_without_a_sender_is_listed() -> None:
    """A message whose header cannot be read has neither sender nor control id."""
    house = DeskHouse()
    house.send(b"no message at all")

    [message] = found(house)

    assert (None, None, None, Outcome.REFUSED) == (
        message.sender,
        message.control,
        message.control_id,
        message.outcome,
    )
