"""A record that cannot be processed goes to the worklist, and everybody else goes on."""

from dataclasses import replace
from datetime import timedelta
from itertools import islice

import pytest

from broker.adapters.memory_sealing import MemorySealer
from broker.core.facts import VisitEvent
from broker.core.identifiers import OdsCode
from broker.core.policy import Policy
from broker.core.worklist import ItemKind
from broker.ports import Sealed, Topic, Write
from broker.services.matching_turns import Notice
from broker.wire.records_codec import RecordsCodec
from tests.builders.house import ADA, House, in_house
from tests.builders.matcher import (
    NOON,
    attendance,
    fact_write,
    notice,
    numbers,
    plan,
    schemas,
)

(BOB,) = islice(numbers(), 1, 2)
CURSED = OdsCode("XXX")


class CursedPolicy(Policy):
    """A policy that makes the core raise whenever it looks at one provider."""

    def site(
        self,
        provider: OdsCode,
        *,
        system: str | None = None,
        site: str | None = None,
        location: str | None = None,
    ) -> Policy:
        """Return what a provider has settled, but for the cursed one."""
        if provider == CURSED:
            raise ZeroDivisionError
        return super().site(provider, system=system, site=site, location=location)


class KeylessSealer(MemorySealer):
    """A sealer whose key directory is gone."""

    def seal(self, plain: bytes, *, bound_to: bytes) -> Sealed:
        """Fail."""
        raise OSError(f"no key for {len(plain)} bytes bound to {len(bound_to)}")


def test_a_record_that_is_no_fact_goes_to_the_worklist() -> None:
    """Its bytes are kept sealed, the alarm is raised, and the others of its batch are processed."""

    async def scenario(house: House) -> None:
        house.send(plan())
        house.send_raw(Topic.PLANS, BOB.key, b"no fact")
        house.send(attendance())
        async with house.at_work():
            await house.told(Topic.ALERTS, 2)
            await house.told(Topic.WORKLIST, 1)
        (item,) = house.items()
        (record,) = house.records(Topic.WORKLIST)
        about = house.codecs.records.open_record(record.value or b"")
        assert about is not None
        assert (ItemKind.UNPROCESSABLE_RECORD, True) == (item.kind, item.urgent)
        assert (Topic.PLANS, 0, 1, b"no fact") == (about.topic, about.partition, about.offset, about.value)
        assert [1] == [fields["offset"] for fields in house.reported.fields(Notice.UNPROCESSABLE)]

    in_house(scenario)


@pytest.mark.parametrize("key", [None, b"9990000000", b"\xff"], ids=["none", "no number", "no text"])
def test_a_plan_under_an_impossible_key_goes_to_the_worklist(key: bytes | None) -> None:
    """A key that is no NHS number stops nothing."""

    async def scenario(house: House) -> None:
        house.send_raw(Topic.PLANS, key, b"bytes")
        house.send(plan(), attendance())
        async with house.at_work():
            await house.told(Topic.ALERTS, 2)
            await house.told(Topic.WORKLIST, 1)
        assert [ADA.key] == list(house.people())

    in_house(scenario)


def test_a_tombstone_in_an_input_goes_to_the_worklist() -> None:
    """An input is never compacted: a record without a value is a mistake of its producer."""

    async def scenario(house: House) -> None:
        house.send_raw(Topic.PLANS, ADA.key, None)
        async with house.at_work():
            await house.told(Topic.WORKLIST, 1)

    in_house(scenario)


def test_an_unreadable_message_leaves_the_person_as_they_were() -> None:
    """The person keeps the state without that record, and later records are folded."""

    async def scenario(house: House) -> None:
        house.send(plan())
        async with house.at_work():
            await house.taken()
            house.send_raw(Topic.ATTENDANCES, ADA.key, b"no fact")
            await house.told(Topic.WORKLIST, 1)
            assert [] == house.events()
            house.send(attendance())
            await house.told(Topic.ALERTS, 2)

    in_house(scenario)


def test_a_fact_that_makes_the_core_raise_is_found_among_others() -> None:
    """Of three messages read together the one that raises is set aside, the others are told."""

    async def scenario(house: House) -> None:
        house.send(plan())
        async with house.at_work(house.matcher(policy=CursedPolicy())):
            await house.taken()
            house.send(
                attendance(),
                attendance("cursed", provider=CURSED),
                attendance(event=VisitEvent.DISCHARGED, at=NOON + timedelta(hours=1)),
            )
            await house.told(Topic.WORKLIST, 1)
            await house.told(Topic.ALERTS, 2)
        assert {"visit-1"} == {event.alert.subject for event in house.events()}
        assert ["ZeroDivisionError"] == [
            fields["code"] for fields in house.reported.fields(Notice.UNPROCESSABLE)
        ]
        assert {"visit-1"} == set(house.person().known.visits)

    in_house(scenario)


def test_a_message_that_waited_and_raises_is_set_aside() -> None:
    """The plan that finds it in the log is kept."""

    async def scenario(house: House) -> None:
        async with house.at_work(house.matcher(policy=CursedPolicy())):
            house.send(attendance("cursed", provider=CURSED))
            await house.taken()
            house.send(plan())
            await house.told(Topic.WORKLIST, 1)
        assert [ADA.key] == list(house.people())

    in_house(scenario)


def test_messages_wait_on_when_the_plan_was_unreadable() -> None:
    """A plan that could not be read is noted, so that nobody says `no plan`; what waited loses nothing."""

    async def scenario(house: House) -> None:
        unread = fact_write(house.codecs.facts, plan(), ADA)
        async with house.at_work():
            house.send(attendance())
            await house.taken()
            house.kafka.append([replace(unread, value=b"no fact")])
            house.send(attendance("visit-2", at=NOON + timedelta(days=1)))
            house.kafka.append([replace(unread, topic=Topic.ATTENDANCES, value=b"unreadable as well")])
            await house.told(Topic.WORKLIST, 2)
            await house.taken()
            house.send(plan())
            await house.told(Topic.ALERTS, 4)
        assert {"visit-1", "visit-2"} == {event.alert.subject for event in house.events()}
        assert 2 == len(house.items())

    in_house(scenario)


def test_a_person_too_large_for_a_record_goes_to_the_worklist() -> None:
    """What would not fit is set aside before the broker refuses the whole transaction."""

    async def scenario(house: House) -> None:
        small = plan()
        large = replace(small, content=replace(small.content, authority_name="x" * 9_000_000))
        house.send(attendance())
        house.send(large)
        async with house.at_work():
            await house.told(Topic.WORKLIST, 1)
            await house.taken()
            assert 1 == len(house.person().set_aside)
            house.send(plan())
            await house.told(Topic.ALERTS, 2)
        assert ["CPIS-408"] == [fields["code"] for fields in house.reported.fields(Notice.UNPROCESSABLE)]

    in_house(scenario)


def test_a_damaged_state_is_left_alone() -> None:
    """Facts of a person whose record cannot be read go to the worklist, and the record stays."""

    async def scenario(house: House) -> None:
        house.kafka.append([Write(Topic.PEOPLE, ADA.key, b"damaged")])
        house.send(plan(), attendance())
        house.send(plan(), attendance(), number=BOB)
        async with house.at_work():
            await house.told(Topic.WORKLIST, 2)
            await house.told(Topic.ALERTS, 2)
        assert [b"damaged"] == house.people()[ADA.key]

    in_house(scenario)


def test_an_item_without_its_bytes_is_better_than_none() -> None:
    """Where nothing can be sealed the item goes without the bytes, and the partition goes on."""

    async def scenario(house: House) -> None:
        house.send(plan(), attendance())
        house.send_raw(Topic.PLANS, BOB.key, b"no fact")
        house.codecs = replace(house.codecs, records=RecordsCodec(schemas(), KeylessSealer()))
        async with house.at_work():
            await house.told(Topic.WORKLIST, 1)
            await house.told(Topic.ALERTS, 2)
        (record,) = house.records(Topic.WORKLIST)
        assert house.codecs.records.open_record(record.value or b"") is None
        assert [ItemKind.UNPROCESSABLE_RECORD] == [item.kind for item in house.items()]

    in_house(scenario)


def test_a_restriction_that_is_read_with_rubbish_is_kept() -> None:
    """A notice and an unreadable one of the same person: one is kept, one set aside."""

    async def scenario(house: House) -> None:
        house.send(notice())
        house.send_raw(Topic.IDENTITY, ADA.key, b"no fact")
        async with house.at_work():
            await house.told(Topic.WORKLIST, 1)
            await house.taken()
        assert [ADA.key] == list(house.people())

    in_house(scenario)
