"""Intake and matcher killed at each of their steps; commits and answers in a wrong order, found out."""

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from broker.adapters.embedded_kafka import EmbeddedKafka
from broker.adapters.kafka_facts import KafkaFactLog
from broker.adapters.kafka_partition import KafkaPartitionLog
from broker.core.operators import YET_UNWRITTEN, Place
from broker.ports import Topic, Write
from tests.builders.declared_kafka import declared_kafka
from tests.fault import crash_intake, crash_matcher, crash_releases
from tests.fault.crash_points import (
    FOR_EACH_PLACE,
    check_matchers,
    door_points,
    each_place,
    intake_points,
    matcher_points,
    play_points,
)
from tests.fault.dying import Breadth, Death, Life, Mortal, Steps, functions_of

_SLOW = pytest.mark.timeout(900)  # a minute alone; much more on a machine that is shared
_STEPS_OF_TOY = 4


async def _deep(steps_left: int) -> None:
    """Suspend as often."""
    for _ in range(steps_left):
        await asyncio.sleep(0)


def _toy(directory: Path, number: int, death: Death) -> list[Life]:
    """Play a process of four steps, three of them in a second task, that would tell of a goodbye."""

    async def scenario() -> None:
        try:
            await asyncio.create_task(_deep(_STEPS_OF_TOY - 1))
        finally:
            (directory / f"goodbye-{number}").touch()

    def live(steps: Steps) -> None:
        with asyncio.Runner() as runner:
            runner.get_loop().set_task_factory(steps.task_factory)
            steps.begin()
            runner.run(scenario())
            steps.end()

    return [Mortal(live, death, directory, f"toy-{number}").life()]


def test_a_process_dies_at_each_of_its_steps_and_says_no_goodbye(tmp_path: Path) -> None:
    """Each suspension of each task is one point, and no `finally` runs after any."""
    played = play_points(partial(_toy, tmp_path), Death(breadth=Breadth.ALL))

    died = {number for number, [life] in enumerate(played.points, start=2) if life.died}
    assert (_STEPS_OF_TOY, set(range(2, 2 + _STEPS_OF_TOY))) == (played.deaths, died)
    said = {int(path.name.removeprefix("goodbye-")) for path in tmp_path.glob("goodbye-*")}
    assert set(played.numbers) - died == said


@_SLOW
@pytest.mark.kafka
def test_a_matcher_killed_at_each_step_tells_everything_once(tmp_path: Path) -> None:
    """
    Open, load, index, seek, poll, fold, decide, begin, send, commit: its successor makes it whole.

    A place where it waits again and again is one where it dies the first time and the last.
    """
    with declared_kafka(partitions=FOR_EACH_PLACE) as kafka:
        site = crash_matcher.Site(servers=kafka.cluster.bootstrap_servers, directory=tmp_path)
        played, counts = matcher_points(site, Death(), each_place)

    assert 4 * len(played.numbers) == counts["alerts"]
    assert played.functions() >= {
        *("open", "load_people", "end_offsets", "_index", "poll", "read_at", "declared_topics"),
        *("begin_transaction", "commit", "commit_transaction", "_sender_routine", "_bounded"),
    }


def _once_at_work(free: Sequence[Life]) -> Sequence[int]:
    """Return the steps at each place once it begins to write; every matcher takes a partition over alike."""
    [life] = free
    begun = next(step for step, place in enumerate(life.steps, start=1) if "begin_transaction" in place)
    return [step for step in each_place(free) if step >= begun]


@_SLOW
@pytest.mark.kafka
def test_a_matcher_of_newer_rules_killed_at_each_step_tells_what_they_change_once(tmp_path: Path) -> None:
    """Whoever was told hears it once, with the reason; of whom nobody was told nobody hears (ruling 45)."""
    with declared_kafka(partitions=FOR_EACH_PLACE) as kafka:
        site = crash_matcher.Site(servers=kafka.cluster.bootstrap_servers, directory=tmp_path)
        played = play_points(partial(crash_releases.play, site), Death(), choose=_once_at_work)
        said = asyncio.run(crash_releases.check(site, played.numbers))

    assert said >= 2 * crash_releases.ALERTS * len(played.numbers)
    assert played.functions() >= {"begin_transaction", "commit", "commit_transaction"}


@_SLOW
@pytest.mark.kafka
def test_intake_killed_at_each_step_loses_nothing_that_it_answered(
    own_kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    """What was not answered is sent again and answered alike; a file is taken again, and answered again."""
    site = crash_intake.Site(servers=own_kafka.cluster.bootstrap_servers, directory=tmp_path)

    [messages, files], counts = intake_points(site, Death(), each_place)

    assert 2 * (len(messages.numbers) + len(files.numbers)) == counts["alerts"]
    assert messages.functions() >= {"_converse", "_settled", "_sender_routine", "_pass"}
    assert files.functions() >= {"_take", "in_thread", "_settled"}
    assert any(place.startswith("os.rename") for place in files.places())


def _taking(free: Sequence[Life]) -> Sequence[int]:
    """Return the steps at which a provider's records are in hand: from their arrival to the offset moved."""
    [life] = free
    in_hand = ("_settled", "done", "_look_for_losses")
    return [step for step in each_place(free) if functions_of(life.steps[step - 1]) & {*in_hand}]


@_SLOW
@pytest.mark.kafka
def test_intake_killed_at_each_step_of_its_other_doors_loses_nothing_that_it_took(
    own_kafka: EmbeddedKafka, tmp_path: Path
) -> None:
    """What FHIR did not answer is posted again, what lies in a provider's topic taken again; told once."""
    site = crash_intake.Site(servers=own_kafka.cluster.bootstrap_servers, directory=tmp_path)

    [fhir, topic], counts = door_points(site, Death(), topic_steps=_taking)

    assert 2 * (len(fhir.numbers) + len(topic.numbers)) == counts["alerts"]
    assert fhir.functions() >= {"_settled", "_sender_routine"}
    assert topic.functions() >= {"_settled", "done"}


class EffectsLate(KafkaPartitionLog):
    """Commits in a wrong order: state and position first, what is told in a second transaction."""

    async def commit(self, writes: Sequence[Write]) -> None:
        """Commit twice."""
        state = [write for write in writes if write.topic == Topic.PEOPLE]
        effects = [write for write in writes if write.topic != Topic.PEOPLE]
        await super().commit(state)
        if effects:
            await super().commit(effects)


class StateLate(KafkaPartitionLog):
    """Commits in a wrong order: what is told first, state and position in a second transaction."""

    async def commit(self, writes: Sequence[Write]) -> None:
        """Commit twice."""
        state = [write for write in writes if write.topic == Topic.PEOPLE]
        effects = [write for write in writes if write.topic != Topic.PEOPLE]
        if effects:
            await super().commit(effects)
        await super().commit(state)


def within_transactions(free: Sequence[Life]) -> list[int]:
    """Return the first steps of each transaction of the second batch: one may be of a check mark alone."""
    begun = [number for number, place in enumerate(free[-1].steps, start=1) if "begin_transaction" in place]
    return sorted({step + more for step in begun for more in range(4)})


@_SLOW
@pytest.mark.kafka
@pytest.mark.parametrize("log", [EffectsLate, StateLate])
def test_a_commit_in_two_parts_is_found_out(tmp_path: Path, log: type[KafkaPartitionLog]) -> None:
    """A death between the parts leaves something missing or double, and the checker says so."""
    with declared_kafka(partitions=FOR_EACH_PLACE) as kafka:
        site = crash_matcher.Site(servers=kafka.cluster.bootstrap_servers, directory=tmp_path, log=log)
        played = play_points(
            partial(crash_matcher.play, site), Death(), choose=within_transactions, functions=False
        )

        assert 0 < played.deaths
        with pytest.raises(AssertionError):
            check_matchers(site, played)


class AnswersFirst(KafkaFactLog):
    """Says that records are durable while they are still on their way."""

    def __init__(self, *arguments: object, **options: object) -> None:
        """Have nothing on its way."""
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self._on_their_way: set[asyncio.Future[Sequence[Place]]] = set()

    async def append(self, writes: Sequence[Write]) -> Sequence[Place]:
        """Begin to append, to places that nobody knows yet."""
        self._on_their_way.add(asyncio.ensure_future(super().append(writes)))
        return [Place(topic=one.topic, partition=YET_UNWRITTEN, offset=YET_UNWRITTEN) for one in writes]


def behind_an_answer(free: Sequence[Life]) -> range:
    """Return steps from the receipt of the first message to behind the answer to the second."""
    received = next(step for step, place in enumerate(free[0].steps, start=1) if "_converse" in place)
    return range(received + 1, received + 11)


@_SLOW
@pytest.mark.kafka
def test_an_answer_before_the_append_is_found_out(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """A death behind such an answer loses what was accepted, and that is seen."""
    site = crash_intake.Site(
        servers=own_kafka.cluster.bootstrap_servers, directory=tmp_path, log=AnswersFirst
    )
    played = play_points(
        partial(crash_intake.play_messages, site), Death(), choose=behind_an_answer, functions=False
    )

    assert 0 < played.deaths
    expected = crash_intake.crash_free(site, messages=played.numbers)
    with pytest.raises(AssertionError):
        asyncio.run(crash_intake.check_durable(site, expected))
