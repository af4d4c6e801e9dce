"""What goes wrong around a matcher, and what it must not cost."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from broker.core.errors import Fenced, KafkaUnavailable, NewerState, StateUnreadable, WrongIdentityKey
from broker.core.keyed import IdentityKey
from broker.core.policy import RULES_VERSION
from broker.core.worklist import ItemKind
from broker.ports import PARTITION_STATE_KEY, Topic, Write
from broker.runtime.log_catalogue import reported
from broker.runtime.matcher_events import KafkaAway
from broker.services.matching import Phase, Surroundings
from broker.services.matching_turns import Notice, Pace
from broker.wire.avro import frame
from tests.builders.faulty_logs import DoubtfulCommitLog, FailingLog, ForgetfulLog, WatchedLog
from tests.builders.house import ADA, AUTHORITY_TOPIC, PROVIDER_TOPIC, House, in_house
from tests.builders.matcher import (
    HURRIED,
    NOON,
    attendance,
    plan,
    until,
)


def test_a_recipient_without_a_topic_stops_nobody() -> None:
    """Its event is on the broker's topic, with an urgent item; the others have theirs."""

    async def scenario(_: House) -> None:
        house = House(PROVIDER_TOPIC)
        house.send(plan(), attendance())
        async with house.at_work():
            await house.told(Topic.WORKLIST, 1)
        assert (2, 1) == (len(house.events()), len(house.events(PROVIDER_TOPIC)))
        assert [(ItemKind.RECIPIENT_WITHOUT_TOPIC, True, AUTHORITY_TOPIC)] == [
            (i.kind, i.urgent, i.topic) for i in house.items()
        ]
        assert [AUTHORITY_TOPIC] == [f["topic"] for f in house.reported.fields(Notice.WITHOUT_TOPIC)]

    in_house(scenario)


def test_a_topic_declared_later_is_found() -> None:
    """The next event of a recipient goes to their topic once it exists."""

    async def scenario(_: House) -> None:
        house = House(PROVIDER_TOPIC)
        house.send(plan(), attendance())
        async with house.at_work():
            await house.told(Topic.WORKLIST, 1)
            house.kafka.declare(AUTHORITY_TOPIC)
            house.send(attendance("visit-2", at=NOON + timedelta(days=1)))
            await house.told(AUTHORITY_TOPIC, 1)

    in_house(scenario)


def test_topics_are_not_looked_for_at_every_event() -> None:
    """Between two looks a missing topic stays missing."""

    async def scenario(_: House) -> None:
        house = House(PROVIDER_TOPIC)
        pace = Pace(poll_wait_ms=10, topics_every_s=1_000.0)
        house.send(plan(), attendance())
        async with house.at_work(house.matcher(pace=pace)):
            await house.told(Topic.WORKLIST, 1)
            house.kafka.declare(AUTHORITY_TOPIC)
            house.send(attendance("visit-2", at=NOON + timedelta(days=1)))
            await house.told(Topic.WORKLIST, 2)
        assert [] == house.events(AUTHORITY_TOPIC)

    in_house(scenario)


@pytest.mark.parametrize("written", [False, True], ids=["lost", "written"])
@pytest.mark.parametrize("doubtful", range(1, 6))
def test_a_doubtful_commit_makes_nothing_double_and_loses_nothing(doubtful: int, written: bool) -> None:  # noqa: FBT001
    """Whichever commit it is, and whether it took place or not: every event is there once."""

    async def scenario(house: House) -> None:
        log = DoubtfulCommitLog(house.kafka, doubtful=frozenset({doubtful}), written=written)
        house.send(plan())
        async with house.at_work(house.matcher(log=log)):
            for day in range(3):
                house.send(attendance(f"visit-{day}", at=NOON + timedelta(days=8 * day)))
                await house.taken()
        events = house.events()
        assert log.commits >= doubtful
        assert 6 == len(events) == len({event.event_id for event in events})

    in_house(scenario)


def test_an_owner_that_was_replaced_ends() -> None:
    """The fenced matcher raises and writes nothing more."""

    async def scenario(house: House) -> None:
        former = asyncio.ensure_future(house.matcher().run())
        await until(lambda: Notice.CAUGHT_UP in house.reported.kinds())
        await house.log().open()
        house.send(plan(), attendance())
        with pytest.raises(Fenced):
            await former
        assert [] == house.events()

    in_house(scenario)


def test_work_goes_on_when_kafka_is_back() -> None:
    """The absence is reported once, the return once, and nothing is lost."""

    async def scenario(house: House) -> None:
        house.send(plan())
        async with house.at_work():
            await house.taken()
            house.send(attendance())
            house.kafka.available = False
            await until(lambda: Notice.KAFKA_AWAY in house.reported.kinds())
            house.kafka.available = True
            await house.told(Topic.ALERTS, 2)
            await until(lambda: Notice.KAFKA_BACK in house.reported.kinds())
        [fields] = house.reported.fields(Notice.KAFKA_AWAY)
        assert isinstance(reported(Notice.KAFKA_AWAY, fields), KafkaAway)

    in_house(scenario)


def test_a_partition_tells_how_far_it_is() -> None:
    """Loading until every plan that was there is taken, working, away while Kafka is, working again."""

    async def scenario(house: House) -> None:
        matcher = house.matcher()
        phases: dict[Notice, Phase] = {}

        def report(notice: Notice, _fields: object) -> None:
            phases[notice] = matcher.phase

        matcher._report = report
        house.send(plan())
        async with house.at_work(matcher):
            await until(lambda: matcher.phase is Phase.WORKING)
            house.send(attendance())
            house.kafka.available = False
            await until(lambda: matcher.phase is Phase.AWAY)
            house.kafka.available = True
            await until(lambda: Notice.KAFKA_BACK in phases)
        assert (Phase.LOADING, Phase.LOADING, Phase.AWAY, Phase.WORKING) == (
            phases[Notice.OPENED],
            phases[Notice.CAUGHT_UP],
            phases[Notice.KAFKA_AWAY],
            phases[Notice.KAFKA_BACK],
        )

    in_house(scenario)


def test_a_transaction_that_is_given_up_is_reported() -> None:
    """Once, by partition; what it held is told once, when it was committed."""

    async def scenario(house: House) -> None:
        house.send(plan(), attendance())
        log = DoubtfulCommitLog(house.kafka, doubtful=frozenset({1}), written=False)
        async with house.at_work(house.matcher(log=log)):
            await house.told(Topic.ALERTS, 2)
            await house.taken()
        assert [0] == [fields["partition"] for fields in house.reported.fields(Notice.ABORTED)]
        assert 2 == len(house.reported.fields(Notice.TOLD))

    in_house(scenario)


def test_a_matcher_stops_while_kafka_is_away() -> None:
    """Waiting for Kafka does not keep a process from ending."""

    async def scenario(house: House) -> None:
        house.kafka.available = False
        pace = Pace(backoff_s_min=1_000.0, backoff_s_max=1_000.0)
        async with house.at_work(house.matcher(pace=pace)):
            await until(lambda: Notice.KAFKA_AWAY in house.reported.kinds())

    in_house(scenario)


def test_a_partition_is_not_opened_again_before_the_group_agrees() -> None:
    """After a doubtful outcome somebody else may own the partition: opening it would fence them."""

    async def scenario(house: House) -> None:
        ours = asyncio.Event()
        asked = asyncio.Event()

        async def still_ours() -> bool:
            asked.set()
            return ours.is_set()

        log = DoubtfulCommitLog(house.kafka, doubtful=frozenset({1}), written=False)
        house.send(plan(), attendance())
        around = Surroundings(still_ours=still_ours, pace=HURRIED)
        async with house.at_work(house.matcher(log=log, surroundings=around)):
            await asked.wait()
            assert 1 == len(house.reported.fields(Notice.OPENED))
            ours.set()
            await house.told(Topic.ALERTS, 2)

    in_house(scenario)


def test_any_other_failure_is_the_callers() -> None:
    """What is neither Kafka's nor a record's is raised, with the log closed."""

    async def scenario(house: House) -> None:
        log = FailingLog(house.kafka, RuntimeError("a defect"))
        with pytest.raises(RuntimeError, match="a defect"):
            await house.matcher(log=log).run()
        assert 1 == log.closed

    in_house(scenario)


def test_the_state_of_a_newer_release_is_refused() -> None:
    """A matcher does not go on from what a newer one wrote."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            await house.told(Topic.PEOPLE, 1)
        state = house.state()
        assert state is not None
        newer = house.codecs.states.encode_partition(replace(state, rules_version=RULES_VERSION + 1))
        house.kafka.append([Write(Topic.PEOPLE, PARTITION_STATE_KEY, newer)])
        with pytest.raises(NewerState):
            await house.matcher().run()

    in_house(scenario)


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        (PARTITION_STATE_KEY, frame(999_999, b"whatever"), NewerState),
        (ADA.key, frame(999_999, b"whatever"), NewerState),
        (PARTITION_STATE_KEY, b"nonsense", StateUnreadable),
    ],
    ids=["newer schema of the state", "newer schema of a person", "damaged state"],
)
def test_records_that_this_release_cannot_read_are_refused(
    key: bytes, value: bytes, error: type[Exception]
) -> None:
    """Going on without them would forget what people were told."""

    async def scenario(house: House) -> None:
        house.kafka.append([Write(Topic.PEOPLE, key, value)])
        with pytest.raises(error):
            await house.matcher().run()

    in_house(scenario)


def test_another_identity_key_is_refused() -> None:
    """Under another key every id would be another: the matcher does not start."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            await house.told(Topic.PEOPLE, 1)
        with pytest.raises(WrongIdentityKey):
            await house.matcher(key=IdentityKey(bytes(32))).run()

    in_house(scenario)


def test_what_the_log_has_forgotten_is_not_missed() -> None:
    """A plan whose waiting attendance has left the log is kept all the same."""

    async def scenario(house: House) -> None:
        async with house.at_work(house.matcher(log=ForgetfulLog(house.kafka))):
            house.send(attendance())
            await house.taken()
            house.send(plan())
            await house.taken()
        assert ([], [ADA.key]) == (house.events(), list(house.people()))

    in_house(scenario)


def test_a_commit_without_its_topics_is_an_absent_kafka() -> None:
    """A deployment without the broker's own topics is not worked around: nothing is dropped."""

    async def scenario(house: House) -> None:
        log = WatchedLog(house.kafka)
        await log.open()
        with pytest.raises(KafkaUnavailable):
            await log.commit([Write("cpis.nowhere", b"k", b"v")])

    in_house(scenario)
