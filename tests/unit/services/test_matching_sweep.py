"""Looking at everybody in the background: deciding anew, and letting go of what is past revising."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from broker.adapters.memory import MemoryRecord
from broker.core.alerts import EventKind
from broker.core.facts import PlanFact
from broker.core.identifiers import OdsCode
from broker.core.person import Person
from broker.core.policy import RULES_VERSION, Policies, Policy
from broker.core.policy_keys import Selector
from broker.ports import Topic, Write
from broker.services.matching_turns import Notice
from broker.services.receipt import receipt_of
from broker.services.recent_people import RecentPeople
from broker.wire.cloudevents import CloudEvent, Headers, write_headers
from tests.builders.house import ADA, House, in_house
from tests.builders.matcher import HURRIED, NOON, PROVIDER, SALT, attendance, numbers, plan, until

BOB = [number for number, _ in zip(numbers(), range(2), strict=False)][1]
NAMED = Policy(overrides={Selector(provider=PROVIDER): {"name": "Homerton emergency department"}})


def ended(last: datetime) -> PlanFact:
    """Return a plan that ended on a day."""
    lasting = plan()
    return replace(lasting, content=replace(lasting.content, end=last.date()))


async def pass_time(house: House, moment: datetime) -> None:
    """Let the partition's clock reach a moment, by an attendance of somebody without a plan."""
    house.send(attendance(f"at {moment}", at=moment), number=BOB)
    await house.taken()


def test_another_policy_is_told_to_those_who_were_told() -> None:
    """Under a policy that shows more, an alert that stands is updated once, and `#p` says who decided."""

    async def scenario(house: House) -> None:
        house.send(plan(), attendance())
        async with house.at_work():
            await house.told(Topic.ALERTS, 2)
        async with house.at_work(house.matcher(policy=NAMED)):
            await until(lambda: Notice.SWEPT in house.reported.kinds())
            await house.told(Topic.ALERTS, 4)
        async with house.at_work(house.matcher(policy=NAMED)):
            await until(lambda: len(house.reported.fields(Notice.OPENED)) == 3)
        events = house.events()
        assert [EventKind.UPDATED] * 2 == [event.kind for event in events[2:]]
        told = house.reported.fields(Notice.TOLD)
        assert ["raised"] * 2 + ["updated"] * 2 == [fields["kind"] for fields in told]
        assert ["received_ms" in fields for fields in told] == [True, True, False, False]
        assert 4 == len(events)
        state = house.state()
        assert state is not None
        assert (RULES_VERSION, NAMED.version) == (state.rules_version, state.policy_version)

    in_house(scenario)


def test_a_policy_that_changes_nothing_is_noted_in_silence() -> None:
    """Nobody is told, and the partition's record says that everybody was looked at."""

    async def scenario(house: House) -> None:
        other = Policy(overrides={Selector(provider=OdsCode("RJ1")): {"name": "Elsewhere"}})
        house.send(plan(), attendance())
        async with house.at_work():
            await house.told(Topic.ALERTS, 2)
        async with house.at_work(house.matcher(policy=other)):
            await until(lambda: (s := house.state()) is not None and s.policy_version == other.version)
        assert 2 == len(house.events())

    in_house(scenario)


def test_a_period_that_is_added_tells_nobody_and_enters_nothing() -> None:
    """What was decided before it began was decided under another policy, and stays so."""

    async def scenario(house: House) -> None:
        added = Policies(first=Policy(), later=((NOON + timedelta(days=1), NAMED),))
        house.send(plan(), attendance())
        async with house.at_work():
            await house.told(Topic.ALERTS, 2)
        entered = len(house.records(Topic.AUDIT))
        async with house.at_work(house.matcher(policy=added)):
            await until(lambda: (s := house.state()) is not None and s.policy_version == added.version)
            house.send(attendance("later", at=NOON + timedelta(days=1)))
            await house.told(Topic.ALERTS, 4)
        assert (1, 2) == (entered, len(house.records(Topic.AUDIT)))
        events = house.events()
        assert [EventKind.RAISED] * 4 == [event.kind for event in events]
        assert [Policy().version] * 2 + [NAMED.version] * 2 == [event.policy_version for event in events]

    in_house(scenario)


def test_deciding_anew_is_done_in_slices() -> None:
    """With no time for more than one person at once everybody is reached all the same."""

    async def scenario(house: House) -> None:
        for number, _ in zip(numbers(), range(30), strict=False):
            house.send(plan(), attendance(), number=number)
        async with house.at_work():
            await house.told(Topic.ALERTS, 60)
        pace = replace(HURRIED, turn_s=0.001)
        async with house.at_work(house.matcher(policy=NAMED, pace=pace)):
            await house.told(Topic.ALERTS, 120)

    in_house(scenario)


def test_one_damaged_record_does_not_stop_a_sweep() -> None:
    """Whoever cannot be decided anew is counted and left as they are."""

    async def scenario(house: House) -> None:
        house.send(plan(), attendance())
        async with house.at_work():
            await house.told(Topic.ALERTS, 2)
        house.kafka.append([Write(Topic.PEOPLE, BOB.key, b"damaged")])
        async with house.at_work(house.matcher(policy=NAMED)):
            await house.told(Topic.ALERTS, 4)
            await until(lambda: "redecide" in [f["reason"] for f in house.reported.fields(Notice.SWEPT)])
        assert 1 == house.reported.fields(Notice.SWEPT)[-1]["count"]
        assert [b"damaged"] == house.people()[BOB.key]

    in_house(scenario)


def test_a_person_of_whom_nothing_need_be_kept_is_forgotten() -> None:
    """When plan and visits are long past the record is tombstoned."""

    async def scenario(house: House) -> None:
        house.send(ended(NOON), attendance())
        async with house.at_work():
            await house.told(Topic.ALERTS, 2)
            await pass_time(house, NOON + timedelta(days=800))
            await until(lambda: house.people()[ADA.key][-1] is None)
            house.send(ended(NOON))
            await until(lambda: house.people()[ADA.key][-1] is not None)

    in_house(scenario)


def test_a_closed_visit_shrinks_and_a_late_message_is_noted() -> None:
    """A message too late to revise its visit is merged, noted in `cpis.late`, and tells nobody."""

    async def scenario(house: House) -> None:
        house.send(plan(), attendance())
        async with house.at_work():
            await house.told(Topic.ALERTS, 2)
            await pass_time(house, NOON + timedelta(days=100))
            await until(lambda: "visit-1" in house.person().closed)
            house.send(attendance(message_id="too late", at=NOON + timedelta(minutes=5)))
            await house.told(Topic.LATE, 1)
            await house.taken()
        (late,) = house.records(Topic.LATE)
        assert (None, 2) == (late.key, len(house.events()))

    in_house(scenario)


def test_a_number_that_is_used_again_after_its_visit_was_closed_is_told() -> None:
    """Of somebody who is there now nothing is too late (ADR 0049)."""

    async def scenario(house: House) -> None:
        house.send(plan(), attendance())
        async with house.at_work():
            await house.told(Topic.ALERTS, 2)
            later = NOON + timedelta(days=100)
            await pass_time(house, later)
            await until(lambda: "visit-1" in house.person().closed)
            house.send(attendance(message_id="anew", at=later))
            await house.told(Topic.ALERTS, 4)
        assert [] == house.records(Topic.LATE)
        assert frozenset() == house.person().closed

    in_house(scenario)


def test_nobody_is_settled_within_the_hour() -> None:
    """Everybody is looked at once an hour by the partition's clock, not at every batch."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            await pass_time(house, NOON)
            await pass_time(house, NOON + timedelta(minutes=59))
            assert Notice.SWEPT not in house.reported.kinds()
            await pass_time(house, NOON + timedelta(minutes=61))
            await until(lambda: Notice.SWEPT in house.reported.kinds())

    in_house(scenario)


def test_the_index_forgets_what_the_horizon_has_passed() -> None:
    """An attendance that has left the log leaves the index with the next sweep."""

    async def scenario(house: House) -> None:
        house.kafka._clock_ms = lambda: int(NOON.timestamp() * 1000)
        async with house.at_work():
            house.send(attendance())
            await house.taken()
            later = NOON + timedelta(days=30)
            house.kafka._clock_ms = lambda: int(later.timestamp() * 1000)
            await pass_time(house, later - timedelta(minutes=1))
            await until(lambda: Notice.SWEPT in house.reported.kinds())
            house.send(plan())
            await house.taken()
        assert [] == house.events()

    in_house(scenario)


def test_the_person_remembered_longest_ago_is_forgotten_first() -> None:
    """Only so many people stay decoded; one who is remembered anew counts as new."""
    ada, bob = Person(number=ADA, salt=SALT), Person(number=BOB, salt=SALT)
    recent = RecentPeople(2)
    for key, person in ((b"a", ada), (b"b", bob), (b"a", ada), (b"c", bob)):
        recent.remember(key, person)
    recent.forget(b"c")
    recent.forget(b"nobody")

    assert (ada, None, None) == (recent.get(b"a"), recent.get(b"b"), recent.get(b"c"))


def record(headers: Headers, *, appended_at: datetime = NOON) -> MemoryRecord:
    """Return a record with these headers."""
    return MemoryRecord(
        topic=Topic.PLANS,
        partition=0,
        offset=0,
        timestamp=int(appended_at.timestamp() * 1000),
        key=ADA.key,
        value=b"",
        headers=headers,
    )


def head(time: datetime | None) -> Headers:
    """Return CloudEvents headers with this time."""
    return write_headers(CloudEvent(event_id="1", source="s", event_type="t", time=time))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((), NOON),
        (head(None), NOON),
        (head(NOON - timedelta(minutes=5)), NOON - timedelta(minutes=5)),
        (head(NOON + timedelta(days=365)), NOON),
    ],
    ids=["no headers", "no time", "told", "ahead"],
)
def test_receipt_is_what_intake_said_and_never_after_the_append(headers: Headers, expected: datetime) -> None:
    """The clock that people are forgotten by cannot be driven ahead by a sender's or intake's clock."""
    assert expected == receipt_of(record(headers))
