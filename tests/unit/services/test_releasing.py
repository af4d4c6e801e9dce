"""What could not be processed is put back once its cause is mended: in order, as it was, twice no harm."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from broker.adapters.memory import MemoryFactLog
from broker.adapters.memory_archive import MemoryArchive
from broker.core.desk_errors import CannotRelease, NotForThisRole
from broker.core.desk_roles import Role
from broker.core.errors import KafkaUnavailable
from broker.core.identifiers import NhsNumber, OdsCode
from broker.core.operators import ActionKind, Place
from broker.core.worklist import ItemKind, WorklistItem
from broker.ports import Topic, Write
from broker.services.desk_log import DeskLog
from broker.services.releasing import GONE, READABLE, RELEASED, Released, Releasing
from broker.services.worklist_desk import Work
from broker.wire.records_codec import Unprocessable
from tests.builders.desk import ACTED, GROUNDS, DeskHouse
from tests.builders.matcher import NOON, attendance, fact_write, numbers

ADA = next(numbers())


class FactlessPen(MemoryFactLog):
    """A pen that is good for the audit trail only."""

    async def append(self, writes: Sequence[Write]) -> Sequence[Place]:
        """Refuse whatever is no audit entry."""
        if any(write.topic != Topic.AUDIT for write in writes):
            raise KafkaUnavailable
        return await super().append(writes)


def releasing(
    house: DeskHouse, *, role: Role = Role.ADMINISTRATOR, pen: type[MemoryFactLog] = MemoryFactLog
) -> Releasing:
    """Return what releases on a house's cluster."""
    written = pen(house.kafka)
    log = DeskLog(written, house.parts.records, key=house.parts.key, clock=lambda: ACTED, role=role)
    return Releasing(MemoryArchive(house.kafka), written, house.parts.facts, log)


def quarantined(house: DeskHouse, count: int = 1, *, number: NhsNumber = ADA) -> None:
    """Put attendances into their input, each with an item that says that it could not be processed."""
    for minutes in range(count):
        fact = attendance(f"visit-{minutes}", at=NOON + timedelta(minutes=minutes))
        write = fact_write(house.parts.facts, fact, number)
        house.write(write)
        [*_, record] = [one for one in house.kafka.read(Topic.ATTENDANCES) if one.key == number.key]
        about = Unprocessable(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            cause="ZeroDivisionError",
            value=record.value or b"",
        )
        put(house, f"{9 - minutes:032x}", about)  # so that the ids are in another order than the places


def put(
    house: DeskHouse,
    item_id: str,
    about: Unprocessable | None,
    kind: ItemKind = ItemKind.UNPROCESSABLE_RECORD,
) -> None:
    """Open an item as a matcher does."""
    item = WorklistItem(item_id=item_id, kind=kind, urgent=True, provider=OdsCode("RXX"))
    house.write(Write(Topic.WORKLIST, item_id.encode(), house.parts.records.encode_item(item, about)))


def works(house: DeskHouse) -> tuple[Work, ...]:
    """Return the work there is."""
    return house.work().items


def release(house: DeskHouse, found: Sequence[Work] | None = None) -> list[Released]:
    """Release some work, or all of it."""
    return asyncio.run(releasing(house).release(works(house) if found is None else found, GROUNDS))


def test_a_record_is_put_back_as_it_was() -> None:
    """The same bytes under the same number, with the headers that say when it was first received."""
    house = DeskHouse()
    quarantined(house)

    [released] = release(house)

    [first, again] = house.kafka.read(Topic.ATTENDANCES)
    assert (first.key, first.value, first.headers) == (again.key, again.value, again.headers)
    assert (True, RELEASED, "cpis.in.attendances") == (
        released.done,
        released.outcome,
        released.place.rpartition("-")[0].rpartition("-")[0],
    )
    assert {"item_id": released.item_id, "place": released.place, "outcome": RELEASED} == released.report()


def test_what_is_put_back_keeps_the_order_in_which_it_came() -> None:
    """Of each person, whatever the order in which it is named."""
    house = DeskHouse()
    quarantined(house, 4)

    release(house, works(house)[::-1])

    values = [record.value for record in house.kafka.read(Topic.ATTENDANCES)]
    assert values[:4] == values[4:]


def test_a_release_is_on_the_audit_trail_first_and_settles_its_item() -> None:
    """Who, why, when and which; where the trail cannot be written nothing is put back."""
    house = DeskHouse()
    quarantined(house)
    [work] = works(house)

    release(house)

    [action] = house.actions(Topic.AUDIT)
    assert (ActionKind.RELEASED, work.item.item_id, work.place, GROUNDS, RELEASED) == (
        action.kind,
        action.item_id,
        action.place,
        action.grounds,
        action.outcome,
    )
    [settled] = works(house)
    assert not settled.open

    with pytest.raises(KafkaUnavailable):
        asyncio.run(releasing(house, pen=FactlessPen).release([work], GROUNDS))
    assert 2 == len(house.kafka.read(Topic.ATTENDANCES))
    assert 2 == len(house.actions(Topic.AUDIT))


def test_a_rehearsal_says_what_would_come_of_it_and_writes_nothing() -> None:
    """In the order of a release."""
    house = DeskHouse()
    quarantined(house, 2)
    before = {topic: house.kafka.read(topic) for topic in Topic}

    found = asyncio.run(releasing(house).rehearse(works(house)))

    assert [(READABLE, f"{9:032x}"), (READABLE, f"{8:032x}")] == [(one.outcome, one.item_id) for one in found]
    assert all(one.done for one in found)
    assert before == {topic: house.kafka.read(topic) for topic in Topic}


def test_what_the_log_has_forgotten_cannot_be_put_back() -> None:
    """Its sender has to send it again; the item stays open."""
    house = DeskHouse()
    quarantined(house)
    [record] = house.kafka.read(Topic.ATTENDANCES)
    house.kafka.delete_before(Topic.ATTENDANCES, record.partition, record.offset + 1)

    [released] = release(house)

    assert (GONE, False) == (released.outcome, released.done)
    assert works(house)[0].open
    assert [] == house.actions(Topic.AUDIT)


def test_what_can_still_not_be_read_stays_in_quarantine() -> None:
    """It would only be set aside again; the reason is a code, never a value."""
    house = DeskHouse()
    house.write(Write(Topic.PLANS, ADA.key, b"none of ours"), Write(Topic.PLANS, None, b"of nobody"))
    for number, record in enumerate(house.kafka.read(Topic.PLANS)):
        about = Unprocessable(
            topic=record.topic, partition=record.partition, offset=record.offset, cause="x", value=b""
        )
        put(house, f"{number:032x}", about)

    found = release(house)

    assert {"still not readable: CPIS-201"} == {one.outcome for one in found}
    assert [] == house.actions(Topic.AUDIT)


def test_what_is_no_record_in_quarantine_is_not_released() -> None:
    """Nothing else is touched either: a question about a patient, an item without its record, a digest."""
    house = DeskHouse()
    quarantined(house)
    before = {topic: house.kafka.read(topic) for topic in Topic}
    digest = Unprocessable(topic="cpis.in.details", partition=0, offset=0, cause="x", value=b"")
    for kind, about in (
        (ItemKind.DETAILS_DISAGREE, None),
        (ItemKind.UNPROCESSABLE_RECORD, None),
        (ItemKind.UNPROCESSABLE_RECORD, digest),
    ):
        put(house, "f" * 32, about, kind)

        with pytest.raises(CannotRelease):
            release(house)

    assert before[Topic.ATTENDANCES] == house.kafka.read(Topic.ATTENDANCES)
    assert [] == house.actions(Topic.AUDIT)


@pytest.mark.parametrize("role", [Role.READER, Role.OPERATOR])
def test_only_an_administrator_releases(role: Role) -> None:
    """What set the record aside may have been meant to."""
    house = DeskHouse()
    quarantined(house)

    with pytest.raises(NotForThisRole):
        asyncio.run(releasing(house, role=role).release(works(house), GROUNDS))

    assert 1 == len(house.kafka.read(Topic.ATTENDANCES))
    assert works(house)[0].open
