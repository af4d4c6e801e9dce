"""What is left of a number that its source took out of use: sealed, destroyed, brought back. Ruling 23."""

from dataclasses import replace
from datetime import date, datetime, timedelta

from broker.adapters.memory_sealing import MemorySealer
from broker.core.alerts import AlertEvent, EventKind, Occasion
from broker.core.answers import Finding
from broker.core.facts import Details, Fact, IdentityKind
from broker.core.holding import FURTHER, SET_ASIDE_MAX
from broker.core.identifiers import OdsCode
from broker.core.invalidation import Inactive
from broker.core.person import Person
from broker.core.policy import Policy
from broker.core.retention import settle
from broker.core.worklist import ItemKind
from broker.ports import Topic, Write
from broker.services.matching_holds import note_of
from tests.builders.enquiry import Desk, came
from tests.builders.house import ADA, PROVIDER_TOPIC, House, in_house
from tests.builders.matcher import (
    KEY,
    NOON,
    SALT,
    access,
    attendance,
    fact_write,
    make_codecs,
    numbers,
    plan,
    until,
)
from tests.builders.street import said

BOB = [number for number, _ in zip(numbers(), range(2), strict=False)][1]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OUT = said(IdentityKind.INVALIDATED)
STRANGER = Details(family="Else", given="Some", birth_date=date(1999, 9, 9))


def left(house: House) -> Inactive:
    """Return what is left under Ada's number."""
    held = house.codecs.states.decode_any(ADA.key, house.people()[ADA.key][-1] or b"")
    assert isinstance(held, Inactive)
    return held


def parts(house: House) -> int:
    """Return how many sealed parts are kept under Ada's number."""
    return len(house.codecs.states.decode_inactive(ADA, house.people()[ADA.key][-1] or b"")[1])


def visits_told(house: House) -> list[AlertEvent]:
    """Return the events about visits at the provider's own topic."""
    return house.events(PROVIDER_TOPIC)


def damaged(house: House, fact: Fact) -> Write:
    """Return a record of Ada's that cannot be read."""
    return replace(fact_write(house.codecs.facts, fact, ADA), value=b"no fact")


async def pass_time(house: House, moment: datetime) -> None:
    """Let the partition's clock reach a moment, by an attendance of somebody without a plan."""
    house.send(attendance(f"at {moment}", at=moment), number=BOB)
    await house.taken()


def test_nothing_that_was_known_can_be_read_under_the_number() -> None:
    """No name, no day, no id of the authority's, no visit, no salt: all of it is sealed (ruling 23, c)."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            house.send(plan(), attendance())
            await house.taken()
            house.send(OUT)
            await house.taken()
            house.send(plan(recorded_at=NOON + HOUR))
            await house.taken()
        before, after = house.people()[ADA.key][0], house.people()[ADA.key][-1]
        needles = [b"Sample", b"Robin", b"C-1", b"visit-1", b"Homerton", b"Council", b"02079460000"]
        assert any(needle in (before or b"") for needle in needles)
        assert [] == [needle for needle in needles if needle in (after or b"")]
        assert 2 == parts(house)
        assert {"211"} == {plan.authority.code for plan in left(house).plans.values()}

    in_house(scenario)


def test_projections_are_told_to_forget_behind_each_recipients_own_events() -> None:
    """Every alert of the person, past revising or not; not the notice of the number itself."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            house.send(plan(), attendance())
            await house.taken()
            ids = {event.alert.alert_id for event in house.events()}
            house.send(OUT)
            await house.taken()
        alerts = house.codecs.alerts
        found = [
            (record.key or b"", sorted(alerts.decode_erasure(record.value or b"")))
            for record in house.records(Topic.ALERTS)
            if alerts.is_erasure(record.value or b"")
        ]
        assert [(b"la.211", sorted(ids)), (b"provider.RQX", sorted(ids))] == found

    in_house(scenario)


def test_of_alerts_past_revising_projections_forget_too() -> None:
    """Of those the recipient is not known any more: one erasure names them all."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            house.send(plan(), attendance())
            await house.taken()
        settled = settle(house.person(), NOON + 60 * DAY, Policy())
        assert settled is not None
        house.kafka.append([Write(Topic.PEOPLE, ADA.key, house.codecs.states.encode_person(settled))])
        async with house.at_work():
            house.send(OUT)
            await house.taken()
        alerts = house.codecs.alerts
        [record] = [one for one in house.records(Topic.ALERTS) if alerts.is_erasure(one.value or b"")]
        assert settled.told.keys() == alerts.decode_erasure(record.value or b"")

    in_house(scenario)


def test_a_person_of_whom_nobody_was_told_needs_no_erasure() -> None:
    """The record alone is shut."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            house.send(plan(), OUT)
            await house.taken()
        assert [Occasion.NUMBER_INACTIVE] == [event.alert.occasion for event in house.events()]

    in_house(scenario)


def test_the_open_work_about_the_person_is_done_with() -> None:
    """An item names a visit, and nothing of it is kept (ruling 23, b)."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            house.send(replace(plan(), content=replace(plan().content, verified=False)))
            house.send(attendance(details=STRANGER))
            await house.taken()
            assert [ItemKind.DETAILS_DISAGREE] == [item.kind for item in house.items()]
            house.send(OUT)
            await house.taken()
        assert house.records(Topic.WORKLIST)[-1].value is None

    in_house(scenario)


def test_what_is_sealed_is_destroyed_after_thirty_days() -> None:
    """By the partition's clock; from then on a reversal begins with nothing (ruling 23, d)."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            house.send(plan(), OUT)
            await house.taken()
            await pass_time(house, NOON + 30 * DAY)
            await until(lambda: house.reported.kinds() != [])
            assert 1 == parts(house)
            await pass_time(house, NOON + 30 * DAY + 2 * HOUR)
            await until(lambda: parts(house) == 0)
            assert {len("211-") + 2} == {len(mark) for mark in left(house).plans}
            house.send(plan(recorded_at=NOON + 30 * DAY))
            await house.taken()
            assert 0 == parts(house)
            house.send(said(IdentityKind.IN_USE, at=NOON + 31 * DAY))
            await house.taken()
        assert {} == house.person().known.plans
        assert EventKind.WITHDRAWN is house.events()[-1].kind

    in_house(scenario)


def test_what_comes_before_the_hourly_look_destroys_is_kept_with_the_rest() -> None:
    """A reversal in that hour brings back what was known as it stands now, never half of it (ruling 23)."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            house.send(plan(), OUT)
            await house.taken()
            await pass_time(house, NOON + 30 * DAY)
            await until(lambda: house.reported.kinds() != [])
            await pass_time(house, NOON + 30 * DAY + HOUR / 2)
            house.send(plan(recorded_at=NOON + HOUR))
            await house.taken()
            assert 2 == parts(house)

    in_house(scenario)


def test_once_all_is_destroyed_plans_stand_by_marks_that_fit_many_days() -> None:
    """The day on which a plan began would lead to the same plan under another number (ruling 23)."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            house.send(plan(), plan(start=date(2026, 2, 1)), plan(authority=OdsCode("204")), OUT)
            await house.taken()
            assert {len("211-") + 32} == {len(mark) for mark in left(house).plans}
            await pass_time(house, NOON + 30 * DAY)
            await pass_time(house, NOON + 30 * DAY + 2 * HOUR)
            await until(lambda: parts(house) == 0)
            gone = plan(recorded_at=NOON + 31 * DAY, deleted=date(2026, 6, 4))
            house.send(gone, replace(gone, content=replace(gone.content, start=date(2026, 2, 1))))
            await house.taken()
        plans = left(house).plans
        assert {len("211-") + 2} == {len(mark) for mark in plans}
        assert {"204"} == {plan.authority.code for plan in plans.values() if plan.is_open}
        [newest] = [event for event in house.events() if event.kind is EventKind.WITHDRAWN]
        assert "211" == newest.alert.recipient.code.code

    in_house(scenario)


def test_a_reversal_brings_back_what_waits_in_the_log_after_a_restart_too() -> None:
    """The visit of a child who is there is told of, whatever came under the number meanwhile."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            house.send(plan(), OUT)
            await house.taken()
            house.send(attendance("while away", at=NOON + HOUR), access(at=NOON + 2 * HOUR))
            house.kafka.append([damaged(house, attendance("damaged", at=NOON + HOUR))])
            await house.taken()
        async with house.at_work():
            house.send(attendance("another", at=NOON + 2 * HOUR))
            await house.taken()
            assert [] == visits_told(house)
            house.send(said(IdentityKind.IN_USE, at=NOON + 3 * HOUR))
            await house.taken()
        assert {"while away", "another"} == {event.alert.subject for event in visits_told(house)}
        assert 1 == len(house.person().known.accesses)

    in_house(scenario)


def test_when_the_key_is_gone_a_reversal_begins_anew() -> None:
    """What cannot be opened stops nobody: what comes from then on is matched."""
    sealer = MemorySealer(date(2026, 3, 1))

    async def scenario(house: House) -> None:
        house.codecs = make_codecs(sealer)
        async with house.at_work():
            house.send(plan(), OUT)
            await house.taken()
            sealer.destroy_before(date(2026, 3, 2))
            sealer.today = date(2026, 3, 2)
            house.send(said(IdentityKind.IN_USE, at=NOON + HOUR), plan(recorded_at=NOON), attendance())
            await house.taken()
        assert 1 == len(visits_told(house))

    in_house(scenario)


def test_what_could_not_be_read_when_it_came_is_no_part_of_a_reversal() -> None:
    """It was set aside for a person then, once."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            house.send(plan(), OUT)
            await house.taken()
            house.kafka.append([damaged(house, plan(recorded_at=NOON + HOUR))])
            house.send(plan(recorded_at=NOON + HOUR))
            await house.taken()
            house.send(said(IdentityKind.IN_USE, at=NOON + 2 * HOUR))
            await house.taken()
        assert [ItemKind.UNPROCESSABLE_RECORD] == [item.kind for item in house.items()]
        assert 1 == len(house.person().known.plans)

    in_house(scenario)


def test_the_same_said_again_writes_nothing_more() -> None:
    """Merging twice is merging once; a newer word of the same moves the stamp alone."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            house.send(plan(), OUT)
            await house.taken()
            house.send(attendance())
            await house.taken()
            assert 1 == len(house.people()[ADA.key])
            house.send(said(IdentityKind.INVALIDATED, at=NOON + HOUR))
            await house.taken()
        assert (NOON + HOUR, 2) == (left(house).stamp, len(house.people()[ADA.key]))
        assert 1 == len(house.events())

    in_house(scenario)


def test_a_new_policy_decides_nothing_about_a_number_that_is_not_in_use() -> None:
    """Its record stays as it is while everybody is decided anew."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            house.send(plan(), attendance(), OUT)
            await house.taken()
        other = Policy(reattendance=timedelta(days=3))
        async with house.at_work(house.matcher(policy=other)):
            await until(lambda: (s := house.state()) is not None and s.policy_version == other.version)
        assert 1 == len(house.people()[ADA.key])

    in_house(scenario)


def test_a_policy_with_a_shorter_time_destroys_at_once() -> None:
    """What is sealed is looked at with everybody else when a new policy holds (ruling 23, d)."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            house.send(plan(), OUT)
            await house.taken()
            await pass_time(house, NOON + 3 * DAY)
            assert 1 == parts(house)
        async with house.at_work(house.matcher(policy=Policy(inactive_kept=2 * DAY))):
            await until(lambda: parts(house) == 0)

    in_house(scenario)


def test_a_restored_person_can_be_shut_away_again() -> None:
    """The revisions of the notice go on without a gap."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            for hour, kind in enumerate(
                (IdentityKind.INVALIDATED, IdentityKind.IN_USE, IdentityKind.INVALIDATED)
            ):
                house.send(plan(), said(kind, at=NOON + hour * HOUR))
                await house.taken()
        notices = [event for event in house.events() if event.alert.occasion is Occasion.NUMBER_INACTIVE]
        assert [
            (1, EventKind.RAISED),
            (2, EventKind.WITHDRAWN),
            (3, EventKind.UPDATED),
        ] == [(event.revision, event.kind) for event in notices]

    in_house(scenario)


def test_what_would_outgrow_the_record_is_set_aside_and_the_partition_goes_on() -> None:
    """Uploads without end under a number not in use: each too many becomes work for a person (CPIS-408)."""

    async def scenario(house: House) -> None:
        long = replace(plan().content, authority_name="x" * 3_000_000)
        async with house.at_work():
            house.send(plan(), OUT)
            await house.taken()
            for serial in range(4):
                fact = replace(plan(recorded_at=NOON + serial * HOUR), content=long, file_id=f"f-{serial}")
                house.send(fact)
                await house.taken()
            house.send(attendance(), number=BOB)
            await house.taken()
        assert 3 + 2 == parts(house)  # those that fit, and that two did not
        assert [ItemKind.UNPROCESSABLE_RECORD] * 2 == [item.kind for item in house.items()]

    in_house(scenario)


UNREADABLE = b"no fact"


def test_nobody_is_told_no_plan_because_one_could_not_be_read_while_the_number_was_out_of_use() -> None:
    """After the reversal the answer is `could not check` for as long as the note stands (ruling 41)."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            house.send(OUT)
            await house.taken()
            house.kafka.append([damaged(house, plan())])
            await house.taken()
            house.send(said(IdentityKind.IN_USE, at=NOON + HOUR), came())
            await house.taken()
        assert {note_of(KEY, Topic.PLANS, UNREADABLE)} == set(house.person().set_aside)
        assert Finding.COULD_NOT_CHECK is (await Desk(house).ask()).finding

    in_house(scenario)


def test_what_was_set_aside_while_out_of_use_and_taken_since_is_set_aside_no_more() -> None:
    """The very bytes come again once they can be processed, before the reversal or after it."""

    async def scenario(house: House) -> None:
        sent = fact_write(house.codecs.facts, plan(), ADA)
        held = house.codecs.facts.seal_part("set aside", note_of(KEY, sent.topic, sent.value).encode(), ADA)
        async with house.at_work():
            house.send(OUT)
            await house.taken()
        state = house.codecs.states.encode_inactive(left(house), [held])
        house.kafka.append([Write(Topic.PEOPLE, ADA.key, state, partition=0)])
        async with house.at_work():
            house.kafka.append([sent])
            await house.taken()
            house.send(said(IdentityKind.IN_USE, at=NOON + HOUR))
            await house.taken()
        assert {} == house.person().set_aside
        assert 1 == len(house.person().known.plans)

    in_house(scenario)


def test_so_much_is_noted_of_a_number_out_of_use_and_the_rest_by_one_word() -> None:
    """Bytes without end fill no record (ADR 0036)."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            house.send(OUT)
            await house.taken()
            one = damaged(house, plan())
            house.kafka.append(
                [replace(one, value=f"no plan {serial}".encode()) for serial in range(SET_ASIDE_MAX + 3)]
            )
            await house.taken()
            assert SET_ASIDE_MAX + 1 == parts(house) - 1  # the person is one
            house.kafka.append([damaged(house, plan())])
            await house.taken()
            assert SET_ASIDE_MAX + 1 == parts(house) - 1  # the person is one
            house.send(said(IdentityKind.IN_USE, at=NOON + HOUR))
            await house.taken()
        assert SET_ASIDE_MAX + 1 == len(house.person().set_aside)
        assert FURTHER in house.person().set_aside

    in_house(scenario)


def test_a_kept_plan_that_can_be_read_no_more_is_noted_at_a_reversal() -> None:
    """A later release may not read it: that is no reason to say that there is no plan (ruling 41)."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            house.send(OUT)
            await house.taken()
        damaged_part = house.codecs.facts.seal_part(Topic.PLANS, UNREADABLE, ADA)
        state = house.codecs.states.encode_inactive(left(house), [damaged_part])
        house.kafka.append([Write(Topic.PEOPLE, ADA.key, state, partition=0)])
        async with house.at_work():
            house.send(said(IdentityKind.IN_USE, at=NOON + HOUR))
            await house.taken()
        assert {note_of(KEY, Topic.PLANS, UNREADABLE)} == set(house.person().set_aside)

    in_house(scenario)


def test_a_sealed_person_who_cannot_be_read_stays_sealed_and_holds_up_nobody() -> None:
    """A later release may read it; until then the number is not in use, and the word waits to be released."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            house.send(plan(), OUT)
            await house.taken()
        damaged_part = house.codecs.facts.seal_part("", UNREADABLE, ADA)
        state = house.codecs.states.encode_inactive(left(house), [damaged_part])
        house.kafka.append([Write(Topic.PEOPLE, ADA.key, state, partition=0)])
        async with house.at_work():
            house.send(said(IdentityKind.IN_USE, at=NOON + HOUR), plan(recorded_at=NOON + HOUR))
            await house.taken()
            house.send(attendance(), number=BOB)
            await house.taken()
        states = house.codecs.states
        shut, sealed = states.decode_inactive(ADA, house.people()[ADA.key][-1] or b"")
        assert damaged_part in sealed
        assert {ItemKind.UNPROCESSABLE_RECORD} == {item.kind for item in house.items()}

        person = house.codecs.facts.seal_part("", states.encode_person(Person(number=ADA, salt=SALT)), ADA)
        readable = [person if part == damaged_part else part for part in sealed]
        house.kafka.append(
            [Write(Topic.PEOPLE, ADA.key, states.encode_inactive(shut, readable), partition=0)]
        )
        async with house.at_work():
            house.send(said(IdentityKind.IN_USE, at=NOON + HOUR))
            await house.taken()
        assert (1, {}) == (len(house.person().known.plans), house.person().set_aside)

    in_house(scenario)
