"""How much a matcher takes at once, and how often it notes where it stands."""

from itertools import islice

from broker.ports import Topic
from broker.services.matching_turns import Notice, Pace
from tests.builders.house import House, in_house
from tests.builders.matcher import (
    HURRIED,
    attendance,
    numbers,
    plan,
    until,
)

OTHERS = list(islice(numbers(), 1, 400))


def test_a_large_batch_is_taken_in_parts() -> None:
    """More people than a transaction should carry are told in several, and nobody is left out."""

    async def scenario(house: House) -> None:
        people = OTHERS
        for number in people:
            house.send(plan(), number=number)
        async with house.at_work():
            await house.taken()
            before = len(house.reported.fields(Notice.COMMITTED))
            house.send_all((number, attendance()) for number in people)
            await house.told(Topic.ALERTS, 2 * len(people))
            await house.taken()
        assert len(house.reported.fields(Notice.COMMITTED)) - before > 1
        assert len(house.events()) == len({event.event_id for event in house.events()})

    in_house(scenario)


def test_a_full_batch_leaves_the_next_input_for_later() -> None:
    """When plans alone fill a batch the attendances read with them come in a later one."""

    async def scenario(house: House) -> None:
        async with house.at_work():
            house.send_all((number, plan()) for number in OTHERS)
            await house.taken()
            again = [(number, plan()) for number in OTHERS]
            house.send_all([*again, (OTHERS[-1], attendance())])
            await house.told(Topic.ALERTS, 2)

    in_house(scenario)


def test_offsets_are_noted_after_so_many_records() -> None:
    """Without anything to tell `#p` is written when enough records have passed."""

    async def scenario(house: House) -> None:
        pace = Pace(poll_wait_ms=10, offsets_every_s=1_000.0, offsets_every_records=2)
        async with house.at_work(house.matcher(pace=pace)):
            house.send(attendance(), attendance("visit-2"))
            await house.taken()

    in_house(scenario)


def test_what_is_not_noted_yet_is_noted_at_the_end() -> None:
    """A matcher that is stopped leaves its offsets for the next owner."""

    async def scenario(house: House) -> None:
        pace = Pace(poll_wait_ms=10, offsets_every_s=1_000.0)
        log = house.log()
        async with house.at_work(house.matcher(pace=pace, log=log)):
            await until(lambda: Notice.CAUGHT_UP in house.reported.kinds())
            house.send(attendance())
            await until(lambda: log._positions[Topic.ATTENDANCES] == 1)
        state = house.state()
        assert state is not None
        assert 1 == state.offsets[Topic.ATTENDANCES]

    in_house(scenario)


def test_an_idle_partition_writes_its_record_now_and_then() -> None:
    """`#p` is written anew while nothing happens, so that the log's segments roll."""

    async def scenario(house: House) -> None:
        pace = Pace(poll_wait_ms=1, rewrite_every_s=0.0)
        async with house.at_work(house.matcher(pace=pace)):
            await until(lambda: len(house.reported.fields(Notice.COMMITTED)) > 3)

    in_house(scenario)


def test_a_long_computation_gives_the_event_loop_back() -> None:
    """Folding many people lets others work in between."""

    async def scenario(house: House) -> None:
        people = OTHERS[:20]
        for number in people:
            house.send(plan(), attendance(), number=number)
        pace = Pace(poll_wait_ms=HURRIED.poll_wait_ms, turn_s=0.0)
        async with house.at_work(house.matcher(pace=pace)):
            await house.told(Topic.ALERTS, 2 * len(people))

    in_house(scenario)
