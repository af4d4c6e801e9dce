"""The matcher of one partition, on the in-memory Kafka: who is told what, and what is kept."""

from datetime import datetime, timedelta
from itertools import count, islice

from broker.core.alerts import EventKind, Occasion
from broker.core.audit import FIRST_HASH, chain
from broker.core.facts import Details, VisitEvent
from broker.core.worklist import ItemKind
from broker.ports import INPUTS, Topic
from broker.services.matching_turns import Notice
from broker.wire.cloudevents import ALERT_TYPE, read_headers
from tests.builders.faulty_logs import WatchedLog
from tests.builders.house import ADA, AUTHORITY_TOPIC, PROVIDER_TOPIC, House, in_house
from tests.builders.matcher import (
    NOON,
    access,
    attendance,
    notice,
    numbers,
    plan,
)

OTHERS = list(islice(numbers(), 1, 400))


def _milliseconds(moment: datetime) -> int:
    """Return the time as Kafka has it."""
    return int(moment.timestamp() * 1_000)


def test_an_attendance_of_a_child_with_a_plan_is_told() -> None:
    """The broker's topic, the authority's and the provider's hold the events, the own topics one each."""

    async def scenario(house: House) -> None:
        house.send(plan(), attendance())
        async with house.at_work():
            await house.told(Topic.ALERTS, 2)
        told = {event.event_id for event in house.events()}
        own = [house.events(topic) for topic in (AUTHORITY_TOPIC, PROVIDER_TOPIC)]
        assert [1, 1] == [len(events) for events in own]
        assert told == {events[0].event_id for events in own}

    in_house(scenario)


def test_the_authority_alone_reads_its_own_id_for_the_child() -> None:
    """The authority's id for the child is on its own topic and on no other (ruling 28)."""

    async def scenario(house: House) -> None:
        house.send(plan(), attendance())
        async with house.at_work():
            await house.told(Topic.ALERTS, 2)
        topics = (AUTHORITY_TOPIC, PROVIDER_TOPIC, Topic.ALERTS)
        ids = [
            {house.codecs.alerts.decode_event(r.value or b"").alert.child_id for r in house.records(topic)}
            for topic in topics
        ]
        assert [{"C-1"}, {None}, {None}] == ids

    in_house(scenario)


def test_records_are_keyed_and_headed_as_readers_expect() -> None:
    """The broker's topic is keyed by recipient, an own topic by alert; headers say when it was received."""

    async def scenario(house: House) -> None:
        house.send(plan(), attendance())
        async with house.at_work():
            await house.told(Topic.ALERTS, 2)
        (own,) = house.records(AUTHORITY_TOPIC)
        (event,) = house.events(AUTHORITY_TOPIC)
        head = read_headers(own.headers)
        assert {b"la.211", b"provider.RQX"} == {record.key for record in house.records(Topic.ALERTS)}
        assert event.alert.alert_id.encode() == own.key
        assert (event.event_id, ALERT_TYPE) == (head.event_id, head.event_type)
        assert NOON + timedelta(seconds=1) == head.time

    in_house(scenario)


def test_a_plan_that_comes_after_the_attendance_alerts() -> None:
    """The attendance waits in the log and is read again when its person gets a plan."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            house.send(attendance())
            await house.taken()
            assert ([], {}) == (house.events(), house.people())
            house.send(plan())
            await house.told(Topic.ALERTS, 2)

    in_house(scenario)


def test_a_plan_after_a_restart_finds_the_attendance_before_it() -> None:
    """The index of what waits is made anew from the log when a partition is opened."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            house.send(attendance())
            house.send(attendance("other"), number=OTHERS[0])
            await house.taken()
        house.send(plan())
        async with house.at_work():
            await house.told(Topic.ALERTS, 2)

    in_house(scenario)


def test_nothing_is_kept_of_a_person_without_a_plan() -> None:
    """Attendances and views of others leave no trace but the offsets."""

    async def scenario(house: House) -> None:
        house.send(attendance(), access())
        async with house.at_work():
            await house.taken()
        assert ({}, [], []) == (house.people(), house.events(), house.records(Topic.AUDIT))

    in_house(scenario)


def test_a_duplicate_changes_nothing() -> None:
    """The same facts again write neither an event nor a person nor an audit entry."""

    async def scenario(house: House) -> None:
        house.send(plan(), attendance())
        async with house.at_work():
            await house.told(Topic.ALERTS, 2)
            before = (len(house.people()[ADA.key]), len(house.records(Topic.AUDIT)))
            house.send(plan(), attendance())
            await house.taken()
        assert (2, before) == (
            len(house.events()),
            (len(house.people()[ADA.key]), len(house.records(Topic.AUDIT))),
        )

    in_house(scenario)


def test_messages_of_one_batch_make_one_revision() -> None:
    """Arrival and departure that are read together are told together."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            house.send(plan())
            await house.taken()
            later = attendance(event=VisitEvent.DISCHARGED, at=NOON + timedelta(hours=1))
            house.send(attendance(), later)
            await house.told(Topic.ALERTS, 2)
            await house.taken()
        assert {1} == {event.revision for event in house.events()}

    in_house(scenario)


def test_an_update_is_told_with_the_next_revision() -> None:
    """A message that changes the content is a further revision of the same alerts."""

    async def scenario(house: House) -> None:
        house.send(plan(), attendance())
        async with house.at_work():
            await house.told(Topic.ALERTS, 2)
            house.send(attendance(event=VisitEvent.DISCHARGED, at=NOON + timedelta(hours=1)))
            await house.told(Topic.ALERTS, 4)
        events = house.events()
        assert [1, 1, 2, 2] == sorted(event.revision for event in events)
        assert 2 == len({event.alert.alert_id for event in events})
        assert {EventKind.UPDATED} == {event.kind for event in events if event.revision == 2}

    in_house(scenario)


def test_all_plans_are_taken_before_the_first_attendance() -> None:
    """On a first start no attendance is looked at before the plans that were there are in."""

    async def scenario(house: House) -> None:
        house.send(attendance())
        for number in OTHERS:
            house.send(plan(), number=number)
        house.send(plan())
        async with house.at_work():
            await house.told(Topic.ALERTS, 2)
            await house.taken()
        caught_up = house.reported.kinds().index(Notice.CAUGHT_UP)
        before = sum(
            int(fields["records"])
            for notice, fields in house.reported.notices[:caught_up]
            if notice is Notice.COMMITTED
        )
        assert len(OTHERS) + 1 == before

    in_house(scenario)


def test_a_first_load_that_was_cut_short_goes_on() -> None:
    """A matcher stopped among the plans leaves an honest state: the next takes the rest, then attendances."""

    async def scenario(house: House) -> None:
        for number in OTHERS:
            house.send(plan(), number=number)
        house.send(plan(), attendance())
        log = WatchedLog(house.kafka)
        matcher = house.matcher(log=log)
        log.at_commit = matcher.stop
        await matcher.run()
        state = house.state()
        assert state is not None
        assert not state.first_load_done
        async with house.at_work():
            await house.told(Topic.ALERTS, 2)

    in_house(scenario)


def test_a_restart_repeats_nothing() -> None:
    """A second matcher goes on where `#p` says and tells nobody again."""

    async def scenario(house: House) -> None:
        house.send(plan(), attendance())
        async with house.at_work():
            await house.told(Topic.ALERTS, 2)
        async with house.at_work():
            house.send(attendance("visit-2", at=NOON + timedelta(days=2)))
            await house.taken()
        assert [1, 1] == [event.revision for event in house.events() if event.alert.subject == "visit-1"]

    in_house(scenario)


def test_attendances_older_than_the_horizon_are_not_indexed() -> None:
    """What the horizon has passed is not looked for again after a restart."""

    async def scenario(house: House) -> None:
        house.kafka._clock_ms = count(_milliseconds(NOON)).__next__
        async with house.at_work():
            house.send(attendance())
            await house.taken()
            late = NOON + timedelta(days=30)
            house.kafka._clock_ms = count(_milliseconds(late)).__next__
            house.send(attendance("other", at=late - timedelta(minutes=1)), number=OTHERS[0])
            await house.taken()
        house.send(plan())
        async with house.at_work():
            await house.taken()
        assert [] == house.events()

    in_house(scenario)


def test_a_restriction_alone_is_kept() -> None:
    """An identity notice makes a record, so that a plan that comes later is told in the reduced form."""

    async def scenario(house: House) -> None:
        house.send(notice())
        async with house.at_work():
            await house.taken()
            assert [ADA.key] == list(house.people())
            house.send(attendance(), plan())
            await house.told(AUTHORITY_TOPIC, 1)
        (event,) = house.events(AUTHORITY_TOPIC)
        assert event.alert.visit is None or event.alert.visit.provider is None

    in_house(scenario)


def test_a_view_before_the_plan_is_found_too() -> None:
    """A view waits in the log like an attendance: the order of arrival decides nothing."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            house.send(access())
            await house.taken()
            house.send(plan())
            await house.told(AUTHORITY_TOPIC, 1)
        assert [Occasion.VIEWED] == [event.alert.occasion for event in house.events(AUTHORITY_TOPIC)]

    in_house(scenario)


def test_details_that_disagree_open_an_item_and_agreement_closes_it() -> None:
    """An item goes to the worklist, and its tombstone when a later message settles it."""

    async def scenario(house: House) -> None:
        stranger = Details(family="Else", given="Bob", birth_date=NOON.date())
        house.send(plan(), attendance(details=stranger))
        async with house.at_work():
            await house.told(Topic.WORKLIST, 1)
            house.send(attendance(event=VisitEvent.UPDATED, at=NOON + timedelta(minutes=1)))
            await house.told(Topic.WORKLIST, 2)
        opened, closed = house.records(Topic.WORKLIST)
        assert [ItemKind.DETAILS_DISAGREE] == [item.kind for item in house.items()]
        assert (opened.key, None) == (closed.key, closed.value)

    in_house(scenario)


def test_every_decision_is_chained_in_the_audit() -> None:
    """Audit entries are chained, and the newest hash is the one in `#p`."""

    async def scenario(house: House) -> None:
        house.send(plan())
        async with house.at_work():
            for day in range(3):
                house.send(attendance(f"visit-{day}", at=NOON + timedelta(days=day)))
                await house.taken()
        newest = FIRST_HASH
        for record in house.records(Topic.AUDIT):
            assert newest == house.codecs.records.decode_audit(record.value or b"").previous
            newest = chain(newest, record.value or b"")
        state = house.state()
        assert state is not None
        assert (newest, len(house.records(Topic.AUDIT))) == (state.audit_hash, state.audit_sequence)
        assert state.audit_sequence >= 3

    in_house(scenario)


def test_every_alert_event_is_reported_with_what_it_followed() -> None:
    """For each recipient once, when it was committed: what it does, for whom, and the receipt it follows."""

    async def scenario(house: House) -> None:
        house.send(plan())
        house.send(attendance())
        async with house.at_work():
            await house.told(Topic.ALERTS, 2)
            await house.taken()
        received_ms = int(attendance().received_at.timestamp() * 1000)
        assert [
            {"kind": "raised", "audience": audience, "received_ms": received_ms}
            for audience in ("la", "provider")
        ] == sorted(house.reported.fields(Notice.TOLD), key=lambda told: str(told["audience"]))

    in_house(scenario)


def test_a_matcher_tells_how_far_it_has_taken_its_inputs() -> None:
    """Nothing before it was opened; the ends of the inputs when all is taken, and how long loading took."""

    async def scenario(house: House) -> None:
        house.send(plan(), attendance())
        matcher = house.matcher()
        before = matcher.taken
        async with house.at_work(matcher):
            await house.taken()
        assert {} == before
        taken = {topic: matcher.taken[topic] for topic in INPUTS}  # behind the others lie markers too
        assert {topic: house.kafka.end(topic, 0) for topic in INPUTS} == taken
        [working] = house.reported.fields(Notice.WORKING)
        assert 0 == working["partition"]
        assert int(working["duration_ms"]) >= 0

    in_house(scenario)
