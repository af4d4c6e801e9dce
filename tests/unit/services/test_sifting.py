"""A flood of one visit, and a record that is full: what is refused, at what cost, and that others go on."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from broker.adapters.memory import MemoryRecord
from broker.core.abridging import TEXT_MAX
from broker.core.audit import FIRST_HASH
from broker.core.effects import advance
from broker.core.errors import PersonTooLarge
from broker.core.facts import VisitEvent, VisitMessage
from broker.core.floods import VISIT_MESSAGES_MAX
from broker.core.person import Person, lift, lift_messages
from broker.core.policy import Policy
from broker.ports import Topic
from broker.services.matching_moves import Arrived
from broker.services.matching_output import Chain, Scribe
from broker.services.matching_turns import Notice
from broker.services.sifting import Sifting
from tests.builders.house import ADA, House, in_house
from tests.builders.matcher import KEY, NOON, SALT, attendance, make_codecs, numbers, plan

BOB = [number for number, _ in zip(numbers(), range(2), strict=False)][1]
EXTRA = 40
VALUE = bytes(10)


def update(number: int, location: str) -> VisitMessage:
    """Return an update of Ada's visit, so many seconds after the registration."""
    at = NOON + timedelta(seconds=number)
    return replace(
        attendance(at=at, event=VisitEvent.UPDATED, message_id=f"update {number}"),
        location=location,
        arrived_at=NOON,
    )


def test_a_flood_of_equal_updates_is_taken_whole() -> None:
    """Nothing is refused, nobody is told anew, and the record stays small."""

    async def scenario(house: House) -> None:
        house.send(plan(), attendance())
        house.send(*(update(number, "MAJORS") for number in range(1, 2 * VISIT_MESSAGES_MAX)))
        async with house.at_work():
            await house.taken()
        assert [] == house.items()
        assert 3 >= len(house.person().known.visits["visit-1"])

    in_house(scenario)


def test_a_flood_that_never_says_the_same_fills_its_visit_and_nothing_else() -> None:
    """
    One urgent item for the visit, however many messages are refused; the person's next visit alerts, and so
    do the visits of others.
    """

    async def scenario(house: House) -> None:
        house.send(plan(), attendance())
        flood = [update(number, f"BED {number}") for number in range(1, VISIT_MESSAGES_MAX + EXTRA)]
        house.send(*flood)
        async with house.at_work():
            await house.taken()
            house.send(update(10_000, "BED 10000"))
            house.send(attendance("visit-2", at=NOON + timedelta(days=1)))
            house.send(plan(), attendance("visit-3"), number=BOB)
            await house.taken()
        subjects = {event.alert.subject for event in house.events()}
        assert {"visit-1", "visit-2", "visit-3"} == subjects
        assert VISIT_MESSAGES_MAX == len(house.person().known.visits["visit-1"])
        assert 1 == len({item.item_id for item in house.items()})
        assert {"CPIS-408"} == {f["code"] for f in house.reported.fields(Notice.UNPROCESSABLE)}

    in_house(scenario)


class Deciding:
    """Counts decisions, and lets a record hold `room` of Ada's visits."""

    def __init__(self, room: int, cursed: frozenset[str] = frozenset()) -> None:
        """Refuse what is too much, and whatever is `cursed`."""
        self.calls = 0
        self._room = room
        self._cursed = cursed

    def __call__(self, person: Person, arrived: Sequence[Arrived], newest: datetime) -> int:
        """Return how many visits a person has."""
        self.calls += 1
        assert newest == max(one.fact.received_at for one in arrived)
        if len(person.known.visits) > self._room:
            raise PersonTooLarge
        if self._cursed & person.known.visits.keys():
            raise ZeroDivisionError
        return len(person.known.visits)


def arrivals(count: int) -> list[Arrived]:
    """Return the first messages of so many visits, as they arrive."""
    return [
        Arrived(
            record=MemoryRecord(
                topic=Topic.ATTENDANCES, partition=0, offset=number, timestamp=0, key=b"", value=b""
            ),
            fact=attendance(f"visit-{number:05}"),
            passage=None,
            value=VALUE,
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("room", [0, 1, 700, 999, 1_000])
def test_a_full_record_refuses_the_rest_of_a_batch_at_the_cost_of_two_decisions(room: int) -> None:
    """Not of one for each: a sender that repeats itself a million times must not stop the partition."""
    say = Deciding(room)
    sifting = Sifting(Person(number=ADA, salt=SALT), say, room=room * len(VALUE))

    sifting.take(arrivals(1_000))

    assert (room or None) == sifting.outcome
    assert list(range(room, 1_000)) == [poison.record.offset for poison in sifting.poison]
    assert {PersonTooLarge.code} >= {poison.cause for poison in sifting.poison}
    assert say.calls <= 2


def test_what_grows_for_another_reason_is_halved() -> None:
    """Where the facts' own size does not say what is too much; what came first is kept."""
    say = Deciding(700)
    sifting = Sifting(Person(number=ADA, salt=SALT), say, room=1_000_000)

    sifting.take(arrivals(1_000))

    assert (500, 500, 2) == (sifting.outcome, len(sifting.poison), say.calls)


def test_one_huge_fact_keeps_no_other_out() -> None:
    """Those behind it are taken as those before."""
    say = Deciding(2, frozenset({"visit-00001"}))
    sifting = Sifting(Person(number=ADA, salt=SALT), say, room=100)
    first, huge, last = arrivals(3)

    sifting.take([first, replace(huge, value=bytes(101)), last])

    assert 2 == sifting.outcome
    assert [1] == [poison.record.offset for poison in sifting.poison]


def test_what_a_full_visit_refuses_costs_no_decision() -> None:
    """Of all that is refused at once the newest stands for the visit."""
    person = Person(number=ADA, salt=SALT)
    full = person.learn(
        lift_messages(update(number, f"BED {number}") for number in range(VISIT_MESSAGES_MAX))
    )
    say = Deciding(1)
    sifting = Sifting(full, say, room=1_000)
    more = [
        replace(one, fact=update(5_000 + one.record.offset, f"BAY {one.record.offset}"))
        for one in arrivals(3)
    ]

    sifting.take(more)

    assert (0, None) == (say.calls, sifting.outcome)
    assert [(2, PersonTooLarge.code, "visit-1")] == [
        (one.record.offset, one.cause, one.about) for one in sifting.poison
    ]


def test_one_huge_text_keeps_no_alert_back() -> None:
    """An authority's name of a mebibyte is cut in alerts, where Kafka would refuse it, and nobody waits."""

    async def scenario(house: House) -> None:
        small = plan()
        huge = replace(
            small, content=replace(small.content, start=NOON.date(), authority_name="x" * 1_000_000)
        )
        house.send(small, huge, attendance())
        async with house.at_work():
            await house.told(Topic.ALERTS, 2)
            await house.taken()
            house.send(attendance("visit-2"))
            await house.told(Topic.ALERTS, 4)
        events = house.events()
        assert {"visit-1", "visit-2"} == {event.alert.subject for event in events}
        assert {TEXT_MAX} == {max(len(line.authority_name) for line in event.alert.plans) for event in events}
        assert [] == house.items()

    in_house(scenario)


def test_one_bad_fact_among_many_is_found_by_halves() -> None:
    """It alone is set aside, and everything else is decided."""
    say = Deciding(1_000, frozenset({"visit-00444"}))
    sifting = Sifting(Person(number=ADA, salt=SALT), say, room=1_000_000)

    sifting.take(arrivals(1_000))

    assert 999 == sifting.outcome
    assert [(444, "ZeroDivisionError")] == [(one.record.offset, one.cause) for one in sifting.poison]
    assert say.calls <= 22


def test_an_alert_that_cannot_be_cut_down_is_set_aside() -> None:
    """Thousands of plans: more than a topic takes as one record, whatever is cut (CPIS-408)."""
    codecs = make_codecs()
    scribe = Scribe(people=codecs.states, alerts=codecs.alerts, records=codecs.records, key=KEY, partition=0)
    person = Person(number=ADA, salt=SALT).learn(lift(plan())).learn(lift(attendance()))
    advanced = advance(person, Policy(), KEY)
    (first, *_) = advanced.events
    endless = replace(first, alert=replace(first.alert, plans=first.alert.plans * 60_000))

    with pytest.raises(PersonTooLarge):
        scribe.say(
            replace(advanced, events=(endless,)),
            unchanged=False,
            caused_at=None,
            at=NOON,
            end=Chain(FIRST_HASH, 0),
        )
