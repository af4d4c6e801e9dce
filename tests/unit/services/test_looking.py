"""Who looks a person up is on the trail first, and what tells of the look is durable before it is shown."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

import pytest

from broker.adapters.memory import MemoryFactLog
from broker.adapters.memory_archive import MemoryArchive
from broker.core import operators
from broker.core.answers import Finding, Uncheckable
from broker.core.errors import InvalidFact, KafkaUnavailable
from broker.core.facts import Access, IdentityKind, IdentityNotice, PlanFact, VisitMessage
from broker.core.identifiers import OdsCode
from broker.core.keyed import IdentityKey
from broker.core.look_words import look_sentences
from broker.core.looking import Look, Way
from broker.core.number_ranges import takes_for_tests
from broker.core.operators import ActionKind
from broker.core.policy import Policy
from broker.core.policy_keys import Place, Selector
from broker.ports import Topic, Write
from broker.runtime.codecs import load_schemas
from broker.services.fact_desk import User
from broker.services.looking import Asking
from broker.wire.feed_codec import FeedCodec
from tests.builders.enquiry import BEN, GROUNDS, Desk, Failing, Past, came, worked_off
from tests.builders.feeds import taken
from tests.builders.house import ADA, House, in_house
from tests.builders.matcher import AUTHORITY, KEY, NOON, PROVIDER, attendance, plan
from tests.builders.street import A, B, Street, in_street, superseded
from tests.spec.numbers import numbers_beginning

NURSE = Asking(
    organisation=PROVIDER,
    organisation_name="Exton Hospital",
    role="B0107",
    user=User(name="A Nurse", own_id="staff-1"),
    request_id="r-1",
)


def behind(look: Look) -> bool:
    """Return whether the broker is said to be behind."""
    return look.answer is not None and look.answer.reason is Uncheckable.BROKER_BEHIND


def looks_kept(house: House) -> list[Access]:
    """Return the looks that lie in the input of views."""
    decoded = [
        house.codecs.facts.decode(record.topic, record.key or b"", record.value or b"")
        for record in house.kafka.read(Topic.ACCESSES)
    ]
    return [fact for fact in decoded if isinstance(fact, Access)]


def test_who_looked_is_on_the_trail_before_and_what_came_of_it_after() -> None:
    """User, role, organisation, place, setting, purpose, request; the patient by a keyed id alone (R54)."""

    async def scenario(house: House) -> None:
        await worked_off(house)
        house.send(plan())
        await worked_off(house, came())
        desk = Desk(house)

        look = await desk.looking().look(ADA, replace(NURSE, place="ED", unscheduled=True), GROUNDS)

        first, second = desk.actions()
        assert [ActionKind.LOOKED] * 2 == [first.kind, second.kind]
        assert GROUNDS == first.grounds
        assert ("asked", "unscheduled: plan on file; history, plan-of-child") == (
            first.outcome,
            second.outcome,
        )
        by = first.looked_by
        assert by is not None
        assert ("staff-1", "B0107", PROVIDER.code, "ED", True, "r-1") == (
            by.user_id,
            by.role,
            by.organisation,
            by.place,
            by.unscheduled,
            by.request_id,
        )
        assert look.fact is not None
        assert {look.fact.access_id} == {first.item_id, second.item_id}
        assert not any(ADA.key in (record.value or b"") for record in house.kafka.read(Topic.AUDIT))

    in_house(scenario)


def test_what_is_shown_was_told_before_and_the_authority_hears_of_it() -> None:
    """The view is a fact of the person; a matcher makes the alert of it (rulings 1, 3; R23)."""

    async def scenario(house: House) -> None:
        house.send(plan())
        await worked_off(house, number=BEN)

        look = await Desk(house).looking().look(ADA, NURSE, GROUNDS)

        assert [look.fact] == looks_kept(house)
        async with house.at_work():
            await house.taken()
        assert ["viewed"] == [event.alert.occasion.value for event in house.events()]

    in_house(scenario)


@pytest.mark.parametrize(
    ("hours", "age"),
    [
        (1, "last file of this authority 1 h ago"),
        (49, "STALE, ring before relying on it: last file of this authority 2 days ago"),
        (None, "STALE, ring before relying on it: last file of this authority 30 days ago"),  # by its mark
    ],
)
def test_what_is_opened_has_the_age_of_the_plans_it_rests_on(hours: int | None, age: str) -> None:
    """At the moment of the look, and no part of what is told of it (C7)."""

    async def scenario(house: House) -> None:
        house.send(plan())
        if hours is not None:
            at = NOON - timedelta(hours=hours)
            said = FeedCodec(load_schemas()).encode_file(taken(at=at, authority=AUTHORITY))
            house.send_raw(Topic.FEEDS, AUTHORITY.code.encode(), said)
        await worked_off(house, number=BEN)

        look = await Desk(house).looking().look(ADA, NURSE, GROUNDS)

        assert look.opened is not None
        assert [age] == [one.age for one in look.opened.plans]
        assert age in " ".join(look_sentences(look))

    in_house(scenario)


class NoFactTaken(MemoryFactLog):
    """A log that takes the trail and no fact."""

    async def append(self, writes: Sequence[Write]) -> Sequence[operators.Place]:
        """Take what is for the trail."""
        if any(write.topic == Topic.ACCESSES for write in writes):
            raise KafkaUnavailable
        return await super().append(writes)


def test_nothing_is_shown_of_a_look_that_nobody_can_be_told_of() -> None:
    """The fact is durable, or it could not be checked (ruling 3; R23)."""

    async def scenario(house: House) -> None:
        house.send(plan())
        await worked_off(house, number=BEN)

        look = await Desk(house, pen=NoFactTaken).looking().look(ADA, NURSE, GROUNDS)

        assert behind(look)
        assert look.opened is None

    in_house(scenario)


def test_nothing_is_read_that_is_not_on_the_trail() -> None:
    """Without the entry there is no look (R54)."""

    class Refusing(MemoryFactLog):
        """A log that takes nothing."""

        async def append(self, writes: Sequence[Write]) -> NoReturn:  # noqa: ARG002 – the port's signature
            """Take nothing."""
            raise KafkaUnavailable

    async def scenario(house: House) -> None:
        await worked_off(house, came())
        with pytest.raises(KafkaUnavailable):
            await Desk(house, pen=Refusing).looking().look(ADA, NURSE, GROUNDS)

    in_house(scenario)


@pytest.mark.parametrize("topic", [Topic.PEOPLE, Topic.PLANS, Topic.CHECKS])
def test_what_cannot_be_read_is_could_not_check(topic: Topic) -> None:
    """No error looks like an answer (rulings 34, 41)."""

    async def scenario(house: House) -> None:
        await worked_off(house, came())
        people = house.kafka.read(Topic.PEOPLE)
        archive = Failing(MemoryArchive(house.kafka), people, topic, KafkaUnavailable())

        assert behind(await Desk(house, archive=archive).looking().look(ADA, NURSE, GROUNDS))

    in_house(scenario)


def test_before_a_matcher_has_taken_a_plan_nobody_says_that_there_is_none() -> None:
    """It came in behind what was taken (ruling 41); somebody else's keeps nothing from being said."""

    async def scenario(house: House) -> None:
        await worked_off(house, came())
        house.send(plan(), number=BEN)
        desk = Desk(house)

        assert behind(await desk.looking(looks=2).look(BEN, NURSE, GROUNDS))
        found = await desk.looking().look(ADA, NURSE, GROUNDS)
        assert found.answer is not None
        assert Finding.NO_PLAN is found.answer.finding

    in_house(scenario)


def test_a_mark_that_no_matcher_has_taken_keeps_the_record_closed() -> None:
    """A plan that none has taken does not: what is known is opened (rulings 24, 34)."""

    async def scenario(house: House) -> None:
        house.send(plan())
        await worked_off(house, number=BEN)
        desk = Desk(house)
        house.send(plan())
        newer = await desk.looking().look(ADA, NURSE, GROUNDS)
        mark = IdentityNotice(notice_id="n", kind=IdentityKind.RESTRICTED, recorded_at=NOON, received_at=NOON)
        house.send(mark)
        marked = await desk.looking().look(ADA, NURSE, GROUNDS)

        assert newer.opened is not None
        assert behind(marked)
        assert marked.opened is None

    in_house(scenario)


MARKS: dict[str, PlanFact | VisitMessage | bytes] = {
    "a plan that an authority marked": replace(plan(), content=replace(plan().content, restricted=True)),
    "a visit that a hospital marked": replace(came(visit="V-2"), restricted=True),
    "a visit that cannot be read": b"no fact",
}


@pytest.mark.parametrize("case", MARKS)
def test_whatever_a_mark_comes_with_it_keeps_the_record_closed_until_it_is_taken(case: str) -> None:
    """A visit's places are given away to nobody meanwhile, and `no plan` is not said (rulings 24, 34)."""
    fact = MARKS[case]

    async def scenario(house: House) -> None:
        house.send(plan(), came())
        await worked_off(house, number=BEN)
        desk = Desk(house)
        before = await desk.looking().look(ADA, NURSE, GROUNDS)
        if isinstance(fact, bytes):
            house.send_raw(Topic.ATTENDANCES, ADA.key, fact)
        else:
            house.send(fact)
        marked = await desk.looking().look(ADA, NURSE, GROUNDS)
        async with house.at_work():
            await house.taken()
        after = await desk.looking().look(ADA, NURSE, GROUNDS)

        assert before.opened is not None
        assert [PROVIDER] == [line.organisation for line in before.opened.history]
        assert behind(marked)
        assert marked.opened is None
        assert isinstance(fact, bytes) is (after.opened is not None)

    in_house(scenario)


def test_a_partition_that_was_never_read_may_hold_anything() -> None:
    """No matcher has ever worked there: nobody says that there is no plan (ruling 41)."""

    async def scenario(house: House) -> None:
        assert behind(await Desk(house).looking().look(ADA, NURSE, GROUNDS))

    in_house(scenario)


@pytest.mark.parametrize("how", ["another key", "another policy"])
def test_by_other_rules_than_the_matchers_nothing_is_said(how: str) -> None:
    """We might overlook a plan, or read nobody's references (ruling 41)."""

    async def scenario(house: House) -> None:
        await worked_off(house, came())
        desk = (
            Desk(house, key=IdentityKey(b"another key, of as many bytes as one has to have"))
            if how == "another key"
            else Desk(house, policy=Policy(history_size=3))
        )
        assert behind(await desk.looking().look(ADA, NURSE, GROUNDS))

    in_house(scenario)


def test_a_person_on_the_way_to_another_number_is_no_answer() -> None:
    """What was sent on may not have come yet (ruling 22)."""

    async def scenario(street: Street) -> None:
        street.send(A, plan(), superseded(B))
        async with street.at_work():
            await street.settled()
        people = [one for one in street.kafka.read(Topic.PEOPLE) if one.key != BEN.key]
        whole = await Desk(street).looking().look(A, NURSE, GROUNDS)
        without_b = [one for one in people if one.partition == 0 or one.key == b"#p"]
        archive = Past(MemoryArchive(street.kafka), without_b)
        on_its_way = await Desk(street, archive=archive).looking().look(A, NURSE, GROUNDS)

        assert whole.opened is not None
        assert behind(on_its_way)

    in_street(scenario)


def test_in_a_scheduled_setting_the_messages_of_somebody_without_a_record_say_who_is_there() -> None:
    """Silent with a current visit (ruling 3); what cannot be read is no visit."""

    async def scenario(house: House) -> None:
        await worked_off(house, replace(attendance("v", at=NOON), patient_class="P"))
        house.send_raw(Topic.ATTENDANCES, ADA.key, b"no fact")
        house.send(came(BEN, visit="V-2"), number=BEN)
        desk = Desk(house)
        scheduled = replace(NURSE, unscheduled=False)

        there = await desk.looking().look(ADA, scheduled, GROUNDS)
        elsewhere = await desk.looking().look(ADA, replace(scheduled, organisation=OdsCode("RZZ")), GROUNDS)

        assert (Way.SILENT, None) == (there.way, there.fact)
        assert Way.NOTIFIED is elsewhere.way

    in_house(scenario)


@pytest.mark.parametrize("place", ["HAVEN", "haven", " Haven "])
def test_a_sensitive_place_is_not_on_the_trail(place: str) -> None:
    """Its look is silent, and no record says where it was, however its code is typed (ruling 47)."""
    policy = Policy(overrides={Selector(provider=PROVIDER, location="HAVEN"): {"listed": Place.SENSITIVE}})

    async def scenario(house: House) -> None:
        house.send(plan())
        async with house.at_work(house.matcher(policy=policy)):
            await house.taken()
        desk = Desk(house, policy=policy)

        look = await desk.looking().look(ADA, replace(NURSE, place=place), GROUNDS)

        assert Way.SILENT is look.way
        assert look.opened is not None
        assert [None, None] == [action.looked_by and action.looked_by.place for action in desk.actions()]
        assert [] == looks_kept(house)

    in_house(scenario)


def test_a_system_that_looks_by_itself_has_no_user() -> None:
    """It is named by its system, and nobody is told apart by an id (R28)."""

    async def scenario(house: House) -> None:
        await worked_off(house, came())
        desk = Desk(house)

        look = await desk.looking().look(ADA, replace(NURSE, user=User(name="EDSYS")), GROUNDS)

        assert look.fact is not None
        assert look.fact.user is None
        assert [""] * 2 == [action.looked_by and action.looked_by.user_id for action in desk.actions()]

    in_house(scenario)


@pytest.mark.parametrize(
    "asking",
    [
        replace(NURSE, role=" "),
        replace(NURSE, organisation_name=""),
        replace(NURSE, user=User(name="", own_id="staff-1")),
        replace(NURSE, user=User(name="A Nurse", own_id=" ")),
    ],
)
def test_words_that_say_nothing_are_refused(asking: Asking) -> None:
    """Nothing is written (R54)."""
    house = House()

    with pytest.raises(InvalidFact):
        asyncio.run(Desk(house).looking().look(ADA, asking, GROUNDS))
    assert [] == house.kafka.read(Topic.AUDIT)


def test_in_a_deployment_for_tests_nobody_else_is_looked_up() -> None:
    """Numbers kept for tests alone (ruling 27)."""
    house, real = House(), next(numbers_beginning("40"))

    with pytest.raises(InvalidFact):
        asyncio.run(Desk(house).looking(takes=takes_for_tests).look(real, NURSE, GROUNDS))
    assert [] == house.kafka.read(Topic.AUDIT)


def test_two_looks_are_two() -> None:
    """Each has an id of its own, which says nothing without the key (R54)."""

    async def scenario(house: House) -> None:
        house.send(plan())
        await worked_off(house, number=BEN)
        desk = Desk(house)
        later = replace(desk, now=desk.now + timedelta(minutes=1))

        ids = {(await one.looking().look(ADA, NURSE, GROUNDS)).fact for one in (desk, later)}

        assert 2 == len(ids)
        assert not any(fact and fact.access_id == KEY.derive("look", ADA.key) for fact in ids)

    in_house(scenario)
